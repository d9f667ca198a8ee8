#include "operations.h"

#include "operation/reference.h"

#define KERNEL(name) static void name(const struct nl_run *run, const void *arguments)
#define AT(place) nl_in_replica(run, place, r)

/* ---- slice ---- */

KERNEL(slice_forward)
{
    const struct slice *op = arguments;
    size_t in = (size_t)(op->positions * op->channels), out = (size_t)(op->count * op->channels);
    for (int r = 0; r < run->replicas; r++)
        for (int n = 0; n < run->samples; n++)
            for (size_t i = 0; i < out; i++)
                ((real *)AT(op->y))[(size_t)n * out + i] =
                    ((const real *)AT(op->x))[(size_t)n * in + (size_t)(op->first * op->channels) + i];
}

KERNEL(slice_backward)
{
    const struct slice *op = arguments;
    size_t in = (size_t)(op->positions * op->channels), out = (size_t)(op->count * op->channels),
           skipped = (size_t)(op->first * op->channels);
    for (int r = 0; r < run->replicas; r++)
        for (int n = 0; n < run->samples; n++)
            for (size_t i = 0; i < in; i++)
                ((real *)AT(op->dx))[(size_t)n * in + i] =
                    i >= skipped && i < skipped + out ? ((const real *)AT(op->dy))[(size_t)n * out + i - skipped] : 0;
}

/* ---- attention ---- */


/* Of one query: weights over positions [0, t], into p. */
static void attend(const struct attention *op, const real *q, const real *k, int t, int head, accumulator *p)
{
    int width = op->channels / op->heads;
    accumulator sum = 0;
    for (int s = 0; s <= t; s++) {
        accumulator dot = 0;
        for (int c = head * width; c < (head + 1) * width; c++)
            dot += (accumulator)q[t * op->channels + c] * k[s * op->channels + c];
        p[s] = exp(dot / sqrt((double)width));
        sum += p[s];
    }
    for (int s = 0; s <= t; s++)
        p[s] /= sum;
}

KERNEL(attention_forward)
{
    const struct attention *op = arguments;
    size_t sample = (size_t)(op->positions * op->channels);
    int width = op->channels / op->heads;
    for (int r = 0; r < run->replicas; r++)
        for (size_t n = 0; n < (size_t)run->samples; n++) {
            const real *q = (const real *)AT(op->q) + n * sample, *k = (const real *)AT(op->k) + n * sample,
                       *v = (const real *)AT(op->v) + n * sample;
            real *y = (real *)AT(op->y) + n * sample;
            int length = nl_length_of(AT(op->lengths), (int)n, op->positions);
            for (int t = 0; t < op->positions; t++)
                for (int c = 0; c < op->channels; c++) {
                    accumulator p[16], sum = 0;
                    if (t < length)
                        attend(op, q, k, t, c / width, p);
                    for (int s = 0; s <= t && t < length; s++)
                        sum += p[s] * v[s * op->channels + c];
                    y[t * op->channels + c] = (real)sum;
                }
        }
}

static void attend_back(const struct attention *op, const real *const x[3], const real *dy, real *const dx[3], int t, int head)
{
    int width = op->channels / op->heads, first = head * width;
    const real *q = x[0] + t * op->channels + first;
    accumulator p[16], dp[16], mean = 0;
    attend(op, x[0], x[1], t, head, p);
    for (int s = 0; s <= t; s++) {
        dp[s] = 0;
        for (int c = 0; c < width; c++) {
            dp[s] += (accumulator)dy[t * op->channels + first + c] * x[2][s * op->channels + first + c];
            dx[2][s * op->channels + first + c] += (real)(p[s] * dy[t * op->channels + first + c]);
        }
        mean += p[s] * dp[s];
    }
    for (int s = 0; s <= t; s++) {
        accumulator score = p[s] * (dp[s] - mean) / sqrt((double)width);
        for (int c = 0; c < width; c++) {
            dx[0][t * op->channels + first + c] += (real)(score * x[1][s * op->channels + first + c]);
            dx[1][s * op->channels + first + c] += (real)(score * q[c]);
        }
    }
}

KERNEL(attention_backward)
{
    const struct attention *op = arguments;
    size_t sample = (size_t)(op->positions * op->channels);
    for (int r = 0; r < run->replicas; r++)
        for (size_t n = 0; n < (size_t)run->samples; n++) {
            const real *const x[3] = {(const real *)AT(op->q) + n * sample, (const real *)AT(op->k) + n * sample,
                                      (const real *)AT(op->v) + n * sample};
            real *const dx[3] = {(real *)AT(op->dq) + n * sample, (real *)AT(op->dk) + n * sample,
                                 (real *)AT(op->dv) + n * sample};
            int length = nl_length_of(AT(op->lengths), (int)n, op->positions);
            for (int i = 0; i < 3; i++)
                for (size_t e = 0; e < sample; e++)
                    dx[i][e] = 0;
            for (int t = 0; t < length; t++)
                for (int head = 0; head < op->heads; head++)
                    attend_back(op, x, (const real *)AT(op->dy) + n * sample, dx, t, head);
        }
}

