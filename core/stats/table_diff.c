/* Makes the table that compares two results folders, trial by trial and cell by cell. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats/claim.h"
#include "stats/distribution.h"
#include "stats/table_builder.h"

struct side {
    const struct nl_results *results;
    const struct nl_experiment *experiment;
};

/* The value of a key in a cell, varied or fixed; "" where it does not apply. New string. */
static char *value_in(const struct side *side, const struct nl_cell *cell, const struct nl_key *key)
{
    int factor = nl_results_factor(side->results, key->name);
    if (factor < 0)
        return nl_key_recorded(key, &side->experiment->config);
    return nl_strdup(cell->level[factor] == NL_INAPPLICABLE ? ""
                                                            : side->results->factor[factor].value[cell->level[factor]]);
}

/* Same values of all keys that either side varies; a key that does not apply says nothing. */
static bool is_same_point(const struct side side[2], const struct nl_cell *a, const struct nl_cell *b)
{
    for (int s = 0; s < 2; s++)
        for (int f = 0; f < side[s].results->factors; f++) {
            const struct nl_key *key = side[s].results->factor[f].key;
            char *left = value_in(&side[0], a, key), *right = value_in(&side[1], b, key);
            bool same = !*left || !*right || strcmp(left, right) == 0;
            free(left);
            free(right);
            if (!same)
                return false;
        }
    return true;
}

static const struct nl_cell *counterpart(const struct side side[2], const struct nl_cell *cell)
{
    for (int i = 0; i < side[1].results->cells; i++)
        if (is_same_point(side, cell, &side[1].results->cell[i]))
            return &side[1].results->cell[i];
    return NULL;
}

/* Status, step of failure and every score that both sides have. */
static bool is_same_trial(const struct side side[2], int row_a, int row_b)
{
    const struct nl_csv *a = &side[0].results->csv, *b = &side[1].results->csv;
    for (int column = side[0].results->status; column < a->columns; column++) {
        int other = nl_csv_column(b, a->name[column]);
        if (other >= 0 && strcmp(nl_csv_field(a, row_a, column), nl_csv_field(b, row_b, other)) != 0)
            return false;
    }
    return true;
}

static void count_trials(const struct nl_results *results, int *out)
{
    for (int i = 0; i < results->cells; i++)
        *out += results->cell[i].trials;
}

/* Values of a and b over the seeds of a, those of seeds that b lacks NaN in both; false: all trials that are in both
 * are the same. */
static bool compare(const struct side side[2], const struct nl_metric_column column[2], const struct nl_cell *a,
                    const struct nl_cell *b, double *values_a, double *values_b, struct nl_overlap *overlap)
{
    const struct nl_results *left = side[0].results, *right = side[1].results;
    double *all_b = nl_alloc((size_t)right->seeds, sizeof *all_b);
    bool differ = false;
    nl_cell_values(left, a, &column[0], values_a);
    nl_cell_values(right, b, &column[1], all_b);
    for (int i = 0; i < left->seeds; i++) {
        int seed = 0;
        while (seed < right->seeds && strcmp(left->seed[i], right->seed[seed]) != 0)
            seed++;
        bool both = a->row[i] >= 0 && seed < right->seeds && b->row[seed] >= 0;
        values_b[i] = both ? all_b[seed] : NAN;
        if (!both) {
            values_a[i] = NAN;
            continue;
        }
        bool same = is_same_trial(side, a->row[i], b->row[seed]);
        overlap->common++;
        overlap->same += same;
        differ |= !same;
    }
    free(all_b);
    return differ;
}

static void add_comparison(struct nl_table_builder *m, const struct nl_cell *cell, const double *values_a,
                           double *values_b)
{
    const struct nl_config *config = &m->experiment->config;
    const struct nl_sampling *sampling = &m->metric.sampling;
    enum nl_scale scale = m->measure.share ? NL_SCALE_SHARE : NL_SCALE_REAL;
    int seeds = m->results->seeds;
    struct nl_estimate of[3] = {
        nl_estimate(values_a, seeds, scale, sampling, nl_interval_of(config), config->plot.level),
        nl_estimate(values_b, seeds, scale, sampling, nl_interval_of(config), config->plot.level)};
    for (int i = 0; i < seeds; i++)
        values_b[i] -= values_a[i];
    of[2] = nl_estimate(values_b, seeds, m->measure.share ? NL_SCALE_DIFFERENCE : NL_SCALE_REAL, sampling,
                        NL_INTERVAL_T, config->plot.level);
    struct nl_entry *entry = nl_table_row(m);
    for (int f = 0; f < m->results->factors; f++)
        *entry++ = nl_key_entry(m, cell, f);
    for (int i = 0; i < 3; i++)
        *entry++ = nl_estimate_entry(&of[i]);
    *entry = (struct nl_entry){.kind = NL_ENTRY_NUMBER, .number = of[2].n};
}

