/* formula: a normalizer that is written in the configuration.
 *
 * Sets        those of its reductions: mean, sum, var, max, min or norm over batch, space, channel, group(k) or sample.
 * Forward     what norm.formula says, statement by statement; by default (x - mean(x, sample)) / sqrt(var(x, sample) +
 *             eps), which is LN without gamma and beta.
 * Backward    derived from it, in reverse mode; `normlab norms --formula FILE` prints it.
 * State       what norm.parameters and norm.states declare.
 * Conventions space is the positions of an image or of a sequence. var is the biased variance. A state that is read is
 *             that before the step, all `next` are simultaneous, and states are constants to the gradient. Derivatives
 *             at kinks: 0 of abs, sign, relu and norm at 0; half to each of min(a, b) and max(a, b) where a = b; 1 / k
 *             to each of the k elements that are the largest of a reduction. A parameter called gamma or weight is a
 *             gamma, the others are betas (train.weight_decay_on, norm.gamma_init).
 * Source      the user's.
 * Used        normalizers that are not built in, and variants of those that are.
 * Trap        a formula that reduces over batch needs states and norm.evaluation: else a sample's output would depend
 *             on the others in evaluation. In a recurrent network a state is one for all times, and each time is a
 *             step of it.
 */
#include <pthread.h>

#include "operation/formula.h"

const struct nl_norm nl_norm_formula = {
    .name = "formula",
    .title = "a normalizer by its formula",
    .label = "formula",
    .operation = &nl_formula_operation,
    .mixes_positions = true,
    .uses = NL_USES_FORMULA | NL_LACKS_AFFINE,
};

struct nl_formula_norm nl_formula_row(const struct nl_formula *formula, const char *label)
{
    struct nl_formula_norm row = {.norm = nl_norm_formula, .formula = formula};
    row.norm.label = label;
    bool over_positions = nl_formula_reduces(formula, &formula->training, NL_AXIS_SPACE);
    row.norm.mixes_samples = nl_formula_reduces(formula, &formula->training, NL_AXIS_BATCH);
    row.norm.mixes_positions = nl_formula_reduces(formula, &formula->evaluation, NL_AXIS_SPACE) ||
                               (!row.norm.mixes_samples && over_positions);
    row.norm.cancels_bias = nl_formula_cancels_bias(formula);
    return row;
}

static struct nl_formula *by_default;

static void make_default(void)
{
    struct nl_formula_error error;
    by_default = nl_formula_make(&(struct nl_formula_source){.formula = NL_DEFAULT_FORMULA}, &error);
    NL_ASSERT(by_default);
}

const struct nl_formula *nl_formula_of(const struct nl_norm *norm)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (norm != &nl_norm_formula)
        return ((const struct nl_formula_norm *)(const void *)norm)->formula;
    pthread_once(&once, make_default);
    return by_default;
}
