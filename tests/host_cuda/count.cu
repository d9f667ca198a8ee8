/* For tests: how many launches a piece of work is, without making them. */
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
