/* The descriptors of the operations that normlab has not (operations.h). */
#include "operations.h"

NL_DECLARE_REFERENCES(slice);
NL_DECLARE_REFERENCES(cell);
NL_DECLARE_REFERENCES(tied);
NL_DECLARE_REFERENCES(before);

static int declare_slice(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct slice *slice = arguments;
    (void)err;
    slice->positions = nl_positions(in[0]), slice->channels = in[0].channels;
    d->output[d->outputs++] = (struct nl_extent){1, slice->count, in[0].channels};
    return NL_OK;
}

static void bind_slice(void *arguments, const struct nl_operands *at)
{
    struct slice *slice = arguments;
    slice->x = at->in[0], slice->y = at->out[0], slice->dy = at->d_out[0], slice->dx = at->d_in[0];
}

const struct nl_operation slice_operation = {.name = "slice",
                                             .arguments = sizeof(struct slice),
                                             .slots = 1,
                                             .declare = declare_slice,
                                             .bind = bind_slice,
                                             .reference = NL_REFERENCES(slice)};

static struct nl_reads reads_inputs(const void *arguments, unsigned filled)
{
    (void)arguments;
    return (struct nl_reads){.inputs = filled};
}

static int declare_before(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct before *before = arguments;
    (void)err;
    before->positions = nl_positions(in[0]);
    d->output[d->outputs++] = in[0];
    return NL_OK;
}

static void bind_before(void *arguments, const struct nl_operands *at)
{
    struct before *before = arguments;
    before->x = at->in[0], before->y = at->out[0];
}

const struct nl_operation before_operation = {.name = "before",
                                              .arguments = sizeof(struct before),
                                              .slots = 1,
                                              .takes_int32 = 1,
                                              .makes_int32 = 1,
                                              .declare = declare_before,
                                              .bind = bind_before,
                                              .reference = NL_REFERENCES(before)};

static int declare_cell(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct cell *cell = arguments;
    (void)err;
    cell->width = in[1].channels;
    d->output[d->outputs++] = in[1];
    d->output[d->outputs++] = in[1];
    return NL_OK;
}

static void bind_cell(void *arguments, const struct nl_operands *at)
{
    struct cell *cell = arguments;
    cell->gates = at->in[0], cell->c = at->in[1], cell->dgates = at->d_in[0], cell->dc = at->d_in[1];
    cell->h = at->out[0], cell->next = at->out[1], cell->dh = at->d_out[0], cell->dnext = at->d_out[1];
}

const struct nl_operation cell_operation = {.name = "cell",
                                            .arguments = sizeof(struct cell),
                                            .slots = 2,
                                            .declare = declare_cell,
                                            .bind = bind_cell,
                                            .reads = reads_inputs,
                                            .reference = NL_REFERENCES(cell)};

static int declare_tied(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct tied *tied = arguments;
    (void)err;
    tied->in = in[0].channels;
    d->output[d->outputs++] = (struct nl_extent){1, 1, tied->out};
    return NL_OK;
}

static void bind_tied(void *arguments, const struct nl_operands *at)
{
    struct tied *tied = arguments;
    tied->x = at->in[0], tied->w = at->in[1], tied->dx = at->d_in[0], tied->dw = at->d_in[1];
    tied->y = at->out[0], tied->dy = at->d_out[0];
}

const struct nl_operation tied_operation = {.name = "tied",
                                            .arguments = sizeof(struct tied),
                                            .slots = 2,
                                            .declare = declare_tied,
                                            .bind = bind_tied,
                                            .reads = reads_inputs,
                                            .reference = NL_REFERENCES(tied)};
