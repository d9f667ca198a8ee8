/* The transforms of Winograd's convolution F(4 x 4, 3 x 3), for the vectors of conv_tiles.h (conv_winograd.c has the
 * algorithm).
 *
 * With the points 0, +-A, +-B and infinity a transform of a line and the same of a column are, in the notation of Lavin
 * and Gray (arXiv:1509.09308, section 4.1), B', G and A' of the Cook-Toom algorithm; those of the weights' gradient are
 * A and G'. A = 11/16 and B = 3/2 have exact powers and reciprocal products near 1: in float they lose a third of the
 * digits that the usual 1 and 2 do (Barabasz et al., arXiv:1803.10986).
 */
enum {
    PATCH = NL_WINOGRAD_PATCH,
    OUTPUTS = NL_WINOGRAD_OUTPUTS,
    TAPS = NL_CONV_KERNEL,
    STEP = NL_WINOGRAD_STEP,
    BLOCK_IN = NL_WINOGRAD_IN,
    BLOCK_OUT = NL_WINOGRAD_OUT,
    BLOCK = BLOCK_IN * BLOCK_OUT,
    AT_ONCE = LANES == BLOCK_OUT ? BLOCK_IN : BLOCK_IN / 2
};

#define A (11.0f / 16)
#define B (3.0f / 2)
#define OF_ZERO (1 / (A * A * B * B))       /* the reciprocal products of the differences of a point from the others */
#define OF_A (1 / (2 * A * A * (A * A - B * B)))
#define OF_B (1 / (2 * B * B * (B * B - A * A)))

/* Half of what a line of six becomes, its first three or its last three, `step` apart. */
INLINE void three_inputs(const vec x[PATCH], bool last, vec *p, int step)
{
    vec point = broadcast(last ? B : A), even = fused(broadcast(last ? -A * A : -B * B), x[2], x[4]);
    vec odd = fused(broadcast(last ? -A * A : -B * B), x[1], x[3]), *pair = last ? p : p + step;
    pair[0] = fused(point, odd, even);
    pair[step] = fused(-point, odd, even);
    int alone = last ? 1 : 0; /* where the line of zero begins, or of infinity */
    p[last ? 2 * step : 0] =
        fused(broadcast(A * A * B * B), x[alone], fused(broadcast(-A * A - B * B), x[alone + 2], x[alone + 4]));
}

/* Six become the first four. */
INLINE void output_line(vec *x, int step)
{
    vec even_a = x[step] + x[2 * step], odd_a = x[step] - x[2 * step];
    vec even_b = x[3 * step] + x[4 * step], odd_b = x[3 * step] - x[4 * step];
    x[0] = x[0] + even_a + even_b;
    x[step] = fused(broadcast(A), odd_a, broadcast(B) * odd_b);
    x[2 * step] = fused(broadcast(A * A), even_a, broadcast(B * B) * even_b);
    x[3 * step] = fused(broadcast(A * A * A), odd_a, fused(broadcast(B * B * B), odd_b, x[5 * step]));
}

/* Four become six. */
INLINE void gradient_line(vec *x, int step)
{
    vec zero = x[0], one = x[step], two = x[2 * step], three = x[3 * step];
    vec even_a = fused(broadcast(A * A), two, zero), odd_a = fused(broadcast(A * A * A), three, broadcast(A) * one);
    vec even_b = fused(broadcast(B * B), two, zero), odd_b = fused(broadcast(B * B * B), three, broadcast(B) * one);
    x[step] = even_a + odd_a;
    x[2 * step] = even_a - odd_a;
    x[3 * step] = even_b + odd_b;
    x[4 * step] = even_b - odd_b;
    x[5 * step] = three;
}

/* Six become the first three. */
INLINE void taps_line(vec *x, int step)
{
    vec even_a = x[step] + x[2 * step], odd_a = x[step] - x[2 * step];
    vec even_b = x[3 * step] + x[4 * step], odd_b = x[3 * step] - x[4 * step];
    x[0] = fused(broadcast(OF_ZERO), x[0], fused(broadcast(OF_A), even_a, broadcast(OF_B) * even_b));
    x[step] = fused(broadcast(A * OF_A), odd_a, broadcast(B * OF_B) * odd_b);
    x[2 * step] = fused(broadcast(A * A * OF_A), even_a, fused(broadcast(B * B * OF_B), even_b, x[5 * step]));
}

