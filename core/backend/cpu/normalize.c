/* Normalizers, block by block: normalize_blocks.h says where blocks lie, block.h what is done with one, and
 * statistics.h has running and precise statistics. A team shares the blocks; where they are few or follow one another
 * (running statistics), it shares the rows of each (block.c). */
#include <string.h>

#include "backend/cpu/block.h"
#include "backend/cpu/cpu.h"
#include "backend/cpu/normalize_blocks.h"
#include "backend/cpu/normalize_general.h"
#include "backend/cpu/normalize_lengths.h"
#include "backend/cpu/statistics.h"
#include "base/team.h"

/* Calls body for all blocks. */
static void share_blocks(struct nl_norm_call *call, nl_parallel_body *body)
{
    size_t count = call->samples * call->positions * call->block.channels;
    size_t grain =
        call->threads > 1 ? nl_cpu_grain_of_bytes((double)count * sizeof(float) / (double)call->blocks) : call->blocks;
    nl_parallel_for(call->blocks, grain, body, call);
}

/* ---- forward ---- */

/* Running or precise statistics take in those of `rows` rows of slice number `slice`, which the block's mean and var
 * hold. */
static void track(const struct nl_normalize *op, enum nl_statistics statistics, const struct nl_cpu_block *b,
                  size_t rows, size_t slice)
{
    const struct nl_batch_statistics batch = {
        .channels = b->channels, .elements = (double)rows, .mean = b->mean, .var = b->var};
    const struct nl_hyper *hyper = op->hyper;
    if (op->norm->tracks && statistics == NL_STATS_TRAIN && (op->followed == 0 || slice < (size_t)op->followed))
        nl_cpu_track(op, nl_override_or(op->momentum, hyper->norm_momentum), &batch);
    if (op->norm->tracks && statistics == NL_STATS_COLLECT)
        nl_cpu_collect(op, &batch);
}

/* Whether all samples that share statistics have come. */
static bool is_complete(const struct nl_norm_call *call)
{
    return call->phase == NL_NORM_WHOLE || call->before + call->samples == call->all;
}

/* Merges the statistics of the workers' parts. */
static void merge_parts(const struct nl_cpu_block *b, size_t workers)
{
    struct nl_cpu_block part = *b;
    part.rows = b->rows / workers;
    for (size_t worker = 0; worker < workers; worker++, part.x += part.rows * part.pitch)
        nl_cpu_block_moments(&part, worker * part.rows, b->mean, b->var);
}

/* The moments of the block's rows and those before it. */
static void take_moments(const struct nl_norm_call *call, const struct nl_cpu_block *b)
{
    if (call->op->workers > 1)
        merge_parts(b, (size_t)call->op->workers);
    else
        nl_cpu_block_moments(b, call->phase == NL_NORM_REDUCE ? call->before * call->positions : 0, b->mean, b->var);
    if (is_complete(call) && !nl_normalize_is_standard(call->op))
        nl_general_complete(call, b);
}

static void prepare_columns(const struct nl_norm_call *call, const struct nl_cpu_block *b)
{
    if (!nl_normalize_is_standard(call->op))
        nl_general_prepare(call, b);
    else
        nl_cpu_block_prepare(b, call->fixed ? call->fixed_mean : b->mean, call->fixed ? call->fixed_var : b->var);
}

static void forward_columns(const struct nl_norm_call *call, const struct nl_cpu_block *b)
{
    if (call->phase != NL_NORM_APPLY && !call->fixed)
        take_moments(call, b);
    if (call->phase == NL_NORM_REDUCE)
        return;
    prepare_columns(call, b);
    nl_cpu_block_rows(b, b->affine_step ? nl_cpu_element_apply : nl_block_kernels()->column_apply);
}

static void forward_rows(const struct nl_norm_call *call, const struct nl_cpu_block *b)
{
    if (b->affine_step)
        nl_cpu_element_row_forward(b, call->ones, call->zeros);
    else
        nl_block_kernels()->row_forward(b);
}

static void forward_blocks(void *context, size_t first, size_t end, int thread)
{
    const struct nl_norm_call *call = context;
    struct nl_cpu_block b;
    nl_norm_block_of_thread(call, &b, thread);
    for (; first < end; first++) {
        nl_norm_move_block(call, &b, first);
        if (call->by_rows)
            forward_rows(call, &b);
        else
            forward_columns(call, &b);
    }
}

/* Once all blocks have their coefficients, which running statistics may have a part in. */
static void track_call(const struct nl_norm_call *call)
{
    struct nl_cpu_block b = call->block;
    if (!call->op->norm->tracks || call->phase == NL_NORM_APPLY || call->fixed || !is_complete(call))
        return;
    for (size_t i = 0; i < call->blocks; i++) {
        nl_norm_move_block(call, &b, i);
        track(call->op, call->statistics, &b, call->phase == NL_NORM_REDUCE ? call->all * call->positions : b.rows,
              (size_t)(b.mean - call->block.mean) / b.channels);
    }
}

