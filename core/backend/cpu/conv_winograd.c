/* Winograd's convolution F(4 x 4, 3 x 3), as Lavin and Gray have it (arXiv:1509.09308). A tile of 4 x 4 outputs has a
 * patch of 6 x 6 inputs, and takes 36 products a pair of channels instead of 144. Patches and taps are transformed
 * (conv_transforms.h). The products are 36 matrix products over channels, which the tiles of the direct kernels compute
 * with one tap. Their sums are transformed to outputs:
 *
 *     u = B' x B      v = G w G'      m[k][tile][o] = sum over c of u[k][tile][c] v[k][c][o]        y = A' m A
 *                     d = A dy A'     p[k][c][o] = sum over tiles of u[k][tile][c] d[k][tile][o]    dw = G' p G
 *
 * dx is the convolution of dy with the taps in opposite order, each transposed.
 *
 * It rounds more than the direct kernels. Measured on 16 to 64 channels of normal numbers, the error relative to the
 * sum of |x||w| is 2.5 times theirs (dw: 1.5 to 3.7) in the mean square and up to 4 times at worst, 1e-6; where x has
 * mean 10 it is between 0.4 and 1.3 times theirs. What is lost is relative to the largest numbers of a patch, not to
 * those of an output's own taps.
 *
 * Layout: u and m are (36, tiles, channels) of a chunk of tiles; v is (36, in, out). Loops, outermost first: chunks of
 * tiles, then transform, product k of the 36, output channels, tiles of the chunk. Tiles are numbered through the
 * batch, and a team shares them. Those of y and dx are independent; dw is summed over the tiles of a chunk, then over
 * chunks.
 */
#include "backend/cpu/conv.h"
#include "base/team.h"

enum {
    PATCH = NL_WINOGRAD_PATCH,
    OUTPUTS = NL_WINOGRAD_OUTPUTS,
    PRODUCTS = PATCH * PATCH,
    TAPS = NL_CONV_KERNEL * NL_CONV_KERNEL,
    MOST_CHANNELS = 128,
    STEP = NL_WINOGRAD_STEP
};

/* One cache line lies between the 36 planes of v: planes a multiple of 4096 bytes apart would share a few sets of the
 * first-level cache. */
enum { APART = 16 };

struct shape {
    int height, width; /* of images */
    int rows, columns; /* of tiles */
    size_t in, out;
    size_t tiles;                  /* at a time: a chunk */
    size_t v_step;                 /* from product to product of v(in, out); STEP of u(chunk, in), m(chunk, out) */
};

/* Compiled steps of the tiles (nl_conv_steps). */
static bool is_taken(int channels)
{
    return channels == 16 || channels == 32 || channels == 64 || channels == MOST_CHANNELS;
}

/* Whether the products saved pay for the transforms: the direct kernels skip taps outside the image, and tiles may
 * reach beyond it. */
static bool is_worth_it(int height, int width)
{
    int taps = (3 * height - 2) * (3 * width - 2),
        tiles = (height + OUTPUTS - 1) / OUTPUTS * ((width + OUTPUTS - 1) / OUTPUTS);
    return taps >= 2 * PRODUCTS * tiles;
}

bool nl_cpu_conv_is_winograd(const struct nl_conv *op)
{
    return op->algorithm == NL_CONV_WINOGRAD && op->kernel == NL_CONV_KERNEL && op->dilation == 1 && op->stride == 1 &&
           op->pad == 1 && is_taken(op->in) && is_taken(op->out) && is_worth_it(op->height, op->width);
}

/* A chunk's patches and sums lie in the second cache, together with the weights. */
static struct shape shape_of(const struct nl_conv *op, int in, int out)
{
    struct shape s = {.height = op->height, .width = op->width, .rows = (op->height + OUTPUTS - 1) / OUTPUTS,
                      .columns = (op->width + OUTPUTS - 1) / OUTPUTS, .in = (size_t)in, .out = (size_t)out};
    s.tiles = NL_WINOGRAD_CHUNK / (size_t)(in > out ? in : out);
    s.v_step = s.in * s.out + APART;
    return s;
}

static size_t tiles_of(const struct shape *s, int samples)
{
    return (size_t)samples * (size_t)s->rows * (size_t)s->columns;
}

static double work_of_tile(const struct shape *s)
{
    return 2.0 * PRODUCTS * (double)(s->in * s->out);
}

