/* Linear: y = x w + b, of a whole sample or of each position. */
#include "operation/linear.h"

#include "operation/describe.h"
#include "operation/product.h"

enum { X = NL_PRODUCT_X, WEIGHT = NL_PRODUCT_WEIGHT, BIAS = NL_PRODUCT_BIAS };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_linear *linear = arguments;
    (void)err;
    linear->positions = linear->by_position ? nl_positions(in[X]) : 1;
    linear->in = (int)nl_elements(in[X]) / linear->positions;
    d->output[d->outputs++] = linear->by_position ? (struct nl_extent){in[X].height, in[X].width, linear->out}
                                                  : (struct nl_extent){1, 1, linear->out};
    nl_declare_product(d, 2, (size_t[]){(size_t)linear->out, (size_t)linear->in});
    return NL_OK;
}

static struct nl_reads reads(const void *arguments, unsigned filled)
{
    struct nl_reads reads = nl_product_reads(arguments, filled);
    reads.inputs |= filled & 1u << NL_LINEAR_SLOPE;
    return reads;
}

static double work(const void *arguments)
{
    const struct nl_linear *linear = arguments;
    return (double)linear->positions * linear->in * linear->out;
}

/* ---- the reference ---- */

/* y = x w + b of one row. */
static void multiply(int in, int out, const real *x, const real *w, const real *b, real *y)
{
    for (int first = 0, end; first < out; first = end) {
        accumulator sum[NL_PRODUCT_BLOCK];
        end = nl_block_end(first, out);
        for (int o = first; o < end; o++)
            sum[o - first] = b ? b[o] : 0;
        for (int i = 0; i < in; i++)
            for (int o = first; o < end; o++)
                sum[o - first] += (accumulator)x[i] * w[(size_t)i * out + o];
        for (int o = first; o < end; o++)
            y[o] = sum[o - first];
    }
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_linear *op = arguments;
    int in = op->in, out = op->out;
    size_t rows = nl_linear_rows(run, op);
    const real *x = op->x; /* (N S, I) */
    const real *w = op->w; /* (I, O) */
    const real *b = op->b; /* (O) or NULL */
    real *y = op->y;       /* (N S, O) */
    for (size_t n = 0; n < rows; n++)
        multiply(in, out, x + n * in, w, b, y + n * out);
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_linear *op = arguments;
    int in = op->in, out = op->out;
    size_t rows = nl_linear_rows(run, op);
    const real *x = op->x;
    const real *w = op->w;
    const real *dy = op->dy;
    real *dx = op->dx, *dw = op->dw, *db = op->db;
    for (int i = 0; dw && i < in; i++)
        for (int first = 0, end; first < out; first = end) {
            accumulator sum[NL_PRODUCT_BLOCK] = {0};
            end = nl_block_end(first, out);
            for (size_t n = 0; n < rows; n++)
                for (int o = first; o < end; o++)
                    sum[o - first] += (accumulator)x[n * in + i] * dy[n * out + o];
            for (int o = first; o < end; o++)
                dw[(size_t)i * out + o] = sum[o - first];
        }
    if (db)
        nl_sum_rows(rows, out, dy, db);
    for (size_t n = 0; dx && n < rows; n++)
        for (int i = 0; i < in; i++)
            dx[n * in + i] = nl_gradient_of_input(out, dy + n * out, w + (size_t)i * out);
}

NL_KERNEL(linear) = {.forward = forward, .backward = backward};

static void describe(const void *arguments, struct nl_text *json)
{
    const struct nl_linear *op = arguments;
    nl_json_member_number(json, "by_position", op->by_position);
}

NL_OPERATION(linear) = {
    .name = "linear",
    .arguments = sizeof(struct nl_linear),
    .span = NL_SPAN_SAMPLE,
    .slots = NL_LINEAR_SLOTS,
    .skips = 1u << X,
    .adds = 1u << X,
    .constants = 1u << NL_LINEAR_SLOPE,
    .together = 1u << WEIGHT | 1u << BIAS,
    .steps_weight = true,
    .declare = declare,
    .bound = {NL_BOUND(nl_linear, x, in[X], 3), NL_BOUND(nl_linear, y, out[0], 2),
              NL_BOUND(nl_linear, x_slope, in[NL_LINEAR_SLOPE], 1), NL_BOUND(nl_linear, dy, d_out[0], 1),
              NL_BOUND(nl_linear, dx, d_in[X], 3), NL_BOUND(nl_linear, adds, adds, 1),
              NL_BOUND(nl_linear, update, update, 1), NL_BOUND(nl_linear, sums, sums, 1),
              NL_BOUND(nl_linear, packed, packed, 1)},
    .reads = reads,
    .work = work,
    .describe = describe,
    .reference = NL_REFERENCES(linear),
};
