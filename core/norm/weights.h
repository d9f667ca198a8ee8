/* Normalizers of weights: a layer learns an original weight v, and multiplies by a weight w that is computed from it
 * once a step.
 *
 * An output of a linear layer or a convolution has m weights: I inputs, or I inputs x k x k taps. A normalizer of each
 * output's weights is
 *
 *     t = v - mean(v), or v     q = sum t^2     w = g scale(q) t
 *
 * with sums over the m weights of the output, and a gain g that is learned, one an output, or 1. Backward:
 *
 *     dv = g (scale (dw - mean(dw)) - slope sum(dw t) t)     dg = scale sum(dw t)     slope = -2 d scale / dq
 *
 * without mean(dw) where there is no mean. Where the measure is 0 scale and slope are 0: so is w. Spectral
 * normalization (sn.c) divides the whole weight by one number.
 */
#ifndef NL_NORM_WEIGHTS_H
#define NL_NORM_WEIGHTS_H

#include <stdbool.h>

/* What an output's weights are divided by. */
enum nl_weight_measure {
    NL_WEIGHT_LENGTH,    /* sqrt(q) */
    NL_WEIGHT_DEVIATION, /* sqrt(q / (m - 1)) + eps */
    NL_WEIGHT_BOUNDED,   /* sqrt(max(q, eps)) */
    NL_WEIGHT_SPECTRAL,  /* the largest singular value of the weight as a matrix (O, m), of all outputs */
};

/* The gain of an output. */
enum nl_weight_gain {
    NL_GAIN_NONE,
    NL_GAIN_ONE,    /* begins as 1 */
    NL_GAIN_LENGTH, /* begins as sqrt(q), so that w begins as t */
};

struct nl_weight_norm {
    const char *name;  /* norm.weights: "wn" */
    const char *title; /* "weight normalization" */
    enum nl_weight_measure measure;
    enum nl_weight_gain gain;
    bool centers;      /* t = v - mean(v) */
    double eps;
};

/* Adding one: its file, its row in weights.def, cases in tests/golden/weights.py. */
#define WEIGHT_NORM(kind) extern const struct nl_weight_norm nl_weight_norm_##kind;
#include "norm/weights.def"

extern const struct nl_weight_norm
    *const nl_weight_norms[]; /* the first, "none", is NULL; as many as there are names */
extern const char *const nl_weight_norm_names[];             /* norm.weights is an index into both; ends with NULL */

#endif
