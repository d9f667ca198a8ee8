/* Finds which layer takes a normalizer in, and changes the network's shape accordingly. */
#include "graph/fold.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "operation/conv.h"
#include "operation/cross_iteration.h"
#include "operation/dropout.h"
#include "operation/linear.h"
#include "operation/mean_pool.h"
#include "operation/mixture.h"
#include "operation/noise.h"
#include "operation/normalizer.h"
#include "operation/parametrize.h"
#include "operation/squash.h"
#include "operation/whitening.h"

/* ---- what a node is ---- */

static bool is_own_operation(const struct nl_operation *operation)
{
    bool any = false;
    for (int i = 0; nl_norms[i]; i++)
        any |= operation == nl_norms[i]->operation;
    return any;
}

/* NULL: it is no normalizer of activations. */
static const struct nl_norm *norm_of(const struct nl_graph_node *node)
{
    const struct nl_normalize *by_sets = nl_normalize_of(node->operation, node->arguments);
    if (by_sets)
        return by_sets->norm;
    return is_own_operation(node->operation) ? ((const struct nl_norm_settings *)node->arguments)->norm : NULL;
}

static bool computes_weight(const struct nl_graph_node *node)
{
    return node->operation == &nl_parametrize_operation || node->operation == &nl_spectral_norm_operation;
}

const char *nl_fold_kind(const struct nl_graph_node *node)
{
    const struct nl_norm *norm = norm_of(node);
    if (node->operation == &nl_parametrize_operation)
        return ((const struct nl_parametrize *)node->arguments)->norm->name;
    if (node->operation == &nl_spectral_norm_operation)
        return ((const struct nl_spectral_norm *)node->arguments)->norm->name;
    return norm ? norm->name : NULL;
}

static bool is_batch_and_groups(const struct nl_graph_node *node)
{
    return node->operation == &nl_mixture_operation && nl_mixture_kind_of(node->arguments) == NL_MIXTURE_BCN;
}

/* Why evaluation makes no map by constants of it; NULL: it does. */
static const char *why_no_map(const struct nl_graph *graph, const struct nl_graph_node *node)
{
    const struct nl_norm *norm = norm_of(node);
    const struct nl_normalize *by_sets = nl_normalize_of(node->operation, node->arguments);
    int gamma = node->in[NL_NORM_GAMMA];
    bool maps = by_sets || node->operation == &nl_whitening_operation || is_batch_and_groups(node);
    if (node->operation == &nl_squash_operation)
        return "it is a function of each element that is not linear";
    if (!norm->tracks)
        return node->operation->is_apart && !node->operation->is_apart(node->arguments)
                   ? "it takes the statistics of the test batch"
                   : "it takes statistics of what it normalizes, in evaluation, too";
    if (!maps)
        return "it takes statistics of each sample beside the running ones";
    if (by_sets && nl_normalize_leaves_out(by_sets))
        return "it puts out 0 after the ends of sequences of different lengths";
    if (gamma != NL_NONE && graph->tensor[graph->value[gamma].tensor].spec.dims > 1)
        return "it has a gamma for each position (norm.affine: element)";
    for (int i = 0; i < node->states; i++)
        if (graph->tensor[node->state[i]].times > 1)
            return "it has statistics for each time of a loop, and a layer has one weight for all";
    return NULL;
}

/* ---- which layer takes it in ---- */

static bool is_layer(const struct nl_graph_node *node)
{
    return node->operation == &nl_linear_operation || node->operation == &nl_conv_operation ||
           node->operation == &nl_depthwise_conv_operation;
}

/* A mean over all positions, which lets a map of channels through. */
static bool is_mean(const struct nl_graph_node *node)
{
    return node->operation == &nl_mean_pool_operation && node->in[NL_MEAN_POOL_LENGTHS] == NL_NONE;
}

static bool pads(const struct nl_graph_node *layer)
{
    return layer->operation != &nl_linear_operation && ((const struct nl_conv *)layer->arguments)->pad > 0;
}

