/* torch.optim.AdamW (Loshchilov and Hutter 2019): Adam, with a weight decay that multiplies the weights. */
#include "optimizer/moments.h"

NL_STEP(adamw)
{
    nl_step_by_moments(step, true);
}

NL_OPTIMIZER(adamw) = {.keys = NL_BY_BETA1 | NL_BY_BETA2 | NL_BY_EPS,
                       .kept = 2,
                       .decoupled = true,
                       .on_cuda = true,
                       .scale_power = 1,
                       .step = NL_STEPS(adamw)};
