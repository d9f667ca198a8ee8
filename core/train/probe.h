/* One normalizer on given numbers: what `normlab norm` shows. It runs the very kernels that training runs. */
#ifndef NL_TRAIN_PROBE_H
#define NL_TRAIN_PROBE_H

#include <stdbool.h>

#include "config/config.h"

/* Dimension letters: N samples, S positions, C channels, A affine_count. */
struct nl_probe {
    const struct nl_config *config; /* the norm section, and device.kind */
    int samples, positions, channels;
    bool eval;                      /* running statistics, where the normalizer has them; they are not updated */

    /* Given; NULL: gamma 1, beta 0, running mean 0 and variance 1; without dy there is no backward. */
    const double *x, *dy;                      /* (N, S, C) */
    const double *gamma, *beta;                /* (A) */
    const double *running_mean, *running_var;  /* (C) */

    /* Found, by nl_probe_run; owned; NULL where the normalizer has none, or where it was not asked for. */
    double *y, *xhat, *dx;                     /* (N, S, C) */
    double *dgamma, *dbeta;                    /* (A) */
    double *mean, *var;                        /* (sets): those it was normalized with; var biased, without centering the mean of squares */
    double *new_running_mean, *new_running_var; /* (C): after the update */
    int sets;
};

/* Numbers the normalizer learns for each of gamma and beta: C, S C, or 0. */
int nl_probe_affine_count(const struct nl_probe *probe);

/* Sets, elements of a full one; sets = 0: no normalizer. NL_FAIL: it cannot be made for these shapes (groups). */
int nl_probe_partition(const struct nl_probe *probe, int *sets, int *elements, struct nl_error *err);

/* NL_FAIL: as nl_probe_partition, or the device cannot be used, or failed: what was found is void. */
int nl_probe_run(struct nl_probe *probe, struct nl_error *err);
void nl_probe_release(struct nl_probe *probe); /* what was found; after a failure as well */

#endif
