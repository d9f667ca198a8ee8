/* Initial parameters: He et al. 2015 (kaiming), Glorot and Bengio 2010 (xavier), or a normal of given deviation. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "model/model.h"

size_t nl_parameter_place(const struct nl_parameter *parameter, size_t e)
{
    if (parameter->role != NL_WEIGHT)
        return e;
    size_t out = parameter->shape[0], in = parameter->shape[1];
    size_t taps = parameter->dims == 4 ? parameter->shape[2] * parameter->shape[3] : 1;
    size_t o = e / (in * taps), i = e / taps % in, tap = e % taps;
    return (tap * in + i) * out + o; /* (O, I, taps) -> (taps, I, O) */
}

static double deviation(const struct nl_parameter *parameter, const struct nl_config *config)
{
    double taps = parameter->dims == 4 ? (double)(parameter->shape[2] * parameter->shape[3]) : 1.0;
    double fan_out = (double)parameter->shape[0] * taps, fan_in = (double)parameter->shape[1] * taps;
    switch ((enum nl_init)config->model.init) {
    case NL_HE:
        return sqrt(2.0 / fan_in);
    case NL_XAVIER:
        return sqrt(2.0 / (fan_in + fan_out));
    case NL_NORMAL:
        return config->model.init_std;
    }
    NL_BUG("init %d", config->model.init);
}

/* weight[count], from the parameter's own stream. */
static void draw(const struct nl_parameter *parameter, const struct nl_config *config, double *weight)
{
    char name[64];
    snprintf(name, sizeof name, "init.%s", parameter->name);
    struct nl_stream stream = nl_stream((uint64_t)config->train.seed, name);
    double scale = config->model.init_scale * deviation(parameter, config);
    bool uniform = config->model.init_distribution == NL_DRAW_UNIFORM;
    if (!uniform)
        nl_stream_normals(stream, 0, 0, parameter->count, weight);
    for (size_t e = 0; e < parameter->count; e++)
        weight[e] = uniform ? scale * sqrt(3.0) * (2.0 * nl_stream_uniform(stream, 0, e) - 1.0) : scale * weight[e];
}

void nl_model_init(const struct nl_model *model, const struct nl_config *config, double *out)
{
    double *weight = nl_alloc(model->count, sizeof *weight);
    for (int i = 0; i < model->parameters; i++) {
        const struct nl_parameter *parameter = &model->parameter[i];
        if (parameter->role == NL_WEIGHT)
            draw(parameter, config, weight);
        for (size_t e = 0; e < parameter->count; e++) {
            double value = parameter->role == NL_WEIGHT ? weight[e] : parameter->role == NL_GAMMA ? 1.0 : 0.0;
            out[parameter->offset + nl_parameter_place(parameter, e)] = (double)(float)value;
        }
    }
    free(weight);
}
