/* The graph and its passes, on networks of operations that normlab has not (operations.h): gradients against finite differences,
 * the float reference against the double one, replicas against single ones, micro-batches against whole batches; and memory: what
 * an instruction reads is what was written for it. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/ref/complex.h"
#include "base/memory.h"
#include "base/random.h"
#include "config/diagnostics.h"
#include "golden.h"
#include "graph/list.h"
#include "operation/activate.h"
#include "operation/add.h"
#include "operation/conv.h"
#include "operation/cross_entropy.h"
#include "operation/dropout.h"
#include "operation/linear.h"
#include "operation/mean_pool.h"
#include "operation/normalize.h"
#include "operations.h"
#include "suite.h"
#include "train/checkpoint.h"
#include "training.h"

/* ---- the operations' descriptors ---- */

NL_DECLARE_REFERENCES(concat);
NL_DECLARE_REFERENCES(slice);
NL_DECLARE_REFERENCES(attention);
NL_DECLARE_REFERENCES(cell);
NL_DECLARE_REFERENCES(weight_norm);
NL_DECLARE_REFERENCES(tied);
NL_DECLARE_REFERENCES(whiten);
NL_DECLARE_REFERENCES(embedding);
NL_DECLARE_REFERENCES(before);

static int declare_concat(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct concat *concat = arguments;
    (void)err;
    concat->positions = nl_positions(in[0]);
    d->output[d->outputs++] = (struct nl_extent){in[0].height, in[0].width, 0};
    for (int i = 0; i < 3; i++)
        d->output[0].channels += concat->channels[i] = in[i].channels;
    return NL_OK;
}

static void bind_concat(void *arguments, const struct nl_operands *at)
{
    struct concat *concat = arguments;
    for (int i = 0; i < 3; i++)
        concat->x[i] = at->in[i], concat->dx[i] = at->d_in[i];
    concat->y = at->out[0], concat->dy = at->d_out[0];
}

static const struct nl_operation concat_operation = {.name = "concat",
                                                     .arguments = sizeof(struct concat),
                                                     .slots = 3,
                                                     .declare = declare_concat,
                                                     .bind = bind_concat,
                                                     .reference = NL_REFERENCES(concat)};

static int declare_slice(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct slice *slice = arguments;
    (void)err;
    slice->positions = nl_positions(in[0]), slice->channels = in[0].channels;
    d->output[d->outputs++] = (struct nl_extent){1, slice->count, in[0].channels};
    return NL_OK;
}

static void bind_slice(void *arguments, const struct nl_operands *at)
{
    struct slice *slice = arguments;
    slice->x = at->in[0], slice->y = at->out[0], slice->dy = at->d_out[0], slice->dx = at->d_in[0];
}

static const struct nl_operation slice_operation = {.name = "slice",
                                                    .arguments = sizeof(struct slice),
                                                    .slots = 1,
                                                    .declare = declare_slice,
                                                    .bind = bind_slice,
                                                    .reference = NL_REFERENCES(slice)};

static int declare_attention(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct attention *attention = arguments;
    (void)err;
    attention->positions = nl_positions(in[0]), attention->channels = in[0].channels;
    d->output[d->outputs++] = in[0];
    return NL_OK;
}

static void bind_attention(void *arguments, const struct nl_operands *at)
{
    struct attention *a = arguments;
    a->q = at->in[0], a->k = at->in[1], a->v = at->in[2], a->lengths = at->in[3];
    a->dq = at->d_in[0], a->dk = at->d_in[1], a->dv = at->d_in[2];
    a->y = at->out[0], a->dy = at->d_out[0];
}

static struct nl_reads reads_inputs(const void *arguments, unsigned filled)
{
    (void)arguments;
    return (struct nl_reads){.inputs = filled};
}

static const struct nl_operation attention_operation = {.name = "attention",
                                                        .arguments = sizeof(struct attention),
                                                        .slots = 4,
                                                        .takes_int32 = 1u << 3,
                                                        .lengths = 3,
                                                        .declare = declare_attention,
                                                        .bind = bind_attention,
                                                        .reads = reads_inputs,
                                                        .reference = NL_REFERENCES(attention)};

static int declare_embedding(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct embedding *embedding = arguments;
    (void)err;
    embedding->positions = nl_positions(in[0]);
    d->output[d->outputs++] = (struct nl_extent){in[0].height, in[0].width, embedding->channels};
    d->parameter[d->parameters++] =
        (struct nl_tensor_spec){.name = "weight",
                                .role = NL_WEIGHT,
                                .slot = 1,
                                .dims = 2,
                                .shape = {(size_t)embedding->vocabulary, (size_t)embedding->channels}};
    return NL_OK;
}

static void bind_embedding(void *arguments, const struct nl_operands *at)
{
    struct embedding *embedding = arguments;
    embedding->x = at->in[0], embedding->w = at->in[1], embedding->dw = at->d_in[1];
    embedding->y = at->out[0], embedding->dy = at->d_out[0];
}

static struct nl_reads reads_ids(const void *arguments, unsigned filled)
{
    (void)arguments, (void)filled;
    return (struct nl_reads){.inputs = 1};
}

static const struct nl_operation embedding_operation = {.name = "embedding",
                                                        .arguments = sizeof(struct embedding),
                                                        .slots = 2,
                                                        .takes_int32 = 1,
                                                        .declare = declare_embedding,
                                                        .bind = bind_embedding,
                                                        .reads = reads_ids,
                                                        .reference = NL_REFERENCES(embedding)};

static int declare_before(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct before *before = arguments;
    (void)err;
    before->positions = nl_positions(in[0]);
    d->output[d->outputs++] = in[0];
    return NL_OK;
}

static void bind_before(void *arguments, const struct nl_operands *at)
{
    struct before *before = arguments;
    before->x = at->in[0], before->y = at->out[0];
}

static const struct nl_operation before_operation = {.name = "before",
                                                     .arguments = sizeof(struct before),
                                                     .slots = 1,
                                                     .takes_int32 = 1,
                                                     .makes_int32 = 1,
                                                     .declare = declare_before,
                                                     .bind = bind_before,
                                                     .reference = NL_REFERENCES(before)};

static int declare_cell(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct cell *cell = arguments;
    (void)err;
    cell->width = in[1].channels;
    d->output[d->outputs++] = in[1];
    d->output[d->outputs++] = in[1];
    return NL_OK;
}

static void bind_cell(void *arguments, const struct nl_operands *at)
{
    struct cell *cell = arguments;
    cell->gates = at->in[0], cell->c = at->in[1], cell->dgates = at->d_in[0], cell->dc = at->d_in[1];
    cell->h = at->out[0], cell->next = at->out[1], cell->dh = at->d_out[0], cell->dnext = at->d_out[1];
}

static const struct nl_operation cell_operation = {.name = "cell",
                                                   .arguments = sizeof(struct cell),
                                                   .slots = 2,
                                                   .declare = declare_cell,
                                                   .bind = bind_cell,
                                                   .reads = reads_inputs,
                                                   .reference = NL_REFERENCES(cell)};

