/* The vector loops of formulas: each compiled for every instruction set, with the same bits. */
#include "backend/cpu/formula_loops.h"

#include <math.h>

#include "backend/cpu/cpu.h"
#include "backend/cpu/elementary.h"

NL_INLINE float is_nan(float x)
{
    return x != x;
}

NL_INLINE float larger(float a, float b)
{
    return a > b || is_nan(a) ? a : b;
}

NL_INLINE float smaller(float a, float b)
{
    return a < b || is_nan(a) ? a : b;
}

/* exp beyond what nl_exp holds: infinity and 0, and NaN stays NaN. */
NL_INLINE float exponential(float x)
{
    return x > 88.72284f ? INFINITY : x < -103.97f ? 0.0f : is_nan(x) ? x : nl_exp(x);
}

/* The logarithm in float, as C has it: of 0 minus infinity, below it NaN. */
NL_INLINE float logarithm(float x)
{
    return x > 0 ? (x < INFINITY ? (float)nl_log((double)x) : x) : x == 0 ? -INFINITY : NAN;
}

NL_INLINE bool is_whole(float x)
{
    return x == rintf(x);
}

/* x^p, as C's pow has it. */
NL_INLINE float power(float x, float p)
{
    float size = nl_pow((double)fabsf(x), (double)p);
    bool odd = is_whole(p) && !is_whole(0.5f * p);
    float at_zero = p > 0 ? 0.0f : p == 0 ? 1.0f : INFINITY;
    float positive = x == 0 ? at_zero : size;
    return is_nan(x) || is_nan(p) ? x + p : x < 0 ? (is_whole(p) ? (odd ? -positive : positive) : NAN) : positive;
}

NL_INLINE float without_slope(nl_with_slope *function, float x)
{
    float slope;
    return function(x, &slope);
}

typedef void loop(float *out, const float *a, const float *b, const float *c, size_t n);

#define LOOP(name, value)                                                                                              \
    NL_CLONES static void name##_loop(float *out, const float *a, const float *b, const float *c, size_t n)            \
    {                                                                                                                  \
        (void)b, (void)c;                                                                                              \
        NL_PARALLEL                                                                                                    \
        for (size_t i = 0; i < n; i++)                                                                                 \
            out[i] = value;                                                                                            \
    }

LOOP(add, a[i] + b[i])
LOOP(subtract, a[i] - b[i])
LOOP(multiply, a[i] * b[i])
LOOP(mask, a[i] == 0 ? 0.0f : a[i] * b[i])
LOOP(divide, a[i] / b[i])
LOOP(power, power(a[i], b[i]))
LOOP(less, a[i] < b[i] ? 1.0f : 0.0f)
LOOP(at_most, a[i] <= b[i] ? 1.0f : 0.0f)
LOOP(equal, a[i] == b[i] ? 1.0f : 0.0f)
LOOP(unequal, a[i] != b[i] ? 1.0f : 0.0f)
LOOP(where, a[i] != 0 ? b[i] : c[i])
LOOP(min, smaller(a[i], b[i]))
LOOP(max, larger(a[i], b[i]))
LOOP(negate, -a[i])
LOOP(sqrt, sqrtf(a[i]))
LOOP(rsqrt, 1.0f / sqrtf(a[i]))
LOOP(exp, exponential(a[i]))
LOOP(log, logarithm(a[i]))
LOOP(tanh, without_slope(nl_tanh, a[i]))
LOOP(erf, without_slope(nl_erf, a[i]))
LOOP(sigmoid, without_slope(nl_sigmoid, a[i]))
LOOP(relu, a[i] <= 0 ? 0.0f : a[i])
LOOP(abs, a[i] < 0 ? -a[i] : a[i])
LOOP(sign, a[i] > 0 ? 1.0f : a[i] < 0 ? -1.0f : a[i] == 0 ? 0.0f : a[i])
LOOP(copy, a[i])

