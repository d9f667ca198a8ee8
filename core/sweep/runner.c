#include "sweep/runner.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend/backend.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/memory.h"
#include "base/team.h"
#include "sweep/cohort.h"
#include "train/checkpoint.h"

enum { REPORTS_PER_SECOND = 6 };

struct runner;

struct worker {
    struct runner *runner;
    int number; /* from 0 */
    int core;   /* -1: any */
    pthread_t thread;
    struct nl_team *team; /* those who help it */

    /* of the cohort it runs; under the runner's lock */
    const struct nl_trial *trial; /* its first; NULL: none */
    struct nl_cost cost;          /* of each that has not ended, */
    int running;                  /* how many there are, */
    double trained;               /* and the share of their training that is done */
    int helpers;

    /* what it gave to nl_cohort_run */
    const int *member; /* trials of the grid */
    struct nl_trial_result *result;
    bool *ended;
    int64_t started;
};

/* The lock guards everything below it. Records are written by the worker that runs the trial, each by one. */
struct runner {
    const struct nl_grid *grid;
    const struct nl_store *store;
    struct nl_record *record;
    const struct nl_runner_options *options;
    struct worker *worker;
    struct nl_cohorts queue; /* to run, longest first */
    int cores;
    double began;

    pthread_mutex_t lock;
    pthread_cond_t idle; /* a worker has no more to do */
    int next;
    int active; /* workers */
    int *ended, told; /* trials in the order of their ends, and how many of them were reported: progress.finished are there */
    volatile sig_atomic_t stop; /* running trials are abandoned */
    enum nl_stop why;
    bool broken; /* a result could not be saved, or a thread not started: err says why */
    struct nl_error err;
    struct nl_progress progress;
};

int nl_cores(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0 ? CPU_COUNT(&set) : 1;
}

static double total_cost(struct nl_cost cost)
{
    return cost.training + cost.ending;
}

/* Of the cohort that the worker runs; the lock is held. */
static double cost_done(const struct worker *worker)
{
    return worker->running * worker->cost.training * worker->trained;
}

static double cost_left(const struct worker *worker)
{
    return worker->running * total_cost(worker->cost) - cost_done(worker);
}

/* The first reason holds. */
static void stop_running(struct runner *runner, enum nl_stop why)
{
    if (!runner->stop)
        runner->why = why;
    runner->stop = 1;
}

/* Takes over what came from outside. */
static void look_outside(struct runner *runner)
{
    if (runner->options->stop && *runner->options->stop)
        stop_running(runner, NL_STOP_ASKED);
}

/* Whether a worker shall start the next cohort. */
static bool goes_on(struct runner *runner)
{
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
    struct worker *worker = context;
    struct runner *runner = worker->runner;
    pthread_mutex_lock(&runner->lock);
    worker->trained = steps > 0 ? (double)step / (double)steps : 0;
    runner->progress.step = step;
    runner->progress.steps = steps;
    runner->progress.loss = loss;
    pthread_mutex_unlock(&runner->lock);
}

static void lead(struct worker *worker, const struct nl_trial *trial)
{
    pthread_mutex_lock(&worker->runner->lock);
    nl_team_begin(worker->team);
    worker->trial = trial;
    pthread_mutex_unlock(&worker->runner->lock);
}

static void lead_no_more(struct worker *worker)
{
    pthread_mutex_lock(&worker->runner->lock);
    worker->trial = NULL;
    pthread_mutex_unlock(&worker->runner->lock);
    nl_team_end(worker->team);
}

