/* Starts the workers, waits for them, and reports progress. */
#include "sweep/runner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/machine.h"
#include "base/memory.h"
#include "base/system.h"
#include "sweep/worker.h"
#include "train/checkpoint.h"

enum { REPORTS_PER_SECOND = 6 };
static const double SYNC_SECONDS =
    0.5; /* with the pause between two looks, less than a second of finished trials is not on the disk */

/* The longest trials come first: what is left of the work counts, not of the trials. Work that shows no progress, as
 * the evaluation at the end, takes the time that it was expected to take. */
static double seconds_left(struct nl_runner *runner, const struct nl_progress *progress)
{
    if (progress->cost_done > runner->cost_seen) {
        runner->cost_seen = progress->cost_done;
        runner->seen_at = progress->seconds;
    }
    if (runner->cost_seen <= 0)
        return -1;
    return runner->seen_at * (progress->cost_total / runner->cost_seen - 1) - (progress->seconds - runner->seen_at);
}

static void report(struct nl_runner *runner)
{
    const struct nl_runner_options *options = runner->options;
    struct nl_progress progress = runner->progress;
    for (int i = 0; i < options->workers; i++)
        progress.cost_done += nl_worker_cost_done(&runner->worker[i]);
    progress.seconds = nl_seconds() - runner->began;
    progress.left = seconds_left(runner, &progress);
    pthread_mutex_unlock(&runner->lock); /* the caller may take its time; what has ended does not change any more */
    for (; runner->told < progress.finished; runner->told++)
        if (options->finished)
            options->finished(options->context, runner->grid, runner->ended[runner->told],
                              &runner->record[runner->ended[runner->told]]);
    if (options->progress)
        options->progress(options->context, &progress);
    pthread_mutex_lock(&runner->lock);
}

/* Trials that ended are brought to the disk together: to wait for it after each would take longer than a short trial
 * does. The lock is held. */
static void sync_ended(struct nl_runner *runner)
{
    struct nl_error err;
    int finished = runner->progress.finished;
    if (finished == runner->synced)
        return;
    pthread_mutex_unlock(&runner->lock);
    int status = nl_store_sync(runner->store, &err);
    pthread_mutex_lock(&runner->lock);
    runner->synced = finished;
    runner->synced_at = nl_seconds();
    if (status && !runner->broken) {
        nl_runner_stop(runner, NL_STOP_FAILURE);
        runner->broken = true;
        runner->err = err;
    }
}

/* Returns how many were started. The lock is held meanwhile: no worker counts itself out before all have been counted
 * in. */
static int start_workers(struct nl_runner *runner)
{
    int workers = runner->options->workers, code = 0;
    bool fill = nl_allowed_cores() == workers && runner->queue.count >= workers;
    pthread_mutex_lock(&runner->lock);
    while (runner->active < workers && code == 0) {
        struct nl_worker *worker = &runner->worker[runner->active];
        *worker = (struct nl_worker){
            .runner = runner, .number = runner->active, .stays = fill, .team = nl_team_new(runner->cores)};
        code = pthread_create(&worker->thread, NULL, nl_worker_run, worker);
        runner->active += code == 0;
    }
    int started = runner->active;
    if (code) {
        nl_runner_stop(runner, NL_STOP_FAILURE);
        runner->broken = true;
        nl_fail(&runner->err, "cannot start worker %d of %d: %s; try a smaller -j", started + 1, workers,
                code == EAGAIN ? "there is no memory for its thread, or no more threads are allowed" : strerror(code));
    }
    pthread_mutex_unlock(&runner->lock);
    return started;
}

/* The interval between two reports is waited for on the condition, so that the end is noticed at once. The last report
 * has all of them. */
static void wait_for_workers(struct nl_runner *runner)
{
    pthread_mutex_lock(&runner->lock);
    while (runner->active > 0) {
        nl_condition_wait(&runner->idle, &runner->lock, 1.0 / REPORTS_PER_SECOND);
        nl_runner_look_outside(runner);
        if (runner->active > 0)
            report(runner);
        if (nl_seconds() - runner->synced_at >= SYNC_SECONDS)
            sync_ended(runner);
    }
    sync_ended(runner);
    if (runner->queue.count)
        report(runner);
    pthread_mutex_unlock(&runner->lock);
}

