/* Preloaded by PyTorch at its best: its MKL asks this function of its own whether the processor is Intel's, and where
 * it is not leaves out AVX-512. */
int mkl_serv_intel_cpu_true(void);

int mkl_serv_intel_cpu_true(void)
{
    return 1;
}
