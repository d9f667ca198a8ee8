#include "networks.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "building.h"
#include "graph/loop.h"
#include "normalizers.h"
#include "operation/bias.h"
#include "operation/concat.h"
#include "operation/cross_iteration.h"
#include "operation/drop_path.h"
#include "operation/dropout.h"
#include "operation/embedding.h"
#include "operation/excite.h"
#include "operation/gru_cell.h"
#include "operation/layer_scale.h"
#include "operation/lstm_cell.h"
#include "operation/mean_pool.h"
#include "operation/normalizer.h"
#include "operation/parametrize.h"
#include "operation/scalars.h"
#include "operation/standardize.h"
#include "operation/upsample.h"
#include "operation/whitening.h"
#include "operation/zero.h"
#include "operations.h"

/* ---- networks ---- */

static struct nl_error err;

static int slice(struct nl_graph *graph, int x, int first, int count, const char *name)
{
    return add(graph, &slice_operation, &(struct slice){.first = first, .count = count}, name, 1, (int[]){x}, 0);
}

/* The embedding is the head. */
static void tied_head(struct nl_graph *graph)
{
    int embedded = linear(graph, begin(graph, 1, 1, CLASSES), 6, "embedding", WITHOUT_BIAS);
    int hidden = activate(graph, linear(graph, embedded, 6, "fc", 0), NL_TANH, "act");
    nl_graph_end(graph, add(graph, &tied_operation, &(struct tied){.out = CLASSES}, "head", 2,
                            (int[]){hidden, taken(graph, embedded, 1)}, 0));
}

static int parametrized(struct nl_graph *graph, const struct nl_weight_norm *norm, int kernel, int in, int out,
                        const char *name)
{
    return add(graph, &nl_parametrize_operation,
               &(struct nl_parametrize){.norm = norm, .kernel = kernel, .in = in, .out = out}, name, 0, (int[]){0}, 0);
}

/* A layer with each, the first a convolution. */
static void weight_normed(struct nl_graph *graph)
{
    static const struct nl_weight_norm *const norms[] = {&nl_weight_norm_wn, &nl_weight_norm_sws, &nl_weight_norm_cwn};
    int x = begin(graph, 2, 2, 2), w = parametrized(graph, &nl_weight_norm_ws, 3, 2, 3, "conv.weight");
    x = add(graph, &nl_conv_operation, &(struct nl_conv){.out = 3, .kernel = 3, .stride = 1}, "conv", 2, (int[]){x, w},
            0);
    x = activate(graph, x, NL_TANH, "act");
    for (int i = 0, in = 12; i < 3; i++, in = 6) {
        char name[16];
        snprintf(name, sizeof name, "fc%d.weight", i + 1);
        w = parametrized(graph, norms[i], 0, in, 6, name);
        name[3] = '\0';
        x = add(graph, &nl_linear_operation, &(struct nl_linear){.out = 6}, name, 2, (int[]){x, w}, 0);
        x = activate(graph, x, NL_TANH, name);
    }
    nl_graph_end(graph, linear(graph, x, CLASSES, "head", 0));
}

/* A layer whose weight is normalized, with gain and bias set from the first batch. */
static int initialized_layer(struct nl_graph *graph, int x, int in, int out, int number)
{
    char name[16];
    snprintf(name, sizeof name, "wn%d", number);
    int w = parametrized(graph, &nl_weight_norm_wn, 0, in, out, name), gain = taken(graph, w, 1);
    snprintf(name, sizeof name, "fc%d", number);
    int y = add(graph, &nl_linear_operation, &(struct nl_linear){.out = out}, name, 2, (int[]){x, w}, 0),
        bias = taken(graph, y, 2);
    snprintf(name, sizeof name, "first%d", number);
    return add(graph, &nl_standardize_operation, &(struct nl_standardize){0}, name, 3, (int[]){y, gain, bias}, 0);
}

static void initialized(struct nl_graph *graph)
{
    int hidden = initialized_layer(graph, begin(graph, 1, 1, 5), 5, 6, 1);
    hidden = initialized_layer(graph, activate(graph, hidden, NL_TANH, "act"), 6, 4, 2);
    nl_graph_end(graph, linear(graph, hidden, CLASSES, "head", 0));
}

