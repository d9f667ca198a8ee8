/* Pooling: 2x2 maximum, and the mean over all positions. */
#include <string.h>

#include "backend/ref/ref.h"
#include "operation/max_pool.h"
#include "operation/mean_pool.h"

/* Place in x of the first largest of the window of output pixel (i, j), channel c of sample n. A NaN counts as largest. */
static size_t largest(const struct nl_max_pool *op, const real *x, int n, int i, int j, int c)
{
    size_t best = (((size_t)n * op->height + 2 * i) * op->width + 2 * j) * op->channels + c;
    for (int p = 0; p < 2; p++)
        for (int q = 0; q < 2; q++) {
            size_t at = (((size_t)n * op->height + 2 * i + p) * op->width + 2 * j + q) * op->channels + c;
            if (real_part(x[at]) > real_part(x[best]) || (isnan(real_part(x[at])) && !isnan(real_part(x[best]))))
                best = at;
        }
    return best;
}

#define FOR_OUTPUTS(op, run)                                      \
    for (int n = 0; n < (run)->samples; n++)                      \
        for (int i = 0; i < (op)->height / 2; i++)                \
            for (int j = 0; j < (op)->width / 2; j++)             \
                for (int c = 0; c < (op)->channels; c++)

void NL_REFERENCE(max_pool_forward)(const struct nl_run *run, const void *arguments)
{
    const struct nl_max_pool *op = arguments;
    for (int r = 0; r < run->replicas; r++) {
        const real *x = nl_in_replica(run, op->x, r);
        real *y = nl_in_replica(run, op->y, r);
        FOR_OUTPUTS(op, run) *y++ = x[largest(op, x, n, i, j, c)];
    }
}

void NL_REFERENCE(max_pool_backward)(const struct nl_run *run, const void *arguments)
{
    const struct nl_max_pool *op = arguments;
    for (int r = 0; r < run->replicas; r++) {
        const real *x = nl_in_replica(run, op->x, r), *dy = nl_in_replica(run, op->dy, r);
        real *dx = nl_in_replica(run, op->dx, r);
        memset(dx, 0, (size_t)run->samples * op->height * op->width * op->channels * sizeof *dx);
        FOR_OUTPUTS(op, run) dx[largest(op, x, n, i, j, c)] = *dy++;
    }
}

void NL_REFERENCE(mean_pool_forward)(const struct nl_run *run, const void *arguments)
{
    const struct nl_mean_pool *op = arguments;
    for (int r = 0; r < run->replicas; r++) {
        const real *x = nl_in_replica(run, op->x, r); /* (N, S, C) */
        real *y = nl_in_replica(run, op->y, r);       /* (N, C) */
        for (int n = 0; n < run->samples; n++)
            for (int c = 0; c < op->channels; c++) {
                accumulator sum = 0;
                for (int s = 0; s < op->positions; s++)
                    sum += x[((size_t)n * op->positions + s) * op->channels + c];
                y[(size_t)n * op->channels + c] = sum / op->positions;
            }
    }
}

void NL_REFERENCE(mean_pool_backward)(const struct nl_run *run, const void *arguments)
{
    const struct nl_mean_pool *op = arguments;
    for (int r = 0; r < run->replicas; r++) {
        const real *dy = nl_in_replica(run, op->dy, r);
        real *dx = nl_in_replica(run, op->dx, r);
        for (int n = 0; n < run->samples; n++)
            for (int s = 0; s < op->positions; s++)
                for (int c = 0; c < op->channels; c++)
                    dx[((size_t)n * op->positions + s) * op->channels + c] = dy[(size_t)n * op->channels + c] / op->positions;
    }
}
