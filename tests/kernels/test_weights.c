/* Normalizers of weights against PyTorch in float64 (tests/golden/weights.py, which documents the tensors of
 * weights.safetensors): `ref` must agree to 1e-10; other backends, on inputs rounded to float32, with `ref` on the same
 * inputs. And what must hold of each: gradients are those of differences, the length of the original weight does not
 * matter, a weight of zeros stays one. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/memory.h"
#include "base/safetensors.h"
#include "config/diagnostics.h"
#include "model/model.h"
#include "operation/parametrize.h"
#include "operation/standardize.h"
#include "replicas.h"
#include "suite.h"
#include "sweep/lint.h"
#include "train/train.h"

static struct nl_tensor_file tensors;

/* ---- cases ---- */

struct golden {
    char name[64]; /* "wn.linear" */
    const struct nl_weight_norm *norm;
    int out, in, kernel, iterations;
};

static struct golden *goldens;
static int golden_count, golden_capacity;

static const struct nl_weight_norm *find_norm(const char *name)
{
    for (int i = 1; nl_weight_norm_names[i]; i++)
        if (strncmp(name, nl_weight_norm_names[i], strcspn(name, ".")) == 0 &&
            strlen(nl_weight_norm_names[i]) == strcspn(name, "."))
            return nl_weight_norms[i];
    NL_BUG("no normalizer of weights '%s'", name);
}

static const struct nl_tensor_file_entry *find(const struct golden *golden, const char *tensor)
{
    char name[sizeof tensors.entry->name];
    snprintf(name, sizeof name, "%s/%s", golden->name, tensor);
    return nl_safetensors_find(&tensors, name);
}

static void read_goldens(void)
{
    for (int i = 0; i < tensors.count; i++) {
        const char *name = tensors.entry[i].name, *slash = strchr(name, '/');
        const int64_t *setup = tensors.entry[i].data;
        if (strcmp(slash, "/setup") != 0)
            continue;
        struct golden golden = {.norm = find_norm(name),
                                .out = (int)setup[0],
                                .in = (int)setup[1],
                                .kernel = (int)setup[2],
                                .iterations = (int)setup[3]};
        snprintf(golden.name, sizeof golden.name, "%.*s", (int)(slash - name), name);
        NL_GROW(goldens, golden_count, golden_capacity);
        goldens[golden_count++] = golden;
    }
}

/* ---- a weight alone in memory, as a plan would lay it ---- */

enum field { V, G, W, DW, DV, DG, A, B, FIELDS };
static const char *const stored[FIELDS] = {"v", "g", "w", "dw", "dv", "dg", "a", "b"};
/* Two where a call computes all of them: the last has the case, the first other numbers. */
enum { MOST_REPLICAS = 2 };

struct weight {
    const struct nl_backend *backend;
    const struct golden *golden;
    const struct nl_operation *operation;
    union {
        struct nl_parametrize columns;
        struct nl_spectral_norm matrix;
    } arguments;
    char *memory;
    size_t count[FIELDS], at[FIELDS], stride;
};

/* Iterates until it has converged, which on fibers takes its time. */
static bool is_long(const struct golden *golden)
{
    return golden->iterations > 10;
}

static bool is_spectral(const struct golden *golden)
{
    return golden->norm->measure == NL_WEIGHT_SPECTRAL;
}

static size_t rows_of(const struct golden *golden)
{
    return (size_t)nl_weight_taps(golden->kernel) * (size_t)golden->in;
}

static char *place(const struct weight *w, enum field field, int replica)
{
    return w->count[field] ? w->memory + (size_t)replica * w->stride + w->at[field] : NULL;
}

static struct weight weight_make(const struct nl_backend *backend, const struct golden *golden)
{
    struct weight w = {.backend = backend, .golden = golden};
    size_t outputs = (size_t)golden->out, rows = rows_of(golden), saved[2];
    bool gain = golden->norm->gain != NL_GAIN_NONE, spectral = is_spectral(golden);
    w.operation = spectral ? &nl_spectral_norm_operation : &nl_parametrize_operation;
    if (spectral)
        w.arguments.matrix = (struct nl_spectral_norm){.norm = golden->norm,
                                                       .kernel = golden->kernel,
                                                       .in = golden->in,
                                                       .out = golden->out,
                                                       .iterations = golden->iterations};
    else
        w.arguments.columns = (struct nl_parametrize){
            .norm = golden->norm, .kernel = golden->kernel, .in = golden->in, .out = golden->out};
    w.count[V] = w.count[W] = w.count[DW] = w.count[DV] = rows * outputs;
    w.count[G] = w.count[DG] = gain ? outputs : 0;
    w.count[A] = spectral ? outputs : 0;
    w.count[B] = spectral ? rows : 0;
    for (int i = 0; i < FIELDS; i++) {
        w.at[i] = w.stride;
        w.stride += (w.count[i] * backend->real + 63) / 64 * 64;
    }
    for (int i = 0; i < w.operation->saved; i++) {
        saved[i] = w.stride;
        w.stride += (w.operation->saved_bytes(&w.arguments, i, 1, backend->statistic) + 63) / 64 * 64;
    }
    struct nl_error err;
    ck_assert(backend->thread_begin(0, &err) == NL_OK);
    w.memory = backend->alloc((size_t)replicas_of(backend, MOST_REPLICAS) * w.stride);
    ck_assert_ptr_nonnull(w.memory);
    struct nl_operands operands = {.in = {place(&w, V, 0), place(&w, G, 0)},
                                   .out = {place(&w, W, 0)},
                                   .d_out = {place(&w, DW, 0)},
                                   .d_in = {place(&w, DV, 0), place(&w, DG, 0)},
                                   .state = {place(&w, A, 0), place(&w, B, 0)}};
    for (int i = 0; i < w.operation->saved; i++)
        operands.saved[i] = w.memory + saved[i];
    nl_bind(w.operation, &w.arguments, &operands);
    return w;
}

