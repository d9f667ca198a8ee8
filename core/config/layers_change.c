/* A part of the list that the command line changes. The tree as it was written is never touched: what leads to the change is
 * copied. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/keep.h"
#include "config/layers.h"
#include "config/value.h"

static struct nl_node *copy_of(const struct nl_node *node, int items)
{
    struct nl_node *copy = nl_keep(nl_alloc(1, sizeof *copy));
    *copy = *node;
    copy->item = nl_keep(nl_alloc((size_t)items, sizeof *copy->item));
    for (int i = 0; node->kind != NL_SCALAR && i < (node->kind == NL_MAPPING ? 2 * node->count : node->count); i++)
        copy->item[i] = node->item[i];
    return copy;
}

static struct nl_node *scalar(const char *text, const struct nl_origin *at)
{
    struct nl_node *node = nl_keep(nl_alloc(1, sizeof *node));
    *node = (struct nl_node){.kind = NL_SCALAR, .text = text ? nl_keep_text(text) : "", .blank = !text, .at = *at};
    return node;
}

/* A mapping with one more entry, or another value of the one it has. A word alone, `norm`, is a mapping of it to nothing. */
static const struct nl_node *with_entry(const struct nl_node *map, const char *name, const struct nl_node *value)
{
    struct nl_node *out = copy_of(map, 2 * map->count + 4);
    if (map->kind == NL_SCALAR) {
        out->kind = NL_MAPPING;
        out->count = 1;
        out->item[0] = scalar(map->text, &map->at);
        out->item[1] = scalar(NULL, &map->at);
    }
    int i = 0;
    while (i < out->count && strcmp(out->item[2 * i]->text, name) != 0)
        i++;
    if (i == out->count)
        out->item[2 * out->count++] = scalar(name, &value->at);
    out->item[2 * i + 1] = (struct nl_node *)(uintptr_t)value; /* nobody writes to a tree that has been read */
    return out;
}

/* Whether the path begins with the word; rest: what is behind it and its dot. */
static bool begins_with(const char *path, const char *word, const char **rest)
{
    size_t length = strlen(word);
    if (strncmp(path, word, length) != 0 || (path[length] && path[length] != '.'))
        return false;
    *rest = path + length + (path[length] == '.');
    return true;
}

static const struct nl_node *change_list(const struct nl_node *list, const char *path, const struct nl_node *value);

/* `norm` with another kind, or groups, ...; `norm: gn` is {kind: gn}. NULL: it has no such word. */
static const struct nl_node *change_norm(const struct nl_node *norm, const char *path, const struct nl_node *value)
{
    struct nl_node empty = {.kind = NL_MAPPING, .at = value->at};
    const struct nl_node *map = norm && norm->kind == NL_MAPPING ? norm : &empty;
    if (norm && norm->kind == NL_SCALAR && !norm->blank)
        map = with_entry(map, "kind", norm);
    return nl_layer_word_find(nl_layer_norm_words, path) ? with_entry(map, path, value) : NULL;
}

/* An item whose lists have that path. */
static const struct nl_node *change_inside(const struct nl_node *item, const char *path, const struct nl_node *value)
{
    for (int i = 0; item->kind == NL_MAPPING && i < item->count; i++) {
        const struct nl_node *list = item->item[2 * i + 1],
                             *new = list->kind == NL_SEQUENCE ? change_list(list, path, value) : NULL;
        if (new)
            return with_entry(item, item->item[2 * i]->text, new);
    }
    return NULL;
}

/* An item with what the path says changed; NULL: nothing in it has that path. */
static const struct nl_node *change_item(const struct nl_node *item, const char *path, const struct nl_node *value)
{
    for (const struct nl_layer_word *word = nl_layer_words; word->name; word++) {
        const char *rest;
        if (!begins_with(path, word->name, &rest))
            continue;
        const struct nl_node *old = nl_yaml_entry(item, word->name), *new = !*rest ? value : NULL;
        if (*rest && word->form == NL_WORD_SECTION)
            new = change_norm(old, rest, value);
        else if (*rest && word->form == NL_WORD_LIST && old && old->kind == NL_SEQUENCE)
            new = change_list(old, rest, value);
        return new ? with_entry(item, word->name, new) : NULL;
    }
    return change_inside(item, path, value);
}

/* An item by its name or its number, or one in an item that has no name. */
static const struct nl_node *change_list(const struct nl_node *list, const char *path, const struct nl_node *value)
{
    int64_t number = 0;
    char *first = nl_format("%.*s", (int)strcspn(path, "."), path);
    bool numbered = nl_integer_read(first, &number);
    const struct nl_node *new = NULL;
    for (int i = 0; i < list->count && !new; i++) {
        const struct nl_node *item = list->item[i], *name = nl_yaml_entry(item, "name");
        const char *rest = path + strlen(first);
        if (numbered ? number == i + 1 : name && !strcmp(name->text, first))
            new = *rest == '.' ? change_item(item, rest + 1, value) : NULL;
        else if (!numbered && !name)
            new = change_inside(item, path, value);
        if (!new)
            continue;
        struct nl_node *out = copy_of(list, list->count);
        out->item[i] = (struct nl_node *)(uintptr_t) new;
        new = out;
        break;
    }
    free(first);
    return new;
}

const struct nl_layers *nl_layers_change(const struct nl_layers *layers, const char *path, const struct nl_origin *path_at,
                                         const char *value, const struct nl_origin *at, struct nl_diagnostics *diagnostics)
{
    const struct nl_node *node = nl_yaml_parse(value, at, diagnostics);
    if (!node) {
        nl_diagnose(diagnostics, at, NULL, "'model.layers.%.80s' needs a value", path);
        return NULL;
    }
    const struct nl_node *root = layers->root ? change_list(layers->root, path, node) : NULL;
    if (root)
        return nl_layers_read(root, diagnostics);
    nl_diagnose(
        diagnostics, path_at,
        "items are named by their 'name' or by their number, from 1: model.layers.stage2.norm.kind=gn, model.layers.3.kernel=5",
        "'model.layers' has no '%.80s'", path);
    return NULL;
}
