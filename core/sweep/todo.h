/* Which trials of a grid a call is to run: what is missing, what lacks a measurement, what is wanted again, one shard
 * of it all. */
#ifndef NL_SWEEP_TODO_H
#define NL_SWEEP_TODO_H

#include "sweep/grid.h"
#include "sweep/record.h"

enum { NL_ALL_OUTCOMES = (1 << NL_OUTCOMES) - 1 };

struct nl_choice {
    unsigned retry;    /* bits 1 << outcome: trials that ended so are run again; those that could not be run (NL_ERROR)
                          always are */
    int shard, shards; /* the shard-th (from 1) of so many; shards = 0: the whole grid */
    const double *seconds; /* by which they are dealt (nl_shards); NULL: by cost */
};

/* Whether a trial with this record, shards aside, is to be run. */
bool nl_is_wanted(const struct nl_trial *trial, const struct nl_record *record, const struct nl_choice *choice);

/* Numbers of the trials to run, in grid order; new array. record[i] belongs to grid->trial[i]. */
int *nl_todo(const struct nl_grid *grid, const struct nl_record *record, const struct nl_choice *choice, int *count);

#endif
