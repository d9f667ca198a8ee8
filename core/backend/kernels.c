/* Looks a kernel up: the backend's own comes before the reference's. */
#include "backend/backend.h"

const struct nl_kernel *nl_kernel_of(const struct nl_backend *backend, const struct nl_operation *operation,
                                     const void *arguments)
{
    bool on_host = !backend->devices;
    for (const struct nl_own_kernel *own = backend->kernels; own && own->operation; own++)
        if (own->operation == operation && (!own->kernel->suits || own->kernel->suits(arguments)))
            return own->kernel;
    return on_host ? operation->reference[backend->element] : NULL;
}
