/* Kernels of block.h whose sums run along the rows, a few rows at a time: each pass runs down them in tiles of up to four vectors of channels,
 * what belongs to these in registers.
 *
 * Sums are made in two steps. A pass leaves partial sums: sixteen lanes for each unit of a row. A unit is a set's channels or, where sets are smaller
 * than a vector, sixteen channels that hold several sets of `span` channels. Then the lanes of many units are folded at once, and the sums come to lie
 * side by side as the sets do. To fold one unit alone would take as many steps. */
#include <string.h>

enum { TILE = 4 };

struct cut {
    size_t unit, span;
    size_t units; /* a row */
    bool small;   /* a unit is one vector */
};

INLINE struct cut cut_of(const struct nl_cpu_block *b)
{
    bool small = nl_row_is_small(b->width);
    return (struct cut){small ? NL_LANES : b->width, small ? b->width : NL_LANES, nl_row_units(b->channels, b->sets, b->width), small};
}

/* ---- folding ---- */

INLINE int fold_once(wide *v, int count, size_t half)
{
    UNROLL
    for (int i = 0; i < (count + 1) / 2; i++)
        v[i] = wide_fold(v[2 * i], v[2 * i + 1 < count ? 2 * i + 1 : 2 * i], half);
    return (count + 1) / 2;
}

/* Of `count` vectors from `from` on, at most `span`. */
INLINE wide fold(const float *from, int count, size_t span)
{
    wide v[NL_LANES];
    if ((size_t)count > span)
        count = (int)span;
    UNROLL
    for (int i = 0; i < count; i++)
        v[i] = wide_load(from + i * NL_LANES);
    if (span > 8)
        count = fold_once(v, count, 8);
    if (span > 4)
        count = fold_once(v, count, 4);
    if (span > 2)
        count = fold_once(v, count, 2);
    if (span > 1)
        fold_once(v, count, 1);
    return v[0];
}

INLINE void fold_all(const float *from, size_t count, size_t span, wide factor, float *to)
{
    for (; count > span; count -= span, from += span * NL_LANES, to += NL_LANES)
        wide_store(to, wide_mul(fold(from, NL_LANES, span), factor));
    wide rest = count > 8 ? fold(from, 16, span) : count > 4 ? fold(from, 8, span) : count > 1 ? fold(from, 4, span) : fold(from, 1, span);
    wide_store(to, wide_mul(rest, factor));
}

/* to = the sums of the sets, from the partial ones of `count` units. */
INLINE void fold_units(const float *from, size_t count, size_t span, wide factor, float *to)
{
    switch (span) {
    case 16:
        fold_all(from, count, 16, factor, to);
        break;
    case 8:
        fold_all(from, count, 8, factor, to);
        break;
    case 4:
        fold_all(from, count, 4, factor, to);
        break;
    case 2:
        fold_all(from, count, 2, factor, to);
        break;
    default:
        fold_all(from, count, 1, factor, to);
    }
}

/* ---- tiles ---- */

/* A tile is the rows [first, end) of `vectors` vectors from channel c on. Where it is a `part`, its last vector has `left` channels. Its channels belong
 * to unit u, or to the units from u on where these are small. `more`: tiles before it had channels of the same unit. */

/* The numbers of a row's sets, spread over the channels of vector v of a tile. */
INLINE wide of_set(const float *row, struct cut cut, bool small, size_t u, int v)
{
    return small ? wide_spread(row + (u + (size_t)v) * (NL_LANES / cut.span), cut.span) : wide_set(row[u]);
}

/* xhat of a vector at element `at` of x, which is vector v of a tile in a row whose sets' numbers begin at `set`. */
INLINE wide xhat_at(const struct nl_cpu_block *b, struct cut cut, size_t at, size_t set, size_t u, int v, bool part, size_t left, bool small)
{
    wide t = wide_sub(take(b->x + at, part, left), of_set(b->shift + set, cut, small, u, v));
    return wide_mul(wide_sub(t, of_set(b->mean_low + set, cut, small, u, v)), of_set(b->rstd + set, cut, small, u, v));
}

/* Zeros behind the last channel of a part: those lanes were read from memory that nobody wrote. */
INLINE wide keep(wide v, bool part, size_t left)
{
    return part ? wide_keep(v, left) : v;
}

INLINE void put_sums(float *to, const wide sum[TILE], int vectors, bool small, bool more)
{
    if (!small) {
        wide all = vectors == TILE ? wide_add(wide_add(sum[0], sum[1]), wide_add(sum[2], sum[3])) : sum[0];
        wide_store(to, more ? wide_add(wide_load(to), all) : all);
        return;
    }
    UNROLL
    for (int v = 0; v < vectors; v++)
        wide_store(to + v * NL_LANES, sum[v]);
}

