#include "model/model.h"

#include <stdlib.h>

#include "model/build.h"

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

static int refuse_groups(int64_t groups, int64_t channels, struct nl_error *err)
{
    int64_t below = groups < channels ? groups : channels, above = groups;
    while (channels % below)
        below--;
    while (above < channels && channels % above)
        above++;
    const char *fits = above < channels ? "%lld groups do not divide the %lld channels of model.width; %lld or %lld do"
                                        : "%lld groups do not divide the %lld channels of model.width; %lld does";
    return nl_fail(err, fits, (long long)groups, (long long)channels, (long long)below, (long long)above);
}

int nl_model_build(const struct nl_config *config, struct nl_shape shape, struct nl_model *model, const char **key, struct nl_error *err)
{
    *model = (struct nl_model){.input = {shape.height, shape.width, shape.channels}, .classes = shape.classes, .norm = nl_norms[config->norm.kind]};
    struct nl_builder b = {.model = model, .config = config, .at = model->input};
    if ((model->norm->uses & NL_USES_GROUPS) && config->model.width % config->norm.groups != 0) {
        *key = "norm.groups";
        return refuse_groups(config->norm.groups, config->model.width, err);
    }
    int status = NL_OK;
    switch ((enum nl_arch)config->model.arch) {
    case NL_MLP:
        nl_build_mlp(&b);
        break;
    case NL_CNN:
        status = nl_build_cnn(&b, key, err);
        break;
    case NL_RESNET:
        nl_build_resnet(&b);
        break;
    }
    place_parameters(model);
    return status;
}

void nl_model_release(struct nl_model *model)
{
    free(model->layer);
    free(model->parameter);
    *model = (struct nl_model){0};
}

struct nl_norm_setup nl_norm_setup_of(const struct nl_config *config, int samples, int positions, int channels)
{
    return (struct nl_norm_setup){.samples = samples,
                                  .positions = positions,
                                  .channels = channels,
                                  .groups = (int)config->norm.groups,
                                  .stat_batch = config->norm.stat_batch == NL_AUTO ? 0 : (int)config->norm.stat_batch,
                                  .over_position = config->norm.over == NL_OVER_POSITION};
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
