/* The instruction set that our own kernels run on: the best of the processor, or less where the environment says so.
 *
 *     NORMLAB_ISA=avx2 | plain
 *
 * is read once, when the first kernel asks. The results are equal over instruction sets; the switch is for tests and
 * for tools that know no AVX-512. It does not reach into OpenBLAS, which has OPENBLAS_CORETYPE.
 */
#ifndef NL_BACKEND_CPU_ISA_H
#define NL_BACKEND_CPU_ISA_H

#if defined(__x86_64__) && defined(__GNUC__)
#define NL_X86
#endif

enum nl_isa { NL_ISA_PLAIN, NL_ISA_AVX2, NL_ISA_AVX512 };
enum nl_isa nl_cpu_isa(void);

#endif