static bool forward_small_batch(const struct nl_run *run, const struct nl_normalize *op)
{
    const struct nl_block_kernels *kernels = nl_block_kernels();
    struct nl_cpu_block b;
    if (!nl_norm_small_batch(&b, run, op))
        return false;
    (op->norm->tracks ? kernels->small_batch_forward : kernels->row_forward)(&b);
    if (op->norm->tracks)
        track(op, run->statistics, &b, b.rows, 0);
    return true;
}

static void forward_equal(const struct nl_run *run, const struct nl_normalize *op, enum nl_norm_phase phase)
{
    struct nl_norm_call call;
    if (phase == NL_NORM_WHOLE && forward_small_batch(run, op))
        return;
    nl_norm_begin(&call, run, op, phase);
    share_blocks(&call, forward_blocks);
    track_call(&call);
}

/* The two halves of forward_equal. */
static void normalize_equal(const struct nl_run *run, const struct nl_normalize *op, enum nl_norm_phase phase)
{
    struct nl_norm_call call;
    nl_norm_begin(&call, run, op, phase);
    share_blocks(&call, forward_blocks);
}

static void track_equal(const struct nl_run *run, const struct nl_normalize *op, enum nl_norm_phase phase)
{
    struct nl_norm_call call;
    nl_norm_begin(&call, run, op, phase);
    track_call(&call);
}

static void forward(const struct nl_run *run, const struct nl_normalize *op, enum nl_norm_phase phase)
{
    if (nl_normalize_leaves_out(op))
        nl_lengths_forward(run, op, phase, normalize_equal, track_equal);
    else
        forward_equal(run, op, phase);
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

/* ---- backward ---- */

/* The batch's sums stay in the state between the two phases. The second one works on a copy. */
static void keep_sums(struct nl_cpu_block *b, const struct nl_norm_call *call)
{
    double *sum = call->op->sums, *product = sum + b->channels + NL_PADDING;
    if (call->phase == NL_NORM_APPLY) {
        memcpy(b->sum, sum, b->channels * sizeof *sum);
        memcpy(b->product, product, b->channels * sizeof *product);
    } else {
        b->sum = sum;
        b->product = product;
    }
}

static void backward_columns(const struct nl_norm_call *call, struct nl_cpu_block *b)
{
    prepare_columns(call, b);
    if (call->phase != NL_NORM_WHOLE)
        keep_sums(b, call);
    if (call->phase != NL_NORM_APPLY)
        nl_cpu_block_sums(b, b->affine_step ? nl_cpu_element_gradients : nl_block_kernels()->column_gradients,
                          call->phase == NL_NORM_REDUCE && call->before > 0);
    if (call->phase == NL_NORM_REDUCE)
        return;
    const double *batches = call->op->batches;
    size_t rows =
        (call->phase == NL_NORM_APPLY ? call->all * call->positions : b->rows) * (batches ? (size_t)*batches : 1);
    if (nl_normalize_is_standard(call->op))
        nl_cpu_block_slopes(b, rows);
    else
        nl_general_slopes(call, b, rows);
    const struct nl_block_kernels *kernels = nl_block_kernels();
    if (b->dx)
        nl_cpu_block_rows(b, b->affine_step                   ? nl_cpu_element_dx
                             : nl_general_has_signs(call->op) ? kernels->column_dx_of_signs
                                                              : kernels->column_dx);
}

static void backward_rows(const struct nl_norm_call *call, const struct nl_cpu_block *b)
{
    if (b->affine_step)
        nl_cpu_element_row_backward(b, call->ones, call->zeros);
    else
        nl_block_kernels()->row_backward(b);
    if (b->dgamma && !b->affine_step)
        nl_cpu_block_accumulate(b);
}

/* A single block of rows has no need of sums in double: its part_gamma and part_beta are dgamma and dbeta. */
static bool is_alone(const struct nl_norm_call *call)
{
    return call->by_rows && call->blocks == 1 && (size_t)call->op->affine_count == call->block.channels &&
           !call->op->sums;
}

static void take_gradients_as_parts(struct nl_cpu_block *b, const struct nl_norm_call *call)
{
    float *dgamma = call->op->dgamma, *dbeta = call->op->dbeta;
    b->part_gamma = dgamma ? dgamma : b->part_gamma;
    b->part_beta = dbeta ? dbeta : b->part_beta;
    b->dgamma = b->dbeta = NULL;
}

static void backward_blocks(void *context, size_t first, size_t end, int thread)
{
    const struct nl_norm_call *call = context;
    struct nl_cpu_block b;
    nl_norm_block_of_thread(call, &b, thread);
    for (; first < end; first++) {
        nl_norm_move_block(call, &b, first);
        if (call->threads > 1) {
            b.dgamma = call->shares + 2 * first * call->affine;
            b.dbeta = b.dgamma + call->affine;
            memset(b.dgamma, 0, 2 * call->affine * sizeof *b.dgamma);
        }
        if (is_alone(call))
            take_gradients_as_parts(&b, call);
        if (call->by_rows)
            backward_rows(call, &b);
        else
            backward_columns(call, &b);
    }
}

/* In the order of the blocks, as one thread adds them. */
static void add_shares(const struct nl_norm_call *call)
{
    double *all_dgamma = call->block.dgamma, *all_dbeta = call->block.dbeta;
    for (size_t block = 0; block < call->blocks; block++) {
        const double *dgamma = call->shares + 2 * block * call->affine, *dbeta = dgamma + call->affine;
        for (size_t c = 0; c < call->block.channels; c++) {
            all_dgamma[c] += dgamma[c];
            all_dbeta[c] += dbeta[c];
        }
    }
}

NL_CLONES
static void round_all(size_t count, const double *restrict from, float *restrict to)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (float)from[i];
}

