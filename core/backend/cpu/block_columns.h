/* Kernels of block.h whose sums run down the columns.
 *
 * They go over the rows in stretches of NL_COLUMN_STRETCH, and over a stretch in tiles: MOST_VECTORS vectors of
 * channels or one, whose sums and factors stay in registers. Of a last tile only `count` channels are of use.
 *
 * The sum of a channel: the rows of a stretch go to two chains in turn, so that one need not wait for the other; the
 * sums of stretches are accumulated in double. */

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

/* Zeros in the lanes past the last channel: what they hold was read from memory that nobody wrote. */
INLINE wide keep(wide v, size_t count)
{
    return is_whole(count) ? v : wide_keep(v, count);
}

/* As many as the registers of AVX-512 hold beside each other; one of AVX2 takes two of its registers. */
enum { MOST_VECTORS = PARTS == 1 ? 4 : 1 };

/* What sixteen channels are normalized with: gamma xhat + beta = t scale + offset; and dx = g scale + (t slope + bias),
 * or with h in the place of t. */
struct column {
    wide shift, scale, offset, slope, bias, mean_low, above, below;
};

/* A tile: the rows [first, end) of some vectors of channels from c on, of `count` channels each. */
struct strip {
    size_t c, count, first, end;
    int vectors;
};

struct columns {
    struct column of[MOST_VECTORS];
};

