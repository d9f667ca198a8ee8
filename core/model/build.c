#include "model/build.h"

#include <stdio.h>

#include "base/memory.h"

struct nl_layer *nl_add_layer(struct nl_builder *b, enum nl_layer_kind kind, struct nl_extent out, const char *stem, int number)
{
    struct nl_model *model = b->model;
    NL_GROW(model->layer, model->layers, b->layer_room);
    struct nl_layer *layer = &model->layer[model->layers++];
    *layer = (struct nl_layer){.kind = kind, .in = b->at, .out = out, .stride = 1, .shortcut = -1, .weight = -1, .bias_at = -1};
    char digits[12] = "";
    if (number > 0)
        snprintf(digits, sizeof digits, "%d", number);
    snprintf(layer->name, sizeof layer->name, "%s%s%s", b->prefix, stem, digits);
    b->at = out;
    return layer;
}

static int add_parameter(struct nl_builder *b, enum nl_role role, int dims, const size_t *shape)
{
    struct nl_model *model = b->model;
    NL_GROW(model->parameter, model->parameters, b->parameter_room);
    struct nl_parameter *parameter = &model->parameter[model->parameters];
    *parameter = (struct nl_parameter){.role = role, .layer = model->layers - 1, .dims = dims, .count = 1};
    bool weight_like = role == NL_WEIGHT || role == NL_GAMMA;
    snprintf(parameter->name, sizeof parameter->name, "%s.%s", model->layer[model->layers - 1].name, weight_like ? "weight" : "bias");
    for (int d = 0; d < dims; d++) {
        parameter->shape[d] = shape[d];
        parameter->count *= shape[d];
    }
    return model->parameters++;
}

void nl_add_linear(struct nl_builder *b, int out, bool bias, const char *stem, int number)
{
    int in = b->at.height * b->at.width * b->at.channels;
    b->at = (struct nl_extent){1, 1, in}; /* an image is flattened in H, W, C order */
    struct nl_layer *layer = nl_add_layer(b, NL_LINEAR_LAYER, (struct nl_extent){1, 1, out}, stem, number);
    layer->bias = bias;
    layer->weight = add_parameter(b, NL_WEIGHT, 2, (size_t[]){(size_t)out, (size_t)in});
    if (bias)
        layer->bias_at = add_parameter(b, NL_BIAS, 1, (size_t[]){(size_t)out});
}

void nl_add_conv(struct nl_builder *b, int out, int stride, int number)
{
    int in = b->at.channels;
    struct nl_extent extent = {(b->at.height - 1) / stride + 1, (b->at.width - 1) / stride + 1, out};
    struct nl_layer *layer = nl_add_layer(b, NL_CONV_LAYER, extent, "conv", number);
    layer->stride = stride;
    layer->bias = nl_hidden_bias(b);
    layer->weight = add_parameter(b, NL_WEIGHT, 4, (size_t[]){(size_t)out, (size_t)in, 3, 3});
    if (layer->bias)
        layer->bias_at = add_parameter(b, NL_BIAS, 1, (size_t[]){(size_t)out});
}

void nl_add_norm(struct nl_builder *b, bool relu, int number)
{
    if (!b->model->norm->partition)
        return;
    struct nl_layer *layer = nl_add_layer(b, NL_NORM_LAYER, b->at, "norm", number);
    layer->relu = relu;
    if (b->config->norm.affine == NL_AFFINE_NONE)
        return;
    bool element = b->config->norm.affine == NL_AFFINE_ELEMENT && b->at.height * b->at.width > 1;
    size_t shape[3] = {(size_t)b->at.height, (size_t)b->at.width, (size_t)b->at.channels};
    layer->weight = add_parameter(b, NL_GAMMA, element ? 3 : 1, element ? shape : shape + 2);
    if (b->model->norm->shifts)
        layer->bias_at = add_parameter(b, NL_BETA, element ? 3 : 1, element ? shape : shape + 2);
}

void nl_add_activation(struct nl_builder *b, int number)
{
    nl_add_layer(b, NL_ACTIVATION_LAYER, b->at, "act", number);
}

void nl_add_dropout(struct nl_builder *b, int number)
{
    if (b->config->model.dropout > 0)
        nl_add_layer(b, NL_DROPOUT_LAYER, b->at, "drop", number);
}

void nl_add_norm_and_activation(struct nl_builder *b, int number)
{
    bool after = b->config->norm.placement == NL_AFTER;
    bool fused = b->model->norm->partition && !after && b->config->model.activation == NL_RELU;
    if (!after)
        nl_add_norm(b, fused, number);
    if (!fused)
        nl_add_activation(b, number);
    if (after)
        nl_add_norm(b, false, number);
}

bool nl_hidden_bias(const struct nl_builder *b)
{
    const struct nl_norm *norm = b->model->norm;
    if (b->config->model.bias != NL_BIAS_AUTO)
        return b->config->model.bias == NL_BIAS_ON;
    /* With pre-activation too: what reads the sum of a block normalizes it, one block later or many blocks later. */
    return !(norm->partition && norm->cancels_bias && b->config->norm.placement != NL_AFTER);
}

void nl_add_pooled_head(struct nl_builder *b)
{
    nl_add_layer(b, NL_MEAN_POOL_LAYER, (struct nl_extent){1, 1, b->at.channels}, "avgpool", 0);
    nl_add_linear(b, b->model->classes, true, "head", 0);
}
