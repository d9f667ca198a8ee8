/* Noise after a normalizer. Backward draws that of forward again, so nothing is kept. */
#include "operation/noise.h"

#include "operation/reference.h"

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_noise *noise = arguments;
    (void)err;
    noise->count = nl_elements(in[0]);
    noise->channels = in[0].channels;
    d->output[d->outputs++] = in[0];
    nl_declare_state(d, (struct nl_tensor_spec){
                            .name = "key", .role = NL_STREAM_KEY, .type = NL_TENSOR_UINT32, .dims = 1, .shape = {2}});
    return NL_OK;
}

static double work(const void *arguments)
{
    const struct nl_noise *noise = arguments;
    return 40.0 * (double)noise->count; /* three random numbers an element */
}

/* ---- the reference ---- */

/* shifts: y = s x + m; else y = s x, which is backward. */
static void apply(const struct nl_run *run, const struct nl_noise *op, const void *from, void *to, bool shifts)
{
    const real *x = from;
    real *y = to;
    struct nl_stream stream = {{op->key[0], op->key[1]}};
    double k = op->hyper->norm_noise, sigma, m;
    bool noisy = nl_is_step(run->statistics) && k > 0;
    uint64_t before = nl_elements_before(run, op->count);
    for (size_t i = 0; i < (size_t)run->samples * op->count; i++) {
        y[i] = x[i];
        if (!noisy)
            continue;
        nl_noise_at(stream, run->step, before + i, i % (size_t)op->channels, k, &sigma, &m);
        double s = sigma + 0.1 * k * nl_stream_normal(stream, (uint64_t)run->step, 2 * (before + i) + 1);
        y[i] = s * x[i] + (shifts ? m : 0);
    }
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_noise *op = arguments;
    apply(run, op, op->x, op->y, true);
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_noise *op = arguments;
    apply(run, op, op->dy, op->dx, false);
}

NL_KERNEL(noise) = {.forward = forward, .backward = backward};

NL_OPERATION(noise) = {
    .name = "noise",
    .arguments = sizeof(struct nl_noise),
    .span = NL_SPAN_SAMPLE,
    .slots = 1,
    .declare = declare,
    .bound = {NL_BOUND(nl_noise, key, state[0], 1), NL_BOUND(nl_noise, hyper, hyper, 1),
              NL_BOUND(nl_noise, x, in[0], 1), NL_BOUND(nl_noise, y, out[0], 1), NL_BOUND(nl_noise, dy, d_out[0], 1),
              NL_BOUND(nl_noise, dx, d_in[0], 1)},
    .work = work,
    .reference = NL_REFERENCES(noise),
};
