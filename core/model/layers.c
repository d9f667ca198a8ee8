/* The network that model.layers lists. */
#include "config/layers.h"

#include <stdio.h>
#include <string.h>

#include "config/network.h"
#include "model/build.h"
#include "operation/activate.h"
#include "operation/concat.h"
#include "operation/excite.h"

/* Residuals may stand in one another: what each adds, and, once its branch has ended, what the branch gave. */
enum { DEEPEST = 32 };
struct residuals {
    int open; /* so many have begun and not ended */
    struct residual {
        int input, branch;
    } at[DEEPEST];
};

/* Concats may, too: what the branches of each take, and what those that have ended gave. */
struct concats {
    int open;
    struct concat {
        int input, branches, branch[NL_MOST_BRANCHES];
    } at[DEEPEST];
};

/* A layer, and the builder with its settings. */
struct listed {
    struct nl_builder *b;
    struct nl_config config; /* the trial's with the layer's settings */
    const struct nl_layer *previous, *layer, *next; /* previous, next: NULL at the ends */
};

static bool cancels_bias(const struct listed *l)
{
    struct nl_config config = l->config;
    const struct nl_layer *next = l->next;
    if (!next || next->kind != NL_LAYER_NORM)
        return false;
    nl_layer_configure(next, &config);
    return nl_config_norm_cancels_bias(&config) && !(next->pair && config.norm.placement == NL_AFTER);
}

static void add_product(const struct listed *l)
{
    const struct nl_layer_settings *set = &l->layer->set;
    const char *name = nl_layer_name(l->layer);
    bool bias = l->config.model.bias == NL_SWITCH_AUTO ? !cancels_bias(l) : l->config.model.bias == NL_SWITCH_ON;
    struct nl_conv conv = {
        .out = set->width,
        .kernel = set->kernel == NL_UNSAID ? 3 : set->kernel,
        .stride = l->layer->stride,
        .dilation = set->dilation == NL_UNSAID ? 1 : set->dilation,
        .pads = set->padding != NL_UNSAID,
        .pad = set->padding,
    };
    if (l->layer->kind == NL_LAYER_LINEAR && set->width == NL_CLASSES)
        nl_add_head(l->b, name);
    else if (l->layer->kind == NL_LAYER_LINEAR)
        nl_add_linear(l->b, set->width, bias, name, 0);
    else if (set->width == NL_DEPTHWISE)
        nl_add_depthwise_conv(l->b, conv, bias, name, 0);
    else
        nl_add_conv(l->b, conv, bias, name, 0);
}

static void add_norm(const struct listed *l)
{
    struct nl_builder *b = l->b;
    if (l->config.norm.affine == NL_AFFINE_ELEMENT && nl_norm_affine_is_of_channel(b->norm))
        nl_build_refuse(b, NULL, "'norm.affine' cannot be 'element' with %s: its gamma and beta are one a channel",
                        b->norm->name);
    if (l->layer->pair && l->config.norm.placement == NL_AFTER && nl_config_norm_activates(&l->config))
        nl_build_refuse(b, NULL, "%s", NL_TLU_IS_BEFORE);
    b->activates = l->next && l->next->kind == NL_LAYER_ACTIVATION;
    nl_add_norm(b, nl_layer_name(l->layer), 0);
}

/* Whether the normalizer before it takes its place. */
static bool is_taken(const struct listed *l)
{
    struct nl_config config = l->config;
    if (!l->previous || l->previous->kind != NL_LAYER_NORM)
        return false;
    nl_layer_configure(l->previous, &config);
    return nl_config_norm_activates(&config);
}

#define LAYER(operation, ...) extern const struct nl_operation nl_##operation##_operation;
#include "config/layers.def"

/* The operation and the name of each layer that takes no settings. */
static const struct {
    const struct nl_operation *operation;
    const char *stem;
} simple[NL_LAYER_KINDS] = {
#define LAYER(operation, word, stem, ...) [NL_LAYER_##operation] = {&nl_##operation##_operation, stem},
#include "config/layers.def"
};

void nl_add_simple(struct nl_builder *b, const char *stem, int number)
{
    int kind = 0;
    while (!simple[kind].operation || strcmp(simple[kind].stem, stem) != 0)
        NL_ASSERT(++kind < NL_LAYER_KINDS);
    nl_add(b, simple[kind].operation, NULL, stem, number);
}

/* The name of a node that is a part of the layer. */
static const char *part_of(const struct listed *l, const char *part, char name[64])
{
    snprintf(name, 64, "%s.%s", nl_layer_name(l->layer), part);
    return name;
}

static void add_sum(const struct listed *l, struct residual ended)
{
    struct nl_builder *b = l->b;
    char name[64];
    int shortcut = ended.input;
    if (ended.branch == NL_NONE) {
        nl_set_last_gamma(b);
    } else {
        shortcut = b->at;
        b->at = ended.branch;
    }
    nl_end_branch(b, part_of(l, "scale", name));
    nl_add_drop_path(b, l->layer->set.drop_path, part_of(l, "drop_path", name));
    nl_add_shortcut(b, shortcut, l->layer->stride, nl_layer_name(l->layer));
}

