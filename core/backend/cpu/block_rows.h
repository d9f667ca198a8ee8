/* Kernels of block.h for sets that lie in one row each.
 *
 * A block is done in steps of a few rows, whose numbers stay in the first-level cache from pass to pass:
 *
 *     forward     the mean of each set, rounded to float, is its shift; the sums of t = x - shift and t^2; the moments, in double; y
 *     backward    the sums of dxhat and dxhat xhat, and what the rows add to dgamma and dbeta; dx
 *
 * A pass goes down the rows, along each row by units, and along each unit by tiles. A unit is the channels whose lanes are folded to sums at once:
 * those of one set or, where sets have 1, 2, 4 or 8 channels, one tile of several sets. A tile is four vectors, or one.
 *
 * The sum of a set: the lanes of a tile's four vectors are added in pairs, those of later tiles to them in turn, and then sixteen lanes are folded to
 * one in halves. */
enum { TILE = 4 };

/* How a row is divided into units, and these into tiles. `span`: lanes of a vector that belong to one set. `sets`: of a unit. */
struct cut {
    size_t unit, span, sets;
    bool small;
    int vectors; /* of a tile; the rest of a unit has tiles of one vector */
};

/* `small` and `vectors` are constants wherever they are used. */
INLINE struct cut cut_of(const struct nl_cpu_block *b, bool small, int vectors)
{
    size_t channels = (size_t)vectors * NL_LANES;
    return small ? (struct cut){channels, b->width, channels / b->width, small, vectors} : (struct cut){b->width, NL_LANES, 1, small, vectors};
}

/* Some channels of a row: their first element in x, and the first number of their sets in an array of such numbers. Of the last vector `count` channels
 * are the unit's. `begins`: no tile of the unit is before. */
struct tile {
    size_t at, channel, set;
    int vectors;
    size_t count;
    bool begins;
};

/* ---- sums ---- */

/* The lanes of a unit's sums: of one vector, or of each of small sets. */
struct lanes {
    wide of[TILE];
};

INLINE void add_tile(struct lanes *lanes, struct cut cut, struct tile tile, const wide x[TILE])
{
    if (cut.small) {
        UNROLL
        for (int v = 0; v < tile.vectors; v++)
            lanes->of[v] = x[v];
        return;
    }
    wide all = tile.vectors == TILE ? wide_add(wide_add(x[0], x[1]), wide_add(x[2], x[3])) : x[0];
    lanes->of[0] = tile.begins ? all : wide_add(lanes->of[0], all);
}

/* The sums of a unit's sets times `factor`, side by side. Of small sets sixteen numbers are written: sums of later sets come after those of earlier ones. */
INLINE void put_sums(float *to, struct cut cut, struct lanes lanes, float factor)
{
    if (!cut.small) {
        *to = wide_total(lanes.of[0]) * factor;
        return;
    }
    int count = cut.vectors;
    UNROLL
    for (size_t half = NL_LANES / 2; half > 0; half /= 2) {
        if (half >= cut.span)
            continue;
        UNROLL
        for (int i = 0; i < (count + 1) / 2; i++)
            lanes.of[i] = wide_fold(lanes.of[2 * i], lanes.of[2 * i + 1 < count ? 2 * i + 1 : 2 * i], half);
        count = (count + 1) / 2;
    }
    wide_store(to, wide_mul(lanes.of[0], wide_set(factor)));
}

/* ---- tiles ---- */

/* What vector v of a tile takes of the numbers of its sets. */
INLINE wide of_set(const float *sets, struct cut cut, struct tile tile, int v)
{
    return cut.small ? wide_spread(sets + tile.set + (size_t)v * (NL_LANES / cut.span), cut.span) : wide_set(sets[tile.set]);
}

INLINE wide xhat_of(const struct nl_cpu_block *b, struct cut cut, struct tile tile, int v)
{
    wide t = wide_sub(take(b->x + tile.at + v * NL_LANES, tile.count), of_set(b->shift, cut, tile, v));
    return wide_mul(wide_sub(t, of_set(b->mean_low, cut, tile, v)), of_set(b->rstd, cut, tile, v));
}

INLINE void mean_tile(const struct nl_cpu_block *b, struct cut cut, struct tile tile, struct lanes *sum, struct lanes *unused)
{
    wide x[TILE];
    (void)unused;
    UNROLL
    for (int v = 0; v < tile.vectors; v++)
        x[v] = take(b->x + tile.at + v * NL_LANES, tile.count);
    add_tile(sum, cut, tile, x);
}

