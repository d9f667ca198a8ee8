#include "train/operation.h"

#include "train/turns.h"

static struct nl_linear linear_of(const struct nl_plan *plan, const struct nl_config *config, int i, const struct nl_places *at)
{
    const struct nl_layer *layer = &plan->model->layer[i];
    return (struct nl_linear){.gemm = config->device.gemm,
                              .precision = config->device.precision,
                              .in = layer->in.channels,
                              .out = layer->out.channels,
                              .masks = i > 0 && nl_is_fused(plan, config, i - 1),
                              .x = at->x, .y = at->y, .dy = at->dy, .dx = at->dx,
                              .w = at->w, .b = at->b, .dw = at->dw, .db = at->db,
                              .update = plan->update.stepped > 0 ? &plan->update : NULL};
}

static struct nl_conv conv_of(const struct nl_config *config, const struct nl_layer *layer, const struct nl_places *at)
{
    return (struct nl_conv){.height = layer->in.height,
                            .width = layer->in.width,
                            .in = layer->in.channels,
                            .out_height = layer->out.height,
                            .out_width = layer->out.width,
                            .out = layer->out.channels,
                            .kernel = 3,
                            .stride = layer->stride,
                            .pad = 1,
                            .gemm = config->device.gemm,
                            .algorithm = config->device.conv,
                            .precision = config->device.precision,
                            .x = at->x, .y = at->y, .dy = at->dy, .dx = at->dx,
                            .w = at->w, .b = at->b, .dw = at->dw, .db = at->db};
}

static struct nl_normalize normalize_of(const struct nl_plan *plan, const struct nl_config *config, const struct nl_pass *pass,
                                        const struct nl_layer *layer, const struct nl_places *at)
{
    struct nl_norm_setup setup = nl_norm_setup_of(config, pass->capacity, layer->in.height * layer->in.width, layer->in.channels);
    if (pass == &plan->eval)
        setup.stat_batch = 0; /* evaluation groups samples itself (evaluate.c) */
    return (struct nl_normalize){.setup = setup,
                                 .norm = plan->model->norm,
                                 .relu = layer->relu,
                                 .unbiased = config->norm.running_var == NL_UNBIASED,
                                 .affine_count = layer->weight >= 0 ? (int)plan->model->parameter[layer->weight].count : 0,
                                 .hyper = plan->hyper,
                                 .x = at->x, .y = at->y, .dy = at->dy, .dx = at->dx,
                                 .gamma = at->w, .beta = at->b, .dgamma = at->dw, .dbeta = at->db};
}

static struct nl_add add_of(const struct nl_model *model, const struct nl_layer *layer, const struct nl_places *at)
{
    const struct nl_extent *out = &layer->out, *from = &model->layer[layer->shortcut].out;
    return (struct nl_add){.height = out->height,
                           .width = out->width,
                           .channels = out->channels,
                           .from_height = from->height,
                           .from_width = from->width,
                           .from_channels = from->channels,
                           .stride = layer->stride,
                           .relu = layer->relu,
                           .a = at->x,
                           .b = at->other,
                           .y = at->y,
                           .dy = at->dy,
                           .da = at->dx,
                           .db = at->dother};
}

static const char *const kernel_of[] = {
    [NL_LINEAR_LAYER] = "linear", [NL_CONV_LAYER] = "conv", [NL_NORM_LAYER] = "normalize", [NL_ACTIVATION_LAYER] = "activate",
    [NL_DROPOUT_LAYER] = "dropout", [NL_MAX_POOL_LAYER] = "max_pool", [NL_MEAN_POOL_LAYER] = "mean_pool", [NL_ADD_LAYER] = "add",
};

struct nl_op nl_operation(const struct nl_plan *plan, const struct nl_config *config, const struct nl_pass *pass, int i,
                          const struct nl_places *at)
{
    const struct nl_layer *layer = &plan->model->layer[i];
    const struct nl_extent *in = &layer->in;
    size_t count = (size_t)in->height * in->width * in->channels;
    struct nl_op op = {.kind = layer->kind, .kernel = nl_kernel_find(plan->backend, kernel_of[layer->kind])};
    switch (layer->kind) {
    case NL_LINEAR_LAYER: op.linear = linear_of(plan, config, i, at); break;
    case NL_CONV_LAYER: op.conv = conv_of(config, layer, at); break;
    case NL_NORM_LAYER: op.normalize = normalize_of(plan, config, pass, layer, at); break;
    case NL_ADD_LAYER: op.add = add_of(plan->model, layer, at); break;
    case NL_ACTIVATION_LAYER:
        op.activate = (struct nl_activate){.kind = config->model.activation, .gelu = config->model.gelu_approximate, .count = count,
                                           .x = at->x, .y = at->y, .dy = at->dy, .dx = at->dx};
        break;
    case NL_DROPOUT_LAYER:
        op.dropout = (struct nl_dropout){.count = count, .key = plan->dropout_keys ? plan->dropout_keys + 2 * i : NULL,
                                         .hyper = plan->hyper, .x = at->x, .y = at->y, .dy = at->dy, .dx = at->dx};
        break;
    case NL_MAX_POOL_LAYER:
        op.max_pool = (struct nl_max_pool){.height = in->height, .width = in->width, .channels = in->channels, .x = at->x, .y = at->y,
                                           .dy = at->dy, .dx = at->dx};
        break;
    case NL_MEAN_POOL_LAYER:
        op.mean_pool = (struct nl_mean_pool){.positions = in->height * in->width, .channels = in->channels, .x = at->x, .y = at->y,
                                             .dy = at->dy, .dx = at->dx};
        break;
    }
    return op;
}
