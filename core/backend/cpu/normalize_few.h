/* One normalizer of one replica, `at` bytes from replica 0's places, where its rows are few and it suits the kernels made for them (normalize_few.c).
 * False: it does not, and nothing was done. */
#ifndef NL_BACKEND_CPU_NORMALIZE_FEW_H
#define NL_BACKEND_CPU_NORMALIZE_FEW_H

#include "backend/cpu/block.h"
#include "backend/cpu/cpu.h"

bool nl_cpu_few_forward(const struct nl_run *run, const struct nl_normalize *op, size_t at);
bool nl_cpu_few_backward(const struct nl_run *run, const struct nl_normalize *op, size_t at);

/* Whether a block of a walk whose sets are rows suits them, too: then `few` is what they take. */
bool nl_cpu_few_of_block(const struct nl_cpu_block *block, struct nl_cpu_few *few);

#endif
