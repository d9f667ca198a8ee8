/* Whether the files of a results folder are what was written: seals and checksums are computed anew, and nothing is
 * changed. */
#ifndef NL_SWEEP_VERIFY_H
#define NL_SWEEP_VERIFY_H

#include <stdbool.h>

#include "base/memory.h"

struct nl_verified {
    int trials, tables, checkpoints; /* files that are there */
    int planned, absent; /* trials of the grid, and those of them that are not there; 0 and 0: nobody can tell */
    int rows;                        /* of trials.csv */
    bool imported;                   /* its trials are those rows alone (import/import.h) */
    int bad;                         /* files that are not good, or that are missing */
    struct nl_text problems;         /* a line each */
    struct nl_text unsealed; /* what has no checksum that it could be held against: "experiment.yaml, the tables";
                                empty: nothing */
};

/* A trial that trials.csv has, and the tables of a grid whose trials are all there, are missing where they are not
 * there; a trial that has no row is only absent: it was not run yet, or is in another shard.
 *
 * experiment.yaml, the tables, finished trials and checkpoints, also of a folder in which a program works now. Files
 * that were set aside as damaged, pictures and files of others are not looked at. */
void nl_store_verify(const char *folder, struct nl_verified *out);
void nl_verified_release(struct nl_verified *verified);

#endif
