/* From the list as it is written to the layers it stands for. */
#include "config/layers.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "base/sizes.h"
#include "config/entries.h"
#include "config/keep.h"
#include "config/value.h"

enum { MOST_LAYERS = 10000, LONGEST_NAME = 40, PREFIX = sizeof "model.layers." - 1 };

const struct nl_layers nl_no_layers = {.text = "[]"};

static const struct nl_layer_settings unsaid = {
    NL_UNSAID, NL_UNSAID, NL_UNSAID, NL_UNSAID, NL_UNSAID, NL_UNSAID, NL_UNSAID, NL_UNSAID, NL_UNSAID, NL_UNSAID,
    NL_UNSAID, NL_UNSAID, NL_UNSAID, NL_UNSAID, NL_UNSAID, NL_UNSAID, NL_UNSAID, NL_UNSAID, NL_UNSAID, NL_UNSAID};

const char *nl_layer_name(const struct nl_layer *layer)
{
    return layer->key + PREFIX;
}

/* ---- an item, as it is written ---- */

struct item {
    enum nl_layer_kind kind;
    const char *name;   /* NULL: none */
    int repeat, stride; /* NL_UNSAID: none given */
    struct nl_layer_settings set;
    const struct nl_node *list, *shortcut;
    const struct nl_node *node;
};

struct reading {
    struct item *item;
    const struct nl_layer_word *words;
};

static char *words_of(const struct nl_layer_word *words, unsigned items)
{
    struct nl_text out = {0};
    nl_text_add(&out, "it can have ");
    const char *between = "";
    for (; words->name; words++)
        if (words->items & items) {
            nl_text_add(&out, "%s%s", between, words->name);
            between = ", ";
        }
    return out.at;
}

static bool is_name(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", others[] = "0123456789_-";
    if (!*text || !strchr(letters, *text) || strlen(text) > LONGEST_NAME)
        return false;
    for (; *text; text++)
        if (!strchr(letters, *text) && !strchr(others, *text))
            return false;
    return true;
}

/* Whether the setting is a double; else it is an int. */
static bool is_real(const struct nl_layer_word *word)
{
    return word->key && nl_key_named(word->key)->type == NL_TYPE_REAL;
}

static void *setting_of(struct item *item, const struct nl_layer_word *word)
{
    if (word->offset != NL_NO_SETTING)
        return (char *)&item->set + word->offset;
    return strcmp(word->name, "repeat") == 0 ? &item->repeat : &item->stride;
}

static void read_number(struct nl_loader *loader, const struct nl_layer_word *word, const struct nl_node *value,
                        int *out)
{
    int64_t number;
    if (word->special && !strcmp(value->text, word->special))
        *out = 0;
    else if (nl_integer_read(value->text, &number) && number >= word->low && number <= word->high)
        *out = (int)number;
    else
        nl_diagnose(loader->diagnostics, &value->at, nl_octal_hint(value->text),
                    "'%s' must be a number from %d to %d%s%s, not '%.80s'", word->name, word->low, word->high,
                    word->special ? ", or " : "", word->special ? word->special : "", value->text);
}

/* As the key of that name reads it. */
static void read_value(struct nl_loader *loader, const struct nl_layer_word *word, const struct nl_node *value,
                       void *out)
{
    struct nl_config scratch;
    struct nl_error err, hint;
    const struct nl_key *key = nl_key_named(word->key);
    const void *field = (const char *)&scratch + key->offset;
    if (nl_plain_value_read(key, &scratch, value->text, &err, &hint)) {
        nl_diagnose(loader->diagnostics, &value->at, hint.text, "%s", err.text);
        return;
    }
    if (is_real(word))
        *(double *)out = *(const double *)field;
    else if (key->type == NL_TYPE_CHOICE)
        *(int *)out = *(const int *)field;
    else
        *(int *)out = *(const int64_t *)field == NL_AUTO ? 0 : (int)*(const int64_t *)field;
    if (!strcmp(word->name, "branch") && *(const int *)out > NL_SKIPINIT)
        nl_diagnose(loader->diagnostics, &value->at, NULL,
                    "'branch' is plain or skipinit: fixup and nf are for 'model.arch' resnet");
    if (!strcmp(word->name, "placement") && *(const int *)out != NL_BEFORE && *(const int *)out != NL_AFTER)
        nl_diagnose(loader->diagnostics, &value->at, NULL,
                    "'placement' is before or after: what comes first in a residual the list says");
}

