/* Sequences of different lengths in one batch: of each, the first positions count. */
#ifndef NL_OPERATION_LENGTHS_H
#define NL_OPERATION_LENGTHS_H

#include "base/everywhere.h"
#include "operation/kernel.h"

/* How many positions of sample n count, from position `first` on. lengths (N), or NULL: all of them do. */
static inline NL_EVERYWHERE int nl_length_from(const int32_t *lengths, int n, int first, int positions)
{
    int length = lengths ? lengths[n] - first : positions;
    return length < 0 ? 0 : length < positions ? length : positions;
}

static inline NL_EVERYWHERE int nl_length_of(const int32_t *lengths, int n, int positions)
{
    return nl_length_from(lengths, n, 0, positions);
}

/* And of so many samples. */
static inline NL_EVERYWHERE double nl_counted(const int32_t *lengths, int samples, int positions)
{
    double counted = 0;
    for (int n = 0; lengths && n < samples; n++)
        counted += nl_length_of(lengths, n, positions);
    return lengths ? counted : (double)samples * positions;
}

#endif
