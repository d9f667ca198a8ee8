/* Tables for programs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/json.h"
#include "config/value.h"
#include "stats/distribution.h"
#include "stats/table.h"

static bool any_estimate(const struct nl_table *table)
{
    bool any = false;
    for (int c = 0; c < table->columns; c++)
        any |= table->column[c].kind == NL_ENTRY_ESTIMATE;
    return any;
}

static void add_csv_names(struct nl_text *out, const char *name, const char *about, bool share)
{
    char *whole = nl_format("%s%s", name, about);
    nl_csv_add(out, whole);
    nl_text_add(out, share ? ",%s_of,%s_lower,%s_upper" : ",%s_lower,%s_upper", whole, whole, whole);
    free(whole);
}

static void add_csv_header(struct nl_text *out, const struct nl_table *table)
{
    for (int c = 0; c < table->columns; c++) {
        const struct nl_column *column = &table->column[c];
        nl_text_add(out, c ? "," : "");
        if (column->kind == NL_ENTRY_ESTIMATE || column->kind == NL_ENTRY_SHARE)
            add_csv_names(out, column->name, "", column->kind == NL_ENTRY_SHARE);
        else
            nl_csv_add(out, column->name);
        if (column->tested) {
            char *name = nl_format("%s_p", column->name), *adjusted = nl_format("%s_p_adjusted", column->name);
            nl_text_add(out, ",");
            nl_csv_add(out, name);
            nl_text_add(out, ",");
            nl_csv_add(out, adjusted);
            free(name);
            free(adjusted);
        }
        for (int share = 1; share >= 0 && column->failures; share--) {
            nl_text_add(out, ",");
            add_csv_names(out, column->name, share ? "_failed" : "_finished", share);
        }
    }
    nl_text_add(out, any_estimate(table) ? ",interval,level\n" : "\n");
}

static void add_csv_share(struct nl_text *out, const struct nl_entry *entry, double level)
{
    double lower, upper;
    nl_exact_interval(entry->count, entry->of, level, &lower, &upper);
    nl_text_add(out, "%d,%d,", entry->count, entry->of);
    nl_csv_add_number(out, lower);
    nl_text_add(out, ",");
    nl_csv_add_number(out, upper);
}

/* of NULL: empty fields. */
static void add_csv_estimate(struct nl_text *out, const struct nl_estimate *of)
{
    nl_csv_add_number(out, of ? of->mean : NAN);
    nl_text_add(out, ",");
    nl_csv_add_number(out, of ? of->lower : NAN);
    nl_text_add(out, ",");
    nl_csv_add_number(out, of ? of->upper : NAN);
}

char *nl_table_csv(const struct nl_table *table)
{
    struct nl_text out = {0};
    add_csv_header(&out, table);
    for (int row = 0; row < table->rows; row++) {
        for (int c = 0; c < table->columns; c++) {
            const struct nl_entry *entry = nl_table_at(table, row, c);
            const struct nl_column *column = &table->column[c];
            bool there = entry->kind != NL_ENTRY_EMPTY;
            nl_text_add(&out, c ? "," : "");
            if (column->kind == NL_ENTRY_WORD && there)
                nl_csv_add(&out, entry->raw);
            else if (column->kind == NL_ENTRY_NUMBER && there)
                nl_csv_add_number(&out, entry->number);
            else if (column->kind == NL_ENTRY_SHARE)
                add_csv_share(&out, entry, table->level);
            else if (column->kind == NL_ENTRY_ESTIMATE)
                add_csv_estimate(&out, there ? &entry->estimate : NULL);
            if (column->tested) {
                nl_text_add(&out, ",");
                nl_csv_add_number(&out, entry->tested ? entry->p : NAN);
                nl_text_add(&out, ",");
                nl_csv_add_number(&out, entry->tested ? entry->adjusted : NAN);
            }
            if (column->failures) {
                nl_text_add(&out, ",");
                add_csv_share(&out, entry, table->level);
                nl_text_add(&out, ",");
                add_csv_estimate(&out, entry->finished.n > 0 ? &entry->finished : NULL);
            }
        }
        if (any_estimate(table)) {
            nl_text_add(&out, ",%s,", nl_interval_names[table->interval]);
            nl_csv_add_number(&out, table->level);
        }
        nl_text_add(&out, "\n");
    }
    return out.at;
}

