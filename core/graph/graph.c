/* Adds inputs, nodes and tensors to a graph, orders its tensors, and answers questions about it. */
#include "graph/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/sizes.h"
#include "operation/cross_entropy.h"
#include "operation/hold.h"
#include "operation/transpose.h"

int nl_graph_add_value(struct nl_graph *graph, struct nl_value value)
{
    NL_GROW(graph->value, graph->values, graph->values_capacity);
    graph->value[graph->values] = value;
    return graph->values++;
}

/* Names a tensor. Tensors of a node that computes a weight, "fc1.weight", are named as PyTorch's parametrizations
 * name them. */
static void name_tensor(const struct nl_graph_node *node, const struct nl_new_node *new, struct nl_tensor *tensor)
{
    const char *dot = strrchr(node->name, '.');
    if (new->module)
        snprintf(tensor->name, sizeof tensor->name, "%s.%s%s", new->module, tensor->spec.name, new->suffix);
    else if (node->operation->span == NL_SPAN_PARAMETERS && dot)
        snprintf(tensor->name, sizeof tensor->name, "%.*s.parametrizations%s.%s", (int)(dot - node->name), node->name,
                 dot, tensor->spec.name);
    else
        snprintf(tensor->name, sizeof tensor->name, "%s.%s", node->name, tensor->spec.name);
}

static size_t count_of(const struct nl_tensor_spec *spec)
{
    size_t count = 1;
    for (int d = 0; d < spec->dims; d++)
        count = nl_size_times(count, spec->shape[d]);
    return count;
}

static int add_tensor(struct nl_graph *graph, int node, const struct nl_new_node *new,
                      const struct nl_tensor_spec *spec)
{
    NL_GROW(graph->tensor, graph->tensors, graph->tensors_capacity);
    struct nl_tensor *tensor = &graph->tensor[graph->tensors];
    *tensor = (struct nl_tensor){
        .spec = *spec, .node = node, .times = 1, .factor = 1, .parts = 1, .last = 1, .count = count_of(spec)};
    name_tensor(&graph->node[node], new, tensor);
    return graph->tensors++;
}

void nl_graph_begin(struct nl_graph *graph)
{
    *graph = (struct nl_graph){.open = NL_NONE};
    nl_graph_add_value(graph, (struct nl_value){.loop = NL_NONE,
                                                .lengths = NL_NONE,
                                                .producer = NL_NONE,
                                                .tensor = NL_NONE}); /* number 0 (struct nl_graph) */
}

int nl_graph_add_input(struct nl_graph *graph, const char *name, enum nl_tensor_type type, struct nl_extent extent,
                       int lengths)
{
    NL_ASSERT(graph->inputs < NL_MOST_INPUTS);
    NL_ASSERT(lengths == NL_NONE ||
              (graph->value[lengths].type == NL_TENSOR_INT32 && graph->value[lengths].count == 1));
    struct nl_graph_input *input = &graph->input[graph->inputs++];
    snprintf(input->name, sizeof input->name, "%s", name);
    input->value = nl_graph_add_value(graph, (struct nl_value){.type = type,
                                                               .loop = NL_NONE,
                                                               .extent = extent,
                                                               .lengths = lengths,
                                                               .count = nl_elements(extent),
                                                               .producer = NL_NONE,
                                                               .tensor = NL_NONE});
    return input->value;
}

int nl_graph_input(const struct nl_graph *graph, const char *name)
{
    for (int i = 0; i < graph->inputs; i++)
        if (strcmp(graph->input[i].name, name) == 0)
            return graph->input[i].value;
    return NL_NONE;
}

void nl_graph_release(struct nl_graph *graph)
{
    for (int i = 0; i < graph->nodes; i++)
        free(graph->node[i].arguments);
    free(graph->value);
    free(graph->node);
    free(graph->tensor);
    free(graph->loop);
    *graph = (struct nl_graph){0};
}

/* Puts the tensor into a slot of its node, as a value. */
static void fill_with(struct nl_graph *graph, int number, int slot, int tensor)
{
    struct nl_value value = {.kind = NL_PARAMETER,
                             .loop = NL_NONE,
                             .lengths = NL_NONE,
                             .count = graph->tensor[tensor].count,
                             .producer = NL_NONE,
                             .tensor = tensor};
    graph->node[number].in[slot] = nl_graph_add_value(graph, value);
}

