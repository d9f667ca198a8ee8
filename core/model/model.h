/* The architectures: a configuration and the shape of the data become a graph (graph/graph.h). */
#ifndef NL_MODEL_MODEL_H
#define NL_MODEL_MODEL_H

#include "config/config.h"
#include "data/data.h"
#include "graph/graph.h"
#include "norm/norm.h"

/* Builds what the configuration says for data of this shape; to be released either way. Where it cannot (groups that do
 * not divide the channels, more pooling than there are pixels), *key names the configuration key at fault. */
int nl_model_build(const struct nl_config *config, struct nl_shape shape, struct nl_graph *graph, const char **key,
                   struct nl_error *err);

/* Whether a position of a transformer sees no later one: model.causal. */
bool nl_is_causal(const struct nl_config *config, const struct nl_shape *shape);
/* Whether such a transformer sees later positions in training all the same, through statistics of a batch:
 * norm.leaks. */
bool nl_sees_ahead(const struct nl_config *config, const struct nl_shape *shape);

/* A normalizer alone, as the configuration's norm section says, of activations of that extent: a graph of the input x
 * and one node, or of none. To be released either way. NL_FAIL: there cannot be such a layer, and err says why. */
int nl_model_norm(const struct nl_config *config, struct nl_extent extent, bool lengths, struct nl_graph *graph,
                  struct nl_error *err);

/* The weight of a layer alone, as norm.weights has it computed from an original one: a graph of one node. kernel: 0 of
 * a linear layer. */
int nl_model_weight(const struct nl_config *config, int out, int in, int kernel, struct nl_graph *graph,
                    struct nl_error *err);

/* Initial parameters, and states of reals, in the backends' layout, rounded to float32 so that every backend starts
 * alike. out: [graph->tensors], each with room for the tensor's elements; NULL for other states. Element e of a weight
 * in PyTorch's order is drawn at position e of the stream "init.<layer>.weight", whether it is the layer's own or the
 * one that its weight is computed from. */
void nl_model_init(const struct nl_graph *graph, const struct nl_config *config, double *const *out);

/* Place in the backends' layout of element e of a parameter in PyTorch's order. */
size_t nl_tensor_place(const struct nl_tensor *tensor, size_t e);

/* Samples that share statistics in training: norm.stat_batch, or a worker's part of the batch where that is smaller; 0:
 * all of a micro-batch. */
int nl_stat_batch(const struct nl_config *config);

/* What a normalizer of this configuration is told of activations of that shape (norm/norm.h). */
struct nl_norm_setup nl_norm_setup_of(const struct nl_config *config, int samples, int positions, int channels);

#endif
