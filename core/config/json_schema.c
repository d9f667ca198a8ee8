/* keys.def as a JSON Schema (2020-12), with which an editor completes and checks configurations while they are written.
 *
 * It says what single keys, sections and the sweep may be. What depends on several keys together (check.c, the grid)
 * and words for the shell (`eval: running,batch`) are beyond it: it refuses nothing that the documentation writes, and
 * `normlab check` has the last word.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "config/config.h"
#include "config/layers.h"
#include "config/published.h"
#include "config/search.h"
#include "config/value.h"
#include "graph/quantities.h"

static bool is_integer(const struct nl_key *key)
{
    return key->type != NL_TYPE_REAL && key->type != NL_TYPE_AUTO_REAL;
}

#define NUMBER "[-+]?[0-9.]+([eE][-+]?[0-9]+)?"

/* The members that say what a number may be. */
static void add_bounds(struct nl_text *out, const struct nl_key *key)
{
    nl_text_add(out, "\"type\": \"%s\", \"minimum\": ", is_integer(key) ? "integer" : "number");
    nl_text_add(out, is_integer(key) ? "%.0f, \"maximum\": %.0f" : "%.17g, \"maximum\": %.17g", key->low, key->high);
}

/* What a truth value may be: words that YAML 1.2 leaves strings, and older readers make truth values. */
static const char truths[] = "true, false, \"yes\", \"no\", \"on\", \"off\"";

static void add_words(struct nl_text *out, const char *const *words)
{
    nl_text_add(out, "\"enum\": [");
    for (int i = 0; words[i]; i++) {
        nl_text_add(out, i ? ", " : "");
        nl_json_add(out, words[i]);
    }
    nl_text_add(out, "]");
}

/* The members that say what one value of the key may be. */
static void add_type(struct nl_text *out, const struct nl_key *key)
{
    switch (key->type) {
    case NL_TYPE_INT:
        add_bounds(out, key);
        return;
    case NL_TYPE_AUTO_INT:
        nl_text_add(out, "\"anyOf\": [{\"const\": \"auto\"}, {");
        add_bounds(out, key);
        nl_text_add(out, "}]");
        return;
    case NL_TYPE_REAL:
    case NL_TYPE_AUTO_REAL: /* 1e-3, a number of YAML 1.2, is a text to older readers */
        nl_text_add(out, "\"anyOf\": [%s{\"type\": \"string\", \"pattern\": \"^" NUMBER "$\"}, {",
                    key->type == NL_TYPE_AUTO_REAL ? "{\"const\": \"auto\"}, " : "");
        add_bounds(out, key);
        nl_text_add(out, "}]");
        return;
    case NL_TYPE_BOOL:
        nl_text_add(out, "\"enum\": [%s]", truths);
        return;
    case NL_TYPE_CHOICE:
        if (nl_key_is_switch(key))
            nl_text_add(out, "\"enum\": [\"auto\", %s]", truths);
        else
            add_words(out, key->choices);
        return;
    case NL_TYPE_CHOICES:
        nl_text_add(
            out,
            "\"anyOf\": [{\"type\": \"array\", \"minItems\": 1, \"maxItems\": %d, \"uniqueItems\": true, \"items\": {",
            NL_LIST_MAX);
        add_words(out, key->choices);
        nl_text_add(out, "}}, {");
        add_words(out, key->choices);
        nl_text_add(out, "}]");
        return;
    case NL_TYPE_INTS:
        nl_text_add(out, "\"anyOf\": [{\"type\": \"array\", \"maxItems\": %d, \"uniqueItems\": true, \"items\": {",
                    NL_LIST_MAX);
        add_bounds(out, key);
        nl_text_add(out, "}}, {");
        add_bounds(out, key);
        nl_text_add(out, "}]");
        return;
    case NL_TYPE_NAMES:
        nl_text_add(out, "\"anyOf\": [{\"type\": \"array\", \"maxItems\": %d, \"uniqueItems\": true, \"items\": {",
                    NL_LIST_MAX);
        nl_text_add(
            out, "\"type\": \"string\", \"pattern\": \"^[%s]+$\"}}, {\"type\": \"string\", \"pattern\": \"^[%s]+$\"}]",
            nl_name_characters, nl_name_characters);
        return;
    case NL_TYPE_TEXT: /* `title: 2024` is a text too, though YAML reads a number; of a font as check.c has it, and else
                          as base/utf8.c */
        nl_text_add(out,
                    "\"type\": [\"string\", \"number\"], "
                    "\"pattern\": "
                    "\"^[^%s\\\\u0000-\\\\u001f\\\\u007f-\\\\u009f\\\\u2028-\\\\u202e\\\\u2066-"
                    "\\\\u2069\\\\ufeff\\\\ufffe\\\\uffff]*$\"",
                    strcmp(key->name, "plot.font") == 0 ? "!-,/:-@\\\\u005b-\\\\u005e`{-~" : "");
        return;
    case NL_TYPE_LAYERS:
        nl_text_add(out, "\"$ref\": \"#/$defs/layers\"");
        return;
    case NL_TYPE_CODE: nl_text_add(out, "\"type\": \"string\""); return;
    case NL_TYPE_PARTS: /* what is said of each name depends on the key; `check` says it */
        nl_text_add(out, "\"type\": [\"object\", \"string\"]");
        return;
    }
}

