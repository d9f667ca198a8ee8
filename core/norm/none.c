/* none: no normalizer. The layer before it keeps its bias; no parameter, no state. The control of every comparison. */
#include "norm/norm.h"

const struct nl_norm nl_norm_none = {
    .name = "none",
    .title = "no normalization",
    .label = "no norm",
};