INLINE void moments_tile(const struct nl_cpu_block *b, struct cut cut, struct tile tile, struct lanes *sum, struct lanes *squares)
{
    wide t[TILE], square[TILE];
    UNROLL
    for (int v = 0; v < tile.vectors; v++) {
        t[v] = keep(wide_sub(take(b->x + tile.at + v * NL_LANES, tile.count), of_set(b->shift, cut, tile, v)), tile.count);
        square[v] = wide_mul(t[v], t[v]);
    }
    add_tile(sum, cut, tile, t);
    add_tile(squares, cut, tile, square);
}

INLINE void y_tile(const struct nl_cpu_block *b, struct cut cut, struct tile tile, struct lanes *unused, struct lanes *neither)
{
    (void)unused, (void)neither;
    UNROLL
    for (int v = 0; v < tile.vectors; v++) {
        size_t at = tile.at + (size_t)v * NL_LANES, c = tile.channel + (size_t)v * NL_LANES;
        wide value = wide_fused(xhat_of(b, cut, tile, v), take(b->gamma + c, tile.count), take(b->beta + c, tile.count));
        if (b->residual)
            value = wide_add(value, take(b->residual + at, tile.count));
        put(b->y + at, b->relu ? wide_relu(keep(value, tile.count)) : value, tile.count);
    }
}

/* dxhat is left in the place of dx. */
INLINE void gradients_tile(const struct nl_cpu_block *b, struct cut cut, struct tile tile, struct lanes *sum, struct lanes *products)
{
    wide grad[TILE], product[TILE];
    UNROLL
    for (int v = 0; v < tile.vectors; v++) {
        size_t at = tile.at + (size_t)v * NL_LANES, c = tile.channel + (size_t)v * NL_LANES;
        wide xhat = xhat_of(b, cut, tile, v), gamma = take(b->gamma + c, tile.count), g = take(b->dy + at, tile.count);
        if (b->mask == NL_MASK_X)
            g = wide_where_positive(keep(wide_fused(xhat, gamma, take(b->beta + c, tile.count)), tile.count), g);
        if (b->mask == NL_MASK_Y) {
            g = wide_where_positive(take(b->y + at, tile.count), g);
            put(b->dresidual + at, g, tile.count);
        }
        put(b->part_gamma + c, wide_fused(g, xhat, take(b->part_gamma + c, tile.count)), tile.count);
        put(b->part_beta + c, wide_add(take(b->part_beta + c, tile.count), g), tile.count);
        grad[v] = wide_mul(g, gamma);
        product[v] = wide_mul(grad[v], keep(xhat, tile.count));
        if (b->dx)
            put(b->dx + at, grad[v], tile.count);
    }
    add_tile(sum, cut, tile, grad);
    add_tile(products, cut, tile, product);
}

/* dx = rstd (dxhat - mean(dxhat) - xhat mean(dxhat xhat)). set_sum and set_product hold the means with the opposite sign. */
INLINE void dx_tile(const struct nl_cpu_block *b, struct cut cut, struct tile tile, struct lanes *unused, struct lanes *neither)
{
    (void)unused, (void)neither;
    UNROLL
    for (int v = 0; v < tile.vectors; v++) {
        float *dx = b->dx + tile.at + v * NL_LANES;
        wide grad = take(dx, tile.count);
        if (b->centers)
            grad = wide_add(grad, of_set(b->set_sum, cut, tile, v));
        grad = wide_fused(xhat_of(b, cut, tile, v), of_set(b->set_product, cut, tile, v), grad);
        put(dx, wide_mul(of_set(b->rstd, cut, tile, v), grad), tile.count);
    }
}

/* ---- passes ---- */

typedef void tile_function(const struct nl_cpu_block *b, struct cut cut, struct tile tile, struct lanes *sum, struct lanes *product);

/* Calls a function for all tiles of the rows [first, end). to_sum and to_product, where they are not NULL, become the sums of the sets times `factor`. */
INLINE void over_rows(const struct nl_cpu_block *b, struct cut cut, size_t first, size_t end, tile_function *function, float factor, float *to_sum,
                      float *to_product)
{
    const size_t several = (size_t)cut.vectors * NL_LANES;
    size_t set = 0;
    for (size_t row = first; row < end; row++, set += b->sets) {
        const size_t at = row * b->channels;
        for (size_t from = 0, to, of_unit = set; from < b->channels; from = to, of_unit += cut.sets) {
            struct lanes sum, product;
            size_t c = from;
            to = from + cut.unit < b->channels ? from + cut.unit : b->channels;
            for (; c + several <= to; c += several)
                function(b, cut, (struct tile){at + c, c, of_unit, cut.vectors, NL_LANES, c == from}, &sum, &product);
            for (; c + NL_LANES <= to; c += NL_LANES)
                function(b, cut, (struct tile){at + c, c, of_unit, 1, NL_LANES, c == from}, &sum, &product);
            if (c < to)
                function(b, cut, (struct tile){at + c, c, of_unit, 1, to - c, c == from}, &sum, &product);
            if (to_sum)
                put_sums(to_sum + of_unit, cut, sum, factor);
            if (to_product)
                put_sums(to_product + of_unit, cut, product, factor);
        }
    }
}