/* The worker with the most left to do for each who does it; NULL: no trial is running, or the cores are busy. */
static struct worker *most_in_need(const struct runner *runner)
{
    struct worker *found = NULL;
    double most = 0;
    int busy = 0;
    for (int i = 0; i < runner->options->workers; i++) {
        struct worker *worker = &runner->worker[i];
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
static void help_others(struct runner *runner)
{
    for (struct worker *leader; (leader = most_in_need(runner));) {
        leader->helpers++;
        const struct nl_config *config = &leader->trial->config;
        pthread_mutex_unlock(&runner->lock);
        struct nl_error err;
        if (nl_device_begin((enum nl_device_kind)config->device.kind, (int)config->device.index, &err))
            nl_team_help(leader->team);
        pthread_mutex_lock(&runner->lock);
        leader->helpers--;
    }
}

/* Where the trial's state is kept while it is unfinished; new string, or NULL. */
static char *checkpoint_path(const struct runner *runner, const struct nl_trial *trial)
{
    const struct nl_runner_options *options = runner->options;
    if (options->checkpoint)
        return nl_strdup(options->checkpoint);
    bool asked = options->checkpoint_seconds > 0 || options->checkpoint_epochs > 0;
    return asked ? nl_store_checkpoint_path(runner->store, trial) : NULL;
}

/* The lock is held. */
static void count_in(struct runner *runner, const struct worker *worker, int index)
{
    int outcome = nl_record_outcome(&runner->record[index]);
    runner->ended[runner->progress.finished++] = index;
    runner->progress.cost_done += total_cost(worker->cost);
    runner->progress.outcome[outcome]++;
    if (runner->options->fail_fast && outcome != NL_DONE)
        stop_running(runner, NL_STOP_FAILURE);
}

/* The trial's record is made: to the disk with it. */
static void finish(struct worker *worker, int index)
{
    struct runner *runner = worker->runner;
    struct nl_record *record = &runner->record[index];
    const struct nl_trial *trial = &runner->grid->trial[index];
    struct nl_error err = {0};
    record->worker = worker->number;
    record->started = worker->started;
    bool saved = nl_store_save(runner->store, trial, record, &err) == NL_OK;
    char *checkpoint = checkpoint_path(runner, trial);
    if (checkpoint && saved && !record->failed)
        unlink(checkpoint);
    free(checkpoint);

    pthread_mutex_lock(&runner->lock);
    worker->running--;
    runner->progress.running--;
    if (saved) {
        count_in(runner, worker, index);
    } else {
        stop_running(runner, NL_STOP_FAILURE);
        runner->broken = true;
        runner->err = err;
    }
    pthread_mutex_unlock(&runner->lock);
}

/* Called by nl_cohort_run in the worker's thread. A trial that was stopped has no result. */
static void on_ended(void *context, int number)
{
    struct worker *worker = context;
    struct nl_record *record = &worker->runner->record[worker->member[number]];
    worker->ended[number] = true;
    if (worker->result[number].status == NL_STOPPED)
        return;
    nl_record_release(record);
    nl_record_from_result(record, &worker->result[number]);
    finish(worker, worker->member[number]);
}

static void fail_trial(struct worker *worker, int index, const char *message)
{
    struct nl_record *record = &worker->runner->record[index];
    nl_record_release(record);
    *record = (struct nl_record){.present = true, .failed = true, .failed_step = -1, .message = nl_strdup(message), .curve = nl_strdup("")};
    for (char *at = record->message; *at; at++)
        if (*at == '\n') /* records are lines */
            *at = ' ';
    finish(worker, index);
}

/* Runs the cohort member[count]. What cannot be run together, for want of memory most likely, is tried in halves. */
static void run_members(struct worker *worker, const int *member, int count)
{
    struct runner *runner = worker->runner;
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
        checkpoint[i] = checkpoint_path(runner, trial);
        how[i] = (struct nl_trial_options){
            .load = trial->weights,
            .save_init = options->save_init,
            .save_final = options->save_final,
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
    lead(worker, first);
    int status = nl_cohort_run(config, first->dataset, how, count, worker->result, &err);
    lead_no_more(worker);
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
    if (status && left == 1) {
        fail_trial(worker, unfinished[0], err.text);
    } else if (status && left > 1) {
        run_members(worker, unfinished, left / 2);
        run_members(worker, unfinished + left / 2, left - left / 2);
    }
    free(unfinished);
}

/* A core each, so that caches stay warm. Only where the workers fill the machine, with a trial each: two small sweeps side by side
 * must not end up on the same core. */
static void pin(const struct worker *worker)
{
    if (worker->core < 0)
        return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(worker->core, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set); /* a refusal costs only speed */
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct runner *runner = worker->runner;
    pin(worker);
    pthread_mutex_lock(&runner->lock);
    while (goes_on(runner)) {
        const struct nl_cohort *cohort = &runner->queue.at[runner->next++];
        worker->cost = cohort->cost;
        worker->running = cohort->count;
        worker->trained = 0;
        runner->progress.running += cohort->count;
        pthread_mutex_unlock(&runner->lock);
        run_members(worker, cohort->trial, cohort->count);
        pthread_mutex_lock(&runner->lock);
        runner->progress.running -= worker->running; /* those that were stopped */
        worker->running = 0;
    }
    help_others(runner);
    runner->active--;
    pthread_cond_signal(&runner->idle);
    pthread_mutex_unlock(&runner->lock);
    return NULL;
}

static void report(struct runner *runner)
{
    const struct nl_runner_options *options = runner->options;
    struct nl_progress progress = runner->progress;
    for (int i = 0; i < options->workers; i++)
        progress.cost_done += cost_done(&runner->worker[i]);
    progress.seconds = nl_seconds() - runner->began;
    pthread_mutex_unlock(&runner->lock); /* the caller may take its time; what has ended does not change any more */
    for (; runner->told < progress.finished; runner->told++)
        if (options->finished)
            options->finished(options->context, runner->grid, runner->ended[runner->told], &runner->record[runner->ended[runner->told]]);
    if (options->progress)
        options->progress(options->context, &progress);
    pthread_mutex_lock(&runner->lock);
}

/* Returns how many were started. The lock is held meanwhile: no worker counts itself out before all have been counted in. */
static int start_workers(struct runner *runner)
{
    int workers = runner->options->workers, core = -1, code = 0;
    cpu_set_t set;
    bool fill = sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) == workers && runner->queue.count >= workers;
    pthread_mutex_lock(&runner->lock);
    while (runner->active < workers && code == 0) {
        struct worker *worker = &runner->worker[runner->active];
        if (fill)
            do
                core++;
            while (!CPU_ISSET(core, &set));
        *worker = (struct worker){.runner = runner, .number = runner->active, .core = core, .team = nl_team_new(runner->cores)};
        code = pthread_create(&worker->thread, NULL, work, worker);
        runner->active += code == 0;
    }
    int started = runner->active;
    if (code) {
        stop_running(runner, NL_STOP_FAILURE);
        runner->broken = true;
        nl_fail(&runner->err, "cannot start worker %d of %d: %s; try a smaller -j", started + 1, workers, strerror(code));
    }
    pthread_mutex_unlock(&runner->lock);
    return started;
}

/* The interval between two reports is waited for on the condition, so that the end is noticed at once. The last report has all of them. */
static void wait_for_workers(struct runner *runner)
{
    pthread_mutex_lock(&runner->lock);
    while (runner->active > 0) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += 1000000000 / REPORTS_PER_SECOND;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&runner->idle, &runner->lock, &until);
        look_outside(runner);
        if (runner->active > 0)
            report(runner);
    }
    if (runner->queue.count)
        report(runner);
    pthread_mutex_unlock(&runner->lock);
}