static void add_json_share(struct nl_text *out, const struct nl_entry *entry, double level)
{
    double lower, upper;
    nl_exact_interval(entry->count, entry->of, level, &lower, &upper);
    nl_text_add(out, "{\"count\": %d, \"of\": %d", entry->count, entry->of);
    nl_json_member_number(out, "lower", lower);
    nl_json_member_number(out, "upper", upper);
    nl_text_add(out, "}");
}

static void add_json_estimate(struct nl_text *out, const struct nl_estimate *of)
{
    nl_text_add(out, "{\"n\": %d", of->n);
    nl_json_member_number(out, "mean", of->mean);
    nl_json_member_number(out, "lower", of->lower);
    nl_json_member_number(out, "upper", of->upper);
    nl_json_member_number(out, "sd", of->sd);
    nl_json_member_number(out, "median", of->median);
}

static void add_json_entry(struct nl_text *out, const struct nl_table *table, int row, int column)
{
    const struct nl_entry *entry = nl_table_at(table, row, column);
    bool failures = table->column[column].failures && entry->of > 0;
    double number;
    switch (entry->kind) {
    case NL_ENTRY_WORD:
        if (nl_number_read(entry->raw, &number))
            nl_json_add_number(out, number);
        else
            nl_json_add(out, entry->raw);
        break;
    case NL_ENTRY_NUMBER:
        nl_json_add_number(out, entry->number);
        break;
    case NL_ENTRY_EMPTY:
        if (!failures) {
            nl_text_add(out, "null");
            break;
        } /* else what failed is all there is */
        nl_text_add(out, "{\"n\": 0, \"failed\": ");
        add_json_share(out, entry, table->level);
        nl_text_add(out, "}");
        break;
    case NL_ENTRY_ESTIMATE:
        add_json_estimate(out, &entry->estimate);
        nl_text_add(out, ", \"best\": %s", entry->marked ? "true" : "false");
        if (table->column[column].tested) {
            nl_json_member_number(out, "p", entry->tested ? entry->p : NAN);
            nl_json_member_number(out, "p_adjusted", entry->tested ? entry->adjusted : NAN);
        }
        if (failures) {
            nl_text_add(out, ", \"failed\": ");
            add_json_share(out, entry, table->level);
            nl_text_add(out, ", \"finished\": ");
            add_json_estimate(out, &entry->finished);
            nl_text_add(out, "}");
        }
        nl_text_add(out, "}");
        break;
    case NL_ENTRY_SHARE:
        add_json_share(out, entry, table->level);
        break;
    }
}

char *nl_table_json(const struct nl_table *table, const struct nl_answer *answer)
{
    struct nl_text out = {0};
    nl_text_add(&out, "{\n  \"caption\": ");
    nl_json_add(&out, table->caption);
    nl_text_add(&out, ",\n  \"interval\": {\"kind\": \"%s\", \"level\": ", nl_interval_names[table->interval]);
    nl_json_add_number(&out, table->level);
    nl_text_add(&out, "},\n  \"tests\": %d,\n  \"adjustment\": \"holm\",\n  \"rows\": [", table->tests);
    for (int row = 0; row < table->rows; row++) {
        nl_text_add(&out, "%s\n    {", row ? "," : "");
        for (int c = 0; c < table->columns; c++) {
            nl_text_add(&out, c ? ", " : "");
            nl_json_add(&out, table->column[c].name);
            nl_text_add(&out, ": ");
            add_json_entry(&out, table, row, c);
        }
        nl_text_add(&out, "}");
    }
    nl_text_add(&out, "\n  ],\n  \"answer\": ");
    if (answer)
        nl_answer_json(&out, answer, 2);
    else
        nl_text_add(&out, "null");
    nl_text_add(&out, "\n}\n");
    return out.at;
}
