/* Trials from start to end: data and network are laid out, steps run in short chunks between readings of the loss, the
 * network is evaluated now and then, and curves and scores come out. Trials of equal shapes do this together, as a
 * cohort; one alone is a cohort of one. Who diverges leaves, and the others close up. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/memory.h"
#include "base/npy.h"
#include "train/aside.h"
#include "train/calibration.h"
#include "train/evaluate.h"
#include "train/training.h"
#include "train/weights.h"

const char *const nl_status_names[] = {"done", "diverged", "dead", "stopped", NULL};
const char *const nl_part_names[] = {"train", "val", "test", NULL};

/* Time goes to those who still train, in equal shares. */
static double share_since(const struct nl_training *c, double start)
{
    return (nl_seconds() - start) / c->plan.replicas;
}

static void account(struct nl_training *c)
{
    double share = share_since(c, c->clock);
    for (int i = 0; i < c->plan.replicas; i++)
        c->active[i]->result->seconds += share;
    c->clock = nl_seconds();
}

/* ---- evaluation ---- */

static void evaluate(struct nl_training *c, int64_t step, enum nl_part part, enum nl_eval eval)
{
    if (c->counts[part] == 0)
        return;
    bool last = step == c->step_counts.steps,
         calibrates = last && part == NL_PART_TEST && eval == nl_primary_eval(c->config);
    struct nl_calibration_sums *sums = nl_alloc((size_t)c->plan.replicas, sizeof *sums);
    const struct nl_output_reader reader = nl_calibration_reader(sums);
    nl_evaluate(&c->plan, c->config, part, c->counts[part], eval, calibrates ? &reader : NULL, c->score);
    for (int i = 0; i < c->plan.replicas; i++) {
        struct nl_trial_result *result = c->active[i]->result;
        nl_replica_add_row(c->active[i], step, part, eval, c->score[i]);
        if (last)
            result->score[part][eval] = c->score[i];
        if (calibrates)
            result->calibration = nl_calibration_of(&sums[i]);
    }
    free(sums);
}

static void add_evaluation_time(struct nl_training *c, double start)
{
    double share = share_since(c, start);
    for (int i = 0; i < c->plan.replicas; i++)
        c->active[i]->result->evaluation += share;
}

/* The averages of the weights that there are, from that part on. */
static void evaluate_averages(struct nl_training *c, int64_t step, enum nl_part first)
{
    for (enum nl_eval eval = NL_EVAL_EMA; eval < NL_EVALS; eval++) {
        if (step < nl_average_begins(&c->active[0]->schedule, eval))
            continue;
        nl_plan_exchange(&c->plan, eval);
        if (nl_statistics_of(c->config, eval) == NL_STATS_PRECISE)
            nl_collect_precise(&c->plan, c->config, c->counts[NL_PART_TRAIN]);
        for (enum nl_part part = first; part < NL_PARTS; part++)
            evaluate(c, step, part, eval);
        nl_plan_exchange(&c->plan, eval);
    }
}

/* Held-out parts, with the statistics that count first. */
static void evaluate_on_the_way(struct nl_training *c, int64_t step)
{
    double start = nl_seconds();
    enum nl_eval eval = nl_primary_eval(c->config);
    if (eval == NL_EVAL_PRECISE)
        nl_collect_precise(&c->plan, c->config, c->counts[NL_PART_TRAIN]);
    for (enum nl_part part = NL_PART_VAL; part < NL_PARTS; part++)
        evaluate(c, step, part, eval);
    evaluate_averages(c, step, NL_PART_VAL);
    add_evaluation_time(c, start);
}

/* Whether it is better than guessing by more than a little. Where most positions have the same label, 5 points may be
 * more than there is to be won. */
static bool has_learned(const struct nl_split *view, struct nl_score score)
{
    double chance = view->chance.accuracy;
    if (view->dataset->shape.target == NL_TARGET_REAL)
        return score.loss < 0.95 * view->chance.loss;
    double margin = view->dataset->shape.target == NL_TARGET_EACH ? 0.05 * (1 - chance) : 0.05;
    return score.accuracy > chance + margin;
}

