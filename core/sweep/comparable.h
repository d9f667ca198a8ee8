/* Whether two experiments ask the same, so that their trials can stand in one table. */
#ifndef NL_SWEEP_COMPARABLE_H
#define NL_SWEEP_COMPARABLE_H

#include "base/memory.h"
#include "config/config.h"

/* Adds a line for each thing that differs, named by the two: "train.lr: 0.1 in 'a', 0.2 in 'b'". Keys that matter to no
 * trial, plots, the baseline and the seeds may differ. */
void nl_compare_experiments(const struct nl_experiment *a, const char *a_name, const struct nl_experiment *b,
                            const char *b_name, struct nl_text *differences);

#endif