static void add_default(struct nl_text *out, const struct nl_key *key)
{
    const char *text = key->default_text;
    bool list = nl_key_is_list(key);
    bool bare = key->type == NL_TYPE_BOOL || (nl_key_is_number(key) && strcmp(text, "auto") != 0) ||
                key->type == NL_TYPE_INTS || key->type == NL_TYPE_LAYERS || key->type == NL_TYPE_PARTS;
    nl_text_add(out, "\"default\": ");
    if (list && !bare) { /* "[samples, height]": words in brackets */
        char *words = nl_format("%.*s", (int)strlen(text) - 2, text + 1), *rest;
        const char *before = "";
        nl_text_add(out, "[");
        for (char *word = strtok_r(words, ", ", &rest); word; word = strtok_r(NULL, ", ", &rest), before = ", ") {
            nl_text_add(out, "%s", before);
            nl_json_add(out, word);
        }
        nl_text_add(out, "]");
        free(words);
    } else if (bare) {
        nl_text_add(out, "%s", text);
    } else {
        nl_json_add(out, text);
    }
}

static bool may_vary(const struct nl_key *key)
{
    return !nl_section_is_aside(key->section) && strcmp(key->name, "train.seed") != 0;
}

/* Values of an axis in one word: "bn,gn", "1e-3:1:log:7". */
static void add_word_pattern(struct nl_text *out, const struct nl_key *key)
{
    nl_text_add(out, "{\"type\": \"string\", \"pattern\": \"");
    if (nl_key_is_number(key)) {
        nl_text_add(out, "^(" NUMBER "|auto)( *[,:] *(" NUMBER "|auto|log))+$");
    } else {
        static const char *const truth[] = {"auto", "true", "false", "yes", "no", "on", "off", NULL};
        const char *const *words = key->type == NL_TYPE_BOOL ? truth + 1 : nl_key_is_switch(key) ? truth : key->choices;
        struct nl_text any = {0};
        for (int i = 0; words[i]; i++)
            nl_text_add(&any, "%s%s", i ? "|" : "", words[i]);
        nl_text_add(out, "^(%s)( *, *(%s))+$", any.at, any.at);
        nl_text_release(&any);
    }
    nl_text_add(out, "\"}");
}

static bool is_alone(const struct nl_layer_word *word)
{
    return word->blank || word->form == NL_WORD_NOTHING || word->form == NL_WORD_SECTION;
}

