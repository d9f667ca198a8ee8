/* Mappings of names that a formula declares: what may be said of each, read and written in one form. */
#include "config/parts.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "config/value.h"
#include "formula/formula.h"

struct word {
    const char *name;
    size_t offset; /* in struct nl_declared */
    bool needed;
};

static const struct kind {
    const char *key, *example;
    int most;
    struct word word[4];
} kinds[] = {
    {"norm.parameters",
     "{gamma: {shape: channel, init: 1}}",
     NL_MOST_FORMULA_PARAMETERS,
     {{"shape", offsetof(struct nl_declared, shape), true}, {"init", offsetof(struct nl_declared, init), true}}},
    {"norm.states",
     "{rm: {shape: channel, init: 0, next: 0.9 * rm + 0.1 * m}}",
     NL_MOST_FORMULA_STATES,
     {{"shape", offsetof(struct nl_declared, shape), true},
      {"init", offsetof(struct nl_declared, init), true},
      {"next", offsetof(struct nl_declared, next), true}}},
    {"norm.settings",
     "{p: {value: 4, from: 1, to: 64}}",
     NL_MOST_FORMULA_SETTINGS,
     {{"value", offsetof(struct nl_declared, value), true},
      {"from", offsetof(struct nl_declared, from), false},
      {"to", offsetof(struct nl_declared, to), false}}}};
enum { PARAMETERS, STATES, SETTINGS, KINDS };

/* The key's row. */
static const struct kind *kind_of(const struct nl_key *key)
{
    for (int i = 0; i < KINDS; i++)
        if (strcmp(kinds[i].key, key->name) == 0)
            return &kinds[i];
    NL_BUG("key '%s' declares nothing", key->name);
}

static const struct nl_node **field_of(struct nl_declared *declared, const struct word *word)
{
    return (const struct nl_node **)(void *)((char *)declared + word->offset);
}

static void complain(struct nl_diagnostics *diagnostics, const struct nl_node *at, const struct kind *kind,
                     const char *what, const char *name)
{
    char *hint = nl_format("as in %s%s", kind->example,
                           kind == &kinds[STATES] ? "; a value with a comma in it stands in quotes" : "");
    nl_diagnose(diagnostics, &at->at, hint, "'%s' %s '%.60s'", kind->key, what, name);
    free(hint);
}

static bool read_number(const struct nl_node *node, double *out)
{
    return node && node->kind == NL_SCALAR && nl_number_read(node->text, out);
}

static void check_numbers(const struct kind *kind, const struct nl_declared *d, struct nl_diagnostics *diagnostics)
{
    const struct nl_node *const numbers[] = {d->init, d->value, d->from, d->to};
    double value = 0, low = 0, high = 0;
    for (int i = 0; i < 4; i++)
        if (numbers[i] && !read_number(numbers[i], &value))
            complain(diagnostics, numbers[i], kind, "needs a number here, for", d->name);
    read_number(d->value, &value);
    if (read_number(d->from, &low) && value < low)
        complain(diagnostics, d->value, kind, "has a value below `from`, of", d->name);
    if (read_number(d->to, &high) && value > high)
        complain(diagnostics, d->value, kind, "has a value above `to`, of", d->name);
}

static void read_word(const struct kind *kind, const struct nl_node *name, const struct nl_node *value,
                      struct nl_declared *out, struct nl_diagnostics *diagnostics)
{
    const char *words[5] = {NULL};
    for (int i = 0; kind->word[i].name; i++) {
        words[i] = kind->word[i].name;
        if (strcmp(words[i], name->text) == 0 && value->kind == NL_SCALAR && !value->blank) {
            *field_of(out, &kind->word[i]) = value;
            return;
        }
    }
    const char *near = nl_nearest(name->text, words);
    if (near && strcmp(near, name->text) == 0)
        complain(diagnostics, value, kind, "needs one value for", near);
    else
        complain(diagnostics, name, kind, "knows nothing called", name->text);
}

/* A setting may be its value alone. */
void nl_declared_read(const struct nl_key *key, const struct nl_node *name, const struct nl_node *what,
                      struct nl_declared *out, struct nl_diagnostics *diagnostics)
{
    const struct kind *kind = kind_of(key);
    unsigned axes;
    *out = (struct nl_declared){.name = name->text};
    if (kind == &kinds[SETTINGS] && what->kind == NL_SCALAR && !what->blank)
        out->value = what;
    for (int i = 0; what->kind == NL_MAPPING && i < what->count; i++)
        read_word(kind, what->item[2 * i], what->item[2 * i + 1], out, diagnostics);
    for (int i = 0; kind->word[i].name; i++)
        if (kind->word[i].needed && !*field_of(out, &kind->word[i])) {
            char *missing = nl_format("does not say %s of", kind->word[i].name);
            complain(diagnostics, name, kind, missing, name->text);
            free(missing);
        }
    if (out->shape && !nl_formula_shape(out->shape->text, &axes))
        nl_diagnose(diagnostics, &out->shape->at, "one, channel, group or element", "'%s' knows no shape '%.60s'",
                    kind->key, out->shape->text);
    check_numbers(kind, out, diagnostics);
}

/* Scalars that YAML reads back as they are need no quotes. */
static void add_scalar(struct nl_text *out, const char *text)
{
    bool plain = *text && !strpbrk(text, ",:{}[]#&*!|>'\"%@`\n") && *text != ' ' && *text != '-' && *text != '?';
    if (plain) {
        nl_text_add(out, "%s", text);
        return;
    }
    nl_text_add(out, "'");
    for (; *text; text++)
        nl_text_add(out, *text == '\'' ? "''" : *text == '\n' ? " " : "%c", *text);
    nl_text_add(out, "'");
}

static void add_declared(struct nl_text *out, const struct kind *kind, struct nl_declared *d)
{
    const char *before = "";
    nl_text_add(out, "%s: {", d->name);
    for (int i = 0; kind->word[i].name; i++) {
        const struct nl_node *value = *field_of(d, &kind->word[i]);
        if (!value)
            continue;
        nl_text_add(out, "%s%s: ", before, kind->word[i].name);
        add_scalar(out, value->text);
        before = ", ";
    }
    nl_text_add(out, "}");
}

char *nl_parts_read(const struct nl_key *key, const struct nl_node *map, struct nl_diagnostics *diagnostics)
{
    const struct kind *kind = kind_of(key);
    struct nl_text out = {0};
    int before = diagnostics->count;
    if (map->kind != NL_MAPPING) {
        complain(diagnostics, map, kind, "is a mapping of names, not", map->text ? map->text : "a list");
        return NULL;
    }
    if (map->count > kind->most)
        nl_diagnose(diagnostics, &map->at, NULL, "'%s' declares %d names, and there is room for %d", key->name,
                    map->count, kind->most);
    nl_text_add(&out, "{");
    for (int i = 0; i < map->count; i++) {
        struct nl_declared declared;
        nl_declared_read(key, map->item[2 * i], map->item[2 * i + 1], &declared, diagnostics);
        if (diagnostics->count > before)
            continue;
        nl_text_add(&out, "%s", i ? ", " : "");
        add_declared(&out, kind, &declared);
    }
    nl_text_add(&out, "}");
    if (diagnostics->count > before)
        nl_text_release(&out);
    return out.at;
}
