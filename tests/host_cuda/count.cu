/* For tests: how many launches a piece of work is, without making them; how much memory there is. */
#include "count.h"

#include <cuda_runtime.h>

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
