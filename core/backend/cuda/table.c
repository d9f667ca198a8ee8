/* The table of the cuda backend. */
#include "backend/cuda/cuda.h"

#ifndef NORMLAB_CUDA_BUILT
#define NORMLAB_CUDA_BUILT "of the tests"
#endif

static const struct nl_kernel kernels[] = {
    {"gather", .forward = nl_cuda_gather},
    {"linear", .forward = nl_cuda_linear_forward, .backward = nl_cuda_linear_backward},
    {"conv", .forward = nl_cuda_conv_forward, .backward = nl_cuda_conv_backward},
    {"normalize", .suits = nl_cuda_normalize_suits, .forward = nl_cuda_normalize_forward, .backward = nl_cuda_normalize_backward},
    {"activate", .forward = nl_cuda_activate_forward, .backward = nl_cuda_activate_backward},
    {"max_pool", .forward = nl_cuda_max_pool_forward, .backward = nl_cuda_max_pool_backward},
    {"mean_pool", .forward = nl_cuda_mean_pool_forward, .backward = nl_cuda_mean_pool_backward},
    {"add", .forward = nl_cuda_add_forward, .backward = nl_cuda_add_backward},
    {"accumulate", .forward = nl_cuda_accumulate},
    {"dropout", .forward = nl_cuda_dropout_forward, .backward = nl_cuda_dropout_backward},
    {"copy", .forward = nl_cuda_copy},
    {"observe", .forward = nl_cuda_observe},
    {"loss", .forward = nl_cuda_loss},
    {0},
};

const struct nl_backend nl_backend_cuda = {
    .name = "cuda",
    .help = "float32 on a GPU (device.precision: tf32 and bf16), built for compute capabilities " NORMLAB_CUDA_BUILT,
    .element = NL_ELEMENT_FLOAT,
    .real = sizeof(float),
    .statistic = sizeof(double),
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
    .order = nl_cuda_order,
    .update = nl_cuda_update,
    .kernels = kernels,
};
