/* Private to core/model: what the architectures (mlp.c, cnn.c, resnet.c) are built with. Each function appends a layer that takes
 * the output of the one before, named prefix, stem, number ("layer1.0.conv2"; number 0: none). */
#ifndef NL_MODEL_BUILD_H
#define NL_MODEL_BUILD_H

#include "model/model.h"

/* A network under construction: `at` is the extent that the last layer put out. */
struct nl_builder {
    struct nl_model *model;
    const struct nl_config *config;
    struct nl_extent at;
    char prefix[24];
    int layer_room, parameter_room;
};

struct nl_layer *nl_add_layer(struct nl_builder *b, enum nl_layer_kind kind, struct nl_extent out, const char *stem, int number);
void nl_add_linear(struct nl_builder *b, int out, bool bias, const char *stem, int number);
void nl_add_conv(struct nl_builder *b, int out, int stride, int number); /* 3x3 */
void nl_add_norm(struct nl_builder *b, bool relu, int number);           /* nothing with norm.kind = none */
void nl_add_activation(struct nl_builder *b, int number);
void nl_add_dropout(struct nl_builder *b, int number);                   /* nothing with model.dropout = 0 */

/* Normalizer and activation in the configured order. A ReLU right behind a normalizer belongs to the normalizer's kernel. */
void nl_add_norm_and_activation(struct nl_builder *b, int number);

/* Whether hidden layers have a bias. */
bool nl_hidden_bias(const struct nl_builder *b);

/* Average over all positions, linear map to the classes. */
void nl_add_pooled_head(struct nl_builder *b);

void nl_build_mlp(struct nl_builder *b);
int nl_build_cnn(struct nl_builder *b, const char **key, struct nl_error *err);
void nl_build_resnet(struct nl_builder *b);

#endif
