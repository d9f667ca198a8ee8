/* Tables from results. Best is marked where it is known: the paired differences to every other of the group reach the
 * smallest effect that counts in its favour, and the largest of their p-values against it (an intersection-union test),
 * adjusted by Holm over the groups of the table, is small enough. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/search.h"
#include "config/value.h"
#include "stats/claim.h"
#include "stats/distribution.h"
#include "stats/table_builder.h"

/* Methods with method's levels in all factors but one. */
static void find_group(const struct nl_table_builder *m, int method, int but, bool *in_group)
{
    for (int i = 0; i < m->view.methods; i++) {
        in_group[i] = true;
        for (int f = 0; f < m->results->factors; f++)
            in_group[i] &= f == but || nl_table_cell(m, i)->level[f] == nl_table_cell(m, method)->level[f];
    }
}

/* The largest p-value of the cell's differences to the others of its group against the smallest effect, all beyond it
 * in its favour; NaN: it cannot be the best. */
static double best_p(const struct nl_table_builder *m, int method, const bool *in_group)
{
    const struct nl_cell *cell = nl_table_cell(m, method);
    const struct nl_rule rule = nl_rule_for(m->experiment, m->measure.step);
    double largest = NAN;
    if (cell->failed > 0 || cell->untrained || cell->trials < cell->planned)
        return NAN;
    for (int i = 0; i < m->view.methods; i++) {
        const struct nl_cell *other = nl_table_cell(m, i);
        if (!in_group[i] || other == cell)
            continue;
        struct nl_estimate difference = nl_cell_difference(m->results, m->experiment, cell, other, &m->metric);
        double favour = -m->measure.worse, lead = favour * difference.mean * m->measure.scale;
        bool beaten =
            lead > 0.0 && lead >= rule.smallest && difference.n >= NL_LEAST_PAIRS && other->trials == other->planned;
        if (!beaten)
            return NAN;
        double p = nl_threshold_p(&difference, favour * rule.smallest / m->measure.scale);
        largest = fmax(p, largest); /* of NaN and a number the number */
    }
    return largest;
}

struct mark {
    bool tested, best; /* tested: it leads its group */
    double p, adjusted;
};

static void set_mark(struct nl_entry *entry, const struct mark *mark)
{
    entry->marked = mark->best;
    entry->tested = mark->tested;
    entry->p = mark->p;
    entry->adjusted = mark->adjusted;
}

/* mark[methods]: which are the best of their group. Groups differ in the levels of all factors but one. */
static void mark_best(const struct nl_table_builder *m, int but, struct mark *mark)
{
    int methods = m->view.methods, groups = 0;
    bool *in_group = nl_alloc((size_t)methods, sizeof *in_group), *seen = nl_alloc((size_t)methods, sizeof *seen);
    double *p = nl_alloc((size_t)methods, sizeof *p);
    int *candidate = nl_alloc((size_t)methods, sizeof *candidate);
    for (int first = 0; first < methods; first++) {
        if (seen[first])
            continue;
        find_group(m, first, but, in_group);
        int size = 0;
        p[groups] = 1.0;
        candidate[groups] = -1;
        for (int i = 0; i < methods; i++) {
            seen[i] |= in_group[i];
            size += in_group[i];
            double largest = in_group[i] ? best_p(m, i, in_group) : NAN;
            if (!isnan(largest)) {
                p[groups] = largest;
                candidate[groups] = i;
            }
        }
        groups += size > 1;
    }
    for (int i = 0; i < groups; i++)
        if (candidate[i] >= 0)
            mark[candidate[i]].p = p[i];
    nl_holm(p, groups);
    m->out->tests = groups;
    for (int i = 0; i < groups; i++)
        if (candidate[i] >= 0) {
            struct mark *of = &mark[candidate[i]];
            *of = (struct mark){true, p[i] < 1.0 - m->experiment->config.plot.level, of->p, p[i]};
        }
    free(candidate);
    free(p);
    free(seen);
    free(in_group);
}

static char *baseline_title(const struct nl_table_builder *m)
{
    struct nl_text out = {0};
    const struct nl_match *baseline = &m->experiment->baseline;
    for (int k = 0; k < baseline->keys; k++) {
        struct nl_factor factor = {.key = baseline->key[k], .values = 1, .value = baseline->values[k].at};
        char *value = nl_level_text(m, &factor, 0);
        bool kind = strcmp(factor.key->name, "norm.kind") == 0;
        nl_text_add(&out, "%s%s%s%s", k ? ", " : "", kind ? "" : nl_key_title(factor.key), kind ? "" : " ", value);
        free(value);
    }
    return out.at;
}

