/* The activation functions, for the kernels that have one in them. */
#ifndef NL_BACKEND_CUDA_ACTIVATION_CUH
#define NL_BACKEND_CUDA_ACTIVATION_CUH

#include "backend/cuda/cuda.h"
#include "base/choices.h"

#define NL_ROOT_HALF 0.70710678118654752440f
#define NL_ROOT_2_OVER_PI 0.79788456080286535588f
#define NL_GELU_CUBIC 0.044715f

static __device__ float nl_activation_of(enum nl_activation kind, enum nl_gelu gelu, float x)
{
    switch (kind) {
    case NL_RELU:
        return x < 0 ? 0.0f : x; /* NaN stays NaN */
    case NL_SIGMOID:
        return 1.0f / (1.0f + expf(-x));
    case NL_TANH:
        return tanhf(x);
    case NL_GELU:
        if (gelu == NL_GELU_ERF)
            return 0.5f * x * (1.0f + erff(x * NL_ROOT_HALF));
        return 0.5f * x * (1.0f + tanhf(NL_ROOT_2_OVER_PI * (x + NL_GELU_CUBIC * x * x * x)));
    case NL_SILU:
        return x / (1.0f + expf(-x));
    }
    return NAN;
}

/* The derivative of the activation. */
static __device__ float nl_activation_slope(enum nl_activation kind, enum nl_gelu gelu, float x)
{
    switch (kind) {
    case NL_RELU:
        return x > 0 ? 1.0f : 0.0f;
    case NL_SIGMOID: {
        float y = 1.0f / (1.0f + expf(-x));
        return y * (1.0f - y);
    }
    case NL_SILU: {
        float y = 1.0f / (1.0f + expf(-x));
        return y + x * y * (1.0f - y);
    }
    case NL_TANH: {
        float y = tanhf(x);
        return 1.0f - y * y;
    }
    case NL_GELU:
        if (gelu == NL_GELU_ERF) /* Phi(x) + x phi(x) */
            return 0.5f * (1.0f + erff(x * NL_ROOT_HALF)) + x * expf(-0.5f * x * x) * (0.5f * NL_ROOT_2_OVER_PI);
        float t = tanhf(NL_ROOT_2_OVER_PI * (x + NL_GELU_CUBIC * x * x * x));
        return 0.5f * (1.0f + t) +
               0.5f * x * (1.0f - t * t) * NL_ROOT_2_OVER_PI * (1.0f + 3.0f * NL_GELU_CUBIC * x * x);
    }
    return NAN;
}

#endif
