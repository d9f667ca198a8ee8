/* The sum at the end of a residual block: a, and every stride-th pixel of the shortcut b, without its new channels. */
#include "operation/add.h"

#include <string.h>

#include "operation/describe.h"
#include "operation/reference.h"

enum { A, B, SLOTS };

static int declare(void *arguments, const struct nl_extent *in, struct nl_declaration *d, struct nl_error *err)
{
    struct nl_add *add = arguments;
    int stride = add->stride, height = (in[B].height - 1) / stride + 1, width = (in[B].width - 1) / stride + 1;
    if (height != in[A].height || width != in[A].width || in[B].channels > in[A].channels)
        return nl_fail(err, "%d x %d x %d numbers cannot be added to %d x %d x %d", height, width, in[B].channels,
                       in[A].height, in[A].width, in[A].channels);
    add->height = in[A].height, add->width = in[A].width, add->channels = in[A].channels;
    add->from_height = in[B].height, add->from_width = in[B].width, add->from_channels = in[B].channels;
    d->output[d->outputs++] = in[A];
    return NL_OK;
}

static struct nl_reads reads(const void *arguments, unsigned filled)
{
    const struct nl_add *add = arguments;
    (void)filled;
    return (struct nl_reads){.outputs = add->relu};
}

static struct nl_sharing sharing(const void *arguments, unsigned filled)
{
    const struct nl_add *add = arguments;
    (void)filled;
    bool identity = nl_add_is_identity(add);
    return (struct nl_sharing){
        .output = identity ? 1u << A | 1u << B : 0, .gradient = 1u << A, .same = identity ? 1u << B : 0};
}

static double work(const void *arguments)
{
    const struct nl_add *add = arguments;
    return 4.0 * add->height * add->width * add->channels;
}

/* ---- the reference ---- */

/* Place in b of what is added to element (n, i, j, c) of a. */
static size_t source(const struct nl_add *op, int n, int i, int j, int c)
{
    return (((size_t)n * op->from_height + i * op->stride) * op->from_width + j * op->stride) * op->from_channels + c;
}

#define FOR_OUTPUTS(op, run)                           \
    for (int n = 0; n < (run)->samples; n++)           \
        for (int i = 0; i < (op)->height; i++)         \
            for (int j = 0; j < (op)->width; j++)      \
                for (int c = 0; c < (op)->channels; c++)

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_add *op = arguments;
    const real *a = op->a, *b = op->b;
    real *y = op->y;
    size_t at = 0;
    FOR_OUTPUTS(op, run)
    {
        real sum = c < op->from_channels ? a[at] + b[source(op, n, i, j, c)] : a[at];
        y[at++] = op->relu && real_part(sum) < 0 ? 0 : sum; /* NaN stays NaN */
    }
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_add *op = arguments;
    const real *y = op->y, *dy = op->dy;
    real *da = op->da, *db = op->db;
    size_t at = 0;
    if (db != da) /* the pixels between */
        memset(db, 0, (size_t)run->samples * op->from_height * op->from_width * op->from_channels * sizeof *db);
    FOR_OUTPUTS(op, run)
    {
        da[at] = op->relu && !(real_part(y[at]) > 0) ? 0 : dy[at];
        if (c < op->from_channels)
            db[source(op, n, i, j, c)] = da[at];
        at++;
    }
}

NL_KERNEL(add) = {.forward = forward, .backward = backward};

static void describe(const void *arguments, struct nl_text *json)
{
    const struct nl_add *op = arguments;
    nl_json_member_number(json, "stride", op->stride);
}

NL_OPERATION(add) = {
    .name = "add",
    .arguments = sizeof(struct nl_add),
    .span = NL_SPAN_SAMPLE,
    .slots = SLOTS,
    .passes_constants = true,
    .declare = declare,
    .bound = {NL_BOUND(nl_add, a, in[A], 2), NL_BOUND(nl_add, y, out[0], 1), NL_BOUND(nl_add, dy, d_out[0], 1),
              NL_BOUND(nl_add, da, d_in[A], 2)},
    .reads = reads,
    .sharing = sharing,
    .work = work,
    .describe = describe,
    .reference = NL_REFERENCES(add),
};
