/* Running trials side by side: one worker thread each, longest first. */
#ifndef NL_SWEEP_RUNNER_H
#define NL_SWEEP_RUNNER_H

#include <signal.h>

#include "sweep/store.h"

/* Where a sweep stands. Costs are those of nl_trial_cost: trials differ too much for their number to tell what is left. */
struct nl_progress {
    int total;             /* trials of the grid */
    int present;           /* were there before */
    int finished;          /* by this call, failed ones included */
    int running;
    int diverged, dead, errors; /* among present and finished */
    double cost_done, cost_total; /* of what this call has to do; running trials count in part */
    double seconds;        /* since the call began */
    int64_t step, steps;   /* of the trial that reported last */
    double loss;
};

struct nl_runner_options {
    int workers;                    /* at least 1 */
    volatile sig_atomic_t *stop;    /* NULL, or becomes non-zero: running trials end without a result */
    const char *save_init, *save_final, *save_order; /* as nl_trial_options; for a grid of one trial */
    void (*progress)(void *context, const struct nl_progress *progress); /* NULL, or a few times a second, and at the end: in the caller's thread */
    void *context;
};

/* Cores this program may run on. */
int nl_cores(void);

/* Runs the trials whose record is not present (or an error) and saves each as it ends. NL_FAIL: results cannot be saved. A trial that could
 * not be run (memory) is a record of status "error". After a stop, what had not ended is not present. */
int nl_run_trials(const struct nl_grid *grid, const struct nl_store *store, struct nl_record *record,
                  const struct nl_runner_options *options, struct nl_error *err);

#endif
