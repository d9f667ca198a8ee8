/* Normalizers that normlab has not, as somebody would add them: descriptors and, where they are their own,
 * coefficients; no kernel. */
#ifndef TESTS_NORMALIZERS_H
#define TESTS_NORMALIZERS_H

#include "norm/norm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Batch Renorm (Ioffe 2017): batch normalization, corrected to what the running statistics would make of it. Its
 * numbers: r_max, d_max. */
extern const struct nl_norm corrected;

/* Division by other measures of spread: the mean absolute deviation of a sample, and of a channel with running ones;
 * the largest deviation; powers 3 and 1 around 0; none. */
extern const struct nl_norm mad, mad_of_batch, maxnorm, maxnorm_of_batch, cubes, magnitudes, centered;

struct nl_cuda_coefficients;
extern struct nl_cuda_coefficients corrected_on_cuda; /* normalizers.cu */
void nl_cuda_add_coefficients(struct nl_cuda_coefficients *own);

#ifdef __cplusplus
}
#endif

#endif
