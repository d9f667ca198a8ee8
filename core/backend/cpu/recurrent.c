/* Cells of recurrent networks: one pass over the gates. */
#include "backend/cpu/cpu.h"
#include "backend/cpu/elementary.h"
#include "operation/gru_cell.h"
#include "operation/lstm_cell.h"

/* ---- LSTM: a sample at a time, whose gates are 4 rows of H ---- */

NL_CLONES
static void lstm(size_t width, bool opens, const float *a, const float *b, const float *c, float *gates, float *after, float *out)
{
    NL_PARALLEL
    for (size_t u = 0; u < width; u++) {
        float i = nl_sigmoid(a[u] + b[u]), f = nl_sigmoid(a[width + u] + b[width + u]);
        float g = nl_tanh(a[2 * width + u] + b[2 * width + u]), o = nl_sigmoid(a[3 * width + u] + b[3 * width + u]);
        gates[u] = i, gates[width + u] = f, gates[2 * width + u] = g, gates[3 * width + u] = o;
        after[u] = f * c[u] + i * g;
    }
    const float *output = gates + 3 * width;
    if (opens) {
        for (size_t u = 0; u < width; u++)
            out[u] = output[u];
    } else {
        NL_PARALLEL
        for (size_t u = 0; u < width; u++)
            out[u] = output[u] * nl_tanh(after[u]);
    }
}

/* dout, dafter: NULL where nothing comes back. */
NL_CLONES
static void lstm_back(size_t width, bool opens, const float *gates, const float *c, const float *after, const float *dout, const float *dafter, float *da,
                      float *db, float *dc)
{
    NL_PARALLEL
    for (size_t u = 0; u < width; u++) {
        float i = gates[u], f = gates[width + u], g = gates[2 * width + u], o = gates[3 * width + u];
        float above = dout ? dout[u] : 0.0f, later = dafter ? dafter[u] : 0.0f;
        float squashed = opens ? 1.0f : nl_tanh(after[u]), cell = opens ? later : later + above * o * (1.0f - squashed * squashed);
        float di = cell * g * (i * (1.0f - i)), df = cell * c[u] * (f * (1.0f - f)), dg = cell * i * (1.0f - g * g), d_o = above * squashed * (o * (1.0f - o));
        da[u] = di, da[width + u] = df, da[2 * width + u] = dg, da[3 * width + u] = d_o;
        db[u] = di, db[width + u] = df, db[2 * width + u] = dg, db[3 * width + u] = d_o;
        dc[u] = cell * f;
    }
}

static void lstm_samples(const struct nl_run *run, const void *operation, size_t first)
{
    const struct nl_lstm_cell *op = operation;
    size_t width = (size_t)op->width;
    for (int r = 0; r < run->replicas; r++) {
        size_t at = (size_t)r * run->stride;
        for (size_t n = first; n < first + (size_t)run->samples; n++)
            lstm(width, op->opens, (const float *)NL_AT(op->a, at) + 4 * n * width, (const float *)NL_AT(op->b, at) + 4 * n * width,
                 (const float *)NL_AT(op->c, at) + n * width, (float *)NL_AT(op->gates, at) + 4 * n * width, (float *)NL_AT(op->after, at) + n * width,
                 (float *)NL_AT(op->out, at) + n * width);
    }
}

/* The place `count` floats further; NULL stays NULL. */
static const float *further(const void *place, size_t bytes, size_t count)
{
    return place ? (const float *)NL_AT(place, bytes) + count : NULL;
}

static void lstm_samples_back(const struct nl_run *run, const void *operation, size_t first)
{
    const struct nl_lstm_cell *op = operation;
    size_t width = (size_t)op->width;
    for (int r = 0; r < run->replicas; r++) {
        size_t at = (size_t)r * run->stride;
        for (size_t n = first; n < first + (size_t)run->samples; n++)
            lstm_back(width, op->opens, (const float *)NL_AT(op->gates, at) + 4 * n * width, (const float *)NL_AT(op->c, at) + n * width,
                      (const float *)NL_AT(op->after, at) + n * width, further(op->dout, at, n * width), further(op->dafter, at, n * width),
                      (float *)NL_AT(op->da, at) + 4 * n * width, (float *)NL_AT(op->db, at) + 4 * n * width, (float *)NL_AT(op->dc, at) + n * width);
    }
}

static void lstm_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_lstm_cell *op = arguments;
    nl_cpu_share_samples(run, op, (size_t)op->width * 60 * sizeof(float), lstm_samples);
}

static void lstm_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_lstm_cell *op = arguments;
    nl_cpu_share_samples(run, op, (size_t)op->width * 40 * sizeof(float), lstm_samples_back);
}

NL_CPU_KERNEL(lstm_cell) = {.forward = lstm_forward, .backward = lstm_backward};