/* Marks the differences that are more than chance: paired t, Holm over the rows. They stand before n, the last
 * column. */
static void mark_differences(struct nl_table_builder *m)
{
    struct nl_table *table = m->out;
    double *p = nl_alloc((size_t)table->rows, sizeof *p);
    for (int pass = 0; pass < 2; pass++) {
        for (int row = 0; row < table->rows; row++) {
            struct nl_entry *entry = &table->entry[(row + 1) * table->columns - 2];
            if (pass == 0) {
                entry->tested = entry->kind == NL_ENTRY_ESTIMATE && entry->estimate.n >= NL_LEAST_PAIRS;
                p[row] = entry->p = entry->tested ? nl_difference_p(&entry->estimate) : 1.0;
            } else {
                entry->adjusted = p[row];
                entry->marked = p[row] < 1.0 - table->level;
            }
        }
        if (pass == 0)
            nl_holm(p, table->rows);
    }
    table->tests = table->rows;
    free(p);
}

int nl_table_diff(const struct nl_results *a, const struct nl_experiment *experiment_a, const struct nl_results *b,
                  const struct nl_experiment *experiment_b, struct nl_table *out, struct nl_overlap *overlap,
                  struct nl_error *err)
{
    struct side side[2] = {{a, experiment_a}, {b, experiment_b}};
    struct nl_table_builder m = {.results = a, .experiment = experiment_a, .out = out};
    *overlap = (struct nl_overlap){0};
    if (nl_table_begin(&m, err))
        return NL_FAIL;
    struct nl_metric_column column[2] = {m.metric, nl_metric_column(b, a->csv.name[m.metric.column])};
    for (int f = 0; f < a->factors; f++)
        nl_table_key_column(&m, f);
    static const char *const titles[] = {"-", "+"}, *const names[] = {"a", "b"};
    for (int i = 0; i < 2; i++)
        nl_table_column(&m, NL_ENTRY_ESTIMATE, nl_strdup(titles[i]), names[i])->scale = m.measure.scale;
    struct nl_column *difference =
        nl_table_column(&m, NL_ENTRY_ESTIMATE, nl_format("difference, %s", m.measure.step), "difference");
    difference->scale = m.measure.scale;
    difference->sign = difference->tested = true;
    nl_table_column(&m, NL_ENTRY_NUMBER, nl_strdup("n"), "n");

    count_trials(a, &overlap->trials[0]);
    count_trials(b, &overlap->trials[1]);
    double *values_a = nl_alloc((size_t)a->seeds, 2 * sizeof *values_a), *values_b = values_a + a->seeds;
    for (int method = 0; method < m.view.methods; method++) {
        const struct nl_cell *cell = nl_table_cell(&m, method), *other = counterpart(side, cell);
        if (other && compare(side, column, cell, other, values_a, values_b, overlap))
            add_comparison(&m, cell, values_a, values_b);
    }
    free(values_a);
    mark_differences(&m);
    struct nl_text caption = {0};
    int least = a->seeds, most = 0;
    for (int row = 0; row < out->rows; row++) {
        int n = (int)nl_table_at(out, row, out->columns - 1)->number;
        least = n < least ? n : least;
        most = n > most ? n : most;
    }
    nl_table_caption_over(&m, &caption, least, most);
    if (a->seeds > 1)
        nl_text_add(&caption,
                    " Over the seeds in both; the difference is paired by seed. Marked: not 0, by the paired t with "
                    "at least %d pairs, adjusted by Holm over the rows.",
                    NL_LEAST_PAIRS);
    nl_table_leaks_caption(&m, &caption);
    out->caption = caption.at;
    nl_comparison_release(&m.view);
    return NL_OK;
}
