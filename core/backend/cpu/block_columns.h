/* Kernels of block.h whose sums run down the columns. A tile is the rows [first, end) of some channels from c on: of up to MOST_VECTORS vectors of
 * sixteen or, where it is a `part`, of one vector of `left` channels. The numbers that belong to its channels stay in registers. */
INLINE wide take(const float *from, bool part, size_t left)
{
    return part ? wide_load_part(from, left) : wide_load(from);
}

INLINE void put(float *to, wide v, bool part, size_t left)
{
    if (part)
        wide_store_part(to, v, left);
    else
        wide_store(to, v);
}

/* The rows of a stretch go to two chains of sums in turn, so that one need not wait for the other. */
enum { CHAINS = 2 };

/* Stores the sums of the first stretch, and accumulates those of later ones. */
INLINE void take_sums(double *to, wide v, bool begins)
{
    if (begins)
        wide_put_doubles(to, v);
    else
        wide_accumulate(to, v);
}

INLINE void sums_of_tile(const struct nl_cpu_block *b, size_t c, size_t first, size_t end, int vectors, bool part, size_t left,
                         double *to_sum, double *to_product, size_t start)
{
    ptrdiff_t pitch = b->pitch;
    const float *x = b->x + (ptrdiff_t)first * pitch + (ptrdiff_t)c;
    wide shift[MOST_VECTORS], sum[CHAINS][MOST_VECTORS], squares[CHAINS][MOST_VECTORS];
    UNROLL
    for (int v = 0; v < vectors; v++) {
        shift[v] = wide_load(b->shift + c + v * NL_LANES);
        sum[0][v] = sum[1][v] = squares[0][v] = squares[1][v] = wide_set(0.0f);
    }
    for (size_t rows = end - first; rows > 0;) {
        UNROLL
        for (int chain = 0; chain < CHAINS; chain++) {
            if (chain == 1 && rows == 1)
                break;
            UNROLL
            for (int v = 0; v < vectors; v++) {
                wide t = wide_sub(take(x + v * NL_LANES, part, left), shift[v]);
                sum[chain][v] = wide_add(sum[chain][v], t);
                squares[chain][v] = wide_fused(t, t, squares[chain][v]);
            }
            x += pitch;
        }
        rows -= rows == 1 ? 1 : 2;
    }
    UNROLL
    for (int v = 0; v < vectors; v++) {
        take_sums(to_sum + c + v * NL_LANES, wide_add(sum[0][v], sum[1][v]), first == start);
        take_sums(to_product + c + v * NL_LANES, wide_add(squares[0][v], squares[1][v]), first == start);
    }
}

/* gamma xhat + beta = t scale + offset. With a gamma for each element the channel's numbers are rstd and mean_low instead. */
INLINE wide scale_of(wide rstd, const float *gamma, bool part, size_t left)
{
    return wide_mul(rstd, take(gamma, part, left));
}

INLINE wide offset_of(wide mean_low, wide scale, const float *beta, bool part, size_t left)
{
    return wide_sub(take(beta, part, left), wide_mul(mean_low, scale));
}

INLINE void apply_tile(const struct nl_cpu_block *b, size_t c, size_t first, size_t end, int vectors, bool part, size_t left, bool relu,
                       bool residual, bool element)
{
    ptrdiff_t at = (ptrdiff_t)(b->back ? end - 1 : first) * b->pitch + (ptrdiff_t)c, pitch = b->back ? -b->pitch : b->pitch;
    const float *x = b->x + at, *other = residual ? b->residual + at : NULL;
    float *y = b->y + at;
    size_t positions = b->positions, position = element ? (b->position + first) % positions : 0;
    const float *gammas = b->gamma + c, *betas = b->beta + c;
    size_t step = b->affine_step;
    wide shift[MOST_VECTORS], scales[MOST_VECTORS], offsets[MOST_VECTORS];
    UNROLL
    for (int v = 0; v < vectors; v++) {
        shift[v] = take(b->shift + c + v * NL_LANES, part, left);
        scales[v] = take((element ? b->rstd : b->scale) + c + v * NL_LANES, part, left);
        offsets[v] = take((element ? b->mean_low : b->offset) + c + v * NL_LANES, part, left);
    }
    for (size_t rows = end - first; rows > 0; rows--) {
        UNROLL
        for (int v = 0; v < vectors; v++) {
            wide t = wide_sub(take(x + v * NL_LANES, part, left), shift[v]), scale = scales[v], offset = offsets[v];
            if (element) {
                scale = scale_of(scale, gammas + position * step + v * NL_LANES, part, left);
                offset = offset_of(offset, scale, betas + position * step + v * NL_LANES, part, left);
            }
            wide value = wide_fused(t, scale, offset);
            if (residual)
                value = wide_add(value, take(other + v * NL_LANES, part, left));
            put(y + v * NL_LANES, relu ? wide_relu(value) : value, part, left);
        }
        x += pitch;
        y += pitch;
        if (residual)
            other += pitch;
        position = position + 1 < positions ? position + 1 : 0;
    }
}

