/* Kernels of block.h for a few rows of whole vectors: what the others leave in working arrays between their passes, these keep in registers. The
 * arithmetic of rows is that of block_rows.h, to the bit: a row does not depend on how many there are. Sums down columns are no longer than those
 * that block_columns.h has in float before it joins them in double. */
#include "backend/cpu/block_sets.h"

/* The channels [c, c + 16) of a row, whose sets are columns. */
INLINE wide column_of(const float *x, const struct nl_cpu_few *f, size_t row, size_t c)
{
    return wide_load(x + row * f->channels + c);
}

/* In two chains, as block_columns.h has it: the sums of t and t^2 or, where there is a gradient, of g and g t. */
INLINE void sum_columns(const struct nl_cpu_few *f, size_t c, wide shift, wide scale, wide offset, bool gradients, wide *sum_of, wide *product_of)
{
    wide sum[CHAINS], product[CHAINS];
    UNROLL
    for (int chain = 0; chain < CHAINS; chain++)
        sum[chain] = product[chain] = wide_set(0.0f);
    for (size_t first = 0; first < f->rows; first += CHAINS)
        UNROLL
        for (size_t chain = 0; chain < CHAINS; chain++) {
            if (chain > 0 && first + chain == f->rows)
                break;
            wide t = wide_sub(column_of(f->x, f, first + chain, c), shift), g = t;
            if (gradients) {
                g = column_of(f->dy, f, first + chain, c);
                g = f->relu ? wide_where_positive(wide_fused(t, scale, offset), g) : g;
            }
            sum[chain] = wide_add(sum[chain], g);
            product[chain] = wide_fused(g, t, product[chain]);
        }
    *sum_of = wide_add(sum[0], sum[1]);
    *product_of = wide_add(product[0], product[1]);
}

/* x around a first guess says where the mean is to its last digit, and x around that how far off it is: of so few rows float has sums to spare. */
INLINE void column_moments(const struct nl_cpu_few *f, size_t c, double *mean, double *var)
{
    wide inverse = wide_set(1.0f / (float)f->rows), shift = column_of(f->x, f, 0, c), off = wide_set(0.0f), sum, squares;
    for (size_t row = 1; row < f->rows; row++)
        off = wide_add(off, wide_sub(column_of(f->x, f, row, c), shift));
    shift = wide_add(shift, wide_mul(off, inverse));
    sum_columns(f, c, shift, shift, shift, false, &sum, &squares);
    wide left = wide_mul(sum, inverse);
    wide_put_doubles(mean, shift);
    wide_join(mean, left);
    wide_put_doubles(var, wide_relu(wide_mul(wide_sub(squares, wide_mul(left, sum)), inverse)));
}

/* What columns are normalized with. */
struct column {
    wide shift, rest, rstd, scale, offset;
};

INLINE struct column column_from(const struct nl_cpu_few *f, size_t c, const double *mean, const double *var)
{
    float shift[NL_LANES], rest[NL_LANES], rstd[NL_LANES];
    nl_sets_prepare(NL_LANES, mean, var, f->eps, shift, rest, rstd);
    struct column column = {.shift = wide_load(shift), .rest = wide_load(rest), .rstd = wide_load(rstd)};
    column.scale = scale_of(column.rstd, f->gamma + c, false, NL_LANES);
    column.offset = offset_of(column.rest, column.scale, f->beta + c, false, NL_LANES);
    return column;
}

TARGET static void few_columns_forward(const struct nl_cpu_few *original)
{
    const struct nl_cpu_few few = *original, *f = &few; /* a copy: for all that the compiler knows, a store changes what is pointed to */
    for (size_t c = 0; c < f->channels; c += NL_LANES) {
        double mean[NL_LANES], var[NL_LANES];
        column_moments(f, c, mean, var);
        memcpy(f->mean + c, mean, sizeof mean);
        memcpy(f->var + c, var, sizeof var);
        struct column column = column_from(f, c, mean, var);
        for (size_t row = 0; row < f->rows; row++) {
            wide value = wide_fused(wide_sub(column_of(f->x, f, row, c), column.shift), column.scale, column.offset);
            wide_store(f->y + row * f->channels + c, f->relu ? wide_relu(value) : value);
        }
    }
}

