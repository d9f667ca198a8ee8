/* Private to the convolutions of the cpu backend.
 *
 * conv.c decides: Winograd's algorithm (conv_winograd.c) where it is wanted and applies, then direct kernels
 * (conv_direct.c, conv_weights.c), else unfolding and a matrix product (conv_unfold.c). The direct kernels are tiles: a
 * few pixels of a row times a block of output channels, whose sums stay in registers. They are written once
 * (conv_tiles.h) and compiled for each instruction set (conv_avx512.c, conv_avx2.c, conv_plain.c).
 *
 * Bits. Every output is one chain of fused multiply-adds in an order that the shape gives, whatever the tile that
 * computes it: y and dx over (kernel row, kernel column, channel), dw over the pixels of an image, then over images.
 * Winograd's has its products over channels, and transforms of fixed order. So the results are equal over instruction
 * sets.
 */
#ifndef NL_BACKEND_CPU_CONV_H
#define NL_BACKEND_CPU_CONV_H

#include "backend/cpu/cpu.h"
#include "backend/cpu/isa.h"
#include "operation/conv.h"

/* Where a tap lies for a tile: its input pixel and its weights, relative to the tile's; and which pixel of the tile has
 * it outside of the image. */
struct nl_conv_tap {
    ptrdiff_t x, w;
    int row; /* of the input, relative to the output's */
    enum { NL_TAP_ALL, NL_TAP_NOT_FIRST, NL_TAP_NOT_LAST } pixels;
};

/* y[t][o] = b[o] + sum over taps, c < in of x[tap + t step + c] w[tap + c w_step + o], step a constant of the tile. */
typedef void nl_conv_tile(const struct nl_conv_tap *taps, size_t count, const float *x, const float *w, size_t in,
                          size_t w_step, const float *b, float *y, size_t y_step);

/* dw[c][o] (+)= sum over rows, columns of x[c] dy[o]. */
struct nl_conv_plane {
    const float *x, *dy;
    size_t rows, columns;
    size_t x_line, x_step, dy_line, dy_step; /* from row to row, from pixel to pixel */
};
typedef void nl_conv_weight_tile(const struct nl_conv_plane *plane, float *dw, size_t dw_step, bool add);

enum { NL_CONV_STEPS = 8, NL_CONV_TILES = 6, NL_CONV_LANES = 16, NL_CONV_WIDTHS = 2 };
extern const int
    nl_conv_steps[NL_CONV_STEPS]; /* ascending: the distances of input pixels that tiles are compiled for */

/* The tiles `channels` wide, by number of pixels (of input channels for weights), descending, the last of 1. */
struct nl_conv_width {
    size_t channels;
    int pixels[NL_CONV_TILES];
    nl_conv_tile *tile[NL_CONV_STEPS][NL_CONV_TILES];
    int inputs[NL_CONV_TILES];
    nl_conv_weight_tile *weight_tile[NL_CONV_TILES];
};

/* The transforms of Winograd's algorithm (conv_winograd.c), of channels in multiples of NL_CONV_LANES: the patches of a
 * run of tiles, their sums or gradients, and the taps. A transformed run is an array (36 products, tiles, channels) of
 * a chunk of tiles at most. Its products are NL_WINOGRAD_STEP numbers apart, a constant: 36 addresses would take more
 * registers than there are. Those of the taps are `v_step` apart. */
enum {
    NL_WINOGRAD_PATCH = 6,
    NL_WINOGRAD_OUTPUTS = 4,
    NL_WINOGRAD_CHUNK = 1024,
    NL_WINOGRAD_STEP = NL_WINOGRAD_CHUNK + NL_CONV_LANES
};

/* Tiles side by side: where the first one's first pixel lies in an image of that size, which x, dy and y point to. */
struct nl_winograd_run {
    int height, width;
    int row, column, tiles;
};
typedef void nl_winograd_input(const struct nl_winograd_run *run, const float *x, size_t channels, float *u);
typedef void nl_winograd_output(const struct nl_winograd_run *run, const float *m, const float *b, size_t channels,
                                float *y);
typedef void nl_winograd_weights(const float *w, size_t count, float *v, size_t v_step);

/* dw is summed by blocks of channels, (products, in, out) each, which fit into the first-level cache: p = u' d, or p +=
 * u' d, over the tiles of a chunk. u and d begin with the channels of the block, and have `in` and `out` channels in
 * all. Then p becomes taps (3, 3, in, out): `line` is from input channel to input channel, `step` from tap to tap. */
