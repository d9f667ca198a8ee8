/* For tests and benchmarks: a training without files, laid out by a plan on any backend, for any number of replicas. */
#ifndef TESTS_TRAINING_H
#define TESTS_TRAINING_H

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "model/model.h"
#include "train/plan.h"

/* What rounding may leave in a training on cuda: on the host (tests/host_cuda) ten times what was measured, on a GPU,
 * whose exponentials and orders of sums are others, more. */
#ifdef ON_A_GPU
#define HOST_OR_GPU(host, gpu) (gpu)
#else
#define HOST_OR_GPU(host, gpu) (host)
#endif

struct training {
    struct nl_config config;
    struct nl_dataset dataset;
    struct nl_split view;
    struct nl_graph graph;
    struct nl_plan plan;
    int32_t *order;
    int row_count;
    struct nl_sample_rows rows[NL_MOST_SAMPLE_ROWS]; /* int32 numbers that the data have beside labels; owned */
    int replicas;
    int64_t frozen_from; /* the step that is the first with frozen statistics; 0: none is */
    int evaluated; /* samples at a time; 0: one */
    int before;    /* samples of each batch that came before it, in micro-batches; 0: it is whole */
    bool one_order; /* of all epochs: nothing is uploaded in steps but the first */
};

/* Images that a class has in common, and noise over them. */
static inline void training_data(struct training *t, struct nl_shape shape, int count)
{
    size_t image = (size_t)shape.height * (size_t)shape.width * (size_t)shape.channels;
    struct nl_stream stream = nl_stream(1, "training");
    t->dataset = (struct nl_dataset){.name = "drawn", .shape = shape, .count = count, .train_count = count - count / 8};
    t->dataset.rows = t->row_count;
    memcpy(t->dataset.row, t->rows, sizeof t->rows);
    t->dataset.pixels = nl_alloc((size_t)count, image);
    t->dataset.labels = nl_alloc((size_t)count, sizeof *t->dataset.labels);
    for (int n = 0; n < count; n++) {
        int label = t->dataset.labels[n] = (int)nl_stream_below(stream, 0, (uint64_t)n, (uint32_t)shape.classes);
        for (size_t i = 0; i < image; i++)
            t->dataset.pixels[(size_t)n * image + i] =
                (uint8_t)(nl_stream_bits(stream, (uint64_t)(1 + label), i) % 128 +
                          nl_stream_bits(stream, (uint64_t)(100 + n), i) % 128);
    }
}

/* t->config is set, and t->graph, if it is not to be what t->config says; everything else is made. NULL, or what went
 * wrong. */
static inline const char *training_make(struct training *t, const struct nl_backend *backend, int replicas,
                                        struct nl_shape shape, int count)
{
    static struct nl_error err;
    const char *key = NULL;
    t->replicas = replicas;
    training_data(t, shape, count);
    if (nl_split_make(&t->dataset, &t->config, &t->view, &err) != NL_OK ||
        (t->graph.nodes == 0 && nl_model_build(&t->config, shape, &t->graph, &key, &err) != NL_OK) ||
        backend->thread_begin(0, &err) != NL_OK ||
        nl_plan_make(&t->plan, backend, &t->graph, &t->config, &t->view, t->evaluated ? t->evaluated : 1, replicas,
                     &err) != NL_OK)
        return err.text;
    for (int r = 0; r < replicas; r++)
        nl_plan_write(&t->plan, r, &t->config, &t->view);
    t->order = nl_alloc((size_t)t->view.train_count, sizeof *t->order);
    return NULL;
}

static inline void training_free(struct training *t)
{
    nl_plan_release(&t->plan);
    nl_graph_release(&t->graph);
    nl_split_release(&t->view);
    for (int i = 0; i < t->row_count; i++)
        free(t->rows[i].at);
    free(t->dataset.pixels);
    free(t->dataset.labels);
    free(t->order);
}

static inline void *training_place(const struct training *t, const void *place, int replica)
{
    return (char *)(uintptr_t)place + (size_t)replica * t->plan.stride;
}