static void read_name(struct nl_loader *loader, const struct nl_node *value, struct item *item)
{
    if (!is_name(value->text) || !strcmp(value->text, "null") || nl_layer_word_find(nl_layer_words, value->text))
        nl_diagnose(loader->diagnostics, &value->at,
                    "a letter, then letters, digits, '_' and '-', 40 in all; not a word of the list itself",
                    "'%.80s' cannot be the name of a layer", value->text);
    item->name = value->text;
}

static void read_word(struct nl_loader *loader, const struct nl_node *name, const struct nl_node *value, void *context);

/* `norm: gn`, or `norm: {kind: gn, groups: 4}` */
static void read_norm(struct nl_loader *loader, const struct nl_node *value, struct item *item)
{
    struct reading reading = {item, nl_layer_norm_words};
    if (value->kind == NL_SCALAR)
        read_value(loader, nl_layer_norm_words, value, &item->set.norm);
    else
        nl_each_entry(loader, value, "'norm' of a layer", read_word, &reading);
}

static void read_branches(struct nl_loader *loader, const struct nl_layer_word *word, const struct nl_node *value,
                          struct item *item)
{
    bool lists = value->kind == NL_SEQUENCE;
    for (int i = 0; lists && i < value->count; i++)
        lists = value->item[i]->kind == NL_SEQUENCE;
    item->list = value;
    if (!lists)
        nl_diagnose(loader->diagnostics, &value->at,
                    "write [[], [conv, norm, activation]], where the empty list is the input itself",
                    "'%s' must be a list of branches, each a list of layers", word->name);
    else if (value->count < 2 || value->count > NL_MOST_BRANCHES)
        nl_diagnose(loader->diagnostics, &value->at, NULL, "'%s' takes 2 to %d branches, not %d", word->name,
                    NL_MOST_BRANCHES, value->count);
}

static void read_form(struct nl_loader *loader, const struct nl_layer_word *word, const struct nl_node *value,
                      struct item *item)
{
    bool blank = value->kind == NL_SCALAR && value->blank;
    if (blank && (word->blank || word->form == NL_WORD_NOTHING ||
                  (word->form == NL_WORD_SECTION && item->kind == NL_LAYER_NORM)))
        return;
    if (word->form == NL_WORD_SECTION && !blank) {
        read_norm(loader, value, item);
    } else if (word->form == NL_WORD_LIST && value->kind == NL_SEQUENCE) {
        *(strcmp(word->name, "shortcut") ? &item->list : &item->shortcut) = value;
    } else if (word->form == NL_WORD_BRANCHES) {
        read_branches(loader, word, value, item);
    } else if (word->form == NL_WORD_LIST) {
        nl_diagnose(loader->diagnostics, &value->at, "write [conv, norm, activation], or an indented list",
                    "'%s' must be a list of layers", word->name);
    } else if (word->form == NL_WORD_NOTHING) {
        nl_diagnose(loader->diagnostics, &value->at, word->help, "'%s' takes no value", word->name);
    } else if (value->kind != NL_SCALAR || blank) {
        nl_diagnose(loader->diagnostics, &value->at, word->help, "'%s' needs one value", word->name);
    } else if (word->form == NL_WORD_NAME) {
        read_name(loader, value, item);
    } else if (word->form == NL_WORD_NUMBER) {
        read_number(loader, word, value, setting_of(item, word));
    } else {
        read_value(loader, word, value, setting_of(item, word));
    }
}

