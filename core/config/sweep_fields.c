/* The fields of a sweep section, in a file and on the command line; those of rounds are read in rounds.c. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "config/keep.h"
#include "config/layers.h"
#include "config/sweep.h"

static void add_axis(struct nl_axis_list *list, const struct nl_axis *axis)
{
    NL_GROW(list->at, list->count, list->capacity);
    list->at[list->count++] = *axis;
}

static void read_grid_entry(struct nl_loader *loader, const struct nl_node *name, const struct nl_node *value,
                            void *context)
{
    (void)context;
    const struct nl_key *key = nl_named_key(loader, name);
    struct nl_points points = {0};
    if (!key)
        return;
    if (nl_points_listed(loader, key, value, &points))
        nl_points_refuse_twins(key, &points, loader->diagnostics);
    if (points.count) {
        struct nl_axis axis = nl_axis_of(key, &points, &name->at);
        add_axis(&loader->grid, &axis);
    }
    nl_points_release(&points);
}

static void read_zip_entry(struct nl_loader *loader, const struct nl_node *name, const struct nl_node *value,
                           void *context)
{
    struct nl_axis *axis = context;
    const struct nl_key *key = nl_named_key(loader, name);
    struct nl_points points = {0};
    if (!key)
        return;
    if (!nl_points_listed(loader, key, value, &points))
        nl_points_release(&points);
    else if (axis->keys == NL_LIST_MAX)
        nl_diagnose(loader->diagnostics, &name->at, NULL, "more than %d keys in one zip", NL_LIST_MAX);
    else if (axis->keys && points.count != axis->points)
        nl_diagnose(loader->diagnostics, &value->at,
                    "keys of a zip advance together: give all the same number of values",
                    "'%s' has %s, but '%s' has %d", key->name, NL_COUNT(points.count, "value"), axis->key[0]->name,
                    axis->points);
    else if (points.count)
        nl_axis_add(axis, key, &points);
    nl_points_release(&points);
}

static void refuse_twin_rows(struct nl_loader *loader, const struct nl_axis *axis)
{
    for (int i = 1; i < axis->points; i++)
        for (int j = 0; j < i; j++) {
            int same = 0;
            while (same < axis->keys && !strcmp(axis->text[i][same], axis->text[j][same]))
                same++;
            if (same == axis->keys) {
                nl_diagnose(loader->diagnostics, &axis->origin, NULL, "points %d and %d of the zip are the same", j + 1,
                            i + 1);
                return;
            }
        }
}

static void read_zip_map(struct nl_loader *loader, const struct nl_node *map)
{
    struct nl_axis axis = {.origin = map->at};
    int before = loader->diagnostics->count;
    nl_each_entry(loader, map, "a zip", read_zip_entry, &axis);
    if (loader->diagnostics->count > before)
        return;
    if (!axis.keys) {
        nl_diagnose(loader->diagnostics, &map->at, NULL, "a zip needs at least one key");
        return;
    }
    axis.origin = map->item[0]->at;
    refuse_twin_rows(loader, &axis);
    add_axis(&loader->zip, &axis);
}

static void read_exclude(struct nl_loader *loader, const struct nl_node *map)
{
    struct nl_experiment *out = loader->out;
    struct nl_match match;
    if (!nl_read_match(loader, map, "an entry of exclude", true, &match))
        return;
    NL_GROW(out->exclude, out->excludes, loader->exclude_capacity);
    out->exclude[out->excludes++] = match;
}

static void set_seeds(struct nl_loader *loader, const char *text, const struct nl_origin *at)
{
    int64_t seeds;
    if (!nl_integer_read(text, &seeds) || seeds < 1 || seeds > NL_SEEDS_MAX) {
        nl_diagnose(loader->diagnostics, at, nl_octal_hint(text),
                    "'sweep.seeds' must be an integer from 1 to %d, not '%.80s'", NL_SEEDS_MAX, text);
        return;
    }
    loader->out->seeds = (int)seeds;
    loader->out->seeds_origin = *at;
}

static void set_question(struct nl_loader *loader, const char *text, const struct nl_origin *at)
{
    for (int i = 0; nl_question_names[i]; i++)
        if (strcmp(nl_question_names[i], text) == 0) {
            loader->out->question = (enum nl_question)i;
            loader->out->question_origin = *at;
            return;
        }
    struct nl_text legal = {0};
    for (int i = 0; nl_question_names[i]; i++)
        nl_text_add(&legal, "%s%s", !i ? "" : nl_question_names[i + 1] ? ", " : " or ", nl_question_names[i]);
    const char *near = nl_nearest(text, nl_question_names);
    char *hint = near ? nl_format("did you mean '%s'?", near) : NULL;
    nl_diagnose(loader->diagnostics, at, hint, "'sweep.question' must be %s, not '%.80s'", legal.at, text);
    free(hint);
    nl_text_release(&legal);
}

/* sweep.baseline=norm.kind=none; nothing after the first '=' takes the baseline away. */
static void set_baseline(struct nl_loader *loader, const char *text, const struct nl_origin *at)
{
    const char *equals = strchr(text, '=');
    loader->out->has_baseline = false;
    if (!*text)
        return;
    char *name = equals ? nl_format("%.*s", (int)(equals - text), text) : NULL;
    const struct nl_key *key = name ? nl_wanted_key(loader, name, at) : NULL;
    if (!name)
        nl_diagnose(loader->diagnostics, at, "write sweep.baseline=norm.kind=none",
                    "'sweep.baseline' must be KEY=VALUE");
    else if (key && nl_key_may_vary(loader, key, at)) {
        struct nl_config scratch;
        struct nl_error err, hint;
        struct nl_match match = {.origin = *at};
        if (nl_value_read(key, &scratch, equals + 1, &err, &hint)) {
            nl_diagnose(loader->diagnostics, at, hint.text, "%s", err.text);
        } else {
            nl_match_add_value(&match, key, nl_value_text(key, &scratch));
            loader->out->baseline = match;
            loader->out->has_baseline = true;
        }
    }
    free(name);
}

