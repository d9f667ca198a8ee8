/* What is read of tensors for a log. */
#include <string.h>

#include "backend/cpu/cpu.h"

void nl_cpu_copy_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_copy *op = arguments;
    for (int r = 0; r < run->replicas; r++) {
        size_t at = (size_t)r * run->stride;
        nl_cpu_copy(NL_AT(op->y, at), NL_AT(op->x, at), op->count * sizeof(float));
    }
}

enum { LANES = 8 };

/* The sums of a row go to sums[1 ... 3]: lane by lane, then over the lanes. before: zeros where nothing is subtracted. */
NL_CLONES
static void add_row(size_t count, const float *x, const float *before, double *sums)
{
    double sum[LANES] = {0}, squares[LANES] = {0}, zeros[LANES] = {0};
    for (size_t first = 0; first < count; first += LANES) {
        double value[LANES];
        size_t lanes = count - first < LANES ? count - first : LANES;
        for (size_t lane = 0; lane < lanes; lane++)
            value[lane] = before ? (double)x[first + lane] - before[first + lane] : x[first + lane];
        for (size_t lane = 0; lane < lanes; lane++) {
            sum[lane] += value[lane];
            squares[lane] += value[lane] * value[lane];
            zeros[lane] += value[lane] == 0;
        }
    }
    for (size_t lane = 1; lane < LANES; lane++) {
        sum[0] += sum[lane];
        squares[0] += squares[lane];
        zeros[0] += zeros[lane];
    }
    sums[1] += sum[0];
    sums[2] += squares[0];
    sums[3] += zeros[0];
}

void nl_cpu_observe(const struct nl_run *run, const void *arguments)
{
    const struct nl_observe *op = arguments;
    size_t rows = op->per_sample ? (size_t)run->samples : 1;
    for (int r = 0; r < run->replicas; r++) {
        size_t at = (size_t)r * run->stride;
        const float *x = NL_AT(op->x, at), *before = NL_AT(op->before, at);
        double *sums = NL_AT(op->sums, at);
        if (run->first == 0)
            memset(sums, 0, NL_OBSERVED * sizeof *sums);
        sums[0] += (double)rows * (double)op->count;
        for (size_t n = 0; n < rows; n++)
            add_row(op->count, x + n * op->count, before ? before + n * op->count : NULL, sums);
    }
}
