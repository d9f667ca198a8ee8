/* Normalizers: the walk over the blocks of a partition, and their state (running and precise statistics). The arithmetic of a
 * block is in block.c and the kernels of block.h. */
#include <string.h>

#include "backend/cpu/block.h"
#include "backend/cpu/cpu.h"

/* One normalizer of one replica, in one call. */
struct call {
    const struct nl_normalize *op; /* its sizes; its pointers are replica 0's */
    const struct nl_hyper *hyper;
    struct nl_partition partition;
    size_t samples, positions, channels;
    bool fixed;                     /* running or precise statistics instead of the batch's own */
    double *mean, *var;             /* (sets) */
    double *fixed_mean, *fixed_var; /* (C) in scratch */
    struct nl_cpu_block block;      /* the one that the walk is at */
    size_t set;                     /* its first */
    const float *x, *dy, *residual, *gamma, *beta;
    float *y, *dx, *dresidual;
    double *dgamma, *dbeta; /* (as gamma) in scratch: sums until they are complete */
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Each set is a stretch of one row, and many rows make a block. */
static bool by_rows(const struct call *call)
{
    return call->partition.samples == 1 && (call->partition.positions == 1) && !call->op->norm->tracks;
}

/* Deals out the scratch and fills in what all blocks of the call share. */
static struct call begin(const struct nl_run *run, const struct nl_normalize *op, int r)
{
    size_t at = (size_t)r * run->stride;
    struct nl_norm_setup setup = op->setup;
    setup.samples = run->samples;
    struct call call = {
        .op = op,
        .hyper = NL_AT(op->hyper, at),
        .partition = op->norm->partition(&setup),
        .samples = (size_t)run->samples,
        .positions = (size_t)setup.positions,
        .channels = (size_t)setup.channels,
        .fixed = op->norm->tracks && (run->statistics == NL_STATS_RUNNING || run->statistics == NL_STATS_PRECISE),
        .mean = NL_AT(op->mean, at),
        .var = NL_AT(op->var, at),
        .x = NL_AT(op->x, at),
        .dy = NL_AT(op->dy, at),
        .residual = NL_AT(op->residual, at),
        .y = NL_AT(op->y, at),
        .dx = NL_AT(op->dx, at),
        .dresidual = NL_AT(op->dresidual, at),
        .gamma = NL_AT(op->gamma, at),
        .beta = NL_AT(op->beta, at),
    };
    /* Working arrays of C, of C or S C as gamma, and of the sets of a stretch of rows. */
    enum { DOUBLES = 5, FLOATS = 10 };
    size_t channels = call.channels, wide = channels + NL_ROOM, affine = larger((size_t)op->affine_count, channels) + NL_ROOM;
    size_t sets = by_rows(&call) ? NL_ROW_STRETCH * channels / (size_t)call.partition.channels + NL_ROOM : wide;
    double *doubles = nl_cpu_scratch((DOUBLES * wide + 2 * affine) * sizeof(double) + (FLOATS * wide + affine + 3 * sets) * sizeof(float));
    float *floats = (float *)(doubles + DOUBLES * wide + 2 * affine);
    call.fixed_mean = doubles;
    call.fixed_var = doubles + wide;
    call.dgamma = doubles + DOUBLES * wide;
    call.dbeta = doubles + DOUBLES * wide + affine;
    call.block = (struct nl_cpu_block){
        .channels = channels,
        .width = (size_t)call.partition.channels,
        .centers = op->norm->centers,
        .relu = op->relu,
        .mask = !op->relu ? NL_MASK_NONE : op->residual ? NL_MASK_Y : NL_MASK_X,
        .affine_step = (size_t)op->affine_count > channels ? channels : 0,
        .sum = doubles + 2 * wide,
        .product = doubles + 3 * wide,
        .bias = doubles + 4 * wide,
        .scale = floats,
        .offset = floats + wide,
        .slope = floats + 2 * wide,
        .level = floats + 3 * wide,
        .row_xhat = floats + 4 * wide,
        .row_grad = floats + 5 * wide,
        .part_gamma = floats + 6 * wide,
        .part_beta = floats + 7 * wide,
        .shift = floats + FLOATS * wide + affine,
        .rest = floats + FLOATS * wide + affine + sets,
        .rstd = floats + FLOATS * wide + affine + 2 * sets,
    };
    if (!call.gamma) {
        float *ones = floats + 8 * wide;
        for (size_t c = 0; c < channels; c++)
            ones[c] = 1.0f;
        call.gamma = ones;
    }
    if (!call.beta)
        call.beta = memset(floats + 9 * wide, 0, affine * sizeof *floats);
    if (call.fixed) {
        bool precise = run->statistics == NL_STATS_PRECISE;
        const float *mean = NL_AT(op->running_mean, at), *var = NL_AT(op->running_var, at);
        const double *precise_mean = NL_AT(op->precise_mean, at), *precise_var = NL_AT(op->precise_var, at);
        for (size_t c = 0; c < channels; c++) {
            call.fixed_mean[c] = precise ? precise_mean[c] : mean[c];
            call.fixed_var[c] = precise ? precise_var[c] : var[c];
        }
    }
    return call;
}

/* Puts the block's rows: `rows` of them, `pitch` apart, from element `at` on. Where all rows have one position, gamma stays. */
static void place_block(struct call *call, size_t at, size_t rows, size_t pitch)
{
    struct nl_cpu_block *b = &call->block;
    size_t bytes = at * sizeof(float), position = at / call->channels % call->positions;
    size_t gamma_at = pitch == call->channels ? 0 : position * b->affine_step;
    b->rows = rows;
    b->pitch = pitch;
    b->x = call->x + at;
    b->dy = NL_AT(call->dy, bytes);
    b->residual = NL_AT(call->residual, bytes);
    b->y = NL_AT(call->y, bytes);
    b->dx = NL_AT(call->dx, bytes);
    b->dresidual = NL_AT(call->dresidual, bytes);
    b->positions = pitch == call->channels ? call->positions : 1;
    b->position = position % b->positions;
    b->gamma = call->gamma + gamma_at;
    b->beta = call->beta + gamma_at;
    b->dgamma = call->dgamma + gamma_at;
    b->dbeta = call->dbeta + gamma_at;
}

/* Steps to the first block, or the next one; false: there is none. Blocks of columns are the partition's; blocks of rows are stretches. */
static bool next_block(struct call *call, size_t *index)
{
    size_t i = (*index)++, sets = call->channels / (size_t)call->partition.channels;
    if (by_rows(call)) {
        size_t first = i * NL_ROW_STRETCH, rows = call->samples * call->positions;
        if (first >= rows)
            return false;
        call->set = first * sets;
        place_block(call, first * call->channels, rows - first < NL_ROW_STRETCH ? rows - first : NL_ROW_STRETCH, call->channels);
        return true;
    }
    size_t positions = (size_t)call->partition.positions, position_blocks = call->positions / positions;
    size_t sample = i / position_blocks * (size_t)call->partition.samples, position = i % position_blocks * positions;
    if (sample >= call->samples)
        return false;
    size_t left = call->samples - sample, samples = (size_t)call->partition.samples < left ? (size_t)call->partition.samples : left;
    bool whole = positions == call->positions; /* else one position: rows are samples */
    call->set = i * sets;
    place_block(call, (sample * call->positions + position) * call->channels, whole ? samples * positions : samples,
                whole ? call->channels : call->positions * call->channels);
    return true;
}

/* running = (1 - momentum) running + momentum batch; cumulative: momentum = 1 / updates, this one counted. */
static void track(const struct call *call, size_t at)
{
    const struct nl_normalize *op = call->op;
    float *running_mean = NL_AT(op->running_mean, at), *running_var = NL_AT(op->running_var, at);
    int64_t *updates = NL_AT(op->updates, at);
    double m = (double)call->block.rows, correction = op->unbiased && m > 1 ? m / (m - 1) : 1.0;
    ++*updates;
    double momentum = call->hyper->norm_momentum < 0 ? 1.0 / (double)*updates : call->hyper->norm_momentum;
    for (size_t c = 0; c < call->channels; c++) {
        double mean = call->mean[call->set + c], var = call->var[call->set + c] * correction;
        running_mean[c] = (float)((1 - momentum) * running_mean[c] + momentum * mean);
        running_var[c] = (float)((1 - momentum) * running_var[c] + momentum * var);
    }
}

/* Merges the block's moments into the precise ones: Chan, Golub and LeVeque 1979. */
static void collect(const struct call *call, size_t at)
{
    const struct nl_normalize *op = call->op;
    double *precise_mean = NL_AT(op->precise_mean, at), *precise_var = NL_AT(op->precise_var, at);
    double *count = NL_AT(op->precise_count, at);
    double m = (double)call->block.rows, total = *count + m, share = m / total;
    for (size_t c = 0; c < call->channels; c++) {
        double mean = call->mean[call->set + c], var = call->var[call->set + c];
        double delta = *count > 0 ? mean - precise_mean[c] : 0.0;
        if (*count > 0) {
            precise_mean[c] += delta * share;
            precise_var[c] = (1 - share) * precise_var[c] + share * var + delta * delta * share * (1 - share);
        } else {
            precise_mean[c] = mean;
            precise_var[c] = var;
        }
    }
    *count = total;
}

static void forward_rows(const struct call *call)
{
    const struct nl_cpu_block *b = &call->block;
    size_t sets = b->rows * (b->channels / b->width);
    double *mean = call->mean + call->set, *var = call->var + call->set;
    nl_block_kernels()->row_sums(b);
    nl_cpu_row_moments(b, sets, mean, var);
    nl_cpu_prepare_sets(b, sets, mean, var, call->hyper->norm_eps);
    nl_block_kernels()->row_apply(b);
}

static void prepare_columns(const struct call *call)
{
    nl_cpu_block_prepare(&call->block, call->fixed ? call->fixed_mean : call->mean + call->set,
                         call->fixed ? call->fixed_var : call->var + call->set, call->hyper->norm_eps);
}

static void forward_columns(const struct nl_run *run, const struct call *call, size_t at)
{
    bool tracks = call->op->norm->tracks;
    if (!call->fixed)
        nl_cpu_block_moments(&call->block, call->mean + call->set, call->var + call->set);
    if (tracks && run->statistics == NL_STATS_TRAIN)
        track(call, at);
    if (tracks && run->statistics == NL_STATS_COLLECT)
        collect(call, at);
    prepare_columns(call);
    nl_block_kernels()->column_apply(&call->block);
}

void nl_cpu_normalize_forward(const struct nl_run *run, const struct nl_normalize *op)
{
    for (int r = 0; r < run->replicas; r++) {
        struct call call = begin(run, op, r);
        for (size_t block = 0; next_block(&call, &block);)
            if (by_rows(&call))
                forward_rows(&call);
            else
                forward_columns(run, &call, (size_t)r * run->stride);
    }
}

static void backward_rows(const struct call *call)
{
    const struct nl_cpu_block *b = &call->block;
    nl_cpu_prepare_sets(b, b->rows * (b->channels / b->width), call->mean + call->set, call->var + call->set, call->hyper->norm_eps);
    nl_block_kernels()->row_backward(b);
}

static void backward_columns(const struct call *call)
{
    prepare_columns(call);
    nl_cpu_block_gradients(&call->block, call->fixed);
    if (call->dx)
        nl_block_kernels()->column_dx(&call->block);
}

void nl_cpu_normalize_backward(const struct nl_run *run, const struct nl_normalize *op)
{
    size_t affine = (size_t)op->affine_count, count = (size_t)run->samples * (size_t)op->setup.positions * (size_t)op->setup.channels;
    for (int r = 0; r < run->replicas; r++) {
        struct call call = begin(run, op, r);
        size_t shares = larger(affine, call.channels);
        memset(call.dgamma, 0, shares * sizeof *call.dgamma);
        memset(call.dbeta, 0, shares * sizeof *call.dbeta);
        if (op->residual && !op->relu && call.dresidual != call.dy)
            memcpy(call.dresidual, call.dy, count * sizeof *call.dy);
        for (size_t block = 0; next_block(&call, &block);)
            if (by_rows(&call))
                backward_rows(&call);
            else
                backward_columns(&call);
        float *dgamma = NL_AT(op->dgamma, (size_t)r * run->stride), *dbeta = NL_AT(op->dbeta, (size_t)r * run->stride);
        for (size_t a = 0; dgamma && a < affine; a++)
            dgamma[a] = (float)call.dgamma[a];
        for (size_t a = 0; dbeta && a < affine; a++)
            dbeta[a] = (float)call.dbeta[a];
    }
}