static bool any_baseline(const struct nl_table_builder *m)
{
    for (int method = 0; method < m->view.methods; method++) {
        const struct nl_cell *baseline = nl_cell_baseline(m->results, m->experiment, nl_table_cell(m, method));
        if (baseline && baseline != nl_table_cell(m, method))
            return true;
    }
    return false;
}

static bool any_failed(const struct nl_table_builder *m)
{
    bool any = false;
    for (int i = 0; i < m->results->cells; i++)
        any |= m->results->cell[i].failed > 0;
    return any;
}

static bool any_best(const struct nl_table *table)
{
    bool any = false;
    for (int i = 0; i < table->rows * table->columns; i++)
        any |= table->entry[i].marked;
    return any;
}

static void add_best_caption(struct nl_text *out, const struct nl_table_builder *m, const char *rivals)
{
    if (any_best(m->out)) {
        double smallest = nl_rule_for(m->experiment, m->measure.step).smallest;
        nl_text_add(out,
                    " Marked: better than every other %s, by %g %s or more (%s, Holm over the rows that are compared), "
                    "and none of its runs failed.",
                    rivals, smallest, nl_unit_of(smallest, m->measure.step),
                    m->results->import ? "paired or Welch's t" : "paired t");
    }
}

/* The value that sweep.tune chose for the cell; at the end of what it could choose from it says so. */
static struct nl_entry chosen_entry(const struct nl_results *results, const struct nl_rounds *rounds, int tuned,
                                    const struct nl_cell *cell)
{
    const struct nl_key *key = rounds->tune[tuned].key[0];
    int column = nl_csv_column(&results->csv, key->name), row = -1;
    for (int seed = 0; seed < results->seeds && row < 0; seed++)
        row = cell->row[seed];
    const char *value = column < 0 || row < 0 ? "" : nl_csv_field(&results->csv, row, column);
    if (!*value)
        return (struct nl_entry){.kind = NL_ENTRY_EMPTY};
    char *text = nl_key_is_number(key) ? nl_format("%.4g", nl_double_read(value, NULL)) : nl_strdup(value);
    struct nl_entry entry = {.kind = NL_ENTRY_WORD,
                             .raw = nl_strdup(value),
                             .text = nl_format("%s%s", text, nl_search_edge(rounds, tuned, value) ? " (edge)" : "")};
    free(text);
    return entry;
}

int nl_table_summary(const struct nl_results *results, const struct nl_experiment *experiment, struct nl_table *out,
                     struct nl_error *err)
{
    struct nl_table_builder m = {.results = results, .experiment = experiment, .out = out};
    if (nl_table_begin(&m, err))
        return NL_FAIL;
    for (int f = 0; f < results->factors; f++)
        nl_table_key_column(&m, f);
    const struct nl_rounds *rounds = &experiment->rounds;
    int chosen = rounds->choices ? rounds->tunes : 0;
    for (int i = 0; i < chosen; i++)
        nl_table_column(&m, NL_ENTRY_WORD, nl_strdup(nl_key_title(rounds->tune[i].key[0])),
                        rounds->tune[i].key[0]->name)
            ->right = true;
    struct nl_column *metric =
        nl_table_column(&m, NL_ENTRY_ESTIMATE, nl_table_title(&m), results->csv.name[m.metric.column]);
    metric->scale = m.measure.scale;
    metric->tested = true;
    nl_table_column(&m, NL_ENTRY_NUMBER, nl_strdup("n"), "n");
    bool failed = any_failed(&m);
    if (failed)
        nl_table_column(&m, NL_ENTRY_ESTIMATE, nl_strdup("of finished runs"), "finished")->scale = m.measure.scale;
    bool compared = any_baseline(&m);
    char *baseline = compared ? baseline_title(&m) : NULL;
    if (compared) {
        struct nl_column *column =
            nl_table_column(&m, NL_ENTRY_ESTIMATE, nl_format("minus %s, %s", baseline, m.measure.step), "difference");
        column->scale = m.measure.scale;
        column->sign = true;
        nl_table_column(&m, NL_ENTRY_NUMBER, nl_strdup("pairs"), "pairs");
    }
    nl_table_column(&m, NL_ENTRY_SHARE, nl_strdup("failed"), "failed");
    nl_table_column(&m, NL_ENTRY_SHARE, nl_strdup("diverged"), "diverged");

