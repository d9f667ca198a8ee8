/* Orders the runs of a search, and takes the expected best of k of them. */
#include "stats/best.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/sweep.h"
#include "stats/rates.h"

struct nl_metric_column nl_search_by(const struct nl_results *results)
{
    struct nl_metric_column by = nl_metric_column(results, "val_loss");
    if (!nl_rate_criterion_there(results, NL_RATE_BY_LOSS))
        by.column = -1;
    return by;
}

static int by_score(const void *left, const void *right)
{
    const struct nl_search_run *a = left, *b = right;
    return (a->score > b->score) - (a->score < b->score);
}

static void open_search(const struct nl_results *results, const struct nl_metric_column *metric, int settings,
                        struct nl_search *out)
{
    *out = (struct nl_search){
        .seeds = results->seeds, .settings = settings, .measure = metric->measure, .sampling = metric->sampling};
    out->sampling.samples = 0; /* an expectation is not counted over samples */
    out->run = nl_alloc((size_t)results->seeds * (size_t)settings, sizeof *out->run);
}

static void count_cell(struct nl_search *search, const struct nl_cell *cell)
{
    search->runs += cell ? cell->trials : 0;
    search->failed += cell ? cell->failed : 0;
    search->diverged += cell ? cell->diverged : 0;
}

static void order_search(struct nl_search *search)
{
    for (int seed = 0; seed < search->seeds; seed++)
        qsort(search->run + seed * search->settings, (size_t)search->settings, sizeof *search->run, by_score);
}

/* Larger is worse, and nothing is worse than chance. */
static double badness(const struct nl_results *results, const struct nl_cell *cell, int seed,
                      const struct nl_measure *measure, double value)
{
    const char *status = nl_cell_status(results, cell, seed);
    double worst = measure->worse * nl_metric_chance(results, measure);
    if (!status || strcmp(status, "error") == 0)
        return NAN;
    return strcmp(status, "done") != 0 || measure->worse * value > worst ? worst : measure->worse * value;
}

void nl_search_cells(const struct nl_results *results, const struct nl_cell *const *cell, int settings,
                     const struct nl_metric_column *metric, const struct nl_metric_column *by, struct nl_search *out)
{
    int seeds = results->seeds;
    double *value = nl_alloc((size_t)seeds, 2 * sizeof *value), *score = value + seeds;
    open_search(results, metric, settings, out);
    for (int i = 0; i < settings; i++) {
        nl_cell_values(results, cell[i], metric, value);
        for (int seed = 0; seed < seeds; seed++)
            score[seed] = NAN;
        if (by->column >= 0)
            nl_cell_values(results, cell[i], by, score);
        for (int seed = 0; seed < seeds; seed++)
            out->run[seed * settings + i] =
                (struct nl_search_run){isnan(score[seed]) ? INFINITY : by->measure.worse * score[seed],
                                       badness(results, cell[i], seed, &metric->measure, value[seed])};
        count_cell(out, cell[i]);
    }
    free(value);
    order_search(out);
}

bool nl_same_but_tuned(const struct nl_results *tuning, const struct nl_rounds *rounds, const struct nl_cell *a,
                       const struct nl_cell *b)
{
    for (int f = 0; f < tuning->factors; f++)
        if (!nl_axis_with(rounds->tune, rounds->tunes, tuning->factor[f].key, NULL) && a->level[f] != b->level[f])
            return false;
    return true;
}

void nl_search_tuned(const struct nl_results *tuning, const struct nl_rounds *rounds, int first, struct nl_search *out)
{
    const struct nl_metric_column metric = nl_metric_column(tuning, nl_metric_names[rounds->tune_by]);
    double *value = nl_alloc((size_t)tuning->seeds, sizeof *value);
    int settings = 0, at = 0;
    for (int i = 0; i < tuning->cells; i++)
        settings += nl_same_but_tuned(tuning, rounds, &tuning->cell[first], &tuning->cell[i]);
    open_search(tuning, &metric, settings, out);
    for (int i = 0; i < tuning->cells; i++) {
        if (!nl_same_but_tuned(tuning, rounds, &tuning->cell[first], &tuning->cell[i]))
            continue;
        nl_cell_values(tuning, &tuning->cell[i], &metric, value);
        for (int seed = 0; seed < tuning->seeds; seed++) {
            double bad = isnan(value[seed]) ? INFINITY : metric.measure.worse * value[seed];
            out->run[seed * settings + at] = (struct nl_search_run){bad, bad};
        }
        count_cell(out, &tuning->cell[i]);
        at++;
    }
    free(value);
    order_search(out);
}

void nl_search_release(struct nl_search *search)
{
    free(search->run);
}

/* out[settings]: what the runs of a seed are worth, in their order; their expected best of k, or NaN. */
static double expected_of(const struct nl_search *search, int seed, int k, double *out)
{
    bool whole = k <= search->settings;
    for (int i = 0; i < search->settings; i++) {
        out[i] = search->run[seed * search->settings + i].bad;
        whole = whole && !isnan(out[i]);
    }
    double expected = whole ? nl_expected_first(out, search->settings, k) : NAN;
    return isfinite(expected) ? expected : NAN;
}

struct nl_estimate nl_search_best(const struct nl_search *search, int k, double level)
{
    double *value = nl_alloc((size_t)search->seeds, sizeof *value),
           *bad = nl_alloc((size_t)search->settings, sizeof *bad);
    for (int seed = 0; seed < search->seeds; seed++)
        value[seed] = search->measure.worse * expected_of(search, seed, k, bad);
    struct nl_estimate out = nl_estimate(value, search->seeds, search->measure.share ? NL_SCALE_SHARE : NL_SCALE_REAL,
                                         &search->sampling, NL_INTERVAL_T, level);
    free(bad);
    free(value);
    return out;
}

void nl_search_between(const struct nl_search *search, int k, double level, double *lower, double *upper)
{
    double *bad = nl_alloc((size_t)search->seeds * (size_t)search->settings, sizeof *bad), ends[2] = {NAN, NAN};
    int seeds = 0;
    for (int seed = 0; seed < search->seeds; seed++)
        seeds += !isnan(expected_of(search, seed, k, bad + seeds * search->settings));
    if (seeds > 0)
        nl_first_between(bad, seeds, search->settings, k, level, &ends[0], &ends[1]);
    free(bad);
    *lower = search->measure.worse * ends[search->measure.worse < 0];
    *upper = search->measure.worse * ends[search->measure.worse > 0];
}
