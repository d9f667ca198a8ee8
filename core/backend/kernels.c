/* What is the same on all backends. */
#include <string.h>

#include "backend/backend.h"

const struct nl_kernel *nl_kernel_find(const struct nl_backend *backend, const char *operation)
{
    for (const struct nl_kernel *kernel = backend->kernels; kernel->operation; kernel++)
        if (strcmp(kernel->operation, operation) == 0)
            return kernel;
    return NULL;
}

const struct nl_kernel *nl_kernel_of(const struct nl_backend *backend, const struct nl_operation *operation, const void *arguments)
{
    const struct nl_kernel *own = nl_kernel_find(backend, operation->name);
    bool on_host = !backend->devices, suits = own && (!own->suits || own->suits(arguments));
    if (suits || !on_host)
        return suits ? own : NULL;
    return operation->reference ? &operation->reference[backend->element] : nl_reference_kernel(backend->element, operation->name);
}