INLINE void gradients_of_tile(const struct nl_cpu_block *b, size_t c, size_t first, size_t end, int vectors, bool part, size_t left,
                              double *to_sum, double *to_product, size_t start, enum nl_mask mask, bool element)
{
    ptrdiff_t at = (ptrdiff_t)first * b->pitch + (ptrdiff_t)c, pitch = b->pitch;
    size_t positions = b->positions, position = element ? (b->position + first) % positions : 0, step = b->affine_step;
    const float *x = b->x + at, *dy = b->dy + at, *y = mask == NL_MASK_Y ? b->y + at : NULL;
    float *masked = mask == NL_MASK_Y ? b->dresidual + at : NULL;
    wide shift[MOST_VECTORS], scales[MOST_VECTORS], offsets[MOST_VECTORS];
    wide sum[CHAINS][MOST_VECTORS], product[CHAINS][MOST_VECTORS];
    UNROLL
    for (int v = 0; v < vectors; v++) {
        shift[v] = take(b->shift + c + v * NL_LANES, part, left);
        scales[v] = take((element ? b->rstd : b->scale) + c + v * NL_LANES, part, left);
        offsets[v] = take((element ? b->mean_low : b->offset) + c + v * NL_LANES, part, left);
        sum[0][v] = sum[1][v] = product[0][v] = product[1][v] = wide_set(0.0f);
    }
    for (size_t rows = end - first; rows > 0;) {
        UNROLL
        for (int chain = 0; chain < CHAINS; chain++) {
            if (chain == 1 && rows == 1)
                break;
            UNROLL
            for (int v = 0; v < vectors; v++) {
                wide t = wide_sub(take(x + v * NL_LANES, part, left), shift[v]), g = take(dy + v * NL_LANES, part, left);
                wide scale = scales[v], offset = offsets[v], gamma;
                if (element) {
                    gamma = take(b->gamma + c + position * step + v * NL_LANES, part, left);
                    scale = wide_mul(scales[v], gamma);
                    offset = offset_of(offsets[v], scale, b->beta + c + position * step + v * NL_LANES, part, left);
                }
                if (mask == NL_MASK_X)
                    g = wide_where_positive(wide_fused(t, scale, offset), g);
                if (mask == NL_MASK_Y) {
                    g = wide_where_positive(take(y + v * NL_LANES, part, left), g);
                    put(masked + v * NL_LANES, g, part, left);
                }
                if (element) {
                    wide share = wide_mul(g, wide_mul(wide_sub(t, offsets[v]), scales[v]));
                    wide_accumulate(b->dgamma + c + position * step + v * NL_LANES, part ? wide_keep(share, left) : share);
                    wide_accumulate(b->dbeta + c + position * step + v * NL_LANES, g);
                    g = wide_mul(g, gamma);
                }
                sum[chain][v] = wide_add(sum[chain][v], g);
                product[chain][v] = wide_fused(g, t, product[chain][v]);
            }
            x += pitch;
            dy += pitch;
            if (mask == NL_MASK_Y) {
                y += pitch;
                masked += pitch;
            }
            position = position + 1 < positions ? position + 1 : 0;
        }
        rows -= rows == 1 ? 1 : 2;
    }
    UNROLL
    for (int v = 0; v < vectors; v++) {
        take_sums(to_sum + c + v * NL_LANES, wide_add(sum[0][v], sum[1][v]), first == start);
        take_sums(to_product + c + v * NL_LANES, wide_add(product[0][v], product[1][v]), first == start);
    }
}

