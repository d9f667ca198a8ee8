/* How a competitor of race.py answers: first a line of JSON with numbers that must be everybody's, then, for each line
 * with a number of seconds on standard input, the microseconds that a call took over about so long. */
#ifndef NL_BENCH_ANSWER_H
#define NL_BENCH_ANSWER_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CHECKED = 20 };

static inline double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline void show(const float *made)
{
    printf("{\"losses\": [");
    for (int i = 0; i < CHECKED; i++)
        printf("%s%.9g", i ? ", " : "", (double)made[i]);
    printf("]}\n");
    fflush(stdout);
}

/* Seconds of a call over about `seconds`: asking the clock after each would cost more than the smallest kernels do. */
static inline double time_calls(void (*call)(void *), void *context, double seconds)
{
    int64_t calls = 0, group = 1;
    double start = now(), took;
    do {
        for (int64_t i = 0; i < group; i++)
            call(context);
        calls += group;
        took = now() - start;
        if (took < seconds / 16)
            group *= 2;
    } while (took < seconds);
    return took / (double)calls;
}

/* What every kernel and every peer is given (peers/kernel.py makes the same): ((i factor) mod 1009) / 504 - 1. */
static inline float number(size_t i, size_t factor)
{
    return (float)(i * factor % 1009) / 504.0f - 1.0f;
}

enum { FACTOR_X = 7919, FACTOR_DY = 104729, FACTOR_W = 1299709 };

#endif
