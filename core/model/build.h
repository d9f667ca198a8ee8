/* Private to core/model: what the architectures (mlp.c, cnn.c, resnet.c, layers.c) are built with. Each function adds a node that takes the output of
 * the one before, named prefix, stem, number ("layer1.0.conv2"; number 0: none). */
#ifndef NL_MODEL_BUILD_H
#define NL_MODEL_BUILD_H

#include "model/model.h"
#include "operation/conv.h"

/* A network under construction: `at` is the value that the last layer put out. */
struct nl_builder {
    struct nl_graph *graph;
    const struct nl_config *config;
    const struct nl_norm *norm;
    const struct nl_layer_settings *set; /* what the list says of the layer; NULL: there is no list */
    bool activates; /* an activation function stands right behind the layer; a normalizer may take its place (nl_config_norm_activates) */
    int at;
    char prefix[24];
    struct nl_error *err;
    bool failed; /* and err says why */
};

struct nl_extent nl_extent_at(const struct nl_builder *b);
void nl_add(struct nl_builder *b, const struct nl_operation *operation, const void *arguments, const char *stem, int number);
void nl_add_linear(struct nl_builder *b, int out, bool bias, const char *stem, int number);
void nl_add_conv(struct nl_builder *b, struct nl_conv shape, bool bias, const char *stem, int number); /* of out, kernel and stride */
void nl_add_depthwise_conv(struct nl_builder *b, struct nl_conv shape, bool bias, const char *stem, int number);
void nl_add_norm(struct nl_builder *b, const char *stem, int number);    /* nothing with norm.kind = none */
void nl_add_activation(struct nl_builder *b, const char *stem, int number);
void nl_add_dropout(struct nl_builder *b, const char *stem, int number); /* nothing with a probability of 0 */

/* The sum with a shortcut, which is subsampled by the stride; new channels are 0. */
void nl_add_shortcut(struct nl_builder *b, int shortcut, int stride, const char *stem);

/* "norm" and "act" in the configured order; "act" is left out where the normalizer takes its place. */
void nl_add_norm_and_activation(struct nl_builder *b, int number);

/* Whether hidden layers have a bias. */
bool nl_hidden_bias(const struct nl_builder *b);

/* Average over all positions, linear map to the classes. */
void nl_add_pooled_head(struct nl_builder *b);

void nl_build_mlp(struct nl_builder *b);
int nl_build_cnn(struct nl_builder *b, const char **key, struct nl_error *err);
void nl_build_resnet(struct nl_builder *b);
void nl_build_layers(struct nl_builder *b, const char **key);

/* NL_FAIL: so many channels cannot be split into so many groups, and err says what could be. */
int nl_check_groups(int64_t groups, int64_t channels, const char *whose, struct nl_error *err);

#endif
