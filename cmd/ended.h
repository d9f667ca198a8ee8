/* The trials of a round that have ended, while the others run. */
#ifndef NL_CMD_ENDED_H
#define NL_CMD_ENDED_H

#include "sweep/grid.h"
#include "sweep/record.h"

struct ended {
    const struct nl_grid *grid;
    struct nl_record *record; /* [trials of it]; NULL: not known yet */
    bool *lent;               /* [trials]: the record is the runner's */
};

/* Reads the trials that the folder has, unless that was done; false: it failed. The grid outlives what is known. */
bool know_ended(struct ended *ended, const char *folder, const struct nl_grid *grid, struct nl_error *err);
/* A trial of this call, once they are known. The record stays the runner's, and outlives what is known. */
void add_ended(struct ended *ended, int trial, const struct nl_record *record);
void forget_ended(struct ended *ended);

#endif
