/* Looks a kernel up: the backend's own comes before the reference's. */
#include "backend/backend.h"

const struct nl_kernel *nl_kernel_of(const struct nl_backend *backend, const struct nl_operation *operation,
                                     const void *arguments)
{
    for (const struct nl_own_kernel *own = backend->kernels; own && own->operation; own++)
        if (own->operation == operation && (!own->kernel->suits || own->kernel->suits(arguments)))
            return own->kernel;
    return nl_is_on_host(backend) ? operation->reference[backend->element] : NULL;
}
