/* The transforms of Winograd's convolution F(4 x 4, 3 x 3), for the vectors of conv_tiles.h (conv_winograd.c has the algorithm).
 *
 * With the points 0, +-A, +-B and infinity a transform of a line and the same of a column are, in the notation of Lavin and Gray
 * (arXiv:1509.09308, section 4.1), B', G and A' of the Cook-Toom algorithm; those of the weights' gradient are A and G'.
 * A = 11/16 and B = 3/2 have exact powers and reciprocal products near 1: in float they lose a third of the digits that the usual
 * 1 and 2 do (Barabasz et al., arXiv:1803.10986).
 */
enum { PATCH = NL_WINOGRAD_PATCH, OUTPUTS = NL_WINOGRAD_OUTPUTS, TAPS = NL_CONV_KERNEL };

#define A (11.0f / 16)
#define B (3.0f / 2)
#define OF_ZERO (1 / (A * A * B * B))       /* the reciprocal products of the differences of a point from the others */
#define OF_A (1 / (2 * A * A * (A * A - B * B)))
#define OF_B (1 / (2 * B * B * (B * B - A * A)))

/* A line of six, `step` apart, in place. */
INLINE void input_line(vec *x, int step)
{
    vec zero = x[0], one = x[step], two = x[2 * step], three = x[3 * step], four = x[4 * step], five = x[5 * step];
    vec even_a = fused(broadcast(-B * B), two, four), odd_a = fused(broadcast(-B * B), one, three);
    vec even_b = fused(broadcast(-A * A), two, four), odd_b = fused(broadcast(-A * A), one, three);
    x[0] = fused(broadcast(A * A * B * B), zero, fused(broadcast(-A * A - B * B), two, four));
    x[step] = fused(broadcast(A), odd_a, even_a);
    x[2 * step] = fused(broadcast(-A), odd_a, even_a);
    x[3 * step] = fused(broadcast(B), odd_b, even_b);
    x[4 * step] = fused(broadcast(-B), odd_b, even_b);
    x[5 * step] = fused(broadcast(A * A * B * B), one, fused(broadcast(-A * A - B * B), three, five));
}

/* Six become the first four. */
INLINE void output_line(vec *x, int step)
{
    vec even_a = x[step] + x[2 * step], odd_a = x[step] - x[2 * step];
    vec even_b = x[3 * step] + x[4 * step], odd_b = x[3 * step] - x[4 * step];
    x[0] = x[0] + even_a + even_b;
    x[step] = fused(broadcast(A), odd_a, broadcast(B) * odd_b);
    x[2 * step] = fused(broadcast(A * A), even_a, broadcast(B * B) * even_b);
    x[3 * step] = fused(broadcast(A * A * A), odd_a, fused(broadcast(B * B * B), odd_b, x[5 * step]));
}

/* Four become six. */
INLINE void gradient_line(vec *x, int step)
{
    vec zero = x[0], one = x[step], two = x[2 * step], three = x[3 * step];
    vec even_a = fused(broadcast(A * A), two, zero), odd_a = fused(broadcast(A * A * A), three, broadcast(A) * one);
    vec even_b = fused(broadcast(B * B), two, zero), odd_b = fused(broadcast(B * B * B), three, broadcast(B) * one);
    x[step] = even_a + odd_a;
    x[2 * step] = even_a - odd_a;
    x[3 * step] = even_b + odd_b;
    x[4 * step] = even_b - odd_b;
    x[5 * step] = three;
}

/* Six become the first three. */
INLINE void taps_line(vec *x, int step)
{
    vec even_a = x[step] + x[2 * step], odd_a = x[step] - x[2 * step];
    vec even_b = x[3 * step] + x[4 * step], odd_b = x[3 * step] - x[4 * step];
    x[0] = fused(broadcast(OF_ZERO), x[0], fused(broadcast(OF_A), even_a, broadcast(OF_B) * even_b));
    x[step] = fused(broadcast(A * OF_A), odd_a, broadcast(B * OF_B) * odd_b);
    x[2 * step] = fused(broadcast(A * A * OF_A), even_a, fused(broadcast(B * B * OF_B), even_b, x[5 * step]));
}

/* Three become six. */
INLINE void weight_line(vec *x, int step)
{
    vec zero = x[0], one = x[step], two = x[2 * step];
    vec even_a = fused(broadcast(A * A * OF_A), two, broadcast(OF_A) * zero), odd_a = broadcast(A * OF_A) * one;
    vec even_b = fused(broadcast(B * B * OF_B), two, broadcast(OF_B) * zero), odd_b = broadcast(B * OF_B) * one;
    x[0] = broadcast(OF_ZERO) * zero;
    x[step] = even_a + odd_a;
    x[2 * step] = even_a - odd_a;
    x[3 * step] = even_b + odd_b;
    x[4 * step] = even_b - odd_b;
    x[5 * step] = two;
}