static int whiten(struct nl_graph *graph, const struct nl_norm *norm, enum nl_whitening_kind axes, int groups, int x,
                  const char *name)
{
    struct nl_whitening whitening = {.set = {.norm = norm, .groups = groups, .whitening = axes, .iterations = 4}};
    return add(graph, &nl_whitening_operation, &whitening, name, 1, (int[]){x}, 0);
}

static void whitened(struct nl_graph *graph)
{
    int a = whiten(graph, &nl_norm_dbn, NL_WHITEN_ZCA, 1, conv(graph, begin(graph, 2, 2, 2), 3, 3, "conv1"), "norm1");
    int b = whiten(graph, &nl_norm_dbn, NL_WHITEN_PCA, 2,
                   conv(graph, activate(graph, a, NL_TANH, "act1"), 4, 1, "conv2"), "norm2");
    int c = whiten(graph, &nl_norm_iternorm, NL_WHITEN_ZCA, 1,
                   conv(graph, activate(graph, b, NL_TANH, "act2"), 3, 1, "conv3"), "norm3");
    nl_graph_end(graph, linear(graph, activate(graph, c, NL_GELU, "act3"), CLASSES, "head", 0));
}

/* Two shortcuts open at once, three inputs in one, dropout inside. */
static void concatenate(struct nl_graph *graph, int size, int width)
{
    int a = activate(graph, conv(graph, begin(graph, size, size, width), width, 3, "conv1"), NL_RELU, "act1");
    int b = normalize(graph, &nl_norm_bn, conv(graph, a, width, 3, "conv2"), "norm2");
    int c = add(graph, &nl_dropout_operation, &(struct nl_dropout){0}, "drop", 1,
                (int[]){activate(graph, b, NL_GELU, "act2")}, 0);
    int d = sum(graph, conv(graph, c, width, 3, "conv3"), a, "add1"),
        e = sum(graph, normalize(graph, &nl_norm_gn, d, "norm3"), b, "add2");
    int all = add(graph, &nl_concat_operation, NULL, "concat", 3, (int[]){a, e, c}, 0);
    int pooled = add(graph, &nl_mean_pool_operation, &(struct nl_mean_pool){0}, "pool", 1,
                     (int[]){conv(graph, all, width, 3, "conv4")}, 0);
    nl_graph_end(graph, linear(graph, pooled, CLASSES, "head", 0));
}

static void concatenated(struct nl_graph *graph)
{
    concatenate(graph, 4, 3);
}

/* Wide enough for kernels that take micro-batches; too many parameters for differences. */
static void concatenated_wide(struct nl_graph *graph)
{
    concatenate(graph, 8, 16);
}

/* Normalizers that are a descriptor and no kernel (normalizers.h), one after the other. Without corrections the first
 * is batch normalization, whose loss does not depend on the running statistics that a call leaves behind: only so can
 * differences judge it here. */
static void normalized_anew(struct nl_graph *graph)
{
    int a = activate(graph, normalize(graph, &corrected, conv(graph, begin(graph, 3, 3, 2), 4, 3, "conv1"), "norm1"),
                     NL_TANH, "act1");
    int b = activate(graph, normalize(graph, &mad, conv(graph, a, 4, 3, "conv2"), "norm2"), NL_GELU, "act2");
    int pooled = add(graph, &nl_mean_pool_operation, &(struct nl_mean_pool){0}, "pool", 1, (int[]){b}, 0);
    nl_graph_end(graph, linear(graph, pooled, CLASSES, "head", 0));
}

/* With the statistics of three batches, and what the weight of the layer in front has changed since. What they are
 * derived by are states, and 0 here: so differences can judge it. */
static int normalize_by_window(struct nl_graph *graph, int x, const char *name)
{
    int weight = taken(graph, x, NL_PRODUCT_WEIGHT);
    struct nl_cross_iteration window = {
        .normalize = {.norm = &nl_norm_cbn, .setup = {.groups = 1}, .affine_count = graph->value[x].extent.channels},
        .history = 3,
        .weights = graph->value[weight].count};
    return add(graph, &nl_cross_iteration_operation, &window, name, NL_CROSS_ITERATION_SLOTS,
               (int[]){x, NL_NONE, NL_NONE, NL_NONE, NL_NONE, taken(graph, x, NL_PRODUCT_X), weight}, 0);
}

