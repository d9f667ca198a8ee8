/* Normalizers: the walk over the blocks of a partition, and their state (running and precise statistics). The arithmetic of a
 * block is in block.c and the kernels of block.h. A team shares the blocks; where they are few or follow one another (running
 * statistics), the rows of each (block.c). */
#include <string.h>

#include "backend/cpu/block.h"
#include "backend/cpu/cpu.h"
#include "base/team.h"

/* Working arrays of C, and of the sets of a stretch of rows; shares, of groups of a block's rows. */
enum { DOUBLES = 2, FLOATS = 8 };
struct sizes {
    size_t wide, sets, groups, bytes;
};

/* One normalizer of one replica, in one call. */
struct call {
    const struct nl_normalize *op; /* its sizes; its pointers are replica 0's, */
    size_t at;                     /* bytes before this one's */
    enum nl_statistics statistics;
    const struct nl_hyper *hyper;
    struct nl_partition partition;
    size_t samples, positions, channels;
    bool fixed;                     /* running or precise statistics instead of the batch's own */
    double *mean, *var;             /* (sets) */
    double *fixed_mean, *fixed_var; /* (C) in scratch */
    struct nl_cpu_block block;      /* the one that the walk is at */
    size_t set;                     /* its first */
    size_t blocks;
    int threads;                    /* that may walk */
    const float *x, *dy, *residual, *gamma, *beta;
    float *y, *dx, *dresidual;
    double *dgamma, *dbeta; /* (as gamma) in scratch: sums until they are complete */
    double *shares;         /* (blocks, 2, as gamma) in scratch: of each block, where several threads walk */
    size_t affine;          /* from one of them to the next */
    struct sizes room;      /* the block's working arrays, */
    char *rooms;            /* of each thread */
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

/* Blocks of columns are the partition's; blocks of rows are stretches. */
static size_t count_blocks(const struct call *call)
{
    size_t samples = (size_t)call->partition.samples, positions = (size_t)call->partition.positions;
    if (by_rows(call))
        return (call->samples * call->positions + NL_ROW_STRETCH - 1) / NL_ROW_STRETCH;
    return (call->samples + samples - 1) / samples * (call->positions / positions);
}

static struct sizes sizes_of(const struct call *call)
{
    struct sizes sizes = {.wide = call->channels + NL_ROOM};
    size_t rows = (size_t)call->partition.samples * (size_t)call->partition.positions;
    sizes.sets = by_rows(call) ? NL_ROW_STRETCH * call->channels / (size_t)call->partition.channels + NL_ROOM : sizes.wide;
    sizes.groups = by_rows(call) ? 0 : (rows + nl_column_group(call->channels) - 1) / nl_column_group(call->channels);
    sizes.bytes = (DOUBLES + 2 * sizes.groups) * sizes.wide * sizeof(double) + (FLOATS * sizes.wide + 3 * sizes.sets) * sizeof(float);
    sizes.bytes = (sizes.bytes + 63) / 64 * 64;
    return sizes;
}

static void take_room(struct nl_cpu_block *b, const struct sizes *sizes, void *room)
{
    size_t wide = sizes->wide, sets = sizes->sets;
    double *doubles = room;
    float *floats = (float *)(doubles + (DOUBLES + 2 * sizes->groups) * wide);
    b->sum = doubles;
    b->product = doubles + wide;
    b->shares = doubles + DOUBLES * wide;
    b->scale = floats;
    b->offset = floats + wide;
    b->slope = floats + 2 * wide;
    b->level = floats + 3 * wide;
    b->row_xhat = floats + 4 * wide;
    b->row_grad = floats + 5 * wide;
    b->part_gamma = floats + 6 * wide;
    b->part_beta = floats + 7 * wide;
    b->shift = floats + FLOATS * wide;
    b->rest = floats + FLOATS * wide + sets;
    b->rstd = floats + FLOATS * wide + 2 * sets;
}

/* Deals out the scratch and fills in what all blocks of the call share. */
static struct call begin(const struct nl_run *run, const struct nl_normalize *op, int r)
{
    size_t at = (size_t)r * run->stride;
    struct nl_norm_setup setup = op->setup;
    setup.samples = run->samples;
    struct call call = {
        .op = op,
        .at = at,
        .statistics = run->statistics,
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
    size_t channels = call.channels, affine = larger((size_t)op->affine_count, channels) + NL_ROOM;
    call.blocks = count_blocks(&call);
    /* Running statistics are updated block by block; a gamma for each element has shares as large as x. */
    call.threads = call.blocks == 1 || op->norm->tracks || (size_t)op->affine_count > channels ? 1 : nl_team_threads();
    call.affine = affine;
    struct sizes sizes = sizes_of(&call);
    size_t shares = call.threads > 1 ? 2 * call.blocks * affine : 0, doubles = 2 * sizes.wide + 2 * affine + shares;
    call.rooms = nl_cpu_scratch((size_t)call.threads * sizes.bytes + doubles * sizeof(double) + (sizes.wide + affine) * sizeof(float));
    call.room = sizes;
    call.fixed_mean = (double *)(call.rooms + (size_t)call.threads * sizes.bytes);
    call.fixed_var = call.fixed_mean + sizes.wide;
    call.dgamma = call.fixed_mean + 2 * sizes.wide;
    call.dbeta = call.dgamma + affine;
    call.shares = call.dgamma + 2 * affine;
    float *floats = (float *)(call.shares + shares);
    call.block = (struct nl_cpu_block){
        .channels = channels,
        .width = (size_t)call.partition.channels,
        .centers = op->norm->centers,
        .relu = op->relu,
        .mask = !op->relu ? NL_MASK_NONE : op->residual ? NL_MASK_Y : NL_MASK_X,
        .affine_step = (size_t)op->affine_count > channels ? channels : 0,
    };
    if (!call.gamma) {
        float *ones = floats;
        for (size_t c = 0; c < channels; c++)
            ones[c] = 1.0f;
        call.gamma = ones;
    }
    if (!call.beta)
        call.beta = memset(floats + sizes.wide, 0, affine * sizeof *floats);
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
    b->pitch = (ptrdiff_t)pitch;
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

static void to_block(struct call *call, size_t i)
{
    size_t sets = call->channels / (size_t)call->partition.channels;
    if (by_rows(call)) {
        size_t first = i * NL_ROW_STRETCH, rows = call->samples * call->positions;
        call->set = first * sets;
        place_block(call, first * call->channels, rows - first < NL_ROW_STRETCH ? rows - first : NL_ROW_STRETCH, call->channels);
        return;
    }
    size_t positions = (size_t)call->partition.positions, position_blocks = call->positions / positions;
    size_t sample = i / position_blocks * (size_t)call->partition.samples, position = i % position_blocks * positions;
    size_t left = call->samples - sample, samples = (size_t)call->partition.samples < left ? (size_t)call->partition.samples : left;
    bool whole = positions == call->positions; /* else one position: rows are samples */
    call->set = i * sets;
    place_block(call, (sample * call->positions + position) * call->channels, whole ? samples * positions : samples,
                whole ? call->channels : call->positions * call->channels);
}

/* What the first walk over a block's rows read last is still near the core: the second begins there, unless all of it is near, which so many
 * tensors are. */
static bool goes_back(const struct call *call, size_t tensors)
{
    enum { L1 = 32 << 10 };
    size_t rows = (size_t)call->partition.samples * (size_t)call->partition.positions;
    return tensors * rows * call->channels * sizeof(float) > L1 && !call->block.affine_step;
}

/* Calls walk for all blocks. */
static void share_blocks(struct call *call, nl_parallel_body *walk)
{
    size_t count = call->samples * call->positions * call->channels;
    size_t grain = call->threads > 1 ? nl_cpu_grain_of_bytes((double)count * sizeof(float) / (double)call->blocks) : call->blocks;
    nl_parallel_for(call->blocks, grain, walk, call);
}

/* running = (1 - momentum) running + momentum batch; cumulative: momentum = 1 / updates, this one counted. */
static void track(const struct call *call)
{
    const struct nl_normalize *op = call->op;
    size_t at = call->at;
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
static void collect(const struct call *call)
{
    const struct nl_normalize *op = call->op;
    size_t at = call->at;
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

static void forward_columns(const struct call *call)
{
    bool tracks = call->op->norm->tracks;
    if (!call->fixed)
        nl_cpu_block_moments(&call->block, call->mean + call->set, call->var + call->set);
    if (tracks && call->statistics == NL_STATS_TRAIN)
        track(call);
    if (tracks && call->statistics == NL_STATS_COLLECT)
        collect(call);
    prepare_columns(call);
    nl_cpu_block_rows(&call->block, nl_block_kernels()->column_apply);
}

static void forward_blocks(void *context, size_t first, size_t end, int thread)
{
    struct call call = *(const struct call *)context;
    take_room(&call.block, &call.room, call.rooms + (size_t)thread * call.room.bytes);
    call.block.back = goes_back(&call, 2);
    for (; first < end; first++) {
        to_block(&call, first);
        if (by_rows(&call))
            forward_rows(&call);
        else
            forward_columns(&call);
    }
}

void nl_cpu_normalize_forward(const struct nl_run *run, const struct nl_normalize *op)
{
    for (int r = 0; r < run->replicas; r++) {
        struct call call = begin(run, op, r);
        share_blocks(&call, forward_blocks);
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
        nl_cpu_block_rows(&call->block, nl_block_kernels()->column_dx);
}

static void backward_blocks(void *context, size_t first, size_t end, int thread)
{
    struct call call = *(const struct call *)context;
    take_room(&call.block, &call.room, call.rooms + (size_t)thread * call.room.bytes);
    call.block.back = goes_back(&call, 3);
    for (; first < end; first++) {
        if (call.threads > 1) {
            call.dgamma = call.shares + 2 * first * call.affine;
            call.dbeta = call.dgamma + call.affine;
            memset(call.dgamma, 0, 2 * call.affine * sizeof *call.dgamma);
        }
        to_block(&call, first);
        if (by_rows(&call))
            backward_rows(&call);
        else
            backward_columns(&call);
    }
}

/* In the order of the blocks, as one thread adds them. */
static void add_shares(const struct call *call)
{
    for (size_t block = 0; block < call->blocks; block++) {
        const double *dgamma = call->shares + 2 * block * call->affine, *dbeta = dgamma + call->affine;
        for (size_t c = 0; c < call->channels; c++) {
            call->dgamma[c] += dgamma[c];
            call->dbeta[c] += dbeta[c];
        }
    }
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
        share_blocks(&call, backward_blocks);
        if (call.threads > 1)
            add_shares(&call);
        float *dgamma = NL_AT(op->dgamma, (size_t)r * run->stride), *dbeta = NL_AT(op->dbeta, (size_t)r * run->stride);
        for (size_t a = 0; dgamma && a < affine; a++)
            dgamma[a] = (float)call.dgamma[a];
        for (size_t a = 0; dbeta && a < affine; a++)
            dbeta[a] = (float)call.dbeta[a];
    }
}