static void weight_free(struct weight *w)
{
    w->backend->free(w->memory, (size_t)replicas_of(w->backend, MOST_REPLICAS) * w->stride);
}

static bool is_weight(enum field field)
{
    return field == V || field == W || field == DW || field == DV;
}

/* Where element e of PyTorch's lies here. */
static size_t place_of(const struct golden *golden, enum field field, size_t e)
{
    struct nl_tensor tensor = {
        .spec = {.role = is_weight(field) ? NL_WEIGHT : NL_GAMMA,
                 .dims = golden->kernel ? 4 : 2,
                 .shape = {(size_t)golden->out, (size_t)golden->in, (size_t)golden->kernel, (size_t)golden->kernel}}};
    return nl_tensor_place(&tensor, e);
}

/* values in PyTorch's order, in the last replica; another multiple of them in the first. */
static void put(const struct weight *w, enum field field, const double *values, double factor)
{
    size_t count = w->count[field];
    double *ordered = nl_alloc(count, sizeof *ordered);
    for (int r = 0; r < replicas_of(w->backend, MOST_REPLICAS); r++) {
        for (size_t e = 0; e < count; e++)
            ordered[place_of(w->golden, field, e)] =
                (r == replicas_of(w->backend, MOST_REPLICAS) - 1 ? factor : 0.3) * values[e];
        w->backend->put_reals(place(w, field, r), ordered, count);
    }
    free(ordered);
}

/* Of the last replica, in PyTorch's order; new array. */
static double *get(const struct weight *w, enum field field)
{
    size_t count = w->count[field];
    double *ordered = nl_alloc(count, sizeof *ordered), *values = nl_alloc(count, sizeof *values);
    w->backend->get_reals(ordered, place(w, field, replicas_of(w->backend, MOST_REPLICAS) - 1), count);
    for (size_t e = 0; e < count; e++)
        values[e] = ordered[place_of(w->golden, field, e)];
    free(ordered);
    return values;
}

static void call(const struct weight *w, enum nl_statistics statistics, bool back)
{
    const struct nl_kernel *kernel = nl_kernel_of(w->backend, w->operation, &w->arguments);
    struct nl_run run = {.replicas = replicas_of(w->backend, MOST_REPLICAS),
                         .stride = w->stride,
                         .samples = 1,
                         .statistics = statistics};
    kernel->forward(&run, &w->arguments);
    if (back)
        kernel->backward(&run, &w->arguments);
}

/* The case's inputs; those of `rounded` as float32 has them. v counts `factor` times. */
static struct weight started(const struct nl_backend *backend, const struct golden *golden, bool rounded, double factor)
{
    struct weight w = weight_make(backend, golden);
    static const enum field inputs[] = {V, G, DW, A, B};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        size_t count = w.count[inputs[i]];
        if (count == 0)
            continue;
        const double *given = find(golden, stored[inputs[i]])->data;
        double *values = nl_alloc(count, sizeof *values);
        for (size_t e = 0; e < count; e++)
            values[e] = rounded ? (double)(float)given[e] : given[e];
        put(&w, inputs[i], values, inputs[i] == V ? factor : 1);
        free(values);
    }
    return w;
}

/* least: the largest magnitude counts as at least this. */
static void expect_near(const char *name, const char *what, const double *found, const double *wanted, size_t count,
                        double bound, double least)
{
    double largest = least;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(wanted[i]));
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(fabs(found[i] - wanted[i]) <= bound * largest,
                      "%s: %s[%zu] is %.17g, not %.17g: %.2g of the largest, at most %.2g", name, what, i, found[i],
                      wanted[i], fabs(found[i] - wanted[i]) / largest, bound);
}

/* The gradient of an only weight, whose sign alone counts, is 0 but for rounding. */
static double least_of(const struct golden *golden, enum field field)
{
    return field == DV && rows_of(golden) == 1 ? 1 : 0;
}

