/* torch.optim.Adam (Kingma and Ba 2015), whose weight decay is part of the gradient. */
#include "optimizer/moments.h"

NL_STEP(adam)
{
    nl_step_by_moments(step, false);
}

NL_OPTIMIZER(adam) = {.keys = NL_BY_BETA1 | NL_BY_BETA2 | NL_BY_EPS,
                      .kept = 2,
                      .on_cuda = true,
                      .scale_power = 1,
                      .step = NL_STEPS(adam)};
