/* The graph becomes instructions: forward, and backward, where the gradients of a value that several nodes take are
 * added up. What observers ask for is read as soon as it is there. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "graph/differentiate.h"
#include "operation/accumulate.h"
#include "operation/add.h"
#include "operation/copy.h"

/* ---- buffers ---- */

int nl_add_buffer(struct nl_program *program, size_t bytes, bool per_sample)
{
    NL_GROW(program->buffer, program->buffers, program->buffers_capacity);
    program->buffer[program->buffers] = (struct nl_buffer){.bytes = bytes,
                                                           .per_sample = per_sample,
                                                           .value = NL_NONE,
                                                           .first = NL_NONE,
                                                           .loop = NL_NONE,
                                                           .copies = 1,
                                                           .leader = program->buffers};
    return program->buffers++;
}

int nl_buffer_for(struct nl_program *program, int value)
{
    const struct nl_value *v = &program->graph.value[value];
    int buffer = nl_add_buffer(program, v->count * nl_type_bytes(v->type, program->backend), v->kind == NL_ACTIVATIONS);
    program->buffer[buffer].loop = v->loop;
    return buffer;
}

/* One whose place the program does not choose. */
static int known_buffer(struct nl_program *program, int value, bool gradient)
{
    int buffer = nl_buffer_for(program, value);
    program->buffer[buffer].value = value;
    program->buffer[buffer].gradient = gradient;
    return buffer;
}

static void touch(struct nl_program *program, int buffer)
{
    if (buffer == NL_NONE)
        return;
    struct nl_buffer *b = &program->buffer[buffer];
    if (b->first == NL_NONE) {
        b->first = program->instructions;
        b->first_chain = program->chains - 1;
    }
    b->last = program->instructions;
    b->last_chain = program->chains - 1;
}

static void add_share(struct nl_program *program, struct nl_share share)
{
    if (share.from == NL_NONE || share.to == NL_NONE)
        return;
    NL_GROW(program->share, program->shares, program->shares_capacity);
    program->share[program->shares++] = share;
}

/* ---- chains and instructions ---- */

void nl_open_chain(struct emission *e, const struct nl_calls *calls)
{
    struct nl_program *program = e->program;
    struct nl_chain *chain;
    NL_GROW(program->chain, program->chains, program->chains_capacity);
    chain = &program->chain[program->chains++];
    *chain = (struct nl_chain){.first = program->instructions, .end = program->instructions, .together = 1};
    e->group = 0;
    if (calls) {
        chain->micro = calls->micro;
        chain->tile = calls->tiled ? calls->group : 0;
        chain->joined = calls->joined;
        e->group = calls->group;
    }
}

/* The chain of the node's group, which may be open already. */
static void join_chain(struct emission *e, int node)
{
    if (e->group != e->calls[node].group)
        nl_open_chain(e, &e->calls[node]);
}

struct nl_instruction nl_blank(const struct nl_operation *operation, const void *arguments, nl_kernel_function *call)
{
    struct nl_instruction instruction = {
        .call = call, .operation = operation, .sums = NL_NONE, .packed = NL_NONE, .observer = NL_NONE};
    for (int i = 0; i < NL_MOST_SLOTS; i++)
        instruction.in[i] = instruction.d_in[i] = NL_NONE;
    for (int i = 0; i < NL_MOST_OUTPUTS; i++)
        instruction.out[i] = instruction.d_out[i] = NL_NONE;
    for (int i = 0; i < NL_MOST_SAVED; i++)
        instruction.saved[i] = NL_NONE;
    instruction.arguments = nl_alloc(1, operation->arguments);
    memcpy(instruction.arguments, arguments, operation->arguments);
    return instruction;
}

struct nl_instruction nl_nodeless(const struct nl_program *program, const struct nl_operation *operation,
                                  const void *arguments)
{
    return nl_blank(operation, arguments, nl_kernel_of(program->backend, operation, arguments)->forward);
}