/* ---- steps: the rows [first, end) ---- */

INLINE void forward_step(const struct nl_cpu_block *b, struct cut cut, size_t first, size_t end)
{
    size_t sets = (end - first) * b->sets;
    double *mean = b->mean + first * b->sets, *var = b->var + first * b->sets;
    if (b->centers)
        over_rows(b, cut, first, end, mean_tile, 1.0f / (float)b->width, b->shift, NULL);
    else
        memset(b->shift, 0, (sets + NL_LANES) * sizeof *b->shift);
    over_rows(b, cut, first, end, moments_tile, 1.0f, b->set_sum, b->set_product);
    nl_sets_moments(sets, b->width, b->centers, b->shift, b->set_sum, b->set_product, mean, var);
    nl_sets_prepare(sets, mean, var, b->eps, b->shift, b->mean_low, b->rstd);
    over_rows(b, cut, first, end, y_tile, 1.0f, NULL, NULL);
}

/* Not memset: of a constant number it becomes an instruction that takes long to begin. */
INLINE void set_zero(size_t count, float *to)
{
    size_t i = 0;
    for (; i + NL_LANES <= count; i += NL_LANES)
        wide_store(to + i, wide_set(0.0f));
    if (i < count)
        wide_store_part(to + i, wide_set(0.0f), count - i);
}

INLINE void backward_step(const struct nl_cpu_block *b, struct cut cut, size_t first, size_t end)
{
    if (first == 0) {
        set_zero(b->channels, b->part_gamma);
        set_zero(b->channels, b->part_beta);
    }
    nl_sets_prepare((end - first) * b->sets, b->mean + first * b->sets, b->var + first * b->sets, b->eps, b->shift, b->mean_low, b->rstd);
    over_rows(b, cut, first, end, gradients_tile, -1.0f / (float)b->width, b->set_sum, b->set_product);
    if (b->dx)
        over_rows(b, cut, first, end, dx_tile, 1.0f, NULL, NULL);
}

/* ---- shapes ---- */

typedef void step_function(const struct nl_cpu_block *b, struct cut cut, size_t first, size_t end);

INLINE void on_any(step_function *step, const struct nl_cpu_block *original, bool small, int vectors)
{
    const struct nl_cpu_block block = *original; /* a copy, as in block_columns.h */
    for (size_t first = 0, end; first < block.rows; first = end) {
        end = block.rows - first < block.row_step ? block.rows : first + block.row_step;
        step(&block, cut_of(&block, small, vectors), first, end);
    }
}

/* The shape of a fully connected layer of 64 units with a ReLU behind, in one set a row or in sets of `width` channels, as constants; and arrays that the
 * compiler knows to be apart. At a few samples that is a tenth of a step. */
INLINE void on_constants(step_function *step, const struct nl_cpu_block *original, bool small, size_t width)
{
    enum { CHANNELS = TILE * NL_LANES, SETS = NL_ROW_STRETCH * NL_LANES + NL_PADDING };
    float shift[SETS], mean_low[SETS], rstd[SETS], set_sum[SETS], set_product[SETS];
    struct nl_cpu_block block = *original;
    block.channels = CHANNELS, block.width = width, block.sets = CHANNELS / width;
    block.relu = true, block.mask = NL_MASK_X, block.residual = NULL;
    block.shift = shift, block.mean_low = mean_low, block.rstd = rstd, block.set_sum = set_sum, block.set_product = set_product;
    step(&block, cut_of(&block, small, TILE), 0, block.rows);
}

INLINE void on_shape(step_function *step, const struct nl_cpu_block *b)
{
    bool common = b->channels == TILE * NL_LANES && b->relu && !b->residual;
    if (common && b->width == TILE * NL_LANES)
        on_constants(step, b, false, TILE * NL_LANES);
    else if (common && b->width == 8)
        on_constants(step, b, true, 8);
    else if (nl_row_is_small(b->width))
        on_any(step, b, true, 1);
    else
        on_any(step, b, false, TILE);
}

TARGET static void row_forward(const struct nl_cpu_block *b)
{
    on_shape(forward_step, b);
}

TARGET static void row_backward(const struct nl_cpu_block *b)
{
    on_shape(backward_step, b);
}
