#ifndef TESTS_HOST_CUDA_COUNT_H
#define TESTS_HOST_CUDA_COUNT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
int host_cuda_count(void (*body)(const void *context), const void *context);
void host_cuda_room(size_t bytes); /* that the device shall have free */
void host_cuda_divide(uint32_t n, int by, uint32_t *quotient, uint32_t *rest); /* division.cuh */
#ifdef __cplusplus
}
#endif

#endif
