/* Direct convolution, y and dx: nothing is unfolded, and taps outside the image are skipped.
 *
 * Both are sums over taps on a grid of pixels (struct stencil). At stride s, the pixels of dx form s s grids: those
 * with equal row and column modulo s have the same taps. Where no tile is compiled for a number of channels, an image
 * at a time is copied into one with more channels (nl_conv_widen).
 *
 * Loops, outermost first: images, grids, blocks of output channels, rows, tiles along the row; in a tile taps, then
 * input channels. A team shares the rows of all images.
 */
#include <string.h>

#include "backend/cpu/conv.h"
#include "base/team.h"

const int nl_conv_steps[NL_CONV_STEPS] = {1, 2, 3, 6, 16, 32, 64, 128};

enum { MOST_TAPS = NL_CONV_KERNEL * NL_CONV_KERNEL, MOST_STRIDE = 2, MOST_WIDTHS = NL_CONV_WIDTHS };

/* Channels of the image that input tiles read, or 0. Both strides of each are in nl_conv_steps. */
static size_t input_channels(int channels)
{
    static const int compiled[] = {1, 3, 16, 32, 64};
    for (size_t i = 0; i < sizeof compiled / sizeof *compiled; i++)
        if (channels <= compiled[i])
            return (size_t)compiled[i];
    return 0;
}

/* ---- sums over taps on a grid ---- */

/* y[i][j][o] = b[o] + sum over taps, c of x[i stride + row][j stride + column][c] w[c][o]; taps by ascending row and
 * column. */
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

/* What a tile costs: its pixels, and two more for the weights that it loads. So large tiles are best. The last tile
 * must end with the row: it overlaps with the one before. */
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

static void plan_column(const struct stencil *s, const struct nl_conv_width *width, int k, int at,
                        struct column *column)
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
    const struct nl_conv_isa *isa = nl_conv_tiles();
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

static void take_plan(struct nl_conv_scratch *scratch, int columns, struct plan *plan)
{
    for (int v = 0; v < MOST_WIDTHS; v++)
        plan->column[v] = nl_conv_take(scratch, ((size_t)columns + 1) * sizeof *plan->column[v]);
}

static void apply_row(const struct stencil *s, const struct column *column, int row, const float *x, const float *w,
                      const float *b, float *y)
{
    const struct nl_conv_tap *tap = column->tap, *end = tap + column->count;
    int x_row = row * s->stride;
    while (tap < end && x_row + tap->row < 0)
        tap++;
    while (tap < end && x_row + end[-1].row >= s->x_rows)
        end--;
    column->tile(tap, (size_t)(end - tap), x + (size_t)x_row * (size_t)s->x_columns * s->x_channels, w, s->in, s->out,
                 b, y + (size_t)row * s->y_line + (size_t)column->at * s->y_step, s->y_step);
}

/* Rows [first, end) of one image, by blocks of output channels, the widest first. Each tile reads the weights of its
 * block again, and the image from the first-level cache. */
static void apply(const struct stencil *s, const struct plan *plan, int first, int end, const float *x, const float *w,
                  const float *b, float *y)
{
    const struct nl_conv_isa *isa = nl_conv_tiles();
    size_t o = 0;
    if (end > s->rows)
        end = s->rows;
    for (int v = 0; v < isa->widths; v++)
        for (size_t channels = isa->width[v].channels; o + channels <= s->out; o += channels)
            for (int row = first; row < end; row++)
                for (int k = 0; k < plan->columns[v]; k++)
                    apply_row(s, &plan->column[v][k], row, x, w + o, b ? b + o : NULL, y + o);
}

/* ---- a batch of images ---- */

struct image {
    int rows, columns;
    size_t channels, wide; /* as they are, and as tiles take them */
};

/* The operation: grids that fill y from x. Row i of every grid is computed from one range of rows of x, and together
 * they are rows [i y_rows, (i + 1) y_rows) of y: what a team shares. */
struct batch {
    struct image x, y;
    int y_rows;
    int grids;
    struct stencil stencil[MOST_STRIDE * MOST_STRIDE];
    struct plan plan[MOST_STRIDE * MOST_STRIDE];
    size_t at[MOST_STRIDE * MOST_STRIDE];  /* where in y the grid begins */
    const float *from, *w, *b;             /* (samples, x), as wide as the tiles, likewise or NULL */
    float *to;                             /* (samples, y) */
    float *wide_x, *wide_y;                /* an image for each thread */
};

