/* For tests: how many launches a piece of work is, without making them; how much memory there is; how kernels
 * divide. */
#include "count.h"

#include "backend/cuda/division.cuh"

int host_cuda_count(void (*body)(const void *context), const void *context)
{
    cudaGraph_t graph;
    host_cuda_counting = true;
    cudaStreamBeginCapture(cudaStreamPerThread, cudaStreamCaptureModeThreadLocal);
    body(context);
    cudaStreamEndCapture(cudaStreamPerThread, &graph);
    host_cuda_counting = false;
    int launches = (int)graph->size();
    cudaGraphDestroy(graph);
    return launches;
}

void host_cuda_room(size_t bytes)
{
    host_cuda_free_bytes = bytes;
}

void host_cuda_divide(uint32_t n, int by, uint32_t *quotient, uint32_t *rest)
{
    struct nl_division found = nl_divide(n, nl_divisor_of(by));
    *quotient = found.quotient;
    *rest = found.rest;
}