enum { NL_WINOGRAD_IN = 8, NL_WINOGRAD_OUT = NL_CONV_LANES,
       NL_WINOGRAD_BLOCK = NL_WINOGRAD_PATCH * NL_WINOGRAD_PATCH * NL_WINOGRAD_IN * NL_WINOGRAD_OUT };
typedef void nl_winograd_block(size_t tiles, const float *u, size_t in, const float *d, size_t out, float *p, bool add);
typedef void nl_winograd_taps(const float *p, float *dw, size_t line, size_t step);

/* Widths, descending, the last of NL_CONV_LANES channels. */
struct nl_conv_isa {
    nl_winograd_input *input;
    nl_winograd_output *output;
    nl_winograd_weights *weights;
    nl_winograd_input *gradient;
    nl_winograd_block *block;
    nl_winograd_taps *taps;
    int widths;
    struct nl_conv_width width[NL_CONV_WIDTHS];
};
extern const struct nl_conv_isa nl_conv_plain;
#ifdef NL_X86
extern const struct nl_conv_isa nl_conv_avx2, nl_conv_avx512;
#endif

/* conv.c */
const struct nl_conv_isa *nl_conv_tiles(void); /* of this processor */
size_t nl_conv_output_channels(int channels);  /* rounded up to what tiles fill */
/* x(rows, from) with zeros up to `to` channels, in scratch; x itself where that is all. */
const float *nl_conv_widen(size_t rows, size_t from, size_t to, const float *x, float *scratch);
void nl_conv_narrow(size_t rows, size_t from, size_t to, const float *x, float *y);
/* Scratch is allocated by running the same lines twice. The first time there is no memory, and its size is counted:
 *
 *     struct nl_conv_scratch scratch = {0};
 *     do {
 *         u = nl_conv_take(&scratch, bytes);
 *     } while (nl_conv_allocate(&scratch));
 */
struct nl_conv_scratch {
    char *memory;
    size_t used;
};
bool nl_conv_allocate(struct nl_conv_scratch *scratch); /* true after the first time: now there is memory */
void *nl_conv_take(struct nl_conv_scratch *scratch, size_t bytes);
float *nl_conv_take_widened(struct nl_conv_scratch *scratch, size_t rows, size_t from, size_t to);

/* dw of a batch that comes in parts. The function with `micro` in its name says for each algorithm how long sums are
 * and where a batch may be parted. */
struct nl_conv_part {
    float *sums;      /* between the parts; NULL: the batch comes at once */
    bool accumulates; /* these samples go on with those before; else dw need hold nothing */
    bool ends;        /* they are the last */
};

/* conv_direct.c, conv_weights.c: where they apply, kernels of NL_CONV_KERNEL x NL_CONV_KERNEL at most, not dilated */
enum { NL_CONV_KERNEL = 3 };
bool nl_cpu_conv_forward_is_direct(const struct nl_conv *op);
bool nl_cpu_conv_dx_is_direct(const struct nl_conv *op);
bool nl_cpu_conv_dw_is_direct(const struct nl_conv *op);
void nl_cpu_conv_forward_direct(const struct nl_conv *op, int samples, const float *x, const float *w, const float *b,
                                float *y);
void nl_cpu_conv_dx_direct(const struct nl_conv *op, int samples, const float *dy, const float *w, float *dx);
void nl_cpu_conv_dw_direct(const struct nl_conv *op, int samples, const float *x, const float *dy,
                           const struct nl_conv_part *part, float *dw);
struct nl_micro nl_cpu_conv_direct_micro(const struct nl_conv *op);

/* conv_winograd.c: for 3 x 3 kernels, not dilated, at stride 1 between images of the same size, of channels that it
 * takes, where it saves half the products at least */
bool nl_cpu_conv_is_winograd(const struct nl_conv *op);
void nl_cpu_conv_forward_winograd(const struct nl_conv *op, int samples, const float *x, const float *w, const float *b,
                                  float *y);
void nl_cpu_conv_dx_winograd(const struct nl_conv *op, int samples, const float *dy, const float *w, float *dx);
void nl_cpu_conv_dw_winograd(const struct nl_conv *op, int samples, const float *x, const float *dy,
                             const struct nl_conv_part *part, float *dw);
struct nl_micro nl_cpu_conv_winograd_micro(const struct nl_conv *op);

/* conv_unfold.c */
void nl_cpu_conv_forward_unfold(const struct nl_conv *op, int samples, const float *x, const float *w, const float *b,
                                float *y);
void nl_cpu_conv_dx_unfold(const struct nl_conv *op, int samples, const float *dy, const float *w, float *dx);
void nl_cpu_conv_dw_unfold(const struct nl_conv *op, int samples, const float *x, const float *dy, float *dw);

#endif
