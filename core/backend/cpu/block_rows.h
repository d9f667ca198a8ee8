/* Kernels of block.h for sets that lie in one row each.
 *
 * A block is done in steps of a few rows, whose numbers stay in the first-level cache from pass to pass:
 *
 *     forward     the mean of each set, rounded to float, is its shift; the sums of t = x - shift and t^2; the moments,
 *                 in double; y
 *     backward    the sums of dxhat and dxhat xhat, and what the rows add to dgamma and dbeta; dx
 *
 * A row consists of units, and these of tiles. A unit is the channels whose lanes are folded to sums together: those of
 * one set or, where sets have 1, 2, 4 or 8 channels, one vector of several sets. A tile is four vectors, or one. A pass
 * goes down the rows once for each tile, and keeps in registers what belongs to the tile's channels.
 *
 * The sum of a set: the lanes of a tile's four vectors are added in pairs, those of later tiles to them in turn, and
 * then sixteen lanes are folded to one in halves. Small sets are folded at once, those of a tile together. Of others a
 * pass leaves the lanes of each unit in memory, and those of eight units are folded together, which takes hardly more
 * steps than one alone. */
enum { TILE = 4 };

/* How a row is divided. `span`: lanes of a vector that belong to one set. `units`: of a row. */
struct cut {
    size_t span, units;
    bool small; /* a constant wherever it is used */
};

INLINE struct cut cut_of(const struct nl_cpu_block *b, bool small)
{
    return (struct cut){small ? b->width : NL_LANES, nl_row_units(b->channels, b->width), small};
}

/* Some channels of a row: their first element in x, the first number of their sets in an array of such numbers, and the
 * first of their lanes in those of the units. Of the last vector `count` channels are the unit's. `begins`: no tile of
 * the unit is before. */
struct tile {
    size_t channel, at, set, lanes;
    int vectors;
    size_t count;
    bool begins;
};

/* The tile at channel c in row 0 of a step. `from`: where unit `unit` begins or, where sets are small, the row. */
INLINE struct tile tile_at(struct cut cut, size_t from, size_t c, size_t unit, int vectors, size_t count)
{
    size_t set = cut.small ? c / cut.span : unit, lanes = (cut.small ? c / NL_LANES : unit) * NL_LANES;
    return (struct tile){
        .channel = c, .set = set, .lanes = lanes, .vectors = vectors, .count = count, .begins = c == from};
}

/* What a tile's channels have in common in all rows. */
struct affine {
    wide gamma[TILE], beta[TILE], dgamma[TILE], dbeta[TILE];
};

/* ---- sums ---- */

/* v[0] becomes the sums of the sets of `count` vectors, side by side; where these are more than its lanes, they go on
 * in v[1] and so on. The number of vectors that they take. */
INLINE int fold(wide v[], size_t span, int count)
{
    UNROLL
    for (size_t half = NL_LANES / 2; half > 0; half /= 2) {
        if (half >= span)
            continue;
        UNROLL
        for (int i = 0; i < (count + 1) / 2; i++)
            v[i] = wide_fold(v[2 * i], v[2 * i + 1 < count ? 2 * i + 1 : 2 * i], half);
        count = (count + 1) / 2;
    }
    return count;
}

/* What a tile adds to the sums of its sets. Small sets: `to`, an array of the sets' numbers, gets the sums times
 * `factor`. Others: `lanes` gets one vector, to which the tiles of a unit are added; sum_units makes sums of them. */
INLINE void sum_tile(float *lanes, float factor, float *to, struct cut cut, struct tile tile, wide x[TILE])
{
    if (!cut.small) {
        wide all = tile.vectors == TILE ? wide_add(wide_add(x[0], x[1]), wide_add(x[2], x[3])) : x[0];
        lanes += tile.lanes;
        wide_store(lanes, tile.begins ? all : wide_add(wide_load(lanes), all));
        return;
    }
    const size_t sums = ((size_t)(tile.vectors - 1) * NL_LANES + tile.count) / cut.span;
    const int vectors = fold(x, cut.span, tile.vectors);
    UNROLL
    for (int v = 0; v < vectors; v++) {
        const size_t before = (size_t)v * NL_LANES, left = sums - before;
        put(to + tile.set + before, wide_mul(x[v], wide_set(factor)), left < NL_LANES ? left : NL_LANES);
    }
}

