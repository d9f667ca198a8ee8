#include "sweep/runner.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend/backend.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/team.h"

enum { REPORTS_PER_SECOND = 6 };

struct runner;

struct worker {
    struct runner *runner;
    int number; /* from 0 */
    int core;   /* -1: any */
    pthread_t thread;
    struct nl_team *team; /* those who help it */

    /* of the trial it runs; under the runner's lock */
    const struct nl_trial *trial; /* NULL: none */
    struct nl_cost cost;
    double share; /* of the cost, that is done */
    int helpers;
};

struct job {
    int trial;
    struct nl_cost cost;
};

/* The lock guards everything below it. Records are written by the worker that runs the trial, each by one. */
struct runner {
    const struct nl_grid *grid;
    const struct nl_store *store;
    struct nl_record *record;
    const struct nl_runner_options *options;
    struct worker *worker;
    struct job *queue; /* trials to run, longest first */
    int queued;
    int cores;
    double began;

    pthread_mutex_t lock;
    pthread_cond_t idle; /* a worker has no more to do */
    int next;
    int active; /* workers */
    int *ended, told; /* [queued] trials in the order of their ends, and how many of them were reported: progress.finished are there */
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

/* Whether a worker shall start the next trial. */
static bool goes_on(struct runner *runner)
{
    if (runner->stop || runner->next == runner->queued)
        return false;
    double limit = runner->options->max_seconds;
    bool late = limit > 0 && nl_seconds() - runner->began >= limit;
    if (late)
        runner->why = NL_STOP_TIME;
    return !late;
}

/* Called by nl_trial_run in the worker's thread. */
static void on_progress(void *context, int64_t step, int64_t steps, double loss)
{
    struct worker *worker = context;
    struct runner *runner = worker->runner;
    pthread_mutex_lock(&runner->lock);
    worker->share = steps > 0 ? worker->cost.training * (double)step / (double)steps : 0;
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
        double need = (total_cost(worker->cost) - worker->share) / (1 + worker->helpers);
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

/* Runs one trial into its record. checkpoint: NULL, or its file. false: it was stopped, and there is no result. */
static bool run_trial(struct worker *worker, int index, const char *checkpoint)
{
    struct runner *runner = worker->runner;
    const struct nl_runner_options *options = runner->options;
    const struct nl_trial *trial = &runner->grid->trial[index];
    struct nl_record *record = &runner->record[index];
    struct nl_trial_result result = {0};
    struct nl_error err = {0};
    struct nl_trial_options how = {
        .load = trial->weights,
        .save_init = options->save_init,
        .save_final = options->save_final,
        .save_order = options->save_order,
        .stop = &runner->stop,
        .checkpoint = checkpoint,
        .checkpoint_seconds = options->checkpoint_seconds,
        .checkpoint_epochs = options->checkpoint_epochs,
        .progress = on_progress,
        .context = worker,
    };
    int64_t started = (int64_t)time(NULL);
    lead(worker, trial);
    int status = nl_trial_run(&trial->config, trial->dataset, &how, &result, &err);
    lead_no_more(worker);
    if (status == NL_OK && result.status == NL_STOPPED) {
        nl_trial_result_release(&result);
        return false;
    }
    nl_record_release(record);
    if (status == NL_OK) {
        nl_record_from_result(record, &result);
    } else {
        *record = (struct nl_record){.present = true, .failed = true, .failed_step = -1, .message = nl_strdup(err.text), .curve = nl_strdup("")};
        for (char *at = record->message; *at; at++)
            if (*at == '\n') /* records are lines */
                *at = ' ';
    }
    nl_trial_result_release(&result);
    record->worker = worker->number;
    record->started = started;
    return true;
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
        int index = runner->queue[runner->next].trial;
        worker->cost = runner->queue[runner->next++].cost;
        worker->share = 0;
        runner->progress.running++;
        pthread_mutex_unlock(&runner->lock);

        struct nl_error err = {0};
        char *checkpoint = checkpoint_path(runner, &runner->grid->trial[index]);
        bool ended = run_trial(worker, index, checkpoint);
        bool saved = ended && nl_store_save(runner->store, &runner->grid->trial[index], &runner->record[index], &err) == NL_OK;
        if (checkpoint && saved && !runner->record[index].failed)
            unlink(checkpoint);
        free(checkpoint);

        pthread_mutex_lock(&runner->lock);
        runner->progress.running--;
        worker->share = 0;
        if (saved) {
            int outcome = nl_record_outcome(&runner->record[index]);
            runner->ended[runner->progress.finished++] = index;
            runner->progress.cost_done += total_cost(worker->cost);
            runner->progress.outcome[outcome]++;
            if (runner->options->fail_fast && outcome != NL_DONE)
                stop_running(runner, NL_STOP_FAILURE);
        } else if (ended) {
            stop_running(runner, NL_STOP_FAILURE);
            runner->broken = true;
            runner->err = err;
        }
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
        progress.cost_done += runner->worker[i].share;
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
    bool fill = sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) == workers && runner->queued >= workers;
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
    if (runner->queued)
        report(runner);
    pthread_mutex_unlock(&runner->lock);
}

static int longest_first(const void *a, const void *b)
{
    const struct job *left = a, *right = b;
    double a_cost = total_cost(left->cost), b_cost = total_cost(right->cost);
    if (a_cost != b_cost)
        return a_cost > b_cost ? -1 : 1;
    return left->trial - right->trial;
}

static void make_queue(struct runner *runner, const int *todo, int count)
{
    const struct nl_grid *grid = runner->grid;
    struct nl_progress *progress = &runner->progress;
    runner->queue = nl_alloc((size_t)count, sizeof *runner->queue);
    runner->ended = nl_alloc((size_t)count, sizeof *runner->ended);
    bool *queued = nl_alloc((size_t)grid->trials, sizeof *queued);
    for (int i = 0; i < count; i++) {
        struct job *job = &runner->queue[runner->queued++];
        *job = (struct job){.trial = todo[i], .cost = nl_trial_cost(&grid->trial[todo[i]].config)};
        progress->cost_total += total_cost(job->cost);
        queued[todo[i]] = true;
    }
    for (int i = 0; i < grid->trials; i++)
        if (runner->record[i].present && !queued[i]) {
            progress->present++;
            progress->outcome[nl_record_outcome(&runner->record[i])]++;
        }
    progress->total = progress->present + count;
    free(queued);
    qsort(runner->queue, (size_t)runner->queued, sizeof *runner->queue, longest_first);
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
    int started = runner.queued ? start_workers(&runner) : 0;
    wait_for_workers(&runner);
    for (int i = 0; i < started; i++)
        pthread_join(runner.worker[i].thread, NULL);
    for (int i = 0; i < options->workers; i++)
        nl_team_free(runner.worker[i].team);

    pthread_cond_destroy(&runner.idle);
    pthread_mutex_destroy(&runner.lock);
    free(runner.worker);
    free(runner.queue);
    free(runner.ended);
    *stop = runner.why;
    *left = count - runner.progress.finished;
    if (runner.broken) {
        *err = runner.err;
        return NL_FAIL;
    }
    return NL_OK;
}