static int declare_weight_norm(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct weight_norm *w = arguments;
    (void)in, (void)err;
    d->output[d->outputs++] = (struct nl_extent){1, w->in, w->out};
    d->parameter[d->parameters++] = (struct nl_tensor_spec){
        .name = "weight_v", .role = NL_WEIGHT, .slot = 0, .dims = 2, .shape = {(size_t)w->out, (size_t)w->in}};
    d->parameter[d->parameters++] = (struct nl_tensor_spec){
        .name = "weight_g", .role = NL_GAMMA, .slot = 1, .dims = 1, .shape = {(size_t)w->out}, .initial = 1};
    return NL_OK;
}

static void bind_weight_norm(void *arguments, const struct nl_operands *at)
{
    struct weight_norm *w = arguments;
    w->v = at->in[0], w->g = at->in[1], w->dv = at->d_in[0], w->dg = at->d_in[1];
    w->w = at->out[0], w->dw = at->d_out[0];
}

static const struct nl_operation weight_norm_operation = {.name = "weight_norm",
                                                          .arguments = sizeof(struct weight_norm),
                                                          .span = NL_SPAN_PARAMETERS,
                                                          .slots = 2,
                                                          .declare = declare_weight_norm,
                                                          .bind = bind_weight_norm,
                                                          .reads = reads_inputs,
                                                          .reference = NL_REFERENCES(weight_norm)};

static int declare_tied(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct tied *tied = arguments;
    (void)err;
    tied->in = in[0].channels;
    d->output[d->outputs++] = (struct nl_extent){1, 1, tied->out};
    return NL_OK;
}

static void bind_tied(void *arguments, const struct nl_operands *at)
{
    struct tied *tied = arguments;
    tied->x = at->in[0], tied->w = at->in[1], tied->dx = at->d_in[0], tied->dw = at->d_in[1];
    tied->y = at->out[0], tied->dy = at->d_out[0];
}

static const struct nl_operation tied_operation = {.name = "tied",
                                                   .arguments = sizeof(struct tied),
                                                   .slots = 2,
                                                   .declare = declare_tied,
                                                   .bind = bind_tied,
                                                   .reads = reads_inputs,
                                                   .reference = NL_REFERENCES(tied)};

static int declare_whiten(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct whiten *whiten = arguments;
    (void)err;
    whiten->positions = nl_positions(in[0]), whiten->channels = in[0].channels;
    d->output[d->outputs++] = in[0];
    d->state[d->states++] = (struct nl_tensor_spec){.name = "running_cov",
                                                    .role = NL_RUNNING,
                                                    .dims = 2,
                                                    .saved = true,
                                                    .shape = {(size_t)whiten->channels, (size_t)whiten->channels}};
    return NL_OK;
}

static void bind_whiten(void *arguments, const struct nl_operands *at)
{
    struct whiten *whiten = arguments;
    whiten->x = at->in[0], whiten->y = at->out[0], whiten->dy = at->d_out[0], whiten->dx = at->d_in[0];
    whiten->running = at->state[0], whiten->kept = at->saved[0];
}

static size_t saved_whiten(const void *arguments, int number, int samples, size_t statistic)
{
    const struct whiten *whiten = arguments;
    size_t c = (size_t)whiten->channels;
    (void)number, (void)samples;
    return (c + (ITERATIONS + 2) * c * c) * statistic;
}

static const struct nl_operation whiten_operation = {.name = "whiten",
                                                     .arguments = sizeof(struct whiten),
                                                     .span = NL_SPAN_BATCH,
                                                     .slots = 1,
                                                     .saved = 1,
                                                     .declare = declare_whiten,
                                                     .bind = bind_whiten,
                                                     .reads = reads_inputs,
                                                     .saved_bytes = saved_whiten,
                                                     .reference = NL_REFERENCES(whiten)};

/* ---- networks ---- */

static struct nl_error err;

/* An empty graph but for its input. */
static int begin(struct nl_graph *graph, int height, int width, int channels)
{
    nl_graph_begin(graph);
    return nl_graph_add_input(graph, "x", NL_TENSOR_REAL, (struct nl_extent){height, width, channels}, NL_NONE);
}

/* One of sequences of ids. */
static int begin_ids(struct nl_graph *graph, int positions, bool lengths)
{
    nl_graph_begin(graph);
    int of = lengths ? nl_graph_add_input(graph, "lengths", NL_TENSOR_INT32, (struct nl_extent){1, 1, 1}, NL_NONE) : NL_NONE;
    return nl_graph_add_input(graph, "x", NL_TENSOR_INT32, (struct nl_extent){1, positions, 1}, of);
}

static int add(struct nl_graph *graph, const struct nl_operation *operation, const void *arguments, const char *name, int inputs,
               const int *in, unsigned without)
{
    struct nl_new_node node = {
        .operation = operation, .arguments = arguments, .name = name, .inputs = inputs, .without = without};
    memcpy(node.in, in, (size_t)inputs * sizeof *in);
    int out = nl_graph_add(graph, &node, &err);
    ck_assert_msg(out != NL_NONE, "%s", err.text);
    return out;
}

enum { WITHOUT_BIAS = 1u << 2 };

static int linear(struct nl_graph *graph, int x, int out, const char *name, unsigned without)
{
    return add(graph, &nl_linear_operation, &(struct nl_linear){.out = out}, name, 1, (int[]){x}, without);
}

static int conv(struct nl_graph *graph, int x, int out, int kernel, const char *name)
{
    return add(graph, &nl_conv_operation,
               &(struct nl_conv){.out = out, .kernel = kernel, .stride = 1, .algorithm = NL_CONV_DIRECT}, name, 1, (int[]){x}, 0);
}

static int activate(struct nl_graph *graph, int x, enum nl_activation kind, const char *name)
{
    return add(graph, &nl_activate_operation, &(struct nl_activate){.kind = kind}, name, 1, (int[]){x}, 0);
}

static int sum(struct nl_graph *graph, int a, int b, const char *name)
{
    return add(graph, &nl_add_operation, &(struct nl_add){.stride = 1}, name, 2, (int[]){a, b}, 0);
}

static int normalize(struct nl_graph *graph, const struct nl_norm *norm, int x, const char *name)
{
    struct nl_normalize n = {.norm = norm, .setup = {.groups = 1}, .affine_count = graph->value[x].extent.channels};
    return add(graph, &nl_normalize_operation, &n, name, 1, (int[]){x}, 0);
}

static int slice(struct nl_graph *graph, int x, int first, int count, const char *name)
{
    return add(graph, &slice_operation, &(struct slice){.first = first, .count = count}, name, 1, (int[]){x}, 0);
}

/* The value in a slot of the node that makes `value`. */
static int taken(const struct nl_graph *graph, int value, int slot)
{
    return graph->node[graph->value[value].producer].in[slot];
}

enum { STEPS = 5, WIDTH = 3, CLASSES = 4 };