/* ---- ids ---- */

KERNEL(embedding_forward)
{
    const struct embedding *op = arguments;
    for (int r = 0; r < run->replicas; r++) {
        const int32_t *x = AT(op->x);
        const real *w = AT(op->w);
        real *y = AT(op->y);
        for (int row = 0; row < run->samples * op->positions; row++)
            for (int c = 0; c < op->channels; c++)
                *y++ = w[c * op->vocabulary + x[row]];
    }
}

KERNEL(embedding_backward)
{
    const struct embedding *op = arguments;
    for (int r = 0; r < run->replicas; r++) {
        const int32_t *x = AT(op->x);
        const real *dy = AT(op->dy);
        real *dw = AT(op->dw);
        for (int i = 0; i < op->vocabulary * op->channels; i++)
            dw[i] = 0;
        for (int row = 0; row < run->samples * op->positions; row++)
            for (int c = 0; c < op->channels; c++)
                dw[c * op->vocabulary + x[row]] += *dy++;
    }
}

KERNEL(before_forward)
{
    const struct before *op = arguments;
    for (int r = 0; r < run->replicas; r++)
        for (int row = 0; row < run->samples * op->positions; row++)
            ((int32_t *)AT(op->y))[row] = row % op->positions > 0 ? ((const int32_t *)AT(op->x))[row - 1] : 0;
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
    for (int r = 0; r < run->replicas; r++)
        for (int e = 0; e < run->samples * width; e++) {
            const real *gate = (const real *)AT(op->gates) + e / width * 4 * width + e % width;
            accumulator c =
                sigmoid(gate[width]) * ((const real *)AT(op->c))[e] + sigmoid(gate[0]) * tanh((accumulator)gate[2 * width]);
            ((real *)AT(op->next))[e] = (real)c;
            ((real *)AT(op->h))[e] = (real)(sigmoid(gate[3 * width]) * tanh(c));
        }
}

KERNEL(cell_backward)
{
    const struct cell *op = arguments;
    int width = op->width;
    for (int r = 0; r < run->replicas; r++)
        for (int e = 0; e < run->samples * width; e++) {
            const real *gate = (const real *)AT(op->gates) + e / width * 4 * width + e % width;
            real *dgate = (real *)AT(op->dgates) + e / width * 4 * width + e % width;
            accumulator i = sigmoid(gate[0]), f = sigmoid(gate[width]), g = tanh((accumulator)gate[2 * width]),
                        o = sigmoid(gate[3 * width]);
            accumulator before = ((const real *)AT(op->c))[e], c = f * before + i * g, t = tanh(c);
            accumulator dh = op->dh ? ((const real *)AT(op->dh))[e] : 0,
                        dc = (op->dnext ? ((const real *)AT(op->dnext))[e] : 0) + dh * o * (1 - t * t);
            dgate[0] = (real)(dc * g * i * (1 - i));
            dgate[width] = (real)(dc * before * f * (1 - f));
            dgate[2 * width] = (real)(dc * i * (1 - g * g));
            dgate[3 * width] = (real)(dh * t * o * (1 - o));
            ((real *)AT(op->dc))[e] = (real)(dc * f);
        }
}

/* ---- weights ---- */

KERNEL(tied_forward)
{
    const struct tied *op = arguments;
    for (int r = 0; r < run->replicas; r++)
        for (int n = 0; n < run->samples; n++)
            for (int o = 0; o < op->out; o++) {
                accumulator sum = 0;
                for (int i = 0; i < op->in; i++)
                    sum += (accumulator)((const real *)AT(op->x))[n * op->in + i] * ((const real *)AT(op->w))[o * op->in + i];
                ((real *)AT(op->y))[n * op->out + o] = (real)sum;
            }
}

KERNEL(tied_backward)
{
    const struct tied *op = arguments;
    for (int r = 0; r < run->replicas; r++) {
        const real *x = AT(op->x), *w = AT(op->w), *dy = AT(op->dy);
        real *dx = AT(op->dx), *dw = AT(op->dw);
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
}

/* ---- all of them ---- */

NL_KERNEL(slice) = {.forward = slice_forward, .backward = slice_backward};
NL_KERNEL(attention) = {.forward = attention_forward, .backward = attention_backward};
NL_KERNEL(cell) = {.forward = cell_forward, .backward = cell_backward};
NL_KERNEL(tied) = {.forward = tied_forward, .backward = tied_backward};
NL_KERNEL(embedding) = {.forward = embedding_forward, .backward = embedding_backward};
NL_KERNEL(before) = {.forward = before_forward};