    int kind = nl_results_factor(results, "norm.kind");
    struct mark *mark = nl_alloc((size_t)m.view.methods, sizeof *mark);
    mark_best(&m, kind, mark);
    for (int method = 0; method < m.view.methods; method++) {
        const struct nl_cell *cell = nl_table_cell(&m, method), *base = nl_cell_baseline(results, experiment, cell);
        struct nl_estimate mean = nl_cell_mean(results, experiment, cell, &m.metric);
        struct nl_entry *entry = nl_table_row(&m);
        for (int f = 0; f < results->factors; f++)
            *entry++ = nl_key_entry(&m, cell, f);
        for (int i = 0; i < chosen; i++)
            *entry++ = chosen_entry(results, rounds, i, cell);
        *entry = nl_estimate_entry(&mean);
        set_mark(entry, &mark[method]);
        *++entry = (struct nl_entry){.kind = NL_ENTRY_NUMBER, .number = mean.n};
        if (failed) {
            struct nl_estimate finished = nl_cell_finished(results, experiment, cell, &m.metric);
            *++entry = nl_estimate_entry(&finished);
        }
        if (compared) {
            struct nl_estimate difference =
                nl_cell_difference(results, experiment, cell, base != cell ? base : NULL, &m.metric);
            *++entry = nl_estimate_entry(&difference);
            *++entry =
                (struct nl_entry){.kind = difference.n > 0 && !difference.first_n ? NL_ENTRY_NUMBER : NL_ENTRY_EMPTY,
                                  .number = difference.n};
        }
        *++entry = (struct nl_entry){.kind = NL_ENTRY_SHARE, .count = cell->failed, .of = cell->trials};
        *++entry = (struct nl_entry){.kind = NL_ENTRY_SHARE, .count = cell->diverged, .of = cell->trials};
    }
    free(mark);

    struct nl_text caption = {0};
    nl_table_mean_caption(&m, &caption);
    if (compared && results->seeds > 1)
        nl_text_add(&caption,
                    results->import
                        ? " The difference to %s has the CI of the paired t where both have the same seeds, "
                          "and that of Welch's t elsewhere."
                        : " The difference to %s is a mean over pairs of the same seed, with the CI of the "
                          "paired t.",
                    baseline);
    char *by = nl_tuned_by(rounds);
    const char *edge = rounds->tune_trials ? "in the outer eighth of the range searched, or outermost in a list"
                                           : "the smallest or the largest of the values tried";
    if (chosen)
        nl_text_add(&caption,
                    " %s was chosen for each row by %s of other seeds, without the test part; (edge): %s, so "
                    "that a better one may lie beyond.",
                    chosen == 1 ? "The value before the metric" : "What stands before the metric", by, edge);
    free(by);
    if (failed)
        nl_text_add(&caption,
                    " Failed: diverged, at chance, or ended with an error, with the exact %g %% CI of the share.",
                    100.0 * experiment->config.plot.level);
    add_best_caption(&caption, &m, "normalizer at this point");
    nl_table_leaks_caption(&m, &caption);
    out->caption = caption.at;
    free(baseline);
    nl_comparison_release(&m.view);
    return NL_OK;
}

/* Which factor makes the columns: -1 where none varies, -2 and an error where `across` does not. */
static int find_across(const struct nl_results *results, const char *across, struct nl_error *err)
{
    int kind = nl_results_factor(results, across ? across : "norm.kind"), fewest = kind;
    for (int f = 0; !across && kind >= 0 && results->factor[kind].values > NL_MANY && f < results->factors; f++)
        if (results->factor[f].values > 1 && results->factor[f].values < results->factor[fewest].values)
            fewest = f;
    if (kind >= 0 || !across)
        return kind >= 0 ? fewest : results->factors > 0 ? 0 : -1;
    struct nl_text keys = {0};
    for (int f = 0; f < results->factors; f++)
        nl_text_add(&keys, "%s%s", f ? ", " : "", results->factor[f].key->name);
    nl_fail(err, "'%s' does not vary in '%s': its columns can be %s", across, results->path,
            keys.at ? keys.at : "nothing, for it holds one cell");
    nl_text_release(&keys);
    return -2;
}

/* The method that is not placed yet whose levels come first in the order of the grid, column apart; -1: all are
 * placed. */
