#include "operations.h"

#include "operation/reference.h"

#define KERNEL(name) static void name(const struct nl_run *run, const void *arguments)

/* ---- slice ---- */

KERNEL(slice_forward)
{
    const struct slice *op = arguments;
    size_t in = (size_t)(op->positions * op->channels), out = (size_t)(op->count * op->channels);
    for (int n = 0; n < run->samples; n++)
        for (size_t i = 0; i < out; i++)
            ((real *)op->y)[(size_t)n * out + i] =
                ((const real *)op->x)[(size_t)n * in + (size_t)(op->first * op->channels) + i];
}

KERNEL(slice_backward)
{
    const struct slice *op = arguments;
    size_t in = (size_t)(op->positions * op->channels), out = (size_t)(op->count * op->channels),
           skipped = (size_t)(op->first * op->channels);
    for (int n = 0; n < run->samples; n++)
        for (size_t i = 0; i < in; i++)
            ((real *)op->dx)[(size_t)n * in + i] =
                i >= skipped && i < skipped + out ? ((const real *)op->dy)[(size_t)n * out + i - skipped] : 0;
}

/* ---- ids ---- */

KERNEL(before_forward)
{
    const struct before *op = arguments;
    for (int row = 0; row < run->samples * op->positions; row++)
        ((int32_t *)op->y)[row] = row % op->positions > 0 ? ((const int32_t *)op->x)[row - 1] : 0;
}

/* ---- the cell of an LSTM ---- */

static accumulator sigmoid(accumulator x)
{
    return 1 / (1 + exp(-x));
}

KERNEL(cell_forward)
{
    const struct cell *op = arguments;
    int width = op->width;
    for (int e = 0; e < run->samples * width; e++) {
        const real *gate = (const real *)op->gates + e / width * 4 * width + e % width;
        accumulator c =
            sigmoid(gate[width]) * ((const real *)op->c)[e] + sigmoid(gate[0]) * tanh((accumulator)gate[2 * width]);
        ((real *)op->next)[e] = (real)c;
        ((real *)op->h)[e] = (real)(sigmoid(gate[3 * width]) * tanh(c));
    }
}

KERNEL(cell_backward)
{
    const struct cell *op = arguments;
    int width = op->width;
    for (int e = 0; e < run->samples * width; e++) {
        const real *gate = (const real *)op->gates + e / width * 4 * width + e % width;
        real *dgate = (real *)op->dgates + e / width * 4 * width + e % width;
        accumulator i = sigmoid(gate[0]), f = sigmoid(gate[width]), g = tanh((accumulator)gate[2 * width]),
                    o = sigmoid(gate[3 * width]);
        accumulator before = ((const real *)op->c)[e], c = f * before + i * g, t = tanh(c);
        accumulator dh = op->dh ? ((const real *)op->dh)[e] : 0,
                    dc = (op->dnext ? ((const real *)op->dnext)[e] : 0) + dh * o * (1 - t * t);
        dgate[0] = (real)(dc * g * i * (1 - i));
        dgate[width] = (real)(dc * before * f * (1 - f));
        dgate[2 * width] = (real)(dc * i * (1 - g * g));
        dgate[3 * width] = (real)(dh * t * o * (1 - o));
        ((real *)op->dc)[e] = (real)(dc * f);
    }
}

/* ---- weights ---- */

KERNEL(tied_forward)
{
    const struct tied *op = arguments;
    for (int n = 0; n < run->samples; n++)
        for (int o = 0; o < op->out; o++) {
            accumulator sum = 0;
            for (int i = 0; i < op->in; i++)
                sum += (accumulator)((const real *)op->x)[n * op->in + i] * ((const real *)op->w)[o * op->in + i];
            ((real *)op->y)[n * op->out + o] = (real)sum;
        }
}

KERNEL(tied_backward)
{
    const struct tied *op = arguments;
    const real *x = op->x, *w = op->w, *dy = op->dy;
    real *dx = op->dx, *dw = op->dw;
    for (int n = 0; n < run->samples; n++)
        for (int i = 0; i < op->in; i++) {
            accumulator sum = 0;
            for (int o = 0; o < op->out; o++)
                sum += (accumulator)dy[n * op->out + o] * w[o * op->in + i];
            dx[n * op->in + i] = (real)sum;
        }
    for (int o = 0; o < op->out; o++)
        for (int i = 0; i < op->in; i++) {
            accumulator sum = 0;
            for (int n = 0; n < run->samples; n++)
                sum += (accumulator)dy[n * op->out + o] * x[n * op->in + i];
            dw[o * op->in + i] = (real)sum;
        }
}

/* ---- all of them ---- */

NL_KERNEL(slice) = {.forward = slice_forward, .backward = slice_backward};
NL_KERNEL(cell) = {.forward = cell_forward, .backward = cell_backward};
NL_KERNEL(tied) = {.forward = tied_forward, .backward = tied_backward};
NL_KERNEL(before) = {.forward = before_forward};
