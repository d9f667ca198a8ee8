/* Adds the nodes that architectures share, and leaves the builder by longjmp where one cannot be. */
#include "model/build.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/layers.h"
#include "config/network.h"
#include "operation/activate.h"
#include "operation/add.h"
#include "operation/affine.h"
#include "operation/cross_iteration.h"
#include "operation/drop_path.h"
#include "operation/dropout.h"
#include "operation/layer_scale.h"
#include "operation/linear.h"
#include "operation/noise.h"
#include "operation/normalizer.h"
#include "operation/parametrize.h"
#include "operation/standardize.h"

int nl_build(struct nl_builder *b, void (*network)(struct nl_builder *b))
{
    if (setjmp(b->failure))
        return NL_FAIL;
    network(b);
    return NL_OK;
}

_Noreturn void nl_build_fail(struct nl_builder *b, const char *key)
{
    b->key = b->layer ? b->layer->key : key;
    if (b->layer) /* an item of a repeated list stands for several layers */
        nl_fail_in(b->err, "layer '%s'", nl_layer_name(b->layer));
    longjmp(b->failure, 1);
}

_Noreturn void nl_build_refuse(struct nl_builder *b, const char *key, const char *format, ...)
{
    struct nl_error why;
    va_list args;
    va_start(args, format);
    vsnprintf(why.text, sizeof why.text, format, args);
    va_end(args);
    nl_fail(b->err, "%s", why.text);
    nl_build_fail(b, key);
}

int nl_made(struct nl_builder *b, int result)
{
    if (result < 0)
        nl_build_fail(b, NULL);
    return result;
}

const struct nl_graph_node *nl_node_at(const struct nl_builder *b)
{
    return &b->graph->node[NL_FOUND(b->graph->value[b->at].producer, "the node that makes value %d", b->at)];
}

struct nl_extent nl_extent_at(const struct nl_builder *b)
{
    return b->graph->value[b->at].extent;
}

static void name_node(const struct nl_builder *b, const char *stem, int number, char name[64])
{
    char digits[12] = "";
    if (number > 0)
        snprintf(digits, sizeof digits, "%d", number);
    snprintf(name, 64, "%s%s%s", b->prefix, stem, digits);
}

void nl_add_node(struct nl_builder *b, struct nl_new_node node, const char *stem, int number)
{
    char name[64];
    name_node(b, stem, number, name);
    node.name = name;
    node.module = b->module, node.suffix = b->suffix;
    node.statistics = b->statistics;
    b->at = nl_made(b, nl_graph_add(b->graph, &node, b->err));
}

void nl_add_without(struct nl_builder *b, const struct nl_operation *operation, const void *arguments, unsigned without,
                    const char *stem, int number)
{
    nl_add_node(b,
                (struct nl_new_node){
                    .operation = operation, .arguments = arguments, .in = {b->at}, .inputs = 1, .without = without},
                stem, number);
}

void nl_add(struct nl_builder *b, const struct nl_operation *operation, const void *arguments, const char *stem,
            int number)
{
    nl_add_without(b, operation, arguments, 0, stem, number);
}

/* The weight of a layer as norm.weights has it, computed from another; NL_NONE: the layer learns its own. kernel: 0 of
 * a linear layer. */
int nl_add_weight(struct nl_builder *b, const struct nl_weight_norm *norm, int kernel, int in, int out,
                  const char *stem, int number)
{
    char layer[64], name[72];
    if (!norm)
        return NL_NONE;
    name_node(b, stem, number, layer);
    if (b->module)
        snprintf(name, sizeof name, "%s.weight%s", b->module, b->suffix);
    else
        snprintf(name, sizeof name, "%s.weight", layer);
    struct nl_parametrize columns = {.norm = norm, .kernel = kernel, .in = in, .out = out};
    struct nl_spectral_norm matrix = {
        .norm = norm, .kernel = kernel, .in = in, .out = out, .iterations = nl_norm_iterations(b->config, 1)};
    bool spectral = norm->measure == NL_WEIGHT_SPECTRAL;
    int weight = nl_graph_add(
        b->graph,
        &(struct nl_new_node){.operation = spectral ? &nl_spectral_norm_operation : &nl_parametrize_operation,
                              .arguments = spectral ? (const void *)&matrix : &columns,
                              .name = name},
        b->err);
    if (weight == NL_NONE)
        nl_build_fail(b, "norm.weights");
    return weight;
}

