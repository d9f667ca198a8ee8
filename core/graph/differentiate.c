/* The graph becomes instructions: forward, and backward, where the gradients of a value that several nodes take are added up. What observers ask for is
 * read as soon as it is there. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "graph/list.h"
#include "operation/accumulate.h"
#include "operation/add.h"
#include "operation/copy.h"
#include "operation/zero.h"

struct emission {
    struct nl_list *list;
    const struct nl_calls *calls; /* of each node */
    const struct nl_list_setup *setup;
    int *buffer, *gradient;       /* of each value, or NL_NONE */
    bool *wanted;                 /* whether a parameter lies behind the value */
    int *home;                    /* of each value: the buffer that its gradient is written to first, whatever is added; NL_NONE: any */
    int (*saved)[NL_MOST_SAVED], *sums; /* of each node */
    int group;                    /* of the open chain */
    int loop;                     /* the loop whose body is being emitted, or NL_NONE */
};

enum way { FORWARD, BACK };

/* ---- buffers ---- */

static int add_buffer(struct nl_list *list, size_t bytes, bool per_sample)
{
    NL_GROW(list->buffer, list->buffers, list->buffers_capacity);
    list->buffer[list->buffers] =
        (struct nl_buffer){.bytes = bytes, .per_sample = per_sample, .value = NL_NONE, .first = NL_NONE, .loop = NL_NONE, .places = 1, .leader = list->buffers};
    return list->buffers++;
}

static int buffer_for(struct nl_list *list, int value)
{
    const struct nl_value *v = &list->graph.value[value];
    int buffer = add_buffer(list, v->count * list->backend->real, v->kind == NL_ACTIVATIONS);
    list->buffer[buffer].loop = v->loop;
    return buffer;
}

/* One whose place the list does not choose. */
static int known_buffer(struct nl_list *list, int value, bool gradient)
{
    int buffer = buffer_for(list, value);
    list->buffer[buffer].value = value;
    list->buffer[buffer].gradient = gradient;
    return buffer;
}

static void touch(struct nl_list *list, int buffer)
{
    if (buffer == NL_NONE)
        return;
    struct nl_buffer *b = &list->buffer[buffer];
    if (b->first == NL_NONE) {
        b->first = list->instructions;
        b->first_chain = list->chains - 1;
    }
    b->last = list->instructions;
    b->last_chain = list->chains - 1;
}

static void add_share(struct nl_list *list, struct nl_share share)
{
    if (share.from == NL_NONE || share.to == NL_NONE)
        return;
    NL_GROW(list->share, list->shares, list->shares_capacity);
    list->share[list->shares++] = share;
}

/* ---- chains and instructions ---- */

static void open_chain(struct emission *e, int group, int micro)
{
    struct nl_list *list = e->list;
    NL_GROW(list->chain, list->chains, list->chains_capacity);
    list->chain[list->chains++] = (struct nl_chain){.first = list->instructions, .end = list->instructions, .micro = micro, .together = 1};
    e->group = group;
}

/* The chain of the node's group, which may be open already. */
static void join_chain(struct emission *e, int node)
{
    if (e->group != e->calls[node].group)
        open_chain(e, e->calls[node].group, e->calls[node].micro);
}

