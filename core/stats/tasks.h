/* Several tasks: which key tells them apart, and the performance profile of a method over them, as the answer to
 * sweep.question: tasks and the picture `profiles` take them. */
#ifndef NL_STATS_TASKS_H
#define NL_STATS_TASKS_H

#include "stats/comparison.h"

/* The factor whose values are the tasks: the key that plot.facet names, or else the one key of data, or label of
 * imported results, that varies. -1: there is none, and *why says so. */
int nl_task_factor(const struct nl_results *results, const struct nl_experiment *experiment, const char **why);

/* The runs of a method over the tasks. */
struct nl_profile {
    int tasks, seeds;
    double *bad; /* [tasks][seeds]: the metric, times -1 where larger is better; INFINITY: the run failed (diverged, at
                    chance, or ended with an error); NaN: there is no such run */
    int *runs;   /* [tasks]: that are there */
    int count, failed; /* of all tasks */
};

/* cell[tasks]: of one method; NULL: not in the grid. false: a task has no run, and there is no profile. Release it in
 * any case. */
bool nl_profile_make(const struct nl_results *results, const struct nl_cell *const *cell, int tasks,
                     const struct nl_metric_column *metric, struct nl_profile *out);
void nl_profile_release(struct nl_profile *profile);

/* The share of runs that are at least as good as `bad` (nl_stratified_share): tasks count alike. */
struct nl_stratified_share nl_profile_at(const struct nl_profile *profile, double bad, double level);

#endif
