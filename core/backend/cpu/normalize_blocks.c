/* Cuts a normalizer's sets into blocks that a kernel takes in one call, and finds the scratch memory that a block
 * needs. */
#include "backend/cpu/normalize_blocks.h"

#include <string.h>

#include "backend/cpu/statistics.h"
#include "base/team.h"

enum {
    COLUMN_DOUBLES = 4,
    COLUMN_FLOATS = 9,
    ROW_FLOATS = 2,
    ROW_SETS = 5,
    ROW_LANES = 2
}; /* working arrays of a block: how many of each length */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Rows whose sets are done at a time: as many as the first-level cache holds, together with what is worked out of
 * them. */
static size_t row_step(size_t channels)
{
    enum { MOST = 2048 };
    size_t rows = NL_ROW_STRETCH;
    while (rows > 1 && rows * channels > MOST)
        rows /= 2;
    return rows;
}

/* Lengths of the working arrays: of C; of the sets of so many rows. */
static size_t wide_of(const struct nl_cpu_block *b)
{
    return b->channels + NL_PADDING;
}

static size_t sets_of(const struct nl_cpu_block *b)
{
    return b->row_step * b->sets + NL_PADDING;
}

static size_t lanes_of(const struct nl_cpu_block *b)
{
    return b->row_step * nl_row_units(b->channels, b->width) * NL_LANES;
}

static size_t working_bytes(const struct nl_cpu_block *b, size_t groups)
{
    size_t bytes =
        groups == 0
            ? (ROW_FLOATS * wide_of(b) + ROW_SETS * sets_of(b) + ROW_LANES * lanes_of(b)) * sizeof(float)
            : ((COLUMN_DOUBLES + NL_SHARE * groups) * sizeof(double) + COLUMN_FLOATS * sizeof(float)) * wide_of(b);
    return (bytes + 63) / 64 * 64;
}

static float *take(float **from, size_t count)
{
    float *taken = *from;
    *from += count;
    return taken;
}

/* groups: 0, of sets that are rows. */
static void take_arrays(struct nl_cpu_block *b, size_t groups, char *memory)
{
    size_t wide = wide_of(b), each = groups == 0 ? sets_of(b) : wide;
    float *floats = (float *)memory;
    if (groups == 0) {
        b->part_gamma = take(&floats, wide);
        b->part_beta = take(&floats, wide);
        b->set_sum = take(&floats, each);
        b->set_product = take(&floats, each);
        b->lane_sum = take(&floats, lanes_of(b));
        b->lane_product = take(&floats, lanes_of(b));
    } else {
        b->sum = (double *)memory;
        b->product = b->sum + wide;
        b->signs = b->product + wide;
        b->count = b->signs + wide;
        b->shares = b->count + wide;
        floats = (float *)(b->shares + NL_SHARE * groups * wide);
        b->scale = take(&floats, wide);
        b->offset = take(&floats, wide);
        b->dx_slope = take(&floats, wide);
        b->dx_bias = take(&floats, wide);
        b->above = take(&floats, wide);
        b->below = take(&floats, wide);
    }
    b->shift = take(&floats, each);
    b->mean_low = take(&floats, each);
    b->rstd = take(&floats, each);
}

size_t nl_norm_affine_padded(const struct nl_normalize *op)
{
    return larger((size_t)op->affine_count, (size_t)op->setup.channels) + NL_PADDING;
}

/* Rows: the shape of a fully connected layer of 64 units with a ReLU after it, in one set a row or in sets of 8
 * channels, whose statistics move with x. Its kernels know it, and have working arrays of their own. */
NL_INLINE bool is_common(const struct nl_cpu_block *b)
{
    bool moves = b->spread_moves && b->center_moves == b->centers;
    return b->channels == 64 && b->relu && !b->residual && (b->width == 64 || b->width == 8) && moves;
}