/* Replica r's rate is 1 + r / 8 times that of the configuration, so that replicas differ. */
static inline void training_rates(const struct training *t)
{
    for (int r = 0; r < t->replicas; r++) {
        struct nl_hyper hyper = {
            .lr = t->config.train.lr * (1 + r / 8.0),
            .momentum = t->config.train.momentum,
            .weight_decay = t->config.train.weight_decay,
            .beta1 = t->config.train.beta1,
            .beta2 = nl_beta2(&t->config),
            .adam_eps = t->config.train.adam_eps,
            .trust = t->config.train.trust,
            .agc = t->config.train.agc,
            .clip_norm = t->config.train.clip_norm,
            .dropout = t->config.model.dropout,
            .norm_eps = t->config.norm.eps,
            .norm_numbers = {[NL_R_MAX] = t->config.norm.r_max,
                             [NL_D_MAX] = t->config.norm.d_max,
                             [NL_WINDOW] = 1 + (double)nl_norm_history(&t->config, &nl_norm_cbn),
                             [NL_MOMENTUM_RATE] = t->config.norm.momentum_lr},
            .norm_momentum = t->config.norm.momentum,
        };
        t->plan.backend->upload(training_place(t, t->plan.hyper, r), &hyper, sizeof hyper);
    }
}

/* A step that comes next, its batch and order put where it finds them. */
static inline struct nl_run training_next(struct training *t, int64_t step, int slot, bool observes)
{
    struct nl_plan *plan = &t->plan;
    const struct nl_backend *backend = plan->backend;
    int64_t batch = t->config.train.batch, in_epoch = step % (t->view.train_count / batch),
            epoch = step / (t->view.train_count / batch);
    if (in_epoch == 0 && (epoch == 0 || !t->one_order)) {
        nl_epoch_order(&t->view, 1, epoch, t->order);
        for (int r = 0; r < t->replicas; r++)
            backend->upload(training_place(t, plan->order, r), t->order,
                            (size_t)t->view.train_count * sizeof *t->order);
    }
    struct nl_run run = {.replicas = t->replicas,
                         .stride = plan->stride,
                         .samples = (int)batch,
                         .step = step,
                         .epoch = epoch,
                         .statistics = t->frozen_from > 0 && step >= t->frozen_from ? NL_STATS_FROZEN : NL_STATS_TRAIN,
                         .augment = true,
                         .observes = observes,
                         .begins = in_epoch == 0,
                         .before = t->before,
                         .sums = plan->sums + slot};
    plan->train.gather.index = plan->order + in_epoch * batch;
    return run;
}

/* One step of all replicas; the losses go to `slot` of the ring. */
static inline void training_step(struct training *t, int64_t step, int slot)
{
    struct nl_run run = training_next(t, step, slot, false);
    nl_plan_step(&t->plan, &run);
}

/* The same, observed. */
static inline void training_observe(struct training *t, int64_t step, int slot)
{
    struct nl_run run = training_next(t, step, slot, true);
    nl_plan_step(&t->plan, &run);
}

/* As many steps of one epoch as fit into a ring, up to `end`, in one go, which nl_plan_has_executable says they can be
 * made in. Returns how many. */
static inline int training_go(struct training *t, int64_t step, int64_t end)
{
    int64_t per_epoch = t->view.train_count / t->config.train.batch, left = per_epoch - step % per_epoch;
    int steps = (int)(left < NL_SUMS_RING ? left : NL_SUMS_RING);
    steps = steps < end - step ? steps : (int)(end - step);
    struct nl_run run = training_next(t, step, 0, false);
    nl_plan_steps(&t->plan, &run, NULL, steps);
    return steps;
}

/* Mean losses of `steps` steps of one replica, at most a ring of them read at a time. */
static inline void training_run(struct training *t, int64_t steps, int replica, double *losses)
{
    const struct nl_backend *backend = t->plan.backend;
    struct nl_loss_sums sums[NL_SUMS_RING];
    for (int64_t first = 0; first < steps; first += NL_SUMS_RING) {
        int64_t end = first + NL_SUMS_RING < steps ? first + NL_SUMS_RING : steps;
        memset(sums, 0, sizeof sums);
        for (int r = 0; r < t->replicas; r++)
            backend->upload(training_place(t, t->plan.sums, r), sums, sizeof sums);
        for (int64_t step = first; step < end; step++)
            training_step(t, step, (int)(step - first));
        backend->download(sums, training_place(t, t->plan.sums, replica), sizeof sums);
        for (int64_t step = first; step < end; step++)
            losses[step] = sums[step - first].loss / sums[step - first].counted;
    }
}

#endif
