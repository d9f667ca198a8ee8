#ifndef TESTS_HOST_CUDA_COUNT_H
#define TESTS_HOST_CUDA_COUNT_H

#ifdef __cplusplus
extern "C"
#endif
int host_cuda_count(void (*body)(const void *context), const void *context);

#endif
