/* Dropout. Backward draws the mask of forward again, so nothing is kept. */
#include "operation/dropout.h"

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_dropout *dropout = arguments;
    (void)err;
    dropout->count = nl_elements(in[0]);
    d->output[d->outputs++] = in[0];
    d->state[d->states++] =
        (struct nl_tensor_spec){.name = "key", .role = NL_STREAM_KEY, .type = NL_TENSOR_UINT32, .dims = 1, .shape = {2}};
    return NL_OK;
}

static void bind(void *arguments, const struct nl_operands *at)
{
    struct nl_dropout *dropout = arguments;
    dropout->x = at->in[0], dropout->y = at->out[0];
    dropout->dy = at->d_out[0], dropout->dx = at->d_in[0];
    dropout->key = at->state[0];
    dropout->hyper = at->hyper;
}

static double work(const void *arguments)
{
    const struct nl_dropout *dropout = arguments;
    return 4.0 * (double)dropout->count;
}

const struct nl_operation nl_dropout_operation = {
    .name = "dropout",
    .arguments = sizeof(struct nl_dropout),
    .span = NL_SPAN_SAMPLE,
    .slots = 1,
    .declare = declare,
    .bind = bind,
    .work = work,
};
