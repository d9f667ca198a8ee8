#include "backend/cpu/normalize_walk.h"

#include <string.h>

#include "backend/cpu/lanes.h"
#include "backend/cpu/statistics.h"
#include "base/team.h"

enum { COLUMN_DOUBLES = 2, COLUMN_FLOATS = 7, ROW_FLOATS = 2, ROW_SETS = 5, ROW_PARTIALS = 2 }; /* working arrays of a block: how many of each length */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Rows whose sets are done at a time: as many as the first-level cache holds, together with what is worked out of them. */
static size_t row_step(size_t channels)
{
    enum { MOST = 2048 };
    size_t rows = NL_ROW_STRETCH;
    while (rows > 1 && rows * channels > MOST)
        rows /= 2;
    return rows;
}

static struct nl_norm_scratch scratch_of(const struct nl_norm_call *call)
{
    struct nl_norm_scratch scratch = {.wide = call->channels + NL_PADDING};
    if (call->by_rows) {
        scratch.sets = call->row_step * call->sets + NL_PADDING;
        scratch.partial = (call->row_step * nl_row_units(call->channels, call->sets, call->width) + NL_LANES) * NL_LANES;
        scratch.bytes = (ROW_FLOATS * scratch.wide + ROW_SETS * scratch.sets + ROW_PARTIALS * scratch.partial) * sizeof(float);
    } else {
        size_t group = nl_column_group(call->channels);
        scratch.groups = (call->set_samples * call->set_positions + group - 1) / group;
        scratch.bytes = (COLUMN_DOUBLES + NL_SHARE * scratch.groups) * scratch.wide * sizeof(double) + COLUMN_FLOATS * scratch.wide * sizeof(float);
    }
    scratch.bytes = (scratch.bytes + 63) / 64 * 64;
    return scratch;
}

static float *take(float **from, size_t count)
{
    float *taken = *from;
    *from += count;
    return taken;
}

static void take_room(struct nl_cpu_block *b, const struct nl_norm_call *call, int thread)
{
    const struct nl_norm_scratch *scratch = &call->scratch;
    char *bytes = call->thread_scratch + (size_t)thread * scratch->bytes;
    if (call->by_rows) {
        float *floats = (float *)bytes;
        b->part_gamma = take(&floats, scratch->wide);
        b->part_beta = take(&floats, scratch->wide);
        b->shift = take(&floats, scratch->sets);
        b->mean_low = take(&floats, scratch->sets);
        b->rstd = take(&floats, scratch->sets);
        b->set_sum = take(&floats, scratch->sets);
        b->set_product = take(&floats, scratch->sets);
        b->partial_sum = take(&floats, scratch->partial);
        b->partial_product = take(&floats, scratch->partial);
    } else {
        b->sum = (double *)bytes;
        b->product = b->sum + scratch->wide;
        b->shares = b->product + scratch->wide;
        float *floats = (float *)(b->shares + NL_SHARE * scratch->groups * scratch->wide);
        b->shift = take(&floats, scratch->wide);
        b->mean_low = take(&floats, scratch->wide);
        b->rstd = take(&floats, scratch->wide);
        b->dx_bias = take(&floats, scratch->wide);
        b->scale = take(&floats, scratch->wide);
        b->offset = take(&floats, scratch->wide);
        b->dx_slope = take(&floats, scratch->wide);
    }
}

size_t nl_norm_affine_padded(const struct nl_normalize *op)
{
    return larger((size_t)op->affine_count, (size_t)op->setup.channels) + NL_PADDING;
}

