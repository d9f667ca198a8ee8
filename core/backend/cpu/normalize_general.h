/* Columns of the general form (norm/coefficients.h): sets of a channel each, divided by the standard deviation or by nothing, with coefficients of their
 * own, detached statistics, or running ones in training. The kernels are those of the standard form: only the numbers that they are given differ. */
#ifndef NL_BACKEND_CPU_NORMALIZE_GENERAL_H
#define NL_BACKEND_CPU_NORMALIZE_GENERAL_H

#include "backend/cpu/normalize_blocks.h"

/* Whether it is of that form. */
bool nl_general_suits(const struct nl_normalize *op);

/* Keeps the coefficients of the block's sets, if the operation keeps them: once their moments are complete, before running statistics take these in. */
void nl_general_keep(const struct nl_norm_call *call, const struct nl_cpu_block *b);

/* What column_apply and column_gradients need. */
void nl_general_prepare(const struct nl_norm_call *call, const struct nl_cpu_block *b);

/* From the sums of the block's rows, over `rows` in all: dgamma and dbeta, dx_slope and dx_bias. */
void nl_general_slopes(const struct nl_norm_call *call, const struct nl_cpu_block *b, size_t rows);

#endif
