/* Every normalizer, once: a walk over the sets of a partition. The formulas are those of norm/coefficients.h. */
#include <stdlib.h>

#include "base/memory.h"
#include "norm/momentum.h"
#include "operation/lengths.h"
#include "operation/normalize.h"
#include "operation/reference.h"
#ifdef NL_REFERENCE_COMPLEX
#include "norm/own.h"
#endif

/* The elements of one set: samples [n0, n1) x positions [s0, s1) x channels [c0, c1), of which those count that lie
 * before the ends of their samples. */
struct set {
    int n0, n1, s0, s1, c0, c1;
    const int32_t *lengths; /* NULL: all count */
    int time;
};

/* The sets of a call. */
struct sets {
    int count;
    struct nl_partition partition;
    const struct nl_norm_setup *setup;
    int samples, time;
    const int32_t *lengths;
};

static struct sets sets_of(const struct nl_run *run, const struct nl_normalize *op)
{
    struct nl_norm_setup setup = op->setup;
    setup.samples = run->samples;
    return (struct sets){.count = nl_normalize_sets(op, run->samples),
                         .partition = op->norm->partition(&setup),
                         .setup = &op->setup,
                         .samples = run->samples,
                         .time = run->time,
                         .lengths = nl_normalize_leaves_out(op) ? op->lengths : NULL};
}

static struct set set_at(const struct sets *sets, int index)
{
    const struct nl_partition *p = &sets->partition;
    const struct nl_norm_setup *setup = sets->setup;
    int channel_blocks = setup->channels / p->channels, position_blocks = setup->positions / p->positions;
    int c = index % channel_blocks, s = index / channel_blocks % position_blocks,
        n = index / channel_blocks / position_blocks;
    int n0 = n * p->samples, n1 = n0 + p->samples;
    return (struct set){n0,
                        n1 < sets->samples ? n1 : sets->samples,
                        s * p->positions,
                        (s + 1) * p->positions,
                        c * p->channels,
                        (c + 1) * p->channels,
                        sets->lengths,
                        sets->time};
}

/* The position of sample n where the set's elements that count end. */
static int end_of(const struct set *set, int n)
{
    return set->s0 + nl_length_from(set->lengths, n, set->time + set->s0, set->s1 - set->s0);
}

static double set_size(const struct set *set)
{
    double rows = 0;
    for (int n = set->n0; n < set->n1; n++)
        rows += end_of(set, n) - set->s0;
    return rows * (set->c1 - set->c0);
}

/* The loop over a set's elements at positions [first, end): n, s, c, and `at`, the element's place in x. */
#define FOR_POSITIONS(set, setup, first, end)                                 \
    for (int n = (set).n0; n < (set).n1; n++)                                 \
        for (int s = (first); s < (end); s++)                                 \
            for (int c = (set).c0; c < (set).c1; c++)                         \
                for (size_t at = ((size_t)n * (setup).positions + s) * (setup).channels + c, once = 1; once; once = 0)

/* Loops over the elements of a set that count, and over those that do not. */
#define FOR_SET(set, setup) FOR_POSITIONS(set, setup, (set).s0, end_of(&(set), n))
#define FOR_PADDING(set, setup) FOR_POSITIONS(set, setup, end_of(&(set), n), (set).s1)

static size_t affine_at(const struct nl_normalize *op, int s, int c)
{
    return op->affine_count > op->setup.channels ? (size_t)s * op->setup.channels + c : (size_t)c;
}

/* A channel's learned momentum, after it has seen the batch's statistics. */
static double learn(const struct nl_normalize *op, const struct nl_hyper *hyper, real *learned, int c,
                    const struct nl_prediction *prediction)
{
    struct nl_learned_momentum own;
    int channels = op->setup.channels;
    for (int row = 0; row < NL_MOMENTUM_ROWS; row++)
        own.row[row] = real_part(learned[row * channels + c]);
    double momentum =
        nl_learn_momentum(&own, prediction, nl_override_or(op->momentum, hyper->norm_momentum),
                          hyper->norm_numbers[NL_MOMENTUM_RATE], nl_override_or(op->eps, hyper->norm_eps));
    for (int row = 0; row < NL_MOMENTUM_ROWS; row++)
        learned[row * channels + c] = own.row[row];
    return momentum;
}

