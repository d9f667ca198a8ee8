/* What is the same on all backends. */
#include <string.h>

#include "backend/backend.h"

int nl_normalize_sets(const struct nl_normalize *op, int samples)
{
    struct nl_norm_setup setup = op->setup;
    setup.samples = samples;
    struct nl_partition partition = op->norm->partition(&setup);
    return nl_partition_sets(&partition, &setup);
}

const struct nl_kernel *nl_kernel_find(const struct nl_backend *backend, const char *operation)
{
    for (const struct nl_kernel *kernel = backend->kernels; kernel->operation; kernel++)
        if (strcmp(kernel->operation, operation) == 0)
            return kernel;
    return NULL;
}
