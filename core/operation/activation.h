/* The activation functions of the reference, for the operations that have one in them. */
#ifndef NL_OPERATION_ACTIVATION_H
#define NL_OPERATION_ACTIVATION_H

#include "base/choices.h"
#include "operation/reference.h"

static const double nl_root_half = 0.70710678118654752440, nl_root_2_over_pi = 0.79788456080286535588,
                    nl_gelu_cubic = 0.044715;

static inline accumulator nl_activation_of(enum nl_activation kind, enum nl_gelu gelu, accumulator x)
{
    switch (kind) {
    case NL_RELU:
        return real_part(x) < 0 ? 0 : x; /* NaN stays NaN */
    case NL_SIGMOID:
        return 1.0 / (1.0 + exp(-x));
    case NL_TANH:
        return tanh(x);
    case NL_GELU:
        if (gelu == NL_GELU_ERF)
            return 0.5 * x * (1.0 + error_function(x * nl_root_half));
        return 0.5 * x * (1.0 + tanh(nl_root_2_over_pi * (x + nl_gelu_cubic * x * x * x)));
    case NL_SILU:
        return x / (1.0 + exp(-x));
    }
    NL_BUG("activation %d", kind);
}

/* The derivative of the activation. */
static inline accumulator nl_activation_slope(enum nl_activation kind, enum nl_gelu gelu, accumulator x)
{
    switch (kind) {
    case NL_RELU:
        return real_part(x) > 0 ? 1.0 : 0.0;
    case NL_SIGMOID: {
        accumulator y = 1.0 / (1.0 + exp(-x));
        return y * (1.0 - y);
    }
    case NL_SILU: {
        accumulator y = 1.0 / (1.0 + exp(-x));
        return y + x * y * (1.0 - y);
    }
    case NL_TANH: {
        accumulator y = tanh(x);
        return 1.0 - y * y;
    }
    case NL_GELU:
        if (gelu == NL_GELU_ERF) /* Phi(x) + x phi(x) */
            return 0.5 * (1.0 + error_function(x * nl_root_half)) + x * exp(-0.5 * x * x) * 0.5 * nl_root_2_over_pi;
        accumulator t = tanh(nl_root_2_over_pi * (x + nl_gelu_cubic * x * x * x));
        return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * nl_root_2_over_pi * (1.0 + 3.0 * nl_gelu_cubic * x * x);
    }
    NL_BUG("activation %d", kind);
}

#endif
