/* The general form (norm/coefficients.h) where it is not the standard one: other spreads than the standard deviation,
 * coefficients of their own, or running statistics in training. Blocks are columns, of one row where a set is (a part
 * of) a row. The kernels are those of the standard form, but for signs. */
#ifndef NL_BACKEND_CPU_NORMALIZE_GENERAL_H
#define NL_BACKEND_CPU_NORMALIZE_GENERAL_H

#include "backend/cpu/normalize_blocks.h"

/* Whether it is of that form: not with a general power, or with a gamma for each element. */
bool nl_general_suits(const struct nl_normalize *op);

/* Whether dx is made of signs (struct nl_cpu_block's least): the spread is a mean of magnitudes, or the largest one. */
bool nl_general_has_signs(const struct nl_normalize *op);

/* Once a block's moments are there: makes var the spread, and keeps the coefficients of its sets if the operation keeps
 * them. */
void nl_general_complete(const struct nl_norm_call *call, const struct nl_cpu_block *b);

/* What column_apply and column_gradients need. */
void nl_general_prepare(const struct nl_norm_call *call, const struct nl_cpu_block *b);

/* From the sums of the block's rows, over `rows` in all: dgamma and dbeta, and what column_dx or column_dx_of_signs
 * needs. */
void nl_general_slopes(const struct nl_norm_call *call, const struct nl_cpu_block *b, size_t rows);

#endif