static void normalized_by_window(struct nl_graph *graph)
{
    int a = activate(graph, normalize_by_window(graph, conv(graph, begin(graph, 3, 3, 2), 4, 3, "conv1"), "norm1"),
                     NL_TANH, "act1");
    int b = add(graph, &nl_depthwise_conv_operation, &(struct nl_conv){.kernel = 3, .stride = 1}, "conv2", 1,
                (int[]){a}, 0);
    int c = activate(graph, normalize_by_window(graph, b, "norm2"), NL_GELU, "act2");
    int pooled = add(graph, &nl_mean_pool_operation, &(struct nl_mean_pool){0}, "pool", 1, (int[]){c}, 0);
    int d = activate(graph, normalize_by_window(graph, linear(graph, pooled, 6, "fc", 0), "norm3"), NL_TANH, "act3");
    nl_graph_end(graph, linear(graph, d, CLASSES, "head", 0));
}

/* A convolution of even size, a dilated one, maps that grow again, a factor for each channel of a sample, and a branch
 * that a sample may leave out. */
static void branched(struct nl_graph *graph)
{
    struct nl_conv even = {.out = 4, .kernel = 2, .stride = 2, .pads = true},
                   dilated = {.out = 4, .kernel = 3, .stride = 1, .dilation = 2},
                   depthwise = {.kernel = 4, .stride = 1, .pads = true, .pad = 2};
    int a = add(graph, &nl_conv_operation, &even, "conv1", 1, (int[]){begin(graph, 4, 6, 2)}, 0);
    int b = add(graph, &nl_conv_operation, &dilated, "conv2", 1, (int[]){activate(graph, a, NL_TANH, "act1")}, 0);
    int c = add(graph, &nl_layer_scale_operation, NULL, "scale", 1, (int[]){b}, 0);
    int d = sum(graph, add(graph, &nl_drop_path_operation, &(struct nl_drop_path){.p = 0.4}, "drop", 1, (int[]){c}, 0),
                a, "add");
    int means = add(graph, &nl_mean_pool_operation, &(struct nl_mean_pool){0}, "means", 1, (int[]){d}, 0);
    d = add(graph, &nl_excite_operation, NULL, "excite", 2, (int[]){d, linear(graph, means, 4, "fc", 0)}, 0);
    int e = add(graph, &nl_upsample_operation, NULL, "up", 1, (int[]){activate(graph, d, NL_GELU, "act2")}, 0);
    int f = add(graph, &nl_depthwise_conv_operation, &depthwise, "conv3", 1, (int[]){e}, 0);
    int pooled = add(graph, &nl_mean_pool_operation, &(struct nl_mean_pool){0}, "pool", 1,
                     (int[]){activate(graph, f, NL_TANH, "act3")}, 0);
    nl_graph_end(graph, linear(graph, pooled, CLASSES, "head", 0));
}

/* Branches with learned scalars: the first takes what goes around it as well, the second stands after a constant. */
static void scaled(struct nl_graph *graph)
{
    enum { NO_WEIGHT = 1u << NL_SCALARS_WEIGHT, NO_BIAS = 1u << NL_SCALARS_BIAS };
    const struct nl_scalars one = {.factor = 1}, half = {.factor = 0.5};
    int a = activate(graph, conv(graph, begin(graph, 3, 3, 2), 4, 3, "conv1"), NL_TANH, "act1");
    int b = add(graph, &nl_scalars_operation, &one, "scale1", 1, (int[]){a}, 0);
    int c = sum(graph, conv(graph, b, 4, 3, "conv2"),
                add(graph, &nl_scalars_operation, &half, "half", 1, (int[]){a}, NO_WEIGHT | NO_BIAS), "add1");
    int d = add(graph, &nl_scalars_operation, &half, "scale2", 1, (int[]){conv(graph, c, 4, 3, "conv3")}, NO_BIAS);
    int e = sum(graph, d, add(graph, &nl_scalars_operation, &one, "shift", 1, (int[]){c}, NO_WEIGHT), "add2");
    int pooled = add(graph, &nl_mean_pool_operation, &(struct nl_mean_pool){0}, "pool", 1,
                     (int[]){activate(graph, e, NL_GELU, "act2")}, 0);
    nl_graph_end(graph, linear(graph, pooled, CLASSES, "head", 0));
}

