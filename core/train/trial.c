/* Trials from start to end: data and network are laid out, steps run in short chunks between readings of the loss, the network is
 * evaluated now and then, and curves and scores come out. Trials of equal shapes do this together, as a cohort; one alone is a cohort of
 * one. Who diverges leaves, and the others close up. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/memory.h"
#include "base/npy.h"
#include "train/evaluate.h"
#include "train/plan.h"
#include "train/replica.h"
#include "train/weights.h"

const char *const nl_status_names[] = {"done", "diverged", "dead", "stopped", NULL};
const char *const nl_part_names[] = {"train", "val", "test", NULL};

struct cohort {
    const struct nl_trial_options *options; /* of the first: what concerns all */
    const struct nl_config *config;         /* of the first: what is the same in all */
    int trials;
    struct nl_replica *replica;  /* [trials] */
    struct nl_replica **at;      /* [plan.replicas] those that still train, in the order of the plan's images */
    struct nl_hyper *hyper, *told; /* [trials] of the next update, and what the images hold */
    struct nl_score *score;      /* [trials] */
    struct nl_course course;
    struct nl_model model;
    struct nl_plan plan;
    int counts[NL_PARTS];
    double clock;                /* seconds until which time is accounted for */
    double kept_at;              /* seconds, and step, of the last checkpoints */
    int64_t kept_step;
};

enum nl_eval nl_primary_eval(const struct nl_config *config)
{
    return nl_norms[config->norm.kind]->tracks ? (enum nl_eval)config->norm.eval.at[0] : NL_EVAL_RUNNING;
}

/* Time goes to those who still train, in equal shares. */
static double share_since(const struct cohort *c, double start)
{
    return (nl_seconds() - start) / c->plan.replicas;
}

static void account(struct cohort *c)
{
    double share = share_since(c, c->clock);
    for (int i = 0; i < c->plan.replicas; i++)
        c->at[i]->result->seconds += share;
    c->clock = nl_seconds();
}

/* ---- evaluation ---- */

static void evaluate(struct cohort *c, int64_t step, enum nl_part part, enum nl_eval eval)
{
    if (c->counts[part] == 0)
        return;
    nl_evaluate(&c->plan, c->config, part, c->counts[part], eval, c->score);
    for (int i = 0; i < c->plan.replicas; i++) {
        nl_replica_add_row(c->at[i], step, part, eval, c->score[i]);
        if (step == c->course.steps)
            c->at[i]->result->score[part][eval] = c->score[i];
    }
}

static void add_evaluation_time(struct cohort *c, double start)
{
    double share = share_since(c, start);
    for (int i = 0; i < c->plan.replicas; i++)
        c->at[i]->result->evaluation += share;
}

/* Held-out parts, with the statistics that count first. */
static void evaluate_on_the_way(struct cohort *c, int64_t step)
{
    double start = nl_seconds();
    enum nl_eval eval = nl_primary_eval(c->config);
    if (eval == NL_EVAL_PRECISE)
        nl_collect_precise(&c->plan, c->config, c->counts[NL_PART_TRAIN]);
    for (enum nl_part part = NL_PART_VAL; part < NL_PARTS; part++)
        evaluate(c, step, part, eval);
    add_evaluation_time(c, start);
}

/* Every part with every kind of statistics asked for: the trials' scores, and whether they learned anything. */
static void evaluate_at_the_end(struct cohort *c)
{
    double start = nl_seconds();
    bool tracks = c->model.norm->tracks;
    int evals = tracks ? c->config->norm.eval.count : 1;
    for (int i = 0; i < evals; i++) {
        enum nl_eval eval = tracks ? (enum nl_eval)c->config->norm.eval.at[i] : NL_EVAL_RUNNING;
        if (eval == NL_EVAL_PRECISE)
            nl_collect_precise(&c->plan, c->config, c->counts[NL_PART_TRAIN]);
        for (enum nl_part part = 0; part < NL_PARTS; part++)
            evaluate(c, c->course.steps, part, eval);
    }
    for (int i = 0; i < c->plan.replicas; i++) {
        struct nl_trial_result *result = c->at[i]->result;
        double accuracy = result->score[NL_PART_TRAIN][nl_primary_eval(c->config)].accuracy;
        if (!(accuracy > 1.0 / c->model.classes + 0.05))
            result->status = NL_DEAD;
    }
    add_evaluation_time(c, start);
}

