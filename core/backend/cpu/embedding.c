/* Embeddings and positions. Their tables are stored across, channel by channel; what is summed or added by rows is
 * turned once in scratch memory. */
#include <math.h>
#include <string.h>

#include "backend/cpu/cpu.h"
#include "operation/embedding.h"
#include "operation/positions.h"

NL_CLONES
static void look_up(size_t rows, size_t vocabulary, size_t channels, const int32_t *x, const float *w, float *y)
{
    for (size_t row = 0; row < rows; row++) {
        const float *column = w + x[row];
        NL_PARALLEL
        for (size_t c = 0; c < channels; c++)
            y[row * channels + c] = column[c * vocabulary];
    }
}

NL_CLONES
static void add_row(size_t count, const float *x, float *sum)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++)
        sum[i] += x[i];
}

NL_CLONES
static void add_rows(size_t count, const float *a, const float *b, float *y)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++)
        y[i] = a[i] + b[i];
}

/* ---- embedding ---- */

static void embedding_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_embedding *op = arguments;
    look_up((size_t)run->samples * (size_t)op->positions, (size_t)op->vocabulary, (size_t)op->channels, op->x, op->w,
            op->y);
}

static void embedding_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_embedding *op = arguments;
    size_t rows = (size_t)run->samples * (size_t)op->positions, vocabulary = (size_t)op->vocabulary,
           channels = (size_t)op->channels;
    if (!op->dw)
        return;
    float *sum = nl_cpu_scratch(vocabulary * channels * sizeof *sum); /* (V, C) */
    const int32_t *x = op->x;
    const float *dy = op->dy;
    memset(sum, 0, vocabulary * channels * sizeof *sum);
    for (size_t row = 0; row < rows; row++)
        add_row(channels, dy + row * channels, sum + (size_t)x[row] * channels);
    nl_cpu_transpose(vocabulary, channels, sum, channels, op->dw, vocabulary);
}

NL_CPU_KERNEL(embedding) = {.forward = embedding_forward, .backward = embedding_backward};

/* ---- positions ---- */

/* table(S, C) */
static void find_sinusoids(const struct nl_position_encoding *op, float *table)
{
    for (int c = 0; c < op->channels; c++) {
        double rate = 1 / pow(10000.0, (double)(c / 2 * 2) / op->channels);
        for (int s = 0; s < op->positions; s++)
            table[s * op->channels + c] = (float)(c % 2 ? cos(s * rate) : sin(s * rate));
    }
}

static void positions_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_position_encoding *op = arguments;
    size_t positions = (size_t)op->positions, channels = (size_t)op->channels, sample = positions * channels;
    float *table = nl_cpu_scratch(sample * sizeof *table); /* (S, C) */
    if (op->sinusoidal)
        find_sinusoids(op, table);
    const float *x = op->x;
    float *y = op->y;
    if (!op->sinusoidal)
        nl_cpu_transpose(channels, positions, op->p, positions, table, channels);
    for (size_t n = 0; n < (size_t)run->samples; n++)
        add_rows(sample, x + n * sample, table, y + n * sample);
}

static void positions_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_position_encoding *op = arguments;
    size_t positions = (size_t)op->positions, channels = (size_t)op->channels, sample = positions * channels;
    float *sum = nl_cpu_scratch(sample * sizeof *sum); /* (S, C) */
    const float *dy = op->dy;
    float *dx = op->dx;
    if (op->dp) {
        nl_cpu_column_sums((size_t)run->samples, sample, dy, NULL, sum);
        nl_cpu_transpose(positions, channels, sum, channels, op->dp, positions);
    }
    if (dx && dx != dy)
        memcpy(dx, dy, (size_t)run->samples * sample * sizeof *dx);
}

NL_CPU_KERNEL(positions) = {.forward = positions_forward, .backward = positions_backward};