/* A shortcut leaves behind the ReLU of a linear layer. */
static void residual_mlp(struct nl_graph *graph)
{
    int a = activate(graph, linear(graph, begin(graph, 1, 1, 5), 6, "fc1", 0), NL_RELU, "act1");
    int b = activate(graph, linear(graph, a, 6, "fc2", 0), NL_RELU, "act2");
    int c = activate(graph, linear(graph, b, 6, "fc3", 0), NL_RELU, "act3");
    nl_graph_end(graph, linear(graph, sum(graph, c, a, "add"), CLASSES, "head", 0));
}

/* ---- recurrent networks ---- */

static int taken_sequence(struct nl_graph *graph, int sequence, const char *name)
{
    int x = nl_loop_take(graph, sequence, name, &err);
    ck_assert_msg(x != NL_NONE, "%s", err.text);
    return x;
}

static int carried(struct nl_graph *graph, int first, const char *name)
{
    int state = nl_loop_carry(graph, first, name, &err);
    ck_assert_msg(state != NL_NONE, "%s", err.text);
    return state;
}

static void pass(struct nl_graph *graph, int before, int after)
{
    ck_assert_msg(nl_loop_pass(graph, before, after, &err) == NL_OK, "%s", err.text);
}

static void end(struct nl_graph *graph)
{
    ck_assert_msg(nl_loop_end(graph, &err) == NL_OK, "%s", err.text);
}

static int collected(struct nl_graph *graph, int value, const char *name)
{
    return nl_loop_collect(graph, value, name, &err);
}

static int last(struct nl_graph *graph, int before, const char *name)
{
    return nl_loop_last(graph, before, name, &err);
}

/* The parameters that all steps share; the first step makes them. */
struct shared {
    bool made;
    int x, x_bias, h, gamma, beta;
};

static int gates(struct nl_graph *graph, const struct lstm *lstm, int x, int h, struct shared *p)
{
    struct nl_linear map = {.out = 4 * WIDTH};
    struct nl_normalize norm = {.norm = lstm->norm, .setup = {.groups = 1}, .affine_count = 4 * WIDTH};
    int of_x = add(graph, &nl_linear_operation, &map, "x", p->made ? 3 : 1, (int[]){x, p->x, p->x_bias}, 0);
    int of_h = add(graph, &nl_linear_operation, &map, "h", p->made ? 2 : 1, (int[]){h, p->h}, WITHOUT_BIAS);
    int y = add_node(graph, (struct nl_new_node){.operation = &nl_normalize_operation,
                                                 .arguments = &norm,
                                                 .name = "norm",
                                                 .in = {sum(graph, of_x, of_h, "gates"), p->gamma, p->beta},
                                                 .inputs = p->made ? 3 : 1,
                                                 .statistics = lstm->unrolled ? 0 : lstm->statistics});
    *p = (struct shared){true,
                         taken(graph, of_x, 1),
                         taken(graph, of_x, 2),
                         taken(graph, of_h, 1),
                         taken(graph, y, 1),
                         taken(graph, y, 2)};
    return y;
}

/* A step: h and c become those after it. */
static void lstm_step(struct nl_graph *graph, const struct lstm *lstm, int x, int *h, int *c, struct shared *p)
{
    int y = gates(graph, lstm, x, *h, p);
    *h = add(graph, &cell_operation, &(struct cell){0}, "cell", 2, (int[]){y, *c}, 0);
    *c = graph->node[graph->value[*h].producer].out[1];
    if (lstm->dropout)
        *h = add(graph, &nl_dropout_operation, &(struct nl_dropout){0}, "drop", 1, (int[]){*h}, 0);
}

/* What the head takes: h and c at the end, and h at position SEEN. */
enum { SEEN = 2 };

static void lstm_unrolled(struct nl_graph *graph, const struct lstm *lstm, int out[3])
{
    struct shared p = {0};
    for (int step = 0; step < STEPS; step++) {
        int t = lstm->reverse ? STEPS - 1 - step : step;
        lstm_step(graph, lstm, slice(graph, nl_graph_input(graph, "x"), t, 1, "position"), &out[0], &out[1], &p);
        if (t == SEEN)
            out[2] = out[0];
    }
}

static void lstm_by_loop(struct nl_graph *graph, const struct lstm *lstm, int out[3])
{
    nl_loop_begin(graph, STEPS, lstm->reverse);
    int x = taken_sequence(graph, nl_graph_input(graph, "x"), "take"),
        before[2] = {carried(graph, out[0], "h"), carried(graph, out[1], "c")};
    int h = before[0], c = before[1];
    lstm_step(graph, lstm, x, &h, &c, &(struct shared){0});
    pass(graph, before[0], h);
    pass(graph, before[1], c);
    end(graph);
    out[0] = last(graph, before[0], "last h"), out[1] = last(graph, before[1], "last c");
    out[2] = slice(graph, collected(graph, h, "collect"), SEEN, 1, "seen");
}