static size_t pixels_of(const struct image *image)
{
    return (size_t)image->rows * (size_t)image->columns;
}

static float *take_images(struct nl_conv_scratch *scratch, const struct image *image)
{
    return nl_conv_take_widened(scratch, (size_t)nl_team_threads() * pixels_of(image), image->channels, image->wide);
}

static void take_batch(struct nl_conv_scratch *scratch, struct batch *batch)
{
    for (int g = 0; g < batch->grids; g++)
        take_plan(scratch, batch->stencil[g].columns, &batch->plan[g]);
    batch->wide_x = take_images(scratch, &batch->x);
    batch->wide_y = take_images(scratch, &batch->y);
}

/* The image that tiles read; of one that must be widened, only the rows that rows [first, end) of the grids read. */
static const float *input(const struct batch *batch, int first, int end, const float *x, float *scratch)
{
    const struct image *image = &batch->x;
    int begin = image->rows, stop = 0;
    if (image->channels == image->wide)
        return x;
    for (int g = 0; g < batch->grids; g++) {
        const struct stencil *s = &batch->stencil[g];
        for (int t = 0; t < s->count; t++) {
            int top = first * s->stride + s->tap[t].row, bottom = (end - 1) * s->stride + s->tap[t].row + 1;
            begin = top < begin ? top : begin;
            stop = bottom > stop ? bottom : stop;
        }
    }
    begin = begin < 0 ? 0 : begin;
    stop = stop > image->rows ? image->rows : stop;
    size_t pixel = (size_t)begin * (size_t)image->columns;
    if (begin < stop)
        nl_conv_widen((size_t)(stop - begin) * (size_t)image->columns, image->channels, image->wide,
                      x + pixel * image->channels, scratch + pixel * image->wide);
    return scratch;
}

static void rows_of_image(const struct batch *batch, size_t n, int first, int end, int thread)
{
    const struct image *y = &batch->y;
    float *wide_y = batch->wide_y + (size_t)thread * pixels_of(y) * y->wide;
    float *y_of_n = batch->to + n * pixels_of(y) * y->channels, *to = y->channels == y->wide ? y_of_n : wide_y;
    const float *from = input(batch, first, end, batch->from + n * pixels_of(&batch->x) * batch->x.channels,
                              batch->wide_x + (size_t)thread * pixels_of(&batch->x) * batch->x.wide);
    for (int g = 0; g < batch->grids; g++)
        apply(&batch->stencil[g], &batch->plan[g], first, end, from, batch->w, batch->b, to + batch->at[g]);
    if (to != y_of_n) {
        int top = first * batch->y_rows, bottom = end * batch->y_rows < y->rows ? end * batch->y_rows : y->rows;
        size_t pixel = (size_t)top * (size_t)y->columns;
        nl_conv_narrow((size_t)(bottom - top) * (size_t)y->columns, y->wide, y->channels, to + pixel * y->wide,
                       y_of_n + pixel * y->channels);
    }
}

static int rows_of_batch(const struct batch *batch)
{
    return (batch->y.rows + batch->y_rows - 1) / batch->y_rows;
}

static void rows_of_images(void *context, size_t first, size_t end, int thread)
{
    const struct batch *batch = context;
    size_t rows = (size_t)rows_of_batch(batch);
    while (first < end) {
        size_t n = first / rows, row = first % rows, stop = row + (end - first) < rows ? row + (end - first) : rows;
        rows_of_image(batch, n, (int)row, (int)stop, thread);
        first += stop - row;
    }
}

static void run_batch(struct batch *batch, int samples)
{
    double work = 0;
    for (int g = 0; g < batch->grids; g++) {
        const struct stencil *s = &batch->stencil[g];
        plan_columns(s, &batch->plan[g]);
        work += 2.0 * s->columns * s->count * (double)(s->in * s->out);
    }
    nl_parallel_for((size_t)samples * (size_t)rows_of_batch(batch), nl_cpu_grain(work), rows_of_images, batch);
}

/* ---- forward ---- */

/* Tiles may leave out one pixel at each end, so taps reach at most one pixel beyond the image. */
bool nl_cpu_conv_forward_is_direct(const struct nl_conv *op)
{
    return op->kernel <= NL_CONV_KERNEL && op->dilation == 1 && op->pad <= op->kernel / 2 &&
           op->stride <= MOST_STRIDE && input_channels(op->in) > 0;
}

static struct image x_of(const struct nl_conv *op, size_t wide)
{
    return (struct image){op->height, op->width, (size_t)op->in, wide};
}

