/* What is said of an observed tensor in metrics.csv, quantity by quantity (quantities.def). */
#ifndef NL_GRAPH_QUANTITIES_H
#define NL_GRAPH_QUANTITIES_H

#include <stdbool.h>

#include "graph/observers.h"
#include "operation/observed.h"

enum nl_quantity {
#define QUANTITY(name, ...) NL_QUANTITY_##name,
#include "graph/quantities.def"
#undef QUANTITY
    NL_QUANTITIES
};
extern const char *const nl_quantity_names[]; /* NULL-terminated */

/* How two of them are compared. */
enum nl_comparison_kind { NL_BY_RATIO, NL_BY_DIFFERENCE, NL_BY_SHARE };

/* Which tensors have a quantity. */
enum nl_quantity_of {
    NL_OF_ALL,
    NL_OF_CHANGES,     /* update:NAME, turn:NAME, shift:NAME */
    NL_OF_UPDATES,     /* update:NAME */
    NL_OF_WHOLE,       /* those that are there as a whole: turn:NAME, and what passes beside the step see */
    NL_OF_COVARIANCES, /* covariance:NAME */
    NL_OF_JACOBIANS    /* jacobian:NAME */
};

struct nl_quantity_row {
    const char *name, *title;
    enum nl_quantity_of of;
    enum nl_comparison_kind compared;
    double (*value)(const struct nl_observed *seen); /* NaN: there is none */
};
extern const struct nl_quantity_row nl_quantities[NL_QUANTITIES];

/* The quantity of that name; NL_QUANTITIES: there is none. */
enum nl_quantity nl_quantity_find(const char *name);

/* Whether observers of that aspect have that quantity. */
bool nl_quantity_applies(enum nl_quantity quantity, enum nl_aspect aspect);

#endif
