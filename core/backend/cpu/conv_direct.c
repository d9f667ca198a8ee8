/* Direct convolution: no taps are copied and those outside the image are skipped, not multiplied by zero.
 *
 * All three products are sums over taps that lie on a grid (struct stencil). dx at stride s is s s such grids, one for each
 * place of a pixel between the strides. Channels that no tile is compiled for are copied into images with more (widen), one
 * image at a time.
 */
#include <string.h>

#include "backend/cpu/conv.h"

const int nl_conv_steps[NL_CONV_STEPS] = {1, 2, 3, 6, 16, 32, 64, 128};

enum { MOST_KERNEL = 3, MOST_TAPS = MOST_KERNEL * MOST_KERNEL, MOST_STRIDE = 2, MOST_WIDTHS = 2 };

static const struct nl_conv_isa *tiles(void)
{
#ifdef NL_X86
    if (nl_cpu_isa() == NL_ISA_AVX512)
        return &nl_conv_avx512;
    if (nl_cpu_isa() == NL_ISA_AVX2)
        return &nl_conv_avx2;
#endif
    return &nl_conv_plain;
}

/* ---- channels ---- */

/* Channels of the image that input tiles read, or 0. Both strides of each are in nl_conv_steps. */
static size_t input_channels(int channels)
{
    static const int compiled[] = {1, 3, 16, 32, 64};
    for (size_t i = 0; i < sizeof compiled / sizeof *compiled; i++)
        if (channels <= compiled[i])
            return (size_t)compiled[i];
    return 0;
}

static size_t output_channels(int channels)
{
    return ((size_t)channels + NL_CONV_LANES - 1) / NL_CONV_LANES * NL_CONV_LANES;
}

/* x(rows, from) with zeros up to `to` channels, in room; x itself where that is all. */
static const float *widen(size_t rows, size_t from, size_t to, const float *x, float *room)
{
    if (from == to)
        return x;
    for (size_t row = 0; row < rows; row++) {
        memcpy(room + row * to, x + row * from, from * sizeof *x);
        memset(room + row * to + from, 0, (to - from) * sizeof *x);
    }
    return room;
}

static void narrow(size_t rows, size_t from, size_t to, const float *x, float *y)
{
    for (size_t row = 0; row < rows; row++)
        memcpy(y + row * to, x + row * from, to * sizeof *y);
}

/* Scratch is dealt out in two turns over the same lines: first without memory, to learn the size. */
struct room {
    char *memory;
    size_t used;
};

static void *take(struct room *room, size_t bytes)
{
    void *taken = room->memory ? room->memory + room->used : NULL;
    room->used += (bytes + 63) / 64 * 64;
    return taken;
}

static float *take_widened(struct room *room, size_t rows, size_t from, size_t to)
{
    return take(room, from == to ? 0 : rows * to * sizeof(float));
}

/* ---- sums over taps on a grid ---- */

/* y[i][j][o] = b[o] + sum over taps, c of x[i stride + row][j stride + column][c] w[c][o]; taps by ascending row and column. */
struct stencil {
    int rows, columns;         /* of y */
    int x_rows, x_columns;
    int stride;
    size_t in, x_channels;     /* of which `in` are read */
    size_t out;                /* a multiple of NL_CONV_LANES */
    size_t y_step, y_line;
    int count;
    struct {
        int row, column;
        size_t w;              /* where the tap's weights (in, out) begin */
    } tap[MOST_TAPS];
};

/* Pixels [at, at + pixels) of every row. */
struct column {
    int at;
    nl_conv_tile *tile;
    size_t count;
    struct nl_conv_tap tap[MOST_TAPS];
};

struct plan {
    int columns[MOST_WIDTHS];
    struct column *column[MOST_WIDTHS]; /* at most stencil->columns + 1 each */
};

/* A tile costs its pixels and some more for the weights that it loads: many in one tile are best, but the last tile may not
 * leave the row, and overlaps the one before it instead. */
static int cost(int pixels)
{
    return pixels + 2;
}

/* Index of the smallest tile that holds `pixels`; of the largest where none does. */
static int tile_for(const struct nl_conv_width *width, int pixels)
{
    int k = 0;
    while (k + 1 < NL_CONV_TILES && width->pixels[k + 1] >= pixels)
        k++;
    return k;
}

