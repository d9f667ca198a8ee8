/* The kernels of one element. */
#include "backend/ref/ref.h"

#define BOTH(name) {#name, .forward = NL_REFERENCE(name##_forward), .backward = NL_REFERENCE(name##_backward)}
#define FORWARD(name) {#name, .forward = NL_REFERENCE(name)}

const struct nl_kernel NL_REFERENCE(kernels)[] = {
    FORWARD(gather),
    BOTH(linear),
    BOTH(conv),
    BOTH(depthwise_conv),
    BOTH(normalize),
    BOTH(activate),
    BOTH(max_pool),
    BOTH(mean_pool),
    BOTH(add),
    FORWARD(accumulate),
    BOTH(dropout),
    FORWARD(copy),
    FORWARD(zero),
    BOTH(transpose),
    FORWARD(observe),
    FORWARD(loss),
    {0},
};
