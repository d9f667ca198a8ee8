/* The cuda backend with images that the host sees too (pinned and mapped), because the tests of the backends look into
 * them. With CUDA_LAUNCH_BLOCKING=1 nothing is under way when they do. */
#include <cuda_runtime_api.h>
#include <string.h>

#include "backend/backend.h"

struct nl_backend nl_backend_mapped;

static void *alloc(size_t bytes)
{
    void *memory = NULL;
    return cudaHostAlloc(&memory, bytes ? bytes : 1, cudaHostAllocMapped) == cudaSuccess ? memset(memory, 0, bytes)
                                                                                         : NULL;
}

static void release(void *memory, size_t bytes)
{
    (void)bytes;
    cudaFreeHost(memory);
}

static void copy(void *to, const void *from, size_t bytes)
{
    cudaDeviceSynchronize();
    memcpy(to, from, bytes);
}

static void put_reals(void *to, const double *from, size_t count)
{
    cudaDeviceSynchronize();
    for (size_t i = 0; i < count; i++)
        ((float *)to)[i] = (float)from[i];
}

static void get_reals(double *to, const void *from, size_t count)
{
    cudaDeviceSynchronize();
    for (size_t i = 0; i < count; i++)
        to[i] = ((const float *)from)[i];
}

__attribute__((constructor)) static void fill_in(void)
{
    nl_backend_mapped = nl_backend_cuda;
    nl_backend_mapped.alloc = alloc;
    nl_backend_mapped.free = release;
    nl_backend_mapped.upload = nl_backend_mapped.download = copy;
    nl_backend_mapped.put_reals = put_reals;
    nl_backend_mapped.get_reals = get_reals;
}
