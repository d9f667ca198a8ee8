/* Normalizers: the walk over the blocks of a partition. The arithmetic of a block is in block.c and the kernels of block.h, running and precise
 * statistics are in statistics.c. A team shares the blocks; where they are few or follow one another (running statistics), the rows of each
 * (block.c). */
#include <string.h>

#include "backend/cpu/block.h"
#include "backend/cpu/cpu.h"
#include "backend/cpu/lanes.h"
#include "backend/cpu/normalize_few.h"
#include "backend/cpu/statistics.h"
#include "base/team.h"

/* Numbers of a block's working arrays: of C; of sets; of partial sums; and shares of groups of its rows. */
struct room {
    size_t wide, sets, partial, groups;
    size_t bytes; /* of all */
};
enum { COLUMN_DOUBLES = 2, COLUMN_FLOATS = 7, ROW_FLOATS = 2, ROW_SETS = 5, ROW_PARTIALS = 2 }; /* how many there are of each */

/* What a call does: all, or, where sets span more samples than those of the call, a half (backend.h). */
enum half { WHOLE, FIRST_HALF, SECOND_HALF };

/* One normalizer of one replica, in one call. */
struct call {
    enum half half;
    const struct nl_normalize *op; /* its sizes; its pointers are replica 0's, */
    size_t at;                     /* bytes before this one's */
    enum nl_statistics statistics;
    const struct nl_hyper *hyper;
    size_t samples, positions, channels;
    size_t before, all;             /* samples of the batch before these, and in all */
    size_t set_samples, set_positions, width; /* of a set */
    size_t sets;                    /* side by side */
    bool by_rows;                   /* each set is a stretch of one row, and many rows make a block */
    bool fixed;                     /* running or precise statistics instead of the batch's own */
    double *fixed_mean, *fixed_var; /* (C) in scratch */
    const float *gamma, *beta;
    double *dgamma, *dbeta; /* (affine) in scratch: sums until they are complete */
    double *shares;         /* (blocks, 2, affine) in scratch: of each block, where several threads walk */
    size_t affine;          /* numbers of gamma, at least C, and room */
    size_t blocks, row_step;
    int threads;            /* that may walk */
    struct room room;
    char *rooms;            /* of each thread */
};