static struct nl_instruction blank(const struct nl_operation *operation, const void *arguments, nl_kernel_function *call)
{
    struct nl_instruction instruction = {.call = call, .operation = operation, .sums = NL_NONE, .observer = NL_NONE};
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

/* written: which of what it writes it really does: outputs forward, gradients of inputs backward. */
static void append(struct nl_list *list, struct nl_instruction instruction, enum way way, unsigned written)
{
    NL_GROW(list->instruction, list->instructions, list->instructions_capacity);
    for (int i = 0; i < NL_MOST_SLOTS; i++) {
        touch(list, instruction.in[i]);
        if (written & 1u << i)
            touch(list, instruction.d_in[i]);
    }
    for (int i = 0; i < NL_MOST_OUTPUTS; i++) {
        touch(list, instruction.d_out[i]);
        if (way == BACK || written & 1u << i)
            touch(list, instruction.out[i]);
    }
    for (int i = 0; i < NL_MOST_SAVED; i++)
        touch(list, instruction.saved[i]);
    if (way == BACK)
        touch(list, instruction.sums);
    list->instruction[list->instructions++] = instruction;
    list->chain[list->chains - 1].end = list->instructions;
}

static const unsigned EVERYTHING = ~0u;

/* Of a node: without operands but for what its calls leave one another. */
static struct nl_instruction of_node(const struct emission *e, int number, nl_kernel_function *call)
{
    const struct nl_graph_node *node = &e->list->graph.node[number];
    struct nl_instruction instruction = blank(node->operation, node->arguments, call);
    instruction.node = node;
    memcpy(instruction.saved, e->saved[number], sizeof instruction.saved);
    instruction.sums = e->sums[number];
    instruction.saved_by_sample = e->calls[number].micro > 0 && !e->calls[number].reduces;
    return instruction;
}

/* With arguments of its own. */
static struct nl_instruction twin(const struct nl_instruction *of, nl_kernel_function *call)
{
    struct nl_instruction twin = *of;
    twin.call = call;
    twin.arguments = blank(of->operation, of->arguments, call).arguments;
    return twin;
}

/* The call of a barrier before the one that ends with it: its first part, after which a new chain begins. */
static void append_first_part(struct emission *e, int number, const struct nl_instruction *whole, nl_kernel_function *call, enum way way,
                              unsigned written)
{
    const struct nl_calls *calls = &e->calls[number];
    append(e->list, twin(whole, call), way, written);
    open_chain(e, calls->group, calls->micro);
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
    const struct nl_value *v = &e->list->graph.value[observer_at(e, number)->value];
    struct nl_observe observe = {.count = v->count, .per_sample = v->kind == NL_ACTIVATIONS};
    struct nl_instruction instruction = blank(&nl_observe_operation, &observe, nl_kernel_of(e->list->backend, &nl_observe_operation, &observe)->forward);
    instruction.in[0] = buffer;
    instruction.in[1] = before;
    instruction.observer = number;
    append(e->list, instruction, FORWARD, EVERYTHING);
}

static void observe_outputs(struct emission *e, const struct nl_graph_node *node, enum nl_aspect aspect)
{
    int number;
    for (int i = 0; i < node->outputs; i++)
        if (is_observed(e, node->out[i], aspect, &number))
            append_observe(e, number, (aspect == NL_GRADIENT ? e->gradient : e->buffer)[node->out[i]], NL_NONE);
}

/* Whether the gradient of this parameter need not be there when the way back is done. */
static bool is_stepped(const struct emission *e, int value)
{
    const struct nl_value *v = &e->list->graph.value[value];
    return e->setup->steps && v->kind == NL_PARAMETER && e->list->graph.tensor[v->tensor].spec.role == NL_WEIGHT;
}

/* Of such a parameter the gradient is made once more, before the instruction that steps it. */
static void observe_before_step(struct emission *e, const struct nl_graph_node *node, const struct nl_instruction *whole)
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
        append(e->list, gradient, BACK, EVERYTHING);
        append_observe(e, number, whole->d_in[slot], NL_NONE);
    }
}

static bool is_parameter(const struct emission *e, const struct nl_observer *o)
{
    return e->list->graph.value[o->value].kind == NL_PARAMETER;
}

/* What the step is about to change. before: of each observer, where its copy goes. */
static void observe_parameters(struct emission *e, int *before)
{
    struct nl_list *list = e->list;
    const struct nl_observer *o;
    open_chain(e, 0, 0);
    for (int i = 0; (o = observer_at(e, i)); i++) {
        if (o->aspect == NL_VALUE && is_parameter(e, o))
            append_observe(e, i, e->buffer[o->value], NL_NONE);
        if (o->aspect != NL_UPDATE)
            continue;
        size_t count = list->graph.value[o->value].count;
        struct nl_copy arguments = {.count = count};
        struct nl_instruction copy =
            blank(&nl_copy_operation, &arguments, nl_kernel_of(list->backend, &nl_copy_operation, &arguments)->forward);
        copy.in[0] = e->buffer[o->value];
        copy.out[0] = before[i] = add_buffer(list, count * list->backend->real, false);
        append(list, copy, FORWARD, EVERYTHING);
    }
}