/* Five steps of an LSTM, whose weights are the same at each, with LN on the sum of the gates. */
static void lstm(struct nl_graph *graph)
{
    int input = begin(graph, 1, STEPS, 3);
    int h = linear(graph, input, WIDTH, "h0", 0), c = linear(graph, input, WIDTH, "c0", 0);
    int of_x = NL_NONE, of_h = NL_NONE, gates = NL_NONE;
    for (int t = 0; t < STEPS; t++) {
        char name[16];
        snprintf(name, sizeof name, "step%d", t);
        int x = slice(graph, input, t, 1, name);
        int first = of_x; /* step 0 makes the parameters, the others take them */
        struct nl_linear map = {.out = 4 * WIDTH};
        of_x = add(graph, &nl_linear_operation, &map, "x", first == NL_NONE ? 1 : 3,
                   (int[]){x, first == NL_NONE ? 0 : taken(graph, first, 1), first == NL_NONE ? 0 : taken(graph, first, 2)}, 0);
        of_h = add(graph, &nl_linear_operation, &map, "h", first == NL_NONE ? 1 : 2,
                   (int[]){h, first == NL_NONE ? 0 : taken(graph, of_h, 1)}, WITHOUT_BIAS);
        int both = sum(graph, of_x, of_h, "gates");
        struct nl_normalize ln = {.norm = &nl_norm_ln, .affine_count = 4 * WIDTH};
        gates =
            add(graph, &nl_normalize_operation, &ln, "ln", first == NL_NONE ? 1 : 3,
                (int[]){both, first == NL_NONE ? 0 : taken(graph, gates, 1), first == NL_NONE ? 0 : taken(graph, gates, 2)}, 0);
        h = add(graph, &cell_operation, &(struct cell){0}, name, 2, (int[]){gates, c}, 0);
        c = graph->node[graph->value[h].producer].out[1];
    }
    nl_graph_end(graph, linear(graph, h, CLASSES, "head", 0));
}

/* Two heads over positions that the sample's length leaves. */
static void attention(struct nl_graph *graph)
{
    nl_graph_begin(graph);
    int lengths = nl_graph_add_input(graph, "lengths", NL_TENSOR_INT32, (struct nl_extent){1, 1, 1}, NL_NONE),
        x = nl_graph_add_input(graph, "x", NL_TENSOR_REAL, (struct nl_extent){1, 6, 5}, lengths);
    int q = conv(graph, x, 4, 1, "q"), k = conv(graph, x, 4, 1, "k"), v = conv(graph, x, 4, 1, "v");
    int y = add(graph, &attention_operation, &(struct attention){.heads = 2}, "attention", 3, (int[]){q, k, v}, 0);
    nl_graph_end(graph, linear(graph, sum(graph, y, q, "residual"), CLASSES, "head", 0));
}

/* The embedding is the head. */
static void tied_head(struct nl_graph *graph)
{
    int embedded = linear(graph, begin(graph, 1, 1, CLASSES), 6, "embedding", WITHOUT_BIAS);
    int hidden = activate(graph, linear(graph, embedded, 6, "fc", 0), NL_TANH, "act");
    nl_graph_end(graph, add(graph, &tied_operation, &(struct tied){.out = CLASSES}, "head", 2,
                            (int[]){hidden, taken(graph, embedded, 1)}, 0));
}

static void weight_normed(struct nl_graph *graph)
{
    int x = begin(graph, 1, 1, 5);
    int w = add(graph, &weight_norm_operation, &(struct weight_norm){.in = 5, .out = 6}, "wn", 0, (int[]){0}, 0);
    int hidden = add(graph, &nl_linear_operation, &(struct nl_linear){.out = 6}, "fc", 2, (int[]){x, w}, 0);
    nl_graph_end(graph, linear(graph, activate(graph, hidden, NL_TANH, "act"), CLASSES, "head", 0));
}

static void whitened(struct nl_graph *graph)
{
    int x = conv(graph, begin(graph, 2, 2, 2), 3, 3, "conv");
    int y = add(graph, &whiten_operation, &(struct whiten){0}, "whiten", 1, (int[]){x}, 0);
    nl_graph_end(graph, linear(graph, activate(graph, y, NL_GELU, "act"), CLASSES, "head", 0));
}

