#include "stats/rates.h"

#include <stdlib.h>
#include <string.h>

#include "stats/estimate.h"

static const double enough = 0.95; /* of the arm's own best median */

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

int nl_largest_rate(const struct nl_comparison *view, int arm, const int *seeds)
{
    const struct nl_results *results = view->results;
    int column = nl_table_column(&results->table, "train_accuracy");
    double *median = nl_alloc((size_t)view->points, sizeof *median), *values = nl_alloc((size_t)results->seeds, sizeof *values);
    bool *clean = nl_alloc((size_t)view->points, sizeof *clean);
    double best = 0.0;
    for (int point = 0; column >= 0 && point < view->points; point++) {
        const struct nl_cell *cell = nl_comparison_cell(view, arm, point);
        int count = 0;
        clean[point] = true;
        for (int i = 0; cell && i < results->seeds; i++) {
            int row = cell->row[seeds ? seeds[i] : i];
            if (row < 0)
                continue;
            const char *status = nl_table_field(&results->table, row, results->status);
            clean[point] = clean[point] && strcmp(status, "done") == 0;
            double accuracy = 0.0;
            if (strcmp(status, "done") == 0 || strcmp(status, "dead") == 0)
                nl_table_number(&results->table, row, column, &accuracy, NULL);
            values[count++] = accuracy;
        }
        count = nl_finite_values(values, count, values);
        clean[point] = clean[point] && count > 0;
        median[point] = count > 0 ? nl_median_sorted(values, count) : 0.0;
        best = median[point] > best ? median[point] : best;
    }
    int largest = -1;
    for (int point = 0; point < view->points; point++)
        if (clean[point] && median[point] >= enough * best)
            largest = point;
    free(clean);
    free(values);
    free(median);
    return largest;
}