static void observe_gradients_of_parameters(struct emission *e)
{
    const struct nl_observer *o;
    open_chain(e, 0, 0);
    for (int i = 0; (o = observer_at(e, i)); i++)
        if (o->aspect == NL_GRADIENT && is_parameter(e, o) && !is_stepped(e, o->value))
            append_observe(e, i, e->gradient[o->value], NL_NONE);
}

static void observe_updates(struct emission *e, const int *before)
{
    const struct nl_observer *o;
    open_chain(e, 0, 0);
    for (int i = 0; (o = observer_at(e, i)); i++)
        if (o->aspect == NL_UPDATE)
            append_observe(e, i, e->buffer[o->value], before[i]);
}

/* ---- forward ---- */

static void add_workspace(struct emission *e, int number)
{
    struct nl_list *list = e->list;
    const struct nl_graph_node *node = &list->graph.node[number];
    for (int i = 0; i < NL_MOST_SAVED; i++)
        e->saved[number][i] = NL_NONE;
    for (int i = 0; i < node->operation->saved; i++) {
        size_t bytes = node->operation->saved_bytes(node->arguments, i, list->capacity, list->backend->statistic);
        if (bytes == 0)
            continue;
        e->saved[number][i] = add_buffer(list, bytes, false);
        list->buffer[e->saved[number][i]].loop = node->loop;
    }
    e->sums[number] = e->calls[number].sums > 0 ? add_buffer(list, e->calls[number].sums, false) : NL_NONE;
}

static struct nl_sharing sharing_of(const struct nl_graph_node *node)
{
    return node->operation->sharing ? node->operation->sharing(node->arguments, nl_filled_slots(node)) : (struct nl_sharing){0};
}

static void emit_forward(struct emission *e, int number)
{
    struct nl_list *list = e->list;
    const struct nl_graph_node *node = &list->graph.node[number];
    const struct nl_kernel *kernel = nl_kernel_of(list->backend, node->operation, node->arguments);
    add_workspace(e, number);
    join_chain(e, number);
    struct nl_instruction instruction = of_node(e, number, e->calls[number].reduces ? kernel->apply : kernel->forward);
    for (int i = 0; i < NL_MOST_SLOTS; i++)
        instruction.in[i] = node->in[i] == NL_NONE ? NL_NONE : e->buffer[node->in[i]];
    for (int i = 0; i < node->outputs; i++) {
        bool known = node->out[i] == list->graph.logits;
        int *buffer = &e->buffer[node->out[i]]; /* of a state: it is there */
        if (*buffer == NL_NONE)
            *buffer = known ? known_buffer(list, node->out[i], false) : buffer_for(list, node->out[i]);
        instruction.out[i] = *buffer;
    }
    int first = list->instructions;
    if (e->calls[number].reduces)
        append_first_part(e, number, &instruction, kernel->reduce, FORWARD, 0);
    append(list, instruction, FORWARD, EVERYTHING);
    unsigned shared = sharing_of(node).output;
    for (int i = 0; i < NL_MOST_SLOTS; i++)
        if (shared & 1u << i)
            add_share(list, (struct nl_share){instruction.in[i], instruction.out[0], first, list->instructions - 1, false});
    if (node->loop == NL_NONE)
        observe_outputs(e, node, NL_VALUE);
}

/* ---- backward ---- */

/* a += b, gradients of the value. */
static void add_up(struct emission *e, int value, int a, int b)
{
    struct nl_list *list = e->list;
    const struct nl_value *v = &list->graph.value[value];
    const struct nl_extent *x = &v->extent;
    struct nl_add sum = {.height = x->height, .width = x->width, .channels = x->channels,
                         .from_height = x->height, .from_width = x->width, .from_channels = x->channels, .stride = 1};
    struct nl_accumulate sum_of_weights = {.count = v->count};
    bool activations = v->kind == NL_ACTIVATIONS;
    const struct nl_operation *operation = activations ? &nl_add_operation : &nl_accumulate_operation;
    const void *arguments = activations ? (const void *)&sum : &sum_of_weights;
    struct nl_instruction instruction = blank(operation, arguments, nl_kernel_of(list->backend, operation, arguments)->forward);
    instruction.in[0] = instruction.out[0] = a;
    list->buffer[a].summed = true;
    instruction.in[1] = b;
    append(list, instruction, BACK, EVERYTHING);
}

