/* The table of backends. */
#include "backend/backend.h"

#include "base/machine.h"

const struct nl_backend *const nl_backends[] = {&nl_backend_cpu, &nl_backend_ref, NULL};

const struct nl_backend *nl_backend_of(enum nl_device_kind kind)
{
    switch (kind) {
    case NL_CPU:
        return &nl_backend_cpu;
    case NL_REF:
        return &nl_backend_ref;
    case NL_CUDA:
#ifdef NORMLAB_CUDA
        return &nl_backend_cuda;
#else
        return NULL;
#endif
    }
    NL_BUG("device kind %d", kind);
}

int nl_device_check(enum nl_device_kind kind, int device, struct nl_error *err)
{
    const struct nl_backend *backend = nl_backend_of(kind);
    if (!backend)
        return nl_fail(err, "this normlab was built without %s", nl_device_names[kind]);
    int count = backend->devices ? backend->devices(err) : 1;
    if (count == 0)
        return NL_FAIL;
    if (device >= count)
        return nl_fail(err, "there is no device %d of kind %s: this machine has %d, counted from 0", device,
                       backend->name, count);
    return NL_OK;
}

double nl_device_memory(enum nl_device_kind kind, int device)
{
    const struct nl_backend *backend = nl_backend_of(kind);
    return backend && backend->memory ? backend->memory(device) : nl_memory_available();
}

int nl_precision_check(enum nl_device_kind kind, int device, enum nl_precision precision, struct nl_error *err)
{
    const struct nl_backend *backend = nl_backend_of(kind);
    if (precision == NL_FLOAT32)
        return NL_OK;
    if (!backend->multiplies)
        return nl_fail(err, "%s has no products of %s: only cuda has (device.kind)", backend->name,
                       nl_precision_names[precision]);
    return backend->multiplies(device, precision, err);
}

const struct nl_backend *nl_device_begin(enum nl_device_kind kind, int device, enum nl_gemm gemm, struct nl_error *err)
{
    if (nl_device_check(kind, device, err) != NL_OK || nl_gemm_check(kind, gemm, err) != NL_OK)
        return NULL;
    const struct nl_backend *backend = nl_backend_of(kind);
    return backend->thread_begin(device, err) == NL_OK ? backend : NULL;
}

int nl_backend_status(const struct nl_backend *backend, struct nl_error *err)
{
    return backend->status ? backend->status(err) : NL_OK;
}

bool nl_device_is_lost(enum nl_device_kind kind)
{
    const struct nl_backend *backend = nl_backend_of(kind);
    return backend && backend->is_lost && backend->is_lost();
}
