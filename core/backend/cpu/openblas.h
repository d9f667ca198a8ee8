/* OpenBLAS, loaded when a product asks for it (device.gemm: openblas). Linked, it would take most of the time that a command needs to start:
 * its relocations, and threads of its own that spin for the first tens of milliseconds. */
#ifndef NL_BACKEND_CPU_OPENBLAS_H
#define NL_BACKEND_CPU_OPENBLAS_H

#include <cblas.h>

#include "base/error.h"

#define OPENBLAS_FUNCTIONS(F) F(cblas_sgemm) F(openblas_set_num_threads) F(openblas_get_config) F(openblas_get_corename)

struct nl_openblas {
#define MEMBER(name) __typeof__(name) *name;
    OPENBLAS_FUNCTIONS(MEMBER)
#undef MEMBER
};

/* From any thread; loads it at the first call. NULL: it is not there, err says why. */
const struct nl_openblas *nl_openblas(struct nl_error *err);

/* NULL: nothing has asked for it yet, or it is not there. */
const struct nl_openblas *nl_openblas_loaded(void);

#endif
