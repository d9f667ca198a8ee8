/* Several results folders of one experiment made one: shards, or the same grid with other seeds. */
#ifndef NL_SWEEP_MERGE_H
#define NL_SWEEP_MERGE_H

#include "base/memory.h"
#include "sweep/store.h"

struct nl_merge {
    struct nl_experiment experiment; /* that of the folders, with the seeds of all */
    int trials, absent;              /* of its grid; those that no folder has */
    struct nl_text differences;      /* why the folders cannot be pooled, a line each */
    struct nl_text warnings;         /* damaged files, other processors, other claims, a line each */
    struct nl_begun
        begun; /* claim: that was declared when each of the folders was begun; "": none is the same in all */
    bool refused;                    /* NL_FAIL because of what is in the folders: nothing was written */
};

/* Writes to out what is in the folders, and in out itself if it holds results already. Only what is comparable is
 * pooled: the same axes and values, the same value of every key that matters (seeds may differ), the same numerics and
 * data, the same first stage where one decided on the number of seeds; and where two folders have the same trial, the
 * same result. command: for experiment.yaml. */
int nl_merge(const char *const *folder, int folders, const char *out, const char *command, struct nl_merge *merge,
             struct nl_error *err);
void nl_merge_release(struct nl_merge *merge);

#endif
