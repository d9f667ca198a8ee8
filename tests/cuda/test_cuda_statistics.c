/* tests/kernels/test_statistics.c on the kernels for a GPU, executed by the host (tests/host_cuda). */
#include "on_cuda.h"
#include "test_statistics.c"
