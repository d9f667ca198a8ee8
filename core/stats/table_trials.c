/* Makes the table of all trials of a results folder. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats/table_builder.h"

static struct nl_entry word(const char *text)
{
    return *text ? (struct nl_entry){.kind = NL_ENTRY_WORD, .text = nl_strdup(text), .raw = nl_strdup(text)}
                 : (struct nl_entry){0};
}

int nl_table_trials(const struct nl_results *results, const struct nl_experiment *experiment, struct nl_table *out,
                    struct nl_error *err)
{
    static const char *const parts[] = {"train", "val", "test"}, *const plain[] = {"trial", "train.seed", "status",
                                                                                   "failed_step"};
    struct nl_table_builder m = {.results = results, .experiment = experiment, .out = out};
    const struct nl_csv *csv = &results->csv;
    if (nl_table_begin(&m, err))
        return NL_FAIL;
    nl_table_column(&m, NL_ENTRY_WORD, nl_strdup("trial"), plain[0]);
    for (int f = 0; f < results->factors; f++)
        nl_table_key_column(&m, f);
    nl_table_column(&m, NL_ENTRY_WORD, nl_strdup("seed"), plain[1]);
    m.out->keys = m.out->columns;
    nl_table_column(&m, NL_ENTRY_WORD, nl_strdup("status"), plain[2])->right = false;
    nl_table_column(&m, NL_ENTRY_WORD, nl_strdup("failed step"), plain[3]);
    int score[3], scores = 0;
    const char *kind = strchr(nl_metric_names[experiment->config.plot.metric], '_');
    for (int part = 0; part < 3; part++) {
        char *name = nl_format("%s%s", parts[part], kind);
        int column = nl_csv_column(csv, name);
        bool evaluated = false;
        for (int row = 0; column >= 0 && row < csv->rows; row++)
            evaluated |= *nl_csv_field(csv, row, column) != '\0';
        if (evaluated) {
            nl_measure(name, &m.measure);
            nl_table_column(&m, NL_ENTRY_NUMBER, nl_table_title(&m), name)->scale = m.measure.scale;
            score[scores++] = column;
        }
        free(name);
    }
    int place[4];
    for (int i = 0; i < 4; i++)
        place[i] = nl_csv_column(csv, plain[i]);
    const struct nl_cell **cell = nl_alloc((size_t)csv->rows, sizeof(const struct nl_cell *)); /* of each row */
    for (int i = 0; i < results->cells; i++)
        for (int seed = 0; seed < results->seeds; seed++)
            if (results->cell[i].row[seed] >= 0)
                cell[results->cell[i].row[seed]] = &results->cell[i];
    for (int row = 0; row < csv->rows; row++) {
        struct nl_entry *entry = nl_table_row(&m);
        *entry++ = word(nl_csv_field(csv, row, place[0]));
        for (int f = 0; f < results->factors; f++)
            *entry++ = nl_key_entry(&m, cell[row], f);
        for (int i = 1; i < 4; i++)
            *entry++ = word(nl_csv_field(csv, row, place[i]));
        for (int i = 0; i < scores; i++) {
            *entry = (struct nl_entry){.kind = NL_ENTRY_NUMBER};
            nl_csv_number(csv, row, score[i], &entry->number, NULL);
            entry->kind = isfinite(entry->number) ? NL_ENTRY_NUMBER : NL_ENTRY_EMPTY;
            entry++;
        }
    }
    free(cell);
    struct nl_text caption = {0};
    nl_text_add(&caption, "Every trial, after its last step.");
    nl_table_leaks_caption(&m, &caption);
    out->caption = caption.at;
    nl_comparison_release(&m.view);
    return NL_OK;
}
