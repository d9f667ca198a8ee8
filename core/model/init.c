/* Initial parameters: He et al. 2015 (kaiming), Glorot and Bengio 2010 (xavier), or a normal of given standard deviation. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "model/model.h"

size_t nl_tensor_place(const struct nl_tensor *tensor, size_t e)
{
    if (tensor->spec.role != NL_WEIGHT)
        return e;
    size_t out = tensor->spec.shape[0], in = tensor->spec.shape[1];
    size_t taps = tensor->spec.dims == 4 ? tensor->spec.shape[2] * tensor->spec.shape[3] : 1;
    size_t o = e / (in * taps), i = e / taps % in, tap = e % taps;
    return (tap * in + i) * out + o; /* (O, I, taps) -> (taps, I, O) */
}

static double standard_deviation(const struct nl_tensor *tensor, const struct nl_config *config)
{
    double taps = tensor->spec.dims == 4 ? (double)(tensor->spec.shape[2] * tensor->spec.shape[3]) : 1.0;
    double fan_out = (double)tensor->spec.shape[0] * taps, fan_in = (double)tensor->spec.shape[1] * taps;
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
static void draw(const struct nl_tensor *tensor, const struct nl_config *config, double *weight)
{
    char name[80];
    snprintf(name, sizeof name, "init.%s", tensor->name);
    struct nl_stream stream = nl_stream((uint64_t)config->train.seed, name);
    double scale = config->model.init_scale * standard_deviation(tensor, config);
    bool uniform = config->model.init_distribution == NL_DRAW_UNIFORM;
    if (!uniform)
        nl_stream_normals(stream, 0, 0, tensor->count, weight);
    for (size_t e = 0; e < tensor->count; e++)
        weight[e] = uniform ? scale * sqrt(3.0) * (2.0 * nl_stream_uniform(stream, 0, e) - 1.0) : scale * weight[e];
}

void nl_model_init(const struct nl_graph *graph, const struct nl_config *config, double *out)
{
    double *value = nl_alloc(graph->count, sizeof *value);
    for (int i = 0; i < graph->tensors; i++) {
        const struct nl_tensor *tensor = &graph->tensor[i];
        if (!nl_is_parameter(tensor->spec.role))
            continue;
        for (size_t e = 0; e < tensor->count; e++)
            value[e] = tensor->spec.initial;
        if (tensor->spec.role == NL_WEIGHT)
            draw(tensor, config, value);
        for (size_t e = 0; e < tensor->count; e++)
            out[tensor->offset + nl_tensor_place(tensor, e)] = (double)(float)(tensor->factor * value[e]);
    }
    free(value);
}
