/* Networks of sequences: attention, embeddings, and what stands around them. */
#include "building.h"
#include "networks.h"
#include "operation/attention.h"
#include "operation/class_token.h"
#include "operation/embedding.h"
#include "operation/gate.h"
#include "operation/mean_pool.h"
#include "operation/positions.h"
#include "operation/split.h"
#include "operation/squared_error.h"
#include "operation/take.h"
#include "operations.h"

/* Two heads over positions that the sample's length leaves. */
void network_attention(struct nl_graph *graph)
{
    nl_graph_begin(graph);
    int lengths = nl_graph_add_input(graph, "lengths", NL_TENSOR_INT32, (struct nl_extent){1, 1, 1}, NL_NONE),
        x = nl_graph_add_input(graph, "x", NL_TENSOR_REAL, (struct nl_extent){1, 6, 5}, lengths);
    int q = conv(graph, x, 4, 1, "q"), k = conv(graph, x, 4, 1, "k"), v = conv(graph, x, 4, 1, "v");
    int y = add(graph, &nl_attention_operation, &(struct nl_attention){.heads = 2, .causal = true}, "attention", 3,
                (int[]){q, k, v}, 0);
    nl_graph_end(graph, linear(graph, sum(graph, y, q, "residual"), CLASSES, "head", 0));
}

/* A causal language model of one block: attention and a perceptron at each position, with LN at each position before
 * it, and the embedding as the head. */
void network_language(struct nl_graph *graph, const struct language *l)
{
    struct nl_embedding table = {.vocabulary = l->vocabulary, .channels = l->width};
    struct nl_normalize ln = {
        .norm = &nl_norm_ln, .setup = {.groups = 1, .over_position = true}, .affine_count = l->width};
    int x = add(graph, &nl_embedding_operation, &table, "embedding", 1,
                (int[]){begin_ids(graph, l->positions, l->lengths)}, 0);
    int q = conv(graph, x, l->width, 1, "q"), k = conv(graph, x, l->width, 1, "k"),
        v = conv(graph, x, l->width, 1, "v");
    int y = add(graph, &nl_attention_operation, &(struct nl_attention){.heads = l->heads, .causal = true}, "attention",
                3, (int[]){q, k, v}, 0);
    y = sum(graph, x, y, "add1");
    int hidden = add(graph, &nl_normalize_operation, &ln, "norm", 1, (int[]){y}, 0);
    hidden = activate(graph, conv(graph, hidden, l->hidden, 1, "fc1"), NL_GELU, "act");
    y = sum(graph, y, conv(graph, hidden, l->width, 1, "fc2"), "add2");
    struct nl_conv head = {.out = l->vocabulary, .kernel = 1, .stride = 1, .algorithm = NL_CONV_DIRECT};
    nl_graph_end(graph, add(graph, &nl_conv_operation, &head, "head", 2, (int[]){y, taken(graph, x, 1)}, WITHOUT_BIAS));
}

void network_language_model(struct nl_graph *graph)
{
    network_language(graph, &(struct language){
                                .vocabulary = 7, .width = 4, .heads = 2, .hidden = 6, .positions = 8, .lengths = true});
}

/* Of the next id, from this one and the one before: three nodes take the same weight. */
void network_bigram(struct nl_graph *graph)
{
    struct nl_embedding table = {.vocabulary = 5, .channels = 3};
    int ids = begin_ids(graph, 4, false);
    int last = add(graph, &nl_embedding_operation, &table, "embedding", 1, (int[]){ids}, 0);
    int before = add(graph, &before_operation, &(struct before){0}, "before", 1, (int[]){ids}, 0);
    before = add(graph, &nl_embedding_operation, &table, "embedding", 2, (int[]){before, taken(graph, last, 1)}, 0);
    int both = activate(graph, sum(graph, last, conv(graph, before, 3, 1, "fc"), "add"), NL_TANH, "act");
    struct nl_conv head = {.out = 5, .kernel = 1, .stride = 1, .algorithm = NL_CONV_DIRECT};
    nl_graph_end(graph,
                 add(graph, &nl_conv_operation, &head, "head", 2, (int[]){both, taken(graph, last, 1)}, WITHOUT_BIAS));
}

/* A layer of each position. */
static int each(struct nl_graph *graph, int x, int out, const char *name)
{
    return add(graph, &nl_linear_operation, &(struct nl_linear){.out = out, .by_position = true}, name, 1, (int[]){x},
               0);
}

/* An output of the node that makes `value`. */
static int other(const struct nl_graph *graph, int value, int output)
{
    return graph->node[graph->value[value].producer].out[output];
}

/* Classes of sequences of reals: a class token, both kinds of positions, rotary attention that drops weights, with
 * queries and keys that are normalized by head, and then one of 3 C channels; a gate. */
