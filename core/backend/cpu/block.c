/* A block of a normalizer, forwards and backwards, once its moments are known. */
#include "backend/cpu/block.h"

#include "backend/cpu/cpu.h"
#include "backend/cpu/lanes.h"

void nl_cpu_block_prepare(const struct nl_cpu_block *b, const double *mean, const double *var, double eps)
{
    for (size_t set = 0, c = 0; set < b->channels / b->width; set++) {
        float shift = (float)mean[set], rest = (float)(mean[set] - shift), rstd = (float)nl_inverse_deviation(var[set], eps);
        for (size_t end = c + b->width; c < end; c++) {
            b->shift[c] = shift;
            b->rest[c] = rest;
            b->rstd[c] = rstd;
        }
    }
}

/* Offset of the row's gamma. */
NL_INLINE size_t affine_of(const struct nl_cpu_block *b, size_t row)
{
    return b->affine_step ? row % b->positions * b->affine_step : 0;
}

NL_CLONES
void nl_cpu_block_apply(const struct nl_cpu_block *b)
{
    const float *restrict shift = b->shift, *restrict rest = b->rest, *restrict rstd = b->rstd;
    for (size_t row = 0; row < b->rows; row++) {
        const float *x = b->x + row * b->pitch;
        float *y = b->y + row * b->pitch;
        const float *gamma = b->gamma + affine_of(b, row), *beta = b->beta + affine_of(b, row);
        if (b->relu) {
            NL_PARALLEL
            for (size_t c = 0; c < b->channels; c++) {
                float value = ((x[c] - shift[c]) - rest[c]) * rstd[c] * gamma[c] + beta[c];
                y[c] = value < 0 ? 0.0f : value; /* NaN stays NaN */
            }
        } else {
            NL_PARALLEL
            for (size_t c = 0; c < b->channels; c++)
                y[c] = ((x[c] - shift[c]) - rest[c]) * rstd[c] * gamma[c] + beta[c];
        }
    }
}

/* xhat of a row, and the gradient that comes through its ReLU. */
NL_INLINE void walk_back(const struct nl_cpu_block *b, size_t row)
{
    const float *x = b->x + row * b->pitch, *dy = b->dy + row * b->pitch; /* dy may be dx */
    const float *restrict gamma = b->gamma + affine_of(b, row), *restrict beta = b->beta + affine_of(b, row);
    const float *restrict shift = b->shift, *restrict rest = b->rest, *restrict rstd = b->rstd;
    float *restrict xhat = b->row_xhat, *restrict grad = b->row_grad;
    if (b->relu) {
        NL_PARALLEL
        for (size_t c = 0; c < b->channels; c++) {
            xhat[c] = ((x[c] - shift[c]) - rest[c]) * rstd[c];
            grad[c] = xhat[c] * gamma[c] + beta[c] > 0 ? dy[c] : 0.0f;
        }
    } else {
        NL_PARALLEL
        for (size_t c = 0; c < b->channels; c++) {
            xhat[c] = ((x[c] - shift[c]) - rest[c]) * rstd[c];
            grad[c] = dy[c];
        }
    }
}

/* sum of a, and of a b, along one run; one shorter than the lanes is summed as it stands. */
NL_INLINE void sum_products(size_t count, const float *a, const float *b, double *sum, double *product)
{
    if (count < NL_LANES) {
        float s = 0.0f, p = 0.0f;
        for (size_t i = 0; i < count; i++) {
            s += a[i];
            p += a[i] * b[i];
        }
        *sum = s;
        *product = p;
        return;
    }
    size_t i = 0;
    nl_lanes s = {0}, p = {0};
    for (; i + NL_LANES <= count; i += NL_LANES) {
        nl_lanes value = *(const nl_lanes *)(a + i);
        s += value;
        p += value * *(const nl_lanes *)(b + i);
    }
    if (i < count) {
        nl_lanes value = {0}, other = {0};
        for (size_t lane = 0; i + lane < count; lane++) {
            value[lane] = a[i + lane];
            other[lane] = b[i + lane];
        }
        s += value;
        p += value * other;
    }
    *sum = nl_lanes_sum(&s);
    *product = nl_lanes_sum(&p);
}

