/* Kernels of block.h for a few rows of whole vectors: what the others leave in working arrays between their passes, these keep in registers or, where
 * rows are sets, fold before they leave it. The arithmetic of rows is that of block_rows.h, to the bit: a row does not depend on how many there are.
 * Sums down columns are no longer than those that block_columns.h has in float before it accumulates them in double. */
#include "backend/cpu/block_sets.h"

/* The channels [c, c + 16) of a row, whose sets are columns. */
INLINE wide column_of(const float *x, const struct nl_cpu_small_batch *f, size_t row, size_t c)
{
    return wide_load(x + row * f->channels + c);
}

/* In two chains, as block_columns.h has it: the sums of t and t^2 or, where there is a gradient, of g and g t. */
INLINE void sum_columns(const struct nl_cpu_small_batch *f, size_t c, wide shift, wide scale, wide offset, bool gradients, wide *sum_of, wide *product_of)
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

/* x around the first row gives the mean to the last digit of a float. x around that gives its low part, and the variance. Float sums of so few rows
 * lose nothing that matters. */
INLINE void column_moments(const struct nl_cpu_small_batch *f, size_t c, double *mean, double *var)
{
    wide inverse = wide_set(1.0f / (float)f->rows), shift = column_of(f->x, f, 0, c), off = wide_set(0.0f), sum, squares;
    for (size_t row = 1; row < f->rows; row++)
        off = wide_add(off, wide_sub(column_of(f->x, f, row, c), shift));
    shift = wide_add(shift, wide_mul(off, inverse));
    sum_columns(f, c, shift, shift, shift, false, &sum, &squares);
    wide left = wide_mul(sum, inverse);
    wide_put_doubles(mean, shift);
    wide_accumulate(mean, left);
    wide_put_doubles(var, wide_relu(wide_mul(wide_sub(squares, wide_mul(left, sum)), inverse)));
}

/* What columns are normalized with. */
struct column {
    wide shift, mean_low, rstd, scale, offset;
};

INLINE struct column column_from(const struct nl_cpu_small_batch *f, size_t c, const double *mean, const double *var)
{
    float shift[NL_LANES], mean_low[NL_LANES], rstd[NL_LANES];
    nl_sets_prepare(NL_LANES, mean, var, f->eps, shift, mean_low, rstd);
    struct column column = {.shift = wide_load(shift), .mean_low = wide_load(mean_low), .rstd = wide_load(rstd)};
    column.scale = scale_of(column.rstd, f->gamma + c, false, NL_LANES);
    column.offset = offset_of(column.mean_low, column.scale, f->beta + c, false, NL_LANES);
    return column;
}

