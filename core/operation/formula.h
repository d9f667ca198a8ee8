#ifndef NL_OPERATION_FORMULA_H
#define NL_OPERATION_FORMULA_H

#include "formula/formula.h"
#include "operation/normalizer.h"

/* The row of a normalizer that is a formula. Both live as long as the graphs that use them. */
struct nl_formula_norm {
    struct nl_norm norm;
    const struct nl_formula *formula;
};

/* What a formula says (formula/formula.h): in a step its y, and of its states the next; in evaluation what it says of
 * that. Backward is by the formula's own gradient, at the values that forward left. `set.norm` is the
 * formula's row. */
struct nl_formula_call {
    struct nl_norm_settings set;
    int positions, channels;
    int capacity;                                      /* samples that kept and scratch are laid out for */
    const struct nl_hyper *hyper;                      /* norm_eps, where it has none of its own */
    const void *x;                                     /* real (capacity, S, C) */
    const void *parameter[NL_MOST_FORMULA_PARAMETERS]; /* real, in the order of the formula's */
    void *y;
    const void *dy;
    void *dx; /* NULL: nobody asks for it; may be dy */
    void *gradient[NL_MOST_FORMULA_PARAMETERS];
    void *state[NL_MOST_FORMULA_STATES]; /* real */
    void *kept, *scratch;                /* accumulator: small nodes of forward or evaluation; of backward */
};

extern const struct nl_operation nl_formula_operation;

/* norm.formula where the configuration says none: LN without gamma and beta. */
#define NL_DEFAULT_FORMULA "m = mean(x, sample); y = (x - m) / sqrt(mean((x - m)^2, sample) + eps)"

/* The formula of a row: of nl_norm_formula the default one. */
const struct nl_formula *nl_formula_of(const struct nl_norm *norm);

/* The row of a formula, which stays the caller's. label: the method's name in tables and plots, which outlives it. */
struct nl_formula_norm nl_formula_row(const struct nl_formula *formula, const char *label);

#endif
