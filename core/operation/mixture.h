/* Normalizers that mix what a channel of a sample, a group of channels of a sample and a channel of the batch know:
 * switch, bin and bcn.
 *
 * All of them are functions of two moments of each channel of each sample, its mean m and variance v over the
 * positions, which instance normalization is made of. The moments of larger sets follow from these (Luo et al. 2019),
 * in differences, so that no digits are lost:
 *
 *     of a channel of the batch      mean = mean_n m        var = mean_n (v + (m - mean)^2)
 *     of a group of n channels       mean = mean_c m'       var = mean_c (v' + (m' - mean)^2)
 *
 * where m' and v' are the moments of what the groups see: x itself, or of bcn x after its batch normalization. What is
 * left to do to an element is a map of its channel and sample, y = gamma xhat + beta with xhat = (x - m) scale +
 * offset. So forward reads x twice, and backward reads x and dy twice, whatever is mixed; the rest is done once a
 * channel and sample, by the functions below. Backward, with dxhat = dy gamma and S positions:
 *
 *     P = sum dxhat     Q = sum dxhat (x - m)     over the positions; of these nl_mixture_backward makes dm and dv,
 *                                                 the gradients of m and v
 *     dx = dxhat scale + (dm + 2 dv (x - m)) / S
 */
#ifndef NL_OPERATION_MIXTURE_H
#define NL_OPERATION_MIXTURE_H

#include "norm/coefficients.h"
#include "operation/normalize.h"
#include "operation/normalizer.h"

/* The variants. Their formulas are those of norm/switch.c, bin.c and bcn.c. */
enum nl_mixture_kind { NL_MIXTURE_SWITCH, NL_MIXTURE_BIN, NL_MIXTURE_BCN };

/* Slots after those of "normalize", whose gamma and beta are the mixture's, and of whose residual there is none. */
enum { NL_MIXTURE_OWN = NL_NORMALIZE_SLOTS, NL_MIXTURE_SLOTS = NL_MIXTURE_OWN + 2 };

/* A mixture of nl_mixture_kind. Its batch normalization is a "normalize", whose state it has, and whose statistics:
 * mean and var of each channel. Training with running statistics (trains_running) takes the batch in first, and
 * normalizes with what they are then: algorithm 1 of Qiao et al. 2019. */
struct nl_mixture {
    struct nl_norm_settings set;
    struct nl_normalize batch;
    int groups;                /* of channels of a sample, as far as the variant has any; else 1 */
    const void *own[2]; /* real: switch: mean_weight, var_weight (3); bin: rho (C); bcn: batch_weight, batch_bias (C),
                           or NULL */
    void *down[2];             /* their gradients */
    void *instance;            /* statistic (2, N, C): mean and variance of each channel of each sample */
    void *used; /* statistic (2, C): with trains_running, the batch's mean and variance that forward normalized with;
                   else NULL */
};

static inline enum nl_mixture_kind nl_mixture_kind_of(const struct nl_mixture *op)
{
    return (enum nl_mixture_kind)op->set.norm->variant;
}

/* Whether this forward call writes `used`. */
static inline bool nl_mixture_keeps_used(const struct nl_mixture *op, const struct nl_run *run)
{
    return nl_normalize_is_constant(&op->batch, run) && !nl_normalize_is_fixed(&op->batch, run);
}

extern const struct nl_operation nl_mixture_operation;

/* ---- once a channel and sample ---- */

struct nl_moments {
    nl_number mean, var;
};

/* What a layer has: its kind, and the shares of instance, layer and batch in `switch`. */
enum { NL_SHARE_INSTANCE, NL_SHARE_LAYER, NL_SHARE_BATCH, NL_SHARES };
struct nl_mixture_layer {
    enum nl_mixture_kind kind;
    double eps;
    nl_number mean_share[NL_SHARES], var_share[NL_SHARES];
};

/* What a channel has: its moments, the rho of `bin`, the first gamma and beta of `bcn`. */
struct nl_mixture_channel {
    struct nl_moments batch;
    nl_number rstd;          /* 1 / sqrt(batch.var + eps), or 0; not of switch */
    nl_number own[2];
};

/* xhat = (x - m) scale + offset */
struct nl_mixture_map {
    nl_number scale, offset;
};

/* Sums over the positions. */
struct nl_mixture_sums {
    nl_number gradient, product; /* P, Q */
};

/* What a channel of a sample adds to gradients. */
enum { NL_MIXTURE_OWN_GRADIENTS = 6 };
struct nl_mixture_gradients {
    struct nl_moments instance, batch;
    nl_number own[NL_MIXTURE_OWN_GRADIENTS]; /* switch: by the shares of the means, then of the variances
                                                (nl_mixture_logits); else of channel.own */
};