/* Every part with every kind of statistics asked for: the trials' scores, and whether they learned anything. */
static void evaluate_at_the_end(struct nl_training *c)
{
    double start = nl_seconds();
    bool tracks = nl_graph_tracks(&c->graph);
    int evals = tracks ? c->config->norm.eval.count : 1;
    for (int i = 0; i < evals; i++) {
        enum nl_eval eval = tracks ? (enum nl_eval)c->config->norm.eval.at[i] : NL_EVAL_RUNNING;
        if (eval == NL_EVAL_PRECISE)
            nl_collect_precise(&c->plan, c->config, c->counts[NL_PART_TRAIN]);
        for (enum nl_part part = 0; part < NL_PARTS; part++)
            evaluate(c, c->step_counts.steps, part, eval);
    }
    evaluate_averages(c, c->step_counts.steps, NL_PART_TRAIN);
    for (int i = 0; i < c->plan.replicas; i++) {
        struct nl_trial_result *result = c->active[i]->result;
        if (c->step_counts.steps > 0 &&
            !has_learned(&c->active[i]->view, result->score[NL_PART_TRAIN][nl_primary_eval(c->config)]))
            result->status = NL_DEAD;
    }
    add_evaluation_time(c, start);
}

/* ---- steps ---- */

/* The host's order is the specification; a backend that can make it saves the way, and then the host needs it only to
 * be saved. */
static void begin_epoch(struct nl_training *c, int64_t epoch)
{
    const struct nl_backend *backend = c->plan.backend;
    bool made_there = backend->order && nl_epoch_is_plain(&c->replica[0].view, epoch);
    for (int i = 0; i < c->trials; i++) {
        struct nl_replica *r = &c->replica[i];
        if (!r->shares_data_with && (!made_there || c->replica[0].saved_order))
            nl_epoch_order(&r->view, nl_seed_of(r->config, r->config->train.order_seed), epoch, r->order);
        nl_replica_remember(r, epoch);
    }
    if (made_there) {
        struct nl_run run = {.replicas = c->plan.replicas, .stride = c->plan.stride, .epoch = epoch};
        backend->order(&run, &c->plan.ordering);
        return;
    }
    size_t bytes = (size_t)c->counts[NL_PART_TRAIN] * sizeof(int32_t);
    char *rows = nl_alloc((size_t)c->plan.replicas, bytes);
    for (int i = 0; i < c->plan.replicas; i++)
        memcpy(rows + (size_t)i * bytes,
               c->active[i]->shares_data_with ? c->active[i]->shares_data_with->order : c->active[i]->order, bytes);
    nl_plan_put(&c->plan, c->plan.order, rows, bytes);
    free(rows);
}

/* Only the rate and what normalizers go by change from step to step. Returns whether they are others than before. */
static bool set_rates(struct nl_training *c, int64_t step)
{
    bool changed = false;
    for (int i = 0; i < c->plan.replicas; i++) {
        const struct nl_schedule_of *schedule = &c->active[i]->schedule;
        struct nl_hyper *hyper = &c->hyper[i];
        double lr = nl_lr_at(schedule, step);
        changed |= lr != hyper->lr || schedule->norm_changes;
        hyper->lr = lr;
        if (schedule->norm_changes) {
            hyper->norm_momentum = nl_norm_momentum_at(schedule, step);
            nl_norm_numbers_at(schedule, step, hyper->norm_numbers);
        }
    }
    return changed;
}

/* Puts the rates of steps that are made in one go. Returns where they are; NULL: they are constant, and nothing was
 * sent. */
static const struct nl_hyper *put_rates_of(struct nl_training *c, int64_t step, int64_t steps)
{
    size_t replicas = (size_t)c->plan.replicas, each = (size_t)steps;
    struct nl_hyper *rates = nl_alloc(replicas * each, sizeof *rates);
    bool changed = false;
    for (size_t s = 0; s < each; s++) {
        changed |= set_rates(c, step + (int64_t)s);
        for (size_t i = 0; i < replicas; i++)
            rates[i * each + s] = c->hyper[i];
    }
    if (changed)
        nl_plan_put(&c->plan, c->plan.rates, rates, each * sizeof *rates);
    free(rates);
    return changed ? c->plan.rates : NULL;
}