/* running = (1 - momentum) running + momentum batch; cumulative: momentum = 1 / updates, this one counted. */
static void track(const struct nl_normalize *op, const accumulator *mean, const accumulator *var,
                  const struct sets *sets)
{
    const struct nl_hyper *hyper = op->hyper;
    real *running_mean = op->running_mean, *running_var = op->running_var;
    real *learned = op->learned;
    int64_t *updates = op->updates;
    bool unbiased = op->unbiased && nl_norm_spread_is_variance(op->norm);
    int slices = op->followed > 0 ? op->followed : sets->count / op->setup.channels;
    for (int slice = 0; slice < slices; slice++) {
        struct set first = set_at(sets, slice * op->setup.channels);
        double m = set_size(&first);
        if (m == 0)
            continue;
        ++*updates;
        double own = nl_override_or(op->momentum, hyper->norm_momentum),
               momentum = own < 0 ? 1.0 / (double)*updates : own;
        for (int c = 0; c < op->setup.channels; c++) {
            int index = slice * op->setup.channels + c;
            accumulator batch_var = unbiased && m > 1 ? var[index] * m / (m - 1) : var[index];
            struct nl_prediction prediction = {real_part(running_mean[c]), real_part(running_var[c]),
                                               real_part(mean[index]), real_part(batch_var)};
            if (learned)
                momentum = learn(op, hyper, learned, c, &prediction);
            running_mean[c] = (1 - momentum) * running_mean[c] + momentum * mean[index];
            running_var[c] = (1 - momentum) * running_var[c] + momentum * batch_var;
        }
    }
}

/* mean and var of `count` elements (0: none yet) become those of these and m others: Chan, Golub and LeVeque 1979. */
static void merge(double count, accumulator *mean, accumulator *var, double m, accumulator more_mean,
                  accumulator more_var)
{
    double total = count + m;
    accumulator delta = more_mean - *mean;
    if (count == 0) {
        *mean = more_mean;
        *var = more_var;
        return;
    }
    *var = (count * *var + m * more_var) / total + delta * delta * count * m / (total * total);
    *mean += delta * m / total;
}

/* Merges the sets' moments into the precise ones. One count serves all channels. */
static void collect(const struct nl_normalize *op, double *precise_mean, double *precise_var, double *count,
                    const accumulator *mean, const accumulator *var, const struct sets *sets)
{
    int channels = op->setup.channels;
    for (int slice = 0; slice < sets->count / channels; slice++) {
        struct set set = set_at(sets, slice * channels);
        double m = set_size(&set);
        if (m == 0)
            continue;
        for (int c = 0; c < channels; c++) {
            accumulator merged_mean = precise_mean[c], merged_var = precise_var[c];
            merge(*count, &merged_mean, &merged_var, m, mean[slice * channels + c], var[slice * channels + c]);
            precise_mean[c] = real_part(merged_mean);
            precise_var[c] = real_part(merged_var);
        }
        *count += m;
    }
}

/* What a set was normalized with. */
struct normalized {
    const struct nl_normalize *op;
    const real *x, *dy, *gamma, *beta;
    const real *y; /* NULL: the mask of the ReLU follows from x */
    struct nl_set_statistics statistics;
    struct nl_set_coefficients coefficients;
};

