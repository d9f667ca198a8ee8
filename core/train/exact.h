/* A replica of a training once more, in complex double precision: for derivatives (backend/ref/complex.h), and for what
 * is to be looked at as a whole. */
#ifndef NL_TRAIN_EXACT_H
#define NL_TRAIN_EXACT_H

#include "train/training.h"

struct nl_exact {
    struct nl_config config; /* the replica's, but for what is observed */
    struct nl_plan plan;     /* of one replica */
    struct nl_run run;       /* of the step */
};

/* What the replica is before a step, with the batch and the random numbers of that step. all: every value is observed
 * where run.observes is set; else none is. To be released. */
void nl_exact_make(struct nl_exact *exact, const struct nl_training *training, const struct nl_run *step, int replica,
                   bool all);
void nl_exact_release(struct nl_exact *exact);

#endif