void network_lstm(struct nl_graph *graph, const struct lstm *lstm)
{
    int input = begin(graph, 1, STEPS, 3);
    int out[3] = {linear(graph, input, WIDTH, "h0", 0), linear(graph, input, WIDTH, "c0", 0), NL_NONE};
    (lstm->unrolled ? lstm_unrolled : lstm_by_loop)(graph, lstm, out);
    nl_graph_end(graph,
                 linear(graph, add(graph, &nl_concat_operation, NULL, "states", 3, out, 0), CLASSES, "head", 0));
}

static void unrolled(struct nl_graph *graph)
{
    network_lstm(graph, &(struct lstm){.norm = &nl_norm_ln, .unrolled = true});
}

static void lstm_layer_norm(struct nl_graph *graph)
{
    network_lstm(graph, &(struct lstm){.norm = &nl_norm_ln});
}

static void lstm_batch_norm(struct nl_graph *graph)
{
    network_lstm(graph, &(struct lstm){.norm = &nl_norm_bn, .statistics = 3, .dropout = true});
}

static void lstm_reverse(struct nl_graph *graph)
{
    network_lstm(graph, &(struct lstm){.norm = &nl_norm_bn, .reverse = true});
}

/* h = tanh(u + w [h, h, u]), of which dropout leaves a part outside; u knows nothing of h. *end: the last h. Returns
 * the sequence of what is left. */
static int elman(struct nl_graph *graph, int sequence, int first, int w, bool reverse, int *end_state)
{
    const char *u_name = reverse ? "u_reverse" : "u", *w_name = reverse ? "w_reverse" : "w";
    nl_loop_begin(graph, nl_positions(graph->value[sequence].extent), reverse);
    int x = taken_sequence(graph, sequence, "take"), h = carried(graph, first, "h");
    int u = activate(graph,
                     add(graph, &nl_linear_operation, &(struct nl_linear){.out = WIDTH}, u_name, 2, (int[]){x, w}, 0),
                     NL_GELU, "act");
    int twice = add(graph, &nl_concat_operation, NULL, "twice", 3, (int[]){h, h, u}, 0);
    int after = activate(graph, sum(graph, u, linear(graph, twice, WIDTH, w_name, 0), "sum"), NL_TANH, "tanh");
    int left = add(graph, &nl_dropout_operation, &(struct nl_dropout){0}, "drop", 1, (int[]){after}, 0);
    pass(graph, h, after);
    end(graph);
    *end_state = last(graph, h, "last");
    return collected(graph, left, "collect");
}

/* Both directions with the same computed weight, and a second layer: it begins where the first one ends, one state goes
 * to the other, another knows nothing of the times before, and a weight is taken in each step by two operations, of
 * which one wants it turned. */
static void bidirectional(struct nl_graph *graph)
{
    int input = begin(graph, 1, STEPS, 3);
    int w = parametrized(graph, &nl_weight_norm_wn, 0, 3, WIDTH, "wn"), y[3],
        ends[2];
    int zero = add(graph, &nl_zero_operation, &(struct nl_zero){.channels = WIDTH}, "zero", 0, (int[]){0}, 0);
    y[0] = elman(graph, input, zero, w, false, &ends[0]);
    y[1] = elman(graph, input, ends[0], w, true, &ends[1]);
    y[2] = input;
    int both = add(graph, &nl_concat_operation, NULL, "both", 3, y, 0);
    nl_loop_begin(graph, STEPS, false);
    int x = taken_sequence(graph, both, "take"), a = carried(graph, ends[1], "a"), b = carried(graph, zero, "b"),
        unread = carried(graph, ends[0], "unread"), d = carried(graph, zero, "d");
    int down = linear(graph, x, WIDTH, "down", 0);
    int back = add(graph, &tied_operation, &(struct tied){.out = 2 * WIDTH + 3}, "tied", 2,
                   (int[]){a, taken(graph, down, 1)}, 0);
    int next = activate(graph, sum(graph, down, linear(graph, back, WIDTH, "up", 0), "sum"), NL_TANH, "tanh");
    int other = sum(graph, linear(graph, next, WIDTH, "other", 0), a, "shift");
    int out = sum(graph, other, sum(graph, b, d, "b and d"), "out");
    pass(graph, a, next);
    pass(graph, b, other);
    pass(graph, unread, down);
    pass(graph, d, activate(graph, other, NL_TANH, "tanh of other"));
    end(graph);
    int pooled = add(graph, &nl_mean_pool_operation, &(struct nl_mean_pool){0}, "pool", 1,
                     (int[]){collected(graph, out, "collect")}, 0);
    int ended = sum(graph, last(graph, unread, "last unread"), last(graph, d, "last d"), "ended");
    nl_graph_end(graph, linear(graph, sum(graph, pooled, ended, "end"), CLASSES, "head", 0));
}