/* What all blocks share, and where the first one begins. */
NL_INLINE void set_block(struct nl_cpu_block *b, const struct nl_normalize *op, const struct nl_partition *partition,
                         bool constant)
{
    b->channels = b->pitch = (size_t)op->setup.channels;
    b->width = (size_t)partition->channels;
    b->sets = (unsigned)op->setup.channels / (unsigned)partition->channels;
    b->row_step = row_step(b->channels);
    b->centers = op->norm->centers;
    b->center_moves = b->centers && !constant && !(op->detached & NL_DETACH_CENTER);
    b->spread_moves = !constant && !(op->detached & NL_DETACH_SPREAD);
    b->relu = op->relu;
    b->mask = !op->relu ? NL_MASK_NONE : op->residual ? NL_MASK_Y : NL_MASK_X;
    b->affine_step = (size_t)op->affine_count > b->channels ? b->channels : 0;
    b->positions = (size_t)op->setup.positions;
    b->eps = nl_override_or(op->eps, op->hyper->norm_eps);
    b->x = op->x;
    b->dy = op->dy;
    b->residual = op->residual;
    b->y = op->y;
    b->dx = op->dx;
    b->dresidual = op->dresidual;
    b->gamma = op->gamma;
    b->beta = op->beta;
    b->mean = op->mean;
    b->var = op->var;
    b->is_common = is_common(b);
}

/* Ones and zeros, where they are gamma and beta or stand in for them. */
static void set_affine(struct nl_norm_call *call, float *ones, float *zeros)
{
    struct nl_cpu_block *b = &call->block;
    if (!b->gamma || b->affine_step)
        for (size_t c = 0; c < b->channels; c++)
            ones[c] = 1.0f;
    if (!b->beta || b->affine_step)
        memset(zeros, 0, call->affine * sizeof *zeros);
    call->ones = ones;
    call->zeros = zeros;
    b->gamma = b->gamma ? b->gamma : ones;
    b->beta = b->beta ? b->beta : zeros;
}

static void take_scratch(struct nl_norm_call *call)
{
    struct nl_cpu_block *b = &call->block;
    const struct nl_normalize *op = call->op;
    size_t affine = call->affine, wide = wide_of(b), working = (size_t)call->threads * call->working_bytes;
    size_t shares = call->threads > 1 ? 2 * call->blocks * affine : 0;
    call->working =
        nl_cpu_scratch(working + (2 * wide + 2 * affine + shares) * sizeof(double) + (wide + affine) * sizeof(float));
    call->fixed_mean = (double *)(call->working + working);
    call->fixed_var = call->fixed_mean + wide;
    double *sums = call->fixed_var + wide;
    b->dgamma = op->sums && call->phase == NL_NORM_WHOLE ? op->sums : sums;
    b->dbeta = b->dgamma + affine;
    call->shares = sums + 2 * affine;
    float *ones = (float *)(call->shares + shares);
    set_affine(call, ones, ones + wide);
}

void nl_norm_begin(struct nl_norm_call *call, const struct nl_run *run, const struct nl_normalize *op,
                   enum nl_norm_phase phase)
{
    struct nl_norm_setup setup = op->setup;
    setup.samples = run->samples;
    struct nl_partition partition = op->norm->partition(&setup);
    size_t samples = (size_t)run->samples, positions = (size_t)setup.positions, channels = (size_t)setup.channels;
    call->phase = phase;
    call->op = op;
    call->statistics = run->statistics;
    call->samples = samples;
    call->positions = positions;
    call->before = (size_t)run->first;
    call->all = phase == NL_NORM_WHOLE ? samples : (size_t)run->batch;
    call->set_samples = (size_t)partition.samples;
    call->set_positions = (size_t)partition.positions;
    call->by_rows =
        partition.samples == 1 && partition.positions == 1 && !op->norm->tracks && nl_normalize_is_standard(op);
    call->fixed = nl_normalize_is_fixed(op, run);
    call->constant = nl_normalize_is_constant(op, run);
    call->averages = nl_normalize_averages(op, run);
    set_block(&call->block, op, &partition, call->constant);
    if (call->by_rows) {
        call->groups = 0;
        call->blocks = (samples * positions + NL_ROW_STRETCH - 1) / NL_ROW_STRETCH;
    } else {
        size_t group = nl_column_group(channels);
        call->groups = (call->set_samples * call->set_positions + group - 1) / group;
        call->blocks = (samples + call->set_samples - 1) / call->set_samples * (positions / call->set_positions);
    }
    /* A gamma for each element has shares as large as x. */
    call->threads = call->blocks == 1 || call->block.affine_step ? 1 : nl_team_threads();
    call->affine = nl_norm_affine_padded(op);
    call->working_bytes = working_bytes(&call->block, call->groups);
    take_scratch(call);
    if (call->fixed)
        nl_cpu_fixed_statistics(op, run->statistics, channels, call->fixed_mean, call->fixed_var);
}

