/* What is seen of activations when the whole batch is there (graph/observers.h): quantiles, units, cosines between
 * samples and between tokens, the covariance of the features, and the Jacobian from the input to them. */
#ifndef NL_TRAIN_REPRESENTATION_H
#define NL_TRAIN_REPRESENTATION_H

#include "train/training.h"

enum {
    NL_JACOBIAN_PROBES = 10,
    NL_COVARIANCE_ROWS = 512 /* where there are more rows, and as many features: so many are looked at */
};

/* Of a replica before a step, in double precision, on the batch of that step. seen: (observers), of which those of
 * aspects for which nl_sees_whole holds are set. */
void nl_look_at_representations(const struct nl_training *training, const struct nl_run *step, int replica,
                                struct nl_observed *seen);

#endif
