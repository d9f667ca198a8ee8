/* The reference: the mathematics, one plain loop nest each. It is the specification: what it computes is what the
 * others must compute, to the rounding of their type. Speed is not its business; reading it is.
 *
 * Its sources name their numbers by two types alone, and are compiled for three elements:
 *
 *     NL_REFERENCE_     real (what lies in memory)   accumulator (sums and statistics)
 *     DOUBLE            double                       double            the backend `ref`
 *     FLOAT             float                        double            for an operation of which `cpu` has no kernel
 *     COMPLEX           double _Complex              double _Complex   derivatives (complex.h)
 *
 * A number is compared by its real part, since complex numbers have no order. exp, log, tanh and sqrt are those of the
 * argument's type (tgmath.h).
 */
#ifndef NL_OPERATION_REFERENCE_H
#define NL_OPERATION_REFERENCE_H

#ifdef NL_REFERENCE_COMPLEX
#define NL_COMPLEX_NUMBERS
#endif
#include <tgmath.h>

#include "norm/coefficients.h"
#include "operation/operation.h"

#if defined(NL_REFERENCE_DOUBLE)
typedef double real;
typedef double accumulator;
#define NL_REFERENCE(name) nl_ref_double_##name
#elif defined(NL_REFERENCE_FLOAT)
typedef float real;
typedef double accumulator;
#define NL_REFERENCE(name) nl_ref_float_##name
#elif defined(NL_REFERENCE_COMPLEX)
typedef double _Complex real;
typedef double _Complex accumulator;
#define NL_REFERENCE(name) nl_ref_complex_##name
#else
#error "which element? core/operation/reference.cmake says"
#endif

#ifdef NL_REFERENCE_COMPLEX
#define real_part(x) creal(x)
/* libm has no error function of a complex number. To first order it is erf(a) + i b erf'(a), which is exact at b =
 * 1e-100: the next term is b^2. */
static inline accumulator error_function(accumulator x)
{
    double a = creal(x), b = cimag(x);
    return __builtin_complex(erf(a), b * M_2_SQRTPI * exp(-a * a)); /* CMPLX, which glibc has for gcc alone */
}
#else
#define real_part(x) (x)
#define error_function(x) erf(x)
#endif

/* Defines the kernel of an operation: NL_KERNEL(copy) = {.forward = forward}. */
#define NL_KERNEL(name)          \
    NL_DECLARE_REFERENCES(name); \
    const struct nl_kernel NL_REFERENCE(name)

/* Defines the descriptor of an operation: NL_OPERATION(copy) = {.name = "copy", ...}. It is the same for all elements,
 * and the program has it once. */
#ifdef NL_REFERENCE_DOUBLE
#define NL_OPERATION(name) const struct nl_operation nl_##name##_operation
#else
#define NL_OPERATION(name) __attribute__((unused)) static const struct nl_operation name##_again
#endif

#endif
