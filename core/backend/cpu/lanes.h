/* Sixteen floats side by side, which are one AVX-512, two AVX2 or four SSE registers. The number of lanes, and so the
 * order of a sum over them, is the same whatever the processor has. */
#ifndef NL_BACKEND_CPU_LANES_H
#define NL_BACKEND_CPU_LANES_H

enum { NL_LANES = 16 };

/* Before a loop with a constant number of iterations: it is unrolled as a whole, so that its arrays of vectors become
 * registers. */
#ifdef __clang__
#define NL_UNROLLED _Pragma("clang loop unroll(full)")
#else
#define NL_UNROLLED _Pragma("GCC unroll 16")
#endif

/* Before a loop over the terms of sums that registers hold: two at a time. */
#ifdef __clang__
#define NL_UNROLLED_TWICE _Pragma("clang loop unroll_count(2)")
#else
#define NL_UNROLLED_TWICE _Pragma("GCC unroll 2")
#endif

/* Before a loop over a few lanes: the compiler vectorizes it only as long as it does not unroll it as a whole. */
#ifdef __clang__
#define NL_ROLLED
#else
#define NL_ROLLED _Pragma("GCC unroll 1")
#endif

#define NL_INLINE static inline __attribute__((always_inline))

#endif
