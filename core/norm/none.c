/* none: no normalizer.
 *
 * Sets        none.
 * Forward     y = x.
 * Backward    dx = dy.
 * State       none. The layer before keeps its bias.
 * Used        as the control of every comparison.
 * Trap        deep networks need an initialization and a learning rate that suit them; a diverged run is an answer,
 *             too.
 */
#include "norm/norm.h"

const struct nl_norm nl_norm_none = {
    .name = "none",
    .title = "no normalization",
    .label = "no norm",
};