/* The partial sums: of x; or of t = x - shift and t^2. */
INLINE void row_sums_tile(const struct nl_cpu_block *b, struct cut cut, size_t first, size_t end, size_t c, size_t u, bool more, int vectors,
                          bool part, size_t left, bool small, bool squared)
{
    const float *x = b->x + first * b->channels + c, *shifts = b->shift;
    float *to = b->partial_sum + u * NL_LANES, *to_product = b->partial_product + u * NL_LANES;
    for (size_t row = first; row < end; row++) {
        wide t[TILE], square[TILE];
        UNROLL
        for (int v = 0; v < vectors; v++) {
            t[v] = take(x + v * NL_LANES, part, left);
            if (!squared)
                continue;
            t[v] = keep(wide_sub(t[v], of_set(shifts, cut, small, u, v)), part, left);
            square[v] = wide_mul(t[v], t[v]);
        }
        put_sums(to, t, vectors, small, more);
        if (squared)
            put_sums(to_product, square, vectors, small, more);
        x += b->channels;
        shifts += b->sets;
        to += cut.units * NL_LANES;
        to_product += cut.units * NL_LANES;
    }
}

INLINE void row_apply_tile(const struct nl_cpu_block *b, struct cut cut, size_t first, size_t end, size_t c, size_t u, bool more, int vectors,
                           bool part, size_t left, bool small, bool relu, bool residual, bool element)
{
    size_t at = first * b->channels + c, set = 0, position = element ? (b->position + first) % b->positions : 0;
    const float *gammas = b->gamma + c, *betas = b->beta + c;
    wide gamma[TILE], beta[TILE];
    (void)more;
    UNROLL
    for (int v = 0; v < vectors; v++) {
        gamma[v] = take(gammas + v * NL_LANES, part, left);
        beta[v] = take(betas + v * NL_LANES, part, left);
    }
    for (size_t row = first; row < end; row++) {
        UNROLL
        for (int v = 0; v < vectors; v++) {
            size_t of_vector = (size_t)v * NL_LANES, affine = position * b->affine_step + of_vector;
            if (element) {
                gamma[v] = take(gammas + affine, part, left);
                beta[v] = take(betas + affine, part, left);
            }
            wide xhat = xhat_at(b, cut, at + of_vector, set, u, v, part, left, small);
            wide value = wide_fused(xhat, gamma[v], beta[v]);
            if (residual)
                value = wide_add(value, take(b->residual + at + of_vector, part, left));
            put(b->y + at + of_vector, relu ? wide_relu(keep(value, part, left)) : value, part, left);
        }
        at += b->channels;
        set += b->sets;
        position = position + 1 < b->positions ? position + 1 : 0;
    }
}

/* The partial sums of dxhat and dxhat xhat, dxhat in the place of dx, and what the rows add to dgamma and dbeta. */
INLINE void row_gradients_tile(const struct nl_cpu_block *b, struct cut cut, size_t first, size_t end, size_t c, size_t u, bool more, int vectors,
                               bool part, size_t left, bool small, enum nl_mask mask, bool element, bool keeps)
{
    size_t at = first * b->channels + c, set = 0, position = element ? (b->position + first) % b->positions : 0;
    const float *gammas = b->gamma + c, *betas = b->beta + c;
    float *to = b->partial_sum + u * NL_LANES, *to_product = b->partial_product + u * NL_LANES;
    wide gamma[TILE], beta[TILE], dgamma[TILE], dbeta[TILE];
    UNROLL
    for (int v = 0; v < vectors; v++) {
        gamma[v] = take(gammas + v * NL_LANES, part, left);
        beta[v] = take(betas + v * NL_LANES, part, left);
        dgamma[v] = first == 0 ? wide_set(0.0f) : take(b->part_gamma + c + v * NL_LANES, part, left);
        dbeta[v] = first == 0 ? wide_set(0.0f) : take(b->part_beta + c + v * NL_LANES, part, left);
    }
    for (size_t row = first; row < end; row++) {
        wide grad[TILE], product[TILE];
        UNROLL
        for (int v = 0; v < vectors; v++) {
            size_t of_vector = (size_t)v * NL_LANES, affine = position * b->affine_step + of_vector;
            if (element) {
                gamma[v] = take(gammas + affine, part, left);
                beta[v] = take(betas + affine, part, left);
            }
            wide xhat = xhat_at(b, cut, at + of_vector, set, u, v, part, left, small);
            wide g = take(b->dy + at + of_vector, part, left);
            if (mask == NL_MASK_X)
                g = wide_where_positive(keep(wide_fused(xhat, gamma[v], beta[v]), part, left), g);
            if (mask == NL_MASK_Y) {
                g = wide_where_positive(take(b->y + at + of_vector, part, left), g);
                put(b->dresidual + at + of_vector, g, part, left);
            }
            if (element) {
                wide share = wide_mul(g, xhat);
                wide_accumulate(b->dgamma + c + affine, keep(share, part, left));
                wide_accumulate(b->dbeta + c + affine, g);
            } else {
                dgamma[v] = wide_fused(g, xhat, dgamma[v]);
                dbeta[v] = wide_add(dbeta[v], g);
            }
            grad[v] = wide_mul(g, gamma[v]);
            product[v] = wide_mul(grad[v], keep(xhat, part, left));
            if (keeps)
                put(b->dx + at + of_vector, grad[v], part, left);
        }
        put_sums(to, grad, vectors, small, more);
        put_sums(to_product, product, vectors, small, more);
        at += b->channels;
        set += b->sets;
        to += cut.units * NL_LANES;
        to_product += cut.units * NL_LANES;
        position = position + 1 < b->positions ? position + 1 : 0;
    }
    UNROLL
    for (int v = 0; v < vectors; v++) {
        put(b->part_gamma + c + v * NL_LANES, dgamma[v], part, left);
        put(b->part_beta + c + v * NL_LANES, dbeta[v], part, left);
    }
}

