/* Which keys matter, given the values of the others: the conditions of keys.def, and the words that they are written
 * in. */
#include <string.h>

#include "config/config.h"
#include "config/layers.h"
#include "config/network.h"
#include "norm/norm.h"
#include "norm/weights.h"
#include "optimizer/optimizer.h"

/* ---- what conditions ask ---- */

static bool evaluates(const struct nl_config *config, enum nl_eval wanted)
{
    for (int i = 0; i < config->norm.eval.count; i++)
        if (config->norm.eval.at[i] == wanted)
            return true;
    return false;
}

static bool averages_precisely(const struct nl_config *config)
{
    return config->train.average_statistics == NL_STATISTICS_PRECISE &&
           (nl_config_averages(config, NL_EVAL_EMA) || nl_config_averages(config, NL_EVAL_SWA));
}

static bool has_gain(const struct nl_weight_norm *norm)
{
    return norm->gain != NL_GAIN_NONE;
}

static bool iterates(const struct nl_weight_norm *norm)
{
    return norm->measure == NL_WEIGHT_SPECTRAL;
}

static bool any_weights(const struct nl_config *config, bool (*are)(const struct nl_weight_norm *norm))
{
    bool any = false;
    for (int i = 1; nl_weight_norm_names[i]; i++)
        any |= nl_config_has_weight_norm(config, i) && are(nl_weight_norms[i]);
    return any;
}

/* Whether an architecture with activation functions everywhere has one left: a residual block that begins with its
 * convolution ends with one after the sum, which no normalizer takes the place of. */
static bool has_activation(const struct nl_config *config)
{
    if (config->model.arch == NL_TRANSFORMER)
        return true;
    if (nl_config_is_recurrent(config))
        return config->model.arch == NL_RNN;
    return !nl_config_norm_activates(config) ||
           (config->model.arch == NL_RESNET && nl_placement_of(config) == NL_BEFORE);
}

/* Whether the network has that activation function. */
static bool activates(const struct nl_config *config, enum nl_activation wanted)
{
    const struct nl_layers *layers = config->model.layers;
    bool found = config->model.arch != NL_LAYERS && has_activation(config) && config->model.activation == (int)wanted;
    for (int i = 0; config->model.arch == NL_LAYERS && i < layers->count; i++) {
        int own = layers->layer[i].set.activation;
        found |= layers->layer[i].kind == NL_LAYER_ACTIVATION &&
                 (own == NL_UNSAID ? config->model.activation : own) == (int)wanted;
    }
    return found;
}

/* Whether something is added to what goes around it. */
static bool has_residuals(const struct nl_config *config)
{
    const struct nl_layers *layers = config->model.layers;
    bool found = config->model.arch == NL_RESNET || config->model.arch == NL_TRANSFORMER;
    for (int i = 0; config->model.arch == NL_LAYERS && i < layers->count; i++)
        found |= layers->layer[i].kind == NL_LAYER_RESIDUAL;
    return found;
}

/* Whether a pair of a normalizer and an activation in the list leaves their order to norm.placement. */
static bool leaves_order(const struct nl_config *config)
{
    const struct nl_layers *layers = config->model.layers;
    bool found = false;
    for (int i = 0; i < layers->count; i++)
        found |= layers->layer[i].pair && layers->layer[i].set.placement == NL_UNSAID;
    return found;
}

/* Whether branches may end with a normalizer. */
static bool ends_with_norm(const struct nl_config *config)
{
    enum nl_placement placement = nl_placement_of(config);
    return config->model.arch == NL_TRANSFORMER ? placement == NL_PERI || placement == NL_SANDWICH
                                                : placement != NL_PREACT;
}

static bool has_gamma(const struct nl_config *config)
{
    struct nl_traits norm = nl_traits_of(config);
    return norm.has_affine || (norm.uses & NL_HAS_GAIN);
}

/* ---- the conditions ---- */

#define DATA(word) (config->data.name == NL_##word)
#define IMAGES nl_config_has_images(config)
#define AS(word) (config->data.as == NL_AS_##word)
#define ARCH(word) (config->model.arch == NL_##word)
#define RECURRENT nl_config_is_recurrent(config)
#define NORM(trait) (nl_traits_of(config).trait)
#define USES(word) (nl_config_norm_uses(config) & NL_USES_##word)
#define OPTIMIZER_HAS(word) (nl_optimizers[config->train.optimizer]->keys & NL_BY_##word)
#define SCHEDULE(word) (config->train.schedule == NL_##word)

#define SECTION(name, help)
#define KEY(section, field, type, default_text, low, high, choices, recorded, condition, help) \
    static bool section##_##field(const struct nl_config *config)                          \
    {                                                                                      \
        (void)config;                                                                      \
        return condition;                                                                  \
    }
#define END(name)
#include "config/keys.def"
#undef KEY

/* The condition of each key, in the order of nl_keys. */
static bool (*const conditions[])(const struct nl_config *config) = {
#define KEY(section, field, ...) section##_##field,
#include "config/keys.def"
#undef SECTION
#undef KEY
#undef END
};

bool nl_key_is_read(const struct nl_key *key, const struct nl_config *config)
{
    return !key->own && conditions[nl_key_index(key)](config) &&
           (key->recorded != NL_KEY_CHANGED || !nl_key_is_default(key, config));
}

bool nl_key_applies(const struct nl_key *key, const struct nl_config *config)
{
    return key->recorded != NL_KEY_ASIDE && nl_key_is_read(key, config);
}

bool nl_key_would_apply(const struct nl_key *key, const struct nl_config *config, const char *text)
{
    struct nl_config with = *config;
    struct nl_error ignored;
    return nl_key_set(key, &with, text, &ignored) == NL_OK && nl_key_applies(key, &with);
}

bool nl_section_is_aside(const char *section)
{
    bool aside = true, known = false;
    for (const struct nl_key *key = nl_keys; key < nl_keys + nl_key_count; key++)
        if (strcmp(key->section, section) == 0) {
            known = true;
            aside &= key->recorded == NL_KEY_ASIDE;
        }
    return known && aside;
}
