/* Configurations drawn at random, with tiny sizes: a seed decides everything.
 *
 * What a key may be comes from the schema: its type, default, bounds and words. The table below adds the sizes that
 * keep a case small, and values that no type tells. What does not go together is not described here: it is drawn, and
 * whatever the program's own check refuses is taken back. So a new key, normalizer or architecture is drawn as soon as
 * it is in the schema.
 */
#ifndef TESTS_GENERATED_H
#define TESTS_GENERATED_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "config/config.h"
#include "config/layers.h"
#include "config/value.h"
#include "norm/norm.h"
#include "norm/weights.h"
#include "sweep/grid.h"
#include "sweep/lint.h"

/* The user's own arrays and text, made by files_make. */
#define GENERATED_ARRAYS "bytes|reals|rows|targets|tokens|each|sequence"
#define GENERATED_TEXT "text.txt"

struct setting {
    const struct nl_key *key;
    char *text; /* as YAML */
};

enum { MOST_SETTINGS = 160 };

/* A configuration: the keys that are set, in no order. */
struct generated {
    int count;
    struct setting at[MOST_SETTINGS];
};

/* Random numbers one after the other. */
struct draws {
    struct nl_stream stream;
    uint64_t at;
};

static inline int draw(struct draws *draws, int below)
{
    return (int)nl_stream_below(draws->stream, 0, draws->at++, (uint32_t)below);
}

/* Values separated by '|', in place of those that the type gives. `shape`: the key is drawn anew each time that network
 * and data did not fit together; all others are drawn once these stand. */
static const struct {
    const char *key;
    bool shape;
    const char *values;
} limits[] = {
    {"data.name", true, "digits|digits|synth|synth|npy|text|copy|adding|sort|recall|parity"},
    {"data.as", true, "image|image|rows|pixels|patches"},
    {"data.train", true, "16|24|33|40"},
    {"data.test", true, "1|4|9"},
    {"data.length", true, "2|3|5"},
    {"data.symbols", true, "2|3|6"},
    {"data.context", true, "2|3|6"},
    {"data.size", true, "4|5|8"},
    {"data.channels", true, "1|2|3"},
    {"data.patch", true, "2|4"},
    {"model.depth", true, "1|2|3|8"},
    {"model.width", true, "1|2|3|4|8|12|16|17"},
    {"model.heads", true, "1|2|4"},
    {"norm.groups", true, "1|2|4"},
    {"norm.leaks", true, "allow"},
    {"train.batch", true, "1|2|3|4|8|12|16"},
    {"train.steps", true, "1|2|3"},
    {"data.min_length", false, "1|2"},
    {"data.block", false, "1|3|8"},
    {"data.imbalance", false, "1|2|5"},
    {"data.shift_amount", false, "0|0.2|1"},
    {"data.shift_from", false, "0|1"},
    {"data.val", false, "0|3|8"},
    {"data.crop", false, "0|1|2"},
    {"model.mlp_ratio", false, "0.5|1|4"},
    {"norm.sets", false,
     "[samples]|[samples, height, width]|[channels]|[height, width]|[samples, height, width, channels]|[height, width, "
     "channels/2]"},
    {"norm.precise_batch", false, "2|5|32"},
    {"train.accumulate", false, "2|3|4"},
    {"train.only", false, "[head]|['*.weight']|['*norm*', head]|['*1*']"},
    {"train.swa_every", false, "1|2"},
    {"train.workers", false, "2|4"},
    {"train.log_every", false, "1"},
    {"train.eval_every", false, "1"},
    {"train.optimizer", false,
     "sgd|adam|adamw|lion|lars"}, /* of the others cpu has no loop: it takes the reference's step */
    {"log.tensors", false, "['*']|['grad:*']|['update:*', '*.weight']"},
};

static inline int limit_of(const char *key)
{
    for (int i = 0; i < (int)(sizeof limits / sizeof *limits); i++)
        if (strcmp(limits[i].key, key) == 0)
            return i;
    return -1;
}

/* One of the words that '|' separates. New string. */
static inline char *draw_word(struct draws *draws, const char *words)
{
    int count = 1;
    for (const char *at = words; *at; at++)
        count += *at == '|';
    for (int skip = draw(draws, count); skip > 0; skip--)
        words = strchr(words, '|') + 1;
    return nl_format("%.*s", (int)strcspn(words, "|"), words);
}