/* Makes again what backward reads and was not kept. */
static void recompute(struct emission *e, int number, unsigned inputs)
{
    struct nl_list *list = e->list;
    const struct nl_graph_node *node = &list->graph.node[number];
    for (int i = 0; i < NL_MOST_SLOTS; i++) {
        int producer = node->in[i] == NL_NONE || !(inputs & 1u << i) ? NL_NONE : list->graph.value[node->in[i]].producer;
        if (producer == NL_NONE || !e->calls[producer].recomputed)
            continue;
        const struct nl_graph_node *maker = &list->graph.node[producer];
        struct nl_instruction again = of_node(e, producer, nl_kernel_of(list->backend, maker->operation, maker->arguments)->apply);
        for (int slot = 0; slot < NL_MOST_SLOTS; slot++)
            again.in[slot] = maker->in[slot] == NL_NONE ? NL_NONE : e->buffer[maker->in[slot]];
        again.out[0] = e->buffer[maker->out[0]] = buffer_for(list, maker->out[0]);
        again.sums = NL_NONE;
        append(list, again, BACK, EVERYTHING);
    }
}

/* Where the gradient of a value is written first. */
static int first_gradient(const struct emission *e, int value)
{
    if (e->home[value] != NL_NONE)
        return e->home[value];
    return e->list->graph.value[value].kind == NL_PARAMETER ? known_buffer(e->list, value, true) : buffer_for(e->list, value);
}

/* Where backward writes the gradient of a slot: the value's own place, or one from which it is added to what is there. */
static int gradient_of_slot(struct emission *e, const struct nl_graph_node *node, int slot)
{
    int value = node->in[slot];
    if (value == NL_NONE)
        return NL_NONE;
    if (!e->wanted[value]) /* nobody asks but the kernel, if it cannot leave it out */
        return node->operation->skips & 1u << slot ? NL_NONE : buffer_for(e->list, value);
    bool first = e->gradient[value] == NL_NONE;
    for (int before = 0; before < slot; before++)
        first &= node->in[before] != value;
    return first ? first_gradient(e, value) : buffer_for(e->list, value);
}

static void collect_gradients(struct emission *e, const struct nl_graph_node *node, const struct nl_instruction *instruction)
{
    for (int i = 0; i < NL_MOST_SLOTS; i++) {
        int value = node->in[i];
        if (instruction->d_in[i] == NL_NONE || !e->wanted[value])
            continue;
        int before = e->gradient[value], now = instruction->d_in[i];
        bool stays = before != NL_NONE && (e->list->graph.value[value].kind != NL_ACTIVATIONS || e->home[value] != NL_NONE);
        e->gradient[value] = stays ? before : now;
        if (before != NL_NONE)
            add_up(e, value, e->gradient[value], stays ? now : before);
    }
}

static void share_gradients(struct nl_list *list, const struct nl_graph_node *node, const struct nl_instruction *instruction, int first)
{
    struct nl_sharing sharing = sharing_of(node);
    int until = list->instructions - 1;
    for (int i = 0; i < NL_MOST_SLOTS; i++) {
        if (sharing.gradient & 1u << i)
            add_share(list, (struct nl_share){instruction->d_out[0], instruction->d_in[i], first, until, false});
        if (sharing.same & 1u << i)
            add_share(list, (struct nl_share){instruction->d_in[0], instruction->d_in[i], first, until, true});
    }
}

/* Whether the loss depends on an output. */
static bool has_gradient(const struct emission *e, const struct nl_graph_node *node)
{
    bool any = false;
    for (int i = 0; i < node->outputs; i++)
        any |= e->gradient[node->out[i]] != NL_NONE;
    return any;
}

static bool is_reached(const struct emission *e, const struct nl_graph_node *node)
{
    return e->wanted[node->out[0]] && has_gradient(e, node);
}

