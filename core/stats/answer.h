/* What the verdicts share: one file each for the questions (answer_batch.c, answer_rate.c, answer_rank.c), each adding its
 * lines to a text. */
#ifndef NL_STATS_ANSWER_H
#define NL_STATS_ANSWER_H

#include "base/memory.h"
#include "stats/estimate.h"
#include "stats/results.h"

void nl_answer_batch(struct nl_text *out, const struct nl_results *results, const struct nl_experiment *experiment);
void nl_answer_rate(struct nl_text *out, const struct nl_results *results, const struct nl_experiment *experiment);
void nl_answer_rank(struct nl_text *out, const struct nl_results *results, const struct nl_experiment *experiment);

/* "95 % t interval" */
void nl_answer_interval(struct nl_text *out, const struct nl_experiment *experiment);
/* "+12.3 points (10.9 to 13.7)"; below two values "(one seed, no interval)" */
void nl_answer_difference(struct nl_text *out, const struct nl_estimate *difference, const struct nl_measure *measure);
/* "2.31 %" or "0.0123" */
void nl_answer_value(struct nl_text *out, double value, const struct nl_measure *measure);
/* "p < 0.001", "p = 0.012" */
void nl_answer_p(struct nl_text *out, double p);
/* Adds item `index` of `count` to a list in words: "a", "a and b", "a, b and c": the separator before it. */
void nl_answer_comma(struct nl_text *out, int index, int count);
/* Names as such a list, with semicolons where a name has a comma itself; more than NL_NAMED are counted: "9 arms". */
enum { NL_NAMED = 6 };
void nl_answer_names(struct nl_text *out, char *const *name, int count);

#endif
