/* What the kinds of tables are made with: columns first, then rows. */
#ifndef NL_STATS_TABLE_BUILDER_H
#define NL_STATS_TABLE_BUILDER_H

#include "stats/comparison.h"
#include "stats/table.h"

struct nl_table_builder {
    const struct nl_results *results;
    const struct nl_experiment *experiment;
    struct nl_table *out;
    struct nl_measure measure;
    struct nl_metric_column metric;
    struct nl_comparison view; /* every cell a method, in the order of plot.order; the caller releases it */
    int column_capacity, row_capacity;
};

/* results, experiment and out are set. NL_FAIL: plot.metric was not evaluated, though trials came to their end. */
int nl_table_begin(struct nl_table_builder *m, struct nl_error *err);

const struct nl_cell *nl_table_cell(const struct nl_table_builder *m, int method);

/* Takes over title; valid until the next one. */
struct nl_column *nl_table_column(struct nl_table_builder *m, enum nl_entry_kind kind, char *title, const char *name);
void nl_table_key_column(struct nl_table_builder *m, int factor);
char *nl_table_title(const struct nl_table_builder *m); /* "test error, %"; new string */

/* All columns are there: the first entry of a new row, all of them empty. */
struct nl_entry *nl_table_row(struct nl_table_builder *m);

char *nl_level_text(const struct nl_table_builder *m, const struct nl_factor *factor,
                    int level); /* "BN", "0.03162"; new string */
/* The text of a cell's level, where it has one; a normalizer that leaks is marked. New string. */
char *nl_cell_level_text(const struct nl_table_builder *m, const struct nl_cell *cell, int factor);
/* Adds a sentence where networks see ahead. */
void nl_table_leaks_caption(const struct nl_table_builder *m, struct nl_text *out);
struct nl_entry nl_key_entry(const struct nl_table_builder *m, const struct nl_cell *cell, int factor);
struct nl_entry nl_estimate_entry(const struct nl_estimate *of);

/* "Test error in %, with its 95 % CI: ...": which mean, which interval, over how many seeds; and what is missing. */
void nl_table_mean_caption(const struct nl_table_builder *m, struct nl_text *out);
/* Captions means over so many seeds, of which nothing is missing. */
void nl_table_caption_over(const struct nl_table_builder *m, struct nl_text *out, int least, int most);

#endif