static inline NL_EVERYWHERE nl_number nl_mixture_rstd(nl_number var, double eps)
{
    return nl_real_part(var) + eps == 0 ? 0.0 : 1.0 / sqrt(var + eps);
}

/* share = softmax(weight) */
static inline NL_EVERYWHERE void nl_mixture_softmax(const nl_number weight[NL_SHARES], nl_number share[NL_SHARES])
{
    double largest = nl_real_part(weight[0]);
    nl_number sum = 0;
    for (int k = 1; k < NL_SHARES; k++)
        largest = nl_real_part(weight[k]) > largest ? nl_real_part(weight[k]) : largest;
    for (int k = 0; k < NL_SHARES; k++)
        sum += share[k] = exp(weight[k] - largest);
    for (int k = 0; k < NL_SHARES; k++)
        share[k] /= sum;
}

/* m' and v': the moments of what the groups see. */
static inline NL_EVERYWHERE struct nl_moments nl_mixture_seen(const struct nl_mixture_layer *layer,
                                                              const struct nl_mixture_channel *channel,
                                                              struct nl_moments instance)
{
    if (layer->kind != NL_MIXTURE_BCN)
        return instance;
    nl_number slope = channel->own[0] * channel->rstd;
    struct nl_moments seen = {slope * (instance.mean - channel->batch.mean) + channel->own[1],
                              slope * slope * instance.var};
    return seen;
}

static inline NL_EVERYWHERE struct nl_mixture_map nl_mixture_map_of(const struct nl_mixture_layer *layer,
                                                                    const struct nl_mixture_channel *channel,
                                                                    struct nl_moments group, struct nl_moments instance)
{
    struct nl_mixture_map map;
    nl_number apart = instance.mean - channel->batch.mean;
    if (layer->kind == NL_MIXTURE_SWITCH) {
        const nl_number *w = layer->var_share;
        nl_number var = w[NL_SHARE_INSTANCE] * instance.var + w[NL_SHARE_LAYER] * group.var +
                        w[NL_SHARE_BATCH] * channel->batch.var;
        map.scale = nl_mixture_rstd(var, layer->eps);
        map.offset = (layer->mean_share[NL_SHARE_LAYER] * (instance.mean - group.mean) +
                      layer->mean_share[NL_SHARE_BATCH] * apart) *
                     map.scale;
    } else if (layer->kind == NL_MIXTURE_BIN) {
        nl_number of_batch = channel->own[0] * channel->rstd;
        map.scale = of_batch + (1 - channel->own[0]) * nl_mixture_rstd(instance.var, layer->eps);
        map.offset = of_batch * apart;
    } else {
        nl_number slope = channel->own[0] * channel->rstd, of_group = nl_mixture_rstd(group.var, layer->eps);
        map.scale = slope * of_group;
        map.offset = (slope * apart + channel->own[1] - group.mean) * of_group;
    }
    return map;
}

/* What it adds to the gradients of its group's mean and variance. */
static inline NL_EVERYWHERE struct nl_moments nl_mixture_to_group(const struct nl_mixture_layer *layer,
                                                                  const struct nl_mixture_channel *channel,
                                                                  struct nl_moments group, struct nl_moments instance,
                                                                  struct nl_mixture_sums sums)
{
    struct nl_mixture_map map = nl_mixture_map_of(layer, channel, group, instance);
    nl_number product = map.scale * sums.product + map.offset * sums.gradient; /* the sum of dxhat xhat */
    struct nl_moments d = {0, 0};
    if (layer->kind == NL_MIXTURE_SWITCH) {
        d.mean = -layer->mean_share[NL_SHARE_LAYER] * map.scale * sums.gradient;
        d.var = -0.5 * layer->var_share[NL_SHARE_LAYER] * map.scale * map.scale * product;
    } else if (layer->kind == NL_MIXTURE_BCN) {
        nl_number of_group = nl_mixture_rstd(group.var, layer->eps);
        d.mean = -of_group * sums.gradient;
        d.var = -0.5 * of_group * of_group * product;
    }
    return d;
}

/* Both gradients of nl_mixture_to_group, summed over the group and divided by its number of channels, arrive as
 * d_group. */
struct nl_mixture_backward_terms {
    struct nl_moments instance, group, d_group;
    nl_number gradient, product; /* P, Q */
    nl_number apart, around;     /* instance.mean - batch.mean; sum dxhat (x - batch.mean) */
};