static void add_parameters(struct nl_graph *graph, int number, const struct nl_new_node *new,
                           const struct nl_declaration *declaration)
{
    const struct nl_graph_node *node = &graph->node[number];
    for (int i = 0; i < declaration->parameters; i++) {
        const struct nl_tensor_spec *spec = &declaration->parameter[i];
        if (node->in[spec->slot] != NL_NONE || (new->without & 1u << spec->slot))
            continue;
        fill_with(graph, number, spec->slot, add_tensor(graph, number, new, spec));
    }
}

static void add_states(struct nl_graph *graph, int number, const struct nl_new_node *new,
                       const struct nl_declaration *declaration)
{
    struct nl_graph_node *node = &graph->node[number];
    if (new->states_of) {
        const struct nl_graph_node *other = &graph->node[new->states_of - 1];
        NL_ASSERT(other->states == declaration->states);
        memcpy(node->state, other->state, sizeof node->state);
        node->states = other->states;
        return;
    }
    for (int i = 0; i < declaration->states; i++) {
        struct nl_tensor_spec spec = declaration->state[i];
        bool many = new->statistics > 0 && spec.role != NL_STREAM_KEY;
        if (many) {
            memmove(spec.shape + 1, spec.shape, (NL_MOST_DIMS - 1) * sizeof *spec.shape);
            spec.shape[0] = (size_t)new->statistics;
            spec.dims++;
        }
        int tensor = node->state[node->states++] = add_tensor(graph, number, new, &spec);
        graph->tensor[tensor].times = many ? new->statistics : 1;
    }
}

/* Activations of a loop's body stay in it, and those of outside come in only as sequences and states; but for the
 * copies that do just that, and the lengths of the sequences. */
static int check_loop(const struct nl_graph *graph, const struct nl_graph_node *node, struct nl_error *err)
{
    for (int i = 0; i < NL_MOST_SLOTS; i++) {
        const struct nl_value *value = node->in[i] == NL_NONE ? NULL : &graph->value[node->in[i]];
        bool may = node->operation == &nl_transpose_operation || node->operation == &nl_transpose_int32_operation ||
                   (i > 0 && i == node->operation->lengths);
        if (value && value->kind == NL_ACTIVATIONS && value->loop != node->loop && !may)
            return nl_fail(err, "'%s' takes activations of %s the loop, which are neither a sequence nor a state",
                           node->name, node->loop == NL_NONE ? "the body of" : "outside of");
    }
    return NL_OK;
}

/* What is in the slots: what the builder says, and the lengths of the first, or of the open loop. */
static void fill_slots(const struct nl_graph *graph, struct nl_graph_node *node, const struct nl_new_node *new)
{
    for (int i = 0; i < NL_MOST_SLOTS; i++) {
        if (i < new->inputs && new->in[i] == 0)
            NL_BUG("'%s' is given %d inputs, and number %d is left out", new->name, new->inputs, i);
        node->in[i] = i < new->inputs ? new->in[i] : NL_NONE;
    }
    int lengths = new->operation->lengths;
    if (lengths && node->in[lengths] == NL_NONE && node->in[0] != NL_NONE)
        node->in[lengths] =
            graph->open == NL_NONE ? graph->value[node->in[0]].lengths : graph->loop[graph->open].lengths;
}

static const char *name_of(const struct nl_graph *graph, int value)
{
    const struct nl_value *v = &graph->value[value];
    for (int i = 0; i < graph->inputs; i++)
        if (graph->input[i].value == value)
            return graph->input[i].name;
    return v->producer == NL_NONE ? graph->tensor[v->tensor].name : graph->node[v->producer].name;
}

static int check_types(const struct nl_graph *graph, const struct nl_graph_node *node, struct nl_error *err)
{
    for (int i = 0; i < NL_MOST_SLOTS; i++) {
        bool int32 = node->operation->takes_int32 & 1u << i;
        if (node->in[i] != NL_NONE && (graph->value[node->in[i]].type == NL_TENSOR_INT32) != int32)
            return nl_fail(err, "'%s' (%s) takes %s numbers, and those of '%s' are %s", node->name,
                           node->operation->name, int32 ? "int32" : "real", name_of(graph, node->in[i]),
                           int32 ? "real" : "int32");
    }
    return NL_OK;
}

