/* trials.csv in memory: trials grouped into cells. A cell is a point of the grid with all its seeds. */
#ifndef NL_STATS_RESULTS_H
#define NL_STATS_RESULTS_H

#include <stdbool.h>

#include "base/csv.h"
#include "config/config.h"
#include "stats/estimate.h"

enum { NL_INAPPLICABLE = -1 }; /* the key does not apply to the cell (norm.stat_batch to ln): an empty field */

/* The trials that the experiment asks for, whether they are there or not: what is missing must be known before anything
 * is judged. */
struct nl_planned {
    int keys; /* varied keys, train.seed last */
    const struct nl_key *const *key;
    int trials;
    char *const *const *text; /* [trials][keys]: as in trials.csv */
};

/* A varied key; its values as text, in the order of the grid. */
struct nl_factor {
    const struct nl_key *key;
    int column; /* of the table; -1: it does not stand there */
    int values;
    char **value;
};

struct nl_cell {
    int *level; /* [factors]: index into value, or NL_INAPPLICABLE */
    int *row;   /* [seeds]: row of the table, or -1: no such trial */
    int planned; /* trials that the experiment asks for */
    int trials;  /* that are there; of these */
    int failed, diverged, dead; /* failed: diverged, dead, or ended with an error. dead is at chance: within 5 points of
                                   it on the training part */
    const char *untrained; /* why its runs end with what they began with: "train.lr is 0"; NULL: they were trained */
};

struct nl_results {
    char *path; /* of trials.csv */
    struct nl_csv csv;
    int factors;
    struct nl_factor *factor;
    int seeds;
    char **seed; /* texts of train.seed, in the order of the grid */
    int first_seeds; /* of a first stage (sweep.until), whose spread decided how many there are; 0: their number was
                        fixed */
    int cells;
    struct nl_cell *cell; /* in the order of the grid */
    int planned, missing; /* trials that the experiment asks for; those of them that are not there */
    int status;     /* column */
    int base_norm;  /* norm.kind of what no axis sets */
    const char *formula;            /* what legends call norm.kind formula */
    const struct nl_import *import; /* the runs are another program's; NULL: they were trained here */
};

/* planned NULL: what is there is all that was asked for. */
int nl_results_load(const char *folder, const struct nl_experiment *experiment, const struct nl_planned *planned,
                    struct nl_results *out, struct nl_error *err);
/* Takes results from a table that was read. The table is taken over, on NL_FAIL too. */
int nl_results_of(struct nl_csv *csv, const struct nl_experiment *experiment, const struct nl_planned *planned,
                  struct nl_results *out, struct nl_error *err);
void nl_results_release(struct nl_results *results);

int nl_results_factor(const struct nl_results *results, const char *key); /* -1: it does not vary */
/* Whether cells are told apart by it: it has several values, or one that some cells of a normalizer have, and others do
 * not. */
bool nl_factor_distinguishes(const struct nl_results *results, int factor);
/* Whether some cells of a normalizer have it, and others do not. */
bool nl_factor_is_optional(const struct nl_results *results, int factor);
int nl_cell_norm(const struct nl_results *results, const struct nl_cell *cell); /* index into nl_norms */
/* What runs are called where nothing else tells them apart: by their normalizer, "BN"; imported ones, of which nobody
 * knows it, "all runs". */
const char *nl_results_label(const struct nl_results *results);
const char *nl_results_norm_label(const struct nl_results *results, int kind); /* of norm.kind: "BN" */

/* The experiment's configuration with the cell's values. */
struct nl_config nl_cell_config(const struct nl_results *results, const struct nl_experiment *experiment,
                                const struct nl_cell *cell);
/* Whether its networks see ahead in training, through statistics of a batch that norm.leaks allows: what it is called
 * ends with NL_LEAKS_MARK. */
bool nl_cell_leaks(const struct nl_results *results, const struct nl_experiment *experiment,
                   const struct nl_cell *cell);
#define NL_LEAKS_MARK " [sees ahead]"
/* A sentence for each table and picture of them; NULL: no network does. */
const char *nl_results_leaks(const struct nl_results *results, const struct nl_experiment *experiment);
double nl_factor_number(const struct nl_factor *factor, int level);

/* Runs of all cells that are there, and how they failed (struct nl_cell). */
struct nl_failures {
    int runs, failed, diverged, dead;
};
struct nl_failures nl_results_failures(const struct nl_results *results);

/* "done", "diverged", "dead", "error"; NULL: the trial is not there. */
const char *nl_cell_status(const struct nl_results *results, const struct nl_cell *cell, int seed);

/* The trials of the cell that has least, and most; a shard, or a sweep that did not end, has not every seed of every
 * cell. Diverged ones of all. */