static void read_word(struct nl_loader *loader, const struct nl_node *name, const struct nl_node *value, void *context)
{
    struct reading *reading = context;
    bool of_norm = reading->words == nl_layer_norm_words;
    const struct nl_layer_word *word = nl_layer_word_find(reading->words, name->text);
    unsigned items = of_norm ? 1u << NL_LAYER_NORM : 1u << reading->item->kind;
    const char *whose = of_norm ? "norm" : nl_layer_words[reading->item->kind].name;
    if (word && word->items & items) {
        read_form(loader, word, value, reading->item);
        return;
    }
    char *hint = words_of(reading->words, items);
    nl_diagnose(loader->diagnostics, &name->at, hint, "'%s' has no '%.80s'", whose, name->text);
    free(hint);
}

static void refuse_item(struct nl_loader *loader, const struct nl_node *node)
{
    const char *names[NL_LAYER_ITEMS + 1] = {NULL}, *near = NULL;
    struct nl_text hint = {0};
    for (int i = 0; i < NL_LAYER_ITEMS; i++) {
        names[i] = nl_layer_words[i].name;
        nl_text_add(&hint, "%s%s", i ? ", " : "an item is one of ", names[i]);
    }
    if (node->kind == NL_SCALAR && (near = nl_nearest(node->text, names))) {
        nl_text_release(&hint);
        nl_text_add(&hint, "did you mean '%s'?", near);
    }
    if (node->kind == NL_SCALAR)
        nl_diagnose(loader->diagnostics, &node->at, hint.at, "'%.80s' is not a layer", node->text);
    else
        nl_diagnose(loader->diagnostics, &node->at, hint.at, "this is not a layer");
    nl_text_release(&hint);
}

/* What kind of item it is; false: none, as diagnostics say. */
static bool find_kind(struct nl_loader *loader, const struct nl_node *node, enum nl_layer_kind *kind)
{
    int found = 0;
    for (int i = 0; i < NL_LAYER_ITEMS; i++) {
        bool here = node->kind == NL_SCALAR ? !strcmp(node->text, nl_layer_words[i].name)
                                            : nl_yaml_entry(node, nl_layer_words[i].name) != NULL;
        if (!here || (found && i >= NL_LAYER_NORM && !(i == NL_LAYER_ACTIVATION && *kind == NL_LAYER_NORM)))
            continue; /* beside another word, norm and activation are what that one is told */
        if (found++)
            nl_diagnose(loader->diagnostics, &node->at, "each is an item of its own",
                        "'%s' and '%s' cannot be in one item", nl_layer_words[*kind].name, nl_layer_words[i].name);
        else
            *kind = (enum nl_layer_kind)i;
    }
    if (!found)
        refuse_item(loader, node);
    return found == 1;
}

static bool read_item(struct nl_loader *loader, const struct nl_node *node, struct item *item)
{
    int before = loader->diagnostics->count;
    *item = (struct item){.node = node, .repeat = NL_UNSAID, .stride = NL_UNSAID, .set = unsaid};
    if (!find_kind(loader, node, &item->kind))
        return false;
    struct reading reading = {item, nl_layer_words};
    if (node->kind == NL_MAPPING)
        nl_each_entry(loader, node, "a layer", read_word, &reading);
    return loader->diagnostics->count == before;
}

/* ---- written out ---- */

/* Where layers stand: the names and the settings they have in common. */
struct scope {
    char prefix[LONGEST_NAME + 16];
    int *numbers; /* [NL_LAYER_KINDS]: layers of each stem with this prefix */
    struct nl_layer_settings set;
    int *stride; /* for the first convolution that has none; 1: it was taken, or there is none */
};

struct expansion {
    struct nl_loader *loader;
    struct nl_layer *layer;
    int count, capacity;
    bool full; /* there were more than there may be, as diagnostics say: no more are read */
};

