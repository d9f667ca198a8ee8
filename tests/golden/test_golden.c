/* Every normalizer against a judge that is not ours: PyTorch in float64 (tests/golden/norm.py, which documents the
 * tensors of norm.safetensors). `ref` must agree with the stored numbers to 1e-10; `cpu`, on inputs rounded to float32,
 * with `ref` on the same rounded inputs (a number 1e4 times the deviation away from zero loses digits by being stored
 * at all). */
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/memory.h"
#include "base/safetensors.h"
#include "norm/norm.h"
#include "operation/normalize.h"
#include "replicas.h"
#include "suite.h"

static struct nl_tensor_file tensors;

/* ---- cases ---- */

struct golden {
    char name[64]; /* "bn.s1.normal" */
    const struct nl_norm *norm;
    int samples, positions, channels, groups, stat_batch, affine;
    unsigned detached;
    bool over_position, unbiased, trains_running;
    double eps, momentum, numbers[NL_NORM_NUMBERS];
};

static struct golden *goldens;
static int golden_count, golden_capacity;

static const struct nl_tensor_file_entry *find(const struct golden *golden, const char *tensor, const char *suffix)
{
    char name[sizeof tensors.entry->name];
    snprintf(name, sizeof name, "%s/%s%s", golden->name, tensor, suffix);
    for (int i = 0; i < tensors.count; i++)
        if (strcmp(tensors.entry[i].name, name) == 0)
            return &tensors.entry[i];
    return NULL;
}

static size_t count_of(const struct nl_tensor_file_entry *tensor)
{
    size_t count = 1;
    for (int i = 0; i < tensor->dims; i++)
        count *= tensor->shape[i];
    return count;
}

static void add_golden(const char *setup_name, const int64_t *setup)
{
    struct golden golden = {.samples = (int)setup[0],
                            .positions = (int)setup[1],
                            .channels = (int)setup[2],
                            .groups = (int)setup[3],
                            .stat_batch = (int)setup[4],
                            .over_position = setup[5] != 0,
                            .unbiased = setup[6] != 0,
                            .affine = (int)setup[7],
                            .detached = (unsigned)setup[8],
                            .trains_running = setup[9] != 0};
    snprintf(golden.name, sizeof golden.name, "%.*s", (int)strcspn(setup_name, "/"), setup_name);
    char kind[16];
    snprintf(kind, sizeof kind, "%.*s", (int)strcspn(golden.name, "."), golden.name);
    golden.norm = nl_norm_find(kind);
    const double *hyper = find(&golden, "hyper", "")->data;
    golden.eps = hyper[0];
    golden.momentum = hyper[1];
    golden.numbers[NL_R_MAX] = hyper[2];
    golden.numbers[NL_D_MAX] = hyper[3];
    NL_GROW(goldens, golden_count, golden_capacity);
    goldens[golden_count++] = golden;
}

/* ---- one normalizer alone in memory, as a plan would lay it ---- */

enum { SPARE = 3 }; /* so many samples more than the batch has, the layer has room for */

/* Two where a call computes all of them: the last has the case. */
enum { MOST_REPLICAS = 2 };

struct layer {
    const struct nl_backend *backend;
    char *memory;
    size_t bytes, used;
    struct nl_normalize op;
    struct nl_hyper *hyper;
    struct nl_run run;
};

static void *deal(struct layer *layer, size_t count, size_t size)
{
    void *place = layer->memory + layer->used;
    layer->used += (count * size + 63) / 64 * 64;
    NL_ASSERT(layer->used <= layer->run.stride);
    return place;
}

static void *last(const struct layer *layer, const void *place)
{
    return (char *)place + (size_t)(replicas_of(layer->backend, MOST_REPLICAS) - 1) * layer->run.stride;
}

static struct layer layer_make(const struct nl_backend *backend, const struct golden *golden)
{
    struct layer layer = {.backend = backend};
    struct nl_normalize *op = &layer.op;
    *op = (struct nl_normalize){.norm = golden->norm, .unbiased = golden->unbiased, .affine_count = golden->affine,
                                .detached = golden->detached, .trains_running = golden->trains_running};
    op->setup = (struct nl_norm_setup){.samples = golden->samples + SPARE, .positions = golden->positions,
                                       .channels = golden->channels, .groups = golden->groups,
                                       .stat_batch = golden->stat_batch, .over_position = golden->over_position};
    size_t elements = (size_t)op->setup.samples * golden->positions * golden->channels, real = backend->real;
    size_t affine = (size_t)golden->affine, channels = (size_t)golden->channels,
           sets = (size_t)nl_normalize_sets(op, op->setup.samples);
    layer.run = (struct nl_run){
        .replicas = replicas_of(backend, MOST_REPLICAS), .samples = golden->samples, .statistics = NL_STATS_TRAIN};
    layer.run.stride = 8 * (4 * elements + 4 * affine + 6 * sets + 4 * channels) + sizeof *layer.hyper + 20 * 64;
    layer.run.stride = (layer.run.stride + 63) / 64 * 64;
    layer.bytes = (size_t)replicas_of(backend, MOST_REPLICAS) * layer.run.stride;
    layer.memory = backend->alloc(layer.bytes);
    ck_assert_ptr_nonnull(layer.memory);

