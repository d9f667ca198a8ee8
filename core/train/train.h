/* One trial: from a configuration and a data set to a trained network, its curve and its scores. */
#ifndef NL_TRAIN_TRAIN_H
#define NL_TRAIN_TRAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/safetensors.h"
#include "config/config.h"
#include "data/data.h"
#include "operation/observed.h"

/* A failed training is a result, not an error.
 * diverged: a loss of a batch was NaN or infinite, or over 1000 times the larger of the first one and ln(classes).
 * dead: it ended within 5 points of chance on the training part; of positions with a label each, a twentieth of the way
 * from there to 1; of real targets, its error is over 0.95 of their variance. */
enum nl_status { NL_DONE, NL_DIVERGED, NL_DEAD, NL_STOPPED };
extern const char *const nl_status_names[]; /* "done", "diverged", "dead", "stopped" */

enum nl_part { NL_PART_TRAIN, NL_PART_VAL, NL_PART_TEST, NL_PARTS };
extern const char *const nl_part_names[]; /* "train", "val", "test" */

/* A point of the curve. eval = -1: the mean over the training batches since the last such row, as the training saw them
 * (before each update, in training mode). Else an evaluation of the whole part with those statistics. */
struct nl_curve_row {
    int64_t step;    /* updates done */
    double epoch;
    int64_t samples; /* seen */
    enum nl_part part;
    int eval;        /* enum nl_eval, or -1 */
    double lr;       /* of the last update */
    double loss, accuracy; /* accuracy in 0 .. 1; NaN of real targets, of which none is right or wrong */
};

/* What was seen of a tensor (log.tensors) in a step that is logged: of the batch, and of the parameters as they were
 * before the update. */
struct nl_observation {
    int64_t step;
    int tensor;      /* of the result's */
    struct nl_observed seen;
};

struct nl_score {
    double loss, accuracy; /* NaN: not evaluated */
};

/* What the outputs of a classifier say beside loss and accuracy, over the positions that count; in 0 .. 1. Both are NaN
 * where nothing was evaluated, and of real targets.
 * top5_error: the share whose label is not among the five largest logits. Of equal logits the first counts as larger,
 * as it does for accuracy; where a logit is NaN, the label is not among them. NaN where there are five classes or
 * fewer.
 * ece: the expected calibration error (Guo et al. 2017, eq. 3). Each confidence, the largest probability of softmax, is
 * in one of 15 bins (m / 15, (m + 1) / 15]. Of each bin the mean confidence and the accuracy differ by so much; ece is
 * the mean of that, weighted by the shares of the bins. NaN where a confidence is. */
struct nl_calibration {
    double top5_error, ece;
};

struct nl_trial_result {
    enum nl_status status;
    int64_t failed_step;   /* step of divergence, else -1 */
    int64_t steps;         /* updates done */
    int64_t samples;       /* training samples seen */
    double epochs;
    int64_t left_out;      /* training samples an epoch leaves out (drop_last) */
    int64_t parameters;    /* learned numbers */
    struct nl_score score[NL_PARTS][NL_EVALS]; /* after the last step; a normalizer without running statistics has
                                                  NL_EVAL_RUNNING only, and averages of weights where they are taken */
    struct nl_calibration
        calibration; /* of the test part after the last step, with the statistics of nl_primary_eval */
    int rows, capacity;
    struct nl_curve_row *row; /* owned */
    int tensors;           /* that were observed, */
    char **tensor;         /* by name; owned */
    int observations, observations_capacity;
    struct nl_observation *observation; /* owned; step after step */
    double seconds;        /* wall clock (in a cohort, its share), of which: */
    double training, evaluation;
    size_t memory;         /* bytes of its state */
};

