/* The coefficients of normalizers.c on a GPU. */
#include "normalizers.c"

#include "backend/cuda/normalize_coefficients.cuh"

struct nl_cuda_coefficients corrected_on_cuda = NL_CUDA_COEFFICIENTS(&corrected, nl_corrected_device);
