/* For the files of the optimizers: they are compiled for each element of the reference (operation/reference.h). */
#ifndef NL_OPTIMIZER_STEP_H
#define NL_OPTIMIZER_STEP_H

#include "operation/reference.h"
#include "optimizer/optimizer.h"

#if defined(NL_REFERENCE_DOUBLE)
#define NL_STEP(name) void nl_step_double_##name(const struct nl_tensor_step *step)
#define NL_OPTIMIZER(name) const struct nl_optimizer_form nl_optimizer_##name
#elif defined(NL_REFERENCE_FLOAT)
#define NL_STEP(name) void nl_step_float_##name(const struct nl_tensor_step *step)
#else
#define NL_STEP(name) void nl_step_complex_##name(const struct nl_tensor_step *step)
#endif
#ifndef NL_OPTIMIZER /* the program has the description once */
#define NL_OPTIMIZER(name) __attribute__((unused)) static const struct nl_optimizer_form name##_again
#endif

/* The gradient with what weight decay adds. Without decay there is no term of it, as in PyTorch: not even 0 times a
 * weight that has become infinite. */
static inline accumulator nl_decayed(accumulator grad, double decay, accumulator w)
{
    return decay != 0 ? grad + decay * w : grad;
}

static inline accumulator nl_length(const real *x, size_t count)
{
    accumulator squares = 0;
    for (size_t i = 0; i < count; i++)
        squares += (accumulator)x[i] * x[i];
    return sqrt(squares);
}

#endif
