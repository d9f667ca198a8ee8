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

const struct nl_operation slice_operation = {.name = "slice",
                                             .arguments = sizeof(struct slice),
                                             .slots = 1,
                                             .declare = declare_slice,
                                             .bound = {NL_BOUND(slice, x, in[0], 1),
                                                       NL_BOUND(slice, y, out[0], 1),
                                                       NL_BOUND(slice, dy, d_out[0], 1),
                                                       NL_BOUND(slice, dx, d_in[0], 1)},
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

const struct nl_operation before_operation = {.name = "before",
                                              .arguments = sizeof(struct before),
                                              .slots = 1,
                                              .takes_int32 = 1,
                                              .makes_int32 = 1,
                                              .declare = declare_before,
                                              .bound = {NL_BOUND(before, x, in[0], 1),
                                                        NL_BOUND(before, y, out[0], 1)},
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

const struct nl_operation cell_operation = {.name = "cell",
                                            .arguments = sizeof(struct cell),
                                            .slots = 2,
                                            .declare = declare_cell,
                                            .bound = {NL_BOUND(cell, gates, in[0], 2),
                                                      NL_BOUND(cell, h, out[0], 2),
                                                      NL_BOUND(cell, dh, d_out[0], 2),
                                                      NL_BOUND(cell, dgates, d_in[0], 2)},
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

const struct nl_operation tied_operation = {.name = "tied",
                                            .arguments = sizeof(struct tied),
                                            .slots = 2,
                                            .declare = declare_tied,
                                            .bound = {NL_BOUND(tied, x, in[0], 2),
                                                      NL_BOUND(tied, y, out[0], 1),
                                                      NL_BOUND(tied, dy, d_out[0], 1),
                                                      NL_BOUND(tied, dx, d_in[0], 2)},
                                            .reads = reads_inputs,
                                            .reference = NL_REFERENCES(tied)};
