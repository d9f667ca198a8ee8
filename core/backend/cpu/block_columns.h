/* Kernels of block.h whose sums run down the columns.
 *
 * They go over the rows in stretches of NL_COLUMN_STRETCH, and over a stretch in tiles: sixteen channels, whose sums and factors stay in registers. Of
 * a last tile only `count` channels are of use.
 *
 * The sum of a channel: the rows of a stretch go to two chains in turn, so that one need not wait for the other; the sums of stretches are accumulated in
 * double. */

/* Whether all channels of a tile are of use, for all that the compiler knows. */
#define is_whole(count) (__builtin_constant_p(count) && (count) >= NL_LANES)

INLINE wide take(const float *from, size_t count)
{
    return is_whole(count) ? wide_load(from) : wide_load_part(from, count);
}

INLINE void put(float *to, wide v, size_t count)
{
    if (is_whole(count))
        wide_store(to, v);
    else
        wide_store_part(to, v, count);
}

/* Zeros in the lanes behind: what they hold was read from memory that nobody wrote. */
INLINE wide keep(wide v, size_t count)
{
    return is_whole(count) ? v : wide_keep(v, count);
}

/* What the channels [c, c + 16) are normalized with: gamma xhat + beta = t scale + offset. */
struct column {
    wide shift, scale, offset;
};

INLINE struct column column_at(const struct nl_cpu_block *b, size_t c)
{
    return (struct column){wide_load(b->shift + c), wide_load(b->scale + c), wide_load(b->offset + c)};
}

/* The gradient of gamma xhat + beta at element `at`. */
INLINE wide gradient_at(const struct nl_cpu_block *b, struct column column, wide t, size_t at, size_t count)
{
    wide g = take(b->dy + at, count);
    if (b->mask == NL_MASK_X)
        g = wide_where_positive(wide_fused(t, column.scale, column.offset), g);
    if (b->mask == NL_MASK_Y) {
        g = wide_where_positive(take(b->y + at, count), g);
        put(b->dresidual + at, g, count);
    }
    return g;
}

/* A tile: the rows [first, end) of the channels [c, c + count). */
struct strip {
    size_t c, count, first, end;
};

struct sums {
    wide sum, product;
};

/* The sums of t and t^2; or of g and g t, where g is the gradient. */
INLINE struct sums sum_rows(const struct nl_cpu_block *b, struct column column, struct strip s, bool gradients)
{
    enum { CHAINS = 2 };
    wide sum[CHAINS], product[CHAINS];
    sum[0] = sum[1] = product[0] = product[1] = wide_set(0.0f);
    for (size_t row = s.first; row < s.end; row += CHAINS)
        UNROLL
        for (size_t chain = 0; chain < CHAINS; chain++) {
            if (chain > 0 && row + chain == s.end)
                break;
            size_t at = (row + chain) * b->pitch + s.c;
            wide t = wide_sub(take(b->x + at, s.count), column.shift), g = gradients ? gradient_at(b, column, t, at, s.count) : t;
            sum[chain] = wide_add(sum[chain], g);
            product[chain] = wide_fused(g, t, product[chain]);
        }
    return (struct sums){wide_add(sum[0], sum[1]), wide_add(product[0], product[1])};
}

INLINE void y_rows(const struct nl_cpu_block *b, struct column column, struct strip s)
{
    for (size_t at = s.first * b->pitch + s.c, stop = s.end * b->pitch + s.c; at < stop; at += b->pitch) {
        wide value = wide_fused(wide_sub(take(b->x + at, s.count), column.shift), column.scale, column.offset);
        if (b->residual)
            value = wide_add(value, take(b->residual + at, s.count));
        put(b->y + at, b->relu ? wide_relu(value) : value, s.count);
    }
}

