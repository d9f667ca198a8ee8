/* The reference backend: the mathematics in float64, one plain loop nest each. It is the specification: what it computes
 * is what the others must compute, to the rounding of their type. Speed is not its business; reading it is. */
#ifndef NL_BACKEND_REF_REF_H
#define NL_BACKEND_REF_REF_H

#include "backend/backend.h"

/* The place in replica r's image that corresponds to `place` in replica 0's; NULL stays NULL. */
static inline void *nl_in_replica(const struct nl_run *run, const void *place, int r)
{
    return place ? (char *)(uintptr_t)place + (size_t)r * run->stride : NULL;
}

nl_kernel_function nl_ref_gather, nl_ref_loss;
nl_kernel_function nl_ref_linear_forward, nl_ref_linear_backward;
nl_kernel_function nl_ref_conv_forward, nl_ref_conv_backward;
nl_kernel_function nl_ref_depthwise_conv_forward, nl_ref_depthwise_conv_backward;
nl_kernel_function nl_ref_normalize_forward, nl_ref_normalize_backward;
nl_kernel_function nl_ref_activate_forward, nl_ref_activate_backward;
nl_kernel_function nl_ref_max_pool_forward, nl_ref_max_pool_backward;
nl_kernel_function nl_ref_mean_pool_forward, nl_ref_mean_pool_backward;
nl_kernel_function nl_ref_add_forward, nl_ref_add_backward;
nl_kernel_function nl_ref_dropout_forward, nl_ref_dropout_backward;
void nl_ref_update(const struct nl_run *run, const struct nl_update *op);

#endif
