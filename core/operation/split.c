/* One value becomes several: the channels in equal parts. */
#include "operation/split.h"

#include "operation/describe.h"
#include "operation/reference.h"

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_split_channels *split = arguments;
    int parts = split->parts, heads = split->heads;
    if (in[0].channels % parts)
        return nl_fail(err, "%d channels are not split into %d parts", in[0].channels, parts);
    split->positions = nl_positions(in[0]), split->channels = in[0].channels / parts;
    if (heads > 0 && split->channels % heads)
        return nl_fail(err, "%d channels are not split into %d heads", split->channels, heads);
    for (int i = 0; i < parts; i++)
        d->output[d->outputs++] = heads > 0 && i < parts - 1
                                      ? (struct nl_extent){split->positions, heads, split->channels / heads}
                                      : (struct nl_extent){in[0].height, in[0].width, split->channels};
    return NL_OK;
}

static double work(const void *arguments)
{
    const struct nl_split_channels *split = arguments;
    return 4.0 * split->parts * split->positions * split->channels;
}

/* ---- the reference ---- */

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_split_channels *op = arguments;
    for (int i = 0; i < op->parts; i++) {
        const real *x = op->x;
        real *y = op->y[i];
        for (int row = 0; row < run->samples * op->positions; row++)
            for (int c = 0; c < op->channels; c++)
                *y++ = x[((size_t)row * op->parts + i) * op->channels + c];
    }
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_split_channels *op = arguments;
    for (int i = 0; i < op->parts; i++) {
        const real *dy = op->dy[i];
        real *dx = op->dx;
        for (int row = 0; row < run->samples * op->positions; row++)
            for (int c = 0; c < op->channels; c++)
                dx[((size_t)row * op->parts + i) * op->channels + c] = dy ? *dy++ : 0;
    }
}

NL_KERNEL(split) = {.forward = forward, .backward = backward};

static void describe(const void *arguments, struct nl_text *json)
{
    const struct nl_split_channels *op = arguments;
    nl_json_member_number(json, "parts", op->parts);
    nl_json_member_number(json, "heads", op->heads);
}

NL_OPERATION(split) = {
    .name = "split",
    .arguments = sizeof(struct nl_split_channels),
    .span = NL_SPAN_SAMPLE,
    .slots = 1,
    .declare = declare,
    .bound = {NL_BOUND(nl_split_channels, x, in[0], 1), NL_BOUND(nl_split_channels, y, out[0], NL_MOST_OUTPUTS),
              NL_BOUND(nl_split_channels, dy, d_out[0], NL_MOST_OUTPUTS), NL_BOUND(nl_split_channels, dx, d_in[0], 1)},
    .work = work,
    .describe = describe,
    .reference = NL_REFERENCES(split),
};
