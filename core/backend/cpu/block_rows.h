/* Kernels of block.h whose sums run along the rows. A row is cut into units of `unit` channels: a set each of sixteen channels or more
 * or of a width that does not divide sixteen; else sixteen channels with several sets of `span` channels beside each other. Where there is
 * one set in a unit its numbers are in all lanes, and span is 16. */

struct cut {
    size_t span, unit;
    bool whole; /* units are full vectors, the last one too */
};

INLINE struct cut cut_of(const struct nl_cpu_block *b)
{
    bool several = b->width < NL_LANES && NL_LANES % b->width == 0;
    size_t unit = several ? NL_LANES : b->width;
    return (struct cut){several ? b->width : NL_LANES, unit, unit % NL_LANES == 0 && b->channels % unit == 0};
}

/* The end of the unit that begins at channel c. */
INLINE size_t end_of(struct cut cut, size_t c, size_t channels)
{
    return cut.whole || c + cut.unit < channels ? c + cut.unit : channels;
}

INLINE size_t sets_in(struct cut cut, size_t channels)
{
    return cut.span == NL_LANES ? 1 : channels / cut.span;
}

INLINE wide take_some(const float *from, size_t left)
{
    return left < NL_LANES ? wide_load_part(from, left) : wide_load(from);
}

INLINE void put_some(float *to, wide v, size_t left)
{
    if (left < NL_LANES)
        wide_store_part(to, v, left);
    else
        wide_store(to, v);
}

enum { ROW_CHAINS = 4 };

INLINE wide sum_of_chains(const wide sum[ROW_CHAINS], size_t unit)
{
    return unit < ROW_CHAINS * NL_LANES ? sum[0] : wide_add(wide_add(sum[0], sum[1]), wide_add(sum[2], sum[3]));
}

/* Sums over a unit's sets: of x; or of t = x - shift and of t^2. */
INLINE wide sum_unit(const float *x, size_t unit, size_t span)
{
    wide sum[ROW_CHAINS] = {wide_set(0.0f), wide_set(0.0f), wide_set(0.0f), wide_set(0.0f)};
    size_t k = 0;
    for (; k + ROW_CHAINS * NL_LANES <= unit; k += ROW_CHAINS * NL_LANES) {
        UNROLL
        for (int i = 0; i < ROW_CHAINS; i++)
            sum[i] = wide_add(sum[i], wide_load(x + k + i * NL_LANES));
    }
    for (; k < unit; k += NL_LANES)
        sum[0] = wide_add(sum[0], take_some(x + k, unit - k));
    return wide_sums(sum_of_chains(sum, unit), span);
}

INLINE void sum_squares(const float *x, size_t unit, size_t span, wide shift, wide *sum_t, wide *sum_squares)
{
    wide zero = wide_set(0.0f), sum[ROW_CHAINS] = {zero, zero, zero, zero}, squares[ROW_CHAINS] = {zero, zero, zero, zero};
    size_t k = 0;
    for (; k + ROW_CHAINS * NL_LANES <= unit; k += ROW_CHAINS * NL_LANES) {
        UNROLL
        for (int i = 0; i < ROW_CHAINS; i++) {
            wide t = wide_sub(wide_load(x + k + i * NL_LANES), shift);
            sum[i] = wide_add(sum[i], t);
            squares[i] = wide_fused(t, t, squares[i]);
        }
    }
    for (; k < unit; k += NL_LANES) {
        wide t = wide_sub(take_some(x + k, unit - k), shift);
        if (unit - k < NL_LANES)
            t = wide_keep(t, unit - k);
        sum[0] = wide_add(sum[0], t);
        squares[0] = wide_fused(t, t, squares[0]);
    }
    *sum_t = wide_sums(sum_of_chains(sum, unit), span);
    *sum_squares = wide_sums(sum_of_chains(squares, unit), span);
}

