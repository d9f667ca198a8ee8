/* What is the same on all backends. */
#include "backend/backend.h"

int nl_normalize_sets(const struct nl_normalize *op, int samples)
{
    struct nl_norm_setup setup = op->setup;
    setup.samples = samples;
    struct nl_partition partition = op->norm->partition(&setup);
    return nl_partition_sets(&partition, &setup);
}
