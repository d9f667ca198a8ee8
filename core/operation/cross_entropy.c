/* Softmax cross-entropy, the loss that a network ends with: of each sample, or of each position that the sample's length counts. */
#include "operation/cross_entropy.h"

enum { LOGITS, LABELS, LENGTHS, SLOTS };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_cross_entropy *loss = arguments;
    (void)d;
    loss->positions = nl_positions(in[LOGITS]), loss->classes = in[LOGITS].channels;
    if (nl_elements(in[LABELS]) != (size_t)loss->positions)
        return nl_fail(err, "it has labels for %zu of the logits' %d positions", nl_elements(in[LABELS]), loss->positions);
    return NL_OK;
}

static void bind(void *arguments, const struct nl_operands *at)
{
    struct nl_cross_entropy *loss = arguments;
    loss->logits = at->in[LOGITS], loss->labels = at->in[LABELS], loss->lengths = at->in[LENGTHS];
    loss->dlogits = at->d_in[LOGITS];
}

const struct nl_operation nl_cross_entropy_operation = {
    .name = "cross_entropy",
    .arguments = sizeof(struct nl_cross_entropy),
    .span = NL_SPAN_BATCH,
    .slots = SLOTS,
    .takes_int32 = 1u << LABELS | 1u << LENGTHS,
    .lengths = LENGTHS,
    .skips = 1u << LOGITS,
    .is_loss = true,
    .declare = declare,
    .bind = bind,
};