static void expect_stored(const struct weight *w, enum field field, const char *tensor, double bound)
{
    const struct nl_tensor_file_entry *wanted = find(w->golden, tensor);
    ck_assert_msg(wanted != NULL, "%s/%s is not stored: run tests/golden/weights.py", w->golden->name, tensor);
    double *found = get(w, field);
    expect_near(w->golden->name, tensor, found, wanted->data, w->count[field], bound, least_of(w->golden, field));
    free(found);
}

/* ---- PyTorch ---- */

START_TEST(ref_is_pytorch)
{
    const struct golden *golden = &goldens[_i];
    struct weight w = started(&nl_backend_ref, golden, false, 1);
    call(&w, NL_STATS_TRAIN, true);
    expect_stored(&w, W, "w", 1e-10);
    expect_stored(&w, DV, "dv", 1e-10);
    if (w.count[G])
        expect_stored(&w, DG, "dg", 1e-10);
    if (is_spectral(golden)) {
        expect_stored(&w, A, "a_after", 1e-10);
        expect_stored(&w, B, "b_after", 1e-10);
        if (is_long(golden))
            expect_stored(&w, W, "w_svd", 1e-10);
        call(&w, NL_STATS_RUNNING, false); /* a second time, without moving the vectors */
        expect_stored(&w, W, "w_eval", 1e-10);
        expect_stored(&w, A, "a_after", 1e-10);
    }
    weight_free(&w);
}
END_TEST

/* Sums are in double: what float32 loses is the rounding of the results, and of the vectors of power iteration. */
START_TEST(others_are_ref_to_rounding)
{
    const double bound = 4 * 6e-8;
    const struct golden *golden = &goldens[_i];
    for (int b = 0; nl_backends[b] && !is_long(golden); b++) {
        struct weight w = started(nl_backends[b], golden, true, 1), ref = started(&nl_backend_ref, golden, true, 1);
        call(&w, NL_STATS_TRAIN, true);
        call(&ref, NL_STATS_TRAIN, true);
        for (enum field field = 0; field < FIELDS; field++) {
            if (w.count[field] == 0)
                continue;
            double *found = get(&w, field), *wanted = get(&ref, field);
            expect_near(golden->name, stored[field], found, wanted, w.count[field], bound, least_of(golden, field));
            free(found);
            free(wanted);
        }
        weight_free(&w);
        weight_free(&ref);
    }
}
END_TEST

/* ---- what must hold ---- */

static double objective(const struct weight *w)
{
    double *values = get(w, W), sum = 0;
    const double *dw = find(w->golden, "dw")->data;
    for (size_t e = 0; e < w->count[W]; e++)
        sum += values[e] * dw[e];
    free(values);
    return sum;
}

static void expect_differences(struct weight *w, enum field field, enum field gradient)
{
    if (w->count[field] == 0)
        return;
    double *values = get(w, field), *found = get(w, gradient), largest = 1;
    for (size_t e = 0; e < w->count[field]; e++)
        largest = fmax(largest, fabs(found[e]));
    for (size_t e = 0; e < w->count[field]; e += 1 + w->count[field] / 40) {
        double value = values[e], h = 1e-5, at[2];
        for (int side = 0; side < 2; side++) {
            values[e] = side ? value - h : value + h;
            put(w, field, values, 1);
            call(w, NL_STATS_RUNNING, false);
            at[side] = objective(w);
        }
        values[e] = value;
        put(w, field, values, 1);
        double wanted = (at[0] - at[1]) / (2 * h);
        ck_assert_msg(fabs(found[e] - wanted) <= 1e-7 * largest, "%s: d%s[%zu] is %.12g, by differences %.12g",
                      w->golden->name, stored[field], e, found[e], wanted);
    }
    free(values);
    free(found);
}

/* With the vectors of power iteration as they are: to the gradient they are constants. */
START_TEST(gradients_are_those_of_differences)
{
    const struct golden *golden = &goldens[_i];
    const char *what = strchr(golden->name, '.') + 1;
    if (!strcmp(what, "short") || !strcmp(what, "constant") ||
        !strcmp(what, "offset")) /* where a step of 1e-5 is no small one */
        return;
    struct weight w = started(&nl_backend_ref, golden, false, 1);
    call(&w, NL_STATS_RUNNING, true);
    expect_differences(&w, V, DV);
    expect_differences(&w, G, DG);
    weight_free(&w);
}
END_TEST

/* w(c v) = w(v), so that dv is orthogonal to v. v is so long that no eps counts. */
START_TEST(the_length_of_the_original_does_not_matter)
{
    const double factors[] = {1e12, 7e12};
    const struct golden *golden = &goldens[_i];
    if (strstr(golden->name, "constant"))
        return;
    double *values[2];
    for (int i = 0; i < 2; i++) {
        struct weight w = started(&nl_backend_ref, golden, false, factors[i]);
        call(&w, NL_STATS_TRAIN, true);
        values[i] = get(&w, W);
        double *dv = get(&w, DV), *v = get(&w, V), product = 0, squares[2] = {0};
        for (size_t e = 0; e < w.count[V]; e++) {
            product += dv[e] * v[e];
            squares[0] += dv[e] * dv[e];
            squares[1] += v[e] * v[e];
        }
        double angle = squares[0] == 0 ? 0 : fabs(product) / sqrt(squares[0] * squares[1]);
        ck_assert_msg(rows_of(golden) == 1 || angle <= 1e-9, "%s: dv and v: %.2g", golden->name, angle);
        free(dv);
        free(v);
        if (i == 1)
            expect_near(golden->name, "w", values[1], values[0], w.count[W], 1e-12, 0);
        weight_free(&w);
    }
    free(values[0]);
    free(values[1]);
}
END_TEST

