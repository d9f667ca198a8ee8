/* Average pool: the mean over positions. */
#include "operation/mean_pool.h"

#include "operation/reference.h"

enum { X = NL_MEAN_POOL_X, LENGTHS = NL_MEAN_POOL_LENGTHS };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_mean_pool *pool = arguments;
    (void)err;
    pool->positions = nl_positions(in[X]), pool->channels = in[X].channels;
    d->output[d->outputs++] = (struct nl_extent){1, 1, in[X].channels};
    return NL_OK;
}

static struct nl_reads reads(const void *arguments, unsigned filled)
{
    (void)arguments;
    return (struct nl_reads){.inputs = filled & 1u << LENGTHS};
}

static double work(const void *arguments)
{
    const struct nl_mean_pool *pool = arguments;
    return 4.0 * pool->channels;
}

/* ---- the reference ---- */

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_mean_pool *op = arguments;
    const real *x = op->x; /* (N, S, C) */
    real *y = op->y;       /* (N, C) */
    const int32_t *lengths = op->lengths;
    for (int n = 0; n < run->samples; n++) {
        int length = nl_length_of(lengths, n, op->positions);
        for (int c = 0; c < op->channels; c++) {
            accumulator sum = 0;
            for (int s = 0; s < length; s++)
                sum += x[((size_t)n * op->positions + s) * op->channels + c];
            y[(size_t)n * op->channels + c] = length ? sum / length : 0;
        }
    }
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_mean_pool *op = arguments;
    const real *dy = op->dy;
    real *dx = op->dx;
    const int32_t *lengths = op->lengths;
    for (int n = 0; n < run->samples; n++) {
        int length = nl_length_of(lengths, n, op->positions);
        for (int s = 0; s < op->positions; s++)
            for (int c = 0; c < op->channels; c++)
                dx[((size_t)n * op->positions + s) * op->channels + c] =
                    s < length ? dy[(size_t)n * op->channels + c] / length : 0;
    }
}

NL_KERNEL(mean_pool) = {.forward = forward, .backward = backward};

NL_OPERATION(mean_pool) = {
    .name = "mean_pool",
    .arguments = sizeof(struct nl_mean_pool),
    .span = NL_SPAN_SAMPLE,
    .slots = NL_MEAN_POOL_SLOTS,
    .takes_int32 = 1u << LENGTHS,
    .lengths = LENGTHS,
    .passes_constants = true,
    .declare = declare,
    .bound = {NL_BOUND(nl_mean_pool, x, in[X], 2), NL_BOUND(nl_mean_pool, y, out[0], 1),
              NL_BOUND(nl_mean_pool, dy, d_out[0], 1), NL_BOUND(nl_mean_pool, dx, d_in[X], 1)},
    .reads = reads,
    .work = work,
    .reference = NL_REFERENCES(mean_pool),
};
