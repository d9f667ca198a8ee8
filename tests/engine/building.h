/* What the networks of the tests are built with (networks.c, sequences.c). */
#ifndef TESTS_BUILDING_H
#define TESTS_BUILDING_H

#include <check.h>
#include <string.h>

#include "graph/graph.h"
#include "operation/activate.h"
#include "operation/add.h"
#include "operation/conv.h"
#include "operation/linear.h"
#include "operation/normalize.h"

/* An empty graph but for its input. */
static inline int begin(struct nl_graph *graph, int height, int width, int channels)
{
    nl_graph_begin(graph);
    return nl_graph_add_input(graph, "x", NL_TENSOR_REAL, (struct nl_extent){height, width, channels}, NL_NONE);
}

/* One of sequences of ids. */
static inline int begin_ids(struct nl_graph *graph, int positions, bool lengths)
{
    nl_graph_begin(graph);
    int of =
        lengths ? nl_graph_add_input(graph, "lengths", NL_TENSOR_INT32, (struct nl_extent){1, 1, 1}, NL_NONE) : NL_NONE;
    return nl_graph_add_input(graph, "x", NL_TENSOR_INT32, (struct nl_extent){1, positions, 1}, of);
}

static inline int add_node(struct nl_graph *graph, struct nl_new_node node)
{
    struct nl_error err;
    int out = nl_graph_add(graph, &node, &err);
    ck_assert_msg(out != NL_NONE, "%s", err.text);
    return out;
}

static inline int add(struct nl_graph *graph, const struct nl_operation *operation, const void *arguments,
                      const char *name, int inputs, const int *in, unsigned without)
{
    struct nl_new_node node = {
        .operation = operation, .arguments = arguments, .name = name, .inputs = inputs, .without = without};
    memcpy(node.in, in, (size_t)inputs * sizeof *in);
    return add_node(graph, node);
}

enum { WITHOUT_BIAS = 1u << 2 };

static inline int linear(struct nl_graph *graph, int x, int out, const char *name, unsigned without)
{
    return add(graph, &nl_linear_operation, &(struct nl_linear){.out = out}, name, 1, (int[]){x}, without);
}

static inline int conv(struct nl_graph *graph, int x, int out, int kernel, const char *name)
{
    return add(graph, &nl_conv_operation,
               &(struct nl_conv){.out = out, .kernel = kernel, .stride = 1, .algorithm = NL_CONV_DIRECT}, name, 1,
               (int[]){x}, 0);
}

static inline int activate(struct nl_graph *graph, int x, enum nl_activation kind, const char *name)
{
    return add(graph, &nl_activate_operation, &(struct nl_activate){.kind = kind}, name, 1, (int[]){x}, 0);
}

static inline int sum(struct nl_graph *graph, int a, int b, const char *name)
{
    return add(graph, &nl_add_operation, &(struct nl_add){.stride = 1}, name, 2, (int[]){a, b}, 0);
}

static inline int normalize(struct nl_graph *graph, const struct nl_norm *norm, int x, const char *name)
{
    struct nl_normalize n = {.norm = norm, .setup = {.groups = 1}, .affine_count = graph->value[x].extent.channels};
    return add(graph, &nl_normalize_operation, &n, name, 1, (int[]){x}, 0);
}

/* The value in a slot of the node that makes `value`. */
static inline int taken(const struct nl_graph *graph, int value, int slot)
{
    return graph->node[graph->value[value].producer].in[slot];
}

/* sequences.c */
void network_attention(struct nl_graph *graph);
void network_language_model(struct nl_graph *graph);
void network_bigram(struct nl_graph *graph);
void network_encoder(struct nl_graph *graph);
void network_regression(struct nl_graph *graph);
void network_pooled(struct nl_graph *graph);
void network_counted(struct nl_graph *graph);
void network_last(struct nl_graph *graph);

#endif
