/* The optimizers by their numbers. */
#include "optimizer/step.h"

#ifdef NL_REFERENCE_DOUBLE
const struct nl_optimizer_form *const nl_optimizers[] = {
#define OPTIMIZER(NAME, word, help) [NL_##NAME] = &nl_optimizer_##word,
#include "base/optimizers.def"
};
#endif