/* Two shortcuts open at once, three inputs in one, dropout inside. */
static void concatenate(struct nl_graph *graph, int size, int width)
{
    int a = activate(graph, conv(graph, begin(graph, size, size, width), width, 3, "conv1"), NL_RELU, "act1");
    int b = normalize(graph, &nl_norm_bn, conv(graph, a, width, 3, "conv2"), "norm2");
    int c =
        add(graph, &nl_dropout_operation, &(struct nl_dropout){0}, "drop", 1, (int[]){activate(graph, b, NL_GELU, "act2")}, 0);
    int d = sum(graph, conv(graph, c, width, 3, "conv3"), a, "add1"),
        e = sum(graph, normalize(graph, &nl_norm_gn, d, "norm3"), b, "add2");
    int all = add(graph, &concat_operation, &(struct concat){0}, "concat", 3, (int[]){a, e, c}, 0);
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

/* A shortcut leaves behind the ReLU of a linear layer. */
static void residual_mlp(struct nl_graph *graph)
{
    int a = activate(graph, linear(graph, begin(graph, 1, 1, 5), 6, "fc1", 0), NL_RELU, "act1");
    int b = activate(graph, linear(graph, a, 6, "fc2", 0), NL_RELU, "act2");
    int c = activate(graph, linear(graph, b, 6, "fc3", 0), NL_RELU, "act3");
    nl_graph_end(graph, linear(graph, sum(graph, c, a, "add"), CLASSES, "head", 0));
}

struct language {
    int vocabulary, width, heads, hidden, positions, samples, lengths; /* lengths: whether they differ */
};

/* A causal language model of one block: attention and a perceptron at each position, with LN at each position before it, and the
 * embedding as the head. */
static void build_language(struct nl_graph *graph, const struct language *l)
{
    struct embedding table = {.vocabulary = l->vocabulary, .channels = l->width};
    struct nl_normalize ln = {.norm = &nl_norm_ln, .setup = {.groups = 1, .over_position = true}, .affine_count = l->width};
    int x = add(graph, &embedding_operation, &table, "embedding", 1, (int[]){begin_ids(graph, l->positions, l->lengths)}, 0);
    int q = conv(graph, x, l->width, 1, "q"), k = conv(graph, x, l->width, 1, "k"), v = conv(graph, x, l->width, 1, "v");
    int y = add(graph, &attention_operation, &(struct attention){.heads = l->heads}, "attention", 3, (int[]){q, k, v}, 0);
    y = sum(graph, x, y, "add1");
    int hidden = add(graph, &nl_normalize_operation, &ln, "norm", 1, (int[]){y}, 0);
    hidden = activate(graph, conv(graph, hidden, l->hidden, 1, "fc1"), NL_GELU, "act");
    y = sum(graph, y, conv(graph, hidden, l->width, 1, "fc2"), "add2");
    struct nl_conv head = {.out = l->vocabulary, .kernel = 1, .stride = 1, .algorithm = NL_CONV_DIRECT};
    nl_graph_end(graph, add(graph, &nl_conv_operation, &head, "head", 2, (int[]){y, taken(graph, x, 1)}, WITHOUT_BIAS));
}

enum { LANGUAGE_SAMPLES = 8 };

static void language(struct nl_graph *graph)
{
    build_language(graph,
                   &(struct language){.vocabulary = 7, .width = 4, .heads = 2, .hidden = 6, .positions = 8, .lengths = true});
}

/* Of the next id, from this one and the one before: three nodes take the same weight. */
static void bigram(struct nl_graph *graph)
{
    struct embedding table = {.vocabulary = 5, .channels = 3};
    int ids = begin_ids(graph, 4, false);
    int last = add(graph, &embedding_operation, &table, "embedding", 1, (int[]){ids}, 0);
    int before = add(graph, &before_operation, &(struct before){0}, "before", 1, (int[]){ids}, 0);
    before = add(graph, &embedding_operation, &table, "embedding", 2, (int[]){before, taken(graph, last, 1)}, 0);
    int both = activate(graph, sum(graph, last, conv(graph, before, 3, 1, "fc"), "add"), NL_TANH, "act");
    struct nl_conv head = {.out = 5, .kernel = 1, .stride = 1, .algorithm = NL_CONV_DIRECT};
    nl_graph_end(graph, add(graph, &nl_conv_operation, &head, "head", 2, (int[]){both, taken(graph, last, 1)}, WITHOUT_BIAS));
}

static const struct network {
    const char *name;
    void (*build)(struct nl_graph *graph);
    int samples;
    int part; /* samples of micro-batches; 0: it is not cut */
} networks[] = {{"lstm", lstm, 6, 0},
                {"attention", attention, 6, 0},
                {"tied", tied_head, 6, 0},
                {"weight norm", weight_normed, 6, 0},
                {"whiten", whitened, 6, 0},
                {"concat", concatenated, 6, 0},
                {"residual mlp", residual_mlp, 6, 0},
                {"language", language, LANGUAGE_SAMPLES, 4},
                {"bigram", bigram, 6, 0},
                {"wide concat", concatenated_wide, 40, 16}};
enum { NETWORKS = sizeof networks / sizeof *networks, SMALL = NETWORKS - 1 };

/* ---- run ---- */

enum { MOST_REPLICAS = 3 };

struct running {
    const struct nl_backend *backend;
    struct nl_graph graph;
    struct nl_list list;
    int replicas, samples;
    size_t stride;
    char *memory;
    struct nl_places places;
    void *state[16], *input[NL_MOST_INPUTS];
    struct nl_loss_sums *sums;
};

static size_t take(size_t *at, size_t bytes)
{
    size_t place = *at;
    *at += (bytes + 63) / 64 * 64;
    return place;
}

static double drawn(const char *name, int replica, size_t at)
{
    return 2 * nl_stream_uniform(nl_stream(7, name), (uint64_t)replica, at) - 1;
}

static void put(const struct running *run, const void *place, int replica, const double *values, size_t count)
{
    run->backend->put_reals((char *)(uintptr_t)place + (size_t)replica * run->stride, values, count);
}

static void put_drawn(const struct running *run, const void *place, int replica, const char *name, size_t count)
{
    double *values = nl_alloc(count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = drawn(name, replica, i);
    put(run, place, replica, values, count);
    free(values);
}

/* The logits' channels, of which labels and ids are one. */
static int classes_of(const struct nl_graph *graph)
{
    const struct nl_graph_node *loss = &graph->node[graph->nodes - 1];
    return graph->value[loss->in[0]].extent.channels;
}

/* Number i of an int32 input. Of lengths some are 0, and some are all. */
static int32_t drawn_int32(const struct nl_graph *graph, const char *input, int replica, size_t i)
{
    int x = nl_graph_input(graph, "x");
    if (strcmp(input, "lengths") == 0)
        return (int32_t)((i * 3 + (size_t)replica) % (size_t)(nl_positions(graph->value[x].extent) + 1));
    return (int32_t)nl_stream_below(nl_stream(7, input), (uint64_t)replica, i, (uint32_t)classes_of(graph));
}

static void put_inputs(const struct running *run, int replica)
{
    for (int i = 0; i < run->graph.inputs; i++) {
        const char *name = run->graph.input[i].name;
        const struct nl_value *value = &run->graph.value[run->graph.input[i].value];
        size_t count = (size_t)run->samples * value->count;
        int32_t *to = (int32_t *)((char *)run->input[i] + (size_t)replica * run->stride);
        if (value->type == NL_TENSOR_REAL)
            put_drawn(run, run->input[i], replica, name, count);
        for (size_t e = 0; e < count && value->type == NL_TENSOR_INT32; e++)
            to[e] = drawn_int32(&run->graph, name, replica, e);
    }
}

/* Places for everything. Parameters and inputs are drawn, another set for each replica. run->graph is there. */
static void start_graph(struct running *run, const struct nl_backend *backend, int samples, int replicas)
{
    run->backend = backend, run->replicas = replicas, run->samples = samples;
    struct nl_list_setup setup = {.backend = backend, .graph = &run->graph, .capacity = samples, .trains = true};
    ck_assert_msg(nl_list_make(&run->list, &setup, &err) == NL_OK, "%s", err.text);
    size_t at = 0, real = backend->real, states[16] = {0}, input[NL_MOST_INPUTS];
    size_t hyper = take(&at, sizeof(struct nl_hyper)), parameters = take(&at, run->graph.count * real),
           gradients = take(&at, run->graph.count * real);
    size_t sums = take(&at, sizeof *run->sums);
    for (int i = 0; i < run->graph.inputs; i++) {
        const struct nl_value *value = &run->graph.value[run->graph.input[i].value];
        input[i] = take(&at, (size_t)samples * value->count * nl_type_bytes(value->type, backend));
    }
    for (int i = 0; i < run->graph.tensors; i++)
        if (!nl_is_parameter(run->graph.tensor[i].spec.role))
            states[run->graph.tensor[i].offset] = take(&at, run->graph.tensor[i].count * 16);
    run->stride = nl_list_lay_out(&run->list, (at + 4095) / 4096 * 4096);
    ck_assert(backend->thread_begin(0, &err) == NL_OK);
    run->memory = backend->alloc(run->stride * (size_t)replicas);
    memset(run->memory, 0x5a, run->stride * (size_t)replicas); /* nobody reads what nobody wrote */
    char *base = run->memory;
    for (int i = 0; i < 16; i++)
        run->state[i] = base + states[i];
    for (int i = 0; i < run->graph.inputs; i++)
        run->input[i] = base + input[i];
    run->sums = (struct nl_loss_sums *)(base + sums);
    for (int i = 0; i < run->graph.tensors; i++)
        if (!nl_is_parameter(run->graph.tensor[i].spec.role))
            for (int r = 0; r < replicas; r++)
                memset(base + states[run->graph.tensor[i].offset] + (size_t)r * run->stride, 0, run->graph.tensor[i].count * 16);
    run->places = (struct nl_places){.parameters = base + parameters,
                                     .gradients = base + gradients,
                                     .state = run->state,
                                     .input = run->input,
                                     .hyper = (struct nl_hyper *)(base + hyper)};
    nl_list_bind(&run->list, base, &run->places);
    for (int r = 0; r < replicas; r++) {
        struct nl_hyper values = {.dropout = 0.3, .norm_eps = 1e-3, .norm_momentum = 0.1};
        memcpy(base + hyper + (size_t)r * run->stride, &values, sizeof values);
        put_drawn(run, run->places.parameters, r, "parameters", run->graph.count);
        put_inputs(run, r);
    }
}

static void start(struct running *run, const struct nl_backend *backend, const struct network *network, int replicas)
{
    *run = (struct running){0};
    network->build(&run->graph);
    start_graph(run, backend, network->samples, replicas);
}

static void stop(struct running *run)
{
    run->backend->free(run->memory, run->stride * (size_t)run->replicas);
    nl_list_release(&run->list);
    nl_graph_release(&run->graph);
}

static void step(const struct running *run, bool back)
{
    struct nl_run call = {.replicas = run->replicas,
                          .stride = run->stride,
                          .samples = run->samples,
                          .step = 3,
                          .statistics = NL_STATS_TRAIN,
                          .sums = run->sums};
    for (int r = 0; r < run->replicas; r++)
        *(struct nl_loss_sums *)((char *)run->sums + (size_t)r * run->stride) = (struct nl_loss_sums){0};
    nl_list_forward(&run->list, &call);
    if (back)
        nl_list_backward(&run->list, &call);
}

static double *get(const struct running *run, const void *place, int replica, size_t count)
{
    double *values = nl_alloc(count, sizeof *values);
    run->backend->get_reals(values, (char *)(uintptr_t)place + (size_t)replica * run->stride, count);
    return values;
}

static double loss(const struct running *run, int replica)
{
    const struct nl_loss_sums *sums = (const struct nl_loss_sums *)((const char *)run->sums + (size_t)replica * run->stride);
    return sums->loss / sums->counted;
}

START_TEST(gradients_are_those_of_differences)
{
    struct running run;
    start(&run, &nl_backend_ref, &networks[_i], MOST_REPLICAS);
    step(&run, true);
    const double h = 1e-5;
    for (int r = 0; r < MOST_REPLICAS; r++) {
        double *gradient = get(&run, run.places.gradients, r, run.graph.count),
               *w = get(&run, run.places.parameters, r, run.graph.count);
        for (size_t i = 0; i < run.graph.count; i++) {
            double value = w[i], up, down;
            w[i] = value + h;
            put(&run, run.places.parameters, r, w, run.graph.count);
            step(&run, false);
            up = loss(&run, r);
            w[i] = value - h;
            put(&run, run.places.parameters, r, w, run.graph.count);
            step(&run, false);
            down = loss(&run, r);
            w[i] = value;
            put(&run, run.places.parameters, r, w, run.graph.count);
            double found = gradient[i], wanted = (up - down) / (2 * h);
            ck_assert_msg(fabs(found - wanted) <= 1e-8 * (1 + fabs(wanted)),
                          "%s: parameter %zu of replica %d: %.12g, by differences %.12g", networks[_i].name, i, r, found, wanted);
        }
        free(gradient);
        free(w);
    }
    stop(&run);
}
END_TEST

/* Whether places of all replicas hold what `wanted` says, to float32's rounding. */
START_TEST(cpu_is_ref_to_rounding)
{
    struct running run, ref;
    start(&run, &nl_backend_cpu, &networks[_i], MOST_REPLICAS);
    start(&ref, &nl_backend_ref, &networks[_i], MOST_REPLICAS);
    step(&run, true);
    step(&ref, true);
    for (int r = 0; r < MOST_REPLICAS; r++) {
        double *found = get(&run, run.places.gradients, r, run.graph.count),
               *wanted = get(&ref, ref.places.gradients, r, ref.graph.count);
        for (size_t i = 0; i < run.graph.count; i++)
            ck_assert_msg(fabs(found[i] - wanted[i]) <= 2e-4 * (1 + fabs(wanted[i])),
                          "%s: gradient %zu of replica %d: %.9g, ref %.9g", networks[_i].name, i, r, found[i], wanted[i]);
        free(found);
        free(wanted);
    }
    stop(&run);
    stop(&ref);
}
END_TEST

/* Elements of a sample's largest activations. */
static size_t widest(const struct network *network)
{
    struct nl_graph graph;
    size_t most = 0;
    network->build(&graph);
    for (int i = 0; i < graph.values; i++)
        if (graph.value[i].kind == NL_ACTIVATIONS && graph.value[i].count > most)
            most = graph.value[i].count;
    nl_graph_release(&graph);
    return most;
}

START_TEST(micro_batches_have_the_bits_of_whole_ones)
{
    struct nl_backend parted = nl_backend_cpu, whole = nl_backend_cpu;
    parted.micro_bytes =
        widest(&networks[_i]) * sizeof(float) * (size_t)(networks[_i].part ? networks[_i].part : networks[_i].samples);
    whole.micro_bytes = 0;
    struct running a, b;
    start(&a, &parted, &networks[_i], MOST_REPLICAS);
    start(&b, &whole, &networks[_i], MOST_REPLICAS);
    step(&a, true);
    step(&b, true);
    int part = 0;
    for (int i = 0; i < a.list.chains; i++)
        part = a.list.chain[i].micro > 0 ? a.list.chain[i].micro : part;
    ck_assert_int_eq(part, networks[_i].part);
    for (int r = 0; r < MOST_REPLICAS; r++)
        ck_assert_msg(memcmp(a.places.gradients + (size_t)r * a.stride, b.places.gradients + (size_t)r * b.stride,
                             a.graph.count * sizeof(float)) == 0,
                      "%s: gradients of replica %d", networks[_i].name, r);
    stop(&a);
    stop(&b);
}
END_TEST

/* The Hessian times a vector, from a complex step, is the difference of gradients along the vector. */
START_TEST(complex_steps_give_hessian_vector_products)
{
    struct running run, ref;
    start(&run, &nl_backend_complex, &networks[_i], 1);
    start(&ref, &nl_backend_ref, &networks[_i], 1);
    size_t count = run.graph.count;
    const double tiny = 1e-100, h = 1e-5;
    double *direction = nl_alloc(count, sizeof *direction), *w = get(&ref, ref.places.parameters, 0, count),
           *moved = nl_alloc(count, sizeof *moved);
    for (size_t i = 0; i < count; i++)
        direction[i] = tiny * drawn("direction", 0, i);
    nl_complex_put_imaginary(run.places.parameters, direction, count);
    step(&run, true);
    double *product = nl_alloc(count, sizeof *product), *gradient[2];
    nl_complex_get_imaginary(product, run.places.gradients, count);
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < count; i++)
            moved[i] = w[i] + (side ? -h : h) * drawn("direction", 0, i);
        put(&ref, ref.places.parameters, 0, moved, count);
        step(&ref, true);
        gradient[side] = get(&ref, ref.places.gradients, 0, count);
    }
    for (size_t i = 0; i < count; i++) {
        double found = product[i] / tiny, wanted = (gradient[0][i] - gradient[1][i]) / (2 * h);
        ck_assert_msg(fabs(found - wanted) <= 1e-6 * (1 + fabs(wanted)), "%s: product %zu: %.12g, by differences %.12g",
                      networks[_i].name, i, found, wanted);
    }
    free(direction), free(w), free(moved), free(product), free(gradient[0]), free(gradient[1]);
    stop(&run);
    stop(&ref);
}
END_TEST