/* Gain and bias of the layer that was added last come from the first batch. */
static void add_standardize(struct nl_builder *b, int weight, const char *stem, int number)
{
    char layer[64], name[80];
    const struct nl_graph *graph = b->graph;
    const struct nl_graph_node *node = &graph->node[graph->nodes - 1],
                               *maker = &graph->node[NL_FOUND(graph->value[weight].producer, "what computes a weight")];
    if (maker->in[NL_GAIN] == NL_NONE)
        return;
    name_node(b, stem, number, layer);
    snprintf(name, sizeof name, "%s.standardize", layer);
    struct nl_new_node first = {.operation = &nl_standardize_operation,
                                .name = name,
                                .in = {b->at, maker->in[NL_GAIN], node->in[NL_PRODUCT_BIAS]},
                                .inputs = NL_STANDARDIZE_SLOTS};
    b->at = nl_made(b, nl_graph_add(b->graph, &first, b->err));
}

/* weight: the value, or NL_NONE: the layer's own. */
static void add_product(struct nl_builder *b, const struct nl_operation *operation, const void *arguments, int weight,
                        bool bias, const char *stem, int number)
{
    struct nl_new_node node = {.operation = operation,
                               .arguments = arguments,
                               .in = {b->at, weight},
                               .inputs = 1 + (weight != NL_NONE),
                               .without = bias ? 0 : 1u << NL_PRODUCT_BIAS};
    nl_add_node(b, node, stem, number);
    b->product = b->graph->value[b->at].producer;
    bool computed = weight != NL_NONE && b->graph->value[weight].kind == NL_COMPUTED; /* a tied head's is the table */
    if (computed && b->config->norm.weights_init == NL_INIT_BY_DATA)
        add_standardize(b, weight, stem, number);
}

static void add_linear(struct nl_builder *b, int out, bool bias, const struct nl_weight_norm *norm, const char *stem,
                       int number)
{
    struct nl_linear linear = {.gemm = b->config->device.gemm,
                               .precision = b->config->device.precision,
                               .by_position = b->by_position,
                               .out = out};
    struct nl_extent x = nl_extent_at(b);
    int weight = nl_add_weight(b, norm, 0, b->by_position ? x.channels : (int)nl_elements(x), out, stem, number);
    add_product(b, &nl_linear_operation, &linear, weight, bias, stem, number);
}

static const struct nl_weight_norm *weight_norm(const struct nl_builder *b)
{
    return nl_weight_norms[b->config->norm.weights];
}

void nl_add_linear(struct nl_builder *b, int out, bool bias, const char *stem, int number)
{
    add_linear(b, out, bias, weight_norm(b), stem, number);
}

static const struct nl_weight_norm *weight_norm_of_head(const struct nl_builder *b)
{
    bool listed = b->set && b->set->weights != NL_UNSAID;
    return listed || b->config->norm.weights_head ? weight_norm(b) : NULL;
}

void nl_add_head(struct nl_builder *b, const char *name)
{
    bool bias = !b->set || b->set->bias != NL_SWITCH_OFF; /* model.bias is about hidden layers */
    add_linear(b, b->graph->classes, bias, weight_norm_of_head(b), name, 0);
}

void nl_add_token_head(struct nl_builder *b, int table, const char *name)
{
    struct nl_linear linear = {.gemm = b->config->device.gemm,
                               .precision = b->config->device.precision,
                               .by_position = true,
                               .out = b->graph->classes};
    if (table == NL_NONE)
        add_linear(b, b->graph->classes, false, weight_norm_of_head(b), name, 0);
    else
        add_product(b, &nl_linear_operation, &linear, table, false, name, 0);
}

