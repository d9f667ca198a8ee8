/* Matrix products: our own or OpenBLAS's. */
#include <string.h>

#include "backend/cpu/gemm.h"
#include "backend/cpu/openblas.h"

static void set_rows(size_t rows, size_t columns, const float *b, float *y)
{
    for (size_t row = 0; row < rows; row++)
        memcpy(y + row * columns, b, columns * sizeof *y);
}

static void openblas(const struct nl_cpu_gemm *p)
{
    struct nl_error err;
    const struct nl_openblas *library = nl_openblas(&err);
    if (!library)
        NL_BUG("%s", err.text); /* nl_device_begin says so before any product */
    bool turn_a = p->transposed == NL_TRANSPOSED_A, turn_b = p->transposed == NL_TRANSPOSED_B;
    if (p->start)
        set_rows(p->m, p->n, p->start, p->c);
    library->cblas_sgemm(NL_CBLAS_ROW_MAJOR, turn_a ? NL_CBLAS_TRANS : NL_CBLAS_NO_TRANS,
                         turn_b ? NL_CBLAS_TRANS : NL_CBLAS_NO_TRANS, (int)p->m, (int)p->n, (int)p->k, 1.0f, p->a,
                         (int)(turn_a ? p->m : p->k), p->b, (int)(turn_b ? p->k : p->n),
                         p->add || p->start ? 1.0f : 0.0f, p->c, (int)p->n);
    if (p->relu)
        nl_cpu_relu(p->m * p->n, p->c, p->c);
    if (p->mask)
        nl_cpu_relu_back(p->m * p->n, p->mask, p->c, p->c);
    if (p->finish)
        p->finish(p->m * p->n, p->c, p->other);
    if (p->sgd)
        nl_cpu_sgd_step(p->sgd, p->m * p->n, p->c);
}

void nl_cpu_gemm(enum nl_gemm gemm, const struct nl_cpu_gemm *product)
{
    if (gemm == NL_GEMM_OWN)
        nl_gemm_own(product);
    else
        openblas(product);
}

bool nl_cpu_gemm_yields_dx(enum nl_gemm gemm, const struct nl_cpu_gemm *product)
{
    return gemm == NL_GEMM_OWN && nl_gemm_own_yields_dx(product);
}
