/* Private to the matrix products of the cpu backend.
 *
 * gemm.c decides between OpenBLAS and our own product; gemm_own.c cuts our own into blocks, and these into tiles. A
 * tile is a few rows times a few columns, whose sums stay in registers. Tiles are written once (gemm_tiles.h) and
 * compiled for each instruction set (gemm_avx512.c, gemm_avx2.c, gemm_plain.c).
 *
 * Which is faster. All shapes go to our own by default: measured on Zen 4 (AVX-512, one core, OpenBLAS 0.3.21, GFLOP/s
 * of a peak of 117, own / OpenBLAS; y = x w, dx = dy w', dw = x' dy):
 *
 *     batch   in   out           y             dx             dw
 *         1   64   64     74 /  74      29 /  51      43 /  37
 *         8   64   64    109 / 113     107 /  80      95 /  96
 *        32   64   64    114 / 115     113 /  75     112 / 113
 *       256   64   64    116 /  97     113 /  95     118 /  96
 *        32   64   10     65 /  66      89 /  54      93 /  64
 *        32  100  100    101 / 113      90 /  76     100 / 107
 *         8  784  256    108 /  65     110 /  48      95 /  68
 *       256  784  256    117 / 105     112 / 106     117 / 106
 *      1024 1024  1024    100 / 101     102 / 100      99 / 102
 *
 * OpenBLAS wins by a tenth where columns are no multiple of 16. It also wins in dx of one row: there we transpose w,
 * although one row makes little use of it, so that a batch of 1 has the order of sums that is fast for a batch of 32.
 *
 * Bits. The terms of an element are cut into blocks of NL_GEMM_TERMS. A block is one chain of fused multiply-adds in
 * the order of its terms; the first starts from the bias, the others' sums are added in turn. Nothing else enters: so
 * the bits are equal over instruction sets, and a row of the result does not depend on how many rows are asked for. The
 * exception is the dx that comes with a step of a few samples (nl_cpu_gemm_yields_dx): its terms go to NL_GEMM_VECTOR
 * lanes in rotation, and each lane is a chain.
 */
#ifndef NL_BACKEND_CPU_GEMM_H
#define NL_BACKEND_CPU_GEMM_H

#include "backend/cpu/cpu.h"
#include "backend/cpu/isa.h"

enum {
    NL_GEMM_TERMS = 256,
    NL_GEMM_WIDEST = 64,
    NL_GEMM_TILES = 4,
    NL_GEMM_WIDTHS = 5,
    NL_GEMM_SQUARE = 4,
    NL_GEMM_VECTOR = 16,
    NL_GEMM_SMALL = 2
};

void nl_gemm_own(const struct nl_cpu_gemm *product);
bool nl_gemm_own_yields_dx(const struct nl_cpu_gemm *product);

/* The product of matrices that are parts of others: c[t][j] (m, n) = (add ? c[t][j] : 0) + sum over k terms of a[t
 * a_row + i a_step] b[i b_step + j], with the sums of nl_gemm_own, by one thread. One of a_row and a_step is 1. */
struct nl_gemm_parts {
    size_t m, n, k;
    const float *a;
    size_t a_row, a_step;
    const float *b;
    size_t b_step;
    float *c;
    size_t c_step;
    bool add;
};
void nl_gemm_parts(const struct nl_gemm_parts *product);

/* What the tiles of a block share: c[t][j] = (add ? c[t][j] : start ? start[down ? t : j] : 0) + sum over k < terms of
 * a[t a_row + k a_step] b[k b_step + j]; then what relu and mask say (cpu.h). */
struct nl_gemm_block {
    size_t terms;
    size_t a_row, a_step; /* one of them is 1, unless there is one row */
    size_t b_step, c_step;
    size_t columns;
    bool add, relu, down;
    bool asks; /* for the rows of c that come next */
    const float *mask, *origin; /* of all of c; mask NULL: none */
    const struct nl_cpu_sgd *sgd; /* of a step */
    float *dx;                    /* of a step: where the gradient of a goes, shaped as a; NULL: nowhere */
    bool masks;
};
typedef void nl_gemm_tile(const struct nl_gemm_block *block, const float *a, const float *b, const float *start,
                          float *c);

/* The tiles for `fewest` to `columns` columns, NL_GEMM_WIDEST at most, by number of rows, descending, the last of 1. */
struct nl_gemm_width {
    size_t columns, fewest;
    size_t rows[NL_GEMM_TILES];
    nl_gemm_tile *along[NL_GEMM_TILES];  /* for a_step = 1: terms are neighbours */
    nl_gemm_tile *across[NL_GEMM_TILES]; /* for a_row = 1: rows are */
};

struct nl_gemm_isa {
    struct nl_gemm_width width[NL_GEMM_WIDTHS]; /* descending, the last from 1 */
    /* The next two do all rows and columns of a block. Its columns are a multiple of NL_GEMM_VECTOR. A step of at most
     * NL_GEMM_SMALL terms also takes fewer columns than NL_GEMM_VECTOR, if its rows are such a multiple. */
    /* Across. Steps the weights from number `place` on, instead of storing their gradients. The tiles are so small that
     * the stores of one overlap with the sums of the next. */
    void (*step)(const struct nl_gemm_block *block, size_t place, size_t rows, const float *a, const float *b);
    /* Along, where b is given as (columns, terms), element [j][k] at j b_step + k, of NL_GEMM_SQUARE terms at least. b
     * is transposed in registers. The tiles have few columns and many rows, so that transposing overlaps with the
     * sums. */
    void (*transposed_b)(const struct nl_gemm_block *block, size_t rows, const float *a, const float *b,
                         const float *start, float *c);
    bool loads; /* a factor is loaded for each product, which few columns cannot hide: transposed_b pays for few rows
                   alone */
};
const struct nl_gemm_isa *nl_gemm_tiles(void); /* of this processor */
extern const struct nl_gemm_isa nl_gemm_plain;
#ifdef NL_X86
extern const struct nl_gemm_isa nl_gemm_avx2, nl_gemm_avx512;
#endif

#endif
