/* torch.optim.RMSprop (Hinton 2012, lecture 6e), not centered: v = alpha v + (1 - alpha) g^2;  w = w - lr g / (sqrt(v)
 * + eps), where alpha is train.beta2 and eps is train.adam_eps. With a momentum: m = momentum m + g / (sqrt(v) + eps);
 * w = w - lr m. */
#include "optimizer/step.h"

NL_STEP(rmsprop)
{
    const struct nl_hyper *hyper = step->hyper;
    const real *grad = step->grad;
    real *w = step->w, *square = step->first, *buffer = step->second;
    for (size_t i = 0; i < step->count; i++) {
        accumulator g = nl_decayed(grad[i], step->decay, w[i]);
        square[i] = hyper->beta2 * square[i] + (1.0 - hyper->beta2) * g * g;
        g /= sqrt((accumulator)square[i]) + hyper->adam_eps;
        buffer[i] = hyper->momentum * buffer[i] + g; /* without a momentum the step alone */
        w[i] -= hyper->lr * buffer[i];
    }
}

NL_OPTIMIZER(rmsprop) = {.keys = NL_BY_MOMENTUM | NL_BY_BETA2 | NL_BY_EPS,
                         .beta2 = 0.99,
                         .kept = 2,
                         .scale_power = 1,
                         .step = NL_STEPS(rmsprop)};