/* ---- the fields: a blank value takes back what a base file says ---- */

static void read_grid(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    (void)field;
    (void)to;
    loader->zip_first = loader->zip.count && !loader->grid.count;
    loader->grid.count = 0;
    if (!value->blank)
        nl_each_entry(loader, value, "a grid", read_grid_entry, NULL);
}

static void read_zip(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    (void)field;
    (void)to;
    loader->zip_first &= loader->zip.count > 0;
    loader->zip.count = 0;
    if (!value->blank)
        nl_each_map(loader, value, read_zip_map);
}

static void read_excludes(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    (void)field;
    ((struct nl_experiment *)to)->excludes = 0;
    if (!value->blank)
        nl_each_map(loader, value, read_exclude);
}

static void read_baseline(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    struct nl_experiment *out = to;
    (void)field;
    out->has_baseline = !value->blank && nl_read_match(loader, value, "a baseline", false, &out->baseline);
}

static void read_question(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    (void)field;
    (void)to;
    if (value->kind == NL_SCALAR && (!value->tag || !strcmp(value->tag, "str")))
        set_question(loader, value->text, &value->at);
    else
        nl_diagnose(loader->diagnostics, &value->at, NULL, "'sweep.question' must be one word");
}

static void read_seeds(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
{
    (void)field;
    (void)to;
    if (value->kind == NL_SCALAR && (!value->tag || !strcmp(value->tag, "int")))
        set_seeds(loader, value->text, &value->at);
    else
        nl_diagnose(loader->diagnostics, &value->at, "train.seed is the first of them",
                    "'sweep.seeds' must be a number of seeds");
}

const struct nl_field nl_sweep_fields[] = {
    {"grid", "{norm.kind: [bn, gn], train.lr: 1e-3:1:log:7}",
     "axes, each a key with a list or range of values; every combination is a point", .read = read_grid},
    {"zip", "{train.batch: [32, 8], train.lr: [0.1, 0.025]}",
     "keys that advance together: lists of the same length, or a list of several such groups", .read = read_zip},
    {"exclude", "[{norm.kind: bn, train.batch: [1, 2]}]",
     "points to leave out: a list of entries; a point is left out if every key of an entry has one of the values there",
     .read = read_excludes},
    {"seeds", "integer, 1 to 10000; default 1", "trials of each point, from train.seed on", .read = read_seeds,
     .set = set_seeds},
    {"question",
     "auto"
#define QUESTION(name, word, what, help, sentence) ", " #word
#include "config/questions.def"
#undef QUESTION
     "; default auto",
     "what the sweep is to answer: "
#define QUESTION(name, word, what, help, sentence) #word ", " help "; "
#include "config/questions.def"
#undef QUESTION
     "auto: as plot.kind shows, or else compare",
     .read = read_question, .set = set_question},
    {"baseline", "{norm.kind: none}", "baseline: what the other cells are compared with", .read = read_baseline,
     .set = set_baseline},
    {"tune", "{train.lr: 1e-3:1:log:7, by: val_loss, seeds: 3}",
     "keys whose values are chosen on the validation part, for every point of the grid, before the grid is trained; "
     "by: val_loss, val_error, val_accuracy, or steps, the updates until plot.metric of the validation part is at "
     "plot.target; seeds: how many to choose by, none of which the grid uses; trials: 30 tries so many points of the "
     "Sobol sequence in place of every combination, and then values may be intervals, train.lr: 1e-3:1:log, "
     "train.momentum: 0:0.9:uniform; extend: 1 or 2 tries more values, for all methods alike, so often at most, where "
     "the best one lies at an edge",
     .read = nl_read_tune, .set = nl_set_tune},
    {"refine", "1.1",
     "more learning rates around each method's largest usable one, until every seed's is known within this factor",
     .read = nl_read_refine, .set = nl_set_refine},
    {"until", "{half_width: 0.5, max_seeds: 64}",
     "more seeds, until the intervals of the answer reach at most so far to each side, in the unit of plot.min_effect; "
     "sweep.seeds is the first stage",
     .read = nl_read_until, .set = nl_set_until},
    {"points", "[{norm.kind: bn, train.batch: 256}]",
     "more points than the grid's: a list; an entry replaces the values of the axes that it names",
     .read = nl_read_points},
    {"chosen", "[{norm.kind: bn, train.lr: 0.3}]",
     "what tune chose, written into results: a list of points of the grid, each with the tuned keys' values",
     .read = nl_read_chosen},
    {"same", "{train.lr: 0.1}", "what tune chose for all points together, written into results", .read = nl_read_same},
    {0}};

void nl_read_sweep_entry(struct nl_loader *loader, const struct nl_node *name, const struct nl_node *value,
                         const char *field)
{
    loader->out->is_sweep = true;
    nl_read_field(loader, name, value, field, "sweep", nl_sweep_fields, loader->out);
}

void nl_read_sweep(struct nl_loader *loader, const struct nl_node *map)
{
    loader->out->is_sweep = true;
    if (!map->blank)
        nl_read_fields(loader, map, "sweep", "sweep", nl_sweep_fields, loader->out);
}
