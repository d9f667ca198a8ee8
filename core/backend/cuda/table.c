/* The table of the cuda backend. */
#include "backend/cuda/cuda.h"

#ifndef NORMLAB_CUDA_BUILT
#define NORMLAB_CUDA_BUILT "of the tests"
#endif

const struct nl_backend nl_backend_cuda = {
    .name = "cuda",
    .help = "float32 on a GPU (device.precision: tf32 and bf16), built for compute capabilities " NORMLAB_CUDA_BUILT,
    .real = sizeof(float),
    .devices = nl_cuda_devices,
    .describe = nl_cuda_describe,
    .memory = nl_cuda_memory,
    .multiplies = nl_cuda_multiplies,
    .thread_begin = nl_cuda_thread_begin,
    .status = nl_cuda_status,
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
    .gather = nl_cuda_gather,
    .linear_forward = nl_cuda_linear_forward,
    .linear_backward = nl_cuda_linear_backward,
    .conv_forward = nl_cuda_conv_forward,
    .conv_backward = nl_cuda_conv_backward,
    .normalize_forward = nl_cuda_normalize_forward,
    .normalize_backward = nl_cuda_normalize_backward,
    .activate_forward = nl_cuda_activate_forward,
    .activate_backward = nl_cuda_activate_backward,
    .max_pool_forward = nl_cuda_max_pool_forward,
    .max_pool_backward = nl_cuda_max_pool_backward,
    .mean_pool_forward = nl_cuda_mean_pool_forward,
    .mean_pool_backward = nl_cuda_mean_pool_backward,
    .add_forward = nl_cuda_add_forward,
    .add_backward = nl_cuda_add_backward,
    .dropout_forward = nl_cuda_dropout_forward,
    .dropout_backward = nl_cuda_dropout_backward,
    .loss = nl_cuda_loss,
    .update = nl_cuda_update,
};