/* written: which of what it writes it really does: outputs forward, gradients of inputs backward. */
void nl_append(struct nl_program *program, struct nl_instruction instruction, enum direction direction,
               unsigned written)
{
    NL_GROW(program->instruction, program->instructions, program->instructions_capacity);
    for (int i = 0; i < NL_MOST_SLOTS; i++) {
        touch(program, instruction.in[i]);
        if (written & 1u << i)
            touch(program, instruction.d_in[i]);
    }
    for (int i = 0; i < NL_MOST_OUTPUTS; i++) {
        touch(program, instruction.d_out[i]);
        if (direction == BACKWARD || written & 1u << i)
            touch(program, instruction.out[i]);
    }
    for (int i = 0; i < NL_MOST_SAVED; i++)
        touch(program, instruction.saved[i]);
    if (direction == BACKWARD)
        touch(program, instruction.sums);
    touch(program, instruction.packed);
    program->instruction[program->instructions++] = instruction;
    program->chain[program->chains - 1].end = program->instructions;
}

/* A sample is so many to the node's kernel: one for each time, where it is called for all together. */
static int samples_as_one(const struct emission *e, int number)
{
    const struct nl_graph *graph = &e->program->graph;
    return e->calls[number].together ? graph->loop[graph->node[number].loop].times : 1;
}

/* An instruction of a node, without operands but for what the node's calls leave one another. */
static struct nl_instruction of_node(const struct emission *e, int number, nl_kernel_function *call)
{
    const struct nl_graph_node *node = &e->program->graph.node[number];
    struct nl_instruction instruction = nl_blank(node->operation, node->arguments, call);
    instruction.node = node;
    memcpy(instruction.saved, e->saved[number], sizeof instruction.saved);
    instruction.sums = e->sums[number];
    instruction.packed = e->packed[number];
    if (e->calls[number].micro > 0 && !e->calls[number].reduces)
        instruction.saved_rows = samples_as_one(e, number);
    return instruction;
}

/* With arguments of its own. */
static struct nl_instruction twin(const struct nl_instruction *of, nl_kernel_function *call)
{
    struct nl_instruction twin = *of;
    twin.call = call;
    twin.arguments = nl_blank(of->operation, of->arguments, call).arguments;
    return twin;
}

/* The call of a barrier before the one that ends with it: its first part, after which a new chain begins. */
static void append_first_part(struct emission *e, int number, const struct nl_instruction *whole,
                              nl_kernel_function *call, enum direction direction, unsigned written)
{
    nl_append(e->program, twin(whole, call), direction, written);
    nl_open_chain(e, &e->calls[number]);
}

/* ---- observers ---- */

static const struct nl_observer *observer_at(const struct emission *e, int number)
{
    const struct nl_observers *observers = e->setup->observers;
    return observers && number < observers->count ? &observers->at[number] : NULL;
}

/* Whether somebody wants to see that of the value; *number: who. */
static bool is_observed(const struct emission *e, int value, enum nl_aspect aspect, int *number)
{
    const struct nl_observer *o;
    for (*number = 0; (o = observer_at(e, *number)); ++*number)
        if (o->value == value && o->aspect == aspect)
            return true;
    return false;
}

/* before: NL_NONE, or what is subtracted. */
static void append_observe(struct emission *e, int number, int buffer, int before)
{
    const struct nl_observer *observer = observer_at(e, number);
    const struct nl_value *v = &e->program->graph.value[observer->value];
    struct nl_observe observe = {.count = v->count, .per_sample = v->kind == NL_ACTIVATIONS};
    if (observer->element != NL_NONE) {
        observe.first = (size_t)observer->element;
        observe.count = 1;
    }
    struct nl_instruction instruction = nl_nodeless(e->program, &nl_observe_operation, &observe);
    instruction.in[0] = buffer;
    instruction.in[1] = before;
    instruction.observer = number;
    nl_append(e->program, instruction, FORWARD, NL_EVERYTHING);
}

void nl_observe_outputs(struct emission *e, const struct nl_graph_node *node, enum nl_aspect aspect)
{
    int number;
    for (int i = 0; i < node->outputs; i++)
        if (is_observed(e, node->out[i], aspect, &number))
            append_observe(e, number, (aspect == NL_GRADIENT ? e->gradient : e->buffer)[node->out[i]], NL_NONE);
}

/* Whether the gradient of this parameter need not be there when backward is done. */
static bool is_stepped(const struct emission *e, int value)
{
    const struct nl_value *v = &e->program->graph.value[value];
    return e->setup->steps && v->kind == NL_PARAMETER && e->program->graph.tensor[v->tensor].spec.role == NL_WEIGHT;
}

