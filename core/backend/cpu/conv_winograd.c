/* Winograd's convolution F(4 x 4, 3 x 3), y and dx: a tile of 4 x 4 outputs needs a patch of 6 x 6 inputs, and 36 products a pair of
 * channels instead of 144. Patches and taps are transformed (conv_transforms.h), the products are 36 matrix products over
 * channels, by the tiles of the direct kernels with one tap, and their sums are transformed back:
 *
 *     u = B' x B      v = G w G'      m[k][tile][o] = sum over c of u[k][tile][c] v[k][c][o]      y = A' m A
 *
 * It rounds more than the direct kernels: up to twice their error where numbers have mean zero, and less than theirs where
 * the mean is large. What is lost is relative to the largest numbers of a patch, not to those of an output's own taps.
 *
 * Tiles are numbered through the batch, and a team shares them. Their sums know nothing of one another.
 */
#include "backend/cpu/conv.h"
#include "base/team.h"

/* Tiles at a time: their patches and sums lie in the second cache, together with the weights. */
enum { PATCH = NL_WINOGRAD_PATCH, OUTPUTS = NL_WINOGRAD_OUTPUTS, PRODUCTS = PATCH * PATCH, TILES = 16, MOST_CHANNELS = 128, OUTSIDE = -1 };

/* Planes of products are a line more than full apart: multiples of 4096 bytes would share a few sets of the first cache. */
enum { APART = 16 };

struct batch {
    int height, width; /* of images */
    int rows, columns; /* of tiles */
    size_t in, out;
    const float *x, *v, *b;
    float *y;
    float *room;       /* of u and m, for each thread */
    size_t u_step, v_step, m_step;
};

/* Compiled steps of the tiles (nl_conv_steps). */
static bool is_wide(int channels)
{
    return channels == 16 || channels == 32 || channels == 64 || channels == MOST_CHANNELS;
}

bool nl_cpu_conv_is_winograd(const struct nl_conv *op)
{
    return op->algorithm == NL_CONV_WINOGRAD && op->kernel == NL_CONV_KERNEL && op->stride == 1 && op->pad == 1 && is_wide(op->in) && is_wide(op->out);
}

/* The pixels of a square around tile `tile`, `border` pixels beyond it on each side: their numbers in the batch, or OUTSIDE. */
static void find_pixels(const struct batch *batch, size_t tile, int border, ptrdiff_t *pixel)
{
    size_t columns = (size_t)batch->columns, tiles = (size_t)batch->rows * columns, n = tile / tiles, place = tile % tiles;
    int row = (int)(place / columns) * OUTPUTS - border, column = (int)(place % columns) * OUTPUTS - border;
    ptrdiff_t first = (ptrdiff_t)n * batch->height * batch->width;
    for (int i = row; i < row + OUTPUTS + 2 * border; i++)
        for (int j = column; j < column + OUTPUTS + 2 * border; j++) {
            bool inside = i >= 0 && i < batch->height && j >= 0 && j < batch->width;
            *pixel++ = inside ? first + (ptrdiff_t)i * batch->width + j : OUTSIDE;
        }
}

static void transform_patch(const struct batch *batch, size_t tile, float *u)
{
    static const float zeros[MOST_CHANNELS];
    ptrdiff_t pixel[PRODUCTS];
    const float *x[PRODUCTS];
    find_pixels(batch, tile, 1, pixel);
    for (int k = 0; k < PRODUCTS; k++)
        x[k] = pixel[k] == OUTSIDE ? zeros : batch->x + (size_t)pixel[k] * batch->in;
    nl_conv_tiles()->input(x, batch->in, u, batch->u_step);
}

static void transform_sums(const struct batch *batch, size_t tile, const float *m)
{
    float unread[MOST_CHANNELS], *y[OUTPUTS * OUTPUTS];
    ptrdiff_t pixel[OUTPUTS * OUTPUTS];
    find_pixels(batch, tile, 0, pixel);
    for (int k = 0; k < OUTPUTS * OUTPUTS; k++)
        y[k] = pixel[k] == OUTSIDE ? unread : batch->y + (size_t)pixel[k] * batch->out;
    nl_conv_tiles()->output(m, batch->m_step, batch->b, batch->out, y);
}

