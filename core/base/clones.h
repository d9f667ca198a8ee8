/* For hot loops that the compiler vectorizes. */
#ifndef NL_BASE_CLONES_H
#define NL_BASE_CLONES_H

#include <limits.h> /* __GLIBC__, where it is that: not every loader picks */

/* A hot loop is compiled for AVX-512, AVX2 and the baseline; the loader picks by cpuid. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12 && defined(__GLIBC__) && \
    !defined(__SANITIZE_THREAD__) /* whose run-time is not there yet when the loader picks */
#define NL_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define NL_CLONES
#endif

#endif
