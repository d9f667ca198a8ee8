#include "stats/rates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double enough = 0.95; /* of the best with the same seed */

int nl_rate_factor(const struct nl_results *results, const char **why)
{
    int factor = nl_results_factor(results, "train.lr");
    if (factor < 0 || results->factor[factor].values < 2) {
        *why = "train.lr does not vary in the trials that are there";
        return -1;
    }
    for (int i = 0; i < results->factor[factor].values; i++)
        if (!(nl_factor_number(&results->factor[factor], i) > 0)) {
            *why = "one of the rates is 0, and has no ratio to the others";
            return -1;
        }
    return factor;
}

bool nl_rate_criterion_there(const struct nl_results *results, enum nl_rate_criterion criterion)
{
    if (criterion == NL_RATE_BY_ACCURACY) /* of a run that diverged, its status is enough */
        return true;
    int column = nl_table_column(&results->table, "val_loss");
    for (int row = 0; column >= 0 && row < results->table.rows; row++)
        if (*nl_table_field(&results->table, row, column))
            return true;
    return false;
}

/* How good the run at each of the method's rates is, from 0 (chance or failed) up; NaN: it is not there. at_chance: the loss of guessing, in
 * nats. */
static void goodness(const struct nl_results *results, const struct nl_cell *const *cell, int rates, int seed, enum nl_rate_criterion criterion,
                     double at_chance, double *out)
{
    int column = nl_table_column(&results->table, criterion == NL_RATE_BY_ACCURACY ? "train_accuracy" : "val_loss");
    for (int i = 0; i < rates; i++) {
        const char *status = nl_cell_status(results, cell[i], seed);
        out[i] = NAN;
        if (!status || strcmp(status, "error") == 0)
            continue;
        out[i] = 0.0;
        if (strcmp(status, "done") != 0)
            continue;
        nl_table_number(&results->table, cell[i]->row[seed], column, &out[i], NULL);
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

void nl_usable_rates(const struct nl_comparison *view, int method, enum nl_rate_criterion criterion, struct nl_rate_range *out)
{
    const struct nl_results *results = view->results;
    double *good = nl_alloc(2 * (size_t)view->points, sizeof *good), *rate = good + view->points;
    double at_chance = -log(nl_metric_column(results, "train_accuracy").chance);
    const struct nl_cell **cell = nl_alloc((size_t)view->points, sizeof(const struct nl_cell *));
    int rates = 0;
    for (int point = 0; point < view->points; point++) {
        cell[rates] = nl_comparison_cell(view, method, point);
        rate[rates] = nl_comparison_x(view, point);
        rates += cell[rates] != NULL;
    }
    for (int seed = 0; seed < results->seeds; seed++) {
        const char *first = rates > 0 ? nl_cell_status(results, cell[0], seed) : NULL;
        goodness(results, cell, rates, seed, criterion, at_chance, good);
        out[seed] = usable_rate(rate, good, rates, first && strcmp(first, "diverged") == 0);
    }
    free(cell);
    free(good);
}

double nl_rate_step(const struct nl_comparison *view)
{
    double step = 0.0;
    for (int point = 1; point < view->points; point++)
        step = fmax(step, log(nl_comparison_x(view, point) / nl_comparison_x(view, point - 1)));
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
