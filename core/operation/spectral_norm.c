/* The weight of a layer computed from an original one: divided by its largest singular value, which power iteration
 * follows from step to step. */
#include <stdlib.h>

#include "base/memory.h"
#include "operation/describe.h"
#include "operation/original.h"

enum { A, B };
enum { WARM_UP = 15 };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_spectral_norm *s = arguments;
    struct nl_tensor_spec vector = {
        .name = "0._u", .role = NL_RUNNING, .dims = 1, .shape = {(size_t)s->out}, .saved = true};
    (void)in, (void)err;
    nl_declare_original(d, "original", s->kernel, s->in, s->out);
    nl_declare_state(d, vector);
    vector.name = "0._v";
    vector.shape[0] = (size_t)nl_weight_taps(s->kernel) * (size_t)s->in;
    nl_declare_state(d, vector);
    return NL_OK;
}

static size_t saved_bytes(const void *arguments, int number, int samples, size_t statistic)
{
    (void)arguments, (void)number, (void)samples;
    return statistic;
}

/* ---- the reference ---- */

/* Element o of v b. */
static accumulator times_b(const struct nl_spectral_norm *op, const real *v, const real *b, int o)
{
    int taps = nl_weight_taps(op->kernel), m = taps * op->in;
    accumulator sum = 0;
    for (int row = 0; row < m; row++)
        sum += (accumulator)v[(size_t)row * op->out + o] * b[nl_place_in_matrix(row, op->in, taps)];
    return sum;
}

static void normalize(const struct nl_spectral_norm *op, real *x, int count)
{
    accumulator squares = 0;
    for (int i = 0; i < count; i++)
        squares += (accumulator)x[i] * x[i];
    accumulator length = sqrt(squares);
    for (int i = 0; i < count; i++)
        x[i] /= real_part(length) < op->norm->eps ? op->norm->eps : length;
}

static void iterate(const struct nl_spectral_norm *op, const real *v, real *a, real *b)
{
    int taps = nl_weight_taps(op->kernel), m = taps * op->in;
    for (int o = 0; o < op->out; o++)
        a[o] = times_b(op, v, b, o);
    normalize(op, a, op->out);
    for (int row = 0; row < m; row++) {
        accumulator sum = 0;
        for (int o = 0; o < op->out; o++)
            sum += (accumulator)v[(size_t)row * op->out + o] * a[o];
        b[nl_place_in_matrix(row, op->in, taps)] = sum;
    }
    normalize(op, b, m);
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_spectral_norm *op = arguments;
    size_t count = (size_t)nl_weight_taps(op->kernel) * (size_t)op->in * (size_t)op->out;
    const real *v = op->v;
    real *w = op->w, *a = op->a, *b = op->b;
    accumulator *sigma = op->sigma;
    for (int i = 0; run->statistics == NL_STATS_TRAIN && i < op->iterations; i++)
        iterate(op, v, a, b);
    *sigma = 0;
    for (int o = 0; o < op->out; o++)
        *sigma += a[o] * times_b(op, v, b, o);
    for (size_t i = 0; i < count; i++)
        w[i] = real_part(*sigma) == 0 ? 0 : v[i] / *sigma;
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_spectral_norm *op = arguments;
    int taps = nl_weight_taps(op->kernel), m = taps * op->in;
    const real *v = op->v, *dw = op->dw;
    const real *a = op->a, *b = op->b;
    real *dv = op->dv;
    accumulator sigma = *(const accumulator *)op->sigma, product = 0;
    (void)run;
    for (size_t i = 0; i < (size_t)m * op->out; i++)
        product += (accumulator)dw[i] * v[i];
    accumulator scale = real_part(sigma) == 0 ? 0 : 1.0 / sigma, slope = product * scale * scale;
    for (int row = 0; row < m; row++)
        for (int o = 0; o < op->out; o++) {
            size_t i = (size_t)row * op->out + o;
            dv[i] = scale * dw[i] - slope * a[o] * b[nl_place_in_matrix(row, op->in, taps)];
        }
}

NL_KERNEL(spectral_norm) = {.forward = forward, .backward = backward};

/* b is drawn; the first of the iterations makes a of it. */
static void begin(const void *arguments, struct nl_stream stream, double *const *parameter, double *const *state)
{
    struct nl_spectral_norm op = *(const struct nl_spectral_norm *)arguments;
    size_t rows = (size_t)nl_weight_taps(op.kernel) * (size_t)op.in;
    double *w = nl_alloc(rows * (size_t)op.out, sizeof *w), sigma;
    nl_stream_normals(stream, 0, 0, rows, state[B]);
    op.v = parameter[NL_ORIGINAL], op.w = w;
    op.a = state[A], op.b = state[B], op.sigma = &sigma;
    op.iterations = WARM_UP;
    nl_ref_double_spectral_norm.forward(&nl_once, &op);
    free(w);
}

static void describe(const void *arguments, struct nl_text *json)
{
    const struct nl_spectral_norm *op = arguments;
    nl_json_member(json, "kind", op->norm->name);
}

NL_OPERATION(spectral_norm) = {
    .name = "spectral_norm",
    .arguments = sizeof(struct nl_spectral_norm),
    .span = NL_SPAN_PARAMETERS,
    .slots = 1,
    .saved = 1,
    .declare = declare,
    .bound = {NL_BOUND(nl_spectral_norm, v, in[NL_ORIGINAL], 1), NL_BOUND(nl_spectral_norm, w, out[0], 1),
              NL_BOUND(nl_spectral_norm, a, state[A], 2), NL_BOUND(nl_spectral_norm, sigma, saved[0], 1),
              NL_BOUND(nl_spectral_norm, dw, d_out[0], 1), NL_BOUND(nl_spectral_norm, dv, d_in[NL_ORIGINAL], 1)},
    .reads = nl_reads_original,
    .saved_bytes = saved_bytes,
    .begin = begin,
    .describe = describe,
    .reference = NL_REFERENCES(spectral_norm),
};
