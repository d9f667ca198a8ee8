/* What is seen of a tensor, for a log. */
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

/* Lane by lane, then over the lanes. before: NULL, or what is subtracted. */
NL_CLONES
static struct nl_observed look(size_t count, const float *x, const float *before)
{
    double sum[LANES] = {0}, squares[LANES] = {0}, zeros[LANES] = {0}, around[LANES] = {0};
    for (size_t first = 0; first < count; first += LANES)
        for (size_t lane = 0; lane < LANES && first + lane < count; lane++) {
            double value = element(x, before, first + lane);
            sum[lane] += value;
            squares[lane] += value * value;
            zeros[lane] += value == 0;
        }
    struct nl_observed seen = {
        .elements = (double)count, .sum = sum_of(sum), .squares = sum_of(squares), .zeros = sum_of(zeros)};
    double mean = seen.sum / seen.elements;
    for (size_t first = 0; first < count; first += LANES)
        for (size_t lane = 0; lane < LANES && first + lane < count; lane++) {
            double difference = element(x, before, first + lane) - mean;
            around[lane] += difference * difference;
        }
    seen.deviations = sum_of(around);
    return seen;
}

static void observe(const struct nl_run *run, const void *arguments)
{
    const struct nl_observe *op = arguments;
    size_t rows = op->per_sample ? (size_t)run->samples : 1;
    const float *x = (const float *)op->x + op->first, *before = op->before;
    struct nl_observed *seen = op->seen;
    if (run->before + run->first == 0)
        *seen = (struct nl_observed){0};
    for (size_t n = 0; n < rows; n++)
        *seen = nl_seen_together(*seen, look(op->count, x + n * op->count, before ? before + n * op->count : NULL));
}

NL_CPU_KERNEL(observe) = {.forward = observe};