/* The gradients of those slots. */
static void append_backward(struct emission *e, int number, unsigned slots)
{
    struct nl_list *list = e->list;
    const struct nl_graph_node *node = &list->graph.node[number];
    const struct nl_kernel *kernel = nl_kernel_of(list->backend, node->operation, node->arguments);
    struct nl_reads reads = node->operation->reads ? node->operation->reads(node->arguments, nl_filled_slots(node)) : (struct nl_reads){0};
    recompute(e, number, reads.inputs);
    struct nl_instruction instruction = of_node(e, number, e->calls[number].reduces ? kernel->backward_apply : kernel->backward);
    bool any = false;
    for (int i = 0; i < NL_MOST_SLOTS; i++) {
        bool read = node->in[i] != NL_NONE && (reads.inputs & 1u << i);
        instruction.in[i] = read ? e->buffer[node->in[i]] : NL_NONE;
        instruction.d_in[i] = slots & 1u << i ? gradient_of_slot(e, node, i) : NL_NONE;
        any |= instruction.d_in[i] != NL_NONE;
    }
    if (!any)
        return;
    for (int i = 0; i < node->outputs; i++) {
        instruction.out[i] = reads.outputs & 1u << i ? e->buffer[node->out[i]] : NL_NONE;
        instruction.d_out[i] = e->gradient[node->out[i]];
    }
    observe_before_step(e, node, &instruction);
    int first = list->instructions;
    if (e->calls[number].reduces)
        append_first_part(e, number, &instruction, kernel->backward_reduce, BACK, node->operation->reduced);
    append(list, instruction, BACK, EVERYTHING);
    share_gradients(list, node, &instruction, first);
    collect_gradients(e, node, &instruction);
}

/* The slots of a body's node whose gradients wait for the end of the loop. */
static unsigned waiting_slots(const struct emission *e, int number)
{
    const struct nl_graph_node *node = &e->list->graph.node[number];
    return node->loop != NL_NONE && !e->calls[number].together ? node->operation->together : 0;
}

static void emit_backward(struct emission *e, int number)
{
    const struct nl_graph_node *node = &e->list->graph.node[number];
    if (!is_reached(e, node))
        return;
    join_chain(e, number);
    if (node->loop == NL_NONE)
        observe_outputs(e, node, NL_GRADIENT);
    append_backward(e, number, ~waiting_slots(e, number));
}

/* ---- loops ---- */

/* Instructions of the loop's body for each time, or for all times together. */
static void open_loop(struct emission *e, const struct nl_loop *loop, bool together, enum way way)
{
    open_chain(e, 0, 0);
    struct nl_chain *chain = &e->list->chain[e->list->chains - 1];
    chain->times = together ? 1 : loop->times;
    chain->together = together ? loop->times : 1;
    chain->reverse = loop->reverse != (way == BACK);
}

/* The places of a state, or of its gradient, before each time; after, if it is `ahead` of that; or the one at that end. */
static int part_of_state(struct nl_list *list, int all, const struct nl_loop *loop, int value, bool end, bool ahead)
{
    int part = buffer_for(list, value), apart = end ? loop->times : 1;
    struct nl_buffer *b = &list->buffer[part];
    b->leader = all;
    b->carried = true;
    b->loop = NL_NONE;
    b->places = end ? 1 : loop->times;
    b->ahead = ahead != loop->reverse ? apart : 0;
    return part;
}

static int buffer_of_state(struct nl_list *list, const struct nl_loop *loop, const struct nl_carried *state)
{
    int all = buffer_for(list, state->first);
    list->buffer[all].carried = true;
    list->buffer[all].places = loop->times + 1;
    return all;
}

/* Where states, and on the way back their gradients, lie. */
static void lay_out_states(struct emission *e, enum way way)
{
    struct nl_list *list = e->list;
    for (const struct nl_loop *loop = list->graph.loop; loop < list->graph.loop + list->graph.loops; loop++)
        for (const struct nl_carried *state = loop->state; state < loop->state + loop->carried; state++) {
            if (way == BACK && !e->wanted[state->before])
                continue;
            int all = buffer_of_state(list, loop, state), *at = way == BACK ? e->home : e->buffer;
            at[state->before] = part_of_state(list, all, loop, state->before, false, false);
            at[state->last] = part_of_state(list, all, loop, state->last, true, true);
            if (way == BACK)
                continue; /* of the others, gradients are there before anybody writes one */
            at[state->first] = part_of_state(list, all, loop, state->first, true, false);
            at[state->after] = part_of_state(list, all, loop, state->after, false, true);
        }
}