INLINE void sums_of_rows(const struct nl_cpu_block *b, struct cut cut)
{
    size_t channels = b->channels, span = cut.span;
    wide inverse = wide_set(1.0f / (float)b->width), shift = wide_set(0.0f), sum, squares;
    float *to_shift = b->shift, *to_sum = b->rest, *to_squares = b->rstd;
    for (size_t row = 0; row < b->rows; row++) {
        const float *x = b->x + row * channels;
        for (size_t c = 0; c < channels; c += cut.unit) {
            size_t unit = end_of(cut, c, channels) - c, sets = sets_in(cut, unit);
            if (b->centers)
                shift = wide_mul(sum_unit(x + c, unit, span), inverse);
            sum_squares(x + c, unit, span, shift, &sum, &squares);
            wide_pick(to_shift, shift, span);
            wide_pick(to_sum, sum, span);
            wide_pick(to_squares, squares, span);
            to_shift += sets;
            to_sum += sets;
            to_squares += sets;
        }
    }
}

INLINE void apply_to_rows(const struct nl_cpu_block *b, struct cut cut, bool relu, bool residual)
{
    size_t channels = b->channels, span = cut.span, set = 0, position = b->position;
    for (size_t row = 0; row < b->rows; row++) {
        const float *x = b->x + row * channels, *other = residual ? b->residual + row * channels : NULL;
        const float *gamma = b->gamma + position * b->affine_step, *beta = b->beta + position * b->affine_step;
        float *y = b->y + row * channels;
        for (size_t c = 0; c < channels; c += cut.unit) {
            size_t end = end_of(cut, c, channels);
            wide shift = wide_spread(b->shift + set, span), rest = wide_spread(b->rest + set, span), rstd = wide_spread(b->rstd + set, span);
            set += sets_in(cut, end - c);
            for (size_t k = c; k < end; k += NL_LANES) {
                wide t = wide_sub(take_some(x + k, end - k), shift), scale = wide_mul(rstd, take_some(gamma + k, end - k));
                wide value = wide_fused(t, scale, wide_sub(take_some(beta + k, end - k), wide_mul(rest, scale)));
                if (residual)
                    value = wide_add(value, take_some(other + k, end - k));
                put_some(y + k, relu ? wide_relu(value) : value, end - k);
            }
        }
        position = position + 1 < b->positions ? position + 1 : 0;
    }
}

/* One vector of a unit: g, the gradient past the ReLU, and xhat. */
INLINE wide gradient_past_relu(const struct nl_cpu_block *b, size_t at, size_t left, enum nl_mask mask, wide t, wide rest, wide rstd,
                               wide gamma, const float *beta)
{
    wide g = take_some(b->dy + at, left);
    if (mask == NL_MASK_X) {
        wide scale = wide_mul(rstd, gamma);
        g = wide_where_positive(wide_fused(t, scale, wide_sub(take_some(beta, left), wide_mul(rest, scale))), g);
    }
    if (mask == NL_MASK_Y) {
        g = wide_where_positive(take_some(b->y + at, left), g);
        put_some(b->dresidual + at, g, left);
    }
    return g;
}

enum { MOST_KEPT = 4 }; /* vectors of a unit whose xhat and gradient stay in registers between the sums and dx */

