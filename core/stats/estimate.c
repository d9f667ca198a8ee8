/* Computes means, intervals (t, bootstrap, exact) and p-values (t, sign flips) over seeds. */
#include "stats/estimate.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/sorted.h"
#include "stats/distribution.h"

static const double rounding = 1e-12; /* of probabilities that are sums */

int nl_finite_values(const double *values, int count, double *out)
{
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (isfinite(values[i]))
            out[kept++] = values[i];
    nl_sort(out, (size_t)kept);
    return kept;
}

double nl_median_sorted(const double *sorted, int count)
{
    return nl_quantile_sorted(sorted, (size_t)count, 0.5);
}

static void bootstrap(const double *values, int n, double level, double *lower, double *upper)
{
    struct nl_stream stream = nl_stream(0, "stats.bootstrap");
    double *means = nl_alloc(NL_RESAMPLES, sizeof *means);
    for (int resample = 0; resample < NL_RESAMPLES; resample++) {
        double sum = 0.0;
        for (int i = 0; i < n; i++)
            sum += values[nl_stream_below(stream, (uint64_t)resample, (uint64_t)i, (uint32_t)n)];
        means[resample] = sum / n;
    }
    nl_sort(means, NL_RESAMPLES);
    *lower = nl_quantile_sorted(means, NL_RESAMPLES, 0.5 * (1.0 - level));
    *upper = nl_quantile_sorted(means, NL_RESAMPLES, 0.5 * (1.0 + level));
    free(means);
}

/* out[count]: the chance of each to be the first of k. */
static void first_chances(int count, int k, double *out)
{
    double chance = (double)k / count; /* that of the first of all */
    for (int i = 0; i < count; i++) {
        out[i] = chance;
        chance = i + 1 < count ? chance * (count - i - k) / (count - i - 1) : 0.0;
    }
}

double nl_expected_first(const double *values, int count, int k)
{
    double *chance = nl_alloc((size_t)count, sizeof *chance), sum = 0.0;
    first_chances(count, k, chance);
    for (int i = 0; i < count && chance[i] > 0.0; i++)
        sum += chance[i] * values[i];
    free(chance);
    return sum;
}

struct weighted {
    double value, chance;
};

static int by_value(const void *left, const void *right)
{
    const struct weighted *a = left, *b = right;
    return (a->value > b->value) - (a->value < b->value);
}

void nl_first_between(const double *values, int sets, int count, int k, double level, double *lower, double *upper)
{
    int total = sets * count, low = 0, high = total - 1;
    double *chance = nl_alloc((size_t)count, sizeof *chance), tail = 0.5 * (1.0 - level) + rounding, below = 0.0,
           above = 0.0;
    struct weighted *all = nl_alloc((size_t)total, sizeof *all);
    first_chances(count, k, chance);
    for (int i = 0; i < total; i++)
        all[i] = (struct weighted){values[i], chance[i % count] / sets};
    qsort(all, (size_t)total, sizeof *all, by_value);
    while (low < total - 1 && below + all[low].chance <= tail)
        below += all[low++].chance;
    while (high > 0 && above + all[high].chance <= tail)
        above += all[high--].chance;
    *lower = all[low].value;
    *upper = all[high].value;
    free(all);
    free(chance);
}

/* sum[0 .. most + n]: the distribution of the sum of what `sum` is of, at most `most`, and of a binomial of n draws. */
static void add_binomial(double *sum, int most, int n, double chance)
{
    for (int draw = 0; draw < n; draw++, most++) {
        sum[most + 1] = 0.0;
        for (int i = most + 1; i >= 0; i--)
            sum[i] = sum[i] * (1.0 - chance) + (i > 0 ? sum[i - 1] * chance : 0.0);
    }
}

