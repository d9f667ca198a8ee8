/* Filter response normalization with its thresholded linear unit. */
#include "operation/frn.h"

#include "operation/affine.h"
#include "operation/describe.h"
#include "operation/reference.h"

enum { X, GAMMA, BETA, TAU, LEARNED_EPS, SLOTS };

static bool learns_eps(const struct nl_frn *op)
{
    return op->set.learn_eps == NL_SWITCH_AUTO ? op->positions == 1 : op->set.learn_eps == NL_SWITCH_ON;
}

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_frn *op = arguments;
    size_t channels = (size_t)in[X].channels, affine = op->set.affine == NL_AFFINE_NONE ? 0 : channels;
    (void)err;
    op->positions = nl_positions(in[X]), op->channels = in[X].channels;
    d->output[d->outputs++] = in[X];
    nl_declare_gamma(d, GAMMA, affine, &in[X]);
    nl_declare_beta(d, BETA, affine, &in[X]);
    if (op->set.tlu)
        nl_declare_affine(d, (struct nl_tensor_spec){.name = "tau", .role = NL_BETA, .slot = TAU}, channels, &in[X]);
    if (learns_eps(op))
        nl_declare_scalar(d, "learned_eps", NL_BETA, LEARNED_EPS, 1e-4);
    return NL_OK;
}

static double work(const void *arguments)
{
    const struct nl_frn *op = arguments;
    return 4.0 * op->positions * op->channels;
}

/* ---- the reference ---- */

/* What one channel is computed with. */
struct channel {
    accumulator gamma, beta, tau;
    bool has_tau;
};

static struct channel channel_of(const struct nl_frn *op, int c)
{
    const real *gamma = op->gamma, *beta = op->beta, *tau = op->tau;
    return (struct channel){gamma ? gamma[c] : 1, beta ? beta[c] : 0, tau ? tau[c] : 0, tau != NULL};
}

static accumulator eps_of(const struct nl_frn *op)
{
    const struct nl_hyper *hyper = op->hyper;
    const real *learned = op->learned_eps;
    return nl_override_or(op->set.eps, hyper->norm_eps) + (learned ? nl_magnitude(*learned) : 0);
}

/* 1 / sqrt(nu2 + eps) of a set, which begins at x. */
static accumulator scale_of(const struct nl_frn *op, const real *x, accumulator eps)
{
    accumulator squares = 0;
    for (int s = 0; s < op->positions; s++)
        squares += (accumulator)x[s * op->channels] * x[s * op->channels];
    accumulator size = squares / op->positions + eps;
    return real_part(size) == 0 ? 0 : 1 / sqrt(size);
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_frn *op = arguments;
    size_t sample = (size_t)op->positions * (size_t)op->channels;
    accumulator eps = eps_of(op);
    for (int set = 0; set < run->samples * op->channels; set++) {
        int c = set % op->channels;
        size_t first = (size_t)(set / op->channels) * sample + (size_t)c;
        const real *x = (const real *)op->x + first;
        real *z = (real *)op->z + first;
        struct channel channel = channel_of(op, c);
        accumulator scale = scale_of(op, x, eps);
        for (int s = 0; s < op->positions; s++) {
            accumulator y = channel.gamma * (x[s * op->channels] * scale) + channel.beta;
            z[s * op->channels] =
                (real)(channel.has_tau && real_part(y) < real_part(channel.tau) ? channel.tau : y); /* NaN stays NaN */
        }
    }
}

/* Sums over a set. */
struct sums {
    accumulator gamma, beta, tau, product; /* dy u, dy, dz - dy, du u */
};

/* The share of the gradient that the threshold lets through. */
static double share_of(const struct channel *channel, accumulator u)
{
    double above = real_part(channel->gamma * u + channel->beta) - real_part(channel->tau);
    return !channel->has_tau || above > 0 ? 1 : above < 0 ? 0 : 0.5;
}

static struct sums sums_of(const struct nl_frn *op, const struct channel *channel, const real *x, const real *dz,
                           accumulator scale)
{
    struct sums sums = {0};
    for (int i = 0; i < op->positions * op->channels; i += op->channels) {
        accumulator u = x[i] * scale, dy = dz[i] * share_of(channel, u);
        sums.gamma += dy * u;
        sums.beta += dy;
        sums.tau += dz[i] - dy;
    }
    sums.product = channel->gamma * sums.gamma;
    return sums;
}

/* Channel c of all samples. Returns the sum of -du u / (nu2 + eps) / 2, the gradient of eps. */
static accumulator backward_channel(const struct nl_run *run, const struct nl_frn *op, int c, accumulator eps)
{
    struct channel channel = channel_of(op, c);
    real *dgamma = op->dgamma, *dbeta = op->dbeta, *dtau = op->dtau;
    struct sums total = {0};
    accumulator deps = 0;
    for (int n = 0; n < run->samples; n++) {
        size_t first = (size_t)n * (size_t)op->positions * (size_t)op->channels + (size_t)c;
        const real *x = (const real *)op->x + first, *dz = (const real *)op->dz + first;
        real *dx = op->dx ? (real *)op->dx + first : NULL;
        accumulator scale = scale_of(op, x, eps);
        struct sums sums = sums_of(op, &channel, x, dz, scale);
        for (int i = 0; dx && i < op->positions * op->channels; i += op->channels) {
            accumulator u = x[i] * scale;
            dx[i] =
                (real)(scale * (dz[i] * share_of(&channel, u) * channel.gamma - u * (sums.product / op->positions)));
        }
        total.gamma += sums.gamma, total.beta += sums.beta, total.tau += sums.tau;
        deps -= sums.product * scale * scale / 2;
    }
    if (dgamma) {
        dgamma[c] = (real)total.gamma;
        if (dbeta)
            dbeta[c] = (real)total.beta;
    }
    if (dtau)
        dtau[c] = (real)total.tau;
    return deps;
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_frn *op = arguments;
    accumulator eps = eps_of(op), deps = 0;
    const real *learned = op->learned_eps;
    real *dlearned = op->dlearned_eps;
    for (int c = 0; c < op->channels; c++)
        deps += backward_channel(run, op, c, eps);
    if (learned)
        *dlearned = (real)(nl_sign(*learned) * deps);
}

NL_KERNEL(frn) = {.forward = forward, .backward = backward};

static void describe(const void *arguments, struct nl_text *json)
{
    const struct nl_frn *op = arguments;
    nl_describe_override(json, "eps", op->set.eps);
}

NL_OPERATION(frn) = {
    .name = "frn",
    .arguments = sizeof(struct nl_frn),
    .span = NL_SPAN_SAMPLE,
    .slots = SLOTS,
    .skips = 1u << X,
    .declare = declare,
    .bound = {NL_BOUND(nl_frn, hyper, hyper, 1), NL_BOUND(nl_frn, x, in[X], 5), NL_BOUND(nl_frn, z, out[0], 1),
              NL_BOUND(nl_frn, dz, d_out[0], 1), NL_BOUND(nl_frn, dx, d_in[X], 5)},
    .reads = nl_reads_inputs,
    .sharing = nl_shares_gradient,
    .work = work,
    .describe = describe,
    .reference = NL_REFERENCES(frn),
};