static loop *const loops[NL_OPERATORS] = {
    [NL_OP_ADD] = add_loop,         [NL_OP_SUBTRACT] = subtract_loop, [NL_OP_MULTIPLY] = multiply_loop,
    [NL_OP_MASK] = mask_loop,       [NL_OP_DIVIDE] = divide_loop,     [NL_OP_POWER] = power_loop,
    [NL_OP_LESS] = less_loop,       [NL_OP_AT_MOST] = at_most_loop,   [NL_OP_EQUAL] = equal_loop,
    [NL_OP_UNEQUAL] = unequal_loop, [NL_OP_WHERE] = where_loop,       [NL_OP_MIN] = min_loop,
    [NL_OP_MAX] = max_loop,         [NL_OP_NEGATE] = negate_loop,     [NL_OP_SQRT] = sqrt_loop,
    [NL_OP_ROOT] = sqrt_loop,       [NL_OP_RSQRT] = rsqrt_loop,       [NL_OP_EXP] = exp_loop,
    [NL_OP_LOG] = log_loop,         [NL_OP_TANH] = tanh_loop,         [NL_OP_ERF] = erf_loop,
    [NL_OP_SIGMOID] = sigmoid_loop, [NL_OP_RELU] = relu_loop,         [NL_OP_ABS] = abs_loop,
    [NL_OP_SIGN] = sign_loop,       [NL_OP_STOP] = copy_loop,
};

void nl_cpu_formula_loop(enum nl_operator op, float *out, const float *const operand[3], size_t n)
{
    NL_ASSERT(loops[op]);
    loops[op](out, operand[0], operand[1], operand[2], n);
}

enum { COLUMNS = 64 };

NL_CLONES
static void sum_columns(double *restrict to, const float *restrict from, size_t rows, size_t columns, size_t count)
{
    for (size_t begin = 0; begin < rows; begin += NL_BLOCK_ROWS) {
        float sum[COLUMNS];
        for (size_t c = 0; c < count; c++)
            sum[c] = 0;
        size_t end = begin + NL_BLOCK_ROWS < rows ? begin + NL_BLOCK_ROWS : rows;
        for (size_t r = begin; r < end; r++)
            for (size_t c = 0; c < count; c++)
                sum[c] += from[r * columns + c];
        for (size_t c = 0; c < count; c++)
            to[c] += (double)sum[c];
    }
}

NL_CLONES
static void extreme_columns(bool largest, double *to, const float *from, size_t rows, size_t columns, size_t count)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < count; c++) {
            float best = (float)to[c], x = from[r * columns + c];
            to[c] = (double)(largest ? larger(x, best) : smaller(x, best));
        }
}

void nl_cpu_formula_columns(enum nl_operator op, double *to, const float *from, size_t rows, size_t columns,
                            size_t count)
{
    if (op != NL_OP_SUM)
        extreme_columns(op == NL_OP_LARGEST, to, from, rows, columns, count);
    for (size_t first = 0; op == NL_OP_SUM && first < count; first += COLUMNS)
        sum_columns(to + first, from + first, rows, columns, count - first < COLUMNS ? count - first : COLUMNS);
}

/* The sum of up to NL_LANES x NL_BLOCK_ROWS numbers, lane by lane in float. */
NL_CLONES
static double sum_line(const float *from, size_t n)
{
    float lane[NL_LANES] = {0};
    double sum = 0;
    size_t i = 0;
    for (; i + NL_LANES <= n; i += NL_LANES)
        for (size_t l = 0; l < NL_LANES; l++)
            lane[l] += from[i + l];
    for (size_t l = 0; i + l < n; l++)
        lane[l] += from[i + l];
    for (size_t l = 0; l < NL_LANES; l++)
        sum += (double)lane[l];
    return sum;
}

void nl_cpu_formula_line(enum nl_operator op, double *to, const float *from, size_t n)
{
    enum { PART = NL_LANES * NL_BLOCK_ROWS };
    for (size_t begin = 0; op == NL_OP_SUM && begin < n; begin += PART)
        *to += sum_line(from + begin, n - begin < PART ? n - begin : PART);
    for (size_t i = 0; op != NL_OP_SUM && i < n; i++)
        *to = (double)(op == NL_OP_LARGEST ? larger(from[i], (float)*to) : smaller(from[i], (float)*to));
}
