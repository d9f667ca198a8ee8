/* What the kinds of sheets are made with: columns first, then rows. */
#ifndef NL_STATS_SHEET_MAKER_H
#define NL_STATS_SHEET_MAKER_H

#include "stats/comparison.h"
#include "stats/sheet.h"

struct nl_maker {
    const struct nl_results *results;
    const struct nl_experiment *experiment;
    struct nl_sheet *out;
    struct nl_measure measure;
    struct nl_metric_column metric;
    struct nl_comparison view; /* every cell a method, in the order of plot.order; the caller releases it */
    int column_capacity, row_capacity;
};

/* results, experiment and out are set. NL_FAIL: plot.metric was not evaluated, though trials came to their end. */
int nl_maker_begin(struct nl_maker *m, struct nl_error *err);

const struct nl_cell *nl_maker_cell(const struct nl_maker *m, int method);

/* Takes over title; valid until the next one. */
struct nl_column *nl_maker_column(struct nl_maker *m, enum nl_entry_kind kind, char *title, const char *name);
void nl_maker_key_column(struct nl_maker *m, int factor);
char *nl_maker_title(const struct nl_maker *m); /* "test error, %"; new string */

/* All columns are there: the first entry of a new row, all of them empty. */
struct nl_entry *nl_maker_row(struct nl_maker *m);

char *nl_level_text(const struct nl_factor *factor, int level); /* "BN", "0.03162"; new string */
char *nl_cell_level_text(const struct nl_maker *m, const struct nl_cell *cell, int factor); /* the same of a cell that has one; a normalizer that leaks is marked */
struct nl_entry nl_key_entry(const struct nl_maker *m, const struct nl_cell *cell, int factor);
struct nl_entry nl_estimate_entry(const struct nl_estimate *of);

/* "Test error in %, with its 95 % CI: ...": which mean, which interval, over how many seeds; and what is missing. */
void nl_maker_mean_caption(const struct nl_maker *m, struct nl_text *out);
/* The same of means over so many seeds, of which nothing is missing. */
void nl_maker_caption_over(const struct nl_maker *m, struct nl_text *out, int least, int most);

#endif
