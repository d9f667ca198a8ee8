/* What linear layers and convolutions have in common: x, a weight, a bias, what backward reads of them, and sums. */
#ifndef NL_OPERATION_PRODUCT_H
#define NL_OPERATION_PRODUCT_H

#include "operation/linear.h"
#include "operation/reference.h"

/* A weight of that shape, outputs first, and a bias, an output each. */
static inline void nl_declare_product(struct nl_declaration *d, int dims, const size_t *shape)
{
    struct nl_tensor_spec weight = {.name = "weight", .role = NL_WEIGHT, .slot = NL_PRODUCT_WEIGHT, .dims = dims};
    for (int i = 0; i < dims; i++)
        weight.shape[i] = shape[i];
    d->parameter[d->parameters++] = weight;
    d->parameter[d->parameters++] = (struct nl_tensor_spec){
        .name = "bias", .role = NL_BIAS, .slot = NL_PRODUCT_BIAS, .dims = 1, .shape = {shape[0]}};
}

static inline struct nl_reads nl_product_reads(const void *arguments, unsigned filled)
{
    (void)arguments, (void)filled;
    return (struct nl_reads){.inputs = 1u << NL_PRODUCT_X | 1u << NL_PRODUCT_WEIGHT};
}

/* Outputs whose sums are made side by side. */
enum { NL_PRODUCT_BLOCK = 64 };

static inline int nl_block_end(int first, int count)
{
    return count - first < NL_PRODUCT_BLOCK ? count : first + NL_PRODUCT_BLOCK;
}

/* sum over o of dy[o] w[o]: the gradient of what w is multiplied with. */
static inline accumulator nl_gradient_of_input(int out, const real *dy, const real *w)
{
    accumulator sum = 0;
    for (int o = 0; o < out; o++)
        sum += (accumulator)dy[o] * w[o];
    return sum;
}

/* db[o] = sum over rows of dy. */
static inline void nl_sum_rows(size_t rows, int out, const real *dy, real *db)
{
    for (int o = 0; o < out; o++) {
        accumulator sum = 0;
        for (size_t row = 0; row < rows; row++)
            sum += dy[row * out + o];
        db[o] = sum;
    }
}

#endif