START_TEST(zeros_stay_zeros)
{
    for (int b = 0; nl_backends[b] && !is_long(&goldens[_i]); b++) {
        struct weight w = started(nl_backends[b], &goldens[_i], false, 0);
        call(&w, NL_STATS_TRAIN, true);
        double *computed = get(&w, W), *dv = get(&w, DV);
        for (size_t e = 0; e < w.count[W]; e++) {
            ck_assert_msg(computed[e] == 0, "%s: %g", w.golden->name, computed[e]);
            ck_assert_msg(isfinite(dv[e]) && (dv[e] == 0 || w.golden->norm->eps > 0), "%s: %g", w.golden->name, dv[e]);
        }
        free(computed);
        free(dv);
        weight_free(&w);
    }
}
END_TEST

/* ---- gain and bias from the first batch ---- */

enum { SAMPLES = 5, POSITIONS = 3, CHANNELS = 37, ROWS = SAMPLES * POSITIONS };

/* x, y: (ROWS, CHANNELS); gain, bias: (CHANNELS). Of the last channel x is constant. The last replica's y, gain and
 * bias; new array. */
static double *standardized(const struct nl_backend *backend, bool bias)
{
    struct nl_error err;
    size_t elements = ROWS * CHANNELS, stride = (2 * elements + 2 * CHANNELS) * backend->real;
    size_t replicas = (size_t)replicas_of(backend, MOST_REPLICAS);
    double *values = nl_alloc(elements + 2 * CHANNELS, sizeof *values), *small = values + elements;
    ck_assert(backend->thread_begin(0, &err) == NL_OK);
    char *memory = backend->alloc(replicas * stride), *y = memory + elements * backend->real,
         *gain = y + elements * backend->real;
    struct nl_standardize op = {.positions = POSITIONS, .channels = CHANNELS, .x = memory, .y = y, .gain = gain,
                                .bias = bias ? gain + CHANNELS * backend->real : NULL};
    struct nl_run run = {.replicas = (int)replicas, .stride = stride, .samples = SAMPLES, .statistics = NL_STATS_BATCH};
    for (size_t r = 0; r < replicas; r++) {
        for (size_t e = 0; e < elements; e++)
            values[e] = e % CHANNELS == CHANNELS - 1 ? 0.75 : (double)(float)(sin((double)(e * (replicas - r))) + 2);
        for (size_t c = 0; c < 2 * CHANNELS; c++)
            small[c] = c < CHANNELS ? 1.5 : 0.25;
        backend->put_reals(memory + r * stride, values, elements);
        backend->put_reals(gain + r * stride, small, 2 * CHANNELS);
    }
    nl_kernel_of(backend, &nl_standardize_operation, &op)->forward(&run, &op);
    backend->get_reals(values, y + (replicas - 1) * stride, elements + 2 * CHANNELS);
    backend->free(memory, replicas * stride);
    return values;
}

START_TEST(gain_and_bias_from_a_batch)
{
    double *wanted = standardized(&nl_backend_ref, _i);
    const double *gain = wanted + ROWS * CHANNELS, *shift = gain + CHANNELS;
    for (int c = 0; c < CHANNELS; c++) {
        double sum = 0, squares = 0;
        for (int row = 0; row < ROWS; row++)
            sum += wanted[row * CHANNELS + c];
        for (int row = 0; row < ROWS; row++)
            squares += (wanted[row * CHANNELS + c] - sum / ROWS) * (wanted[row * CHANNELS + c] - sum / ROWS);
        bool constant = c == CHANNELS - 1;
        ck_assert_msg(fabs(squares / ROWS - !constant) <= 1e-12 && (!_i || fabs(sum) <= 1e-12), "channel %d: %g, %g", c,
                      sum, squares);
        ck_assert((gain[c] == 1.5) == constant && (shift[c] == 0.25) == !_i);
    }
    for (int b = 0; nl_backends[b]; b++) {
        double *found = standardized(nl_backends[b], _i);
        expect_near("standardize", "y, gain and bias", found, wanted, ROWS * CHANNELS + 2 * CHANNELS, 2 * 6e-8, 0);
        free(found);
    }
    free(wanted);
}
END_TEST

/* ---- in a network ---- */