enum { WORDS = 400 };

/* Whether a layer that stands there (" before it") can take the normalizer in; if not, why says what is in the way. */
static bool takes_in(const struct nl_graph *graph, const struct nl_graph_node *layer, const struct nl_graph_node *norm,
                     const char *there, char why[WORDS])
{
    const char *name = layer->name;
    if (layer->operation->is_loss)
        snprintf(why, WORDS, "the loss stands%s", there);
    else if (!is_layer(layer))
        snprintf(why, WORDS, "'%s' (%s) stands%s", name, layer->operation->name, there);
    else if (nl_consumers(graph, layer->in[NL_PRODUCT_WEIGHT]) > 1)
        snprintf(why, WORDS, "'%s'%s shares its weight with another layer", name, there);
    else if (norm->operation == &nl_whitening_operation && layer->operation == &nl_depthwise_conv_operation)
        snprintf(why, WORDS, "'%s'%s keeps channels apart, which the normalizer mixes", name, there);
    else
        return true;
    return false;
}

static int layer_before(const struct nl_graph *graph, const struct nl_graph_node *norm, char why[WORDS])
{
    static const char there[] = " before it";
    for (int value = norm->in[NL_NORM_X];;) {
        int producer = graph->value[value].producer;
        if (producer == NL_NONE) {
            snprintf(why, WORDS, "no layer stands%s", there);
            return NL_NONE;
        }
        const struct nl_graph_node *node = &graph->node[producer];
        if ((is_layer(node) || is_mean(node)) && nl_consumers(graph, value) > 1) {
            snprintf(why, WORDS, "several nodes take what '%s'%s puts out", node->name, there);
            return NL_NONE;
        }
        if (!is_mean(node))
            return takes_in(graph, node, norm, there, why) ? producer : NL_NONE;
        value = node->in[NL_MEAN_POOL_X];
    }
}

static int layer_after(const struct nl_graph *graph, const struct nl_graph_node *norm, char why[WORDS])
{
    static const char there[] = " after it";
    for (int value = norm->out[0];;) {
        int taker = nl_first_consumer(graph, value);
        if (nl_consumers(graph, value) != 1 || taker == NL_NONE) {
            snprintf(why, WORDS, "several nodes take what it puts out");
            return NL_NONE;
        }
        const struct nl_graph_node *node = &graph->node[taker];
        if (is_mean(node)) {
            value = node->out[0];
            continue;
        }
        if (!takes_in(graph, node, norm, there, why))
            return NL_NONE;
        if (!pads(node))
            return taker;
        snprintf(why, WORDS, "'%s'%s pads with zeros, which must come after the shift", node->name, there);
        return NL_NONE;
    }
}

struct nl_fold nl_fold_find(const struct nl_graph *graph, int number)
{
    const struct nl_graph_node *node = &graph->node[number];
    struct nl_fold fold = {.layer = NL_NONE};
    char before[WORDS], after[WORDS];
    if (!nl_fold_kind(node))
        return fold;
    fold.part = computes_weight(node)       ? NL_FOLD_WEIGHT
                : is_batch_and_groups(node) ? NL_FOLD_BATCH_HALF
                                            : NL_FOLD_NORMALIZER;
    if (fold.part == NL_FOLD_WEIGHT)
        return fold;
    const char *why = why_no_map(graph, node);
    if (!why) {
        fold.layer = layer_before(graph, node, before);
        fold.before = fold.layer != NL_NONE;
        if (!fold.before && fold.part == NL_FOLD_BATCH_HALF)
            snprintf(after, WORDS, "its own groups come after it");
        else if (!fold.before)
            fold.layer = layer_after(graph, node, after);
    }
    if (fold.layer != NL_NONE)
        return fold;
    fold.part = NL_FOLD_REFUSED;
    if (why)
        snprintf(fold.why.text, sizeof fold.why.text, "%s", why);
    else
        snprintf(fold.why.text, sizeof fold.why.text, "%s, and %s", before, after);
    return fold;
}