static void append_zero(struct emission *e, int value, int buffer)
{
    const struct nl_value *v = &e->list->graph.value[value];
    struct nl_zero zero = {.count = v->count, .per_sample = v->kind == NL_ACTIVATIONS};
    struct nl_instruction instruction = blank(&nl_zero_operation, &zero, nl_kernel_of(e->list->backend, &nl_zero_operation, &zero)->forward);
    instruction.out[0] = buffer;
    append(e->list, instruction, BACK, EVERYTHING);
    e->gradient[value] = buffer;
}

/* What the body's nodes add to at each time begins with 0. */
static void clear_sums(struct emission *e, int loop)
{
    const struct nl_graph *graph = &e->list->graph;
    for (int i = 0; i < graph->nodes; i++) {
        const struct nl_graph_node *node = &graph->node[i];
        for (int slot = 0; slot < NL_MOST_SLOTS && node->loop == loop && !e->calls[i].together; slot++) {
            int value = node->in[slot];
            bool sum = value != NL_NONE && graph->value[value].kind != NL_ACTIVATIONS && !(waiting_slots(e, i) & 1u << slot);
            if (sum && e->wanted[value] && e->gradient[value] == NL_NONE)
                append_zero(e, value, first_gradient(e, value));
        }
    }
}

/* The gradient of a state after a time: that before the next time, and what else takes it. */
static void begin_backward_loop(struct emission *e, const struct nl_loop *loop)
{
    struct nl_list *list = e->list;
    open_chain(e, 0, 0);
    clear_sums(e, e->loop);
    for (const struct nl_carried *state = loop->state; state < loop->state + loop->carried; state++)
        if (e->wanted[state->before] && e->gradient[state->last] == NL_NONE)
            append_zero(e, state->last, e->home[state->last]);
    open_loop(e, loop, false, BACK);
    for (const struct nl_carried *state = loop->state; state < loop->state + loop->carried; state++) {
        if (!e->wanted[state->before])
            continue;
        int *gradient = &e->gradient[state->after];
        int next = part_of_state(list, list->buffer[e->home[state->before]].leader, loop, state->after, false, true);
        if (*gradient != NL_NONE)
            add_up(e, state->after, *gradient, next);
        else
            *gradient = next;
    }
}

/* What observers see of a loop, and what waits for its end. */
static void end_backward_loop(struct emission *e, const struct nl_loop *loop)
{
    struct nl_list *list = e->list;
    const struct nl_graph *graph = &list->graph;
    for (const struct nl_carried *state = loop->state; state < loop->state + loop->carried; state++) {
        if (!e->wanted[state->before])
            continue;
        if (e->gradient[state->before] == NL_NONE)
            append_zero(e, state->before, e->home[state->before]);
        if (e->wanted[state->first])
            e->gradient[state->first] = part_of_state(list, list->buffer[e->home[state->before]].leader, loop, state->first, true, false);
    }
    open_loop(e, loop, true, BACK);
    for (int i = graph->nodes - 1; i >= 0; i--) {
        if (graph->node[i].loop != e->loop || !is_reached(e, &graph->node[i]))
            continue;
        observe_outputs(e, &graph->node[i], NL_GRADIENT);
        append_backward(e, i, e->calls[i].together ? EVERYTHING : waiting_slots(e, i));
    }
}

static void begin_forward_loop(struct emission *e, const struct nl_loop *loop)
{
    const struct nl_graph *graph = &e->list->graph;
    open_loop(e, loop, true, FORWARD);
    for (int i = 0; i < graph->nodes; i++)
        if (graph->node[i].loop == e->loop && e->calls[i].together)
            emit_forward(e, i);
    open_loop(e, loop, false, FORWARD);
}

static void end_forward_loop(struct emission *e, const struct nl_loop *loop)
{
    const struct nl_graph *graph = &e->list->graph;
    open_loop(e, loop, true, FORWARD);
    for (int i = 0; i < graph->nodes; i++)
        if (graph->node[i].loop == e->loop)
            observe_outputs(e, &graph->node[i], NL_VALUE);
}

