/* A part of the list, which the command line changes and a sweep varies: "stage2.norm.kind". The tree as it was written
 * is never touched: what leads to the change is copied. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/entries.h"
#include "config/keep.h"
#include "config/layers.h"
#include "config/own_keys.h"
#include "config/value.h"

enum { DEEPEST = 64, LONGEST_PATH = 200, MOST_NAMES = 12 };

/* ---- finding it ---- */

/* The way from the list to an item: child[i] of node[i] is node[i + 1], the last of them the item; and what is meant of
 * it. */
struct place {
    int depth;
    const struct nl_node *node[DEEPEST];
    int child[DEEPEST];
    const char *word; /* "kernel", "norm", "norm.kind" */
};

static const struct nl_node *item_at(const struct place *place)
{
    return place->node[place->depth - 1]->item[place->child[place->depth - 1]];
}

static bool step_into(struct place *place, const struct nl_node *node, int child)
{
    if (place->depth == DEEPEST)
        return false;
    place->node[place->depth] = node;
    place->child[place->depth++] = child;
    return true;
}

/* Whether the path begins with the word; rest: what is after it and its dot. */
static bool begins_with(const char *path, const char *word, const char **rest)
{
    size_t length = strlen(word);
    if (strncmp(path, word, length) != 0 || (path[length] && path[length] != '.'))
        return false;
    *rest = path + length + (path[length] == '.');
    return true;
}

static bool find_in_list(struct place *place, const struct nl_node *list, const char *path);

/* In the list that the item has at that place of its mapping. */
static bool find_in_entry(struct place *place, const struct nl_node *item, int child, const char *path)
{
    if (item->item[child]->kind != NL_SEQUENCE || !step_into(place, item, child))
        return false;
    if (find_in_list(place, item->item[child], path))
        return true;
    place->depth--;
    return false;
}

static bool find_inside(struct place *place, const struct nl_node *item, const char *path)
{
    for (int i = 0; item->kind == NL_MAPPING && i < item->count; i++)
        if (find_in_entry(place, item, 2 * i + 1, path))
            return true;
    return false;
}

static bool is_list(const struct nl_layer_word *word)
{
    return word->form == NL_WORD_LIST || word->form == NL_WORD_BRANCHES;
}

/* A word of the item, or what a list of it has. */
static bool find_in_item(struct place *place, const struct nl_node *item, const char *path)
{
    for (const struct nl_layer_word *word = nl_layer_words; word->name; word++) {
        const char *rest;
        if (!begins_with(path, word->name, &rest))
            continue;
        place->word = path;
        if (!*rest || (word->form == NL_WORD_SECTION && nl_layer_word_find(nl_layer_norm_words, rest)))
            return true;
        for (int i = 0; is_list(word) && item->kind == NL_MAPPING && i < item->count; i++)
            if (strcmp(item->item[2 * i]->text, word->name) == 0)
                return find_in_entry(place, item, 2 * i + 1, rest);
        return false;
    }
    return find_inside(place, item, path);
}

/* An item by its name or its number, or one in an item that has no name; an item may be a branch, a list itself. */
static bool find_in_list(struct place *place, const struct nl_node *list, const char *path)
{
    int64_t number = 0;
    bool found = false;
    char *first = nl_format("%.*s", (int)strcspn(path, "."), path);
    bool numbered = nl_integer_read(first, &number);
    const char *rest = path + strlen(first);
    for (int i = 0; i < list->count && !found && step_into(place, list, i); i++) {
        const struct nl_node *item = list->item[i], *name = nl_yaml_entry(item, "name");
        if (numbered ? number == i + 1 : name && !strcmp(name->text, first))
            found = *rest == '.' && (item->kind == NL_SEQUENCE ? find_in_list : find_in_item)(place, item, rest + 1);
        else if (!numbered && !name)
            found = (item->kind == NL_SEQUENCE ? find_in_list : find_inside)(place, item, path);
        place->depth -= !found;
    }
    free(first);
    return found;
}

static bool find(const struct nl_layers *layers, const char *path, struct place *place)
{
    place->depth = 0;
    return layers->root && find_in_list(place, layers->root, path);
}