INLINE void dx_of_tile(const struct nl_cpu_block *b, size_t c, size_t first, size_t end, int vectors, bool part, size_t left, bool relu,
                       bool element)
{
    ptrdiff_t at = (ptrdiff_t)(b->back ? end - 1 : first) * b->pitch + (ptrdiff_t)c, pitch = b->back ? -b->pitch : b->pitch;
    size_t positions = b->positions, position = element ? (b->position + first) % positions : 0, step = b->affine_step;
    const float *x = b->x + at, *dy = (b->mask == NL_MASK_Y ? b->dresidual : b->dy) + at, *gammas = b->gamma + c, *betas = b->beta + c;
    float *dx = b->dx + at;
    wide shift[MOST_VECTORS], scales[MOST_VECTORS], offsets[MOST_VECTORS], dx_slope[MOST_VECTORS], dx_bias[MOST_VECTORS];
    UNROLL
    for (int v = 0; v < vectors; v++) {
        shift[v] = take(b->shift + c + v * NL_LANES, part, left);
        scales[v] = take((element ? b->rstd : b->scale) + c + v * NL_LANES, part, left);
        offsets[v] = take((element ? b->mean_low : b->offset) + c + v * NL_LANES, part, left);
        dx_slope[v] = take(b->dx_slope + c + v * NL_LANES, part, left);
        dx_bias[v] = take(b->dx_bias + c + v * NL_LANES, part, left);
    }
    for (size_t rows = end - first; rows > 0; rows--) {
        UNROLL
        for (int v = 0; v < vectors; v++) {
            wide t = wide_sub(take(x + v * NL_LANES, part, left), shift[v]), g = take(dy + v * NL_LANES, part, left);
            wide scale = scales[v], offset = offsets[v];
            if (element) {
                scale = scale_of(scale, gammas + position * step + v * NL_LANES, part, left);
                offset = offset_of(offset, scale, betas + position * step + v * NL_LANES, part, left);
            }
            if (relu)
                g = wide_where_positive(wide_fused(t, scale, offset), g);
            put(dx + v * NL_LANES, wide_add(wide_mul(g, scale), wide_fused(t, dx_slope[v], dx_bias[v])), part, left);
        }
        x += pitch;
        dy += pitch;
        dx += pitch;
        position = position + 1 < positions ? position + 1 : 0;
    }
}

/* Cuts the rows [first, end) into stretches, and each stretch into tiles; calls tile(block, ...) for each, with the given arguments at the end.
 * `back`: the last stretch comes first. */
#define OVER_TILES(b, back, tile, ...)                                                                                         \
    for (size_t done = 0, rows = end - first, some; done < rows; done += some) {                                               \
        some = rows - done < NL_COLUMN_STRETCH ? rows - done : NL_COLUMN_STRETCH;                                              \
        size_t from = (back) ? end - done - some : first + done, to = from + some, c = 0, channels = (b)->channels;            \
        for (; MOST_VECTORS >= 4 && c + 4 * NL_LANES <= channels; c += 4 * NL_LANES)                                           \
            tile((b), c, from, to, MOST_VECTORS, false, NL_LANES, __VA_ARGS__);                                                \
        for (; MOST_VECTORS >= 2 && c + 2 * NL_LANES <= channels; c += 2 * NL_LANES)                                           \
            tile((b), c, from, to, MOST_VECTORS / 2, false, NL_LANES, __VA_ARGS__);                                            \
        for (; c + NL_LANES <= channels; c += NL_LANES)                                                                        \
            tile((b), c, from, to, 1, false, NL_LANES, __VA_ARGS__);                                                           \
        if (c < channels)                                                                                                      \
            tile((b), c, from, to, 1, true, channels - c, __VA_ARGS__);                                                        \
    }

/* A guess of each channel's mean: that of a few rows, spread evenly, and over the columns of an image as well; where there are fewer, some count
 * twice. In shift, or in sum where sets have several channels. */
TARGET static void column_guess(const struct nl_cpu_block *b, size_t first, size_t end)
{
    enum { ROWS = 8 };
    size_t rows = end - first;
    for (size_t c = 0; c < b->channels; c += NL_LANES) {
        size_t left = b->channels - c;
        bool part = left < NL_LANES;
        wide row[ROWS];
        UNROLL
        for (size_t i = 0; i < ROWS; i++)
            row[i] = take(b->x + (ptrdiff_t)(first + i * rows * 33 / 256) * b->pitch + c, part, left);
        UNROLL
        for (int count = ROWS / 2; count > 0; count /= 2)
            UNROLL
            for (int i = 0; i < count; i++)
                row[i] = wide_add(row[2 * i], row[2 * i + 1]);
        wide guess = wide_mul(row[0], wide_set(1.0f / ROWS));
        if (b->width == 1)
            wide_store(b->shift + c, guess);
        else
            wide_put_doubles(b->sum + c, guess);
    }
}

