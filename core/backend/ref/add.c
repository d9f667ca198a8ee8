/* The sum at the end of a residual block, and sums of activations or gradients. */
#include <string.h>

#include "backend/ref/ref.h"
#include "operation/accumulate.h"
#include "operation/add.h"

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

void NL_REFERENCE(add_forward)(const struct nl_run *run, const void *arguments)
{
    const struct nl_add *op = arguments;
    for (int r = 0; r < run->replicas; r++) {
        const real *a = nl_in_replica(run, op->a, r), *b = nl_in_replica(run, op->b, r);
        real *y = nl_in_replica(run, op->y, r);
        size_t at = 0;
        FOR_OUTPUTS(op, run) {
            real sum = c < op->from_channels ? a[at] + b[source(op, n, i, j, c)] : a[at];
            y[at++] = op->relu && real_part(sum) < 0 ? 0 : sum; /* NaN stays NaN */
        }
    }
}

void NL_REFERENCE(add_backward)(const struct nl_run *run, const void *arguments)
{
    const struct nl_add *op = arguments;
    for (int r = 0; r < run->replicas; r++) {
        const real *y = nl_in_replica(run, op->y, r), *dy = nl_in_replica(run, op->dy, r);
        real *da = nl_in_replica(run, op->da, r), *db = nl_in_replica(run, op->db, r);
        size_t at = 0;
        if (db != da) /* the pixels between */
            memset(db, 0, (size_t)run->samples * op->from_height * op->from_width * op->from_channels * sizeof *db);
        FOR_OUTPUTS(op, run) {
            da[at] = op->relu && !(real_part(y[at]) > 0) ? 0 : dy[at];
            if (c < op->from_channels)
                db[source(op, n, i, j, c)] = da[at];
            at++;
        }
    }
}

void NL_REFERENCE(accumulate)(const struct nl_run *run, const void *arguments)
{
    const struct nl_accumulate *op = arguments;
    for (int r = 0; r < run->replicas; r++) {
        const real *x = nl_in_replica(run, op->x, r);
        real *y = nl_in_replica(run, op->y, r);
        for (size_t i = 0; i < op->count; i++)
            y[i] += x[i];
    }
}
