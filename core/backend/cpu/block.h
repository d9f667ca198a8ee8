/* The arithmetic of a normalizer on one block of its partition, for normalize.c. A block is `rows` rows of C channels, `pitch`
 * elements apart; its sets are C/width groups of `width` neighbouring channels over all rows.
 *
 * Sums run in float over short stretches, in a fixed order, and join in double. What is summed for the moments are deviations
 * from a shift, in two passes, so that numbers far from zero lose no digits. Never E[x^2] - E[x]^2.
 */
#ifndef NL_BACKEND_CPU_BLOCK_H
#define NL_BACKEND_CPU_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

struct nl_cpu_block {
    size_t rows, pitch, channels, width;
    bool centers, relu;
    const float *x, *dy; /* first row */
    float *y, *dx;

    const float *gamma, *beta; /* (C) of the first row; ones and zeros where the normalizer has none */
    size_t affine_step;        /* from one position's gamma to the next one's: C with a gamma for each element, else 0 */
    size_t positions;          /* after which gamma starts again */

    /* xhat = ((x - shift) - rest) * rstd, all (C); shift + rest is the mean with more digits than one float has */
    float *shift, *rest, *rstd;

    /* working room */
    float *row_xhat, *row_grad, *part_a, *part_b; /* (C) */
    double *sum_a, *sum_b;                        /* (C) */
};

/* mean, var: (C/width), one for each set. Overwrites shift and rest. */
void nl_cpu_block_moments(const struct nl_cpu_block *block, double *mean, double *var);

/* Sets shift, rest and rstd from the sets' statistics. */
void nl_cpu_block_prepare(const struct nl_cpu_block *block, const double *mean, const double *var, double eps);

/* y = gamma xhat + beta, or its ReLU. */
void nl_cpu_block_apply(const struct nl_cpu_block *block);

/* Adds the block's share to dgamma and dbeta (as gamma: (C) or (positions, C)), and leaves sum(dxhat) and sum(dxhat xhat) of the
 * sets in sum_a and sum_b, (C/width). */
void nl_cpu_block_gradients(const struct nl_cpu_block *block, double *dgamma, double *dbeta);

/* dx = rstd ((dxhat - mean_dxhat) - xhat mean_dxhat_xhat); the means are (C), the same for all channels of a set. */
void nl_cpu_block_dx(const struct nl_cpu_block *block, const float *mean_dxhat, const float *mean_dxhat_xhat);

#endif
