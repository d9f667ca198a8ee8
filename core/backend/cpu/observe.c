/* What is seen of a tensor, for a log. */
#include <math.h>

#include "backend/cpu/cpu.h"
#include "operation/observe.h"

enum { LANES = 8 };

static double sum_of(const double lane[LANES])
{
    double sum = 0;
    for (int i = 0; i < LANES; i++)
        sum += lane[i];
    return sum;
}

static inline double element(const float *x, const float *before, size_t i)
{
    return before ? (double)x[i] - before[i] : x[i];
}

/* weight, along and across of a change. */
NL_CLONES
static void look_back(size_t count, const float *x, const float *before, struct nl_observed *seen)
{
    double weight[LANES] = {0}, along[LANES] = {0}, across[LANES] = {0};
    for (size_t first = 0; first < count; first += LANES)
        for (size_t lane = 0; lane < LANES && first + lane < count; lane++) {
            double from = before[first + lane];
            weight[lane] += from * from;
            along[lane] += from * element(x, before, first + lane);
        }
    seen->weight = sum_of(weight);
    seen->along = sum_of(along);
    double part = nl_seen_along(seen);
    for (size_t first = 0; first < count; first += LANES)
        for (size_t lane = 0; lane < LANES && first + lane < count; lane++) {
            double rest = element(x, before, first + lane) - part * before[first + lane];
            across[lane] += rest * rest;
        }
    seen->across = sum_of(across);
}

/* Lane by lane, then over the lanes. before: NULL, or what is subtracted. */
NL_CLONES
static struct nl_observed look(size_t count, const float *x, const float *before)
{
    double sum[LANES] = {0}, squares[LANES] = {0}, zeros[LANES] = {0}, powers[3][LANES] = {{0}};
    double least[LANES], most[LANES];
    for (size_t lane = 0; lane < LANES; lane++)
        least[lane] = most[lane] = element(x, before, 0);
    for (size_t first = 0; first < count; first += LANES)
        for (size_t lane = 0; lane < LANES && first + lane < count; lane++) {
            double value = element(x, before, first + lane);
            sum[lane] += value;
            squares[lane] += value * value;
            zeros[lane] += value == 0;
            least[lane] = -nl_larger_seen(-least[lane], -value);
            most[lane] = nl_larger_seen(most[lane], value);
        }
    struct nl_observed seen = nl_unseen();
    seen.elements = (double)count;
    seen.sum = sum_of(sum);
    seen.squares = sum_of(squares);
    seen.zeros = sum_of(zeros);
    seen.least = least[0];
    seen.most = most[0];
    for (int lane = 1; lane < LANES; lane++) {
        seen.least = -nl_larger_seen(-seen.least, -least[lane]);
        seen.most = nl_larger_seen(seen.most, most[lane]);
    }
    double mean = seen.sum / seen.elements;
    for (size_t first = 0; first < count; first += LANES)
        for (size_t lane = 0; lane < LANES && first + lane < count; lane++) {
            double deviation = element(x, before, first + lane) - mean, square = deviation * deviation;
            powers[0][lane] += square;
            powers[1][lane] += square * deviation;
            powers[2][lane] += square * square;
        }
    seen.deviations = sum_of(powers[0]);
    seen.cubes = sum_of(powers[1]);
    seen.fourths = sum_of(powers[2]);
    if (before)
        look_back(count, x, before, &seen);
    return seen;
}

static void observe(const struct nl_run *run, const void *arguments)
{
    const struct nl_observe *op = arguments;
    size_t rows = op->per_sample ? (size_t)run->samples : 1;
    const float *x = (const float *)op->x + op->first, *before = op->before;
    struct nl_observed *seen = op->seen;
    if (run->before + run->first == 0)
        *seen = nl_unseen();
    for (size_t n = 0; n < rows; n++)
        *seen = nl_seen_together(*seen, look(op->count, x + n * op->count, before ? before + n * op->count : NULL));
}

NL_CPU_KERNEL(observe) = {.forward = observe};
