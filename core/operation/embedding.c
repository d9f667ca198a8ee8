/* Embedding: of each token id, a row of a table. */
#include "operation/embedding.h"

#include "operation/reference.h"

enum {
    IDS = NL_EMBEDDING_IDS,
    WEIGHT = NL_EMBEDDING_WEIGHT,
    BLOCK = 64 /* channels whose sums are made side by side */
};

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_embedding *embedding = arguments;
    if (in[IDS].channels != 1)
        return nl_fail(err, "a position has one token id, not %d", in[IDS].channels);
    embedding->positions = nl_positions(in[IDS]);
    d->output[d->outputs++] = (struct nl_extent){in[IDS].height, in[IDS].width, embedding->channels};
    d->parameter[d->parameters++] =
        (struct nl_tensor_spec){.name = "weight",
                                .role = NL_WEIGHT,
                                .slot = WEIGHT,
                                .dims = 2,
                                .shape = {(size_t)embedding->vocabulary, (size_t)embedding->channels}};
    return NL_OK;
}

static struct nl_reads reads(const void *arguments, unsigned filled)
{
    (void)arguments, (void)filled;
    return (struct nl_reads){.inputs = 1u << IDS};
}

static double work(const void *arguments)
{
    const struct nl_embedding *embedding = arguments;
    return 4.0 * embedding->positions * embedding->channels;
}

/* ---- the reference ---- */

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_embedding *op = arguments;
    const int32_t *x = op->x;
    const real *w = op->w;
    real *y = op->y;
    for (int row = 0; row < run->samples * op->positions; row++)
        for (int c = 0; c < op->channels; c++)
            y[(size_t)row * op->channels + c] = w[(size_t)c * op->vocabulary + x[row]];
}

/* dw[first .. end - 1, id] */
static void sum_of_id(const struct nl_embedding *op, int rows, const int32_t *x, const real *dy, int id, int first,
                      int end, real *dw)
{
    accumulator sum[BLOCK] = {0};
    for (int row = 0; row < rows; row++)
        for (int c = first; x[row] == id && c < end; c++)
            sum[c - first] += dy[(size_t)row * op->channels + c];
    for (int c = first; c < end; c++)
        dw[(size_t)c * op->vocabulary + id] = sum[c - first];
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_embedding *op = arguments;
    for (int id = 0; op->dw && id < op->vocabulary; id++)
        for (int first = 0; first < op->channels; first += BLOCK)
            sum_of_id(op, run->samples * op->positions, op->x, op->dy, id, first,
                      op->channels - first < BLOCK ? op->channels : first + BLOCK, op->dw);
}

NL_KERNEL(embedding) = {.forward = forward, .backward = backward};

NL_OPERATION(embedding) = {
    .name = "embedding",
    .arguments = sizeof(struct nl_embedding),
    .span = NL_SPAN_SAMPLE,
    .slots = NL_EMBEDDING_SLOTS,
    .takes_int32 = 1u << IDS,
    .together = 1u << WEIGHT,
    .declare = declare,
    .bound = {NL_BOUND(nl_embedding, x, in[IDS], 2), NL_BOUND(nl_embedding, y, out[0], 1),
              NL_BOUND(nl_embedding, dy, d_out[0], 1), NL_BOUND(nl_embedding, dw, d_in[WEIGHT], 1)},
    .reads = reads,
    .work = work,
    .reference = NL_REFERENCES(embedding),
};
