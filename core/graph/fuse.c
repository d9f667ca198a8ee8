/* Fusion: a table of patterns. Each is a node and the only node that takes its output; one that does both takes the place of the second, where
 * all that either needs is there. */
#include <stdlib.h>

#include "graph/list.h"

static bool is(const struct nl_node *node, const struct nl_operation *operation)
{
    return node->operation == operation;
}

static bool is_relu(const struct nl_node *node)
{
    return is(node, &nl_activate_operation) && ((const struct nl_activate *)node->arguments)->kind == NL_RELU;
}

/* The first, with the output of the second, in its place. */
static void take_place(struct nl_node *first, struct nl_node *second)
{
    struct nl_node both = *first;
    both.out[0] = second->out[0];
    *first = *second;
    *second = both;
    first->operation = NULL;
}

/* y = relu(normalize(x)), and y = relu(normalize(x) + residual) */
static bool normalize_relu(struct nl_graph *graph, const struct nl_backend *backend, struct nl_node *first, struct nl_node *second)
{
    struct nl_normalize *normalize = first->arguments;
    (void)backend;
    if (!is(first, &nl_normalize_operation) || normalize->relu || !is_relu(second))
        return false;
    normalize->relu = true;
    take_place(first, second);
    return true;
}

/* y = relu(a + b) */
static bool add_relu(struct nl_graph *graph, const struct nl_backend *backend, struct nl_node *first, struct nl_node *second)
{
    struct nl_add *add = first->arguments;
    (void)backend;
    if (!is(first, &nl_add_operation) || add->relu || !is_relu(second))
        return false;
    add->relu = true;
    take_place(first, second);
    return true;
}

/* y = normalize(x) + residual: one pass over the activations instead of two. */
static bool normalize_add(struct nl_graph *graph, const struct nl_backend *backend, struct nl_node *first, struct nl_node *second)
{
    enum { A, B, RESIDUAL = 3 };
    struct nl_normalize *normalize = first->arguments;
    const struct nl_add *add = second->arguments;
    (void)backend;
    if (!is(first, &nl_normalize_operation) || normalize->relu || first->in[RESIDUAL] != NL_NONE || !is(second, &nl_add_operation) ||
        second->in[A] != first->out[0] || !nl_add_is_identity(add))
        return false;
    normalize->relu = add->relu;
    first->in[RESIDUAL] = second->in[B];
    take_place(first, second);
    return true;
}

/* y = relu(x w + b), whose mask the linear layer that takes y puts on its gradient. */
static bool linear_relu(struct nl_graph *graph, const struct nl_backend *backend, struct nl_node *first, struct nl_node *second)
{
    if (!backend->fuses_relu || !is(first, &nl_linear_operation) || !is_relu(second) || nl_consumers(graph, second->out[0]) != 1)
        return false;
    int third = nl_first_consumer(graph, second->out[0]);
    if (third == NL_NONE || !is(&graph->node[third], &nl_linear_operation) || graph->node[third].in[0] != second->out[0])
        return false;
    ((struct nl_linear *)first->arguments)->relu = true;
    ((struct nl_linear *)graph->node[third].arguments)->masks = true;
    take_place(first, second);
    return true;
}

typedef bool pattern(struct nl_graph *graph, const struct nl_backend *backend, struct nl_node *first, struct nl_node *second);
static pattern *const patterns[] = {add_relu, normalize_add, normalize_relu, linear_relu};

/* Applies one pattern that the node begins. Returns where both stand then, or NL_NONE: it begins none. */
static int fuse_once(struct nl_graph *graph, const struct nl_backend *backend, int i)
{
    struct nl_node *node = &graph->node[i];
    if (!node->operation || nl_consumers(graph, node->out[0]) != 1)
        return NL_NONE;
    int next = nl_first_consumer(graph, node->out[0]);
    for (size_t p = 0; next != NL_NONE && p < sizeof patterns / sizeof *patterns; p++)
        if (patterns[p](graph, backend, node, &graph->node[next]))
            return next;
    return NL_NONE;
}

/* Nodes that have become part of another go. */
static void close_up(struct nl_graph *graph)
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

/* Last to first, so that a sum has its ReLU before a normalizer takes the sum. */
void nl_fuse(struct nl_graph *graph, const struct nl_backend *backend)
{
    for (int i = graph->nodes - 1; i >= 0; i--)
        for (int at = i; at != NL_NONE;)
            at = fuse_once(graph, backend, at);
    close_up(graph);
}
