/* The kernels of cells.h, for the vectors of the includer (vector_*.h). Each goes over the units of a sample, sixteen
 * at a time, `count` of them where fewer are left. Of the unit at `at` in the states (N, H) the gates are `width` apart
 * from `gate` on. */
#include "backend/cpu/cells.h"
#include "backend/cpu/wide_elementary.h"

/* NULL: zeros. */
INLINE wide get(const void *from, size_t at, size_t count)
{
    const float *place = from;
    return !place ? wide_set(0.0f) : count == NL_LANES ? wide_load(place + at) : wide_load_part(place + at, count);
}

INLINE void put(void *to, size_t at, wide v, size_t count)
{
    float *place = to;
    if (count == NL_LANES)
        wide_store(place + at, v);
    else
        wide_store_part(place + at, v, count);
}

/* y times the derivative of the logistic function where it is x; and of tanh. */
INLINE wide back_through_sigmoid(wide x, wide y)
{
    return wide_mul(y, wide_mul(x, wide_sub(wide_set(1.0f), x)));
}

INLINE wide back_through_tanh(wide x, wide y)
{
    return wide_mul(y, wide_sub(wide_set(1.0f), wide_mul(x, x)));
}

/* Defines a kernel: all units of samples [first, end). */
#define KERNEL(name, type, gates)                                                   \
    TARGET static void name(const void *operation, size_t first, size_t end)        \
    {                                                                               \
        const struct type op = *(const struct type *)operation;                     \
        size_t width = (size_t)op.width;                                            \
        for (size_t n = first; n < end; n++) {                                      \
            size_t u = 0;                                                           \
            for (; u + NL_LANES <= width; u += NL_LANES)                            \
                name##_units(&op, (gates) * n * width + u, n * width + u, NL_LANES); \
            if (u < width)                                                          \
                name##_units(&op, (gates) * n * width + u, n * width + u, width - u); \
        }                                                                           \
    }

/* ---- LSTM ---- */

INLINE wide lstm_sum(const struct nl_lstm_cell *op, size_t gate, size_t count)
{
    return wide_add(get(op->a, gate, count), get(op->b, gate, count));
}

INLINE void lstm_units(const struct nl_lstm_cell *op, size_t gate, size_t at, size_t count)
{
    size_t width = (size_t)op->width;
    wide i = wide_sigmoid(lstm_sum(op, gate, count)), f = wide_sigmoid(lstm_sum(op, gate + width, count));
    wide g = wide_tanh(lstm_sum(op, gate + 2 * width, count)), o = wide_sigmoid(lstm_sum(op, gate + 3 * width, count));
    wide after = wide_add(wide_mul(f, get(op->c, at, count)), wide_mul(i, g));
    put(op->gates, gate, i, count);
    put(op->gates, gate + width, f, count);
    put(op->gates, gate + 2 * width, g, count);
    put(op->gates, gate + 3 * width, o, count);
    put(op->after, at, after, count);
    put(op->out, at, op->opens ? o : wide_mul(o, wide_tanh(after)), count);
}

INLINE void put_both(const struct nl_lstm_cell *op, size_t gate, wide gradient, size_t count)
{
    put(op->da, gate, gradient, count);
    if (op->db != op->da)
        put(op->db, gate, gradient, count);
}

INLINE void lstm_back_units(const struct nl_lstm_cell *op, size_t gate, size_t at, size_t count)
{
    size_t width = (size_t)op->width;
    wide i = get(op->gates, gate, count), f = get(op->gates, gate + width, count),
         g = get(op->gates, gate + 2 * width, count);
    wide o = get(op->gates, gate + 3 * width, count), c = get(op->c, at, count);
    wide above = get(op->dout, at, count), cell = get(op->dafter, at, count), squashed = wide_set(1.0f);
    if (!op->opens) {
        squashed = wide_tanh(get(op->after, at, count));
        cell = wide_add(cell, back_through_tanh(squashed, wide_mul(above, o)));
    }
    put_both(op, gate, back_through_sigmoid(i, wide_mul(cell, g)), count);
    put_both(op, gate + width, back_through_sigmoid(f, wide_mul(cell, c)), count);
    put_both(op, gate + 2 * width, back_through_tanh(g, wide_mul(cell, i)), count);
    put_both(op, gate + 3 * width, back_through_sigmoid(o, wide_mul(above, squashed)), count);
    put(op->dc, at, wide_mul(cell, f), count);
}

KERNEL(lstm, nl_lstm_cell, 4)
KERNEL(lstm_back, nl_lstm_cell, 4)

/* ---- what an LSTM puts out of a normalized cell ---- */

INLINE void output_units(const struct nl_lstm_output *op, size_t gate, size_t at, size_t count)
{
    (void)gate;
    put(op->h, at, wide_mul(get(op->o, at, count), wide_tanh(get(op->c, at, count))), count);
}

INLINE void output_back_units(const struct nl_lstm_output *op, size_t gate, size_t at, size_t count)
{
    wide squashed = wide_tanh(get(op->c, at, count)), above = get(op->dh, at, count), o = get(op->o, at, count);
    (void)gate;
    put(op->d_o, at, wide_mul(above, squashed), count);
    put(op->dc, at, back_through_tanh(squashed, wide_mul(above, o)), count);
}

KERNEL(output, nl_lstm_output, 0)
KERNEL(output_back, nl_lstm_output, 0)

/* ---- GRU ---- */

INLINE void gru_units(const struct nl_gru_cell *op, size_t gate, size_t at, size_t count)
{
    size_t width = (size_t)op->width;
    wide r = wide_sigmoid(wide_add(get(op->a, gate, count), get(op->b, gate, count)));
    wide z = wide_sigmoid(wide_add(get(op->a, gate + width, count), get(op->b, gate + width, count)));
    wide n = wide_tanh(wide_add(get(op->a, gate + 2 * width, count), wide_mul(r, get(op->b, gate + 2 * width, count))));
    put(op->gates, gate, r, count);
    put(op->gates, gate + width, z, count);
    put(op->gates, gate + 2 * width, n, count);
    put(op->after, at, wide_add(wide_mul(wide_sub(wide_set(1.0f), z), n), wide_mul(z, get(op->h, at, count))), count);
}

INLINE void gru_back_units(const struct nl_gru_cell *op, size_t gate, size_t at, size_t count)
{
    size_t width = (size_t)op->width;
    wide r = get(op->gates, gate, count), z = get(op->gates, gate + width, count),
         n = get(op->gates, gate + 2 * width, count);
    wide above = get(op->dafter, at, count);
    wide dn = back_through_tanh(n, wide_mul(above, wide_sub(wide_set(1.0f), z)));
    wide dr = back_through_sigmoid(r, wide_mul(dn, get(op->b, gate + 2 * width, count)));
    wide dz = back_through_sigmoid(z, wide_mul(above, wide_sub(get(op->h, at, count), n)));
    put(op->da, gate, dr, count);
    put(op->da, gate + width, dz, count);
    put(op->da, gate + 2 * width, dn, count);
    put(op->db, gate, dr, count);
    put(op->db, gate + width, dz, count);
    put(op->db, gate + 2 * width, wide_mul(dn, r), count);
    put(op->dh, at, wide_mul(above, z), count);
}

KERNEL(gru, nl_gru_cell, 3)
KERNEL(gru_back, nl_gru_cell, 3)
