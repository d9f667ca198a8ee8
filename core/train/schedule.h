/* What changes from step to step: the learning rate (how it scales with the batch, warm-up, decay), and what
 * normalizers go by. */
#ifndef NL_TRAIN_SCHEDULE_H
#define NL_TRAIN_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "norm/norm.h"

struct nl_schedule_of {
    const struct nl_config *config;
    int64_t steps;           /* T: of the whole run */
    double steps_per_epoch;
    bool norm_changes;       /* nl_norm_changes */
};

/* Whether what normalizers go by changes from step to step: nl_norm_numbers_at, where one uses them, or
 * nl_norm_momentum_at. */
bool nl_norm_changes(const struct nl_config *config);

/* train.lr after train.lr_scale: the rate that the schedule starts from. */
double nl_lr_base(const struct nl_config *config);

/* Steps of the warm-up: train.warmup_steps, or train.warmup_epochs * steps_per_epoch, rounded. */
int64_t nl_warmup_steps(const struct nl_schedule_of *schedule);

/* Rate of step t = 0 .. T-1, of which W are those of the warm-up, U = T - W:
 *     t < W      base (t + 1) / W
 *     constant   base
 *     step       base gamma^floor(t / (step_epochs * steps_per_epoch))
 *     cosine     lr_min + (base - lr_min) (1 + cos(pi (t - W) / U)) / 2 (Loshchilov and Hutter 2017;
 *                CosineAnnealingLR)
 *     linear     base + (lr_min - base) (t - W) / U
 *     inverse_sqrt  base sqrt(W / (t + 1)) (Vaswani et al. 2017, equation 3, whose step is t + 1 and whose rate at its
 *                end of the warm-up is base) */
double nl_lr_at(const struct nl_schedule_of *schedule, int64_t t);

/* What a normalizer goes by at step t (enum nl_norm_number): the bounds of Batch Renorm (norm/brn.c), with w = min(1, t
 * / (norm.warmup T)), and the window of cross-iteration batch normalization (norm/cbn.c):
 *     r_max    1 + (norm.r_max - 1) w
 *     d_max    norm.d_max w
 *     window   1 where w < 1, else 1 + norm.history */
void nl_norm_numbers_at(const struct nl_schedule_of *schedule, int64_t t, double numbers[NL_NORM_NUMBERS]);

/* Momentum of running statistics at step t, -1 for the cumulative average. From m = norm.momentum to e =
 * norm.momentum_end:
 *     linear   m + (e - m) t / T
 *     cosine   e + (m - e) (1 + cos(pi t / T)) / 2 */
double nl_norm_momentum_at(const struct nl_schedule_of *schedule, int64_t t);

/* Averages of the weights after each update, 1 .. T, beside the training: from which of them on there is one; and with
 * which share those after update t go into it, 0: they do not.
 *     NL_EVAL_EMA   from update 1; its share is 1, that of all others 1 - train.ema
 *     NL_EVAL_SWA   of the updates that train.swa_every divides, from train.swa_start T on: the n-th has the share 1/n
 * INT64_MAX: that average is not asked for. */
int64_t nl_average_begins(const struct nl_schedule_of *schedule, enum nl_eval average);
double nl_average_share(const struct nl_schedule_of *schedule, enum nl_eval average, int64_t t);

/* Whether step t normalizes with frozen statistics: from norm.freeze T on. */
bool nl_is_frozen_at(const struct nl_schedule_of *schedule, int64_t t);

/* Whether running statistics start anew before step t: after each norm.reset epochs, rounded to steps, until they are
 * frozen. */
bool nl_resets_at(const struct nl_schedule_of *schedule, int64_t t);

#endif