void network_encoder(struct nl_graph *graph)
{
    const struct nl_attention first = {.heads = 2, .rotary = true, .drops = true, .p = {true, 0.25}},
                              second = {.heads = 1};
    struct nl_normalize rms = {.norm = &nl_norm_rms, .setup = {.groups = 1, .over_position = true}, .affine_count = 2},
                        ln = rms;
    ln.norm = &nl_norm_ln, ln.affine_count = 4;
    int x = add(graph, &nl_positions_operation, &(struct nl_position_encoding){.sinusoidal = true}, "pe", 1,
                (int[]){begin(graph, 4, 1, 3)}, 0);
    x = add(graph, &nl_class_token_operation, NULL, "cls", 1, (int[]){each(graph, x, 4, "embedding")}, 0);
    x = add(graph, &nl_positions_operation, &(struct nl_position_encoding){0}, "wpe", 1, (int[]){x}, 0);
    x = add(graph, &nl_normalize_operation, &ln, "ln_1", 1, (int[]){x}, 0);
    int q = add(graph, &nl_split_operation, &(struct nl_split_channels){.parts = 3, .heads = 2}, "split", 1,
                (int[]){each(graph, x, 12, "qkv")}, 0);
    int k = other(graph, q, 1), v = other(graph, q, 2);
    q = add(graph, &nl_normalize_operation, &rms, "q_norm", 1, (int[]){q}, 0);
    k = add(graph, &nl_normalize_operation, &rms, "k_norm", 1, (int[]){k}, 0);
    x = sum(graph, x, add(graph, &nl_attention_operation, &first, "attn1", 3, (int[]){q, k, v}, 0), "add1");
    x = sum(graph, x,
            add(graph, &nl_attention_operation, &second, "attn2", 1, (int[]){each(graph, x, 12, "c_attn")}, 0), "add2");
    x = add(graph, &nl_normalize_operation, &ln, "ln_2", 1, (int[]){x}, 0);
    int hidden = add(graph, &nl_gate_operation, &(struct nl_gate){.kind = NL_SILU}, "gate", 1,
                     (int[]){each(graph, x, 6, "up")}, 0);
    x = sum(graph, x, each(graph, hidden, 4, "down"), "add3");
    nl_graph_end(graph,
                 linear(graph, add(graph, &nl_take_operation, NULL, "take", 1, (int[]){x}, 0), CLASSES, "head", 0));
}

/* An input of sequences of two reals that have lengths. */
static int begin_padded(struct nl_graph *graph)
{
    nl_graph_begin(graph);
    int lengths = nl_graph_add_input(graph, "lengths", NL_TENSOR_INT32, (struct nl_extent){1, 1, 1}, NL_NONE);
    return nl_graph_add_input(graph, "x", NL_TENSOR_REAL, (struct nl_extent){5, 1, 2}, lengths);
}

/* Two reals at each position. */
void network_regression(struct nl_graph *graph)
{
    int hidden = activate(graph, each(graph, begin_padded(graph), 6, "fc"), NL_SILU, "act");
    hidden = add(graph, &nl_attention_operation, &(struct nl_attention){.heads = 1}, "attn", 1, (int[]){hidden}, 0);
    int halves = add(graph, &nl_split_operation, &(struct nl_split_channels){.parts = 2}, "split", 1,
                     (int[]){each(graph, hidden, 4, "fc2")}, 0);
    nl_graph_end_with(graph, &nl_squared_error_operation, NULL, other(graph, halves, 1));
}

/* Classes of sequences that have lengths: a class token in front of them, and the mean over the positions that
 * count. */
void network_pooled(struct nl_graph *graph)
{
    struct nl_normalize ln = {.norm = &nl_norm_ln, .setup = {.groups = 1}, .affine_count = 3};
    int x = add(graph, &nl_class_token_operation, NULL, "cls", 1,
                (int[]){each(graph, begin_padded(graph), 3, "embedding")}, 0);
    x = add(graph, &nl_normalize_operation, &ln, "norm", 1, (int[]){x}, 0);
    x = sum(graph, x,
            add(graph, &nl_attention_operation, &(struct nl_attention){.heads = 1}, "attn", 1,
                (int[]){each(graph, x, 9, "c_attn")}, 0),
            "add");
    nl_graph_end(
        graph, linear(graph, add(graph, &nl_mean_pool_operation, NULL, "pool", 1, (int[]){x}, 0), CLASSES, "head", 0));
}

/* A normalizer of the positions that count, which takes some samples at a time. */
void network_counted(struct nl_graph *graph)
{
    struct nl_normalize ln = {.norm = &nl_norm_ln, .setup = {.groups = 1}, .affine_count = 4};
    int x = add(graph, &nl_class_token_operation, NULL, "cls", 1,
                (int[]){each(graph, begin_padded(graph), 4, "embedding")}, 0);
    x = activate(graph, add(graph, &nl_normalize_operation, &ln, "norm", 1, (int[]){x}, 0), NL_TANH, "act");
    nl_graph_end(
        graph, linear(graph, add(graph, &nl_mean_pool_operation, NULL, "pool", 1, (int[]){x}, 0), CLASSES, "head", 0));
}

/* One real a sample, from the last position that counts. */
void network_last(struct nl_graph *graph)
{
    int hidden = activate(graph, each(graph, begin_padded(graph), 4, "fc"), NL_TANH, "act");
    int end = add(graph, &nl_take_operation, &(struct nl_take){.last = true}, "take", 1, (int[]){hidden}, 0);
    nl_graph_end_with(graph, &nl_squared_error_operation, NULL, linear(graph, end, 1, "head", 0));
}
