#include "operation/operation.h"

#include <stddef.h>

const struct nl_kernel *nl_kernel_of(const struct nl_backend *backend, const struct nl_operation *operation)
{
    return nl_kernel_find(backend, operation->name);
}
