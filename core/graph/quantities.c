/* The formulas of the quantities. */
#include "graph/quantities.h"

#include <math.h>
#include <string.h>

/* The angle from w to w + d: d has one part along w and one across it. An arc cosine of the scalar product would lose
 * small angles. */
static double rotation(const struct nl_observed *seen)
{
    return seen->weight > 0 ? atan2(sqrt(seen->across), (seen->weight + seen->along) / sqrt(seen->weight)) : NAN;
}

#define QUANTITY(name, title, of, compared, formula, unit, help)                                                       \
    static double name##_of(const struct nl_observed *seen)                                                            \
    {                                                                                                                  \
        return formula;                                                                                                \
    }
#include "graph/quantities.def"
#undef QUANTITY

const struct nl_quantity_row nl_quantities[NL_QUANTITIES] = {
#define QUANTITY(name, title, of, compared, formula, unit, help)                                                       \
    {#name, title, NL_OF_##of, NL_BY_##compared, name##_of},
#include "graph/quantities.def"
#undef QUANTITY
};

const char *const nl_quantity_names[] = {
#define QUANTITY(name, ...) #name,
#include "graph/quantities.def"
#undef QUANTITY
    NULL};

enum nl_quantity nl_quantity_find(const char *name)
{
    enum nl_quantity quantity = 0;
    while (quantity < NL_QUANTITIES && strcmp(name, nl_quantity_names[quantity]) != 0)
        quantity++;
    return quantity;
}

bool nl_quantity_applies(enum nl_quantity quantity, enum nl_aspect aspect)
{
    switch (nl_quantities[quantity].of) {
    case NL_OF_ALL: return true;
    case NL_OF_CHANGES: return aspect == NL_UPDATE || aspect == NL_TURN || aspect == NL_SHIFT;
    case NL_OF_UPDATES: return aspect == NL_UPDATE;
    case NL_OF_WHOLE: return nl_is_aside(aspect) || aspect == NL_TURN;
    case NL_OF_COVARIANCES: return aspect == NL_COVARIANCE;
    case NL_OF_JACOBIANS: return aspect == NL_JACOBIAN;
    }
    return false;
}
