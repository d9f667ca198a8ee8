/* Finds the largest usable rate of each method and seed on the grid of rates. */
#include "stats/rates.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double enough = 0.95; /* of the best with the same seed */

int nl_rate_factor(const struct nl_results *results, const char **why)
{
    int factor = nl_results_factor(results, "train.lr");
    if (factor < 0 || results->factor[factor].values < 2) {
        *why = "train.lr does not vary";
        return -1;
    }
    for (int i = 0; i < results->factor[factor].values; i++)
        if (!(nl_factor_number(&results->factor[factor], i) > 0)) {
            *why = "a learning rate of 0 has no ratio to the others";
            return -1;
        }
    return factor;
}

bool nl_rate_criterion_there(const struct nl_results *results, enum nl_rate_criterion criterion)
{
    if (criterion == NL_RATE_BY_ACCURACY) /* of a run that diverged, its status is enough */
        return true;
    int column = nl_csv_column(&results->csv, "val_loss");
    for (int row = 0; column >= 0 && row < results->csv.rows; row++)
        if (*nl_csv_field(&results->csv, row, column))
            return true;
    return false;
}

/* How good the run at each of the method's rates is, from 0 (chance or failed) up; NaN: it is not there. at_chance: the
 * loss of guessing, in nats. */
static void goodness(const struct nl_results *results, const struct nl_cell *const *cell, int rates, int seed,
                     enum nl_rate_criterion criterion, double at_chance, double *out)
{
    int column = nl_csv_column(&results->csv, criterion == NL_RATE_BY_ACCURACY ? "train_accuracy" : "val_loss");
    for (int i = 0; i < rates; i++) {
        const char *status = nl_cell_status(results, cell[i], seed);
        out[i] = NAN;
        if (!status || strcmp(status, "error") == 0)
            continue;
        out[i] = 0.0;
        if (strcmp(status, "done") != 0)
            continue;
        nl_csv_number(&results->csv, cell[i]->row[seed], column, &out[i], NULL);
        if (criterion == NL_RATE_BY_LOSS)
            out[i] = fmax(0.0, at_chance - out[i]);
    }
}

static struct nl_rate_range usable_rate(const double *rate, const double *good, int rates, bool diverges_at_once)
{
    int best = 0, largest;
    for (int i = 0; i < rates; i++) {
        if (isnan(good[i]))
            return (struct nl_rate_range){NAN, NAN};
        best = good[i] > good[best] ? i : best;
    }
    if (rates == 0)
        return (struct nl_rate_range){NAN, NAN};
    if (!(good[best] > 0.0)) /* at chance it may just as well be too low a rate */
        return (struct nl_rate_range){-INFINITY, diverges_at_once ? log(rate[0]) : INFINITY};
    for (largest = best; largest + 1 < rates && good[largest + 1] >= enough * good[best];)
        largest++;
    return (struct nl_rate_range){log(rate[largest]), largest == rates - 1 ? INFINITY : log(rate[largest + 1])};
}

double nl_rate_to_add(const struct nl_rate_range *range, double factor, double step)
{
    char text[32];
    double rate = NAN;
    if (isfinite(range->low) && isfinite(range->high) && range->high - range->low > log(factor) * (1.0 + 1e-9))
        rate = exp(0.5 * (range->low + range->high));
    else if (isfinite(range->low) && isinf(range->high))
        rate = exp(range->low + step);
    else if (isinf(range->low) && isfinite(range->high))
        rate = exp(range->high - step);
    if (isnan(rate))
        return NAN;
    snprintf(text, sizeof text, "%.4g", rate);
    rate = nl_double_read(text, NULL);
    return rate > 0.0 && rate <= nl_key_named("train.lr")->high ? rate : NAN;
}

/* A method's rates, and how good the runs of one seed at them are. */
struct ladder {
    int rates;
    double *rate, *good;         /* [rates] */
    const struct nl_cell **cell; /* [rates] */
    bool *counts;                /* [rates]: for this seed */
};

