/* Average pool: the mean over all positions. */
#include "operation/mean_pool.h"

#include "operation/reference.h"

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_mean_pool *pool = arguments;
    (void)err;
    pool->positions = nl_positions(in[0]), pool->channels = in[0].channels;
    d->output[d->outputs++] = (struct nl_extent){1, 1, in[0].channels};
    return NL_OK;
}

static void bind(void *arguments, const struct nl_operands *at)
{
    struct nl_mean_pool *pool = arguments;
    pool->x = at->in[0], pool->y = at->out[0];
    pool->dy = at->d_out[0], pool->dx = at->d_in[0];
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
    for (int r = 0; r < run->replicas; r++) {
        const real *x = nl_in_replica(run, op->x, r); /* (N, S, C) */
        real *y = nl_in_replica(run, op->y, r);       /* (N, C) */
        for (int n = 0; n < run->samples; n++)
            for (int c = 0; c < op->channels; c++) {
                accumulator sum = 0;
                for (int s = 0; s < op->positions; s++)
                    sum += x[((size_t)n * op->positions + s) * op->channels + c];
                y[(size_t)n * op->channels + c] = sum / op->positions;
            }
    }
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_mean_pool *op = arguments;
    for (int r = 0; r < run->replicas; r++) {
        const real *dy = nl_in_replica(run, op->dy, r);
        real *dx = nl_in_replica(run, op->dx, r);
        for (int n = 0; n < run->samples; n++)
            for (int s = 0; s < op->positions; s++)
                for (int c = 0; c < op->channels; c++)
                    dx[((size_t)n * op->positions + s) * op->channels + c] = dy[(size_t)n * op->channels + c] / op->positions;
    }
}

NL_KERNEL(mean_pool) = {.forward = forward, .backward = backward};

NL_OPERATION(mean_pool) = {
    .name = "mean_pool",
    .arguments = sizeof(struct nl_mean_pool),
    .span = NL_SPAN_SAMPLE,
    .slots = 1,
    .passes_constants = true,
    .declare = declare,
    .bind = bind,
    .work = work,
    .reference = NL_REFERENCES(mean_pool),
};
