/* What is read of a run's tensors, from metrics.csv. */
#ifndef NL_CLAIMS_TENSOR_H
#define NL_CLAIMS_TENSOR_H

#include "config/published.h"
#include "stats/steps.h"

/* The quantity of the tensors that the reading names, in the steps that it names, of the cell's run with that seed; of
 * quantities that are compared by their ratio its logarithm. Means are over all steps and tensors. Names are ordered by
 * their characters, and numbers in them by their value: h.2.ln_1 comes before h.10.ln_1. NaN: there is none. metrics
 * NULL: nothing is logged. */
double nl_read_tensor(const struct nl_reading *reading, const struct nl_curves *metrics,
                      const struct nl_results *results, const struct nl_cell *cell, int seed);

#endif
