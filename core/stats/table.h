/* Tables to read, to paste or to parse: what the plots draw, from the same results and estimates.
 *
 * A table is made once and written in five ways. Values are kept in the units of trials.csv (shares from 0 to 1);
 * tables to read scale them to percent and points, CSV and JSON do not.
 */
#ifndef NL_STATS_TABLE_H
#define NL_STATS_TABLE_H

#include "base/memory.h"
#include "stats/estimate.h"
#include "stats/answer.h"

enum { NL_PAPER = 160 };

enum nl_entry_kind { NL_ENTRY_EMPTY, NL_ENTRY_WORD, NL_ENTRY_NUMBER, NL_ENTRY_ESTIMATE, NL_ENTRY_SHARE };

struct nl_entry {
    enum nl_entry_kind kind;
    char *text;    /* WORD: as it reads ("BN") */
    char *raw;     /* WORD: as in trials.csv ("bn") */
    double number; /* NUMBER */
    struct nl_estimate estimate;
    int count, of; /* SHARE; of an ESTIMATE in a column with failures: the failed runs of its cell, */
    struct nl_estimate finished; /* and the mean of the others */
    bool marked; /* best of its group, or a difference that is not chance: as the caption says */
    bool tested; /* p: of the test that marks, and adjusted by Holm over the `tests` of the table; of 1 where there is
                    none */
    double p, adjusted;
};

struct nl_column {
    enum nl_entry_kind kind; /* of its entries that are not empty */
    char *title; /* of tables to read: "test error, %" */
    char *name; /* in CSV and JSON: "test_error"; in CSV an estimate has also NAME_lower and NAME_upper, a share NAME_of
                   and these two; a column with failures, NAME_failed as such a share and NAME_finished as such an
                   estimate */
    bool right;  /* numbers: aligned to the right */
    bool sign;   /* a difference: +0.3 */
    bool tested; /* CSV and JSON have the p-values of its marks: NAME_p and NAME_p_adjusted */
    bool failures; /* of means: beside each stands how many runs of its cell failed */
    double scale;
};

struct nl_table {
    char *caption; /* what the numbers are, with the interval's name; sentences */
    int keys;      /* the first columns, which name the row */
    int columns, rows;
    struct nl_column *column;
    struct nl_entry *entry;    /* [rows][columns] */
    int tests;                 /* that p-values are adjusted over */
    enum nl_interval interval; /* of all estimates, */
    double level;              /* and its confidence level */
};

/* A row a cell of the grid, as in summary.csv: plot.metric with its interval, n, the difference to the baseline paired
 * by seed, the shares of failed and of diverged runs with their exact intervals, where some failed the mean of the
 * others. NL_FAIL, here and below: plot.metric was not evaluated. */
int nl_table_summary(const struct nl_results *results, const struct nl_experiment *experiment, struct nl_table *out,
                     struct nl_error *err);

/* plot.metric side by side: a column for each value of the key `across` (NULL: norm.kind, but where more than NL_MANY
 * vary, which make rows, the key with fewest values; or else the first that varies), a row for each point of the
 * others. NL_FAIL also where `across` does not vary. */
int nl_table_grid(const struct nl_results *results, const struct nl_experiment *experiment, const char *across,
                  struct nl_table *out, struct nl_error *err);

/* A row a trial: seed, status, and plot.metric's kind of score on each part of the data. */
int nl_table_trials(const struct nl_results *results, const struct nl_experiment *experiment, struct nl_table *out,
                    struct nl_error *err);

/* Two results side by side: cells and seeds that stand for the same point in both. */
struct nl_overlap {
    int trials[2], common, same; /* of each; in both; of these, with the same status and scores to the last digit */
};

/* A row a cell of `a` whose scores are not the same in `b`: plot.metric of both over the seeds they share and the
 * difference b - a, paired by seed, marked where its interval excludes 0. Interval and metric are a's. No row: nothing
 * differs. */
int nl_table_diff(const struct nl_results *a, const struct nl_experiment *experiment_a, const struct nl_results *b,
                  const struct nl_experiment *experiment_b, struct nl_table *out, struct nl_overlap *overlap,
                  struct nl_error *err);

void nl_table_release(struct nl_table *table);

const struct nl_entry *nl_table_at(const struct nl_table *table, int row, int column);
char *nl_table_entry_text(const struct nl_table *table, int row,
                          int column); /* as in tables to read: "12.34 [10.1, 14.5] (2)"; new string */

/* Each new string, the caption included (CSV: the data alone). `answer` and `notes` are lines, or NULL: they
 * stand before and after the table, in LaTeX both after it as comments. */
char *
nl_table_text(const struct nl_table *table,
              int width); /* columns of the terminal; 0: prose as wide as it is, tables up to NL_PAPER characters */
char *nl_table_markdown(const struct nl_table *table, const char *answer, const char *notes); /* GitHub's */
char *nl_table_latex(const struct nl_table *table, const char *answer, const char *notes,
                     const char *label);                                          /* booktabs; \label{tab:LABEL} */
char *nl_table_csv(const struct nl_table *table);                                 /* RFC 4180, with line feeds */
char *nl_table_json(const struct nl_table *table, const struct nl_answer *answer); /* NULL: without one */

#endif
