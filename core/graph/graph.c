#include "graph/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static int add_value(struct nl_graph *graph, struct nl_value value)
{
    NL_GROW(graph->value, graph->values, graph->values_capacity);
    graph->value[graph->values] = value;
    return graph->values++;
}

static int add_tensor(struct nl_graph *graph, int node, const struct nl_tensor_spec *spec)
{
    NL_GROW(graph->tensor, graph->tensors, graph->tensors_capacity);
    struct nl_tensor *tensor = &graph->tensor[graph->tensors];
    *tensor = (struct nl_tensor){.spec = *spec, .node = node, .count = 1};
    snprintf(tensor->name, sizeof tensor->name, "%s.%s", graph->node[node].name, spec->name);
    for (int d = 0; d < spec->dims; d++)
        tensor->count *= spec->shape[d];
    return graph->tensors++;
}

void nl_graph_begin(struct nl_graph *graph, struct nl_extent input)
{
    *graph = (struct nl_graph){.logits = NL_NONE};
    graph->input = add_value(graph, (struct nl_value){.extent = input, .count = nl_elements(input), .producer = NL_NONE, .tensor = NL_NONE});
}

void nl_graph_release(struct nl_graph *graph)
{
    for (int i = 0; i < graph->nodes; i++)
        free(graph->node[i].arguments);
    free(graph->value);
    free(graph->node);
    free(graph->tensor);
    *graph = (struct nl_graph){0};
}

static void add_parameters(struct nl_graph *graph, int number, const struct nl_declaration *declaration, unsigned without)
{
    struct nl_graph_node *node = &graph->node[number];
    for (int i = 0; i < declaration->parameters; i++) {
        const struct nl_tensor_spec *spec = &declaration->parameter[i];
        if (node->in[spec->slot] != NL_NONE || (without & 1u << spec->slot))
            continue;
        int tensor = add_tensor(graph, number, spec);
        node->in[spec->slot] = add_value(
            graph, (struct nl_value){.kind = NL_PARAMETER, .count = graph->tensor[tensor].count, .producer = NL_NONE, .tensor = tensor});
    }
}

int nl_graph_add(struct nl_graph *graph, const struct nl_new_node *new, struct nl_error *err)
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
    struct nl_extent in[NL_MOST_SLOTS] = {{0}};
    for (int i = 0; i < NL_MOST_SLOTS; i++) {
        node->in[i] = i < new->inputs ? new->in[i] : NL_NONE;
        if (node->in[i] != NL_NONE)
            in[i] = graph->value[node->in[i]].extent;
    }
    struct nl_declaration declaration = {0};
    if (operation->declare(node->arguments, in, &declaration, err))
        return NL_NONE;
    add_parameters(graph, number, &declaration, new->without);
    for (int i = 0; i < declaration.states; i++)
        node->state[node->states++] = add_tensor(graph, number, &declaration.state[i]);
    enum nl_value_kind kind = operation->span == NL_SPAN_PARAMETERS ? NL_COMPUTED : NL_ACTIVATIONS;
    for (int i = 0; i < declaration.outputs; i++)
        node->out[node->outputs++] = add_value(graph, (struct nl_value){.kind = kind, .extent = declaration.output[i],
                                                                        .count = nl_elements(declaration.output[i]), .producer = number,
                                                                        .tensor = NL_NONE});
    return node->out[0];
}

/* Weights first, so that an optimizer's decay that spares everything else covers one range. */
void nl_graph_end(struct nl_graph *graph, int logits)
{
    size_t at = 0, states = 0;
    for (int others = 0; others < 2; others++) {
        for (int i = 0; i < graph->tensors; i++) {
            struct nl_tensor *tensor = &graph->tensor[i];
            if (!nl_is_parameter(tensor->spec.role) || (tensor->spec.role != NL_WEIGHT) != others)
                continue;
            tensor->offset = at;
            at += tensor->count;
        }
        if (!others)
            graph->weights = at;
    }
    for (int i = 0; i < graph->tensors; i++)
        if (!nl_is_parameter(graph->tensor[i].spec.role))
            graph->tensor[i].offset = states++;
    graph->count = at;
    graph->logits = logits;
}

struct nl_graph nl_graph_copy(const struct nl_graph *graph)
{
    struct nl_graph copy = *graph;
    copy.value = nl_alloc((size_t)graph->values, sizeof *copy.value);
    copy.node = nl_alloc((size_t)graph->nodes, sizeof *copy.node);
    copy.tensor = nl_alloc((size_t)graph->tensors, sizeof *copy.tensor);
    memcpy(copy.value, graph->value, (size_t)graph->values * sizeof *copy.value);
    memcpy(copy.node, graph->node, (size_t)graph->nodes * sizeof *copy.node);
    memcpy(copy.tensor, graph->tensor, (size_t)graph->tensors * sizeof *copy.tensor);
    for (int i = 0; i < copy.nodes; i++) {
        size_t bytes = graph->node[i].operation->arguments;
        copy.node[i].arguments = nl_alloc(1, bytes);
        memcpy(copy.node[i].arguments, graph->node[i].arguments, bytes);
    }
    return copy;
}

unsigned nl_filled_slots(const struct nl_graph_node *node)
{
    unsigned filled = 0;
    for (int i = 0; i < NL_MOST_SLOTS; i++)
        filled |= node->in[i] != NL_NONE ? 1u << i : 0;
    return filled;
}

int nl_first_consumer(const struct nl_graph *graph, int value)
{
    for (int i = 0; i < graph->nodes; i++)
        for (int slot = 0; slot < NL_MOST_SLOTS; slot++)
            if (graph->node[i].operation && graph->node[i].in[slot] == value)
                return i;
    return NL_NONE;
}

int nl_consumers(const struct nl_graph *graph, int value)
{
    int count = (value == graph->logits) + graph->value[value].observed;
    for (int i = 0; i < graph->nodes; i++)
        for (int slot = 0; slot < NL_MOST_SLOTS; slot++)
            count += graph->node[i].operation && graph->node[i].in[slot] == value;
    return count;
}

void nl_graph_find_learned(const struct nl_graph *graph, bool *learned)
{
    for (int i = 0; i < graph->values; i++)
        learned[i] = graph->value[i].kind == NL_PARAMETER;
    for (int i = 0; i < graph->nodes; i++) {
        const struct nl_graph_node *node = &graph->node[i];
        bool any = false;
        for (int slot = 0; slot < NL_MOST_SLOTS; slot++)
            any |= node->in[slot] != NL_NONE && learned[node->in[slot]];
        for (int out = 0; out < node->outputs; out++)
            learned[node->out[out]] = any;
    }
}

int nl_graph_check(const struct nl_graph *graph, const struct nl_backend *backend, struct nl_error *err)
{
    for (int i = 0; i < graph->nodes; i++)
        if (!nl_kernel_of(backend, graph->node[i].operation, graph->node[i].arguments))
            return nl_fail(err, "%s cannot compute '%s' (%s)", backend->name, graph->node[i].operation->name, graph->node[i].name);
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
        work += graph->node[i].operation->work(graph->node[i].arguments);
    return work;
}
