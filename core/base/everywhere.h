/* A function that the kernels of a GPU call too. */
#ifndef NL_BASE_EVERYWHERE_H
#define NL_BASE_EVERYWHERE_H

#ifdef __CUDACC__
#define NL_EVERYWHERE __host__ __device__
#else
#define NL_EVERYWHERE
#endif

#endif