/* Whether in the step that makes so many something is looked at in it, by passes beside it, or at all. */
static bool observes_in_step(const struct nl_training *c, int64_t steps)
{
    bool any = c->observes[NL_VALUE] || c->observes[NL_GRADIENT] || c->observes[NL_UPDATE];
    return any && nl_is_observed_after(&c->step_counts, false, steps);
}

static bool looks_aside(const struct nl_training *c, int64_t steps)
{
    return nl_is_observed_after(&c->step_counts, true, steps) && nl_observes_aside(&c->plan.observers);
}

static bool observes_turns(const struct nl_training *c, int64_t steps)
{
    return c->observes[NL_TURN] && nl_is_observed_after(&c->step_counts, false, steps);
}

static bool observes(const struct nl_training *c, int64_t steps)
{
    return observes_in_step(c, steps) || looks_aside(c, steps) || observes_turns(c, steps);
}

/* Whether the parameters before step `step` are compared with later ones: its update is half of a turn. */
static bool remembers(const struct nl_training *c, int64_t step)
{
    return observes_turns(c, step + 1) || observes_turns(c, step + 2);
}

static void remember_parameters(const struct nl_training *c)
{
    for (int i = 0; i < c->plan.replicas; i++) {
        struct nl_replica *r = c->active[i];
        double *oldest = r->earlier;
        r->earlier = r->now.before;
        r->now.before = oldest;
        c->plan.backend->get_reals(oldest, nl_place_in(&c->plan, c->plan.parameters, i), c->graph.count);
    }
}

/* Whether the weights after so many updates go into an average. */
static bool takes_average(const struct nl_training *c, int64_t steps)
{
    bool takes = false;
    for (enum nl_eval eval = NL_EVAL_EMA; eval < NL_EVALS; eval++)
        takes |= nl_average_share(&c->active[0]->schedule, eval, steps) > 0;
    return takes;
}

