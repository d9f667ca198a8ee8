/* A sweep from a grid to a results folder: what is there is kept, what is missing is run, the tables are written. */
#ifndef NL_SWEEP_SWEEP_H
#define NL_SWEEP_SWEEP_H

#include "sweep/runner.h"

struct nl_sweep_options {
    const char *folder;  /* OUT */
    const char *command; /* the words of the command line, for experiment.yaml */
    bool again;          /* run also what is there */
    struct nl_runner_options runner;
    /* NULL, or told what a user should know: trials that were there, damaged files (a warning). context: the runner's. */
    void (*note)(void *context, bool warning, const char *line);
};

struct nl_sweep_result {
    bool opened;                 /* false, on NL_FAIL: the folder was refused, and nothing was started */
    int trials, missing, errors; /* of the grid; without a result because of a stop; that could not be run */
    struct nl_record *record;    /* [trials] */
};

/* After a stop (missing > 0) the tables hold what has finished. NL_FAIL: the folder cannot be used or written. */
int nl_sweep(const struct nl_experiment *experiment, const struct nl_grid *grid, const struct nl_datasets *datasets,
             const struct nl_sweep_options *options, struct nl_sweep_result *result, struct nl_error *err);
void nl_sweep_result_release(struct nl_sweep_result *result);

#endif
