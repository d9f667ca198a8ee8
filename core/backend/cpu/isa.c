/* Which instruction set: cpuid and NORMLAB_ISA. */
#include "backend/cpu/isa.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static enum nl_isa isa;

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

static void choose(void)
{
    const char *wanted = getenv("NORMLAB_ISA");
    isa = of_processor();
    if (wanted && strcmp(wanted, "avx2") == 0 && isa > NL_ISA_AVX2)
        isa = NL_ISA_AVX2;
    if (wanted && strcmp(wanted, "plain") == 0)
        isa = NL_ISA_PLAIN;
}

enum nl_isa nl_cpu_isa(void)
{
    pthread_once(&once, choose);
    return isa;
}