/* The sums of `count` units. */
INLINE wide fold_units(const float *lanes, int count)
{
    wide v[NL_LANES / 2];
    UNROLL
    for (int i = 0; i < count; i++)
        v[i] = wide_load(lanes + i * NL_LANES);
    fold(v, NL_LANES, count);
    return v[0];
}

/* to = the sums of `rows` rows' sets times `factor`, side by side. Sixteen numbers are written at a time: sums of later
 * sets come after those of earlier ones. */
INLINE void sum_units(struct cut cut, size_t rows, const float *lanes, float factor, float *to)
{
    const wide factors = wide_set(factor);
    for (size_t unit = 0, some, units = cut.small ? 0 : rows * cut.units; unit < units; unit += some) {
        const float *from = lanes + unit * NL_LANES;
        const size_t left = units - unit;
        some = left >= 8 ? 8 : left >= 4 ? 4 : 1;
        wide sums = some == 8 ? fold_units(from, 8) : some == 4 ? fold_units(from, 4) : fold_units(from, 1);
        wide_store(to + unit, wide_mul(sums, factors));
    }
}

/* ---- tiles ---- */

/* What vector v of a tile takes of the numbers of its sets. */
INLINE wide of_set(const float *sets, struct cut cut, struct tile tile, int v)
{
    return cut.small ? wide_spread(sets + tile.set + (size_t)v * (NL_LANES / cut.span), cut.span)
                     : wide_set(sets[tile.set]);
}

INLINE wide xhat_of(const struct nl_cpu_block *b, struct cut cut, struct tile tile, int v)
{
    wide t = wide_sub(take(b->x + tile.at + v * NL_LANES, tile.count), of_set(b->shift, cut, tile, v));
    return wide_mul(wide_sub(t, of_set(b->mean_low, cut, tile, v)), of_set(b->rstd, cut, tile, v));
}

/* shift becomes the mean. */
INLINE void mean_tile(const struct nl_cpu_block *b, struct cut cut, struct tile tile, struct affine *affine)
{
    wide x[TILE];
    (void)affine;
    UNROLL
    for (int v = 0; v < tile.vectors; v++)
        x[v] = take(b->x + tile.at + v * NL_LANES, tile.count);
    sum_tile(b->lane_sum, 1.0f / (float)b->width, b->shift, cut, tile, x);
}

INLINE void moments_tile(const struct nl_cpu_block *b, struct cut cut, struct tile tile, struct affine *affine)
{
    wide t[TILE], square[TILE];
    (void)affine;
    UNROLL
    for (int v = 0; v < tile.vectors; v++) {
        t[v] =
            keep(wide_sub(take(b->x + tile.at + v * NL_LANES, tile.count), of_set(b->shift, cut, tile, v)), tile.count);
        square[v] = wide_mul(t[v], t[v]);
    }
    sum_tile(b->lane_sum, 1.0f, b->set_sum, cut, tile, t);
    sum_tile(b->lane_product, 1.0f, b->set_product, cut, tile, square);
}

INLINE void y_tile(const struct nl_cpu_block *b, struct cut cut, struct tile tile, struct affine *affine)
{
    UNROLL
    for (int v = 0; v < tile.vectors; v++) {
        size_t at = tile.at + (size_t)v * NL_LANES;
        wide value = wide_fused(xhat_of(b, cut, tile, v), affine->gamma[v], affine->beta[v]);
        if (b->residual)
            value = wide_add(value, take(b->residual + at, tile.count));
        put(b->y + at, b->relu ? wide_relu(keep(value, tile.count)) : value, tile.count);
    }
}

/* The factors of the means that dx is made of: their sign is the opposite one. */
INLINE float of_sum(const struct nl_cpu_block *b)
{
    return -1.0f / (float)b->width;
}

INLINE float of_product(const struct nl_cpu_block *b)
{
    return b->spread_moves ? -1.0f / (float)b->width : 0.0f;
}

/* dxhat is left in the place of dx. Of small sets xhat, which takes long to work out where a vector has several sets,
 * is left in that of the lanes, which they have no need of. */
