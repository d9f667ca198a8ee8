/* Normalizers, block by block (normalize_walk.h). The arithmetic of a block is in block.c and the kernels of block.h, running and precise statistics
 * are in statistics.c, a few rows in normalize_small.c. A team shares the blocks; where they are few or follow one another (running statistics), the rows
 * of each (block.c). */
#include <string.h>

#include "backend/cpu/block.h"
#include "backend/cpu/cpu.h"
#include "backend/cpu/lanes.h"
#include "backend/cpu/normalize_small.h"
#include "backend/cpu/normalize_walk.h"
#include "backend/cpu/statistics.h"
#include "base/team.h"

/* Whether the second walk over a block's rows goes backwards. It then begins with what the first walk read last, which is still in the first-level
 * cache. It need not where the block of so many tensors fits there as a whole. */
static bool goes_back(const struct nl_norm_call *call, size_t tensors)
{
    enum { L1 = 32 << 10 };
    size_t rows = call->set_samples * call->set_positions;
    return tensors * rows * call->channels * sizeof(float) > L1 && call->affine <= call->channels + NL_PADDING;
}

/* Calls body for all blocks. */
static void share_blocks(struct nl_norm_call *call, nl_parallel_body *body)
{
    size_t count = call->samples * call->positions * call->channels;
    size_t grain = call->threads > 1 ? nl_cpu_grain_of_bytes((double)count * sizeof(float) / (double)call->blocks) : call->blocks;
    nl_parallel_for(call->blocks, grain, body, call);
}

static void prepare_columns(const struct nl_norm_call *call, const struct nl_cpu_block *b)
{
    nl_cpu_block_prepare(b, call->fixed ? call->fixed_mean : b->mean, call->fixed ? call->fixed_var : b->var, b->eps);
}

/* The moments of the block's rows and those before it. Once they are complete, they are tracked. */
static void take_moments(const struct nl_norm_walk *walk)
{
    const struct nl_norm_call *call = walk->call;
    const struct nl_cpu_block *b = &walk->block;
    bool parted = call->phase == NL_NORM_REDUCE, complete = !parted || call->before + call->samples == call->all;
    size_t before = parted ? call->before * call->positions : 0;
    const struct nl_batch_statistics batch = {.channels = b->channels, .elements = (double)(before + b->rows), .mean = b->mean, .var = b->var};
    nl_cpu_block_moments(b, before, b->mean, b->var);
    bool tracks = call->op->norm->tracks && complete;
    if (tracks && call->statistics == NL_STATS_TRAIN)
        nl_cpu_track(call->op, call->at, nl_own_or(call->op->momentum, call->hyper->norm_momentum), &batch);
    if (tracks && call->statistics == NL_STATS_COLLECT)
        nl_cpu_collect(call->op, call->at, &batch);
}

static void forward_columns(const struct nl_norm_walk *walk)
{
    const struct nl_norm_call *call = walk->call;
    if (call->phase != NL_NORM_APPLY && !call->fixed)
        take_moments(walk);
    if (call->phase == NL_NORM_REDUCE)
        return;
    prepare_columns(call, &walk->block);
    nl_cpu_block_rows(&walk->block, nl_block_kernels()->column_apply);
}

/* A block whose sets are rows. */
static void forward_rows(const struct nl_cpu_block *b)
{
    struct nl_cpu_small_batch small;
    if (nl_cpu_small_batch_of_block(b, &small))
        nl_block_kernels()->small_rows_forward(&small);
    else
        nl_block_kernels()->row_forward(b);
}

/* The last block first: what the operation before wrote last is still near, and the one behind begins where this one ends. Running statistics
 * follow the order of the blocks. */
static void forward_blocks(void *context, size_t first, size_t end, int thread)
{
    const struct nl_norm_call *call = context;
    struct nl_norm_walk walk;
    nl_norm_set_out(&walk, call, thread);
    walk.block.back = goes_back(call, 2);
    bool in_order = call->op->norm->tracks;
    for (size_t i = first; i < end; i++) {
        nl_norm_to_block(&walk, in_order ? i : first + end - 1 - i);
        if (call->by_rows)
            forward_rows(&walk.block);
        else
            forward_columns(&walk);
    }
}

static void forward(const struct nl_run *run, const struct nl_normalize *op, enum nl_norm_phase phase)
{
    for (int r = 0; r < run->replicas; r++) {
        struct nl_norm_call call;
        if (phase == NL_NORM_WHOLE && nl_cpu_small_batch_forward(run, op, (size_t)r * run->stride))
            continue;
        nl_norm_begin(&call, run, op, r, phase);
        share_blocks(&call, forward_blocks);
    }
}

static void normalize_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_normalize *op = arguments;
    forward(run, op, NL_NORM_WHOLE);
}

static void normalize_reduce(const struct nl_run *run, const void *arguments)
{
    const struct nl_normalize *op = arguments;
    forward(run, op, NL_NORM_REDUCE);
}

static void normalize_apply(const struct nl_run *run, const void *arguments)
{
    const struct nl_normalize *op = arguments;
    forward(run, op, NL_NORM_APPLY);
}

/* The batch's sums between the two phases: where they stay from call to call, and a copy to work on. */
static void keep_sums(struct nl_cpu_block *b, const struct nl_norm_call *call)
{
    double *kept = NL_AT(call->op->sums, call->at);
    size_t wide = call->scratch.wide;
    if (call->phase == NL_NORM_APPLY) {
        memcpy(b->sum, kept, call->channels * sizeof *b->sum);
        memcpy(b->product, kept + wide, call->channels * sizeof *b->product);
    } else {
        b->sum = kept;
        b->product = kept + wide;
    }
}

