/* Normalizers with a gamma and a beta for each element of a sample (norm.affine: element), in plain loops: ResNets and
 * CNNs hardly ever have them. Only LN, GN and RMSNorm do. The sums of dx have the order that the kernels of
 * block_columns.h and block_rows.h have. */
#include <string.h>

#include "backend/cpu/block.h"
#include "backend/cpu/cpu.h"

/* Where gamma and beta of a row begin. */
static size_t affine_at(const struct nl_cpu_block *b, size_t row)
{
    return (b->position + row) % b->positions * b->affine_step;
}

NL_INLINE float relu(const struct nl_cpu_block *b, float value)
{
    return b->relu && value < 0 ? 0.0f : value;
}

/* ---- columns ---- */

/* An element of channel c as the kernels have it: gamma xhat + beta = t scale + offset. */
struct element {
    float t, scale, value;
};

NL_INLINE struct element element_at(const struct nl_cpu_block *b, const float *gamma, const float *beta, const float *x,
                                    size_t c)
{
    struct element e = {.t = x[c] - b->shift[c], .scale = b->rstd[c] * gamma[c]};
    e.value = fmaf(e.t, e.scale, beta[c] - b->mean_low[c] * e.scale);
    return e;
}

NL_INLINE float masked(const struct nl_cpu_block *b, float value, float y, float dy)
{
    return b->mask == NL_MASK_NONE || (b->mask == NL_MASK_X ? value : y) > 0 ? dy : 0.0f;
}

NL_CLONES
void nl_cpu_element_apply(const struct nl_cpu_block *b, size_t first, size_t end)
{
    for (size_t row = first; row < end; row++) {
        size_t at = row * b->pitch, affine = affine_at(b, row);
        const float *residual = b->residual ? b->residual + at : NULL;
        NL_PARALLEL
        for (size_t c = 0; c < b->channels; c++) {
            struct element e = element_at(b, b->gamma + affine, b->beta + affine, b->x + at, c);
            b->y[at + c] = relu(b, residual ? e.value + residual[c] : e.value);
        }
    }
}

/* Sums the rows [first, end), a stretch, of `count` channels from c on. Several short loops, which vectorize. */
NL_INLINE void sum_tile(const struct nl_cpu_block *b, size_t first, size_t end, size_t c, size_t count,
                        float sum[2][NL_LANES], float product[2][NL_LANES])
{
    const float *of_mask = b->mask == NL_MASK_Y ? b->y : b->x; /* x is not asked for */
    for (size_t row = first; row < end; row++) {
        size_t at = row * b->pitch + c, affine = affine_at(b, row) + c, chain = (row - first) % 2;
        const float *gamma = b->gamma + affine, *x = b->x + at, *dy = b->dy + at, *y = of_mask + at;
        double *dgamma = b->dgamma + affine, *dbeta = b->dbeta + affine;
        float t[NL_LANES], g[NL_LANES];
        for (size_t i = 0; i < count; i++) {
            struct element e = element_at(b, gamma - c, b->beta + affine - c, x - c, c + i);
            t[i] = e.t;
            g[i] = masked(b, e.value, y[i], dy[i]);
        }
        if (b->mask == NL_MASK_Y)
            memcpy(b->dresidual + at, g, count * sizeof *g);
        for (size_t i = 0; i < count; i++) {
            dgamma[i] += (double)(g[i] * ((t[i] - b->mean_low[c + i]) * b->rstd[c + i]));
            dbeta[i] += (double)g[i];
        }
        for (size_t i = 0; i < count; i++) {
            float dxhat = g[i] * gamma[i];
            sum[chain][i] += dxhat;
            product[chain][i] = fmaf(dxhat, t[i], product[chain][i]);
        }
    }
}

