/* Whitening of groups of channels: decorrelated batch normalization and its kin. */
#include "operation/reference.h" /* before norm/whitening.h, which is compiled for its numbers */

#include <stdlib.h>

#include "base/memory.h"
#include "operation/affine.h"
#include "operation/describe.h"
#include "operation/whitening.h"

enum { X, GAMMA, BETA, SLOTS };
enum { RUNNING_MEAN, RUNNING_W, UPDATES, PRECISE_MEAN, PRECISE_COV, PRECISE_COUNT };
enum { MEAN, W, FACTORS, SAVED };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_whitening *op = arguments;
    (void)err;
    op->positions = nl_positions(in[X]), op->channels = in[X].channels;
    op->affine_count = nl_affine_count(op->set.affine, &in[X]);
    size_t channels = (size_t)op->channels, groups = (size_t)op->set.groups, width = channels / groups;
    const struct nl_tensor_spec states[] = {
        [RUNNING_MEAN] = {.name = "running_mean", .role = NL_RUNNING, .dims = 1, .shape = {channels}, .saved = true},
        [RUNNING_W] = {.name = "running_whitening",
                       .role = NL_RUNNING,
                       .dims = 3,
                       .shape = {groups, width, width},
                       .identity = true,
                       .saved = true},
        [UPDATES] = {.name = "num_batches_tracked", .role = NL_UPDATES, .type = NL_TENSOR_INT64, .saved = true},
        [PRECISE_MEAN] =
            {.name = "precise_mean", .role = NL_PRECISE, .type = NL_TENSOR_DOUBLE, .dims = 1, .shape = {channels}},
        [PRECISE_COV] = {.name = "precise_cov",
                         .role = NL_PRECISE,
                         .type = NL_TENSOR_DOUBLE,
                         .dims = 3,
                         .shape = {groups, width, width}},
        [PRECISE_COUNT] = {.name = "precise_count", .role = NL_PRECISE_COUNT, .type = NL_TENSOR_DOUBLE},
    };
    d->output[d->outputs++] = in[X];
    nl_declare_gamma(d, GAMMA, op->affine_count, &in[X]);
    nl_declare_beta(d, BETA, op->affine_count, &in[X]);
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        nl_declare_state(d, states[i]);
    return NL_OK;
}

static struct nl_reads reads(const void *arguments, unsigned filled)
{
    (void)arguments;
    return (struct nl_reads){.inputs = filled & ~(1u << BETA)};
}

static size_t saved_bytes(const void *arguments, int number, int samples, size_t statistic)
{
    const struct nl_whitening *op = arguments;
    size_t channels = (size_t)op->channels, width = (size_t)nl_whitening_width(op);
    size_t count = number == MEAN ? channels
                   : number == W  ? channels * width
                                  : (size_t)op->set.groups * nl_whitening_factors_of(op);
    (void)samples;
    return count * statistic;
}

static bool may_be_fixed(const void *arguments)
{
    (void)arguments;
    return true;
}

static double work(const void *arguments)
{
    const struct nl_whitening *op = arguments;
    return 2.0 * op->positions * op->channels * nl_whitening_width(op);
}

/* ---- the reference ---- */

/* One group of channels: [first, first + d). */
struct group {
    const struct nl_whitening *op;
    struct nl_whitening_form form;
    int first, d;
    size_t rows;                /* m */
    const real *x, *gamma;      /* of the group: element i of a row is at[row * channels + i] */
    accumulator *mean, *w;      /* what it is normalized with */
    accumulator *factors;
    accumulator *cov, *scratch;    /* of work: (d, d), (NL_WHITENING_SCRATCH, d, d) */
};

/* Numbers of work that a group needs: cov and scratch, dW and dcov in backward, and mean, W and factors where
 * statistics are fixed. */
static size_t work_numbers(const struct nl_whitening *op)
{
    size_t width = (size_t)nl_whitening_width(op), square = width * width;
    return (NL_WHITENING_SCRATCH + 3) * square + 3 * width + square + nl_whitening_factors_of(op);
}

/* The part of a tensor of `each` numbers a channel that is the group's. */
static accumulator *part_of(const struct group *g, void *tensor, size_t each)
{
    return (accumulator *)tensor + (size_t)g->first * each;
}

static const real *reals_of(const struct group *g, const void *tensor, size_t each)
{
    return tensor ? (const real *)tensor + (size_t)g->first * each : NULL;
}