/* ---- the network's shape ---- */

void nl_fold_begin(struct nl_graph *graph)
{
    for (int i = 0; i < graph->nodes; i++) {
        struct nl_graph_node *node = &graph->node[i];
        if (node->operation == &nl_cross_iteration_operation) { /* training alone looks at the layer before */
            struct nl_cross_iteration *window = node->arguments;
            node->in[NL_CROSS_ITERATION_INPUT] = node->in[NL_CROSS_ITERATION_WEIGHT] = NL_NONE;
            window->weights = 0;
        }
        if (node->operation != &nl_dropout_operation && node->operation != &nl_noise_operation &&
            !node->operation->initializes)
            continue;
        nl_graph_replace_value(graph, node->out[0], node->in[0]);
        node->operation = NULL;
    }
}

static int consumer_of_weight(const struct nl_graph *graph, int value)
{
    for (int i = 0; i < graph->nodes; i++)
        if (graph->node[i].operation && is_layer(&graph->node[i]) && graph->node[i].in[NL_PRODUCT_WEIGHT] == value)
            return i;
    return NL_NONE;
}

int nl_fold_weight(struct nl_graph *graph, int number)
{
    struct nl_graph_node *node = &graph->node[number];
    int value = node->out[0], layer = NL_FOUND(consumer_of_weight(graph, value), "who takes '%s'", node->name);
    graph->node[layer].in[NL_PRODUCT_WEIGHT] = NL_NONE;
    int tensor = nl_graph_add_parameter(graph, layer, NL_PRODUCT_WEIGHT, node->name);
    nl_graph_replace_value(graph, value, graph->node[layer].in[NL_PRODUCT_WEIGHT]);
    node->operation = NULL;
    return tensor;
}

/* "conv1.weight" of which the bias is "conv1.bias", "rnn.weight_ih_l0" of which it is "rnn.bias_ih_l0". */
static void add_bias(struct nl_graph *graph, int layer)
{
    static const char weight[] = "weight";
    const char *name = graph->tensor[graph->value[graph->node[layer].in[NL_PRODUCT_WEIGHT]].tensor].name, *at = NULL;
    for (const char *next = name; (next = strstr(next, weight)); next++)
        at = next;
    NL_ASSERT(at);
    char *bias = nl_format("%.*sbias%s", (int)(at - name), name, at + strlen(weight));
    nl_graph_add_parameter(graph, layer, NL_PRODUCT_BIAS, bias);
    free(bias);
}

/* Batch-channel normalization without its first half is group normalization of the same gamma and beta. */
static void keep_groups(struct nl_graph_node *node)
{
    const struct nl_mixture *mixture = node->arguments;
    struct nl_normalize *groups = nl_alloc(1, sizeof *groups);
    *groups = (struct nl_normalize){.setup = mixture->batch.setup,
                                    .norm = &nl_norm_gn,
                                    .affine_count = mixture->batch.affine_count,
                                    .eps = mixture->set.eps};
    groups->setup.groups = mixture->set.groups;
    free(node->arguments);
    node->arguments = groups;
    node->operation = &nl_normalize_operation;
    node->in[NL_MIXTURE_OWN] = node->in[NL_MIXTURE_OWN + 1] = NL_NONE;
    node->states = 0;
}

void nl_fold_normalizer(struct nl_graph *graph, int number, const struct nl_fold *fold)
{
    struct nl_graph_node *node = &graph->node[number];
    if (graph->node[fold->layer].in[NL_PRODUCT_BIAS] == NL_NONE)
        add_bias(graph, fold->layer);
    if (fold->part == NL_FOLD_BATCH_HALF) {
        keep_groups(node);
        return;
    }
    nl_graph_replace_value(graph, node->out[0], node->in[NL_NORM_X]);
    node->operation = NULL;
}

