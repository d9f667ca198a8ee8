/* Softmax cross-entropy, the loss that a network ends with: of each sample, or of each position that the sample's
 * length counts. */
#include "operation/cross_entropy.h"

#include "operation/reference.h"

enum { LOGITS, LABELS, LENGTHS, SLOTS };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_cross_entropy *loss = arguments;
    (void)d;
    loss->positions = nl_positions(in[LOGITS]), loss->classes = in[LOGITS].channels;
    if (nl_elements(in[LABELS]) != (size_t)loss->positions)
        return nl_fail(err, "it has labels for %zu of the logits' %d positions", nl_elements(in[LABELS]),
                       loss->positions);
    return NL_OK;
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_cross_entropy *op = arguments;
    int classes = op->classes;
    const real *logits = op->logits; /* (N, S, K) */
    const int32_t *labels = op->labels, *lengths = op->lengths;
    struct nl_loss_sums *sums = run->sums;
    real *dlogits = op->dlogits;
    double smoothing = nl_smoothing(op->hyper, run->statistics), each = smoothing / classes;
    double counted = nl_counted(lengths, run->samples, op->positions);
    sums->counted += counted;
    for (int row = 0; row < run->samples * op->positions; row++, logits += classes) {
        bool counts = row % op->positions < nl_length_of(lengths, row / op->positions, op->positions);
        int best = 0;
        accumulator largest = logits[0], sum = 0, mean = 0;
        for (int k = 1; k < classes; k++)
            if (real_part(logits[k]) > real_part(largest) || isnan(real_part(logits[k])))
                largest = logits[best = k];
        for (int k = 0; k < classes; k++)
            sum += exp(logits[k] - largest);
        for (int k = 0; smoothing > 0 && k < classes; k++)
            mean += logits[k] / classes;
        if (counts) {
            sums->loss += real_part(log(sum) + largest - logits[labels[row]]);
            if (smoothing > 0)
                sums->loss += smoothing * real_part(logits[labels[row]] - mean);
            sums->correct += best == labels[row] && !isnan(real_part(largest));
        }
        for (int k = 0; dlogits && k < classes; k++)
            dlogits[(size_t)row * classes + k] =
                counts ? (exp(logits[k] - largest) / sum - ((1 - smoothing) * (k == labels[row]) + each)) / counted : 0;
    }
}

NL_KERNEL(cross_entropy) = {.forward = forward};

NL_OPERATION(cross_entropy) = {
    .name = "cross_entropy",
    .arguments = sizeof(struct nl_cross_entropy),
    .span = NL_SPAN_BATCH,
    .slots = SLOTS,
    .takes_int32 = 1u << LABELS | 1u << LENGTHS,
    .lengths = LENGTHS,
    .skips = 1u << LOGITS,
    .is_loss = true,
    .declare = declare,
    .bound = {NL_BOUND(nl_cross_entropy, logits, in[LOGITS], 3), NL_BOUND(nl_cross_entropy, dlogits, d_in[LOGITS], 1),
              NL_BOUND(nl_cross_entropy, hyper, hyper, 1)},
    .reference = NL_REFERENCES(cross_entropy),
};
