/* Sorts numbers, and reads quantiles from them. */
#include "base/sorted.h"

#include <math.h>
#include <stdlib.h>

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

void nl_sort(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_value);
}

double nl_quantile_sorted(const double *sorted, size_t count, double probability)
{
    if (count == 0)
        return NAN;
    double place = probability * (double)(count - 1);
    size_t below = (size_t)floor(place);
    if (below >= count - 1)
        return sorted[count - 1];
    return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}