static void inherit_words(const struct nl_layer_word *words, struct nl_layer_settings *out,
                          const struct nl_layer_settings *around)
{
    for (const struct nl_layer_word *word = words; word->name; word++) {
        if ((word->form != NL_WORD_NUMBER && word->form != NL_WORD_VALUE) || word->offset == NL_NO_SETTING)
            continue;
        void *to = (char *)out + word->offset;
        const void *from = (const char *)around + word->offset;
        if (is_real(word) && *(const double *)to < 0)
            *(double *)to = *(const double *)from;
        else if (!is_real(word) && *(const int *)to == NL_UNSAID)
            *(int *)to = *(const int *)from;
    }
}

static struct nl_layer_settings inherit(const struct nl_layer_settings *own, const struct nl_layer_settings *around)
{
    struct nl_layer_settings out = *own;
    inherit_words(nl_layer_words, &out, around);
    inherit_words(nl_layer_norm_words, &out, around);
    return out;
}

static bool is_taken(const struct expansion *e, const char *key)
{
    for (int i = 0; i < e->count; i++)
        if (strcmp(e->layer[i].key, key) == 0)
            return true;
    return false;
}

/* What layers are called by, with a number, and by how much they divide height and width; a stride is a layer's own. */
static const struct {
    const char *stem;
    double divides;
} written[NL_LAYER_KINDS] = {
    [NL_LAYER_CONV] = {"conv", 1},
    [NL_LAYER_LINEAR] = {"fc", 1},
#define LAYER(operation, word, stem, divides, ...) [NL_LAYER_##operation] = {stem, divides},
#include "config/layers.def"
    [NL_LAYER_DROPOUT] = {"drop", 1},
    [NL_LAYER_LAYER_SCALE] = {"scale", 1},
    [NL_LAYER_SQUEEZE_EXCITATION] = {"se", 1},
    [NL_LAYER_RESIDUAL] = {"residual", 1},
    [NL_LAYER_CONCAT] = {"fork", 1},
    [NL_LAYER_NORM] = {"norm", 1},
    [NL_LAYER_ACTIVATION] = {"act", 1},
    [NL_LAYER_SHORTCUT] = {"shortcut", 1},
    [NL_LAYER_ADD] = {"add", 1},
    [NL_LAYER_BRANCH] = {"branch", 1},
    [NL_LAYER_JOIN] = {"concat", 1},
};

/* Whether it is one of a residual or a concat, whose name stands before the names in it. */
static bool is_between_branches(enum nl_layer_kind kind)
{
    return kind == NL_LAYER_RESIDUAL || kind == NL_LAYER_CONCAT || kind >= NL_LAYER_SHORTCUT;
}

/* suffix: ".norm" of a pair with a name. NULL: it cannot be added, as diagnostics say. */
static struct nl_layer *add(struct expansion *e, const struct scope *scope, const struct item *item,
                            enum nl_layer_kind kind, const char *suffix)
{
    struct nl_layer layer = {.kind = kind, .set = inherit(&item->set, &scope->set), .stride = 1, .at = item->node->at};
    bool head = kind == NL_LAYER_LINEAR && item->set.width == NL_CLASSES;
    char name[2 * LONGEST_NAME + 16];
    if (item->name && !is_between_branches(kind))
        snprintf(name, sizeof name, "%s%s%s", scope->prefix, item->name, suffix);
    else if (head)
        snprintf(name, sizeof name, "%shead", scope->prefix);
    else
        snprintf(name, sizeof name, "%s%s%d", scope->prefix, written[kind].stem, ++scope->numbers[kind]);
    snprintf(layer.key, sizeof layer.key, "model.layers.%.*s", LONGEST_NAME, name);
    if (strlen(name) > LONGEST_NAME)
        nl_diagnose(e->loader->diagnostics, &layer.at, NULL, "'%s' is longer than the %s that a layer's name can have",
                    name, NL_COUNT(LONGEST_NAME, "character"));
    else if ((e->full = e->count == MOST_LAYERS))
        nl_diagnose(e->loader->diagnostics, &layer.at, NULL, "more than %d layers", MOST_LAYERS);
    else if (is_taken(e, layer.key))
        nl_diagnose(e->loader->diagnostics, &layer.at,
                    "names must differ; a list that is repeated tells its layers apart once it has a 'name'",
                    "two layers are called '%s'", name);
    else {
        NL_GROW(e->layer, e->count, e->capacity);
        e->layer[e->count] = layer;
        return &e->layer[e->count++];
    }
    return NULL;
}

