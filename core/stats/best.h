/* What tuning costs: the expected metric of the best of k settings that are drawn at random, without replacement, from
 * those that were trained (Dodge et al. 2019, "Show your work", who draw with replacement). A setting is a value of
 * each key that is tuned, and k counts settings, not seeds: each seed is worked out alone, exactly, and the spread over
 * seeds is that of these expectations. The answer to sweep.question: sensitivity, the appendix of a report and the
 * picture `best_of_k` take it from here. */
#ifndef NL_STATS_BEST_H
#define NL_STATS_BEST_H

#include "stats/comparison.h"

/* A run of a search. */
struct nl_search_run {
    double score; /* what it is chosen by: smaller is better, INFINITY of a failed one */
    double bad;   /* the metric, times -1 where larger is better; INFINITY: it has none; NaN: there is no such run */
};

/* The runs of one method with all of its settings. */
struct nl_search {
    int seeds, settings;
    struct nl_search_run *run;  /* [seeds][settings]: of each seed from the best score to the worst */
    int runs, failed, diverged; /* failed: diverged, at chance, or ended with an error */
    struct nl_measure measure;
    struct nl_sampling sampling; /* of expectations: seeds share data as the metric's values do */
};

/* The validation loss that learning rates are chosen by. Its column is -1 where no run has one. */
struct nl_metric_column nl_search_by(const struct nl_results *results);

/* cell[settings]: of one method, such as those along the learning rate; NULL: not in the grid. `by` is what settings
 * are chosen by; of column -1 nothing is, and their order says nothing. A failed run counts at chance, and no run as
 * worse. To be released. */
void nl_search_cells(const struct nl_results *results, const struct nl_cell *const *cell, int settings,
                     const struct nl_metric_column *metric, const struct nl_metric_column *by, struct nl_search *out);
/* The settings of a tuning round's results that differ from the cell `first` in the tuned keys alone, by the metric
 * that sweep.tune chooses by. A run that has no value of it, such as the loss of one that diverged, is worse than any
 * other. To be released. */
void nl_search_tuned(const struct nl_results *tuning, const struct nl_rounds *rounds, int first, struct nl_search *out);
void nl_search_release(struct nl_search *search);

/* Whether two cells of a tuning round differ in the tuned keys alone. */
bool nl_same_but_tuned(const struct nl_results *tuning, const struct nl_rounds *rounds, const struct nl_cell *a,
                       const struct nl_cell *b);

/* The metric of the best of k, 1 <= k: its mean over seeds with the t interval over them. A seed is left out where a
 * run is missing, where there are not so many settings, or where all k may have no value. */
struct nl_estimate nl_search_best(const struct nl_search *search, int k, double level);
/* Between which values the metric of the best of k lies with probability `level`, over the draws and over the seeds
 * that nl_search_best takes (nl_first_between). NaN where it takes none. */
void nl_search_between(const struct nl_search *search, int k, double level, double *lower, double *upper);

#endif
