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

void nl_ref_gather(const struct nl_run *run, const struct nl_gather *op);
void nl_ref_linear_forward(const struct nl_run *run, const struct nl_linear *op);
void nl_ref_linear_backward(const struct nl_run *run, const struct nl_linear *op);
void nl_ref_conv_forward(const struct nl_run *run, const struct nl_conv *op);
void nl_ref_conv_backward(const struct nl_run *run, const struct nl_conv *op);
void nl_ref_normalize_forward(const struct nl_run *run, const struct nl_normalize *op);
void nl_ref_normalize_backward(const struct nl_run *run, const struct nl_normalize *op);
void nl_ref_activate_forward(const struct nl_run *run, const struct nl_activate *op);
void nl_ref_activate_backward(const struct nl_run *run, const struct nl_activate *op);
void nl_ref_max_pool_forward(const struct nl_run *run, const struct nl_max_pool *op);
void nl_ref_max_pool_backward(const struct nl_run *run, const struct nl_max_pool *op);
void nl_ref_mean_pool_forward(const struct nl_run *run, const struct nl_mean_pool *op);
void nl_ref_mean_pool_backward(const struct nl_run *run, const struct nl_mean_pool *op);
void nl_ref_add_forward(const struct nl_run *run, const struct nl_add *op);
void nl_ref_add_backward(const struct nl_run *run, const struct nl_add *op);
void nl_ref_dropout_forward(const struct nl_run *run, const struct nl_dropout *op);
void nl_ref_dropout_backward(const struct nl_run *run, const struct nl_dropout *op);
void nl_ref_loss(const struct nl_run *run, const struct nl_loss *op);
void nl_ref_update(const struct nl_run *run, const struct nl_update *op);

#endif