/* A value that nobody takes. */
static void forget(struct nl_value *value)
{
    *value = (struct nl_value){.producer = NL_NONE, .tensor = NL_NONE, .loop = NL_NONE, .lengths = NL_NONE};
}

void nl_fold_end(struct nl_graph *graph, int *kept)
{
    int *place = nl_alloc((size_t)graph->tensors, sizeof *place), tensors = 0;
    for (int i = 0; i < graph->nodes; i++)
        for (int out = 0; !graph->node[i].operation && out < graph->node[i].outputs; out++)
            forget(&graph->value[graph->node[i].out[out]]);
    nl_graph_close_up(graph);
    for (int i = 0; i < graph->tensors; i++)
        place[i] = NL_NONE;
    for (int i = graph->nodes - 1; i >= 0; i--) { /* of a shared parameter the first node is the owner */
        const struct nl_graph_node *node = &graph->node[i];
        for (int slot = 0; slot < NL_MOST_SLOTS; slot++)
            if (node->in[slot] != NL_NONE && graph->value[node->in[slot]].kind == NL_PARAMETER) {
                int tensor = graph->value[node->in[slot]].tensor;
                graph->tensor[tensor].node = i, place[tensor] = 0;
            }
        for (int s = 0; s < node->states; s++)
            graph->tensor[node->state[s]].node = i, place[node->state[s]] = 0;
    }
    for (int i = 0; i < graph->tensors; i++) {
        if (place[i] == NL_NONE)
            continue;
        graph->tensor[tensors] = graph->tensor[i];
        if (kept)
            kept[tensors] = i;
        place[i] = tensors++;
    }
    graph->tensors = tensors;
    for (int i = 0; i < graph->values; i++)
        if (graph->value[i].kind == NL_PARAMETER) {
            graph->value[i].tensor = place[graph->value[i].tensor];
            if (graph->value[i].tensor == NL_NONE)
                forget(&graph->value[i]);
        }
    for (int i = 0; i < graph->nodes; i++)
        for (int s = 0; s < graph->node[i].states; s++)
            graph->node[i].state[s] = place[graph->node[i].state[s]];
    free(place);
    nl_graph_place_tensors(graph);
}

/* ---- a network that says what of it is folded ---- */

/* The node of that name, of so many characters, that is still there. */
static int node_named(const struct nl_graph *graph, const char *name, size_t length)
{
    for (int i = 0; i < graph->nodes; i++)
        if (graph->node[i].operation && strlen(graph->node[i].name) == length &&
            strncmp(graph->node[i].name, name, length) == 0)
            return i;
    return NL_NONE;
}

/* Folds the node that `length` characters name. */
static int fold_again(struct nl_graph *graph, const char *item, size_t length, struct nl_error *err)
{
    const char *arrow = memchr(item, '>', length);
    size_t name = arrow ? (size_t)(arrow - item) : length;
    int node = node_named(graph, item, name);
    int layer = arrow ? node_named(graph, arrow + 1, length - name - 1) : NL_NONE;
    struct nl_fold fold = {.part = NL_FOLD_NOTHING};
    if (node != NL_NONE)
        fold = nl_fold_find(graph, node);
    if (fold.part == NL_FOLD_WEIGHT && !arrow) {
        nl_fold_weight(graph, node);
        return NL_OK;
    }
    if ((fold.part != NL_FOLD_NORMALIZER && fold.part != NL_FOLD_BATCH_HALF) || layer == NL_NONE || layer != fold.layer)
        return nl_fail(err, "this network cannot be folded by '%.*s'", (int)length, item);
    nl_fold_normalizer(graph, node, &fold);
    return NL_OK;
}

int nl_fold_again(struct nl_graph *graph, const char *list, struct nl_error *err)
{
    int status = NL_OK;
    nl_fold_begin(graph);
    for (const char *item = list; *item && status == NL_OK;) {
        size_t length = strcspn(item, ",");
        status = fold_again(graph, item, length, err);
        item += length + (item[length] == ',');
    }
    nl_fold_end(graph, NULL);
    return status;
}