/* Finds the lengths of an output: those of the inputs that have as many positions. Two inputs that do not agree are
 * an error. */
static int find_lengths(const struct nl_graph *graph, const struct nl_graph_node *node, struct nl_extent output,
                        int *lengths, struct nl_error *err)
{
    *lengths = NL_NONE;
    for (int i = 0; i < NL_MOST_SLOTS; i++) {
        const struct nl_value *in = node->in[i] == NL_NONE ? NULL : &graph->value[node->in[i]];
        if (!in || in->lengths == NL_NONE || nl_positions(in->extent) != nl_positions(output))
            continue;
        if (*lengths != NL_NONE && *lengths != in->lengths)
            return nl_fail(err, "'%s' (%s) takes sequences of the lengths '%s' and '%s'", node->name,
                           node->operation->name, name_of(graph, *lengths), name_of(graph, in->lengths));
        *lengths = in->lengths;
    }
    return NL_OK;
}

static int add_outputs(struct nl_graph *graph, int number, const struct nl_declaration *declaration,
                       struct nl_error *err)
{
    struct nl_graph_node *node = &graph->node[number];
    struct nl_value value = {.kind = node->operation->span == NL_SPAN_PARAMETERS ? NL_COMPUTED : NL_ACTIVATIONS,
                             .producer = number,
                             .tensor = NL_NONE,
                             .loop = node->loop};
    for (int i = 0; i < declaration->outputs; i++) {
        value.type = node->operation->makes_int32 & 1u << i ? NL_TENSOR_INT32 : NL_TENSOR_REAL;
        value.extent = declaration->output[i];
        value.count = nl_elements(value.extent);
        if (find_lengths(graph, node, value.extent, &value.lengths, err))
            return NL_FAIL;
        node->out[node->outputs++] = nl_graph_add_value(graph, value);
    }
    int new_lengths = node->operation->new_lengths;
    if (new_lengths > 0 && new_lengths < node->outputs)
        graph->value[node->out[0]].lengths = node->out[new_lengths];
    return NL_OK;
}

/* Kernels count the numbers of a sample, and those of a parameter, in int. */
static int check_count(const char *name, const char *what, size_t count, struct nl_error *err)
{
    return count <= INT_MAX ? NL_OK : nl_fail(err, "'%s' has more than %d numbers in %s", name, INT_MAX, what);
}

static int check_sizes(const struct nl_graph_node *node, const struct nl_declaration *declaration, struct nl_error *err)
{
    int status = NL_OK;
    for (int i = 0; i < declaration->outputs && status == NL_OK; i++)
        status = check_count(node->name, "a sample", nl_elements(declaration->output[i]), err);
    for (int i = 0; i < declaration->parameters && status == NL_OK; i++)
        status = check_count(node->name, declaration->parameter[i].name, count_of(&declaration->parameter[i]), err);
    return status;
}

static void find_extents(const struct nl_graph *graph, const struct nl_graph_node *node,
                         struct nl_extent in[NL_MOST_SLOTS])
{
    for (int i = 0; i < NL_MOST_SLOTS; i++)
        in[i] = node->in[i] == NL_NONE ? (struct nl_extent){0} : graph->value[node->in[i]].extent;
}

int nl_graph_add_parameter(struct nl_graph *graph, int number, int slot, const char *name)
{
    const struct nl_graph_node *node = &graph->node[number];
    struct nl_extent in[NL_MOST_SLOTS];
    struct nl_declaration declaration = {0};
    struct nl_error err;
    find_extents(graph, node, in);
    int status = node->operation->declare(node->arguments, in, &declaration, &err), tensor = NL_NONE;
    NL_ASSERT(status == NL_OK && node->in[slot] == NL_NONE);
    for (int i = 0; i < declaration.parameters; i++)
        if (declaration.parameter[i].slot == slot)
            tensor = add_tensor(graph, number, &(struct nl_new_node){.name = node->name}, &declaration.parameter[i]);
    NL_ASSERT(tensor != NL_NONE);
    snprintf(graph->tensor[tensor].name, sizeof graph->tensor[tensor].name, "%s", name);
    fill_with(graph, number, slot, tensor);
    return tensor;
}