/* To a node of that loop, or of none. */
static void go_to(struct emission *e, int loop, enum way way)
{
    const struct nl_loop *loops = e->list->graph.loop;
    if (loop == e->loop)
        return;
    if (e->loop != NL_NONE)
        (way == FORWARD ? end_forward_loop : end_backward_loop)(e, &loops[e->loop]);
    e->loop = loop;
    e->group = NL_NONE;
    if (loop != NL_NONE)
        (way == FORWARD ? begin_forward_loop : begin_backward_loop)(e, &loops[loop]);
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
        for (int i = 0; i < e->list->graph.nodes; i++)
            if (computes_weights(&e->list->graph, i) != samples) {
                go_to(e, e->list->graph.node[i].loop, FORWARD);
                if (!e->calls[i].together)
                    emit_forward(e, i);
            }
    go_to(e, NL_NONE, FORWARD);
}

static void emit_nodes_backward(struct emission *e)
{
    struct nl_list *list = e->list;
    e->group = NL_NONE;
    e->gradient[list->graph.logits] = known_buffer(list, list->graph.logits, true);
    for (int samples = 1; samples >= 0; samples--)
        for (int i = list->graph.nodes - 1; i >= 0; i--)
            if (computes_weights(&list->graph, i) != samples) {
                go_to(e, list->graph.node[i].loop, BACK);
                if (!e->calls[i].together)
                    emit_backward(e, i);
            }
    go_to(e, NL_NONE, BACK);
}

/* Whether an instruction has a place that depends on the number of samples. */
static bool moves(const struct nl_list *list, const struct nl_instruction *i)
{
    bool any = false;
    for (int slot = 0; slot < NL_MOST_SLOTS; slot++)
        any |= (i->in[slot] != NL_NONE && list->buffer[i->in[slot]].ahead > 0) || (i->d_in[slot] != NL_NONE && list->buffer[i->d_in[slot]].ahead > 0);
    for (int o = 0; o < NL_MOST_OUTPUTS; o++)
        any |= (i->out[o] != NL_NONE && list->buffer[i->out[o]].ahead > 0) || (i->d_out[o] != NL_NONE && list->buffer[i->d_out[o]].ahead > 0);
    return any;
}

/* Chains that take the end of a state find it as loops do. */
static void find_moving(struct nl_list *list)
{
    for (struct nl_chain *chain = list->chain; chain < list->chain + list->chains; chain++)
        for (int i = chain->first; i < chain->end && chain->times == 0; i++)
            chain->times = moves(list, &list->instruction[i]);
}

static void emit_all(struct emission *e)
{
    struct nl_list *list = e->list;
    const struct nl_observers *observers = e->setup->observers;
    int *before = observers ? nl_alloc((size_t)observers->count, sizeof *before) : NULL;
    if (observers)
        observe_parameters(e, before);
    emit_nodes_forward(e);
    list->forward_chains = list->chains;
    if (list->trains)
        emit_nodes_backward(e);
    if (observers)
        observe_gradients_of_parameters(e);
    list->step_chains = list->chains;
    if (observers)
        observe_updates(e, before);
    free(before);
}

void nl_differentiate(struct nl_list *list, const struct nl_calls *calls, const struct nl_list_setup *setup)
{
    const struct nl_graph *graph = &list->graph;
    size_t values = (size_t)graph->values, nodes = (size_t)graph->nodes;
    struct emission e = {.list = list, .calls = calls, .setup = setup, .group = NL_NONE, .loop = NL_NONE};
    e.buffer = nl_alloc(values, sizeof *e.buffer);
    e.gradient = nl_alloc(values, sizeof *e.gradient);
    e.home = nl_alloc(values, sizeof *e.home);
    e.wanted = nl_alloc(values, sizeof *e.wanted);
    e.saved = nl_alloc(nodes, sizeof *e.saved);
    e.sums = nl_alloc(nodes, sizeof *e.sums);
    nl_graph_find_learned(graph, e.wanted);
    for (int i = 0; i < graph->values; i++) {
        bool known = graph->value[i].kind == NL_PARAMETER || i == graph->input;
        e.buffer[i] = known ? known_buffer(list, i, false) : NL_NONE;
        e.gradient[i] = e.home[i] = NL_NONE;
    }
    lay_out_states(&e, FORWARD);
    if (list->trains)
        lay_out_states(&e, BACK);
    emit_all(&e);
    find_moving(list);
    free(e.buffer);
    free(e.gradient);
    free(e.home);
    free(e.wanted);
    free(e.saved);
    free(e.sums);
}