void nl_runner_note(const struct nl_runner_options *options, bool warning, char *line)
{
    if (options->note)
        options->note(options->context, warning, line);
    free(line);
}

/* Steps that lie in the trial's checkpoint: only those that are equally far can go on together. One that is bad is set
 * aside, unless it is the user's own; of that, and of one that cannot be read, running the trial says what is wrong. */
static int64_t steps_done(const struct nl_runner *runner, const struct nl_trial *trial)
{
    const struct nl_source source = {.config = &trial->config, .dataset = trial->dataset, .load = trial->weights};
    struct nl_error err;
    int64_t steps = 0;
    char *path = nl_runner_checkpoint(runner, trial);
    int status = path && !nl_file_is_missing(path) ? nl_checkpoint_check(&source, path, &steps, &err) : NL_OK;
    char *aside = status == NL_BAD && !runner->options->checkpoint ? nl_file_set_aside(path, NULL) : NULL;
    if (aside)
        nl_runner_note(runner->options, true,
                       nl_format("%s; it is set aside as '%s', and the trial begins anew", err.text, aside));
    else if (status)
        steps = -1;
    free(aside);
    free(path);
    return steps;
}

static void make_queue(struct nl_runner *runner, const int *todo, int count)
{
    const struct nl_grid *grid = runner->grid;
    struct nl_progress *progress = &runner->progress;
    int64_t *steps = nl_alloc((size_t)grid->trials, sizeof *steps);
    bool *queued = nl_alloc((size_t)grid->trials, sizeof *queued);
    for (int i = 0; i < count; i++) {
        steps[todo[i]] = steps_done(runner, &grid->trial[todo[i]]);
        queued[todo[i]] = true;
    }
    runner->queue = nl_cohorts_make(grid, todo, count, steps, runner->options->cohort, runner->options->workers);
    runner->ended = nl_alloc((size_t)count, sizeof *runner->ended);
    for (int i = 0; i < runner->queue.count; i++)
        progress->cost_total += nl_cohort_cost(&runner->queue.at[i]);
    for (int i = 0; i < grid->trials; i++)
        if (runner->record[i].present && !queued[i]) {
            progress->present++;
            progress->outcome[nl_record_outcome(&runner->record[i])]++;
        }
    progress->total = progress->present + count;
    free(queued);
    free(steps);
}

int nl_run_trials(const struct nl_grid *grid, const struct nl_store *store, struct nl_record *record, const int *todo,
                  int count, const struct nl_runner_options *options, enum nl_stop *stop, int *left,
                  struct nl_error *err)
{
    struct nl_runner runner = {.grid = grid,
                               .store = store,
                               .record = record,
                               .options = options,
                               .cores = nl_cores(),
                               .began = nl_seconds(),
                               .synced_at = nl_seconds()};
    pthread_mutex_init(&runner.lock, NULL);
    nl_condition_init(&runner.idle);
    runner.worker = nl_alloc((size_t)options->workers, sizeof *runner.worker);
    make_queue(&runner, todo, count);

    nl_runner_look_outside(&runner);
    int started = runner.queue.count ? start_workers(&runner) : 0;
    wait_for_workers(&runner);
    for (int i = 0; i < started; i++)
        pthread_join(runner.worker[i].thread, NULL);
    for (int i = 0; i < options->workers; i++)
        nl_team_free(runner.worker[i].team);

    pthread_cond_destroy(&runner.idle);
    pthread_mutex_destroy(&runner.lock);
    free(runner.worker);
    nl_cohorts_release(&runner.queue);
    free(runner.ended);
    *stop = runner.why;
    *left = count - runner.progress.finished;
    if (runner.broken) {
        *err = runner.err;
        return NL_FAIL;
    }
    return NL_OK;
}