static void add_conv(struct nl_builder *b, const struct nl_operation *operation, struct nl_conv shape, bool bias,
                     const char *stem, int number)
{
    bool depthwise = operation == &nl_depthwise_conv_operation;
    int channels = nl_extent_at(b).channels;
    shape.gemm = b->config->device.gemm;
    shape.algorithm = b->config->device.conv;
    shape.precision = b->config->device.precision;
    int weight = nl_add_weight(b, weight_norm(b), shape.kernel, depthwise ? 1 : channels,
                               depthwise ? channels : shape.out, stem, number);
    add_product(b, operation, &shape, weight, bias, stem, number);
}

void nl_add_conv(struct nl_builder *b, struct nl_conv shape, bool bias, const char *stem, int number)
{
    add_conv(b, &nl_conv_operation, shape, bias, stem, number);
}

void nl_add_depthwise_conv(struct nl_builder *b, struct nl_conv shape, bool bias, const char *stem, int number)
{
    add_conv(b, &nl_depthwise_conv_operation, shape, bias, stem, number);
}

static struct nl_override own(double said)
{
    return (struct nl_override){said >= 0, said};
}

/* Whether its weight has an element's output channel as the last of its indices, after which nothing but a bias is
 * added. */
static bool is_product(const struct nl_operation *operation)
{
    return operation == &nl_linear_operation || operation == &nl_conv_operation ||
           operation == &nl_depthwise_conv_operation;
}

/* With the statistics of earlier batches, and, to compensate for what the weights have changed since, the producer's
 * input and weight. */
static void add_cross_iteration(struct nl_builder *b, const struct nl_normalize *normalize, const char *stem,
                                int number)
{
    const struct nl_graph *graph = b->graph;
    struct nl_cross_iteration window = {.normalize = *normalize, .history = nl_norm_history(b->config, b->norm)};
    struct nl_new_node node = {.operation = &nl_cross_iteration_operation,
                               .arguments = &window,
                               .in = {b->at, NL_NONE, NL_NONE, NL_NONE, NL_NONE, NL_NONE, NL_NONE},
                               .inputs = NL_CROSS_ITERATION_SLOTS};
    int producer = graph->value[b->at].producer;
    const struct nl_graph_node *maker = producer == NL_NONE ? NULL : &graph->node[producer];
    if (normalize->trains_running)
        nl_build_refuse(b, "norm.statistics",
                        "'norm.statistics' running leaves %s no statistics of batches to train with", b->norm->name);
    if (b->config->norm.compensate && (!maker || !is_product(maker->operation)))
        nl_build_refuse(b, "norm.compensate",
                        "'norm.compensate' needs a linear layer or a convolution right in front of each normalizer, "
                        "and in front of one stands '%s'; false does "
                        "without",
                        maker ? maker->name : "x");
    if (b->config->norm.compensate) {
        node.in[NL_CROSS_ITERATION_INPUT] = maker->in[NL_PRODUCT_X];
        node.in[NL_CROSS_ITERATION_WEIGHT] = maker->in[NL_PRODUCT_WEIGHT];
        window.weights = graph->value[maker->in[NL_PRODUCT_WEIGHT]].count;
    }
    nl_add_node(b, node, stem, number);
}

/* The tensor that is the gamma of the last node, a normalizer; NL_NONE: it has none. */
static int last_gamma(const struct nl_builder *b)
{
    int gamma = nl_graph_find_parameter(b->graph, b->at, "weight");
    return gamma == NL_NONE ? nl_graph_find_parameter(b->graph, b->at, "g") : gamma;
}

static void scale(struct nl_builder *b, int tensor, double factor)
{
    b->graph->tensor[tensor].factor = b->graph->tensor[tensor].last = factor;
}