static void take_running(struct group *g)
{
    const real *mean = reals_of(g, g->op->running_mean, 1), *w = reals_of(g, g->op->running_w, (size_t)g->d);
    for (int i = 0; i < g->d; i++)
        g->mean[i] = mean[i];
    for (int e = 0; e < g->d * g->d; e++)
        g->w[e] = w[e];
}

static void take_precise(struct group *g)
{
    const double *mean = (const double *)g->op->precise_mean + g->first;
    const double *cov = (const double *)g->op->precise_cov + g->first * g->d;
    for (int i = 0; i < g->d; i++)
        g->mean[i] = mean[i];
    for (int e = 0; e < g->d * g->d; e++)
        g->cov[e] = cov[e];
    nl_whiten(&g->form, g->cov, g->factors, g->w, g->scratch);
}

/* work: (work_numbers) */
static struct group group_at(const struct nl_run *run, const struct nl_whitening *op, int index, accumulator *work)
{
    int d = nl_whitening_width(op);
    struct group g = {.op = op, .first = index * d, .d = d, .rows = (size_t)run->samples * (size_t)op->positions};
    g.form = nl_whitening_form_of(op, op->hyper);
    g.x = reals_of(&g, op->x, 1), g.gamma = reals_of(&g, op->gamma, 1);
    g.cov = work, work += d * d;
    g.scratch = work, work += NL_WHITENING_SCRATCH * d * d;
    if (nl_are_fixed(run->statistics)) {
        g.mean = work, g.w = work + d, g.factors = g.w + d * d;
        run->statistics == NL_STATS_PRECISE ? take_precise(&g) : take_running(&g);
    } else {
        g.mean = part_of(&g, op->mean, 1), g.w = part_of(&g, op->w, (size_t)d);
        g.factors = (accumulator *)op->factors + (size_t)index * nl_whitening_factors_of(op);
    }
    return g;
}

static void find_moments(struct group *g)
{
    int d = g->d, channels = g->op->channels;
    for (int i = 0; i < d; i++) {
        accumulator sum = 0, first = g->x[i]; /* equal numbers have no spread, whatever their number */
        for (size_t row = 0; row < g->rows; row++)
            sum += g->x[row * channels + i] - first;
        g->mean[i] = first + sum / (double)g->rows;
    }
    for (int i = 0; i < d; i++)
        for (int j = 0; j <= i; j++) {
            accumulator sum = 0;
            for (size_t row = 0; row < g->rows; row++)
                sum += (g->x[row * channels + i] - g->mean[i]) * (g->x[row * channels + j] - g->mean[j]);
            g->cov[i * d + j] = g->cov[j * d + i] = sum / (double)g->rows;
        }
}

/* running = (1 - momentum) running + momentum batch; cumulative: momentum = 1 / updates, this one counted. */
static void track(const struct group *g, double momentum)
{
    real *mean = g->op->running_mean, *w = g->op->running_w;
    mean += g->first, w += g->first * g->d;
    for (int i = 0; i < g->d; i++)
        mean[i] = (1 - momentum) * mean[i] + momentum * g->mean[i];
    for (int e = 0; e < g->d * g->d; e++)
        w[e] = (1 - momentum) * w[e] + momentum * g->w[e];
}

static void collect(const struct group *g, double count)
{
    double *mean = g->op->precise_mean, *cov = g->op->precise_cov;
    nl_whitening_collect(g->d, (double)g->rows, count, g->mean, g->cov, mean + g->first, cov + g->first * g->d);
}

static void apply(const struct group *g, const real *beta, real *y)
{
    for (size_t row = 0; row < g->rows; row++)
        for (int j = 0; j < g->d; j++) {
            size_t at = row * g->op->channels;
            accumulator value = 0;
            for (int i = 0; i < g->d; i++)
                value += g->w[j * g->d + i] * (g->x[at + i] - g->mean[i]);
            value = g->gamma ? g->gamma[j] * value : value;
            y[at + g->first + j] = (real)(beta ? value + beta[j] : value);
        }
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_whitening *op = arguments;
    accumulator *work = nl_alloc(work_numbers(op), sizeof *work);
    const struct nl_hyper *hyper = op->hyper;
    int64_t *updates = op->updates;
    double *count = op->precise_count, momentum = nl_override_or(op->set.momentum, hyper->norm_momentum);
    if (run->statistics == NL_STATS_TRAIN)
        ++*updates;
    for (int index = 0; index < op->set.groups; index++) {
        struct group g = group_at(run, op, index, work);
        if (!nl_are_fixed(run->statistics)) {
            find_moments(&g);
            nl_whiten(&g.form, g.cov, g.factors, g.w, g.scratch);
        }
        apply(&g, reals_of(&g, op->beta, 1), op->y);
        if (run->statistics == NL_STATS_TRAIN)
            track(&g, momentum < 0 ? 1.0 / (double)*updates : momentum);
        if (run->statistics == NL_STATS_COLLECT)
            collect(&g, *count);
    }
    if (run->statistics == NL_STATS_COLLECT)
        *count += (double)run->samples * op->positions;
    free(work);
}