static int add_node(struct nl_graph *graph, const struct nl_new_node *new, struct nl_error *err)
{
    const struct nl_operation *operation = new->operation;
    NL_GROW(graph->node, graph->nodes, graph->nodes_capacity);
    int number = graph->nodes++;
    struct nl_graph_node *node = &graph->node[number];
    *node = (struct nl_graph_node){.operation = operation};
    node->arguments = nl_alloc(1, operation->arguments);
    if (new->arguments)
        memcpy(node->arguments, new->arguments, operation->arguments);
    snprintf(node->name, sizeof node->name, "%s", new->name);
    fill_slots(graph, node, new);
    struct nl_extent in[NL_MOST_SLOTS];
    find_extents(graph, node, in);
    struct nl_declaration declaration = {0};
    bool computes = operation->span == NL_SPAN_PARAMETERS;
    node->loop = computes ? NL_NONE : graph->open; /* once a step, whoever takes it */
    if (check_types(graph, node, err) || check_loop(graph, node, err) ||
        operation->declare(node->arguments, in, &declaration, err) || check_sizes(node, &declaration, err))
        return NL_FAIL;
    add_parameters(graph, number, new, &declaration);
    add_states(graph, number, new, &declaration);
    return add_outputs(graph, number, &declaration, err);
}

int nl_graph_add(struct nl_graph *graph, const struct nl_new_node *new, struct nl_error *err)
{
    return add_node(graph, new, err) ? NL_NONE : graph->node[graph->nodes - 1].out[0];
}

static void add_loss(struct nl_graph *graph, const struct nl_operation *operation, const void *arguments, int value)
{
    struct nl_error err;
    struct nl_extent wanted = graph->value[value].extent;
    bool labels = operation->takes_int32 & 1u << 1;
    const char *name = labels ? "labels" : "targets";
    int input = nl_graph_input(graph, name);
    if (labels)
        wanted.channels = 1;
    if (input == NL_NONE)
        input = nl_graph_add_input(graph, name, labels ? NL_TENSOR_INT32 : NL_TENSOR_REAL, wanted, NL_NONE);
    struct nl_new_node loss = {
        .operation = operation, .arguments = arguments, .name = "loss", .in = {value, input}, .inputs = 2};
    int status = add_node(graph, &loss, &err);
    NL_ASSERT(status == NL_OK);
}

/* Weights, which have two dimensions or more, are first, so that an optimizer's decay that spares everything else
 * covers one range, and so does one that spares vectors; what freezes comes behind, and constants last, so that what is
 * still stepped is one range, too. */
enum rank { WEIGHTS, MATRICES, OTHERS, FREEZING, CONSTANTS };

static enum rank rank_of(const struct nl_graph *graph, const struct nl_tensor *tensor)
{
    const struct nl_tensor_spec *spec = &tensor->spec;
    if (tensor->constant)
        return CONSTANTS;
    if (spec->role == NL_WEIGHT)
        return WEIGHTS;
    if (graph->matrices_first && spec->dims >= 2)
        return MATRICES;
    return spec->freezes ? FREEZING : OTHERS;
}

void nl_graph_place_tensors(struct nl_graph *graph)
{
    size_t at = 0, states = 0;
    for (enum rank which = WEIGHTS; which <= CONSTANTS; which++) {
        size_t first = at;
        for (int i = 0; i < graph->tensors; i++) {
            struct nl_tensor *tensor = &graph->tensor[i];
            if (!nl_is_parameter(tensor->spec.role) || rank_of(graph, tensor) != which)
                continue;
            tensor->offset = at;
            at += tensor->count;
        }
        if (which == WEIGHTS)
            graph->weights = at;
        if (which == MATRICES)
            graph->matrices = at;
        if (which == FREEZING)
            graph->freezing = at - first;
        graph->constant = at - first;
    }
    for (int i = 0; i < graph->tensors; i++)
        if (!nl_is_parameter(graph->tensor[i].spec.role))
            graph->tensor[i].offset = states++;
    graph->count = at;
}

void nl_graph_end_with(struct nl_graph *graph, const struct nl_operation *loss, const void *arguments, int value)
{
    add_loss(graph, loss, arguments, value);
    nl_graph_place_tensors(graph);
}

void nl_graph_end(struct nl_graph *graph, int logits)
{
    nl_graph_end_with(graph, &nl_cross_entropy_operation, NULL, logits);
}

