/* Sheets from results. Best is marked where it is known: the paired interval of its difference to every other of the row
 * (in a summary: to the other normalizers at the same point) excludes 0, and none of its own runs failed. */
#include "stats/sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "norm/norm.h"
#include "stats/comparison.h"

struct maker {
    const struct nl_results *results;
    const struct nl_experiment *experiment;
    struct nl_sheet *out;
    struct nl_measure measure;
    int metric;              /* column of the table */
    struct nl_comparison view; /* every cell an arm, in the order of plot.order */
    int column_capacity, row_capacity;
};

static int begin(struct maker *m, struct nl_error *err)
{
    const char *metric = nl_metric_names[m->experiment->config.plot.metric];
    *m->out = (struct nl_sheet){.interval = m->experiment->config.plot.interval, .level = m->experiment->config.plot.level};
    m->metric = nl_table_column(&m->results->table, metric);
    nl_measure(metric, &m->measure);
    bool evaluated = false;
    for (int row = 0; m->metric >= 0 && row < m->results->table.rows; row++)
        evaluated |= *nl_table_field(&m->results->table, row, m->metric) != '\0';
    if (!evaluated)
        return nl_fail(err, "'%s' has no value of '%s': choose another plot.metric", m->results->path, metric);
    nl_comparison_make(m->results, m->experiment, -1, -1, &m->view);
    return NL_OK;
}

static const struct nl_cell *cell_at(const struct maker *m, int arm)
{
    return m->view.arm[arm].cell[0];
}

/* Takes over title. */
static struct nl_column *add_column(struct maker *m, char *title, const char *name)
{
    NL_GROW(m->out->column, m->out->columns, m->column_capacity);
    struct nl_column *column = &m->out->column[m->out->columns++];
    *column = (struct nl_column){.title = title, .name = nl_strdup(name), .right = true, .scale = 1};
    return column;
}

static void add_key_column(struct maker *m, int factor)
{
    const struct nl_key *key = m->results->factor[factor].key;
    struct nl_column *column = add_column(m, nl_strdup(nl_key_title(key)), key->name);
    column->right = key->type == NL_TYPE_INT || key->type == NL_TYPE_AUTO_INT || key->type == NL_TYPE_REAL;
    m->out->keys = m->out->columns;
}

static char *scaled_title(const struct maker *m)
{
    return nl_format("%s%s%s", m->measure.name, *m->measure.unit ? ", " : "", m->measure.unit);
}

/* All columns are there: the first entry of a new row. */
static struct nl_entry *add_row(struct maker *m)
{
    struct nl_sheet *sheet = m->out;
    if (sheet->rows == m->row_capacity) {
        m->row_capacity = m->row_capacity ? 2 * m->row_capacity : 16;
        sheet->entry = nl_realloc(sheet->entry, (size_t)m->row_capacity * (size_t)sheet->columns, sizeof *sheet->entry);
    }
    struct nl_entry *row = &sheet->entry[(size_t)sheet->rows++ * (size_t)sheet->columns];
    memset(row, 0, (size_t)sheet->columns * sizeof *row);
    return row;
}

static char *level_text(const struct nl_factor *factor, int level)
{
    const char *value = factor->value[level];
    if (strcmp(factor->key->name, "norm.kind") == 0)
        for (int i = 0; nl_norm_names[i]; i++)
            if (strcmp(nl_norm_names[i], value) == 0)
                return nl_strdup(nl_norms[i]->label);
    return factor->key->type == NL_TYPE_REAL ? nl_format("%.4g", nl_factor_number(factor, level)) : nl_strdup(value);
}

static struct nl_entry key_entry(const struct maker *m, const struct nl_cell *cell, int factor)
{
    int level = cell->level[factor];
    const struct nl_factor *from = &m->results->factor[factor];
    return level == NL_INAPPLICABLE ? (struct nl_entry){0}
                                    : (struct nl_entry){.kind = NL_ENTRY_WORD, .text = level_text(from, level),
                                                        .raw = nl_strdup(from->value[level])};
}