static struct nl_set_statistics statistics_of(const struct nl_run *run, const struct nl_normalize *op, int index,
                                              int channel)
{
    const struct nl_hyper *hyper = op->hyper;
    struct nl_set_statistics set = {.running_spread = 1,
                                    .eps = nl_override_or(op->eps, hyper->norm_eps),
                                    .eps_outside = op->eps_outside,
                                    .numbers = hyper->norm_numbers};
    if (op->norm->tracks) {
        set.running_center = ((const real *)op->running_mean)[channel];
        set.running_spread = ((const real *)op->running_var)[channel];
    }
    if (op->norm->tracks && run->statistics == NL_STATS_PRECISE) {
        set.center = ((const double *)op->precise_mean)[channel];
        set.spread = ((const double *)op->precise_var)[channel];
    } else if (nl_normalize_is_constant(op, run)) {
        set.center = set.running_center;
        set.spread = set.running_spread;
    } else {
        set.center = ((const accumulator *)op->mean)[index];
        set.spread = ((const accumulator *)op->var)[index];
    }
    return set;
}

static struct nl_set_coefficients coefficients_of(const struct nl_normalize *op, const struct nl_set_statistics *set)
{
    const struct NL_COEFFICIENTS *own = NL_COEFFICIENTS_OF(op->norm);
    return own ? own->forward(op->norm, set) : nl_standard_coefficients(op->norm, set);
}

static void find_moments(const struct nl_normalize *op, const real *x, const struct set *set, accumulator *center,
                         accumulator *spread)
{
    double m = set_size(set);
    accumulator sum = 0, distances = 0, largest = 0;
    if (op->norm->centers)
        FOR_SET(*set, op->setup) sum += x[at];
    *center = sum / m;
    FOR_SET(*set, op->setup)
    {
        accumulator distance = nl_spread_of(op->norm, x[at] - *center);
        distances += distance;
        largest = nl_larger(largest, distance);
    }
    *spread = op->norm->spread == NL_SPREAD_LARGEST ? largest : distances / m;
}

/* Finds a set's center and spread: those of the workers' parts are merged. */
static void find_statistics(const struct nl_normalize *op, const real *x, const struct set *set, accumulator *center,
                            accumulator *spread)
{
    int workers = op->workers > 1 ? op->workers : 1, samples = (set->n1 - set->n0) / workers;
    double count = 0;
    for (int worker = 0; worker < workers; worker++) {
        struct set part = *set;
        accumulator mean, var;
        part.n0 = set->n0 + worker * samples;
        part.n1 = worker + 1 < workers ? part.n0 + samples : set->n1;
        if (set_size(&part) == 0)
            continue;
        find_moments(op, x, &part, &mean, &var);
        merge(count, center, spread, set_size(&part), mean, var);
        count += set_size(&part);
    }
}

/* A number of a channel, of the batch that came after so many others, averaged with those of the batches before (0:
 * var, 1: mean of products). */
static accumulator averaged(const struct nl_normalize *op, real *history, int which, int64_t before, int c,
                            accumulator number)
{
    int channels = op->setup.channels;
    real *of = history + (size_t)which * op->history * channels + c;
    of[before % op->history * channels] = number;
    if (before < op->history)
        return number;
    accumulator sum = 0;
    for (int i = 0; i < op->history; i++)
        sum += of[i * channels];
    return sum / op->history;
}

/* u of an element, then xhat. */
static accumulator u_at(const struct normalized *b, size_t at)
{
    return (b->x[at] - b->coefficients.shift) * b->coefficients.scale;
}

static accumulator xhat_of(const struct normalized *b, accumulator u)
{
    return u * b->coefficients.factor + b->coefficients.offset;
}

/* y of the elements of a set. */
static void write_y(const struct normalized *b, const struct set *set, const real *residual, real *y)
{
    const struct nl_normalize *op = b->op;
    FOR_SET(*set, op->setup)
    {
        accumulator value = xhat_of(b, u_at(b, at));
        if (b->gamma)
            value *= b->gamma[affine_at(op, s, c)];
        if (b->beta)
            value += b->beta[affine_at(op, s, c)];
        if (residual)
            value += residual[at];
        y[at] = op->relu && real_part(value) < 0 ? 0 : value;
    }
}

