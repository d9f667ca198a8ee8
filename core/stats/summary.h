/* summary.csv: a row for each cell of the grid and each metric, from trials.csv. */
#ifndef NL_STATS_SUMMARY_H
#define NL_STATS_SUMMARY_H

#include "stats/results.h"

/* Reads FOLDER/trials.csv, writes FOLDER/summary.csv: mean, interval, the difference to the baseline paired by
 * seed, the share of failed runs with its exact interval, and the mean of the others. Shares stay shares (0..1).
 * planned as nl_results_load: cells without a trial have a row, too. */
int nl_summary_write(const char *folder, const struct nl_experiment *experiment, const struct nl_planned *planned,
                     struct nl_error *err);

#endif
