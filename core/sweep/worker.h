/* A worker of a sweep (sweep/runner.h): a thread that takes cohorts off the queue, runs and saves them, and helps
 * others when there are no more. */
#ifndef NL_SWEEP_WORKER_H
#define NL_SWEEP_WORKER_H

#include <pthread.h>

#include "base/team.h"
#include "sweep/cohort.h"
#include "sweep/runner.h"

struct nl_runner;

struct nl_worker {
    struct nl_runner *runner;
    int number; /* from 0 */
    bool stays; /* on the processor of its number */
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
struct nl_runner {
    const struct nl_grid *grid;
    const struct nl_store *store;
    struct nl_record *record;
    const struct nl_runner_options *options;
    struct nl_worker *worker;
    struct nl_cohorts queue; /* to run, longest first */
    int cores;
    double began;
    double cost_seen,
        seen_at; /* how much work was done when progress was last seen, and seconds since the call began */

    pthread_mutex_t lock;
    pthread_cond_t idle; /* a worker has no more to do */
    int next;
    int active; /* workers */
    int *ended,
        told; /* trials in the order of their ends, and how many of them were reported: progress.finished are there */
    int synced;       /* and how many are on the disk, */
    double synced_at; /* since when */
    atomic_int stop; /* running trials are abandoned */
    enum nl_stop why;
    bool broken; /* a result could not be saved, a thread not started, a device is lost: err says why */
    struct nl_error err;
    struct nl_progress progress;
};

/* The thread: ends when there is nothing left to start or to help with, and signals `idle`. */
void *nl_worker_run(void *worker);

/* How much of its cohort the worker has run, in the units of nl_trial_cost; the lock is held. */
double nl_worker_cost_done(const struct nl_worker *worker);

/* Running trials are abandoned, for the first reason given. The lock is held. */
void nl_runner_stop(struct nl_runner *runner, enum nl_stop why);

/* Takes over a stop that was asked for outside. The lock is held. */
void nl_runner_look_outside(struct nl_runner *runner);

/* Where the trial's state is kept while it is unfinished; new string, or NULL. */
char *nl_runner_checkpoint(const struct nl_runner *runner, const struct nl_trial *trial);

#endif