INLINE void gradients_tile(const struct nl_cpu_block *b, struct cut cut, struct tile tile, struct affine *affine)
{
    wide grad[TILE], product[TILE];
    UNROLL
    for (int v = 0; v < tile.vectors; v++) {
        size_t at = tile.at + (size_t)v * NL_LANES;
        wide g = take(b->dy + at, tile.count), xhat = xhat_of(b, cut, tile, v);
        if (b->mask == NL_MASK_X)
            g = wide_where_positive(keep(wide_fused(xhat, affine->gamma[v], affine->beta[v]), tile.count), g);
        if (b->mask == NL_MASK_Y) {
            g = wide_where_positive(take(b->y + at, tile.count), g);
            put(b->dresidual + at, g, tile.count);
        }
        affine->dgamma[v] = wide_fused(g, xhat, affine->dgamma[v]);
        affine->dbeta[v] = wide_add(affine->dbeta[v], g);
        grad[v] = wide_mul(g, affine->gamma[v]);
        product[v] = wide_mul(grad[v], keep(xhat, tile.count));
        if (b->dx)
            put(b->dx + at, grad[v], tile.count);
        if (cut.small)
            wide_store(b->lane_sum + tile.lanes + v * NL_LANES, xhat);
    }
    sum_tile(b->lane_sum, of_sum(b), b->set_sum, cut, tile, grad);
    sum_tile(b->lane_product, of_product(b), b->set_product, cut, tile, product);
}

/* dx = rstd (dxhat - mean(dxhat) - xhat mean(dxhat xhat)). set_sum and set_product hold the means with the opposite
 * sign. */
INLINE void dx_tile(const struct nl_cpu_block *b, struct cut cut, struct tile tile, struct affine *affine)
{
    (void)affine;
    UNROLL
    for (int v = 0; v < tile.vectors; v++) {
        float *dx = b->dx + tile.at + v * NL_LANES;
        wide grad = take(dx, tile.count);
        if (b->center_moves)
            grad = wide_add(grad, of_set(b->set_sum, cut, tile, v));
        wide xhat = cut.small ? wide_load(b->lane_sum + tile.lanes + v * NL_LANES) : xhat_of(b, cut, tile, v);
        grad = wide_fused(xhat, of_set(b->set_product, cut, tile, v), grad);
        put(dx, wide_mul(of_set(b->rstd, cut, tile, v), grad), tile.count);
    }
}

/* ---- passes ---- */

typedef void tile_function(const struct nl_cpu_block *b, struct cut cut, struct tile tile, struct affine *affine);

/* Calls a function for a tile in each of the rows [first, end). */
INLINE void down_rows(const struct nl_cpu_block *b, struct cut cut, size_t first, size_t end, tile_function *function,
                      struct tile tile)
{
    struct affine affine;
    bool adds = function == gradients_tile && first > 0; /* forward has no place for them */
    UNROLL
    for (int v = 0; v < tile.vectors; v++) {
        size_t c = tile.channel + (size_t)v * NL_LANES;
        affine.gamma[v] = take(b->gamma + c, tile.count);
        affine.beta[v] = take(b->beta + c, tile.count);
        affine.dgamma[v] = adds ? take(b->part_gamma + c, tile.count) : wide_set(0.0f);
        affine.dbeta[v] = adds ? take(b->part_beta + c, tile.count) : wide_set(0.0f);
    }
    tile.at = first * b->channels + tile.channel;
    for (size_t row = first; row < end; row++) {
        function(b, cut, tile, &affine);
        tile.at += b->channels;
        tile.set += b->sets;
        tile.lanes += cut.units * NL_LANES;
    }
    if (function != gradients_tile)
        return;
    UNROLL
    for (int v = 0; v < tile.vectors; v++) {
        size_t c = tile.channel + (size_t)v * NL_LANES;
        put(b->part_gamma + c, affine.dgamma[v], tile.count);
        put(b->part_beta + c, affine.dbeta[v], tile.count);
    }
}

/* Calls a function for all tiles of the rows [first, end). Small sets: a row is gone through as a whole, whose tiles
 * hold several units. */
INLINE void over_rows(const struct nl_cpu_block *b, struct cut cut, size_t first, size_t end, tile_function *function)
{
    const size_t width = cut.small ? b->channels : b->width;
    for (size_t c = 0, unit = 0; c < b->channels; unit++) {
        const size_t from = c, to = from + width;
        for (; c + TILE * NL_LANES <= to; c += TILE * NL_LANES)
            down_rows(b, cut, first, end, function, tile_at(cut, from, c, unit, TILE, NL_LANES));
        for (; c + NL_LANES <= to; c += NL_LANES)
            down_rows(b, cut, first, end, function, tile_at(cut, from, c, unit, 1, NL_LANES));
        if (c < to)
            down_rows(b, cut, first, end, function, tile_at(cut, from, c, unit, 1, to - c));
        c = to;
    }
}

