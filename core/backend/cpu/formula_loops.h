/* What the operators of formulas compute of vectors (formula/elementwise.h says what). */
#ifndef NL_BACKEND_CPU_FORMULA_LOOPS_H
#define NL_BACKEND_CPU_FORMULA_LOOPS_H

#include <stddef.h>

#include "formula/formula.h"

/* out[i] = a[i] op b[i], or op(a[i], b[i], c[i]), of n elements; what the operator does not take is not read. out may
 * be one of the others. */
void nl_cpu_formula_loop(enum nl_operator op, float *out, const float *const operand[3], size_t n);

/* Adds `count` columns of rows that begin `columns` numbers apart to sums, column by column: in float over
 * NL_BLOCK_ROWS rows, and then in double. Or keeps the largest, or smallest, of each. */
void nl_cpu_formula_columns(enum nl_operator op, double *to, const float *from, size_t rows, size_t columns,
                            size_t count);

/* Adds n numbers to one sum, over fixed lanes; or keeps the largest, or the smallest. */
void nl_cpu_formula_line(enum nl_operator op, double *to, const float *from, size_t n);

#endif
