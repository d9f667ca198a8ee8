/* Runs cohorts from the queue, and lends its thread to others when the queue is empty. */
#include "sweep/worker.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend/backend.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/machine.h"
#include "base/memory.h"
#include "base/system.h"
#include "base/temporary.h"

void nl_runner_stop(struct nl_runner *runner, enum nl_stop why)
{
    if (!runner->stop)
        runner->why = why;
    runner->stop = 1;
}

void nl_runner_look_outside(struct nl_runner *runner)
{
    if (runner->options->stop && *runner->options->stop)
        nl_runner_stop(runner, NL_STOP_ASKED);
}

char *nl_runner_checkpoint(const struct nl_runner *runner, const struct nl_trial *trial)
{
    const struct nl_runner_options *options = runner->options;
    if (options->checkpoint)
        return nl_strdup(options->checkpoint);
    bool asked = options->checkpoint_seconds > 0 || options->checkpoint_epochs > 0;
    return asked ? nl_store_checkpoint_path(runner->store, trial) : NULL;
}

double nl_worker_cost_done(const struct nl_worker *worker)
{
    return worker->running * worker->cost.training * worker->trained;
}

static double cost_left(const struct nl_worker *worker)
{
    return worker->running * nl_cost_total(worker->cost) - nl_worker_cost_done(worker);
}

/* Whether a worker shall start the next cohort. It looks for a Ctrl-C itself: until the main thread looks again, many
 * short trials may end. */
static bool goes_on(struct nl_runner *runner)
{
    nl_runner_look_outside(runner);
    if (runner->stop || runner->next == runner->queue.count)
        return false;
    double limit = runner->options->max_seconds;
    bool late = limit > 0 && nl_seconds() - runner->began >= limit;
    if (late)
        runner->why = NL_STOP_TIME;
    return !late;
}

/* Called by nl_cohort_run in the worker's thread. */
static void on_progress(void *context, int64_t step, int64_t steps, double loss)
{
    struct nl_worker *worker = context;
    struct nl_runner *runner = worker->runner;
    pthread_mutex_lock(&runner->lock);
    worker->trained = (double)step / (double)steps;
    runner->progress.step = step;
    runner->progress.steps = steps;
    runner->progress.loss = loss;
    pthread_mutex_unlock(&runner->lock);
}

/* The worker with the most left to do for each who does it; NULL: no trial is running, or the cores are busy. */
static struct nl_worker *most_in_need(const struct nl_runner *runner)
{
    struct nl_worker *found = NULL;
    double most = 0;
    int busy = 0;
    for (int i = 0; i < runner->options->workers; i++) {
        struct nl_worker *worker = &runner->worker[i];
        double need = cost_left(worker) / (1 + worker->helpers);
        busy += worker->trial ? 1 + worker->helpers : 0;
        if (worker->trial && (!found || need > most)) {
            found = worker;
            most = need;
        }
    }
    return busy < runner->cores ? found : NULL;
}

/* When no trial is left to start, those still running go on with the cores that are free. The lock is held. */
static void help_others(struct nl_runner *runner)
{
    bool able =
        true; /* to work on the leader's device: if not, asking again would be all it does until the sweep ends */
    for (struct nl_worker *leader; able && (leader = most_in_need(runner));) {
        leader->helpers++;
        const struct nl_config *config = &leader->trial->config;
        pthread_mutex_unlock(&runner->lock);
        struct nl_error err;
        able = nl_device_begin((enum nl_device_kind)config->device.kind, (int)config->device.index,
                               (enum nl_gemm)config->device.gemm, &err) != NULL;
        if (able)
            nl_team_help(leader->team);
        pthread_mutex_lock(&runner->lock);
        leader->helpers--;
    }
}

/* The lock is held. */
static void count_in(struct nl_runner *runner, const struct nl_worker *worker, int index)
{
    int outcome = nl_record_outcome(&runner->record[index]);
    runner->ended[runner->progress.finished++] = index;
    runner->progress.cost_done += nl_cost_total(worker->cost);
    runner->progress.outcome[outcome]++;
    if (runner->options->fail_fast && outcome != NL_DONE)
        nl_runner_stop(runner, NL_STOP_FAILURE);
}

/* The sweep ends with this error, if it has not ended with another. The lock is held. */
static void break_off(struct nl_runner *runner, const struct nl_error *err)
{
    nl_runner_stop(runner, NL_STOP_FAILURE);
    if (!runner->broken)
        runner->err = *err;
    runner->broken = true;
}

/* A device that does no more work for this program fails no trial: those that it has not finished can be run by another
 * call. */
static void lose_device(struct nl_runner *runner, const struct nl_error *why)
{
    struct nl_error err;
    nl_fail(&err,
            "%s; the device does no more work for this program: finished trials are kept, and the same command runs "
            "the others",
            why->text);
    pthread_mutex_lock(&runner->lock);
    break_off(runner, &err);
    pthread_mutex_unlock(&runner->lock);
}

/* The trial's record is made: to the disk with it. */
static void finish(struct nl_worker *worker, int index)
{
    struct nl_runner *runner = worker->runner;
    struct nl_record *record = &runner->record[index];
    const struct nl_trial *trial = &runner->grid->trial[index];
    struct nl_error err = {0};
    record->worker = worker->number;
    record->started = worker->started;
    char *checkpoint = nl_runner_checkpoint(runner, trial);
    bool kept = checkpoint && !record->failed &&
                !nl_file_is_missing(checkpoint); /* which goes when the result is on the disk, not before */
    bool saved = nl_store_save(runner->store, trial, record, kept, &err) == NL_OK;
    if (checkpoint && !record->failed && saved)
        nl_file_remove(checkpoint);
    free(checkpoint);

    pthread_mutex_lock(&runner->lock);
    worker->running--;
    runner->progress.running--;
    if (saved) {
        count_in(runner, worker, index);
    } else {
        break_off(runner, &err);
    }
    pthread_mutex_unlock(&runner->lock);
}