/* torchvision.ops.SqueezeExcitation */
static void add_squeeze_excitation(const struct listed *l)
{
    struct nl_builder *b = l->b;
    int x = b->at, channels = nl_extent_at(b).channels;
    const struct nl_activate relu = {.kind = NL_RELU}, sigmoid = {.kind = NL_SIGMOID};
    char name[64];
    nl_add(b, &nl_mean_pool_operation, NULL, part_of(l, "avgpool", name), 0);
    nl_add_linear(b, l->layer->set.width, true, part_of(l, "fc1", name), 0);
    nl_add(b, &nl_activate_operation, &relu, part_of(l, "activation", name), 0);
    nl_add_linear(b, channels, true, part_of(l, "fc2", name), 0);
    nl_add(b, &nl_activate_operation, &sigmoid, part_of(l, "scale_activation", name), 0);
    struct nl_new_node node = {.operation = &nl_excite_operation, .in = {x, b->at}, .inputs = 2};
    nl_add_node(b, node, nl_layer_name(l->layer), 0);
}

static void end_branch(struct nl_builder *b, struct concat *concat)
{
    concat->branch[concat->branches++] = b->at;
    b->at = concat->input;
}

static void add_joint(const struct listed *l, const struct concat *ended)
{
    struct nl_builder *b = l->b;
    struct nl_new_node node = {.operation = &nl_concat_operation, .inputs = ended->branches};
    for (int i = 0; i < ended->branches; i++)
        node.in[i] = ended->branch[i];
    nl_add_node(b, node, nl_layer_name(l->layer), 0);
    b->last_gamma = NL_NONE;
}

static void add_layer(const struct listed *l, struct residuals *residuals, struct concats *concats)
{
    struct nl_builder *b = l->b;
    const char *name = nl_layer_name(l->layer);
    switch (l->layer->kind) {
    case NL_LAYER_CONV:
    case NL_LAYER_LINEAR:
        add_product(l);
        return;
    case NL_LAYER_NORM:
        add_norm(l);
        return;
    case NL_LAYER_ACTIVATION:
        if (!is_taken(l))
            nl_add_activation(b, name, 0);
        return;
    case NL_LAYER_DROPOUT:
        nl_add_dropout(b, name, 0);
        return;
    case NL_LAYER_LAYER_SCALE:
        nl_add_layer_scale(b, l->layer->set.scale >= 0 ? l->layer->set.scale : 1e-6, name);
        return;
    case NL_LAYER_RESIDUAL:
        NL_ASSERT(residuals->open < DEEPEST);
        residuals->at[residuals->open++] = (struct residual){b->at, NL_NONE};
        b->last_gamma = NL_NONE;
        return;
    case NL_LAYER_SHORTCUT:
        nl_set_last_gamma(b);
        residuals->at[residuals->open - 1].branch = b->at;
        b->at = residuals->at[residuals->open - 1].input;
        return;
    case NL_LAYER_ADD:
        add_sum(l, residuals->at[--residuals->open]);
        return;
    case NL_LAYER_SQUEEZE_EXCITATION: add_squeeze_excitation(l); return;
    case NL_LAYER_CONCAT:
        NL_ASSERT(concats->open < DEEPEST);
        concats->at[concats->open++] = (struct concat){.input = b->at};
        return;
    case NL_LAYER_BRANCH: end_branch(b, &concats->at[concats->open - 1]); return;
    case NL_LAYER_JOIN: add_joint(l, &concats->at[--concats->open]); return;
#define LAYER(operation, ...) case NL_LAYER_##operation:
#include "config/layers.def"
        nl_add(b, simple[l->layer->kind].operation, NULL, name, 0);
        return;
    case NL_LAYER_NORM_ACTIVATION: /* two layers */
    case NL_LAYER_LAYERS:
    case NL_LAYER_KINDS:
        break;
    }
    NL_BUG("a layer of kind %d", l->layer->kind);
}

static void add_with_settings(struct nl_builder *b, const struct nl_layers *layers, int i, struct residuals *residuals,
                              struct concats *concats)
{
    const struct nl_config *config = b->config;
    struct listed l = {.b = b,
                       .config = *config,
                       .previous = i > 0 ? &layers->layer[i - 1] : NULL,
                       .layer = &layers->layer[i],
                       .next = i + 1 < layers->count ? &layers->layer[i + 1] : NULL};
    nl_layer_configure(l.layer, &l.config);
    b->config = &l.config;
    b->norm = nl_norm_of(&l.config);
    b->set = &l.layer->set;
    b->residual = (enum nl_residual)l.config.model.residual;
    b->layer = l.layer;
    add_layer(&l, residuals, concats);
    b->layer = NULL;
    b->config = config;
}

/* Where item i stands among the nodes: the second of a pair that is placed after its activation comes first. */
static int place_of(const struct nl_config *config, const struct nl_layers *layers, int i)
{
    struct nl_config own = *config;
    int norm = i > 0 && layers->layer[i - 1].pair ? i - 1 : i;
    if (!layers->layer[norm].pair)
        return i;
    nl_layer_configure(&layers->layer[norm], &own);
    return own.norm.placement != NL_AFTER ? i : i == norm ? i + 1 : i - 1;
}

void nl_build_layers(struct nl_builder *b)
{
    const struct nl_layers *layers = b->config->model.layers;
    struct residuals residuals = {.open = 0};
    struct concats concats = {.open = 0};
    for (int i = 0; i < layers->count; i++)
        add_with_settings(b, layers, place_of(b->config, layers, i), &residuals, &concats);
}
