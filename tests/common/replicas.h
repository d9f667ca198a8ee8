/* For tests that call kernels: for how many replicas a call is. */
#ifndef TESTS_REPLICAS_H
#define TESTS_REPLICAS_H

#include "backend/backend.h"

/* On the host for one, whatever the test has (operation/kernel.h). */
static inline int replicas_of(const struct nl_backend *backend, int most)
{
    return nl_is_on_host(backend) ? 1 : most;
}

#endif
