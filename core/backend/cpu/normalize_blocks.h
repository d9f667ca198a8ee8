/* Where a normalizer's blocks lie: the sets of its partition that stand side by side in rows of x, or NL_ROW_STRETCH
 * rows where each set lies in one. */
#ifndef NL_BACKEND_CPU_NORMALIZE_BLOCKS_H
#define NL_BACKEND_CPU_NORMALIZE_BLOCKS_H

#include "backend/cpu/block.h"
#include "backend/cpu/cpu.h"
#include "operation/normalize.h"

/* What a call does: all of it, or one of the two phases of a reduction over a batch that comes in parts (struct
 * nl_kernel). */
enum nl_norm_phase { NL_NORM_WHOLE, NL_NORM_REDUCE, NL_NORM_APPLY };

/* One normalizer, in one call. */
struct nl_norm_call {
    enum nl_norm_phase phase;
    const struct nl_normalize *op;
    enum nl_statistics statistics;
    size_t samples, positions;
    size_t before, all;               /* samples of the batch before these, and in all */
    size_t set_samples, set_positions; /* of a set */
    bool by_rows;                     /* each set lies in one row */
    bool fixed;                       /* running or precise statistics instead of the batch's own */
    bool constant;                    /* the same, or running ones in training: they are constants to the gradient */
    bool averages;                    /* statistics over a history */
    double *fixed_mean, *fixed_var;   /* (C) in scratch */
    size_t affine;                    /* numbers of gamma, at least C, with padding */
    double *shares; /* (blocks, 2, affine) in scratch: dgamma and dbeta of each block, where several threads work */
    const float *ones, *zeros;        /* (C), (affine) in scratch, where there is no gamma or beta for each channel */
    size_t blocks;
    int threads;               /* that may work */
    size_t groups;             /* of rows, of a block of columns; 0: of rows */
    char *working;             /* memory for the working arrays of each thread, */
    size_t working_bytes;      /* of so many bytes */
    struct nl_cpu_block block; /* what all blocks share, and where the first one begins */
};

/* Numbers of gamma, at least C, with padding after them. */
size_t nl_norm_affine_padded(const struct nl_normalize *op);

/* A call, with its scratch. */
void nl_norm_begin(struct nl_norm_call *call, const struct nl_run *run, const struct nl_normalize *op,
                   enum nl_norm_phase phase);

/* The block of a thread, with its working arrays; then it becomes block i, in the order of x. */
void nl_norm_block_of_thread(const struct nl_norm_call *call, struct nl_cpu_block *b, int thread);
void nl_norm_move_block(const struct nl_norm_call *call, struct nl_cpu_block *b, size_t i);

/* A normalizer of a fully connected layer on a few samples: one block, the batch's own statistics, gamma and beta a
 * channel, no residual. What nl_norm_begin prepares takes as long as its arithmetic. False: it is none. Its part_gamma
 * and part_beta are dgamma and dbeta. */
bool nl_norm_small_batch(struct nl_cpu_block *b, const struct nl_run *run, const struct nl_normalize *op);

#endif