static void multiply(const struct batch *batch, size_t tiles, const float *u, float *m)
{
    static const struct nl_conv_tap whole = {.pixels = NL_TAP_ALL};
    const struct nl_conv_isa *isa = nl_conv_tiles();
    int step = 0;
    while ((size_t)nl_conv_steps[step] != batch->in)
        step++;
    for (int k = 0; k < PRODUCTS; k++) {
        size_t o = 0;
        for (int v = 0; v < isa->widths; v++) {
            const struct nl_conv_width *width = &isa->width[v];
            for (; o + width->channels <= batch->out; o += width->channels) {
                size_t t = 0;
                for (int size = 0; t < tiles; size++)
                    for (size_t pixels = (size_t)width->pixels[size]; t + pixels <= tiles; t += pixels)
                        width->tile[step][size](&whole, 1, u + (size_t)k * batch->u_step + t * batch->in, batch->v + (size_t)k * batch->v_step + o,
                                                batch->in, batch->out, NULL, m + (size_t)k * batch->m_step + t * batch->out + o, batch->out);
            }
        }
    }
}

static void run_tiles(void *context, size_t first, size_t end, int thread)
{
    const struct batch *batch = context;
    float *u = batch->room + (size_t)thread * PRODUCTS * (batch->u_step + batch->m_step), *m = u + PRODUCTS * batch->u_step;
    for (size_t tiles; first < end; first += tiles) {
        tiles = end - first < TILES ? end - first : TILES;
        for (size_t t = 0; t < tiles; t++)
            transform_patch(batch, first + t, u + t * batch->in);
        multiply(batch, tiles, u, m);
        for (size_t t = 0; t < tiles; t++)
            transform_sums(batch, first + t, m + t * batch->out);
    }
}

static void run_batch(struct batch *batch, int samples)
{
    double work = 2.0 * PRODUCTS * (double)(batch->in * batch->out);
    nl_parallel_for((size_t)samples * (size_t)batch->rows * (size_t)batch->columns, nl_cpu_grain(work), run_tiles, batch);
}

static struct batch batch_of(const struct nl_conv *op, int in, int out, const float *x, const float *b, float *y)
{
    return (struct batch){.height = op->height, .width = op->width, .rows = (op->height + OUTPUTS - 1) / OUTPUTS,
                          .columns = (op->width + OUTPUTS - 1) / OUTPUTS, .in = (size_t)in, .out = (size_t)out, .x = x, .b = b, .y = y,
                          .u_step = TILES * (size_t)in + APART, .v_step = (size_t)in * (size_t)out + APART,
                          .m_step = TILES * (size_t)out + APART};
}

/* Returns the room of v. */
static float *take_batch(struct nl_conv_room *room, struct batch *batch)
{
    batch->room = nl_conv_take(room, (size_t)nl_team_threads() * PRODUCTS * (batch->u_step + batch->m_step) * sizeof *batch->room);
    return nl_conv_take(room, PRODUCTS * batch->v_step * sizeof(float));
}

void nl_cpu_conv_forward_winograd(const struct nl_conv *op, int samples, const float *x, const float *w, const float *b, float *y)
{
    struct batch batch = batch_of(op, op->in, op->out, x, b, y);
    float *v;
    struct nl_conv_room room = {0};
    for (int turn = 0; turn < 2; turn++) {
        room = (struct nl_conv_room){.memory = turn ? nl_cpu_scratch(room.used) : NULL};
        v = take_batch(&room, &batch);
    }
    nl_conv_tiles()->weights(w, batch.in * batch.out, batch.in * batch.out, v, batch.v_step);
    batch.v = v;
    run_batch(&batch, samples);
}

/* dx is the convolution of dy with the taps in opposite order, each transposed. */
void nl_cpu_conv_dx_winograd(const struct nl_conv *op, int samples, const float *dy, const float *w, float *dx)
{
    enum { TAPS = NL_CONV_KERNEL * NL_CONV_KERNEL };
    struct batch batch = batch_of(op, op->out, op->in, dy, NULL, dx);
    size_t tap = batch.in * batch.out;
    float *v, *turned;
    struct nl_conv_room room = {0};
    for (int turn = 0; turn < 2; turn++) {
        room = (struct nl_conv_room){.memory = turn ? nl_cpu_scratch(room.used) : NULL};
        v = take_batch(&room, &batch);
        turned = nl_conv_take(&room, TAPS * tap * sizeof *turned);
    }
    for (size_t t = 0; t < TAPS; t++)
        nl_cpu_transpose(batch.out, batch.in, w + (TAPS - 1 - t) * tap, batch.in, turned + t * tap, batch.out);
    nl_conv_tiles()->weights(turned, tap, tap, v, batch.v_step);
    batch.v = v;
    run_batch(&batch, samples);
}
