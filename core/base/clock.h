/* Time that only goes forward, for durations. */
#ifndef NL_BASE_CLOCK_H
#define NL_BASE_CLOCK_H

#include <time.h>

/* Seconds since some fixed moment. */
static inline double nl_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif
