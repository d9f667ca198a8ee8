/* Mean squared error, the loss of real targets: of each sample, or of each position that the sample's length counts. */
#include "operation/squared_error.h"

#include "operation/reference.h"

enum { OUTPUTS = NL_SQUARED_ERROR_OUTPUTS, TARGETS = NL_SQUARED_ERROR_TARGETS, LENGTHS = NL_SQUARED_ERROR_LENGTHS };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_squared_error *loss = arguments;
    (void)d;
    loss->positions = nl_positions(in[OUTPUTS]), loss->channels = in[OUTPUTS].channels;
    if (nl_elements(in[TARGETS]) != nl_elements(in[OUTPUTS]))
        return nl_fail(err, "it has %zu targets for %zu outputs", nl_elements(in[TARGETS]), nl_elements(in[OUTPUTS]));
    return NL_OK;
}

/* ---- the reference ---- */

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_squared_error *op = arguments;
    const real *outputs = op->outputs, *targets = op->targets;
    const int32_t *lengths = op->lengths;
    struct nl_loss_sums *sums = run->sums;
    real *doutputs = op->doutputs;
    double counted = nl_counted(lengths, run->samples, op->positions);
    sums->counted += counted;
    for (int row = 0; row < run->samples * op->positions; row++) {
        bool counts = row % op->positions < nl_length_of(lengths, row / op->positions, op->positions);
        accumulator sum = 0;
        for (size_t at = (size_t)row * op->channels; at < (size_t)(row + 1) * op->channels; at++) {
            accumulator off = (accumulator)outputs[at] - targets[at];
            sum += off * off;
            if (doutputs)
                doutputs[at] = counts ? 2 * off / (op->channels * counted) : 0;
        }
        if (counts)
            sums->loss += real_part(sum) / op->channels;
    }
}

NL_KERNEL(squared_error) = {.forward = forward};

NL_OPERATION(squared_error) = {
    .name = "squared_error",
    .arguments = sizeof(struct nl_squared_error),
    .span = NL_SPAN_BATCH,
    .slots = NL_SQUARED_ERROR_SLOTS,
    .takes_int32 = 1u << LENGTHS,
    .lengths = LENGTHS,
    .skips = 1u << OUTPUTS,
    .constants = 1u << TARGETS,
    .is_loss = true,
    .declare = declare,
    .bound = {NL_BOUND(nl_squared_error, outputs, in[OUTPUTS], 3),
              NL_BOUND(nl_squared_error, doutputs, d_in[OUTPUTS], 1)},
    .reference = NL_REFERENCES(squared_error),
};