/* ---- steps ---- */

/* The host's order is the specification; a backend that can make it saves the way, and then the host needs it only to be saved. */
static void begin_epoch(struct cohort *c, int64_t epoch)
{
    const struct nl_backend *backend = c->plan.backend;
    for (int i = 0; i < c->trials; i++) {
        struct nl_replica *r = &c->replica[i];
        if (!r->like && (!backend->order || c->replica[0].saved_order))
            nl_epoch_order(&r->view, (uint64_t)r->config->train.seed, epoch, r->order);
    }
    if (backend->order) {
        struct nl_run run = {.replicas = c->plan.replicas, .stride = c->plan.stride, .epoch = epoch};
        backend->order(&run, &c->plan.ordering);
        return;
    }
    size_t bytes = (size_t)c->counts[NL_PART_TRAIN] * sizeof(int32_t);
    char *rows = nl_alloc((size_t)c->plan.replicas, bytes);
    for (int i = 0; i < c->plan.replicas; i++)
        memcpy(rows + (size_t)i * bytes, c->at[i]->like ? c->at[i]->like->order : c->at[i]->order, bytes);
    nl_plan_put(&c->plan, c->plan.order, rows, bytes);
    free(rows);
}

/* Only what changes is sent: with a constant rate that is nothing. */
static void put_hyper(struct cohort *c, int64_t step)
{
    size_t bytes = (size_t)c->plan.replicas * sizeof *c->hyper;
    for (int i = 0; i < c->plan.replicas; i++)
        c->hyper[i] = nl_replica_hyper(c->at[i], step);
    if (memcmp(c->hyper, c->told, bytes) == 0)
        return;
    memcpy(c->told, c->hyper, bytes);
    nl_plan_put(&c->plan, c->plan.hyper, c->hyper, sizeof *c->hyper);
}

static void train_step(struct cohort *c, int64_t step, int slot)
{
    struct nl_plan *plan = &c->plan;
    int64_t in_epoch = step % c->course.steps_per_epoch, epoch = step / c->course.steps_per_epoch;
    if (in_epoch == 0)
        begin_epoch(c, epoch);
    struct nl_run run = {.replicas = plan->replicas, .stride = plan->stride, .samples = nl_replica_batch(c->at[0], step), .step = step,
                         .epoch = epoch, .statistics = NL_STATS_TRAIN, .augment = true};
    put_hyper(c, step);
    int64_t batch = c->config->train.batch;
    plan->train.gather.index = plan->order + in_epoch * batch;
    bool more = (in_epoch + 2) * batch <= c->counts[NL_PART_TRAIN]; /* a whole batch comes next */
    plan->train.gather.next = more ? plan->train.gather.index + batch : NULL;
    plan->train.loss.sums = plan->sums + 2 * slot;
    nl_plan_step(plan, &run);
    for (int i = 0; i < plan->replicas; i++)
        nl_replica_remember(c->at[i], step);
}