static double add_product(struct expansion *e, const struct scope *scope, const struct item *item)
{
    bool conv = item->kind == NL_LAYER_CONV;
    struct nl_layer *layer = add(e, scope, item, conv ? NL_LAYER_CONV : NL_LAYER_LINEAR, "");
    if (!layer)
        return 1;
    if (layer->set.width == NL_UNSAID)
        nl_diagnose(e->loader->diagnostics, &layer->at, "write a number after it, or 'width' into a list around it",
                    "'%s' has no width", nl_layer_words[item->kind].name);
    if (!conv)
        return 1;
    if (layer->set.kernel % 2 == 0 && layer->set.padding == NL_UNSAID)
        nl_diagnose(e->loader->diagnostics, &layer->at,
                    "with 'padding' p, n positions become (n + 2 p - kernel) / stride + 1, as in torch.nn.Conv2d",
                    "an even 'kernel' needs 'padding': %d has no middle, around which the padding would be the same",
                    layer->set.kernel);
    layer->stride = item->stride != NL_UNSAID ? item->stride : *scope->stride;
    if (item->stride == NL_UNSAID)
        *scope->stride = 1;
    return layer->stride;
}

static void add_pair(struct expansion *e, const struct scope *scope, const struct item *item)
{
    struct nl_layer *norm = add(e, scope, item, NL_LAYER_NORM, ".norm");
    if (norm)
        norm->pair = true;
    if (norm)
        add(e, scope, item, NL_LAYER_ACTIVATION, ".act");
}

static double expand_list(struct expansion *e, const struct nl_node *list, const struct scope *scope);

/* `layers`, once; turn: NL_UNSAID where it is not repeated. */
static double expand_turn(struct expansion *e, const struct nl_node *list, const struct scope *around,
                          const struct item *item, int turn, int stride)
{
    int numbers[NL_LAYER_KINDS] = {0}, own = stride != NL_UNSAID ? stride : 1;
    struct scope scope = *around;
    scope.set = inherit(&item->set, &around->set);
    if (item->name) {
        char prefix[2 * sizeof scope.prefix];
        scope.numbers = numbers;
        snprintf(prefix, sizeof prefix, turn == NL_UNSAID ? "%s%s." : "%s%s.%d.", around->prefix, item->name, turn);
        snprintf(scope.prefix, sizeof scope.prefix, "%.*s", (int)sizeof scope.prefix - 1,
                 prefix); /* too long a prefix is too long a name */
    }
    if (stride != NL_UNSAID)
        scope.stride = &own;
    int before = e->loader->diagnostics->count;
    double reduced = expand_list(e, list, &scope);
    if (own != 1 && e->loader->diagnostics->count == before)
        nl_diagnose(e->loader->diagnostics, &item->node->at, NULL,
                    "no convolution is in it that could have the 'stride'");
    return reduced;
}

static double expand_layers(struct expansion *e, const struct scope *around, const struct item *item)
{
    int before = e->loader->diagnostics->count;
    double reduced = 1;
    for (int turn = 0; turn < (item->repeat == NL_UNSAID ? 1 : item->repeat) && e->loader->diagnostics->count == before;
         turn++)
        reduced *= expand_turn(e, item->list, around, item, item->repeat == NL_UNSAID ? NL_UNSAID : turn,
                               turn == 0 ? item->stride : NL_UNSAID);
    return reduced;
}

