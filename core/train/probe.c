#include "train/probe.h"

#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/memory.h"
#include "model/model.h"
#include "operation/normalize.h"
#include "train/schedule.h"

static const struct nl_norm *norm_of(const struct nl_probe *probe)
{
    return nl_norms[probe->config->norm.kind];
}

static struct nl_norm_setup setup_of(const struct nl_probe *probe)
{
    return nl_norm_setup_of(probe->config, probe->samples, probe->positions, probe->channels);
}

static size_t elements_of(const struct nl_probe *probe)
{
    return (size_t)probe->samples * (size_t)probe->positions * (size_t)probe->channels;
}

int nl_probe_affine_count(const struct nl_probe *probe)
{
    if (nl_norm_is_none(norm_of(probe)) || probe->config->norm.affine == NL_AFFINE_NONE)
        return 0;
    return probe->config->norm.affine == NL_AFFINE_ELEMENT ? probe->positions * probe->channels : probe->channels;
}

int nl_probe_partition(const struct nl_probe *probe, int *sets, int *elements, struct nl_error *err)
{
    const struct nl_norm *norm = norm_of(probe);
    struct nl_norm_setup setup = setup_of(probe);
    *sets = *elements = 0;
    if (nl_norm_is_none(norm))
        return NL_OK;
    if ((norm->uses & NL_USES_GROUPS) && setup.channels % setup.groups != 0)
        return nl_fail(err, "cannot split %d channels into %d groups; choose another norm.groups", setup.channels, setup.groups);
    struct nl_partition partition = norm->partition(&setup);
    *sets = nl_partition_sets(&partition, &setup);
    *elements = partition.samples * partition.positions * partition.channels;
    return NL_OK;
}

/* The backend's memory, released all at once. */
struct desk {
    const struct nl_backend *backend;
    int count;
    struct {
        void *memory;
        size_t bytes;
    } block[24];
    bool failed; /* memory ran out */
};

static void *take(struct desk *desk, size_t bytes)
{
    void *memory = desk->backend->alloc(bytes ? bytes : 1);
    NL_ASSERT(desk->count < (int)(sizeof desk->block / sizeof *desk->block));
    if (memory) {
        desk->block[desk->count].memory = memory;
        desk->block[desk->count++].bytes = bytes ? bytes : 1;
    }
    desk->failed |= !memory;
    return memory;
}

static void clear(struct desk *desk)
{
    for (int i = 0; i < desk->count; i++)
        desk->backend->free(desk->block[i].memory, desk->block[i].bytes);
}

/* `count` reals of the backend: the values, or `otherwise` where there are none. */
static void *put(struct desk *desk, const double *values, size_t count, double otherwise)
{
    void *memory = take(desk, count * desk->backend->real);
    if (!memory)
        return NULL;
    if (values) {
        desk->backend->put_reals(memory, values, count);
    } else {
        double *filled = nl_alloc(count, sizeof *filled);
        for (size_t i = 0; i < count; i++)
            filled[i] = otherwise;
        desk->backend->put_reals(memory, filled, count);
        free(filled);
    }
    return memory;
}

static double *get(const struct desk *desk, const void *memory, size_t count)
{
    if (!memory)
        return NULL;
    double *values = nl_alloc(count, sizeof *values);
    desk->backend->get_reals(values, memory, count);
    return values;
}

static double *get_doubles(const struct desk *desk, const double *memory, size_t count)
{
    double *values = nl_alloc(count, sizeof *values);
    desk->backend->download(values, memory, count * sizeof *values);
    return values;
}

static void *put_hyper(struct desk *desk, const struct nl_config *config)
{
    struct nl_hyper hyper = {
        .norm_eps = config->norm.eps,
        .norm_momentum = config->norm.running == NL_CUMULATIVE ? -1 : config->norm.momentum,
    };
    nl_norm_numbers_at(&(struct nl_schedule_of){.config = config, .steps = 1}, 1, hyper.norm_numbers); /* as at the end of training */
    void *memory = take(desk, sizeof hyper);
    if (memory)
        desk->backend->upload(memory, &hyper, sizeof hyper);
    return memory;
}

