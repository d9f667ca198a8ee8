/* The table at the end of a sweep: plot.metric for each normalizer (columns) at each point of the other axes (rows). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "cmd.h"
#include "stats/table.h"

/* Words in order of first appearance. */
struct words {
    int count, capacity;
    char **at;
};

static int place_of(struct words *words, const char *word)
{
    for (int i = 0; i < words->count; i++)
        if (strcmp(words->at[i], word) == 0)
            return i;
    NL_GROW(words->at, words->count, words->capacity);
    words->at[words->count] = nl_strdup(word);
    return words->count++;
}

static void release_words(struct words *words)
{
    for (int i = 0; i < words->count; i++)
        free(words->at[i]);
    free(words->at);
}

struct grid_table {
    struct words row, column;
    int cells, capacity;
    struct entry {
        int row, column;
        char *text;
    } *cell;
};

static bool is_share(const char *metric)
{
    return strstr(metric, "loss") == NULL;
}

/* The varied keys are the columns before "metric"; norm.kind, if it is one, makes the columns of the table. */
static int arm_column(const struct nl_table *table)
{
    int kind = nl_table_column(table, "norm.kind");
    return kind >= 0 ? kind : 0;
}

static char *row_label(const struct nl_table *table, int row, int keys, int arm)
{
    struct nl_text out = {0};
    for (int k = 0; k < keys; k++) {
        const char *value = nl_table_field(table, row, k);
        if (k != arm)
            nl_text_add(&out, "%s%s=%s", out.length ? " " : "", table->name[k], *value ? value : "-");
    }
    return out.at ? out.at : nl_strdup("");
}

static int number(const struct nl_table *table, int row, const char *name, double *out, struct nl_error *err)
{
    int column;
    if (nl_table_need(table, name, &column, err))
        return NL_FAIL;
    return nl_table_number(table, row, column, out, err);
}

/* "2.31 +-0.40", "2.31 [1.98, 2.80]" for intervals that need not be even, "(3)" behind: failed runs. NULL on error. */
static char *cell_text(const struct nl_table *table, int row, bool share, bool even, struct nl_error *err)
{
    double mean, lower, upper, failed, scale = share ? 100 : 1;
    if (number(table, row, "mean", &mean, err) || number(table, row, "lower", &lower, err) ||
        number(table, row, "upper", &upper, err) || number(table, row, "failed", &failed, err))
        return NULL;
    struct nl_text out = {0};
    const char *format = share ? "%.2f" : "%.4g";
    if (isnan(mean))
        nl_text_add(&out, "-");
    else
        nl_text_add(&out, format, scale * mean);
    if (!isnan(lower) && even) {
        nl_text_add(&out, " +-");
        nl_text_add(&out, share ? "%.2f" : "%.2g", scale * (upper - lower) / 2);
    } else if (!isnan(lower)) {
        nl_text_add(&out, " [");
        nl_text_add(&out, format, scale * lower);
        nl_text_add(&out, ", ");
        nl_text_add(&out, format, scale * upper);
        nl_text_add(&out, "]");
    }
    if (failed > 0)
        nl_text_add(&out, " (%.0f)", failed);
    return out.at;
}

static int collect(const struct nl_table *table, const struct nl_experiment *experiment, struct grid_table *out, struct nl_error *err)
{
    int keys, arm = arm_column(table), status = NL_OK;
    if (nl_table_need(table, "metric", &keys, err))
        return NL_FAIL;
    const char *metric = nl_metric_names[experiment->config.plot.metric];
    for (int row = 0; row < table->rows && status == NL_OK; row++) {
        if (strcmp(nl_table_field(table, row, keys), metric) != 0)
            continue;
        char *label = row_label(table, row, keys, arm);
        char *text = cell_text(table, row, is_share(metric), experiment->config.plot.interval == NL_INTERVAL_T, err);
        if (text) {
            NL_GROW(out->cell, out->cells, out->capacity);
            out->cell[out->cells++] = (struct entry){
                .row = place_of(&out->row, label),
                .column = place_of(&out->column, keys > 0 ? nl_table_field(table, row, arm) : ""),
                .text = text,
            };
        } else {
            status = NL_FAIL;
        }
        free(label);
    }
    return status;
}

static const char *text_at(const struct grid_table *table, int row, int column)
{
    for (int i = 0; i < table->cells; i++)
        if (table->cell[i].row == row && table->cell[i].column == column)
            return table->cell[i].text;
    return "";
}

static void print_caption(const struct nl_experiment *experiment)
{
    const char *metric = nl_metric_names[experiment->config.plot.metric];
    printf("%s%s", metric, is_share(metric) ? " in %" : "");
    if (experiment->seeds > 1)
        printf(": mean over %d seeds with its %g %% interval (%s)", experiment->seeds, 100 * experiment->config.plot.level,
               nl_interval_names[experiment->config.plot.interval]);
    printf("; (k): k runs failed, diverged ones are in no mean\n\n");
}

static void print_table(const struct grid_table *table, const struct nl_experiment *experiment)
{
    size_t first = 0, width[table->column.count ? table->column.count : 1];
    for (int r = 0; r < table->row.count; r++)
        first = strlen(table->row.at[r]) > first ? strlen(table->row.at[r]) : first;
    for (int c = 0; c < table->column.count; c++)
        width[c] = strlen(table->column.at[c]);
    for (int i = 0; i < table->cells; i++) {
        size_t length = strlen(table->cell[i].text);
        if (length > width[table->cell[i].column])
            width[table->cell[i].column] = length;
    }
    print_caption(experiment);
    printf("%-*s", (int)first, "");
    for (int c = 0; c < table->column.count; c++)
        printf("  %-*s", (int)width[c], table->column.at[c]);
    putchar('\n');
    for (int r = 0; r < table->row.count; r++) {
        printf("%-*s", (int)first, table->row.at[r]);
        for (int c = 0; c < table->column.count; c++)
            printf("  %-*s", (int)width[c], text_at(table, r, c));
        putchar('\n');
    }
}

int print_summary(const char *folder, const struct nl_experiment *experiment, struct nl_error *err)
{
    char *path = nl_path_join(folder, "summary.csv");
    struct nl_table file;
    struct grid_table table = {0};
    int status = nl_table_read(path, &file, err);
    free(path);
    if (status)
        return NL_FAIL;
    status = collect(&file, experiment, &table, err);
    if (status == NL_OK)
        print_table(&table, experiment);
    for (int i = 0; i < table.cells; i++)
        free(table.cell[i].text);
    free(table.cell);
    release_words(&table.row);
    release_words(&table.column);
    nl_table_release(&file);
    return status;
}
