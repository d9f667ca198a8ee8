/* What lies in the replicas' images: written at the start, put and read in all at once, moved. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "train/plan.h"

static void *place_of(const struct nl_plan *plan, const void *place, int replica)
{
    return place ? (char *)(uintptr_t)place + (size_t)replica * plan->stride : NULL;
}

/* How samples are seen: as a table of their bytes, or by mean and scale; and, where the backend is better off so, all of them. */
static void write_samples(const struct nl_plan *plan, int replica, const struct nl_split *view)
{
    const struct nl_backend *backend = plan->backend;
    const struct nl_gather *gather = &plan->train.gather;
    size_t channels = (size_t)gather->channels, sample = (size_t)gather->height * (size_t)gather->width * channels;
    if (gather->table)
        backend->upload(place_of(plan, gather->table, replica), view->table, channels * 256 * sizeof *view->table);
    else
        backend->upload(place_of(plan, gather->mean, replica), view->mean, channels * sizeof *view->mean);
    double *scale = place_of(plan, gather->scale, replica);
    for (size_t c = 0; scale && c < channels; c++)
        backend->upload(scale + c, &(double){1 / view->deviation[c]}, sizeof *scale);
    if (!gather->standardized)
        return;
    float *x = nl_alloc(sample, sizeof *x);
    for (int i = 0; i < view->dataset->count; i++) {
        nl_split_sample(view, i, x);
        backend->upload(place_of(plan, gather->standardized + (size_t)i * sample, replica), x, sample * sizeof *x);
    }
    free(x);
}

static void write_network(const struct nl_plan *plan, int replica, const struct nl_config *config)
{
    const struct nl_backend *backend = plan->backend;
    const struct nl_model *model = plan->model;
    size_t channels = 0; /* of all normalizers */
    for (int i = 0; i < model->layers; i++)
        channels += model->layer[i].kind == NL_NORM_LAYER ? (size_t)model->layer[i].in.channels : 0;
    double *values = nl_alloc(model->count + channels, sizeof *values);
    nl_model_init(model, config, values);
    backend->put_reals(place_of(plan, plan->parameters, replica), values, model->count);
    for (size_t c = 0; c < channels; c++)
        values[c] = 1.0;
    backend->put_reals(place_of(plan, plan->running_var, replica), values, channels);
    free(values);
}

void nl_plan_write(const struct nl_plan *plan, int replica, const struct nl_config *config, const struct nl_split *view)
{
    const struct nl_backend *backend = plan->backend;
    const struct nl_gather *gather = &plan->train.gather;
    uint64_t seed = (uint64_t)config->train.seed;
    backend->upload(place_of(plan, gather->seed, replica), &seed, sizeof seed);
    write_samples(plan, replica, view);
    backend->upload(place_of(plan, gather->label_of, replica), view->labels, (size_t)view->dataset->count * sizeof *view->labels);
    const int32_t *const parts[3] = {view->train, view->val, view->test};
    const int counts[3] = {view->train_count, view->val_count, view->test_count};
    for (int i = 0; i < 3; i++)
        backend->upload(place_of(plan, plan->part[i], replica), parts[i], (size_t)counts[i] * sizeof *parts[i]);
    uint32_t *keys = place_of(plan, plan->dropout_keys, replica);
    for (int i = 0; i < plan->model->layers; i++) {
        char name[56];
        snprintf(name, sizeof name, "dropout.%s", plan->model->layer[i].name);
        struct nl_stream stream = nl_stream(seed, name);
        backend->upload(keys + 2 * i, stream.key, sizeof stream.key);
    }
    write_network(plan, replica, config);
}

struct nl_plan nl_plan_replica(const struct nl_plan *plan, int replica)
{
    return (struct nl_plan){
        .backend = plan->backend,
        .model = plan->model,
        .replicas = 1,
        .stride = plan->stride,
        .update = {.first = place_of(plan, plan->update.first, replica), .second = place_of(plan, plan->update.second, replica)},
        .parameters = place_of(plan, plan->parameters, replica),
        .running_mean = place_of(plan, plan->running_mean, replica),
        .running_var = place_of(plan, plan->running_var, replica),
        .updates = place_of(plan, plan->updates, replica),
        .normalizers = plan->normalizers,
    };
}

void nl_plan_put(const struct nl_plan *plan, void *place, const void *rows, size_t bytes)
{
    if (plan->backend->upload_rows && plan->replicas > 1) {
        plan->backend->upload_rows(place, plan->stride, rows, bytes, plan->replicas);
        return;
    }
    for (int r = 0; r < plan->replicas; r++)
        plan->backend->upload(place_of(plan, place, r), (const char *)rows + (size_t)r * bytes, bytes);
}

void nl_plan_get(const struct nl_plan *plan, void *rows, const void *place, size_t bytes)
{
    if (plan->backend->download_rows && plan->replicas > 1) {
        plan->backend->download_rows(rows, place, plan->stride, bytes, plan->replicas);
        return;
    }
    for (int r = 0; r < plan->replicas; r++)
        plan->backend->download((char *)rows + (size_t)r * bytes, place_of(plan, place, r), bytes);
}

void nl_plan_drop(struct nl_plan *plan, int replica)
{
    int last = --plan->replicas;
    if (replica < last) {
        char *state = nl_alloc(plan->state_bytes, 1);
        plan->backend->download(state, place_of(plan, plan->arena, last), plan->state_bytes);
        plan->backend->upload(place_of(plan, plan->arena, replica), state, plan->state_bytes);
        free(state);
    }
    if (plan->tape) /* recorded for one replica more */
        plan->backend->forget(plan->tape);
    plan->tape = NULL;
}
