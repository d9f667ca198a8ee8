/* What log.tensors and log.layers mean in the trials of a grid. */
#ifndef NL_SWEEP_OBSERVED_H
#define NL_SWEEP_OBSERVED_H

#include "graph/observers.h"
#include "sweep/grid.h"
#include "sweep/record.h"

/* What a trial observes: of log.tensors and log.layers. To be released. */
struct nl_observers nl_observers_of(const struct nl_config *config);

/* Complains about each pattern that names a tensor of no trial, with what may have been meant. */
void nl_check_observed(const struct nl_grid *grid, const struct nl_experiment *experiment,
                       struct nl_diagnostics *diagnostics);

/* Tensors that are observed in the trial with the fewest, and in that with the most. */
void nl_count_observed(const struct nl_grid *grid, int *least, int *most);

/* Whether a trial that has ended was run without something that is to be observed, or at other steps than log.every
 * says. */
bool nl_lacks_observed(const struct nl_trial *trial, const struct nl_record *record);

#endif