struct nl_trial_options {
    const struct nl_tensor_file
        *load; /* weights and statistics to start from; NULL: drawn. They fit (nl_weights_check) */
    const struct nl_tensor_file *toward; /* as load: the network of log.toward, or NULL */
    const char *save_init, *save_final; /* .safetensors, NULL: no. Names and layouts: train/weights.h */
    const char *save_average[NL_AVERAGES]; /* likewise: the last averages of the weights, ema and swa, with averaged
                                              statistics */
    const char *save_order; /* .npy, int32 (steps, batch): indices into the data set, -1 where a batch is short */
    atomic_int *stop;                  /* NULL, or becomes non-zero: end early with NL_STOPPED */
    const char
        *checkpoint; /* NULL, or a file (train/checkpoint.h): if it is there, the training goes on from it; and it is */
    double checkpoint_seconds;          /* written at a stop and now and then: after so many seconds, 0: never, */
    int64_t checkpoint_epochs;          /* or so many epochs, 0: never. The caller removes it in the end */
    void (*progress)(void *context, int64_t step, int64_t steps, double loss); /* NULL, or now and then (at log rows) */
    void (*ended)(void *context,
                  int number); /* NULL, or told when a trial of a cohort has ended: its result is whole */
    void *context;
};

/* Runs the trial. NL_FAIL: it could not (memory, a file); a training that fails is a result. */
int nl_trial_run(const struct nl_config *config, const struct nl_dataset *dataset,
                 const struct nl_trial_options *options, struct nl_trial_result *result, struct nl_error *err);

/* Runs trials of equal shapes (nl_config_shape_text) as a cohort, in which each step is one for all: result[i] has the
 * bits that nl_trial_run gives for config[i]. One that diverges ends early. Of options[trials], load, toward, save_*
 * and checkpoint are each trial's own, the rest is the same in all; checkpoints that are there are equally far.
 * NL_FAIL: it could not be run; results of those that have not been told as ended are void. */
int nl_cohort_run(const struct nl_config *const config[], const struct nl_dataset *dataset,
                  const struct nl_trial_options options[], int trials, struct nl_trial_result result[],
                  struct nl_error *err);
void nl_trial_result_release(struct nl_trial_result *result);

/* The statistics that a trial is judged with first: the first of norm.eval, or NL_EVAL_RUNNING where nothing is
 * tracked. */
enum nl_eval nl_primary_eval(const struct nl_config *config);

/* A trial before it is run (step_counts.c). Evaluation counts the collection of precise statistics, too. */
struct nl_step_counts {
    int64_t steps_per_epoch, steps; /* weight updates */
    int64_t log_every, eval_every;  /* steps */
    int64_t observe_every, look_every; /* steps: log.every and log.passes_every */
    int64_t rows;                   /* of the curve, if it does not diverge */
    struct nl_passes {
        int64_t samples, batches;   /* forward */
    } on_the_way, at_the_end;       /* of evaluation */
};
struct nl_step_counts nl_trial_step_counts(const struct nl_config *config, struct nl_counts counts);

/* How many steps lie between two looks at what is observed: in the step, or aside, by passes of its own. */
int64_t nl_observed_every(const struct nl_step_counts *counts, bool aside);

/* Whether it is looked at in the step that makes so many: in every such one, and in the last. How many steps are. */
bool nl_is_observed_after(const struct nl_step_counts *counts, bool aside, int64_t steps);
int64_t nl_observed_steps(const struct nl_step_counts *counts, bool aside);

/* Floating-point operations of training by one sample: 6 for each multiply-add of its forward pass, 2 forward and 4
 * backward (Kaplan et al. 2020, section 2.1). Products, convolutions and attention count as they are; elementwise
 * operations and normalizers by what they cost, as `normlab norms` says. 0: the network cannot be built. */
double nl_flops_of_sample(const struct nl_config *config);

/* A rough number of floating-point operations: to start the longest first, to balance shards, to tell what is left. */
struct nl_cost {
    double training; /* with the evaluations on the way */
    double ending;   /* the evaluation after the last step */
};
struct nl_cost nl_trial_cost(const struct nl_config *config);
double nl_cost_total(struct nl_cost cost);

/* Numbers learned, and bytes of memory that the trial takes beside its data set. NL_FAIL: the network cannot be
 * built. */
int nl_trial_size(const struct nl_config *config, const struct nl_dataset *dataset, int64_t *parameters, size_t *bytes,
                  struct nl_error *err);

/* What model, normalizer and training cannot do with this data: complaints at the keys. */
void nl_trial_check(const struct nl_config *config, const struct nl_experiment *experiment,
                    struct nl_diagnostics *diagnostics);

/* The version of our numerics: part of a trial's identity, raised when results change. */
#define NL_NUMERICS_VERSION 9

#endif
