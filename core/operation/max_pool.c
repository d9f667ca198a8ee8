/* Max-pool: the largest of 2 x 2 positions. */
#include "operation/max_pool.h"

#include <string.h>

#include "operation/reference.h"

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_max_pool *pool = arguments;
    if (in[0].height < 2 || in[0].width < 2)
        return nl_fail(err, "its maps are %d x %d already", in[0].height, in[0].width);
    pool->height = in[0].height, pool->width = in[0].width, pool->channels = in[0].channels;
    d->output[d->outputs++] = (struct nl_extent){in[0].height / 2, in[0].width / 2, in[0].channels};
    return NL_OK;
}

static struct nl_reads reads(const void *arguments, unsigned filled)
{
    (void)arguments, (void)filled;
    return (struct nl_reads){.inputs = 1};
}

static double work(const void *arguments)
{
    const struct nl_max_pool *pool = arguments;
    return 4.0 * (pool->height / 2) * (pool->width / 2) * pool->channels;
}

/* ---- the reference ---- */

/* Place in x of the first largest of the window of output pixel (i, j), channel c of sample n. A NaN counts as
 * largest. */
static size_t largest(const struct nl_max_pool *op, const real *x, int n, int i, int j, int c)
{
    size_t best = (((size_t)n * op->height + 2 * i) * op->width + 2 * j) * op->channels + c;
    for (int p = 0; p < 2; p++)
        for (int q = 0; q < 2; q++) {
            size_t at = (((size_t)n * op->height + 2 * i + p) * op->width + 2 * j + q) * op->channels + c;
            if (real_part(x[at]) > real_part(x[best]) || (isnan(real_part(x[at])) && !isnan(real_part(x[best]))))
                best = at;
        }
    return best;
}

#define FOR_OUTPUTS(op, run)                                      \
    for (int n = 0; n < (run)->samples; n++)                      \
        for (int i = 0; i < (op)->height / 2; i++)                \
            for (int j = 0; j < (op)->width / 2; j++)             \
                for (int c = 0; c < (op)->channels; c++)

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_max_pool *op = arguments;
    const real *x = op->x;
    real *y = op->y;
    FOR_OUTPUTS(op, run) *y++ = x[largest(op, x, n, i, j, c)];
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_max_pool *op = arguments;
    const real *x = op->x, *dy = op->dy;
    real *dx = op->dx;
    memset(dx, 0, (size_t)run->samples * op->height * op->width * op->channels * sizeof *dx);
    FOR_OUTPUTS(op, run) dx[largest(op, x, n, i, j, c)] = *dy++;
}

NL_KERNEL(max_pool) = {.forward = forward, .backward = backward};

NL_OPERATION(max_pool) = {
    .name = "max_pool",
    .arguments = sizeof(struct nl_max_pool),
    .span = NL_SPAN_SAMPLE,
    .slots = 1,
    .passes_constants = true,
    .declare = declare,
    .bound = {NL_BOUND(nl_max_pool, x, in[0], 1), NL_BOUND(nl_max_pool, y, out[0], 1),
              NL_BOUND(nl_max_pool, dy, d_out[0], 1), NL_BOUND(nl_max_pool, dx, d_in[0], 1)},
    .reads = reads,
    .work = work,
    .reference = NL_REFERENCES(max_pool),
};