START_TEST(what_a_device_lacks_is_refused_by_name)
{
    static int devices_there;
    struct nl_backend device = nl_backend_cpu;
    device.name = "gpu";
    device.devices = (int (*)(struct nl_error *))(void *)&devices_there; /* never called: it says that memory is not the host's */
    struct nl_graph graph;
    struct nl_list list;
    networks[_i].build(&graph);
    bool own = strcmp(networks[_i].name, "residual mlp") == 0;
    int status =
        nl_list_make(&list, &(struct nl_list_setup){.backend = &device, .graph = &graph, .capacity = 2, .trains = true}, &err);
    ck_assert_int_eq(status, own ? NL_OK : NL_FAIL);
    ck_assert_msg(own || strstr(err.text, "gpu cannot compute '") == err.text, "%s", err.text);
    nl_list_release(&list);
    nl_graph_release(&graph);
}
END_TEST

/* ---- language models, as PyTorch computes them (tests/golden/language.py) ---- */

static struct golden languages;

static int number_in(const struct golden_case *golden, const char *key)
{
    int number = -1;
    size_t length = strlen(key);
    for (int i = 0; i < golden->words; i++)
        if (strncmp(golden->word[i], key, length) == 0 && golden->word[i][length] == '=')
            number = atoi(golden->word[i] + length + 1);
    ck_assert_msg(number >= 0, "%s: no %s", golden->name, key);
    return number;
}