/* Three become six. */
INLINE void weight_line(vec *x, int step)
{
    vec zero = x[0], one = x[step], two = x[2 * step];
    vec even_a = fused(broadcast(A * A * OF_A), two, broadcast(OF_A) * zero), odd_a = broadcast(A * OF_A) * one;
    vec even_b = fused(broadcast(B * B * OF_B), two, broadcast(OF_B) * zero), odd_b = broadcast(B * OF_B) * one;
    x[0] = broadcast(OF_ZERO) * zero;
    x[step] = even_a + odd_a;
    x[2 * step] = even_a - odd_a;
    x[3 * step] = even_b + odd_b;
    x[4 * step] = even_b - odd_b;
    x[5 * step] = two;
}

/* Where the pixel is that lies so many rows and columns from the first one of a run. */
INLINE ptrdiff_t place(const struct nl_winograd_run *run, size_t channels, int row, int column)
{
    return ((ptrdiff_t)(run->row + row) * run->width + run->column + column) * (ptrdiff_t)channels;
}

/* Transforms a column of pixels of the run's patches into three rows of p. Rows [first, end) of them are inside the
 * image; zeros outside. */
INLINE void input_column(const struct nl_winograd_run *run, const float *x, size_t channels, int column, int first,
                         int end, bool lower, vec *p)
{
    vec line[PATCH];
    ptrdiff_t at = place(run, channels, -1, column), step = (ptrdiff_t)channels * run->width;
    bool inside = run->column + column >= 0 && run->column + column < run->width;
    if (inside) {
        UNROLL
        for (int i = 0; i < PATCH; i++)
            line[i] = i >= first && i < end ? load(x + at + i * step) : broadcast(0.0f);
        three_inputs(line, lower, p, PATCH);
    } else {
        UNROLL
        for (int i = 0; i < PATCH / 2; i++)
            p[i * PATCH] = broadcast(0.0f);
    }
}

/* Three rows of products. The patches of two tiles side by side share columns. */
INLINE void input_half(const struct nl_winograd_run *run, const float *x, size_t channels, int first, int end,
                       bool lower, float *u)
{
    vec p[PATCH / 2 * PATCH];
    input_column(run, x, channels, -1, first, end, lower, p + OUTPUTS);
    input_column(run, x, channels, 0, first, end, lower, p + OUTPUTS + 1);
    for (int t = 0; t < run->tiles; t++, u += channels) {
        UNROLL
        for (int i = 0; i < PATCH / 2; i++) {
            p[i * PATCH] = p[i * PATCH + OUTPUTS];
            p[i * PATCH + 1] = p[i * PATCH + OUTPUTS + 1];
        }
        UNROLL
        for (int j = 2; j < PATCH; j++)
            input_column(run, x, channels, t * OUTPUTS + j - 1, first, end, lower, p + j);
        UNROLL
        for (int i = 0; i < PATCH / 2; i++) {
            vec product[PATCH];
            three_inputs(p + i * PATCH, false, product, 1);
            three_inputs(p + i * PATCH, true, product + PATCH / 2, 1);
            UNROLL
            for (int j = 0; j < PATCH; j++)
                store(u + (i * PATCH + j) * STEP, product[j]);
        }
    }
}

/* first, end: as constants they leave no branch. */
INLINE void input_rows(const struct nl_winograd_run *run, const float *x, size_t channels, int first, int end, float *u)
{
    for (size_t c = 0; c < channels; c += LANES) {
        input_half(run, x + c, channels, first, end, false, u + c);
        input_half(run, x + c, channels, first, end, true, u + PATCH / 2 * PATCH * STEP + c);
    }
}

TARGET static void winograd_input(const struct nl_winograd_run *run, const float *x, size_t channels, float *u)
{
    int first = run->row > 0 ? 0 : 1, end = run->height - run->row + 1;
    if (first == 0 && end >= PATCH)
        input_rows(run, x, channels, 0, PATCH, u);
    else if (first == 0 && end == PATCH - 1)
        input_rows(run, x, channels, 0, PATCH - 1, u);
    else if (end >= PATCH)
        input_rows(run, x, channels, 1, PATCH, u);
    else
        input_rows(run, x, channels, first, end, u);
}

TARGET static void winograd_output(const struct nl_winograd_run *run, const float *m, const float *b, size_t channels,
                                   float *y)
{
    int rows = run->height - run->row;
    ptrdiff_t step = (ptrdiff_t)channels * run->width;
    for (size_t c = 0; c < channels; c += LANES) {
        vec bias = b ? load(b + c) : broadcast(0.0f);
        for (int t = 0; t < run->tiles; t++) {
            const float *from = m + (size_t)t * channels + c;
            float *to = y + place(run, channels, 0, t * OUTPUTS) + (ptrdiff_t)c;
            int columns = run->width - run->column - t * OUTPUTS;
            vec p[PATCH * PATCH];
            UNROLL
            for (int j = 0; j < PATCH; j++) {
                UNROLL
                for (int i = 0; i < PATCH; i++)
                    p[i * PATCH + j] = load(from + (i * PATCH + j) * STEP);
                output_line(p + j, PATCH);
            }
            UNROLL
            for (int i = 0; i < OUTPUTS; i++) {
                output_line(p + i * PATCH, 1);
                UNROLL
                for (int j = 0; j < OUTPUTS; j++)
                    if (i < rows && j < columns)
                        store(to + i * step + j * (ptrdiff_t)channels, p[i * PATCH + j] + bias);
            }
        }
    }
}

