/* A momentum of running statistics that is learned (norm.running: learned), one a channel.
 *
 * With running mean M and variance V from before a batch, whose mean is mu and whose variance, as it is stored, is v,
 * the channel's statistics predict the batch's with the error
 *
 *     L = (mu - M)^2 / (V + eps) + (log(v + eps) - log(V + eps))^2
 *
 * M and V depend on the momentum m of all updates before: with slopes M' = dM/dm and V' = dV/dm
 *
 *     dL/dm = -2 / (V + eps) ((mu - M) M' + (log(v + eps) - log(V + eps)) V')
 *
 * where the scale of the first error is held fixed. m = sigmoid(a) and a moves by one step along the negative gradient,
 * which counts as no more than 1:
 *
 *     a = a - rate max(-1, min(1, dL/dm m (1 - m)))     rate: norm.momentum_lr
 *
 * Then the batch is taken in with the new m, and so are the slopes, by the derivative of the same line (forward mode; m
 * counts as the same in all updates):
 *
 *     M = (1 - m) M + m mu        M' = (1 - m) M' + (mu - M)       with M from before; V and V' likewise
 *
 * a begins at the logit of norm.momentum, and what is kept is the distance from it. The training loss has no part in
 * this: no gradient of it reaches a.
 */
#ifndef NL_NORM_MOMENTUM_H
#define NL_NORM_MOMENTUM_H

#include "norm/norm.h"

/* A channel's state, and the order of its rows in memory. */
enum { NL_MOMENTUM_LOGIT, NL_MOMENTUM_MEAN, NL_MOMENTUM_VAR, NL_MOMENTUM_ROWS };
struct nl_learned_momentum {
    double row[NL_MOMENTUM_ROWS]; /* a - logit(norm.momentum), M', V' */
};

/* A channel's statistics: the running ones before a batch, and the batch's own. */
struct nl_prediction {
    double mean, var, batch_mean, batch_var;
};

static inline NL_EVERYWHERE double nl_momentum_of(double begin, double moved)
{
    double odds = begin / (1 - begin) * exp(moved); /* begin = 1: infinite, and stays so */
    return begin < 1 ? odds / (1 + odds) : 1;
}

/* The momentum with which the batch is taken in. begin: norm.momentum. */
static inline NL_EVERYWHERE double nl_learn_momentum(struct nl_learned_momentum *own, const struct nl_prediction *p,
                                                     double begin, double rate, double eps)
{
    double m = nl_momentum_of(begin, own->row[NL_MOMENTUM_LOGIT]), mean_error = p->batch_mean - p->mean;
    if (p->var + eps > 0 && p->batch_var + eps > 0) {
        double var_error = log(p->batch_var + eps) - log(p->var + eps);
        double slope = mean_error * own->row[NL_MOMENTUM_MEAN] + var_error * own->row[NL_MOMENTUM_VAR];
        double gradient = -2 / (p->var + eps) * slope * m * (1 - m);
        own->row[NL_MOMENTUM_LOGIT] -= rate * (gradient < -1 ? -1 : gradient > 1 ? 1 : gradient);
        m = nl_momentum_of(begin, own->row[NL_MOMENTUM_LOGIT]);
    }
    own->row[NL_MOMENTUM_MEAN] = (1 - m) * own->row[NL_MOMENTUM_MEAN] + mean_error;
    own->row[NL_MOMENTUM_VAR] = (1 - m) * own->row[NL_MOMENTUM_VAR] + (p->batch_var - p->var);
    return m;
}

#endif