static struct language language_of(const struct golden_case *golden)
{
    return (struct language){.vocabulary = number_in(golden, "vocabulary"),
                             .width = number_in(golden, "width"),
                             .heads = number_in(golden, "heads"),
                             .hidden = number_in(golden, "hidden"),
                             .positions = number_in(golden, "positions"),
                             .samples = number_in(golden, "samples"),
                             .lengths = number_in(golden, "lengths")};
}

/* The formulas of language.py. step: how far the parameters go along the vector, in their imaginary part. */
static void put_formulas(const struct running *run, const struct language *l, double step)
{
    size_t count = run->graph.count;
    double *values = nl_alloc(count, sizeof *values), *vector = nl_alloc(count, sizeof *vector);
    for (int i = 0; i < run->graph.tensors; i++)
        for (size_t e = 0; e < run->graph.tensor[i].count; e++) {
            size_t at = run->graph.tensor[i].offset + nl_tensor_place(&run->graph.tensor[i], e);
            values[at] = sin((double)e + 1 + 100 * i) / 2;
            vector[at] = step * cos((double)e + 1 + 100 * i);
        }
    put(run, run->places.parameters, 0, values, count);
    if (step != 0)
        nl_complex_put_imaginary(run->places.parameters, vector, count);
    free(values);
    free(vector);
    for (int i = 0; i < run->graph.inputs; i++) {
        const char *name = run->graph.input[i].name;
        int32_t *to = run->input[i];
        for (int at = 0; at < l->samples * (strcmp(name, "lengths") == 0 ? 1 : l->positions); at++) {
            int32_t id = (5 * at + at / 3) % l->vocabulary, label = at % 3 == 0 ? id : (7 * at + 2) % l->vocabulary;
            to[at] = strcmp(name, "lengths") == 0 ? at * 5 % (l->positions + 1) : strcmp(name, "x") == 0 ? id : label;
        }
    }
}

/* Of numbers of every parameter, in the graph's order, against "<what>.<parameter>". */
static void expect_stored(const struct running *run, const struct golden_case *golden, const char *what, const double *found)
{
    double largest = 0;
    for (int second = 0; second < 2; second++)
        for (int i = 0; i < run->graph.tensors; i++) {
            const struct nl_tensor *tensor = &run->graph.tensor[i];
            char name[80];
            snprintf(name, sizeof name, "%s.%s", what, tensor->name);
            const double *wanted = golden_stored(&languages, golden, name, tensor->count);
            for (size_t e = 0; e < tensor->count; e++) {
                double value = found[tensor->offset + nl_tensor_place(tensor, e)];
                if (!second)
                    largest = fmax(largest, fabs(wanted[e]));
                else
                    ck_assert_msg(fabs(value - wanted[e]) <= 1e-10 * largest, "%s: %s: %.15g, not %.15g", golden->name, name,
                                  value, wanted[e]);
            }
        }
    ck_assert_double_gt(largest, 0);
}

START_TEST(language_models_are_those_of_pytorch)
{
    const struct golden_case *golden = &languages.at[_i];
    const struct language l = language_of(golden);
    const double tiny = 1e-100;
    for (int complex = 0; complex < 2; complex++) {
        struct running run = {0};
        build_language(&run.graph, &l);
        start_graph(&run, complex ? &nl_backend_complex : &nl_backend_ref, l.samples, 1);
        put_formulas(&run, &l, complex ? tiny : 0);
        step(&run, true);
        const double *sums = golden_stored(&languages, golden, "sums", 3);
        ck_assert_msg(fabs(run.sums->loss - sums[0]) <= 1e-10 * sums[0], "%s: a loss of %.15g, not %.15g", golden->name,
                      run.sums->loss, sums[0]);
        ck_assert(run.sums->correct == sums[1] && run.sums->counted == sums[2]);
        double *gradient = get(&run, run.places.gradients, 0, run.graph.count);
        expect_stored(&run, golden, "grad", gradient);
        if (complex) {
            nl_complex_get_imaginary(gradient, run.places.gradients, run.graph.count);
            for (size_t i = 0; i < run.graph.count; i++)
                gradient[i] /= tiny;
            expect_stored(&run, golden, "product", gradient);
        }
        free(gradient);
        stop(&run);
    }
}
END_TEST

/* ---- types and lengths ---- */

/* Adds the node, which cannot be. */
static void expect_refused(struct nl_graph *graph, const struct nl_operation *operation, const void *arguments, int inputs,
                           const int *in, const char *why)
{
    struct nl_new_node node = {.operation = operation, .arguments = arguments, .name = "it", .inputs = inputs};
    memcpy(node.in, in, (size_t)inputs * sizeof *in);
    ck_assert_int_eq(nl_graph_add(graph, &node, &err), NL_NONE);
    ck_assert_str_eq(err.text, why);
}

