/* The sweep section: axes (grid, zip), what to leave out, seeds, baseline. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "config/keep.h"
#include "config/layers.h"
#include "config/sweep.h"
#include "config/value.h"

bool nl_key_may_vary(struct nl_loader *loader, const struct nl_key *key, const struct nl_origin *at)
{
    if (nl_section_is_aside(key->section))
        nl_diagnose(loader->diagnostics, at, NULL, "'%s' cannot vary in a sweep: keys of '%s' change no trial",
                    key->name, key->section);
    else if (!strcmp(key->name, "train.seed"))
        nl_diagnose(loader->diagnostics, at, "'sweep.seeds' of 5 takes train.seed and the four after it",
                    "'train.seed' cannot vary like other keys");
    else
        return true;
    return false;
}

const struct nl_key *nl_named_key(struct nl_loader *loader, const struct nl_node *name)
{
    const struct nl_key *key = nl_wanted_key(loader, name->text, &name->at);
    return key && nl_key_may_vary(loader, key, &name->at) ? key : NULL;
}

struct nl_axis *nl_axis_with(struct nl_axis *axes, int count, const struct nl_key *key, int *column)
{
    for (int i = 0; i < count; i++)
        for (int k = 0; k < axes[i].keys; k++)
            if (axes[i].key[k] == key) {
                if (column)
                    *column = k;
                return &axes[i];
            }
    return NULL;
}

static void make_room(struct nl_axis *axis, int points)
{
    axis->points = points;
    axis->text = nl_keep(nl_alloc((size_t)points, sizeof *axis->text));
    for (int i = 0; i < points; i++)
        axis->text[i] = nl_keep(nl_alloc(NL_LIST_MAX, sizeof *axis->text[i]));
}

void nl_axis_add(struct nl_axis *axis, const struct nl_key *key, struct nl_points *points)
{
    if (!axis->keys)
        make_room(axis, points->count);
    for (int i = 0; i < points->count; i++)
        axis->text[i][axis->keys] = nl_keep(points->text[i]);
    axis->doubt[axis->keys] = points->doubt;
    axis->key[axis->keys++] = key;
    points->count = 0;
    nl_points_release(points);
}

struct nl_axis nl_axis_of(const struct nl_key *key, struct nl_points *points, const struct nl_origin *at)
{
    struct nl_axis axis = {.origin = *at};
    nl_axis_add(&axis, key, points);
    return axis;
}

enum { MOST_VALUES = 20000 }; /* of all axes and excludes: each of the latter is compared with those of an axis */

bool nl_points_listed(struct nl_loader *loader, const struct nl_key *key, const struct nl_node *value,
                      struct nl_points *out)
{
    if (loader->values > MOST_VALUES)
        return false;
    nl_points_from_node(key, value, out, loader->diagnostics);
    loader->values += out->count;
    if (loader->values > MOST_VALUES)
        nl_diagnose(loader->diagnostics, &value->at, NULL, "the sweep lists more than %d values in all", MOST_VALUES);
    return loader->values <= MOST_VALUES;
}

/* exclude values are lists, a baseline's is one value: many tells which. */
struct match_reading {
    struct nl_match match;
    bool many;
};

void nl_match_add(struct nl_match *match, const struct nl_key *key, struct nl_points *values)
{
    struct nl_word_list *list = &match->values[match->keys];
    list->count = values->count;
    list->at = nl_keep(nl_alloc((size_t)values->count, sizeof *list->at));
    for (int i = 0; i < values->count; i++)
        list->at[i] = nl_keep(values->text[i]);
    match->key[match->keys++] = key;
    values->count = 0;
    nl_points_release(values);
}

void nl_match_add_value(struct nl_match *match, const struct nl_key *key, char *text)
{
    struct nl_points value = {.count = 1, .text = nl_alloc(1, sizeof *value.text)};
    value.text[0] = text;
    if (text)
        nl_match_add(match, key, &value);
    nl_points_release(&value);
}

static void read_match_entry(struct nl_loader *loader, const struct nl_node *name, const struct nl_node *value,
                             void *context)
{
    struct match_reading *reading = context;
    const struct nl_key *key = nl_named_key(loader, name);
    struct nl_points values = {0};
    if (!key)
        return;
    if (reading->match.keys == NL_LIST_MAX) {
        nl_diagnose(loader->diagnostics, &name->at, NULL, "more than %d keys in one entry", NL_LIST_MAX);
        return;
    }
    if (!reading->many) {
        nl_match_add_value(&reading->match, key, nl_point_from_node(key, value, loader->diagnostics));
        return;
    }
    if (nl_points_listed(loader, key, value, &values))
        nl_points_refuse_twins(key, &values, loader->diagnostics);
    if (values.count)
        nl_match_add(&reading->match, key, &values);
    nl_points_release(&values);
}