void nl_scale_weight(struct nl_builder *b, double factor)
{
    scale(b, NL_FOUND(nl_graph_find_parameter(b->graph, b->at, "weight"), "the weight of '%s'", nl_node_at(b)->name),
          factor);
}

/* The tensor in a slot of the node that computes a weight. */
static int tensor_in(const struct nl_builder *b, const struct nl_graph_node *node, int slot)
{
    int value = NL_FOUND(node->in[slot], "slot %d of '%s'", slot, node->name);
    return NL_FOUND(b->graph->value[value].tensor, "the tensor in slot %d of '%s'", slot, node->name);
}

void nl_scale_parts(struct nl_builder *b, int parts, double factor, double last)
{
    const struct nl_graph *graph = b->graph;
    const struct nl_graph_node *layer = &graph->node[NL_FOUND(b->product, "a layer with a weight")];
    int maker = graph->value[layer->in[NL_PRODUCT_WEIGHT]].producer;
    const struct nl_graph_node *owner = maker == NL_NONE ? layer : &graph->node[maker];
    int drawn = tensor_in(b, owner, maker == NL_NONE ? NL_PRODUCT_WEIGHT : NL_ORIGINAL), scaled = drawn;
    if (maker != NL_NONE && owner->in[NL_GAIN] != NL_NONE)
        scaled = tensor_in(b, owner, NL_GAIN);
    else
        NL_ASSERT(maker == NL_NONE || (factor != 0 && last != 0)); /* fixup is refused beside norm.weights */
    graph->tensor[drawn].parts = graph->tensor[scaled].parts = parts;
    graph->tensor[scaled].factor = factor;
    graph->tensor[scaled].last = last;
}

/* Whether norm.skip leaves out the normalizer of that number, from 1. */
static bool is_skipped(const struct nl_builder *b, int number)
{
    const struct nl_int_list *skip = &b->config->norm.skip;
    bool found = false;
    for (int i = 0; b->all_norms > 0 && i < skip->count; i++)
        found |= skip->at[i] == number || skip->at[i] == number - b->all_norms - 1;
    return found;
}

void nl_set_last_gamma(struct nl_builder *b)
{
    double value = b->config->norm.last_gamma;
    if (value != NL_AUTO && b->last_gamma != NL_NONE)
        scale(b, b->last_gamma, value);
}

/* By its sets. */
static void add_normalize(struct nl_builder *b, struct nl_override eps, struct nl_override momentum, const char *stem,
                          int number)
{
    struct nl_extent x = nl_extent_at(b);
    const struct nl_config *config = b->config;
    bool averages = b->norm->uses & NL_USES_HISTORY;
    int workers = config->train.workers > 1 && (b->norm->uses & NL_USES_STAT_BATCH) ? (int)config->train.workers : 1;
    struct nl_norm_setup setup = nl_norm_setup_of(config, 0, nl_positions(x), x.channels);
    struct nl_normalize normalize = {
        .setup = setup,
        .norm = b->norm,
        .unbiased = config->norm.running_var == NL_UNBIASED,
        .detached = (unsigned)config->norm.detach,
        .eps_outside = config->norm.eps_place == NL_EPS_OUTSIDE && nl_norm_takes_root(b->norm),
        .learns_momentum = b->norm->tracks && config->norm.running == NL_LEARNED,
        .freezes = b->norm->tracks && config->norm.freeze < 1 && config->norm.freeze_affine,
        .trains_running = b->norm->tracks && !averages && config->norm.statistics == NL_OF_RUNNING,
        .workers = config->norm.sync && nl_norm_spread_is_variance(b->norm) ? workers : 1,
        .history = averages ? nl_norm_history(config, b->norm) : 0,
        .affine_count = (int)nl_affine_count((enum nl_affine)config->norm.affine, &x),
        .eps = eps,
        .momentum = momentum};
    if (workers > 1 && !config->norm.sync)
        normalize.followed = (int)nl_micro_batch(config) / workers / normalize.setup.stat_batch;
    if (b->norm->uses & NL_USES_WINDOW)
        add_cross_iteration(b, &normalize, stem, number);
    else
        nl_add_without(b, &nl_normalize_operation, &normalize, b->unbiased ? 1u << NL_NORM_BETA : 0, stem, number);
}

