/* A view of the results: one axis (or two) to vary along, and methods, which are the combinations of all other varied
 * keys. */
#ifndef NL_STATS_COMPARISON_H
#define NL_STATS_COMPARISON_H

#include "stats/results.h"

struct nl_method {
    char *label;      /* "BN", "BN (placement after)" */
    int norm;         /* index into nl_norms */
    bool mixes_samples,
        tracks; /* of its normalizer: a sample's output depends on its batch; it keeps running statistics */
    bool leaks;                 /* nl_cell_leaks; the label says so */
    bool reference;   /* the axis does not apply to it: one cell, the same at every point */
    const int *level; /* of one of its cells */
    const struct nl_cell **cell; /* [y][x]; NULL: not in the grid. A reference method has its cell at each */
};

struct nl_comparison {
    const struct nl_results *results;
    const struct nl_experiment *experiment;
    int x_factor, y_factor; /* -1: none, and one point */
    int points, rows;       /* along x, along y */
    int *x, *y;             /* levels: numbers sorted ascending, words as in the grid */
    bool *apart;            /* [factors of results]: methods differ in it */
    int whole_batch;        /* what norm.stat_batch = auto stands for */
    int methods;
    struct nl_method *method;     /* as in the grid, or in plot.order */
};

/* Keys that follow the x or y axis one to one (a zip of batch and rate) are no methods of their own. */
void nl_comparison_make(const struct nl_results *results, const struct nl_experiment *experiment, int x_factor,
                        int y_factor, struct nl_comparison *out);
void nl_comparison_release(struct nl_comparison *view);

/* Keys that change along the x axis with it, "train.lr"; NULL: none. New string. */
char *nl_comparison_along(const struct nl_comparison *view);

double nl_comparison_x(const struct nl_comparison *view, int point);
double nl_comparison_y(const struct nl_comparison *view, int row);
const struct nl_cell *nl_comparison_cell(const struct nl_comparison *view, int method,
                                         int point); /* of a view along x alone */

/* The varied key that says how many samples share statistics: train.batch or norm.stat_batch; -1: neither varies. */
int nl_batch_factor(const struct nl_results *results);

/* The method that differs from `method` in being the baseline alone; -1: none. */
int nl_comparison_baseline(const struct nl_comparison *view, const struct nl_experiment *experiment, int method);

/* Calls pair for what is compared, by places in a list of `count` methods: each with its baseline, or, where there is
 * none and the list has at most `most`, each with all before it. method_at: of the view. */
void nl_comparison_pairs(const struct nl_comparison *view, int (*method_at)(const void *context, int place), int count,
                         int most, void (*pair)(void *context, int place, int against), void *context);

/* Methods a and b have the same values of all varied keys but norm.kind and those that apply to one of them only. */
bool nl_methods_match(const struct nl_comparison *view, int a, int b);

/* "batch size", "learning rate", ...: how a key reads in a sentence and on an axis; the key's own name otherwise. */
const char *nl_key_title(const struct nl_key *key);

#endif