static void add_layer_word(struct nl_text *out, const struct nl_layer_word *word)
{
    nl_text_add(out, "\"%s\": {\"description\": ", word->name);
    nl_json_add(out, word->help);
    nl_text_add(out, ", \"anyOf\": [");
    if (is_alone(word))
        nl_text_add(out, "{\"type\": \"null\"}%s", word->form == NL_WORD_NOTHING ? "" : ", ");
    if (word->form == NL_WORD_LIST)
        nl_text_add(out, "{\"$ref\": \"#/$defs/layers\", \"minItems\": 1}");
    else if (word->form == NL_WORD_BRANCHES)
        nl_text_add(
            out, "{\"type\": \"array\", \"items\": {\"$ref\": \"#/$defs/layers\"}, \"minItems\": 2, \"maxItems\": %d}",
            NL_MOST_BRANCHES);
    else if (word->form == NL_WORD_NAME)
        nl_text_add(out, "{\"type\": \"string\", \"pattern\": \"^[a-zA-Z][a-zA-Z0-9_-]*$\"}");
    else if (word->form == NL_WORD_SECTION)
        nl_text_add(out, "{\"$ref\": \"#/$defs/norm.kind\"}, {\"$ref\": \"#/$defs/layers.norm\"}");
    else if (word->form == NL_WORD_VALUE)
        nl_text_add(out, "{\"$ref\": \"#/$defs/%s\"}", word->key);
    else if (word->form == NL_WORD_NUMBER)
        nl_text_add(out, "{\"type\": \"integer\", \"minimum\": %d, \"maximum\": %d}", word->low, word->high);
    if (word->special)
        nl_text_add(out, ", {\"const\": \"%s\"}", word->special);
    nl_text_add(out, "]}");
}

/* A mapping of the words that an item of that kind may have; first: one that it must have, or NULL. */
static void add_layer_map(struct nl_text *out, const struct nl_layer_word *words, unsigned item, const char *first)
{
    nl_text_add(out, "{\"type\": \"object\", \"additionalProperties\": false, ");
    if (first)
        nl_text_add(out, "\"required\": [\"%s\"], ", first);
    nl_text_add(out, "\"properties\": {");
    const char *between = "";
    for (const struct nl_layer_word *word = words; word->name; word++)
        if (word->items & item) {
            nl_text_add(out, "%s\n      ", between);
            add_layer_word(out, word);
            between = ",";
        }
    nl_text_add(out, "}}");
}

/* The items of model.layers (config/layers.h). */
static void add_layer_definitions(struct nl_text *out)
{
    nl_text_add(out, "    \"layers.norm\": ");
    add_layer_map(out, nl_layer_norm_words, 1u << NL_LAYER_NORM, NULL);
    nl_text_add(out, ",\n    \"layers\": {\"type\": \"array\", \"items\": {\"anyOf\": [\n      {\"enum\": [");
    const char *between = "";
    for (int i = 0; i < NL_LAYER_ITEMS; i++)
        if (is_alone(&nl_layer_words[i])) {
            nl_text_add(out, "%s\"%s\"", between, nl_layer_words[i].name);
            between = ", ";
        }
    nl_text_add(out, "]}");
    for (int i = 0; i < NL_LAYER_ITEMS; i++) {
        nl_text_add(out, ",\n      ");
        add_layer_map(out, nl_layer_words, 1u << i, nl_layer_words[i].name);
    }
    nl_text_add(out, "]}},\n");
}

/* $defs: the values of an axis over a key, whose own definition is there. */
static void add_axis_definition(struct nl_text *out, const struct nl_key *key)
{
    nl_text_add(
        out,
        "    \"axis.%s\": {\"anyOf\": [{\"type\": \"array\", \"minItems\": 1, \"items\": {\"$ref\": \"#/$defs/%s\"}}, "
        "{\"$ref\": \"#/$defs/%s\"}",
        key->name, key->name, key->name);
    if (!nl_key_is_list(key) && !nl_key_is_text(key)) {
        nl_text_add(out, ", ");
        add_word_pattern(out, key);
    }
    nl_text_add(out, "]},\n");
}