/* By an operation of its own, whose arguments begin with the settings. */
static void add_own_operation(struct nl_builder *b, struct nl_override eps, struct nl_override momentum,
                              const char *stem, int number)
{
    const struct nl_operation *operation = b->norm->operation;
    alignas(max_align_t) char arguments[NL_MOST_ARGUMENTS] = {0}; /* the operation's own struct */
    NL_ASSERT(operation->arguments <= sizeof arguments);
    struct nl_norm_settings settings = {
        .norm = b->norm,
        .affine = (enum nl_affine)b->config->norm.affine,
        .alpha = b->config->norm.alpha,
        .over_position = nl_over_of(b->config) == NL_OVER_POSITION,
        .tlu = b->activates && nl_config_norm_activates(b->config),
        .learn_eps = (enum nl_switch)b->config->norm.learn_eps,
        .share = b->config->norm.share,
        .lrn = {(int)b->config->norm.lrn_size, b->config->norm.lrn_alpha, b->config->norm.lrn_beta,
                b->config->norm.lrn_k},
        .groups = (int)b->config->norm.groups,
        .unbiased = b->config->norm.running_var == NL_UNBIASED,
        .trains_running = b->norm->tracks && b->config->norm.statistics == NL_OF_RUNNING,
        .learns_momentum = b->norm->tracks && b->config->norm.running == NL_LEARNED,
        .freezes = b->norm->tracks && b->config->norm.freeze < 1 && b->config->norm.freeze_affine,
        .whitening = (enum nl_whitening_kind)b->config->norm.whitening,
        .iterations = nl_norm_iterations(b->config, 5),
        .eps = eps,
        .momentum = momentum,
    };
    memcpy(arguments, &settings, sizeof settings);
    nl_add_without(b, operation, arguments, b->unbiased && b->norm->shifts ? 1u << NL_NORM_BETA : 0, stem, number);
}

/* Whether the next normalizer would take in what stands after the ends of sequences: they have different lengths, and
 * it neither leaves that out nor takes each position by itself. A time of a loop is one position. */
static bool takes_padding(const struct nl_builder *b)
{
    const struct nl_graph *graph = b->graph;
    const struct nl_norm *norm = b->norm;
    const struct nl_norm_setup setup = nl_norm_setup_of(b->config, 1, 2, 1);
    bool spans_batch = nl_norm_spans_batch(norm), by_position = !spans_batch && !nl_norm_spans_positions(norm, &setup);
    bool leaves_out = !norm->operation && !(norm->uses & NL_USES_WINDOW);
    bool in_loop = graph->open != NL_NONE && graph->loop[graph->open].lengths != NL_NONE && spans_batch;
    return (graph->value[b->at].lengths != NL_NONE || in_loop) && !by_position && !leaves_out;
}

bool nl_norm_is_next(const struct nl_builder *b)
{
    return !nl_norm_is_none(b->norm) && !is_skipped(b, b->norms + 1);
}

static void add_normalizer(struct nl_builder *b, const char *stem, int number)
{
    struct nl_override eps = own(b->set ? b->set->eps : NL_UNSAID),
                       momentum = own(b->set ? b->set->momentum : NL_UNSAID);
    b->last_gamma = NL_NONE;
    bool is_next = nl_norm_is_next(b);
    b->norms++;
    if (!is_next)
        return;
    if (takes_padding(b))
        nl_build_refuse(b, "norm.kind",
                        "'norm.kind' cannot be %s where sequences have different lengths: it does not leave out what "
                        "stands after their ends",
                        b->norm->name);
    struct nl_norm_setup setup = nl_norm_setup_of(b->config, 0, 1, nl_extent_at(b).channels);
    nl_made(b, nl_norm_check_groups(b->norm, &setup, "", b->err));
    (b->norm->operation ? add_own_operation : add_normalize)(b, eps, momentum, stem, number);
    int gamma = last_gamma(b);
    if (gamma != NL_NONE)
        scale(b, gamma, b->config->norm.gamma_init);
    if (!(b->set && b->set->gamma_init >= 0))
        b->last_gamma = gamma;
}

