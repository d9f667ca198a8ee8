/* Pooling: the largest of 2 x 2 positions, and the mean over all. */
#include "operation/max_pool.h"
#include "operation/mean_pool.h"

static int declare_max(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_max_pool *pool = arguments;
    if (in[0].height < 2 || in[0].width < 2)
        return nl_fail(err, "its maps are %d x %d already", in[0].height, in[0].width);
    pool->height = in[0].height, pool->width = in[0].width, pool->channels = in[0].channels;
    d->output[d->outputs++] = (struct nl_extent){in[0].height / 2, in[0].width / 2, in[0].channels};
    return NL_OK;
}

static void bind_max(void *arguments, const struct nl_operands *at)
{
    struct nl_max_pool *pool = arguments;
    pool->x = at->in[0], pool->y = at->out[0];
    pool->dy = at->d_out[0], pool->dx = at->d_in[0];
}

static struct nl_reads reads_max(const void *arguments, unsigned filled)
{
    (void)arguments, (void)filled;
    return (struct nl_reads){.inputs = 1};
}

static double work_max(const void *arguments)
{
    const struct nl_max_pool *pool = arguments;
    return 4.0 * (pool->height / 2) * (pool->width / 2) * pool->channels;
}

static int declare_mean(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_mean_pool *pool = arguments;
    (void)err;
    pool->positions = nl_positions(in[0]), pool->channels = in[0].channels;
    d->output[d->outputs++] = (struct nl_extent){1, 1, in[0].channels};
    return NL_OK;
}

static void bind_mean(void *arguments, const struct nl_operands *at)
{
    struct nl_mean_pool *pool = arguments;
    pool->x = at->in[0], pool->y = at->out[0];
    pool->dy = at->d_out[0], pool->dx = at->d_in[0];
}

static double work_mean(const void *arguments)
{
    const struct nl_mean_pool *pool = arguments;
    return 4.0 * pool->channels;
}

const struct nl_operation nl_max_pool_operation = {
    .name = "max_pool",
    .arguments = sizeof(struct nl_max_pool),
    .span = NL_SPAN_SAMPLE,
    .slots = 1,
    .declare = declare_max,
    .bind = bind_max,
    .reads = reads_max,
    .work = work_max,
};

const struct nl_operation nl_mean_pool_operation = {
    .name = "mean_pool",
    .arguments = sizeof(struct nl_mean_pool),
    .span = NL_SPAN_SAMPLE,
    .slots = 1,
    .declare = declare_mean,
    .bind = bind_mean,
    .work = work_mean,
};