void nl_norm_begin(struct nl_norm_call *call, const struct nl_run *run, const struct nl_normalize *op, int r, enum nl_norm_phase phase)
{
    struct nl_norm_setup setup = op->setup;
    setup.samples = run->samples;
    struct nl_partition partition = op->norm->partition(&setup);
    bool tracks = op->norm->tracks;
    size_t channels = (size_t)setup.channels, samples = (size_t)run->samples, positions = (size_t)setup.positions;
    call->phase = phase;
    call->op = op;
    call->at = (size_t)r * run->stride;
    call->statistics = run->statistics;
    call->hyper = NL_AT(op->hyper, call->at);
    call->samples = samples;
    call->before = (size_t)run->first;
    call->all = phase == NL_NORM_WHOLE ? samples : (size_t)run->batch;
    call->positions = positions;
    call->channels = channels;
    call->set_samples = (size_t)partition.samples;
    call->set_positions = (size_t)partition.positions;
    call->width = (size_t)partition.channels;
    call->sets = (unsigned)setup.channels / (unsigned)partition.channels;
    call->by_rows = partition.samples == 1 && partition.positions == 1 && !tracks;
    call->fixed = tracks && (run->statistics == NL_STATS_RUNNING || run->statistics == NL_STATS_PRECISE);
    call->row_step = row_step(channels);
    call->blocks = call->by_rows ? (samples * positions + NL_ROW_STRETCH - 1) / NL_ROW_STRETCH :
                                   (samples + call->set_samples - 1) / call->set_samples * (positions / call->set_positions);
    /* Running statistics are updated block by block; a gamma for each element has shares as large as x. */
    call->threads = call->blocks == 1 || tracks || (size_t)op->affine_count > channels ? 1 : nl_team_threads();
    call->affine = nl_norm_affine_padded(op);
    call->scratch = scratch_of(call);
    size_t affine = call->affine, wide = call->scratch.wide, scratches = (size_t)call->threads * call->scratch.bytes;
    size_t shares = call->threads > 1 ? 2 * call->blocks * affine : 0;
    call->thread_scratch = nl_cpu_scratch(scratches + (2 * wide + 2 * affine + shares) * sizeof(double) + (wide + affine) * sizeof(float));
    call->fixed_mean = (double *)(call->thread_scratch + scratches);
    call->fixed_var = call->fixed_mean + wide;
    double *sums = call->fixed_var + wide;
    call->dgamma = op->sums && phase == NL_NORM_WHOLE ? NL_AT(op->sums, call->at) : sums;
    call->dbeta = call->dgamma + affine;
    call->shares = sums + 2 * affine;
    float *ones = (float *)(call->shares + shares), *zeros = ones + wide;
    call->gamma = NL_AT(op->gamma, call->at);
    call->beta = NL_AT(op->beta, call->at);
    for (size_t c = 0; !call->gamma && c < channels; c++)
        ones[c] = 1.0f;
    if (!call->gamma)
        call->gamma = ones;
    if (!call->beta)
        call->beta = memset(zeros, 0, affine * sizeof *zeros);
    if (call->fixed)
        nl_cpu_fixed_statistics(op, call->at, run->statistics, channels, call->fixed_mean, call->fixed_var);
}

void nl_norm_set_out(struct nl_norm_walk *walk, const struct nl_norm_call *call, int thread)
{
    const struct nl_normalize *op = call->op;
    struct nl_cpu_block *b = &walk->block;
    walk->call = call;
    b->channels = call->channels;
    b->width = call->width;
    b->sets = call->sets;
    b->centers = op->norm->centers;
    b->relu = op->relu;
    b->mask = !op->relu ? NL_MASK_NONE : op->residual ? NL_MASK_Y : NL_MASK_X;
    b->affine_step = (size_t)op->affine_count > call->channels ? call->channels : 0;
    b->eps = nl_own_or(op->eps, call->hyper->norm_eps);
    b->row_step = call->row_step;
    take_room(b, call, thread);
}

/* Sets the block's rows: `rows` rows, `pitch` elements apart, from element `at` of the tensors on, which lies at that position. Where all rows have one
 * position, all have the same gamma. */
static void place_block(struct nl_norm_walk *walk, size_t at, size_t position, size_t rows, size_t pitch)
{
    const struct nl_norm_call *call = walk->call;
    const struct nl_normalize *op = call->op;
    struct nl_cpu_block *b = &walk->block;
    bool dense = pitch == call->channels;
    size_t bytes = call->at + at * sizeof(float), gamma_at = dense ? 0 : position * b->affine_step;
    b->rows = rows;
    b->pitch = (ptrdiff_t)pitch;
    b->x = NL_AT(op->x, bytes);
    b->dy = NL_AT(op->dy, bytes);
    b->residual = NL_AT(op->residual, bytes);
    b->y = NL_AT(op->y, bytes);
    b->dx = NL_AT(op->dx, bytes);
    b->dresidual = NL_AT(op->dresidual, bytes);
    b->positions = dense ? call->positions : 1;
    b->position = dense ? position : 0;
    b->gamma = call->gamma + gamma_at;
    b->beta = call->beta + gamma_at;
    b->dgamma = call->dgamma + gamma_at;
    b->dbeta = call->dbeta + gamma_at;
    b->mean = (double *)NL_AT(op->mean, call->at) + walk->set;
    b->var = (double *)NL_AT(op->var, call->at) + walk->set;
}

void nl_norm_to_block(struct nl_norm_walk *walk, size_t i)
{
    const struct nl_norm_call *call = walk->call;
    if (call->by_rows) {
        size_t first = i * NL_ROW_STRETCH, left = call->samples * call->positions - first;
        walk->set = first * call->sets;
        place_block(walk, first * call->channels, first % call->positions, smaller(left, NL_ROW_STRETCH), call->channels);
        return;
    }
    size_t position_blocks = call->positions / call->set_positions;
    size_t sample = i / position_blocks * call->set_samples, position = i % position_blocks * call->set_positions;
    size_t samples = smaller(call->set_samples, call->samples - sample);
    bool whole = call->set_positions == call->positions; /* else one position: rows are samples */
    walk->set = i * call->sets;
    place_block(walk, (sample * call->positions + position) * call->channels, position, whole ? samples * call->positions : samples,
                whole ? call->channels : call->positions * call->channels);
}
