#include "model/build.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "config/layers.h"
#include "operation/activate.h"
#include "operation/add.h"
#include "operation/affine.h"
#include "operation/dropout.h"
#include "operation/linear.h"
#include "operation/mean_pool.h"
#include "operation/normalize.h"
#include "operation/normalizer.h"

struct nl_extent nl_extent_at(const struct nl_builder *b)
{
    return b->graph->value[b->at].extent;
}

static void add_node(struct nl_builder *b, struct nl_new_node node, const char *stem, int number)
{
    char name[48], digits[12] = "";
    if (b->failed)
        return;
    if (number > 0)
        snprintf(digits, sizeof digits, "%d", number);
    snprintf(name, sizeof name, "%s%s%s", b->prefix, stem, digits);
    node.name = name;
    int out = nl_graph_add(b->graph, &node, b->err);
    b->failed = out == NL_NONE;
    if (!b->failed)
        b->at = out;
}

void nl_add_without(struct nl_builder *b, const struct nl_operation *operation, const void *arguments, unsigned without, const char *stem, int number)
{
    add_node(b, (struct nl_new_node){.operation = operation, .arguments = arguments, .in = {b->at}, .inputs = 1, .without = without}, stem, number);
}

void nl_add(struct nl_builder *b, const struct nl_operation *operation, const void *arguments, const char *stem, int number)
{
    nl_add_without(b, operation, arguments, 0, stem, number);
}

static void add_product(struct nl_builder *b, const struct nl_operation *operation, const void *arguments, bool bias, const char *stem, int number)
{
    nl_add_without(b, operation, arguments, bias ? 0 : 1u << NL_PRODUCT_BIAS, stem, number);
}

void nl_add_linear(struct nl_builder *b, int out, bool bias, const char *stem, int number)
{
    struct nl_linear linear = {.gemm = b->config->device.gemm, .precision = b->config->device.precision, .out = out};
    add_product(b, &nl_linear_operation, &linear, bias, stem, number);
}

static void add_conv(struct nl_builder *b, const struct nl_operation *operation, struct nl_conv shape, bool bias, const char *stem, int number)
{
    shape.gemm = b->config->device.gemm;
    shape.algorithm = b->config->device.conv;
    shape.precision = b->config->device.precision;
    add_product(b, operation, &shape, bias, stem, number);
}

void nl_add_conv(struct nl_builder *b, struct nl_conv shape, bool bias, const char *stem, int number)
{
    add_conv(b, &nl_conv_operation, shape, bias, stem, number);
}

void nl_add_depthwise_conv(struct nl_builder *b, struct nl_conv shape, bool bias, const char *stem, int number)
{
    add_conv(b, &nl_depthwise_conv_operation, shape, bias, stem, number);
}

static struct nl_own own(double said)
{
    return (struct nl_own){said >= 0, said};
}

/* The tensor that is the weight of the last node, or NL_NONE. */
static int last_weight(const struct nl_builder *b)
{
    return b->failed ? NL_NONE : nl_graph_parameter(b->graph, b->at, "weight");
}

void nl_scale_weight(struct nl_builder *b, double factor)
{
    int tensor = last_weight(b);
    if (tensor != NL_NONE)
        b->graph->tensor[tensor].factor = factor;
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
        b->graph->tensor[b->last_gamma].factor = value;
}

/* By its sets. */
static void add_normalize(struct nl_builder *b, struct nl_own eps, struct nl_own momentum, const char *stem, int number)
{
    struct nl_extent x = nl_extent_at(b);
    struct nl_norm_setup setup = nl_norm_setup_of(b->config, 0, nl_positions(x), x.channels);
    if ((b->norm->uses & NL_USES_PARTS) && setup.channel_groups > 0 && nl_check_groups(setup.channel_groups, x.channels, " (norm.sets)", b->err)) {
        b->failed = true;
        return;
    }
    struct nl_normalize normalize = {.setup = setup,
                                     .norm = b->norm,
                                     .unbiased = b->config->norm.running_var == NL_UNBIASED,
                                     .detached = (unsigned)b->config->norm.detach,
                                     .trains_running = b->norm->tracks && b->config->norm.statistics == NL_OF_RUNNING,
                                     .affine_count = (int)nl_affine_count((enum nl_affine)b->config->norm.affine, &x),
                                     .eps = eps,
                                     .momentum = momentum};
    nl_add(b, &nl_normalize_operation, &normalize, stem, number);
}

/* By an operation of its own, whose arguments begin with the settings. */
static void add_own_operation(struct nl_builder *b, struct nl_own eps, struct nl_own momentum, const char *stem, int number)
{
    const struct nl_operation *operation = b->norm->operation;
    struct nl_norm_settings *arguments = nl_alloc(1, operation->arguments);
    *arguments = (struct nl_norm_settings){
        .norm = b->norm,
        .affine = (enum nl_affine)b->config->norm.affine,
        .alpha = b->config->norm.alpha,
        .eps = eps,
        .momentum = momentum,
    };
    nl_add(b, operation, arguments, stem, number);
    free(arguments);
}

void nl_add_norm(struct nl_builder *b, const char *stem, int number)
{
    struct nl_own eps = own(b->set ? b->set->eps : NL_UNSAID), momentum = own(b->set ? b->set->momentum : NL_UNSAID);
    b->last_gamma = NL_NONE;
    if (is_skipped(b, ++b->norms) || nl_norm_is_none(b->norm))
        return;
    (b->norm->operation ? add_own_operation : add_normalize)(b, eps, momentum, stem, number);
    nl_scale_weight(b, b->config->norm.gamma_init);
    if (!(b->set && b->set->gamma_init >= 0))
        b->last_gamma = last_weight(b);
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

void nl_add_shortcut(struct nl_builder *b, int shortcut, int stride, const char *stem)
{
    struct nl_add add = {.stride = stride};
    add_node(b, (struct nl_new_node){.operation = &nl_add_operation, .arguments = &add, .in = {b->at, shortcut}, .inputs = 2}, stem, 0);
}

void nl_add_norm_and_activation(struct nl_builder *b, int number)
{
    bool after = b->config->norm.placement == NL_AFTER;
    if (!after)
        nl_add_norm(b, "norm", number);
    nl_add_fixup_bias(b, "bias_act", number);
    nl_add_activation(b, "act", number);
    if (after)
        nl_add_norm(b, "norm", number);
}

bool nl_hidden_bias(const struct nl_builder *b, bool sum)
{
    if (b->config->model.bias != NL_BIAS_AUTO)
        return b->config->model.bias == NL_BIAS_ON;
    if (b->residual == NL_FIXUP)
        return false; /* its scalars are the biases */
    bool cancelled = b->norm->cancels_bias && b->config->norm.placement != NL_AFTER;
    for (int next = b->norms + 1; next <= (sum ? b->all_norms : b->norms + 1); next += 2)
        cancelled &= !is_skipped(b, next);
    return !cancelled;
}

void nl_add_pooled_head(struct nl_builder *b)
{
    nl_add(b, &nl_mean_pool_operation, NULL, "avgpool", 0);
    nl_add_fixup_bias(b, "bias_head", 0);
    nl_add_linear(b, b->graph->classes, true, "head", 0);
    nl_add_fixup_weights(b, 0);
}