/* A number of each set, spread over the set's channels: those of the sixteen channels from c on. */
INLINE wide in_channels(const float *sets, size_t c, size_t width)
{
    if (width < NL_LANES && nl_row_is_small(width))
        return wide_spread(sets + c / width, width);
    if (width % NL_LANES == 0)
        return wide_set(sets[c / width]);
    float each[NL_LANES];
    for (size_t i = 0; i < NL_LANES; i++)
        each[i] = sets[(c + i) / width];
    return wide_load(each);
}

/* The last channels first: what other sets have is not overwritten before it is used. */
INLINE void spread_of(size_t width, const struct nl_cpu_block *b, float *x)
{
    for (size_t vectors = (b->channels + NL_LANES - 1) / NL_LANES; vectors-- > 0;)
        wide_store(x + vectors * NL_LANES, in_channels(x, vectors * NL_LANES, width));
}

TARGET static void column_spread(const struct nl_cpu_block *b, float *x)
{
    NL_OF_WIDTH(b->width, spread_of, b, x);
}

INLINE void factors_of(size_t width, const struct nl_cpu_block *b)
{
    for (size_t vectors = (b->channels + NL_LANES - 1) / NL_LANES; vectors-- > 0;) {
        size_t c = vectors * NL_LANES, left = b->channels - c;
        bool part = left < NL_LANES;
        wide mean_low = in_channels(b->mean_low, c, width), rstd = in_channels(b->rstd, c, width);
        if (width > 1) {
            wide_store(b->shift + c, in_channels(b->shift, c, width));
            wide_store(b->mean_low + c, mean_low);
            wide_store(b->rstd + c, rstd);
        }
        if (b->affine_step)
            continue;
        wide scale = scale_of(rstd, b->gamma + c, part, left);
        wide_store(b->scale + c, scale);
        wide_store(b->offset + c, offset_of(mean_low, scale, b->beta + c, part, left));
    }
}

TARGET static void column_factors(const struct nl_cpu_block *b)
{
    NL_OF_WIDTH(b->width, factors_of, b);
}

TARGET static void column_sums(const struct nl_cpu_block *b, size_t first, size_t end, double *sum, double *product)
{
    OVER_TILES(b, false, sums_of_tile, sum, product, first)
}

TARGET static void column_apply(const struct nl_cpu_block *b, size_t first, size_t end)
{
    if (b->affine_step)
        OVER_TILES(b, b->back, apply_tile, b->relu, b->residual, true)
    else if (b->relu && b->residual)
        OVER_TILES(b, b->back, apply_tile, true, true, false)
    else if (b->relu)
        OVER_TILES(b, b->back, apply_tile, true, false, false)
    else if (b->residual)
        OVER_TILES(b, b->back, apply_tile, false, true, false)
    else
        OVER_TILES(b, b->back, apply_tile, false, false, false)
}

TARGET static void column_gradients(const struct nl_cpu_block *b, size_t first, size_t end, double *sum, double *product)
{
    if (b->affine_step)
        OVER_TILES(b, false, gradients_of_tile, sum, product, first, b->mask, true)
    else if (b->mask == NL_MASK_X)
        OVER_TILES(b, false, gradients_of_tile, sum, product, first, NL_MASK_X, false)
    else if (b->mask == NL_MASK_Y)
        OVER_TILES(b, false, gradients_of_tile, sum, product, first, NL_MASK_Y, false)
    else
        OVER_TILES(b, false, gradients_of_tile, sum, product, first, NL_MASK_NONE, false)
}

TARGET static void column_dx(const struct nl_cpu_block *b, size_t first, size_t end)
{
    if (b->affine_step)
        OVER_TILES(b, b->back, dx_of_tile, b->mask == NL_MASK_X, true)
    else if (b->mask == NL_MASK_X)
        OVER_TILES(b, b->back, dx_of_tile, true, false)
    else
        OVER_TILES(b, b->back, dx_of_tile, false, false)
}
