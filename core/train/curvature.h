/* The Hessian of the loss of a batch: its largest eigenvalues and its trace, of exact products with vectors
 * (backend/ref/complex.h).
 */
#ifndef NL_TRAIN_CURVATURE_H
#define NL_TRAIN_CURVATURE_H

#include "train/training.h"

enum { NL_EIGENVALUES = 5, NL_TRACE_PROBES = 10 };

struct nl_curvature {
    int eigenvalues;                   /* as many as the network has parameters, or NL_EIGENVALUES */
    double eigenvalue[NL_EIGENVALUES]; /* the largest first */
    double probe[NL_TRACE_PROBES];     /* z' H z of random signs z: its expectation is the trace (Hutchinson 1990) */
};

/* What the Hessian of a replica is before a step: in complex double precision, on the batch of that step, with its
 * random numbers. The normalizers are of those for which nl_norm_has_hessian holds. */
void nl_look_at_curvature(const struct nl_training *training, const struct nl_run *step, int replica,
                          struct nl_curvature *out);

#endif
