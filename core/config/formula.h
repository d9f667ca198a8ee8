/* norm.kind: formula, as norm.formula and the keys beside it say it. */
#ifndef NL_CONFIG_FORMULA_H
#define NL_CONFIG_FORMULA_H

#include "config/config.h"

struct nl_formula_error; /* formula/formula.h */

/* The row of the formula of a configuration, which lives as long as the process; NULL: it cannot be. */
const struct nl_norm *nl_formula_norm_of(const struct nl_config *config);

/* What is wrong with it; NULL: nothing, or a mapping beside it could not be read, which was said then. */
const struct nl_formula_error *nl_formula_error_of(const struct nl_config *config);

/* Puts the formula into the form that all spellings of it have in common, in which norm.formula says all of it. */
void nl_settle_formula(struct nl_config *config);

#endif
