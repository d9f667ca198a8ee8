/* Adds titles, columns, rows and cells to a table. */
#include "stats/table_builder.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/value.h"
#include "norm/norm.h"
#include "stats/answer.h"

int nl_table_begin(struct nl_table_builder *m, struct nl_error *err)
{
    const char *metric = nl_metric_names[m->experiment->config.plot.metric];
    *m->out = (struct nl_table){.interval = nl_interval_of(&m->experiment->config),
                                .level = m->experiment->config.plot.level};
    m->metric = nl_metric_column(m->results, metric);
    m->measure = m->metric.measure;
    int survivors = 0,
        values = 0; /* a diverged trial has no score: without any other that is the result, not a wrong question */
    for (int i = 0; i < m->results->cells; i++)
        survivors += m->results->cell[i].trials - m->results->cell[i].failed + m->results->cell[i].dead;
    for (int row = 0; m->metric.column >= 0 && row < m->results->csv.rows; row++)
        values += *nl_csv_field(&m->results->csv, row, m->metric.column) != '\0';
    if (m->metric.column < 0 || (survivors > 0 && values == 0))
        return nl_fail(err, "'%s' has no value of '%s': choose another plot.metric", m->results->path, metric);
    nl_comparison_make(m->results, m->experiment, -1, -1, &m->view);
    return NL_OK;
}

const struct nl_cell *nl_table_cell(const struct nl_table_builder *m, int method)
{
    return m->view.method[method].cell[0];
}

struct nl_column *nl_table_column(struct nl_table_builder *m, enum nl_entry_kind kind, char *title, const char *name)
{
    NL_GROW(m->out->column, m->out->columns, m->column_capacity);
    struct nl_column *column = &m->out->column[m->out->columns++];
    *column = (struct nl_column){.kind = kind, .title = title, .name = nl_strdup(name), .right = true, .scale = 1};
    return column;
}

void nl_table_key_column(struct nl_table_builder *m, int factor)
{
    const struct nl_key *key = m->results->factor[factor].key;
    struct nl_column *column = nl_table_column(m, NL_ENTRY_WORD, nl_strdup(nl_key_title(key)), key->name);
    column->right = nl_key_is_number(key);
    m->out->keys = m->out->columns;
}

char *nl_table_title(const struct nl_table_builder *m)
{
    return nl_format("%s%s%s", m->measure.name, *m->measure.unit ? ", " : "", m->measure.unit);
}

struct nl_entry *nl_table_row(struct nl_table_builder *m)
{
    struct nl_table *table = m->out;
    if (table->rows == m->row_capacity) {
        m->row_capacity = m->row_capacity ? 2 * m->row_capacity : 16;
        table->entry = nl_realloc(table->entry, (size_t)m->row_capacity * (size_t)table->columns, sizeof *table->entry);
    }
    struct nl_entry *row = &table->entry[(size_t)table->rows++ * (size_t)table->columns];
    memset(row, 0, (size_t)table->columns * sizeof *row);
    return row;
}

char *nl_level_text(const struct nl_table_builder *m, const struct nl_factor *factor, int level)
{
    const char *value = factor->value[level];
    if (strcmp(factor->key->name, "norm.kind") == 0)
        return nl_strdup(nl_norm_label(&m->experiment->config, value));
    return factor->key->type == NL_TYPE_REAL ? nl_format("%.4g", nl_factor_number(factor, level)) : nl_strdup(value);
}

char *nl_cell_level_text(const struct nl_table_builder *m, const struct nl_cell *cell, int factor)
{
    const struct nl_factor *from = &m->results->factor[factor];
    char *text = nl_level_text(m, from, cell->level[factor]);
    if (strcmp(from->key->name, "norm.kind") != 0 || !nl_cell_leaks(m->results, m->experiment, cell))
        return text;
    char *marked = nl_format("%s%s", text, NL_LEAKS_MARK);
    free(text);
    return marked;
}

struct nl_entry nl_key_entry(const struct nl_table_builder *m, const struct nl_cell *cell, int factor)
{
    int level = cell->level[factor];
    const struct nl_factor *from = &m->results->factor[factor];
    return level == NL_INAPPLICABLE ? (struct nl_entry){0}
                                    : (struct nl_entry){.kind = NL_ENTRY_WORD,
                                                        .text = nl_cell_level_text(m, cell, factor),
                                                        .raw = nl_strdup(from->value[level])};
}

struct nl_entry nl_estimate_entry(const struct nl_estimate *of)
{
    return (struct nl_entry){.kind = of->n > 0 ? NL_ENTRY_ESTIMATE : NL_ENTRY_EMPTY, .estimate = *of};
}

void nl_table_leaks_caption(const struct nl_table_builder *m, struct nl_text *out)
{
    const char *leaks = nl_results_leaks(m->results, m->experiment);
    if (leaks)
        nl_text_add(out, " %s", leaks);
}

void nl_table_mean_caption(const struct nl_table_builder *m, struct nl_text *out)
{
    const struct nl_results *results = m->results;
    struct nl_runs runs = nl_results_runs(results);
    if (results->missing > 0)
        nl_text_add(out, "INCOMPLETE: trials missing: %d of %d. ", results->missing, results->planned);
    nl_table_caption_over(m, out, runs.least, runs.most);
    if (runs.diverged > 0)
        nl_text_add(out, m->measure.share ? " A diverged run counts at chance." : " A diverged run enters no mean.");
}

void nl_table_caption_over(const struct nl_table_builder *m, struct nl_text *out, int least, int most)
{
    const struct nl_config *config = &m->experiment->config;
    nl_text_add(out, "%c%s%s%s", m->measure.name[0] - 'a' + 'A', m->measure.name + 1, *m->measure.unit ? " in " : "",
                m->measure.unit);
    if (most < 2) {
        nl_text_add(out, ": one seed, so no interval.");
        return;
    }
    nl_text_add(out, least < most ? ": mean of %d to %d seeds" : ": mean of %d seeds", least, most);
    nl_text_add(out, " with its %g %% CI (", 100 * config->plot.level);
    nl_say_interval(out, config, &m->metric, most);
    nl_text_add(out, ").");
}

const struct nl_entry *nl_table_at(const struct nl_table *table, int row, int column)
{
    return &table->entry[(size_t)row * (size_t)table->columns + (size_t)column];
}

void nl_table_release(struct nl_table *table)
{
    for (int i = 0; i < table->rows * table->columns; i++) {
        free(table->entry[i].text);
        free(table->entry[i].raw);
    }
    for (int i = 0; i < table->columns; i++) {
        free(table->column[i].title);
        free(table->column[i].name);
    }
    free(table->entry);
    free(table->column);
    free(table->caption);
    *table = (struct nl_table){0};
}
