/* Where a value of an experiment was written, and problems with it that a later stage sees. */
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/layers.h"
#include "config/sweep.h"

struct nl_origin nl_origin_of(const struct nl_experiment *experiment, const char *name)
{
    const struct nl_layers *layers = experiment->config.model.layers;
    const struct nl_layer *layer = nl_layers_find(layers, name);
    if (layer && layer->at.kind != NL_FROM_DEFAULT) /* else it came in one word */
        return layer->at;
    const struct nl_key *key = nl_key_of(name);
    const struct nl_axis *axis = key ? nl_axis_with(experiment->axis, experiment->axes, key, NULL) : NULL;
    struct nl_origin at;
    if (!axis && nl_is_part(name)) {
        if (key && nl_layers_value(layers, key->path, &at))
            return at;
        key = nl_key_named("model.layers"); /* a layer of an axis */
        axis = nl_axis_with(experiment->axis, experiment->axes, key, NULL);
    }
    if (!key)
        NL_BUG("no key '%s' to speak of", name);
    at = axis ? axis->origin : experiment->origin[nl_key_index(key)];
    if (at.kind == NL_FROM_DEFAULT)
        at.file = *experiment->path ? experiment->path : NULL;
    return at;
}

static bool is_of_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.';
}

/* Whether the text names the key, and not another whose name begins or ends as this one. */
static bool names_key(const char *text, const struct nl_key *key)
{
    for (const char *at = text; (at = strstr(at, key->name)); at += key->length)
        if ((at == text || !is_of_name(at[-1])) && !is_of_name(at[key->length]))
            return true;
    return false;
}

/* What a message speaks of was not written by anybody: says what it is. */
static void add_default(struct nl_text *hint, const struct nl_experiment *experiment, const char *name,
                        const struct nl_key *key)
{
    char *text = nl_key_text(key, &experiment->config);
    nl_text_add(hint, "%s'%s' is %s%s", hint->length ? "; " : "", name, *key->default_text ? text : "not set",
                *key->default_text ? " by default" : "");
    free(text);
}

void nl_complain(struct nl_diagnostics *diagnostics, const struct nl_experiment *experiment, const char *name,
                 const char *format, ...)
{
    struct nl_origin at = nl_origin_of(experiment, name);
    struct nl_text message = {0}, hint = {0};
    va_list args;
    va_start(args, format);
    nl_text_vadd(&message, format, args);
    va_end(args);

    const struct nl_key *own = nl_key_of(nl_is_part(name) ? "model.layers" : name);
    if (at.kind == NL_FROM_DEFAULT)
        add_default(&hint, experiment, name, own);
    for (const struct nl_key *key = nl_keys; key < nl_keys + nl_key_count; key++)
        if (key != own && names_key(message.at, key) && nl_origin_of(experiment, key->name).kind == NL_FROM_DEFAULT)
            add_default(&hint, experiment, key->name, key);
    nl_diagnose(diagnostics, &at, hint.length ? hint.at : NULL, "%s", message.at);
    nl_text_release(&message);
    nl_text_release(&hint);
}
