/* Trials that train together: what the trainer (trial.c) knows of them all. */
#ifndef NL_TRAIN_TRAINING_H
#define NL_TRAIN_TRAINING_H

#include "train/plan.h"
#include "train/replica.h"

struct nl_training {
    const struct nl_trial_options *options; /* of the first: what concerns all */
    const struct nl_config *config;         /* of the first: what is the same in all */
    int trials;
    struct nl_replica *replica;  /* [trials] */
    struct nl_replica **active;  /* [plan.replicas] those that still train, in the order of the plan's replicas */
    struct nl_hyper *hyper;      /* [trials] what the states hold, in their order */
    struct nl_score *score;      /* [trials] */
    struct nl_step_counts step_counts; /* all trials of a cohort share them */
    bool observes[NL_ASPECTS];         /* whether some observer is of that aspect */
    struct nl_observed *aside; /* (replicas, observers) what was seen beside the step that is made; NULL: nothing */
    struct nl_graph graph;
    struct nl_plan plan;
    int counts[NL_PARTS];
    double clock;                /* seconds until which time is accounted for */
    double kept_at;              /* seconds, and step, of the last checkpoints */
    int64_t kept_step;
};

/* Data, step counts, network and plan of the trials: training->replica says what each is. NL_FAIL: there is no room for
 * them, or the data do not fit the network. To be released either way. */
int nl_training_set_up(struct nl_training *training, const struct nl_dataset *dataset, struct nl_error *err);
void nl_training_release(struct nl_training *training);

#endif
