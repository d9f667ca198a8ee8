/* The reference in complex numbers: exact derivatives of everything that the kernels compute, the gradients among it.
 *
 * A function that is computed on x + i h v has the imaginary part h f'(x) v, up to terms of h^3. At h = 1e-100 these
 * terms are far below any rounding, and there is no difference of near numbers that would lose digits. With the
 * parameters moved by i h v, the gradients after forward and backward have h H v in their imaginary part: the product
 * of the Hessian with v, as exact as the gradient itself.
 *
 * Real parts alone decide every comparison: ReLU, the largest of a pool, the right answer of a loss, clipping. A loss
 * sum and the precise statistics are doubles here too, and keep the real part.
 *
 * It is no device.kind, but for tests, and for what takes derivatives of gradients.
 */
#ifndef NL_BACKEND_REF_COMPLEX_H
#define NL_BACKEND_REF_COMPLEX_H

#include "backend/backend.h"

/* The backend of complex numbers. put_reals makes real numbers of what was there, get_reals reads the real parts. */
extern const struct nl_backend nl_backend_complex;

/* The imaginary parts of `count` numbers of that backend, by themselves. The real parts stay. */
void nl_complex_put_imaginary(void *to, const double *from, size_t count);
void nl_complex_get_imaginary(double *to, const void *from, size_t count);

#endif