/* Sets y where an element does not count: its gamma xhat + beta is 0. */
static void clear_y(const struct nl_normalize *op, const struct set *set, const real *residual, real *y)
{
    FOR_PADDING(*set, op->setup) y[at] = residual && !(op->relu && real_part(residual[at]) < 0) ? residual[at] : 0;
}

/* With the statistics of the batch; or with those that mean and var hold, and the coefficients that are kept. */
static void normalize(const struct nl_run *run, const struct nl_normalize *op, bool finds)
{
    struct sets sets = sets_of(run, op);
    accumulator *mean = op->mean, *var = op->var;
    struct nl_set_coefficients *kept = nl_normalize_is_fixed(op, run) ? NULL : op->coefficients;
    struct normalized b = {.op = op, .x = op->x}; /* (N, S, C) */
    b.gamma = op->gamma, b.beta = op->beta;
    for (int index = 0; index < sets.count; index++) {
        struct set set = set_at(&sets, index);
        clear_y(op, &set, op->residual, op->y);
        if (set_size(&set) == 0)
            continue;
        if (finds && !nl_normalize_is_fixed(op, run))
            find_statistics(op, b.x, &set, &mean[index], &var[index]);
        if (finds && nl_normalize_averages(op, run))
            var[index] = averaged(op, op->averaged, 0, *(const int64_t *)op->updates, set.c0, var[index]);
        b.statistics = statistics_of(run, op, index, set.c0);
        b.coefficients = kept && !finds ? kept[index] : coefficients_of(op, &b.statistics);
        if (kept)
            kept[index] = b.coefficients;
        write_y(&b, &set, op->residual, op->y);
    }
    if (finds && op->norm->tracks && run->statistics == NL_STATS_TRAIN)
        track(op, mean, var, &sets);
    if (finds && op->norm->tracks && run->statistics == NL_STATS_COLLECT)
        collect(op, op->precise_mean, op->precise_var, op->precise_count, mean, var, &sets);
}

static void forward(const struct nl_run *run, const void *arguments)
{
    normalize(run, arguments, true);
}

static void apply(const struct nl_run *run, const void *arguments)
{
    normalize(run, arguments, false);
}

/* The gradient in front of the ReLU, of an element whose gamma and beta are number a. */
static accumulator gradient_at(const struct normalized *b, size_t at, size_t a)
{
    accumulator xhat = xhat_of(b, u_at(b, at));
    accumulator value = b->y ? b->y[at] : (b->gamma ? b->gamma[a] * xhat : xhat) + (b->beta ? b->beta[a] : 0);
    return b->op->relu && !(real_part(value) > 0) ? 0 : b->dy[at];
}

static accumulator du_at(const struct normalized *b, size_t at, size_t a)
{
    accumulator gradient = gradient_at(b, at, a);
    return (b->gamma ? gradient * b->gamma[a] : gradient) * b->coefficients.factor;
}

static accumulator h_at(const struct normalized *b, size_t at)
{
    return nl_spread_slope(b->op->norm, b->x[at] - b->statistics.center, b->coefficients.scale, b->statistics.spread);
}

/* Sums over a set. */
struct sums {
    accumulator gradient, product; /* of du, du u */
    accumulator h;
    double largest;                /* how many elements are the largest */
};

static struct sums sums_of(const struct normalized *b, const struct set *set)
{
    struct sums sums = {0};
    FOR_SET(*set, b->op->setup)
    {
        accumulator du = du_at(b, at, affine_at(b->op, s, c)), h = h_at(b, at);
        sums.gradient += du;
        sums.product += du * u_at(b, at);
        sums.h += h;
        sums.largest += real_part(h) != 0;
    }
    return sums;
}

