/* Which instruction set: cpuid and NORMLAB_ISA. */
#include "backend/cpu/isa.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_int known = -1; /* asked for by every kernel; threads that find it out at once find the same */

static enum nl_isa of_processor(void)
{
#ifdef NL_X86
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("fma") || !__builtin_cpu_supports("avx2"))
        return NL_ISA_PLAIN;
    return __builtin_cpu_supports("avx512f") ? NL_ISA_AVX512 : NL_ISA_AVX2;
#else
    return NL_ISA_PLAIN;
#endif
}

static enum nl_isa choose(void)
{
    const char *wanted = getenv("NORMLAB_ISA");
    enum nl_isa isa = of_processor();
    if (wanted && strcmp(wanted, "plain") == 0)
        return NL_ISA_PLAIN;
    return wanted && strcmp(wanted, "avx2") == 0 && isa > NL_ISA_AVX2 ? NL_ISA_AVX2 : isa;
}

enum nl_isa nl_cpu_isa(void)
{
    int isa = atomic_load_explicit(&known, memory_order_relaxed);
    if (isa < 0) {
        isa = (int)choose();
        atomic_store_explicit(&known, isa, memory_order_relaxed);
    }
    return (enum nl_isa)isa;
}