struct nl_stratified_share nl_stratified_share(const int *reached, const int *runs, int tasks, double level)
{
    struct nl_stratified_share out = {.lower = NAN, .upper = NAN};
    int total = tasks * runs[0], most = 0, certain = 0;
    bool even = true;
    for (int task = 0; task < tasks; task++) {
        out.share += (double)reached[task] / runs[task] / tasks;
        even = even && runs[task] == runs[0];
    }
    if (!even)
        return out;
    double *sum = nl_alloc((size_t)total + 1, sizeof *sum);
    sum[0] = 1.0;
    for (int task = 0; task < tasks; task++) {
        certain += reached[task] == runs[task] ? runs[task] : 0;
        if (reached[task] == 0 || reached[task] == runs[task])
            continue;
        add_binomial(sum, most, runs[task], (double)reached[task] / runs[task]);
        most += runs[task];
    }
    double tail = 0.5 * (1.0 - level) + rounding, below = 0.0, above = 0.0;
    int low = 0, high = most;
    while (low < most && below + sum[low] <= tail)
        below += sum[low++];
    while (high > 0 && above + sum[high] <= tail)
        above += sum[high--];
    free(sum);
    out.lower = (double)(certain + low) / total;
    out.upper = (double)(certain + high) / total;
    return out;
}

struct nl_estimate nl_from_logarithms(struct nl_estimate estimate)
{
    estimate.mean = exp(estimate.mean);
    estimate.median = exp(estimate.median);
    estimate.lower = exp(estimate.lower);
    estimate.upper = exp(estimate.upper);
    return estimate;
}

double nl_counting_sd(double mean, double samples)
{
    double q = (fabs(mean) * samples + 0.5) / (samples + 1.0);
    return sqrt(q * (1.0 - q) / samples);
}

double nl_test_part_sd(double a, double b, double samples)
{
    double judged_differently = fmin(a + b, 2.0 - a - b);
    return sqrt(fmax(0.0, judged_differently - (b - a) * (b - a)) / samples);
}

static void mean_and_sd(const double *values, int n, double *mean, double *sd)
{
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < n; i++)
        sum += values[i] - values[0]; /* so that equal values have no spread */
    *mean = values[0] + sum / n;
    for (int i = 0; i < n; i++)
        squares += (values[i] - *mean) * (values[i] - *mean);
    *sd = n > 1 ? sqrt(squares / (n - 1)) : NAN;
}

/* The standard error and the ends, of a mean that is set. The spread is that of `stage`, [out->freedom + 1] of the
 * values. */
static void t_interval(const double *stage, double least, double level, struct nl_estimate *out)
{
    double sd, stage_mean;
    if (out->freedom < 1)
        return;
    mean_and_sd(stage, (int)out->freedom + 1, &stage_mean, &sd);
    out->se = fmax(sd, least) * sqrt(1.0 / out->n + out->overlap / (1.0 - out->overlap));
    double half = nl_t_quantile(0.5 * (1.0 + level), out->freedom) * out->se;
    out->lower = out->mean - half;
    out->upper = out->mean + half;
}

static double least_sd(double mean, enum nl_scale scale, const struct nl_sampling *sampling)
{
    if (scale == NL_SCALE_REAL)
        return sampling->floor;
    return sampling->samples > 0 ? nl_counting_sd(mean, sampling->samples) : 0.0;
}

enum nl_interval nl_interval_of(const struct nl_config *config)
{
    return config->plot.interval == NL_INTERVAL_NONE ? NL_INTERVAL_T : (enum nl_interval)config->plot.interval;
}

