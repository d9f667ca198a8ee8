/* One trial from start to end: data and network are laid out, steps run in short chunks between readings of the loss, the
 * network is evaluated now and then, and the curve and the scores come out. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/memory.h"
#include "base/npy.h"
#include "train/checkpoint.h"
#include "train/evaluate.h"
#include "train/plan.h"
#include "train/schedule.h"
#include "train/train.h"
#include "train/weights.h"

const char *const nl_status_names[] = {"done", "diverged", "dead", "stopped", NULL};
const char *const nl_part_names[] = {"train", "val", "test", NULL};

struct trainer {
    const struct nl_config *config;
    const struct nl_trial_options *options;
    struct nl_lineage lineage;
    struct nl_split view;
    struct nl_model model;
    struct nl_plan plan;
    struct nl_schedule_of schedule;
    struct nl_trial_result *result;
    int64_t steps_per_epoch, log_every, eval_every;
    int32_t *order;        /* of the epoch */
    int32_t *saved_order;  /* (steps, batch), or NULL */
    struct nl_midway now;
    double began, seconds_before;   /* seconds: of this call, and before it, where a checkpoint was there */
    double kept_at;                 /* seconds, and step, of the last checkpoint */
    int64_t kept_step;
};

enum nl_eval nl_primary_eval(const struct nl_config *config)
{
    return nl_norms[config->norm.kind]->tracks ? (enum nl_eval)config->norm.eval.at[0] : NL_EVAL_RUNNING;
}

static void add_row(struct trainer *t, int64_t step, enum nl_part part, int eval, struct nl_score score)
{
    struct nl_trial_result *result = t->result;
    NL_GROW(result->row, result->rows, result->capacity);
    result->row[result->rows++] = (struct nl_curve_row){
        .step = step,
        .epoch = (double)step / (double)t->steps_per_epoch,
        .samples = result->samples,
        .part = part,
        .eval = eval,
        .lr = nl_lr_at(&t->schedule, step > 0 ? step - 1 : 0),
        .loss = score.loss,
        .accuracy = score.accuracy,
    };
}

static void log_training(struct trainer *t, int64_t step)
{
    struct nl_score score = {t->now.loss_sum / t->now.seen, t->now.correct / t->now.seen};
    add_row(t, step, NL_PART_TRAIN, -1, score);
    t->now.loss_sum = t->now.correct = t->now.seen = 0;
    if (t->options->progress)
        t->options->progress(t->options->context, step, t->schedule.steps, score.loss);
}

/* Held-out parts, with the statistics that count first. */
static void evaluate_on_the_way(struct trainer *t, int64_t step)
{
    double start = nl_seconds();
    enum nl_eval eval = nl_primary_eval(t->config);
    if (eval == NL_EVAL_PRECISE)
        nl_collect_precise(&t->plan, t->config, t->view.train_count);
    for (enum nl_part part = NL_PART_VAL; part < NL_PARTS; part++) {
        int count = part == NL_PART_VAL ? t->view.val_count : t->view.test_count;
        if (count > 0)
            add_row(t, step, part, eval, nl_evaluate(&t->plan, t->config, part, count, eval));
    }
    t->result->evaluation += nl_seconds() - start;
}

/* Every part with every kind of statistics asked for: the trial's scores. */
static void evaluate_at_the_end(struct trainer *t, int64_t step)
{
    double start = nl_seconds();
    const int counts[NL_PARTS] = {t->view.train_count, t->view.val_count, t->view.test_count};
    bool tracks = t->model.norm->tracks;
    int evals = tracks ? t->config->norm.eval.count : 1;
    for (int i = 0; i < evals; i++) {
        enum nl_eval eval = tracks ? (enum nl_eval)t->config->norm.eval.at[i] : NL_EVAL_RUNNING;
        if (eval == NL_EVAL_PRECISE)
            nl_collect_precise(&t->plan, t->config, t->view.train_count);
        for (enum nl_part part = 0; part < NL_PARTS; part++)
            if (counts[part] > 0) {
                t->result->score[part][eval] = nl_evaluate(&t->plan, t->config, part, counts[part], eval);
                add_row(t, step, part, eval, t->result->score[part][eval]);
            }
    }
    t->result->evaluation += nl_seconds() - start;
}