START_TEST(wrong_types_are_refused_by_name)
{
    struct nl_graph graph;
    const struct nl_extent one = {1, 1, 1}, four = {1, 4, 1};
    nl_graph_begin(&graph);
    int a = nl_graph_add_input(&graph, "a", NL_TENSOR_INT32, one, NL_NONE),
        b = nl_graph_add_input(&graph, "b", NL_TENSOR_INT32, one, NL_NONE),
        x = nl_graph_add_input(&graph, "x", NL_TENSOR_REAL, four, a),
        y = nl_graph_add_input(&graph, "y", NL_TENSOR_REAL, four, b);
    int hidden = conv(&graph, x, 3, 1, "fc");
    expect_refused(&graph, &nl_linear_operation, &(struct nl_linear){.out = 2}, 1, (int[]){a},
                   "'it' (linear) takes real numbers, and those of 'a' are int32");
    expect_refused(&graph, &embedding_operation, &(struct embedding){.vocabulary = 2, .channels = 2}, 1, (int[]){hidden},
                   "'it' (embedding) takes int32 numbers, and those of 'fc' are real");
    expect_refused(&graph, &nl_add_operation, &(struct nl_add){.stride = 1}, 2, (int[]){x, y},
                   "'it' (add) takes sequences of the lengths 'a' and 'b'");
    expect_refused(&graph, &nl_cross_entropy_operation, &(struct nl_cross_entropy){0}, 2, (int[]){x, a},
                   "it has labels for 1 of the logits' 4 positions");
    nl_graph_release(&graph);
}
END_TEST

START_TEST(lengths_follow_positions)
{
    struct nl_graph graph;
    language(&graph);
    int lengths = nl_graph_input(&graph, "lengths");
    ck_assert_int_ne(lengths, NL_NONE);
    for (int i = 0; i < graph.nodes; i++)
        ck_assert_msg(graph.node[i].outputs == 0 || graph.value[graph.node[i].out[0]].lengths == lengths, "%s",
                      graph.node[i].name);
    ck_assert_int_eq(graph.node[graph.nodes - 1].in[2], lengths);
    nl_graph_release(&graph);
    attention(&graph); /* a linear layer has one position */
    ck_assert_int_eq(graph.node[graph.nodes - 1].in[2], NL_NONE);
    nl_graph_release(&graph);
}
END_TEST

/* It makes the gradient with which backward begins, and evaluation asks for none. */
START_TEST(the_loss_ends_forward)
{
    for (int trains = 0; trains < 2; trains++) {
        struct nl_graph graph;
        struct nl_list list;
        language(&graph);
        struct nl_list_setup setup = {.backend = &nl_backend_cpu, .graph = &graph, .capacity = 2, .trains = trains};
        ck_assert_msg(nl_list_make(&list, &setup, &err) == NL_OK, "%s", err.text);
        int last = list.chain[list.forward_chains - 1].end - 1;
        ck_assert_ptr_eq(list.instruction[last].operation, &nl_cross_entropy_operation);
        ck_assert_int_eq(list.instruction[last].d_in[0] != NL_NONE, trains);
        ck_assert_int_eq(last < list.instructions - 1, trains);
        if (trains)
            ck_assert_int_eq(list.instruction[last + 1].d_out[0], list.instruction[last].d_in[0]);
        nl_list_release(&list);
        nl_graph_release(&graph);
    }
}
END_TEST

/* There is nothing to see in numbers that are no reals. */
START_TEST(int32_is_not_observed)
{
    struct nl_graph graph;
    struct nl_name_list patterns = {.count = 1, .at = {"*"}};
    bigram(&graph);
    struct nl_observers found = nl_observers_find(&graph, &patterns);
    ck_assert_int_gt(found.count, 0);
    for (int i = 0; i < found.count; i++)
        ck_assert_str_ne(found.at[i].name, "before");
    nl_observers_release(&found);
    nl_graph_release(&graph);
}
END_TEST

/* ---- trainings ---- */

enum { DATA = 96 };

/* What the network takes as int32: ids, lengths, labels. */
static void draw_rows(struct training *t)
{
    for (int i = 0; i < t->graph.inputs; i++) {
        const struct nl_value *value = &t->graph.value[t->graph.input[i].value];
        if (value->type != NL_TENSOR_INT32)
            continue;
        size_t count = DATA * value->count;
        struct nl_sample_rows rows = {t->graph.input[i].name, (int)value->count, nl_alloc(count, sizeof *rows.at)};
        for (size_t e = 0; e < count; e++)
            rows.at[e] = drawn_int32(&t->graph, rows.input, 0, e);
        t->rows[t->row_count++] = rows;
    }
}

static void train_network(struct training *t, const struct network *network, const struct nl_backend *backend)
{
    const char *const words[] = {"data.name=digits",   "train.batch=6",     "train.lr=0.02",
                                 "train.momentum=0.9", "model.dropout=0.3", "train.steps=100"};
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    ck_assert_msg(nl_experiment_load(NULL, words, 6, &experiment, &diagnostics) == NL_OK, "%s",
                  nl_diagnostics_text(&diagnostics));
    *t = (struct training){.config = experiment.config};
    network->build(&t->graph);
    const struct nl_extent *input = nl_extent_of(&t->graph, nl_graph_input(&t->graph, "x"));
    int classes = t->graph.classes = classes_of(&t->graph);
    draw_rows(t);
    const char *trouble =
        training_make(t, backend, 2, (struct nl_shape){input->height, input->width, input->channels, classes}, DATA);
    ck_assert_msg(!trouble, "%s", trouble);
    training_rates(t);
}

static void take_steps(struct training *t, int first, int end)
{
    for (int step = first; step < end; step++)
        training_step(t, step, 0);
}

static bool is_finite(const struct training *t)
{
    double *values = nl_alloc(t->graph.count, sizeof *values);
    t->plan.backend->get_reals(values, t->plan.parameters, t->graph.count);
    bool finite = true;
    for (size_t i = 0; i < t->graph.count; i++)
        finite &= isfinite(values[i]) != 0;
    free(values);
    return finite;
}

/* Parameters and states. */
static void expect_same_state(const struct training *a, const struct training *b, const char *name)
{
    ck_assert_msg(is_finite(a), "%s", name);
    for (int i = 0; i < a->graph.tensors; i++)
        for (int r = 0; r < 2; r++) {
            const struct nl_tensor *tensor = &a->graph.tensor[i];
            ck_assert_msg(memcmp(nl_tensor_in(&a->plan, r, tensor), nl_tensor_in(&b->plan, r, tensor),
                                 nl_tensor_bytes(&a->plan, tensor)) == 0,
                          "%s: %s of replica %d", name, tensor->name, r);
        }
}