/* The tiles from number `tile` on that lie side by side, `end` at most, and their image's number. */
static size_t find_run(const struct shape *s, size_t tile, size_t end, struct nl_winograd_run *run)
{
    size_t columns = (size_t)s->columns, image = (size_t)s->rows * columns, place = tile % image,
           column = place % columns;
    size_t tiles = columns - column < end - tile ? columns - column : end - tile;
    *run = (struct nl_winograd_run){.height = s->height, .width = s->width, .row = (int)(place / columns) * OUTPUTS,
                                    .column = (int)column * OUTPUTS, .tiles = (int)tiles};
    return tile / image;
}

static size_t pixels_of(const struct shape *s)
{
    return (size_t)s->height * (size_t)s->width;
}

static void transform_patches(const struct shape *s, size_t first, size_t end, const float *x, float *u)
{
    struct nl_winograd_run run;
    for (; first < end; first += (size_t)run.tiles, u += (size_t)run.tiles * s->in) {
        size_t image = find_run(s, first, end, &run);
        nl_conv_tiles()->input(&run, x + image * pixels_of(s) * s->in, s->in, u);
    }
}

static void transform_gradients(const struct shape *s, size_t first, size_t end, const float *dy, float *d)
{
    struct nl_winograd_run run;
    for (; first < end; first += (size_t)run.tiles, d += (size_t)run.tiles * s->out) {
        size_t image = find_run(s, first, end, &run);
        nl_conv_tiles()->gradient(&run, dy + image * pixels_of(s) * s->out, s->out, d);
    }
}

/* ---- y and dx ---- */

struct batch {
    struct shape shape;
    const float *x, *v, *b;
    float *y;
    float *scratch; /* of u and m, for each thread */
};

static void transform_sums(const struct batch *batch, size_t first, size_t end, const float *m)
{
    const struct shape *s = &batch->shape;
    struct nl_winograd_run run;
    for (; first < end; first += (size_t)run.tiles, m += (size_t)run.tiles * s->out) {
        size_t image = find_run(s, first, end, &run);
        nl_conv_tiles()->output(&run, m, batch->b, s->out, batch->y + image * pixels_of(s) * s->out);
    }
}

/* m(tiles, out) = u(tiles, in) v(in, out) */
static void multiply(const struct shape *s, size_t tiles, const float *u, const float *v, float *m)
{
    static const struct nl_conv_tap whole = {.pixels = NL_TAP_ALL};
    const struct nl_conv_isa *isa = nl_conv_tiles();
    size_t o = 0;
    int step = 0;
    while ((size_t)nl_conv_steps[step] != s->in)
        step++;
    for (const struct nl_conv_width *width = isa->width; width < isa->width + isa->widths; width++)
        for (; o + width->channels <= s->out; o += width->channels) {
            size_t t = 0;
            for (int k = 0; t < tiles; k++)
                for (size_t pixels = (size_t)width->pixels[k]; t + pixels <= tiles; t += pixels)
                    width->tile[step][k](&whole, 1, u + t * s->in, v + o, s->in, s->out, NULL, m + t * s->out + o,
                                         s->out);
        }
}

static void run_tiles(void *context, size_t first, size_t end, int thread)
{
    const struct batch *batch = context;
    const struct shape *s = &batch->shape;
    float *u = batch->scratch + (size_t)thread * PRODUCTS * 2 * STEP, *m = u + PRODUCTS * STEP;
    for (size_t tiles; first < end; first += tiles) {
        tiles = end - first < s->tiles ? end - first : s->tiles;
        transform_patches(s, first, first + tiles, batch->x, u);
        for (size_t k = 0; k < PRODUCTS; k++)
            multiply(s, tiles, u + k * STEP, batch->v + k * s->v_step, m + k * STEP);
        transform_sums(batch, first, first + tiles, m);
    }
}

/* Returns the memory of v. */
static float *take_batch(struct nl_conv_scratch *scratch, struct batch *batch)
{
    const struct shape *s = &batch->shape;
    batch->scratch = nl_conv_take(scratch, (size_t)nl_team_threads() * PRODUCTS * 2 * STEP * sizeof *batch->scratch);
    return nl_conv_take(scratch, PRODUCTS * s->v_step * sizeof(float));
}

/* w: (3, 3, in, out) of the shape. */
static void run_batch(struct batch *batch, int samples, const float *w, float *v)
{
    const struct shape *s = &batch->shape;
    nl_conv_tiles()->weights(w, s->in * s->out, v, s->v_step);
    batch->v = v;
    nl_parallel_for(tiles_of(s, samples), nl_cpu_grain(work_of_tile(s)), run_tiles, batch);
}

void nl_cpu_conv_forward_winograd(const struct nl_conv *op, int samples, const float *x, const float *w, const float *b,
                                  float *y)
{
    struct batch batch = {.shape = shape_of(op, op->in, op->out), .x = x, .b = b, .y = y};
    float *v;
    struct nl_conv_scratch scratch = {0};
    do {
        v = take_batch(&scratch, &batch);
    } while (nl_conv_allocate(&scratch));
    run_batch(&batch, samples, w, v);
}