/* The stride of each branch of a residual or a concat. */
static int take_stride(const struct scope *around, const struct item *item)
{
    int stride = item->stride != NL_UNSAID ? item->stride : *around->stride;
    if (item->stride == NL_UNSAID)
        *around->stride = 1;
    return stride;
}

/* Where the layers of a residual or a concat stand; numbers: those of their names where it has a name, all 0. */
static struct scope scope_of(const struct scope *around, const struct item *item, int *numbers)
{
    struct scope scope = *around;
    if (item->name)
        snprintf(scope.prefix, sizeof scope.prefix, "%.*s%.*s.", (int)sizeof scope.prefix - LONGEST_NAME - 2,
                 around->prefix, LONGEST_NAME, item->name);
    if (item->name)
        scope.numbers = numbers;
    return scope;
}

static double expand_residual(struct expansion *e, const struct scope *around, struct item *item)
{
    int stride = take_stride(around, item), numbers[NL_LAYER_KINDS] = {0};
    struct scope scope = scope_of(around, item, numbers);
    struct item inner = *item;
    inner.name = NULL;
    if (!add(e, &scope, &inner, NL_LAYER_RESIDUAL, ""))
        return 1;
    double reduced = expand_turn(e, item->list, &scope, &inner, NL_UNSAID, stride);
    if (item->shortcut) {
        char name[24];
        add(e, &scope, item, NL_LAYER_SHORTCUT, "");
        snprintf(name, sizeof name, "shortcut%d", scope.numbers[NL_LAYER_SHORTCUT]);
        inner.name = name;
        expand_turn(e, item->shortcut, &scope, &inner, NL_UNSAID, stride);
    }
    struct nl_layer *sum = add(e, &scope, item, NL_LAYER_ADD, "");
    if (sum && reduced < 1 && !item->shortcut)
        nl_diagnose(e->loader->diagnostics, &sum->at, "the input is smaller than what they make of it",
                    "a residual whose layers enlarge height and width needs a 'shortcut'");
    if (sum)
        sum->stride = item->shortcut || reduced < 1 ? 1 : reduced > INT_MAX ? INT_MAX : (int)reduced;
    return reduced;
}

static double expand_branch(struct expansion *e, const struct scope *scope, struct item *inner,
                            const struct nl_node *list, int stride)
{
    if (list->count > 0)
        return expand_turn(e, list, scope, inner, NL_UNSAID, stride);
    if (stride != 1)
        nl_diagnose(e->loader->diagnostics, &list->at, NULL,
                    "an empty branch is the input itself, which has no convolution that could have the 'stride'");
    return 1;
}

/* Returns by how much the last branch divides height and width: the others do, too, or the values cannot stand side by
 * side, as the builder says. */
static double expand_concat(struct expansion *e, const struct scope *around, struct item *item)
{
    int stride = take_stride(around, item), numbers[NL_LAYER_KINDS] = {0};
    struct scope scope = scope_of(around, item, numbers);
    struct item inner = *item;
    double reduced = 1;
    inner.name = NULL;
    add(e, &scope, &inner, NL_LAYER_CONCAT, "");
    for (int i = 0; i < item->list->count && !e->full; i++) {
        reduced = expand_branch(e, &scope, &inner, item->list->item[i], stride);
        add(e, &scope, &inner, NL_LAYER_BRANCH, "");
    }
    add(e, &scope, &inner, NL_LAYER_JOIN, "");
    return reduced;
}