static struct nl_config config_with(const char *weights)
{
    struct nl_config config;
    struct nl_error err;
    nl_config_defaults(&config);
    ck_assert(nl_key_set(nl_key_named("norm.weights"), &config, weights, &err) == NL_OK);
    config.model.arch = NL_CNN;
    config.model.width = 6;
    config.model.depth = 2;
    return config;
}

/* Initial numbers of the tensor of that name; new array. */
static double *initial(const char *weights, const char *name, size_t *count)
{
    struct nl_config config = config_with(weights);
    struct nl_graph graph;
    struct nl_error err;
    const char *key;
    ck_assert_msg(nl_model_build(&config, (struct nl_shape){.height = 8, .width = 8, .channels = 2, .classes = 3},
                                 &graph, &key, &err) == NL_OK,
                  "%s", err.text);
    double **values = nl_alloc((size_t)graph.tensors, sizeof *values), *found = NULL;
    for (int i = 0; i < graph.tensors; i++)
        values[i] =
            graph.tensor[i].spec.type == NL_TENSOR_REAL ? nl_alloc(graph.tensor[i].count, sizeof **values) : NULL;
    nl_model_init(&graph, &config, values);
    for (int i = 0; i < graph.tensors; i++)
        if (strcmp(graph.tensor[i].name, name) == 0) {
            found = values[i];
            *count = graph.tensor[i].count;
        } else {
            free(values[i]);
        }
    ck_assert_msg(found != NULL, "%s has no '%s'", weights, name);
    free(values);
    nl_graph_release(&graph);
    return found;
}

/* A seed starts every network with the same original weights, and those that have a layer's own with its own. */
START_TEST(the_same_seed_gives_the_same_start)
{
    const char *const original = find_norm(nl_weight_norm_names[_i])->gain == NL_GAIN_LENGTH ? "original1" : "original";
    char *name = nl_format("conv2.parametrizations.weight.%s", original);
    size_t counts[3];
    double *plain = initial("none", "conv2.weight", &counts[0]),
           *found = initial(nl_weight_norm_names[_i], name, &counts[1]),
           *head = initial(nl_weight_norm_names[_i], "head.weight", &counts[2]),
           *plain_head = initial("none", "head.weight", &counts[2]);
    ck_assert_uint_eq(counts[0], counts[1]);
    ck_assert(memcmp(plain, found, counts[0] * sizeof *plain) == 0);
    ck_assert(memcmp(head, plain_head, counts[2] * sizeof *head) == 0);
    free(plain), free(found), free(head), free(plain_head), free(name);
}
END_TEST

/* Settings by which weights begin smaller than they are drawn, and a layer of such a network. */
static const struct {
    const char *words[6], *layer;
    double first, last; /* its parts begin so many times as large, the last one `last` times */
    int parts;
} starts[] = {
    {{"model.arch=transformer", "data.as=rows", "model.init=gpt2", "norm.kind=none"},
     "transformer.h.1.attn.c_proj",
     0.5,
     0.5,
     1}, /* 1/sqrt(2 L), L = 2 */
    {{"model.arch=transformer", "data.as=rows", "model.init=gpt2", "norm.kind=none"},
     "transformer.h.0.mlp.c_proj",
     0.5,
     0.5,
     1},
    {{"model.arch=transformer", "data.as=rows", "model.init=gpt2", "norm.kind=none"},
     "transformer.h.0.mlp.c_fc",
     1,
     1,
     1},
    {{"model.arch=transformer", "data.as=rows", "norm.placement=deepnorm", "norm.kind=ln"},
     "transformer.h.1.attn.c_attn",
     1,
     0.5,
     3}, /* (8 L)^(-1/4) */
    {{"model.arch=transformer", "data.as=rows", "norm.placement=deepnorm", "norm.kind=ln"},
     "transformer.h.1.mlp.c_fc",
     0.5,
     0.5,
     1},
    {{"model.arch=transformer", "data.as=rows", "norm.placement=deepnorm", "norm.kind=ln", "model.gated=true"},
     "transformer.h.1.mlp.c_fc",
     0.5,
     0.5,
     2},
    {{"model.arch=transformer", "data.as=rows", "model.init=tfixup", "norm.kind=none"},
     "transformer.h.1.attn.c_attn",
     1,
     0.5634006735005023,
     3}, /* 0.67 L^(-1/4) */
    {{"model.arch=resnet", "model.depth=8", "norm.kind=none", "model.residual=fixup"},
     "layer1.0.conv1",
     0.5773502691896258,
     0.5773502691896258,
     1},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=none", "model.residual=fixup"}, "layer1.0.conv2", 0, 0, 1},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=none", "model.residual=fixup", "norm.weights_head=true"},
     "head",
     0,
     0,
     1},
    {{"model.arch=resnet", "model.depth=8", "norm.kind=none", "model.residual=skipinit"}, "layer1.0.conv2", 1, 1, 1},
    {{"model.arch=mlp", "model.init_scale=0.25", "norm.kind=none"}, "fc2", 0.25, 0.25, 1},
};
enum { STARTS = sizeof starts / sizeof *starts };