/* Called by nl_cohort_run in the worker's thread. A trial that was stopped has no result. */
static void on_ended(void *context, int number)
{
    struct nl_worker *worker = context;
    struct nl_record *record = &worker->runner->record[worker->member[number]];
    if (worker->result[number].status != NL_STOPPED) {
        struct nl_record before = *record;
        nl_record_from_result(record, &worker->result[number]);
        if (before.present && !before.failed)
            nl_record_join(record, &before);
        nl_record_release(&before);
        finish(worker, worker->member[number]);
    }
    worker->ended[number] = true; /* not before: of a record for which there was no memory the trial is to fail */
}

static void fail_trial(struct nl_worker *worker, int index, const char *message)
{
    struct nl_record *record = &worker->runner->record[index];
    if (record->present && !record->failed) { /* a result that is there is no less true */
        struct nl_error err;
        nl_fail(&err, "cannot run trial %d again: %s; the result that it had stays", index + 1, message);
        pthread_mutex_lock(&worker->runner->lock);
        break_off(worker->runner, &err);
        pthread_mutex_unlock(&worker->runner->lock);
        return;
    }
    nl_record_release(record);
    *record = (struct nl_record){
        .present = true, .failed = true, .failed_step = -1, .message = nl_strdup(message), .curve = nl_strdup("")};
    for (char *at = record->message; *at; at++)
        if (*at == '\n') /* records are lines */
            *at = ' ';
    finish(worker, index);
}

/* Runs the cohort member[count]. What cannot be run together, for want of memory most likely, is tried in halves. */
static void run_members(struct nl_worker *worker, const int *member, int count)
{
    struct nl_runner *runner = worker->runner;
    const struct nl_runner_options *options = runner->options;
    const struct nl_trial *first = &runner->grid->trial[member[0]];
    const struct nl_config **config = nl_alloc((size_t)count, sizeof(struct nl_config *));
    struct nl_trial_options *how = nl_alloc((size_t)count, sizeof *how);
    char **checkpoint = nl_alloc((size_t)count, sizeof *checkpoint);
    int *unfinished = nl_alloc((size_t)count, sizeof *unfinished), left = 0;
    struct nl_error err = {0};
    worker->member = member;
    worker->result = nl_alloc((size_t)count, sizeof *worker->result);
    worker->ended = nl_alloc((size_t)count, sizeof *worker->ended);
    worker->started = (int64_t)time(NULL);
    for (int i = 0; i < count; i++) {
        const struct nl_trial *trial = &runner->grid->trial[member[i]];
        config[i] = &trial->config;
        checkpoint[i] = nl_runner_checkpoint(runner, trial);
        how[i] = (struct nl_trial_options){
            .load = trial->weights,
            .toward = trial->toward,
            .save_init = options->save_init,
            .save_final = options->save_final,
            .save_average = {options->save_average[0], options->save_average[1]},
            .save_order = options->save_order,
            .stop = &runner->stop,
            .checkpoint = checkpoint[i],
            .checkpoint_seconds = options->checkpoint_seconds,
            .checkpoint_epochs = options->checkpoint_epochs,
            .progress = on_progress,
            .ended = on_ended,
            .context = worker,
        };
    }
    int status = nl_cohort_run(config, first->dataset, how, count, worker->result, &err);
    for (int i = 0; i < count; i++) {
        if (!worker->ended[i])
            unfinished[left++] = member[i];
        nl_trial_result_release(&worker->result[i]);
        free(checkpoint[i]);
    }
    free(worker->result);
    free(worker->ended);
    free(checkpoint);
    free(how);
    free(config);
    if (status && left > 0 && nl_device_is_lost((enum nl_device_kind)first->config.device.kind)) {
        lose_device(runner, &err);
    } else if (status && left == 1) {
        fail_trial(worker, unfinished[0], err.text);
    } else if (status && left > 1) {
        run_members(worker, unfinished, left / 2);
        run_members(worker, unfinished + left / 2, left - left / 2);
    }
    free(unfinished);
}

/* A core each, so that caches stay warm. Only where the workers fill the machine, with a trial each: two small sweeps
 * side by side must not end up on the same core. */
static void pin(const struct nl_worker *worker)
{
    if (worker->stays)
        nl_stay_on_core(worker->number);
}

void *nl_worker_run(void *argument)
{
    struct nl_worker *worker = argument;
    struct nl_runner *runner = worker->runner;
    pin(worker);
    pthread_mutex_lock(&runner->lock);
    while (goes_on(runner)) {
        const struct nl_cohort *cohort = &runner->queue.at[runner->next++];
        worker->cost = cohort->cost;
        worker->running = cohort->count;
        worker->trained = 0;
        runner->progress.running += cohort->count;
        nl_team_begin(
            worker
                ->team); /* before the lock is let go: who finds nothing left to start sees at once whom it can help */
        worker->trial = &runner->grid->trial[cohort->trial[0]];
        pthread_mutex_unlock(&runner->lock);
        run_members(worker, cohort->trial, cohort->count);
        pthread_mutex_lock(&runner->lock);
        worker->trial = NULL;
        runner->progress.running -= worker->running; /* those that were stopped */
        worker->running = 0;
        pthread_mutex_unlock(&runner->lock);
        nl_team_end(worker->team);
        pthread_mutex_lock(&runner->lock);
    }
    help_others(runner);
    runner->active--;
    pthread_cond_signal(&runner->idle);
    pthread_mutex_unlock(&runner->lock);
    return NULL;
}
