/* Reads curves.csv, and finds for each seed the evaluations between which a target was reached. */
#include "stats/steps.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "train/train.h"

/* The rows of a trial stand together. */
static int find_trials(struct nl_curves *curves, struct nl_error *err)
{
    const struct nl_csv *csv = &curves->csv;
    int column, trial;
    if (nl_csv_need(csv, "trial", &column, err))
        return NL_BAD;
    for (int row = 0; row < csv->rows; row++) {
        if (nl_csv_whole(csv, row, column, 1, &trial, err))
            return NL_BAD;
        if (trial > 1000000)
            return nl_bad(err, "'%s' numbers a trial %d: the file is damaged", csv->path, trial);
        curves->trials = trial > curves->trials ? trial : curves->trials;
    }
    curves->first = nl_alloc(2 * (size_t)(curves->trials + 1), sizeof *curves->first);
    curves->rows = curves->first + curves->trials + 1;
    for (int row = 0; row < csv->rows; row++) {
        nl_csv_whole(csv, row, column, 1, &trial, NULL);
        if (curves->rows[trial] == 0)
            curves->first[trial] = row;
        if (curves->first[trial] + curves->rows[trial]++ != row)
            return nl_bad(err, "%s:%d: rows of trial %d stand in two places", csv->path, csv->line[row], trial);
    }
    return NL_OK;
}

int nl_curves_of(struct nl_csv *csv, struct nl_curves *out, struct nl_error *err)
{
    *out = (struct nl_curves){.csv = *csv};
    *csv = (struct nl_csv){0};
    int status = find_trials(out, err);
    if (status != NL_OK)
        nl_curves_release(out);
    return status;
}

int nl_curves_load(const struct nl_results *results, const char *file, struct nl_curves *out, struct nl_error *err)
{
    char *folder = nl_path_folder(results->path), *path = nl_path_join(folder, file);
    struct nl_csv csv;
    *out = (struct nl_curves){0};
    int status = nl_csv_read(path, &csv, err);
    if (status == NL_OK)
        status = nl_curves_of(&csv, out, err);
    free(folder);
    free(path);
    return status;
}

void nl_curves_release(struct nl_curves *curves)
{
    free(curves->first);
    nl_csv_release(&curves->csv);
    *curves = (struct nl_curves){0};
}

bool nl_curves_rows(const struct nl_curves *curves, const struct nl_results *results, const struct nl_cell *cell,
                    int seed, int *first, int *rows)
{
    const char *status = nl_cell_status(results, cell, seed);
    double number;
    if (!status || strcmp(status, "error") == 0 ||
        nl_csv_number(&results->csv, cell->row[seed], nl_csv_column(&results->csv, "trial"), &number, NULL))
        return false;
    int trial = number >= 0 && number <= curves->trials ? (int)number : 0;
    *first = curves->first[trial];
    *rows = curves->rows[trial];
    return true;
}

double nl_steps_given(const struct nl_results *results, const struct nl_experiment *experiment,
                      const struct nl_cell *cell)
{
    struct nl_config config = experiment->config;
    for (int i = 0; i < results->factors; i++)
        if (cell->level[i] != NL_INAPPLICABLE)
            nl_key_set(results->factor[i].key, &config, results->factor[i].value[cell->level[i]], NULL);
    double train = 0.0;
    int column = nl_csv_column(&results->csv, "train_samples");
    for (int seed = 0; seed < results->seeds && column >= 0; seed++)
        if (cell->row[seed] >= 0)
            nl_csv_number(&results->csv, cell->row[seed], column, &train, NULL);
    return train >= 1.0 ? (double)nl_trial_step_counts(&config, (struct nl_counts){.train = (int)train}).steps : NAN;
}

/* What the scores without a mark are evaluated with. */
static const char *first_statistics(const struct nl_results *results, const struct nl_experiment *experiment,
                                    const struct nl_cell *cell)
{
    const struct nl_config config = nl_cell_config(results, experiment, cell);
    return nl_eval_names[nl_primary_eval(&config)];
}

struct nl_steps nl_steps_to(const struct nl_curves *curves, const struct nl_results *results,
                            const struct nl_experiment *experiment, const struct nl_cell *cell, int seed,
                            const char *metric, double target)
{
    static const double rounding = 1e-12; /* 1 - 0.95 is more than 0.05 */
    const struct nl_csv *csv = &curves->csv;
    struct nl_measure measure;
    double before = 0.0, value, step;
    int first, rows;
    if (!nl_measure(metric, &measure) || !nl_measure_column(&measure) ||
        !nl_curves_rows(curves, results, cell, seed, &first, &rows))
        return (struct nl_steps){NAN, NAN};
    int split = nl_csv_column(csv, "split"), eval = nl_csv_column(csv, "eval"), steps = nl_csv_column(csv, "step"),
        column = nl_csv_column(csv, nl_measure_column(&measure));
    const char *statistics = *measure.statistics ? measure.statistics : first_statistics(results, experiment, cell);
    for (int row = first; row < first + rows; row++) {
        bool evaluated = strcmp(nl_csv_field(csv, row, eval), statistics) == 0; /* else a mean over steps on the way */
        if (!evaluated || strcmp(nl_csv_field(csv, row, split), measure.part) != 0 ||
            nl_csv_number(csv, row, column, &value, NULL) || nl_csv_number(csv, row, steps, &step, NULL))
            continue;
        value = nl_measure_read(&measure, value);
        if (measure.worse * (value - target) <= rounding * fmax(1.0, fabs(target)))
            return (struct nl_steps){before, step};
        before = step;
    }
    return (struct nl_steps){nl_steps_given(results, experiment, cell), INFINITY};
}

int nl_steps_survival(const struct nl_steps *steps, int seeds, double level, struct nl_survival *out)
{
    double *seen = nl_alloc((size_t)seeds, sizeof *seen);
    bool *there = nl_alloc((size_t)seeds, sizeof *there);
    for (int seed = 0; seed < seeds; seed++) {
        there[seed] = isfinite(steps[seed].high);
        seen[seed] = there[seed] ? steps[seed].high : steps[seed].low;
    }
    int rows = nl_survival(seen, there, seeds, level, out);
    free(seen);
    free(there);
    return rows;
}
