#include "stats/results.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "norm/norm.h"

static int find_text(char *const *list, int count, const char *text)
{
    for (int i = 0; i < count; i++)
        if (strcmp(list[i], text) == 0)
            return i;
    return -1;
}

static int add_text(char ***list, int *count, const char *text)
{
    int at = find_text(*list, *count, text);
    if (at >= 0)
        return at;
    *list = nl_realloc(*list, (size_t)*count + 1, sizeof **list);
    (*list)[*count] = nl_strdup(text);
    return (*count)++;
}

/* The varied keys stand between `trial` and `status`, train.seed the last of them. */
static int find_factors(struct nl_results *results, int *seed, struct nl_error *err)
{
    const struct nl_table *table = &results->table;
    int first;
    if (nl_table_need(table, "trial", &first, err) != NL_OK || nl_table_need(table, "status", &results->status, err) != NL_OK ||
        nl_table_need(table, "train.seed", seed, err) != NL_OK ||
        nl_table_need(table, "failed_step", &results->failed_step, err) != NL_OK)
        return NL_FAIL;
    results->factor = nl_alloc((size_t)table->columns, sizeof *results->factor);
    for (int column = first + 1; column < results->status; column++) {
        if (column == *seed)
            continue;
        const struct nl_key *key = nl_key_find(table->name[column]);
        if (!key)
            return nl_fail(err, "%s:1: column '%s' is no key of a configuration: the file was written by another version",
                           table->path, table->name[column]);
        results->factor[results->factors++] = (struct nl_factor){.key = key, .column = column};
    }
    return NL_OK;
}

static struct nl_cell *cell_of(struct nl_results *results, const int *level)
{
    size_t bytes = (size_t)results->factors * sizeof *level;
    for (int i = 0; i < results->cells; i++)
        if (memcmp(results->cell[i].level, level, bytes) == 0)
            return &results->cell[i];
    results->cell = nl_realloc(results->cell, (size_t)results->cells + 1, sizeof *results->cell);
    struct nl_cell *cell = &results->cell[results->cells++];
    *cell = (struct nl_cell){.level = nl_alloc((size_t)results->factors, sizeof *level),
                             .row = nl_alloc((size_t)results->seeds, sizeof *cell->row)};
    memcpy(cell->level, level, bytes);
    for (int i = 0; i < results->seeds; i++)
        cell->row[i] = -1;
    return cell;
}

static int place_row(struct nl_results *results, int row, int seed, int *level, struct nl_error *err)
{
    const struct nl_table *table = &results->table;
    for (int i = 0; i < results->factors; i++) {
        struct nl_factor *factor = &results->factor[i];
        const char *text = nl_table_field(table, row, factor->column);
        level[i] = *text ? add_text(&factor->value, &factor->values, text) : NL_INAPPLICABLE;
    }
    struct nl_cell *cell = cell_of(results, level);
    int at = find_text(results->seed, results->seeds, nl_table_field(table, row, seed));
    if (cell->row[at] >= 0)
        return nl_fail(err, "%s:%d: the same trial as in line %d", table->path, table->line[row], table->line[cell->row[at]]);
    const char *status = nl_table_field(table, row, results->status);
    bool diverged = strcmp(status, "diverged") == 0, dead = strcmp(status, "dead") == 0;
    if (!diverged && !dead && strcmp(status, "done") != 0 && strcmp(status, "error") != 0)
        return nl_fail(err, "%s:%d: unknown status '%s'", table->path, table->line[row], status);
    cell->row[at] = row;
    cell->trials++;
    cell->diverged += diverged;
    cell->dead += dead;
    cell->failed += strcmp(status, "done") != 0;
    return NL_OK;
}

int nl_results_load(const char *folder, const struct nl_experiment *experiment, struct nl_results *out, struct nl_error *err)
{
    *out = (struct nl_results){.path = nl_path_join(folder, "trials.csv"), .base_norm = experiment->config.norm.kind};
    int seed = -1;
    int status = nl_table_read(out->path, &out->table, err);
    if (status == NL_OK)
        status = find_factors(out, &seed, err);
    if (status == NL_OK && out->table.rows == 0)
        status = nl_fail(err, "'%s' holds no trial: nothing to summarize", out->path);
    for (int row = 0; status == NL_OK && row < out->table.rows; row++)
        add_text(&out->seed, &out->seeds, nl_table_field(&out->table, row, seed));
    int *level = nl_alloc((size_t)out->factors, sizeof *level);
    for (int row = 0; status == NL_OK && row < out->table.rows; row++)
        status = place_row(out, row, seed, level, err);
    free(level);
    for (int column = 0; status == NL_OK && column < out->table.columns; column++) { /* so that later reads cannot fail */
        struct nl_measure measure;
        double value;
        bool measured = nl_measure(out->table.name[column], &measure);
        for (int row = 0; measured && status == NL_OK && row < out->table.rows; row++)
            status = nl_table_number(&out->table, row, column, &value, err);
    }
    if (status != NL_OK)
        nl_results_release(out);
    return status;
}