/* dx = rstd (dxhat - mean(dxhat) - xhat mean(dxhat xhat)). The means are stored with their sign turned. */
INLINE void row_dx_tile(const struct nl_cpu_block *b, struct cut cut, size_t first, size_t end, size_t c, size_t u, bool more, int vectors,
                        bool part, size_t left, bool small, bool centers)
{
    size_t at = first * b->channels + c, set = 0;
    (void)more;
    for (size_t row = first; row < end; row++) {
        UNROLL
        for (int v = 0; v < vectors; v++) {
            size_t of_vector = (size_t)v * NL_LANES;
            wide xhat = xhat_at(b, cut, at + of_vector, set, u, v, part, left, small), grad = take(b->dx + at + of_vector, part, left);
            if (centers)
                grad = wide_add(grad, of_set(b->set_sum + set, cut, small, u, v));
            grad = wide_fused(xhat, of_set(b->set_product + set, cut, small, u, v), grad);
            put(b->dx + at + of_vector, wide_mul(of_set(b->rstd + set, cut, small, u, v), grad), part, left);
        }
        at += b->channels;
        set += b->sets;
    }
}

#define OVER_SMALL_UNITS(b, cut, first, end, tile, ...)                                                                            \
    do {                                                                                                                           \
        for (; c + TILE * NL_LANES <= channels; c += TILE * NL_LANES)                                                              \
            tile((b), (cut), (first), (end), c, c / NL_LANES, false, TILE, false, NL_LANES, true, __VA_ARGS__);                    \
        for (; c + NL_LANES <= channels; c += NL_LANES)                                                                            \
            tile((b), (cut), (first), (end), c, c / NL_LANES, false, 1, false, NL_LANES, true, __VA_ARGS__);                       \
        if (c < channels)                                                                                                          \
            tile((b), (cut), (first), (end), c, c / NL_LANES, false, 1, true, channels - c, true, __VA_ARGS__);                    \
    } while (0)

#define OVER_ROW_TILES(b, cut, first, end, tile, ...)                                                                              \
    do {                                                                                                                           \
        size_t channels = (b)->channels, c = 0;                                                                                    \
        if ((cut).small && (cut).span == 8) /* a common width of groups, as a constant */                                          \
            OVER_SMALL_UNITS(b, ((struct cut){NL_LANES, 8, (cut).units, true}), first, end, tile, __VA_ARGS__);                    \
        else if ((cut).small)                                                                                                      \
            OVER_SMALL_UNITS(b, cut, first, end, tile, __VA_ARGS__);                                                               \
        for (size_t u = 0, from = 0, to = (cut).unit; !(cut).small && u < (cut).units; u++, from = to, to += (cut).unit) {         \
            for (; c + TILE * NL_LANES <= to; c += TILE * NL_LANES)                                                                \
                tile((b), (cut), (first), (end), c, u, c > from, TILE, false, NL_LANES, false, __VA_ARGS__);                       \
            for (; c + NL_LANES <= to; c += NL_LANES)                                                                              \
                tile((b), (cut), (first), (end), c, u, c > from, 1, false, NL_LANES, false, __VA_ARGS__);                          \
            if (c < to)                                                                                                            \
                tile((b), (cut), (first), (end), c, u, c > from, 1, true, to - c, false, __VA_ARGS__);                             \
            c = to;                                                                                                                \
        }                                                                                                                          \
    } while (0)