/* dx = g scale + (t slope + bias). A gradient that y masks lies in dresidual, masked. */
INLINE void dx_rows(const struct nl_cpu_block *b, struct column column, wide slope, wide bias, struct strip s)
{
    const float *dy = b->mask == NL_MASK_Y ? b->dresidual : b->dy;
    for (size_t at = s.first * b->pitch + s.c, stop = s.end * b->pitch + s.c; at < stop; at += b->pitch) {
        wide t = wide_sub(take(b->x + at, s.count), column.shift), g = take(dy + at, s.count);
        if (b->mask == NL_MASK_X)
            g = wide_where_positive(wide_fused(t, column.scale, column.offset), g);
        put(b->dx + at, wide_add(wide_mul(g, column.scale), wide_fused(t, slope, bias)), s.count);
    }
}

/* ---- many rows: stretches and tiles ---- */

/* `begins`: this is the first stretch. Its sums are stored, those of later ones are accumulated. */
typedef void strip_function(const struct nl_cpu_block *b, struct strip s, double *sum, double *product, bool begins);

INLINE void put_sums_of(struct sums sums, size_t c, double *to_sum, double *to_product, bool begins)
{
    if (begins) {
        wide_put_doubles(to_sum + c, sums.sum);
        wide_put_doubles(to_product + c, sums.product);
    } else {
        wide_accumulate(to_sum + c, sums.sum);
        wide_accumulate(to_product + c, sums.product);
    }
}

INLINE void sums_strip(const struct nl_cpu_block *b, struct strip s, double *sum, double *product, bool begins)
{
    put_sums_of(sum_rows(b, (struct column){.shift = wide_load(b->shift + s.c)}, s, false), s.c, sum, product, begins);
}

INLINE void gradients_strip(const struct nl_cpu_block *b, struct strip s, double *sum, double *product, bool begins)
{
    put_sums_of(sum_rows(b, column_at(b, s.c), s, true), s.c, sum, product, begins);
}

INLINE void y_strip(const struct nl_cpu_block *b, struct strip s, double *unused, double *neither, bool begins)
{
    (void)unused, (void)neither, (void)begins;
    y_rows(b, column_at(b, s.c), s);
}

INLINE void dx_strip(const struct nl_cpu_block *b, struct strip s, double *unused, double *neither, bool begins)
{
    (void)unused, (void)neither, (void)begins;
    dx_rows(b, column_at(b, s.c), wide_load(b->dx_slope + s.c), wide_load(b->dx_bias + s.c), s);
}

INLINE void over_columns(const struct nl_cpu_block *original, size_t first, size_t end, strip_function *function, double *sum, double *product)
{
    const struct nl_cpu_block block = *original, *b = &block; /* a copy: the compiler must assume that a store changes what a pointer points to */
    for (size_t row = first, stop; row < end; row = stop) {
        size_t c = 0;
        stop = end - row < NL_COLUMN_STRETCH ? end : row + NL_COLUMN_STRETCH;
        for (; c + NL_LANES <= b->channels; c += NL_LANES)
            function(b, (struct strip){c, NL_LANES, row, stop}, sum, product, row == first);
        if (c < b->channels)
            function(b, (struct strip){c, b->channels - c, row, stop}, sum, product, row == first);
    }
}

TARGET static void column_sums(const struct nl_cpu_block *b, size_t first, size_t end, double *sum, double *product)
{
    over_columns(b, first, end, sums_strip, sum, product);
}

TARGET static void column_apply(const struct nl_cpu_block *b, size_t first, size_t end)
{
    over_columns(b, first, end, y_strip, NULL, NULL);
}

TARGET static void column_gradients(const struct nl_cpu_block *b, size_t first, size_t end, double *sum, double *product)
{
    over_columns(b, first, end, gradients_strip, sum, product);
}

TARGET static void column_dx(const struct nl_cpu_block *b, size_t first, size_t end)
{
    over_columns(b, first, end, dx_strip, NULL, NULL);
}

/* ---- once a channel ---- */

/* A number of each set, spread over the set's channels: those of the sixteen channels from c on. */
INLINE wide in_channels(const float *sets, size_t c, size_t width)
{
    if (nl_row_is_small(width))
        return wide_spread(sets + c / width, width);
    if (width % NL_LANES == 0)
        return wide_set(sets[c / width]);
    float each[NL_LANES];
    for (size_t i = 0; i < NL_LANES; i++)
        each[i] = sets[(c + i) / width];
    return wide_load(each);
}