INLINE void back_through_rows(const struct nl_cpu_block *b, struct cut cut, enum nl_mask mask, bool element, bool in_registers)
{
    size_t channels = b->channels, span = cut.span, set = 0, position = b->position;
    wide xhat_at[MOST_KEPT], grad_at[MOST_KEPT];
    wide inverse = wide_set(-1.0f / (float)b->width), zero = wide_set(0.0f);
    float *xhats = b->row_xhat, *grads = b->row_grad, *part_gamma = b->part_gamma, *part_beta = b->part_beta;
    for (size_t c = 0; c < channels; c += NL_LANES) {
        wide_store(part_gamma + c, zero);
        wide_store(part_beta + c, zero);
    }
    for (size_t row = 0; row < b->rows; row++) {
        const float *gammas = b->gamma + position * b->affine_step, *betas = b->beta + position * b->affine_step;
        for (size_t c = 0; c < channels; c += cut.unit) {
            size_t end = end_of(cut, c, channels);
            wide shift = wide_spread(b->shift + set, span), rest = wide_spread(b->rest + set, span), rstd = wide_spread(b->rstd + set, span);
            wide sum = zero, product = zero;
            set += sets_in(cut, end - c);
            for (size_t k = c; k < end; k += NL_LANES) {
                size_t left = end - k, at = row * channels + k, v = (k - c) / NL_LANES;
                wide t = wide_sub(take_some(b->x + at, left), shift), xhat = wide_mul(wide_sub(t, rest), rstd);
                wide gamma = take_some(gammas + k, left);
                wide g = gradient_past_relu(b, at, left, mask, t, rest, rstd, gamma, betas + k);
                if (element) {
                    wide share = wide_mul(g, xhat);
                    wide_join(b->dgamma + position * b->affine_step + k, left < NL_LANES ? wide_keep(share, left) : share);
                    wide_join(b->dbeta + position * b->affine_step + k, g);
                } else {
                    put_some(part_gamma + k, wide_fused(g, xhat, take_some(part_gamma + k, left)), left);
                    put_some(part_beta + k, wide_add(g, take_some(part_beta + k, left)), left);
                }
                wide grad = wide_mul(g, gamma);
                sum = wide_add(sum, grad);
                product = wide_fused(grad, xhat, product);
                if (in_registers) {
                    xhat_at[v] = xhat;
                    grad_at[v] = grad;
                } else {
                    wide_store(xhats + v * NL_LANES, xhat);
                    wide_store(grads + v * NL_LANES, grad);
                }
            }
            if (!b->dx)
                continue;
            sum = b->centers ? wide_mul(wide_sums(sum, span), inverse) : zero; /* both with their sign turned */
            product = wide_mul(wide_sums(product, span), inverse);
            for (size_t k = c; k < end; k += NL_LANES) {
                size_t v = (k - c) / NL_LANES;
                wide xhat = in_registers ? xhat_at[v] : wide_load(xhats + v * NL_LANES);
                wide grad = wide_add(in_registers ? grad_at[v] : wide_load(grads + v * NL_LANES), sum);
                put_some(b->dx + row * channels + k, wide_mul(rstd, wide_fused(xhat, product, grad)), end - k);
            }
        }
        position = position + 1 < b->positions ? position + 1 : 0;
    }
    for (size_t c = 0; !element && c < channels; c += NL_LANES) {
        wide_join(b->dgamma + c, wide_load(part_gamma + c));
        wide_join(b->dbeta + c, wide_load(part_beta + c));
    }
}

/* The common cuts as constants, so that what is known of a unit is known to the compiler: rows of 64 (and sets of as many), sets of 8. */
static const struct cut cut_64 = {NL_LANES, 64, true}, cut_8 = {8, NL_LANES, true};

INLINE bool same(struct cut a, struct cut b)
{
    return a.span == b.span && a.unit == b.unit && a.whole == b.whole;
}

TARGET static void row_sums(const struct nl_cpu_block *b)
{
    struct cut cut = cut_of(b);
    if (same(cut, cut_64))
        sums_of_rows(b, cut_64);
    else if (same(cut, cut_8))
        sums_of_rows(b, cut_8);
    else
        sums_of_rows(b, cut);
}

TARGET static void row_apply(const struct nl_cpu_block *b)
{
    struct cut cut = cut_of(b);
    if (b->relu && !b->residual && same(cut, cut_64))
        apply_to_rows(b, cut_64, true, false);
    else if (b->relu && !b->residual && same(cut, cut_8))
        apply_to_rows(b, cut_8, true, false);
    else
        apply_to_rows(b, cut, b->relu, b->residual);
}

TARGET static void row_backward(const struct nl_cpu_block *b)
{
    struct cut cut = cut_of(b);
    if (b->mask == NL_MASK_X && !b->affine_step && same(cut, cut_64))
        back_through_rows(b, cut_64, NL_MASK_X, false, true);
    else if (b->mask == NL_MASK_X && !b->affine_step && same(cut, cut_8))
        back_through_rows(b, cut_8, NL_MASK_X, false, true);
    else
        back_through_rows(b, cut, b->mask, b->affine_step > 0, false);
}
