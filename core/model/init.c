/* Initial parameters: He et al. 2015 (kaiming), Glorot and Bengio 2010 (xavier), or a normal of given standard
 * deviation. What is larger or smaller than that has a factor (struct nl_tensor). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "model/model.h"
#include "operation/class_token.h"
#include "operation/embedding.h"
#include "operation/parametrize.h"
#include "operation/positions.h"

size_t nl_tensor_place(const struct nl_tensor *tensor, size_t e)
{
    if (tensor->spec.role != NL_WEIGHT)
        return e;
    size_t out = tensor->spec.shape[0], in = tensor->spec.shape[1];
    size_t taps = tensor->spec.dims == 4 ? tensor->spec.shape[2] * tensor->spec.shape[3] : 1;
    size_t o = e / (in * taps), i = e / taps % in, tap = e % taps;
    return (tap * in + i) * out + o; /* (O, I, taps) -> (taps, I, O) */
}

/* Rows of it are what a token or a position becomes: nothing sums over them. */
static bool is_table(const struct nl_graph *graph, const struct nl_tensor *tensor)
{
    const struct nl_operation *operation = graph->node[tensor->node].operation;
    return operation == &nl_embedding_operation || operation == &nl_positions_operation ||
           operation == &nl_class_token_operation;
}

static double standard_deviation(const struct nl_graph *graph, const struct nl_tensor *tensor,
                                 const struct nl_config *config)
{
    double taps = tensor->spec.dims == 4 ? (double)(tensor->spec.shape[2] * tensor->spec.shape[3]) : 1.0;
    double fan_out = (double)tensor->spec.shape[0] / tensor->parts * taps,
           fan_in = (double)tensor->spec.shape[1] * taps;
    bool table = is_table(graph, tensor);
    switch ((enum nl_init)config->model.init) {
    case NL_HE:
        return sqrt((table ? 1.0 : 2.0) / fan_in);
    case NL_XAVIER:
    case NL_TFIXUP:
        return table ? sqrt(1.0 / fan_in) : sqrt(2.0 / (fan_in + fan_out));
    case NL_NORMAL:
        return config->model.init_std;
    case NL_GPT2:
        return 0.02;
    }
    NL_BUG("init %d", config->model.init);
}

/* The stream that a weight is drawn from: named after the weight, or, of an original weight, after the weight that
 * is computed from it. */
static struct nl_stream stream_of(const struct nl_graph *graph, const struct nl_tensor *tensor,
                                  const struct nl_config *config)
{
    char name[96];
    const struct nl_graph_node *node = &graph->node[tensor->node];
    snprintf(name, sizeof name, "init.%s", node->operation->span == NL_SPAN_PARAMETERS ? node->name : tensor->name);
    return nl_stream(nl_seed_of(config, config->train.init_seed), name);
}

/* weight[count] */
static void draw(const struct nl_graph *graph, struct nl_stream stream, const struct nl_tensor *tensor,
                 const struct nl_config *config, double *weight)
{
    double scale = config->model.init_scale * standard_deviation(graph, tensor, config);
    bool uniform = config->model.init_distribution == NL_DRAW_UNIFORM;
    if (!uniform)
        nl_stream_normals(stream, 0, 0, tensor->count, weight);
    for (size_t e = 0; e < tensor->count; e++)
        weight[e] = uniform ? scale * sqrt(3.0) * (2.0 * nl_stream_uniform(stream, 0, e) - 1.0) : scale * weight[e];
}

/* The rows of each square become an orthonormal basis, by Gram and Schmidt, one after the other: of normal numbers any
 * orthogonal matrix is as likely as another. */
static void make_orthogonal(int squares, size_t width, double *weight)
{
    for (size_t row = 0; row < (size_t)squares * width; row++) {
        double *w = weight + row * width, length = 0;
        for (int pass = 0; pass < 2; pass++) /* the second takes away what rounding left */
            for (size_t before = row - row % width; before < row; before++) {
                double product = 0;
                for (size_t i = 0; i < width; i++)
                    product += w[i] * weight[before * width + i];
                for (size_t i = 0; i < width; i++)
                    w[i] -= product * weight[before * width + i];
            }
        for (size_t i = 0; i < width; i++)
            length += w[i] * w[i];
        for (size_t i = 0; i < width; i++)
            w[i] /= sqrt(length);
    }
}

