#ifndef NL_OPERATION_GATHER_H
#define NL_OPERATION_GATHER_H

#include "base/random.h"
#include "operation/operation.h"

/* Numbers of each sample: its label or labels, token ids, its length, all int32; or a real target. */
struct nl_rows {
    int width;         /* W: numbers a sample */
    int step; /* from the first of a sample to that of the next: W, or less where samples overlap, as windows of a text
                 do */
    bool shared;       /* all replicas read the same ones */
    bool real;         /* float become the backend's reals; else int32 stay what they are */
    const void *of;    /* ((count - 1) step + W); in the state, unless shared: label noise is a replica's own */
    void *to;          /* (capacity, W) */
};

/* A batch: x[n] = sample index[n] standardized, cropped and mirrored if run->augment; row[i].to[n] = the W numbers from
 * row[i].of[index[n] step] on. A data set of bytes has `pixels`, which go through the table; one of float32 has
 * `values`, v becoming nl_standardized(v, mean[c], scale[c]): a subtraction and a multiplication in double, rounded to
 * float, the same bits everywhere. Exactly one of the two is not NULL, unless x is. Where `standardized` is not NULL,
 * both may be left alone: it is what they become. Crop: pixel (i, j) is taken from (i + dy, j + dx), 0 outside; flip
 * first mirrors the image (crop of the mirrored one). */
struct nl_gather {
    int height, width, channels;
    const uint8_t *pixels; /* (count, H, W, C) shared by all replicas (share), or NULL */
    const float *values;   /* (count, H, W, C) likewise */
    const float *standardized; /* (count, H, W, C) in the state, or NULL */
    const float *table;    /* (C, 256) in the state; with pixels */
    const double *mean, *scale; /* (C) in the state; with values */
    const int32_t *index;  /* (capacity) in the state */
    const int32_t *next; /* (run->samples) likewise: of the batch after this one, or NULL. A hint: what it needs may be
                            fetched early */
    int crop;              /* offsets are -crop..crop */
    bool flip;
    const uint64_t *seed;  /* (1) of the stream "augment" (nl_augment) */
    void *x;               /* real (capacity, H, W, C); NULL: the network takes rows alone */
    int rows;
    struct nl_rows row[NL_MOST_INPUTS];
};

static inline NL_EVERYWHERE float nl_standardized(float value, double mean, double scale)
{
    return (float)(((double)value - mean) * scale);
}

/* How sample `sample` is moved in epoch `epoch`, drawn from the stream "augment". Offsets are -crop..crop, flip is 0
 * or 1. */
struct nl_augmentation { int dy, dx, flip; };
static inline NL_EVERYWHERE struct nl_augmentation nl_augment(uint64_t seed, int64_t epoch, int32_t sample, int crop,
                                                              bool flip)
{
    uint32_t words[4]; /* one block a sample: its words decide independently */
    nl_stream_block(nl_stream(seed, "augment"), (uint64_t)sample, (uint64_t)epoch, words);
    uint64_t places = 2 * (uint64_t)crop + 1;
    struct nl_augmentation moved;
    moved.dy = (int)(words[0] * places >> 32) - crop;
    moved.dx = (int)(words[1] * places >> 32) - crop;
    moved.flip = flip ? (int)(words[2] >> 31) : 0;
    return moved;
}

extern const struct nl_operation nl_gather_operation;

#endif
