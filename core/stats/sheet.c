/* Sheets from results. Best is marked where it is known: the paired interval of its difference to every other of the row (in a summary:
 * to the other normalizers at the same point) excludes 0, and none of its own runs failed. As every difference must, their number
 * needs no adjustment (an intersection-union test). */
#include <stdlib.h>
#include <string.h>

#include "stats/sheet_maker.h"

/* The estimate of the cell's metric, or (minus given) of its difference to that cell, paired by seed. */
static struct nl_estimate estimate(const struct nl_maker *m, const struct nl_cell *cell, const struct nl_cell *minus)
{
    int seeds = m->results->seeds;
    double *values = nl_alloc((size_t)seeds, 2 * sizeof *values), *other = values + seeds;
    nl_cell_values(m->results, cell, m->metric, values);
    if (minus)
        nl_cell_values(m->results, minus, m->metric, other);
    for (int i = 0; i < seeds; i++)
        values[i] -= other[i];
    struct nl_estimate out = nl_estimate(values, seeds, m->experiment->config.plot.interval, m->experiment->config.plot.level);
    free(values);
    return out;
}

/* Whether cell beats all others of the group (in_group[arm]); one whose runs all failed is beaten. */
static bool is_best(const struct nl_maker *m, const struct nl_cell *cell, const bool *in_group)
{
    int rivals = 0;
    if (cell->failed > 0)
        return false;
    for (int arm = 0; arm < m->view.arms; arm++) {
        const struct nl_cell *other = nl_maker_cell(m, arm);
        if (!in_group[arm] || other == cell)
            continue;
        rivals++;
        struct nl_estimate difference = estimate(m, cell, other);
        bool beaten = m->measure.worse > 0 ? difference.upper < 0 : difference.lower > 0; /* NaN: not known */
        if (!beaten && !(other->trials > 0 && other->failed == other->trials))
            return false;
    }
    return rivals > 0;
}

/* Arms with arm's levels in all factors but one. */
static void find_group(const struct nl_maker *m, int arm, int but, bool *in_group)
{
    for (int i = 0; i < m->view.arms; i++) {
        in_group[i] = true;
        for (int f = 0; f < m->results->factors; f++)
            in_group[i] &= f == but || nl_maker_cell(m, i)->level[f] == nl_maker_cell(m, arm)->level[f];
    }
}

static char *baseline_title(const struct nl_maker *m)
{
    struct nl_text out = {0};
    const struct nl_match *baseline = &m->experiment->baseline;
    for (int k = 0; k < baseline->keys; k++) {
        struct nl_factor factor = {.key = baseline->key[k], .values = 1, .value = baseline->values[k].at};
        char *value = nl_level_text(&factor, 0);
        bool kind = strcmp(factor.key->name, "norm.kind") == 0;
        nl_text_add(&out, "%s%s%s%s", k ? ", " : "", kind ? "" : nl_key_title(factor.key), kind ? "" : " ", value);
        free(value);
    }
    return out.at;
}

static bool any_baseline(const struct nl_maker *m)
{
    for (int arm = 0; arm < m->view.arms; arm++) {
        const struct nl_cell *baseline = nl_cell_baseline(m->results, m->experiment, nl_maker_cell(m, arm));
        if (baseline && baseline != nl_maker_cell(m, arm))
            return true;
    }
    return false;
}

static bool any_failed(const struct nl_maker *m)
{
    bool any = false;
    for (int i = 0; i < m->results->cells; i++)
        any |= m->results->cell[i].failed > 0;
    return any;
}

static bool any_best(const struct nl_sheet *sheet)
{
    bool any = false;
    for (int i = 0; i < sheet->rows * sheet->columns; i++)
        any |= sheet->entry[i].marked;
    return any;
}

static void add_best_caption(struct nl_text *out, const struct nl_maker *m, const char *rivals)
{
    if (any_best(m->out))
        nl_text_add(out, " Marked: none of its runs failed, and every other %s is worse, as the interval of the paired difference says, or failed in every run.",
                    rivals);
}

