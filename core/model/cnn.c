/* Convolutional: [3x3 convolution, normalizer, activation, dropout, pooling where model.pool says so] x depth, mean,
 * linear. */
#include "model/build.h"

static bool pools_after(const struct nl_config *config, int layer)
{
    for (int i = 0; i < config->model.pool.count; i++)
        if (config->model.pool.at[i] == layer)
            return true;
    return false;
}

void nl_build_cnn(struct nl_builder *b)
{
    for (int i = 1; i <= b->config->model.depth; i++) {
        nl_add_conv(b, (struct nl_conv){.out = (int)b->config->model.width, .kernel = 3, .stride = 1},
                    nl_hidden_bias(b, false), "conv", i);
        nl_add_norm_and_activation(b, i);
        nl_add_dropout(b, "drop", i);
        if (!pools_after(b->config, i))
            continue;
        struct nl_extent maps = nl_extent_at(b);
        if (maps.height < 2 || maps.width < 2)
            nl_build_refuse(b, "model.pool", "no pooling is possible after layer %d: its maps are %d x %d already", i,
                            maps.height, maps.width);
        nl_add_simple(b, "pool", i);
    }
    nl_add_pooled_head(b);
}