NL_CLONES
void nl_cpu_element_gradients(const struct nl_cpu_block *b, size_t first, size_t end, double *to_sum,
                              double *to_product)
{
    memset(to_sum, 0, b->channels * sizeof *to_sum);
    memset(to_product, 0, b->channels * sizeof *to_product);
    for (size_t row = first, stop; row < end; row = stop) {
        stop = end - row < NL_COLUMN_STRETCH ? end : row + NL_COLUMN_STRETCH;
        for (size_t c = 0; c < b->channels; c += NL_LANES) {
            size_t count = b->channels - c < NL_LANES ? b->channels - c : NL_LANES;
            float sum[2][NL_LANES] = {0}, product[2][NL_LANES] = {0};
            if (count == NL_LANES)
                sum_tile(b, row, stop, c, NL_LANES, sum, product);
            else
                sum_tile(b, row, stop, c, count, sum, product);
            for (size_t i = 0; i < count; i++) {
                to_sum[c + i] += (double)(sum[0][i] + sum[1][i]);
                to_product[c + i] += (double)(product[0][i] + product[1][i]);
            }
        }
    }
}

NL_CLONES
void nl_cpu_element_dx(const struct nl_cpu_block *b, size_t first, size_t end)
{
    const float *dy = b->mask == NL_MASK_Y ? b->dresidual : b->dy; /* the mask of y is in there */
    for (size_t row = first; row < end; row++) {
        size_t at = row * b->pitch, affine = affine_at(b, row);
        NL_PARALLEL
        for (size_t c = 0; c < b->channels; c++) {
            struct element e = element_at(b, b->gamma + affine, b->beta + affine, b->x + at, c);
            float g = b->mask == NL_MASK_X && !(e.value > 0) ? 0.0f : dy[at + c];
            b->dx[at + c] = g * e.scale + fmaf(e.t, b->dx_slope[c], b->dx_bias[c]);
        }
    }
}

/* ---- rows ---- */

/* y is xhat first. */
NL_CLONES
void nl_cpu_element_row_forward(const struct nl_cpu_block *b, const float *ones, const float *zeros)
{
    struct nl_cpu_block plain = *b;
    plain.gamma = ones, plain.beta = zeros, plain.relu = plain.is_common = false, plain.residual = NULL;
    nl_block_kernels()->row_forward(&plain);
    for (size_t row = 0; row < b->rows; row++) {
        const float *gamma = b->gamma + affine_at(b, row), *beta = b->beta + affine_at(b, row);
        const float *residual = b->residual ? b->residual + row * b->pitch : NULL;
        float *y = b->y + row * b->pitch;
        NL_PARALLEL
        for (size_t c = 0; c < b->channels; c++) {
            float value = fmaf(y[c], gamma[c], beta[c]);
            y[c] = relu(b, residual ? value + residual[c] : value);
        }
    }
}

/* dx is dxhat first. */
NL_INLINE void gradients_of_row(const struct nl_cpu_block *b, size_t row)
{
    size_t at = row * b->pitch, affine = affine_at(b, row);
    const float *y = b->mask == NL_MASK_Y ? b->y : b->x; /* which is not asked for then */
    nl_cpu_block_prepare_sets(b, b->mean + row * b->sets, b->var + row * b->sets);
    for (size_t set = 0; set < b->sets; set++, at += b->width, affine += b->width) {
        const float *x = b->x + at, *gamma = b->gamma + affine, *beta = b->beta + affine, *dy = b->dy + at;
        float shift = b->shift[set], mean_low = b->mean_low[set], rstd = b->rstd[set];
        float *dresidual = b->mask == NL_MASK_Y ? b->dresidual + at : NULL, *dx = b->dx ? b->dx + at : NULL;
        double *dgamma = b->dgamma + affine, *dbeta = b->dbeta + affine;
        NL_PARALLEL
        for (size_t i = 0; i < b->width; i++) {
            float xhat = ((x[i] - shift) - mean_low) * rstd,
                  g = masked(b, fmaf(xhat, gamma[i], beta[i]), y[at + i], dy[i]);
            dgamma[i] += (double)(g * xhat);
            dbeta[i] += (double)g;
            if (dresidual)
                dresidual[i] = g;
            if (dx)
                dx[i] = g * gamma[i];
        }
    }
}

NL_CLONES
void nl_cpu_element_row_backward(const struct nl_cpu_block *b, const float *ones, const float *zeros)
{
    for (size_t row = 0; row < b->rows; row++)
        gradients_of_row(b, row);
    struct nl_cpu_block plain = *b;
    plain.gamma = ones, plain.beta = zeros, plain.dy = b->dx, plain.relu = plain.is_common = false,
    plain.mask = NL_MASK_NONE;
    if (b->dx)
        nl_block_kernels()->row_backward(&plain);
}