int nl_sheet_summary(const struct nl_results *results, const struct nl_experiment *experiment, struct nl_sheet *out, struct nl_error *err)
{
    struct nl_maker m = {.results = results, .experiment = experiment, .out = out};
    if (nl_maker_begin(&m, err))
        return NL_FAIL;
    for (int f = 0; f < results->factors; f++)
        nl_maker_key_column(&m, f);
    nl_maker_column(&m, NL_ENTRY_ESTIMATE, nl_maker_title(&m), results->table.name[m.metric])->scale = m.measure.scale;
    nl_maker_column(&m, NL_ENTRY_NUMBER, nl_strdup("n"), "n");
    bool compared = any_baseline(&m);
    char *baseline = compared ? baseline_title(&m) : NULL;
    if (compared) {
        struct nl_column *column = nl_maker_column(&m, NL_ENTRY_ESTIMATE, nl_format("minus %s, %s", baseline, m.measure.step), "difference");
        column->scale = m.measure.scale;
        column->sign = true;
    }
    nl_maker_column(&m, NL_ENTRY_SHARE, nl_strdup("failed"), "failed");
    nl_maker_column(&m, NL_ENTRY_SHARE, nl_strdup("diverged"), "diverged");

    int kind = nl_results_factor(results, "norm.kind");
    bool *in_group = nl_alloc((size_t)m.view.arms, sizeof *in_group);
    for (int arm = 0; arm < m.view.arms; arm++) {
        const struct nl_cell *cell = nl_maker_cell(&m, arm), *base = nl_cell_baseline(results, experiment, cell);
        struct nl_estimate mean = estimate(&m, cell, NULL);
        struct nl_entry *entry = nl_maker_row(&m);
        for (int f = 0; f < results->factors; f++)
            *entry++ = nl_key_entry(&m, cell, f);
        *entry = nl_estimate_entry(&mean);
        find_group(&m, arm, kind, in_group);
        entry->marked = is_best(&m, cell, in_group);
        *++entry = (struct nl_entry){.kind = NL_ENTRY_NUMBER, .number = mean.n};
        if (compared) {
            entry++;
            if (base && base != cell) {
                struct nl_estimate difference = estimate(&m, cell, base);
                *entry = nl_estimate_entry(&difference);
            }
        }
        *++entry = (struct nl_entry){.kind = NL_ENTRY_SHARE, .count = cell->failed, .of = cell->trials};
        *++entry = (struct nl_entry){.kind = NL_ENTRY_SHARE, .count = cell->diverged, .of = cell->trials};
    }
    free(in_group);

    struct nl_text caption = {0};
    nl_maker_mean_caption(&m, &caption);
    if (compared && results->seeds > 1)
        nl_text_add(&caption, " The difference to %s is paired by seed, with the same interval.", baseline);
    if (any_failed(&m))
        nl_text_add(&caption, " Failed: diverged, dead (near chance) or stopped by an error; diverged runs are in no mean, dead ones are.");
    add_best_caption(&caption, &m, "normalizer at this point");
    out->caption = caption.at;
    free(baseline);
    nl_comparison_release(&m.view);
    return NL_OK;
}

/* Which factor makes the columns: -1 where none varies, -2 and an error where `across` does not. */
static int find_across(const struct nl_results *results, const char *across, struct nl_error *err)
{
    int kind = nl_results_factor(results, across ? across : "norm.kind");
    if (kind >= 0 || !across)
        return kind >= 0 ? kind : results->factors > 0 ? 0 : -1;
    struct nl_text keys = {0};
    for (int f = 0; f < results->factors; f++)
        nl_text_add(&keys, "%s%s", f ? ", " : "", results->factor[f].key->name);
    nl_fail(err, "'%s' does not vary in '%s': its columns can be %s", across, results->path, keys.at ? keys.at : "nothing, for it holds one cell");
    nl_text_release(&keys);
    return -2;
}

int nl_sheet_grid(const struct nl_results *results, const struct nl_experiment *experiment, const char *across, struct nl_sheet *out,
                  struct nl_error *err)
{
    struct nl_maker m = {.results = results, .experiment = experiment, .out = out};
    int factor = find_across(results, across, err);
    if (factor < -1 || nl_maker_begin(&m, err))
        return NL_FAIL;
    for (int f = 0; f < results->factors; f++)
        if (f != factor)
            nl_maker_key_column(&m, f);

    /* columns in the order in which their level appears, rows likewise */
    int arms = m.view.arms, *level = nl_alloc((size_t)arms, sizeof *level), levels = 0;
    for (int arm = 0; arm < arms; arm++) {
        int at = factor < 0 ? 0 : nl_maker_cell(&m, arm)->level[factor], i = 0;
        while (i < levels && level[i] != at)
            i++;
        if (i < levels)
            continue;
        level[levels++] = at;
        char *title = factor < 0 ? nl_maker_title(&m) : at == NL_INAPPLICABLE ? nl_strdup("-") : nl_level_text(&results->factor[factor], at);
        const char *name = factor < 0 ? results->table.name[m.metric] : at == NL_INAPPLICABLE ? "" : results->factor[factor].value[at];
        nl_maker_column(&m, NL_ENTRY_ESTIMATE, title, name)->scale = m.measure.scale;
    }
    bool *placed = nl_alloc((size_t)arms, sizeof *placed), *in_group = nl_alloc((size_t)arms, sizeof *in_group);
    for (int first = 0; first < arms; first++) {
        if (placed[first])
            continue;
        struct nl_entry *row = nl_maker_row(&m), *entry = row;
        for (int f = 0; f < results->factors; f++)
            if (f != factor)
                *entry++ = nl_key_entry(&m, nl_maker_cell(&m, first), f);
        find_group(&m, first, factor, in_group);
        for (int arm = first; arm < arms; arm++) {
            if (!in_group[arm])
                continue;
            const struct nl_cell *cell = nl_maker_cell(&m, arm);
            int i = 0;
            while (factor >= 0 && level[i] != cell->level[factor])
                i++;
            struct nl_estimate mean = estimate(&m, cell, NULL);
            entry[i] = nl_estimate_entry(&mean);
            entry[i].marked = is_best(&m, cell, in_group);
            entry[i].text = cell->failed ? nl_format("(%d)", cell->failed) : NULL;
            placed[arm] = true;
        }
    }
    free(placed);
    free(in_group);
    free(level);

    struct nl_text caption = {0};
    nl_maker_mean_caption(&m, &caption);
    if (any_failed(&m))
        nl_text_add(&caption, " (k): k runs failed; diverged ones are in no mean.");
    if (factor >= 0 && strcmp(results->factor[factor].key->name, "norm.kind") != 0)
        nl_text_add(&caption, " Columns: %s.", nl_key_title(results->factor[factor].key));
    add_best_caption(&caption, &m, "of its row");
    out->caption = caption.at;
    nl_comparison_release(&m.view);
    return NL_OK;
}
