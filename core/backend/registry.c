/* The table of backends, and what is the same on all of them. */
#include "backend/backend.h"

const struct nl_backend *const nl_backends[] = {&nl_backend_cpu, &nl_backend_ref, NULL};

int nl_normalize_sets(const struct nl_normalize *op, int samples)
{
    struct nl_norm_setup setup = op->setup;
    setup.samples = samples;
    struct nl_partition partition = op->norm->partition(&setup);
    return nl_partition_sets(&partition, &setup);
}