static inline const char *draw_choice(struct draws *draws, const char *const *choices)
{
    int count = 0;
    while (choices[count])
        count++;
    return choices[draw(draws, count)];
}

/* A number around the default, and now and then a bound that is not far. New string. */
static inline char *draw_number(struct draws *draws, const struct nl_key *key)
{
    bool whole = key->type == NL_TYPE_INT || key->type == NL_TYPE_AUTO_INT;
    double usual = strcmp(key->default_text, "auto") == 0 ? 1 : strtod(key->default_text, NULL), value;
    if (draw(draws, 8) == 0)
        value = draw(draws, 2) || key->high > 100 ? key->low : key->high;
    else if (whole)
        value = draw(draws, usual > 8 || usual < 2 ? 8 : (int)usual + 1);
    else
        value = (usual == 0 ? 1 : usual) * pow(10, draw(draws, 9) / 4.0 - (usual == 0 ? 3 : 1));
    value = fmin(fmax(value, key->low), key->high);
    return whole ? nl_format("%.0f", value) : nl_format("%.3g", value);
}

/* Any subset but the empty one of the choices, or up to two numbers. New string. */
static inline char *draw_list(struct draws *draws, const struct nl_key *key)
{
    struct nl_text out = {0};
    const char *between = "[";
    if (key->type == NL_TYPE_CHOICES) {
        int kept = draw(draws, 16) + 1;
        for (int i = 0; key->choices[i]; i++)
            if (kept & 1 << i) {
                nl_text_add(&out, "%s%s", between, key->choices[i]);
                between = ", ";
            }
    } else {
        for (int i = draw(draws, 3); i > 0; i--) {
            nl_text_add(&out, "%s%d", between, (int)fmax(key->low, draw(draws, 7) - 3));
            between = ", ";
        }
    }
    char *text = nl_format("%s]", out.at ? out.at : "[");
    nl_text_release(&out);
    return text;
}

static inline char *draw_layers(struct draws *draws, int depth);

/* A value of the key as YAML, new string; NULL: none is drawn, since it names a file or has no meaning here. */
static inline char *draw_value(struct draws *draws, const struct nl_key *key)
{
    int limit = limit_of(key->name);
    if (limit >= 0)
        return draw_word(draws, limits[limit].values);
    switch (key->type) {
    case NL_TYPE_BOOL: return nl_strdup(draw(draws, 2) ? "true" : "false");
    case NL_TYPE_CHOICE: return nl_strdup(draw_choice(draws, key->choices));
    case NL_TYPE_AUTO_INT:
    case NL_TYPE_AUTO_REAL: return draw(draws, 4) ? draw_number(draws, key) : nl_strdup("auto");
    case NL_TYPE_INT:
    case NL_TYPE_REAL: return draw_number(draws, key);
    case NL_TYPE_CHOICES:
    case NL_TYPE_INTS: return draw_list(draws, key);
    case NL_TYPE_LAYERS: return draw_layers(draws, 0);
    case NL_TYPE_NAMES:
    case NL_TYPE_CODE:
    case NL_TYPE_PARTS:
    case NL_TYPE_TEXT: break;
    }
    return NULL;
}

/* ---- model.layers ---- */

static inline void draw_word_of_layer(struct draws *draws, const struct nl_layer_word *word, int depth,
                                      struct nl_text *out)
{
    char *value = NULL;
    switch (word->form) {
    case NL_WORD_NOTHING: value = nl_strdup(""); break;
    case NL_WORD_LIST: value = draw_layers(draws, depth + 1); break;
    case NL_WORD_BRANCHES: {
        char *list = draw_layers(draws, depth + 1);
        value = nl_format(draw(draws, 2) ? "[[], %s]" : "[%s, [norm]]", list);
        free(list);
        break;
    }
    case NL_WORD_NAME: value = nl_format("n%d", draw(draws, 1000)); break;
    case NL_WORD_SECTION: value = nl_strdup(draw_choice(draws, nl_norm_names)); break;
    case NL_WORD_NUMBER:
        value = nl_format("%d", draw(draws, 2) ? 2 * draw(draws, 4) + 1 : draw(draws, 3) + word->low);
        break;
    case NL_WORD_VALUE: value = draw_value(draws, nl_key_find(word->key)); break;
    }
    if (word->special && draw(draws, 4) == 0) {
        free(value);
        value = nl_strdup(word->special);
    }
    nl_text_add(out, "%s: %s", word->name, value && !(word->blank && draw(draws, 4) == 0) ? value : "");
    free(value);
}

