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

/* What the lanes sum; each takes every LANES-th element. */
struct lanes {
    double sum[LANES], squares[LANES], zeros[LANES], least[LANES], most[LANES];
    double deviations[LANES], cubes[LANES], fourths[LANES];
    double weight[LANES], along[LANES], across[LANES];
};

/* The first look at the elements of so many lanes. */
static inline __attribute__((always_inline)) void see(struct lanes *l, const float *x, const float *before,
                                                      size_t lanes)
{
    for (size_t i = 0; i < lanes; i++) {
        double value = element(x, before, i);
        l->sum[i] += value;
        l->squares[i] += value * value;
        l->zeros[i] += value == 0;
        l->least[i] = -nl_larger_seen(-l->least[i], -value);
        l->most[i] = nl_larger_seen(l->most[i], value);
    }
    for (size_t i = 0; before && i < lanes; i++) {
        double from = before[i];
        l->weight[i] += from * from;
        l->along[i] += from * element(x, before, i);
    }
}

/* The second, when their mean is known, and which part of a change is along what it is added to. */
static inline __attribute__((always_inline)) void see_again(struct lanes *l, const float *x, const float *before,
                                                            double mean, double part, size_t lanes)
{
    for (size_t i = 0; i < lanes; i++) {
        double deviation = element(x, before, i) - mean, square = deviation * deviation;
        l->deviations[i] += square;
        l->cubes[i] += square * deviation;
        l->fourths[i] += square * square;
    }
    for (size_t i = 0; before && i < lanes; i++) {
        double rest = element(x, before, i) - part * before[i];
        l->across[i] += rest * rest;
    }
}

/* Lane by lane, then over the lanes. before: NULL, or what is subtracted. */
static inline __attribute__((always_inline)) struct nl_observed look_at(size_t count, const float *x,
                                                                        const float *before)
{
    struct nl_observed seen = nl_unseen();
    struct lanes l = {.sum = {0}};
    size_t whole = count - count % LANES;
    for (size_t i = 0; i < LANES; i++)
        l.least[i] = l.most[i] = element(x, before, 0);
    for (size_t first = 0; first < whole; first += LANES)
        see(&l, x + first, before ? before + first : NULL, LANES);
    see(&l, x + whole, before ? before + whole : NULL, count - whole);
    seen.elements = (double)count;
    seen.sum = sum_of(l.sum);
    seen.squares = sum_of(l.squares);
    seen.zeros = sum_of(l.zeros);
    seen.weight = sum_of(l.weight);
    seen.along = sum_of(l.along);
    seen.least = l.least[0];
    seen.most = l.most[0];
    for (int lane = 1; lane < LANES; lane++) {
        seen.least = -nl_larger_seen(-seen.least, -l.least[lane]);
        seen.most = nl_larger_seen(seen.most, l.most[lane]);
    }
    double mean = seen.sum / seen.elements, part = nl_seen_along(&seen);
    for (size_t first = 0; first < whole; first += LANES)
        see_again(&l, x + first, before ? before + first : NULL, mean, part, LANES);
    see_again(&l, x + whole, before ? before + whole : NULL, mean, part, count - whole);
    seen.deviations = sum_of(l.deviations);
    seen.cubes = sum_of(l.cubes);
    seen.fourths = sum_of(l.fourths);
    seen.across = sum_of(l.across);
    return seen;
}

NL_CLONES
static struct nl_observed look(size_t count, const float *x)
{
    return look_at(count, x, NULL);
}

NL_CLONES
static struct nl_observed look_at_change(size_t count, const float *x, const float *before)
{
    return look_at(count, x, before);
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
        *seen = nl_seen_together(*seen, before ? look_at_change(op->count, x + n * op->count, before + n * op->count)
                                               : look(op->count, x + n * op->count));
}

NL_CPU_KERNEL(observe) = {.forward = observe};