/* dgamma and dbeta. Those of a later part of a batch are added to those of the parts before. */
static void sum_gradients(const struct nl_run *run, struct nl_norm_call *call)
{
    size_t affine = (size_t)call->op->affine_count;
    bool alone = is_alone(call);
    if (!alone && (call->phase != NL_NORM_WHOLE || run->first == 0))
        memset(call->block.dgamma, 0, 2 * call->affine * sizeof *call->block.dgamma);
    share_blocks(call, backward_blocks);
    if (call->threads > 1)
        add_shares(call);
    float *dgamma = call->op->dgamma, *dbeta = call->op->dbeta;
    if (dgamma && !alone)
        round_all(affine, call->block.dgamma, dgamma);
    if (dbeta && !alone)
        round_all(affine, call->block.dbeta, dbeta);
}

static bool backward_small_batch(const struct nl_run *run, const struct nl_normalize *op)
{
    const struct nl_block_kernels *kernels = nl_block_kernels();
    struct nl_cpu_block b;
    if (!nl_norm_small_batch(&b, run, op))
        return false;
    (op->norm->tracks ? kernels->small_batch_backward : kernels->row_backward)(&b);
    return true;
}

static void backward_equal(const struct nl_run *run, const struct nl_normalize *op, enum nl_norm_phase phase)
{
    struct nl_norm_call call;
    if (phase == NL_NORM_WHOLE && backward_small_batch(run, op))
        return;
    nl_norm_begin(&call, run, op, phase);
    float *dresidual = op->dresidual;
    const float *dy = op->dy;
    if (phase != NL_NORM_APPLY && op->residual && !op->relu && dresidual != dy)
        memcpy(dresidual, dy, call.samples * call.positions * call.block.channels * sizeof *dy);
    sum_gradients(run, &call);
}

static void backward(const struct nl_run *run, const struct nl_normalize *op, enum nl_norm_phase phase)
{
    if (nl_normalize_leaves_out(op))
        nl_lengths_backward(run, op, backward_equal);
    else
        backward_equal(run, op, phase);
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
    return (nl_normalize_is_standard(arguments) || nl_general_suits(arguments)) && nl_lengths_suit(arguments);
}

static struct nl_micro normalize_micro(const void *arguments)
{
    const struct nl_normalize *op = arguments;
    struct nl_partition partition = op->norm->partition(&op->setup);
    size_t positions = (size_t)op->setup.positions, channels = (size_t)op->setup.channels,
           affine = nl_norm_affine_padded(op);
    struct nl_micro micro = {.unit = 1,
                             .sums = 2 * affine * sizeof(double),
                             .reduces = partition.samples == op->setup.samples && partition.samples > 1};
    bool slices = partition.samples > 1 && partition.samples<op->setup.samples, apart = partition.samples> 1 &&
                  partition.positions < op->setup.positions;
    bool packs = nl_normalize_leaves_out(op) && partition.samples > 1;
    if (packs || nl_general_has_signs(op) || apart || op->workers > 1 ||
        (slices && nl_normalize_keeps_coefficients(op)))
        micro.unit = 0;
    else if (micro.reduces)
        micro.unit =
            op->affine_count > op->setup.channels ? 0 : nl_cpu_samples_of_blocks(positions, nl_column_group(channels));
    else if (partition.samples > 1)
        micro.unit = partition.samples;
    else if (partition.positions == 1)
        micro.unit = nl_cpu_samples_of_blocks(positions, NL_ROW_STRETCH);
    return micro;
}

NL_CPU_KERNEL(normalize) = {
    .suits = normalize_suits,
    .forward = normalize_forward,
    .backward = normalize_backward,
    .micro = normalize_micro,
    .reduce = normalize_reduce,
    .apply = normalize_apply,
    .backward_reduce = normalize_backward_reduce,
    .backward_apply = normalize_backward_apply,
};