/* ---- steps: the rows [first, end) ---- */

INLINE void forward_step(const struct nl_cpu_block *b, struct cut cut, size_t first, size_t end)
{
    size_t sets = (end - first) * b->sets;
    double *mean = b->mean + first * b->sets, *var = b->var + first * b->sets;
    if (b->centers) {
        over_rows(b, cut, first, end, mean_tile);
        sum_units(cut, end - first, b->lane_sum, 1.0f / (float)b->width, b->shift);
    } else {
        memset(b->shift, 0, (sets + NL_LANES) * sizeof *b->shift);
    }
    over_rows(b, cut, first, end, moments_tile);
    sum_units(cut, end - first, b->lane_sum, 1.0f, b->set_sum);
    sum_units(cut, end - first, b->lane_product, 1.0f, b->set_product);
    nl_sets_moments(sets, b->width, b->centers, b->shift, b->set_sum, b->set_product, mean, var);
    nl_sets_prepare(sets, mean, var, b->eps, b->shift, b->mean_low, b->rstd);
    over_rows(b, cut, first, end, y_tile);
}

INLINE void backward_step(const struct nl_cpu_block *b, struct cut cut, size_t first, size_t end)
{
    nl_sets_prepare((end - first) * b->sets, b->mean + first * b->sets, b->var + first * b->sets, b->eps, b->shift,
                    b->mean_low, b->rstd);
    over_rows(b, cut, first, end, gradients_tile);
    if (!b->dx)
        return;
    sum_units(cut, end - first, b->lane_sum, of_sum(b), b->set_sum);
    sum_units(cut, end - first, b->lane_product, of_product(b), b->set_product);
    over_rows(b, cut, first, end, dx_tile);
}

/* ---- shapes ---- */

typedef void step_function(const struct nl_cpu_block *b, struct cut cut, size_t first, size_t end);

INLINE void in_steps(step_function *step, const struct nl_cpu_block *b, struct cut cut)
{
    for (size_t first = 0, end; first < b->rows; first = end) {
        end = b->rows - first < b->row_step ? b->rows : first + b->row_step;
        step(b, cut, first, end);
    }
}

INLINE void on_any(step_function *step, const struct nl_cpu_block *original, bool small)
{
    const struct nl_cpu_block block = *original; /* a copy, as in block_columns.h */
    in_steps(step, &block, cut_of(&block, small));
}

/* The common shape in sets of `width` channels, as constants; and arrays that the compiler knows to be apart. At a few
 * samples that is a tenth of a step. The lanes take four kilobytes, so that the first-level cache keeps the weights. */
INLINE void on_constants(step_function *step, const struct nl_cpu_block *original, bool small, size_t width)
{
    enum { CHANNELS = TILE * NL_LANES, UNITS = NL_ROW_STRETCH, SETS = UNITS * NL_LANES / 8 + NL_PADDING };
    float shift[SETS], mean_low[SETS], rstd[SETS], set_sum[SETS], set_product[SETS], lane_sum[UNITS * NL_LANES],
        lane_product[UNITS * NL_LANES];
    struct nl_cpu_block block = *original;
    block.channels = CHANNELS, block.width = width, block.sets = CHANNELS / width;
    block.relu = true, block.mask = NL_MASK_X, block.residual = NULL;
    block.spread_moves = true, block.center_moves = block.centers;
    block.shift = shift, block.mean_low = mean_low, block.rstd = rstd, block.set_sum = set_sum,
    block.set_product = set_product;
    block.lane_sum = lane_sum, block.lane_product = lane_product;
    block.row_step = small ? UNITS / TILE : UNITS;
    if (block.rows == 1)
        step(&block, cut_of(&block, small), 0, 1);
    else
        in_steps(step, &block, cut_of(&block, small));
}

INLINE void on_shape(step_function *step, const struct nl_cpu_block *b)
{
    if (b->is_common && b->width == 8)
        on_constants(step, b, true, 8);
    else if (b->is_common)
        on_constants(step, b, false, TILE * NL_LANES);
    else if (nl_row_is_small(b->width))
        on_any(step, b, true);
    else
        on_any(step, b, false);
}

TARGET static void row_forward(const struct nl_cpu_block *b)
{
    on_shape(forward_step, b);
}

TARGET static void row_backward(const struct nl_cpu_block *b)
{
    on_shape(backward_step, b);
}
