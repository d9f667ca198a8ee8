#include "networks.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "config/diagnostics.h"
#include "operation/activate.h"
#include "operation/add.h"
#include "operation/conv.h"
#include "operation/dropout.h"
#include "operation/linear.h"
#include "operation/mean_pool.h"
#include "operation/normalize.h"
#include "operations.h"
#include "training.h"

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

/* A causal language model of one block: attention and a perceptron at each position, with LN at each position before it, and the
 * embedding as the head. */
void network_language(struct nl_graph *graph, const struct language *l)
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

static void language(struct nl_graph *graph)
{
    network_language(graph,
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

/* ---- all of them ---- */

const struct network networks[NETWORKS] = {{"lstm", lstm, 6, 0},
                                           {"attention", attention, 6, 0},
                                           {"tied", tied_head, 6, 0},
                                           {"weight norm", weight_normed, 6, 0},
                                           {"whiten", whitened, 6, 0},
                                           {"concat", concatenated, 6, 0},
                                           {"residual mlp", residual_mlp, 6, 0},
                                           {"language", language, 8, 4},
                                           {"bigram", bigram, 6, 0},
                                           {"wide concat", concatenated_wide, 40, 16}};

/* ---- run ---- */

static size_t take(size_t *at, size_t bytes)
{
    size_t place = *at;
    *at += (bytes + 63) / 64 * 64;
    return place;
}

double drawn(const char *name, int replica, size_t at)
{
    return 2 * nl_stream_uniform(nl_stream(7, name), (uint64_t)replica, at) - 1;
}

void running_put(const struct running *run, const void *place, int replica, const double *values, size_t count)
{
    run->backend->put_reals((char *)(uintptr_t)place + (size_t)replica * run->stride, values, count);
}

static void put_drawn(const struct running *run, const void *place, int replica, const char *name, size_t count)
{
    double *values = nl_alloc(count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = drawn(name, replica, i);
    running_put(run, place, replica, values, count);
    free(values);
}

/* The logits' channels, of which labels and ids are one. */
int network_classes(const struct nl_graph *graph)
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
    return (int32_t)nl_stream_below(nl_stream(7, input), (uint64_t)replica, i, (uint32_t)network_classes(graph));
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
void running_start_graph(struct running *run, const struct nl_backend *backend, int samples, int replicas)
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

void running_start(struct running *run, const struct nl_backend *backend, const struct network *network, int replicas)
{
    *run = (struct running){0};
    network->build(&run->graph);
    running_start_graph(run, backend, network->samples, replicas);
}

void running_stop(struct running *run)
{
    run->backend->free(run->memory, run->stride * (size_t)run->replicas);
    nl_list_release(&run->list);
    nl_graph_release(&run->graph);
}

void running_step(const struct running *run, bool back)
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

double *running_get(const struct running *run, const void *place, int replica, size_t count)
{
    double *values = nl_alloc(count, sizeof *values);
    run->backend->get_reals(values, (char *)(uintptr_t)place + (size_t)replica * run->stride, count);
    return values;
}

double running_loss(const struct running *run, int replica)
{
    const struct nl_loss_sums *sums = (const struct nl_loss_sums *)((const char *)run->sums + (size_t)replica * run->stride);
    return sums->loss / sums->counted;
}

/* ---- train ---- */

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

void network_train(struct training *t, const struct network *network, const struct nl_backend *backend)
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
    int classes = t->graph.classes = network_classes(&t->graph);
    draw_rows(t);
    const char *trouble =
        training_make(t, backend, 2, (struct nl_shape){input->height, input->width, input->channels, classes}, DATA);
    ck_assert_msg(!trouble, "%s", trouble);
    training_rates(t);
}
