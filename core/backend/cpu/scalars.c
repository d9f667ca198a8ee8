/* A multiplication by scalars and the addition of one. The sums of backward are made sample by sample, by whichever
 * thread, and joined in order. */
#include "backend/cpu/cpu.h"
#include "operation/scalars.h"

enum { SUMS = 8 };

/* The sums of a sample. */
struct sums {
    double products, dy;
};

NL_CLONES
static void apply(size_t count, float a, float b, const float *x, float *y)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++)
        y[i] = a * x[i] + b;
}

NL_CLONES
static struct sums sums_of(size_t count, const float *restrict x, const float *restrict dy)
{
    double products[SUMS] = {0}, of_dy[SUMS] = {0};
    struct sums out = {0};
    size_t i = 0;
    for (; i + SUMS <= count; i += SUMS)
        for (size_t lane = 0; lane < SUMS; lane++) {
            products[lane] += (double)x[i + lane] * dy[i + lane];
            of_dy[lane] += (double)dy[i + lane];
        }
    for (; i < count; i++) {
        products[0] += (double)x[i] * dy[i];
        of_dy[0] += (double)dy[i];
    }
    for (size_t lane = 0; lane < SUMS; lane++) {
        out.products += products[lane];
        out.dy += of_dy[lane];
    }
    return out;
}

/* The operation, and room for the sums of its samples, or NULL. */
struct work {
    const struct nl_scalars *op;
    float slope; /* factor weight */
    struct sums *sums;
};

static struct work work_of(const struct nl_scalars *op)
{
    const float *weight = op->weight;
    return (struct work){.op = op, .slope = (float)(weight ? op->factor * *weight : op->factor)};
}

static void forward(const struct nl_run *run, const void *arguments, size_t first)
{
    const struct work *work = arguments;
    const struct nl_scalars *op = work->op;
    size_t from = first * op->count;
    apply((size_t)run->samples * op->count, work->slope, op->bias ? *(const float *)op->bias : 0,
          (const float *)op->x + from, (float *)op->y + from);
}

static void backward(const struct nl_run *run, const void *arguments, size_t first)
{
    const struct work *work = arguments;
    const struct nl_scalars *op = work->op;
    for (size_t n = first; n < first + (size_t)run->samples; n++) {
        const float *dy = (const float *)op->dy + n * op->count;
        if (work->sums) /* before dx takes the place of dy; without a weight the products are not read */
            work->sums[n] = sums_of(op->count, op->dweight ? (const float *)op->x + n * op->count : dy, dy);
        if (op->dx)
            apply(op->count, work->slope, 0, dy, (float *)op->dx + n * op->count);
    }
}

static void put_gradients(const struct work *work, int samples)
{
    struct sums all = {0};
    for (int n = 0; n < samples; n++) {
        all.products += work->sums[n].products;
        all.dy += work->sums[n].dy;
    }
    if (work->op->dweight)
        *(float *)work->op->dweight = (float)(work->op->factor * all.products);
    if (work->op->dbias)
        *(float *)work->op->dbias = (float)all.dy;
}

static void scalars_forward(const struct nl_run *run, const void *arguments)
{
    struct work work = work_of(arguments);
    nl_cpu_share_samples(run, &work, work.op->count * sizeof(float), forward);
}

static void scalars_backward(const struct nl_run *run, const void *arguments)
{
    struct work work = work_of(arguments);
    work.sums = work.op->dweight || work.op->dbias ? nl_cpu_scratch((size_t)run->samples * sizeof *work.sums) : NULL;
    nl_cpu_share_samples(run, &work, work.op->count * sizeof(float), backward);
    if (work.sums)
        put_gradients(&work, run->samples);
}

NL_CPU_KERNEL(scalars) = {.forward = scalars_forward, .backward = scalars_backward};
