/* For tests of the backends: a memory image for R replicas, and an operation on it with its inputs, its gradients and
 * its output by name, so that the tests can be tables of specifications. */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/random.h"
#include "operation/activate.h"
#include "operation/add.h"
#include "operation/conv.h"
#include "operation/dropout.h"
#include "operation/linear.h"
#include "operation/max_pool.h"
#include "operation/mean_pool.h"
#include "operation/normalize.h"
#include "operation/scalars.h"
#include "replicas.h"

/* ---- images ---- */

enum { GUARD = 64, FILLER = 0x5a };

/* R equal images; between the fields stand bytes that nobody may touch. */
struct image {
    const struct nl_backend *backend;
    int replicas;
    size_t stride, used;
    char *memory;
    size_t gaps, gap_at[32], gap_end[32];
};

static inline struct image image_make(const struct nl_backend *backend, int replicas, size_t stride)
{
    struct image image = {.backend = backend, .replicas = replicas_of(backend, replicas), .stride = stride};
    replicas = image.replicas;
    image.memory = backend->alloc((size_t)replicas * stride);
    ck_assert_ptr_nonnull(image.memory);
    memset(image.memory, FILLER, (size_t)replicas * stride);
    ck_assert(backend->thread_begin(0, NULL) == NL_OK);
    return image;
}

static inline void image_free(struct image *image)
{
    image->backend->free(image->memory, (size_t)image->replicas * image->stride);
}

/* Room for a field, zeroed in every replica. */
static inline void *image_field(struct image *image, size_t bytes)
{
    size_t at = image->used, rounded = (bytes + 63) / 64 * 64;
    ck_assert_msg(at + rounded + GUARD <= image->stride, "the image is too small for the test");
    ck_assert(image->gaps < 32);
    for (int r = 0; r < image->replicas; r++)
        memset(image->memory + (size_t)r * image->stride + at, 0, bytes);
    image->gap_at[image->gaps] = at + bytes;
    image->gap_end[image->gaps++] = at + rounded + GUARD;
    image->used = at + rounded + GUARD;
    return image->memory + at;
}

static inline void *image_reals(struct image *image, size_t count)
{
    return image_field(image, count * image->backend->real);
}

static inline void *image_place(const struct image *image, int replica, const void *field)
{
    return (char *)(uintptr_t)field + (size_t)replica * image->stride;
}

static inline void image_put(const struct image *image, int replica, void *field, const double *from, size_t count)
{
    image->backend->put_reals(image_place(image, replica, field), from, count);
}

static inline void image_get(const struct image *image, int replica, const void *field, double *to, size_t count)
{
    image->backend->get_reals(to, image_place(image, replica, field), count);
}

static inline double image_real(const struct image *image, int replica, const void *field, size_t index)
{
    double value;
    image->backend->get_reals(&value, (char *)image_place(image, replica, field) + index * image->backend->real, 1);
    return value;
}

static inline void image_set_real(const struct image *image, int replica, void *field, size_t index, double value)
{
    image->backend->put_reals((char *)image_place(image, replica, field) + index * image->backend->real, &value, 1);
}

/* Nothing was written between the fields. */
static inline void image_check_gaps(const struct image *image, const char *what)
{
    for (int r = 0; r < image->replicas; r++)
        for (size_t g = 0; g < image->gaps; g++)
            for (size_t at = image->gap_at[g]; at < image->gap_end[g]; at++)
                ck_assert_msg(image->memory[(size_t)r * image->stride + at] == FILLER, "%s on %s wrote past field %zu",
                              what, image->backend->name, g);
}

/* ---- operations ---- */

enum kind { LINEAR, CONV, DEPTHWISE, NORMALIZE, ACTIVATE, MAX_POOL, MEAN_POOL, ADD, SCALARS, DROPOUT };
/* FAR: mean 10^4 times the deviation; SORTED: rises, to ten deviations, from the first sample to the last; RECTIFIED:
 * those below 0 are 0 */