/* What the list says there; NULL: nothing. `norm: gn` is {kind: gn}. */
static const struct nl_node *value_at(const struct place *place)
{
    const struct nl_node *item = item_at(place);
    const char *of_norm;
    if (!begins_with(place->word, "norm", &of_norm) || !*of_norm)
        return nl_yaml_entry(item, place->word);
    const struct nl_node *norm = nl_yaml_entry(item, "norm");
    bool is_kind = norm && norm->kind == NL_SCALAR && !norm->blank && !strcmp(of_norm, "kind");
    return is_kind ? norm : nl_yaml_entry(norm, of_norm);
}

const char *nl_layers_value(const struct nl_layers *layers, const char *path, struct nl_origin *at)
{
    struct place place;
    const struct nl_node *value = find(layers, path, &place) ? value_at(&place) : NULL;
    if (!value || value->kind != NL_SCALAR || value->blank)
        return NULL;
    if (at)
        *at = value->at;
    return value->text;
}

bool nl_layers_same_part(const struct nl_layers *layers, const char *path, const char *other)
{
    struct place a, b;
    const char *rest;
    return find(layers, path, &a) && find(layers, other, &b) && item_at(&a) == item_at(&b) &&
           (begins_with(a.word, b.word, &rest) || begins_with(b.word, a.word, &rest));
}

/* ---- changing it ---- */

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

/* A mapping with one more entry, or another value of the one it has. A word alone, `norm`, is a mapping of it to
 * nothing. */
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

/* `norm` with another kind, or groups, ...; `norm: gn` is {kind: gn}. */
static const struct nl_node *with_norm_entry(const struct nl_node *norm, const char *name, const struct nl_node *value)
{
    struct nl_node empty = {.kind = NL_MAPPING, .at = value->at};
    const struct nl_node *map = norm && norm->kind == NL_MAPPING ? norm : &empty;
    if (norm && norm->kind == NL_SCALAR && !norm->blank)
        map = with_entry(map, "kind", norm);
    return with_entry(map, name, value);
}

/* The list with another value at that place. */
static const struct nl_node *with_value(const struct place *place, const struct nl_node *value)
{
    const struct nl_node *item = item_at(place);
    const char *of_norm;
    if (begins_with(place->word, "norm", &of_norm) && *of_norm)
        item = with_entry(item, "norm", with_norm_entry(nl_yaml_entry(item, "norm"), of_norm, value));
    else
        item = with_entry(item, place->word, value);
    for (int i = place->depth - 1; i >= 0; i--) {
        const struct nl_node *around = place->node[i];
        struct nl_node *copy = copy_of(around, around->kind == NL_MAPPING ? 2 * around->count : around->count);
        copy->item[place->child[i]] = (struct nl_node *)(uintptr_t)item;
        item = copy;
    }
    return item;
}

static void list_names(struct nl_text *out, const struct nl_node *list, int *names)
{
    for (int i = 0; i < list->count; i++) {
        const struct nl_node *item = list->item[i], *name = nl_yaml_entry(item, "name");
        if (item->kind == NL_SEQUENCE)
            list_names(out, item, names);
        if (name && ++*names <= MOST_NAMES)
            nl_text_add(out, "%s %s", *names > 1 ? "," : "; names here:", name->text);
        for (int k = 0; item->kind == NL_MAPPING && k < item->count; k++)
            if (item->item[2 * k + 1]->kind == NL_SEQUENCE)
                list_names(out, item->item[2 * k + 1], names);
    }
}

static void refuse_path(const struct nl_layers *layers, const char *path, const struct nl_origin *at,
                        struct nl_diagnostics *diagnostics)
{
    struct nl_text hint = {0};
    int names = 0;
    nl_text_add(&hint, "%s",
                "items are named by their 'name' or by their number, from 1, as in model.layers.stage2.norm.kind or "
                "model.layers.3.kernel");
    if (layers->root)
        list_names(&hint, layers->root, &names);
    nl_text_add(&hint, "%s", names > MOST_NAMES ? ", ..." : "");
    nl_diagnose(diagnostics, at, hint.at, "'model.layers' has no '%.80s'", path);
    nl_text_release(&hint);
}

