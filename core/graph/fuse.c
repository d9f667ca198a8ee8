/* Fusion: a table of patterns. Each is a node and the only node that takes its output; one that does both takes the
 * place of the second, where all that either needs is there. */
#include <stdlib.h>

#include "graph/program.h"
#include "operation/activate.h"
#include "operation/add.h"
#include "operation/cross_iteration.h"
#include "operation/linear.h"

static bool is(const struct nl_graph_node *node, const struct nl_operation *operation)
{
    return node->operation == operation;
}

/* Whether it is a normalizer by sets, whose arguments begin with "normalize"'s. */
static bool is_normalize(const struct nl_graph_node *node)
{
    return nl_normalize_of(node->operation, node->arguments) != NULL;
}

static bool is_activation(const struct nl_graph_node *node)
{
    return is(node, &nl_activate_operation);
}

static bool is_relu(const struct nl_graph_node *node)
{
    return is_activation(node) && ((const struct nl_activate *)node->arguments)->kind == NL_RELU;
}

/* A node and the only one that takes its output. */
struct pair {
    struct nl_graph *graph;
    const struct nl_backend *backend;
    bool trains;
    struct nl_graph_node *first, *second;
};

/* The first, with the output of the second, in its place. */
static void take_place(struct nl_graph_node *first, struct nl_graph_node *second)
{
    struct nl_graph_node both = *first;
    both.out[0] = second->out[0];
    *first = *second;
    *second = both;
    first->operation = NULL;
}

/* y = relu(normalize(x)), and y = relu(normalize(x) + residual) */
static bool normalize_relu(const struct pair *p)
{
    struct nl_normalize *normalize = p->first->arguments;
    if (!is_normalize(p->first) || normalize->relu || !is_relu(p->second))
        return false;
    normalize->relu = true;
    take_place(p->first, p->second);
    return true;
}

/* y = relu(a + b) */
static bool add_relu(const struct pair *p)
{
    struct nl_add *add = p->first->arguments;
    if (!is(p->first, &nl_add_operation) || add->relu || !is_relu(p->second))
        return false;
    add->relu = true;
    take_place(p->first, p->second);
    return true;
}

/* y = normalize(x) + residual: one pass over the activations instead of two. */
static bool normalize_add(const struct pair *p)
{
    enum { A, B, RESIDUAL = NL_NORMALIZE_RESIDUAL };
    struct nl_normalize *normalize = p->first->arguments;
    const struct nl_add *add = p->second->arguments;
    if (!is_normalize(p->first) || normalize->relu || p->first->in[RESIDUAL] != NL_NONE ||
        !is(p->second, &nl_add_operation) || p->second->in[A] != p->first->out[0] || !nl_add_is_identity(add))
        return false;
    normalize->relu = add->relu;
    p->first->in[RESIDUAL] = p->second->in[B];
    take_place(p->first, p->second);
    return true;
}

/* y = f(x w + b), whose mask or slope the linear layer that takes y puts on its gradient. */
static bool linear_activate(const struct pair *p)
{
    enum { X };
    struct nl_linear *linear = p->first->arguments;
    const struct nl_activate *activate = p->second->arguments;
    int y = p->second->out[0], third = nl_first_consumer(p->graph, y);
    if (!p->backend->fuses_activations || !is(p->first, &nl_linear_operation) || !is_activation(p->second) ||
        p->first->loop != NL_NONE || nl_consumers(p->graph, y) != 1 || third == NL_NONE)
        return false;
    struct nl_graph_node *taker = &p->graph->node[third];
    if (!is(taker, &nl_linear_operation) || taker->in[X] != y)
        return false;
    linear->relu = ((struct nl_linear *)taker->arguments)->masks = is_relu(p->second);
    linear->activates = !linear->relu;
    linear->activation = activate->kind;
    linear->gelu = activate->gelu;
    if (linear->activates && p->trains)
        taker->in[NL_LINEAR_SLOPE] = p->first->out[p->first->outputs++] =
            nl_graph_add_value(p->graph, p->graph->value[y]);
    take_place(p->first, p->second);
    return true;
}

typedef bool pattern(const struct pair *p);
static pattern *const patterns[] = {add_relu, normalize_add, normalize_relu, linear_activate};

/* Applies one pattern that the node begins. Returns where both stand then, or NL_NONE: it begins none. */
static int fuse_once(struct nl_graph *graph, const struct nl_backend *backend, bool trains, int number)
{
    struct nl_graph_node *node = &graph->node[number];
    int next = node->operation && node->outputs > 0 && nl_consumers(graph, node->out[0]) == 1
                   ? nl_first_consumer(graph, node->out[0])
                   : NL_NONE;
    if (next == NL_NONE)
        return NL_NONE;
    struct pair pair = {graph, backend, trains, node, &graph->node[next]};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (patterns[i](&pair))
            return next;
    return NL_NONE;
}

/* Last to first, so that a sum has its ReLU before a normalizer takes the sum. */
void nl_fuse(struct nl_graph *graph, const struct nl_backend *backend, bool trains)
{
    for (int i = graph->nodes - 1; i >= 0; i--)
        for (int at = i; at != NL_NONE;)
            at = fuse_once(graph, backend, trains, at);
    nl_graph_close_up(graph);
}