/* $defs: the words of model.layers that are numbers, as parts of it that vary. */
static void add_part_definitions(struct nl_text *out)
{
    for (const struct nl_layer_word *word = nl_layer_words; word->name; word++) {
        if (word->form != NL_WORD_NUMBER)
            continue;
        struct nl_key key = *nl_key_named("model.width");
        char *name = nl_format("part.%s", word->name);
        key.name = name;
        nl_text_add(out, "    \"%s\": {\"type\": \"integer\", \"minimum\": %d, \"maximum\": %d},\n", name, word->low,
                    word->high);
        add_axis_definition(out, &key);
        free(name);
    }
}

#define VALUE "[\"string\", \"number\", \"boolean\"]"

/* What a mapping of keys that may vary may have besides them: parts of model.layers, by the word they end in, and
 * columns of imported results. */
static void add_part_patterns(struct nl_text *out, const char *prefix)
{
    const char *between = ", \"patternProperties\": {";
    for (int of_norm = 0; of_norm < 2; of_norm++)
        for (const struct nl_layer_word *word = of_norm ? nl_layer_norm_words : nl_layer_words; word->name; word++) {
            if (word->form != NL_WORD_VALUE && word->form != NL_WORD_NUMBER)
                continue;
            nl_text_add(out, "%s\n      \"^model\\\\.layers\\\\..+%s\\\\.%s$\": {\"$ref\": \"#/$defs/%s%s%s\"}",
                        between, of_norm ? "\\\\.norm" : "", word->name, prefix, word->key ? "" : "part.",
                        word->key ? word->key : word->name);
            between = ",";
        }
    bool list = strcmp(prefix, "axis.") == 0;
    nl_text_add(out, ",\n      \"^(label|number)\\\\.[A-Za-z0-9_-]+$\": %s",
                list ? "{\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": " VALUE "}}"
                     : "{\"type\": " VALUE "}");
    nl_text_add(out, "\n    }");
}

/* $defs: train.lr is one value of the key, axis.train.lr the values of an axis. */
static void add_definitions(struct nl_text *out)
{
    nl_text_add(out, "  \"$defs\": {\n");
    add_layer_definitions(out);
    add_part_definitions(out);
    for (int i = 0; i < nl_key_count; i++) {
        const struct nl_key *key = &nl_keys[i];
        nl_text_add(out, "    \"%s\": {\"description\": ", key->name);
        nl_json_add(out, key->help);
        nl_text_add(out, ", ");
        add_type(out, key);
        nl_text_add(out, ", ");
        add_default(out, key);
        nl_text_add(out, "},\n");
        if (may_vary(key))
            add_axis_definition(out, key);
    }
}

/* A mapping from keys that may vary to `prefix` + the key's definition, or where `intervals` also to intervals of
 * numbers; more: further properties, or "". */
static void add_key_map(struct nl_text *out, const char *name, const char *prefix, const char *description,
                        const char *more, bool intervals)
{
    nl_text_add(out, "    \"%s\": {\"description\": ", name);
    nl_json_add(out, description);
    nl_text_add(out, ", \"type\": \"object\", \"additionalProperties\": false, \"properties\": {%s", more);
    for (int i = 0, used = *more != '\0'; i < nl_key_count; i++)
        if (may_vary(&nl_keys[i]))
            nl_text_add(
                out,
                intervals && nl_key_is_number(&nl_keys[i])
                    ? "%s\n      \"%s\": {\"anyOf\": [{\"$ref\": \"#/$defs/%s%s\"}, {\"$ref\": \"#/$defs/intervals\"}]}"
                    : "%s\n      \"%s\": {\"$ref\": \"#/$defs/%s%s\"}",
                used++ ? "," : "", nl_keys[i].name, prefix, nl_keys[i].name);
    nl_text_add(out, "\n    }");
    add_part_patterns(out, prefix);
    nl_text_add(out, "}");
}

