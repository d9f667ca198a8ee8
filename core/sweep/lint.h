/* Known traps: settings that train, and mislead. An error refuses what cannot be run; a trap is run, once its warning
 * was read. */
#ifndef NL_SWEEP_LINT_H
#define NL_SWEEP_LINT_H

#include "sweep/grid.h"

/* Adds each trap that a trial of the grid, or the grid as a whole, is in: once, with the numbers of the first such
 * trial, at the key that decides, with the remedy as its hint. No data are opened; those that are open already are
 * looked at. */
void nl_lint_grid(const struct nl_experiment *experiment, const struct nl_grid *grid, struct nl_diagnostics *warnings);

#endif