/* A copy of `count` elements; from may be NULL where there are none. */
static void *copied(const void *from, int count, size_t size)
{
    void *copy = nl_alloc((size_t)count, size);
    if (count > 0)
        memcpy(copy, from, (size_t)count * size);
    return copy;
}

struct nl_graph nl_graph_copy(const struct nl_graph *graph)
{
    struct nl_graph copy = *graph;
    copy.value = copied(graph->value, graph->values, sizeof *copy.value);
    copy.node = copied(graph->node, graph->nodes, sizeof *copy.node);
    copy.tensor = copied(graph->tensor, graph->tensors, sizeof *copy.tensor);
    copy.loop = copied(graph->loop, graph->loops, sizeof *copy.loop);
    copy.values_capacity = copy.values, copy.nodes_capacity = copy.nodes, copy.tensors_capacity = copy.tensors,
    copy.loops_capacity = copy.loops;
    for (int i = 0; i < copy.nodes; i++)
        copy.node[i].arguments = copied(graph->node[i].arguments, 1, graph->node[i].operation->arguments);
    return copy;
}

unsigned nl_filled_slots(const struct nl_graph_node *node)
{
    unsigned filled = 0;
    for (int i = 0; i < NL_MOST_SLOTS; i++)
        filled |= node->in[i] != NL_NONE ? 1u << i : 0;
    return filled;
}

int nl_graph_find_parameter(const struct nl_graph *graph, int value, const char *name)
{
    for (int i = 0; i < graph->tensors; i++)
        if (graph->tensor[i].node == graph->value[value].producer && strcmp(graph->tensor[i].spec.name, name) == 0)
            return i;
    return NL_NONE;
}

int nl_first_consumer(const struct nl_graph *graph, int value)
{
    for (int i = 0; i < graph->nodes; i++)
        for (int slot = 0; slot < NL_MOST_SLOTS; slot++)
            if (graph->node[i].operation && graph->node[i].in[slot] == value)
                return i;
    return NL_NONE;
}

int nl_graph_first_real(const struct nl_graph *graph)
{
    if (graph->value[graph->input[0].value].type == NL_TENSOR_REAL)
        return NL_NONE;
    int first = 1; /* number 0 is none */
    while (graph->value[first].kind != NL_ACTIVATIONS || graph->value[first].type != NL_TENSOR_REAL)
        first++;
    return first;
}

int nl_consumers(const struct nl_graph *graph, int value)
{
    int count = graph->value[value].observed;
    for (int i = 0; i < graph->nodes; i++)
        for (int slot = 0; slot < NL_MOST_SLOTS; slot++)
            count += graph->node[i].operation && graph->node[i].in[slot] == value;
    for (int i = 0; i < graph->loops; i++)
        for (int s = 0; s < graph->loop[i].carried; s++)
            count += graph->loop[i].state[s].after == value;
    return count;
}

/* Whether it is news that this one is marked, too. */
static bool mark(bool *marked, int value, bool also)
{
    bool news = also && !marked[value];
    marked[value] |= also;
    return news;
}

/* Marks go with the states of loops to the next time, or back to the one before. Returns whether a mark is news. */
static bool carry_marks(const struct nl_graph *graph, bool back, bool *marked)
{
    bool news = false;
    for (int i = 0; i < graph->loops; i++)
        for (int s = 0; s < graph->loop[i].carried; s++) {
            const struct nl_carried *c = &graph->loop[i].state[s];
            if (back) {
                news |= mark(marked, c->after, marked[c->before] || marked[c->last]);
                news |= mark(marked, c->first, marked[c->before]);
            } else {
                news |= mark(marked, c->before, marked[c->first] || marked[c->after]);
                news |= mark(marked, c->last, marked[c->after]);
            }
        }
    return news;
}

void nl_graph_find_learned(const struct nl_graph *graph, bool *learned)
{
    for (int i = 0; i < graph->values; i++)
        learned[i] = graph->value[i].kind == NL_PARAMETER;
    do
        for (int i = 0; i < graph->nodes; i++) {
            const struct nl_graph_node *node = &graph->node[i];
            bool any = false;
            for (int slot = 0; slot < NL_MOST_SLOTS; slot++)
                any |= node->in[slot] != NL_NONE && learned[node->in[slot]];
            for (int out = 0; out < node->outputs; out++)
                learned[node->out[out]] = any && graph->value[node->out[out]].type == NL_TENSOR_REAL;
        }
    while (carry_marks(graph, false, learned));
}

