/* Included before a test of the backends: it tests cuda. */
#ifndef TESTS_ON_CUDA_H
#define TESTS_ON_CUDA_H

#include "backend/backend.h"

#ifdef ON_A_GPU /* whose memory the tests cannot look into: gpu/mapped.c */
extern struct nl_backend nl_backend_mapped;
static const struct nl_backend *const on_cuda[] = {&nl_backend_mapped, &nl_backend_ref, NULL};
#else
static const struct nl_backend *const on_cuda[] = {&nl_backend_cuda, &nl_backend_ref, NULL};
#endif
#define nl_backends on_cuda

#endif
