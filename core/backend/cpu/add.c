/* The sum at the end of a residual block, and its ReLU, in one pass. The mask of the ReLU is taken from y. */
#include <string.h>

#include "backend/cpu/cpu.h"
#include "operation/accumulate.h"
#include "operation/add.h"

NL_CLONES
static void sum(size_t count, const float *a, const float *b, float *y)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++)
        y[i] = a[i] + b[i];
}

NL_CLONES
static void sum_relu(size_t count, const float *a, const float *b, float *y)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++)
        y[i] = a[i] + b[i] < 0 ? 0.0f : a[i] + b[i]; /* NaN stays NaN */
}

NL_CLONES
static void mask(size_t count, const float *y, const float *dy, float *da)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++)
        da[i] = y[i] > 0 ? dy[i] : 0.0f;
}

/* A row of pixels: `common` channels have something to add, `step` floats apart; the others are copied. */
NL_CLONES
static void sum_row(size_t width, size_t channels, size_t common, size_t step, bool relu, const float *restrict a,
                    const float *restrict b, float *restrict y)
{
    for (size_t j = 0; j < width; j++, a += channels, b += step, y += channels) {
        for (size_t c = 0; c < common; c++)
            y[c] = a[c] + b[c];
        for (size_t c = common; c < channels; c++)
            y[c] = a[c];
        for (size_t c = 0; relu && c < channels; c++)
            y[c] = y[c] < 0 ? 0.0f : y[c];
    }
}

static bool is_identity(const struct nl_add *op)
{
    return op->stride == 1 && op->from_channels == op->channels;
}

static void forward(const struct nl_run *run, const void *operation, size_t first)
{
    const struct nl_add *op = operation;
    size_t channels = (size_t)op->channels, line = (size_t)op->width * channels, image = (size_t)op->height * line;
    size_t from_channels = (size_t)op->from_channels, from_line = (size_t)op->from_width * from_channels;
    size_t from_image = (size_t)op->from_height * from_line, stride = (size_t)op->stride;
    const float *a = (const float *)op->a + first * image, *b = (const float *)op->b + first * from_image;
    float *y = (float *)op->y + first * image;
    if (is_identity(op)) {
        (op->relu ? sum_relu : sum)((size_t)run->samples * image, a, b, y);
        return;
    }
    for (int n = 0; n < run->samples; n++, b += from_image)
        for (size_t i = 0; i < (size_t)op->height; i++, a += line, y += line)
            sum_row((size_t)op->width, channels, from_channels, stride * from_channels, op->relu, a,
                    b + i * stride * from_line, y);
}

static void backward(const struct nl_run *run, const void *operation, size_t first)
{
    const struct nl_add *op = operation;
    size_t channels = (size_t)op->channels, from_channels = (size_t)op->from_channels,
           from_line = (size_t)op->from_width * from_channels;
    size_t from_image = (size_t)op->from_height * from_line, image = (size_t)op->height * (size_t)op->width * channels;
    size_t count = (size_t)run->samples * image;
    const float *y = (const float *)op->y + first * image, *dy = (const float *)op->dy + first * image;
    float *da = (float *)op->da + first * image, *db = (float *)op->db + first * from_image;
    if (op->relu)
        mask(count, y, dy, da);
    else if (da != dy)
        memcpy(da, dy, count * sizeof *da);
    if (op->db == op->da)
        return;
    memset(db, 0, (size_t)run->samples * from_image * sizeof *db);
    for (int n = 0; n < run->samples; n++, db += from_image)
        for (int i = 0; i < op->height; i++)
            for (int j = 0; j < op->width; j++, da += channels)
                memcpy(db + (size_t)(i * op->stride) * from_line + (size_t)(j * op->stride) * from_channels, da,
                       from_channels * sizeof *db);
}

static size_t bytes_of(const struct nl_add *op)
{
    return (size_t)op->height * (size_t)op->width * (size_t)op->channels * sizeof(float);
}

static void add_forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_add *op = arguments;
    nl_cpu_share_samples(run, op, bytes_of(op), forward);
}

static void add_backward(const struct nl_run *run, const void *arguments)
{
    const struct nl_add *op = arguments;
    nl_cpu_share_samples(run, op, bytes_of(op), backward);
}

NL_CPU_KERNEL(add) = {.forward = add_forward, .backward = add_backward};

NL_CLONES
static void add_to(size_t count, const float *x, float *y)
{
    NL_PARALLEL
    for (size_t i = 0; i < count; i++)
        y[i] += x[i];
}

static void accumulate(const struct nl_run *run, const void *arguments)
{
    const struct nl_accumulate *op = arguments;
    (void)run;
    add_to(op->count, op->x, op->y);
}

NL_CPU_KERNEL(accumulate) = {.forward = accumulate};