/* ---- passes: each is a function of its own, since together they would need too many registers ---- */

#define PASS TARGET static __attribute__((noinline)) void

PASS sums_of_rows(const struct nl_cpu_block *original, size_t first, size_t end)
{
    const struct nl_cpu_block block = *original, *b = &block; /* a copy: for all that the compiler knows, a store changes what is pointed to */
    struct cut cut = cut_of(b);
    OVER_ROW_TILES(b, cut, first, end, row_sums_tile, false);
}

PASS squares_of_rows(const struct nl_cpu_block *original, size_t first, size_t end)
{
    const struct nl_cpu_block block = *original, *b = &block;
    struct cut cut = cut_of(b);
    OVER_ROW_TILES(b, cut, first, end, row_sums_tile, true);
}

PASS apply_to_rows(const struct nl_cpu_block *original, size_t first, size_t end)
{
    const struct nl_cpu_block block = *original, *b = &block;
    struct cut cut = cut_of(b);
    if (b->relu && !b->residual && !b->affine_step)
        OVER_ROW_TILES(b, cut, first, end, row_apply_tile, true, false, false);
    else
        OVER_ROW_TILES(b, cut, first, end, row_apply_tile, b->relu, b->residual, b->affine_step > 0);
}

PASS gradients_of_rows(const struct nl_cpu_block *original, size_t first, size_t end)
{
    const struct nl_cpu_block block = *original, *b = &block;
    struct cut cut = cut_of(b);
    if (b->mask == NL_MASK_X && !b->affine_step && b->dx)
        OVER_ROW_TILES(b, cut, first, end, row_gradients_tile, NL_MASK_X, false, true);
    else
        OVER_ROW_TILES(b, cut, first, end, row_gradients_tile, b->mask, b->affine_step > 0, b->dx);
}

PASS dx_of_rows(const struct nl_cpu_block *original, size_t first, size_t end)
{
    const struct nl_cpu_block block = *original, *b = &block;
    struct cut cut = cut_of(b);
    OVER_ROW_TILES(b, cut, first, end, row_dx_tile, b->centers);
}

/* The sums of all sets from the partial ones, times `factor`. */
PASS fold_rows(const struct nl_cpu_block *b, size_t rows, const float *from, float factor, float *to)
{
    struct cut cut = cut_of(b);
    bool full = !cut.small || cut.units * (NL_LANES / cut.span) == b->sets; /* else a row's last unit could hold more sets than there are */
    size_t count = full ? rows * cut.units : cut.units;
    for (size_t row = 0; row < rows; row += full ? rows : 1, from += count * NL_LANES, to += b->sets)
        fold_units(from, count, cut.span, wide_set(factor), to);
}

INLINE size_t rows_from(const struct nl_cpu_block *b, size_t first)
{
    return b->rows - first < b->row_step ? b->rows - first : b->row_step;
}

TARGET static void row_forward(const struct nl_cpu_block *b)
{
    for (size_t first = 0, end; first < b->rows; first = end) {
        size_t rows = rows_from(b, first), sets = rows * b->sets, set = first * b->sets;
        end = first + rows;
        if (b->centers) {
            sums_of_rows(b, first, end);
            fold_rows(b, rows, b->partial_sum, 1.0f / (float)b->width, b->shift);
        } else {
            memset(b->shift, 0, (sets + NL_LANES) * sizeof *b->shift);
        }
        squares_of_rows(b, first, end);
        fold_rows(b, rows, b->partial_sum, 1.0f, b->set_sum);
        fold_rows(b, rows, b->partial_product, 1.0f, b->set_product);
        nl_cpu_row_moments(sets, b->width, b->centers, b->shift, b->set_sum, b->set_product, b->mean + set, b->var + set);
        nl_cpu_prepare_sets(sets, b->mean + set, b->var + set, b->eps, b->shift, b->mean_low, b->rstd);
        apply_to_rows(b, first, end);
    }
}

TARGET static void row_backward(const struct nl_cpu_block *b)
{
    for (size_t first = 0, end; first < b->rows; first = end) {
        size_t rows = rows_from(b, first), set = first * b->sets;
        end = first + rows;
        nl_cpu_prepare_sets(rows * b->sets, b->mean + set, b->var + set, b->eps, b->shift, b->mean_low, b->rstd);
        gradients_of_rows(b, first, end);
        if (!b->dx)
            continue;
        fold_rows(b, rows, b->partial_sum, -1.0f / (float)b->width, b->set_sum);
        fold_rows(b, rows, b->partial_product, -1.0f / (float)b->width, b->set_product);
        dx_of_rows(b, first, end);
    }
}