static void begin_epoch(struct trainer *t, int64_t epoch)
{
    nl_epoch_order(&t->view, (uint64_t)t->config->train.seed, epoch, t->order);
    t->plan.backend->upload(t->plan.order, t->order, (size_t)t->view.train_count * sizeof *t->order);
}

static int batch_at(const struct trainer *t, int64_t step_in_epoch)
{
    int64_t left = t->view.train_count - step_in_epoch * t->config->train.batch;
    return (int)(left < t->config->train.batch ? left : t->config->train.batch);
}

static void remember_order(struct trainer *t, int64_t step, int64_t step_in_epoch, int samples)
{
    int64_t batch = t->config->train.batch;
    for (int64_t n = 0; n < batch; n++)
        t->saved_order[step * batch + n] = n < samples ? t->order[step_in_epoch * batch + n] : -1;
}

static void put_hyper(const struct trainer *t, int64_t step)
{
    const struct nl_config *config = t->config;
    struct nl_hyper hyper = {
        .lr = nl_lr_at(&t->schedule, step),
        .momentum = config->train.momentum,
        .weight_decay = config->train.weight_decay,
        .beta1 = config->train.beta1,
        .beta2 = config->train.beta2,
        .adam_eps = config->train.adam_eps,
        .clip_norm = config->train.clip_norm,
        .clip_value = config->train.clip_value,
        .dropout = config->model.dropout,
        .norm_eps = config->norm.eps,
        .norm_momentum = config->norm.running == NL_CUMULATIVE ? -1.0 : config->norm.momentum,
    };
    t->plan.backend->upload(t->plan.hyper, &hyper, sizeof hyper);
}

static void train_step(struct trainer *t, int64_t step, int slot)
{
    struct nl_plan *plan = &t->plan;
    int64_t in_epoch = step % t->steps_per_epoch, epoch = step / t->steps_per_epoch;
    if (in_epoch == 0)
        begin_epoch(t, epoch);
    struct nl_run run = {.replicas = plan->replicas, .stride = plan->stride, .samples = batch_at(t, in_epoch), .step = step,
                         .epoch = epoch, .statistics = NL_STATS_TRAIN, .augment = true};
    put_hyper(t, step);
    plan->train.gather.index = plan->order + in_epoch * t->config->train.batch;
    plan->train.loss.sums = plan->sums + 2 * slot;
    nl_plan_step(plan, &run);
    if (t->saved_order)
        remember_order(t, step, in_epoch, run.samples);
}

static bool diverged(const struct trainer *t, double loss)
{
    double scale = fmax(t->now.first_loss, log((double)t->model.classes));
    return !(loss <= 1000.0 * scale); /* NaN is no smaller than anything */
}