/* As model.recurrent_init says. */
static void draw_recurrent(const struct nl_graph *graph, struct nl_stream stream, const struct nl_tensor *tensor,
                           const struct nl_config *config, double *weight)
{
    size_t width = tensor->spec.shape[1];
    if (config->model.recurrent_init == NL_RECURRENT_SAME) {
        draw(graph, stream, tensor, config, weight);
        return;
    }
    nl_stream_normals(stream, 0, 0, tensor->count, weight);
    make_orthogonal(tensor->squares, width, weight);
    for (size_t e = 0; e < tensor->count; e++)
        weight[e] =
            config->model.init_scale *
            (config->model.recurrent_init == NL_RECURRENT_IDENTITY ? e / width % width == e % width : weight[e]);
}

/* The forget gates of an LSTM and the update gates of a GRU come second. By chrono initialization (Tallec and Ollivier
 * 2018) a unit shall forget after u positions. */
static void init_gates(const struct nl_gates *gates, struct nl_stream stream, const struct nl_config *config,
                       double *bias)
{
    bool lstm = config->model.arch == NL_LSTM, chrono = config->model.gate_bias == NL_GATES_CHRONO;
    double longest = gates->positions > 2 ? gates->positions - 1 : 1;
    for (size_t unit = 0; unit < gates->width; unit++) {
        double log_u = log(1 + (longest - 1) * nl_stream_uniform(stream, 0, unit));
        if (chrono || lstm)
            bias[gates->width + unit] = chrono ? log_u : config->model.forget_bias;
        if (chrono && lstm)
            bias[unit] = -log_u;
    }
}

/* A gain that begins as 1, whatever the size of the weights that were drawn: it takes model.init_scale in their
 * place. */
static bool is_gain_of_one(const struct nl_graph *graph, const struct nl_tensor *tensor)
{
    const struct nl_graph_node *node = &graph->node[tensor->node];
    bool gain = node->operation == &nl_parametrize_operation && tensor->spec.slot == NL_GAIN &&
                nl_is_parameter(tensor->spec.role);
    return gain && ((const struct nl_parametrize *)node->arguments)->norm->gain == NL_GAIN_ONE;
}

static void init_tensor(const struct nl_graph *graph, const struct nl_tensor *tensor, const struct nl_config *config,
                        double *out)
{
    double *value = nl_alloc(tensor->count, sizeof *value);
    for (size_t e = 0; e < tensor->count; e++)
        value[e] = is_gain_of_one(graph, tensor) ? config->model.init_scale : tensor->spec.initial;
    if (tensor->spec.role == NL_WEIGHT)
        (tensor->squares > 0 ? draw_recurrent : draw)(graph, stream_of(graph, tensor, config), tensor, config, value);
    if (tensor->gates.width > 0)
        init_gates(&tensor->gates, stream_of(graph, tensor, config), config, value);
    size_t last =
        tensor->count -
        tensor->count / (size_t)tensor->parts; /* where the last part begins; PyTorch's order has outputs first */
    for (size_t e = 0; e < tensor->count; e++)
        out[nl_tensor_place(tensor, e)] = (double)(float)((e >= last ? tensor->last : tensor->factor) * value[e]);
    free(value);
}

/* What follows from the weights that were drawn. */
static void begin_node(const struct nl_graph *graph, const struct nl_graph_node *node, const struct nl_config *config,
                       double *const *out)
{
    char name[96];
    double *parameter[NL_MOST_SLOTS] = {NULL}, *state[NL_MOST_STATES] = {NULL};
    if (!node->operation->begin)
        return;
    for (int i = 0; i < NL_MOST_SLOTS; i++)
        if (node->in[i] != NL_NONE && graph->value[node->in[i]].kind == NL_PARAMETER)
            parameter[i] = out[graph->value[node->in[i]].tensor];
    for (int i = 0; i < node->states; i++)
        state[i] = out[node->state[i]];
    snprintf(name, sizeof name, "%s.%s", node->operation->name, node->name);
    node->operation->begin(node->arguments, nl_stream(nl_seed_of(config, config->train.init_seed), name), parameter,
                           state);
    for (int i = 0; i < graph->tensors; i++)
        for (size_t e = 0; out[i] && &graph->node[graph->tensor[i].node] == node && e < graph->tensor[i].count; e++)
            out[i][e] = (double)(float)out[i][e];
}

void nl_model_init(const struct nl_graph *graph, const struct nl_config *config, double *const *out)
{
    for (int i = 0; i < graph->tensors; i++)
        if (out[i])
            init_tensor(graph, &graph->tensor[i], config, out[i]);
    for (int i = 0; i < graph->nodes; i++)
        begin_node(graph, &graph->node[i], config, out);
}
