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
    for (int row = 0; row < results->csv.rows; row++)
        if (*nl_csv_field(&results->csv, row, column))
            return true;
    return false;
}

static void add_row(struct nl_text *out, const struct nl_results *results, const struct nl_experiment *experiment,
                    const struct nl_cell *cell, const struct nl_metric_column *metric)
{
    struct nl_estimate mean = nl_cell_mean(results, experiment, cell, metric);
    for (int i = 0; i < results->factors; i++) {
        if (cell->level[i] != NL_INAPPLICABLE)
            nl_csv_add(out, results->factor[i].value[cell->level[i]]);
        nl_text_add(out, ",");
    }
    nl_text_add(out, "%s,%d,%d", results->csv.name[metric->column], mean.n, cell->failed);
    add_number(out, mean.mean);
    add_number(out, mean.lower);
    add_number(out, mean.upper);
    add_number(out, mean.sd);
    add_number(out, mean.median);
    nl_text_add(out, ",%s", nl_interval_names[experiment->config.plot.interval]);
    add_number(out, experiment->config.plot.level);

    struct nl_estimate difference = nl_cell_difference(results, experiment, cell, nl_cell_baseline(results, experiment, cell), metric);
    add_number(out, difference.mean);
    add_number(out, difference.lower);
    add_number(out, difference.upper);
    if (difference.n > 0)
        nl_text_add(out, ",%d\n", difference.n);
    else
        nl_text_add(out, ",\n");
}

int nl_summary_write(const char *folder, const struct nl_experiment *experiment, const struct nl_planned *planned, struct nl_error *err)
{
    struct nl_results results;
    if (nl_results_load(folder, experiment, planned, &results, err) != NL_OK)
        return NL_FAIL;
    struct nl_text out = {0};
    for (int i = 0; i < results.factors; i++)
        nl_text_add(&out, "%s,", results.factor[i].key->name);
    nl_text_add(&out, "metric,n,failed,mean,lower,upper,sd,median,interval,level,difference,difference_lower,difference_upper,"
                      "pairs\n");
    struct nl_metric_column *measured = nl_alloc((size_t)results.csv.columns, sizeof *measured);
    struct nl_measure measure;
    int count = 0;
    for (int column = 0; column < results.csv.columns; column++)
        if (nl_measure(results.csv.name[column], &measure) && evaluated(&results, column))
            measured[count++] = nl_metric_column(&results, results.csv.name[column]);
    for (int cell = 0; cell < results.cells; cell++)
        for (int i = 0; i < count; i++)
            add_row(&out, &results, experiment, &results.cell[cell], &measured[i]);
    free(measured);
    char *path = nl_path_join(folder, "summary.csv");
    int status = nl_file_write(path, out.at, out.length, err);
    free(path);
    nl_text_release(&out);
    nl_results_release(&results);
    return status;
}