struct begun {
    struct nl_experiment experiment;
    struct nl_graph graph;
    double **values;
};

static struct begun begin(int start, const char *weights)
{
    struct begun begun;
    struct nl_diagnostics diagnostics = {0};
    struct nl_error err;
    const char *words[12] = {"data.name=digits", "model.depth=2", "model.width=8"}, *key;
    char of_weights[32];
    int count = 3;
    snprintf(of_weights, sizeof of_weights, "norm.weights=%s", weights);
    words[count++] = of_weights;
    for (int i = 0; i < 6 && starts[start].words[i]; i++)
        words[count++] = starts[start].words[i];
    ck_assert_msg(nl_experiment_load(NULL, words, count, &begun.experiment, &diagnostics) == NL_OK, "%s",
                  nl_diagnostics_text(&diagnostics));
    const struct nl_config *config = &begun.experiment.config;
    ck_assert_msg(nl_model_build(config, nl_data_facts(config).shape, &begun.graph, &key, &err) == NL_OK, "%s: %s", key,
                  err.text);
    begun.values = nl_alloc((size_t)begun.graph.tensors, sizeof *begun.values);
    for (int i = 0; i < begun.graph.tensors; i++)
        begun.values[i] = begun.graph.tensor[i].spec.type == NL_TENSOR_REAL
                              ? nl_alloc(begun.graph.tensor[i].count, sizeof **begun.values)
                              : NULL;
    nl_model_init(&begun.graph, config, begun.values);
    return begun;
}

static void release(struct begun *begun)
{
    for (int i = 0; i < begun->graph.tensors; i++)
        free(begun->values[i]);
    free(begun->values);
    nl_graph_release(&begun->graph);
}

/* The tensor LAYER.NAME; NULL: there is none. Of a weight: its outputs O and the weights m of each, (m, O). */
static const double *begun_tensor(const struct begun *begun, const char *layer, const char *name, int *inputs,
                                  int *outputs)
{
    char whole[96];
    snprintf(whole, sizeof whole, "%s.%s", layer, name);
    for (int i = 0; i < begun->graph.tensors; i++)
        if (strcmp(begun->graph.tensor[i].name, whole) == 0) {
            *outputs = (int)begun->graph.tensor[i].spec.shape[0];
            *inputs = (int)begun->graph.tensor[i].count / *outputs;
            return begun->values[i];
        }
    return NULL;
}

/* The weights of an output that the layer begins with: t of the original, by the formulas of norm/weights.h and the
 * gain. */
static void begun_weights(const struct nl_weight_norm *norm, const struct begun *begun, const char *layer, int o,
                          double *w)
{
    int m = 0, outputs = 0, one;
    const double *v = begun_tensor(begun, layer,
                                   norm->gain == NL_GAIN_LENGTH ? "parametrizations.weight.original1"
                                                                : "parametrizations.weight.original",
                                   &m, &outputs);
    const double *g = norm->gain == NL_GAIN_NONE
                          ? NULL
                          : begun_tensor(begun, layer,
                                         norm->gain == NL_GAIN_LENGTH ? "parametrizations.weight.original0"
                                                                      : "parametrizations.weight.0.gain",
                                         &one, &outputs);
    double mean = 0, squares = 0;
    ck_assert(v && (g || norm->gain == NL_GAIN_NONE));
    for (int i = 0; norm->centers && i < m; i++)
        mean += v[i * outputs + o] / m;
    for (int i = 0; i < m; i++)
        squares += (v[i * outputs + o] - mean) * (v[i * outputs + o] - mean);
    double size = norm->measure == NL_WEIGHT_DEVIATION ? sqrt(squares / (m - 1)) + 1e-5 : sqrt(squares);
    for (int i = 0; i < m; i++)
        w[i] = (v[i * outputs + o] - mean) / size * (g ? g[o] : 1);
}

/* What makes weights begin smaller reaches the weight that norm.weights computes: of wn it is the one that the layer
 * would have without, of cwn that one centred, and the outputs of sws have that length. ws and sn have no gain that
 * could begin so, and nothing to judge here. */
START_TEST(what_makes_weights_smaller_reaches_them)
{
    const char *kind = nl_weight_norm_names[_i];
    const struct nl_weight_norm *norm = nl_weight_norms[_i];
    for (int s = 0; s < STARTS && norm->gain != NL_GAIN_NONE; s++) {
        struct begun plain = begin(s, "none"), begun = begin(s, kind);
        int m = 0, outputs = 0;
        const double *wanted = begun_tensor(&plain, starts[s].layer, "weight", &m, &outputs);
        double *w = nl_alloc((size_t)m, sizeof *w);
        ck_assert_msg(wanted != NULL, "no %s", starts[s].layer);
        for (int o = 0; o < outputs; o++) {
            double mean = 0, length = 0,
                   factor = o >= outputs - outputs / starts[s].parts ? starts[s].last : starts[s].first;
            begun_weights(norm, &begun, starts[s].layer, o, w);
            for (int i = 0; i < m; i++) {
                mean += norm->centers ? wanted[i * outputs + o] / m : 0;
                length += w[i] * w[i];
            }
            if (norm->gain == NL_GAIN_ONE)
                ck_assert_msg(fabs(sqrt(length) - factor) <= 1e-6, "%s, %s, output %d: length %g, not %g", kind,
                              starts[s].layer, o, sqrt(length), factor);
            for (int i = 0; norm->gain == NL_GAIN_LENGTH && i < m; i++)
                ck_assert_msg(fabs(w[i] - (wanted[i * outputs + o] - mean)) <= 1e-6 * (1 + fabs(w[i])),
                              "%s, %s, output %d: %g, not %g", kind, starts[s].layer, o, w[i],
                              wanted[i * outputs + o] - mean);
        }
        free(w);
        release(&plain), release(&begun);
    }
}
END_TEST

