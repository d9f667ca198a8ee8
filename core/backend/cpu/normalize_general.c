/* Finds the coefficients of each set in the general form, and hands its blocks to the kernels of block_general. */
#include "backend/cpu/normalize_general.h"

#include <float.h>
#include <math.h>

#include "norm/coefficients.h"

bool nl_general_has_signs(const struct nl_normalize *op)
{
    return op->norm->spread == NL_SPREAD_LARGEST || (op->norm->spread == NL_SPREAD_POWER && nl_power(op->norm) == 1);
}

bool nl_general_suits(const struct nl_normalize *op)
{
    return (nl_general_has_signs(op) || nl_power(op->norm) == 2) && op->affine_count <= op->setup.channels;
}

/* ---- sets ---- */

static struct nl_set_statistics statistics_of(const struct nl_norm_call *call, const struct nl_cpu_block *b, size_t set)
{
    const struct nl_normalize *op = call->op;
    const struct nl_hyper *hyper = op->hyper;
    struct nl_set_statistics known = {b->mean[set], b->var[set], 0, 1, b->eps, op->eps_outside, hyper->norm_numbers};
    if (op->norm->tracks) {
        known.running_center = ((const float *)op->running_mean)[set];
        known.running_spread = ((const float *)op->running_var)[set];
    }
    if (call->fixed) {
        known.center = call->fixed_mean[set];
        known.spread = call->fixed_var[set];
    } else if (call->constant) {
        known.center = known.running_center;
        known.spread = known.running_spread;
    }
    return known;
}

/* The coefficients that are kept of the block's sets; NULL: they are not kept. Those of fixed statistics can be
 * worked out again. */
static struct nl_set_coefficients *kept_of(const struct nl_norm_call *call, const struct nl_cpu_block *b)
{
    struct nl_set_coefficients *kept = call->op->coefficients;
    return kept && !call->fixed ? kept + (b->mean - call->block.mean) : NULL;
}

static struct nl_set_coefficients find(const struct nl_norm *norm, const struct nl_set_statistics *known)
{
    return norm->coefficients ? norm->coefficients->forward(norm, known) : nl_standard_coefficients(norm, known);
}

static struct nl_set_coefficients coefficients_of(const struct nl_norm_call *call, const struct nl_cpu_block *b,
                                                  size_t set, const struct nl_set_statistics *known)
{
    const struct nl_set_coefficients *kept = kept_of(call, b);
    return kept ? kept[set] : find(call->op->norm, known);
}

/* The channels [first, end) of a set. */
struct channels {
    size_t first, end;
};

static struct channels channels_of(const struct nl_cpu_block *b, size_t set)
{
    return (struct channels){set * b->width, (set + 1) * b->width};
}

/* ---- forward ---- */

/* What distances are measured from. */
static void set_center(const struct nl_cpu_block *b, size_t set, double center)
{
    struct channels of = channels_of(b, set);
    for (size_t c = of.first; c < of.end; c++) {
        b->shift[c] = (float)center;
        b->mean_low[c] = (float)(center - b->shift[c]);
    }
}

/* var becomes the spread. */
static void take_spread(const struct nl_norm *norm, const struct nl_cpu_block *b)
{
    const bool largest = norm->spread == NL_SPREAD_LARGEST;
    for (size_t set = 0; set < b->sets; set++)
        set_center(b, set, b->mean[set]);
    if (largest)
        nl_block_kernels()->column_extremes(b, 0, b->rows, b->sum, b->product);
    else
        nl_cpu_block_sums(b, nl_block_kernels()->column_distances, false);
    for (size_t set = 0; set < b->sets; set++) {
        struct channels of = channels_of(b, set);
        double most = 0, sum = 0;
        for (size_t c = of.first; c < of.end; c++) {
            most = nl_larger(most, nl_larger(b->sum[c] - b->mean[set], b->product[c] + b->mean[set]));
            sum += b->sum[c];
        }
        b->var[set] = largest ? most : sum / ((double)b->rows * (double)b->width);
    }
}

/* A number of a channel, of the batch that came after so many others, averaged with those of the batches before (0:
 * var, 1: mean of products). */
static double averaged(const struct nl_norm_call *call, size_t which, int64_t before, size_t c, double number)
{
    size_t history = (size_t)call->op->history, channels = call->block.channels;
    float *of = (float *)call->op->averaged + which * history * channels + c;
    double sum = 0;
    of[(size_t)before % history * channels] = (float)number;
    if ((size_t)before < history)
        return number;
    for (size_t i = 0; i < history; i++)
        sum += (double)of[i * channels];
    return sum / (double)history;
}

void nl_general_complete(const struct nl_norm_call *call, const struct nl_cpu_block *b)
{
    struct nl_set_coefficients *kept = kept_of(call, b);
    if (nl_general_has_signs(call->op))
        take_spread(call->op->norm, b);
    for (size_t set = 0; call->averages && set < b->sets; set++)
        b->var[set] = averaged(call, 0, *(const int64_t *)call->op->updates, set, b->var[set]);
    for (size_t set = 0; kept && set < b->sets; set++) {
        struct nl_set_statistics known = statistics_of(call, b, set);
        kept[set] = find(call->op->norm, &known);
    }
}

/* gamma xhat + beta = t scale + offset. t = x - shift is taken from near the batch's center, whatever a normalizer
 * subtracts: so dx loses no digits. */
