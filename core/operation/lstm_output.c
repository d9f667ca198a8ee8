/* What an LSTM puts out of a cell that was normalized. */
#include "operation/lstm_cell.h"

#include "operation/reference.h"

enum { O = NL_LSTM_OUTPUT_O, C = NL_LSTM_OUTPUT_C };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_lstm_output *output = arguments;
    output->width = (int)nl_elements(in[C]);
    if (nl_elements(in[O]) != nl_elements(in[C]))
        return nl_fail(err, "the output gates of a cell of %d units are as many, not %zu", output->width,
                       nl_elements(in[O]));
    d->output[d->outputs++] = in[C];
    return NL_OK;
}

static struct nl_reads reads(const void *arguments, unsigned filled)
{
    (void)arguments, (void)filled;
    return (struct nl_reads){.inputs = 1u << O | 1u << C};
}

static double work(const void *arguments)
{
    const struct nl_lstm_output *output = arguments;
    return 4.0 * output->width;
}

/* ---- the reference ---- */

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_lstm_output *op = arguments;
    const real *o = op->o, *c = op->c;
    real *h = op->h;
    for (size_t at = 0; at < (size_t)run->samples * (size_t)op->width; at++)
        h[at] = o[at] * tanh((accumulator)c[at]);
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_lstm_output *op = arguments;
    const real *o = op->o, *c = op->c, *dh = op->dh;
    real *d_o = op->d_o, *dc = op->dc;
    for (size_t at = 0; at < (size_t)run->samples * (size_t)op->width; at++) {
        accumulator squashed = tanh((accumulator)c[at]), above = dh[at];
        d_o[at] = above * squashed;
        dc[at] = above * o[at] * (1.0 - squashed * squashed);
    }
}

NL_KERNEL(lstm_output) = {.forward = forward, .backward = backward};

NL_OPERATION(lstm_output) = {
    .name = "lstm_output",
    .arguments = sizeof(struct nl_lstm_output),
    .span = NL_SPAN_SAMPLE,
    .slots = NL_LSTM_OUTPUT_SLOTS,
    .declare = declare,
    .bound = {NL_BOUND(nl_lstm_output, o, in[O], 2), NL_BOUND(nl_lstm_output, h, out[0], 1),
              NL_BOUND(nl_lstm_output, dh, d_out[0], 1), NL_BOUND(nl_lstm_output, d_o, d_in[O], 2)},
    .reads = reads,
    .work = work,
    .reference = NL_REFERENCES(lstm_output),
};
