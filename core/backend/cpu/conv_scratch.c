/* Channels in the numbers that tiles take, and the scratch of a convolution. */
#include <string.h>

#include "backend/cpu/conv.h"

const struct nl_conv_isa *nl_conv_tiles(void)
{
#ifdef NL_X86
    static const struct nl_conv_isa *const tiles[] = {&nl_conv_plain, &nl_conv_avx2, &nl_conv_avx512};
    return tiles[nl_cpu_isa()];
#else
    return &nl_conv_plain;
#endif
}

size_t nl_conv_output_channels(int channels)
{
    return ((size_t)channels + NL_CONV_LANES - 1) / NL_CONV_LANES * NL_CONV_LANES;
}

const float *nl_conv_widen(size_t rows, size_t from, size_t to, const float *x, float *scratch)
{
    if (from == to)
        return x;
    for (size_t row = 0; row < rows; row++) {
        memcpy(scratch + row * to, x + row * from, from * sizeof *x);
        memset(scratch + row * to + from, 0, (to - from) * sizeof *x);
    }
    return scratch;
}

void nl_conv_narrow(size_t rows, size_t from, size_t to, const float *x, float *y)
{
    for (size_t row = 0; row < rows; row++)
        memcpy(y + row * to, x + row * from, to * sizeof *y);
}

bool nl_conv_allocate(struct nl_conv_scratch *scratch)
{
    if (scratch->memory)
        return false;
    scratch->memory = nl_cpu_scratch(scratch->used);
    scratch->used = 0;
    return true;
}

void *nl_conv_take(struct nl_conv_scratch *scratch, size_t bytes)
{
    void *taken = scratch->memory ? scratch->memory + scratch->used : NULL;
    scratch->used += (bytes + 63) / 64 * 64;
    return taken;
}

float *nl_conv_take_widened(struct nl_conv_scratch *scratch, size_t rows, size_t from, size_t to)
{
    return nl_conv_take(scratch, from == to ? 0 : rows * to * sizeof(float));
}
