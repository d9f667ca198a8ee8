/* Numbers in ascending order. */
#ifndef NL_BASE_SORTED_H
#define NL_BASE_SORTED_H

#include <stddef.h>

void nl_sort(double *values, size_t count);

/* NaN for none; linear between neighbours (numpy.quantile). */
double nl_quantile_sorted(const double *sorted, size_t count, double probability);

#endif
