/* Included before a test of the backends: it tests cuda. */
#ifndef TESTS_ON_CUDA_H
#define TESTS_ON_CUDA_H

#include "backend/backend.h"

static const struct nl_backend *const on_cuda[] = {&nl_backend_cuda, &nl_backend_ref, NULL};
#define nl_backends on_cuda

#endif