static void add_sweep_definitions(struct nl_text *out)
{
    add_key_map(out, "axes", "axis.",
                "a list of values, or a word: bn,gn or 1e-3:1:log:7 (7 values, evenly on the log scale)", "", false);
    nl_text_add(out, ",\n");
    add_key_map(out, "point", "", "one value per key", "", false);
    nl_text_add(out, ",\n");
    struct nl_text beside = {0};
    nl_text_add(
        &beside,
        "\n      \"by\": {\"enum\": [\"val_loss\", \"val_error\", \"val_accuracy\", \"steps\"]},\n      \"on\": "
        "{\"$ref\": \"#/$defs/tuned/properties/by\"},\n      \"seeds\": {\"type\": \"integer\", \"minimum\": 1, "
        "\"maximum\": %d},\n      \"trials\": {\"type\": \"integer\", \"minimum\": %d, \"maximum\": %d},\n      "
        "\"extend\": {\"type\": \"integer\", \"minimum\": 0, \"maximum\": %d},\n      \"extended\": {\"$ref\": "
        "\"#/$defs/tuned/properties/extend\"}",
        NL_SEEDS_MAX, NL_LEAST_TUNE_TRIALS, NL_MOST_TUNE_TRIALS, NL_MOST_EXTENSIONS);
    add_key_map(out, "tuned", "axis.", "the values to choose from", beside.at, true);
    nl_text_add(out, ",\n    \"interval\": {\"description\": \"numbers that trials are drawn from: 1e-3:1:log, "
                     "0:0.5:uniform\", \"type\": \"string\", \"pattern\": \"^[^:]+:[^:]+:(log|uniform)$\"},\n    "
                     "\"intervals\": {\"anyOf\": [{\"$ref\": \"#/$defs/interval\"}, {\"type\": \"array\", "
                     "\"minItems\": 1, \"items\": {\"$ref\": \"#/$defs/interval\"}}]}");
    nl_text_release(&beside);
    nl_text_add(out,
                ",\n    \"some_axes\": {\"$ref\": \"#/$defs/axes\", \"minProperties\": 1, \"maxProperties\": %d},\n",
                NL_LIST_MAX);
    nl_text_add(out, "    \"one_or_more\": {\"anyOf\": [{\"$ref\": \"#/$defs/some_axes\"}, {\"type\": \"array\", "
                     "\"items\": {\"$ref\": "
                     "\"#/$defs/some_axes\"}}, {\"type\": \"null\"}]},\n");
    /* in the order of nl_sweep_fields */
    struct nl_text questions = {0};
    add_words(&questions, nl_question_names);
    const char *const point = "\"anyOf\": [{\"$ref\": \"#/$defs/point\", \"minProperties\": 1}, {\"type\": \"null\"}]";
    const char *const tune =
        "\"anyOf\": [{\"$ref\": \"#/$defs/tuned\", \"not\": {\"propertyNames\": {\"enum\": "
        "[\"by\", \"on\", \"seeds\", \"trials\", \"extend\", \"extended\"]}}}, {\"type\": \"null\"}]";
    const char *const points = "\"anyOf\": [{\"$ref\": \"#/$defs/point\", \"minProperties\": 1}, {\"type\": \"array\", "
                               "\"items\": {\"$ref\": \"#/$defs/point\", "
                               "\"minProperties\": 1}}, {\"type\": \"null\"}]";
    struct nl_text until = {0};
    nl_text_add(&until,
                "\"type\": [\"object\", \"null\"], \"additionalProperties\": false, \"required\": [\"half_width\", "
                "\"max_seeds\"], "
                "\"properties\": {\"half_width\": {\"type\": \"number\", \"exclusiveMinimum\": 0}, \"max_seeds\": "
                "{\"type\": \"integer\", "
                "\"minimum\": 2, \"maximum\": %d}, \"first_seeds\": {\"type\": \"integer\", \"minimum\": 2}}",
                NL_SEEDS_MAX);
    const char *const legal[] = {"\"anyOf\": [{\"$ref\": \"#/$defs/axes\"}, {\"type\": \"null\"}]",
                                 "\"$ref\": \"#/$defs/one_or_more\"",
                                 "\"$ref\": \"#/$defs/one_or_more\"",
                                 NULL,
                                 questions.at,
                                 point,
                                 tune,
                                 "\"type\": [\"number\", \"null\"], \"exclusiveMinimum\": 1",
                                 until.at,
                                 "\"$ref\": \"#/$defs/one_or_more\"",
                                 points,
                                 point};
    for (int i = 0; nl_sweep_fields[i].name; i++) {
        nl_text_add(out, "    \"sweep.%s\": {\"description\": ", nl_sweep_fields[i].name);
        nl_json_add(out, nl_sweep_fields[i].help);
        if (legal[i])
            nl_text_add(out, ", %s", legal[i]);
        else
            nl_text_add(out, ", \"type\": \"integer\", \"minimum\": 1, \"maximum\": %d, \"default\": 1", NL_SEEDS_MAX);
        nl_text_add(out, "}%s", nl_sweep_fields[i + 1].name ? ",\n" : "");
    }
    nl_text_release(&questions);
    nl_text_release(&until);
}