/* Makes the gradient of a parameter that backward steps once more, before the instruction that steps it. */
static void observe_before_step(struct emission *e, const struct nl_graph_node *node,
                                const struct nl_instruction *whole)
{
    int number;
    for (int slot = 0; slot < NL_MOST_SLOTS; slot++) {
        int value = node->in[slot];
        if (whole->d_in[slot] == NL_NONE || !is_stepped(e, value) || !is_observed(e, value, NL_GRADIENT, &number))
            continue;
        struct nl_instruction gradient = twin(whole, whole->call);
        gradient.only_gradient = true;
        for (int i = 0; i < NL_MOST_SLOTS; i++)
            gradient.d_in[i] = i == slot ? whole->d_in[i] : NL_NONE;
        nl_append(e->program, gradient, BACKWARD, NL_EVERYTHING);
        append_observe(e, number, whole->d_in[slot], NL_NONE);
    }
}

static bool is_parameter(const struct emission *e, const struct nl_observer *o)
{
    return o->value != NL_NONE && e->program->graph.value[o->value].kind == NL_PARAMETER;
}

/* What the step is about to change. before: of each observer, where its copy goes. */
static void observe_parameters(struct emission *e, int *before)
{
    struct nl_program *program = e->program;
    const struct nl_observer *o;
    nl_open_chain(e, NULL);
    for (int i = 0; (o = observer_at(e, i)); i++) {
        if (o->aspect == NL_VALUE && is_parameter(e, o))
            append_observe(e, i, e->buffer[o->value], NL_NONE);
        if (o->aspect != NL_UPDATE)
            continue;
        size_t count = program->graph.value[o->value].count;
        struct nl_copy arguments = {.count = count};
        struct nl_instruction copy = nl_nodeless(program, &nl_copy_operation, &arguments);
        copy.in[0] = e->buffer[o->value];
        copy.out[0] = before[i] = nl_add_buffer(program, count * program->backend->real, false);
        nl_append(program, copy, FORWARD, NL_EVERYTHING);
    }
}

static void observe_gradients_of_parameters(struct emission *e)
{
    const struct nl_observer *o;
    nl_open_chain(e, NULL);
    for (int i = 0; (o = observer_at(e, i)); i++)
        if (o->aspect == NL_GRADIENT && is_parameter(e, o) && !is_stepped(e, o->value))
            append_observe(e, i, e->gradient[o->value], NL_NONE);
}

static void observe_updates(struct emission *e, const int *before)
{
    const struct nl_observer *o;
    nl_open_chain(e, NULL);
    for (int i = 0; (o = observer_at(e, i)); i++)
        if (o->aspect == NL_UPDATE)
            append_observe(e, i, e->buffer[o->value], before[i]);
}

/* ---- forward ---- */

static void add_workspace(struct emission *e, int number)
{
    struct nl_program *program = e->program;
    const struct nl_graph_node *node = &program->graph.node[number];
    for (int i = 0; i < NL_MOST_SAVED; i++)
        e->saved[number][i] = NL_NONE;
    for (int i = 0; i < node->operation->saved; i++) {
        size_t bytes = node->operation->saved_bytes(node->arguments, i, program->capacity * samples_as_one(e, number),
                                                    program->backend->statistic);
        if (bytes == 0)
            continue;
        e->saved[number][i] = nl_add_buffer(program, bytes, false);
        program->buffer[e->saved[number][i]].loop = e->calls[number].together ? NL_NONE : node->loop;
    }
    e->sums[number] = e->calls[number].sums > 0 ? nl_add_buffer(program, e->calls[number].sums, false) : NL_NONE;
}

static struct nl_sharing sharing_of(const struct nl_graph_node *node)
{
    return node->operation->sharing ? node->operation->sharing(node->arguments, nl_filled_slots(node))
                                    : (struct nl_sharing){0};
}

/* Where the gradient of a value is written first. */
int nl_first_gradient(const struct emission *e, int value)
{
    if (e->home[value] != NL_NONE)
        return e->home[value];
    return e->program->graph.value[value].kind == NL_PARAMETER ? known_buffer(e->program, value, true)
                                                               : nl_buffer_for(e->program, value);
}

/* Where a kernel writes the gradient of a slot: the value's own place, or one from which it is added to what is
 * there. */
