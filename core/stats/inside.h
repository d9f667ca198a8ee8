/* What was seen inside the networks (metrics.csv): a quantity of some tensors, by cell, seed and step. */
#ifndef NL_STATS_INSIDE_H
#define NL_STATS_INSIDE_H

#include "graph/observers.h"
#include "graph/quantities.h"
#include "stats/steps.h"

struct nl_inside {
    enum nl_quantity quantity;
    const struct nl_name_list *patterns; /* as the user wrote them */
    int tensors;
    char **tensor; /* from the input of the networks to their loss */
    int steps;
    int *step; /* ascending */
    int seeds;
    double *value; /* [cells][seeds][tensors][steps]; NaN: the run has no such tensor, or did not see it in that step */
};

/* What is looked at of signal propagation: variance and cosines of activations, gradients, and the Jacobian from the
 * input (log.layers distributions, representations and propagation). */
struct nl_signal {
    const char *word, *title;
    enum nl_quantity quantity;
    struct nl_name_list tensors; /* patterns */
};
enum { NL_SIGNALS = 4 };
extern const struct nl_signal nl_signals[NL_SIGNALS];

/* The tensors that the patterns, which must outlive this, match (graph/observers.h). Without patterns, those of the
 * first of these kinds that was observed and has the quantity: gradients, updates, all others. No tensors: metrics.csv
 * has none such, or there is no metrics.csv. NL_BAD: the table is damaged. */
int nl_inside_load(const struct nl_results *results, const struct nl_name_list *patterns, enum nl_quantity quantity,
                   struct nl_inside *out, struct nl_error *err);
void nl_inside_release(struct nl_inside *inside);

/* Why there is nothing to show in a step (NL_AUTO: in any); NULL: there is something. New string. */
char *nl_inside_nothing(const struct nl_inside *inside, const struct nl_results *results, int64_t step);

/* cell: of the results. tensor, step: indices. */
double nl_inside_value(const struct nl_inside *inside, const struct nl_results *results, const struct nl_cell *cell,
                       int seed, int tensor, int step);

/* Whether all that was seen is of trainings of 0 steps. */
bool nl_inside_is_initial(const struct nl_inside *inside);

/* Index of a step; -1: nothing was seen in it. */
int nl_inside_step(const struct nl_inside *inside, int64_t step);

/* The step of a run that plot.step names, as an index; -1: the run is missing, or that is the last step and it did not
 * come to its end, or nothing was seen in the step. */
int nl_inside_step_of(const struct nl_inside *inside, const struct nl_results *results,
                      const struct nl_experiment *experiment, const struct nl_cell *cell, int seed);

/* The mean of values over seeds with plot.interval and plot.level: of quantities that are compared by their ratio the
 * geometric one, which leaves out values of 0; n counts those that entered. */
struct nl_estimate nl_inside_mean(enum nl_quantity quantity, const double *values, int count,
                                  const struct nl_results *results, const struct nl_experiment *experiment);

/* Whether a mean can hold the value: the geometric one no 0. */
bool nl_inside_is_comparable(enum nl_quantity quantity, double value);

/* The mean over the tensors that a run has, in a step; NaN: it has none, or not all of them can enter it. left_out
 * counts values that cannot. */
double nl_inside_over_tensors(const struct nl_inside *inside, const struct nl_results *results,
                              const struct nl_cell *cell, int seed, int step, int *left_out);

/* That mean, in the step that plot.step names, of every run, as a column of the results is read. Returns its values, to
 * be freed. */
double *nl_inside_column(const struct nl_inside *inside, const struct nl_results *results,
                         const struct nl_experiment *experiment, struct nl_metric_column *out);

/* How the quantity reads, and how it is scaled. */
struct nl_measure nl_inside_measure(enum nl_quantity quantity);

/* What the names of the tensors, of which there is one at least, have in common: of "grad:fc1.weight" and
 * "grad:fc2.weight" NL_GRADIENT and ".weight". NL_VALUE and "" stand for nothing. */
struct nl_common_name {
    enum nl_aspect aspect;
    const char *ending;
};
struct nl_common_name nl_inside_common(const struct nl_inside *inside);
/* Whether they are points at which the loss is seen, each one number. */
bool nl_inside_is_points(const struct nl_inside *inside);
/* What the tensors are along an axis: layers, or points at which the loss is seen. */
const char *nl_inside_places(const struct nl_inside *inside);
/* The name of a tensor without that: "fc1". New string. */
char *nl_inside_label(const struct nl_inside *inside, int tensor);
/* Which tensors they are: the name of the one, the user's patterns, or what their names have in common,
 * "grad:*.weight"; new string. */
char *nl_inside_pattern(const struct nl_inside *inside);
/* What the tensors are: "gradients", "loss along the gradient"; "" where that has no word. */
const char *nl_inside_subject(const struct nl_inside *inside);
/* "norm of gradients"; new string. */
char *nl_inside_title(const struct nl_inside *inside);

#endif
