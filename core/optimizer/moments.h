/* What Adam and AdamW have in common: the step by both moments, each corrected for its start at 0 (Kingma and Ba 2015,
 * algorithm 1). */
#ifndef NL_OPTIMIZER_MOMENTS_H
#define NL_OPTIMIZER_MOMENTS_H

#include "optimizer/step.h"

/* decoupled: the decay multiplies the weight (Loshchilov and Hutter 2019); else it is part of the gradient. */
static inline void nl_step_by_moments(const struct nl_tensor_step *step, bool decoupled)
{
    const struct nl_hyper *hyper = step->hyper;
    const real *grad = step->grad;
    real *w = step->w, *first = step->first, *second = step->second;
    double correction1 = 1.0 - pow(hyper->beta1, (double)step->number),
           correction2 = 1.0 - pow(hyper->beta2, (double)step->number);
    for (size_t i = 0; i < step->count; i++) {
        accumulator g = grad[i];
        if (decoupled)
            w[i] *= 1.0 - hyper->lr * step->decay;
        else
            g = nl_decayed(g, step->decay, w[i]);
        first[i] = hyper->beta1 * first[i] + (1.0 - hyper->beta1) * g;
        second[i] = hyper->beta2 * second[i] + (1.0 - hyper->beta2) * g * g;
        w[i] -= hyper->lr / correction1 * first[i] / (sqrt(second[i]) / sqrt(correction2) + hyper->adam_eps);
    }
}

#endif