static int next_row(const struct nl_table_builder *m, int but, const bool *placed)
{
    int next = -1;
    for (int i = 0; i < m->view.methods; i++) {
        const int *level = nl_table_cell(m, i)->level, *least = next < 0 ? NULL : nl_table_cell(m, next)->level;
        int f = 0;
        while (least && f < m->results->factors && (f == but || level[f] == least[f]))
            f++;
        bool before = !least || (f < m->results->factors && level[f] != NL_INAPPLICABLE &&
                                 (least[f] == NL_INAPPLICABLE || level[f] < least[f]));
        if (!placed[i] && before)
            next = i;
    }
    return next;
}

int nl_table_grid(const struct nl_results *results, const struct nl_experiment *experiment, const char *across,
                  struct nl_table *out, struct nl_error *err)
{
    struct nl_table_builder m = {.results = results, .experiment = experiment, .out = out};
    int factor = find_across(results, across, err), kind = nl_results_factor(results, "norm.kind");
    int rivals = across || kind < 0 ? factor : kind; /* what is compared for the best, turned or not */
    if (factor < -1 || nl_table_begin(&m, err))
        return NL_FAIL;
    for (int f = 0; f < results->factors; f++)
        if (f != factor)
            nl_table_key_column(&m, f);

    /* columns in the order in which their level appears, rows likewise */
    int methods = m.view.methods, *level = nl_alloc((size_t)methods, sizeof *level), levels = 0;
    for (int method = 0; method < methods; method++) {
        int at = factor < 0 ? 0 : nl_table_cell(&m, method)->level[factor], i = 0;
        while (i < levels && level[i] != at)
            i++;
        if (i < levels)
            continue;
        level[levels++] = at;
        char *title = factor < 0              ? nl_table_title(&m)
                      : at == NL_INAPPLICABLE ? nl_strdup("-")
                                              : nl_cell_level_text(&m, nl_table_cell(&m, method), factor);
        const char *name = factor < 0              ? results->csv.name[m.metric.column]
                           : at == NL_INAPPLICABLE ? ""
                                                   : results->factor[factor].value[at];
        struct nl_column *column = nl_table_column(&m, NL_ENTRY_ESTIMATE, title, name);
        column->scale = m.measure.scale;
        column->failures = any_failed(&m);
        column->tested = true;
    }
    bool *placed = nl_alloc((size_t)methods, sizeof *placed), *in_group = nl_alloc((size_t)methods, sizeof *in_group);
    struct mark *mark = nl_alloc((size_t)methods, sizeof *mark);
    mark_best(&m, rivals, mark);
    for (int first; (first = next_row(&m, factor, placed)) >= 0;) {
        struct nl_entry *row = nl_table_row(&m), *entry = row;
        for (int f = 0; f < results->factors; f++)
            if (f != factor)
                *entry++ = nl_key_entry(&m, nl_table_cell(&m, first), f);
        find_group(&m, first, factor, in_group);
        for (int method = first; method < methods; method++) {
            if (!in_group[method])
                continue;
            const struct nl_cell *cell = nl_table_cell(&m, method);
            int i = 0;
            while (factor >= 0 && level[i] != cell->level[factor])
                i++;
            struct nl_estimate mean = nl_cell_mean(results, experiment, cell, &m.metric);
            entry[i] = nl_estimate_entry(&mean);
            set_mark(&entry[i], &mark[method]);
            entry[i].count = cell->failed;
            entry[i].of = cell->trials;
            entry[i].finished = nl_cell_finished(results, experiment, cell, &m.metric);
            placed[method] = true;
        }
    }
    free(placed);
    free(mark);
    free(in_group);
    free(level);

    struct nl_text caption = {0};
    nl_table_mean_caption(&m, &caption);
    if (any_failed(&m))
        nl_text_add(&caption,
                    " (k/n: a to b %%; m): k of n runs failed, with the exact %g %% CI of that share; m is the mean of "
                    "the others.",
                    100.0 * experiment->config.plot.level);
    if (factor >= 0 && strcmp(results->factor[factor].key->name, "norm.kind") != 0)
        nl_text_add(&caption, " Columns: %s.", nl_key_title(results->factor[factor].key));
    add_best_caption(&caption, &m, rivals == factor ? "of its row" : "normalizer at this point");
    nl_table_leaks_caption(&m, &caption);
    out->caption = caption.at;
    nl_comparison_release(&m.view);
    return NL_OK;
}
