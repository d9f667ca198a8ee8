#ifndef NL_OPERATION_PARAMETRIZE_H
#define NL_OPERATION_PARAMETRIZE_H

#include "norm/weights.h"
#include "operation/operation.h"

/* The weight of a linear layer or a convolution, computed from an original one (norm/weights.h): "parametrize" by the
 * weights of each output, "spectral_norm" by a singular value. Weights are stored as the layers store them, (taps, I,
 * O), with m = taps I rows: what belongs to an output is a column.
 *
 * A node is called after the weight that it computes, "fc1.weight"; PyTorch's names of its tensors then follow,
 * "fc1.parametrizations.weight.original". */
struct nl_parametrize {
    const struct nl_weight_norm *norm;
    int kernel;            /* of a convolution; 0: a linear layer */
    int in, out;           /* I: those that an output sees, 1 in a depthwise convolution */
    const void *v, *g;     /* real (m, O), and (O) or NULL: there is no gain */
    void *w;               /* real (m, O) */
    void *center, *square; /* statistic (O): mean(v) and q of the last forward call */
    const void *dw;
    void *dv, *dg;
};

/* w = v / sigma, sigma = a' v b, where v is taken as a matrix (O, m) of PyTorch's order: row (tap, i) here is column
 * (i, tap) there, and element i taps + tap of b. A step of training first iterates a = v b / |v b|, b = v' a / |v' a|,
 * each length at least norm->eps. */
struct nl_spectral_norm {
    const struct nl_weight_norm *norm;
    int kernel, in, out;   /* as in struct nl_parametrize */
    int iterations;
    const void *v;         /* real (m, O) */
    void *w;
    void *a, *b;           /* real (O), (m): states */
    void *sigma;           /* statistic (1) of the last forward call */
    const void *dw;
    void *dv;
};

enum { NL_ORIGINAL, NL_GAIN, NL_PARAMETRIZE_SLOTS };

static inline NL_EVERYWHERE int nl_weight_taps(int kernel)
{
    return kernel ? kernel * kernel : 1;
}

/* The element of b that belongs to a row of the stored weight. */
static inline NL_EVERYWHERE int nl_place_in_matrix(int row, int in, int taps)
{
    return row % in * taps + row / in;
}

extern const struct nl_operation nl_parametrize_operation, nl_spectral_norm_operation;

#endif