    op->hyper = layer.hyper = deal(&layer, 1, sizeof *layer.hyper);
    op->x = deal(&layer, elements, real);
    op->y = deal(&layer, elements, real);
    op->dy = deal(&layer, elements, real);
    op->dx = deal(&layer, elements, real);
    if (affine) {
        op->gamma = deal(&layer, affine, real);
        op->dgamma = deal(&layer, affine, real);
    }
    if (affine && golden->norm->shifts) {
        op->beta = deal(&layer, affine, real);
        op->dbeta = deal(&layer, affine, real);
    }
    op->mean = deal(&layer, sets, sizeof(double));
    op->var = deal(&layer, sets, sizeof(double));
    op->coefficients = nl_normalize_keeps_coefficients(op) ? deal(&layer, 4 * sets, sizeof(double)) : NULL;
    if (golden->norm->tracks) {
        op->running_mean = deal(&layer, channels, real);
        op->running_var = deal(&layer, channels, real);
        op->precise_mean = deal(&layer, channels, sizeof(double));
        op->precise_var = deal(&layer, channels, sizeof(double));
        op->precise_count = deal(&layer, 1, sizeof(double));
        op->updates = deal(&layer, 1, sizeof(int64_t));
    }
    for (int r = 0; r < replicas_of(backend, MOST_REPLICAS); r++) {
        struct nl_hyper hyper = {.norm_eps = r == replicas_of(backend, MOST_REPLICAS) - 1 ? golden->eps : 1.0,
                                 .norm_momentum = golden->momentum};
        memcpy(hyper.norm_numbers, golden->numbers, sizeof hyper.norm_numbers);
        backend->upload((char *)layer.hyper + (size_t)r * layer.run.stride, &hyper, sizeof hyper);
    }
    return layer;
}

static void layer_release(struct layer *layer)
{
    layer->backend->free(layer->memory, layer->bytes);
}

/* A tensor's numbers, rounded to float32 where `rounded` says so; free() them. */
static double *numbers(const struct nl_tensor_file_entry *tensor, bool rounded)
{
    size_t count = count_of(tensor);
    double *out = nl_alloc(count, sizeof *out);
    for (size_t i = 0; i < count; i++)
        out[i] = rounded ? (float)((const double *)tensor->data)[i] : ((const double *)tensor->data)[i];
    return out;
}

static void put(const struct layer *layer, const void *place, const struct golden *golden, const char *tensor,
                const char *suffix, bool rounded)
{
    const struct nl_tensor_file_entry *entry = find(golden, tensor, suffix);
    if (!place)
        return;
    ck_assert_msg(entry != NULL, "%s/%s%s is not stored", golden->name, tensor, suffix);
    double *values = numbers(entry, rounded);
    layer->backend->put_reals(last(layer, place), values, count_of(entry));
    free(values);
}

/* ---- what a layer computes ---- */

enum quantity {
    Y,
    DX,
    DGAMMA,
    DBETA,
    MEAN,
    VAR,
    RUNNING_MEAN,
    RUNNING_VAR,
    UPDATES,
    Y_EVAL,
    DX_EVAL,
    DGAMMA_EVAL,
    DBETA_EVAL,
    QUANTITIES
};

static const struct {
    const char *tensor, *suffix;
} quantities[QUANTITIES] = {
    [Y] = {"y", ""},
    [DX] = {"dx", ""},
    [DGAMMA] = {"dgamma", ""},
    [DBETA] = {"dbeta", ""},
    [MEAN] = {"mean", ""},
    [VAR] = {"var", ""},
    [RUNNING_MEAN] = {"running_mean", "_after"},
    [RUNNING_VAR] = {"running_var", "_after"},
    [UPDATES] = {"updates", "_after"},
    [Y_EVAL] = {"y", "_eval"},
    [DX_EVAL] = {"dx", "_eval"},
    [DGAMMA_EVAL] = {"dgamma", "_eval"},
    [DBETA_EVAL] = {"dbeta", "_eval"},
};

/* Largest difference over largest magnitude. float64 rounds by 1e-16, the worst case (mean 1e4 deviations) loses 4
 * digits twice, and PyTorch's own error there is 4e-11. */
