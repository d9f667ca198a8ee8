/* Lion (Chen et al. 2023, algorithm 2): u = sign(beta1 m + (1 - beta1) g);  w = w - lr (u + wd w);  m = beta2 m + (1 -
 * beta2) g. sign(0) is 0. */
#include "optimizer/step.h"

/* NaN stays NaN. */
static double sign(accumulator x)
{
    return real_part(x) > 0 ? 1.0 : real_part(x) < 0 ? -1.0 : real_part(x);
}

NL_STEP(lion)
{
    const struct nl_hyper *hyper = step->hyper;
    const real *grad = step->grad;
    real *w = step->w, *mean = step->first;
    for (size_t i = 0; i < step->count; i++) {
        accumulator u = hyper->beta1 * mean[i] + (1.0 - hyper->beta1) * grad[i];
        w[i] = w[i] * (1.0 - hyper->lr * step->decay) - hyper->lr * sign(u);
        mean[i] = hyper->beta2 * mean[i] + (1.0 - hyper->beta2) * grad[i];
    }
}

NL_OPTIMIZER(lion) = {.keys = NL_BY_BETA1 | NL_BY_BETA2,
                      .beta2 = 0.99,
                      .kept = 1,
                      .decoupled = true,
                      .on_cuda = true,
                      .scale_power = 1,
                      .step = NL_STEPS(lion)};
