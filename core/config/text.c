/* An experiment as the YAML that reads back to it. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "config/import.h"
#include "config/sweep.h"
#include "config/value.h"

enum { WIDEST = 44 }; /* comments of longer lines do not line up, so that one long value does not push all away */

/* Lines, each with the comment after it ("" for none). */
struct page {
    int count, capacity;
    struct line { char *text, *comment; } *at;
};

/* Takes over both strings; comment may be NULL. */
static void add_line(struct page *page, char *text, char *comment)
{
    NL_GROW(page->at, page->count, page->capacity);
    page->at[page->count++] = (struct line){text, comment};
}

/* For a comment. The name of a file may hold what no comment can: a newline, or bytes that are no UTF-8. */
static char *origin_text(const struct nl_origin *origin)
{
    if (origin->kind == NL_FROM_FILE) {
        struct nl_text out = {0};
        for (const char *at = origin->file; *at; at += nl_character_bytes(at))
            nl_text_add_character(&out, at, nl_character_bytes(at));
        if (origin->line > 0)
            nl_text_add(&out, ":%d", origin->line);
        return out.at;
    }
    return nl_strdup(origin->kind == NL_FROM_COMMAND_LINE ? "command line" : "default");
}

/* Whether the key must not stand in a file beside what the experiment has: it says the shape of another network. */
static bool beside_layers(const struct nl_experiment *experiment, const struct nl_key *key)
{
    bool varies = nl_axis_with(experiment->axis, experiment->axes, nl_key_named("model.arch"), NULL);
    bool is_shape =
        !strcmp(key->name, "model.depth") || !strcmp(key->name, "model.width") || !strcmp(key->name, "model.pool");
    return strcmp(key->name, "model.layers") ? is_shape && (varies || experiment->config.model.arch == NL_LAYERS)
                                             : true;
}

/* NL_RECORDED: without keys that have their defaults; so of imported results, whose program had defaults of its own. */
static void add_sections(struct page *page, const struct nl_experiment *experiment, enum nl_spelling spelling)
{
    const char *section = "";
    for (int i = 0; i < nl_key_count; i++) {
        const struct nl_key *key = &nl_keys[i];
        if (experiment->origin[i].kind == NL_FROM_DEFAULT && beside_layers(experiment, key))
            continue;
        if ((spelling == NL_RECORDED || experiment->import) && nl_key_is_default(key, &experiment->config))
            continue;
        char *value =
            spelling == NL_SHOWN ? nl_key_text(key, &experiment->config) : nl_key_recorded(key, &experiment->config);
        if (strcmp(section, key->section) != 0)
            add_line(page, nl_format("%s:", section = key->section), NULL);
        char *origin = origin_text(&experiment->origin[i]);
        char *text = nl_format("  %s: %s", nl_key_field(key), value);
        bool varies = nl_axis_with(experiment->axis, experiment->axes, key, NULL);
        add_line(page, text, varies ? nl_format("%s; varies below", origin) : nl_strdup(origin));
        free(value);
        free(origin);
    }
}

static char *column_text(const struct nl_axis *axis, int column, enum nl_spelling spelling)
{
    struct nl_word_list words = {.count = axis->points, .at = nl_alloc((size_t)axis->points, sizeof *words.at)};
    for (int i = 0; i < axis->points; i++)
        words.at[i] = axis->text[i][column];
    char *text = nl_values_yaml(axis->key[column], &words, spelling);
    free(words.at);
    return text;
}

/* Axes of one key go into the grid as long as no zip came before: so the order of the axes reads back as it is. */
static void add_axes(struct page *page, const struct nl_experiment *experiment, enum nl_spelling spelling)
{
    bool zipped = false;
    for (int i = 0; i < experiment->axes; i++) {
        const struct nl_axis *axis = &experiment->axis[i];
        if (i == 0 && axis->keys == 1)
            add_line(page, nl_strdup("  grid:"), NULL);
        if (axis->keys > 1 && !zipped) {
            add_line(page, nl_strdup("  zip:"), NULL);
            zipped = true;
        }
        for (int k = 0; k < axis->keys; k++) {
            char *values = column_text(axis, k, spelling);
            const char *indent = !zipped ? "    " : k ? "      " : "    - ";
            add_line(page, nl_format("%s%s: %s", indent, axis->key[k]->name, values),
                     k ? NULL : origin_text(&axis->origin));
            free(values);
        }
    }
}

