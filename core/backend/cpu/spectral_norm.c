/* Weights divided by their largest singular value (operation/parametrize.h). The two products of a power iteration read
 * the weight row by row; sums are in double, over fixed lanes. */
#include <math.h>
#include <string.h>

#include "backend/cpu/cpu.h"
#include "backend/cpu/lanes.h"
#include "operation/parametrize.h"

/* A weight and its singular vectors. */
struct matrix {
    size_t rows, outputs;
    int in, taps;
    double eps;
    const float *v;
    float *a, *b;
};

static size_t place_in_b(const struct matrix *m, size_t row)
{
    return (size_t)nl_place_in_matrix((int)row, m->in, m->taps);
}

/* sum[o] = (v b)[o] */
NL_CLONES static void times_b(const struct matrix *m, double *sum)
{
    memset(sum, 0, m->outputs * sizeof *sum);
    for (size_t row = 0; row < m->rows; row++) {
        const float *v = m->v + row * m->outputs;
        double b = (double)m->b[place_in_b(m, row)];
        for (size_t o = 0; o < m->outputs; o++)
            sum[o] += (double)v[o] * b;
    }
}

/* sum over o of x[o] y[o] */
NL_INLINE double dot(size_t count, const float *x, const float *y)
{
    double lane[NL_LANES] = {0}, sum = 0;
    size_t whole = count / NL_LANES * NL_LANES;
    for (size_t o = 0; o < whole; o += NL_LANES)
        for (size_t l = 0; l < NL_LANES; l++)
            lane[l] += (double)x[o + l] * (double)y[o + l];
    for (size_t o = whole; o < count; o++)
        lane[o - whole] += (double)x[o] * (double)y[o];
    for (size_t l = 0; l < NL_LANES; l++)
        sum += lane[l];
    return sum;
}

NL_CLONES static double dot_of(size_t count, const float *x, const float *y)
{
    return dot(count, x, y);
}

/* sum[row] = (v' a)[row] */
NL_CLONES static void times_a(const struct matrix *m, double *sum)
{
    for (size_t row = 0; row < m->rows; row++)
        sum[row] = dot(m->outputs, m->v + row * m->outputs, m->a);
}

/* At least eps. */
static double length_of(size_t count, const double *x, double eps)
{
    double squares = 0;
    for (size_t i = 0; i < count; i++)
        squares += x[i] * x[i];
    return fmax(sqrt(squares), eps);
}

static void iterate(const struct matrix *m, double *scratch)
{
    times_b(m, scratch);
    double length = length_of(m->outputs, scratch, m->eps);
    for (size_t o = 0; o < m->outputs; o++)
        m->a[o] = (float)(scratch[o] / length);
    times_a(m, scratch);
    length = length_of(m->rows, scratch, m->eps);
    for (size_t row = 0; row < m->rows; row++)
        m->b[place_in_b(m, row)] = (float)(scratch[row] / length);
}

static double sigma_of(const struct matrix *m, double *scratch)
{
    double sigma = 0;
    times_b(m, scratch);
    for (size_t o = 0; o < m->outputs; o++)
        sigma += (double)m->a[o] * scratch[o];
    return sigma;
}

NL_CLONES static void divide(size_t count, const float *v, double sigma, float *w)
{
    double scale = sigma == 0 ? 0 : 1 / sigma;
    for (size_t i = 0; i < count; i++)
        w[i] = (float)((double)v[i] * scale);
}

NL_CLONES static void differentiate(const struct matrix *m, const float *dw, double scale, double slope, float *dv)
{
    for (size_t row = 0; row < m->rows; row++) {
        double b = slope * (double)m->b[place_in_b(m, row)];
        const float *from = dw + row * m->outputs;
        float *to = dv + row * m->outputs;
        for (size_t o = 0; o < m->outputs; o++)
            to[o] = (float)(scale * (double)from[o] - b * (double)m->a[o]);
    }
}

static struct matrix matrix_of(const struct nl_spectral_norm *op)
{
    return (struct matrix){.rows = (size_t)nl_weight_taps(op->kernel) * (size_t)op->in,
                           .outputs = (size_t)op->out,
                           .in = op->in,
                           .taps = nl_weight_taps(op->kernel),
                           .eps = op->norm->eps,
                           .v = op->v,
                           .a = op->a,
                           .b = op->b};
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_spectral_norm *op = arguments;
    struct matrix m = matrix_of(op);
    double *scratch = nl_cpu_scratch((m.rows > m.outputs ? m.rows : m.outputs) * sizeof(double)), *sigma = op->sigma;
    for (int i = 0; run->statistics == NL_STATS_TRAIN && i < op->iterations; i++)
        iterate(&m, scratch);
    *sigma = sigma_of(&m, scratch);
    divide(m.rows * m.outputs, m.v, *sigma, op->w);
}

static void backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_spectral_norm *op = arguments;
    struct matrix m = matrix_of(op);
    const float *dw = op->dw;
    double sigma = *(const double *)op->sigma, scale = sigma == 0 ? 0 : 1 / sigma;
    (void)run;
    differentiate(&m, dw, scale, dot_of(m.rows * m.outputs, dw, m.v) * scale * scale, op->dv);
}

NL_CPU_KERNEL(spectral_norm) = {.forward = forward, .backward = backward};