/* A sequence of one position. */
static void one_time(struct nl_graph *graph)
{
    int input = begin(graph, 1, 1, 3);
    int first = linear(graph, input, WIDTH, "first", 0), fc = linear(graph, input, WIDTH, "fc", 0), end_state;
    int y = elman(graph, input, first, taken(graph, fc, 1), false, &end_state);
    nl_graph_end(graph, linear(graph, sum(graph, sum(graph, y, fc, "with fc"), end_state, "sum"), CLASSES, "head", 0));
}

/* Convolutions before a loop over the first row; the state is what stands before a ReLU. */
static void row_by_row(struct nl_graph *graph)
{
    enum { SIZE = 8, CHANNELS = 16 };
    int input = begin(graph, SIZE, SIZE, CHANNELS);
    int a = activate(graph, normalize(graph, &nl_norm_bn, conv(graph, input, CHANNELS, 3, "conv1"), "norm1"), NL_RELU,
                     "act1");
    int row = slice(graph, conv(graph, a, CHANNELS, 3, "conv2"), 0, SIZE, "row");
    int h0 = linear(graph, row, CHANNELS, "h0", 0);
    nl_loop_begin(graph, SIZE, false);
    int x = taken_sequence(graph, row, "take"), h = carried(graph, h0, "h");
    int gate = sum(graph, linear(graph, x, CHANNELS, "x", 0), linear(graph, h, CHANNELS, "w", WITHOUT_BIAS), "sum");
    int next = normalize(graph, &nl_norm_ln, gate, "norm"), y = activate(graph, next, NL_RELU, "act");
    pass(graph, h, next);
    end(graph);
    int pooled = add(graph, &nl_mean_pool_operation, &(struct nl_mean_pool){0}, "pool", 1,
                     (int[]){collected(graph, y, "collect")}, 0);
    nl_graph_end(graph, linear(graph, sum(graph, pooled, last(graph, h, "last"), "end"), CLASSES, "head", 0));
}

/* An LSTM whose cell is normalized, then a GRU in the other direction, of which the first is kept as well, both with a
 * bias after the normalizer. */
static void cells(struct nl_graph *graph)
{
    int input = begin(graph, 1, STEPS, 3), y[2];
    int zero = add(graph, &nl_zero_operation, &(struct nl_zero){.channels = WIDTH}, "zero", 0, (int[]){0}, 0);
    nl_loop_begin(graph, STEPS, false);
    int x = taken_sequence(graph, input, "take"), before[2] = {carried(graph, zero, "h"), carried(graph, zero, "c")};
    int of_x = normalize(graph, &nl_norm_rms, linear(graph, x, 4 * WIDTH, "ih", WITHOUT_BIAS), "norm_ih");
    of_x = add(graph, &nl_bias_operation, NULL, "bias", 1, (int[]){of_x}, 0);
    int gates[] = {of_x, linear(graph, before[0], 4 * WIDTH, "hh", 0), before[1]};
    int cell =
        add(graph, &nl_lstm_cell_operation, &(struct nl_lstm_cell){.opens = true}, "cell", NL_LSTM_SLOTS, gates, 0);
    const struct nl_graph_node *node = &graph->node[graph->value[cell].producer];
    int c = node->out[NL_LSTM_AFTER], o = node->out[NL_LSTM_OUT];
    int h = add(graph, &nl_lstm_output_operation, NULL, "out", 2,
                (int[]){o, normalize(graph, &nl_norm_ln, c, "norm_c")}, 0);
    pass(graph, before[0], h);
    pass(graph, before[1], c);
    end(graph);
    y[0] = collected(graph, h, "collect");
    nl_loop_begin(graph, STEPS, true);
    int at = taken_sequence(graph, y[0], "take"), state = carried(graph, last(graph, before[1], "last c"), "state");
    int of_at =
        add(graph, &nl_bias_operation, NULL, "bias2", 1, (int[]){linear(graph, at, 3 * WIDTH, "ih2", WITHOUT_BIAS)}, 0);
    int gru = add(graph, &nl_gru_cell_operation, NULL, "gru", NL_GRU_SLOTS,
                  (int[]){of_at, linear(graph, state, 3 * WIDTH, "hh2", 0), state}, 0);
    pass(graph, state, graph->node[graph->value[gru].producer].out[NL_GRU_AFTER]);
    end(graph);
    y[1] = collected(graph, graph->node[graph->value[gru].producer].out[NL_GRU_AFTER], "collect2");
    int both = add(graph, &nl_concat_operation, NULL, "both", 2, y, 0);
    nl_graph_end(graph, linear(graph, both, CLASSES, "head", 0));
}

