/* Normalizers that divide a set by a measure of its size. */
#include "operation/rescale.h"

#include "operation/affine.h"
#include "operation/describe.h"
#include "operation/reference.h"

enum { X, GAMMA, SLOTS };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_rescale *op = arguments;
    bool of_length = nl_rescale_measure_of(op) == NL_RESCALE_LENGTH;
    (void)err;
    op->positions = nl_positions(in[X]), op->channels = in[X].channels;
    op->counted = of_length ? op->channels : (int)(ceil(op->set.share * op->channels));
    op->affine_count = of_length ? 1 : nl_affine_count(op->set.affine, &in[X]);
    d->output[d->outputs++] = in[X];
    if (of_length)
        nl_declare_scalar(d, "g", NL_GAMMA, GAMMA, sqrt((double)nl_rescale_positions(op) * op->channels));
    else
        nl_declare_gamma(d, GAMMA, op->affine_count, &in[X]);
    return NL_OK;
}

static double work(const void *arguments)
{
    const struct nl_rescale *op = arguments;
    return 3.0 * op->positions * op->channels;
}

/* ---- the reference ---- */

/* The numbers of a call. */
struct numbers {
    size_t sets, elements; /* elements of a set */
    const real *x, *gamma, *dy;
    double eps;
};

static struct numbers numbers_of(const struct nl_run *run, const struct nl_rescale *op)
{
    const struct nl_hyper *hyper = op->hyper;
    return (struct numbers){
        .sets = (size_t)run->samples * (size_t)(op->positions / nl_rescale_positions(op)),
        .elements = (size_t)nl_rescale_positions(op) * (size_t)op->channels,
        .x = op->x,
        .gamma = op->gamma,
        .dy = op->dy,
        .eps = nl_override_or(op->set.eps, hyper->norm_eps),
    };
}

static accumulator gamma_at(const struct nl_rescale *op, const struct numbers *n, size_t i)
{
    return n->gamma ? n->gamma[i % op->affine_count] : 1;
}

static bool is_counted(const struct nl_rescale *op, size_t i)
{
    return i % (size_t)op->channels < (size_t)op->counted;
}

struct factor {
    accumulator scale, slope;
};

/* The factor of the set that begins with element `first`. */
static struct factor factor_of(const struct nl_rescale *op, const struct numbers *n, size_t first)
{
    accumulator squares = 0;
    double counted = (double)nl_rescale_positions(op) * op->counted;
    for (size_t i = first; i < first + n->elements; i++)
        if (is_counted(op, i))
            squares += (accumulator)n->x[i] * n->x[i];
    bool of_length = nl_rescale_measure_of(op) == NL_RESCALE_LENGTH,
         is_held = of_length && real_part(squares) < n->eps * n->eps;
    accumulator size = is_held ? n->eps : of_length ? sqrt(squares) : sqrt(squares / counted + n->eps);
    accumulator scale = real_part(size) == 0 ? 0 : 1 / size;
    return (struct factor){scale, is_held ? 0 : scale * scale * scale / (of_length ? 1 : counted)};
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_rescale *op = arguments;
    struct numbers n = numbers_of(run, op);
    real *y = op->y;
    for (size_t first = 0; first < n.sets * n.elements; first += n.elements) {
        accumulator scale = factor_of(op, &n, first).scale;
        for (size_t i = first; i < first + n.elements; i++)
            y[i] = (real)(gamma_at(op, &n, i) * (n.x[i] * scale));
    }
}

static void backward_gamma(const struct nl_rescale *op, const struct numbers *n, size_t a, real *dgamma)
{
    accumulator sum = 0;
    for (size_t first = 0; first < n->sets * n->elements; first += n->elements) {
        accumulator scale = factor_of(op, n, first).scale;
        for (size_t i = first; i < first + n->elements; i++)
            if (i % op->affine_count == a)
                sum += n->dy[i] * (n->x[i] * scale);
    }
    dgamma[a] = (real)sum;
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_rescale *op = arguments;
    struct numbers n = numbers_of(run, op);
    real *dx = op->dx;
    for (size_t a = 0; a < op->affine_count; a++)
        backward_gamma(op, &n, a, op->dgamma);
    for (size_t first = 0; dx && first < n.sets * n.elements; first += n.elements) {
        struct factor factor = factor_of(op, &n, first);
        accumulator product = 0;
        for (size_t i = first; i < first + n.elements; i++)
            product += n.dy[i] * gamma_at(op, &n, i) * n.x[i];
        for (size_t i = first; i < first + n.elements; i++) {
            accumulator of_size = is_counted(op, i) ? n.x[i] * factor.slope * product : 0;
            dx[i] = (real)(factor.scale * n.dy[i] * gamma_at(op, &n, i) - of_size);
        }
    }
}

NL_KERNEL(rescale) = {.forward = forward, .backward = backward};

static void describe(const void *arguments, struct nl_text *json)
{
    const struct nl_rescale *op = arguments;
    nl_json_member(json, "kind", op->set.norm->name);
    nl_json_member_number(json, "positions", nl_rescale_positions(op));
    nl_json_member_number(json, "counted", op->counted);
    nl_describe_override(json, "eps", op->set.eps);
}

NL_OPERATION(rescale) = {
    .name = "rescale",
    .arguments = sizeof(struct nl_rescale),
    .span = NL_SPAN_SAMPLE,
    .slots = SLOTS,
    .skips = 1u << X,
    .declare = declare,
    .bound = {NL_BOUND(nl_rescale, hyper, hyper, 1), NL_BOUND(nl_rescale, x, in[X], 2),
              NL_BOUND(nl_rescale, y, out[0], 1), NL_BOUND(nl_rescale, dy, d_out[0], 1),
              NL_BOUND(nl_rescale, dx, d_in[X], 2)},
    .reads = nl_reads_inputs,
    .sharing = nl_shares_gradient,
    .work = work,
    .describe = describe,
    .reference = NL_REFERENCES(rescale),
};
