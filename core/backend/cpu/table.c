/* The cpu backend: float32, own kernels. Each trial has a thread; threads without a trial help the others
 * (base/team.h). */
#include "backend/cpu/cpu.h"

/* The operations that it has a kernel of its own for, nl_cpu_NAME, as core/lists.cmake finds them. */
#define KERNEL(name)                                        \
    extern const struct nl_operation nl_##name##_operation; \
    extern const struct nl_kernel nl_cpu_##name;
#include "cpu_kernels.def"
#undef KERNEL
#define KERNEL(name) {&nl_##name##_operation, &nl_cpu_##name},
static const struct nl_own_kernel kernels[] = {
#include "cpu_kernels.def"
    {0},
};

const struct nl_backend nl_backend_cpu = {
    .name = "cpu",
    .help = "float32 on the processor",
    .element = NL_ELEMENT_FLOAT,
    .real = sizeof(float),
    .statistic = sizeof(double),
    .steps_weights = true,
    .fuses_activations = true,
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