/* sum_j = sum of dy; product = sum of dy (x - mean)' */
static void sum_gradients(const struct group *g, const real *dy, accumulator *sum, accumulator *product)
{
    for (int j = 0; j < g->d; j++) {
        sum[j] = 0;
        for (size_t row = 0; row < g->rows; row++)
            sum[j] += dy[row * g->op->channels + j];
        for (int i = 0; i < g->d; i++) {
            size_t at = (size_t)(j * g->d + i);
            product[at] = 0;
            for (size_t row = 0; row < g->rows; row++)
                product[at] += dy[row * g->op->channels + j] * (g->x[row * g->op->channels + i] - g->mean[i]);
        }
    }
}

/* dcov NULL: mean and W are constants. row: (d) of work. */
static void write_dx(const struct group *g, const real *dy, const accumulator *sum, const accumulator *dcov,
                     accumulator *du, real *dx)
{
    int d = g->d;
    double m = (double)g->rows;
    for (size_t row = 0; row < g->rows; row++) {
        size_t at = row * g->op->channels;
        for (int j = 0; j < d; j++)
            du[j] = (g->gamma ? g->gamma[j] : 1) * (dy[at + j] - (dcov ? sum[j] / m : 0));
        for (int i = 0; i < d; i++) {
            accumulator value = 0;
            for (int j = 0; j < d; j++)
                value += du[j] * g->w[j * d + i];
            for (int j = 0; dcov && j < d; j++)
                value += 2 / m * dcov[i * d + j] * (g->x[at + j] - g->mean[j]);
            dx[at + g->first + i] = (real)value;
        }
    }
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_whitening *op = arguments;
    int d = nl_whitening_width(op);
    bool fixed = nl_are_fixed(run->statistics);
    accumulator *work = nl_alloc(work_numbers(op), sizeof *work), *sum = nl_alloc(2 * (size_t)(d + d * d), sizeof *sum),
                *row = sum + d, *dw = row + d, *dcov = dw + d * d;
    real *dx = op->dx, *dgamma = op->dgamma, *dbeta = op->dbeta;
    for (int index = 0; index < op->set.groups; index++) {
        struct group g = group_at(run, op, index, work);
        const real *dy = reals_of(&g, op->dy, 1);
        sum_gradients(&g, dy, sum, dw);
        for (int j = 0; dgamma && j < d; j++) {
            dgamma[g.first + j] = (real)nl_dot(d, g.w + j * d, dw + j * d);
            if (dbeta)
                dbeta[g.first + j] = (real)sum[j];
        }
        for (int e = 0; e < d * d; e++)
            dw[e] *= g.gamma ? g.gamma[e / d] : 1;
        if (dx && !fixed)
            nl_whiten_back(&g.form, g.factors, dw, dcov, g.scratch);
        if (dx)
            write_dx(&g, dy, sum, fixed ? NULL : dcov, row, dx);
    }
    free(sum);
    free(work);
}

NL_KERNEL(whitening) = {.forward = forward, .backward = backward};

static void describe(const void *arguments, struct nl_text *json)
{
    const struct nl_whitening *op = arguments;
    nl_json_member(json, "kind", op->set.norm->name);
}

NL_OPERATION(whitening) = {
    .name = "whitening",
    .arguments = sizeof(struct nl_whitening),
    .span = NL_SPAN_BATCH,
    .slots = SLOTS,
    .saved = SAVED,
    .skips = 1u << X,
    .declare = declare,
    .bound = {NL_BOUND(nl_whitening, x, in[X], 3), NL_BOUND(nl_whitening, y, out[0], 1),
              NL_BOUND(nl_whitening, mean, saved[MEAN], 3),
              NL_BOUND(nl_whitening, running_mean, state[RUNNING_MEAN], 6), NL_BOUND(nl_whitening, hyper, hyper, 1),
              NL_BOUND(nl_whitening, dy, d_out[0], 1), NL_BOUND(nl_whitening, dx, d_in[X], 3)},
    .reads = reads,
    .saved_bytes = saved_bytes,
    .may_be_fixed = may_be_fixed,
    .work = work,
    .describe = describe,
    .reference = NL_REFERENCES(whitening),
};
