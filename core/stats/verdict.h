/* The answer of an experiment in words: what was measured, with intervals, and no more than that. */
#ifndef NL_STATS_VERDICT_H
#define NL_STATS_VERDICT_H

#include "config/config.h"

/* Several lines, the first a sentence that stands alone; new string. By plot.kind: small_batch (degradation from the largest
 * batch to the smallest), lr_tolerance (the largest usable rate); without either, the cells in order of plot.metric.
 * Reads FOLDER/trials.csv. trials: of the whole grid (sweep/grid.h); how many of them are missing is said. NULL on error. */
char *nl_verdict(const char *folder, const struct nl_experiment *experiment, int trials, struct nl_error *err);

#endif