static inline NL_EVERYWHERE struct nl_mixture_gradients nl_switch_backward(const struct nl_mixture_layer *layer,
                                                                           const struct nl_mixture_channel *channel,
                                                                           const struct nl_mixture_backward_terms *b)
{
    const nl_number *m = layer->mean_share, *v = layer->var_share;
    struct nl_mixture_gradients d;
    struct nl_mixture_map map = nl_mixture_map_of(layer, channel, b->group, b->instance);
    nl_number from_group = b->instance.mean - b->group.mean,
              from_mean = m[NL_SHARE_LAYER] * from_group + m[NL_SHARE_BATCH] * b->apart;
    nl_number var = v[NL_SHARE_INSTANCE] * b->instance.var + v[NL_SHARE_LAYER] * b->group.var +
                    v[NL_SHARE_BATCH] * channel->batch.var;
    nl_number d_mean = -map.scale * b->gradient,
              d_var = -0.5 * map.scale * map.scale * map.scale * (b->product + b->gradient * from_mean);
    d.instance.mean = m[NL_SHARE_INSTANCE] * d_mean + b->d_group.mean + 2 * b->d_group.var * from_group;
    d.instance.var = v[NL_SHARE_INSTANCE] * d_var + b->d_group.var;
    d.batch.mean = m[NL_SHARE_BATCH] * d_mean;
    d.batch.var = v[NL_SHARE_BATCH] * d_var;
    d.own[NL_SHARE_INSTANCE] = d_mean * from_mean;
    d.own[NL_SHARE_LAYER] = d_mean * (from_mean - from_group);
    d.own[NL_SHARE_BATCH] = d_mean * (from_mean - b->apart);
    d.own[NL_SHARES + NL_SHARE_INSTANCE] = d_var * (b->instance.var - var);
    d.own[NL_SHARES + NL_SHARE_LAYER] = d_var * (b->group.var - var);
    d.own[NL_SHARES + NL_SHARE_BATCH] = d_var * (channel->batch.var - var);
    return d;
}

static inline NL_EVERYWHERE struct nl_mixture_gradients nl_bin_backward(const struct nl_mixture_layer *layer,
                                                                        const struct nl_mixture_channel *channel,
                                                                        const struct nl_mixture_backward_terms *b)
{
    struct nl_mixture_gradients d;
    nl_number rho = channel->own[0], of_batch = channel->rstd,
              of_instance = nl_mixture_rstd(b->instance.var, layer->eps);
    d.instance.mean = -(1 - rho) * of_instance * b->gradient;
    d.instance.var = -0.5 * (1 - rho) * of_instance * of_instance * of_instance * b->product;
    d.batch.mean = -rho * of_batch * b->gradient;
    d.batch.var = -0.5 * rho * of_batch * of_batch * of_batch * b->around;
    d.own[0] = of_batch * b->around - of_instance * b->product;
    return d;
}

static inline NL_EVERYWHERE struct nl_mixture_gradients nl_bcn_backward(const struct nl_mixture_layer *layer,
                                                                        const struct nl_mixture_channel *channel,
                                                                        const struct nl_mixture_backward_terms *b)
{
    struct nl_mixture_gradients d;
    struct nl_moments seen = nl_mixture_seen(layer, channel, b->instance);
    nl_number slope = channel->own[0] * channel->rstd, of_group = nl_mixture_rstd(b->group.var, layer->eps);
    nl_number of_statistics =
        b->d_group.mean + 2 * b->d_group.var * (seen.mean - b->group.mean); /* what comes to z by its group's moments */
    nl_number d_z = of_group * b->gradient + of_statistics,
              d_slope = of_group * b->product + d_z * b->apart + 2 * b->d_group.var * slope * b->instance.var;
    d.instance.mean = slope * of_statistics;
    d.instance.var = slope * slope * b->d_group.var;
    d.batch.mean = -slope * d_z;
    d.batch.var = -0.5 * channel->own[0] * channel->rstd * channel->rstd * channel->rstd * d_slope;
    d.own[0] = channel->rstd * d_slope;
    d.own[1] = d_z;
    return d;
}

static inline NL_EVERYWHERE struct nl_mixture_gradients
nl_mixture_backward(const struct nl_mixture_layer *layer, const struct nl_mixture_channel *channel,
                    struct nl_moments group, struct nl_moments d_group, struct nl_moments instance,
                    struct nl_mixture_sums sums)
{
    struct nl_mixture_backward_terms b = {
        instance, group, d_group, sums.gradient, sums.product, instance.mean - channel->batch.mean, 0};
    b.around = b.product + b.gradient * b.apart;
    if (layer->kind == NL_MIXTURE_SWITCH)
        return nl_switch_backward(layer, channel, &b);
    return layer->kind == NL_MIXTURE_BIN ? nl_bin_backward(layer, channel, &b) : nl_bcn_backward(layer, channel, &b);
}

#endif
