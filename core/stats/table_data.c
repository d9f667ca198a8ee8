/* Tables for programs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "config/value.h"
#include "stats/table.h"
#include "stats/csv.h"

static bool any_estimate(const struct nl_table *table)
{
    bool any = false;
    for (int c = 0; c < table->columns; c++)
        any |= table->column[c].kind == NL_ENTRY_ESTIMATE;
    return any;
}

static void add_csv_header(struct nl_text *out, const struct nl_table *table)
{
    for (int c = 0; c < table->columns; c++) {
        const char *name = table->column[c].name;
        nl_text_add(out, c ? "," : "");
        nl_csv_add(out, name);
        if (table->column[c].kind == NL_ENTRY_ESTIMATE)
            nl_text_add(out, ",%s_lower,%s_upper", name, name);
        else if (table->column[c].kind == NL_ENTRY_SHARE)
            nl_text_add(out, ",%s_of", name);
    }
    nl_text_add(out, any_estimate(table) ? ",interval,level\n" : "\n");
}

char *nl_table_csv(const struct nl_table *table)
{
    struct nl_text out = {0};
    add_csv_header(&out, table);
    for (int row = 0; row < table->rows; row++) {
        for (int c = 0; c < table->columns; c++) {
            const struct nl_entry *entry = nl_table_at(table, row, c);
            enum nl_entry_kind kind = table->column[c].kind;
            bool there = entry->kind != NL_ENTRY_EMPTY;
            nl_text_add(&out, c ? "," : "");
            if (kind == NL_ENTRY_WORD && there)
                nl_csv_add(&out, entry->raw);
            else if (kind == NL_ENTRY_NUMBER && there)
                nl_csv_add_number(&out, entry->number);
            else if (kind == NL_ENTRY_SHARE)
                nl_text_add(&out, "%d,%d", entry->count, entry->of);
            else if (kind == NL_ENTRY_ESTIMATE) {
                nl_csv_add_number(&out, there ? entry->estimate.mean : NAN);
                nl_text_add(&out, ",");
                nl_csv_add_number(&out, there ? entry->estimate.lower : NAN);
                nl_text_add(&out, ",");
                nl_csv_add_number(&out, there ? entry->estimate.upper : NAN);
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

static void add_json_entry(struct nl_text *out, const struct nl_entry *entry)
{
    const struct nl_estimate *of = &entry->estimate;
    double number;
    switch (entry->kind) {
    case NL_ENTRY_EMPTY:
        nl_text_add(out, "null");
        break;
    case NL_ENTRY_WORD:
        if (nl_number_read(entry->raw, &number))
            nl_json_add_number(out, number);
        else
            nl_json_add(out, entry->raw);
        break;
    case NL_ENTRY_NUMBER:
        nl_json_add_number(out, entry->number);
        break;
    case NL_ENTRY_ESTIMATE: {
        const struct { const char *name; double value; } members[] = {{"mean", of->mean}, {"lower", of->lower}, {"upper", of->upper},
                                                                      {"sd", of->sd}, {"median", of->median}};
        nl_text_add(out, "{\"n\": %d", of->n);
        for (int i = 0; i < 5; i++) {
            nl_text_add(out, ", \"%s\": ", members[i].name);
            nl_json_add_number(out, members[i].value);
        }
        nl_text_add(out, ", \"best\": %s}", entry->marked ? "true" : "false");
        break;
    }
    case NL_ENTRY_SHARE:
        nl_text_add(out, "{\"count\": %d, \"of\": %d}", entry->count, entry->of);
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
    nl_text_add(&out, "},\n  \"rows\": [");
    for (int row = 0; row < table->rows; row++) {
        nl_text_add(&out, "%s\n    {", row ? "," : "");
        for (int c = 0; c < table->columns; c++) {
            nl_text_add(&out, c ? ", " : "");
            nl_json_add(&out, table->column[c].name);
            nl_text_add(&out, ": ");
            add_json_entry(&out, nl_table_at(table, row, c));
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