INLINE struct columns columns_at(const struct nl_cpu_block *b, struct strip s)
{
    struct columns columns = {0};
    UNROLL
    for (int v = 0; v < s.vectors; v++) {
        size_t c = s.c + (size_t)v * NL_LANES;
        columns.of[v] = (struct column){
            wide_load(b->shift + c),   wide_load(b->scale + c),    wide_load(b->offset + c), wide_load(b->dx_slope + c),
            wide_load(b->dx_bias + c), wide_load(b->mean_low + c), wide_load(b->above + c),  wide_load(b->below + c)};
    }
    return columns;
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

INLINE wide minus(wide v)
{
    return wide_sub(wide_set(0.0f), v);
}

/* |x - mean| */
INLINE wide distance_of(struct column column, wide x)
{
    wide difference = wide_sub(wide_sub(x, column.shift), column.mean_low);
    return wide_larger(minus(difference), difference);
}

/* h factor */
INLINE wide signed_by(struct column column, wide x, wide factor)
{
    return wide_sub(wide_where_larger(x, column.above, factor), wide_where_larger(column.below, x, factor));
}

struct sums {
    wide sum[MOST_VECTORS], product[MOST_VECTORS];
};

/* What is summed, and multiplied and summed. g: the gradient. */
enum summands { T_AND_T, G_AND_T, DISTANCES, SIGNS };

INLINE struct sums sum_rows(const struct nl_cpu_block *b, struct columns columns, struct strip s, enum summands what)
{
    enum { CHAINS = 2 };
    struct sums chains[CHAINS] = {0};
    for (size_t row = s.first; row < s.end; row += CHAINS)
        UNROLL
        for (size_t chain = 0; chain < CHAINS; chain++) {
            if (chain > 0 && row + chain == s.end)
                break;
            UNROLL
            for (int v = 0; v < s.vectors; v++) {
                size_t at = (row + chain) * b->pitch + s.c + (size_t)v * NL_LANES;
                const struct column column = columns.of[v];
                wide x = take(b->x + at, s.count), t = wide_sub(x, column.shift);
                wide first = what == G_AND_T     ? gradient_at(b, column, t, at, s.count)
                             : what == DISTANCES ? distance_of(column, x)
                             : what == SIGNS     ? signed_by(column, x, wide_set(1.0f))
                                                 : t;
                chains[chain].sum[v] = wide_add(chains[chain].sum[v], first);
                chains[chain].product[v] = wide_fused(first, what <= G_AND_T ? t : first, chains[chain].product[v]);
            }
        }
    UNROLL
    for (int v = 0; v < s.vectors; v++) {
        chains[0].sum[v] = wide_add(chains[0].sum[v], chains[1].sum[v]);
        chains[0].product[v] = wide_add(chains[0].product[v], chains[1].product[v]);
    }
    return chains[0];
}

INLINE void y_rows(const struct nl_cpu_block *b, struct columns columns, struct strip s)
{
    for (size_t row = s.first; row < s.end; row++)
        UNROLL
        for (int v = 0; v < s.vectors; v++) {
            const struct column column = columns.of[v];
            size_t at = row * b->pitch + s.c + (size_t)v * NL_LANES;
            wide value = wide_fused(wide_sub(take(b->x + at, s.count), column.shift), column.scale, column.offset);
            if (b->residual)
                value = wide_add(value, take(b->residual + at, s.count));
            put(b->y + at, b->relu ? wide_relu(value) : value, s.count);
        }
}

/* A gradient that y masks lies in dresidual, masked. */
INLINE void dx_rows(const struct nl_cpu_block *b, struct columns columns, struct strip s, bool of_signs)
{
    const float *dy = b->mask == NL_MASK_Y ? b->dresidual : b->dy;
    for (size_t row = s.first; row < s.end; row++)
        UNROLL
        for (int v = 0; v < s.vectors; v++) {
            const struct column column = columns.of[v];
            size_t at = row * b->pitch + s.c + (size_t)v * NL_LANES;
            wide x = take(b->x + at, s.count), t = wide_sub(x, column.shift), g = take(dy + at, s.count);
            if (b->mask == NL_MASK_X)
                g = wide_where_positive(wide_fused(t, column.scale, column.offset), g);
            wide h_and_bias = of_signs ? wide_add(signed_by(column, x, column.slope), column.bias)
                                       : wide_fused(t, column.slope, column.bias);
            put(b->dx + at, wide_add(wide_mul(g, column.scale), h_and_bias), s.count);
        }
}

/* ---- many rows: stretches and tiles ---- */

/* `begins`: this is the first stretch. Its sums are stored, those of later ones are accumulated. */
typedef void strip_function(const struct nl_cpu_block *b, struct strip s, double *sum, double *product, bool begins);

INLINE void put_sums_of(struct sums sums, struct strip s, double *to_sum, double *to_product, bool begins)
{
    UNROLL
    for (int v = 0; v < s.vectors; v++) {
        size_t c = s.c + (size_t)v * NL_LANES;
        if (begins) {
            wide_put_doubles(to_sum + c, sums.sum[v]);
            wide_put_doubles(to_product + c, sums.product[v]);
        } else {
            wide_accumulate(to_sum + c, sums.sum[v]);
            wide_accumulate(to_product + c, sums.product[v]);
        }
    }
}

INLINE void sums_strip(const struct nl_cpu_block *b, struct strip s, double *sum, double *product, bool begins)
{
    put_sums_of(sum_rows(b, columns_at(b, s), s, T_AND_T), s, sum, product, begins);
}

INLINE void gradients_strip(const struct nl_cpu_block *b, struct strip s, double *sum, double *product, bool begins)
{
    put_sums_of(sum_rows(b, columns_at(b, s), s, G_AND_T), s, sum, product, begins);
}

INLINE void distances_strip(const struct nl_cpu_block *b, struct strip s, double *sum, double *product, bool begins)
{
    put_sums_of(sum_rows(b, columns_at(b, s), s, DISTANCES), s, sum, product, begins);
}

INLINE void signs_strip(const struct nl_cpu_block *b, struct strip s, double *sum, double *product, bool begins)
{
    put_sums_of(sum_rows(b, columns_at(b, s), s, SIGNS), s, sum, product, begins);
}

/* Nothing is rounded on the way, and all rows are one stretch. */
INLINE void extremes_strip(const struct nl_cpu_block *b, struct strip s, double *largest, double *of_minus, bool begins)
{
    struct sums extremes;
    UNROLL
    for (int v = 0; v < s.vectors; v++)
        extremes.sum[v] = extremes.product[v] = wide_set(-INFINITY);
    for (size_t row = s.first; row < s.end; row++)
        UNROLL
        for (int v = 0; v < s.vectors; v++) {
            wide x = take(b->x + row * b->pitch + s.c + (size_t)v * NL_LANES, s.count);
            extremes.sum[v] = wide_larger(extremes.sum[v], x);
            extremes.product[v] = wide_larger(extremes.product[v], minus(x));
        }
    put_sums_of(extremes, s, largest, of_minus, begins);
}

INLINE void y_strip(const struct nl_cpu_block *b, struct strip s, double *unused, double *neither, bool begins)
{
    (void)unused, (void)neither, (void)begins;
    y_rows(b, columns_at(b, s), s);
}

INLINE void dx_strip(const struct nl_cpu_block *b, struct strip s, double *unused, double *neither, bool begins)
{
    (void)unused, (void)neither, (void)begins;
    dx_rows(b, columns_at(b, s), s, false);
}

INLINE void dx_of_signs_strip(const struct nl_cpu_block *b, struct strip s, double *unused, double *neither,
                              bool begins)
{
    (void)unused, (void)neither, (void)begins;
    dx_rows(b, columns_at(b, s), s, true);
}

INLINE void over_columns(const struct nl_cpu_block *original, size_t first, size_t end, strip_function *function,
                         double *sum, double *product)
{
    const size_t stretch = function == extremes_strip ? end - first : NL_COLUMN_STRETCH;
    const struct nl_cpu_block
        block = *original,
        *b = &block; /* a copy: the compiler must assume that a store changes what a pointer points to */
    for (size_t row = first, stop; row < end; row = stop) {
        size_t c = 0, several = MOST_VECTORS * NL_LANES;
        stop = end - row < stretch ? end : row + stretch;
        for (; c + several <= b->channels; c += several)
            function(b, (struct strip){c, NL_LANES, row, stop, MOST_VECTORS}, sum, product, row == first);
        for (; c + NL_LANES <= b->channels; c += NL_LANES)
            function(b, (struct strip){c, NL_LANES, row, stop, 1}, sum, product, row == first);
        if (c < b->channels)
            function(b, (struct strip){c, b->channels - c, row, stop, 1}, sum, product, row == first);
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

TARGET static void column_gradients(const struct nl_cpu_block *b, size_t first, size_t end, double *sum,
                                    double *product)
{
    over_columns(b, first, end, gradients_strip, sum, product);
}

TARGET static void column_dx(const struct nl_cpu_block *b, size_t first, size_t end)
{
    over_columns(b, first, end, dx_strip, NULL, NULL);
}

TARGET static void column_distances(const struct nl_cpu_block *b, size_t first, size_t end, double *sum,
                                    double *product)
{
    over_columns(b, first, end, distances_strip, sum, product);
}

TARGET static void column_extremes(const struct nl_cpu_block *b, size_t first, size_t end, double *largest,
                                   double *of_minus)
{
    over_columns(b, first, end, extremes_strip, largest, of_minus);
}

TARGET static void column_signs(const struct nl_cpu_block *b, size_t first, size_t end, double *sum, double *product)
{
    over_columns(b, first, end, signs_strip, sum, product);
}

TARGET static void column_dx_of_signs(const struct nl_cpu_block *b, size_t first, size_t end)
{
    over_columns(b, first, end, dx_of_signs_strip, NULL, NULL);
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

/* x around the first row gives the mean to the last digit of a float. x around that gives its low part, and the
 * variance. Float sums of so few rows lose nothing that matters. */
INLINE void small_batch_moments(const struct nl_cpu_block *b, struct strip s, double *mean, double *var)
{
    wide inverse = wide_set(1.0f / (float)b->rows), shift = wide_load(b->x + s.c), difference = wide_set(0.0f);
    for (size_t row = 1; row < b->rows; row++)
        difference = wide_add(difference, wide_sub(wide_load(b->x + row * b->pitch + s.c), shift));
    shift = wide_add(shift, wide_mul(difference, inverse));
    const struct sums sums = sum_rows(b, (struct columns){{{.shift = shift}}}, s, T_AND_T);
    wide offset = wide_mul(sums.sum[0], inverse);
    wide_put_doubles(mean, shift);
    wide_accumulate(mean, offset);
    wide_put_doubles(var, wide_relu(wide_mul(wide_sub(sums.product[0], wide_mul(offset, sums.sum[0])), inverse)));
}

INLINE struct columns small_batch_prepare(const struct nl_cpu_block *b, size_t c, const double *mean, const double *var,
                                          wide *mean_low, wide *rstd)
{
    float shift[NL_LANES], low[NL_LANES], inverse[NL_LANES];
    nl_sets_prepare(NL_LANES, mean, var, b->eps, shift, low, inverse);
    *mean_low = wide_load(low);
    *rstd = wide_load(inverse);
    struct column column = {.shift = wide_load(shift), .scale = wide_mul(*rstd, wide_load(b->gamma + c))};
    column.offset = wide_sub(wide_load(b->beta + c), wide_mul(*mean_low, column.scale));
    return (struct columns){{column}};
}

TARGET static void small_batch_forward(const struct nl_cpu_block *original)
{
    const struct nl_cpu_block block = *original, *b = &block;
    for (size_t c = 0; c < b->channels; c += NL_LANES) {
        const struct strip s = {c, NL_LANES, 0, b->rows, 1};
        double mean[NL_LANES], var[NL_LANES];
        wide mean_low, rstd;
        small_batch_moments(b, s, mean, var);
        memcpy(b->mean + c, mean, sizeof mean);
        memcpy(b->var + c, var, sizeof var);
        y_rows(b, small_batch_prepare(b, c, mean, var, &mean_low, &rstd), s);
    }
}

/* The sums become dgamma, dbeta and the factors of dx as in block.c. */
TARGET static void small_batch_backward(const struct nl_cpu_block *original)
{
    const struct nl_cpu_block block = *original, *b = &block;
    const float inverse = 1.0f / (float)b->rows;
    wide of_sum = wide_set(b->center_moves ? inverse : 0.0f), of_product = wide_set(b->spread_moves ? inverse : 0.0f);
    for (size_t c = 0; c < b->channels; c += NL_LANES) {
        const struct strip s = {c, NL_LANES, 0, b->rows, 1};
        wide mean_low, rstd;
        struct columns columns = small_batch_prepare(b, c, b->mean + c, b->var + c, &mean_low, &rstd);
        struct column *column = &columns.of[0];
        const struct sums sums = sum_rows(b, columns, s, G_AND_T);
        wide centered = wide_sub(sums.product[0], wide_mul(mean_low, sums.sum[0])); /* the sum of g (x - mean) */
        wide_store(b->part_gamma + c, wide_mul(centered, rstd));
        wide_store(b->part_beta + c, sums.sum[0]);
        wide subtracted = wide_mul(wide_mul(rstd, rstd), wide_mul(of_product, wide_mul(centered, column->scale)));
        column->slope = minus(subtracted);
        column->bias = wide_sub(wide_mul(mean_low, subtracted), wide_mul(of_sum, wide_mul(sums.sum[0], column->scale)));
        if (b->dx)
            dx_rows(b, columns, s, false);
    }
}