/* A thread on its way over the blocks. */
struct walk {
    const struct call *call;
    struct nl_cpu_block block; /* where it is */
    size_t set;                /* the block's first */
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Rows of sets that are done at a time: what the first-level cache holds beside all that is made of them. */
static size_t row_step(size_t channels)
{
    enum { MOST = 2048 };
    size_t rows = NL_ROW_STRETCH;
    while (rows > 1 && rows * channels > MOST)
        rows /= 2;
    return rows;
}

static struct room room_of(const struct call *call)
{
    struct room room = {.wide = call->channels + NL_ROOM};
    if (call->by_rows) {
        room.sets = call->row_step * call->sets + NL_ROOM;
        room.partial = (call->row_step * nl_row_units(call->channels, call->sets, call->width) + NL_LANES) * NL_LANES;
        room.bytes = (ROW_FLOATS * room.wide + ROW_SETS * room.sets + ROW_PARTIALS * room.partial) * sizeof(float);
    } else {
        size_t group = nl_column_group(call->channels);
        room.groups = (call->set_samples * call->set_positions + group - 1) / group;
        room.bytes = (COLUMN_DOUBLES + NL_SHARE * room.groups) * room.wide * sizeof(double) + COLUMN_FLOATS * room.wide * sizeof(float);
    }
    room.bytes = (room.bytes + 63) / 64 * 64;
    return room;
}

static float *take(float **from, size_t count)
{
    float *taken = *from;
    *from += count;
    return taken;
}

static void take_room(struct nl_cpu_block *b, const struct call *call, int thread)
{
    const struct room *room = &call->room;
    char *bytes = call->rooms + (size_t)thread * room->bytes;
    if (call->by_rows) {
        float *floats = (float *)bytes;
        b->part_gamma = take(&floats, room->wide);
        b->part_beta = take(&floats, room->wide);
        b->shift = take(&floats, room->sets);
        b->rest = take(&floats, room->sets);
        b->rstd = take(&floats, room->sets);
        b->set_sum = take(&floats, room->sets);
        b->set_product = take(&floats, room->sets);
        b->partial_sum = take(&floats, room->partial);
        b->partial_product = take(&floats, room->partial);
    } else {
        b->sum = (double *)bytes;
        b->product = b->sum + room->wide;
        b->shares = b->product + room->wide;
        float *floats = (float *)(b->shares + NL_SHARE * room->groups * room->wide);
        b->shift = take(&floats, room->wide);
        b->rest = take(&floats, room->wide);
        b->rstd = take(&floats, room->wide);
        b->level = take(&floats, room->wide);
        b->scale = take(&floats, room->wide);
        b->offset = take(&floats, room->wide);
        b->slope = take(&floats, room->wide);
    }
}

static size_t affine_room(const struct nl_normalize *op)
{
    return larger((size_t)op->affine_count, (size_t)op->setup.channels) + NL_ROOM;
}

/* Deals out the scratch: the rooms, then what all blocks share. */
static void begin(struct call *call, const struct nl_run *run, const struct nl_normalize *op, int r, enum half half)
{
    struct nl_norm_setup setup = op->setup;
    setup.samples = run->samples;
    struct nl_partition partition = op->norm->partition(&setup);
    bool tracks = op->norm->tracks;
    size_t channels = (size_t)setup.channels, samples = (size_t)run->samples, positions = (size_t)setup.positions;
    call->half = half;
    call->op = op;
    call->at = (size_t)r * run->stride;
    call->statistics = run->statistics;
    call->hyper = NL_AT(op->hyper, call->at);
    call->samples = samples;
    call->before = (size_t)run->first;
    call->all = half == WHOLE ? samples : (size_t)run->batch;
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
    call->affine = affine_room(op);
    call->room = room_of(call);
    size_t affine = call->affine, wide = call->room.wide, rooms = (size_t)call->threads * call->room.bytes;
    size_t shares = call->threads > 1 ? 2 * call->blocks * affine : 0;
    call->rooms = nl_cpu_scratch(rooms + (2 * wide + 2 * affine + shares) * sizeof(double) + (wide + affine) * sizeof(float));
    call->fixed_mean = (double *)(call->rooms + rooms);
    call->fixed_var = call->fixed_mean + wide;
    double *sums = call->fixed_var + wide;
    call->dgamma = op->sums && half == WHOLE ? NL_AT(op->sums, call->at) : sums;
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

/* What a walk takes along from block to block. */
static void set_out(struct walk *walk, const struct call *call, int thread)
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
    b->eps = call->hyper->norm_eps;
    b->row_step = call->row_step;
    take_room(b, call, thread);
}

/* Puts the block's rows: `rows` of them, `pitch` apart, from element `at` of the tensors on, whose position is that. Where all rows have one
 * position, gamma stays. */
static void place_block(struct walk *walk, size_t at, size_t position, size_t rows, size_t pitch)
{
    const struct call *call = walk->call;
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

static void to_block(struct walk *walk, size_t i)
{
    const struct call *call = walk->call;
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

/* What the first walk over a block's rows read last is still near the core: the second begins there, unless all of it is near, which so many
 * tensors are. */
static bool goes_back(const struct call *call, size_t tensors)
{
    enum { L1 = 32 << 10 };
    size_t rows = call->set_samples * call->set_positions;
    return tensors * rows * call->channels * sizeof(float) > L1 && call->affine <= call->channels + NL_ROOM;
}

/* Calls body for all blocks. */
static void share_blocks(struct call *call, nl_parallel_body *body)
{
    size_t count = call->samples * call->positions * call->channels;
    size_t grain = call->threads > 1 ? nl_cpu_grain_of_bytes((double)count * sizeof(float) / (double)call->blocks) : call->blocks;
    nl_parallel_for(call->blocks, grain, body, call);
}

static void prepare_columns(const struct call *call, const struct nl_cpu_block *b)
{
    nl_cpu_block_prepare(b, call->fixed ? call->fixed_mean : b->mean, call->fixed ? call->fixed_var : b->var, b->eps);
}

/* Of the block's rows and those before; complete, they join what is tracked. */
static void take_moments(const struct walk *walk)
{
    const struct call *call = walk->call;
    const struct nl_cpu_block *b = &walk->block;
    bool parted = call->half == FIRST_HALF, complete = !parted || call->before + call->samples == call->all;
    size_t before = parted ? call->before * call->positions : 0;
    const struct nl_batch_statistics batch = {.channels = b->channels, .elements = (double)(before + b->rows), .mean = b->mean, .var = b->var};
    nl_cpu_block_moments(b, before, b->mean, b->var);
    bool tracks = call->op->norm->tracks && complete;
    if (tracks && call->statistics == NL_STATS_TRAIN)
        nl_cpu_track(call->op, call->at, call->hyper->norm_momentum, &batch);
    if (tracks && call->statistics == NL_STATS_COLLECT)
        nl_cpu_collect(call->op, call->at, &batch);
}

static void forward_columns(const struct walk *walk)
{
    const struct call *call = walk->call;
    if (call->half != SECOND_HALF && !call->fixed)
        take_moments(walk);
    if (call->half == FIRST_HALF)
        return;
    prepare_columns(call, &walk->block);
    nl_cpu_block_rows(&walk->block, nl_block_kernels()->column_apply);
}

/* The last block first: what the operation before wrote last is still near, and the one behind begins where this one ends. Running statistics
 * follow the order of the blocks. */
static void forward_blocks(void *context, size_t first, size_t end, int thread)
{
    const struct call *call = context;
    struct walk walk;
    set_out(&walk, call, thread);
    walk.block.back = goes_back(call, 2);
    bool in_order = call->op->norm->tracks;
    for (size_t i = first; i < end; i++) {
        to_block(&walk, in_order ? i : first + end - 1 - i);
        if (call->by_rows)
            nl_block_kernels()->row_forward(&walk.block);
        else
            forward_columns(&walk);
    }
}

static void forward(const struct nl_run *run, const struct nl_normalize *op, enum half half)
{
    for (int r = 0; r < run->replicas; r++) {
        struct call call;
        if (nl_cpu_few_forward(run, op, (size_t)r * run->stride))
            continue;
        begin(&call, run, op, r, half);
        share_blocks(&call, forward_blocks);
    }
}

void nl_cpu_normalize_forward(const struct nl_run *run, const struct nl_normalize *op)
{
    forward(run, op, WHOLE);
}

void nl_cpu_normalize_moments(const struct nl_run *run, const struct nl_normalize *op)
{
    forward(run, op, FIRST_HALF);
}

void nl_cpu_normalize_apply(const struct nl_run *run, const struct nl_normalize *op)
{
    forward(run, op, SECOND_HALF);
}

/* The batch's sums between the halves: where they stay from call to call, and a copy to work on. */
static void keep_sums(struct nl_cpu_block *b, const struct call *call)
{
    double *kept = NL_AT(call->op->sums, call->at);
    size_t wide = call->room.wide;
    if (call->half == SECOND_HALF) {
        memcpy(b->sum, kept, call->channels * sizeof *b->sum);
        memcpy(b->product, kept + wide, call->channels * sizeof *b->product);
    } else {
        b->sum = kept;
        b->product = kept + wide;
    }
}

static void backward_columns(struct walk *walk)
{
    const struct call *call = walk->call;
    struct nl_cpu_block *b = &walk->block;
    prepare_columns(call, b);
    if (call->half != WHOLE)
        keep_sums(b, call);
    if (call->half != SECOND_HALF)
        nl_cpu_block_sums(b, call->half == FIRST_HALF && call->before > 0);
    if (call->half == FIRST_HALF)
        return;
    nl_cpu_block_slopes(b, call->half == SECOND_HALF ? call->all * call->positions : b->rows, call->fixed);
    if (b->dx)
        nl_cpu_block_rows(b, nl_block_kernels()->column_dx);
}

/* A single block of rows leaves dgamma and dbeta themselves instead of a share of them. */
static bool is_alone(const struct call *call)
{
    return call->by_rows && call->blocks == 1 && (size_t)call->op->affine_count == call->channels && !call->op->sums;
}

static void leave_gradients(struct nl_cpu_block *b, const struct call *call)
{
    float *dgamma = NL_AT(call->op->dgamma, call->at), *dbeta = NL_AT(call->op->dbeta, call->at);
    b->part_gamma = dgamma ? dgamma : b->part_gamma;
    b->part_beta = dbeta ? dbeta : b->part_beta;
    b->dgamma = b->dbeta = NULL;
}

static void backward_blocks(void *context, size_t first, size_t end, int thread)
{
    const struct call *call = context;
    struct walk walk;
    set_out(&walk, call, thread);
    walk.block.back = goes_back(call, 3);
    for (; first < end; first++) {
        to_block(&walk, first);
        if (call->threads > 1) {
            walk.block.dgamma = call->shares + 2 * first * call->affine;
            walk.block.dbeta = walk.block.dgamma + call->affine;
            memset(walk.block.dgamma, 0, 2 * call->affine * sizeof *call->dgamma);
        }
        if (is_alone(call))
            leave_gradients(&walk.block, call);
        if (call->by_rows)
            nl_block_kernels()->row_backward(&walk.block);
        else
            backward_columns(&walk);
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

NL_CLONES
static void round_all(size_t count, const double *restrict from, float *restrict to)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (float)from[i];
}

/* Adds to what the call before has left, if that is a part of the batch as well. */
static void leave_sums(const struct nl_run *run, struct call *call)
{
    size_t affine = (size_t)call->op->affine_count;
    bool alone = is_alone(call);
    if (!alone && (call->half != WHOLE || run->first == 0))
        memset(call->dgamma, 0, 2 * call->affine * sizeof *call->dgamma);
    share_blocks(call, backward_blocks);
    if (call->threads > 1)
        add_shares(call);
    float *dgamma = NL_AT(call->op->dgamma, call->at), *dbeta = NL_AT(call->op->dbeta, call->at);
    if (dgamma && !alone)
        round_all(affine, call->dgamma, dgamma);
    if (dbeta && !alone)
        round_all(affine, call->dbeta, dbeta);
}

static void backward(const struct nl_run *run, const struct nl_normalize *op, enum half half)
{
    size_t count = (size_t)run->samples * (size_t)op->setup.positions * (size_t)op->setup.channels;
    for (int r = 0; r < run->replicas; r++) {
        struct call call;
        if (nl_cpu_few_backward(run, op, (size_t)r * run->stride))
            continue;
        begin(&call, run, op, r, half);
        float *dresidual = NL_AT(op->dresidual, call.at);
        const float *dy = NL_AT(op->dy, call.at);
        if (half != SECOND_HALF && op->residual && !op->relu && dresidual != dy)
            memcpy(dresidual, dy, count * sizeof *dy);
        leave_sums(run, &call);
    }
}

void nl_cpu_normalize_backward(const struct nl_run *run, const struct nl_normalize *op)
{
    backward(run, op, WHOLE);
}

void nl_cpu_normalize_sums(const struct nl_run *run, const struct nl_normalize *op)
{
    backward(run, op, FIRST_HALF);
}

void nl_cpu_normalize_dx(const struct nl_run *run, const struct nl_normalize *op)
{
    backward(run, op, SECOND_HALF);
}

struct nl_micro nl_cpu_normalize_micro(const struct nl_normalize *op)
{
    struct nl_partition partition = op->norm->partition(&op->setup);
    size_t positions = (size_t)op->setup.positions, channels = (size_t)op->setup.channels, affine = affine_room(op);
    struct nl_micro micro = {.unit = 1, .sums = 2 * affine * sizeof(double), .halves = partition.samples == op->setup.samples && partition.samples > 1};
    if (micro.halves)
        micro.unit = op->affine_count > op->setup.channels ? 0 : nl_cpu_samples_of_blocks(positions, nl_column_group(channels));
    else if (partition.samples > 1)
        micro.unit = partition.samples;
    else if (partition.positions == 1)
        micro.unit = nl_cpu_samples_of_blocks(positions, NL_ROW_STRETCH);
    return micro;
}
