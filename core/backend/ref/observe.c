/* What is read of tensors for a log. */
#include <string.h>

#include "backend/ref/ref.h"

void nl_ref_copy(const struct nl_run *run, const void *arguments)
{
    const struct nl_copy *op = arguments;
    for (int r = 0; r < run->replicas; r++)
        memcpy(nl_in_replica(run, op->y, r), nl_in_replica(run, op->x, r), op->count * sizeof(double));
}

void nl_ref_observe(const struct nl_run *run, const void *arguments)
{
    const struct nl_observe *op = arguments;
    int rows = op->per_sample ? run->samples : 1;
    for (int r = 0; r < run->replicas; r++) {
        const double *x = nl_in_replica(run, op->x, r), *before = nl_in_replica(run, op->before, r);
        double *sums = nl_in_replica(run, op->sums, r);
        if (run->first == 0)
            memset(sums, 0, NL_OBSERVED * sizeof *sums);
        for (size_t at = 0, n = 0; n < (size_t)rows; n++) {
            double row[NL_OBSERVED] = {(double)op->count};
            for (size_t i = 0; i < op->count; i++, at++) {
                double value = before ? x[at] - before[at] : x[at];
                row[1] += value;
                row[2] += value * value;
                row[3] += value == 0;
            }
            for (int i = 0; i < NL_OBSERVED; i++)
                sums[i] += row[i];
        }
    }
}
