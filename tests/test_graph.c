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
#include "graph/list.h"
#include "operation/activate.h"
#include "operation/add.h"
#include "operation/conv.h"
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
    a->q = at->in[0], a->k = at->in[1], a->v = at->in[2], a->length = at->in[3];
    a->dq = at->d_in[0], a->dk = at->d_in[1], a->dv = at->d_in[2], a->dlength = at->d_in[3];
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
                                                        .declare = declare_attention,
                                                        .bind = bind_attention,
                                                        .reads = reads_inputs,
                                                        .reference = NL_REFERENCES(attention)};

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
    nl_graph_begin(graph, (struct nl_extent){1, STEPS, 3});
    int h = linear(graph, graph->input, WIDTH, "h0", 0), c = linear(graph, graph->input, WIDTH, "c0", 0);
    int of_x = NL_NONE, of_h = NL_NONE, gates = NL_NONE;
    for (int t = 0; t < STEPS; t++) {
        char name[16];
        snprintf(name, sizeof name, "step%d", t);
        int x = slice(graph, graph->input, t, 1, name);
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
    nl_graph_begin(graph, (struct nl_extent){1, 6, 5});
    int q = conv(graph, graph->input, 4, 1, "q"), k = conv(graph, graph->input, 4, 1, "k"),
        v = conv(graph, graph->input, 4, 1, "v");
    int first = slice(graph, graph->input, 0, 1, "first");
    int length =
        add(graph, &nl_mean_pool_operation, &(struct nl_mean_pool){0}, "length", 1, (int[]){first}, 0); /* channel 0 says it */
    int y = add(graph, &attention_operation, &(struct attention){.heads = 2}, "attention", 4, (int[]){q, k, v, length}, 0);
    nl_graph_end(graph, linear(graph, sum(graph, y, q, "residual"), CLASSES, "head", 0));
}

/* The embedding is the head. */
static void tied_head(struct nl_graph *graph)
{
    nl_graph_begin(graph, (struct nl_extent){1, 1, CLASSES});
    int embedded = linear(graph, graph->input, 6, "embedding", WITHOUT_BIAS);
    int hidden = activate(graph, linear(graph, embedded, 6, "fc", 0), NL_TANH, "act");
    nl_graph_end(graph, add(graph, &tied_operation, &(struct tied){.out = CLASSES}, "head", 2,
                            (int[]){hidden, taken(graph, embedded, 1)}, 0));
}

static void weight_normed(struct nl_graph *graph)
{
    nl_graph_begin(graph, (struct nl_extent){1, 1, 5});
    int w = add(graph, &weight_norm_operation, &(struct weight_norm){.in = 5, .out = 6}, "wn", 0, (int[]){0}, 0);
    int hidden = add(graph, &nl_linear_operation, &(struct nl_linear){.out = 6}, "fc", 2, (int[]){graph->input, w}, 0);
    nl_graph_end(graph, linear(graph, activate(graph, hidden, NL_TANH, "act"), CLASSES, "head", 0));
}

static void whitened(struct nl_graph *graph)
{
    nl_graph_begin(graph, (struct nl_extent){2, 2, 2});
    int x = conv(graph, graph->input, 3, 3, "conv");
    int y = add(graph, &whiten_operation, &(struct whiten){0}, "whiten", 1, (int[]){x}, 0);
    nl_graph_end(graph, linear(graph, activate(graph, y, NL_GELU, "act"), CLASSES, "head", 0));
}

/* Two shortcuts open at once, three inputs in one, dropout inside. */
static void concatenate(struct nl_graph *graph, int size, int width)
{
    nl_graph_begin(graph, (struct nl_extent){size, size, width});
    int a = activate(graph, conv(graph, graph->input, width, 3, "conv1"), NL_RELU, "act1");
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
    nl_graph_begin(graph, (struct nl_extent){1, 1, 5});
    int a = activate(graph, linear(graph, graph->input, 6, "fc1", 0), NL_RELU, "act1");
    int b = activate(graph, linear(graph, a, 6, "fc2", 0), NL_RELU, "act2");
    int c = activate(graph, linear(graph, b, 6, "fc3", 0), NL_RELU, "act3");
    nl_graph_end(graph, linear(graph, sum(graph, c, a, "add"), CLASSES, "head", 0));
}

static const struct network {
    const char *name;
    void (*build)(struct nl_graph *graph);
    int samples;
} networks[] = {{"lstm", lstm, 6},
                {"attention", attention, 6},
                {"tied", tied_head, 6},
                {"weight norm", weight_normed, 6},
                {"whiten", whitened, 6},
                {"concat", concatenated, 6},
                {"residual mlp", residual_mlp, 6},
                {"wide concat", concatenated_wide, 40}};
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
    void *state[16];
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
    if (strcmp(name, "x") == 0) /* the length of an attention's sample */
        for (size_t n = 0; n < (size_t)run->samples && run->graph.value[run->graph.input].extent.width == 6; n++)
            values[n * (count / (size_t)run->samples)] = 2 + (double)(n % 4);
    put(run, place, replica, values, count);
    free(values);
}

