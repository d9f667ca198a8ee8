/* Private to the cpu backend: its functions (table.c lists them) and what they share.
 *
 * Bits. A result depends on the shape and the numbers only, never on the instruction set: sums run in a fixed order
 * over fixed lanes, nothing is fused but by name (-ffp-contract=off), and exp, log and tanh are our own (elementary.h).
 * Under device.gemm = openblas the products are the exception: their bits depend on the
 * kernel that it picks for the processor and on the number of rows.
 */
#ifndef NL_BACKEND_CPU_CPU_H
#define NL_BACKEND_CPU_CPU_H

#include "backend/backend.h"
#include "base/clones.h"
#include "base/divisor.h"

/* The iterations of the next loop are independent, even where its arrays are one (dx may be dy). */
#ifdef __clang__
#define NL_PARALLEL _Pragma("clang loop vectorize(assume_safety)")
#else
#define NL_PARALLEL _Pragma("GCC ivdep")
#endif

/* Defines the kernel of an operation, nl_cpu_NAME, which the backend then has: NL_CPU_KERNEL(add) = {.forward =
 * forward}. */
#define NL_CPU_KERNEL(name) const struct nl_kernel nl_cpu_##name

/* Rows that are summed in float before their sum is accumulated in a double: few enough that a float keeps its
 * digits. */
enum { NL_BLOCK_ROWS = 32 };

/* Fewer floating-point operations are not worth a thread of their own: it would work for about 4 us. */
static const double NL_SHORT = 5e5;
static inline bool nl_cpu_is_short(double flops)
{
    return flops < NL_SHORT;
}

/* For nl_parallel_for: of indices of so many floating-point operations each, as many as are worth it. */
static inline size_t nl_cpu_grain(double flops)
{
    return nl_cpu_is_short(flops) ? (size_t)(NL_SHORT / (flops < 1 ? 1 : flops)) + 1 : 1;
}

/* The grain of a loop that reads and writes so many bytes for each index. */
static inline size_t nl_cpu_grain_of_bytes(double bytes)
{
    return nl_cpu_grain(2 * bytes);
}

/* How many samples of so many elements each have together a multiple of `block` elements: the fewest. */
static inline int nl_cpu_samples_of_blocks(size_t elements, size_t block)
{
    return (int)(block / nl_greatest_divisor(block, elements));
}

/* share.c: calls body for ranges of samples that cover the run's, from `first` on as many as its run says, by the
 * threads of a team. For operations whose samples know nothing of one another, of so many bytes each. */
typedef void nl_cpu_samples(const struct nl_run *run, const void *op, size_t first);
void nl_cpu_share_samples(const struct nl_run *run, const void *op, size_t bytes, nl_cpu_samples *body);

/* memory.c */
void *nl_cpu_alloc(size_t bytes);
void nl_cpu_free(void *memory, size_t bytes);
void nl_cpu_copy(void *to, const void *from, size_t bytes);
void nl_cpu_put_reals(void *to, const double *from, size_t count);
void nl_cpu_get_reals(double *to, const void *from, size_t count);
void nl_cpu_describe(int device, char *text, size_t size);
int nl_cpu_thread_begin(int device, struct nl_error *err);
/* Scratch memory for one operation, this thread's own, valid until the next call. It grows to the largest operation and
 * stays. */
void *nl_cpu_scratch(size_t bytes);
/* Scratch memory for a matrix product inside an operation, and for an operation around those whose kernels it calls. */
void *nl_cpu_product_scratch(size_t bytes);
void *nl_cpu_outer_scratch(size_t bytes);

/* update.c: one step of SGD, for weights whose gradient is at hand. buffer: of the momentum, or NULL. */
struct nl_cpu_sgd {
    float lr, decay, momentum;
    bool nesterov;
    float *w, *buffer;
};
struct nl_cpu_sgd nl_cpu_sgd_of(const struct nl_update *op, const float *w);
void nl_cpu_sgd_step(const struct nl_cpu_sgd *sgd, size_t count, const float *grad);

/* activate.c */
void nl_cpu_relu(size_t count, const float *x, float *y);
void nl_cpu_relu_back(size_t count, const float *x, const float *dy, float *dx);
typedef void nl_cpu_finish(size_t count, float *c, float *other);
struct nl_cpu_activation {
    void (*forward)(size_t count, const float *x, float *y);                      /* y may be x */
    void (*backward)(size_t count, const float *x, const float *dy, float *dx);  /* dx may be dy */
    nl_cpu_finish *finish; /* c: x, becomes y; other: becomes the slope, or NULL. NULL of ReLU */
};
nl_cpu_finish nl_cpu_times; /* c *= other */
struct nl_cpu_activation nl_cpu_activation_of(enum nl_activation kind, enum nl_gelu gelu);

/* dropout.c: the smallest 53-bit integer k whose uniform number, (k + 1/2) 2^-53 as nl_stream_uniform rounds it, is at
 * least p: so that masks are decided by integers. */
uint64_t nl_cpu_dropout_threshold(double p);

/* gemm.c: c(m, n) = a(m, k) b(k, n), all dense, rows one after the other. Each row of c starts from `start` (n) or,
 * where that is NULL, from zero; or from what c holds (add). */
enum nl_cpu_transposed {
    NL_PLAIN,
    NL_TRANSPOSED_A, /* a is given as (k, m) */
    NL_TRANSPOSED_B, /* b is given as (n, k) */
    NL_PACKED,       /* b is given as nl_cpu_gemm_pack leaves it */
};
struct nl_cpu_gemm {
    enum nl_cpu_transposed transposed;
    size_t m, n, k;
    const float *a, *b, *start;
    float *c;
    bool add;
    bool relu;         /* of the result; not of a transposed a */
    const float
        *mask; /* (m, n) or NULL: where it is not positive, neither NaN, the result is 0; of a transposed b only */
    nl_cpu_finish *finish; /* or NULL: what becomes of rows of c when they are complete, while a cache has them; not of
                              a transposed a */
    float *other;                 /* (m, n) or NULL: its other matrix */
    const struct nl_cpu_sgd
        *sgd;  /* or NULL: c is the gradient of sgd->w (m, n), which is stepped; c holds nothing of use then */
    float *dx; /* (k, m) or NULL: becomes b w' with w as it is before the step; where nl_cpu_gemm_yields_dx allows it */
    bool masks;        /* dx is 0 where a is not positive, neither NaN */
};
void nl_cpu_gemm(enum nl_gemm gemm, const struct nl_cpu_gemm *product);
/* Whether that step of weights can yield dx as well: the weights are read anyway. */
bool nl_cpu_gemm_yields_dx(enum nl_gemm gemm, const struct nl_cpu_gemm *product);
/* The second factor of a product by our own kernels, as many floats, in the order in which they take it, for products
 * that have it in common. */
void nl_cpu_gemm_pack(enum nl_cpu_transposed transposed, size_t n, size_t k, const float *b, float *to);
/* matrix.c: to(columns, rows) is the transpose of from(rows, columns); `line`: from row to row. */
void nl_cpu_transpose(size_t rows, size_t columns, const float *from, size_t from_line, float *to, size_t to_line);
/* matrix.c: out[c] = sum over rows of x(rows, columns). Where there is a total (columns), the sums are added to what it
 * holds, and it keeps them in double: sums over parts of rows, in multiples of NL_BLOCK_ROWS until the last, are those
 * over all. */
void nl_cpu_column_sums(size_t rows, size_t columns, const float *x, double *total, float *out);

void nl_cpu_update(const struct nl_run *run, const struct nl_update *op);

#endif