/* As PyTorch's begin: wn with |v|; sn after 15 iterations. */
START_TEST(what_follows_from_a_weight_begins_so)
{
    size_t outputs, count;
    double *g = initial("wn", "conv2.parametrizations.weight.original0", &outputs),
           *v = initial("none", "conv2.weight", &count);
    for (size_t o = 0; o < outputs; o++) {
        double squares = 0;
        for (size_t i = o; i < count; i += outputs)
            squares += v[i] * v[i];
        ck_assert_msg(fabs(g[o] - sqrt(squares)) <= 1e-7 * g[o], "g[%zu] is %.9g, not %.9g", o, g[o], sqrt(squares));
    }
    double *a = initial("sn", "conv2.parametrizations.weight.0._u", &outputs),
           *b = initial("sn", "conv2.parametrizations.weight.0._v", &count), lengths[2] = {0};
    for (size_t o = 0; o < outputs; o++)
        lengths[0] += a[o] * a[o];
    for (size_t i = 0; i < count; i++)
        lengths[1] += b[i] * b[i];
    ck_assert(fabs(lengths[0] - 1) <= 1e-6 && fabs(lengths[1] - 1) <= 1e-6);
    free(g), free(v), free(a), free(b);
}
END_TEST

/* The loss of the first step of a network of these settings; NULL ends them. */
static double loss_of(const char *const *settings)
{
    const char *words[20] = {"model.width=16", "train.steps=1", "train.batch=64",
                             "data.train=64",  "data.test=20",  "device.kind=ref"};
    int count = 6;
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    struct nl_error err;
    struct nl_trial_options options = {0};
    struct nl_trial_result result;
    for (int i = 0; settings[i]; i++)
        words[count++] = settings[i];
    ck_assert_msg(nl_experiment_load(NULL, words, count, &experiment, &diagnostics) == NL_OK, "%s",
                  nl_diagnostics_text(&diagnostics));
    struct nl_dataset *dataset = nl_dataset_open(&experiment.config, &err);
    ck_assert_msg(dataset && nl_trial_run(&experiment.config, dataset, &options, &result, &err) == NL_OK, "%s",
                  err.text);
    double loss = result.row[0].loss;
    nl_trial_result_release(&result);
    nl_dataset_free(dataset);
    return loss;
}

static double first_loss(const char *kind, const char *weights, const char *arch)
{
    return loss_of(
        (const char *const[]){kind, weights, arch, "norm.eps=0", "model.bias=on", "norm.weights_init=data", NULL});
}

/* Weight normalization begins with the function that the network has without it, whatever makes its weights smaller. */
START_TEST(wn_begins_with_the_same_loss)
{
    for (int s = 0; s < STARTS; s++) {
        const char *words[10] = {"norm.weights=none", "model.depth=2"};
        for (int i = 0; i < 6; i++)
            words[2 + i] = starts[s].words[i];
        double plain = loss_of(words);
        words[0] = "norm.weights=wn";
        double found = loss_of(words);
        ck_assert_msg(fabs(found - plain) <= 1e-6 * plain, "%s: %.9g, and without wn %.9g", starts[s].layer, found,
                      plain);
    }
}
END_TEST

/* Where gain and bias come from the first batch, the first pass is batch normalization's without eps (Salimans and
 * Kingma 2016, section 3). */
START_TEST(begun_by_data_the_first_pass_is_that_of_bn)
{
    static const char *const archs[] = {"model.arch=mlp", "model.arch=cnn"};
    for (int i = 0; i < 2; i++) {
        double bn = first_loss("norm.kind=bn", "norm.weights=none", archs[i]),
               wn = first_loss("norm.kind=none", "norm.weights=wn", archs[i]);
        ck_assert_msg(fabs(wn - bn) <= 1e-12 * bn, "%s: %.17g, and of bn %.17g", archs[i], wn, bn);
        double centred = first_loss("norm.kind=bn", "norm.weights=ws", archs[i]),
               cwn = first_loss("norm.kind=none", "norm.weights=cwn", archs[i]);
        ck_assert_msg(fabs(cwn - centred) <= 1e-12 * bn, "%s: %.17g, and of bn and ws %.17g", archs[i], cwn, centred);
    }
}
END_TEST