static int gradient_of_slot(struct emission *e, const struct nl_graph_node *node, int slot)
{
    int value = node->in[slot];
    if (value == NL_NONE || e->program->graph.value[value].type != NL_TENSOR_REAL ||
        (node->operation->constants & 1u << slot))
        return NL_NONE;
    if (!e->wanted[value]) /* nobody asks but the kernel, if it cannot leave it out */
        return node->operation->skips & 1u << slot ? NL_NONE : nl_buffer_for(e->program, value);
    bool first = e->gradient[value] == NL_NONE;
    for (int before = 0; before < slot; before++)
        first &= node->in[before] != value;
    return first ? nl_first_gradient(e, value) : nl_buffer_for(e->program, value);
}

/* Whether the kernel adds the gradient of a slot to that of another node, which is there. */
static bool adds_to_gradient(const struct emission *e, const struct nl_graph_node *node, int slot)
{
    int value = node->in[slot];
    bool able = e->program->backend->adds_gradients && node->operation->adds & 1u << slot && value != NL_NONE &&
                node->loop == NL_NONE;
    return able && e->program->graph.value[value].kind == NL_ACTIVATIONS && e->home[value] == NL_NONE &&
           e->gradient[value] != NL_NONE;
}

/* Adds the gradients of what the loss takes: backward begins with them. */
static void begin_gradients(struct emission *e, const struct nl_graph_node *loss, struct nl_instruction *instruction)
{
    for (int i = 0; i < NL_MOST_SLOTS; i++) {
        instruction->d_in[i] = gradient_of_slot(e, loss, i);
        if (loss->in[i] != NL_NONE && e->wanted[loss->in[i]])
            e->gradient[loss->in[i]] = instruction->d_in[i];
    }
}

void nl_emit_forward(struct emission *e, int number)
{
    struct nl_program *program = e->program;
    const struct nl_graph_node *node = &program->graph.node[number];
    const struct nl_kernel *kernel = node->kernel;
    add_workspace(e, number);
    join_chain(e, number);
    struct nl_instruction instruction = of_node(e, number, e->calls[number].reduces ? kernel->apply : kernel->forward);
    for (int i = 0; i < NL_MOST_SLOTS; i++)
        instruction.in[i] = node->in[i] == NL_NONE ? NL_NONE : e->buffer[node->in[i]];
    for (int i = 0; i < node->outputs; i++) {
        if (e->buffer[node->out[i]] == NL_NONE) /* that of a state is there */
            e->buffer[node->out[i]] = nl_buffer_for(program, node->out[i]);
        instruction.out[i] = e->buffer[node->out[i]];
    }
    if (program->trains && node->operation->is_loss)
        begin_gradients(e, node, &instruction);
    int first = program->instructions;
    if (e->calls[number].reduces)
        append_first_part(e, number, &instruction, kernel->reduce, FORWARD, 0);
    nl_append(program, instruction, FORWARD, NL_EVERYTHING);
    unsigned shared = sharing_of(node).output;
    for (int i = 0; i < NL_MOST_SLOTS; i++)
        if (shared & 1u << i)
            add_share(program, (struct nl_share){instruction.in[i], instruction.out[0], first,
                                                 program->instructions - 1, false});
    if (node->loop == NL_NONE)
        nl_observe_outputs(e, node, NL_VALUE);
}

/* ---- backward ---- */

/* a += b, gradients of the value. */
void nl_add_up(struct emission *e, int value, int a, int b)
{
    struct nl_program *program = e->program;
    const struct nl_value *v = &program->graph.value[value];
    const struct nl_extent *x = &v->extent;
    struct nl_add sum = {.height = x->height, .width = x->width, .channels = x->channels,
                         .from_height = x->height, .from_width = x->width, .from_channels = x->channels, .stride = 1};
    struct nl_accumulate sum_of_weights = {.count = v->count};
    bool activations = v->kind == NL_ACTIVATIONS;
    const struct nl_operation *operation = activations ? &nl_add_operation : &nl_accumulate_operation;
    const void *arguments = activations ? (const void *)&sum : &sum_of_weights;
    struct nl_instruction instruction = nl_nodeless(program, operation, arguments);
    instruction.in[0] = instruction.out[0] = a;
    program->buffer[a].summed = true;
    instruction.in[1] = b;
    nl_append(program, instruction, BACKWARD, NL_EVERYTHING);
}

