/* Finds the key that tells tasks apart, and counts the runs of a method that reach a value. */
#include "stats/tasks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool tells_tasks(const struct nl_key *key)
{
    static const char *const labels[] = {"dataset", "data", "task", "env", "environment"};
    bool label = false;
    for (size_t i = 0; key->own && i < sizeof labels / sizeof *labels; i++)
        label |= strcmp(nl_key_field(key), labels[i]) == 0;
    return label || strcmp(key->section, "data") == 0;
}

int nl_task_factor(const struct nl_results *results, const struct nl_experiment *experiment, const char **why)
{
    int named = nl_results_factor(results, experiment->config.plot.facet), found = -1, count = 0;
    if (named >= 0)
        return named;
    for (int f = 0; f < results->factors; f++)
        if (tells_tasks(results->factor[f].key) && results->factor[f].values > 1) {
            found = f;
            count++;
        }
    *why = count == 0  ? "no key of data varies, and plot.facet names none that does"
           : count > 1 ? "several keys of data vary: plot.facet names the one that tells tasks apart"
                       : NULL;
    return count == 1 ? found : -1;
}

bool nl_profile_make(const struct nl_results *results, const struct nl_cell *const *cell, int tasks,
                     const struct nl_metric_column *metric, struct nl_profile *out)
{
    int seeds = results->seeds;
    bool whole = true;
    *out = (struct nl_profile){.tasks = tasks, .seeds = seeds};
    out->bad = nl_alloc((size_t)tasks * (size_t)seeds, sizeof *out->bad);
    out->runs = nl_alloc((size_t)tasks, sizeof *out->runs);
    for (int task = 0; task < tasks; task++) {
        double *bad = out->bad + task * seeds;
        nl_cell_values(results, cell[task], metric, bad);
        for (int i = 0; i < seeds; i++) {
            const char *status = nl_cell_status(results, cell[task], i);
            bool failed = status && strcmp(status, "done") != 0;
            bad[i] = failed ? INFINITY : metric->measure.worse * bad[i];
            out->runs[task] += !isnan(bad[i]);
            out->failed += failed;
        }
        out->count += out->runs[task];
        whole = whole && out->runs[task] > 0;
    }
    return whole;
}

void nl_profile_release(struct nl_profile *profile)
{
    free(profile->bad);
    free(profile->runs);
}

struct nl_stratified_share nl_profile_at(const struct nl_profile *profile, double bad, double level)
{
    int *reached = nl_alloc((size_t)profile->tasks, sizeof *reached);
    for (int i = 0; i < profile->tasks * profile->seeds; i++)
        reached[i / profile->seeds] += profile->bad[i] <= bad;
    struct nl_stratified_share out = nl_stratified_share(reached, profile->runs, profile->tasks, level);
    free(reached);
    return out;
}