enum fill { NORMAL, FAR, CONSTANT, SORTED, RECTIFIED };

struct spec {
    const char *name;
    enum kind kind;
    int samples, capacity;          /* capacity 0: samples */
    int height, width, channels;    /* of x; 0: 1 */
    int out, kernel, stride, pad;   /* linear, conv; out, stride: sum (x is what the shortcut takes) */
    int dilation;                   /* conv; 0: 1 */
    enum nl_conv_algorithm algorithm;
    bool weight, bias;              /* weight: scalars */
    const struct nl_norm *norm;
    int groups, stat_batch;
    bool over_position, relu, biased, residual, trains_running;
    unsigned detached;
    enum nl_affine affine;
    enum nl_statistics statistics;
    double eps, momentum;           /* 0: 1e-5, 0.1 */
    double numbers[NL_NORM_NUMBERS];
    double running_mean, running_var; /* that the normalizer begins with; 0, 0: 0, 1 */
    enum nl_activation activation;
    enum nl_gelu gelu;
    enum fill fill;
    bool no_dx, no_dw;              /* no_dw: nor db */
    int time;                       /* of a loop */
};

/* A differentiable input of an operation. */
struct input {
    const char *name;
    void *value, *gradient; /* gradient NULL: not asked for */
    size_t count;           /* elements that a call with the run's samples uses */
    size_t capacity;
};

struct probe {
    struct spec spec;
    struct image image;
    struct nl_run run;
    struct nl_hyper *hyper;
    struct input input[4];
    int inputs;
    void *y, *dy;
    size_t y_count, y_capacity;
    struct nl_linear linear;
    struct nl_conv conv;
    struct nl_normalize normalize;
    struct nl_activate activate;
    struct nl_max_pool max_pool;
    struct nl_mean_pool mean_pool;
    struct nl_add add;
    struct nl_scalars scalars;
    struct nl_dropout dropout;
};

static inline int or_one(int n)
{
    return n ? n : 1;
}

static inline void *probe_input(struct probe *p, const char *name, size_t count, size_t capacity, bool wants_gradient,
                                void **gradient)
{
    struct input *input = &p->input[p->inputs++];
    *input = (struct input){.name = name, .count = count, .capacity = capacity};
    input->value = image_reals(&p->image, capacity);
    input->gradient = wants_gradient ? image_reals(&p->image, capacity) : NULL;
    *gradient = input->gradient;
    return input->value;
}

static inline void probe_normalize(struct probe *p, size_t x_count, size_t x_capacity)
{
    const struct spec *s = &p->spec;
    struct nl_normalize *op = &p->normalize;
    int positions = or_one(s->height) * or_one(s->width), capacity = s->capacity ? s->capacity : s->samples;
    size_t channels = (size_t)s->channels;
    *op = (struct nl_normalize){
        .setup = {.samples = capacity,
                  .positions = positions,
                  .channels = s->channels,
                  .groups = or_one(s->groups),
                  .stat_batch = s->stat_batch,
                  .over_position = s->over_position},
        .norm = s->norm,
        .relu = s->relu,
        .unbiased = !s->biased,
        .detached = s->detached,
        .trains_running = s->trains_running,
        .affine_count = s->affine == NL_AFFINE_NONE      ? 0
                        : s->affine == NL_AFFINE_ELEMENT ? positions * s->channels
                                                         : s->channels,
        .hyper = p->hyper,
    };
    size_t affine = (size_t)op->affine_count, sets = (size_t)nl_normalize_sets(op, capacity);
    op->x = probe_input(p, "x", x_count, x_capacity, !s->no_dx, &op->dx);
    if (affine)
        op->gamma = probe_input(p, "gamma", affine, affine, true, &op->dgamma);
    if (affine && s->norm->shifts)
        op->beta = probe_input(p, "beta", affine, affine, true, &op->dbeta);
    if (s->residual)
        op->residual = probe_input(p, "residual", x_count, x_capacity, true, &op->dresidual);
    op->mean = image_field(&p->image, sets * p->image.backend->statistic);
    op->var = image_field(&p->image, sets * p->image.backend->statistic);
    if (nl_normalize_keeps_coefficients(op))
        op->coefficients = image_field(&p->image, 4 * sets * p->image.backend->statistic);
    if (s->norm->tracks) {
        op->running_mean = image_reals(&p->image, channels);
        op->running_var = image_reals(&p->image, channels);
        op->updates = image_field(&p->image, sizeof *op->updates);
        op->precise_mean = image_field(&p->image, channels * sizeof(double));
        op->precise_var = image_field(&p->image, channels * sizeof(double));
        op->precise_count = image_field(&p->image, sizeof(double));
        for (int r = 0; r < p->image.replicas; r++)
            for (size_t c = 0; c < channels; c++) {
                image_set_real(&p->image, r, op->running_mean, c, s->running_mean);
                image_set_real(&p->image, r, op->running_var, c, s->running_var != 0 ? s->running_var : 1.0);
                ((double *)image_place(&p->image, r, op->precise_var))[c] = 1.0;
            }
    }
}