/* By how much the layers it adds divide height and width. */
static double expand_item(struct expansion *e, const struct scope *scope, struct item *item)
{
    switch (item->kind) {
    case NL_LAYER_CONV:
    case NL_LAYER_LINEAR:
        return add_product(e, scope, item);
    case NL_LAYER_RESIDUAL:
        return expand_residual(e, scope, item);
    case NL_LAYER_CONCAT: return expand_concat(e, scope, item);
    case NL_LAYER_LAYERS:
        return expand_layers(e, scope, item);
    case NL_LAYER_NORM_ACTIVATION:
        add_pair(e, scope, item);
        return 1;
#define LAYER(operation, ...) case NL_LAYER_##operation:
#include "config/layers.def"
    case NL_LAYER_DROPOUT:
    case NL_LAYER_LAYER_SCALE:
    case NL_LAYER_SQUEEZE_EXCITATION:
    case NL_LAYER_NORM:
    case NL_LAYER_ACTIVATION:
        add(e, scope, item, item->kind, "");
        return written[item->kind].divides;
    case NL_LAYER_SHORTCUT:
    case NL_LAYER_ADD:
    case NL_LAYER_BRANCH:
    case NL_LAYER_JOIN:
    case NL_LAYER_KINDS:
        break;
    }
    NL_BUG("an item of kind %d", item->kind);
}

static double expand_list(struct expansion *e, const struct nl_node *list, const struct scope *scope)
{
    double reduced = 1;
    if (list->count == 0)
        nl_diagnose(e->loader->diagnostics, &list->at, NULL, "a list of layers needs at least one");
    for (int i = 0; i < list->count && !e->full; i++) {
        struct item item;
        if (read_item(e->loader, list->item[i], &item))
            reduced *= expand_item(e, scope, &item);
    }
    return reduced;
}

/* ---- canonical text ---- */

static void write_list(struct nl_text *out, const struct nl_node *list);

static void write_value(struct nl_text *out, const struct nl_layer_word *word, const struct nl_node *value);

static void write_map(struct nl_text *out, const struct nl_layer_word *words, const struct nl_node *map)
{
    const char *between = "{";
    for (const struct nl_layer_word *word = words; word->name; word++) {
        const struct nl_node *value = nl_yaml_entry(map, word->name);
        if (!value)
            continue;
        nl_text_add(out, "%s%s: ", between, word->name);
        write_value(out, word, value);
        between = ", ";
    }
    nl_text_add(out, "%s}", *between == '{' ? "{" : "");
}

static void write_value(struct nl_text *out, const struct nl_layer_word *word, const struct nl_node *value)
{
    int64_t number;
    char digits[32];
    if (value->kind == NL_SEQUENCE)
        write_list(out, value);
    else if (value->kind == NL_MAPPING)
        write_map(out, nl_layer_norm_words, value);
    else if (value->blank)
        nl_text_add(out, "null");
    else if (word->form == NL_WORD_SECTION)
        nl_text_add(out, "{kind: %s}", value->text);
    else if (is_real(word))
        nl_text_add(out, "%s", nl_double_text(nl_double_read(value->text, NULL) + 0.0, digits));
    else if (nl_integer_read(value->text, &number))
        nl_text_add(out, "%" PRId64, number);
    else if (word->key && nl_key_is_switch(nl_key_named(word->key)) && nl_truth_read(value->text) >= 0)
        nl_text_add(out, nl_truth_read(value->text) ? "on" : "off"); /* as identities have had them */
    else
        nl_text_add(out, "%s", value->text);
}

static void write_list(struct nl_text *out, const struct nl_node *list)
{
    nl_text_add(out, "[");
    for (int i = 0; i < list->count; i++) {
        const struct nl_node *item = list->item[i];
        bool bare =
            item->kind == NL_MAPPING && item->count == 1 && item->item[1]->kind == NL_SCALAR && item->item[1]->blank;
        nl_text_add(out, "%s", i ? ", " : "");
        if (item->kind == NL_SEQUENCE) /* a branch */
            write_list(out, item);
        else if (item->kind == NL_MAPPING && !bare)
            write_map(out, nl_layer_words, item);
        else
            nl_text_add(out, "%s", bare ? item->item[0]->text : item->text);
    }
    nl_text_add(out, "]");
}

