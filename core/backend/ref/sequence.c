/* What loops over time begin and end with. */
#include <string.h>

#include "backend/ref/ref.h"
#include "operation/transpose.h"
#include "operation/zero.h"

void NL_REFERENCE(zero)(const struct nl_run *run, const void *arguments)
{
    const struct nl_zero *op = arguments;
    for (int r = 0; r < run->replicas; r++) {
        real *y = nl_in_replica(run, op->y, r);
        for (size_t i = 0; i < op->count * (op->per_sample ? (size_t)run->samples : 1); i++)
            y[i] = 0;
    }
}

/* (rows, columns) of vectors to (columns, rows). */
static void transpose(const struct nl_run *run, size_t rows, size_t columns, size_t channels, const void *from, void *to)
{
    for (int r = 0; r < run->replicas; r++) {
        const real *x = nl_in_replica(run, from, r);
        real *y = nl_in_replica(run, to, r);
        for (size_t row = 0; row < rows; row++)
            for (size_t column = 0; column < columns; column++)
                memcpy(y + (column * rows + row) * channels, x + (row * columns + column) * channels, channels * sizeof *y);
    }
}

void NL_REFERENCE(transpose_forward)(const struct nl_run *run, const void *arguments)
{
    const struct nl_transpose *op = arguments;
    size_t samples = (size_t)run->samples, times = (size_t)op->times;
    transpose(run, op->leaves ? times : samples, op->leaves ? samples : times, (size_t)op->channels, op->x, op->y);
}

void NL_REFERENCE(transpose_backward)(const struct nl_run *run, const void *arguments)
{
    const struct nl_transpose *op = arguments;
    size_t samples = (size_t)run->samples, times = (size_t)op->times;
    transpose(run, op->leaves ? samples : times, op->leaves ? times : samples, (size_t)op->channels, op->dy, op->dx);
}
