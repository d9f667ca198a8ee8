/* Keys and their values in a configuration: reading, writing, defaults. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "config/keep.h"
#include "config/layers.h"
#include "config/own_keys.h"
#include "config/parts.h"
#include "config/value.h"

/* A mapping in one line. */
static int read_parts(const struct nl_key *key, const char *text, char **out, struct nl_error *err,
                      struct nl_error *hint)
{
    const struct nl_origin nowhere = {.line_text = ""};
    struct nl_diagnostics diagnostics = {0};
    const struct nl_node *map = nl_yaml_parse(text, &nowhere, &diagnostics);
    char *parts = map ? nl_parts_read(key, map, &diagnostics) : NULL;
    if (!parts) {
        const struct nl_diagnostic *first = diagnostics.count > 0 ? diagnostics.at : NULL;
        nl_fail(err, "%s", first ? first->message : "it is no mapping");
        nl_fail(hint, "%s", first && first->hint ? first->hint : "");
    } else {
        *out = nl_keep_text(parts);
    }
    free(parts);
    nl_diagnostics_release(&diagnostics);
    return parts ? NL_OK : NL_FAIL;
}

int nl_value_read(const struct nl_key *key, struct nl_config *config, const char *text, struct nl_error *err,
                  struct nl_error *hint)
{
    if (key->type == NL_TYPE_PARTS)
        return read_parts(key, text, (char **)(void *)((char *)config + key->offset), err, hint);
    if (key->type != NL_TYPE_LAYERS)
        return nl_plain_value_read(key, config, text, err, hint);
    const struct nl_layers *layers = nl_layers_parse(text, err, hint);
    *(const struct nl_layers **)(void *)((char *)config + key->offset) = layers ? layers : &nl_no_layers;
    return layers ? NL_OK : NL_FAIL;
}

int nl_key_set(const struct nl_key *key, struct nl_config *config, const char *text, struct nl_error *err)
{
    struct nl_error what = {{0}}, hint = {{0}};
    if (key->path) {
        const struct nl_layers *layers = nl_layers_with(config->model.layers, key->path, text, err);
        config->model.layers = layers ? layers : config->model.layers;
        return layers ? NL_OK : NL_FAIL;
    }
    if (!nl_value_read(key, config, text, &what, &hint)) {
        config->own.given = key->own ? nl_own_with(config->own.given, key->name, text) : config->own.given;
        return NL_OK;
    }
    return nl_fail(err, "%s%s%s", what.text, hint.text[0] ? "; " : "", hint.text);
}

char *nl_key_value(const struct nl_key *key, const struct nl_config *config)
{
    struct nl_config scratch;
    const char *listed = key->path ? nl_layers_value(config->model.layers, key->path, NULL) : NULL;
    if (key->own)
        return nl_own_value(config->own.given, key->name);
    if (!key->path)
        return nl_value_text(key, config);
    return listed && !nl_value_read(key, &scratch, listed, NULL, NULL) ? nl_value_text(key, &scratch)
                                                                       : nl_strdup(listed ? listed : "");
}

static char *key_yaml(const struct nl_key *key, const struct nl_config *config, enum nl_spelling spelling)
{
    char *text = nl_key_value(key, config);
    char *yaml = nl_value_yaml(key, text, spelling);
    free(text);
    return yaml;
}

char *nl_key_text(const struct nl_key *key, const struct nl_config *config)
{
    return key_yaml(key, config, NL_SHOWN);
}

char *nl_key_recorded(const struct nl_key *key, const struct nl_config *config)
{
    return key_yaml(key, config, NL_RECORDED);
}

bool nl_key_is_default(const struct nl_key *key, const struct nl_config *config)
{
    struct nl_config defaults;
    nl_config_defaults(&defaults);
    char *value = nl_key_value(key, config), *usual = nl_key_value(key, &defaults);
    bool same = strcmp(value, usual) == 0;
    free(value);
    free(usual);
    return same;
}

static struct nl_config defaults;

static void read_defaults(void)
{
    for (int i = 0; i < nl_key_count; i++) {
        struct nl_error err;
        if (nl_key_set(&nl_keys[i], &defaults, nl_keys[i].default_text, &err))
            NL_BUG("keys.def: default of '%s': %s", nl_keys[i].name, err.text);
    }
    nl_keep_for_good(); /* what they point to */
}

void nl_config_defaults(struct nl_config *config)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_defaults);
    *config = defaults;
}
