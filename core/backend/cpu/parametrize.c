/* Weights computed from original ones (operation/parametrize.h). Outputs lie side by side: sums over the weights of an output are made of a block of outputs at
 * a time, row by row, in double. */
#include <math.h>

#include "backend/cpu/cpu.h"
#include "backend/cpu/lanes.h"
#include "base/team.h"
#include "norm/weight_scale.h"
#include "operation/parametrize.h"

enum { BLOCK = 32 };

/* A block of outputs in one replica. v, w, dw and dv point to its first output in the first row; `line`: from row to row. */
struct block {
    size_t rows, line;
    const float *v, *g, *dw;      /* g: NULL without a gain */
    float *w, *dv, *dg;
    double *center, *square;
    const struct nl_weight_norm *norm;
};

NL_INLINE struct nl_weight_scale scale_of(const struct block *b, size_t o)
{
    return nl_weight_scale_of(b->norm->measure, b->norm->eps, b->square[o], (int)b->rows);
}

/* `width` is a constant of a whole block. */
NL_INLINE void measure(const struct block *b, size_t width)
{
    double sum[BLOCK] = {0}, squares[BLOCK] = {0};
    if (b->norm->centers) {
        for (size_t i = 0; i < b->rows; i++)
            for (size_t o = 0; o < width; o++)
                sum[o] += (double)b->v[i * b->line + o];
        for (size_t o = 0; o < width; o++)
            sum[o] /= (double)b->rows;
    }
    for (size_t i = 0; i < b->rows; i++)
        for (size_t o = 0; o < width; o++) {
            double t = (double)b->v[i * b->line + o] - sum[o];
            squares[o] += t * t;
        }
    for (size_t o = 0; o < width; o++) {
        b->center[o] = sum[o];
        b->square[o] = squares[o];
    }
}

NL_INLINE void compute(const struct block *b, size_t width)
{
    double center[BLOCK], scale[BLOCK];
    measure(b, width);
    for (size_t o = 0; o < width; o++) {
        center[o] = b->center[o];
        scale[o] = scale_of(b, o).scale * (b->g ? (double)b->g[o] : 1.0);
    }
    for (size_t i = 0; i < b->rows; i++)
        for (size_t o = 0; o < width; o++)
            b->w[i * b->line + o] = (float)(((double)b->v[i * b->line + o] - center[o]) * scale[o]);
}

NL_INLINE void differentiate(const struct block *b, size_t width)
{
    double center[BLOCK], sum[BLOCK] = {0}, product[BLOCK] = {0}, scale[BLOCK], slope[BLOCK];
    for (size_t o = 0; o < width; o++)
        center[o] = b->center[o];
    for (size_t i = 0; i < b->rows; i++)
        for (size_t o = 0; o < width; o++) {
            double dw = (double)b->dw[i * b->line + o];
            sum[o] += dw;
            product[o] += dw * ((double)b->v[i * b->line + o] - center[o]);
        }
    for (size_t o = 0; o < width; o++) {
        struct nl_weight_scale of = scale_of(b, o);
        double gain = b->g ? (double)b->g[o] : 1.0;
        if (b->dg)
            b->dg[o] = (float)(of.scale * product[o]);
        sum[o] = b->norm->centers ? sum[o] / (double)b->rows : 0.0;
        scale[o] = gain * of.scale;
        slope[o] = gain * of.slope * product[o];
    }
    for (size_t i = 0; i < b->rows; i++)
        for (size_t o = 0; o < width; o++) {
            double dw = (double)b->dw[i * b->line + o] - sum[o], t = (double)b->v[i * b->line + o] - center[o];
            b->dv[i * b->line + o] = (float)(scale[o] * dw - slope[o] * t);
        }
}

NL_CLONES static void compute_whole(const struct block *b)
{
    compute(b, BLOCK);
}

NL_CLONES static void compute_part(const struct block *b, size_t width)
{
    compute(b, width);
}

NL_CLONES static void differentiate_whole(const struct block *b)
{
    differentiate(b, BLOCK);
}

NL_CLONES static void differentiate_part(const struct block *b, size_t width)
{
    differentiate(b, width);
}

/* ---- blocks, shared by a team ---- */

struct call {
    const struct nl_run *run;
    const struct nl_parametrize *op;
    bool back;
};

static void on_blocks(void *context, size_t first, size_t end, int thread)
{
    const struct call *call = context;
    const struct nl_parametrize *op = call->op;
    size_t outputs = (size_t)op->out, blocks = (outputs + BLOCK - 1) / BLOCK;
    (void)thread;
    for (size_t i = first; i < end; i++) {
        size_t o = i % blocks * BLOCK, at = i / blocks * call->run->stride + o * sizeof(float), width = outputs - o < BLOCK ? outputs - o : BLOCK;
        size_t statistics = i / blocks * call->run->stride + o * sizeof(double);
        struct block b = {.rows = (size_t)nl_weight_taps(op->kernel) * (size_t)op->in, .line = outputs, .norm = op->norm,
                          .v = NL_AT(op->v, at), .g = NL_AT(op->g, at), .dw = NL_AT(op->dw, at),
                          .w = NL_AT(op->w, at), .dv = NL_AT(op->dv, at), .dg = NL_AT(op->dg, at),
                          .center = NL_AT(op->center, statistics), .square = NL_AT(op->square, statistics)};
        if (width == BLOCK)
            (call->back ? differentiate_whole : compute_whole)(&b);
        else
            (call->back ? differentiate_part : compute_part)(&b, width);
    }
}

static void on_outputs(const struct nl_run *run, const struct nl_parametrize *op, bool back)
{
    size_t blocks = ((size_t)op->out + BLOCK - 1) / BLOCK;
    double flops = 8.0 * BLOCK * nl_weight_taps(op->kernel) * op->in;
    nl_parallel_for(blocks * (size_t)run->replicas, nl_cpu_grain(flops), on_blocks, &(struct call){run, op, back});
}

static void forward(const struct nl_run *run, const void *arguments)
{
    on_outputs(run, arguments, false);
}

static void backward(const struct nl_run *run, const void *arguments)
{
    on_outputs(run, arguments, true);
}

NL_CPU_KERNEL(parametrize) = {.forward = forward, .backward = backward};
