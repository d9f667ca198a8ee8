/* Where a normalizer's blocks lie: the sets of its partition that stand side by side in the rows of one stretch of x, and what is worked out beside
 * them. */
#ifndef NL_BACKEND_CPU_NORMALIZE_WALK_H
#define NL_BACKEND_CPU_NORMALIZE_WALK_H

#include "backend/cpu/block.h"
#include "backend/cpu/cpu.h"
#include "operation/normalize.h"

/* Numbers of a block's working arrays: of C; of sets; of partial sums; and shares of groups of its rows. */
struct nl_norm_scratch {
    size_t wide, sets, partial, groups;
    size_t bytes; /* of all */
};

/* What a call does: all of it, or one of the two phases of a reduction over a batch that comes in parts (struct nl_kernel). */
enum nl_norm_phase { NL_NORM_WHOLE, NL_NORM_REDUCE, NL_NORM_APPLY };

/* One normalizer of one replica, in one call. */
struct nl_norm_call {
    enum nl_norm_phase phase;
    const struct nl_normalize *op; /* its sizes; its pointers are replica 0's, */
    size_t at;                     /* bytes before this one's */
    enum nl_statistics statistics;
    const struct nl_hyper *hyper;
    size_t samples, positions, channels;
    size_t before, all;             /* samples of the batch before these, and in all */
    size_t set_samples, set_positions, width; /* of a set */
    size_t sets;                    /* side by side */
    bool by_rows;                   /* each set is a stretch of one row, and many rows make a block */
    bool fixed;                     /* running or precise statistics instead of the batch's own */
    double *fixed_mean, *fixed_var; /* (C) in scratch */
    const float *gamma, *beta;
    double *dgamma, *dbeta; /* (affine) in scratch: sums until they are complete */
    double *shares;         /* (blocks, 2, affine) in scratch: of each block, where several threads walk */
    size_t affine;          /* numbers of gamma, at least C, with padding */
    size_t blocks, row_step;
    int threads;            /* that may walk */
    struct nl_norm_scratch scratch;
    char *thread_scratch;   /* scratch.bytes for each thread */
};

/* A thread on its way over the blocks. */
struct nl_norm_walk {
    const struct nl_norm_call *call;
    struct nl_cpu_block block; /* where it is */
    size_t set;                /* the block's first */
};

/* Numbers of gamma, at least C, with padding behind them. */
size_t nl_norm_affine_padded(const struct nl_normalize *op);

/* Replica r's part of a call, with its scratch: that of each thread, then what all blocks share. */
void nl_norm_begin(struct nl_norm_call *call, const struct nl_run *run, const struct nl_normalize *op, int r, enum nl_norm_phase phase);

/* What a thread takes along from block to block; then to block i, whose order is that of x. */
void nl_norm_set_out(struct nl_norm_walk *walk, const struct nl_norm_call *call, int thread);
void nl_norm_to_block(struct nl_norm_walk *walk, size_t i);

#endif
