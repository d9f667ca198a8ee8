/* A batch of samples, standardized and augmented. No node of a graph: what a step begins with. */
#include "operation/gather.h"

#include "operation/reference.h"

static void gather_rows(const struct nl_run *run, const struct nl_rows *rows, const int32_t *index)
{
    const void *of = rows->of;
    void *to = rows->to;
    for (int n = 0; n < run->samples; n++)
        for (int i = 0; i < rows->width; i++) {
            size_t from = (size_t)index[n] * rows->step + i, at = (size_t)n * rows->width + i;
            if (rows->real)
                ((real *)to)[at] = (real)((const float *)of)[from];
            else
                ((int32_t *)to)[at] = ((const int32_t *)of)[from];
        }
}

static void forward(const struct nl_run *run, const void *arguments)
{
    const struct nl_gather *op = arguments;
    int height = op->height, width = op->width, channels = op->channels;
    const float *table = op->table;                    /* (C, 256) */
    const double *mean = op->mean, *scale = op->scale; /* (C) */
    const int32_t *index = op->index;
    const uint64_t *seed = op->seed;
    real *x = op->x; /* (N, H, W, C) */
    for (int i = 0; i < op->rows; i++)
        gather_rows(run, &op->row[i], index);
    for (int n = 0; x && n < run->samples; n++) {
        struct nl_augmentation moved = {0, 0, 0};
        if (run->augment && (op->crop > 0 || op->flip))
            moved = nl_augment(*seed, run->epoch, index[n], op->crop, op->flip);
        for (int i = 0; i < height; i++)
            for (int j = 0; j < width; j++)
                for (int c = 0; c < channels; c++) {
                    int row = i + moved.dy, column = j + moved.dx;
                    bool out = row < 0 || row >= height || column < 0 || column >= width;
                    if (moved.flip)
                        column = width - 1 - column;
                    size_t at = (((size_t)index[n] * height + row) * width + column) * channels + c;
                    if (out)
                        *x++ = 0;
                    else
                        *x++ = (real)(op->pixels ? table[c * 256 + op->pixels[at]]
                                                 : nl_standardized(op->values[at], mean[c], scale[c]));
                }
    }
}

NL_KERNEL(gather) = {.forward = forward};

NL_OPERATION(gather) = {
    .name = "gather",
    .arguments = sizeof(struct nl_gather),
    .reference = NL_REFERENCES(gather),
};
