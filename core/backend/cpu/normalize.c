/* Normalizers: the walk over the blocks of a partition, and their state (running and precise statistics). The arithmetic of a
 * block is in moments.c and block.c. */
#include <string.h>

#include "backend/cpu/block.h"
#include "backend/cpu/cpu.h"

/* One normalizer of one replica, in one call. */
struct call {
    const struct nl_normalize *op; /* its sizes; its pointers are replica 0's */
    const struct nl_hyper *hyper;
    struct nl_partition partition;
    size_t samples, positions, channels;
    bool fixed;                      /* running or precise statistics instead of the batch's own */
    double *mean, *var;              /* (sets) */
    double *fixed_mean, *fixed_var;  /* (C) in scratch */
    double *dgamma, *dbeta;          /* (affine_count, at least C) in scratch: sums until they are complete */
    float *mean_dxhat, *mean_dxhat_xhat; /* (C) in scratch */
    struct nl_cpu_block block;       /* all but rows and places */
    const float *x, *dy, *gamma, *beta;
    float *y, *dx;
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Deals out the scratch and fills in what all blocks of the call share. */
static struct call begin(const struct nl_run *run, const struct nl_normalize *op, int r)
{
    size_t channels = (size_t)op->setup.channels, affine = larger((size_t)op->affine_count, channels);
    size_t at = (size_t)r * run->stride;
    struct nl_norm_setup setup = op->setup;
    setup.samples = run->samples;
    double *doubles = nl_cpu_scratch((4 * channels + 2 * affine) * sizeof(double) + (10 * channels + affine) * sizeof(float));
    float *floats = (float *)(doubles + 4 * channels + 2 * affine);
    struct call call = {
        .op = op,
        .hyper = NL_AT(op->hyper, at),
        .partition = op->norm->partition(&setup),
        .samples = (size_t)run->samples,
        .positions = (size_t)setup.positions,
        .channels = channels,
        .fixed = op->norm->tracks && (run->statistics == NL_STATS_RUNNING || run->statistics == NL_STATS_PRECISE),
        .mean = NL_AT(op->mean, at),
        .var = NL_AT(op->var, at),
        .fixed_mean = doubles,
        .fixed_var = doubles + channels,
        .dgamma = doubles + 4 * channels,
        .dbeta = doubles + 4 * channels + affine,
        .mean_dxhat = floats + 8 * channels,
        .mean_dxhat_xhat = floats + 9 * channels,
        .x = NL_AT(op->x, at),
        .dy = NL_AT(op->dy, at),
        .y = NL_AT(op->y, at),
        .dx = NL_AT(op->dx, at),
        .gamma = NL_AT(op->gamma, at),
        .beta = NL_AT(op->beta, at),
        .block = {
            .channels = channels,
            .centers = op->norm->centers,
            .relu = op->relu,
            .affine_step = affine > channels ? channels : 0,
            .sum_a = doubles + 2 * channels,
            .sum_b = doubles + 3 * channels,
            .shift = floats,
            .rest = floats + channels,
            .rstd = floats + 2 * channels,
            .row_xhat = floats + 3 * channels,
            .row_grad = floats + 4 * channels,
            .part_a = floats + 5 * channels,
            .part_b = floats + 6 * channels,
        },
    };
    call.block.width = (size_t)call.partition.channels;
    if (!call.gamma) {
        float *ones = floats + 7 * channels;
        for (size_t c = 0; c < channels; c++)
            ones[c] = 1.0f;
        call.gamma = ones;
    }
    if (!call.beta)
        call.beta = memset(floats + 10 * channels, 0, affine * sizeof *floats);
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

/* A block of the partition: its first set, the position of its first row, and the rest of call->block. */
struct place {
    size_t set, position;
    struct nl_cpu_block block;
};

static size_t sample_blocks(const struct call *call)
{
    size_t samples = (size_t)call->partition.samples;
    return (call->samples + samples - 1) / samples;
}

static size_t position_blocks(const struct call *call)
{
    return call->positions / (size_t)call->partition.positions;
}

static struct place place_of(const struct call *call, size_t sample_block, size_t position_block)
{
    size_t sample = sample_block * (size_t)call->partition.samples, position = position_block * (size_t)call->partition.positions;
    size_t left = call->samples - sample, samples = (size_t)call->partition.samples < left ? (size_t)call->partition.samples : left;
    bool whole = (size_t)call->partition.positions == call->positions; /* else one position: rows are samples */
    size_t at = (sample * call->positions + position) * call->channels;
    struct place place = {
        .set = (sample_block * position_blocks(call) + position_block) * (call->channels / call->block.width),
        .position = position,
        .block = call->block,
    };
    place.block.rows = whole ? samples * call->positions : samples;
    place.block.pitch = whole ? call->channels : call->positions * call->channels;
    place.block.positions = whole ? call->positions : 1;
    place.block.x = call->x + at;
    place.block.dy = NL_AT(call->dy, at * sizeof(float));
    place.block.y = NL_AT(call->y, at * sizeof(float));
    place.block.dx = NL_AT(call->dx, at * sizeof(float));
    place.block.gamma = call->gamma + position * call->block.affine_step;
    place.block.beta = call->beta + position * call->block.affine_step;
    return place;
}

/* running = (1 - momentum) running + momentum batch; cumulative: momentum = 1 / updates, this one counted. */
static void track(const struct call *call, const struct place *place, size_t at)
{
    const struct nl_normalize *op = call->op;
    float *running_mean = NL_AT(op->running_mean, at), *running_var = NL_AT(op->running_var, at);
    int64_t *updates = NL_AT(op->updates, at);
    double m = (double)place->block.rows, correction = op->unbiased && m > 1 ? m / (m - 1) : 1.0;
    ++*updates;
    double momentum = call->hyper->norm_momentum < 0 ? 1.0 / (double)*updates : call->hyper->norm_momentum;
    for (size_t c = 0; c < call->channels; c++) {
        double mean = call->mean[place->set + c], var = call->var[place->set + c] * correction;
        running_mean[c] = (float)((1 - momentum) * running_mean[c] + momentum * mean);
        running_var[c] = (float)((1 - momentum) * running_var[c] + momentum * var);
    }
}

/* Merges the block's moments into the precise ones: Chan, Golub and LeVeque 1979. */
static void collect(const struct call *call, const struct place *place, size_t at)
{
    const struct nl_normalize *op = call->op;
    double *precise_mean = NL_AT(op->precise_mean, at), *precise_var = NL_AT(op->precise_var, at);
    double *count = NL_AT(op->precise_count, at);
    double m = (double)place->block.rows, total = *count + m, share = m / total;
    for (size_t c = 0; c < call->channels; c++) {
        double mean = call->mean[place->set + c], var = call->var[place->set + c];
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

static void prepare(const struct call *call, const struct place *place)
{
    nl_cpu_block_prepare(&place->block, call->fixed ? call->fixed_mean : call->mean + place->set,
                         call->fixed ? call->fixed_var : call->var + place->set, call->hyper->norm_eps);
}

void nl_cpu_normalize_forward(const struct nl_run *run, const struct nl_normalize *op)
{
    for (int r = 0; r < run->replicas; r++) {
        struct call call = begin(run, op, r);
        for (size_t n = 0; n < sample_blocks(&call); n++)
            for (size_t s = 0; s < position_blocks(&call); s++) {
                struct place place = place_of(&call, n, s);
                if (!call.fixed)
                    nl_cpu_block_moments(&place.block, call.mean + place.set, call.var + place.set);
                if (op->norm->tracks && run->statistics == NL_STATS_TRAIN)
                    track(&call, &place, (size_t)r * run->stride);
                if (op->norm->tracks && run->statistics == NL_STATS_COLLECT)
                    collect(&call, &place, (size_t)r * run->stride);
                prepare(&call, &place);
                nl_cpu_block_apply(&place.block);
            }
    }
}

/* Sums of a block's sets to the means that dx takes, for every channel. */
static void spread_means(const struct call *call, const struct nl_cpu_block *block)
{
    double m = (double)block->rows * (double)block->width;
    for (size_t set = 0, c = 0; set < block->channels / block->width; set++) {
        float mean = call->fixed || !block->centers ? 0.0f : (float)(block->sum_a[set] / m);
        float mean_xhat = call->fixed ? 0.0f : (float)(block->sum_b[set] / m);
        for (size_t end = c + block->width; c < end; c++) {
            call->mean_dxhat[c] = mean;
            call->mean_dxhat_xhat[c] = mean_xhat;
        }
    }
}

void nl_cpu_normalize_backward(const struct nl_run *run, const struct nl_normalize *op)
{
    size_t affine = (size_t)op->affine_count;
    for (int r = 0; r < run->replicas; r++) {
        struct call call = begin(run, op, r);
        memset(call.dgamma, 0, larger(affine, call.channels) * sizeof *call.dgamma);
        memset(call.dbeta, 0, larger(affine, call.channels) * sizeof *call.dbeta);
        for (size_t n = 0; n < sample_blocks(&call); n++)
            for (size_t s = 0; s < position_blocks(&call); s++) {
                struct place place = place_of(&call, n, s);
                size_t from = place.position * place.block.affine_step;
                prepare(&call, &place);
                nl_cpu_block_gradients(&place.block, call.dgamma + from, call.dbeta + from);
                spread_means(&call, &place.block);
                if (op->dx)
                    nl_cpu_block_dx(&place.block, call.mean_dxhat, call.mean_dxhat_xhat);
            }
        float *dgamma = NL_AT(op->dgamma, (size_t)r * run->stride), *dbeta = NL_AT(op->dbeta, (size_t)r * run->stride);
        for (size_t a = 0; dgamma && a < affine; a++)
            dgamma[a] = (float)call.dgamma[a];
        for (size_t a = 0; dbeta && a < affine; a++)
            dbeta[a] = (float)call.dbeta[a];
    }
}