/* Of one image; a test with larger shapes says more before it includes this. */
#ifndef PROBE_BYTES
#define PROBE_BYTES (1 << 20)
#endif

static inline struct probe probe_make(const struct nl_backend *backend, int replicas, struct spec spec)
{
    struct probe p = {.spec = spec, .image = image_make(backend, replicas, PROBE_BYTES)};
    int height = or_one(spec.height), width = or_one(spec.width), stride = or_one(spec.stride);
    size_t n = (size_t)spec.samples, capacity = (size_t)(spec.capacity ? spec.capacity : spec.samples);
    size_t channels = (size_t)spec.channels, out = (size_t)spec.out, image = (size_t)height * (size_t)width * channels,
           y = image;
    p.run = (struct nl_run){.replicas = p.image.replicas,
                            .stride = p.image.stride,
                            .samples = spec.samples,
                            .step = 7,
                            .statistics = spec.statistics,
                            .time = spec.time};
    p.hyper = image_field(&p.image, sizeof *p.hyper);
    for (int r = 0; r < p.image.replicas; r++)
        *(struct nl_hyper *)image_place(&p.image, r, p.hyper) =
            (struct nl_hyper){.dropout = 0.3,
                              .norm_eps = spec.eps > 0 ? spec.eps : 1e-5,
                              .norm_momentum = spec.momentum != 0 ? spec.momentum : 0.1,
                              .norm_numbers = {spec.numbers[0], spec.numbers[1]}};
    switch (spec.kind) {
    case LINEAR:
        p.linear = (struct nl_linear){.positions = height * width, .in = spec.channels, .out = spec.out};
        p.linear.x = probe_input(&p, "x", n * image, capacity * image, !spec.no_dx, &p.linear.dx);
        p.linear.w = probe_input(&p, "w", channels * out, channels * out, !spec.no_dw, &p.linear.dw);
        if (spec.bias)
            p.linear.b = probe_input(&p, "b", out, out, !spec.no_dw, &p.linear.db);
        y = (size_t)(height * width) * out;
        break;
    case CONV:
    case DEPTHWISE: {
        int dilation = or_one(spec.dilation), reach = dilation * (spec.kernel - 1) + 1,
            out_height = (height + 2 * spec.pad - reach) / stride + 1,
            out_width = (width + 2 * spec.pad - reach) / stride + 1;
        size_t groups = spec.kind == DEPTHWISE ? channels : 1,
               weights = (size_t)spec.kernel * (size_t)spec.kernel * channels / groups * out;
        p.conv = (struct nl_conv){.height = height,
                                  .width = width,
                                  .in = spec.channels,
                                  .out_height = out_height,
                                  .out_width = out_width,
                                  .out = spec.out,
                                  .kernel = spec.kernel,
                                  .stride = stride,
                                  .dilation = dilation,
                                  .pad = spec.pad,
                                  .groups = (int)groups,
                                  .algorithm = spec.algorithm};
        p.conv.x = probe_input(&p, "x", n * image, capacity * image, !spec.no_dx, &p.conv.dx);
        p.conv.w = probe_input(&p, "w", weights, weights, true, &p.conv.dw);
        if (spec.bias)
            p.conv.b = probe_input(&p, "b", out, out, true, &p.conv.db);
        y = (size_t)out_height * (size_t)out_width * out;
        break;
    }
    case NORMALIZE:
        probe_normalize(&p, n * image, capacity * image);
        break;
    case ACTIVATE:
        p.activate = (struct nl_activate){.kind = spec.activation, .gelu = spec.gelu, .count = image};
        p.activate.x = probe_input(&p, "x", n * image, capacity * image, true, &p.activate.dx);
        break;
    case MAX_POOL:
        p.max_pool = (struct nl_max_pool){.height = height, .width = width, .channels = spec.channels};
        p.max_pool.x = probe_input(&p, "x", n * image, capacity * image, true, &p.max_pool.dx);
        y = (size_t)(height / 2) * (size_t)(width / 2) * channels;
        break;
    case MEAN_POOL:
        p.mean_pool = (struct nl_mean_pool){.positions = height * width, .channels = spec.channels};
        p.mean_pool.x = probe_input(&p, "x", n * image, capacity * image, true, &p.mean_pool.dx);
        y = channels;
        break;
    case ADD:
        p.add = (struct nl_add){.height = (height - 1) / stride + 1,
                                .width = (width - 1) / stride + 1,
                                .channels = spec.out,
                                .from_height = height,
                                .from_width = width,
                                .from_channels = spec.channels,
                                .stride = stride,
                                .relu = spec.relu};
        y = (size_t)p.add.height * (size_t)p.add.width * out;
        p.add.b = probe_input(&p, "x", n * image, capacity * image, true, &p.add.db);
        p.add.a = probe_input(&p, "a", n * y, capacity * y, true, &p.add.da);
        break;
    case SCALARS:
        p.scalars = (struct nl_scalars){.factor = 0.7, .count = image};
        p.scalars.x = probe_input(&p, "x", n * image, capacity * image, !spec.no_dx, &p.scalars.dx);
        if (spec.weight)
            p.scalars.weight = probe_input(&p, "weight", 1, 1, true, &p.scalars.dweight);
        if (spec.bias)
            p.scalars.bias = probe_input(&p, "bias", 1, 1, true, &p.scalars.dbias);
        break;
    case DROPOUT: {
        uint32_t *key = image_field(&p.image, 2 * sizeof *key);
        for (int r = 0; r < p.image.replicas; r++)
            memcpy(image_place(&p.image, r, key), nl_stream(3, "dropout.1").key, 2 * sizeof *key);
        p.dropout = (struct nl_dropout){.count = image, .key = key, .hyper = p.hyper};
        p.dropout.x = probe_input(&p, "x", n * image, capacity * image, true, &p.dropout.dx);
        break;
    }
    }
    p.y_count = n * y;
    p.y_capacity = capacity * y;
    p.y = p.linear.y = p.conv.y = p.normalize.y = p.activate.y = p.max_pool.y = p.mean_pool.y = p.add.y = p.scalars.y =
        p.dropout.y = image_reals(&p.image, p.y_capacity);
    p.dy = image_reals(&p.image, p.y_capacity);
    p.linear.dy = p.conv.dy = p.normalize.dy = p.activate.dy = p.max_pool.dy = p.mean_pool.dy = p.add.dy =
        p.scalars.dy = p.dropout.dy = p.dy;
    return p;
}