/* "norm_noise1" behind "norm1", "ln_noise1" behind "ln_1". */
static void add_noise(struct nl_builder *b, const char *stem, int number)
{
    char *name = nl_format("%s%snoise", stem, *stem && stem[strlen(stem) - 1] == '_' ? "" : "_");
    nl_add(b, &nl_noise_operation, &(struct nl_noise){0}, name, number);
    free(name);
}

void nl_add_norm(struct nl_builder *b, const char *stem, int number)
{
    bool stands = !is_skipped(b, b->norms + 1);
    add_normalizer(b, stem, number);
    if (stands && b->config->norm.noise > 0)
        add_noise(b, stem, number);
}

void nl_add_activation(struct nl_builder *b, const char *stem, int number)
{
    struct nl_activate activate = {.kind = b->config->model.activation, .gelu = b->config->model.gelu_approximate};
    nl_add(b, &nl_activate_operation, &activate, stem, number);
    nl_add_gain(b, number);
}

void nl_add_dropout(struct nl_builder *b, const char *stem, int number)
{
    struct nl_dropout dropout = {.p = own(b->set ? b->set->dropout : NL_UNSAID)};
    if (b->config->model.dropout > 0)
        nl_add(b, &nl_dropout_operation, &dropout, stem, number);
}

void nl_add_drop_path(struct nl_builder *b, double p, const char *name)
{
    if (p > 0)
        nl_add(b, &nl_drop_path_operation, &(struct nl_drop_path){.p = p}, name, 0);
}

void nl_add_layer_scale(struct nl_builder *b, double begin, const char *name)
{
    nl_add(b, &nl_layer_scale_operation, &(struct nl_layer_scale){0}, name, 0);
    nl_scale_weight(b, begin);
}

void nl_add_shortcut(struct nl_builder *b, int shortcut, int stride, const char *stem)
{
    struct nl_add add = {.stride = stride};
    nl_add_node(
        b,
        (struct nl_new_node){.operation = &nl_add_operation, .arguments = &add, .in = {b->at, shortcut}, .inputs = 2},
        stem, 0);
}

void nl_add_norm_and_activation(struct nl_builder *b, int number)
{
    bool after = b->config->norm.placement == NL_AFTER;
    int before = b->at;
    b->activates = !after;
    if (!after)
        nl_add_norm(b, "norm", number);
    bool activated = b->at != before &&
                     nl_config_norm_activates(b->config); /* norm.skip leaves out a normalizer, not the activation */
    nl_add_fixup_bias(b, "bias_act", number);
    if (!activated)
        nl_add_activation(b, "act", number);
    if (after)
        nl_add_norm(b, "norm", number);
    b->activates = false;
}

bool nl_hidden_bias(const struct nl_builder *b, bool sum)
{
    if (b->config->model.bias != NL_SWITCH_AUTO)
        return b->config->model.bias == NL_SWITCH_ON;
    if (b->residual == NL_FIXUP)
        return false; /* its scalars are the biases */
    bool cancelled = nl_config_norm_cancels_bias(b->config) && b->config->norm.placement != NL_AFTER;
    for (int next = b->norms + 1; next <= (sum ? b->all_norms : b->norms + 1); next += 2)
        cancelled &= !is_skipped(b, next);
    return !cancelled;
}

void nl_add_pooled_head(struct nl_builder *b)
{
    nl_add_simple(b, "avgpool", 0);
    nl_add_fixup_bias(b, "bias_head", 0);
    nl_add_head(b, "head");
    nl_add_fixup_weights(b, 0);
}