static void backward_columns(struct nl_norm_walk *walk)
{
    const struct nl_norm_call *call = walk->call;
    struct nl_cpu_block *b = &walk->block;
    prepare_columns(call, b);
    if (call->phase != NL_NORM_WHOLE)
        keep_sums(b, call);
    if (call->phase != NL_NORM_APPLY)
        nl_cpu_block_sums(b, call->phase == NL_NORM_REDUCE && call->before > 0);
    if (call->phase == NL_NORM_REDUCE)
        return;
    nl_cpu_block_slopes(b, call->phase == NL_NORM_APPLY ? call->all * call->positions : b->rows, call->fixed);
    if (b->dx)
        nl_cpu_block_rows(b, nl_block_kernels()->column_dx);
}

static void backward_rows(const struct nl_cpu_block *b)
{
    struct nl_cpu_small_batch small;
    if (nl_cpu_small_batch_of_block(b, &small))
        nl_block_kernels()->small_rows_backward(&small);
    else
        nl_block_kernels()->row_backward(b);
    if (b->dgamma && !b->affine_step)
        nl_cpu_block_accumulate(b);
}

/* A single block of rows leaves dgamma and dbeta themselves instead of a share of them. */
static bool is_alone(const struct nl_norm_call *call)
{
    return call->by_rows && call->blocks == 1 && (size_t)call->op->affine_count == call->channels && !call->op->sums;
}

static void leave_gradients(struct nl_cpu_block *b, const struct nl_norm_call *call)
{
    float *dgamma = NL_AT(call->op->dgamma, call->at), *dbeta = NL_AT(call->op->dbeta, call->at);
    b->part_gamma = dgamma ? dgamma : b->part_gamma;
    b->part_beta = dbeta ? dbeta : b->part_beta;
    b->dgamma = b->dbeta = NULL;
}

static void backward_blocks(void *context, size_t first, size_t end, int thread)
{
    const struct nl_norm_call *call = context;
    struct nl_norm_walk walk;
    nl_norm_set_out(&walk, call, thread);
    walk.block.back = goes_back(call, 3);
    for (; first < end; first++) {
        nl_norm_to_block(&walk, first);
        if (call->threads > 1) {
            walk.block.dgamma = call->shares + 2 * first * call->affine;
            walk.block.dbeta = walk.block.dgamma + call->affine;
            memset(walk.block.dgamma, 0, 2 * call->affine * sizeof *call->dgamma);
        }
        if (is_alone(call))
            leave_gradients(&walk.block, call);
        if (call->by_rows)
            backward_rows(&walk.block);
        else
            backward_columns(&walk);
    }
}

/* In the order of the blocks, as one thread adds them. */
static void add_shares(const struct nl_norm_call *call)
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
static void leave_sums(const struct nl_run *run, struct nl_norm_call *call)
{
    size_t affine = (size_t)call->op->affine_count;
    bool alone = is_alone(call);
    if (!alone && (call->phase != NL_NORM_WHOLE || run->first == 0))
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

static void backward(const struct nl_run *run, const struct nl_normalize *op, enum nl_norm_phase phase)
{
    size_t count = (size_t)run->samples * (size_t)op->setup.positions * (size_t)op->setup.channels;
    for (int r = 0; r < run->replicas; r++) {
        struct nl_norm_call call;
        if (nl_cpu_small_batch_backward(run, op, (size_t)r * run->stride))
            continue;
        nl_norm_begin(&call, run, op, r, phase);
        float *dresidual = NL_AT(op->dresidual, call.at);
        const float *dy = NL_AT(op->dy, call.at);
        if (phase != NL_NORM_APPLY && op->residual && !op->relu && dresidual != dy)
            memcpy(dresidual, dy, count * sizeof *dy);
        leave_sums(run, &call);
    }
}

static void normalize_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_normalize *op = arguments;
    backward(run, op, NL_NORM_WHOLE);
}

static void normalize_backward_reduce(const struct nl_run *run, const void *arguments)
{
    const struct nl_normalize *op = arguments;
    backward(run, op, NL_NORM_REDUCE);
}

static void normalize_backward_apply(const struct nl_run *run, const void *arguments)
{
    const struct nl_normalize *op = arguments;
    backward(run, op, NL_NORM_APPLY);
}

static bool normalize_suits(const void *arguments)
{
    return nl_normalize_is_standard(arguments);
}

static struct nl_micro normalize_micro(const void *arguments)
{
    const struct nl_normalize *op = arguments;
    struct nl_partition partition = op->norm->partition(&op->setup);
    size_t positions = (size_t)op->setup.positions, channels = (size_t)op->setup.channels, affine = nl_norm_affine_padded(op);
    struct nl_micro micro = {.unit = 1, .sums = 2 * affine * sizeof(double), .reduces = partition.samples == op->setup.samples && partition.samples > 1};
    if (micro.reduces)
        micro.unit = op->affine_count > op->setup.channels ? 0 : nl_cpu_samples_of_blocks(positions, nl_column_group(channels));
    else if (partition.samples > 1)
        micro.unit = partition.samples;
    else if (partition.positions == 1)
        micro.unit = nl_cpu_samples_of_blocks(positions, NL_ROW_STRETCH);
    return micro;
}

const struct nl_kernel nl_cpu_normalize = {
    .suits = normalize_suits,
    .forward = normalize_forward,
    .backward = normalize_backward,
    .micro = normalize_micro,
    .reduce = normalize_reduce,
    .apply = normalize_apply,
    .backward_reduce = normalize_backward_reduce,
    .backward_apply = normalize_backward_apply,
};