/* dx = g scale + (t slope + level), as block.c has it. */
TARGET static void few_columns_backward(const struct nl_cpu_few *original)
{
    const struct nl_cpu_few few = *original, *f = &few;
    wide inverse = wide_set(1.0f / (float)f->rows), zero = wide_set(0.0f);
    for (size_t c = 0; c < f->channels; c += NL_LANES) {
        struct column column = column_from(f, c, f->mean + c, f->var + c);
        wide sum, product;
        sum_columns(f, c, column.shift, column.scale, column.offset, true, &sum, &product);
        wide left = wide_sub(product, wide_mul(column.rest, sum));
        wide_store(f->dgamma + c, wide_mul(left, column.rstd));
        wide_store(f->dbeta + c, sum);
        wide minus = wide_mul(wide_mul(column.rstd, column.rstd), wide_mul(inverse, wide_mul(left, column.scale)));
        wide slope = wide_sub(zero, minus), level = wide_sub(wide_mul(column.rest, minus), wide_mul(inverse, wide_mul(sum, column.scale)));
        for (size_t row = 0; f->dx && row < f->rows; row++) {
            wide t = wide_sub(column_of(f->x, f, row, c), column.shift), g = column_of(f->dy, f, row, c);
            if (f->relu)
                g = wide_where_positive(wide_fused(t, column.scale, column.offset), g);
            wide_store(f->dx + row * f->channels + c, wide_add(wide_mul(g, column.scale), wide_fused(t, slope, level)));
        }
    }
}

/* ---- sets of one row of `vectors` vectors: all of it or, where they are `small`, `span` channels each ---- */

enum { SETS = NL_LANES + NL_ROOM }; /* of a row, with the room that wide_spread asks for */

/* The sums of a row's sets, side by side as these are. */
INLINE wide fold_row(const wide *row, int vectors, bool small, size_t span)
{
    wide v[TILE];
    int count = small ? vectors : 1;
    v[0] = small || vectors == 1 ? row[0] : vectors == 2 ? wide_add(row[0], row[1]) : wide_add(wide_add(row[0], row[1]), wide_add(row[2], row[3]));
    UNROLL
    for (int i = 1; i < count; i++)
        v[i] = row[i];
    return fold_vectors(v, count, span);
}

/* What vector v takes of the numbers of the row's sets. */
INLINE wide of_sets(const float *sets, bool small, size_t span, int v)
{
    return small ? wide_spread(sets + (size_t)v * (NL_LANES / span), span) : wide_set(sets[0]);
}

/* xhat of a row, from what nl_sets_prepare says of its sets. */
INLINE void normalize_row(const float *x, int vectors, bool small, size_t span, const float *shift, const float *rest, const float *rstd, wide *xhat)
{
    UNROLL
    for (int v = 0; v < vectors; v++) {
        wide t = wide_sub(wide_load(x + v * NL_LANES), of_sets(shift, small, span, v));
        xhat[v] = wide_mul(wide_sub(t, of_sets(rest, small, span, v)), of_sets(rstd, small, span, v));
    }
}

INLINE wide beta_of(const struct nl_cpu_few *f, int v)
{
    return f->beta ? wide_load(f->beta + v * NL_LANES) : wide_set(0.0f);
}

INLINE void rows_forward(const struct nl_cpu_few *f, int vectors, bool small, size_t span)
{
    size_t sets = small ? (size_t)vectors * NL_LANES / span : 1, width = small ? span : (size_t)vectors * NL_LANES;
    for (size_t row = 0; row < f->rows; row++) {
        const float *x = f->x + row * f->channels;
        float shift[SETS], sum[SETS], squares[SETS], rest[SETS], rstd[SETS];
        double mean[NL_LANES], var[NL_LANES];
        wide t[TILE], square[TILE], xhat[TILE];
        UNROLL
        for (int v = 0; v < vectors; v++)
            t[v] = wide_load(x + v * NL_LANES);
        wide_store(shift, f->centers ? wide_mul(fold_row(t, vectors, small, span), wide_set(1.0f / (float)width)) : wide_set(0.0f));
        UNROLL
        for (int v = 0; v < vectors; v++) {
            t[v] = wide_sub(t[v], of_sets(shift, small, span, v));
            square[v] = wide_mul(t[v], t[v]);
        }
        wide_store(sum, fold_row(t, vectors, small, span));
        wide_store(squares, fold_row(square, vectors, small, span));
        nl_sets_moments(sets, width, f->centers, shift, sum, squares, mean, var);
        memcpy(f->mean + row * sets, mean, sets * sizeof *mean);
        memcpy(f->var + row * sets, var, sets * sizeof *var);
        nl_sets_prepare(sets, mean, var, f->eps, shift, rest, rstd);
        normalize_row(x, vectors, small, span, shift, rest, rstd, xhat);
        UNROLL
        for (int v = 0; v < vectors; v++) {
            wide value = wide_fused(xhat[v], wide_load(f->gamma + v * NL_LANES), beta_of(f, v));
            wide_store(f->y + row * f->channels + v * NL_LANES, f->relu ? wide_relu(value) : value);
        }
    }
}