static int best_tile(const struct nl_conv_width *width, int columns)
{
    int best = 0, least = 0;
    for (int k = 0; k < NL_CONV_TILES && width->pixels[k]; k++) {
        int pixels = width->pixels[k], rest = columns % pixels;
        if (pixels > columns)
            continue;
        int sum = columns / pixels * cost(pixels) + (rest ? cost(width->pixels[tile_for(width, rest)]) : 0);
        if (least == 0 || sum < least) {
            best = k;
            least = sum;
        }
    }
    return best;
}

static void plan_column(const struct stencil *s, const struct nl_conv_width *width, int k, int at, struct column *column)
{
    int step = 0, pixels = width->pixels[k];
    while (nl_conv_steps[step] != (int)s->x_channels * s->stride)
        step++;
    *column = (struct column){.at = at, .tile = width->tile[step][k]};
    for (int t = 0; t < s->count; t++) {
        int first = at * s->stride + s->tap[t].column, last = first + (pixels - 1) * s->stride;
        if (last < 0 || first >= s->x_columns || (pixels == 1 && first < 0))
            continue;
        NL_ASSERT(first + s->stride >= 0 && last - s->stride < s->x_columns && (first >= 0 || last < s->x_columns));
        column->tap[column->count++] = (struct nl_conv_tap){
            .x = ((ptrdiff_t)s->tap[t].row * s->x_columns + first) * (ptrdiff_t)s->x_channels,
            .w = (ptrdiff_t)s->tap[t].w,
            .row = s->tap[t].row,
            .pixels = first < 0 ? NL_TAP_NOT_FIRST : last >= s->x_columns ? NL_TAP_NOT_LAST : NL_TAP_ALL,
        };
    }
}

static void plan_columns(const struct stencil *s, struct plan *plan)
{
    const struct nl_conv_isa *isa = tiles();
    for (int v = 0; v < isa->widths; v++) {
        const struct nl_conv_width *width = &isa->width[v];
        int k = best_tile(width, s->columns), at = 0, count = 0;
        for (; at + width->pixels[k] <= s->columns; at += width->pixels[k])
            plan_column(s, width, k, at, &plan->column[v][count++]);
        if (at < s->columns) {
            k = tile_for(width, s->columns - at);
            plan_column(s, width, k, s->columns - width->pixels[k], &plan->column[v][count++]);
        }
        plan->columns[v] = count;
    }
}

static void take_plan(struct room *room, int columns, struct plan *plan)
{
    for (int v = 0; v < MOST_WIDTHS; v++)
        plan->column[v] = take(room, ((size_t)columns + 1) * sizeof *plan->column[v]);
}

static void apply_row(const struct stencil *s, const struct column *column, int row, const float *x, const float *w, const float *b,
                      float *y)
{
    const struct nl_conv_tap *tap = column->tap, *end = tap + column->count;
    int x_row = row * s->stride;
    while (tap < end && x_row + tap->row < 0)
        tap++;
    while (tap < end && x_row + end[-1].row >= s->x_rows)
        end--;
    column->tile(tap, (size_t)(end - tap), x + (size_t)x_row * (size_t)s->x_columns * s->x_channels, w, s->in, s->out, b,
                 y + (size_t)row * s->y_line + (size_t)column->at * s->y_step, s->y_step);
}

/* One image. The widest channels first: their weights are read again for every tile, the image lies in the first cache. */
static void apply(const struct stencil *s, const struct plan *plan, const float *x, const float *w, const float *b, float *y)
{
    const struct nl_conv_isa *isa = tiles();
    size_t o = 0;
    for (int v = 0; v < isa->widths; v++)
        for (size_t channels = isa->width[v].channels; o + channels <= s->out; o += channels)
            for (int row = 0; row < s->rows; row++)
                for (int k = 0; k < plan->columns[v]; k++)
                    apply_row(s, &plan->column[v][k], row, x, w + o, b ? b + o : NULL, y + o);
}

/* ---- forward ---- */

/* Tiles may leave out one pixel at each end, so taps reach at most one pixel beyond the image. */
bool nl_cpu_conv_forward_is_direct(const struct nl_conv *op)
{
    return op->kernel <= MOST_KERNEL && op->pad <= op->kernel / 2 && op->stride <= MOST_STRIDE && input_channels(op->in) > 0;
}