/* An item with some of the words that it may have; the first says what it is. */
static inline void draw_item(struct draws *draws, int depth, struct nl_text *out)
{
    int item = draw(draws, NL_LAYER_ITEMS);
    if (depth > 1 && (item == NL_LAYER_RESIDUAL || item == NL_LAYER_CONCAT || item == NL_LAYER_LAYERS))
        item = NL_LAYER_NORM_ACTIVATION;
    nl_text_add(out, "{");
    draw_word_of_layer(draws, &nl_layer_words[item], depth, out);
    for (int i = NL_LAYER_ITEMS; nl_layer_words[i].name; i++)
        if ((nl_layer_words[i].items & 1u << item) && draw(draws, 6) == 0) {
            nl_text_add(out, ", ");
            draw_word_of_layer(draws, &nl_layer_words[i], depth, out);
        }
    nl_text_add(out, "}");
}

static inline char *draw_layers(struct draws *draws, int depth)
{
    struct nl_text out = {0};
    nl_text_add(&out, "[");
    for (int i = draw(draws, 4) + 1; i > 0; i--) {
        draw_item(draws, depth, &out);
        nl_text_add(&out, i > 1 ? ", " : "");
    }
    if (depth == 0)
        nl_text_add(&out, ", %s{linear: classes}", draw(draws, 2) ? "mean-pool, " : "");
    nl_text_add(&out, "]");
    return out.at;
}

/* ---- a configuration ---- */

static inline void set(struct generated *g, const char *name, char *text)
{
    const struct nl_key *key = nl_key_find(name);
    int i = 0;
    while (i < g->count && g->at[i].key != key)
        i++;
    if (i == g->count)
        g->count++;
    else
        free(g->at[i].text);
    g->at[i] = (struct setting){key, text};
}

static inline const char *text_of(const struct generated *g, const char *name)
{
    for (int i = 0; i < g->count; i++)
        if (strcmp(g->at[i].key->name, name) == 0)
            return g->at[i].text;
    return "";
}

static inline void drop_from(struct generated *g, int first)
{
    while (g->count > first)
        free(g->at[--g->count].text);
}

static inline struct generated copy_of(const struct generated *g)
{
    struct generated copy = *g;
    for (int i = 0; i < g->count; i++)
        copy.at[i].text = nl_strdup(g->at[i].text);
    return copy;
}

static inline char *yaml_of(const struct generated *g)
{
    struct nl_text out = {0};
    nl_text_add(&out, g->count ? "" : "{}\n");
    for (int i = 0; i < g->count; i++)
        nl_text_add(&out, "%s: %s\n", g->at[i].key->name, g->at[i].text);
    return out.at;
}

/* NULL, or told of each configuration before it is checked: the last one is at fault if the program does not come
 * back. */
static void (*before_check)(const struct generated *g);

/* What `normlab check` does: reads it and checks the only trial of its grid, warnings too. False: it was refused, and
 * *why, unless NULL, says why (new string). */
static inline bool is_accepted(const struct generated *g, struct nl_experiment *experiment, char **why)
{
    char *words[MOST_SETTINGS];
    struct nl_grid grid = {0};
    struct nl_diagnostics problems = {0}, warnings = {0};
    if (before_check)
        before_check(g);
    for (int i = 0; i < g->count; i++)
        words[i] = nl_format("%s=%s", g->at[i].key->name, g->at[i].text);
    bool good = nl_experiment_load(NULL, (const char *const *)words, g->count, experiment, &problems) == NL_OK;
    if (good) {
        good = nl_grid_make(experiment, &grid, &problems) == NL_OK;
        if (good)
            nl_lint_grid(experiment, &grid, &warnings);
        nl_grid_release(&grid);
    }
    free(nl_diagnostics_text(&warnings));
    char *text = nl_diagnostics_text(&problems);
    if (why && !good)
        *why = text;
    else
        free(text);
    nl_diagnostics_release(&problems);
    nl_diagnostics_release(&warnings);
    for (int i = 0; i < g->count; i++)
        free(words[i]);
    return good;
}