/* A block of one row: sums along the sets. */
NL_CLONES
static void gradients_of_row(const struct nl_cpu_block *b, double *restrict dgamma, double *restrict dbeta)
{
    const float *restrict gamma = b->gamma, *restrict xhat = b->row_xhat;
    float *restrict grad = b->row_grad;
    walk_back(b, 0);
    for (size_t c = 0; c < b->channels; c++) {
        dgamma[c] += grad[c] * xhat[c];
        dbeta[c] += grad[c];
        grad[c] *= gamma[c];
    }
    for (size_t set = 0; set < b->channels / b->width; set++)
        sum_products(b->width, grad + set * b->width, xhat + set * b->width, &b->sum_a[set], &b->sum_b[set]);
}

/* A block of many rows: sums down the columns, then over the channels of each set. Where gamma is the same in every row it is
 * taken out of the sums, which then serve dgamma and dbeta as well. */
NL_CLONES
static void gradients_of_columns(const struct nl_cpu_block *b, double *restrict dgamma, double *restrict dbeta)
{
    size_t channels = b->channels;
    const float *restrict xhat = b->row_xhat;
    float *restrict grad = b->row_grad, *restrict sum = b->part_a, *restrict product = b->part_b;
    double *restrict sums = b->sum_a, *restrict products = b->sum_b;
    memset(sums, 0, channels * sizeof *sums);
    memset(products, 0, channels * sizeof *products);
    for (size_t first = 0; first < b->rows; first += NL_BLOCK_ROWS) {
        size_t end = first + NL_BLOCK_ROWS < b->rows ? first + NL_BLOCK_ROWS : b->rows;
        memset(sum, 0, channels * sizeof *sum);
        memset(product, 0, channels * sizeof *product);
        for (size_t row = first; row < end; row++) {
            walk_back(b, row);
            if (b->affine_step) {
                size_t at = affine_of(b, row);
                for (size_t c = 0; c < channels; c++) {
                    dgamma[at + c] += grad[c] * xhat[c];
                    dbeta[at + c] += grad[c];
                    grad[c] *= b->gamma[at + c];
                }
            }
            for (size_t c = 0; c < channels; c++) {
                sum[c] += grad[c];
                product[c] += grad[c] * xhat[c];
            }
        }
        for (size_t c = 0; c < channels; c++) {
            sums[c] += sum[c];
            products[c] += product[c];
        }
    }
    for (size_t c = 0; !b->affine_step && c < channels; c++) {
        dgamma[c] += products[c];
        dbeta[c] += sums[c];
        products[c] *= b->gamma[c];
        sums[c] *= b->gamma[c];
    }
    for (size_t set = 0, c = 0; set < channels / b->width; set++) {
        double a = 0.0, p = 0.0;
        for (size_t end = c + b->width; c < end; c++) {
            a += sums[c];
            p += products[c];
        }
        sums[set] = a;
        products[set] = p;
    }
}

void nl_cpu_block_gradients(const struct nl_cpu_block *block, double *dgamma, double *dbeta)
{
    if (block->rows == 1 && block->width > 1)
        gradients_of_row(block, dgamma, dbeta);
    else
        gradients_of_columns(block, dgamma, dbeta);
}

NL_CLONES
void nl_cpu_block_dx(const struct nl_cpu_block *b, const float *restrict mean_dxhat, const float *restrict mean_dxhat_xhat)
{
    const float *restrict xhat = b->row_xhat, *restrict grad = b->row_grad, *restrict rstd = b->rstd;
    for (size_t row = 0; row < b->rows; row++) {
        const float *restrict gamma = b->gamma + affine_of(b, row);
        float *dx = b->dx + row * b->pitch;
        walk_back(b, row);
        NL_PARALLEL
        for (size_t c = 0; c < b->channels; c++)
            dx[c] = rstd[c] * ((grad[c] * gamma[c] - mean_dxhat[c]) - xhat[c] * mean_dxhat_xhat[c]);
    }
}
