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

void nl_add(struct nl_builder *b, const struct nl_operation *operation, const void *arguments, const char *stem, int number)
{
    add_node(b, (struct nl_new_node){.operation = operation, .arguments = arguments, .in = {b->at}, .inputs = 1}, stem, number);
}

static void add_product(struct nl_builder *b, const struct nl_operation *operation, const void *arguments, bool bias, const char *stem, int number)
{
    add_node(b, (struct nl_new_node){.operation = operation, .arguments = arguments, .in = {b->at}, .inputs = 1, .without = bias ? 0 : 1u << NL_PRODUCT_BIAS},
             stem, number);
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
        .groups = (int)b->config->norm.groups,
        .whitening = (enum nl_whitening_kind)b->config->norm.whitening,
        .iterations = (int)b->config->norm.iterations,
        .eps = eps,
        .momentum = momentum,
    };
    nl_add(b, operation, arguments, stem, number);
    free(arguments);
}

void nl_add_norm(struct nl_builder *b, const char *stem, int number)
{
    struct nl_own eps = own(b->set ? b->set->eps : NL_UNSAID), momentum = own(b->set ? b->set->momentum : NL_UNSAID);
    if (nl_norm_is_none(b->norm))
        return;
    (b->norm->operation ? add_own_operation : add_normalize)(b, eps, momentum, stem, number);
}

void nl_add_activation(struct nl_builder *b, const char *stem, int number)
{
    struct nl_activate activate = {.kind = b->config->model.activation, .gelu = b->config->model.gelu_approximate};
    nl_add(b, &nl_activate_operation, &activate, stem, number);
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
    nl_add_activation(b, "act", number);
    if (after)
        nl_add_norm(b, "norm", number);
}

bool nl_hidden_bias(const struct nl_builder *b)
{
    if (b->config->model.bias != NL_BIAS_AUTO)
        return b->config->model.bias == NL_BIAS_ON;
    /* With pre-activation too: what reads the sum of a block normalizes it, one block later or many blocks later. */
    return !(b->norm->cancels_bias && b->config->norm.placement != NL_AFTER);
}

void nl_add_pooled_head(struct nl_builder *b)
{
    nl_add(b, &nl_mean_pool_operation, NULL, "avgpool", 0);
    nl_add_linear(b, b->graph->classes, true, "head", 0);
}
