/* A network as a list of layers, built from a configuration: shapes, names and parameters; no numbers yet. A layer takes the
 * output of the one before it; the sum at the end of a residual block takes that of an earlier layer as well.
 *
 * Layer names are PyTorch-like and do not depend on the normalizer: fc1, norm1, act1, drop1, ..., head; conv1, norm1, ..., pool1;
 * layer1.0.conv1, layer1.0.norm1, ..., layer1.0.add.
 * Random streams are named after them, so putting a normalizer in moves no other layer's numbers.
 */
#ifndef NL_MODEL_MODEL_H
#define NL_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "data/data.h"
#include "norm/norm.h"

enum nl_layer_kind {
    NL_LINEAR_LAYER,
    NL_CONV_LAYER,
    NL_NORM_LAYER,
    NL_ACTIVATION_LAYER,
    NL_DROPOUT_LAYER,
    NL_MAX_POOL_LAYER,
    NL_MEAN_POOL_LAYER,
    NL_ADD_LAYER,
};

struct nl_extent {
    int height, width, channels; /* S = height x width */
};

struct nl_layer {
    enum nl_layer_kind kind;
    char name[48];
    struct nl_extent in, out;
    bool bias;             /* linear, convolution */
    bool relu;             /* normalizer, sum: with the ReLU that follows it (one kernel) */
    int stride;            /* convolution; sum: of its shortcut */
    int shortcut;          /* sum: the layer whose output is added, subsampled by the stride, new channels 0; else -1 */
    int weight, bias_at;   /* indices of its parameters, -1: none. Normalizer: gamma and beta */
};

enum nl_role { NL_WEIGHT, NL_BIAS, NL_GAMMA, NL_BETA };

/* A learned tensor. `shape` is PyTorch's: (O, I) or (O, I, 3, 3), (C) or (H, W, C) with norm.affine = element; how the backends store it is in backend.h. */
struct nl_parameter {
    enum nl_role role;
    int layer;
    char name[56];         /* "fc1.weight" */
    int dims;
    size_t shape[4];
    size_t count;
    size_t offset;         /* in reals, from the first parameter; weights come first, then everything else */
};

struct nl_model {
    int layers;
    struct nl_layer *layer;
    int parameters;
    struct nl_parameter *parameter;
    size_t weights;        /* reals in weight tensors: [0, weights) */
    size_t count;          /* reals in all parameters */
    struct nl_extent input;
    int classes;
    const struct nl_norm *norm;
};

/* Builds what the configuration says for data of this shape. Where it cannot (groups that do not divide the channels, more pooling
 * than there are pixels), *key names the configuration key at fault. */
int nl_model_build(const struct nl_config *config, struct nl_shape shape, struct nl_model *model, const char **key, struct nl_error *err);
void nl_model_release(struct nl_model *model);

/* The initial parameters, in the backends' layout, rounded to float32 so that every backend starts alike. out: (model->count).
 * Element e of a weight in PyTorch's order is drawn at position e of the stream "init.<layer>.weight". */
void nl_model_init(const struct nl_model *model, const struct nl_config *config, double *out);

/* Place in the backends' layout of element e of a parameter in PyTorch's order. */
size_t nl_parameter_place(const struct nl_parameter *parameter, size_t e);

/* What a normalizer of this configuration is told of activations of that shape (norm/norm.h). */
struct nl_norm_setup nl_norm_setup_of(const struct nl_config *config, int samples, int positions, int channels);

/* Multiply-adds of a forward pass of one sample: an estimate of cost. */
double nl_model_work(const struct nl_model *model);

#endif