TARGET static void small_columns_forward(const struct nl_cpu_small_batch *original)
{
    const struct nl_cpu_small_batch small = *original, *f = &small; /* a copy: for all that the compiler knows, a store changes what is pointed to */
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

/* dx = g scale + (t dx_slope + dx_bias), as block.c has it. */
TARGET static void small_columns_backward(const struct nl_cpu_small_batch *original)
{
    const struct nl_cpu_small_batch small = *original, *f = &small;
    wide inverse = wide_set(1.0f / (float)f->rows), zero = wide_set(0.0f);
    for (size_t c = 0; c < f->channels; c += NL_LANES) {
        struct column column = column_from(f, c, f->mean + c, f->var + c);
        wide sum, product;
        sum_columns(f, c, column.shift, column.scale, column.offset, true, &sum, &product);
        wide left = wide_sub(product, wide_mul(column.mean_low, sum));
        wide_store(f->dgamma + c, wide_mul(left, column.rstd));
        wide_store(f->dbeta + c, sum);
        wide minus = wide_mul(wide_mul(column.rstd, column.rstd), wide_mul(inverse, wide_mul(left, column.scale)));
        wide dx_slope = wide_sub(zero, minus), dx_bias = wide_sub(wide_mul(column.mean_low, minus), wide_mul(inverse, wide_mul(sum, column.scale)));
        for (size_t row = 0; f->dx && row < f->rows; row++) {
            wide t = wide_sub(column_of(f->x, f, row, c), column.shift), g = column_of(f->dy, f, row, c);
            if (f->relu)
                g = wide_where_positive(wide_fused(t, column.scale, column.offset), g);
            wide_store(f->dx + row * f->channels + c, wide_add(wide_mul(g, column.scale), wide_fused(t, dx_slope, dx_bias)));
        }
    }
}

/* ---- sets of one row ---- */

/* A row's shape, as constants: so many vectors, whose channels are one set or, where sets are `small`, several of `span` channels. */
struct row_shape {
    int vectors, at_once;
    size_t span, sets, width;
    bool small;
};

/* The lanes of several rows are folded at once: of as many rows as one vector can hold the sums of. */
INLINE struct row_shape row_shape(int vectors, bool small, size_t span)
{
    size_t channels = (size_t)vectors * NL_LANES, sets = small ? channels / span : 1;
    return (struct row_shape){vectors, sets * TILE <= NL_LANES ? TILE : (int)(NL_LANES / sets), span, sets, channels / sets, small};
}

/* Calls some(f, shape, first, rows, ...) for all rows of f. */
#define OVER_ROWS(f, shape, some, ...)                                           \
    do {                                                                         \
        size_t row = 0;                                                          \
        for (; row + (size_t)(shape).at_once <= (f)->rows; row += (size_t)(shape).at_once) \
            some((f), (shape), row, (shape).at_once, __VA_ARGS__);               \
        for (; row < (f)->rows; row++)                                           \
            some((f), (shape), row, 1, __VA_ARGS__);                             \
    } while (0)

/* Folds the lanes of some rows to the sums of their sets, side by side as the sets are. Two vectors are folded as soon as both hold equally many sums:
 * registers could not hold them all until the end. */
enum { LEVELS = 4 }; /* at which sixteen lanes become one */
struct folding {
    wide waiting[LEVELS + 1];
    int count;
};

INLINE void fold_vector(struct folding *folding, struct row_shape shape, wide x)
{
    int level = 0;
    UNROLL
    for (; level < LEVELS; level++) {
        if (!(folding->count >> level & 1))
            break;
        x = wide_fold(folding->waiting[level], x, shape.span >> (level + 1));
    }
    folding->waiting[level] = x;
    folding->count++;
}

INLINE void fold_row(struct folding *folding, struct row_shape shape, const wide x[TILE])
{
    if (!shape.small) {
        fold_vector(folding, shape, shape.vectors == 2 ? wide_add(x[0], x[1]) : wide_add(wide_add(x[0], x[1]), wide_add(x[2], x[3])));
        return;
    }
    UNROLL
    for (int v = 0; v < shape.vectors; v++)
        fold_vector(folding, shape, x[v]);
}

/* Of vectors in a power of two, at most a span. */
INLINE wide folded(const struct folding *folding, struct row_shape shape)
{
    int top = __builtin_ctz((unsigned)folding->count);
    wide x = folding->waiting[top];
    UNROLL
    for (int level = 0; level < LEVELS; level++)
        if (level >= top && shape.span >> (level + 1) > 0)
            x = wide_fold(x, x, shape.span >> (level + 1));
    return x;
}

/* What vector v of a row takes of the numbers of its sets, and those of later rows. */
INLINE wide of_sets(const float *sets, struct row_shape shape, size_t row, int v)
{
    sets += row * shape.sets;
    return shape.small ? wide_spread(sets + (size_t)v * (NL_LANES / shape.span), shape.span) : wide_set(sets[0]);
}

/* Of all rows, with the padding that wide_spread asks for. */
enum { SETS = NL_SMALL_BATCH_OF_ROWS * NL_LANES + NL_PADDING };
struct row_sets {
    float shift[SETS], mean_low[SETS], rstd[SETS];
    float sum[SETS], product[SETS];
};

/* The place of vector v of a row. */
INLINE size_t place(struct row_shape shape, size_t row, int v)
{
    return (row * (size_t)shape.vectors + (size_t)v) * NL_LANES;
}

INLINE void guess_rows(const struct nl_cpu_small_batch *f, struct row_shape shape, size_t first, int rows, struct row_sets *sets)
{
    struct folding sum = {.count = 0};
    UNROLL
    for (int r = 0; r < rows; r++) {
        wide x[TILE];
        UNROLL
        for (int v = 0; v < shape.vectors; v++)
            x[v] = wide_load(f->x + place(shape, first + (size_t)r, v));
        fold_row(&sum, shape, x);
    }
    wide_store(sets->shift + first * shape.sets, wide_mul(folded(&sum, shape), wide_set(1.0f / (float)shape.width)));
}

/* The sums of t and t^2. */
INLINE void sum_rows(const struct nl_cpu_small_batch *f, struct row_shape shape, size_t first, int rows, struct row_sets *sets)
{
    struct folding sum = {.count = 0}, squares = {.count = 0};
    UNROLL
    for (int r = 0; r < rows; r++) {
        size_t row = first + (size_t)r;
        wide t[TILE], square[TILE];
        UNROLL
        for (int v = 0; v < shape.vectors; v++) {
            t[v] = wide_sub(wide_load(f->x + place(shape, row, v)), of_sets(sets->shift, shape, row, v));
            square[v] = wide_mul(t[v], t[v]);
        }
        fold_row(&sum, shape, t);
        fold_row(&squares, shape, square);
    }
    wide_store(sets->sum + first * shape.sets, folded(&sum, shape));
    wide_store(sets->product + first * shape.sets, folded(&squares, shape));
}

INLINE wide normalized(const struct nl_cpu_small_batch *f, struct row_shape shape, size_t row, int v, const struct row_sets *sets)
{
    wide t = wide_sub(wide_load(f->x + place(shape, row, v)), of_sets(sets->shift, shape, row, v));
    return wide_mul(wide_sub(t, of_sets(sets->mean_low, shape, row, v)), of_sets(sets->rstd, shape, row, v));
}

/* gamma and beta of a row, in registers. */
struct affine {
    wide gamma[TILE], beta[TILE];
};

INLINE struct affine affine_of(const struct nl_cpu_small_batch *f, struct row_shape shape)
{
    struct affine affine;
    UNROLL
    for (int v = 0; v < shape.vectors; v++) {
        affine.gamma[v] = wide_load(f->gamma + v * NL_LANES);
        affine.beta[v] = f->beta ? wide_load(f->beta + v * NL_LANES) : wide_set(0.0f);
    }
    return affine;
}

INLINE void apply_rows(const struct nl_cpu_small_batch *f, struct row_shape shape, const struct row_sets *sets, bool relu)
{
    struct affine affine = affine_of(f, shape);
    for (size_t row = 0; row < f->rows; row++)
        UNROLL
        for (int v = 0; v < shape.vectors; v++) {
            wide value = wide_fused(normalized(f, shape, row, v, sets), affine.gamma[v], affine.beta[v]);
            wide_store(f->y + place(shape, row, v), relu ? wide_relu(value) : value);
        }
}

INLINE void rows_forward(const struct nl_cpu_small_batch *f, struct row_shape shape)
{
    struct row_sets sets;
    size_t count = f->rows * shape.sets;
    if (f->centers)
        OVER_ROWS(f, shape, guess_rows, &sets);
    else
        memset(sets.shift, 0, (count + NL_PADDING) * sizeof *sets.shift);
    OVER_ROWS(f, shape, sum_rows, &sets);
    nl_sets_moments(count, shape.width, f->centers, sets.shift, sets.sum, sets.product, f->mean, f->var);
    nl_sets_prepare(count, f->mean, f->var, f->eps, sets.shift, sets.mean_low, sets.rstd);
    if (f->relu)
        apply_rows(f, shape, &sets, true);
    else
        apply_rows(f, shape, &sets, false);
}

/* The means of dxhat and dxhat xhat, with their sign turned. dxhat waits in the place of dx, and xhat of small sets, whose numbers take a while to
 * spread, in `xhats`. */
INLINE void gradients_of_some(const struct nl_cpu_small_batch *f, struct row_shape shape, size_t first, int rows, struct row_sets *sets, float *xhats, bool relu,
                              const struct affine *affine, wide dgamma[TILE], wide dbeta[TILE])
{
    struct folding sum = {.count = 0}, products = {.count = 0};
    float *grads = f->dx ? f->dx : xhats; /* which nobody reads then */
    wide minus = wide_set(-1.0f / (float)shape.width);
    UNROLL
    for (int r = 0; r < rows; r++) {
        size_t row = first + (size_t)r;
        wide grad[TILE], product[TILE];
        UNROLL
        for (int v = 0; v < shape.vectors; v++) {
            size_t at = place(shape, row, v);
            wide xhat = normalized(f, shape, row, v, sets), g = wide_load(f->dy + at);
            if (relu)
                g = wide_where_positive(wide_fused(xhat, affine->gamma[v], affine->beta[v]), g);
            dgamma[v] = wide_fused(g, xhat, dgamma[v]);
            dbeta[v] = wide_add(dbeta[v], g);
            grad[v] = wide_mul(g, affine->gamma[v]);
            product[v] = wide_mul(grad[v], xhat);
            wide_store(grads + at, grad[v]);
            if (shape.small)
                wide_store(xhats + at, xhat);
        }
        fold_row(&sum, shape, grad);
        fold_row(&products, shape, product);
    }
    wide_store(sets->sum + first * shape.sets, wide_mul(folded(&sum, shape), minus));
    wide_store(sets->product + first * shape.sets, wide_mul(folded(&products, shape), minus));
}

INLINE void gradients_of_all(const struct nl_cpu_small_batch *f, struct row_shape shape, struct row_sets *sets, float *xhats, bool relu)
{
    struct affine affine = affine_of(f, shape);
    wide dgamma[TILE], dbeta[TILE];
    UNROLL
    for (int v = 0; v < shape.vectors; v++)
        dgamma[v] = dbeta[v] = wide_set(0.0f);
    OVER_ROWS(f, shape, gradients_of_some, sets, xhats, relu, &affine, dgamma, dbeta);
    UNROLL
    for (int v = 0; v < shape.vectors; v++) {
        wide_store(f->dgamma + v * NL_LANES, dgamma[v]);
        if (f->dbeta)
            wide_store(f->dbeta + v * NL_LANES, dbeta[v]);
    }
}

INLINE void dx_of_all(const struct nl_cpu_small_batch *f, struct row_shape shape, const struct row_sets *sets, const float *xhats, bool centers)
{
    for (size_t row = 0; row < f->rows; row++)
        UNROLL
        for (int v = 0; v < shape.vectors; v++) {
            size_t at = place(shape, row, v);
            wide grad = wide_load(f->dx + at), xhat = shape.small ? wide_load(xhats + at) : normalized(f, shape, row, v, sets);
            if (centers)
                grad = wide_add(grad, of_sets(sets->sum, shape, row, v));
            grad = wide_fused(xhat, of_sets(sets->product, shape, row, v), grad);
            wide_store(f->dx + at, wide_mul(of_sets(sets->rstd, shape, row, v), grad));
        }
}

INLINE void rows_backward(const struct nl_cpu_small_batch *f, struct row_shape shape)
{
    struct row_sets sets;
    float xhats[NL_SMALL_BATCH_OF_ROWS * TILE * NL_LANES];
    nl_sets_prepare(f->rows * shape.sets, f->mean, f->var, f->eps, sets.shift, sets.mean_low, sets.rstd);
    if (f->relu)
        gradients_of_all(f, shape, &sets, xhats, true);
    else
        gradients_of_all(f, shape, &sets, xhats, false);
    if (f->dx && f->centers)
        dx_of_all(f, shape, &sets, xhats, true);
    else if (f->dx)
        dx_of_all(f, shape, &sets, xhats, false);
}

/* Calls function(f, shape) with the shape of a row as constants. */
#define OF_ROW(function, f, vectors)                                         \
    do {                                                                     \
        if ((f)->width == (f)->channels && (f)->width > NL_LANES)            \
            function(f, row_shape(vectors, false, NL_LANES));                \
        else if ((f)->width == 16)                                           \
            function(f, row_shape(vectors, true, 16));                       \
        else if ((f)->width == 8)                                            \
            function(f, row_shape(vectors, true, 8));                        \
        else                                                                 \
            function(f, row_shape(vectors, true, 4));                        \
    } while (0)

/* The same, with the number of rows as a constant too where it is one. */
#define OF_ROWS(function, original)                                          \
    do {                                                                     \
        struct nl_cpu_small_batch small = *(original);                                 \
        if (small.channels == 2 * NL_LANES) {                                  \
            OF_ROW(function, &small, 2);                                       \
        } else if (small.rows > 1) {                                           \
            OF_ROW(function, &small, 4);                                       \
        } else {                                                             \
            small.rows = 1;                                                    \
            OF_ROW(function, &small, 4);                                       \
        }                                                                    \
    } while (0)

TARGET static void small_rows_forward(const struct nl_cpu_small_batch *original)
{
    OF_ROWS(rows_forward, original);
}

TARGET static void small_rows_backward(const struct nl_cpu_small_batch *original)
{
    OF_ROWS(rows_backward, original);
}