static struct image y_of(const struct nl_conv *op, size_t wide)
{
    return (struct image){op->out_height, op->out_width, (size_t)op->out, wide};
}

static struct stencil stencil_of_y(const struct nl_conv *op)
{
    struct stencil s = {.rows = op->out_height,
                        .columns = op->out_width,
                        .x_rows = op->height,
                        .x_columns = op->width,
                        .stride = op->stride,
                        .in = (size_t)op->in,
                        .x_channels = input_channels(op->in),
                        .out = nl_conv_output_channels(op->out)};
    s.y_step = s.out;
    s.y_line = (size_t)op->out_width * s.out;
    for (int p = 0; p < op->kernel; p++)
        for (int q = 0; q < op->kernel; q++) {
            s.tap[s.count].row = p - op->pad;
            s.tap[s.count].column = q - op->pad;
            s.tap[s.count].w = (size_t)s.count * s.in * s.out;
            s.count++;
        }
    return s;
}

void nl_cpu_conv_forward_direct(const struct nl_conv *op, int samples, const float *x, const float *w, const float *b,
                                float *y)
{
    size_t out = (size_t)op->out, wide = nl_conv_output_channels(op->out),
           w_rows = (size_t)op->kernel * (size_t)op->kernel * (size_t)op->in;
    struct batch batch = {.x = x_of(op, input_channels(op->in)), .y = y_of(op, wide), .y_rows = 1, .grids = 1,
                          .stencil = {stencil_of_y(op)}, .from = x, .to = y};
    float *wide_w, *wide_b;
    struct nl_conv_scratch scratch = {0};
    do {
        take_batch(&scratch, &batch);
        wide_w = nl_conv_take_widened(&scratch, w_rows, out, wide);
        wide_b = nl_conv_take_widened(&scratch, 1, out, wide);
    } while (nl_conv_allocate(&scratch));
    batch.w = nl_conv_widen(w_rows, out, wide, w, wide_w);
    batch.b = b ? nl_conv_widen(1, out, wide, b, wide_b) : NULL;
    run_batch(&batch, samples);
}

/* ---- gradient of the input ---- */

bool nl_cpu_conv_dx_is_direct(const struct nl_conv *op)
{
    return op->kernel <= NL_CONV_KERNEL && op->dilation == 1 && op->pad <= op->kernel / 2 &&
           op->kernel - 1 - op->pad <= op->stride && op->stride <= MOST_STRIDE && input_channels(op->out) > 0;
}

/* The pixels (i, j) of dx with i mod stride = row, j mod stride = column: dx[i][j] = sum over the taps (p, q) that meet
 * them of dy[(i + pad - p) / stride][(j + pad - q) / stride] w[p][q]'. */
static struct stencil stencil_of_dx(const struct nl_conv *op, int row, int column)
{
    int stride = op->stride;
    size_t channels = nl_conv_output_channels(op->in);
    struct stencil s = {.rows = (op->height - row + stride - 1) / stride,
                        .columns = (op->width - column + stride - 1) / stride,
                        .x_rows = op->out_height,
                        .x_columns = op->out_width,
                        .stride = 1,
                        .in = (size_t)op->out,
                        .x_channels = input_channels(op->out),
                        .out = channels};
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
    size_t in = (size_t)op->in, out = (size_t)op->out, wide = nl_conv_output_channels(op->in),
           taps = (size_t)op->kernel * (size_t)op->kernel;
    struct batch batch = {
        .x = y_of(op, input_channels(op->out)), .y = x_of(op, wide), .y_rows = op->stride, .from = dy, .to = dx};
    for (int row = 0; row < op->stride && row < op->height; row++)
        for (int column = 0; column < op->stride && column < op->width; column++) {
            batch.at[batch.grids] = ((size_t)row * (size_t)op->width + (size_t)column) * wide;
            batch.stencil[batch.grids++] = stencil_of_dx(op, row, column);
        }
    float *transposed;
    struct nl_conv_scratch scratch = {0};
    do {
        take_batch(&scratch, &batch);
        transposed = nl_conv_take(&scratch, taps * out * wide * sizeof *transposed);
    } while (nl_conv_allocate(&scratch));
    if (wide != in)
        memset(transposed, 0, taps * out * wide * sizeof *transposed);
    for (size_t t = 0; t < taps; t++) /* at batch 1 a tenth of the work */
        nl_cpu_transpose(in, out, w + t * in * out, out, transposed + t * out * wide, wide);
    batch.w = transposed;
    run_batch(&batch, samples);
}
