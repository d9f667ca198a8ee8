/* A batch from the data set: bytes through the table of standardized values, or float32 standardized; cropped and
 * mirrored where augmentation is on. */
#include <string.h>

#include "backend/cpu/cpu.h"
#include "operation/gather.h"

/* The data and how they are standardized. */
struct source {
    const float *standardized;  /* (count, H, W, C), or NULL: */
    const uint8_t *pixels;      /* (count, H, W, C), or NULL: */
    const float *values, *table;
    const double *mean, *scale;
    size_t channels;
};

/* x = `positions` whole positions, from element `at` of the data on. */
static inline void convert(const struct source *from, size_t at, size_t positions, float *x)
{
    size_t channels = from->channels;
    if (from->standardized) {
        memcpy(x, from->standardized + at, positions * channels * sizeof *x);
    } else if (from->pixels) {
        const uint8_t *pixel = from->pixels + at;
        for (size_t s = 0; s < positions; s++)
            for (size_t c = 0; c < channels; c++)
                *x++ = from->table[c * 256 + *pixel++];
    } else {
        const float *value = from->values + at;
        for (size_t s = 0; s < positions; s++, value += channels, x += channels)
            for (size_t c = 0; c < channels; c++)
                x[c] = nl_standardized(value[c], from->mean[c], from->scale[c]);
    }
}

static void copy_moved(const struct nl_gather *op, const struct source *from, size_t at, struct nl_augmentation moved,
                       float *x)
{
    size_t channels = from->channels;
    for (int i = 0; i < op->height; i++)
        for (int j = 0; j < op->width; j++, x += channels) {
            int row = i + moved.dy, column = j + moved.dx;
            if (row < 0 || row >= op->height || column < 0 || column >= op->width) {
                memset(x, 0, channels * sizeof *x);
                continue;
            }
            if (moved.flip)
                column = op->width - 1 - column;
            convert(from, at + ((size_t)row * (size_t)op->width + (size_t)column) * channels, 1, x);
        }
}

/* Fetches samples of the next batch into the second-level cache while this one is worked on. Only of small batches: the
 * loads of many samples overlap by themselves, and the hints cost as much as they save. */
enum { FEW = 4 };

static void fetch(const struct source *from, const int32_t *index, int samples, size_t image)
{
    enum { CACHE_LINE = 64 };
    const char *data = from->standardized ? (const char *)from->standardized
                       : from->pixels     ? (const char *)from->pixels
                                          : (const char *)from->values;
    size_t bytes = image * (from->standardized || !from->pixels ? sizeof(float) : sizeof *from->pixels);
    for (int n = 0; n < samples; n++)
        for (size_t at = 0; at < bytes; at += CACHE_LINE)
            __builtin_prefetch(data + (size_t)index[n] * bytes + at, 0, 2);
}

static void copy_rows(const struct nl_rows *rows, const int32_t *index, int samples)
{
    enum { NUMBER = 4 }; /* bytes, of int32 and of float */
    size_t bytes = (size_t)rows->width * NUMBER, step = (size_t)rows->step * NUMBER;
    const char *of = rows->of;
    char *to = rows->to;
    for (int n = 0; n < samples; n++, to += bytes)
        if (rows->width == 1)
            memcpy(to, of + (size_t)index[n] * step, NUMBER); /* a constant: one move */
        else
            memcpy(to, of + (size_t)index[n] * step, bytes);
}

static void gather(const struct nl_run *run, const void *arguments)
{
    const struct nl_gather *op = arguments;
    size_t positions = (size_t)op->height * (size_t)op->width, image = positions * (size_t)op->channels;
    bool augment = run->augment && (op->crop > 0 || op->flip);
    const int32_t *index = op->index;
    struct source from = {op->standardized, op->pixels, op->values,          op->table,
                          op->mean,         op->scale,  (size_t)op->channels};
    const uint64_t *seed = op->seed;
    float *x = op->x;
    for (int i = 0; i < op->rows; i++)
        copy_rows(&op->row[i], index, run->samples);
    for (int n = 0; x && n < run->samples; n++, x += image) {
        size_t sample = (size_t)index[n] * image;
        if (augment)
            copy_moved(op, &from, sample, nl_augment(*seed, run->epoch, index[n], op->crop, op->flip), x);
        else
            convert(&from, sample, positions, x);
    }
    if (x && op->next && run->samples <= FEW)
        fetch(&from, op->next, run->samples, image);
}

NL_CPU_KERNEL(gather) = {.forward = gather};