void nl_graph_find_used(const struct nl_graph *graph, bool *used)
{
    do
        for (int i = graph->nodes - 1; i >= 0; i--) {
            const struct nl_graph_node *node = &graph->node[i];
            bool any = node->operation->is_loss;
            for (int out = 0; out < node->outputs; out++)
                any |= used[node->out[out]];
            for (int slot = 0; slot < NL_MOST_SLOTS && any; slot++)
                if (node->in[slot] != NL_NONE)
                    used[node->in[slot]] = true;
        }
    while (carry_marks(graph, true, used));
}

void nl_graph_close_up(struct nl_graph *graph)
{
    int kept = 0;
    for (int i = 0; i < graph->nodes; i++) {
        if (!graph->node[i].operation) {
            free(graph->node[i].arguments);
            continue;
        }
        graph->node[kept] = graph->node[i];
        for (int out = 0; out < graph->node[kept].outputs; out++)
            graph->value[graph->node[kept].out[out]].producer = kept;
        kept++;
    }
    graph->nodes = kept;
}

bool nl_graph_initializes(const struct nl_graph *graph)
{
    bool any = false;
    for (int i = 0; i < graph->nodes; i++)
        any |= graph->node[i].operation->initializes;
    return any;
}

static void replace_in(int *at, int value, int by)
{
    if (*at == value)
        *at = by;
}

void nl_graph_replace_value(struct nl_graph *graph, int value, int by)
{
    for (int i = 0; i < graph->nodes; i++)
        for (int slot = 0; slot < NL_MOST_SLOTS; slot++)
            replace_in(&graph->node[i].in[slot], value, by);
    for (int i = 0; i < graph->loops; i++)
        for (int s = 0; s < graph->loop[i].carried; s++) {
            replace_in(&graph->loop[i].state[s].first, value, by);
            replace_in(&graph->loop[i].state[s].after, value, by);
        }
}

void nl_graph_drop_initializers(struct nl_graph *graph)
{
    for (int i = 0; i < graph->nodes; i++) {
        struct nl_graph_node *node = &graph->node[i];
        if (!node->operation->initializes)
            continue;
        NL_ASSERT(node->loop == NL_NONE && node->outputs == 1);
        nl_graph_replace_value(graph, node->out[0], node->in[0]);
        node->operation = NULL;
    }
    nl_graph_close_up(graph);
}

int nl_graph_check(const struct nl_graph *graph, const struct nl_backend *backend, struct nl_error *err)
{
    for (int i = 0; i < graph->nodes; i++)
        if (!nl_kernel_of(backend, graph->node[i].operation, graph->node[i].arguments))
            return nl_fail(err, "%s cannot compute '%s' (%s)", backend->name, graph->node[i].operation->name,
                           graph->node[i].name);
    return NL_OK;
}

bool nl_graph_tracks(const struct nl_graph *graph)
{
    bool any = false;
    for (int i = 0; i < graph->nodes; i++) {
        const struct nl_graph_node *node = &graph->node[i];
        any |= node->operation->may_be_fixed && node->operation->may_be_fixed(node->arguments);
    }
    return any;
}

double nl_graph_work(const struct nl_graph *graph)
{
    double work = 0;
    for (int i = 0; i < graph->nodes; i++)
        if (graph->node[i].operation->work)
            work += graph->node[i].operation->work(graph->node[i].arguments) *
                    (graph->node[i].loop == NL_NONE ? 1 : graph->loop[graph->node[i].loop].times);
    return work;
}

size_t nl_type_bytes(enum nl_tensor_type type, const struct nl_backend *backend)
{
    switch (type) {
    case NL_TENSOR_REAL:
        return backend->real;
    case NL_TENSOR_DOUBLE:
        return sizeof(double);
    case NL_TENSOR_INT32:
        return sizeof(int32_t);
    case NL_TENSOR_INT64:
        return sizeof(int64_t);
    case NL_TENSOR_UINT32:
        return sizeof(uint32_t);
    }
    NL_BUG("tensor type %d", type);
}