void nl_general_prepare(const struct nl_norm_call *call, const struct nl_cpu_block *b)
{
    for (size_t set = 0; set < b->sets; set++) {
        struct nl_set_statistics known = statistics_of(call, b, set);
        struct nl_set_coefficients own = coefficients_of(call, b, set, &known);
        struct channels of = channels_of(b, set);
        set_center(b, set, call->constant ? own.shift : known.center);
        double scale = own.scale * own.factor, offset = (b->shift[of.first] - own.shift) * scale + own.offset;
        for (size_t c = of.first; c < of.end; c++) {
            b->scale[c] = (float)(scale * b->gamma[c]);
            b->offset[c] = (float)(b->beta[c] + b->gamma[c] * offset);
        }
    }
}

/* ---- backward ---- */

/* dx_slope and dx_bias of a set. */
struct slopes {
    double slope, bias;
};

/* dx = scale (du - mean(du) - (h - mean(h)) mean(du u)) = g (scale factor gamma) + (h slope + bias), where h is a sign;
 * or t in its place, as h = (t - (center - shift)) scale. */
static struct slopes slopes_of(const struct nl_norm_call *call, const struct nl_cpu_block *b, size_t set,
                               double elements, double scale, double center, struct nl_set_means means)
{
    const struct nl_norm *norm = call->op->norm;
    struct channels of = channels_of(b, set);
    double slope = scale * scale * means.product, middle = center - b->shift[of.first];
    /* With one element all cancels to the last bit: the sum is multiplied with the number that the kernel multiplies
     * g with. */
    double bias = elements == 1 && means.gradient != 0 ? b->sum[of.first] * b->scale[of.first] : scale * means.gradient;
    if (nl_general_has_signs(call->op)) {
        double signs = 0, count = 0;
        for (size_t c = of.first; c < of.end; c++) {
            signs += b->signs[c];
            count += b->count[c];
        }
        slope = scale * means.product * (norm->spread == NL_SPREAD_LARGEST && count > 0 ? elements / count : 1);
        middle = nl_centers_slope(norm, call->op->detached) ? signs / elements : 0;
    }
    return (struct slopes){-slope, slope * middle - bias};
}

/* dgamma, dbeta, dx_slope and dx_bias. */
static void set_slopes(const struct nl_norm_call *call, const struct nl_cpu_block *b, size_t set, double elements)
{
    const struct nl_norm *norm = call->op->norm;
    struct nl_set_statistics known = statistics_of(call, b, set);
    struct nl_set_coefficients own = coefficients_of(call, b, set, &known);
    struct channels of = channels_of(b, set);
    struct nl_set_means means = {0, 0};
    double shift = b->shift[of.first];
    for (size_t c = of.first; c < of.end; c++) {
        double gradients = b->sum[c], products = b->product[c] + (shift - own.shift) * gradients; /* of g (x - shift) */
        b->dgamma[c] += products * own.scale * own.factor + own.offset * gradients;
        b->dbeta[c] += gradients;
        double share = b->gamma[c] * own.factor / elements;
        means.gradient += gradients * share;
        means.product += products * own.scale * share;
    }
    if (call->averages) /* forward has counted the batch */
        means.product = averaged(call, 1, *(const int64_t *)call->op->updates - 1, set, means.product);
    if (call->constant)
        means.gradient = means.product = 0;
    else
        means = norm->coefficients ? norm->coefficients->backward(&known, means) : nl_standard_means(&known, means);
    struct slopes slopes =
        slopes_of(call, b, set, elements, own.scale, known.center, nl_attached(norm, call->op->detached, means));
    for (size_t c = of.first; c < of.end; c++) {
        b->dx_slope[c] = (float)slopes.slope;
        b->dx_bias[c] = (float)slopes.bias;
    }
}

/* The next smaller float. Subnormal numbers are none: the processor compares them as 0. */
static float next_below(float x)
{
    return x == 0 ? -FLT_MIN : x == FLT_MIN ? 0 : nextafterf(x, -INFINITY);
}

/* The float that elements above the center are larger than, and no others. */
static float above_center(double center)
{
    float found = (float)center;
    return found > center ? next_below(found) : found;
}

/* The float just below the elements that are `distance` above the center; infinity where there are none: elements are
 * floats, and center and distance must lead back to one. */
static float above_others(double center, double distance)
{
    float found = (float)(center + distance);
    return found - center == distance ? next_below(found) : INFINITY;
}

/* The sums of h and |h|. */
static void sum_signs(const struct nl_norm_call *call, const struct nl_cpu_block *b)
{
    struct nl_cpu_block of_signs = *b;
    of_signs.sum = b->signs, of_signs.product = b->count;
    for (size_t set = 0; set < b->sets; set++) {
        struct nl_set_statistics known = statistics_of(call, b, set);
        struct channels of = channels_of(b, set);
        const bool largest = call->op->norm->spread == NL_SPREAD_LARGEST && known.spread > 0;
        const float above = largest ? above_others(known.center, known.spread) : above_center(known.center);
        const float below = largest ? -above_others(-known.center, known.spread) : -above_center(-known.center);
        for (size_t c = of.first; c < of.end; c++) {
            b->above[c] = above;
            b->below[c] = below;
        }
    }
    nl_cpu_block_sums(&of_signs, nl_block_kernels()->column_signs, false);
}

void nl_general_slopes(const struct nl_norm_call *call, const struct nl_cpu_block *b, size_t rows)
{
    if (nl_general_has_signs(call->op))
        sum_signs(call, b);
    for (size_t set = 0; set < b->sets; set++)
        set_slopes(call, b, set, (double)rows * (double)b->width);
}