static void add_any_of(struct nl_text *out, const char *name, const char *const *words)
{
    nl_text_add(out, "\"%s\": {", name);
    add_words(out, words);
    nl_text_add(out, "}");
}

#define WORDS "{\"type\": [\"string\", \"number\"]}"
#define OBJECT "\"type\": \"object\", \"additionalProperties\": false, "

/* What the fields of a claim are made of (config/published.h). */
static void add_claim_definitions(struct nl_text *out)
{
    nl_text_add(out, ",\n    \"settings\": {" OBJECT
                     "\"properties\": {\"sweep.seeds\": {\"$ref\": \"#/$defs/sweep.seeds\"}");
    for (int i = 0; i < nl_key_count; i++)
        if (may_vary(&nl_keys[i]))
            nl_text_add(out, ",\n      \"%s\": {\"$ref\": \"#/$defs/axis.%s\"}", nl_keys[i].name, nl_keys[i].name);
    nl_text_add(out, "\n    }");
    add_part_patterns(out, "axis.");
    nl_text_add(out, "},\n    \"metric\": {\"type\": \"string\", \"pattern\": "
                     "\"^(train|val|test)_(error|accuracy|loss)(_(running|batch|precise))?$\"},\n"
                     "    \"cell\": {\"$ref\": \"#/$defs/point\", \"minProperties\": 1},\n"
                     "    \"size\": {\"anyOf\": [{\"type\": \"string\", \"pattern\": \"^" NUMBER
                     "$\"}, {\"type\": \"number\", \"minimum\": 0}]},\n"
                     "    \"measure\": {" OBJECT "\"properties\": {\"metric\": {\"anyOf\": [{\"$ref\": "
                                                 "\"#/$defs/metric\"}, {\"type\": \"array\", \"minItems\": 2, "
                     "\"maxItems\": 2, \"items\": {\"$ref\": \"#/$defs/metric\"}}]}, \"target\": {\"$ref\": "
                     "\"#/$defs/size\"}, \"along\": {\"type\": \"string\"}, ");
    add_any_of(out, "take", nl_take_names);
    nl_text_add(out,
                ", \"by\": {\"$ref\": \"#/$defs/metric\"}, \"tensor\": {\"type\": \"string\"}, \"step\": "
                "{\"enum\": [\"last\", \"first\", \"mean\", \"early\", \"late\"]}, \"tensors\": {\"enum\": [\"last\", "
                "\"mean\"]}, ");
    add_any_of(out, "quantity", nl_quantity_names);
    nl_text_add(
        out,
        "}, \"dependentRequired\": {\"tensor\": [\"quantity\"], \"quantity\": [\"tensor\"], \"step\": "
        "[\"tensor\"], \"tensors\": [\"tensor\"]}},\n"
        "    \"part\": {" OBJECT "\"required\": [\"says\"], \"properties\": {\"says\": " WORDS
        ", \"of\": {\"$ref\": \"#/$defs/cell\"}, \"minus\": "
        "{\"$ref\": \"#/$defs/cell\"}, \"less\": {" OBJECT
        "\"required\": [\"of\", \"minus\"], \"properties\": {\"of\": {\"$ref\": \"#/$defs/cell\"}, "
        "\"minus\": {\"$ref\": \"#/$defs/cell\"}}}, \"order\": {\"type\": \"array\", \"minItems\": 2, \"items\": "
        "{\"$ref\": \"#/$defs/cell\"}}, "
        "\"slope\": {\"type\": \"string\"}, \"measure\": {\"$ref\": \"#/$defs/measure\"}, \"smallest\": {\"$ref\": "
        "\"#/$defs/size\"}, \"margin\": "
        "{\"$ref\": \"#/$defs/size\"}, \"tolerance\": {\"anyOf\": [{\"$ref\": \"#/$defs/size\"}, {\"type\": \"array\", "
        "\"minItems\": 2, \"maxItems\": 2, "
        "\"items\": {\"$ref\": \"#/$defs/size\"}}]}, \"expect\": {\"enum\": [\"more\", \"less\"]}, ");
    add_any_of(out, "identity", nl_identity_names);
    nl_text_add(out, "},\n      \"oneOf\": [{\"required\": [\"smallest\"]}, {\"required\": [\"margin\"]}, "
                     "{\"required\": [\"tolerance\"]}]},\n");
    /* in the order of nl_claim_fields */
    static const char *const legal[] = {
        WORDS,
        WORDS,
        WORDS,
        WORDS,
        WORDS,
        "{\"$ref\": \"#/$defs/measure\"}",
        "{\"type\": \"array\", \"minItems\": 1, \"items\": {\"$ref\": \"#/$defs/part\"}}",
        "{\"$ref\": \"#/$defs/settings\"}",
        "{\"$ref\": \"#/$defs/settings\"}",
        "{\"type\": \"array\", \"items\": {" OBJECT "\"required\": [\"says\"], \"properties\": {\"says\": " WORDS
        ", \"set\": {\"$ref\": \"#/$defs/settings\"}, \"hinge\": {\"anyOf\": [{\"type\": \"string\"}, {\"type\": "
        "\"array\", \"minItems\": 1, \"items\": {\"type\": \"string\"}}]}, \"here\": {\"type\": " VALUE
        "}, \"values\": {\"anyOf\": [{\"type\": " VALUE "}, {\"type\": \"array\", \"minItems\": 1, \"items\": "
        "{\"type\": " VALUE "}}]}, \"source\": " WORDS
        "}, \"anyOf\": [{\"required\": [\"set\"]}, {\"required\": [\"hinge\"]}], \"dependentRequired\": "
        "{\"hinge\": [\"here\", \"values\", \"source\"], \"here\": [\"hinge\"], \"values\": [\"hinge\"], "
        "\"source\": [\"hinge\"]}}}",
        "{" OBJECT "\"properties\": {\"cost\": " WORDS ", \"set\": {\"$ref\": \"#/$defs/settings\"}}}",
        WORDS};
    for (int i = 0; nl_claim_fields[i].name; i++) {
        nl_text_add(out, "    \"claim.%s\": {\"description\": ", nl_claim_fields[i].name);
        nl_json_add(out, nl_claim_fields[i].help);
        nl_text_add(out, ", %s%s\n", legal[i] + 1, nl_claim_fields[i + 1].name ? "," : "\n  }");
    }
}

