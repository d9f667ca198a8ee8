/* The Hessian of the loss of a batch: its largest eigenvalues, those of the block of one weight, and its trace, of
 * exact products with vectors (backend/ref/complex.h).
 */
#ifndef NL_TRAIN_CURVATURE_H
#define NL_TRAIN_CURVATURE_H

#include "train/training.h"

enum {
    NL_EIGENVALUES = 5,  /* or as many as there are */
    NL_TRACE_PROBES = 10 /* z' H z of random signs z: their expectation is the trace (Hutchinson 1990) */
};

/* Looks at the Hessian of a replica before a step: in complex double precision, on the batch of that step, with its
 * random numbers. The normalizers are of those for which nl_norm_has_hessian holds. seen: (observers), of which those
 * of NL_CURVATURE are set. */
void nl_look_at_curvature(const struct nl_training *training, const struct nl_run *step, int replica,
                          struct nl_observed *seen);

#endif