/* The LSTM of the program, whose output gate needs no normalizer. */
static void plain_lstm(struct nl_graph *graph)
{
    int input = begin(graph, 1, STEPS, 3);
    int zero = add(graph, &nl_zero_operation, &(struct nl_zero){.channels = WIDTH}, "zero", 0, (int[]){0}, 0);
    nl_loop_begin(graph, STEPS, false);
    int x = taken_sequence(graph, input, "take"), before[2] = {carried(graph, zero, "h"), carried(graph, zero, "c")};
    int gates[] = {linear(graph, x, 4 * WIDTH, "ih", 0), linear(graph, before[0], 4 * WIDTH, "hh", 0), before[1]};
    int cell = add(graph, &nl_lstm_cell_operation, NULL, "cell", NL_LSTM_SLOTS, gates, 0);
    const struct nl_graph_node *node = &graph->node[graph->value[cell].producer];
    int after[2] = {node->out[NL_LSTM_OUT], node->out[NL_LSTM_AFTER]};
    pass(graph, before[0], after[0]);
    pass(graph, before[1], after[1]);
    end(graph);
    nl_graph_end(graph, linear(graph, last(graph, before[0], "last h"), CLASSES, "head", 0));
}

/* Sequences of different lengths, read in both directions, with the statistics of those that have not ended; the last
 * states count as well. */
static void padded(struct nl_graph *graph)
{
    int sequence = begin_ids(graph, STEPS, true), h[2], y[2], ends[2];
    int x = add(graph, &nl_embedding_operation, &(struct nl_embedding){.vocabulary = 5, .channels = WIDTH}, "embedding",
                1, (int[]){sequence}, 0);
    int zero = add(graph, &nl_zero_operation, &(struct nl_zero){.channels = WIDTH}, "zero", 0, (int[]){0}, 0);
    for (int way = 0; way < 2; way++) {
        nl_loop_begin(graph, STEPS, way == 1);
        int at = taken_sequence(graph, x, "take");
        h[way] = carried(graph, way == 1 ? ends[0] : zero, "h");
        int gate = sum(graph, at, linear(graph, h[way], WIDTH, way == 1 ? "reverse" : "w", 0), "sum");
        int next =
            activate(graph, normalize(graph, &nl_norm_bn, gate, way == 1 ? "reverse norm" : "norm"), NL_TANH, "tanh");
        pass(graph, h[way], next);
        end(graph);
        y[way] = collected(graph, next, "collect");
        ends[way] = last(graph, h[way], "last");
    }
    struct nl_conv head = {.out = 5, .kernel = 1, .stride = 1, .algorithm = NL_CONV_DIRECT};
    nl_graph_end(graph, add(graph, &nl_conv_operation, &head, "head", 1, (int[]){sum(graph, y[0], y[1], "both")}, 0));
}

