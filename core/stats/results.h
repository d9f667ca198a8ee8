/* trials.csv in memory: trials grouped into cells (a point of the grid, all its seeds), and views of the grid along one or
 * two of its axes, which is what verdicts and pictures are about. */
#ifndef NL_STATS_RESULTS_H
#define NL_STATS_RESULTS_H

#include <stdbool.h>

#include "config/config.h"
#include "stats/table.h"

enum { NL_INAPPLICABLE = -1 }; /* the key does not apply to the cell (norm.stat_batch to ln): an empty field */

/* A varied key; its values as text, in order of appearance, which is the order of the grid. */
struct nl_factor {
    const struct nl_key *key;
    int column; /* of the table */
    int values;
    char **value;
};

struct nl_cell {
    int *level; /* [factors]: index into value, or NL_INAPPLICABLE */
    int *row;   /* [seeds]: row of the table, or -1: no such trial */
    int trials, failed, diverged, dead;
};

struct nl_results {
    char *path; /* of trials.csv */
    struct nl_table table;
    int factors;
    struct nl_factor *factor;
    int seeds;
    char **seed; /* texts of train.seed, in order of appearance */
    int cells;
    struct nl_cell *cell; /* in order of appearance */
    int status, failed_step; /* columns */
    int base_norm;  /* norm.kind of what no axis sets */
};

int nl_results_load(const char *folder, const struct nl_experiment *experiment, struct nl_results *out, struct nl_error *err);
void nl_results_release(struct nl_results *results);

int nl_results_factor(const struct nl_results *results, const char *key); /* -1: it does not vary */
int nl_cell_norm(const struct nl_results *results, const struct nl_cell *cell); /* index into nl_norms */
double nl_factor_number(const struct nl_factor *factor, int level);

/* out[seeds]: the cell's values in `column`, one entry a seed: NaN where there is no trial, none was evaluated, or it
 * diverged or ended in an error. A dead run has a value: it is a bad result, not a missing one. A NULL cell is all NaN. */
void nl_cell_values(const struct nl_results *results, const struct nl_cell *cell, int column, double *out);

/* The cell of the baseline arm at the same other keys; NULL: none, or not a single one. The baseline's own is itself. */
const struct nl_cell *nl_cell_baseline(const struct nl_results *results, const struct nl_experiment *experiment,
                                       const struct nl_cell *cell);

/* How a column such as "test_error_batch" reads. */
struct nl_measure {
    char name[64];    /* "test error" */
    const char *unit; /* "%" or "" (nats) */
    const char *step; /* unit of a difference: "points" or "nats" */
    double scale;     /* 100 for shares */
    int worse;        /* +1: larger is worse; -1: smaller is */
    bool error;       /* a share of errors */
};

bool nl_measure(const char *column, struct nl_measure *out); /* false: no such metric */

#endif