INLINE void rows_backward(const struct nl_cpu_few *f, int vectors, bool small, size_t span)
{
    size_t sets = small ? (size_t)vectors * NL_LANES / span : 1, width = small ? span : (size_t)vectors * NL_LANES;
    wide dgamma[TILE], dbeta[TILE], minus = wide_set(-1.0f / (float)width);
    UNROLL
    for (int v = 0; v < vectors; v++)
        dgamma[v] = dbeta[v] = wide_set(0.0f);
    for (size_t row = 0; row < f->rows; row++) {
        size_t at = row * f->channels;
        float shift[SETS], rest[SETS], rstd[SETS], sum[SETS], products[SETS];
        wide xhat[TILE], grad[TILE], product[TILE];
        nl_sets_prepare(sets, f->mean + row * sets, f->var + row * sets, f->eps, shift, rest, rstd);
        normalize_row(f->x + at, vectors, small, span, shift, rest, rstd, xhat);
        UNROLL
        for (int v = 0; v < vectors; v++) {
            wide g = wide_load(f->dy + at + v * NL_LANES), gamma = wide_load(f->gamma + v * NL_LANES);
            if (f->relu)
                g = wide_where_positive(wide_fused(xhat[v], gamma, beta_of(f, v)), g);
            dgamma[v] = wide_fused(g, xhat[v], dgamma[v]);
            dbeta[v] = wide_add(dbeta[v], g);
            grad[v] = wide_mul(g, gamma);
            product[v] = wide_mul(grad[v], xhat[v]);
        }
        if (!f->dx)
            continue;
        wide_store(sum, wide_mul(fold_row(grad, vectors, small, span), minus));
        wide_store(products, wide_mul(fold_row(product, vectors, small, span), minus));
        UNROLL
        for (int v = 0; v < vectors; v++) {
            if (f->centers)
                grad[v] = wide_add(grad[v], of_sets(sum, small, span, v));
            wide dx = wide_mul(of_sets(rstd, small, span, v), wide_fused(xhat[v], of_sets(products, small, span, v), grad[v]));
            wide_store(f->dx + at + v * NL_LANES, dx);
        }
    }
    UNROLL
    for (int v = 0; v < vectors; v++) {
        wide_store(f->dgamma + v * NL_LANES, dgamma[v]);
        if (f->dbeta)
            wide_store(f->dbeta + v * NL_LANES, dbeta[v]);
    }
}

/* Calls function(f, ...) with the shape of a row as constants. */
#define OF_ROW(function, f, vectors)                                         \
    do {                                                                     \
        if ((f)->width == (f)->channels && (f)->width > NL_LANES)            \
            function(f, vectors, false, NL_LANES);                           \
        else if ((f)->width == 16)                                           \
            function(f, vectors, true, 16);                                  \
        else if ((f)->width == 8)                                            \
            function(f, vectors, true, 8);                                   \
        else                                                                 \
            function(f, vectors, true, 4);                                   \
    } while (0)

TARGET static void few_rows_forward(const struct nl_cpu_few *original)
{
    const struct nl_cpu_few few = *original, *f = &few;
    if (f->channels == 4 * NL_LANES)
        OF_ROW(rows_forward, f, 4);
    else
        OF_ROW(rows_forward, f, 2);
}

TARGET static void few_rows_backward(const struct nl_cpu_few *original)
{
    const struct nl_cpu_few few = *original, *f = &few;
    if (f->channels == 4 * NL_LANES)
        OF_ROW(rows_backward, f, 4);
    else
        OF_ROW(rows_backward, f, 2);
}
