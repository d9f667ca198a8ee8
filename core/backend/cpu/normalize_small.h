/* One normalizer of one replica, `at` bytes from replica 0's places, where its rows are few and it suits the kernels made for them (normalize_small.c).
 * False: it does not, and nothing was done. */
#ifndef NL_BACKEND_CPU_NORMALIZE_SMALL_H
#define NL_BACKEND_CPU_NORMALIZE_SMALL_H

#include "backend/cpu/block.h"
#include "backend/cpu/cpu.h"
#include "operation/normalize.h"

bool nl_cpu_small_batch_forward(const struct nl_run *run, const struct nl_normalize *op, size_t at);
bool nl_cpu_small_batch_backward(const struct nl_run *run, const struct nl_normalize *op, size_t at);

/* Whether a block of a walk whose sets are rows suits them, too: then `small` is what they take. */
bool nl_cpu_small_batch_of_block(const struct nl_cpu_block *block, struct nl_cpu_small_batch *small);

#endif
