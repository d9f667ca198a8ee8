/* Fully connected: [linear, normalizer, activation, dropout] x depth, linear. */
#include "model/build.h"

void nl_build_mlp(struct nl_builder *b)
{
    for (int i = 1; i <= b->config->model.depth; i++) {
        nl_add_linear(b, (int)b->config->model.width, nl_hidden_bias(b, false), "fc", i);
        nl_add_norm_and_activation(b, i);
        nl_add_dropout(b, "drop", i);
    }
    nl_add_head(b, "head");
}
