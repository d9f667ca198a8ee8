/* Normalizers of sequences of different lengths, whose sets leave out what stands after their ends: the rows that count
 * are normalized by themselves, as one sample of so many positions. Rows of several samples are packed for it. */
#ifndef NL_BACKEND_CPU_NORMALIZE_LENGTHS_H
#define NL_BACKEND_CPU_NORMALIZE_LENGTHS_H

#include "backend/cpu/normalize_blocks.h"

/* Whether the rows that count of a set's samples are sets of one sample. */
bool nl_lengths_suit(const struct nl_normalize *op);

/* A pass over a call, whose samples are as long as each other. */
typedef void nl_norm_pass(const struct nl_run *run, const struct nl_normalize *op, enum nl_norm_phase phase);

/* All sets are normalized before the first of them is tracked: running statistics may have a part in the coefficients
 * of each. */
void nl_lengths_forward(const struct nl_run *run, const struct nl_normalize *op, enum nl_norm_phase phase,
                        nl_norm_pass *normalize, nl_norm_pass *track);
void nl_lengths_backward(const struct nl_run *run, const struct nl_normalize *op, nl_norm_pass *backward);

#endif