static void lay_out(const struct nl_probe *probe, struct desk *desk, struct nl_normalize *op)
{
    const struct nl_norm *norm = norm_of(probe);
    size_t elements = elements_of(probe), channels = (size_t)probe->channels, affine = (size_t)nl_probe_affine_count(probe);
    *op = (struct nl_normalize){
        .setup = setup_of(probe),
        .norm = norm,
        .unbiased = probe->config->norm.running_var == NL_UNBIASED,
        .detached = (unsigned)probe->config->norm.detach,
        .trains_running = norm->tracks && probe->config->norm.statistics == NL_OF_RUNNING,
        .affine_count = (int)affine,
        .x = put(desk, probe->x, elements, 0),
        .y = put(desk, NULL, elements, 0),
        .hyper = put_hyper(desk, probe->config),
    };
    if (affine) {
        op->gamma = put(desk, probe->gamma, affine, 1);
        op->dgamma = put(desk, NULL, affine, 0);
    }
    if (affine && norm->shifts) {
        op->beta = put(desk, probe->beta, affine, 0);
        op->dbeta = put(desk, NULL, affine, 0);
    }
    if (norm->tracks) {
        op->running_mean = put(desk, probe->running_mean, channels, 0);
        op->running_var = put(desk, probe->running_var, channels, 1);
        op->updates = take(desk, sizeof *op->updates);
        op->precise_mean = take(desk, channels * sizeof *op->precise_mean);
        op->precise_var = take(desk, channels * sizeof *op->precise_var);
        op->precise_count = take(desk, sizeof *op->precise_count);
    }
    if (probe->dy) {
        op->dy = put(desk, probe->dy, elements, 0);
        op->dx = put(desk, NULL, elements, 0);
    }
    size_t sets = (size_t)nl_normalize_sets(op, probe->samples);
    op->mean = take(desk, sets * desk->backend->statistic);
    op->var = take(desk, sets * desk->backend->statistic);
    op->coefficients = nl_normalize_keeps_coefficients(op) ? take(desk, 4 * sets * desk->backend->statistic) : NULL;
}

static void normalize(struct nl_probe *probe, const struct desk *desk, struct nl_normalize *op)
{
    size_t elements = elements_of(probe), channels = (size_t)probe->channels, affine = (size_t)op->affine_count;
    bool fixed = probe->eval && op->norm->tracks;
    const struct nl_kernel *kernel = nl_kernel_of(desk->backend, &nl_normalize_operation, op);
    struct nl_run run = {
        .replicas = 1,
        .samples = probe->samples,
        .statistics = fixed ? NL_STATS_RUNNING : probe->eval ? NL_STATS_BATCH : NL_STATS_TRAIN,
    };
    kernel->forward(&run, op);
    probe->y = get(desk, op->y, elements);
    if (op->dy) {
        kernel->backward(&run, op);
        probe->dx = get(desk, op->dx, elements);
        probe->dgamma = get(desk, op->dgamma, affine);
        probe->dbeta = get(desk, op->dbeta, affine);
    }
    probe->new_running_mean = get(desk, op->running_mean, channels);
    probe->new_running_var = get(desk, op->running_var, channels);
    if (fixed) {
        probe->sets = probe->channels;
        probe->mean = get(desk, op->running_mean, channels);
        probe->var = get(desk, op->running_var, channels);
    } else {
        probe->sets = nl_normalize_sets(op, probe->samples);
        probe->mean = get_doubles(desk, op->mean, (size_t)probe->sets);
        probe->var = get_doubles(desk, op->var, (size_t)probe->sets);
    }
    /* xhat is y without gamma and beta */
    op->gamma = op->beta = NULL;
    op->affine_count = 0;
    run.statistics = fixed ? NL_STATS_RUNNING : NL_STATS_BATCH;
    kernel->forward(&run, op);
    probe->xhat = get(desk, op->y, elements);
}

/* "none": y = x and dx = dy, as the backend can hold them. */
static void pass_through(struct nl_probe *probe, struct desk *desk)
{
    size_t elements = elements_of(probe);
    probe->y = get(desk, put(desk, probe->x, elements, 0), elements);
    if (probe->dy)
        probe->dx = get(desk, put(desk, probe->dy, elements, 0), elements);
}

int nl_probe_run(struct nl_probe *probe, struct nl_error *err)
{
    struct desk desk = {0};
    struct nl_normalize op;
    int elements;
    if (nl_probe_partition(probe, &probe->sets, &elements, err))
        return NL_FAIL;
    const struct nl_config *config = probe->config;
    desk.backend = nl_device_begin((enum nl_device_kind)config->device.kind, (int)config->device.index, (enum nl_gemm)config->device.gemm, err);
    if (!desk.backend)
        return NL_FAIL;
    if (!nl_norm_is_none(norm_of(probe))) {
        lay_out(probe, &desk, &op);
        if (!desk.failed)
            normalize(probe, &desk, &op);
    } else {
        pass_through(probe, &desk);
    }
    clear(&desk);
    if (desk.failed)
        return nl_fail(err, "out of memory for %zu numbers on '%s'", elements_of(probe), desk.backend->name);
    return nl_backend_status(desk.backend, err);
}

void nl_probe_release(struct nl_probe *probe)
{
    double **found[] = {&probe->y,    &probe->xhat, &probe->dx,  &probe->dgamma,           &probe->dbeta,
                        &probe->mean, &probe->var,  &probe->new_running_mean, &probe->new_running_var};
    for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
        free(*found[i]);
        *found[i] = NULL;
    }
}