static const double REF_BOUND = 1e-10;
/* float32 rounds by 6e-8: some sixteen roundings on the way to an element or in a sum over a set, for every quantity
 * alike, since the mean is kept to more digits than float32 has; the worst case measured is 2.5e-7. */
static const double CPU_BOUND = 1e-6;

struct outcome {
    size_t count[QUANTITIES];
    double *at[QUANTITIES]; /* NULL: this normalizer has no such thing */
};

static void take_reals(struct outcome *out, enum quantity quantity, const struct layer *layer, const void *place,
                       size_t count)
{
    if (!place)
        return;
    out->count[quantity] = count;
    out->at[quantity] = nl_alloc(count, sizeof(double));
    layer->backend->get_reals(out->at[quantity], last(layer, place), count);
}

static void take_doubles(struct outcome *out, enum quantity quantity, const struct layer *layer, const double *place,
                         size_t count)
{
    out->count[quantity] = count;
    out->at[quantity] = nl_alloc(count, sizeof(double));
    layer->backend->download(out->at[quantity], last(layer, place), count * sizeof(double));
}

static void take_updates(struct outcome *out, const struct layer *layer)
{
    int64_t updates;
    layer->backend->download(&updates, last(layer, layer->op.updates), sizeof updates);
    out->count[UPDATES] = 1;
    out->at[UPDATES] = nl_alloc(1, sizeof(double));
    out->at[UPDATES][0] = (double)updates;
}

static void forward_backward(struct layer *layer, const struct golden *golden, enum nl_statistics statistics,
                             struct outcome *out, enum quantity first)
{
    layer->run.statistics = statistics;
    const struct nl_kernel *kernel = nl_kernel_of(layer->backend, &nl_normalize_operation, &layer->op);
    kernel->forward(&layer->run, &layer->op);
    kernel->backward(&layer->run, &layer->op);
    size_t elements = (size_t)golden->samples * golden->positions * golden->channels, affine = (size_t)golden->affine;
    take_reals(out, first, layer, layer->op.y, elements);
    take_reals(out, first + 1, layer, layer->op.dx, elements);
    take_reals(out, first + 2, layer, layer->op.dgamma, affine);
    take_reals(out, first + 3, layer, layer->op.dbeta, affine);
}

static struct outcome compute(const struct nl_backend *backend, const struct golden *golden, bool rounded)
{
    struct layer layer = layer_make(backend, golden);
    struct nl_normalize *op = &layer.op;
    struct outcome out = {{0}, {NULL}};
    size_t channels = (size_t)golden->channels;
    put(&layer, op->x, golden, "x", "", rounded);
    put(&layer, op->dy, golden, "dy", "", rounded);
    put(&layer, op->gamma, golden, "gamma", "", rounded);
    put(&layer, op->beta, golden, "beta", "", rounded);
    put(&layer, op->running_mean, golden, "running_mean", "", rounded);
    put(&layer, op->running_var, golden, "running_var", "", rounded);
    if (op->updates)
        backend->upload(last(&layer, op->updates), find(golden, "updates", "")->data, sizeof(int64_t));

    forward_backward(&layer, golden, NL_STATS_TRAIN, &out, Y);
    size_t sets = (size_t)nl_normalize_sets(op, golden->samples);
    take_doubles(&out, MEAN, &layer, op->mean, sets);
    take_doubles(&out, VAR, &layer, op->var, sets);
    if (golden->norm->tracks) {
        take_reals(&out, RUNNING_MEAN, &layer, op->running_mean, channels);
        take_reals(&out, RUNNING_VAR, &layer, op->running_var, channels);
        take_updates(&out, &layer);
    }
    /* Evaluation starts from the stored statistics, so that it is judged by itself. */
    put(&layer, op->running_mean, golden, "running_mean", "_after", rounded);
    put(&layer, op->running_var, golden, "running_var", "_after", rounded);
    forward_backward(&layer, golden, NL_STATS_RUNNING, &out, Y_EVAL);
    layer_release(&layer);
    return out;
}

static void outcome_release(struct outcome *out)
{
    for (int q = 0; q < QUANTITIES; q++)
        free(out->at[q]);
}

static double largest_of(const double *values, size_t count)
{
    double largest = 0.0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(values[i]));
    return largest;
}

/* Every difference <= bound x scale; NaN fails. */
static void expect_close(const struct golden *golden, enum quantity q, const double *got, const double *want,
                         size_t count, double scale, double bound)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(fabs(got[i] - want[i]) <= bound * scale,
                      "%s/%s%s[%zu]: %.17g, not %.17g: %.2g of the scale, at most %.2g", golden->name,
                      quantities[q].tensor, quantities[q].suffix, i, got[i], want[i], fabs(got[i] - want[i]) / scale,
                      bound);
}

