/* A vector for each position, added to what stands there. */
#include "operation/positions.h"

#include "operation/describe.h"
#include "operation/reference.h"

enum { X = NL_POSITIONS_X, WEIGHT = NL_POSITIONS_WEIGHT };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_position_encoding *encoding = arguments;
    (void)err;
    encoding->positions = nl_positions(in[X]), encoding->channels = in[X].channels;
    d->output[d->outputs++] = in[X];
    if (!encoding->sinusoidal)
        d->parameter[d->parameters++] =
            (struct nl_tensor_spec){.name = "weight",
                                    .role = NL_WEIGHT,
                                    .slot = WEIGHT,
                                    .dims = 2,
                                    .shape = {(size_t)encoding->positions, (size_t)encoding->channels}};
    return NL_OK;
}

static struct nl_sharing sharing(const void *arguments, unsigned filled)
{
    (void)arguments, (void)filled;
    return (struct nl_sharing){.output = 1u << X, .gradient = 1u << X};
}

static double work(const void *arguments)
{
    const struct nl_position_encoding *encoding = arguments;
    return 4.0 * encoding->positions * encoding->channels;
}

/* ---- the reference ---- */

static double sinusoid(int position, int channel, int channels)
{
    double angle = position / pow(10000.0, (double)(channel / 2 * 2) / channels);
    return channel % 2 ? cos(angle) : sin(angle);
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_position_encoding *op = arguments;
    size_t sample = (size_t)op->positions * (size_t)op->channels;
    const real *x = op->x, *p = op->p;
    real *y = op->y;
    for (int s = 0; s < op->positions; s++)
        for (int c = 0; c < op->channels; c++) {
            accumulator added = p ? p[(size_t)c * op->positions + s] : sinusoid(s, c, op->channels);
            for (size_t at = (size_t)s * op->channels + c; at < (size_t)run->samples * sample; at += sample)
                y[at] = x[at] + added;
        }
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_position_encoding *op = arguments;
    size_t sample = (size_t)op->positions * (size_t)op->channels;
    const real *dy = op->dy;
    real *dx = op->dx, *dp = op->dp;
    for (int s = 0; s < op->positions; s++)
        for (int c = 0; c < op->channels; c++) {
            accumulator sum = 0;
            for (size_t at = (size_t)s * op->channels + c; at < (size_t)run->samples * sample; at += sample) {
                sum += dy[at];
                if (dx)
                    dx[at] = dy[at];
            }
            if (dp)
                dp[(size_t)c * op->positions + s] = sum;
        }
}

NL_KERNEL(positions) = {.forward = forward, .backward = backward};

static void describe(const void *arguments, struct nl_text *json)
{
    const struct nl_position_encoding *op = arguments;
    nl_json_member_number(json, "sinusoidal", op->sinusoidal);
}

NL_OPERATION(positions) = {
    .name = "positions",
    .arguments = sizeof(struct nl_position_encoding),
    .span = NL_SPAN_SAMPLE,
    .slots = NL_POSITIONS_SLOTS,
    .skips = 1u << X,
    .passes_constants = true,
    .declare = declare,
    .bound = {NL_BOUND(nl_position_encoding, x, in[X], 2), NL_BOUND(nl_position_encoding, y, out[0], 1),
              NL_BOUND(nl_position_encoding, dy, d_out[0], 1), NL_BOUND(nl_position_encoding, dx, d_in[X], 2)},
    .sharing = sharing,
    .work = work,
    .describe = describe,
    .reference = NL_REFERENCES(positions),
};
