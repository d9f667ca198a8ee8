/* Which cell is best, where no sharper question was asked. Without intervals there is no order: one seed gives a warning. */
#include "stats/answer.h"

#include <math.h>
#include <stdlib.h>

#include "stats/comparison.h"

enum { SHOWN = 12 };

struct place {
    const struct nl_cell *cell;
    const char *label;
    struct nl_estimate mean;
};

/* Smaller keys are better places; equal ones keep the grid's order. */
struct keyed {
    double key;
    int order;
};

static int by_key(const void *left, const void *right)
{
    const struct keyed *a = left, *b = right;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return a->order - b->order;
}

static void add_place(struct nl_text *out, const struct nl_results *results, const struct nl_experiment *experiment, int column,
                      const struct nl_measure *measure, const struct place *place)
{
    nl_text_add(out, "  %s: ", place->label);
    if (place->mean.n == 0) {
        nl_text_add(out, "no value, %d of %d runs failed\n", place->cell->failed, place->cell->trials);
        return;
    }
    nl_answer_value(out, place->mean.mean, measure);
    if (place->mean.n > 1) {
        nl_text_add(out, " (");
        nl_answer_value(out, place->mean.lower, measure);
        nl_text_add(out, " to ");
        nl_answer_value(out, place->mean.upper, measure);
        nl_text_add(out, ")");
    }
    nl_text_add(out, ", n = %d", place->mean.n);
    if (place->cell->failed)
        nl_text_add(out, ", %d failed", place->cell->failed);
    const struct nl_cell *baseline = nl_cell_baseline(results, experiment, place->cell);
    if (baseline && baseline != place->cell && results->seeds > 1) {
        double *values = nl_alloc((size_t)results->seeds, 2 * sizeof *values), *base = values + results->seeds;
        nl_cell_values(results, place->cell, column, values);
        nl_cell_values(results, baseline, column, base);
        for (int i = 0; i < results->seeds; i++)
            values[i] -= base[i];
        struct nl_estimate difference =
            nl_estimate(values, results->seeds, experiment->config.plot.interval, experiment->config.plot.level);
        if (difference.n > 1) {
            nl_text_add(out, "; against the baseline ");
            nl_answer_difference(out, &difference, measure);
            if (difference.lower <= 0.0 && difference.upper >= 0.0)
                nl_text_add(out, ": not told apart");
        }
        free(values);
    }
    nl_text_add(out, "\n");
}

void nl_answer_rank(struct nl_text *out, const struct nl_results *results, const struct nl_experiment *experiment)
{
    const char *metric = nl_metric_names[experiment->config.plot.metric];
    int column = nl_table_column(&results->table, metric);
    struct nl_measure measure;
    nl_measure(metric, &measure);
    struct nl_comparison view;
    nl_comparison_make(results, experiment, -1, -1, &view);
    struct place *place = nl_alloc((size_t)view.arms, sizeof *place);
    struct keyed *keyed = nl_alloc((size_t)view.arms, sizeof *keyed);
    double *values = nl_alloc((size_t)results->seeds, sizeof *values);
    int most = 0;
    for (int i = 0; i < view.arms; i++) {
        place[i] = (struct place){.cell = view.arm[i].cell[0], .label = view.arm[i].label};
        nl_cell_values(results, place[i].cell, column, values);
        place[i].mean = nl_estimate(values, results->seeds, experiment->config.plot.interval, experiment->config.plot.level);
        most = place[i].mean.n > most ? place[i].mean.n : most;
        keyed[i] = (struct keyed){isnan(place[i].mean.mean) ? INFINITY : measure.worse * place[i].mean.mean, i};
    }
    const struct place *best = &place[0];
    if (most > 1) {
        qsort(keyed, (size_t)view.arms, sizeof *keyed, by_key);
        best = &place[keyed[0].order];
    }
    if (most == 0) {
        nl_text_add(out, "No trial has a %s: nothing to compare.\n", measure.name);
    } else if (view.arms == 1) {
        nl_text_add(out, "The %s of %s is ", measure.name, best->label);
        nl_answer_value(out, best->mean.mean, &measure);
        nl_text_add(out, most > 1 ? " (mean of %d seeds).\n" : " with one seed: its spread is unknown.\n", most);
    } else if (most == 1) {
        nl_text_add(out, "One seed in each cell: the %s has no interval, so no order is given; run with sweep.seeds=5 or more.\n",
                    measure.name);
    } else {
        nl_text_add(out, "The %s %s is that of %s: ", measure.worse > 0 ? "lowest" : "highest", measure.name, best->label);
        nl_answer_value(out, best->mean.mean, &measure);
        nl_text_add(out, " (");
        nl_answer_interval(out, experiment);
        nl_text_add(out, ", n = %d); places are by mean, and neighbours whose intervals overlap are not told apart.\n", best->mean.n);
    }
    int shown = view.arms < SHOWN ? view.arms : SHOWN;
    for (int i = 0; most > 0 && i < shown; i++)
        add_place(out, results, experiment, column, &measure, &place[keyed[i].order]);
    if (most > 0 && view.arms > shown)
        nl_text_add(out, "  %d more cells are in summary.csv.\n", view.arms - shown);
    free(values);
    free(keyed);
    free(place);
    nl_comparison_release(&view);
}
