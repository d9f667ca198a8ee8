/* Running trials side by side: one worker thread each, or for each cohort (sweep/cohort.h), longest first. Workers who
 * find no more to start help the others.
 */
#ifndef NL_SWEEP_RUNNER_H
#define NL_SWEEP_RUNNER_H

#include <stdatomic.h>

#include "sweep/store.h"

/* Where a sweep stands. Costs are those of nl_trial_cost: trials differ too much for their number to tell what is
 * left. */
struct nl_progress {
    int total;             /* trials that are there or to be run */
    int present;           /* were there before */
    int finished;          /* by this call, failed ones included */
    int running;
    int outcome[NL_OUTCOMES]; /* of present and finished */
    double cost_done, cost_total; /* of what this call has to do; running trials count in part */
    double seconds;        /* since the call began */
    double left;           /* seconds to the end, as far as the work that is done tells; below 0: it does not */
    int64_t step, steps;   /* of the trial that reported last */
    double loss;
};

/* Why trials were left. */
enum nl_stop { NL_NOT_STOPPED, NL_STOP_ASKED, NL_STOP_FAILURE, NL_STOP_TIME };

struct nl_runner_options {
    int workers;                    /* at least 1; results do not depend on it */
    int cohort; /* trials of equal shapes that a worker may run at once; 0: as many as pay on the device. Nor on this */
    atomic_int *stop;              /* NULL, or becomes non-zero: running trials end without a result */
    bool fail_fast;                 /* a trial that does not end in "done" is such a stop */
    double max_seconds;             /* then no trial is started any more, and running ones are finished; 0: no limit */
    const char *save_init, *save_final, *save_order; /* as nl_trial_options; for a grid of one trial */
    const char *save_average[NL_AVERAGES];

    /* Unfinished trials keep their state and go on from it: every so many seconds or epochs (0: not so), and at a stop.
     * checkpoint: the file, for a grid of one trial; NULL: each in the results folder. All NULL and 0: no
     * checkpoints. */
    const char *checkpoint;
    double checkpoint_seconds;
    int64_t checkpoint_epochs;

    /* NULL, or called in the caller's thread: a few times a second and at the end; after each trial, by its number. */
    void (*progress)(void *context, const struct nl_progress *progress);
    void (*finished)(void *context, const struct nl_grid *grid, int trial, const struct nl_record *record);
    /* NULL, or told what a user should know: trials that were there, damaged files (a warning). */
    void (*note)(void *context, bool warning, const char *line);
    void *context;
};

/* Says it to options->note. Frees line. */
void nl_runner_note(const struct nl_runner_options *options, bool warning, char *line);

/* Runs the trials todo[count] (numbers, in any order), the longest first, and saves each as it ends. NL_FAIL: results
 * cannot be saved, or the device is lost. A trial that could not be run (memory) is a record of status "error". After a
 * stop, *left trials had not ended: their records are as they were before. */
int nl_run_trials(const struct nl_grid *grid, const struct nl_store *store, struct nl_record *record, const int *todo,
                  int count, const struct nl_runner_options *options, enum nl_stop *stop, int *left,
                  struct nl_error *err);

#endif