void nl_results_release(struct nl_results *results)
{
    for (int i = 0; i < results->factors; i++) {
        for (int j = 0; j < results->factor[i].values; j++)
            free(results->factor[i].value[j]);
        free(results->factor[i].value);
    }
    for (int i = 0; i < results->seeds; i++)
        free(results->seed[i]);
    for (int i = 0; i < results->cells; i++) {
        free(results->cell[i].level);
        free(results->cell[i].row);
    }
    free(results->factor);
    free(results->seed);
    free(results->cell);
    free(results->path);
    nl_table_release(&results->table);
    *results = (struct nl_results){0};
}

int nl_results_factor(const struct nl_results *results, const char *key)
{
    for (int i = 0; i < results->factors; i++)
        if (strcmp(results->factor[i].key->name, key) == 0)
            return i;
    return -1;
}

int nl_cell_norm(const struct nl_results *results, const struct nl_cell *cell)
{
    int factor = nl_results_factor(results, "norm.kind");
    if (factor < 0 || cell->level[factor] == NL_INAPPLICABLE)
        return results->base_norm;
    const char *name = results->factor[factor].value[cell->level[factor]];
    for (int i = 0; nl_norm_names[i]; i++)
        if (strcmp(nl_norm_names[i], name) == 0)
            return i;
    return results->base_norm;
}

double nl_factor_number(const struct nl_factor *factor, int level)
{
    return level == NL_INAPPLICABLE ? NAN : nl_double_read(factor->value[level], NULL);
}

void nl_cell_values(const struct nl_results *results, const struct nl_cell *cell, int column, double *out)
{
    for (int i = 0; i < results->seeds; i++) {
        out[i] = NAN;
        if (!cell || column < 0 || cell->row[i] < 0)
            continue;
        const char *status = nl_table_field(&results->table, cell->row[i], results->status);
        if (strcmp(status, "done") == 0 || strcmp(status, "dead") == 0)
            nl_table_number(&results->table, cell->row[i], column, &out[i], NULL);
    }
}

/* Whether cell `other` is the baseline's counterpart of `cell`: the baseline's keys have its values, the others are equal
 * or do not apply to the baseline. */
static bool is_counterpart(const struct nl_results *results, const struct nl_match *baseline, const struct nl_cell *cell,
                           const struct nl_cell *other)
{
    for (int i = 0; i < results->factors; i++) {
        const struct nl_factor *factor = &results->factor[i];
        int named = -1;
        for (int k = 0; k < baseline->keys; k++)
            if (baseline->key[k] == factor->key)
                named = k;
        if (named >= 0) {
            const struct nl_word_list *legal = &baseline->values[named];
            if (other->level[i] == NL_INAPPLICABLE || find_text(legal->at, legal->count, factor->value[other->level[i]]) < 0)
                return false;
        } else if (other->level[i] != cell->level[i] && other->level[i] != NL_INAPPLICABLE) {
            return false;
        }
    }
    return true;
}

const struct nl_cell *nl_cell_baseline(const struct nl_results *results, const struct nl_experiment *experiment,
                                       const struct nl_cell *cell)
{
    const struct nl_cell *found = NULL;
    for (int i = 0; experiment->has_baseline && i < results->cells; i++) {
        if (!is_counterpart(results, &experiment->baseline, cell, &results->cell[i]))
            continue;
        if (found)
            return NULL;
        found = &results->cell[i];
    }
    return found;
}

bool nl_measure(const char *column, struct nl_measure *out)
{
    static const char *const parts[] = {"train", "val", "test"}, *const titles[] = {"training", "validation", "test"},
                             *const kinds[] = {"loss", "accuracy", "error"}, *const suffixes[] = {"", "_batch", "_precise"};
    for (int part = 0; part < 3; part++)
        for (int kind = 0; kind < 3; kind++)
            for (int suffix = 0; suffix < 3; suffix++) {
                char name[64];
                snprintf(name, sizeof name, "%s_%s%s", parts[part], kinds[kind], suffixes[suffix]);
                if (strcmp(name, column) != 0)
                    continue;
                bool share = kind != 0;
                *out = (struct nl_measure){.unit = share ? "%" : "", .step = share ? "points" : "nats",
                                           .scale = share ? 100.0 : 1.0, .worse = kind == 1 ? -1 : 1, .error = kind == 2};
                snprintf(out->name, sizeof out->name, "%s %s", titles[part], kinds[kind]);
                return true;
            }
    return false;
}
