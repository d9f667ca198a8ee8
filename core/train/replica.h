/* What the host knows of one trial while it trains: its data, its rates, its curve. Its numbers lie in a replica's
 * state (train/plan.h). */
#ifndef NL_TRAIN_REPLICA_H
#define NL_TRAIN_REPLICA_H

#include "backend/backend.h"
#include "train/checkpoint.h"
#include "train/schedule.h"
#include "train/train.h"

struct nl_replica {
    int number;                         /* of the trial, in the caller's order */
    const struct nl_config *config;
    const struct nl_trial_options *options;
    struct nl_source source;
    struct nl_step_counts step_counts;
    struct nl_schedule_of schedule;
    struct nl_trial_result *result;
    struct nl_trial_progress now;

    const struct nl_replica *shares_data_with; /* NULL, or one with the same seeds of split, order and labels: view and
                                                  order are that one's */
    struct nl_split view;
    int32_t *order;                     /* of the epoch */
    int32_t *saved_order;               /* (steps, batch), or NULL */
    double *earlier; /* (parameters) before the step before the last one (struct nl_trial_progress), or NULL */
};

/* Numbers of the update after `step` updates. */
struct nl_hyper nl_replica_hyper(const struct nl_replica *replica, int64_t step);

/* Samples of the batch after `step` updates: the last of an epoch may be short. */
int nl_replica_batch(const struct nl_replica *replica, int64_t step);

/* A point of the curve. eval -1: the mean over training batches. */
void nl_replica_add_row(struct nl_replica *replica, int64_t step, enum nl_part part, int eval, struct nl_score score);

/* The training batches since the last such row become a row. */
void nl_replica_log(struct nl_replica *replica, int64_t step);

/* Takes in the losses of steps [step, end): sums[i] are those of step + i. A divergence ends the trial there, with that
 * batch as the last row. */
void nl_replica_take(struct nl_replica *replica, int64_t step, int64_t end, const struct nl_loss_sums *sums);

/* Keeps what an observer saw in the last of so many steps. A trial that ended before it has not seen it. */
void nl_replica_observe(struct nl_replica *replica, int64_t steps, int tensor, const struct nl_observed *seen);

/* The batches of that epoch, whose order is there, go to saved_order, if they are to be saved. */
void nl_replica_remember(struct nl_replica *replica, int64_t epoch);

#endif