/* Adds those of more[count] that are accepted together with what is there: all at once, or else each half by itself.
 * What stays belongs to g. */
static inline void add_accepted(struct generated *g, const struct setting *more, int count)
{
    struct nl_experiment experiment;
    int before = g->count;
    if (count == 0)
        return;
    memcpy(g->at + g->count, more, (size_t)count * sizeof *more);
    g->count += count;
    if (is_accepted(g, &experiment, NULL))
        return;
    g->count = before;
    if (count == 1) {
        free(more->text);
        return;
    }
    add_accepted(g, more, count / 2);
    add_accepted(g, more + count / 2, count - count / 2);
}

/* Network, data and normalizer, of the sizes of the table, until they fit together. */
static inline bool draw_shape(struct draws *draws, const char *arch, const char *norm, struct generated *g)
{
    struct nl_experiment experiment;
    enum { ATTEMPTS = 100 };
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        drop_from(g, 0);
        set(g, "model.arch", nl_strdup(arch));
        set(g, "norm.kind", nl_strdup(norm));
        bool listed = strcmp(arch, "layers") == 0;
        for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
            if (limits[i].shape &&
                !(listed && (!strcmp(limits[i].key, "model.depth") || !strcmp(limits[i].key, "model.width"))))
                set(g, limits[i].key, draw_word(draws, limits[i].values));
        if (listed)
            set(g, "model.layers", draw_layers(draws, 0));
        const char *name = text_of(g, "data.name");
        if (strcmp(name, "npy") == 0)
            set(g, "data.dir", draw_word(draws, GENERATED_ARRAYS));
        if (strcmp(name, "text") == 0 && draw(draws, 8))
            set(g, "data.file", nl_strdup(GENERATED_TEXT));
        if (is_accepted(g, &experiment, NULL))
            return true;
    }
    return false;
}

/* Configuration number `seed`. Numbers that follow one another go through all pairs of architecture and normalizer.
 * False: none was found that the program takes, and g is the last that was tried. */
static inline bool generate(uint64_t seed, struct generated *g)
{
    struct draws draws = {nl_stream(seed, "generated"), 0};
    int archs = 0, norms = 0;
    while (nl_arch_names[archs])
        archs++;
    while (nl_norm_names[norms])
        norms++;
    *g = (struct generated){0};
    bool fits = draw_shape(&draws, nl_arch_names[seed % (uint64_t)archs],
                           nl_norm_names[seed / (uint64_t)archs % (uint64_t)norms], g);
    struct setting more[MOST_SETTINGS];
    int count = 0, often = 2 + draw(&draws, 8); /* one key in so many */
    for (int i = 0; i < nl_key_count && fits; i++) {
        const struct nl_key *key = &nl_keys[i];
        bool is_set = strcmp(key->name, "device.kind") == 0 || !strcmp(key->name, "model.layers") ||
                      !strcmp(key->section, "plot");
        for (int j = 0; j < g->count; j++)
            is_set |= g->at[j].key == key;
        if (is_set || draw(&draws, often))
            continue;
        more[count].key = key;
        more[count].text = draw_value(&draws, key);
        count += more[count].text != NULL;
    }
    add_accepted(g, more, count);
    return fits;
}

/* Some numbers become the least or the largest that their keys allow: a configuration that is checked, not run. */
static inline void make_extreme(uint64_t seed, struct generated *g)
{
    struct draws draws = {nl_stream(seed, "extreme"), 0};
    for (int changes = 1 + draw(&draws, 3); changes > 0;) {
        const struct nl_key *key = &nl_keys[draw(&draws, nl_key_count)];
        if (!nl_key_is_number(key) || !strcmp(key->section, "plot"))
            continue;
        set(g, key->name, nl_format("%.0f", draw(&draws, 4) ? key->high : key->low));
        changes--;
    }
}

#endif
