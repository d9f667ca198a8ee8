/* Sixteen floats that the compiler keeps in one AVX-512, two AVX2 or four SSE registers: the lanes of a sum over a
 * contiguous run. The number of lanes, and so the order of a sum, is the same whatever the processor has. */
#ifndef NL_BACKEND_CPU_LANES_H
#define NL_BACKEND_CPU_LANES_H

#include <string.h>

enum { NL_LANES = 16 };
typedef float nl_lanes __attribute__((vector_size(NL_LANES * sizeof(float)), aligned(4), may_alias));

#define NL_INLINE static inline __attribute__((always_inline))

NL_INLINE float nl_lanes_sum(const nl_lanes *lanes)
{
    float at[NL_LANES];
    memcpy(at, lanes, sizeof at);
    for (int half = NL_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            at[i] += at[i + half];
    return at[0];
}

#endif
