/* A multiplication by scalars and the addition of one: a constant, a learned multiplier, a learned bias. */
#include "operation/scalars.h"

#include "operation/affine.h"
#include "operation/describe.h"
#include "operation/reference.h"

enum { X = NL_SCALARS_X, WEIGHT = NL_SCALARS_WEIGHT, BIAS = NL_SCALARS_BIAS };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_scalars *scalars = arguments;
    (void)err;
    scalars->count = nl_elements(in[X]);
    d->output[d->outputs++] = in[X];
    nl_declare_scalar(d, "weight", NL_GAMMA, WEIGHT, 1);
    nl_declare_scalar(d, "bias", NL_BETA, BIAS, 0);
    return NL_OK;
}

static struct nl_reads reads(const void *arguments, unsigned filled)
{
    (void)arguments;
    return (struct nl_reads){.inputs = filled & 1u << WEIGHT ? 1u << X | 1u << WEIGHT : 0};
}

static struct nl_sharing sharing(const void *arguments, unsigned filled)
{
    (void)arguments;
    return (struct nl_sharing){.output = filled & 1u << WEIGHT ? 0 : 1u << X, .gradient = 1u << X};
}

static double work(const void *arguments)
{
    const struct nl_scalars *scalars = arguments;
    return 4.0 * (double)scalars->count;
}

/* ---- the reference ---- */

/* factor weight */
static accumulator slope(const struct nl_scalars *op, const real *weight)
{
    return weight ? op->factor * *weight : op->factor;
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_scalars *op = arguments;
    const real *x = op->x, *bias = op->bias;
    real *y = op->y;
    accumulator a = slope(op, op->weight), b = bias ? *bias : 0;
    for (size_t i = 0; i < (size_t)run->samples * op->count; i++)
        y[i] = a * x[i] + b;
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_scalars *op = arguments;
    const real *x = op->x, *dy = op->dy;
    real *dx = op->dx, *dweight = op->dweight, *dbias = op->dbias;
    accumulator a = slope(op, op->weight), of_products = 0, of_dy = 0;
    for (int n = 0; n < run->samples; n++) {
        accumulator products = 0, sum = 0;
        for (size_t i = (size_t)n * op->count; i < (size_t)(n + 1) * op->count; i++) {
            products += dweight ? (accumulator)x[i] * dy[i] : 0;
            sum += dy[i];
            if (dx)
                dx[i] = a * dy[i];
        }
        of_products += products;
        of_dy += sum;
    }
    if (dweight)
        *dweight = op->factor * of_products;
    if (dbias)
        *dbias = of_dy;
}

NL_KERNEL(scalars) = {.forward = forward, .backward = backward};

static void describe(const void *arguments, struct nl_text *json)
{
    const struct nl_scalars *op = arguments;
    nl_json_member_number(json, "factor", op->factor);
}

NL_OPERATION(scalars) = {
    .name = "scalars",
    .arguments = sizeof(struct nl_scalars),
    .span = NL_SPAN_SAMPLE,
    .slots = NL_SCALARS_SLOTS,
    .skips = 1u << X,
    .declare = declare,
    .bound = {NL_BOUND(nl_scalars, x, in[X], 3), NL_BOUND(nl_scalars, y, out[0], 1),
              NL_BOUND(nl_scalars, dy, d_out[0], 1), NL_BOUND(nl_scalars, dx, d_in[X], 3)},
    .reads = reads,
    .sharing = sharing,
    .work = work,
    .describe = describe,
    .reference = NL_REFERENCES(scalars),
};
