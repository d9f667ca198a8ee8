/* torch.optim.SGD with dampening 0: a buffer that starts at zero gives the same as one that starts as the first
 * gradient. */
#include "optimizer/step.h"

NL_STEP(sgd)
{
    const struct nl_hyper *hyper = step->hyper;
    const real *grad = step->grad;
    real *w = step->w, *buffer = step->first;
    for (size_t i = 0; i < step->count; i++) {
        accumulator g = nl_decayed(grad[i], step->decay, w[i]);
        if (buffer) {
            buffer[i] = hyper->momentum * buffer[i] + g;
            g = step->nesterov ? g + hyper->momentum * buffer[i] : buffer[i];
        }
        w[i] -= hyper->lr * g;
    }
}

NL_OPTIMIZER(sgd) = {.keys = NL_BY_MOMENTUM | NL_BY_NESTEROV,
                     .kept = 1,
                     .kept_for_momentum = true,
                     .on_cuda = true,
                     .scale_power = 2,
                     .step = NL_STEPS(sgd)};
