/* Writes summary.csv. */
#include "stats/summary.h"

#include <stdlib.h>

#include "base/files.h"
#include "stats/distribution.h"
#include "stats/estimate.h"
#include "stats/results.h"

static void add_number(struct nl_text *out, double value)
{
    nl_text_add(out, ",");
    nl_csv_add_number(out, value);
}

/* failed: the ends of the interval of the cell's share of failed runs. */
static void add_row(struct nl_text *out, const struct nl_results *results, const struct nl_experiment *experiment,
                    const struct nl_cell *cell, const struct nl_metric_column *metric, const double failed[2])
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
    nl_text_add(out, ",%s", nl_interval_names[nl_interval_of(&experiment->config)]);
    add_number(out, experiment->config.plot.level);

    struct nl_estimate difference =
        nl_cell_difference(results, experiment, cell, nl_cell_baseline(results, experiment, cell), metric);
    add_number(out, difference.mean);
    add_number(out, difference.lower);
    add_number(out, difference.upper);
    if (difference.n > 0 && !difference.first_n)
        nl_text_add(out, ",%d", difference.n);
    else
        nl_text_add(out, ",");

    struct nl_estimate finished = nl_cell_finished(results, experiment, cell, metric);
    nl_text_add(out, ",%d", cell->trials);
    add_number(out, failed[0]);
    add_number(out, failed[1]);
    nl_text_add(out, ",%d", finished.n);
    add_number(out, finished.mean);
    add_number(out, finished.lower);
    add_number(out, finished.upper);
    nl_text_add(out, "\n");
}

int nl_summary_write(const char *folder, const struct nl_experiment *experiment, const struct nl_planned *planned,
                     struct nl_error *err)
{
    struct nl_results results;
    if (nl_results_load(folder, experiment, planned, &results, err) != NL_OK)
        return NL_FAIL;
    struct nl_text out = {0};
    for (int i = 0; i < results.factors; i++)
        nl_text_add(&out, "%s,", results.factor[i].key->name);
    nl_text_add(
        &out, "metric,n,failed,mean,lower,upper,sd,median,interval,level,difference,difference_lower,difference_upper,"
              "pairs,runs,failed_lower,failed_upper,finished,finished_mean,finished_lower,finished_upper\n");
    int count;
    struct nl_metric_column *measured = nl_metric_columns(&results, &count);
    for (int i = 0; i < results.cells; i++) {
        const struct nl_cell *cell = &results.cell[i];
        double failed[2];
        nl_exact_interval(cell->failed, cell->trials, experiment->config.plot.level, &failed[0], &failed[1]);
        for (int k = 0; k < count; k++)
            add_row(&out, &results, experiment, cell, &measured[k], failed);
    }
    free(measured);
    char *path = nl_path_join(folder, "summary.csv");
    int status = nl_file_write(path, out.at, out.length, err);
    free(path);
    nl_text_release(&out);
    nl_results_release(&results);
    return status;
}
