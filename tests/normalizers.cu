/* The coefficients of normalizers.c on a GPU. */
#include "normalizers.c"

#include "backend/cuda/normalize_coefficients.cuh"

struct brn_on_device {
    static __device__ struct nl_set_coefficients coefficients(const struct nl_norm *norm, const struct nl_set_statistics *set)
    {
        return brn_coefficients(norm, set);
    }
    static __device__ struct nl_set_means means(const struct nl_set_statistics *set, struct nl_set_means means)
    {
        (void)set;
        return means;
    }
};

struct nl_cuda_coefficients brn_on_cuda = NL_CUDA_COEFFICIENTS(&brn, brn_on_device);
