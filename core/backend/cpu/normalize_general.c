#include "backend/cpu/normalize_general.h"

#include "norm/coefficients.h"

bool nl_general_suits(const struct nl_normalize *op)
{
    const struct nl_norm *norm = op->norm;
    struct nl_partition partition = norm->partition(&op->setup);
    bool columns = norm->tracks && norm->centers && partition.channels == 1 && partition.positions == op->setup.positions;
    bool of_squares = norm->spread != NL_SPREAD_LARGEST && nl_power(norm) == 2;
    /* Of several slices the first would move on the running statistics that the next one's coefficients are made of. */
    bool whole = partition.samples == op->setup.samples || !nl_normalize_keeps_coefficients(op);
    return columns && of_squares && whole && op->affine_count <= op->setup.channels;
}

static struct nl_set_statistics statistics_of(const struct nl_norm_call *call, const struct nl_cpu_block *b, size_t c)
{
    const struct nl_normalize *op = call->op;
    const struct nl_hyper *hyper = NL_AT(op->hyper, call->at);
    const float *running_mean = NL_AT(op->running_mean, call->at), *running_var = NL_AT(op->running_var, call->at);
    struct nl_set_statistics set = {b->mean[c], b->var[c], running_mean[c], running_var[c], b->eps, hyper->norm_numbers};
    if (call->fixed) {
        set.center = call->fixed_mean[c];
        set.spread = call->fixed_var[c];
    } else if (call->constant) {
        set.center = set.running_center;
        set.spread = set.running_spread;
    }
    return set;
}

/* Of the block's sets; NULL: they are not kept. Those of fixed statistics can be worked out again. */
static struct nl_set_coefficients *kept_of(const struct nl_norm_call *call, const struct nl_cpu_block *b)
{
    struct nl_set_coefficients *kept = NL_AT(call->op->coefficients, call->at);
    return kept && !call->fixed ? kept + (b->mean - call->block.mean) : NULL;
}

static struct nl_set_coefficients find(const struct nl_norm_call *call, const struct nl_cpu_block *b, size_t c)
{
    const struct nl_norm *norm = call->op->norm;
    struct nl_set_statistics set = statistics_of(call, b, c);
    return norm->coefficients ? norm->coefficients->forward(norm, &set) : nl_standard_coefficients(norm, &set);
}

void nl_general_keep(const struct nl_norm_call *call, const struct nl_cpu_block *b)
{
    struct nl_set_coefficients *kept = kept_of(call, b);
    for (size_t c = 0; kept && c < b->channels; c++)
        kept[c] = find(call, b, c);
}

static struct nl_set_coefficients coefficients_of(const struct nl_norm_call *call, const struct nl_cpu_block *b, size_t c)
{
    const struct nl_set_coefficients *kept = kept_of(call, b);
    return kept ? kept[c] : find(call, b, c);
}

/* gamma xhat + beta = t scale + offset. t = x - shift is taken from near the batch's center, whatever a normalizer subtracts: so dx loses no digits. */
void nl_general_prepare(const struct nl_norm_call *call, const struct nl_cpu_block *b)
{
    for (size_t c = 0; c < b->channels; c++) {
        struct nl_set_coefficients own = coefficients_of(call, b, c);
        double scale = own.scale * own.factor;
        b->shift[c] = (float)(call->constant ? own.shift : statistics_of(call, b, c).center);
        b->scale[c] = (float)(scale * b->gamma[c]);
        b->offset[c] = (float)(b->beta[c] + b->gamma[c] * ((b->shift[c] - own.shift) * scale + own.offset));
    }
}

/* dx = scale (du - mean(du) - h mean(du u)) = g (scale factor gamma) + (t dx_slope + dx_bias), where h = (x - center) scale. */
static void set_slope(const struct nl_norm_call *call, const struct nl_cpu_block *b, size_t c, size_t rows)
{
    const struct nl_norm *norm = call->op->norm;
    struct nl_set_statistics set = statistics_of(call, b, c);
    struct nl_set_coefficients own = coefficients_of(call, b, c);
    double shift = b->shift[c], gradients = b->sum[c], products = b->product[c] + (shift - own.shift) * gradients; /* of g (x - shift) */
    b->dgamma[c] += products * own.scale * own.factor + own.offset * gradients;
    b->dbeta[c] += gradients;
    double share = b->gamma[c] * own.factor / (double)rows;
    struct nl_set_means means = {gradients * share, products * own.scale * share};
    if (call->constant)
        means.gradient = means.product = 0;
    else if (norm->coefficients)
        means = norm->coefficients->backward(&set, means);
    means = nl_attached(norm, call->op->detached, means);
    double slope = own.scale * own.scale * means.product;
    b->dx_slope[c] = (float)-slope;
    b->dx_bias[c] = (float)(-own.scale * means.gradient - slope * (shift - set.center));
}

void nl_general_slopes(const struct nl_norm_call *call, const struct nl_cpu_block *b, size_t rows)
{
    for (size_t c = 0; c < b->channels; c++)
        set_slope(call, b, c, rows);
}
