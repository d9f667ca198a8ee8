/* What model.residual does to a residual network, so that it trains without normalizers. f is a branch, x what it is
 * added to.
 *
 *     skipinit  x + s f(x), with a learned scalar s that starts at 0: De and Smith 2020; ReZero is the same
 *               (Bachlechner et al. 2020)
 *     fixup     Zhang, Dauphin and Ma 2019: a learned scalar is added before each convolution, activation and linear
 *               layer in and after the branches, and f is multiplied by another. The first convolution of a branch is
 *               drawn L^(-1 / (2 m - 2)) times as large, where L is the number of branches and m = 2 that of their
 *               convolutions; the last one, and the head, start at 0
 *     nf        Brock, De and Smith 2021, Brock et al. 2021: x + alpha f(x / beta), where beta^2 is the variance of x
 *               that is expected: 1 at first, alpha^2 more after each branch. Where the stride is 2 the shortcut takes
 *               x / beta, too, and the variance is 1 again before the branch is added. Activations are multiplied by
 *               what makes their outputs of normal numbers have variance 1
 */
#include <math.h>

#include "model/build.h"
#include "operation/scalars.h"

static void add_scalars(struct nl_builder *b, double factor, unsigned without, const char *stem, int number)
{
    struct nl_scalars scalars = {.factor = factor};
    nl_add_without(b, &nl_scalars_operation, &scalars, without, stem, number);
}

enum { NO_WEIGHT = 1u << NL_SCALARS_WEIGHT, NO_BIAS = 1u << NL_SCALARS_BIAS };

void nl_add_fixup_bias(struct nl_builder *b, const char *stem, int number)
{
    if (b->residual == NL_FIXUP)
        add_scalars(b, 1, NO_WEIGHT, stem, number);
}

void nl_add_fixup_weights(struct nl_builder *b, double factor)
{
    if (b->residual == NL_FIXUP)
        nl_scale_parts(b, 1, factor, factor);
}

/* 1 / the standard deviation of the activation of a standard normal number. */
static double gain(const struct nl_config *config)
{
    switch ((enum nl_activation)config->model.activation) {
    case NL_RELU:
        return 1.7128585504496627; /* sqrt(2 / (1 - 1 / pi)) */
    case NL_SIGMOID:
        return 4.801313372039962;
    case NL_TANH:
        return 1.5925374197228314;
    case NL_GELU:
        return config->model.gelu_approximate == NL_GELU_ERF ? 1.7009262433633332 : 1.7009165616954504;
    case NL_SILU:
        return 1.787187222100442;
    }
    NL_BUG("activation %d", config->model.activation);
}

void nl_add_gain(struct nl_builder *b, int number)
{
    if (b->residual == NL_NF)
        add_scalars(b, gain(b->config), NO_WEIGHT | NO_BIAS, "gain", number);
}

int nl_begin_branch(struct nl_builder *b, bool transition)
{
    int shortcut = b->at;
    if (b->residual != NL_NF)
        return shortcut;
    if (b->variance != 1)
        add_scalars(b, 1 / sqrt(b->variance), NO_WEIGHT | NO_BIAS, "beta", 0);
    if (transition) {
        shortcut = b->at;
        b->variance = 1;
    }
    b->variance += b->config->model.residual_alpha * b->config->model.residual_alpha;
    return shortcut;
}

void nl_end_branch(struct nl_builder *b, const char *stem)
{
    if (b->residual == NL_SKIPINIT) {
        add_scalars(b, 1, NO_BIAS, stem, 0);
        nl_scale_weight(b, 0);
    }
    if (b->residual == NL_FIXUP)
        add_scalars(b, 1, 0, stem, 0);
    if (b->residual == NL_NF)
        add_scalars(b, b->config->model.residual_alpha, NO_WEIGHT | NO_BIAS, stem, 0);
}