struct nl_estimate nl_estimate(const double *values, int count, enum nl_scale scale, const struct nl_sampling *sampling,
                               enum nl_interval kind, double level)
{
    struct nl_estimate out = {
        .mean = NAN, .sd = NAN, .median = NAN, .se = NAN, .overlap = sampling->overlap, .lower = NAN, .upper = NAN};
    double *kept = nl_alloc(2 * (size_t)count + 1, sizeof *kept), *stage = kept + count;
    out.n = nl_finite_values(values, count, kept);
    out.freedom =
        nl_finite_values(values, sampling->first > 0 && sampling->first < count ? sampling->first : count, stage) - 1;
    out.median = nl_median_sorted(kept, out.n);
    if (out.n > 0) {
        mean_and_sd(kept, out.n, &out.mean, &out.sd);
        t_interval(stage, least_sd(out.mean, scale, sampling), level, &out);
        if (kind == NL_INTERVAL_BOOTSTRAP && out.sd > 0.0) /* resampling equal values shows no spread; counting does */
            bootstrap(kept, out.n, level, &out.lower, &out.upper);
        if (scale != NL_SCALE_REAL && out.n > 1) {
            out.lower = fmax(out.lower, scale == NL_SCALE_SHARE ? 0.0 : -1.0);
            out.upper = fmin(out.upper, 1.0);
        }
    }
    free(kept);
    if (!isfinite(out.mean)) /* the sum is no number, or there is none */
        out = (struct nl_estimate){.mean = NAN,
                                   .sd = NAN,
                                   .median = NAN,
                                   .se = NAN,
                                   .overlap = sampling->overlap,
                                   .freedom = -1,
                                   .lower = NAN,
                                   .upper = NAN};
    else if (out.n > 1 && !(isfinite(out.sd) && isfinite(out.lower) && isfinite(out.upper))) {
        out.sd = out.se = out.lower = out.upper = NAN;
        out.freedom = 0;
    }
    return out;
}

/* Half of what counting alone gives a difference of shares is each side's. */
static double variance_of_mean(const double *values, int n, double least)
{
    double mean, sd;
    mean_and_sd(values, n, &mean, &sd);
    return pow(fmax(sd, least), 2.0) / n;
}

struct nl_estimate nl_estimate_apart(const double *a, const double *b, int count, enum nl_scale scale,
                                     const struct nl_sampling *sampling, double level)
{
    struct nl_estimate out = {.mean = NAN, .sd = NAN, .median = NAN, .se = NAN, .lower = NAN, .upper = NAN};
    double *kept[2] = {nl_alloc((size_t)count + 1, sizeof *kept[0]), nl_alloc((size_t)count + 1, sizeof *kept[0])};
    int n[2] = {nl_finite_values(a, count, kept[0]), nl_finite_values(b, count, kept[1])};
    double mean[2], ignored, part[2];
    out.n = n[0] < n[1] ? n[0] : n[1];
    out.first_n = n[0];
    out.second_n = n[1];
    for (int side = 0; side < 2 && out.n > 0; side++)
        mean_and_sd(kept[side], n[side], &mean[side], &ignored);
    if (out.n > 0) {
        out.mean = mean[0] - mean[1];
        out.median = nl_median_sorted(kept[0], n[0]) - nl_median_sorted(kept[1], n[1]);
    }
    if (out.n > 1) {
        double least = least_sd(out.mean, scale, sampling) / M_SQRT2;
        for (int side = 0; side < 2; side++)
            part[side] = variance_of_mean(kept[side], n[side], least);
        double both = part[0] + part[1];
        out.se = sqrt(both);
        out.sd = out.se * sqrt(out.n);
        out.freedom = both > 0.0 ? both * both / (part[0] * part[0] / (n[0] - 1) + part[1] * part[1] / (n[1] - 1))
                                 : n[0] + n[1] - 2;
        double half = nl_t_quantile(0.5 * (1.0 + level), out.freedom) * out.se;
        out.lower = scale == NL_SCALE_REAL ? out.mean - half : fmax(out.mean - half, -1.0);
        out.upper = scale == NL_SCALE_REAL ? out.mean + half : fmin(out.mean + half, 1.0);
    }
    free(kept[0]);
    free(kept[1]);
    return out;
}

