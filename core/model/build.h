/* Private to core/model: what the architectures (mlp.c, cnn.c, resnet.c, recurrent.c, layers.c) are built with. Each function adds a node that takes the output
 * of the one before, named prefix, stem, number ("layer1.0.conv2"; number 0: none). */
#ifndef NL_MODEL_BUILD_H
#define NL_MODEL_BUILD_H

#include "model/model.h"
#include "norm/weights.h"
#include "operation/conv.h"

/* A network under construction: `at` is the value that the last layer put out. */
struct nl_builder {
    struct nl_graph *graph;
    const struct nl_config *config;
    const struct nl_norm *norm;
    const struct nl_layer_settings *set; /* what the list says of the layer; NULL: there is no list */
    bool activates; /* an activation function stands right after the layer; a normalizer may take its place (nl_config_norm_activates) */
    int at;
    int norms, all_norms;     /* normalizers so far, and in all, with those that norm.skip leaves out; of a list 0 in all */
    int last_gamma;           /* the tensor that norm.last_gamma is for, should the branch end here; NL_NONE: there is none, or it has a value of its own */
    enum nl_residual residual;
    double variance;          /* nf: expected of the value at `at` */
    bool by_position;         /* linear layers take the channels of each position; else all of a sample's numbers */
    bool unbiased;            /* normalizers have no beta */
    char prefix[32];
    const char *module, *suffix; /* of the tensors of layers (struct nl_new_node) */
    int statistics;              /* of normalizers (struct nl_new_node) */
    struct nl_error *err;
    const char *key; /* the configuration key at fault, where one is known; else NULL */
    bool failed; /* and err says why */
};

struct nl_extent nl_extent_at(const struct nl_builder *b);
void nl_add_node(struct nl_builder *b, struct nl_new_node node, const char *stem, int number); /* of several inputs */
void nl_add(struct nl_builder *b, const struct nl_operation *operation, const void *arguments, const char *stem, int number);
void nl_add_without(struct nl_builder *b, const struct nl_operation *operation, const void *arguments, unsigned without, const char *stem, int number);
int nl_add_weight(struct nl_builder *b, const struct nl_weight_norm *norm, int kernel, int in, int out, const char *stem, int number); /* its value */
void nl_add_linear(struct nl_builder *b, int out, bool bias, const char *stem, int number);
void nl_add_head(struct nl_builder *b, const char *name); /* linear, to the classes */

/* The same without a bias; its weight is the embedding's table, or, where that is NL_NONE, its own. */
void nl_add_token_head(struct nl_builder *b, int table, const char *name);
void nl_add_conv(struct nl_builder *b, struct nl_conv shape, bool bias, const char *stem, int number); /* of out, kernel and stride */
void nl_add_depthwise_conv(struct nl_builder *b, struct nl_conv shape, bool bias, const char *stem, int number);
void nl_add_norm(struct nl_builder *b, const char *stem, int number);    /* nothing with norm.kind = none */
void nl_add_activation(struct nl_builder *b, const char *stem, int number);
void nl_add_simple(struct nl_builder *b, const char *stem, int number);  /* the layer that config/layers.def has under this stem */
void nl_add_dropout(struct nl_builder *b, const char *stem, int number); /* nothing with a probability of 0 */

/* The sum with a shortcut, which is subsampled by the stride; new channels are 0. */
void nl_add_shortcut(struct nl_builder *b, int shortcut, int stride, const char *stem);

/* Whether nl_add_norm adds one now: there is a normalizer, and norm.skip does not leave out the next. */
bool nl_norm_is_next(const struct nl_builder *b);

/* "norm" and "act" in the configured order; "act" is left out where the normalizer takes its place. */
void nl_add_norm_and_activation(struct nl_builder *b, int number);

/* Whether a hidden layer has a bias. sum: its output joins the sum of a residual network with pre-activation, of which every other normalizer takes what it
 * has become: one block later, or many. */
bool nl_hidden_bias(const struct nl_builder *b, bool sum);

/* Average over all positions, linear map to the classes. */
void nl_add_pooled_head(struct nl_builder *b);

/* What the last node has as its "weight", a gamma too, begins `factor` times as large. */
void nl_scale_weight(struct nl_builder *b, double factor);

/* The weight of the last node, a linear layer, is so many matrices, one below the other (struct nl_tensor): they begin `factor` times as large, the last one
 * `last` times. */
void nl_scale_parts(struct nl_builder *b, int parts, double factor, double last);

/* Gamma of the branch's last normalizer begins as norm.last_gamma says. */
void nl_set_last_gamma(struct nl_builder *b);

/* ---- residual.c: what model.residual adds; each is nothing where it says otherwise ---- */

void nl_add_fixup_bias(struct nl_builder *b, const char *stem, int number); /* fixup: before a layer */
void nl_add_fixup_weights(struct nl_builder *b, double factor);             /* fixup: those of the last node begin `factor` times as large */
void nl_add_gain(struct nl_builder *b, int number);                         /* nf: after an activation */
int nl_begin_branch(struct nl_builder *b, bool transition);                 /* returns what the shortcut takes; transition: its size changes */
void nl_end_branch(struct nl_builder *b, const char *stem);                 /* before the sum */

void nl_build_mlp(struct nl_builder *b);
int nl_build_cnn(struct nl_builder *b, const char **key, struct nl_error *err);
void nl_build_resnet(struct nl_builder *b);
void nl_build_transformer(struct nl_builder *b, const struct nl_shape *shape);
int nl_transformer_norms(const struct nl_config *config); /* how many normalizers it has */
void nl_build_recurrent(struct nl_builder *b, const struct nl_shape *shape);
void nl_build_layers(struct nl_builder *b, const char **key);

#endif
