/* The table of the cuda backend. */
#include "backend/cuda/cuda.h"

#ifndef NORMLAB_CUDA_BUILT
#define NORMLAB_CUDA_BUILT "of the tests"
#endif

/* The operations that it has a kernel of its own for, nl_cuda_NAME, as core/lists.cmake finds them. */
#define KERNEL(name)                                        \
    extern const struct nl_operation nl_##name##_operation; \
    extern const struct nl_kernel nl_cuda_##name;
#include "cuda_kernels.def"
#undef KERNEL
#define KERNEL(name) {&nl_##name##_operation, &nl_cuda_##name},
static const struct nl_own_kernel kernels[] = {
#include "cuda_kernels.def"
    {0},
};

const struct nl_backend nl_backend_cuda = {
    .name = "cuda",
    .help = "float32 on a GPU (device.precision: tf32 and bf16), built for compute capabilities " NORMLAB_CUDA_BUILT,
    .element = NL_ELEMENT_FLOAT,
    .real = sizeof(float),
    .statistic = sizeof(double),
    .adds_gradients = true,
    .run_calls = nl_cuda_run_calls,
    .devices = nl_cuda_devices,
    .describe = nl_cuda_describe,
    .memory = nl_cuda_memory,
    .multiplies = nl_cuda_multiplies,
    .thread_begin = nl_cuda_thread_begin,
    .status = nl_cuda_status,
    .is_lost = nl_cuda_is_lost,
    .alloc = nl_cuda_alloc,
    .free = nl_cuda_free,
    .upload = nl_cuda_upload,
    .download = nl_cuda_download,
    .upload_rows = nl_cuda_upload_rows,
    .download_rows = nl_cuda_download_rows,
    .put_reals = nl_cuda_put_reals,
    .get_reals = nl_cuda_get_reals,
    .share = nl_cuda_share,
    .unshare = nl_cuda_unshare,
    .replay = nl_cuda_replay,
    .forget = nl_cuda_forget,
    .compile = nl_cuda_compile,
    .execute = nl_cuda_execute,
    .discard = nl_cuda_discard,
    .order = nl_cuda_order,
    .update = nl_cuda_update,
    .kernels = kernels,
};