/* ---- the list ---- */

const struct nl_layers *nl_layers_read(const struct nl_node *root, struct nl_diagnostics *diagnostics)
{
    if (root->kind == NL_SEQUENCE && root->count == 0)
        return &nl_no_layers;
    if (root->kind != NL_SEQUENCE) {
        nl_diagnose(diagnostics, &root->at,
                    "write a list: [{conv: 16}, norm, activation, mean-pool, {linear: classes}]",
                    "'model.layers' must be a list of layers");
        return NULL;
    }
    int before = diagnostics->count, numbers[NL_LAYER_KINDS] = {0}, stride = 1;
    struct nl_loader loader = {.diagnostics = diagnostics};
    struct expansion e = {.loader = &loader};
    expand_list(&e, root, &(struct scope){.numbers = numbers, .set = unsaid, .stride = &stride});
    const struct nl_layer *last = e.count ? &e.layer[e.count - 1] : NULL;
    if (diagnostics->count == before && !(last->kind == NL_LAYER_LINEAR && last->set.width == NL_CLASSES))
        nl_diagnose(diagnostics, &last->at, NULL, "the last layer must be 'linear: classes'");
    nl_keep(e.layer);
    if (diagnostics->count > before)
        return NULL;
    struct nl_text text = {0};
    write_list(&text, root);
    struct nl_layers *out = nl_keep(nl_alloc(1, sizeof *out));
    *out = (struct nl_layers){.text = nl_keep(text.at), .count = e.count, .layer = e.layer, .root = root};
    return out;
}

const struct nl_layers *nl_layers_parse(const char *text, struct nl_error *err, struct nl_error *hint)
{
    struct nl_diagnostics diagnostics = {0};
    const struct nl_origin nowhere = {.line_text = ""};
    const struct nl_node *root = nl_yaml_parse(text, &nowhere, &diagnostics);
    const struct nl_layers *out = root ? nl_layers_read(root, &diagnostics) : NULL;
    if (!out) {
        const struct nl_diagnostic *first = diagnostics.count ? diagnostics.at : NULL;
        nl_fail(err, "%s", first ? first->message : "'model.layers' is empty");
        if (hint && first && first->hint)
            nl_fail(hint, "%s", first->hint);
    }
    nl_diagnostics_release(&diagnostics);
    return out;
}

const struct nl_layer *nl_layers_find(const struct nl_layers *layers, const char *key)
{
    for (int i = 0; i < layers->count; i++)
        if (strcmp(layers->layer[i].key, key) == 0)
            return &layers->layer[i];
    return NULL;
}

void nl_layer_configure(const struct nl_layer *layer, struct nl_config *config)
{
    const struct nl_layer_settings *set = &layer->set;
    config->norm.kind = set->norm != NL_UNSAID ? set->norm : config->norm.kind;
    config->norm.groups = set->groups != NL_UNSAID ? set->groups : config->norm.groups;
    config->norm.over = set->over != NL_UNSAID ? set->over : config->norm.over;
    config->norm.affine = set->affine != NL_UNSAID ? set->affine : config->norm.affine;
    config->norm.gamma_init = set->gamma_init >= 0 ? set->gamma_init : config->norm.gamma_init;
    if (set->stat_batch != NL_UNSAID)
        config->norm.stat_batch = set->stat_batch == 0 ? NL_AUTO : set->stat_batch;
    config->model.dropout = set->dropout >= 0 ? set->dropout : config->model.dropout;
    config->norm.placement = set->placement != NL_UNSAID ? set->placement : config->norm.placement;
    config->model.activation = set->activation != NL_UNSAID ? set->activation : config->model.activation;
    config->model.residual = set->branch != NL_UNSAID ? set->branch : config->model.residual;
    config->model.bias = set->bias != NL_UNSAID ? set->bias : config->model.bias;
    config->norm.weights = set->weights != NL_UNSAID ? set->weights : config->norm.weights;
}
