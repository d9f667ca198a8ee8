/* What log.tensors means in the trials of a grid. */
#ifndef NL_SWEEP_OBSERVED_H
#define NL_SWEEP_OBSERVED_H

#include "sweep/grid.h"
#include "sweep/record.h"

/* Complains about each pattern that names a tensor of no trial, with what may have been meant. */
void nl_check_observed(const struct nl_grid *grid, const struct nl_experiment *experiment,
                       struct nl_diagnostics *diagnostics);

/* Tensors that are observed in the trial with the fewest, and in that with the most. */
void nl_count_observed(const struct nl_grid *grid, int *least, int *most);

/* Whether a trial that has ended was run without something that log.tensors asks for, or at other steps than log.every
 * says. */
bool nl_lacks_observed(const struct nl_trial *trial, const struct nl_record *record);

#endif
