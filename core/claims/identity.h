/* Claims that are exact by algebra: how far the kernels that train are from them. */
#ifndef NL_CLAIMS_IDENTITY_H
#define NL_CLAIMS_IDENTITY_H

#include "config/published.h"

/* *deviation: the largest absolute difference between the two sides of the identity, over numbers of order 1.
 * perturbed: with a disturbance (eps, one channel, one sample) under which it does not hold: the control. NL_FAIL: the
 * device cannot be used. */
int nl_identity_deviation(enum nl_identity identity, enum nl_device_kind device, bool perturbed, double *deviation,
                          struct nl_error *err);

/* What the disturbance is, as a sentence has it: "with eps 1e-3 on one side". */
const char *nl_identity_disturbance(enum nl_identity identity);

#endif
