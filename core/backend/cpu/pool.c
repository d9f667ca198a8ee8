/* Pooling: 2x2 maximum, and the mean over positions. */
#include <math.h>
#include <string.h>

#include "backend/cpu/cpu.h"
#include "operation/max_pool.h"
#include "operation/mean_pool.h"

/* The larger of two, the first of equals; a NaN counts as largest, the first of two as well. */
#define IS_LARGER(value, best) ((value) > (best) || (isnan(value) && !isnan(best)))

NL_CLONES
static void max_row(size_t out_width, size_t channels, const float *top, const float *bottom, float *restrict y)
{
    for (size_t j = 0; j < out_width; j++, top += 2 * channels, bottom += 2 * channels, y += channels)
        for (size_t c = 0; c < channels; c++) {
            float best = top[c];
            best = IS_LARGER(top[c + channels], best) ? top[c + channels] : best;
            best = IS_LARGER(bottom[c], best) ? bottom[c] : best;
            best = IS_LARGER(bottom[c + channels], best) ? bottom[c + channels] : best;
            y[c] = best;
        }
}

/* Compares as forward does; each of the four places gets dy where the winner's number is its own, else 0. */
NL_CLONES
static void max_row_back(size_t out_width, size_t channels, const float *top, const float *bottom,
                         const float *restrict dy, float *restrict dtop, float *restrict dbottom)
{
    for (size_t j = 0; j < out_width; j++) {
        for (size_t c = 0; c < channels; c++) {
            float best = top[c];
            int winner = 0;
            winner = IS_LARGER(top[c + channels], best) ? 1 : winner;
            best = winner == 1 ? top[c + channels] : best;
            winner = IS_LARGER(bottom[c], best) ? 2 : winner;
            best = winner == 2 ? bottom[c] : best;
            winner = IS_LARGER(bottom[c + channels], best) ? 3 : winner;
            dtop[c] = winner == 0 ? dy[c] : 0.0f;
            dtop[c + channels] = winner == 1 ? dy[c] : 0.0f;
            dbottom[c] = winner == 2 ? dy[c] : 0.0f;
            dbottom[c + channels] = winner == 3 ? dy[c] : 0.0f;
        }
        top += 2 * channels, bottom += 2 * channels, dtop += 2 * channels, dbottom += 2 * channels, dy += channels;
    }
}

static void max_forward(const struct nl_run *run, const void *operation, size_t first)
{
    const struct nl_max_pool *op = operation;
    size_t channels = (size_t)op->channels, line = (size_t)op->width * channels, image = (size_t)op->height * line;
    size_t out_height = (size_t)op->height / 2, out_width = (size_t)op->width / 2,
           out_image = out_height * out_width * channels;
    const float *x = (const float *)op->x + first * image;
    float *y = (float *)op->y + first * out_image;
    for (int n = 0; n < run->samples; n++, x += image)
        for (size_t i = 0; i < out_height; i++, y += out_width * channels)
            max_row(out_width, channels, x + 2 * i * line, x + (2 * i + 1) * line, y);
}

static void max_backward(const struct nl_run *run, const void *operation, size_t first)
{
    const struct nl_max_pool *op = operation;
    size_t channels = (size_t)op->channels, line = (size_t)op->width * channels, image = (size_t)op->height * line;
    size_t out_height = (size_t)op->height / 2, out_width = (size_t)op->width / 2,
           out_image = out_height * out_width * channels;
    const float *x = (const float *)op->x + first * image, *dy = (const float *)op->dy + first * out_image;
    float *dx = (float *)op->dx + first * image;
    if (op->height % 2 || op->width % 2) /* the last row and column, which no window has */
        memset(dx, 0, (size_t)run->samples * image * sizeof *dx);
    for (int n = 0; n < run->samples; n++, x += image, dx += image)
        for (size_t i = 0; i < out_height; i++, dy += out_width * channels)
            max_row_back(out_width, channels, x + 2 * i * line, x + (2 * i + 1) * line, dy, dx + 2 * i * line,
                         dx + (2 * i + 1) * line);
}

static size_t bytes_of(const struct nl_max_pool *op)
{
    return (size_t)op->height * (size_t)op->width * (size_t)op->channels * sizeof(float);
}

static void max_pool_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_max_pool *op = arguments;
    nl_cpu_share_samples(run, op, bytes_of(op), max_forward);
}

static void max_pool_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_max_pool *op = arguments;
    nl_cpu_share_samples(run, op, bytes_of(op), max_backward);
}

static void mean_pool_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_mean_pool *op = arguments;
    size_t positions = (size_t)op->positions, channels = (size_t)op->channels;
    const float *x = op->x;
    float *y = op->y;
    const int32_t *lengths = op->lengths;
    for (int n = 0; n < run->samples; n++, x += positions * channels, y += channels) {
        int length = nl_length_of(lengths, n, op->positions);
        nl_cpu_column_sums((size_t)length, channels, x, NULL, y);
        for (size_t c = 0; c < channels && length; c++)
            y[c] /= (float)length;
    }
}

static void mean_pool_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_mean_pool *op = arguments;
    size_t positions = (size_t)op->positions, channels = (size_t)op->channels;
    const float *restrict dy = op->dy;
    float *restrict dx = op->dx;
    const int32_t *lengths = op->lengths;
    for (int n = 0; n < run->samples; n++, dy += channels) {
        size_t length = (size_t)nl_length_of(lengths, n, op->positions);
        for (size_t s = 0; s < length; s++, dx += channels)
            for (size_t c = 0; c < channels; c++)
                dx[c] = dy[c] / (float)length;
        memset(dx, 0, (positions - length) * channels * sizeof *dx);
        dx += (positions - length) * channels;
    }
}

NL_CPU_KERNEL(max_pool) = {.forward = max_pool_forward, .backward = max_pool_backward};
NL_CPU_KERNEL(mean_pool) = {.forward = mean_pool_forward, .backward = mean_pool_backward};