/* The estimate of the cell's metric, or (minus given) of its difference to that cell, paired by seed. */
static struct nl_estimate estimate(const struct maker *m, const struct nl_cell *cell, const struct nl_cell *minus)
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

static struct nl_entry estimate_entry(const struct nl_estimate *of)
{
    return (struct nl_entry){.kind = of->n > 0 ? NL_ENTRY_ESTIMATE : NL_ENTRY_EMPTY, .estimate = *of};
}

/* Whether cell beats all others of the group (in_group[arm]); one whose runs all failed is beaten. */
static bool is_best(const struct maker *m, const struct nl_cell *cell, const bool *in_group)
{
    int rivals = 0;
    if (cell->failed > 0)
        return false;
    for (int arm = 0; arm < m->view.arms; arm++) {
        const struct nl_cell *other = cell_at(m, arm);
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
static void find_group(const struct maker *m, int arm, int but, bool *in_group)
{
    for (int i = 0; i < m->view.arms; i++) {
        in_group[i] = true;
        for (int f = 0; f < m->results->factors; f++)
            in_group[i] &= f == but || cell_at(m, i)->level[f] == cell_at(m, arm)->level[f];
    }
}

static char *baseline_title(const struct maker *m)
{
    struct nl_text out = {0};
    const struct nl_match *baseline = &m->experiment->baseline;
    for (int k = 0; k < baseline->keys; k++) {
        struct nl_factor factor = {.key = baseline->key[k], .values = 1, .value = baseline->values[k].at};
        char *value = level_text(&factor, 0);
        bool kind = strcmp(factor.key->name, "norm.kind") == 0;
        nl_text_add(&out, "%s%s%s%s", k ? ", " : "", kind ? "" : nl_key_title(factor.key), kind ? "" : " ", value);
        free(value);
    }
    return out.at;
}

static bool any_baseline(const struct maker *m)
{
    for (int arm = 0; arm < m->view.arms; arm++) {
        const struct nl_cell *baseline = nl_cell_baseline(m->results, m->experiment, cell_at(m, arm));
        if (baseline && baseline != cell_at(m, arm))
            return true;
    }
    return false;
}

/* "Test error in %: mean over 8 seeds +- half its 95 % t interval." */
static void add_mean_caption(struct nl_text *out, const struct maker *m)
{
    const struct nl_config *config = &m->experiment->config;
    bool even = config->plot.interval == NL_INTERVAL_T;
    nl_text_add(out, "%c%s%s%s: ", m->measure.name[0] - 'a' + 'A', m->measure.name + 1, *m->measure.unit ? " in " : "", m->measure.unit);
    if (m->results->seeds == 1)
        nl_text_add(out, "one seed, so no interval.");
    else
        nl_text_add(out, "mean over %d seeds %s %g %% %s interval%s.", m->results->seeds, even ? "+- half its" : "with its",
                    100 * config->plot.level, even ? "t" : "bootstrap", even ? "" : " in brackets");
}

static bool any_failed(const struct maker *m)
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
        any |= sheet->entry[i].best;
    return any;
}

static void add_best_caption(struct nl_text *out, const struct maker *m, const char *rivals)
{
    if (any_best(m->out))
        nl_text_add(out, " Marked: better than every other %s, as the interval of each paired difference says; none of its runs failed.", rivals);
}

int nl_sheet_summary(const struct nl_results *results, const struct nl_experiment *experiment, struct nl_sheet *out, struct nl_error *err)
{
    struct maker m = {.results = results, .experiment = experiment, .out = out};
    if (begin(&m, err))
        return NL_FAIL;
    for (int f = 0; f < results->factors; f++)
        add_key_column(&m, f);
    add_column(&m, scaled_title(&m), results->table.name[m.metric])->scale = m.measure.scale;
    add_column(&m, nl_strdup("n"), "n");
    bool compared = any_baseline(&m);
    char *baseline = compared ? baseline_title(&m) : NULL;
    if (compared) {
        struct nl_column *column = add_column(&m, nl_format("minus %s, %s", baseline, m.measure.step), "difference");
        column->scale = m.measure.scale;
        column->sign = true;
    }
    add_column(&m, nl_strdup("failed"), "failed");
    add_column(&m, nl_strdup("diverged"), "diverged");

    int kind = nl_results_factor(results, "norm.kind");
    bool *in_group = nl_alloc((size_t)m.view.arms, sizeof *in_group);
    for (int arm = 0; arm < m.view.arms; arm++) {
        const struct nl_cell *cell = cell_at(&m, arm), *base = nl_cell_baseline(results, experiment, cell);
        struct nl_estimate mean = estimate(&m, cell, NULL);
        struct nl_entry *entry = add_row(&m);
        for (int f = 0; f < results->factors; f++)
            *entry++ = key_entry(&m, cell, f);
        *entry = estimate_entry(&mean);
        find_group(&m, arm, kind, in_group);
        entry->best = is_best(&m, cell, in_group);
        *++entry = (struct nl_entry){.kind = NL_ENTRY_NUMBER, .number = mean.n};
        if (compared) {
            entry++;
            if (base && base != cell) {
                struct nl_estimate difference = estimate(&m, cell, base);
                *entry = estimate_entry(&difference);
            }
        }
        *++entry = (struct nl_entry){.kind = NL_ENTRY_SHARE, .count = cell->failed, .of = cell->trials};
        *++entry = (struct nl_entry){.kind = NL_ENTRY_SHARE, .count = cell->diverged, .of = cell->trials};
    }
    free(in_group);

    struct nl_text caption = {0};
    add_mean_caption(&caption, &m);
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

static bool same_point(const struct maker *m, int a, int b, int but)
{
    for (int f = 0; f < m->results->factors; f++)
        if (f != but && cell_at(m, a)->level[f] != cell_at(m, b)->level[f])
            return false;
    return true;
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
    struct maker m = {.results = results, .experiment = experiment, .out = out};
    int factor = find_across(results, across, err);
    if (factor < -1 || begin(&m, err))
        return NL_FAIL;
    for (int f = 0; f < results->factors; f++)
        if (f != factor)
            add_key_column(&m, f);

    /* columns in the order in which their level appears, rows likewise */
    int arms = m.view.arms, *level = nl_alloc((size_t)arms, sizeof *level), levels = 0;
    for (int arm = 0; arm < arms; arm++) {
        int at = factor < 0 ? 0 : cell_at(&m, arm)->level[factor], i = 0;
        while (i < levels && level[i] != at)
            i++;
        if (i < levels)
            continue;
        level[levels++] = at;
        char *title = factor < 0 ? scaled_title(&m) : at == NL_INAPPLICABLE ? nl_strdup("-") : level_text(&results->factor[factor], at);
        const char *name = factor < 0 ? results->table.name[m.metric] : at == NL_INAPPLICABLE ? "" : results->factor[factor].value[at];
        add_column(&m, title, name)->scale = m.measure.scale;
    }
    bool *placed = nl_alloc((size_t)arms, sizeof *placed), *in_group = nl_alloc((size_t)arms, sizeof *in_group);
    for (int first = 0; first < arms; first++) {
        if (placed[first])
            continue;
        struct nl_entry *row = add_row(&m), *entry = row;
        for (int f = 0; f < results->factors; f++)
            if (f != factor)
                *entry++ = key_entry(&m, cell_at(&m, first), f);
        find_group(&m, first, factor, in_group);
        for (int arm = first; arm < arms; arm++) {
            if (!same_point(&m, first, arm, factor))
                continue;
            const struct nl_cell *cell = cell_at(&m, arm);
            int i = 0;
            while (factor >= 0 && level[i] != cell->level[factor])
                i++;
            struct nl_estimate mean = estimate(&m, cell, NULL);
            entry[i] = estimate_entry(&mean);
            entry[i].best = is_best(&m, cell, in_group);
            entry[i].text = cell->failed ? nl_format("(%d)", cell->failed) : NULL;
            placed[arm] = true;
        }
    }
    free(placed);
    free(in_group);
    free(level);

    struct nl_text caption = {0};
    add_mean_caption(&caption, &m);
    if (any_failed(&m))
        nl_text_add(&caption, " (k): k runs failed; diverged ones are in no mean.");
    add_best_caption(&caption, &m, "of its row");
    out->caption = caption.at;
    nl_comparison_release(&m.view);
    return NL_OK;
}

static struct nl_entry word(const char *text)
{
    return *text ? (struct nl_entry){.kind = NL_ENTRY_WORD, .text = nl_strdup(text), .raw = nl_strdup(text)} : (struct nl_entry){0};
}

int nl_sheet_trials(const struct nl_results *results, const struct nl_experiment *experiment, struct nl_sheet *out, struct nl_error *err)
{
    static const char *const parts[] = {"train", "val", "test"}, *const plain[] = {"trial", "train.seed", "status", "failed_step"};
    struct maker m = {.results = results, .experiment = experiment, .out = out};
    const struct nl_table *table = &results->table;
    if (begin(&m, err))
        return NL_FAIL;
    add_column(&m, nl_strdup("trial"), plain[0]);
    for (int f = 0; f < results->factors; f++)
        add_key_column(&m, f);
    add_column(&m, nl_strdup("seed"), plain[1]);
    m.out->keys = m.out->columns;
    add_column(&m, nl_strdup("status"), plain[2])->right = false;
    add_column(&m, nl_strdup("failed step"), plain[3]);
    int score[3], scores = 0;
    const char *kind = strchr(nl_metric_names[experiment->config.plot.metric], '_');
    for (int part = 0; part < 3; part++) {
        char *name = nl_format("%s%s", parts[part], kind);
        int column = nl_table_column(table, name);
        bool evaluated = false;
        for (int row = 0; column >= 0 && row < table->rows; row++)
            evaluated |= *nl_table_field(table, row, column) != '\0';
        if (evaluated) {
            nl_measure(name, &m.measure);
            add_column(&m, scaled_title(&m), name)->scale = m.measure.scale;
            score[scores++] = column;
        }
        free(name);
    }
    int place[4];
    for (int i = 0; i < 4; i++)
        place[i] = nl_table_column(table, plain[i]);
    for (int row = 0; row < table->rows; row++) {
        struct nl_entry *entry = add_row(&m);
        *entry++ = word(nl_table_field(table, row, place[0]));
        const struct nl_cell *cell = NULL;
        for (int i = 0; i < results->cells && !cell; i++)
            for (int s = 0; s < results->seeds; s++)
                if (results->cell[i].row[s] == row)
                    cell = &results->cell[i];
        for (int f = 0; f < results->factors; f++)
            *entry++ = key_entry(&m, cell, f);
        for (int i = 1; i < 4; i++)
            *entry++ = word(nl_table_field(table, row, place[i]));
        for (int i = 0; i < scores; i++) {
            *entry = (struct nl_entry){.kind = NL_ENTRY_NUMBER};
            nl_table_number(table, row, score[i], &entry->number, NULL);
            entry->kind = isnan(entry->number) ? NL_ENTRY_EMPTY : NL_ENTRY_NUMBER;
            entry++;
        }
    }
    out->caption = nl_strdup("Every trial, after its last step.");
    nl_comparison_release(&m.view);
    return NL_OK;
}

const struct nl_entry *nl_sheet_at(const struct nl_sheet *sheet, int row, int column)
{
    return &sheet->entry[(size_t)row * (size_t)sheet->columns + (size_t)column];
}

void nl_sheet_release(struct nl_sheet *sheet)
{
    for (int i = 0; i < sheet->rows * sheet->columns; i++) {
        free(sheet->entry[i].text);
        free(sheet->entry[i].raw);
    }
    for (int i = 0; i < sheet->columns; i++) {
        free(sheet->column[i].title);
        free(sheet->column[i].name);
    }
    free(sheet->entry);
    free(sheet->column);
    free(sheet->caption);
    *sheet = (struct nl_sheet){0};
}