/* Both replicas are kept in the middle, and go on in another plan to the bits of a training that was not stopped. */
START_TEST(a_training_goes_on_from_its_middle)
{
    const struct network *network = &networks[_i / 2];
    const struct nl_backend *backend = _i % 2 ? &nl_backend_cpu : &nl_backend_ref;
    enum { MIDDLE = 3, END = 6 };
    struct training whole, first, second;
    train_network(&whole, network, backend);
    train_network(&first, network, backend);
    train_network(&second, network, backend);
    take_steps(&whole, 0, END);
    take_steps(&first, 0, MIDDLE);
    char path[] = "/tmp/normlab_graph_XXXXXX";
    int file = mkstemp(path);
    ck_assert(file >= 0 && close(file) == 0);
    for (int r = 0; r < 2; r++) {
        struct nl_source source = {.config = &first.config, .dataset = &first.dataset};
        struct nl_trial_result result = {.steps = MIDDLE, .samples = MIDDLE * 6}, again = {0};
        struct nl_trial_progress progress = {.first_loss = 1};
        ck_assert_msg(nl_checkpoint_save(&first.plan, r, &source, &progress, &result, path, &err) == NL_OK, "%s", err.text);
        ck_assert_msg(nl_checkpoint_load(&second.plan, r, &source, path, &progress, &again, &err) == NL_OK, "%s", err.text);
        nl_trial_result_release(&again);
    }
    unlink(path);
    memcpy(second.order, first.order, (size_t)first.view.train_count * sizeof *first.order); /* of the epoch they are in */
    for (int r = 0; r < 2; r++)
        backend->upload(training_place(&second, second.plan.order, r), second.order,
                        (size_t)second.view.train_count * sizeof *second.order);
    take_steps(&second, MIDDLE, END);
    expect_same_state(&whole, &second, network->name);
    training_free(&whole);
    training_free(&first);
    training_free(&second);
}
END_TEST

START_TEST(data_must_have_what_the_network_takes)
{
    static const struct {
        void (*build)(struct nl_graph *graph);
        struct nl_shape shape;
        const char *why;
    } lacks[] = {{language, {1, 8, 1, 7}, "drawn has no 'lengths' (int32, 1 a sample), which the network takes"},
                 {residual_mlp, {1, 2, 2, 4}, "drawn has no 'x' (real, 5 a sample), which the network takes"}};
    for (size_t i = 0; i < sizeof lacks / sizeof *lacks; i++) {
        struct training t = {0};
        nl_config_defaults(&t.config);
        lacks[i].build(&t.graph);
        ck_assert_str_eq(training_make(&t, &nl_backend_ref, 1, lacks[i].shape, DATA), lacks[i].why);
        training_free(&t);
    }
}
END_TEST

/* ---- memory ---- */

/* To the bytes of a state, each with the buffer that wrote it last; SUMMED: and something was added to it. */
enum { SUMMED = 1000000 };

static void write_over(const struct running *run, int *owner, int buffer, const char *place, int added)
{
    if (buffer == NL_NONE)
        return;
    const struct nl_buffer *b = &run->list.buffer[buffer];
    size_t at = (size_t)(place - run->memory), size = b->bytes * (size_t)(b->per_sample ? run->samples : 1);
    for (size_t i = at; i < at + size; i++)
        owner[i] = buffer + added;
}

/* Two buffers with the same numbers are one to readers. */
static bool is_same(const struct nl_list *list, int a, int b)
{
    bool same = a == b;
    for (int i = 0; i < list->shares; i++)
        same |= list->share[i].same &&
                ((list->share[i].from == a && list->share[i].to == b) || (list->share[i].from == b && list->share[i].to == a));
    return same;
}

static void read_from(const struct running *run, const int *owner, int instruction, int buffer, const char *place)
{
    if (buffer == NL_NONE || run->list.buffer[buffer].value != NL_NONE)
        return;
    size_t at = (size_t)(place - run->memory);
    ck_assert_msg(owner[at] == buffer + SUMMED || is_same(&run->list, owner[at], buffer),
                  "instruction %d (%s) reads buffer %d, but finds %d", instruction,
                  run->list.instruction[instruction].operation->name, buffer, owner[at]);
}

/* Whole batches: the list is walked once, and every byte knows who wrote it. */
START_TEST(what_is_read_is_what_was_written)
{
    struct nl_backend whole = nl_backend_ref;
    struct running run;
    start(&run, &whole, &networks[_i], 1);
    int *owner = nl_alloc(run.stride, sizeof *owner);
    for (size_t i = 0; i < run.stride; i++)
        owner[i] = NL_NONE;
    int forward = run.list.chain[run.list.forward_chains].first;
    for (int n = 0; n < run.list.instructions; n++) {
        const struct nl_instruction *i = &run.list.instruction[n];
        bool back = n >= forward && i->node && i->d_out[0] != NL_NONE;
        for (int s = 0; s < NL_MOST_SLOTS; s++)
            read_from(&run, owner, n, i->in[s], i->at.in[s]);
        for (int o = 0; o < NL_MOST_OUTPUTS && back; o++) {
            read_from(&run, owner, n, i->d_out[o], i->at.d_out[o]);
            read_from(&run, owner, n, i->out[o], i->at.out[o]);
        }
        for (int s = 0; s < NL_MOST_SAVED && back; s++)
            read_from(&run, owner, n, i->saved[s], i->at.saved[s]);
        for (int s = 0; s < NL_MOST_SAVED && !back; s++)
            write_over(&run, owner, i->saved[s], i->at.saved[s], 0);
        for (int o = 0; o < NL_MOST_OUTPUTS && !back; o++)
            write_over(&run, owner, i->out[o], i->at.out[o], i->node ? 0 : SUMMED);
        for (int s = 0; s < NL_MOST_SLOTS; s++)
            write_over(&run, owner, i->d_in[s], i->at.d_in[s], 0);
    }
    free(owner);
    stop(&run);
}
END_TEST

int main(void)
{
    if (!golden_read(&languages, "language")) {
        golden_release(&languages);
        return 1;
    }
    Suite *suite = suite_create("graph");
    TCase *cases = tcase_create("networks");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, gradients_are_those_of_differences, 0, SMALL);
    tcase_add_loop_test(cases, cpu_is_ref_to_rounding, 0, NETWORKS);
    tcase_add_loop_test(cases, micro_batches_have_the_bits_of_whole_ones, 0, NETWORKS);
    tcase_add_loop_test(cases, complex_steps_give_hessian_vector_products, 0, SMALL);
    tcase_add_loop_test(cases, language_models_are_those_of_pytorch, 0, languages.count);
    tcase_add_test(cases, wrong_types_are_refused_by_name);
    tcase_add_test(cases, lengths_follow_positions);
    tcase_add_test(cases, the_loss_ends_forward);
    tcase_add_test(cases, int32_is_not_observed);
    tcase_add_test(cases, data_must_have_what_the_network_takes);
    tcase_add_loop_test(cases, what_a_device_lacks_is_refused_by_name, 0, NETWORKS);
    tcase_add_loop_test(cases, a_training_goes_on_from_its_middle, 0, 2 * NETWORKS);
    tcase_add_loop_test(cases, what_is_read_is_what_was_written, 0, NETWORKS);
    suite_add_tcase(suite, cases);
    int status = run_suite(suite);
    golden_release(&languages);
    return status;
}
