/* Direct convolution, dw: sums of x dy over the pixels of a tap that lie inside the image. A team shares tiles of
 * weights. */
#include "backend/cpu/conv.h"
#include "base/team.h"

/* One tile of weights after another is summed over a few images: the weights stay in the first-level cache, the images
 * in the second. */
enum { MOST_TAPS = NL_CONV_KERNEL * NL_CONV_KERNEL, IMAGES_BYTES = 64 << 10 };

struct tile {
    nl_conv_weight_tile *sum;
    size_t c, o; /* its first channels */
};

struct weights {
    int taps;
    size_t tiles; /* of each tap */
    struct tile *tile;
    struct nl_conv_plane plane[MOST_TAPS]; /* of the first image that is summed now */
    size_t in, wide;
    size_t x_image, dy_image; /* from image to image */
    int images;
    bool add;
    float *dw; /* (kernel, kernel, in, wide) */
};

bool nl_cpu_conv_dw_is_direct(const struct nl_conv *op)
{
    return op->kernel <= NL_CONV_KERNEL && op->dilation == 1;
}

/* The tiles of (in, wide) weights, the widest first. Without memory, only their number. */
static size_t plan_tiles(size_t in, size_t wide, struct tile *tile)
{
    const struct nl_conv_isa *isa = nl_conv_tiles();
    size_t o = 0, count = 0;
    for (int v = 0; v < isa->widths; v++) {
        const struct nl_conv_width *width = &isa->width[v];
        for (; o + width->channels <= wide; o += width->channels) {
            size_t c = 0;
            for (int k = 0; c < in; k++)
                for (size_t inputs = (size_t)width->inputs[k]; c + inputs <= in; c += inputs, count++)
                    if (tile)
                        tile[count] = (struct tile){width->weight_tile[k], c, o};
        }
    }
    return count;
}

/* The output pixels whose tap `tap` lies inside an input of `size`: [first, end). */
static void inside(const struct nl_conv *op, int tap, int size, int outputs, int *first, int *end)
{
    int offset = tap - op->pad, last = size - 1 - offset; /* i stride + offset in [0, size) */
    *first = offset < 0 ? (-offset + op->stride - 1) / op->stride : 0;
    *end = last < 0 ? 0 : last / op->stride + 1;
    if (*end > outputs)
        *end = outputs;
    if (*first > *end)
        *first = *end;
}

/* Tap (p, q) of images x and dy(wide). */
static struct nl_conv_plane plane_of(const struct nl_conv *op, int p, int q, size_t wide, const float *x,
                                     const float *dy)
{
    int row, row_end, column, column_end;
    inside(op, p, op->height, op->out_height, &row, &row_end);
    inside(op, q, op->width, op->out_width, &column, &column_end);
    size_t in = (size_t)op->in;
    struct nl_conv_plane plane = {.rows = (size_t)(row_end - row),
                                  .columns = (size_t)(column_end - column),
                                  .x = x,
                                  .dy = dy,
                                  .x_line = (size_t)(op->stride * op->width) * in,
                                  .x_step = (size_t)op->stride * in,
                                  .dy_line = (size_t)op->out_width * wide,
                                  .dy_step = wide};
    if (plane.rows > 0 && plane.columns > 0) {
        plane.x += ((size_t)(row * op->stride + p - op->pad) * (size_t)op->width +
                    (size_t)(column * op->stride + q - op->pad)) *
                   in;
        plane.dy += ((size_t)row * (size_t)op->out_width + (size_t)column) * wide;
    }
    return plane;
}

/* A sum of floats runs over the pixels of one image only: over a batch it would lose digits. */
static void sum_tiles(void *context, size_t first, size_t end, int thread)
{
    const struct weights *weights = context;
    size_t tap = first / weights->tiles, k = first % weights->tiles;
    (void)thread;
    for (; first < end; first++) {
        const struct tile *tile = &weights->tile[k];
        struct nl_conv_plane plane = weights->plane[tap];
        float *dw = weights->dw + (tap * weights->in + tile->c) * weights->wide + tile->o;
        plane.x += tile->c;
        plane.dy += tile->o;
        for (int n = 0; n < weights->images; n++) {
            tile->sum(&plane, dw, weights->wide, weights->add || n > 0);
            plane.x += weights->x_image;
            plane.dy += weights->dy_image;
        }
        if (++k == weights->tiles) {
            k = 0;
            tap++;
        }
    }
}

/* An image's sums are accumulated onto those of the images before it, in dw or in rows as wide as tiles. */
struct nl_micro nl_cpu_conv_direct_micro(const struct nl_conv *op)
{
    size_t wide = nl_conv_output_channels(op->out), weights = (size_t)(op->kernel * op->kernel * op->in);
    return (struct nl_micro){.unit = 1, .sums = wide == (size_t)op->out ? 0 : weights * wide * sizeof(float)};
}

void nl_cpu_conv_dw_direct(const struct nl_conv *op, int samples, const float *x, const float *dy,
                           const struct nl_conv_part *part, float *dw)
{
    size_t in = (size_t)op->in, out = (size_t)op->out, wide = nl_conv_output_channels(op->out);
    size_t x_pixels = (size_t)op->height * (size_t)op->width, y_pixels = (size_t)op->out_height * (size_t)op->out_width;
    size_t image = (x_pixels * in + y_pixels * wide) * sizeof(float);
    int most = image < IMAGES_BYTES ? (int)(IMAGES_BYTES / image) : 1;
    struct weights weights = {.taps = op->kernel * op->kernel,
                              .tiles = plan_tiles(in, wide, NULL),
                              .in = in,
                              .wide = wide,
                              .x_image = x_pixels * in,
                              .dy_image = y_pixels * wide};
    size_t taps = (size_t)weights.taps;
    float *wide_dy, *wide_dw;
    struct nl_conv_scratch scratch = {0};
    do {
        weights.tile = nl_conv_take(&scratch, weights.tiles * sizeof *weights.tile);
        wide_dy = nl_conv_take_widened(&scratch, (size_t)most * y_pixels, out, wide);
        wide_dw = part->sums ? part->sums : nl_conv_take_widened(&scratch, taps * in, out, wide);
    } while (nl_conv_allocate(&scratch));
    plan_tiles(in, wide, weights.tile);
    weights.dw = out == wide ? dw : wide_dw;
    double work = 2.0 * (double)(y_pixels * in * wide) / (double)weights.tiles; /* of a tile on an image */
    for (int n = 0; n < samples; n += most) {
        const float *images = x + (size_t)n * weights.x_image;
        weights.images = samples - n < most ? samples - n : most;
        weights.add = n > 0 || part->accumulates;
        const float *gradients =
            nl_conv_widen((size_t)weights.images * y_pixels, out, wide, dy + (size_t)n * y_pixels * out, wide_dy);
        for (int tap = 0; tap < weights.taps; tap++)
            weights.plane[tap] = plane_of(op, tap / op->kernel, tap % op->kernel, wide, images, gradients);
        nl_parallel_for(taps * weights.tiles, nl_cpu_grain(work * weights.images), sum_tiles, &weights);
    }
    if (weights.dw != dw)
        nl_conv_narrow(taps * in, wide, out, wide_dw, dw);
}
