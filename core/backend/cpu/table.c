/* The cpu backend: float32, own kernels. A thread a trial, trials side by side; threads that are left over help (base/team.h). */
#include "backend/cpu/cpu.h"

static const struct nl_kernel kernels[] = {
    {"gather", .forward = nl_cpu_gather},
    {"linear", .forward = nl_cpu_linear_forward, .backward = nl_cpu_linear_backward, .micro = nl_cpu_linear_micro},
    {"conv", .forward = nl_cpu_conv_forward, .backward = nl_cpu_conv_backward, .micro = nl_cpu_conv_micro},
    {"depthwise_conv", .forward = nl_cpu_depthwise_conv_forward, .backward = nl_cpu_depthwise_conv_backward, .micro = nl_cpu_depthwise_conv_micro},
    {"normalize", .suits = nl_cpu_normalize_suits, .forward = nl_cpu_normalize_forward, .backward = nl_cpu_normalize_backward, .micro = nl_cpu_normalize_micro,
     .reduce = nl_cpu_normalize_reduce, .apply = nl_cpu_normalize_apply,
     .backward_reduce = nl_cpu_normalize_backward_reduce, .backward_apply = nl_cpu_normalize_backward_apply},
    {"activate", .forward = nl_cpu_activate_forward, .backward = nl_cpu_activate_backward},
    {"max_pool", .forward = nl_cpu_max_pool_forward, .backward = nl_cpu_max_pool_backward},
    {"mean_pool", .forward = nl_cpu_mean_pool_forward, .backward = nl_cpu_mean_pool_backward},
    {"add", .forward = nl_cpu_add_forward, .backward = nl_cpu_add_backward},
    {"dropout", .forward = nl_cpu_dropout_forward, .backward = nl_cpu_dropout_backward},
    {"observe", .forward = nl_cpu_observe},
    {"loss", .forward = nl_cpu_loss},
    {0},
};

const struct nl_backend nl_backend_cpu = {
    .name = "cpu",
    .help = "float32 on the processor",
    .element = NL_ELEMENT_FLOAT,
    .real = sizeof(float),
    .statistic = sizeof(double),
    .steps_weights = true,
    .fuses_relu = true,
    .standardized = 1 << 19, /* half of a second-level cache of today */
    .micro_bytes = 1 << 20,  /* measured: of 1/4 to 2 MiB; the weights of a network pass by for each micro-batch */
    .describe = nl_cpu_describe,
    .alloc = nl_cpu_alloc,
    .free = nl_cpu_free,
    .upload = nl_cpu_copy,
    .download = nl_cpu_copy,
    .put_reals = nl_cpu_put_reals,
    .get_reals = nl_cpu_get_reals,
    .thread_begin = nl_cpu_thread_begin,
    .update = nl_cpu_update,
    .kernels = kernels,
};
