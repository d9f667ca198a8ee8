/* A function of each element in place of a normalizer: dynamic tanh and its kin. */
#include "operation/squash.h"

#include "operation/affine.h"
#include "operation/describe.h"
#include "operation/reference.h"

enum { X, GAMMA, BETA, ALPHA, SHIFT, SLOTS };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_squash *op = arguments;
    (void)err;
    op->positions = nl_positions(in[X]), op->channels = in[X].channels;
    op->affine_count = nl_affine_count(op->set.affine, &in[X]);
    d->output[d->outputs++] = in[X];
    nl_declare_scalar(d, "alpha", NL_GAMMA, ALPHA, op->set.alpha);
    if (nl_squash_function_of(op) == NL_SQUASH_ERF)
        nl_declare_scalar(d, "shift", NL_BETA, SHIFT, 0);
    nl_declare_gamma(d, GAMMA, op->affine_count, &in[X]);
    nl_declare_beta(d, BETA, op->affine_count, &in[X]);
    return NL_OK;
}

static struct nl_reads reads(const void *arguments, unsigned filled)
{
    (void)arguments;
    return (struct nl_reads){.inputs = filled & ~(1u << BETA)};
}

static double work(const void *arguments)
{
    const struct nl_squash *op = arguments;
    return 4.0 * op->positions * op->channels;
}

/* ---- the reference ---- */

static accumulator value(enum nl_squash_function f, accumulator u)
{
    switch (f) {
    case NL_SQUASH_TANH:
        return tanh(u);
    case NL_SQUASH_ERF:
        return error_function(u);
    case NL_SQUASH_HARDTANH:
        return real_part(u) < -1 ? -1 : real_part(u) > 1 ? 1 : u; /* NaN stays NaN */
    }
    NL_BUG("function %d", f);
}

static accumulator derivative(enum nl_squash_function f, accumulator u)
{
    switch (f) {
    case NL_SQUASH_TANH: {
        accumulator y = tanh(u);
        return 1 - y * y;
    }
    case NL_SQUASH_ERF:
        return M_2_SQRTPI * exp(-u * u);
    case NL_SQUASH_HARDTANH:
        return real_part(u) <= -1 || real_part(u) >= 1 ? 0 : 1;
    }
    NL_BUG("function %d", f);
}

/* The numbers of a call. */
struct numbers {
    size_t count; /* elements */
    const real *x, *gamma, *beta;
    accumulator alpha, shift;
};

static struct numbers numbers_of(const struct nl_run *run, const struct nl_squash *op)
{
    const real *alpha = op->alpha, *shift = op->shift;
    return (struct numbers){
        .count = (size_t)run->samples * (size_t)op->positions * (size_t)op->channels,
        .x = op->x,
        .gamma = op->gamma,
        .beta = op->beta,
        .alpha = *alpha,
        .shift = shift ? *shift : 0,
    };
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_squash *op = arguments;
    enum nl_squash_function f = nl_squash_function_of(op);
    struct numbers n = numbers_of(run, op);
    real *y = op->y;
    for (size_t i = 0; i < n.count; i++) {
        accumulator z = value(f, n.alpha * n.x[i] + n.shift);
        z = n.gamma ? n.gamma[i % op->affine_count] * z : z;
        y[i] = n.beta ? z + n.beta[i % op->affine_count] : z;
    }
}

/* dgamma and dbeta of element a of gamma. */
static void backward_affine(const struct nl_squash *op, const struct numbers *n, const real *dy, size_t a, real *dgamma,
                            real *dbeta)
{
    accumulator product = 0, sum = 0;
    for (size_t i = a; i < n->count; i += op->affine_count) {
        product += dy[i] * value(nl_squash_function_of(op), n->alpha * n->x[i] + n->shift);
        sum += dy[i];
    }
    dgamma[a] = (real)product;
    if (dbeta)
        dbeta[a] = (real)sum;
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_squash *op = arguments;
    struct numbers n = numbers_of(run, op);
    const real *dy = op->dy;
    real *dx = op->dx, *dalpha = op->dalpha, *dshift = op->dshift;
    accumulator product = 0, sum = 0;
    for (size_t a = 0; a < op->affine_count; a++)
        backward_affine(op, &n, dy, a, op->dgamma, op->dbeta);
    for (size_t i = 0; i < n.count; i++) {
        accumulator du = dy[i] * derivative(nl_squash_function_of(op), n.alpha * n.x[i] + n.shift);
        du *= n.gamma ? n.gamma[i % op->affine_count] : 1;
        product += du * n.x[i];
        sum += du;
        if (dx)
            dx[i] = (real)(n.alpha * du);
    }
    *dalpha = (real)product;
    if (dshift)
        *dshift = (real)sum;
}

NL_KERNEL(squash) = {.forward = forward, .backward = backward};

static void describe(const void *arguments, struct nl_text *json)
{
    const struct nl_squash *op = arguments;
    nl_json_member(json, "kind", op->set.norm->name);
}

NL_OPERATION(squash) = {
    .name = "squash",
    .arguments = sizeof(struct nl_squash),
    .span = NL_SPAN_SAMPLE,
    .slots = SLOTS,
    .skips = 1u << X,
    .declare = declare,
    .bound = {NL_BOUND(nl_squash, x, in[X], 5), NL_BOUND(nl_squash, y, out[0], 1), NL_BOUND(nl_squash, dy, d_out[0], 1),
              NL_BOUND(nl_squash, dx, d_in[X], 5), NL_BOUND(nl_squash, sums, sums, 1)},
    .reads = reads,
    .sharing = nl_shares_gradient,
    .work = work,
    .describe = describe,
    .reference = NL_REFERENCES(squash),
};