static struct nl_rate_range range_of(const struct ladder *ladder, const struct nl_results *results, int seed)
{
    double *rate = nl_alloc(2 * (size_t)ladder->rates + 1, sizeof *rate), *good = rate + ladder->rates;
    const char *first = NULL;
    int rates = 0;
    for (int i = 0; i < ladder->rates; i++)
        if (ladder->counts[i]) {
            first = rates == 0 ? nl_cell_status(results, ladder->cell[i], seed) : first;
            rate[rates] = ladder->rate[i];
            good[rates++] = ladder->good[i];
        }
    struct nl_rate_range range = usable_rate(rate, good, rates, first && strcmp(first, "diverged") == 0);
    free(rate);
    return range;
}

/* Whether the view's axis has the point without sweep.points. */
static bool is_of_grid(const struct nl_comparison *view, double x)
{
    const struct nl_experiment *experiment = view->experiment;
    for (int a = 0; a < experiment->axes; a++)
        for (int k = 0; k < experiment->axis[a].keys; k++)
            for (int i = 0; experiment->axis[a].key[k] == view->results->factor[view->x_factor].key &&
                            i < experiment->axis[a].points;
                 i++)
                if (nl_double_read(experiment->axis[a].text[i][k], NULL) == x)
                    return true;
    return false;
}

/* The rates that the seed's own results ask for count one after the other, as the rounds have added them. */
static struct nl_rate_range refined_range(struct ladder *ladder, const struct nl_comparison *view, int seed)
{
    double step = nl_rate_step(view);
    for (;;) {
        struct nl_rate_range range = range_of(ladder, view->results, seed);
        double rate = nl_rate_to_add(&range, view->experiment->rounds.refine, step);
        int next = 0;
        while (next < ladder->rates && (ladder->counts[next] || ladder->rate[next] != rate))
            next++;
        if (next == ladder->rates)
            return range;
        ladder->counts[next] = true;
    }
}

void nl_usable_rates(const struct nl_comparison *view, int method, enum nl_rate_criterion criterion,
                     struct nl_rate_range *out)
{
    const struct nl_results *results = view->results;
    bool refined = view->experiment->rounds.refine > 0.0;
    double at_chance = -log(nl_metric_column(results, "train_accuracy").chance);
    struct ladder ladder = {.rate = nl_alloc(2 * (size_t)view->points, sizeof *ladder.rate),
                            .cell = nl_alloc((size_t)view->points, sizeof(const struct nl_cell *)),
                            .counts = nl_alloc((size_t)view->points, sizeof *ladder.counts)};
    ladder.good = ladder.rate + view->points;
    for (int point = 0; point < view->points; point++) {
        ladder.cell[ladder.rates] = nl_comparison_cell(view, method, point);
        ladder.rate[ladder.rates] = nl_comparison_x(view, point);
        ladder.rates += ladder.cell[ladder.rates] != NULL;
    }
    for (int seed = 0; seed < results->seeds; seed++) {
        goodness(results, ladder.cell, ladder.rates, seed, criterion, at_chance, ladder.good);
        for (int i = 0; i < ladder.rates; i++)
            ladder.counts[i] = !refined || is_of_grid(view, ladder.rate[i]);
        out[seed] = refined ? refined_range(&ladder, view, seed) : range_of(&ladder, results, seed);
    }
    free(ladder.rate);
    free(ladder.cell);
    free(ladder.counts);
}

double nl_rate_step(const struct nl_comparison *view)
{
    double step = 0.0, last = NAN;
    for (int point = 0; point < view->points; point++) {
        double rate = nl_comparison_x(view, point);
        if (!is_of_grid(view, rate))
            continue;
        step = isnan(last) ? step : fmax(step, log(rate / last));
        last = rate;
    }
    return step;
}

int nl_median_rate(const struct nl_comparison *view, int method)
{
    int seeds = view->results->seeds, whole = 0, found = -1;
    struct nl_rate_range *range = nl_alloc((size_t)seeds, sizeof *range);
    nl_usable_rates(view, method, NL_RATE_BY_ACCURACY, range);
    for (int seed = 0; seed < seeds; seed++)
        whole += !isnan(range[seed].low);
    for (int point = 0; point < view->points; point++) {
        int reach = 0;
        for (int seed = 0; seed < seeds; seed++)
            reach += range[seed].low >= log(nl_comparison_x(view, point));
        if (whole > 0 && 2 * reach >= whole)
            found = point;
    }
    free(range);
    return found;
}