static void begin_section(struct nl_text *out, const char *name, const char *help)
{
    nl_text_add(out, "    \"%s\": {\"description\": ", name);
    nl_json_add(out, help);
    nl_text_add(out, ", \"type\": [\"object\", \"null\"], \"additionalProperties\": false, \"properties\": {");
}

static void add_section(struct nl_text *out, const struct nl_section *section)
{
    begin_section(out, section->name, section->help);
    for (int i = 0, used = 0; i < nl_key_count; i++)
        if (strcmp(nl_keys[i].section, section->name) == 0)
            nl_text_add(out, "%s\n      \"%s\": {\"$ref\": \"#/$defs/%s\"}", used++ ? "," : "",
                        nl_key_field(&nl_keys[i]), nl_keys[i].name);
    nl_text_add(out, "\n    }},\n");
}

/* The form of a value of `import`, by its reader: a count is said to be an integer. */
static void add_import(struct nl_text *out)
{
    static const char texts[] = "{\"anyOf\": [" WORDS ", {\"type\": \"array\", \"items\": " WORDS "}]",
                      renamings[] = "{\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"array\", \"items\": " WORDS
                                    "}, {\"type\": \"object\", \"additionalProperties\": {\"type\": [\"string\", "
                                    "\"null\"]}}]",
                      count[] = "{\"type\": \"integer\", \"minimum\": 1", text[] = "{\"type\": \"string\"";
    begin_section(out, "import", "how files of another program are read: normlab import");
    for (const struct nl_field *field = nl_import_fields; field->name; field++) {
        const char *form = *field->form == '['                   ? texts
                           : *field->form == '{'                 ? renamings
                           : strcmp(field->form, "integer") == 0 ? count
                                                                 : text;
        nl_text_add(out, "%s\n      \"%s\": %s", field == nl_import_fields ? "" : ",", field->name, form);
        nl_json_member(out, "description", field->help);
        nl_text_add(out, "}");
    }
    nl_text_add(out, "\n    }},\n");
}

