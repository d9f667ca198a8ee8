/* Where each method of a sweep stands while the sweep runs, in lines for a terminal:
 *
 *     best test error so far, and its run over training
 *       BN            2.31 %   12 of 15            ██▇▅▄▃▂▂▁▁▁▁▁▁▁▁
 *       GN            3.08 %    9 of 15, 1 failed  ███▇▆▅▄▄▃▃▂▂▂▁▁▁
 *       no norm            -    2 of 15, 2 failed
 *
 * The best run is that whose metric (nl_series_metric) is best at its end; a run that diverged or could not be run is
 * none. Of more methods than there are lines the best ones are shown. All curves have one scale, from the least value
 * to the largest; it is logarithmic where all values are above 0. */
#ifndef NL_PLOT_STANDING_H
#define NL_PLOT_STANDING_H

#include "sweep/grid.h"
#include "sweep/record.h"

/* Adds the lines, each ended by a newline and of at most `columns` characters, at most `most` of them. A sparkline that
 * does not fit is left out, and so is everything where less than a line for each of two methods fits, or the sweep has
 * one method. record[grid->trials]: those that have ended are present. NL_FAIL, NL_BAD: the records cannot be
 * judged. */
int nl_standing_add(const struct nl_grid *grid, const struct nl_record *record, const struct nl_experiment *experiment,
                    int columns, int most, struct nl_text *out, struct nl_error *err);

#endif
