/* A checkpoint: all that a training knows in the middle, from which it goes on to the same bits. Random numbers are
 * functions of step and epoch, so there is no state of a generator. The file is that of the weights (train/weights.h),
 * which `normlab eval` scores, with
 *
 *     training.counts   I64 (2)         steps and samples done
 *     training.sums     F64 (7)         loss of the first batch; sums since the last row of the curve: loss, correct,
 *                                       counted; seconds: all, training, evaluation
 *     training.curve    F64 (rows, 8)   step, epoch, samples, part, eval, lr, loss, accuracy
 *     training.metrics  F64 (rows, 21)  where tensors are observed: step, number of the tensor, and the fields of
 *                                       struct nl_observed
 *     training.before   F64 (parameters) where turn:NAME is observed: parameters before the last step
 *     training.first, training.second   (parameters) what the optimizer keeps, as the backend lays it out
 *     training.ema, training.swa        averages of the weights, in the order of train/average.c, likewise
 *     training.NAME                     what the node keeps of earlier steps in that tensor (NL_HISTORY), likewise
 *
 * It is written whole or not at all, and sealed (base/safetensors.h): one without its checksum is no checkpoint. */
#ifndef NL_TRAIN_CHECKPOINT_H
#define NL_TRAIN_CHECKPOINT_H

#include "train/train.h"
#include "train/weights.h"

/* What the trainer keeps beside the result so far (steps, samples, rows, seconds). */
struct nl_trial_progress {
    double first_loss;
    double loss_sum, correct, seen; /* since the last training row */
    double *before; /* (parameters) before the last step, where its update is compared with the next; else NULL */
};

int nl_checkpoint_save(const struct nl_plan *plan, int replica, const struct nl_source *source,
                       const struct nl_trial_progress *progress, const struct nl_trial_result *result, const char *path,
                       struct nl_error *err);

/* Puts the state back; plan is as nl_plan_make left it, result without rows. NL_FAIL: as nl_checkpoint_check. */
int nl_checkpoint_load(const struct nl_plan *plan, int replica, const struct nl_source *source, const char *path,
                       struct nl_trial_progress *progress, struct nl_trial_result *result, struct nl_error *err);

/* Whether this training can go on from the file; *steps: done in it. NL_FAIL: it cannot be read; NL_BAD: it is not a
 * checkpoint, is damaged, or is of another training: err names the keys that differ. */
int nl_checkpoint_check(const struct nl_source *source, const char *path, int64_t *steps, struct nl_error *err);

#endif
