#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* A network under construction: the extent that the last layer put out. */
struct builder {
    struct nl_model *model;
    const struct nl_config *config;
    struct nl_extent at;
    int layer_room, parameter_room;
};

static struct nl_layer *add_layer(struct builder *b, enum nl_layer_kind kind, struct nl_extent out, const char *stem, int number)
{
    struct nl_model *model = b->model;
    NL_GROW(model->layer, model->layers, b->layer_room);
    struct nl_layer *layer = &model->layer[model->layers++];
    *layer = (struct nl_layer){.kind = kind, .in = b->at, .out = out, .weight = -1, .bias_at = -1};
    if (number > 0)
        snprintf(layer->name, sizeof layer->name, "%s%d", stem, number);
    else
        snprintf(layer->name, sizeof layer->name, "%s", stem);
    b->at = out;
    return layer;
}

static int add_parameter(struct builder *b, enum nl_role role, int dims, const size_t *shape)
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

static void add_linear(struct builder *b, int out, bool bias, const char *stem, int number)
{
    int in = b->at.height * b->at.width * b->at.channels;
    b->at = (struct nl_extent){1, 1, in}; /* an image is flattened in H, W, C order */
    struct nl_layer *layer = add_layer(b, NL_LINEAR_LAYER, (struct nl_extent){1, 1, out}, stem, number);
    layer->bias = bias;
    layer->weight = add_parameter(b, NL_WEIGHT, 2, (size_t[]){(size_t)out, (size_t)in});
    if (bias)
        layer->bias_at = add_parameter(b, NL_BIAS, 1, (size_t[]){(size_t)out});
}

static void add_conv(struct builder *b, int out, bool bias, int number)
{
    int in = b->at.channels;
    struct nl_layer *layer = add_layer(b, NL_CONV_LAYER, (struct nl_extent){b->at.height, b->at.width, out}, "conv", number);
    layer->bias = bias;
    layer->weight = add_parameter(b, NL_WEIGHT, 4, (size_t[]){(size_t)out, (size_t)in, 3, 3});
    if (bias)
        layer->bias_at = add_parameter(b, NL_BIAS, 1, (size_t[]){(size_t)out});
}

static void add_norm(struct builder *b, bool relu, int number)
{
    if (!b->model->norm->partition)
        return;
    struct nl_layer *layer = add_layer(b, NL_NORM_LAYER, b->at, "norm", number);
    layer->relu = relu;
    if (b->config->norm.affine == NL_AFFINE_NONE)
        return;
    bool element = b->config->norm.affine == NL_AFFINE_ELEMENT && b->at.height * b->at.width > 1;
    size_t shape[3] = {(size_t)b->at.height, (size_t)b->at.width, (size_t)b->at.channels};
    layer->weight = add_parameter(b, NL_GAMMA, element ? 3 : 1, element ? shape : shape + 2);
    if (b->model->norm->shifts)
        layer->bias_at = add_parameter(b, NL_BETA, element ? 3 : 1, element ? shape : shape + 2);
}

static void add_activation(struct builder *b, int number)
{
    add_layer(b, NL_ACTIVATION_LAYER, b->at, "act", number);
}

/* What follows the linear map of hidden layer `number`: normalizer and activation in the configured order, dropout. A ReLU right behind a
 * normalizer belongs to the normalizer's kernel. */
static void add_norm_and_activation(struct builder *b, int number)
{
    bool normalized = b->model->norm->partition != NULL, before = b->config->norm.placement == NL_BEFORE;
    bool fused = normalized && before && b->config->model.activation == NL_RELU;
    if (normalized && before)
        add_norm(b, fused, number);
    if (!fused)
        add_activation(b, number);
    if (normalized && !before)
        add_norm(b, false, number);
    if (b->config->model.dropout > 0)
        add_layer(b, NL_DROPOUT_LAYER, b->at, "drop", number);
}

static bool hidden_bias(const struct nl_config *config, const struct nl_norm *norm)
{
    if (config->model.bias != NL_BIAS_AUTO)
        return config->model.bias == NL_BIAS_ON;
    return !(norm->partition && norm->cancels_bias && config->norm.placement == NL_BEFORE);
}

static void build_mlp(struct builder *b)
{
    for (int i = 1; i <= b->config->model.depth; i++) {
        add_linear(b, (int)b->config->model.width, hidden_bias(b->config, b->model->norm), "fc", i);
        add_norm_and_activation(b, i);
    }
    add_linear(b, b->model->classes, true, "head", 0);
}

static bool pools_after(const struct nl_config *config, int layer)
{
    for (int i = 0; i < config->model.pool.count; i++)
        if (config->model.pool.at[i] == layer)
            return true;
    return false;
}

static int build_cnn(struct builder *b, const char **key, struct nl_error *err)
{
    for (int i = 1; i <= b->config->model.depth; i++) {
        add_conv(b, (int)b->config->model.width, hidden_bias(b->config, b->model->norm), i);
        add_norm_and_activation(b, i);
        if (!pools_after(b->config, i))
            continue;
        if (b->at.height < 2 || b->at.width < 2) {
            *key = "model.pool";
            return nl_fail(err, "no pooling is possible after layer %d: its maps are %d x %d already", i, b->at.height, b->at.width);
        }
        add_layer(b, NL_MAX_POOL_LAYER, (struct nl_extent){b->at.height / 2, b->at.width / 2, b->at.channels}, "pool", i);
    }
    add_layer(b, NL_MEAN_POOL_LAYER, (struct nl_extent){1, 1, b->at.channels}, "avgpool", 0);
    add_linear(b, b->model->classes, true, "head", 0);
    return NL_OK;
}

/* Weights first, so that an optimizer's decay that spares everything else covers one range. */
static void place_parameters(struct nl_model *model)
{
    size_t at = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < model->parameters; i++) {
            struct nl_parameter *parameter = &model->parameter[i];
            if ((parameter->role == NL_WEIGHT) != (pass == 0))
                continue;
            parameter->offset = at;
            at += parameter->count;
        }
        if (pass == 0)
            model->weights = at;
    }
    model->count = at;
}

int nl_model_build(const struct nl_config *config, struct nl_shape shape, struct nl_model *model, const char **key, struct nl_error *err)
{
    *model = (struct nl_model){.input = {shape.height, shape.width, shape.channels}, .classes = shape.classes, .norm = nl_norms[config->norm.kind]};
    struct builder b = {.model = model, .config = config, .at = model->input};
    if ((model->norm->uses & NL_USES_GROUPS) && config->model.width % config->norm.groups != 0) {
        *key = "norm.groups";
        return nl_fail(err, "%lld groups do not divide the %lld channels of model.width", (long long)config->norm.groups, (long long)config->model.width);
    }
    int status = NL_OK;
    if (config->model.arch == NL_MLP)
        build_mlp(&b);
    else
        status = build_cnn(&b, key, err);
    place_parameters(model);
    return status;
}

void nl_model_release(struct nl_model *model)
{
    free(model->layer);
    free(model->parameter);
    *model = (struct nl_model){0};
}

double nl_model_work(const struct nl_model *model)
{
    double work = 0;
    for (int i = 0; i < model->layers; i++) {
        const struct nl_layer *layer = &model->layer[i];
        double positions = (double)layer->out.height * layer->out.width;
        if (layer->kind == NL_LINEAR_LAYER)
            work += (double)layer->in.channels * layer->out.channels;
        else if (layer->kind == NL_CONV_LAYER)
            work += 9.0 * positions * layer->in.channels * layer->out.channels;
        else
            work += 4.0 * positions * layer->out.channels;
    }
    return work;
}