/* Makes again what backward reads and was not kept. */
static void recompute(struct emission *e, int number, unsigned inputs)
{
    struct nl_program *program = e->program;
    const struct nl_graph_node *node = &program->graph.node[number];
    for (int i = 0; i < NL_MOST_SLOTS; i++) {
        int producer =
            node->in[i] == NL_NONE || !(inputs & 1u << i) ? NL_NONE : program->graph.value[node->in[i]].producer;
        if (producer == NL_NONE || !e->calls[producer].recomputed)
            continue;
        const struct nl_graph_node *maker = &program->graph.node[producer];
        struct nl_instruction again = of_node(e, producer, maker->kernel->apply);
        for (int slot = 0; slot < NL_MOST_SLOTS; slot++)
            again.in[slot] = maker->in[slot] == NL_NONE ? NL_NONE : e->buffer[maker->in[slot]];
        again.out[0] = e->buffer[maker->out[0]] = nl_buffer_for(program, maker->out[0]);
        again.sums = NL_NONE;
        nl_append(program, again, BACKWARD, NL_EVERYTHING);
    }
}

static void collect_gradients(struct emission *e, const struct nl_graph_node *node,
                              const struct nl_instruction *instruction)
{
    for (int i = 0; i < NL_MOST_SLOTS; i++) {
        int value = node->in[i];
        if (instruction->d_in[i] == NL_NONE || !e->wanted[value] || instruction->adds & 1u << i)
            continue;
        int before = e->gradient[value], now = instruction->d_in[i];
        bool stays =
            before != NL_NONE && (e->program->graph.value[value].kind != NL_ACTIVATIONS || e->home[value] != NL_NONE);
        e->gradient[value] = stays ? before : now;
        if (before != NL_NONE)
            nl_add_up(e, value, e->gradient[value], stays ? now : before);
    }
}

static void share_gradients(struct nl_program *program, const struct nl_graph_node *node,
                            const struct nl_instruction *instruction, int first)
{
    struct nl_sharing sharing = sharing_of(node);
    int until = program->instructions - 1;
    for (int i = 0; i < NL_MOST_SLOTS; i++) {
        if (sharing.gradient & 1u << i)
            add_share(program, (struct nl_share){instruction->d_out[0], instruction->d_in[i], first, until, false});
        if (sharing.read & 1u << i)
            add_share(program, (struct nl_share){instruction->out[0], instruction->d_in[i], first, until, false});
        if (sharing.same & 1u << i)
            add_share(program, (struct nl_share){instruction->d_in[0], instruction->d_in[i], first, until, true});
    }
}

bool nl_is_reached(const struct emission *e, const struct nl_graph_node *node)
{
    bool any = false;
    for (int i = 0; i < node->outputs; i++)
        any |= e->wanted[node->out[i]] && e->gradient[node->out[i]] != NL_NONE;
    return any;
}

/* The gradients of those slots. */
void nl_append_backward(struct emission *e, int number, unsigned slots)
{
    struct nl_program *program = e->program;
    const struct nl_graph_node *node = &program->graph.node[number];
    const struct nl_kernel *kernel = node->kernel;
    struct nl_reads reads =
        node->operation->reads ? node->operation->reads(node->arguments, nl_filled_slots(node)) : (struct nl_reads){0};
    recompute(e, number, reads.inputs);
    struct nl_instruction instruction =
        of_node(e, number, e->calls[number].reduces ? kernel->backward_apply : kernel->backward);
    bool any = false;
    for (int i = 0; i < NL_MOST_SLOTS; i++) {
        bool read = node->in[i] != NL_NONE && (reads.inputs & 1u << i);
        instruction.in[i] = read ? e->buffer[node->in[i]] : NL_NONE;
        if (slots & 1u << i && adds_to_gradient(e, node, i)) {
            instruction.adds |= 1u << i;
            instruction.d_in[i] = e->gradient[node->in[i]];
            program->buffer[instruction.d_in[i]].summed = true;
        } else {
            instruction.d_in[i] = slots & 1u << i ? gradient_of_slot(e, node, i) : NL_NONE;
        }
        any |= instruction.d_in[i] != NL_NONE;
    }
    if (!any) {
        free(instruction.arguments);
        return;
    }
    for (int i = 0; i < node->outputs; i++) {
        instruction.out[i] = reads.outputs & 1u << i ? e->buffer[node->out[i]] : NL_NONE;
        instruction.d_out[i] = e->gradient[node->out[i]];
    }
    observe_before_step(e, node, &instruction);
    int first = program->instructions;
    if (e->calls[number].reduces)
        append_first_part(e, number, &instruction, kernel->backward_reduce, BACKWARD, node->operation->reduced);
    nl_append(program, instruction, BACKWARD, NL_EVERYTHING);
    share_gradients(program, node, &instruction, first);
    collect_gradients(e, node, &instruction);
}

