/* tests/kernels/test_backend_ends.c on the kernels for a GPU, executed by the host (tests/host_cuda). */
#include "on_cuda.h"
#include "test_backend_ends.c"
