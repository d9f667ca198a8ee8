/* KEY=VALUE arguments of the command line, in words that no shell touches. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/import.h"
#include "config/keep.h"
#include "config/layers.h"
#include "config/override.h"
#include "config/search.h"
#include "config/sweep.h"
#include "config/value.h"

/* The argument as a source line: where a part of it stands. */
static struct nl_origin place(const char *argument, const char *part, size_t width)
{
    return (struct nl_origin){.kind = NL_FROM_COMMAND_LINE,
                              .line = 1,
                              .column = (int)(part - argument) + 1,
                              .width = width ? (int)width : 1,
                              .line_text = argument};
}

static void remove_axis(struct nl_experiment *out, struct nl_axis *axis)
{
    int index = (int)(axis - out->axis);
    memmove(axis, axis + 1, (size_t)(out->axes - index - 1) * sizeof *axis);
    out->axes--;
}

/* What was chosen with it holds no more. */
static void remove_tuned(struct nl_rounds *rounds, const struct nl_key *key)
{
    struct nl_axis *tuned = nl_axis_with(rounds->tune, rounds->tunes, key, NULL);
    if (!tuned)
        return;
    int place = (int)(tuned - rounds->tune), later = --rounds->tunes - place;
    memmove(tuned, tuned + 1, (size_t)later * sizeof *tuned);
    memmove(&rounds->space[place], &rounds->space[place + 1], (size_t)later * sizeof *rounds->space);
    nl_search_expand(rounds);
    rounds->choices = 0;
    rounds->has_same = false;
}

static void append_axis(struct nl_experiment *out, const struct nl_axis *axis)
{
    out->axis = nl_realloc(out->axis, (size_t)out->axes + 1, sizeof *out->axis);
    out->axis[out->axes++] = *axis;
}

static void set_fixed(struct nl_loader *loader, const struct nl_key *key, const char *text, const struct nl_origin *at)
{
    struct nl_error err, hint;
    if (nl_value_read(key, &loader->out->config, text, &err, &hint))
        nl_diagnose(loader->diagnostics, at, hint.text, "%s", err.text);
    else {
        nl_note_called(key, text, at, loader->diagnostics);
        loader->out->origin[nl_key_index(key)] = *at;
    }
}

/* A key, or a part of model.layers, which may have no key: `name`; where it is written, and where its value. */
struct named {
    const char *name;
    const struct nl_key *key;
    struct nl_origin at, value_at;
};

/* The axis that varies it, perhaps by another name. */
static struct nl_axis *axis_of(const struct nl_experiment *out, const struct named *named, int *column)
{
    for (int a = 0; a < out->axes; a++)
        for (int k = 0; k < out->axis[a].keys; k++) {
            const struct nl_key *key = out->axis[a].key[k];
            *column = k;
            if (key == named->key ||
                (key->path && nl_is_part(named->name) &&
                 nl_layers_same_part(out->config.model.layers, key->path, named->name + strlen(NL_PART))))
                return &out->axis[a];
        }
    return NULL;
}

/* "[bn, gn]": values as a file lists them, where a list is no value of the key. */
static bool is_bracketed(const char *text)
{
    size_t length = strlen(text);
    return length >= 2 && text[0] == '[' && text[length - 1] == ']';
}

static bool is_several(const struct nl_key *key, const char *text)
{
    return key && !nl_key_is_list(key) && !nl_key_is_text(key) &&
           (is_bracketed(text) || strchr(text, ',') || (nl_key_is_number(key) && strchr(text, ':')));
}

static void read_several(struct nl_loader *loader, const struct nl_key *key, const char *text,
                         const struct nl_origin *at, struct nl_points *points)
{
    const struct nl_node *list = is_bracketed(text) ? nl_yaml_parse(text, at, loader->diagnostics) : NULL;
    if (list)
        nl_points_from_node(key, list, points, loader->diagnostics);
    else if (!is_bracketed(text))
        nl_points_from_text(key, text, at, points, loader->diagnostics);
    nl_points_refuse_twins(key, points, loader->diagnostics);
}

