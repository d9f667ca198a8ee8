/* The reference's optimizers, for the elements of its backends (operation/reference.h). */
#ifndef NL_BACKEND_REF_UPDATE_H
#define NL_BACKEND_REF_UPDATE_H

#include "backend/backend.h"

void nl_ref_double_update(const struct nl_run *run, const struct nl_update *op);
void nl_ref_complex_update(const struct nl_run *run, const struct nl_update *op);

#endif