static inline void probe_free(struct probe *p)
{
    image_free(&p->image);
}

/* The numbers of field `name` in the image with seed `seed`: float32-representable, so that all backends get the
 * same. */
static inline double drawn(uint64_t seed, const char *name, size_t index)
{
    return (float)nl_stream_normal(nl_stream(seed, name), 0, index);
}

static inline void probe_fill(struct probe *p, int replica, uint64_t seed)
{
    for (int k = 0; k < p->inputs; k++)
        for (size_t i = 0; i < p->input[k].capacity; i++) {
            double value = drawn(seed, p->input[k].name, i);
            if (k == 0 && p->spec.fill == FAR)
                value = (float)(10000.0 + value);
            if (k == 0 && p->spec.fill == SORTED)
                value = (float)(10.0 * (double)i / (double)p->input[k].capacity + value);
            if (k == 0 && p->spec.fill == CONSTANT)
                value = 3.7f;
            if (k == 0 && p->spec.fill == RECTIFIED)
                value = fmax(value, 0);
            image_set_real(&p->image, replica, p->input[k].value, i, value);
        }
    for (size_t i = 0; i < p->y_capacity; i++)
        image_set_real(&p->image, replica, p->dy, i, drawn(seed, "dy", i));
}

/* The kernel of the probe's operation, and what it takes. */
struct call {
    const struct nl_kernel *kernel;
    const void *arguments;
};

