/* Sequences from sample-major to time-major order and back: where a loop over time begins and ends (graph/loop.h).
 *
 * One copy there lets every kernel of the body keep its dense (N, C), and lets one call take all times of a sequence as so many
 * samples. */
#include "operation/transpose.h"

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_transpose *transpose = arguments;
    int times = transpose->times;
    if (!transpose->leaves && times > 1 && nl_positions(in[0]) != times)
        return nl_fail(err, "a sequence of %d positions is none of %d times", nl_positions(in[0]), times);
    transpose->channels = (int)nl_elements(in[0]) / (transpose->leaves ? 1 : times);
    struct nl_extent out = {1, transpose->leaves ? times : 1, transpose->channels};
    d->output[d->outputs++] = times == 1 ? in[0] : out;
    return NL_OK;
}

static void bind(void *arguments, const struct nl_operands *at)
{
    struct nl_transpose *transpose = arguments;
    transpose->x = at->in[0], transpose->y = at->out[0];
    transpose->dy = at->d_out[0], transpose->dx = at->d_in[0];
}

static double work(const void *arguments)
{
    const struct nl_transpose *transpose = arguments;
    return (double)transpose->times * transpose->channels;
}

const struct nl_operation nl_transpose_operation = {
    .name = "transpose",
    .arguments = sizeof(struct nl_transpose),
    .span = NL_SPAN_BATCH,
    .slots = 1,
    .declare = declare,
    .bind = bind,
    .work = work,
};