/* The last channels first: what other sets have is not overwritten before it is used. */
TARGET static void column_spread(const struct nl_cpu_block *b, float *x)
{
    for (size_t vectors = (b->channels + NL_LANES - 1) / NL_LANES; vectors-- > 0;)
        wide_store(x + vectors * NL_LANES, in_channels(x, vectors * NL_LANES, b->width));
}

/* ---- a few rows, which stay in registers from their sums to what these are for ---- */

/* x around the first row gives the mean to the last digit of a float. x around that gives its low part, and the variance. Float sums of so few rows
 * lose nothing that matters. */
INLINE void few_moments(const struct nl_cpu_block *b, struct strip s, double *mean, double *var)
{
    wide inverse = wide_set(1.0f / (float)b->rows), shift = wide_load(b->x + s.c), difference = wide_set(0.0f);
    for (size_t row = 1; row < b->rows; row++)
        difference = wide_add(difference, wide_sub(wide_load(b->x + row * b->pitch + s.c), shift));
    shift = wide_add(shift, wide_mul(difference, inverse));
    struct sums sums = sum_rows(b, (struct column){.shift = shift}, s, false);
    wide offset = wide_mul(sums.sum, inverse);
    wide_put_doubles(mean, shift);
    wide_accumulate(mean, offset);
    wide_put_doubles(var, wide_relu(wide_mul(wide_sub(sums.product, wide_mul(offset, sums.sum)), inverse)));
}

INLINE struct column few_prepare(const struct nl_cpu_block *b, size_t c, const double *mean, const double *var, wide *mean_low, wide *rstd)
{
    float shift[NL_LANES], low[NL_LANES], inverse[NL_LANES];
    nl_sets_prepare(NL_LANES, mean, var, b->eps, shift, low, inverse);
    *mean_low = wide_load(low);
    *rstd = wide_load(inverse);
    struct column column = {.shift = wide_load(shift), .scale = wide_mul(*rstd, wide_load(b->gamma + c))};
    column.offset = wide_sub(wide_load(b->beta + c), wide_mul(*mean_low, column.scale));
    return column;
}

TARGET static void few_columns_forward(const struct nl_cpu_block *original)
{
    const struct nl_cpu_block block = *original, *b = &block;
    for (size_t c = 0; c < b->channels; c += NL_LANES) {
        const struct strip s = {c, NL_LANES, 0, b->rows};
        double mean[NL_LANES], var[NL_LANES];
        wide mean_low, rstd;
        few_moments(b, s, mean, var);
        memcpy(b->mean + c, mean, sizeof mean);
        memcpy(b->var + c, var, sizeof var);
        y_rows(b, few_prepare(b, c, mean, var, &mean_low, &rstd), s);
    }
}

/* The sums become dgamma, dbeta and the factors of dx as in block.c. */
TARGET static void few_columns_backward(const struct nl_cpu_block *original)
{
    const struct nl_cpu_block block = *original, *b = &block;
    wide inverse = wide_set(1.0f / (float)b->rows), zero = wide_set(0.0f);
    for (size_t c = 0; c < b->channels; c += NL_LANES) {
        const struct strip s = {c, NL_LANES, 0, b->rows};
        wide mean_low, rstd;
        struct column column = few_prepare(b, c, b->mean + c, b->var + c, &mean_low, &rstd);
        struct sums sums = sum_rows(b, column, s, true);
        wide centered = wide_sub(sums.product, wide_mul(mean_low, sums.sum)); /* the sum of g (x - mean) */
        wide_store(b->part_gamma + c, wide_mul(centered, rstd));
        wide_store(b->part_beta + c, sums.sum);
        wide minus = wide_mul(wide_mul(rstd, rstd), wide_mul(inverse, wide_mul(centered, column.scale)));
        wide bias = wide_sub(wide_mul(mean_low, minus), wide_mul(inverse, wide_mul(sums.sum, column.scale)));
        if (b->dx)
            dx_rows(b, column, wide_sub(zero, minus), bias, s);
    }
}
