#include "stats/summary.h"

#include <stdlib.h>

#include "base/files.h"
#include "stats/estimate.h"
#include "stats/results.h"

static void add_number(struct nl_text *out, double value)
{
    nl_text_add(out, ",");
    nl_csv_add_number(out, value);
}

static bool evaluated(const struct nl_results *results, int column)
{
    for (int row = 0; row < results->table.rows; row++)
        if (*nl_table_field(&results->table, row, column))
            return true;
    return false;
}

static void add_row(struct nl_text *out, const struct nl_results *results, const struct nl_experiment *experiment,
                    const struct nl_cell *cell, int column)
{
    double *values = nl_alloc((size_t)results->seeds, 2 * sizeof *values), *baseline = values + results->seeds;
    enum nl_interval kind = experiment->config.plot.interval;
    double level = experiment->config.plot.level;

    nl_cell_values(results, cell, column, values);
    struct nl_estimate mean = nl_estimate(values, results->seeds, kind, level);
    for (int i = 0; i < results->factors; i++) {
        if (cell->level[i] != NL_INAPPLICABLE)
            nl_csv_add(out, results->factor[i].value[cell->level[i]]);
        nl_text_add(out, ",");
    }
    nl_text_add(out, "%s,%d,%d", results->table.name[column], mean.n, cell->failed);
    add_number(out, mean.mean);
    add_number(out, mean.lower);
    add_number(out, mean.upper);
    add_number(out, mean.sd);
    add_number(out, mean.median);
    nl_text_add(out, ",%s", nl_interval_names[kind]);
    add_number(out, level);

    nl_cell_values(results, nl_cell_baseline(results, experiment, cell), column, baseline);
    for (int i = 0; i < results->seeds; i++)
        values[i] -= baseline[i];
    struct nl_estimate difference = nl_estimate(values, results->seeds, kind, level);
    add_number(out, difference.mean);
    add_number(out, difference.lower);
    add_number(out, difference.upper);
    if (difference.n > 0)
        nl_text_add(out, ",%d\n", difference.n);
    else
        nl_text_add(out, ",\n");
    free(values);
}

int nl_summary_write(const char *folder, const struct nl_experiment *experiment, struct nl_error *err)
{
    struct nl_results results;
    if (nl_results_load(folder, experiment, &results, err) != NL_OK)
        return NL_FAIL;
    struct nl_text out = {0};
    for (int i = 0; i < results.factors; i++)
        nl_text_add(&out, "%s,", results.factor[i].key->name);
    nl_text_add(&out, "metric,n,failed,mean,lower,upper,sd,median,interval,level,difference,difference_lower,difference_upper,"
                      "pairs\n");
    int *measured = nl_alloc((size_t)results.table.columns, sizeof *measured), count = 0;
    struct nl_measure measure;
    for (int column = 0; column < results.table.columns; column++)
        if (nl_measure(results.table.name[column], &measure) && evaluated(&results, column))
            measured[count++] = column;
    for (int cell = 0; cell < results.cells; cell++)
        for (int i = 0; i < count; i++)
            add_row(&out, &results, experiment, &results.cell[cell], measured[i]);
    free(measured);
    char *path = nl_path_join(folder, "summary.csv");
    int status = nl_file_write(path, out.at, out.length, err);
    free(path);
    nl_text_release(&out);
    nl_results_release(&results);
    return status;
}
