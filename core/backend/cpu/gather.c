/* A batch from the data set: bytes through the table of standardized values, cropped and mirrored where augmentation is on. */
#include <string.h>

#include "backend/cpu/cpu.h"
#include "data/data.h"

static void copy_plain(const struct nl_gather *op, const float *table, const uint8_t *pixels, float *x)
{
    size_t positions = (size_t)op->height * (size_t)op->width, channels = (size_t)op->channels;
    for (size_t s = 0; s < positions; s++)
        for (size_t c = 0; c < channels; c++)
            *x++ = table[c * 256 + *pixels++];
}

static void copy_moved(const struct nl_gather *op, const float *table, const uint8_t *pixels, struct nl_augmentation moved, float *x)
{
    size_t channels = (size_t)op->channels;
    for (int i = 0; i < op->height; i++)
        for (int j = 0; j < op->width; j++, x += channels) {
            int row = i + moved.dy, column = j + moved.dx;
            if (row < 0 || row >= op->height || column < 0 || column >= op->width) {
                memset(x, 0, channels * sizeof *x);
                continue;
            }
            if (moved.flip)
                column = op->width - 1 - column;
            const uint8_t *pixel = pixels + ((size_t)row * (size_t)op->width + (size_t)column) * channels;
            for (size_t c = 0; c < channels; c++)
                x[c] = table[c * 256 + pixel[c]];
        }
}

void nl_cpu_gather(const struct nl_run *run, const struct nl_gather *op)
{
    size_t image = (size_t)op->height * (size_t)op->width * (size_t)op->channels;
    bool augment = run->augment && (op->crop > 0 || op->flip);
    for (int r = 0; r < run->replicas; r++) {
        size_t at = (size_t)r * run->stride;
        const int32_t *index = NL_AT(op->index, at), *label_of = NL_AT(op->label_of, at);
        const float *table = NL_AT(op->table, at); /* (C, 256) */
        const uint64_t *seed = NL_AT(op->seed, at);
        float *x = NL_AT(op->x, at);
        int32_t *labels = NL_AT(op->labels, at);
        for (int n = 0; n < run->samples; n++, x += image) {
            const uint8_t *pixels = op->pixels + (size_t)index[n] * image;
            labels[n] = label_of[index[n]];
            if (augment)
                copy_moved(op, table, pixels, nl_augment(*seed, run->epoch, index[n], op->crop, op->flip), x);
            else
                copy_plain(op, table, pixels, x);
        }
    }
}