struct nl_runs {
    int least, most, diverged;
};
struct nl_runs nl_results_runs(const struct nl_results *results);

/* The cell of the baseline at the same other keys; NULL: none, or not a single one. The baseline's own is itself. */
const struct nl_cell *nl_cell_baseline(const struct nl_results *results, const struct nl_experiment *experiment,
                                       const struct nl_cell *cell);

#define NL_SQUARED_STEP "of squared error" /* unit of losses of real targets */

/* How a column such as "test_error_batch" reads. */
struct nl_measure {
    char name[64];    /* "test error" */
    const char *unit; /* "%" or "" (nats) */
    const char *step; /* unit of a difference: "points", "nats", "bits", "of perplexity", or NL_SQUARED_STEP */
    double scale;     /* 100 for shares, and for means and differences of them */
    int worse;        /* +1: larger is worse; -1: smaller is */
    bool share;       /* from 0 to 1, and counted: no mean along a curve, and no difference of parts */
    bool error;       /* a share of errors */
    bool of_run;      /* worked out from a whole run: no column of curves.csv has it */
    bool by_ratio;    /* compared by ratio, and its mean is the geometric one */
    const char *part; /* "train", "val", "test" */
    const char *statistics; /* "batch" of "test_error_batch"; "": those that come first */
    enum nl_curve_reading {
        NL_READ_LOSS,
        NL_READ_ACCURACY,
        NL_READ_ERROR,
        NL_READ_PERPLEXITY,
        NL_READ_BITS,
        NL_READ_TOP5_ACCURACY, /* from here on: known of the end of a training alone */
        NL_READ_TOP5_ERROR,
        NL_READ_ECE
    } reading; /* of curves.csv */
};

static inline bool nl_is_read_from_curves(enum nl_curve_reading reading)
{
    return reading < NL_READ_TOP5_ACCURACY;
}

/* The column of curves.csv that it is read from, or NULL: it is not there; and what it is there. */
const char *nl_measure_column(const struct nl_measure *measure);
double nl_measure_read(const struct nl_measure *measure, double value);


bool nl_measure(const char *column, struct nl_measure *out); /* false: no such metric */

/* A column of trials.csv that is a metric. */
struct nl_metric_column {
    int column; /* -1: it was not evaluated */
    const double *values; /* (cells, seeds) in place of a column, which is 0 then (stats/inside.h); or NULL */
    struct nl_measure measure;
    struct nl_sampling
        sampling;  /* of its values: shares were counted over so many samples, and overlap as in estimate.h. Independent
                      where the  part is the training part: a sentence on that is about these data */
    bool fixed;    /* all seeds were evaluated on the same samples: what is said holds for this part of the data */
    double chance; /* what guessing gives of a share, 1 / classes or 1 less that; of top-5 five guesses; else NaN */
};
struct nl_metric_column nl_metric_column(const struct nl_results *results, const char *column);
/* The metrics that some run was evaluated in, in the order of the table; new array. */
struct nl_metric_column *nl_metric_columns(const struct nl_results *results, int *count);

/* What guessing gives of any measure, losses too: ln(classes) nats; NaN: the data have no classes. */
double nl_metric_chance(const struct nl_results *results, const struct nl_measure *measure);

/* out[seeds]: the cell's values, one entry a seed. A diverged run counts at chance; of a loss, which has none, it is
 * NaN. NaN also where there is no trial, it was not evaluated, or it ended with an error. A NULL cell is all NaN. */
void nl_cell_values(const struct nl_results *results, const struct nl_cell *cell, const struct nl_metric_column *metric,
                    double *out);

/* The mean of a cell as tables and pictures show it, with plot.interval and plot.level. Without an interval where
 * all runs diverged: they count at chance, and nothing was measured. */
struct nl_estimate nl_cell_mean(const struct nl_results *results, const struct nl_experiment *experiment,
                                const struct nl_cell *cell, const struct nl_metric_column *metric);

/* The mean of its runs that came to their end above chance, likewise; n = 0 where all failed. */
struct nl_estimate nl_cell_finished(const struct nl_results *results, const struct nl_experiment *experiment,
                                    const struct nl_cell *cell, const struct nl_metric_column *metric);

/* Whether runs of two cells with the same seed are pairs: those trained here are; imported ones where both cells have
 * the same seeds (import.pairs). */
bool nl_cells_pair(const struct nl_results *results, const struct nl_cell *a, const struct nl_cell *b);

/* The difference cell - minus, paired or not, with its t interval at plot.level. minus NULL: none, n = 0. */
struct nl_estimate nl_cell_difference(const struct nl_results *results, const struct nl_experiment *experiment,
                                      const struct nl_cell *cell, const struct nl_cell *minus,
                                      const struct nl_metric_column *metric);

#endif