static int64_t next_multiple(int64_t step, int64_t of)
{
    return (step / of + 1) * of;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Runs steps [step, end), at most a ring of them, then reads their losses. */
static void train_chunk(struct cohort *c, int64_t step, int64_t end)
{
    typedef double ring[NL_SUMS_RING][2];
    ring *sums = nl_alloc((size_t)c->plan.replicas, sizeof *sums);
    double start = nl_seconds();
    nl_plan_put(&c->plan, c->plan.sums, sums, sizeof *sums);
    for (int64_t s = step; s < end; s++)
        train_step(c, s, (int)(s - step));
    nl_plan_get(&c->plan, sums, c->plan.sums, sizeof *sums);
    double share = share_since(c, start);
    for (int i = 0; i < c->plan.replicas; i++) {
        c->at[i]->result->training += share;
        nl_replica_take(c->at[i], step, end, (const double(*)[2])sums[i]);
    }
    free(sums);
}

/* ---- checkpoints ---- */

static bool stop_asked(const struct cohort *c)
{
    return c->options->stop && *c->options->stop;
}

/* Whether it is time for checkpoints; a stop is such a time. */
static bool must_keep(const struct cohort *c, int64_t step)
{
    const struct nl_trial_options *options = c->options;
    if (!options->checkpoint)
        return false;
    bool late = options->checkpoint_seconds > 0 && nl_seconds() - c->kept_at >= options->checkpoint_seconds;
    bool far = options->checkpoint_epochs > 0 && step - c->kept_step >= options->checkpoint_epochs * c->course.steps_per_epoch;
    return stop_asked(c) || ((late || far) && step < c->course.steps);
}

static int keep(struct cohort *c, int64_t step, struct nl_error *err)
{
    account(c);
    for (int i = 0; i < c->plan.replicas; i++) {
        struct nl_plan plan = nl_plan_replica(&c->plan, i);
        const struct nl_replica *r = c->at[i];
        if (nl_checkpoint_save(&plan, &r->lineage, &r->now, r->result, r->options->checkpoint, err))
            return NL_FAIL;
    }
    c->kept_at = nl_seconds();
    c->kept_step = step;
    return NL_OK;
}

/* Goes on from the checkpoints that are there. What follows from the number of steps alone is worked out anew. */
static int resume(struct cohort *c, struct nl_error *err)
{
    c->kept_at = nl_seconds();
    for (int i = 0; i < c->trials; i++) {
        struct nl_replica *r = &c->replica[i];
        struct nl_plan plan = nl_plan_replica(&c->plan, i);
        const char *path = r->options->checkpoint;
        if (path && nl_file_exists(path) && nl_checkpoint_load(&plan, &r->lineage, path, &r->now, r->result, err))
            return NL_FAIL;
        if (r->result->steps != c->replica[0].result->steps)
            return nl_fail(err, "cannot go on from '%s': it is not as far as others that train with it", path ? path : "");
    }
    int64_t steps = c->kept_step = c->replica[0].result->steps;
    for (int64_t step = 0; c->replica[0].saved_order && step < steps; step++) {
        if (step % c->course.steps_per_epoch == 0)
            begin_epoch(c, step / c->course.steps_per_epoch);
        for (int i = 0; i < c->trials; i++)
            nl_replica_remember(&c->replica[i], step);
    }
    if (steps % c->course.steps_per_epoch)
        begin_epoch(c, steps / c->course.steps_per_epoch);
    put_hyper(c, steps > 0 ? steps - 1 : 0);
    return NL_OK;
}

/* ---- from start to end ---- */

/* What went wrong on the device meanwhile: the numbers read since then are none. */
static int device_status(const struct cohort *c, struct nl_error *err)
{
    return c->plan.backend->status ? c->plan.backend->status(err) : NL_OK;
}

static int save(const struct cohort *c, int image, struct nl_error *err)
{
    const struct nl_replica *r = c->at[image];
    const struct nl_trial_options *options = r->options;
    struct nl_plan plan = nl_plan_replica(&c->plan, image);
    if (options->save_final && nl_weights_save(&plan, &r->lineage, options->save_final, err) != NL_OK)
        return NL_FAIL;
    if (!options->save_order)
        return NL_OK;
    size_t shape[2] = {(size_t)r->result->steps, (size_t)r->config->train.batch};
    return nl_npy_write(options->save_order, NL_I32, 2, shape, r->saved_order, err);
}

/* The trial's result is whole. */
static int end_trial(struct cohort *c, int image, struct nl_error *err)
{
    struct nl_replica *r = c->at[image];
    r->result->epochs = (double)r->result->steps / (double)c->course.steps_per_epoch;
    if (save(c, image, err))
        return NL_FAIL;
    account(c);
    if (r->options->ended)
        r->options->ended(r->options->context, r->number);
    int last = c->plan.replicas - 1;
    c->told[image] = c->told[last];
    c->at[image] = c->at[last];
    nl_plan_drop(&c->plan, image);
    return NL_OK;
}

/* All that are not in training any more; the last first, so that none moves that ends itself. */
static int end_trials(struct cohort *c, bool all, struct nl_error *err)
{
    for (int i = c->plan.replicas - 1; i >= 0; i--)
        if ((all || c->at[i]->result->status != NL_DONE) && end_trial(c, i, err))
            return NL_FAIL;
    return NL_OK;
}

static int train(struct cohort *c, struct nl_error *err)
{
    int64_t steps = c->course.steps;
    for (int64_t step = c->replica[0].result->steps; step < steps;) {
        int64_t log_at = next_multiple(step, c->course.log_every), eval_at = next_multiple(step, c->course.eval_every);
        int64_t end = smaller(smaller(steps, step + NL_SUMS_RING), smaller(log_at, eval_at));
        train_chunk(c, step, end);
        step = end;
        if (device_status(c, err) || end_trials(c, false, err))
            return NL_FAIL;
        if (c->plan.replicas == 0)
            return NL_OK;
        for (int i = 0; i < c->plan.replicas && (step == log_at || step == steps); i++)
            if (c->at[i]->now.seen > 0)
                nl_replica_log(c->at[i], step);
        if (step == eval_at && step < steps)
            evaluate_on_the_way(c, step);
        if (must_keep(c, step) && keep(c, step, err))
            return NL_FAIL;
        if (stop_asked(c)) {
            for (int i = 0; i < c->plan.replicas; i++)
                c->at[i]->result->status = NL_STOPPED;
            return NL_OK;
        }
    }
    return NL_OK;
}

/* Configurations of a cohort. */
static bool same_data(const struct nl_config *a, const struct nl_config *b)
{
    return a->train.seed == b->train.seed && a->data.split_seed == b->data.split_seed && a->data.standardize == b->data.standardize &&
           a->train.label_noise == b->train.label_noise;
}

/* The trial's data: its own, or those of one before it. */
static int set_up_data(struct cohort *c, struct nl_replica *r, struct nl_error *err)
{
    for (int i = 0; i < r->number && !r->like; i++)
        if (!c->replica[i].like && same_data(r->config, c->replica[i].config))
            r->like = &c->replica[i];
    if (r->like) {
        r->view = r->like->view;
        return NL_OK;
    }
    if (nl_split_make(r->lineage.dataset, r->config, &r->view, err))
        return NL_FAIL;
    r->order = nl_alloc((size_t)r->view.train_count, sizeof *r->order);
    return NL_OK;
}

static int set_up_course(struct cohort *c, struct nl_error *err)
{
    const struct nl_split *view = &c->replica[0].view;
    struct nl_counts counts = {c->counts[NL_PART_TRAIN] = view->train_count, c->counts[NL_PART_VAL] = view->val_count,
                               c->counts[NL_PART_TEST] = view->test_count};
    struct nl_outline outline = nl_trial_outline(c->config, counts);
    c->course = (struct nl_course){outline.steps, outline.steps_per_epoch, outline.log_every, outline.eval_every};
    if (outline.steps_per_epoch < 1)
        return nl_fail(err, "a batch of %lld does not fit the %d training samples", (long long)c->config->train.batch, counts.train);
    return NL_OK;
}

static void set_up_trial(struct cohort *c, struct nl_replica *r)
{
    nl_plan_write(&c->plan, r->number, r->config, &r->view);
    if (r->options->load) {
        struct nl_plan plan = nl_plan_replica(&c->plan, r->number);
        nl_weights_load(&plan, r->options->load);
    }
    r->course = c->course;
    r->schedule = (struct nl_schedule_of){r->config, c->course.steps, (double)c->course.steps_per_epoch};
    if (r->options->save_order)
        r->saved_order = nl_alloc((size_t)c->course.steps * (size_t)r->config->train.batch, sizeof *r->saved_order);
    r->result->left_out = r->config->train.drop_last ? r->view.train_count - c->course.steps_per_epoch * r->config->train.batch : 0;
    r->result->parameters = (int64_t)c->model.count;
    r->result->memory = c->plan.stride;
    c->at[r->number] = r;
}

static int set_up(struct cohort *c, const struct nl_dataset *dataset, struct nl_error *err)
{
    const char *key = NULL;
    for (int i = 0; i < c->trials; i++)
        if (set_up_data(c, &c->replica[i], err))
            return NL_FAIL;
    if (set_up_course(c, err) || nl_model_build(c->config, dataset->shape, &c->model, &key, err))
        return NL_FAIL;
    const struct nl_backend *backend = nl_device_begin((enum nl_device_kind)c->config->device.kind, (int)c->config->device.index, err);
    const struct nl_split *view = &c->replica[0].view;
    if (!backend || nl_plan_make(&c->plan, backend, &c->model, c->config, view, nl_evaluation_capacity(c->config, view), c->trials, err))
        return NL_FAIL;
    for (int i = 0; i < c->trials; i++)
        set_up_trial(c, &c->replica[i]);
    return NL_OK;
}

static int save_initial(const struct cohort *c, struct nl_error *err)
{
    for (int i = 0; i < c->trials; i++) {
        struct nl_plan plan = nl_plan_replica(&c->plan, i);
        const char *path = c->replica[i].options->save_init;
        if (path && nl_weights_save(&plan, &c->replica[i].lineage, path, err))
            return NL_FAIL;
    }
    return NL_OK;
}

static int run_cohort(struct cohort *c, const struct nl_dataset *dataset, struct nl_error *err)
{
    if (set_up(c, dataset, err) || save_initial(c, err) || resume(c, err) || train(c, err))
        return NL_FAIL;
    if (c->plan.replicas > 0 && c->at[0]->result->status == NL_DONE)
        evaluate_at_the_end(c);
    return device_status(c, err) || end_trials(c, true, err) ? NL_FAIL : NL_OK;
}

static void release(struct cohort *c)
{
    nl_plan_release(&c->plan);
    nl_model_release(&c->model);
    for (int i = 0; i < c->trials; i++) {
        struct nl_replica *r = &c->replica[i];
        if (!r->like)
            nl_split_release(&r->view);
        free(r->order);
        free(r->saved_order);
    }
    free(c->replica);
    free(c->at);
    free(c->hyper);
    free(c->told);
    free(c->score);
}

int nl_cohort_run(const struct nl_config *const config[], const struct nl_dataset *dataset, const struct nl_trial_options options[], int trials,
                  struct nl_trial_result result[], struct nl_error *err)
{
    size_t count = (size_t)trials;
    struct cohort c = {.options = options, .config = config[0], .trials = trials, .clock = nl_seconds()};
    c.replica = nl_alloc(count, sizeof *c.replica);
    c.at = nl_alloc(count, sizeof(struct nl_replica *));
    c.hyper = nl_alloc(count, sizeof *c.hyper);
    c.told = nl_alloc(count, sizeof *c.told);
    c.score = nl_alloc(count, sizeof *c.score);
    for (int i = 0; i < trials; i++) {
        result[i] = (struct nl_trial_result){.status = NL_DONE, .failed_step = -1};
        for (int part = 0; part < NL_PARTS; part++)
            for (int eval = 0; eval < NL_EVALS; eval++)
                result[i].score[part][eval] = (struct nl_score){NAN, NAN};
        c.replica[i] = (struct nl_replica){.number = i, .config = config[i], .options = &options[i], .result = &result[i],
                                           .lineage = {config[i], dataset, options[i].load}};
    }
    int status = run_cohort(&c, dataset, err);
    release(&c);
    return status;
}

int nl_trial_run(const struct nl_config *config, const struct nl_dataset *dataset, const struct nl_trial_options *options,
                 struct nl_trial_result *result, struct nl_error *err)
{
    static const struct nl_trial_options none;
    return nl_cohort_run(&config, dataset, options ? options : &none, 1, result, err);
}

void nl_trial_result_release(struct nl_trial_result *result)
{
    free(result->row);
    result->row = NULL;
    result->rows = result->capacity = 0;
}