/* ---- what an LSTM puts out of a normalized cell ---- */

NL_CLONES
static void output(size_t count, const float *o, const float *c, float *h)
{
    NL_PARALLEL
    for (size_t u = 0; u < count; u++)
        h[u] = o[u] * nl_tanh(c[u]);
}

NL_CLONES
static void output_back(size_t count, const float *o, const float *c, const float *dh, float *d_o, float *dc)
{
    NL_PARALLEL
    for (size_t u = 0; u < count; u++) {
        float squashed = nl_tanh(c[u]), above = dh[u];
        d_o[u] = above * squashed;
        dc[u] = above * o[u] * (1.0f - squashed * squashed);
    }
}

static void output_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_lstm_output *op = arguments;
    for (int r = 0; r < run->replicas; r++) {
        size_t at = (size_t)r * run->stride;
        output((size_t)run->samples * op->count, NL_AT(op->o, at), NL_AT(op->c, at), NL_AT(op->h, at));
    }
}

static void output_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_lstm_output *op = arguments;
    for (int r = 0; r < run->replicas; r++) {
        size_t at = (size_t)r * run->stride;
        output_back((size_t)run->samples * op->count, NL_AT(op->o, at), NL_AT(op->c, at), NL_AT(op->dh, at), NL_AT(op->d_o, at), NL_AT(op->dc, at));
    }
}

NL_CPU_KERNEL(lstm_output) = {.forward = output_forward, .backward = output_backward};

/* ---- GRU: 3 rows of H ---- */

NL_CLONES
static void gru(size_t width, const float *a, const float *b, const float *h, float *gates, float *after)
{
    NL_PARALLEL
    for (size_t u = 0; u < width; u++) {
        float r = nl_sigmoid(a[u] + b[u]), z = nl_sigmoid(a[width + u] + b[width + u]), n = nl_tanh(a[2 * width + u] + r * b[2 * width + u]);
        gates[u] = r, gates[width + u] = z, gates[2 * width + u] = n;
        after[u] = (1.0f - z) * n + z * h[u];
    }
}

NL_CLONES
static void gru_back(size_t width, const float *gates, const float *b, const float *h, const float *dafter, float *da, float *db, float *dh)
{
    NL_PARALLEL
    for (size_t u = 0; u < width; u++) {
        float r = gates[u], z = gates[width + u], n = gates[2 * width + u], above = dafter[u];
        float dn = above * (1.0f - z) * (1.0f - n * n), dr = dn * b[2 * width + u] * (r * (1.0f - r)), dz = above * (h[u] - n) * (z * (1.0f - z));
        da[u] = dr, da[width + u] = dz, da[2 * width + u] = dn;
        db[u] = dr, db[width + u] = dz, db[2 * width + u] = dn * r;
        dh[u] = above * z;
    }
}

static void gru_samples(const struct nl_run *run, const void *operation, size_t first)
{
    const struct nl_gru_cell *op = operation;
    size_t width = (size_t)op->width;
    for (int r = 0; r < run->replicas; r++) {
        size_t at = (size_t)r * run->stride;
        for (size_t n = first; n < first + (size_t)run->samples; n++)
            gru(width, (const float *)NL_AT(op->a, at) + 3 * n * width, (const float *)NL_AT(op->b, at) + 3 * n * width,
                (const float *)NL_AT(op->h, at) + n * width, (float *)NL_AT(op->gates, at) + 3 * n * width, (float *)NL_AT(op->after, at) + n * width);
    }
}

static void gru_samples_back(const struct nl_run *run, const void *operation, size_t first)
{
    const struct nl_gru_cell *op = operation;
    size_t width = (size_t)op->width;
    for (int r = 0; r < run->replicas; r++) {
        size_t at = (size_t)r * run->stride;
        for (size_t n = first; n < first + (size_t)run->samples; n++)
            gru_back(width, (const float *)NL_AT(op->gates, at) + 3 * n * width, (const float *)NL_AT(op->b, at) + 3 * n * width,
                     (const float *)NL_AT(op->h, at) + n * width, (const float *)NL_AT(op->dafter, at) + n * width,
                     (float *)NL_AT(op->da, at) + 3 * n * width, (float *)NL_AT(op->db, at) + 3 * n * width, (float *)NL_AT(op->dh, at) + n * width);
    }
}

static void gru_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_gru_cell *op = arguments;
    nl_cpu_share_samples(run, op, (size_t)op->width * 45 * sizeof(float), gru_samples);
}

static void gru_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_gru_cell *op = arguments;
    nl_cpu_share_samples(run, op, (size_t)op->width * 30 * sizeof(float), gru_samples_back);
}

NL_CPU_KERNEL(gru_cell) = {.forward = gru_forward, .backward = gru_backward};
