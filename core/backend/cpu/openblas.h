/* OpenBLAS, loaded when a product asks for it (device.gemm: openblas). Linked, it would take most of the time that a
 * command needs to start: its relocations, and threads of its own that spin for the first tens of milliseconds. */
#ifndef NL_BACKEND_CPU_OPENBLAS_H
#define NL_BACKEND_CPU_OPENBLAS_H

#include "base/error.h"

/* What is called of its C interface, with 32-bit integers, as libopenblas.so.0 has it: nothing of OpenBLAS has to be
 * there at the build. */
enum nl_cblas { NL_CBLAS_ROW_MAJOR = 101, NL_CBLAS_NO_TRANS = 111, NL_CBLAS_TRANS = 112 };

struct nl_openblas {
    void (*cblas_sgemm)(enum nl_cblas order, enum nl_cblas turn_a, enum nl_cblas turn_b, int m, int n, int k,
                        float alpha, const float *a, int line_a, const float *b, int line_b, float beta, float *c,
                        int line_c);
    void (*openblas_set_num_threads)(int threads);
    char *(*openblas_get_config)(void);
    char *(*openblas_get_corename)(void);
};

#define OPENBLAS_FUNCTIONS(F) F(cblas_sgemm) F(openblas_set_num_threads) F(openblas_get_config) F(openblas_get_corename)

/* From any thread; loads it at the first call. NULL: it is not there, err says why. */
const struct nl_openblas *nl_openblas(struct nl_error *err);

/* NULL: nothing has asked for it yet, or it is not there. */
const struct nl_openblas *nl_openblas_loaded(void);

#endif
