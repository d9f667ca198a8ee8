/* Sixteen floats side by side, which are one AVX-512, two AVX2 or four SSE registers. The number of lanes, and so the order of a sum over
 * them, is the same whatever the processor has. */
#ifndef NL_BACKEND_CPU_LANES_H
#define NL_BACKEND_CPU_LANES_H

enum { NL_LANES = 16 };

#define NL_INLINE static inline __attribute__((always_inline))

#endif
