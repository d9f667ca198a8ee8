#ifndef NL_OPERATION_ATTENTION_H
#define NL_OPERATION_ATTENTION_H

#include "operation/lengths.h"
#include "operation/operation.h"

/* Multi-head attention (Vaswani et al. 2017, equation 1): torch.nn.functional.scaled_dot_product_attention of each
 * head, over its C / heads channels.
 *
 *     y[t] = sum over s of P[t, s] v[s],     P[t, .] = softmax over s of q[t] k[s] / sqrt(C / heads)
 *
 * s goes over the positions that count, 0 .. lengths[n] - 1; `causal`: over 0 .. t alone. y is 0 at positions that do
 * not count.
 *
 * rotary: q and k are turned by their position first (Su et al. 2021, equation 34). The channels 2 i and 2 i + 1 of a
 * head are turned by the angle s 10000^(-2 i / (C / heads)); the number of channels of a head is even.
 *
 * drops: P is dropped as in struct nl_dropout, after the softmax; element number ((n heads + h) S + t) S + s of the
 * stream.
 *
 * Backward, with dP[t, s] = dy[t] v[s] (dropped as P was) and a score's gradient dZ[t, s] = P[t, s] (dP[t, s] - sum
 * over u of P[t, u] dP[t, u]):
 *
 *     dq[t] = sum over s of dZ[t, s] k[s] / sqrt(C / heads)     dk[s] = sum over t of dZ[t, s] q[t] / sqrt(C / heads)
 * dv[s] = sum over t of P[t, s] dy[t]
 *
 * q, k and v are three values of C channels, or one of 3 C, q | k | v (GPT-2's c_attn). Where they are three, q and k
 * may have another shape with as many numbers (operation/split.h); v says how many positions there are. */
struct nl_attention {
    int heads;
    bool causal, rotary, drops;
    struct nl_override p;          /* of dropout, where the node has its own */
    int positions, channels;       /* S, C */
    const void *x[3];              /* real (capacity, S, C) each; or the first (capacity, S, 3 C), the others NULL */
    const int32_t *lengths;        /* (capacity), or NULL: all positions count */
    const uint32_t *key;           /* (2) struct nl_stream of the node; drops */
    const struct nl_hyper *hyper;
    void *y;                       /* real (capacity, S, C) */
    void *log_sum; /* statistics (capacity, heads, S): the logarithm of a softmax's denominator, that backward need not
                      sum again; of backends that want it. NULL: there is no backward pass */
    const void *dy;
    void *dx[3];                   /* as x */
};

enum { NL_ATTENTION_Q, NL_ATTENTION_K, NL_ATTENTION_V, NL_ATTENTION_LENGTHS, NL_ATTENTION_SLOTS };

/* Numbers from one position to the next in each of x. */
static inline NL_EVERYWHERE size_t nl_attention_line(const struct nl_attention *op)
{
    return (size_t)op->channels * (op->x[1] ? 1 : 3);
}

/* Where q, k or v begins in x or dx: place `part`, or `part` times C numbers after the first. */
static inline NL_EVERYWHERE const void *nl_attention_part(const struct nl_attention *op, const void *const *place,
                                                          int part, size_t real)
{
    return op->x[1] ? place[part] : (const char *)place[0] + (size_t)part * (size_t)op->channels * real;
}

/* How many positions, from 0 on, position t of a sample of that length attends to. */
static inline NL_EVERYWHERE int nl_attention_reach(const struct nl_attention *op, int t, int length)
{
    return t >= length ? 0 : op->causal ? t + 1 : length;
}

extern const struct nl_operation nl_attention_operation;

#endif
