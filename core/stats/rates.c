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

/* How good the run at each point is, from 0 (chance or failed) up; NaN: it is not there. at_chance: the loss of guessing, in nats. */
static void goodness(const struct nl_comparison *view, int method, int seed, enum nl_rate_criterion criterion, double at_chance, double *out)
{
    const struct nl_results *results = view->results;
    int column = nl_table_column(&results->table, criterion == NL_RATE_BY_ACCURACY ? "train_accuracy" : "val_loss");
    for (int point = 0; point < view->points; point++) {
        const struct nl_cell *cell = nl_comparison_cell(view, method, point);
        const char *status = nl_cell_status(results, cell, seed);
        out[point] = NAN;
        if (!status || strcmp(status, "error") == 0)
            continue;
        out[point] = 0.0;
        if (strcmp(status, "done") != 0)
            continue;
        nl_table_number(&results->table, cell->row[seed], column, &out[point], NULL);
        if (criterion == NL_RATE_BY_LOSS)
            out[point] = fmax(0.0, at_chance - out[point]);
    }
}

/* At the lowest rate already: then usable ones, if any, lie below the grid. At chance it may just as well be too low a rate. */
static bool diverges_at_once(const struct nl_comparison *view, int method, int seed)
{
    const char *status = nl_cell_status(view->results, nl_comparison_cell(view, method, 0), seed);
    return status && strcmp(status, "diverged") == 0;
}

void nl_usable_rates(const struct nl_comparison *view, int method, enum nl_rate_criterion criterion, struct nl_rate_range *out)
{
    double *good = nl_alloc((size_t)view->points, sizeof *good), at_chance = -log(nl_metric_column(view->results, "train_accuracy").chance);
    for (int seed = 0; seed < view->results->seeds; seed++) {
        int best = 0, largest;
        bool whole = true;
        goodness(view, method, seed, criterion, at_chance, good);
        for (int point = 0; point < view->points; point++) {
            whole &= !isnan(good[point]);
            best = good[point] > good[best] ? point : best;
        }
        for (largest = best; largest + 1 < view->points && good[largest + 1] >= enough * good[best];)
            largest++;
        if (!whole)
            out[seed] = (struct nl_rate_range){NAN, NAN};
        else if (!(good[best] > 0.0))
            out[seed] = (struct nl_rate_range){-INFINITY, diverges_at_once(view, method, seed) ? log(nl_comparison_x(view, 0)) : INFINITY};
        else
            out[seed] = (struct nl_rate_range){log(nl_comparison_x(view, largest)),
                                               largest == view->points - 1 ? INFINITY : log(nl_comparison_x(view, largest + 1))};
    }
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
