/* Convolution: by Winograd's algorithm where it is wanted and applies, else by direct kernels, else by unfolding and a
 * matrix product. */
#include "backend/cpu/conv.h"

#include <string.h>

static void conv_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_conv *op = arguments;
    const float *x = op->x, *w = op->w, *b = op->b;
    float *y = op->y;
    if (nl_cpu_conv_is_winograd(op))
        nl_cpu_conv_forward_winograd(op, run->samples, x, w, b, y);
    else if (nl_cpu_conv_forward_is_direct(op))
        nl_cpu_conv_forward_direct(op, run->samples, x, w, b, y);
    else
        nl_cpu_conv_forward_unfold(op, run->samples, x, w, b, y);
}

/* In sums: those of db, then those of dw. */
static size_t bias_sums(const struct nl_conv *op)
{
    return ((size_t)op->out * sizeof(double) + 63) / 64 * 64;
}

static struct nl_micro conv_micro(const void *arguments)
{
    const struct nl_conv *op = arguments;
    bool winograd = nl_cpu_conv_is_winograd(op);
    if (!winograd && !nl_cpu_conv_dw_is_direct(op))
        return (struct nl_micro){0};
    struct nl_micro micro = winograd ? nl_cpu_conv_winograd_micro(op) : nl_cpu_conv_direct_micro(op);
    int of_bias = nl_cpu_samples_of_blocks((size_t)op->out_height * (size_t)op->out_width, NL_BLOCK_ROWS);
    micro.unit = micro.unit > of_bias ? micro.unit : of_bias; /* a multiple of both, powers of two */
    micro.sums += bias_sums(op);
    return micro;
}

static void conv_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_conv *op = arguments;
    size_t out = (size_t)op->out, rows = (size_t)run->samples * (size_t)op->out_height * (size_t)op->out_width;
    const float *x = op->x, *w = op->w, *dy = op->dy;
    float *dx = op->dx, *dw = op->dw, *db = op->db;
    char *sums = op->sums;
    if (sums && run->first == 0)
        memset(sums, 0, bias_sums(op));
    if (db)
        nl_cpu_column_sums(rows, out, dy, (double *)sums, db);
    struct nl_conv_part part = {.sums = sums ? (float *)(sums + bias_sums(op)) : NULL,
                                .accumulates = run->first > 0,
                                .ends = run->first + run->samples >= run->batch};
    if (nl_cpu_conv_is_winograd(op))
        nl_cpu_conv_dw_winograd(op, run->samples, x, dy, &part, dw);
    else if (nl_cpu_conv_dw_is_direct(op))
        nl_cpu_conv_dw_direct(op, run->samples, x, dy, &part, dw);
    else
        nl_cpu_conv_dw_unfold(op, run->samples, x, dy, dw);
    if (dx && nl_cpu_conv_is_winograd(op))
        nl_cpu_conv_dx_winograd(op, run->samples, dy, w, dx);
    else if (dx && nl_cpu_conv_dx_is_direct(op))
        nl_cpu_conv_dx_direct(op, run->samples, dy, w, dx);
    else if (dx)
        nl_cpu_conv_dx_unfold(op, run->samples, dy, w, dx);
}

NL_CPU_KERNEL(conv) = {.forward = conv_forward, .backward = conv_backward, .micro = conv_micro};

/* ---- what the algorithms share: channels in the numbers that tiles take, and scratch ---- */

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
