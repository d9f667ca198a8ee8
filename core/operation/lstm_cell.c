/* One time of an LSTM, after the matrix products. */
#include "operation/lstm_cell.h"

#include "operation/describe.h"
#include "operation/reference.h"

enum { A = NL_LSTM_A, B = NL_LSTM_B, C = NL_LSTM_C, GATES = NL_LSTM_GATES, AFTER = NL_LSTM_AFTER, OUT = NL_LSTM_OUT };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_lstm_cell *cell = arguments;
    cell->width = (int)nl_elements(in[C]);
    if (nl_elements(in[A]) != 4 * nl_elements(in[C]) || nl_elements(in[B]) != nl_elements(in[A]))
        return nl_fail(err, "the gates of a cell of %d units are %d numbers, not %zu and %zu", cell->width,
                       4 * cell->width, nl_elements(in[A]), nl_elements(in[B]));
    d->outputs = 3;
    d->output[GATES] = in[A];
    d->output[AFTER] = d->output[OUT] = in[C];
    return NL_OK;
}

static struct nl_reads reads(const void *arguments, unsigned filled)
{
    (void)arguments, (void)filled;
    return (struct nl_reads){.inputs = 1u << C, .outputs = 1u << GATES | 1u << AFTER};
}

static struct nl_sharing sharing(const void *arguments, unsigned filled)
{
    (void)arguments, (void)filled;
    return (struct nl_sharing){.output = 1u << A, .read = 1u << A, .same = 1u << B};
}

static double work(const void *arguments)
{
    const struct nl_lstm_cell *cell = arguments;
    return 20.0 * cell->width;
}

/* ---- the reference ---- */

static accumulator sigmoid(accumulator x)
{
    return 1.0 / (1.0 + exp(-x));
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_lstm_cell *op = arguments;
    size_t width = (size_t)op->width;
    const real *a = op->a, *b = op->b, *c = op->c;
    real *gates = op->gates, *after = op->after, *out = op->out;
    for (size_t at = 0; at < (size_t)run->samples * width; at++) {
        size_t first = at / width * 4 * width + at % width; /* of the sample's gates, those of this unit */
        accumulator i = sigmoid((accumulator)a[first] + b[first]),
                    f = sigmoid((accumulator)a[first + width] + b[first + width]);
        accumulator g = tanh((accumulator)a[first + 2 * width] + b[first + 2 * width]),
                    o = sigmoid((accumulator)a[first + 3 * width] + b[first + 3 * width]);
        gates[first] = i, gates[first + width] = f, gates[first + 2 * width] = g, gates[first + 3 * width] = o;
        after[at] = f * c[at] + i * g;
        out[at] = op->opens ? o : o * tanh((accumulator)after[at]);
    }
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_lstm_cell *op = arguments;
    size_t width = (size_t)op->width;
    const real *gates = op->gates, *c = op->c, *after = op->after;
    const real *dafter = op->dafter, *dout = op->dout;
    real *da = op->da, *db = op->db, *dc = op->dc;
    for (size_t at = 0; at < (size_t)run->samples * width; at++) {
        size_t first = at / width * 4 * width + at % width;
        accumulator i = gates[first], f = gates[first + width], g = gates[first + 2 * width],
                    o = gates[first + 3 * width];
        accumulator squashed = op->opens ? 0 : tanh((accumulator)after[at]), above = dout ? dout[at] : 0;
        accumulator d_o = op->opens ? above : above * squashed;
        accumulator dcell = (dafter ? dafter[at] : 0) + (op->opens ? 0 : above * o * (1.0 - squashed * squashed));
        accumulator d[4] = {dcell * g * i * (1.0 - i), dcell * c[at] * f * (1.0 - f), dcell * i * (1.0 - g * g),
                            d_o * o * (1.0 - o)};
        dc[at] = dcell * f;
        for (size_t gate = 0; gate < 4; gate++)
            da[first + gate * width] = db[first + gate * width] = d[gate];
    }
}

NL_KERNEL(lstm_cell) = {.forward = forward, .backward = backward};

static void describe(const void *arguments, struct nl_text *json)
{
    const struct nl_lstm_cell *op = arguments;
    nl_json_member_number(json, "opens", op->opens);
}

NL_OPERATION(lstm_cell) = {
    .name = "lstm_cell",
    .arguments = sizeof(struct nl_lstm_cell),
    .span = NL_SPAN_SAMPLE,
    .slots = NL_LSTM_SLOTS,
    .declare = declare,
    .bound = {NL_BOUND(nl_lstm_cell, a, in[A], 3), NL_BOUND(nl_lstm_cell, gates, out[GATES], 3),
              NL_BOUND(nl_lstm_cell, dafter, d_out[AFTER], 2), NL_BOUND(nl_lstm_cell, da, d_in[A], 3)},
    .reads = reads,
    .sharing = sharing,
    .work = work,
    .describe = describe,
    .reference = NL_REFERENCES(lstm_cell),
};