/* Places for everything; parameters, input and the logits' gradient are drawn, another set for each replica. */
static void start(struct running *run, const struct nl_backend *backend, const struct network *network, int replicas)
{
    *run = (struct running){.backend = backend, .replicas = replicas, .samples = network->samples};
    network->build(&run->graph);
    struct nl_list_setup setup = {.backend = backend, .graph = &run->graph, .capacity = network->samples, .trains = true};
    ck_assert_msg(nl_list_make(&run->list, &setup, &err) == NL_OK, "%s", err.text);
    size_t at = 0, real = backend->real, samples = (size_t)network->samples, input = run->graph.value[run->graph.input].count,
           states[16] = {0};
    size_t hyper = take(&at, sizeof(struct nl_hyper)), parameters = take(&at, run->graph.count * real),
           gradients = take(&at, run->graph.count * real);
    size_t x = take(&at, samples * input * real), logits = take(&at, samples * CLASSES * real),
           d_logits = take(&at, samples * CLASSES * real);
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
    for (int i = 0; i < run->graph.tensors; i++)
        if (!nl_is_parameter(run->graph.tensor[i].spec.role))
            for (int r = 0; r < replicas; r++)
                memset(base + states[run->graph.tensor[i].offset] + (size_t)r * run->stride, 0, run->graph.tensor[i].count * 16);
    run->places = (struct nl_places){.parameters = base + parameters,
                                     .gradients = base + gradients,
                                     .state = run->state,
                                     .x = base + x,
                                     .logits = base + logits,
                                     .d_logits = base + d_logits,
                                     .hyper = (struct nl_hyper *)(base + hyper)};
    nl_list_bind(&run->list, base, &run->places);
    for (int r = 0; r < replicas; r++) {
        struct nl_hyper values = {.dropout = 0.3, .norm_eps = 1e-3, .norm_momentum = 0.1};
        memcpy(base + hyper + (size_t)r * run->stride, &values, sizeof values);
        put_drawn(run, run->places.parameters, r, "parameters", run->graph.count);
        put_drawn(run, run->places.x, r, "x", samples * input);
        put_drawn(run, run->places.d_logits, r, "loss", samples * CLASSES);
    }
}

static void stop(struct running *run)
{
    run->backend->free(run->memory, run->stride * (size_t)run->replicas);
    nl_list_release(&run->list);
    nl_graph_release(&run->graph);
}

static void step(const struct running *run, bool back)
{
    struct nl_run call = {
        .replicas = run->replicas, .stride = run->stride, .samples = run->samples, .step = 3, .statistics = NL_STATS_TRAIN};
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

/* The loss whose gradient the logits are given: a sum of them, weighted. */
static double loss(const struct running *run, int replica)
{
    size_t count = (size_t)run->samples * CLASSES;
    double *logits = get(run, run->places.logits, replica, count), sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += logits[i] * drawn("loss", replica, i);
    free(logits);
    return sum;
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
            ck_assert_msg(fabs(found - wanted) <= 1e-7 * (1 + fabs(wanted)),
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

START_TEST(micro_batches_have_the_bits_of_whole_ones)
{
    struct nl_backend parted = nl_backend_cpu, whole = nl_backend_cpu;
    parted.micro_bytes = 16 * 8 * 8 * 48 * sizeof(float); /* sixteen samples of the widest activations */
    whole.micro_bytes = 0;
    struct running a, b;
    start(&a, &parted, &networks[_i], MOST_REPLICAS);
    start(&b, &whole, &networks[_i], MOST_REPLICAS);
    step(&a, true);
    step(&b, true);
    bool parts = false;
    for (int i = 0; i < a.list.chains; i++)
        parts |= a.list.chain[i].micro > 0 && a.list.chain[i].micro < a.samples;
    ck_assert(parts == (_i == SMALL));
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

/* ---- trainings ---- */

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
    const struct nl_extent *input = nl_extent_of(&t->graph, t->graph.input);
    t->graph.classes = CLASSES;
    const char *trouble =
        training_make(t, backend, 2, (struct nl_shape){input->height, input->width, input->channels, CLASSES}, 96);
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
    Suite *suite = suite_create("graph");
    TCase *cases = tcase_create("networks");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, gradients_are_those_of_differences, 0, SMALL);
    tcase_add_loop_test(cases, cpu_is_ref_to_rounding, 0, NETWORKS);
    tcase_add_loop_test(cases, micro_batches_have_the_bits_of_whole_ones, 0, NETWORKS);
    tcase_add_loop_test(cases, complex_steps_give_hessian_vector_products, 0, SMALL);
    tcase_add_loop_test(cases, what_a_device_lacks_is_refused_by_name, 0, NETWORKS);
    tcase_add_loop_test(cases, a_training_goes_on_from_its_middle, 0, 2 * NETWORKS);
    tcase_add_loop_test(cases, what_is_read_is_what_was_written, 0, NETWORKS);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