TARGET static void winograd_gradient(const struct nl_winograd_run *run, const float *dy, size_t channels, float *d)
{
    int rows = run->height - run->row;
    ptrdiff_t step = (ptrdiff_t)channels * run->width;
    for (size_t c = 0; c < channels; c += LANES)
        for (int t = 0; t < run->tiles; t++) {
            const float *from = dy + place(run, channels, 0, t * OUTPUTS) + (ptrdiff_t)c;
            float *to = d + (size_t)t * channels + c;
            int columns = run->width - run->column - t * OUTPUTS;
            vec p[PATCH * PATCH];
            UNROLL
            for (int j = 0; j < OUTPUTS; j++) {
                UNROLL
                for (int i = 0; i < OUTPUTS; i++)
                    p[i * PATCH + j] =
                        i < rows && j < columns ? load(from + i * step + j * (ptrdiff_t)channels) : broadcast(0.0f);
                gradient_line(p + j, PATCH);
            }
            UNROLL
            for (int i = 0; i < PATCH; i++) {
                gradient_line(p + i * PATCH, 1);
                UNROLL
                for (int j = 0; j < PATCH; j++)
                    store(to + (i * PATCH + j) * STEP, p[i * PATCH + j]);
            }
        }
}

INLINE void to_taps(const float *sums, float *dw, size_t step)
{
    vec p[PATCH * PATCH];
    UNROLL
    for (int j = 0; j < PATCH; j++) {
        UNROLL
        for (int i = 0; i < PATCH; i++)
            p[i * PATCH + j] = load(sums + (i * PATCH + j) * BLOCK);
        taps_line(p + j, PATCH);
    }
    UNROLL
    for (int i = 0; i < TAPS; i++) {
        taps_line(p + i * PATCH, 1);
        UNROLL
        for (int j = 0; j < TAPS; j++)
            store(dw + (size_t)(i * TAPS + j) * step, p[i * PATCH + j]);
    }
}

TARGET static void winograd_block(size_t tiles, const float *u, size_t in, const float *d, size_t out, float *p,
                                  bool add)
{
    for (size_t k = 0; k < PATCH * PATCH; k++) {
        UNROLL
        for (size_t c = 0; c < BLOCK_IN; c += AT_ONCE) {
            struct nl_conv_plane plane = {
                .x = u + k * STEP + c, .dy = d + k * STEP, .rows = 1, .columns = tiles, .x_step = in, .dy_step = out};
            weight_tile(AT_ONCE, BLOCK_OUT / LANES, &plane, p + k * BLOCK + c * BLOCK_OUT, BLOCK_OUT, add);
        }
    }
}

TARGET static void winograd_taps(const float *p, float *dw, size_t line, size_t step)
{
    for (size_t c = 0; c < BLOCK_IN; c++)
        for (size_t o = 0; o < BLOCK_OUT; o += LANES)
            to_taps(p + c * BLOCK_OUT + o, dw + c * line + o, step);
}

TARGET static void winograd_weights(const float *w, size_t count, float *v, size_t v_step)
{
    for (size_t c = 0; c < count; c += LANES) {
        vec p[PATCH * PATCH];
        UNROLL
        for (int j = 0; j < TAPS; j++) {
            UNROLL
            for (int i = 0; i < TAPS; i++)
                p[i * PATCH + j] = load(w + (size_t)(i * TAPS + j) * count + c);
            weight_line(p + j, PATCH);
        }
        UNROLL
        for (int i = 0; i < PATCH; i++) {
            weight_line(p + i * PATCH, 1);
            UNROLL
            for (int j = 0; j < PATCH; j++)
                store(v + (size_t)(i * PATCH + j) * v_step + c, p[i * PATCH + j]);
        }
    }
}

#undef A
#undef B
#undef OF_ZERO
#undef OF_A
#undef OF_B

#define TRANSFORMS                                                                                                     \
    .input = winograd_input, .output = winograd_output, .weights = winograd_weights, .gradient = winograd_gradient,    \
    .taps = winograd_taps, .block = winograd_block