static void set_part(struct nl_loader *loader, const struct named *named, const char *text)
{
    struct nl_config *config = &loader->out->config;
    const struct nl_layers *changed = nl_layers_change(config->model.layers, named->name + strlen(NL_PART), &named->at,
                                                       text, &named->value_at, loader->diagnostics);
    config->model.layers = changed ? changed : config->model.layers;
}

static void override_key(struct nl_loader *loader, const struct named *named, const char *text)
{
    struct nl_experiment *out = loader->out;
    const struct nl_key *key = named->key;
    const struct nl_origin *at = &named->value_at, *name_at = &named->at;
    int column = 0;
    struct nl_axis *axis = axis_of(out, named, &column);
    if (key && key->own) {
        nl_diagnose(loader->diagnostics, name_at, "normlab import --help",
                    "'%s' is an axis of imported results, and cannot be set", key->name);
        return;
    }
    if (axis && axis->keys > 1) {
        nl_diagnose(loader->diagnostics, name_at, "change the zip in the file", "'%s' is coupled with '%s' in a zip",
                    named->name, axis->key[column ? 0 : 1]->name);
        return;
    }
    if (!is_several(key, text)) {
        if (nl_is_part(named->name))
            set_part(loader, named, text);
        else
            set_fixed(loader, key, text, at);
        if (axis)
            remove_axis(out, axis);
        if (key)
            remove_tuned(&out->rounds, key);
        return;
    }
    if (axis)
        key = axis->key[0]; /* by the name that others know it by */
    if (!nl_key_may_vary(loader, key, name_at))
        return;
    struct nl_points points = {0};
    read_several(loader, key, text, at, &points);
    if (points.count) {
        struct nl_axis made = nl_axis_of(key, &points, at);
        out->is_sweep = true;
        if (axis)
            *axis = made;
        else
            append_axis(out, &made);
    }
    nl_points_release(&points);
}

static void override_sweep(struct nl_loader *loader, const struct named *named, const char *text)
{
    const struct nl_field *field = nl_sweep_fields;
    while (field->name && strcmp(field->name, named->name + strlen("sweep.")) != 0)
        field++;
    loader->out->is_sweep = true;
    if (field->set)
        field->set(loader, text, &named->value_at);
    else
        nl_diagnose(loader->diagnostics, &named->at, "give a key several values to make an axis of it: norm.kind=bn,gn",
                    "'%s' cannot be set on the command line", named->name);
}

/* model.layers.stage2.norm.kind=gn, or =bn,gn */
static void override_part(struct nl_loader *loader, const struct named *named, const char *text)
{
    struct nl_experiment *out = loader->out;
    if (nl_axis_with(out->axis, out->axes, nl_key_named("model.layers"), NULL))
        nl_diagnose(loader->diagnostics, &named->at, "change the lists in the file",
                    "'model.layers' varies: it is not one list that could be changed");
    else
        override_key(loader, named, text);
}

void nl_apply_override(struct nl_loader *loader, const char *given)
{
    const char *argument = nl_keep_text(given), *equals = strchr(argument, '=');
    size_t length = equals ? (size_t)(equals - argument) : strlen(argument);
    struct nl_origin name_at = place(argument, argument, length);
    if (!equals || equals == argument) {
        nl_diagnose(loader->diagnostics, &name_at, "write it as train.lr=0.1", "'%s' is not KEY=VALUE", argument);
        return;
    }
    char *name = nl_format("%.*s", (int)length, argument);
    const char *text = equals + 1;
    const struct named named = {
        .name = name, .key = nl_key_of(name), .at = name_at, .value_at = place(argument, text, strlen(text))};
    if (nl_is_part(name))
        override_part(loader, &named, text);
    else if (named.key)
        override_key(loader, &named, text);
    else if (!strncmp(name, "sweep.", 6))
        override_sweep(loader, &named, text);
    else if (!strncmp(name, "import.", 7))
        nl_override_import(loader, name + 7, text, &named.value_at);
    else
        nl_report_unknown(loader, &name_at, name, nl_key_nearest(name));
    free(name);
}