void nl_cpu_conv_dx_winograd(const struct nl_conv *op, int samples, const float *dy, const float *w, float *dx)
{
    struct batch batch = {.shape = shape_of(op, op->out, op->in), .x = dy, .y = dx};
    size_t in = (size_t)op->in, out = (size_t)op->out;
    float *v, *flipped;
    struct nl_conv_scratch scratch = {0};
    do {
        v = take_batch(&scratch, &batch);
        flipped = nl_conv_take(&scratch, TAPS * in * out * sizeof *flipped);
    } while (nl_conv_allocate(&scratch));
    for (size_t t = 0; t < TAPS; t++)
        nl_cpu_transpose(in, out, w + (TAPS - 1 - t) * in * out, out, flipped + t * in * out, in);
    run_batch(&batch, samples, flipped, v);
}

/* ---- dw ---- */

struct weights {
    struct shape shape;
    const float *x, *dy;
    float *u, *d, *p, *dw; /* p: NULL where a chunk is all there is */
    size_t first, tiles;   /* of the chunk */
    bool accumulates;      /* p goes on from chunks before */
    bool ends;             /* no chunk comes after this one */
};

static void transform_chunk(void *context, size_t first, size_t end, int thread)
{
    const struct weights *weights = context;
    const struct shape *s = &weights->shape;
    size_t at = weights->first;
    (void)thread;
    transform_patches(s, at + first, at + end, weights->x, weights->u + first * s->in);
    transform_gradients(s, at + first, at + end, weights->dy, weights->d + first * s->out);
}

/* Blocks [first, end) of channels. */
static void sum_blocks(void *context, size_t first, size_t end, int thread)
{
    const struct weights *weights = context;
    const struct shape *s = &weights->shape;
    const struct nl_conv_isa *isa = nl_conv_tiles();
    size_t across = s->out / NL_WINOGRAD_OUT;
    _Alignas(64) float only[NL_WINOGRAD_BLOCK];
    (void)thread;
    for (size_t block = first; block < end; block++) {
        size_t c = block / across * NL_WINOGRAD_IN, o = block % across * NL_WINOGRAD_OUT;
        float *p = weights->p ? weights->p + block * NL_WINOGRAD_BLOCK : only;
        isa->block(weights->tiles, weights->u + c, s->in, weights->d + o, s->out, p, weights->accumulates);
        if (weights->ends)
            isa->taps(p, weights->dw + c * s->out + o, s->out, s->in * s->out);
    }
}

struct nl_micro nl_cpu_conv_winograd_micro(const struct nl_conv *op)
{
    struct shape s = shape_of(op, op->in, op->out);
    return (struct nl_micro){.unit = nl_cpu_samples_of_blocks(tiles_of(&s, 1), s.tiles),
                             .sums = PRODUCTS * s.in * s.out * sizeof(float)};
}

void nl_cpu_conv_dw_winograd(const struct nl_conv *op, int samples, const float *x, const float *dy,
                             const struct nl_conv_part *part, float *dw)
{
    struct weights weights = {
        .shape = shape_of(op, op->in, op->out), .x = x, .dy = dy, .dw = dw, .accumulates = part->accumulates};
    const struct shape *s = &weights.shape;
    size_t all = tiles_of(s, samples), blocks = s->in / NL_WINOGRAD_IN * (s->out / NL_WINOGRAD_OUT);
    struct nl_conv_scratch scratch = {0};
    do {
        weights.u = nl_conv_take(&scratch, PRODUCTS * STEP * sizeof *weights.u);
        weights.d = nl_conv_take(&scratch, PRODUCTS * STEP * sizeof *weights.d);
        weights.p = part->sums;
        if (!part->sums && all > s->tiles)
            weights.p = nl_conv_take(&scratch, blocks * NL_WINOGRAD_BLOCK * sizeof *weights.p);
    } while (nl_conv_allocate(&scratch));
    for (; weights.first < all; weights.first += weights.tiles) {
        weights.tiles = all - weights.first < s->tiles ? all - weights.first : s->tiles;
        weights.ends = part->ends && weights.first + weights.tiles == all;
        nl_parallel_for(weights.tiles, nl_cpu_grain(work_of_tile(s) / 2), transform_chunk,
                        &weights); /* of tens of steps a byte, as slow */
        nl_parallel_for(blocks, nl_cpu_grain(work_of_tile(s) / (double)blocks * (double)weights.tiles), sum_blocks,
                        &weights);
        weights.accumulates = true;
    }
}
