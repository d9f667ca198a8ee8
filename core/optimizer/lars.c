/* LARS (You, Gitman and Ginsburg 2017, algorithm 1): m = momentum m + lr rate (g + wd w);  w = w - m, where rate is
 * trust ||w|| / (||g|| + wd ||w||) of each weight, by the norms of its whole tensor. It is 1 where one of the two norms
 * is 0, and of biases, gammas and betas. The squares are summed in double, in an order that depends on the tensor's
 * size alone. */
#include "optimizer/step.h"

NL_STEP(lars)
{
    const struct nl_hyper *hyper = step->hyper;
    const real *grad = step->grad;
    real *w = step->w, *buffer = step->first;
    accumulator of_w = nl_length(w, step->count), of_grad = nl_length(grad, step->count), rate = 1;
    if (step->role == NL_WEIGHT && real_part(of_w) != 0 && real_part(of_grad) != 0)
        rate = hyper->trust * of_w / (of_grad + step->decay * of_w);
    for (size_t i = 0; i < step->count; i++) {
        buffer[i] = hyper->momentum * buffer[i] + hyper->lr * rate * nl_decayed(grad[i], step->decay, w[i]);
        w[i] -= buffer[i];
    }
}

NL_OPTIMIZER(lars) = {.keys = NL_BY_MOMENTUM | NL_BY_TRUST,
                      .kept = 1,
                      .spares_all_but_weights = true,
                      .on_cuda = true,
                      .step = NL_STEPS(lars)};