const struct nl_layers *nl_layers_change(const struct nl_layers *layers, const char *path,
                                         const struct nl_origin *path_at, const char *value, const struct nl_origin *at,
                                         struct nl_diagnostics *diagnostics)
{
    struct place place;
    const struct nl_node *node = nl_yaml_parse(value, at, diagnostics);
    if (!node)
        nl_diagnose(diagnostics, at, NULL, "'model.layers.%.80s' needs a value", path);
    else if (find(layers, path, &place))
        return nl_layers_read(with_value(&place, node), diagnostics);
    else
        refuse_path(layers, path, path_at, diagnostics);
    return NULL;
}

const struct nl_layers *nl_layers_with(const struct nl_layers *layers, const char *path, const char *value,
                                       struct nl_error *err)
{
    struct nl_diagnostics diagnostics = {0};
    const struct nl_origin nowhere = {.line_text = ""};
    const struct nl_layers *out = nl_layers_change(layers, path, &nowhere, value, &nowhere, &diagnostics);
    if (!out)
        nl_fail(err, "%s", diagnostics.count ? diagnostics.at[0].message : "");
    nl_diagnostics_release(&diagnostics);
    return out;
}

/* ---- as a key ---- */

/* The word that a path ends in, and whether it is one of `norm`; NULL: none that takes one value. */
static const struct nl_layer_word *last_word(const char *path)
{
    const char *dot = strrchr(path, '.');
    size_t before = dot ? (size_t)(dot - path) : 0; /* an item stands before */
    bool of_norm = before > 5 && !strncmp(dot - 5, ".norm", 5);
    const struct nl_layer_word *word =
        before ? nl_layer_word_find(of_norm ? nl_layer_norm_words : nl_layer_words, dot + 1) : NULL;
    return word && (word->form == NL_WORD_VALUE || word->form == NL_WORD_NUMBER) ? word : NULL;
}

static struct nl_key part_key(const char *name, const struct nl_layer_word *word)
{
    struct nl_key key = *nl_key_named(word->key ? word->key : "model.width"); /* any key of whole numbers */
    key.name = name;
    key.length = strlen(name);
    key.section = "model";
    key.path = name + strlen(NL_PART);
    key.default_text = "";
    key.recorded = NL_KEY_RECORDED;
    key.in_cohort = false;
    key.help = word->help;
    if (word->form == NL_WORD_NUMBER) {
        key.low = word->low;
        key.high = word->high;
    }
    return key;
}

/* One key a name, for good: keys are compared by their places. */
const struct nl_key *nl_key_of(const char *name)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct made {
        struct nl_key key;
        struct made *next;
    } * all;
    const struct nl_layer_word *word =
        nl_is_part(name) && strlen(name) <= LONGEST_PATH ? last_word(name + strlen(NL_PART)) : NULL;
    if (!word && !nl_is_own_key(name))
        return nl_key_find(name);
    pthread_mutex_lock(&lock);
    struct made *made = all;
    while (made && strcmp(made->key.name, name) != 0)
        made = made->next;
    if (!made) {
        const char *copy = nl_strdup(name);
        made = nl_alloc(1, sizeof *made);
        *made = (struct made){word ? part_key(copy, word) : nl_own_key(copy), all};
        all = made;
    }
    pthread_mutex_unlock(&lock);
    return &made->key;
}

bool nl_is_part(const char *name)
{
    return !strncmp(name, NL_PART, strlen(NL_PART));
}

const struct nl_key *nl_wanted_key(struct nl_loader *loader, const char *name, const struct nl_origin *at)
{
    const struct nl_key *key = nl_key_of(name);
    if (!key && nl_is_part(name))
        nl_diagnose(loader->diagnostics, at,
                    "name an item and a word of it that takes one value, as in model.layers.stage2.norm.kind or "
                    "model.layers.3.kernel",
                    "'%.80s' is not a part of 'model.layers' that could be set to one value", name);
    else if (!key)
        nl_report_unknown(loader, at, name, nl_key_nearest(name));
    return key;
}