/* Steps that lie in the trial's checkpoint: only those that are equally far can go on together. */
static int64_t steps_done(const struct runner *runner, const struct nl_trial *trial)
{
    const struct nl_lineage lineage = {&trial->config, trial->dataset, trial->weights};
    struct nl_error err;
    int64_t steps = 0;
    char *path = checkpoint_path(runner, trial);
    if (path && nl_file_exists(path) && nl_checkpoint_check(&lineage, path, &steps, &err))
        steps = -1; /* it says what is wrong when it is run */
    free(path);
    return steps;
}

static void make_queue(struct runner *runner, const int *todo, int count)
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
        progress->cost_total += runner->queue.at[i].count * total_cost(runner->queue.at[i].cost);
    for (int i = 0; i < grid->trials; i++)
        if (runner->record[i].present && !queued[i]) {
            progress->present++;
            progress->outcome[nl_record_outcome(&runner->record[i])]++;
        }
    progress->total = progress->present + count;
    free(queued);
    free(steps);
}

int nl_run_trials(const struct nl_grid *grid, const struct nl_store *store, struct nl_record *record, const int *todo, int count,
                  const struct nl_runner_options *options, enum nl_stop *stop, int *left, struct nl_error *err)
{
    struct runner runner = {.grid = grid, .store = store, .record = record, .options = options, .cores = nl_cores(), .began = nl_seconds()};
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&runner.lock, NULL);
    pthread_cond_init(&runner.idle, &monotonic);
    pthread_condattr_destroy(&monotonic);
    runner.worker = nl_alloc((size_t)options->workers, sizeof *runner.worker);
    make_queue(&runner, todo, count);

    look_outside(&runner);
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