static void take_averages(const struct nl_training *c, const struct nl_run *run, int64_t steps)
{
    for (enum nl_eval eval = NL_EVAL_EMA; eval < NL_EVALS; eval++) {
        double share = nl_average_share(&c->active[0]->schedule, eval, steps);
        if (share > 0)
            nl_plan_average(&c->plan, run, eval, share);
    }
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t next_multiple(int64_t step, int64_t of)
{
    return (step / of + 1) * of;
}

/* How many steps from `step` on, up to `end`, can be made in one go; 0: this one stands alone. Resets and the freezing
 * step are the same in all replicas. */
static int64_t steps_in_one_go(struct nl_training *c, int64_t step, int64_t end)
{
    const struct nl_schedule_of *schedule = &c->active[0]->schedule;
    int64_t next = step;
    end = smaller(end, next_multiple(step, c->step_counts.steps_per_epoch));
    while (next < end && !observes(c, next + 1) && !remembers(c, next) && !takes_average(c, next + 1) &&
           !nl_is_frozen_at(schedule, next) && (next == step || !nl_resets_at(schedule, next)) &&
           nl_replica_batch(c->active[0], next) == c->config->train.batch)
        next++;
    return nl_plan_has_executable(&c->plan) ? next - step : 0;
}

/* Steps from `step` on, whose losses go to `slot` of the ring and on: one, or as many up to `end` as can be made in one
 * go. Returns how many. */
static int64_t train_steps(struct nl_training *c, int64_t step, int64_t end, int slot)
{
    struct nl_plan *plan = &c->plan;
    int64_t in_epoch = step % c->step_counts.steps_per_epoch, epoch = step / c->step_counts.steps_per_epoch;
    if (in_epoch == 0)
        begin_epoch(c, epoch);
    const struct nl_schedule_of *schedule = &c->active[0]->schedule;
    if (nl_resets_at(schedule, step))
        nl_plan_reset_statistics(plan);
    struct nl_run run = {.replicas = plan->replicas,
                         .stride = plan->stride,
                         .step = step,
                         .epoch = epoch,
                         .statistics = nl_is_frozen_at(schedule, step) ? NL_STATS_FROZEN : NL_STATS_TRAIN,
                         .augment = true,
                         .observes = observes_in_step(c, step + 1),
                         .begins = in_epoch == 0,
                         .sums = plan->sums + slot};
    if (remembers(c, step))
        remember_parameters(c);
    int first = (int)(in_epoch * c->config->train.batch), last = first + nl_replica_batch(c->active[0], step),
        micro = plan->train.capacity;
    int64_t steps = steps_in_one_go(c, step, end);
    if (steps > 0) {
        run.samples = micro;
        plan->train.gather.index = plan->order + first;
        nl_plan_steps(plan, &run, put_rates_of(c, step, steps), (int)steps);
        return steps;
    }
    if (set_rates(c, step))
        nl_plan_put(plan, plan->hyper, c->hyper, sizeof *c->hyper);
    for (int at = first; at < last; at += run.samples) {
        run.before = at - first;
        run.samples = (int)smaller(micro, last - at);
        run.adds = at + run.samples < last;
        plan->train.gather.index = plan->order + at;
        bool more = at + 2 * micro <= c->counts[NL_PART_TRAIN]; /* a whole one comes next */
        plan->train.gather.next = more ? plan->train.gather.index + micro : NULL;
        if (looks_aside(c, step + 1))
            c->aside = nl_look_aside(c, &run);
        nl_plan_step(plan, &run);
    }
    take_averages(c, &run, step + 1);
    return 1;
}

/* What is seen of a running statistic as it is now. */
static struct nl_observed look_at_state(const struct nl_plan *plan, int replica, const struct nl_tensor *tensor)
{
    double *values = nl_alloc(tensor->count, sizeof *values);
    plan->backend->get_reals(values, nl_tensor_in(plan, replica, tensor), tensor->count);
    struct nl_observed seen = nl_look_at(tensor->count, values, NULL);
    free(values);
    return seen;
}

/* How the update of a parameter differs from the one before it; the first has none before it. */
static struct nl_observed look_at_turn(const struct nl_training *c, int replica, const struct nl_tensor *tensor,
                                       int64_t steps)
{
    const struct nl_replica *r = c->active[replica];
    const double *before = r->now.before + tensor->offset, *earlier = r->earlier + tensor->offset;
    if (steps < 2)
        return nl_saw_nothing();
    double *last = nl_alloc(2 * tensor->count, sizeof *last), *one_before = last + tensor->count;
    c->plan.backend->get_reals(last, nl_tensor_in(&c->plan, replica, tensor), tensor->count);
    for (size_t i = 0; i < tensor->count; i++) {
        last[i] -= before[i];
        one_before[i] = before[i] - earlier[i];
    }
    struct nl_observed seen = nl_look_at_whole(tensor->count, last, one_before);
    free(last);
    return seen;
}

/* seen: what the plan saw in the last step. */
static struct nl_observed look_at(const struct nl_training *c, int replica, int observer, int64_t steps,
                                  struct nl_observed seen)
{
    const struct nl_observer *o = &c->plan.observers.at[observer];
    if (nl_is_aside(o->aspect))
        return c->aside[replica * c->plan.observers.count + observer];
    if (o->state != NL_NONE)
        return look_at_state(&c->plan, replica, &c->graph.tensor[o->state]);
    if (o->aspect == NL_TURN)
        return look_at_turn(c, replica, &c->graph.tensor[c->graph.value[o->value].tensor], steps);
    if (o->aspect == NL_UPDATE && seen.weight > 0)
        seen.rate =
            c->hyper[replica].lr / pow(seen.weight, 0.5 * nl_optimizers[c->config->train.optimizer]->scale_power);
    return seen;
}

static void read_observed(struct nl_training *c, int64_t steps)
{
    const struct nl_observers *observers = &c->plan.observers;
    size_t count = (size_t)observers->count;
    struct nl_observed *rows = nl_alloc((size_t)c->plan.replicas * count, sizeof *rows);
    nl_plan_get(&c->plan, rows, c->plan.observed, count * sizeof *rows);
    for (int replica = 0; replica < c->plan.replicas; replica++)
        for (int i = 0; i < observers->count; i++) {
            if (!nl_is_observed_after(&c->step_counts, nl_is_aside(observers->at[i].aspect), steps))
                continue;
            struct nl_observed seen = look_at(c, replica, i, steps, rows[(size_t)replica * count + (size_t)i]);
            nl_replica_observe(c->active[replica], steps, i, &seen);
        }
    free(rows);
    free(c->aside);
    c->aside = NULL;
}

static void make_first_step(void *context)
{
    train_steps(context, 0, 1, 0);
}

/* What a training of no steps observes: what its first step would. The network stays as it was initialized. */
static void look_at_the_start(struct nl_training *c)
{
    if (c->plan.observers.count == 0)
        return;
    nl_aside(&c->plan, make_first_step, c);
    read_observed(c, 0);
}

/* Runs steps [step, end), at most a ring of them, then reads their losses, and what was observed in the last. */
static void train_chunk(struct nl_training *c, int64_t step, int64_t end)
{
    const size_t bytes = NL_SUMS_RING * sizeof(struct nl_loss_sums);
    struct nl_loss_sums *sums = nl_alloc((size_t)c->plan.replicas, bytes);
    double start = nl_seconds();
    nl_plan_put(&c->plan, c->plan.sums, sums, bytes);
    for (int64_t s = step; s < end;)
        s += train_steps(c, s, end, (int)(s - step));
    nl_plan_get(&c->plan, sums, c->plan.sums, bytes);
    double share = share_since(c, start);
    for (int i = 0; i < c->plan.replicas; i++) {
        c->active[i]->result->training += share;
        nl_replica_take(c->active[i], step, end, sums + (size_t)i * NL_SUMS_RING);
    }
    free(sums);
    if (observes(c, end))
        read_observed(c, end);
}

/* ---- checkpoints ---- */

static bool stop_asked(const struct nl_training *c)
{
    return c->options->stop && *c->options->stop;
}

/* Whether it is time for checkpoints; a stop is such a time. */
static bool must_keep(const struct nl_training *c, int64_t step)
{
    const struct nl_trial_options *options = c->options;
    if (!options->checkpoint)
        return false;
    bool late = options->checkpoint_seconds > 0 && nl_seconds() - c->kept_at >= options->checkpoint_seconds;
    bool far = options->checkpoint_epochs > 0 &&
               (step - c->kept_step) / c->step_counts.steps_per_epoch >= options->checkpoint_epochs;
    return stop_asked(c) || ((late || far) && step < c->step_counts.steps);
}

static int keep(struct nl_training *c, int64_t step, struct nl_error *err)
{
    account(c);
    for (int i = 0; i < c->plan.replicas; i++) {
        const struct nl_replica *r = c->active[i];
        if (nl_checkpoint_save(&c->plan, i, &r->source, &r->now, r->result, r->options->checkpoint, err))
            return NL_FAIL;
    }
    c->kept_at = nl_seconds();
    c->kept_step = step;
    return NL_OK;
}

/* Goes on from the checkpoints that are there. What follows from the number of steps alone is worked out anew. */
static int resume(struct nl_training *c, struct nl_error *err)
{
    c->kept_at = nl_seconds();
    for (int i = 0; i < c->trials; i++) {
        struct nl_replica *r = &c->replica[i];
        const char *path = r->options->checkpoint;
        if (path && !nl_file_is_missing(path) &&
            nl_checkpoint_load(&c->plan, i, &r->source, path, &r->now, r->result, err))
            return NL_FAIL;
        if (r->result->steps != c->replica[0].result->steps)
            return nl_fail(err, "cannot resume from '%s': it is not as far as others that train with it",
                           path ? path : "");
    }
    int64_t steps = c->kept_step = c->replica[0].result->steps;
    int64_t per_epoch = c->step_counts.steps_per_epoch;
    for (int64_t epoch = c->replica[0].saved_order ? 0 : steps / per_epoch; epoch * per_epoch < steps; epoch++)
        begin_epoch(c, epoch);
    for (int i = 0; i < c->trials; i++)
        c->hyper[i] = nl_replica_hyper(&c->replica[i], steps > 0 ? steps - 1 : 0);
    nl_plan_put(&c->plan, c->plan.hyper, c->hyper, sizeof *c->hyper);
    return NL_OK;
}

/* ---- from start to end ---- */

/* Where there is one: a training that ended early may have none yet. */
static int save_average(const struct nl_training *c, int replica, enum nl_eval average, struct nl_error *err)
{
    const struct nl_replica *r = c->active[replica];
    const char *path = r->options->save_average[average - NL_EVAL_EMA];
    if (!path || r->result->steps < nl_average_begins(&r->schedule, average))
        return NL_OK;
    nl_plan_exchange(&c->plan, average);
    int status = nl_weights_save(&c->plan, replica, &r->source, path, err);
    nl_plan_exchange(&c->plan, average);
    return status;
}

static int save(const struct nl_training *c, int replica, struct nl_error *err)
{
    const struct nl_replica *r = c->active[replica];
    const struct nl_trial_options *options = r->options;
    if (options->save_final && nl_weights_save(&c->plan, replica, &r->source, options->save_final, err) != NL_OK)
        return NL_FAIL;
    for (enum nl_eval eval = NL_EVAL_EMA; eval < NL_EVALS; eval++)
        if (save_average(c, replica, eval, err))
            return NL_FAIL;
    if (!options->save_order)
        return NL_OK;
    size_t shape[2] = {(size_t)r->result->steps, (size_t)r->config->train.batch};
    return nl_npy_write(options->save_order, NL_I32, 2, shape, r->saved_order, err);
}

/* The trial's result is whole. */
static int end_trial(struct nl_training *c, int replica, struct nl_error *err)
{
    struct nl_replica *r = c->active[replica];
    r->result->epochs = (double)r->result->steps / (double)c->step_counts.steps_per_epoch;
    if (save(c, replica, err))
        return NL_FAIL;
    account(c);
    if (r->options->ended)
        r->options->ended(r->options->context, r->number);
    int last = c->plan.replicas - 1;
    c->hyper[replica] = c->hyper[last];
    c->active[replica] = c->active[last];
    nl_plan_drop(&c->plan, replica);
    return NL_OK;
}

/* All that are not in training any more; the last first, so that none moves that ends itself. */
static int end_trials(struct nl_training *c, bool all, struct nl_error *err)
{
    for (int i = c->plan.replicas - 1; i >= 0; i--)
        if ((all || c->active[i]->result->status != NL_DONE) && end_trial(c, i, err))
            return NL_FAIL;
    return NL_OK;
}

static int train(struct nl_training *c, struct nl_error *err)
{
    int64_t steps = c->step_counts.steps;
    if (steps == 0)
        look_at_the_start(c);
    for (int64_t step = c->replica[0].result->steps; step < steps;) {
        int64_t log_at = next_multiple(step, c->step_counts.log_every),
                eval_at = next_multiple(step, c->step_counts.eval_every),
                observe_at = c->plan.observers.count > 0 ? smaller(next_multiple(step, c->step_counts.observe_every),
                                                                   next_multiple(step, c->step_counts.look_every))
                                                         : steps;
        int64_t end = smaller(smaller(steps, step + NL_SUMS_RING), smaller(smaller(log_at, eval_at), observe_at));
        train_chunk(c, step, end);
        step = end;
        if (nl_backend_status(c->plan.backend, err) || end_trials(c, false, err))
            return NL_FAIL;
        if (c->plan.replicas == 0)
            return NL_OK;
        for (int i = 0; i < c->plan.replicas && (step == log_at || step == steps); i++)
            if (c->active[i]->now.seen > 0)
                nl_replica_log(c->active[i], step);
        if (step == eval_at && step < steps)
            evaluate_on_the_way(c, step);
        if (must_keep(c, step) && keep(c, step, err))
            return NL_FAIL;
        if (stop_asked(c)) {
            for (int i = 0; i < c->plan.replicas; i++)
                c->active[i]->result->status = NL_STOPPED;
            return NL_OK;
        }
    }
    return NL_OK;
}

/* What training starts from: numbers that are drawn, what operations make of the first batch, and what was loaded,
 * which replaces both. */
static void initialize(struct nl_training *c)
{
    struct nl_plan *plan = &c->plan;
    if (plan->train.first_program.instructions > 0) {
        struct nl_run run = {.replicas = plan->replicas,
                             .stride = plan->stride,
                             .samples = (int)smaller(plan->train.capacity, nl_replica_batch(c->active[0], 0)),
                             .statistics = NL_STATS_BATCH,
                             .augment = true,
                             .sums = plan->sums};
        begin_epoch(c, 0);
        plan->train.gather.index = plan->order;
        for (int i = 0; i < c->trials; i++)
            c->hyper[i] = nl_replica_hyper(&c->replica[i], 0);
        nl_plan_put(plan, plan->hyper, c->hyper, sizeof *c->hyper);
        nl_plan_initialize(plan, &run);
    }
    for (int i = 0; i < c->trials; i++)
        if (c->replica[i].options->load)
            nl_weights_load(plan, i, c->replica[i].options->load, nl_weights_replaced(c->config));
    if (c->options->load && c->config->model.load_statistics == NL_LOAD_CHANGED)
        nl_plan_reset_statistics(plan);
}

static int save_initial(const struct nl_training *c, struct nl_error *err)
{
    for (int i = 0; i < c->trials; i++) {
        const char *path = c->replica[i].options->save_init;
        if (path && nl_weights_save(&c->plan, i, &c->replica[i].source, path, err))
            return NL_FAIL;
    }
    return NL_OK;
}

/* context: its training, which has trials. */
static int run_cohort(void *context, struct nl_error *err)
{
    struct nl_training *c = context;
    if (nl_training_set_up(c, c->replica[0].source.dataset, err))
        return NL_FAIL;
    initialize(c);
    if (save_initial(c, err) || resume(c, err) || train(c, err))
        return NL_FAIL;
    if (c->plan.replicas > 0 && c->active[0]->result->status == NL_DONE)
        evaluate_at_the_end(c);
    return nl_backend_status(c->plan.backend, err) || end_trials(c, true, err) ? NL_FAIL : NL_OK;
}

int nl_cohort_run(const struct nl_config *const config[], const struct nl_dataset *dataset,
                  const struct nl_trial_options options[], int trials, struct nl_trial_result result[],
                  struct nl_error *err)
{
    size_t count = (size_t)trials;
    struct nl_training c = {.options = options, .config = config[0], .trials = trials, .clock = nl_seconds()};
    c.replica = nl_alloc(count, sizeof *c.replica);
    c.active = nl_alloc(count, sizeof(struct nl_replica *));
    c.hyper = nl_alloc(count, sizeof *c.hyper);
    c.score = nl_alloc(count, sizeof *c.score);
    for (int i = 0; i < trials; i++) {
        result[i] = (struct nl_trial_result){.status = NL_DONE, .failed_step = -1, .calibration = {NAN, NAN}};
        for (int part = 0; part < NL_PARTS; part++)
            for (int eval = 0; eval < NL_EVALS; eval++)
                result[i].score[part][eval] = (struct nl_score){NAN, NAN};
        c.replica[i] = (struct nl_replica){.number = i,
                                           .config = config[i],
                                           .options = &options[i],
                                           .result = &result[i],
                                           .source = {config[i], dataset, options[i].load}};
    }
    int status = nl_memory_rescue(run_cohort, &c, err);
    nl_training_release(&c);
    return status;
}

int nl_trial_run(const struct nl_config *config, const struct nl_dataset *dataset,
                 const struct nl_trial_options *options, struct nl_trial_result *result, struct nl_error *err)
{
    static const struct nl_trial_options none;
    return nl_cohort_run(&config, dataset, options ? options : &none, 1, result, err);
}

void nl_trial_result_release(struct nl_trial_result *result)
{
    for (int i = 0; i < result->tensors; i++)
        free(result->tensor[i]);
    free(result->tensor);
    free(result->observation);
    free(result->row);
    result->row = NULL;
    result->tensor = NULL;
    result->observation = NULL;
    result->rows = result->capacity = result->tensors = result->observations = result->observations_capacity = 0;
}
