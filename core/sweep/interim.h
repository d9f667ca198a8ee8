/* A sweep that is not at its end, because it still runs or was killed: its trials are there one by one, its tables are not. */
#ifndef NL_SWEEP_INTERIM_H
#define NL_SWEEP_INTERIM_H

#include "sweep/grid.h"
#include "sweep/record.h"

/* What has ended of the grid that `folder` holds, made so (nl_store_read): record[grid->trials], and how many are present. Opens no data.
 * Trials are named; each record is to be released. -1: `made` does not say from what data (err). */
int nl_interim_records(const char *folder, struct nl_grid *grid, const struct nl_provenance *made, struct nl_record *record, struct nl_error *err);

/* Writes their trials.csv, curves.csv and timing.csv to the folder `out`, which is there. *present of the grid's *trials have ended; if none has,
 * nothing is written. */
int nl_interim_tables(const char *folder, const struct nl_experiment *experiment, const struct nl_provenance *made, const char *out,
                      int *present, int *trials, struct nl_error *err);

#endif