/* Behind a normalizer that divides each channel by its spread, a normalizer of weights that neither centres them nor
 * has a gain changes nothing, and a gain has no effect: so it is warned of, and only so. */
START_TEST(what_bn_undoes_is_warned_of)
{
    double plain = first_loss("norm.kind=bn", "norm.weights=none", "model.arch=mlp");
    for (int i = 1; nl_weight_norm_names[i]; i++) {
        const struct nl_weight_norm *norm = nl_weight_norms[i];
        char *weights = nl_format("norm.weights=%s", norm->name);
        const char *const words[] = {"norm.kind=bn", weights, "model.arch=mlp"};
        double loss = first_loss("norm.kind=bn", weights, "model.arch=mlp");
        bool same = fabs(loss - plain) <= 1e-9 * plain, gains = norm->gain != NL_GAIN_NONE;
        ck_assert_msg(same == !norm->centers, "%s: the loss is %.17g, and %.17g without", norm->name, loss, plain);
        struct nl_experiment experiment;
        struct nl_grid grid;
        struct nl_diagnostics diagnostics = {0};
        ck_assert(nl_experiment_load(NULL, words, 3, &experiment, &diagnostics) == NL_OK &&
                  nl_grid_make(&experiment, &grid, &diagnostics) == NL_OK);
        nl_lint_grid(&experiment, &grid, &diagnostics);
        char *text = nl_diagnostics_text(&diagnostics);
        ck_assert_msg(!!strstr(text, "divides each channel by its spread") == (same || gains), "%s: %s", norm->name,
                      text);
        ck_assert_msg(!!strstr(text, "parameters learn nothing") == gains, "%s: %s", norm->name, text);
        free(text), free(weights);
        nl_grid_release(&grid);
        nl_diagnostics_release(&diagnostics);
    }
}
END_TEST

START_TEST(one_weight_has_no_deviation)
{
    static const char *const kinds[] = {"ws", "sws", "cwn"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct nl_config config = config_with(kinds[i]);
        struct nl_graph graph;
        struct nl_error err;
        const char *key = NULL;
        config.model.arch = NL_MLP;
        ck_assert(nl_model_build(&config, (struct nl_shape){.height = 1, .width = 1, .channels = 1, .classes = 3},
                                 &graph, &key, &err) == NL_FAIL);
        ck_assert_str_eq(key, "norm.weights");
        ck_assert_msg(strstr(err.text, kinds[i]) == err.text && strstr(err.text, "wn is for that"), "%s", err.text);
        nl_graph_release(&graph);
    }
}
END_TEST

/* A list that lost its cases would pass the loops above. */
START_TEST(nothing_is_missing)
{
    for (int i = 1; nl_weight_norm_names[i]; i++) {
        int cases = 0;
        ck_assert_str_eq(nl_weight_norms[i]->name, nl_weight_norm_names[i]);
        for (int g = 0; g < golden_count; g++)
            cases += goldens[g].norm == nl_weight_norms[i];
        ck_assert_msg(cases >= 9, "'%s' has %d golden cases", nl_weight_norm_names[i], cases);
    }
    ck_assert_ptr_null(nl_weight_norms[0]);
}
END_TEST

int main(void)
{
    struct nl_error err;
    if (nl_safetensors_read(NORMLAB_TESTS_DIR "/golden/weights.safetensors", &tensors, &err) != NL_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    read_goldens();
    int kinds = 0;
    while (nl_weight_norm_names[kinds])
        kinds++;
    Suite *suite = suite_create("normalizers of weights");
    TCase *cases = tcase_create("weights");
    tcase_add_test(cases, nothing_is_missing);
    tcase_add_loop_test(cases, ref_is_pytorch, 0, golden_count);
    tcase_add_loop_test(cases, others_are_ref_to_rounding, 0, golden_count);
    tcase_add_loop_test(cases, gradients_are_those_of_differences, 0, golden_count);
    tcase_add_loop_test(cases, the_length_of_the_original_does_not_matter, 0, golden_count);
    tcase_add_loop_test(cases, zeros_stay_zeros, 0, golden_count);
    tcase_add_loop_test(cases, gain_and_bias_from_a_batch, 0, 2);
    tcase_add_loop_test(cases, the_same_seed_gives_the_same_start, 1, kinds);
    tcase_add_test(cases, what_follows_from_a_weight_begins_so);
    tcase_add_loop_test(cases, what_makes_weights_smaller_reaches_them, 1, kinds);
    tcase_add_test(cases, wn_begins_with_the_same_loss);
    tcase_add_test(cases, begun_by_data_the_first_pass_is_that_of_bn);
    tcase_add_test(cases, what_bn_undoes_is_warned_of);
    tcase_add_test(cases, one_weight_has_no_deviation);
    suite_add_tcase(suite, cases);
    int failed = run_suite(suite);
    nl_safetensors_release(&tensors);
    free(goldens);
    return failed;
}
