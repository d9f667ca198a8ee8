/* The weight of a layer computed from an original one: by the weights of each output. */
#include "operation/parametrize.h"

#include <stdlib.h>

#include "base/memory.h"
#include "operation/describe.h"
#include "operation/original.h"
#include "operation/product.h"

enum { CENTER, SQUARE, SAVED };

static const char *name_of_gain(const struct nl_parametrize *p)
{
    return p->norm->gain == NL_GAIN_LENGTH ? "original0" : "0.gain";
}

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_parametrize *p = arguments;
    const struct nl_weight_norm *norm = p->norm;
    int m = nl_weight_taps(p->kernel) * p->in;
    (void)in;
    if (norm->centers && m < 2)
        return nl_fail(
            err,
            "%s has nothing to go by where an output has one weight: its mean is the weight itself; wn is for that",
            norm->name);
    nl_declare_original(d, norm->gain == NL_GAIN_LENGTH ? "original1" : "original", p->kernel, p->in, p->out);
    if (norm->gain == NL_GAIN_NONE)
        return NL_OK;
    struct nl_tensor_spec gain = {.name = name_of_gain(p), .role = NL_GAMMA, .slot = NL_GAIN, .dims = p->kernel ? 4 : 2,
                                  .shape = {(size_t)p->out, 1, 1, 1}, .initial = 1};
    d->parameter[d->parameters++] = gain;
    return NL_OK;
}

static size_t saved_bytes(const void *arguments, int number, int samples, size_t statistic)
{
    const struct nl_parametrize *p = arguments;
    (void)number, (void)samples;
    return (size_t)p->out * statistic;
}

/* ---- the reference ---- */

/* Outputs lie side by side: sums over the weights of an output are made for a block of outputs at a time, row by
 * row. */

/* Mean, or 0, and sum of squares of the centred weights of outputs [first, end). */
static void measure(const struct nl_parametrize *op, const real *v, int first, int end, accumulator *center,
                    accumulator *square)
{
    int m = nl_weight_taps(op->kernel) * op->in;
    for (int o = first; o < end; o++)
        center[o] = square[o] = 0;
    for (int i = 0; op->norm->centers && i < m; i++)
        for (int o = first; o < end; o++)
            center[o] += v[(size_t)i * op->out + o];
    for (int o = first; o < end; o++)
        center[o] /= m;
    for (int i = 0; i < m; i++)
        for (int o = first; o < end; o++) {
            accumulator t = v[(size_t)i * op->out + o] - center[o];
            square[o] += t * t;
        }
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_parametrize *op = arguments;
    int m = nl_weight_taps(op->kernel) * op->in;
    (void)run;
    const real *v = op->v, *g = op->g;
    accumulator *center = op->center, *square = op->square;
    real *w = op->w;
    for (int first = 0, end; first < op->out; first = end) {
        accumulator scale[NL_PRODUCT_BLOCK];
        end = nl_block_end(first, op->out);
        measure(op, v, first, end, center, square);
        for (int o = first; o < end; o++)
            scale[o - first] = nl_weight_scale_of(op->norm->measure, op->norm->eps, square[o], m).scale;
        for (int i = 0; i < m; i++)
            for (int o = first; o < end; o++)
                w[(size_t)i * op->out + o] =
                    (v[(size_t)i * op->out + o] - center[o]) * scale[o - first] * (g ? g[o] : 1);
    }
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_parametrize *op = arguments;
    int m = nl_weight_taps(op->kernel) * op->in;
    (void)run;
    const real *v = op->v, *g = op->g, *dw = op->dw;
    const accumulator *center = op->center, *square = op->square;
    real *dv = op->dv, *dg = op->dg;
    for (int first = 0, end; first < op->out; first = end) {
        accumulator mean[NL_PRODUCT_BLOCK] = {0}, product[NL_PRODUCT_BLOCK] = {0}, scale[NL_PRODUCT_BLOCK],
                    slope[NL_PRODUCT_BLOCK];
        end = nl_block_end(first, op->out);
        for (int i = 0; i < m; i++)
            for (int o = first; o < end; o++) {
                size_t at = (size_t)i * op->out + o;
                mean[o - first] += dw[at];
                product[o - first] += dw[at] * (v[at] - center[o]);
            }
        for (int o = first; o < end; o++) {
            struct nl_weight_scale of = nl_weight_scale_of(op->norm->measure, op->norm->eps, square[o], m);
            mean[o - first] = op->norm->centers ? mean[o - first] / m : 0;
            scale[o - first] = of.scale;
            slope[o - first] = of.slope * product[o - first];
            if (dg)
                dg[o] = of.scale * product[o - first];
        }
        for (int i = 0; i < m; i++)
            for (int o = first; o < end; o++) {
                size_t at = (size_t)i * op->out + o;
                dv[at] = (g ? g[o] : 1) *
                         (scale[o - first] * (dw[at] - mean[o - first]) - slope[o - first] * (v[at] - center[o]));
            }
    }
}

NL_KERNEL(parametrize) = {.forward = forward, .backward = backward};

/* The length of each output's weights, where the gain begins so; times what it began with, which is what the layer's
 * weight begins as many times as large. */
static void begin(const void *arguments, struct nl_stream stream, double *const *parameter, double *const *state)
{
    struct nl_parametrize op = *(const struct nl_parametrize *)arguments;
    size_t outputs = (size_t)op.out, rows = (size_t)nl_weight_taps(op.kernel) * (size_t)op.in;
    (void)stream, (void)state;
    if (op.norm->gain != NL_GAIN_LENGTH)
        return;
    double *scratch = nl_alloc((rows + 2) * outputs, sizeof *scratch), *square = scratch + outputs;
    op.v = parameter[NL_ORIGINAL], op.g = NULL, op.w = scratch + 2 * outputs;
    op.center = scratch, op.square = square;
    nl_ref_double_parametrize.forward(&nl_once, &op);
    for (size_t o = 0; o < outputs; o++)
        parameter[NL_GAIN][o] *= sqrt(square[o]);
    free(scratch);
}

static void describe(const void *arguments, struct nl_text *json)
{
    static const char *const measures[] = {
        [NL_WEIGHT_LENGTH] = "length", [NL_WEIGHT_DEVIATION] = "deviation", [NL_WEIGHT_BOUNDED] = "bounded"};
    const struct nl_parametrize *op = arguments;
    nl_json_member(json, "kind", op->norm->name);
    nl_json_member(json, "measure", measures[op->norm->measure]);
    nl_json_member_number(json, "centers", op->norm->centers);
    nl_json_member_number(json, "eps", op->norm->eps);
}

NL_OPERATION(parametrize) = {
    .name = "parametrize",
    .arguments = sizeof(struct nl_parametrize),
    .span = NL_SPAN_PARAMETERS,
    .slots = NL_PARAMETRIZE_SLOTS,
    .saved = SAVED,
    .declare = declare,
    .bound = {NL_BOUND(nl_parametrize, v, in[NL_ORIGINAL], 2), NL_BOUND(nl_parametrize, w, out[0], 1),
              NL_BOUND(nl_parametrize, center, saved[CENTER], 2), NL_BOUND(nl_parametrize, dw, d_out[0], 1),
              NL_BOUND(nl_parametrize, dv, d_in[NL_ORIGINAL], 2)},
    .reads = nl_reads_original,
    .saved_bytes = saved_bytes,
    .begin = begin,
    .describe = describe,
    .reference = NL_REFERENCES(parametrize),
};
