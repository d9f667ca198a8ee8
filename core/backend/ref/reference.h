/* What the sources of this folder become. They are compiled for each of three elements (ref.h). */
#ifndef NL_BACKEND_REF_REFERENCE_H
#define NL_BACKEND_REF_REFERENCE_H

#include "backend/backend.h"

/* Of every operation; each ends with one without a name. */
extern const struct nl_kernel nl_ref_double_kernels[], nl_ref_float_kernels[], nl_ref_complex_kernels[];

void nl_ref_double_update(const struct nl_run *run, const struct nl_update *op);
void nl_ref_float_update(const struct nl_run *run, const struct nl_update *op);
void nl_ref_complex_update(const struct nl_run *run, const struct nl_update *op);

#endif