/* The interquartile mean. out[count]: what each value adds to it, as far as it lies between the quartiles. */
static double trim(const double *values, int count, double *out)
{
    double *sorted = nl_alloc((size_t)count, sizeof *sorted), sum = 0.0;
    int cut = count / 4, kept = count - 2 * cut;
    if (nl_finite_values(values, count, sorted) < count) {
        free(sorted);
        return NAN;
    }
    for (int i = cut; i < count - cut; i++)
        sum += sorted[i];
    for (int i = 0; i < count; i++)
        out[i] = fmin(fmax(values[i], sorted[cut]), sorted[count - cut - 1]) / kept;
    free(sorted);
    return sum / kept;
}

struct nl_estimate nl_interquartile_mean(const double *a, const double *b, int tasks, int runs, const double *floor,
                                         double overlap, double level)
{
    struct nl_estimate out = {
        .mean = NAN, .sd = NAN, .median = NAN, .se = NAN, .overlap = overlap, .lower = NAN, .upper = NAN};
    int count = tasks * runs;
    double *share = nl_alloc((size_t)count + 1, 2 * sizeof *share), *other = share + count;
    out.mean = trim(a, count, share) - (b ? trim(b, count, other) : 0.0);
    out.n = isnan(out.mean) ? 0 : runs;
    double sum = 0.0, squares = 0.0;
    for (int task = 0; task < tasks && out.n > 1; task++) {
        double *of = share + task * runs, mean, sd;
        for (int i = 0; b && i < runs; i++)
            of[i] -= other[task * runs + i];
        mean_and_sd(of, runs, &mean, &sd);
        double part = runs * pow(fmax(sd, floor[task] / (count - 2 * (count / 4))), 2.0);
        sum += part;
        squares += part * part / (runs - 1);
    }
    free(share);
    if (out.n < 2)
        return out;
    out.sd = sqrt(sum * runs);
    out.se = out.sd * sqrt(1.0 / runs + overlap / (1.0 - overlap));
    double kept = count - 2 * (count / 4) - tasks, all = count - tasks; /* degrees of freedom */
    out.freedom = fmax(1.0, (sum > 0.0 ? sum * sum / squares : all) * kept / all);
    double half = nl_t_quantile(0.5 * (1.0 + level), out.freedom) * out.se;
    out.lower = out.mean - half;
    out.upper = out.mean + half;
    return out;
}

/* P(T >= t) of Student's t. A standard error of 0 leaves no doubt. */
static double upper_tail(double distance, double se, double freedom)
{
    if (se == 0.0)
        return distance > 0.0 ? 0.0 : distance < 0.0 ? 1.0 : 0.5;
    double half = 0.5 * nl_t_two_sided(distance / se, freedom);
    return distance > 0.0 ? half : 1.0 - half;
}

double nl_difference_p(const struct nl_estimate *difference)
{
    return nl_threshold_p(difference, 0.0);
}

double nl_threshold_p(const struct nl_estimate *difference, double threshold)
{
    return difference->freedom < 1
               ? NAN
               : 2.0 * upper_tail(fabs(difference->mean - threshold), difference->se, difference->freedom);
}

double nl_equivalence_p(const struct nl_estimate *difference, double margin)
{
    return difference->freedom < 1 ? NAN
                                   : upper_tail(margin - fabs(difference->mean), difference->se, difference->freedom);
}

double nl_sign_flip_p(const double *values, int count)
{
    double kept[NL_SIGN_FLIPS], sum = 0.0, size = 0.0;
    int n = 0;
    for (int i = 0; i < count; i++)
        if (isfinite(values[i])) {
            if (n == NL_SIGN_FLIPS)
                return NAN;
            kept[n++] = values[i];
        }
    for (int i = 0; i < n; i++) {
        sum += kept[i];
        size += fabs(kept[i]);
    }
    int as_far = 0, patterns = 1 << n;
    for (int pattern = 0; pattern < patterns; pattern++) {
        double flipped = 0.0;
        for (int i = 0; i < n; i++)
            flipped += pattern >> i & 1 ? -kept[i] : kept[i];
        as_far += fabs(flipped) >= fabs(sum) - 1e-12 * size; /* equal but for the order of the sum */
    }
    return n < 1 ? NAN : (double)as_far / patterns;
}