bool nl_read_match(struct nl_loader *loader, const struct nl_node *map, const char *what, bool many,
                   struct nl_match *out)
{
    struct match_reading reading = {.match.origin = map->at, .many = many};
    int before = loader->diagnostics->count;
    nl_each_entry(loader, map, what, read_match_entry, &reading);
    if (loader->diagnostics->count == before && !reading.match.keys)
        nl_diagnose(loader->diagnostics, &map->at, NULL, "%s needs at least one key", what);
    *out = reading.match;
    return loader->diagnostics->count == before;
}

void nl_each_map(struct nl_loader *loader, const struct nl_node *value,
                 void (*read)(struct nl_loader *loader, const struct nl_node *map))
{
    if (value->kind != NL_SEQUENCE)
        read(loader, value);
    for (int i = 0; value->kind == NL_SEQUENCE && i < value->count && loader->values <= MOST_VALUES; i++)
        read(loader, value->item[i]);
}

enum nl_question nl_question_of(const struct nl_experiment *experiment)
{
    if (experiment->question != NL_ASK_AUTO)
        return experiment->question;
    const struct nl_int_list *kinds = &experiment->config.plot.kind;
    for (int i = 0; i < kinds->count; i++)
        for (int q = NL_ASK_AUTO + 1; nl_question_names[q]; q++)
            if (strcmp(nl_question_names[q], nl_plot_names[kinds->at[i]]) == 0)
                return (enum nl_question)q;
    return NL_ASK_COMPARE;
}

bool nl_question_asks(enum nl_question question, unsigned what)
{
    static const unsigned of[] = {
#define QUESTION(name, word, what, help, sentence) [NL_ASK_##name] = what,
#include "config/questions.def"
#undef QUESTION
    };
    return of[question] & what;
}

static void move_axes(struct nl_loader *loader, const struct nl_axis_list *from)
{
    struct nl_experiment *out = loader->out;
    for (int i = 0; i < from->count; i++) {
        const struct nl_axis *axis = &from->at[i];
        for (int k = 0; k < axis->keys; k++) {
            bool twice = nl_axis_with(out->axis, out->axes, axis->key[k], NULL);
            if (twice)
                nl_diagnose(loader->diagnostics, &axis->origin, "a key can vary in one place: grid or one zip",
                            "'%s' is an axis already", axis->key[k]->name);
        }
        out->axis[out->axes++] = *axis;
    }
}

void nl_join_axes(struct nl_loader *loader)
{
    struct nl_experiment *out = loader->out;
    out->axis = nl_alloc((size_t)(loader->grid.count + loader->zip.count), sizeof *out->axis);
    move_axes(loader, loader->zip_first ? &loader->zip : &loader->grid);
    move_axes(loader, loader->zip_first ? &loader->grid : &loader->zip);
    free(loader->grid.at);
    free(loader->zip.at);
}

char *nl_values_yaml(const struct nl_key *key, const struct nl_word_list *words, enum nl_spelling spelling)
{
    struct nl_text out = {0};
    nl_text_add(&out, "[");
    for (int i = 0; i < words->count; i++) {
        char *value = nl_value_yaml(key, words->at[i], spelling);
        nl_text_add(&out, "%s%s", i ? ", " : "", value);
        free(value);
    }
    nl_text_add(&out, "]");
    return out.at;
}

char *nl_match_spelled(const struct nl_match *match, enum nl_spelling spelling)
{
    struct nl_text out = {0};
    for (int k = 0; k < match->keys; k++) {
        const struct nl_word_list *values = &match->values[k];
        char *text = values->count == 1 ? nl_value_yaml(match->key[k], values->at[0], spelling)
                                        : nl_values_yaml(match->key[k], values, spelling);
        nl_text_add(&out, "%s%s: %s", k ? ", " : "", match->key[k]->name, text);
        free(text);
    }
    return out.at;
}

char *nl_match_text(const struct nl_match *match)
{
    return nl_match_spelled(match, NL_SHOWN);
}