static int64_t next_multiple(int64_t step, int64_t of)
{
    return (step / of + 1) * of;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Runs steps [step, end), at most a ring of them, then reads their losses. Returns the step after the last good one. */
static int64_t train_chunk(struct trainer *t, int64_t step, int64_t end)
{
    double zeros[2 * NL_SUMS_RING] = {0}, sums[2 * NL_SUMS_RING];
    const struct nl_backend *backend = t->plan.backend;
    double start = nl_seconds();
    backend->upload(t->plan.sums, zeros, sizeof zeros);
    for (int64_t s = step; s < end; s++)
        train_step(t, s, (int)(s - step));
    backend->download(sums, t->plan.sums, sizeof sums);
    t->result->training += nl_seconds() - start;
    for (int64_t s = step; s < end; s++) {
        int samples = batch_at(t, s % t->steps_per_epoch);
        double loss = sums[2 * (s - step)] / samples;
        if (s == 0)
            t->now.first_loss = loss;
        t->now.loss_sum += sums[2 * (s - step)];
        t->now.correct += sums[2 * (s - step) + 1];
        t->now.seen += samples;
        t->result->samples += samples;
        t->result->steps = s + 1;
        if (diverged(t, loss)) {
            t->result->status = NL_DIVERGED;
            t->result->failed_step = s + 1;
            /* The row of a divergence is that batch alone, so that the curve shows what happened. */
            t->now.loss_sum = sums[2 * (s - step)];
            t->now.correct = sums[2 * (s - step) + 1];
            t->now.seen = samples;
            log_training(t, s + 1);
            return s + 1;
        }
    }
    return end;
}

static bool stop_asked(const struct trainer *t)
{
    return t->options->stop && *t->options->stop;
}

/* Whether it is time for a checkpoint; a stop is such a time. */
static bool must_keep(const struct trainer *t, int64_t step)
{
    const struct nl_trial_options *options = t->options;
    if (!options->checkpoint)
        return false;
    bool late = options->checkpoint_seconds > 0 && nl_seconds() - t->kept_at >= options->checkpoint_seconds;
    bool far = options->checkpoint_epochs > 0 && step - t->kept_step >= options->checkpoint_epochs * t->steps_per_epoch;
    return stop_asked(t) || ((late || far) && step < t->schedule.steps);
}

static int keep(struct trainer *t, int64_t step, struct nl_error *err)
{
    t->result->seconds = t->seconds_before + nl_seconds() - t->began;
    if (nl_checkpoint_save(&t->plan, &t->lineage, &t->now, t->result, t->options->checkpoint, err))
        return NL_FAIL;
    t->kept_at = nl_seconds();
    t->kept_step = step;
    return NL_OK;
}

/* Goes on from the checkpoint, if it is there. What follows from the number of steps alone is worked out anew. */
static int resume(struct trainer *t, struct nl_error *err)
{
    const char *path = t->options->checkpoint;
    t->kept_at = nl_seconds();
    if (!path || !nl_file_exists(path))
        return NL_OK;
    if (nl_checkpoint_load(&t->plan, &t->lineage, path, &t->now, t->result, err))
        return NL_FAIL;
    int64_t steps = t->kept_step = t->result->steps;
    t->seconds_before = t->result->seconds;
    for (int64_t step = 0; t->saved_order && step < steps; step++) {
        int64_t in_epoch = step % t->steps_per_epoch;
        if (in_epoch == 0)
            begin_epoch(t, step / t->steps_per_epoch);
        remember_order(t, step, in_epoch, batch_at(t, in_epoch));
    }
    if (steps % t->steps_per_epoch)
        begin_epoch(t, steps / t->steps_per_epoch);
    put_hyper(t, steps > 0 ? steps - 1 : 0);
    return NL_OK;
}

/* What went wrong on the device meanwhile: the numbers read since then are none. */
static int device_status(const struct trainer *t, struct nl_error *err)
{
    return t->plan.backend->status ? t->plan.backend->status(err) : NL_OK;
}

static int train(struct trainer *t, struct nl_error *err)
{
    int64_t steps = t->schedule.steps;
    struct nl_trial_result *result = t->result;
    for (int64_t step = result->steps; step < steps && result->status == NL_DONE;) {
        int64_t log_at = next_multiple(step, t->log_every), eval_at = next_multiple(step, t->eval_every);
        int64_t end = smaller(smaller(steps, step + NL_SUMS_RING), smaller(log_at, eval_at));
        step = train_chunk(t, step, end);
        if (device_status(t, err))
            return NL_FAIL;
        if (result->status != NL_DONE)
            return NL_OK;
        if (t->now.seen > 0 && (step == log_at || step == steps))
            log_training(t, step);
        if (step == eval_at && step < steps)
            evaluate_on_the_way(t, step);
        if (must_keep(t, step) && keep(t, step, err))
            return NL_FAIL;
        if (stop_asked(t))
            result->status = NL_STOPPED;
    }
    return NL_OK;
}

static int set_up(struct trainer *t, const struct nl_dataset *dataset, struct nl_error *err)
{
    const struct nl_config *config = t->config;
    const char *key = NULL;
    if (nl_split_make(dataset, config, &t->view, err) != NL_OK || nl_model_build(config, dataset->shape, &t->model, &key, err) != NL_OK)
        return NL_FAIL;
    const struct nl_backend *backend = nl_device_begin((enum nl_device_kind)config->device.kind, (int)config->device.index, err);
    if (!backend)
        return NL_FAIL;
    if (nl_plan_make(&t->plan, backend, &t->model, config, &t->view, nl_evaluation_capacity(config, &t->view), 1, err) != NL_OK)
        return NL_FAIL;
    if (t->options->load)
        nl_weights_load(&t->plan, t->options->load);
    struct nl_counts counts = {t->view.train_count, t->view.val_count, t->view.test_count};
    struct nl_outline outline = nl_trial_outline(config, counts);
    t->steps_per_epoch = outline.steps_per_epoch;
    if (t->steps_per_epoch < 1)
        return nl_fail(err, "a batch of %lld does not fit the %d training samples", (long long)config->train.batch, t->view.train_count);
    t->schedule = (struct nl_schedule_of){config, outline.steps, (double)t->steps_per_epoch};
    t->log_every = outline.log_every;
    t->eval_every = outline.eval_every;
    t->order = nl_alloc((size_t)t->view.train_count, sizeof *t->order);
    if (t->options->save_order)
        t->saved_order = nl_alloc((size_t)outline.steps * (size_t)config->train.batch, sizeof *t->saved_order);
    struct nl_trial_result *result = t->result;
    result->left_out = config->train.drop_last ? t->view.train_count - t->steps_per_epoch * config->train.batch : 0;
    result->parameters = (int64_t)t->model.count;
    result->memory = t->plan.arena_bytes;
    return NL_OK;
}

static int save(const struct trainer *t, struct nl_error *err)
{
    const struct nl_trial_options *options = t->options;
    if (options->save_final && nl_weights_save(&t->plan, &t->lineage, options->save_final, err) != NL_OK)
        return NL_FAIL;
    if (!options->save_order)
        return NL_OK;
    size_t shape[2] = {(size_t)t->result->steps, (size_t)t->config->train.batch};
    return nl_npy_write(options->save_order, NL_I32, 2, shape, t->saved_order, err);
}

static int run_trial(struct trainer *t, const struct nl_dataset *dataset, struct nl_error *err)
{
    struct nl_trial_result *result = t->result;
    if (set_up(t, dataset, err) != NL_OK)
        return NL_FAIL;
    if (t->options->save_init && nl_weights_save(&t->plan, &t->lineage, t->options->save_init, err) != NL_OK)
        return NL_FAIL;
    if (resume(t, err) || train(t, err))
        return NL_FAIL;
    result->epochs = (double)result->steps / (double)t->steps_per_epoch;
    if (result->status == NL_DONE) {
        evaluate_at_the_end(t, result->steps);
        double accuracy = result->score[NL_PART_TRAIN][nl_primary_eval(t->config)].accuracy;
        if (!(accuracy > 1.0 / t->model.classes + 0.05))
            result->status = NL_DEAD;
    }
    return device_status(t, err) ? NL_FAIL : save(t, err);
}

int nl_trial_run(const struct nl_config *config, const struct nl_dataset *dataset, const struct nl_trial_options *options,
                 struct nl_trial_result *result, struct nl_error *err)
{
    static const struct nl_trial_options none;
    *result = (struct nl_trial_result){.status = NL_DONE, .failed_step = -1};
    for (int part = 0; part < NL_PARTS; part++)
        for (int eval = 0; eval < NL_EVALS; eval++)
            result->score[part][eval] = (struct nl_score){NAN, NAN};
    struct trainer t = {.config = config, .options = options ? options : &none, .result = result};
    t.lineage = (struct nl_lineage){config, dataset, t.options->load};
    t.began = nl_seconds();
    int status = run_trial(&t, dataset, err);
    result->seconds = t.seconds_before + nl_seconds() - t.began;
    nl_plan_release(&t.plan);
    nl_model_release(&t.model);
    nl_split_release(&t.view);
    free(t.order);
    free(t.saved_order);
    return status;
}

void nl_trial_result_release(struct nl_trial_result *result)
{
    free(result->row);
    result->row = NULL;
    result->rows = result->capacity = 0;
}
