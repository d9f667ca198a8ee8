/* A sweep that is not at its end, because it still runs or was killed: its trials are there one by one, its tables are
 * not. */
#ifndef NL_SWEEP_PARTIAL_H
#define NL_SWEEP_PARTIAL_H

#include "sweep/grid.h"
#include "sweep/record.h"

struct nl_partial {
    struct nl_grid grid;
    struct nl_record *record; /* [grid.trials] */
    int present;              /* trials that have ended */
};

/* What has ended of the sweep that `folder` holds, as nl_store_read says; opens no data. NL_FAIL: the grid cannot be
 * made, or `made` does not say from what data. */
int nl_partial_load(const char *folder, const struct nl_experiment *experiment, const struct nl_provenance *made,
                    struct nl_partial *out, struct nl_error *err);
void nl_partial_release(struct nl_partial *partial);

#endif
