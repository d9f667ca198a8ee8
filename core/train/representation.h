/* What is seen of activations when the whole batch is there (graph/observers.h): quantiles, units, cosines between
 * samples and between tokens, the covariance of the features, the Jacobian from the input to them, and gradients of
 * weights. */
#ifndef NL_TRAIN_REPRESENTATION_H
#define NL_TRAIN_REPRESENTATION_H

#include "train/training.h"

enum {
    NL_JACOBIAN_PROBES = 10,
    NL_COVARIANCE_ROWS = 512 /* where there are more rows, and as many features: so many are looked at */
};

/* Looks at a replica before a step, in double precision, on the batch of that step. seen: (observers), of which those
 * of nl_sees_whole and of NL_GRADIENT_64 are set. */
void nl_look_at_representations(const struct nl_training *training, const struct nl_run *step, int replica,
                                struct nl_observed *seen);

#endif
