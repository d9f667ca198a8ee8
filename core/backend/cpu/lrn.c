/* Local response normalization. Some rows (positions) at a time lie in a buffer with zeros between them, as many as a
 * window reaches: so the sums over all windows are sums of the buffer and itself shifted, whatever the number of
 * channels. */
#include "backend/cpu/cpu.h"
#include "backend/cpu/elementary.h"
#include "base/team.h"
#include "operation/lrn.h"

enum { ELEMENTS = 1024 }; /* in a buffer, or one row */

struct windows {
    size_t rows, channels, size;       /* rows at a time */
    size_t line, left;                 /* in the buffers: from row to row, and to a row's first channel */
    size_t shift;                      /* from the sum over a window to that over the reversed one */
    double factor, k, exponent;        /* D = k + factor * sum of squares; y = x D^exponent */
    double *padded, *sums;             /* (rows * line + size) */
    float *power;                      /* (rows * line): D^exponent */
};

/* The windows of a layer, whose buffers are the thread's scratch. */
static struct windows windows_of(const struct nl_lrn *op)
{
    size_t channels = (size_t)op->channels, size = (size_t)op->set.lrn.size, line = channels + size - 1,
           rows = line < ELEMENTS ? ELEMENTS / line : 1;
    struct windows w = {
        .rows = rows,
        .channels = channels,
        .size = size,
        .line = line,
        .left = (size_t)nl_lrn_left(op),
        .shift = (size_t)(nl_lrn_left(op) - nl_lrn_right(op)),
        .factor = op->set.lrn.alpha / op->set.lrn.size,
        .k = op->set.lrn.k,
        .exponent = -op->set.lrn.beta,
    };
    size_t scratch = rows * line + size + 1;
    w.padded = nl_cpu_scratch(scratch * (2 * sizeof *w.padded + sizeof *w.power));
    w.sums = w.padded + scratch;
    w.power = (float *)(w.sums + scratch);
    for (size_t i = 0; i < scratch; i++)
        w.padded[i] = 0;
    return w;
}

/* sums[i] = padded[i] + ... + padded[i + size - 1] */
NL_INLINE void add_windows(const struct windows *w, size_t count)
{
    const double *padded = w->padded;
    double *restrict sums = w->sums;
    for (size_t i = 0; i < count; i++)
        sums[i] = padded[i];
    for (size_t j = 1; j < w->size; j++)
        for (size_t i = 0; i < count; i++)
            sums[i] += padded[i + j];
}

/* Makes `sums` the divisors D of some rows of x, and `power`. */
NL_INLINE void divisors(const struct windows *w, size_t rows, const float *x)
{
    size_t count = rows * w->line;
    double *restrict sums = w->sums;
    float *restrict power = w->power;
    for (size_t row = 0; row < rows; row++) {
        double *restrict to = w->padded + row * w->line + w->left;
        for (size_t c = 0; c < w->channels; c++)
            to[c] = (double)x[row * w->channels + c] * (double)x[row * w->channels + c];
    }
    add_windows(w, count);
    for (size_t i = 0; i < count; i++) {
        sums[i] = w->k + w->factor * sums[i];
        power[i] = nl_pow(sums[i], w->exponent);
    }
}

NL_CLONES
static void rows_forward(const struct windows *w, size_t rows, const float *x, float *y)
{
    divisors(w, rows, x);
    for (size_t row = 0; row < rows; row++) {
        const float *restrict power = w->power + row * w->line, *restrict from = x + row * w->channels;
        float *restrict to = y + row * w->channels;
        for (size_t c = 0; c < w->channels; c++)
            to[c] = from[c] * power[c];
    }
}

/* dx may be dy. */
NL_CLONES
static void rows_backward(const struct windows *w, size_t rows, const float *x, const float *dy, float *dx)
{
    double factor = 2 * w->factor * w->exponent;
    divisors(w, rows, x);
    for (size_t row = 0; row < rows; row++) {
        const double *restrict divisor = w->sums + row * w->line;
        const float *restrict power = w->power + row * w->line;
        double *restrict to = w->padded + row * w->line + w->left;
        for (size_t c = 0; c < w->channels; c++) {
            double product = (double)dy[row * w->channels + c] * (double)x[row * w->channels + c] * (double)power[c];
            to[c] = product / (divisor[c] == 0 ? 1 : divisor[c]);
        }
    }
    add_windows(w, rows * w->line + w->shift);
    for (size_t row = 0; row < rows; row++) {
        const double *restrict sums = w->sums + row * w->line + w->shift;
        const float *restrict power = w->power + row * w->line;
        NL_PARALLEL
        for (size_t c = 0; c < w->channels; c++) {
            size_t at = row * w->channels + c;
            dx[at] = (float)((double)dy[at] * (double)power[c] + factor * (double)x[at] * sums[c]);
        }
    }
}

/* Rows from sample `first` on; forward, or else backward. */
static void on_rows(const struct nl_run *run, const struct nl_lrn *op, size_t first, bool is_forward)
{
    struct windows w = windows_of(op);
    size_t rows = (size_t)run->samples * (size_t)op->positions, before = first * (size_t)op->positions;
    const float *x = op->x, *dy = op->dy;
    float *y = op->y, *dx = op->dx;
    for (size_t row = 0; row < rows; row += w.rows) {
        size_t at = (before + row) * w.channels, count = rows - row < w.rows ? rows - row : w.rows;
        if (is_forward)
            rows_forward(&w, count, x + at, y + at);
        else
            rows_backward(&w, count, x + at, dy + at, dx + at);
    }
}

static void forward(const struct nl_run *run, const void *operation, size_t first)
{
    on_rows(run, operation, first, true);
}

static void backward(const struct nl_run *run, const void *operation, size_t first)
{
    on_rows(run, operation, first, false);
}

static void lrn_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_lrn *op = arguments;
    nl_cpu_share_samples(run, op, (size_t)op->positions * (size_t)op->channels * sizeof(float) * 16, forward);
}

static void lrn_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_lrn *op = arguments;
    if (op->dx)
        nl_cpu_share_samples(run, op, (size_t)op->positions * (size_t)op->channels * sizeof(float) * 24, backward);
}

NL_CPU_KERNEL(lrn) = {.forward = lrn_forward, .backward = lrn_backward};
