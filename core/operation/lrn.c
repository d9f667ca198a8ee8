/* Local response normalization. */
#include "operation/lrn.h"

#include "operation/affine.h"
#include "operation/describe.h"
#include "operation/reference.h"

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_lrn *op = arguments;
    (void)err;
    op->positions = nl_positions(in[0]), op->channels = in[0].channels;
    d->output[d->outputs++] = in[0];
    return NL_OK;
}

static double work(const void *arguments)
{
    const struct nl_lrn *op = arguments;
    return (8.0 + op->set.lrn.size) * op->positions * op->channels;
}

/* ---- the reference ---- */

/* D of channel c of the position whose channels begin at x. */
static accumulator divisor_of(const struct nl_lrn *op, const real *x, int c)
{
    accumulator squares = 0;
    for (int j = c - nl_lrn_left(op); j <= c + nl_lrn_right(op); j++)
        if (j >= 0 && j < op->channels)
            squares += (accumulator)x[j] * x[j];
    return op->set.lrn.k + op->set.lrn.alpha / op->set.lrn.size * squares;
}

/* divisor^-exponent, or 0. */
static accumulator inverse_power(accumulator divisor, double exponent)
{
    return real_part(divisor) == 0 ? 0 : pow(divisor, -exponent);
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_lrn *op = arguments;
    const real *x = op->x;
    real *y = op->y;
    for (int row = 0; row < run->samples * op->positions; row++, x += op->channels, y += op->channels)
        for (int c = 0; c < op->channels; c++)
            y[c] = (real)(x[c] * inverse_power(divisor_of(op, x, c), op->set.lrn.beta));
}

/* The second term of dx of channel j, without its sign. */
static accumulator of_divisors(const struct nl_lrn *op, const real *x, const real *dy, int j)
{
    accumulator sum = 0;
    for (int c = j - nl_lrn_right(op); c <= j + nl_lrn_left(op); c++)
        if (c >= 0 && c < op->channels)
            sum += (accumulator)dy[c] * x[c] * inverse_power(divisor_of(op, x, c), op->set.lrn.beta + 1);
    return 2 * op->set.lrn.alpha * op->set.lrn.beta / op->set.lrn.size * x[j] * sum;
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_lrn *op = arguments;
    const real *x = op->x, *dy = op->dy;
    real *dx = op->dx;
    for (int row = 0; dx && row < run->samples * op->positions;
         row++, x += op->channels, dy += op->channels, dx += op->channels)
        for (int j = 0; j < op->channels; j++)
            dx[j] = (real)(dy[j] * inverse_power(divisor_of(op, x, j), op->set.lrn.beta) - of_divisors(op, x, dy, j));
}

NL_KERNEL(lrn) = {.forward = forward, .backward = backward};

static void describe(const void *arguments, struct nl_text *json)
{
    const struct nl_lrn *op = arguments;
    nl_json_member_number(json, "size", op->set.lrn.size);
    nl_json_member_number(json, "alpha", op->set.lrn.alpha);
    nl_json_member_number(json, "beta", op->set.lrn.beta);
    nl_json_member_number(json, "k", op->set.lrn.k);
}

NL_OPERATION(lrn) = {
    .name = "lrn",
    .arguments = sizeof(struct nl_lrn),
    .span = NL_SPAN_SAMPLE,
    .slots = 1,
    .declare = declare,
    .bound = {NL_BOUND(nl_lrn, x, in[0], 1), NL_BOUND(nl_lrn, y, out[0], 1), NL_BOUND(nl_lrn, dy, d_out[0], 1),
              NL_BOUND(nl_lrn, dx, d_in[0], 1)},
    .reads = nl_reads_inputs,
    .work = work,
    .describe = describe,
    .reference = NL_REFERENCES(lrn),
};
