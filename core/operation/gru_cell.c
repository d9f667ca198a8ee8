/* One time of a GRU, after the matrix products. */
#include "operation/gru_cell.h"

#include "operation/reference.h"

enum { A = NL_GRU_A, B = NL_GRU_B, H = NL_GRU_H, GATES = NL_GRU_GATES, AFTER = NL_GRU_AFTER };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_gru_cell *cell = arguments;
    cell->width = (int)nl_elements(in[H]);
    if (nl_elements(in[A]) != 3 * nl_elements(in[H]) || nl_elements(in[B]) != nl_elements(in[A]))
        return nl_fail(err, "the gates of %d units are %d numbers, not %zu and %zu", cell->width, 3 * cell->width,
                       nl_elements(in[A]), nl_elements(in[B]));
    d->outputs = 2;
    d->output[GATES] = in[A];
    d->output[AFTER] = in[H];
    return NL_OK;
}

static struct nl_reads reads(const void *arguments, unsigned filled)
{
    (void)arguments, (void)filled;
    return (struct nl_reads){.inputs = 1u << B | 1u << H, .outputs = 1u << GATES};
}

static struct nl_sharing sharing(const void *arguments, unsigned filled)
{
    (void)arguments, (void)filled;
    return (struct nl_sharing){.output = 1u << A, .read = 1u << A};
}

static double work(const void *arguments)
{
    const struct nl_gru_cell *cell = arguments;
    return 16.0 * cell->width;
}

/* ---- the reference ---- */

static accumulator sigmoid(accumulator x)
{
    return 1.0 / (1.0 + exp(-x));
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_gru_cell *op = arguments;
    size_t width = (size_t)op->width;
    const real *a = op->a, *b = op->b, *h = op->h;
    real *gates = op->gates, *after = op->after;
    for (size_t at = 0; at < (size_t)run->samples * width; at++) {
        size_t first = at / width * 3 * width + at % width; /* of the sample's gates, those of this unit */
        accumulator r = sigmoid((accumulator)a[first] + b[first]),
                    z = sigmoid((accumulator)a[first + width] + b[first + width]);
        accumulator n = tanh(a[first + 2 * width] + r * b[first + 2 * width]);
        gates[first] = r, gates[first + width] = z, gates[first + 2 * width] = n;
        after[at] = (1.0 - z) * n + z * h[at];
    }
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_gru_cell *op = arguments;
    size_t width = (size_t)op->width;
    const real *gates = op->gates, *b = op->b, *h = op->h;
    const real *dafter = op->dafter;
    real *da = op->da, *db = op->db, *dh = op->dh;
    for (size_t at = 0; at < (size_t)run->samples * width; at++) {
        size_t first = at / width * 3 * width + at % width;
        accumulator r = gates[first], z = gates[first + width], n = gates[first + 2 * width], above = dafter[at];
        accumulator dn = above * (1.0 - z) * (1.0 - n * n), dr = dn * b[first + 2 * width] * r * (1.0 - r),
                    dz = above * (h[at] - n) * z * (1.0 - z);
        dh[at] = above * z;
        da[first] = db[first] = dr;
        da[first + width] = db[first + width] = dz;
        da[first + 2 * width] = dn;
        db[first + 2 * width] = dn * r;
    }
}

NL_KERNEL(gru_cell) = {.forward = forward, .backward = backward};

NL_OPERATION(gru_cell) = {
    .name = "gru_cell",
    .arguments = sizeof(struct nl_gru_cell),
    .span = NL_SPAN_SAMPLE,
    .slots = NL_GRU_SLOTS,
    .declare = declare,
    .bound = {NL_BOUND(nl_gru_cell, a, in[A], 3), NL_BOUND(nl_gru_cell, gates, out[GATES], 2),
              NL_BOUND(nl_gru_cell, dafter, d_out[AFTER], 1), NL_BOUND(nl_gru_cell, da, d_in[A], 3)},
    .reads = reads,
    .sharing = sharing,
    .work = work,
    .reference = NL_REFERENCES(gru_cell),
};
