/* The architectures: a configuration and the shape of the data become a graph (graph/graph.h). */
#ifndef NL_MODEL_MODEL_H
#define NL_MODEL_MODEL_H

#include "config/config.h"
#include "data/data.h"
#include "graph/graph.h"
#include "norm/norm.h"

/* Builds what the configuration says for data of this shape; to be released either way. Where it cannot (groups that do not divide the
 * channels, more pooling than there are pixels), *key names the configuration key at fault. */
int nl_model_build(const struct nl_config *config, struct nl_shape shape, struct nl_graph *graph, const char **key, struct nl_error *err);

/* A normalizer alone, as the configuration's norm section says, of activations of that extent: a graph of the input x and one node, or of none. To be
 * released either way. NL_FAIL: there cannot be such a layer, and err says why. */
int nl_model_norm(const struct nl_config *config, struct nl_extent extent, struct nl_graph *graph, struct nl_error *err);

/* The initial parameters, in the backends' layout, rounded to float32 so that every backend starts alike. out: (graph->count).
 * Element e of a weight in PyTorch's order is drawn at position e of the stream "init.<node>.weight". */
void nl_model_init(const struct nl_graph *graph, const struct nl_config *config, double *out);

/* Place in the backends' layout of element e of a parameter in PyTorch's order. */
size_t nl_tensor_place(const struct nl_tensor *tensor, size_t e);

/* What a normalizer of this configuration is told of activations of that shape (norm/norm.h). */
struct nl_norm_setup nl_norm_setup_of(const struct nl_config *config, int samples, int positions, int channels);

#endif