/* greenwood: the sum of happened / (at risk (at risk - happened)) up to the row. */
static void estimate_survival(struct nl_survival *row, double before, double greenwood, double level)
{
    row->share = before * (row->at_risk - row->happened) / row->at_risk;
    row->lower = row->upper = NAN;
    if (!(row->share > 0.0 && row->share < 1.0))
        return;
    double half = nl_normal_quantile(0.5 * (1.0 + level)) * sqrt(greenwood) / -log(row->share);
    row->lower = pow(row->share, exp(half));
    row->upper = pow(row->share, exp(-half));
}

int nl_survival(const double *time, const bool *happened, int count, double level, struct nl_survival *out)
{
    double *sorted = nl_alloc((size_t)count, sizeof *sorted), share = 1.0, greenwood = 0.0;
    int kept = nl_finite_values(time, count, sorted), rows = 0;
    for (int i = 0; i < kept; i += out[rows - 1].happened + out[rows - 1].censored) {
        struct nl_survival *row = &out[rows++];
        *row = (struct nl_survival){.at = sorted[i], .at_risk = kept - i};
        for (int k = 0; k < count; k++) {
            row->happened += time[k] == row->at && happened[k];
            row->censored += time[k] == row->at && !happened[k];
        }
        greenwood += (double)row->happened / row->at_risk / (row->at_risk - row->happened);
        estimate_survival(row, share, greenwood, level);
        share = row->share;
    }
    free(sorted);
    return rows;
}

double nl_survival_median(const struct nl_survival *curve, int rows)
{
    double half = NAN; /* since when the share is 1/2 */
    for (int i = 0; i < rows; i++) {
        if (curve[i].share < 0.5 - rounding)
            return isnan(half) ? curve[i].at : 0.5 * (half + curve[i].at);
        if (isnan(half) && curve[i].share <= 0.5 + rounding)
            half = curve[i].at;
    }
    return rows > 0 ? INFINITY : NAN;
}

/* The mean of the sorted values without as many of them at each end as make up that share. */
static double trimmed_mean(const double *sorted, int count, double share)
{
    int cut = (int)(share * count);
    double sum = 0.0;
    for (int i = cut; i < count - cut; i++)
        sum += sorted[i];
    return sum / (count - 2 * cut);
}

struct nl_deviation nl_deviation(const double *values, int count, double level)
{
    double *sorted = nl_alloc((size_t)count + 1, sizeof *sorted), mean = 0.0, squares = 0.0, fourths = 0.0;
    int n = nl_finite_values(values, count, sorted);
    struct nl_deviation out = {.n = n, .sd = NAN, .lower = NAN, .upper = NAN};
    for (int i = 0; i < n; i++)
        mean += sorted[i] / n;
    double middle = n > 4 ? trimmed_mean(sorted, n, 0.5 / sqrt(n - 4.0)) : mean;
    for (int i = 0; i < n && sorted[0] < sorted[n - 1]; i++) { /* else rounding of the mean would be a spread */
        squares += pow(sorted[i] - mean, 2.0);
        fourths += pow(sorted[i] - middle, 4.0);
    }
    free(sorted);
    if (n < 2)
        return out;
    out.sd = sqrt(squares / (n - 1));
    double z = nl_normal_quantile(0.5 * (1.0 + level));
    if (n < NL_LEAST_SPREAD || !(squares > 0.0) || n <= z)
        return out;
    double kurtosis = n * fourths / (squares * squares), c = n / (n - z),
           se = c * sqrt((kurtosis - (n - 3.0) / n) / (n - 1.0));
    out.lower = out.sd * sqrt(c) * exp(-0.5 * z * se);
    out.upper = out.sd * sqrt(c) * exp(0.5 * z * se);
    return out;
}