void nl_cpu_conv_forward_direct(const struct nl_conv *op, int samples, const float *x, const float *w, const float *b, float *y)
{
    size_t in = (size_t)op->in, out = (size_t)op->out, x_pixels = (size_t)op->height * (size_t)op->width;
    size_t y_pixels = (size_t)op->out_height * (size_t)op->out_width, w_rows = (size_t)op->kernel * (size_t)op->kernel * in;
    struct stencil s = {.rows = op->out_height, .columns = op->out_width, .x_rows = op->height, .x_columns = op->width,
                        .stride = op->stride, .in = in, .x_channels = input_channels(op->in), .out = output_channels(op->out)};
    s.y_step = s.out;
    s.y_line = (size_t)op->out_width * s.out;
    for (int p = 0; p < op->kernel; p++)
        for (int q = 0; q < op->kernel; q++) {
            s.tap[s.count].row = p - op->pad;
            s.tap[s.count].column = q - op->pad;
            s.tap[s.count].w = (size_t)s.count * in * s.out;
            s.count++;
        }

    struct plan plan;
    float *wide_x, *wide_w, *wide_b, *wide_y;
    struct room room = {0};
    for (int turn = 0; turn < 2; turn++) {
        room = (struct room){.memory = turn ? nl_cpu_scratch(room.used) : NULL};
        take_plan(&room, s.columns, &plan);
        wide_x = take_widened(&room, x_pixels, in, s.x_channels);
        wide_w = take_widened(&room, w_rows, out, s.out);
        wide_b = take_widened(&room, 1, out, s.out);
        wide_y = take_widened(&room, y_pixels, out, s.out);
    }
    plan_columns(&s, &plan);
    w = widen(w_rows, out, s.out, w, wide_w);
    b = b ? widen(1, out, s.out, b, wide_b) : NULL;
    for (int n = 0; n < samples; n++, x += x_pixels * in, y += y_pixels * out) {
        float *to = out == s.out ? y : wide_y;
        apply(&s, &plan, widen(x_pixels, in, s.x_channels, x, wide_x), w, b, to);
        if (to != y)
            narrow(y_pixels, s.out, out, to, y);
    }
}

/* ---- gradient of the input ---- */

bool nl_cpu_conv_dx_is_direct(const struct nl_conv *op)
{
    return op->kernel <= MOST_KERNEL && op->pad <= op->kernel / 2 && op->kernel - 1 - op->pad <= op->stride &&
           op->stride <= MOST_STRIDE && input_channels(op->out) > 0;
}

/* The pixels (i, j) of dx with i mod stride = row, j mod stride = column: dx[i][j] = sum over the taps (p, q) that meet them
 * of dy[(i + pad - p) / stride][(j + pad - q) / stride] w[p][q]'. */
static struct stencil stencil_of_dx(const struct nl_conv *op, int row, int column)
{
    int stride = op->stride;
    size_t channels = output_channels(op->in);
    struct stencil s = {.rows = (op->height - row + stride - 1) / stride, .columns = (op->width - column + stride - 1) / stride,
                        .x_rows = op->out_height, .x_columns = op->out_width, .stride = 1, .in = (size_t)op->out,
                        .x_channels = input_channels(op->out), .out = channels};
    s.y_step = (size_t)stride * channels;
    s.y_line = (size_t)stride * (size_t)op->width * channels;
    for (int p = op->kernel - 1; p >= 0; p--)
        for (int q = op->kernel - 1; q >= 0; q--) {
            int i = row + op->pad - p, j = column + op->pad - q;
            if (i % stride || j % stride)
                continue;
            s.tap[s.count].row = i / stride;
            s.tap[s.count].column = j / stride;
            s.tap[s.count].w = (size_t)(p * op->kernel + q) * s.in * channels;
            s.count++;
        }
    return s;
}

void nl_cpu_conv_dx_direct(const struct nl_conv *op, int samples, const float *dy, const float *w, float *dx)
{
    size_t in = (size_t)op->in, out = (size_t)op->out, wide_in = output_channels(op->in), wide_out = input_channels(op->out);
    size_t x_pixels = (size_t)op->height * (size_t)op->width, y_pixels = (size_t)op->out_height * (size_t)op->out_width;
    size_t taps = (size_t)op->kernel * (size_t)op->kernel;
    int grids = 0;
    struct stencil stencil[MOST_STRIDE * MOST_STRIDE];
    struct plan plan[MOST_STRIDE * MOST_STRIDE];
    size_t at[MOST_STRIDE * MOST_STRIDE];
    for (int row = 0; row < op->stride && row < op->height; row++)
        for (int column = 0; column < op->stride && column < op->width; column++) {
            at[grids] = ((size_t)row * (size_t)op->width + (size_t)column) * wide_in;
            stencil[grids++] = stencil_of_dx(op, row, column);
        }

    float *transposed, *wide_dy, *wide_dx;
    struct room room = {0};
    for (int turn = 0; turn < 2; turn++) {
        room = (struct room){.memory = turn ? nl_cpu_scratch(room.used) : NULL};
        for (int g = 0; g < grids; g++)
            take_plan(&room, stencil[g].columns, &plan[g]);
        transposed = take(&room, taps * out * wide_in * sizeof *transposed);
        wide_dy = take_widened(&room, y_pixels, out, wide_out);
        wide_dx = take_widened(&room, x_pixels, in, wide_in);
    }
    for (int g = 0; g < grids; g++)
        plan_columns(&stencil[g], &plan[g]);
    if (wide_in != in)
        memset(transposed, 0, taps * out * wide_in * sizeof *transposed);
    for (size_t t = 0; t < taps; t++) /* at batch 1 a tenth of the work */
        nl_cpu_transpose(in, out, w + t * in * out, out, transposed + t * out * wide_in, wide_in);
    for (int n = 0; n < samples; n++, dy += y_pixels * out, dx += x_pixels * in) {
        const float *from = widen(y_pixels, out, wide_out, dy, wide_dy);
        float *to = in == wide_in ? dx : wide_dx;
        for (int g = 0; g < grids; g++)
            apply(&stencil[g], &plan[g], from, transposed, NULL, to + at[g]);
        if (to != dx)
            narrow(x_pixels, wide_in, in, to, dx);
    }
}