/* Moves the block to element `at`, at that position, and to that set. A block of one position has the gamma of that
 * one. */
static void move_block(const struct nl_norm_call *call, struct nl_cpu_block *b, size_t at, size_t position, size_t set)
{
    const struct nl_cpu_block *first = &call->block;
    size_t affine = b->positions == 1 ? position * b->affine_step : 0;
    b->x = first->x + at;
    b->dy = first->dy ? first->dy + at : NULL;
    b->residual = first->residual ? first->residual + at : NULL;
    b->y = first->y ? first->y + at : NULL;
    b->dx = first->dx ? first->dx + at : NULL;
    b->dresidual = first->dresidual ? first->dresidual + at : NULL;
    b->position = b->positions == 1 ? 0 : position;
    b->gamma = first->gamma + affine;
    b->beta = first->beta + affine;
    b->dgamma = first->dgamma + affine;
    b->dbeta = first->dbeta + affine;
    b->mean = first->mean + set;
    b->var = first->var + set;
}

void nl_norm_block_of_thread(const struct nl_norm_call *call, struct nl_cpu_block *b, int thread)
{
    *b = call->block;
    take_arrays(b, call->groups, call->working + (size_t)thread * call->working_bytes);
}

void nl_norm_move_block(const struct nl_norm_call *call, struct nl_cpu_block *b, size_t i)
{
    if (call->by_rows) {
        size_t first = i * NL_ROW_STRETCH;
        b->rows = smaller(call->samples * call->positions - first, NL_ROW_STRETCH);
        move_block(call, b, first * b->channels, first % call->positions, first * b->sets);
        return;
    }
    size_t position_blocks = call->positions / call->set_positions;
    size_t sample = i / position_blocks * call->set_samples, position = i % position_blocks * call->set_positions;
    b->rows = smaller(call->set_samples, call->samples - sample);
    if (call->set_positions == call->positions) {
        b->rows *= call->positions;
    } else { /* one position: rows are samples */
        b->pitch = call->positions * b->channels;
        b->positions = 1;
    }
    move_block(call, b, (sample * call->positions + position) * b->channels, position, i * b->sets);
}

bool nl_norm_small_batch(struct nl_cpu_block *b, const struct nl_run *run, const struct nl_normalize *op)
{
    size_t channels = (size_t)op->setup.channels, rows = (size_t)run->samples;
    bool columns = op->norm->tracks,
         own = !columns || run->statistics == NL_STATS_TRAIN || run->statistics == NL_STATS_BATCH;
    if (!nl_normalize_is_standard(op) || rows > (columns ? NL_SMALL_BATCH : NL_ROW_STRETCH) ||
        op->setup.positions != 1 || !own || op->residual || op->sums || op->batches ||
        (size_t)op->affine_count != channels)
        return false;
    struct nl_partition partition = op->norm->partition(&op->setup); /* of as many samples as may come, or of slices */
    if (columns ? channels % NL_LANES || !op->norm->centers || partition.samples < run->samples : partition.samples > 1)
        return false;
    set_block(b, op, &partition, false);
    b->rows = rows;
    if (!columns && !(b->is_common && b->beta)) {
        size_t working = working_bytes(b, 0), zeros = b->beta ? 0 : channels * sizeof(float);
        char *memory = nl_cpu_scratch(working + zeros);
        take_arrays(b, 0, memory);
        b->beta = b->beta ? b->beta : memset(memory + working, 0, zeros);
    }
    b->part_gamma = op->dgamma;
    b->part_beta = op->dbeta ? op->dbeta : b->part_beta;
    return true;
}
