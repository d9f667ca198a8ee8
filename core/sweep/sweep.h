/* A sweep from a grid to a results folder: what is there is kept, what is missing is run, the tables are written. */
#ifndef NL_SWEEP_SWEEP_H
#define NL_SWEEP_SWEEP_H

#include "sweep/runner.h"
#include "sweep/todo.h"

struct nl_sweep_options {
    const char *folder;  /* OUT */
    const char *command; /* the words of the command line, for experiment.yaml */
    struct nl_choice choice;
    const char *whole; /* of a shard: where the shards are put together. What is there already is not run; NULL: this is
                          no shard, or nobody knows */
    const char *borrow;  /* a folder that may hold trials that are to be run, which are copied from there; NULL: none */
    const char
        *beside; /* trials that are to be run may be taken from folders beside this one (sweep/reuse.h); NULL: from
                            none */
    bool replace;        /* what the folder shows may disappear from view (sweep/store.h) */
    struct nl_runner_options runner;
};

struct nl_sweep_result {
    bool started;                /* false, on NL_FAIL: folder, memory or disk were refused, and nothing was run */
    int trials, absent;          /* of the grid; those of them that have no result */
    int left;                    /* that this call should have run and, because of a stop, did not */
    int errors;                  /* that could not be run */
    enum nl_stop stop;
    struct nl_record *record;    /* [trials] */
    struct nl_hidden hidden;     /* what did, or on NL_FAIL would have */
};

/* Whatever is left or absent, the tables hold what has finished. NL_FAIL: the folder cannot be used or written. */
int nl_sweep(const struct nl_experiment *experiment, const struct nl_grid *grid, const struct nl_datasets *datasets,
             const struct nl_sweep_options *options, struct nl_sweep_result *result, struct nl_error *err);
void nl_sweep_result_release(struct nl_sweep_result *result);

#endif
