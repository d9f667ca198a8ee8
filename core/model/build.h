/* Private to core/model: what the architectures (mlp.c, cnn.c, resnet.c, recurrent.c, layers.c) are built with. Each
 * function adds a node that takes the output of the one before, named prefix, stem, number ("layer1.0.conv2"; number 0:
 * none).
 *
 * A network that cannot be is left at once: nl_build runs the function that builds it, and what refuses jumps back
 * there. No function that builds goes on after a failure, and none returns one. They own no memory beside the graph,
 * which the caller of nl_build releases. */
#ifndef NL_MODEL_BUILD_H
#define NL_MODEL_BUILD_H

#include <setjmp.h>

#include "model/model.h"
#include "norm/weights.h"
#include "operation/conv.h"

/* A network under construction: `at` is the value that the last layer put out. */
struct nl_builder {
    struct nl_graph *graph;
    const struct nl_config *config;
    const struct nl_shape *shape; /* of the data */
    const struct nl_norm *norm;
    const struct nl_layer_settings *set; /* what the list says of the layer; NULL: there is no list */
    bool activates; /* an activation function stands right after the layer; a normalizer may take its place
                       (nl_config_norm_activates) */
    int at;
    int product;              /* the node that is the last linear layer or convolution */
    int norms, all_norms; /* normalizers so far, and in all, with those that norm.skip leaves out; of a list 0 in all */
    int last_gamma; /* the tensor that norm.last_gamma is for, should the branch end here; NL_NONE: there is none, or it
                       has a value of its own */
    enum nl_residual residual;
    double variance;          /* nf: expected of the value at `at` */
    bool by_position;         /* linear layers take the channels of each position; else all of a sample's numbers */
    bool unbiased;            /* normalizers have no beta */
    char prefix[32];
    const char *module, *suffix; /* of the tensors of layers (struct nl_new_node) */
    int statistics;              /* of normalizers (struct nl_new_node) */
    const struct nl_layer *layer; /* of a list, the one that is being built; else NULL */
    struct nl_error *err;
    const char *key;          /* after a failure: the configuration key at fault, where one is known; else NULL */
    jmp_buf failure;
};

/* Runs `network`. NL_FAIL: it cannot be built, err says why, and b->key may name the key at fault. */
int nl_build(struct nl_builder *b, void (*network)(struct nl_builder *b));

/* Ends nl_build. key: the one at fault, or NULL. */
_Noreturn void nl_build_fail(struct nl_builder *b, const char *key); /* err says why */
_Noreturn void nl_build_refuse(struct nl_builder *b, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The result of a function of the graph: one that is NL_NONE, or no NL_OK, ends nl_build. */
int nl_made(struct nl_builder *b, int result);

struct nl_extent nl_extent_at(const struct nl_builder *b);
const struct nl_graph_node *nl_node_at(const struct nl_builder *b); /* the node that put out the value at `at` */
void nl_add_node(struct nl_builder *b, struct nl_new_node node, const char *stem, int number); /* of several inputs */
void nl_add(struct nl_builder *b, const struct nl_operation *operation, const void *arguments, const char *stem,
            int number);
void nl_add_without(struct nl_builder *b, const struct nl_operation *operation, const void *arguments, unsigned without,
                    const char *stem, int number);
int nl_add_weight(struct nl_builder *b, const struct nl_weight_norm *norm, int kernel, int in, int out,
                  const char *stem, int number); /* its value */
void nl_add_linear(struct nl_builder *b, int out, bool bias, const char *stem, int number);
void nl_add_head(struct nl_builder *b, const char *name); /* linear, to the classes */

/* Adds a linear layer to the classes without a bias. Its weight is the table of the embedding, or, where `table` is
 * NL_NONE, a weight of its own. */
void nl_add_token_head(struct nl_builder *b, int table, const char *name);
void nl_add_conv(struct nl_builder *b, struct nl_conv shape, bool bias, const char *stem,
                 int number); /* of out, kernel and stride, and pad, if it is given, and dilation */
void nl_add_depthwise_conv(struct nl_builder *b, struct nl_conv shape, bool bias, const char *stem, int number);
void nl_add_norm(struct nl_builder *b, const char *stem,
                 int number); /* nothing with norm.kind = none, but for norm.noise */
void nl_add_activation(struct nl_builder *b, const char *stem, int number);
void nl_add_simple(struct nl_builder *b, const char *stem,
                   int number); /* the layer that config/layers.def has under this stem */
void nl_add_drop_path(struct nl_builder *b, double p, const char *name); /* nothing with a probability of 0 */
void nl_add_layer_scale(struct nl_builder *b, double begin, const char *name);
void nl_add_dropout(struct nl_builder *b, const char *stem, int number); /* nothing with a probability of 0 */

/* The sum with a shortcut, which is subsampled by the stride; new channels are 0. */
void nl_add_shortcut(struct nl_builder *b, int shortcut, int stride, const char *stem);

/* Whether nl_add_norm adds one now: there is a normalizer, and norm.skip does not leave out the next. */
bool nl_norm_is_next(const struct nl_builder *b);

/* "norm" and "act" in the configured order; "act" is left out where the normalizer takes its place. */
void nl_add_norm_and_activation(struct nl_builder *b, int number);

/* Whether a hidden layer has a bias. sum: its output joins the sum of a residual network with pre-activation, of which
 * every other normalizer takes what it has become: one block later, or many. */
bool nl_hidden_bias(const struct nl_builder *b, bool sum);

/* Average over all positions, linear map to the classes. */
void nl_add_pooled_head(struct nl_builder *b);

/* The "weight" of the last node, which is no linear layer or convolution, begins `factor` times as large. */
void nl_scale_weight(struct nl_builder *b, double factor);

/* The weight of the last linear layer or convolution is so many matrices, one below the other (struct nl_tensor): they
 * begin `factor` times as large, the last one `last` times.
 *
 * A weight that norm.weights computes begins so, too, where its outputs have gains: these begin so many times as large
 * (w = g t / |t| is as large as g; a factor on v alone would be divided away). So with wn the weight is the one that
 * the layer would have without, with cwn that one centred, and with sws its outputs have the length `factor`. ws and sn
 * have no gain: by their definition a weight has its size whatever v is, so that the factor does not reach it, which
 * the lint says. */
void nl_scale_parts(struct nl_builder *b, int parts, double factor, double last);

/* Gamma of the branch's last normalizer begins as norm.last_gamma says. */
void nl_set_last_gamma(struct nl_builder *b);

/* ---- residual.c: what model.residual adds; each is nothing where it says otherwise ---- */

void nl_add_fixup_bias(struct nl_builder *b, const char *stem, int number); /* fixup: before a layer */
void nl_add_fixup_weights(struct nl_builder *b,
                          double factor); /* fixup: those of the last layer begin `factor` times as large */
void nl_add_gain(struct nl_builder *b, int number);                         /* nf: after an activation */
int nl_begin_branch(struct nl_builder *b,
                    bool transition); /* returns what the shortcut takes; transition: its size changes */
void nl_end_branch(struct nl_builder *b, const char *stem);                 /* before the sum */

void nl_build_mlp(struct nl_builder *b);
void nl_build_cnn(struct nl_builder *b);
void nl_build_resnet(struct nl_builder *b);
void nl_build_transformer(struct nl_builder *b);
int nl_transformer_norms(const struct nl_config *config); /* how many normalizers it has */
void nl_build_recurrent(struct nl_builder *b);
void nl_build_layers(struct nl_builder *b);

#endif
