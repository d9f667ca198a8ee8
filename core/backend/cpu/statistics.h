/* The state of normalizers that track statistics: running ones for evaluation, and precise ones, pooled over a training
 * part. */
#ifndef NL_BACKEND_CPU_STATISTICS_H
#define NL_BACKEND_CPU_STATISTICS_H

#include "backend/backend.h"
#include "operation/normalize.h"

/* The statistics of a batch, or of the slice of it that shares them. */
struct nl_batch_statistics {
    size_t channels;
    double elements;         /* of a channel */
    const double *mean, *var; /* (channels); var over `elements` */
};

/* mean, var (channels): the running or the precise ones, in double.  */
void nl_cpu_fixed_statistics(const struct nl_normalize *op, enum nl_statistics which, size_t channels, double *mean,
                             double *var);

/* running = (1 - momentum) running + momentum batch; momentum < 0, cumulative: 1 / updates, this one counted. A
 * momentum that is learned (norm/momentum.h) begins with this one. */
void nl_cpu_track(const struct nl_normalize *op, double momentum, const struct nl_batch_statistics *batch);

/* Merges the batch's moments into the precise ones. */
void nl_cpu_collect(const struct nl_normalize *op, const struct nl_batch_statistics *batch);

/* mean and var (count), of `elements` elements each (0: none yet), become those of these and `more` others: Chan, Golub
 * and LeVeque 1979. */
void nl_cpu_merge_moments(size_t count, double elements, double *mean, double *var, double more,
                          const double *more_mean, const double *more_var);

#endif