/* The general form of norm/coefficients.h. */
static void write_dx(const struct normalized *b, const struct set *set, const struct sums *sums, bool fixed,
                     double batches, real *dx)
{
    const struct nl_norm *norm = b->op->norm;
    const struct NL_COEFFICIENTS *own = NL_COEFFICIENTS_OF(norm);
    double m = set_size(set), all = m * batches,
           share = norm->spread == NL_SPREAD_LARGEST && sums->largest > 0 ? m / sums->largest : 1;
    struct nl_set_means means = {fixed ? 0 : sums->gradient / all, fixed ? 0 : sums->product / all};
    accumulator mean_h = nl_centers_slope(norm, b->op->detached) ? share * sums->h / m : 0;
    if (!fixed)
        means = own ? own->backward(&b->statistics, means) : nl_standard_means(&b->statistics, means);
    means = nl_attached(norm, b->op->detached, means);
    FOR_SET(*set, b->op->setup)
    {
        accumulator du = du_at(b, at, affine_at(b->op, s, c)), h = share * h_at(b, at);
        dx[at] = b->coefficients.scale * (du - means.gradient - (h - mean_h) * means.product);
    }
}

/* Sets dx where an element does not count: its gradient goes to the residual alone. */
static void clear_dx(const struct normalized *b, const struct set *set, real *dx, real *dresidual)
{
    const struct nl_normalize *op = b->op;
    FOR_PADDING(*set, op->setup)
    {
        accumulator gradient = !op->relu || (b->y && real_part(b->y[at]) > 0) ? b->dy[at] : 0;
        if (dresidual)
            dresidual[at] = gradient;
        if (dx)
            dx[at] = 0;
    }
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_normalize *op = arguments;
    bool fixed = nl_normalize_is_constant(op, run);
    struct sets sets = sets_of(run, op);
    real *dx = op->dx, *dresidual = op->residual ? op->dresidual : NULL;
    real *dgamma = op->dgamma, *dbeta = op->dbeta;
    const struct nl_set_coefficients *kept = nl_normalize_is_fixed(op, run) ? NULL : op->coefficients;
    const double *batches = op->batches;
    struct normalized b = {
        .op = op, .x = op->x, .dy = op->dy, .gamma = op->gamma, .beta = op->beta, .y = dresidual ? op->y : NULL};
    accumulator *sum_gamma = nl_alloc(2 * (size_t)op->affine_count, sizeof *sum_gamma),
                *sum_beta = sum_gamma + op->affine_count;
    for (int index = 0; index < sets.count; index++) {
        struct set set = set_at(&sets, index);
        clear_dx(&b, &set, dx, dresidual);
        if (set_size(&set) == 0)
            continue;
        b.statistics = statistics_of(run, op, index, set.c0);
        b.coefficients = kept ? kept[index] : coefficients_of(op, &b.statistics);
        struct sums sums = sums_of(&b, &set);
        if (nl_normalize_averages(op, run)) /* forward has counted the batch */
            sums.product = set_size(&set) * averaged(op, op->averaged, 1, *(const int64_t *)op->updates - 1, set.c0,
                                                     sums.product / set_size(&set));
        FOR_SET(set, op->setup)
        {
            size_t a = affine_at(op, s, c);
            accumulator gradient = gradient_at(&b, at, a);
            if (dgamma)
                sum_gamma[a] += gradient * xhat_of(&b, u_at(&b, at));
            if (dbeta)
                sum_beta[a] += gradient;
        }
        if (dx)
            write_dx(&b, &set, &sums, fixed, batches ? *batches : 1, dx);
        /* dy may lie where dresidual goes: it is read no more. */
        if (dresidual)
            FOR_SET(set, op->setup) dresidual[at] = gradient_at(&b, at, affine_at(op, s, c));
    }
    for (int a = 0; a < op->affine_count; a++) {
        dgamma[a] = sum_gamma[a];
        if (dbeta)
            dbeta[a] = sum_beta[a];
    }
    free(sum_gamma);
}

NL_KERNEL(normalize) = {.forward = forward, .backward = backward, .apply = apply};