TARGET static void winograd_input(const float *const *x, size_t channels, float *u, size_t u_step)
{
    for (size_t c = 0; c < channels; c += LANES) {
        vec p[PATCH * PATCH];
        UNROLL
        for (int j = 0; j < PATCH; j++) {
            UNROLL
            for (int i = 0; i < PATCH; i++)
                p[i * PATCH + j] = load(x[i * PATCH + j] + c);
            input_line(p + j, PATCH);
        }
        UNROLL
        for (int i = 0; i < PATCH; i++) {
            input_line(p + i * PATCH, 1);
            UNROLL
            for (int j = 0; j < PATCH; j++)
                store(u + (size_t)(i * PATCH + j) * u_step + c, p[i * PATCH + j]);
        }
    }
}

TARGET static void winograd_output(const float *m, size_t m_step, const float *b, size_t channels, float *const *y)
{
    for (size_t c = 0; c < channels; c += LANES) {
        vec p[PATCH * PATCH], bias = b ? load(b + c) : broadcast(0.0f);
        UNROLL
        for (int j = 0; j < PATCH; j++) {
            UNROLL
            for (int i = 0; i < PATCH; i++)
                p[i * PATCH + j] = load(m + (size_t)(i * PATCH + j) * m_step + c);
            output_line(p + j, PATCH);
        }
        UNROLL
        for (int i = 0; i < OUTPUTS; i++) {
            output_line(p + i * PATCH, 1);
            UNROLL
            for (int j = 0; j < OUTPUTS; j++)
                store(y[i * OUTPUTS + j] + c, p[i * PATCH + j] + bias);
        }
    }
}

TARGET static void winograd_gradient(const float *const *dy, size_t channels, float *d, size_t d_step)
{
    for (size_t c = 0; c < channels; c += LANES) {
        vec p[PATCH * PATCH];
        UNROLL
        for (int j = 0; j < OUTPUTS; j++) {
            UNROLL
            for (int i = 0; i < OUTPUTS; i++)
                p[i * PATCH + j] = load(dy[i * OUTPUTS + j] + c);
            gradient_line(p + j, PATCH);
        }
        UNROLL
        for (int i = 0; i < PATCH; i++) {
            gradient_line(p + i * PATCH, 1);
            UNROLL
            for (int j = 0; j < PATCH; j++)
                store(d + (size_t)(i * PATCH + j) * d_step + c, p[i * PATCH + j]);
        }
    }
}

TARGET static void winograd_taps(const float *sums, size_t step, size_t count, float *dw)
{
    for (size_t c = 0; c < count; c += LANES) {
        vec p[PATCH * PATCH];
        UNROLL
        for (int j = 0; j < PATCH; j++) {
            UNROLL
            for (int i = 0; i < PATCH; i++)
                p[i * PATCH + j] = load(sums + (size_t)(i * PATCH + j) * step + c);
            taps_line(p + j, PATCH);
        }
        UNROLL
        for (int i = 0; i < TAPS; i++) {
            taps_line(p + i * PATCH, 1);
            UNROLL
            for (int j = 0; j < TAPS; j++)
                store(dw + (size_t)(i * TAPS + j) * count + c, p[i * PATCH + j]);
        }
    }
}

TARGET static void winograd_weights(const float *w, size_t count, float *v, size_t v_step)
{
    for (size_t c = 0; c < count; c += LANES) {
        vec p[PATCH * PATCH];
        UNROLL
        for (int j = 0; j < TAPS; j++) {
            UNROLL
            for (int i = 0; i < TAPS; i++)
                p[i * PATCH + j] = load(w + (size_t)(i * TAPS + j) * count + c);
            weight_line(p + j, PATCH);
        }
        UNROLL
        for (int i = 0; i < PATCH; i++) {
            weight_line(p + i * PATCH, 1);
            UNROLL
            for (int j = 0; j < PATCH; j++)
                store(v + (size_t)(i * PATCH + j) * v_step + c, p[i * PATCH + j]);
        }
    }
}

#undef A
#undef B
#undef OF_ZERO
#undef OF_A
#undef OF_B

#define TRANSFORMS .input = winograd_input, .output = winograd_output, .weights = winograd_weights, .gradient = winograd_gradient, .taps = winograd_taps