static void add_rounds(struct page *page, const struct nl_rounds *rounds, enum nl_spelling spelling)
{
    struct nl_round_field field[NL_ROUND_FIELDS];
    nl_rounds_fields(rounds, true, spelling, field);
    for (int i = 0; i < NL_ROUND_FIELDS; i++) {
        if (field[i].value)
            add_line(page, nl_format("  %s:%s%s", field[i].name, *field[i].value == '\n' ? "" : " ", field[i].value),
                     NULL);
        free(field[i].value);
    }
}

static void add_sweep(struct page *page, const struct nl_experiment *experiment, enum nl_spelling spelling)
{
    add_line(page, nl_strdup("sweep:"), NULL);
    add_axes(page, experiment, spelling);
    for (int i = 0; i < experiment->excludes; i++) {
        const struct nl_match *match = &experiment->exclude[i];
        if (i == 0)
            add_line(page, nl_strdup("  exclude:"), NULL);
        for (int k = 0; k < match->keys; k++) {
            char *values = nl_values_yaml(match->key[k], &match->values[k], spelling);
            add_line(page, nl_format("%s%s: %s", k ? "      " : "    - ", match->key[k]->name, values),
                     k ? NULL : origin_text(&match->origin));
            free(values);
        }
    }
    add_line(page, nl_format("  seeds: %d", experiment->seeds), origin_text(&experiment->seeds_origin));
    if (experiment->question != NL_ASK_AUTO)
        add_line(page, nl_format("  question: %s", nl_question_names[experiment->question]),
                 origin_text(&experiment->question_origin));
    add_rounds(page, &experiment->rounds, spelling);
    if (!experiment->has_baseline)
        return;
    const struct nl_match *baseline = &experiment->baseline;
    add_line(page, nl_strdup("  baseline:"), NULL);
    for (int k = 0; k < baseline->keys; k++) {
        char *value = nl_value_yaml(baseline->key[k], baseline->values[k].at[0], spelling);
        add_line(page, nl_format("    %s: %s", baseline->key[k]->name, value),
                 k ? NULL : origin_text(&baseline->origin));
        free(value);
    }
}

static void add_import(struct page *page, const struct nl_import *import)
{
    char *text = nl_import_text(import), *rest = text, *line;
    while ((line = strsep(&rest, "\n")) && *line)
        add_line(page, nl_strdup(line), NULL);
    free(text);
}

static char *text_of(const struct nl_experiment *experiment, enum nl_spelling spelling, bool with_origins)
{
    struct page page = {0};
    add_sections(&page, experiment, spelling);
    if (experiment->is_sweep)
        add_sweep(&page, experiment, spelling);
    if (experiment->import)
        add_import(&page, experiment->import);

    int column = 0;
    for (int i = 0; i < page.count; i++) {
        int width = (int)strlen(page.at[i].text);
        if (page.at[i].comment && width > column && width <= WIDEST)
            column = width;
    }
    struct nl_text out = {0};
    for (int i = 0; i < page.count; i++) {
        if (with_origins && page.at[i].comment)
            nl_text_add(&out, "%-*s  # %s\n", column, page.at[i].text, page.at[i].comment);
        else
            nl_text_add(&out, "%s\n", page.at[i].text);
        free(page.at[i].text);
        free(page.at[i].comment);
    }
    free(page.at);
    return out.at;
}

char *nl_experiment_text(const struct nl_experiment *experiment, bool with_origins)
{
    return text_of(experiment, NL_SHOWN, with_origins);
}

char *nl_experiment_protocol(const struct nl_experiment *experiment)
{
    return text_of(experiment, NL_RECORDED, false);
}