static void emit_backward(struct emission *e, int number)
{
    const struct nl_graph_node *node = &e->program->graph.node[number];
    if (!nl_is_reached(e, node))
        return;
    join_chain(e, number);
    if (node->loop == NL_NONE)
        nl_observe_outputs(e, node, NL_GRADIENT);
    nl_append_backward(e, number, ~nl_waiting_slots(e, number));
}

/* ---- all of it ---- */

static bool computes_weights(const struct nl_graph *graph, int node)
{
    return graph->node[node].operation->span == NL_SPAN_PARAMETERS;
}

/* Weights that are computed come first, once a step; their gradients are there last. */
static void emit_nodes_forward(struct emission *e)
{
    for (int samples = 0; samples < 2; samples++)
        for (int i = 0; i < e->program->graph.nodes; i++)
            if (computes_weights(&e->program->graph, i) != samples) {
                nl_go_to_loop(e, e->program->graph.node[i].loop, FORWARD);
                if (!e->calls[i].together)
                    nl_emit_forward(e, i);
            }
    nl_go_to_loop(e, NL_NONE, FORWARD);
}

static void emit_nodes_backward(struct emission *e)
{
    struct nl_program *program = e->program;
    e->group = NL_NONE;
    for (int samples = 1; samples >= 0; samples--)
        for (int i = program->graph.nodes - 1; i >= 0; i--)
            if (computes_weights(&program->graph, i) != samples) {
                nl_go_to_loop(e, program->graph.node[i].loop, BACKWARD);
                if (!e->calls[i].together)
                    emit_backward(e, i);
            }
    nl_go_to_loop(e, NL_NONE, BACKWARD);
}

static void emit_all(struct emission *e)
{
    struct nl_program *program = e->program;
    const struct nl_observers *observers = e->setup->observers;
    int *before = observers ? nl_alloc((size_t)observers->count, sizeof *before) : NULL;
    if (observers)
        observe_parameters(e, before);
    emit_nodes_forward(e);
    program->forward_chains = program->chains;
    if (program->trains)
        emit_nodes_backward(e);
    if (observers)
        observe_gradients_of_parameters(e);
    program->step_chains = program->chains;
    if (observers)
        observe_updates(e, before);
    free(before);
}

void nl_differentiate(struct nl_program *program, const struct nl_calls *calls, const struct nl_program_setup *setup)
{
    const struct nl_graph *graph = &program->graph;
    size_t values = (size_t)graph->values, nodes = (size_t)graph->nodes;
    struct emission e = {.program = program, .calls = calls, .setup = setup, .group = NL_NONE, .loop = NL_NONE};
    e.buffer = nl_alloc(values, sizeof *e.buffer);
    e.gradient = nl_alloc(values, sizeof *e.gradient);
    e.home = nl_alloc(values, sizeof *e.home);
    e.wanted = nl_alloc(values, sizeof *e.wanted);
    e.saved = nl_alloc(nodes, sizeof *e.saved);
    e.sums = nl_alloc(nodes, sizeof *e.sums);
    e.packed = nl_alloc(nodes, sizeof *e.packed);
    nl_graph_find_learned(graph, e.wanted);
    for (int i = 0; i < graph->values; i++) {
        bool known = i > 0 && graph->value[i].producer == NL_NONE;
        e.buffer[i] = known ? known_buffer(program, i, false) : NL_NONE;
        e.gradient[i] = e.home[i] = NL_NONE;
    }
    for (int i = 0; i < graph->nodes; i++)
        e.packed[i] = NL_NONE;
    nl_lay_out_states(&e, FORWARD);
    if (program->trains)
        nl_lay_out_states(&e, BACKWARD);
    emit_all(&e);
    nl_find_moving(program);
    free(e.buffer);
    free(e.gradient);
    free(e.home);
    free(e.wanted);
    free(e.saved);
    free(e.sums);
    free(e.packed);
}