/* ---- gradient of the weights ---- */

bool nl_cpu_conv_dw_is_direct(const struct nl_conv *op)
{
    return op->kernel <= MOST_KERNEL;
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

/* One tap of one image: dw(in, wide) from x and dy(wide). */
static void add_weights(struct nl_conv_plane plane, size_t in, size_t wide, float *dw, bool add)
{
    const struct nl_conv_isa *isa = tiles();
    const float *x = plane.x, *dy = plane.dy;
    size_t o = 0;
    for (int v = 0; v < isa->widths; v++) {
        const struct nl_conv_width *width = &isa->width[v];
        for (; o + width->channels <= wide; o += width->channels) {
            size_t c = 0;
            for (int k = 0; c < in; k++)
                for (size_t inputs = (size_t)width->inputs[k]; c + inputs <= in; c += inputs) {
                    plane.x = x + c;
                    plane.dy = dy + o;
                    width->weight_tile[k](&plane, dw + c * wide + o, wide, add);
                }
        }
    }
}

/* A sum of floats runs over the pixels of one image only: over a batch it would lose digits. */
void nl_cpu_conv_dw_direct(const struct nl_conv *op, int samples, const float *x, const float *dy, float *dw)
{
    size_t in = (size_t)op->in, out = (size_t)op->out, wide = output_channels(op->out);
    size_t x_pixels = (size_t)op->height * (size_t)op->width, y_pixels = (size_t)op->out_height * (size_t)op->out_width;
    size_t w_rows = (size_t)op->kernel * (size_t)op->kernel * in;
    float *wide_dy, *wide_dw;
    struct room room = {0};
    for (int turn = 0; turn < 2; turn++) {
        room = (struct room){.memory = turn ? nl_cpu_scratch(room.used) : NULL};
        wide_dy = take_widened(&room, y_pixels, out, wide);
        wide_dw = take_widened(&room, w_rows, out, wide);
    }
    float *to = out == wide ? dw : wide_dw;
    for (int n = 0; n < samples; n++, x += x_pixels * in, dy += y_pixels * out) {
        const float *gradient = widen(y_pixels, out, wide, dy, wide_dy);
        for (int p = 0; p < op->kernel; p++)
            for (int q = 0; q < op->kernel; q++) {
                int row, row_end, column, column_end;
                inside(op, p, op->height, op->out_height, &row, &row_end);
                inside(op, q, op->width, op->out_width, &column, &column_end);
                struct nl_conv_plane plane = {.rows = (size_t)(row_end - row), .columns = (size_t)(column_end - column),
                                              .x = x, .dy = gradient,
                                              .x_line = (size_t)(op->stride * op->width) * in, .x_step = (size_t)op->stride * in,
                                              .dy_line = (size_t)op->out_width * wide, .dy_step = wide};
                if (plane.rows > 0 && plane.columns > 0) {
                    plane.x += ((size_t)(row * op->stride + p - op->pad) * (size_t)op->width +
                                (size_t)(column * op->stride + q - op->pad)) * in;
                    plane.dy += ((size_t)row * (size_t)op->out_width + (size_t)column) * wide;
                }
                add_weights(plane, in, wide, to + (size_t)(p * op->kernel + q) * in * wide, n > 0);
            }
    }
    if (to != dw)
        narrow(w_rows, wide, out, to, dw);
}