static void add_sections(struct nl_text *out)
{
    nl_text_add(
        out,
        "  \"properties\": {\n"
        "    \"base\": {\"description\": \"a configuration that this one changes; relative to this file\", \"type\": "
        "\"string\", \"minLength\": 1},\n");
    for (const struct nl_section *section = nl_sections; section->name; section++)
        add_section(out, section);
    begin_section(out, "sweep", "what to vary");
    for (int i = 0; nl_sweep_fields[i].name; i++)
        nl_text_add(out, "%s\n      \"%s\": {\"$ref\": \"#/$defs/sweep.%s\"}", i ? "," : "", nl_sweep_fields[i].name,
                    nl_sweep_fields[i].name);
    nl_text_add(
        out,
        "\n    }},\n    \"claim\": {\"description\": \"what a paper says, and the parts that it is judged by\", " OBJECT
        "\"required\": [\"says\", \"source\"], \"oneOf\": [{\"required\": [\"parts\"]}, {\"required\": "
        "[\"waiting_for\"]}], \"properties\": {");
    for (int i = 0; nl_claim_fields[i].name; i++)
        nl_text_add(out, "%s\n      \"%s\": {\"$ref\": \"#/$defs/claim.%s\"}", i ? "," : "", nl_claim_fields[i].name,
                    nl_claim_fields[i].name);
    nl_text_add(out, "\n    }},\n");
    add_import(out);
    nl_text_add(out,
                "    \"made\": {\"description\": \"written into results: what made them; skipped when read\"}\n  },\n");
}

/* `train.lr: 0.1` at the top is legal too. As patterns, so that editors accept it and do not offer a hundred words. */
static void add_dotted(struct nl_text *out)
{
    nl_text_add(out, "  \"patternProperties\": {\n");
    for (int i = 0; i < nl_key_count; i++)
        nl_text_add(out, "    \"^%s\\\\.%s$\": {\"$ref\": \"#/$defs/%s\"},\n", nl_keys[i].section,
                    nl_key_field(&nl_keys[i]), nl_keys[i].name);
    for (int i = 0; nl_sweep_fields[i].name; i++)
        nl_text_add(out, "    \"^sweep\\\\.%s$\": {\"$ref\": \"#/$defs/sweep.%s\"}%s\n", nl_sweep_fields[i].name,
                    nl_sweep_fields[i].name, nl_sweep_fields[i + 1].name ? "," : "");
    nl_text_add(out, "  },\n");
}

char *nl_json_schema(void)
{
    struct nl_text out = {0};
    nl_text_add(&out, "{\n"
                      "  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
                      "  \"title\": \"normlab: a configuration or an experiment\",\n"
                      "  \"type\": [\"object\", \"null\"],\n"
                      "  \"additionalProperties\": false,\n");
    add_sections(&out);
    add_dotted(&out);
    add_definitions(&out);
    add_sweep_definitions(&out);
    add_claim_definitions(&out);
    nl_text_add(&out, "}\n");
    return out.at;
}
