/* Memory and threads of the cpu backend. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

#include "backend/cpu/cpu.h"
#include "backend/cpu/isa.h"
#include "base/memory.h"

enum { HUGE_PAGE = 2 << 20, CACHE_LINE = 64 };

void *nl_cpu_alloc(size_t bytes)
{
    /* An arena on huge pages spares a training its page faults and most of its TLB misses. */
    size_t align = bytes >= HUGE_PAGE ? HUGE_PAGE : CACHE_LINE;
    size_t rounded = (bytes + align - 1) / align * align;
    void *memory = aligned_alloc(align, rounded ? rounded : align);
    if (!memory)
        return NULL;
#ifdef MADV_HUGEPAGE
    if (align == HUGE_PAGE)
        (void)madvise(memory, rounded, MADV_HUGEPAGE); /* a kernel without huge pages is only slower */
#endif
    return memset(memory, 0, bytes);
}

void nl_cpu_free(void *memory, size_t bytes)
{
    (void)bytes;
    free(memory);
}

void nl_cpu_copy(void *to, const void *from, size_t bytes)
{
    if (bytes)
        memcpy(to, from, bytes);
}

void nl_cpu_put_reals(void *to, const double *from, size_t count)
{
    float *out = to;
    for (size_t i = 0; i < count; i++)
        out[i] = (float)from[i];
}

void nl_cpu_get_reals(double *to, const void *from, size_t count)
{
    const float *in = from;
    for (size_t i = 0; i < count; i++)
        to[i] = in[i];
}

void nl_cpu_describe(int device, char *text, size_t size)
{
    static const char *const names[] = {
        [NL_ISA_PLAIN] = "plain C", [NL_ISA_AVX2] = "AVX2", [NL_ISA_AVX512] = "AVX-512"};
    (void)device;
    snprintf(text, size, "own kernels in %s; matrix products by OpenBLAS with device.gemm=openblas",
             names[nl_cpu_isa()]);
}

int nl_cpu_thread_begin(int device, struct nl_error *err)
{
    (void)device, (void)err;
    /* Denormals to zero: late in a training they would make a step tens of times slower. */
#if defined(__SSE2__)
    _mm_setcsr(_mm_getcsr() | 0x8040); /* flush to zero, denormals are zero */
#elif defined(__aarch64__)
    uint64_t control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    __asm__ volatile("msr fpcr, %0" : : "r"(control | (1u << 24)));
#endif
    return NL_OK;
}

/* ---- scratch ---- */

enum { OPERATION, PRODUCT, OUTER, SCRATCHES };
static pthread_key_t scratch_key[SCRATCHES]; /* frees it when the thread ends */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local struct scratch {
    void *memory;
    size_t bytes;
} scratch[SCRATCHES];

static void make_keys(void)
{
    for (int i = 0; i < SCRATCHES; i++)
        NL_ASSERT(pthread_key_create(&scratch_key[i], free) == 0);
}

static void *scratch_of(int number, size_t bytes)
{
    struct scratch *s = &scratch[number];
    if (bytes > s->bytes) {
        pthread_once(&once, make_keys);
        size_t rounded = (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
        void *memory = nl_alloc_aligned(CACHE_LINE, rounded); /* where that fails, the old one stays */
        NL_ASSERT(pthread_setspecific(scratch_key[number], memory) == 0);
        free(s->memory);
        *s = (struct scratch){memory, rounded};
    }
    return s->memory;
}

void *nl_cpu_scratch(size_t bytes)
{
    return scratch_of(OPERATION, bytes);
}

void *nl_cpu_product_scratch(size_t bytes)
{
    return scratch_of(PRODUCT, bytes);
}

void *nl_cpu_outer_scratch(size_t bytes)
{
    return scratch_of(OUTER, bytes);
}