void network_ids(struct nl_graph *graph, bool inside)
{
    struct nl_embedding table = {.vocabulary = 5, .channels = WIDTH};
    int sequence = begin_ids(graph, STEPS, false);
    int zero = add(graph, &nl_zero_operation, &(struct nl_zero){.channels = WIDTH}, "zero", 0, (int[]){0}, 0);
    if (!inside)
        sequence = add(graph, &nl_embedding_operation, &table, "embedding", 1, (int[]){sequence}, 0);
    nl_loop_begin(graph, STEPS, false);
    int x = taken_sequence(graph, sequence, "take"), h = carried(graph, zero, "h");
    if (inside)
        x = add(graph, &nl_embedding_operation, &table, "embedding", 1, (int[]){x}, 0);
    int next = activate(graph, sum(graph, x, linear(graph, h, WIDTH, "w", 0), "sum"), NL_TANH, "tanh");
    pass(graph, h, next);
    end(graph);
    struct nl_conv head = {.out = 5, .kernel = 1, .stride = 1, .algorithm = NL_CONV_DIRECT};
    nl_graph_end(graph,
                 add(graph, &nl_conv_operation, &head, "head", 1, (int[]){collected(graph, next, "collect")}, 0));
}

/* A normalizer that is an operation of its own. */
static int normalize_by_own(struct nl_graph *graph, const struct nl_norm *norm, int x, const char *name)
{
    struct nl_norm_settings *arguments = nl_alloc(1, norm->operation->arguments);
    *arguments = (struct nl_norm_settings){.norm = norm,
                                           .eps = {true, 0.1},
                                           .tlu = true,
                                           .share = 0.5,
                                           .lrn = {.size = 4, .alpha = 2, .beta = 0.75, .k = 1}};
    int out = add(graph, norm->operation, arguments, name, 1, (int[]){x}, 0);
    free(arguments);
    return out;
}

/* Normalizers of a sample, on images and after a linear layer. */
static void normalized_by_sample(struct nl_graph *graph)
{
    int input = begin(graph, 3, 2, 3);
    int a = normalize_by_own(graph, &nl_norm_frn, conv(graph, input, WIDTH, 3, "conv1"), "frn1");
    int b = normalize_by_own(graph, &nl_norm_prms, conv(graph, a, WIDTH, 3, "conv2"), "prms");
    int c = normalize_by_own(graph, &nl_norm_lrn, conv(graph, b, WIDTH, 1, "conv3"), "lrn");
    int pooled = add(graph, &nl_mean_pool_operation, &(struct nl_mean_pool){0}, "pool", 1, (int[]){c}, 0);
    int d = normalize_by_own(graph, &nl_norm_scalenorm, linear(graph, pooled, WIDTH, "fc1", 0), "scalenorm");
    int e = normalize_by_own(graph, &nl_norm_frn, linear(graph, d, WIDTH, "fc2", 0), "frn2");
    nl_graph_end(graph, linear(graph, e, CLASSES, "head", 0));
}

/* ---- all of them ---- */

const struct network networks[NETWORKS] = {{"lstm", lstm_layer_norm, 6, 0, false},
                                           {"lstm with bn", lstm_batch_norm, 6, 0, false},
                                           {"reverse lstm", lstm_reverse, 6, 0, false},
                                           {"bidirectional", bidirectional, 6, 0, false},
                                           {"cells", cells, 6, 0, false},
                                           {"plain lstm", plain_lstm, 6, 0, false},
                                           {"one time", one_time, 6, 0, false},
                                           {"attention", network_attention, 6, 0, false},
                                           {"tied", tied_head, 6, 0, false},
                                           {"weight norm", weight_normed, 6, 0, false},
                                           {"whitening", whitened, 6, 0, false},
                                           {"initialized", initialized, 6, 0, false},
                                           {"concat", concatenated, 6, 0, false},
                                           {"residual mlp", residual_mlp, 6, 0, false},
                                           {"normalizers", normalized_anew, 6, 0, false},
                                           {"window of batches", normalized_by_window, 6, 0, false},
                                           {"scaled", scaled, 6, 0, false},
                                           {"branched", branched, 6, 0, false},
                                           {"normalizers of a sample", normalized_by_sample, 6, 0, false},
                                           {"language", network_language_model, 8, 4, false},
                                           {"bigram", network_bigram, 6, 0, false},
                                           {"encoder", network_encoder, 6, 0, false},
                                           {"regression", network_regression, 6, 0, false},
                                           {"last", network_last, 6, 0, false},
                                           {"pooled", network_pooled, 6, 0, false},
                                           {"counted", network_counted, 6, 4, false},
                                           {"padded", padded, 6, 0, false},
                                           {"unrolled lstm", unrolled, 6, 0, false},
                                           {"wide concat", concatenated_wide, 40, 16, false},
                                           {"row by row", row_by_row, 64, 48, false}};