/* The stored numbers of a quantity as doubles; without statistics of its own a normalizer evaluates as it trains. */
static double *stored(const struct golden *golden, enum quantity q, size_t *count)
{
    const struct nl_tensor_file_entry *entry = find(golden, quantities[q].tensor, quantities[q].suffix);
    if (!entry && q >= Y_EVAL && !golden->norm->tracks)
        entry = find(golden, quantities[q].tensor, "");
    if (!entry)
        return NULL;
    *count = count_of(entry);
    if (entry->type == NL_F64)
        return numbers(entry, false);
    double *out = nl_alloc(1, sizeof *out);
    out[0] = (double)*(const int64_t *)entry->data;
    return out;
}

START_TEST(ref_agrees_with_pytorch)
{
    const struct golden *golden = &goldens[_i];
    struct outcome out = compute(&nl_backend_ref, golden, false);
    for (int q = 0; q < QUANTITIES; q++) {
        size_t count = 0;
        double *want = stored(golden, q, &count);
        ck_assert_msg((want != NULL) == (out.at[q] != NULL), "%s: %s%s on one side only", golden->name,
                      quantities[q].tensor, quantities[q].suffix);
        ck_assert_uint_eq(count, out.count[q]);
        expect_close(golden, q, out.at[q], want, count, want ? largest_of(want, count) : 0.0, REF_BOUND);
        free(want);
    }
    outcome_release(&out);
}
END_TEST

/* The terms of dx, whose difference it is: gamma dy / sqrt(var + eps). In a set of one or two elements they cancel but
 * for what eps leaves, and float32 keeps digits of the terms, not of the rest. */
static double dx_terms(const struct golden *golden, const struct outcome *want)
{
    const struct nl_tensor_file_entry *dy = find(golden, "dy", ""), *gamma = find(golden, "gamma", "");
    double smallest_var = INFINITY;
    for (size_t i = 0; i < want->count[VAR]; i++)
        smallest_var = fmin(smallest_var, want->at[VAR][i]);
    return largest_of(dy->data, count_of(dy)) * (gamma ? largest_of(gamma->data, count_of(gamma)) : 1.0) /
           sqrt(smallest_var + golden->eps);
}

START_TEST(cpu_agrees_with_ref)
{
    const struct golden *golden = &goldens[_i];
    struct outcome want = compute(&nl_backend_ref, golden, true), got = compute(&nl_backend_cpu, golden, true);
    for (int q = 0; q < QUANTITIES; q++) {
        bool cancels = q == DX || (q == DX_EVAL && !golden->norm->tracks);
        double largest = largest_of(want.at[q], want.count[q]),
               scale = cancels ? fmax(dx_terms(golden, &want), largest) : largest;
        expect_close(golden, q, got.at[q], want.at[q], want.count[q], scale, CPU_BOUND);
    }
    outcome_release(&want);
    outcome_release(&got);
}
END_TEST

/* A file that lost its cases would pass the loops above. Those with a history have theirs in norm_average.cases. */
START_TEST(every_normalizer_has_cases)
{
    for (int i = 0; nl_norms[i]; i++) {
        int cases = 0;
        for (int g = 0; g < golden_count; g++)
            cases += goldens[g].norm == nl_norms[i];
        bool of_many = nl_norms[i]->uses & (NL_USES_WINDOW | NL_USES_HISTORY); /* test_golden_cbn, test_norm_layers */
        bool elsewhere = i == NL_NORM_custom || i == NL_NORM_position; /* test_custom, and ln over positions */
        ck_assert_msg(!nl_norms[i]->partition || of_many || elsewhere || cases >= 12, "'%s' has %d golden cases",
                      nl_norms[i]->name, cases);
    }
    for (int g = 0; g < golden_count; g++)
        ck_assert_msg(goldens[g].norm != NULL, "'%s' is no normalizer of ours", goldens[g].name);
}
END_TEST

int main(void)
{
    struct nl_error err = {""};
    if (nl_safetensors_read(NORMLAB_TESTS_DIR "/golden/norm.safetensors", &tensors, &err) != NL_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    for (int i = 0; i < tensors.count; i++) {
        const char *slash = strchr(tensors.entry[i].name, '/');
        if (slash && strcmp(slash, "/setup") == 0)
            add_golden(tensors.entry[i].name, tensors.entry[i].data);
    }
    Suite *suite = suite_create("golden vectors");
    TCase *cases = tcase_create("normalizers");
    tcase_add_test(cases, every_normalizer_has_cases);
    tcase_add_loop_test(cases, ref_agrees_with_pytorch, 0, golden_count);
    tcase_add_loop_test(cases, cpu_agrees_with_ref, 0, golden_count);
    suite_add_tcase(suite, cases);
    int failed = run_suite(suite);
    nl_safetensors_release(&tensors);
    free(goldens);
    return failed;
}