static inline struct call probe_call(const struct probe *p)
{
    const struct {
        const struct nl_operation *operation;
        const void *arguments;
    } of[] = {
        [LINEAR] = {&nl_linear_operation, &p->linear},
        [CONV] = {&nl_conv_operation, &p->conv},
        [DEPTHWISE] = {&nl_depthwise_conv_operation, &p->conv},
        [NORMALIZE] = {&nl_normalize_operation, &p->normalize},
        [ACTIVATE] = {&nl_activate_operation, &p->activate},
        [MAX_POOL] = {&nl_max_pool_operation, &p->max_pool},
        [MEAN_POOL] = {&nl_mean_pool_operation, &p->mean_pool},
        [ADD] = {&nl_add_operation, &p->add},
        [SCALARS] = {&nl_scalars_operation, &p->scalars},
        [DROPOUT] = {&nl_dropout_operation, &p->dropout},
    };
    const void *arguments = of[p->spec.kind].arguments;
    struct call call = {nl_kernel_of(p->image.backend, of[p->spec.kind].operation, arguments), arguments};
    ck_assert_ptr_nonnull(call.kernel);
    return call;
}

static inline void probe_forward(const struct probe *p)
{
    struct call call = probe_call(p);
    call.kernel->forward(&p->run, call.arguments);
}

static inline void probe_backward(const struct probe *p)
{
    struct call call = probe_call(p);
    call.kernel->backward(&p->run, call.arguments);
}

/* Largest difference over the largest magnitude of `right`, or over `floor` if that is larger; NaN where either has
 * one. */
static inline double distance(const double *left, const double *right, size_t count, double floor)
{
    double difference = 0.0, size = floor;
    for (size_t i = 0; i < count; i++) {
        if (isnan(left[i]) || isnan(right[i]))
            return NAN;
        difference = fmax(difference, fabs(left[i] - right[i]));
        size = fmax(size, fabs(right[i]));
    }
    return difference == 0 ? 0.0 : difference / size;
}

/* Rounding of a short chain of operations in the backend's type. */
static inline double epsilon(const struct nl_backend *backend)
{
    return backend->real == sizeof(float) ? FLT_EPSILON : DBL_EPSILON;
}

static inline struct nl_run run_of(const struct image *image, int samples)
{
    return (struct nl_run){
        .replicas = image->replicas, .stride = image->stride, .samples = samples, .statistics = NL_STATS_TRAIN};
}

#endif
