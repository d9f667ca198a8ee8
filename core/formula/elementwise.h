/* What the operators of formulas compute of one element, for numbers of any type. The file that includes it says
 * which: `accumulator`, `real_part` and `error_function`, and NL_COMPLEX_NUMBERS where they are complex
 * (operation/reference.h). Comparisons look at real parts; stop() drops the imaginary part, which is what a complex
 * step would learn of. */
#ifndef NL_FORMULA_ELEMENTWISE_H
#define NL_FORMULA_ELEMENTWISE_H

#include <tgmath.h>

#include "formula/formula.h"

/* a^b. Of complex numbers to first order in the imaginary parts, so that a negative a with a whole b has no imaginary
 * part of rounding. */
static inline accumulator nl_formula_power(accumulator a, accumulator b)
{
#ifdef NL_COMPLEX_NUMBERS
    double x = creal(a), p = creal(b), y = pow(x, p);
    double slope = cimag(a) == 0 || p == 0 ? 0 : p * pow(x, p - 1) * cimag(a);
    double turn = cimag(b) == 0 || !(x > 0) ? 0 : y * log(x) * cimag(b);
    return __builtin_complex(y, slope + turn);
#else
    return pow(a, b);
#endif
}

/* a, or 0 times it: NaN stays NaN. */
static inline accumulator nl_formula_sign(accumulator a)
{
    double x = real_part(a);
    return x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : a;
}

/* The larger one; NaN is larger than all. */
static inline accumulator nl_formula_larger(accumulator a, accumulator b)
{
    return real_part(a) > real_part(b) || real_part(a) != real_part(a) ? a : b;
}

static inline accumulator nl_formula_smaller(accumulator a, accumulator b)
{
    return real_part(a) < real_part(b) || real_part(a) != real_part(a) ? a : b;
}

static inline accumulator nl_formula_value(enum nl_operator op, accumulator a, accumulator b, accumulator c)
{
    switch (op) {
    case NL_OP_ADD: return a + b;
    case NL_OP_SUBTRACT: return a - b;
    case NL_OP_MULTIPLY: return a * b;
    case NL_OP_MASK: return a == 0 ? 0 : a * b;
    case NL_OP_DIVIDE: return a / b;
    case NL_OP_POWER: return nl_formula_power(a, b);
    case NL_OP_LESS: return real_part(a) < real_part(b);
    case NL_OP_AT_MOST: return real_part(a) <= real_part(b);
    case NL_OP_EQUAL: return real_part(a) == real_part(b);
    case NL_OP_UNEQUAL: return real_part(a) != real_part(b);
    case NL_OP_WHERE: return real_part(a) != 0 ? b : c;
    case NL_OP_MIN: return nl_formula_smaller(a, b);
    case NL_OP_MAX: return nl_formula_larger(a, b);
    case NL_OP_NEGATE: return -a;
    case NL_OP_SQRT:
    case NL_OP_ROOT: return sqrt(a);
    case NL_OP_RSQRT: return 1 / sqrt(a);
    case NL_OP_EXP: return exp(a);
    case NL_OP_LOG: return log(a);
    case NL_OP_TANH: return tanh(a);
    case NL_OP_ERF: return error_function(a);
    case NL_OP_SIGMOID: return 1 / (1 + exp(-a));
    case NL_OP_RELU: return real_part(a) <= 0 ? 0 : a;
    case NL_OP_ABS: return real_part(a) < 0 ? -a : a;
    case NL_OP_SIGN: return nl_formula_sign(a);
    case NL_OP_STOP: return real_part(a);
    case NL_OP_CONSTANT:
    case NL_OP_X:
    case NL_OP_DY:
    case NL_OP_PARAMETER:
    case NL_OP_STATE:
    case NL_OP_NUMBER:
    case NL_OP_COUNT:
    case NL_OP_SUM:
    case NL_OP_LARGEST:
    case NL_OP_SMALLEST:
    case NL_OPERATORS: break;
    }
    NL_BUG("operator %d is not elementwise", op);
}

#endif
