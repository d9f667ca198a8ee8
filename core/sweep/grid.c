/* Expands axes, zipped keys, points and seeds into trials, and leaves out what is excluded. */
#include "sweep/grid.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/import.h"
#include "config/keep.h"
#include "config/sweep.h"
#include "config/value.h"
#include "norm/norm.h"
#include "sweep/observed.h"
#include "train/train.h"

/* The varied keys, and train.seed, which is no axis of its own (the loader refuses it): sweep.seeds varies it
 * everywhere. */
static void list_keys(struct nl_grid *grid, const struct nl_experiment *experiment)
{
    int capacity = 1;
    for (int a = 0; a < experiment->axes; a++)
        capacity += experiment->axis[a].keys;
    grid->key = nl_alloc((size_t)capacity, sizeof *grid->key);
    for (int a = 0; a < experiment->axes; a++)
        for (int k = 0; k < experiment->axis[a].keys; k++)
            grid->key[grid->keys++] = experiment->axis[a].key[k];
    grid->key[grid->keys++] = nl_key_named("train.seed");
    const struct nl_rounds *rounds = &experiment->rounds;
    grid->chosen_key = nl_alloc((size_t)rounds->tunes + 1, sizeof *grid->chosen_key);
    for (int i = 0; rounds->choices && i < rounds->tunes; i++)
        grid->chosen_key[grid->chosen++] = rounds->tune[i].key[0];
}

char *nl_grid_axes(const struct nl_experiment *experiment)
{
    struct nl_grid grid = {0};
    list_keys(&grid, experiment);
    struct nl_text out = {0};
    for (int k = 0; k < grid.keys - 1; k++)
        nl_text_add(&out, "%s'%s'", k ? ", " : "", grid.key[k]->name);
    nl_grid_release(&grid);
    return out.at ? out.at : nl_strdup("none");
}

/* A point of the grid: which of its points each axis is at. */
struct point {
    const struct nl_axis *axis;
    int axes;
    int *at; /* [axes] */
};

/* The key's value there, in the one form that the loader gives it: 1e-3 and 0.001 are the same. NULL: no axis has the
 * key. */
static const char *text_at(const struct point *point, const struct nl_key *key)
{
    for (int a = 0; a < point->axes; a++)
        for (int k = 0; k < point->axis[a].keys; k++)
            if (point->axis[a].key[k] == key)
                return point->axis[a].text[point->at[a]][k];
    return NULL;
}

/* Whether a point matches. The loader has left of a key that is fixed the one value that it has. */
static bool matches(const struct nl_match *match, const struct point *point)
{
    for (int k = 0; k < match->keys; k++) {
        const char *here = text_at(point, match->key[k]);
        bool found = !here;
        for (int v = 0; v < match->values[k].count && !found; v++)
            found = strcmp(match->values[k].at[v], here) == 0;
        if (!found)
            return false;
    }
    return true;
}

static bool is_chosen(const struct nl_grid *grid, const struct nl_key *key)
{
    for (int i = 0; i < grid->chosen; i++)
        if (grid->chosen_key[i] == key)
            return true;
    return false;
}

/* Gives the tuned keys the values of the first entry of sweep.chosen that is about this point; false: none is. */
static bool set_chosen(const struct nl_grid *grid, const struct nl_rounds *rounds, const struct point *point,
                       struct nl_config *config)
{
    for (int c = 0; c < rounds->choices; c++) {
        const struct nl_match *entry = &rounds->chosen[c];
        bool here = true;
        for (int k = 0; k < entry->keys && here; k++)
            here = is_chosen(grid, entry->key[k]) || strcmp(entry->values[k].at[0], text_at(point, entry->key[k])) == 0;
        for (int k = 0; k < entry->keys && here; k++)
            if (is_chosen(grid, entry->key[k]) && nl_key_set(entry->key[k], config, entry->values[k].at[0], NULL))
                return false;
        if (here)
            return true;
    }
    return rounds->choices == 0;
}

/* The first rule of sweep.exclude that matches; -1: none. */
static int excluding_rule(const struct nl_experiment *experiment, const struct point *point)
{
    for (int e = 0; e < experiment->excludes; e++)
        if (matches(&experiment->exclude[e], point))
            return e;
    return -1;
}

/* Runs that are the same are found by their identity, in a hash table with open addressing: grids may be large. */
struct seen {
    size_t size; /* a power of two, at least twice the number of points */
    int *slot;   /* trial number + 1; 0: free */
};

static int *find_slot(const struct seen *seen, const struct nl_grid *grid, const char *identity)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (const char *at = identity; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211u;
    size_t place = (size_t)hash & (seen->size - 1);
    while (seen->slot[place] && strcmp(grid->trial[seen->slot[place] - 1].identity, identity) != 0)
        place = (place + 1) & (seen->size - 1);
    return &seen->slot[place];
}

/* Whether the key applies with another value of its axis: then it is at its default, which is one of those compared
 * (norm.statistics: batch). */
static bool is_default_of_axis(struct nl_axis *axes, int count, const struct nl_key *key,
                               const struct nl_config *config)
{
    int column;
    const struct nl_axis *axis = nl_axis_with(axes, count, key, &column);
    bool any = false;
    for (int point = 0; axis && !key->path && point < axis->points; point++)
        any |= nl_key_would_apply(key, config, axis->text[point][column]);
    return any;
}

/* The values of keys that these axes vary; "" where a key does not apply. */
static char **value_texts(struct nl_axis *axes, int count, const struct nl_key *const *key, int keys,
                          const struct nl_config *config)
{
    char **text = nl_alloc((size_t)keys + 1, sizeof *text);
    for (int k = 0; k < keys; k++)
        text[k] = nl_key_applies(key[k], config) || is_default_of_axis(axes, count, key[k], config)
                      ? nl_key_recorded(key[k], config)
                      : nl_strdup("");
    return text;
}

static void release_texts(char **text, int count)
{
    for (int k = 0; k < count; k++)
        free(text[k]);
    free(text);
}

static void add_trial(struct nl_grid *grid, const struct nl_experiment *experiment, struct seen *seen,
                      const struct nl_config *config)
{
    char *identity = nl_config_identity_text(config);
    int *slot = find_slot(seen, grid, identity);
    if (*slot) {
        grid->trial[*slot - 1].points++;
        free(identity);
        return;
    }
    struct nl_trial *trial = &grid->trial[grid->trials++];
    *slot = grid->trials;
    trial->config = *config;
    trial->identity = identity;
    trial->points = 1;
    trial->text = value_texts(experiment->axis, experiment->axes, grid->key, grid->keys, config);
    trial->chosen_text =
        value_texts(experiment->rounds.tune, experiment->rounds.tunes, grid->chosen_key, grid->chosen, config);
}

/* The axes of an entry of sweep.points: those that it names have its values alone. New array; the texts are the
 * entry's. */
static struct nl_axis *axes_at(const struct nl_experiment *experiment, const struct nl_match *entry)
{
    struct nl_axis *axis = nl_alloc((size_t)experiment->axes, sizeof *axis);
    for (int a = 0; a < experiment->axes; a++) {
        axis[a] = experiment->axis[a];
        for (int k = 0; k < entry->keys; k++) {
            int column = 0;
            if (!nl_axis_with(&axis[a], 1, entry->key[k], &column))
                continue;
            if (axis[a].text == experiment->axis[a].text) {
                axis[a].points = entry->values[k].count;
                axis[a].text = nl_keep(nl_alloc((size_t)axis[a].points, sizeof *axis[a].text));
                for (int point = 0; point < axis[a].points; point++)
                    axis[a].text[point] = nl_keep(nl_alloc(NL_LIST_MAX, sizeof *axis[a].text[point]));
            }
            for (int point = 0; point < axis[a].points; point++)
                axis[a].text[point][column] = entry->values[k].at[point];
        }
    }
    return axis;
}

/* Points of the axes with every seed. */
static double size_of(const struct nl_experiment *experiment, const struct nl_axis *axis)
{
    double points = experiment->seeds;
    for (int a = 0; a < experiment->axes; a++)
        points *= axis[a].points;
    return points;
}

static int count_points(const struct nl_experiment *experiment, struct nl_diagnostics *diagnostics)
{
    double points = size_of(experiment, experiment->axis);
    for (int i = 0; i < experiment->rounds.points; i++) {
        struct nl_axis *axis = axes_at(experiment, &experiment->rounds.point[i]);
        points += size_of(experiment, axis);
        free(axis);
    }
    if (points > NL_GRID_LIMIT) {
        nl_diagnose(
            diagnostics, experiment->axes ? &experiment->axis[experiment->axes - 1].origin : &experiment->seeds_origin,
            "split it into several experiments", "the grid has %.0f points, more than %d", points, NL_GRID_LIMIT);
        return 0;
    }
    return (int)points;
}

static bool names_files(const struct nl_key *key)
{
    static const char *const names[] = {"data.dir",         "data.train_images", "data.train_labels",
                                        "data.test_images", "data.test_labels",  "model.load"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(key->name, names[i]) == 0)
            return true;
    return false;
}

static bool axes_are_legal(const struct nl_experiment *experiment, struct nl_diagnostics *diagnostics)
{
    bool legal = true;
    for (int a = 0; a < experiment->axes; a++)
        for (int k = 0; k < experiment->axis[a].keys; k++)
            if (names_files(experiment->axis[a].key[k])) {
                nl_diagnose(diagnostics, &experiment->axis[a].origin, "make an experiment for each",
                            "%s cannot be an axis: where files lie is no part of a trial's identity",
                            experiment->axis[a].key[k]->name);
                legal = false;
            }
    return legal;
}

/* A network is built only of what is legal: values that cannot be combined are refused before. */
static void check_trial(const struct nl_experiment *experiment, const struct nl_config *config,
                        struct nl_diagnostics *diagnostics)
{
    struct nl_diagnostics own = {0}; /* what an earlier trial was refused for is not told again */
    nl_config_check(config, experiment, &own);
    nl_data_check(config, experiment, &own);
    if (own.count == 0)
        nl_trial_check(config, experiment, &own);
    for (int i = 0; i < own.count; i++)
        nl_diagnose(diagnostics, &own.at[i].origin, own.at[i].hint, "%s", own.at[i].message);
    nl_diagnostics_release(&own);
}

/* A list that an axis made of another one: it is read once, however many points have it. */
struct variant {
    const struct nl_layers *from, *to;
    const struct nl_key *key;
    const char *text;
};

struct unfolding {
    const struct nl_experiment *experiment;
    struct nl_grid *grid;
    struct seen seen;
    int variants, variants_capacity;
    struct variant *variant;
    struct nl_diagnostics *diagnostics;
};

static int set_value(struct unfolding *u, const struct nl_key *key, const char *text, struct nl_config *config,
                     struct nl_error *err)
{
    struct variant new = {.from = config->model.layers, .key = key, .text = text};
    for (int i = 0; key->path && i < u->variants; i++)
        if (u->variant[i].from == new.from && u->variant[i].key == key && u->variant[i].text == text) {
            config->model.layers = u->variant[i].to;
            return NL_OK;
        }
    if (nl_key_set(key, config, text, err))
        return NL_FAIL;
    new.to = config->model.layers;
    if (key->path) {
        NL_GROW(u->variant, u->variants, u->variants_capacity);
        u->variant[u->variants++] = new;
    }
    return NL_OK;
}

static void set_values(struct unfolding *u, const struct point *point, struct nl_config *config)
{
    for (int a = 0; a < point->axes; a++) {
        const struct nl_axis *axis = &point->axis[a];
        for (int k = 0; k < axis->keys; k++) {
            struct nl_error err;
            if (set_value(u, axis->key[k], axis->text[point->at[a]][k], config, &err))
                nl_diagnose(u->diagnostics, &axis->origin, NULL, "%s: %s", axis->key[k]->name, err.text);
        }
    }
}

static void unfold(struct unfolding *u, const struct nl_axis *axes)
{
    const struct nl_experiment *experiment = u->experiment;
    struct nl_grid *out = u->grid;
    int points = (int)size_of(experiment, axes);
    struct point place = {
        .axis = axes, .axes = experiment->axes, .at = nl_alloc((size_t)experiment->axes, sizeof *place.at)};
    for (int point = 0; point < points; point++) {
        struct nl_config config = experiment->config;
        int rest = point / experiment->seeds;
        for (int a = experiment->axes - 1; a >= 0; a--) { /* the last axis varies fastest */
            place.at[a] = rest % axes[a].points;
            rest /= axes[a].points;
        }
        set_values(u, &place, &config);
        config.train.seed += point % experiment->seeds;
        int rule = excluding_rule(experiment, &place);
        if (rule >= 0) {
            out->excluded++;
            out->excluded_by[rule]++;
            continue;
        }
        if (!set_chosen(out, &experiment->rounds, &place, &config))
            nl_diagnose(u->diagnostics, &experiment->rounds.chosen[0].origin,
                        "write sweep.tune without 'chosen' to choose anew",
                        "'sweep.chosen' has no values for a point of the grid");
        check_trial(experiment, &config, u->diagnostics);
        add_trial(out, experiment, &u->seen, &config);
    }
    free(place.at);
}

/* How the values of an axis are ordered: as written, but where sweep.points adds values to a list of numbers that rises
 * or falls, these are put between them.
 */
struct value_order {
    const struct nl_axis *axis;
    int column;
    double sign; /* of numbers that rise or fall; 0: as written */
};

static struct value_order value_order(const struct nl_experiment *experiment, const struct nl_key *key)
{
    struct value_order order = {0};
    order.axis = nl_axis_with(experiment->axis, experiment->axes, key, &order.column);
    if (!order.axis || !nl_key_is_number(key))
        return order;
    int rises = 0, falls = 0;
    for (int i = 1; i < order.axis->points; i++) {
        double step = nl_double_read(order.axis->text[i][order.column], NULL) -
                      nl_double_read(order.axis->text[i - 1][order.column], NULL);
        rises += step > 0;
        falls += step < 0;
    }
    order.sign = falls == 0 ? 1.0 : rises == 0 ? -1.0 : 0.0;
    return order;
}

static double value_rank(const struct value_order *order, const char *text)
{
    if (order->sign != 0.0 && *text)
        return order->sign * nl_double_read(text, NULL);
    for (int i = 0; order->axis && i < order->axis->points; i++)
        if (strcmp(order->axis->text[i][order->column], text) == 0)
            return i;
    return *text ? INFINITY : -INFINITY;
}

/* Whether the trial comes after the other one. */
static bool comes_after(const struct nl_grid *grid, const struct value_order *order, const struct nl_trial *trial,
                        const struct nl_trial *other)
{
    for (int k = 0; k < grid->keys - 1; k++) {
        double here = value_rank(&order[k], trial->text[k]), there = value_rank(&order[k], other->text[k]);
        if (here != there)
            return here > there;
    }
    return trial->config.train.seed > other->config.train.seed;
}

/* Puts what sweep.points added where it belongs. */
static void sort_trials(struct nl_grid *grid, const struct nl_experiment *experiment)
{
    struct value_order *order = nl_alloc((size_t)grid->keys, sizeof *order);
    for (int k = 0; k < grid->keys; k++)
        order[k] = value_order(experiment, grid->key[k]);
    for (int i = 1; i < grid->trials; i++) {
        struct nl_trial trial = grid->trial[i];
        int at = i;
        for (; at > 0 && comes_after(grid, order, &grid->trial[at - 1], &trial); at--)
            grid->trial[at] = grid->trial[at - 1];
        grid->trial[at] = trial;
    }
    free(order);
}

int nl_grid_make(const struct nl_experiment *experiment, struct nl_grid *out, struct nl_diagnostics *diagnostics)
{
    int before = diagnostics->count;
    *out = (struct nl_grid){0};
    list_keys(out, experiment);
    if (experiment->import) {
        nl_diagnose(diagnostics, &experiment->import->origin, "normlab import reads those files",
                    "these results are of another program, imported from its files: there is nothing to train");
        return NL_FAIL;
    }
    if (!axes_are_legal(experiment, diagnostics) || !(out->points = count_points(experiment, diagnostics)))
        return NL_FAIL;
    out->trial = nl_alloc((size_t)out->points, sizeof *out->trial);
    out->excluded_by = nl_alloc((size_t)experiment->excludes, sizeof *out->excluded_by);
    struct unfolding u = {.experiment = experiment, .grid = out, .seen.size = 2, .diagnostics = diagnostics};
    while (u.seen.size < 2 * (size_t)out->points)
        u.seen.size *= 2;
    u.seen.slot = nl_alloc(u.seen.size, sizeof *u.seen.slot);
    unfold(&u, experiment->axis);
    for (int i = 0; i < experiment->rounds.points; i++) {
        struct nl_axis *axis = axes_at(experiment, &experiment->rounds.point[i]);
        unfold(&u, axis);
        free(axis);
    }
    free(u.variant);
    free(u.seen.slot);
    if (experiment->rounds.points)
        nl_check_observed(out, experiment, diagnostics);
    sort_trials(out, experiment);
    if (diagnostics->count == before)
        nl_check_observed(out, experiment, diagnostics);
    if (out->trials == 0)
        nl_diagnose(diagnostics, &experiment->exclude[0].origin, "together its entries match every point of the grid",
                    "'sweep.exclude' leaves no trial");
    return diagnostics->count == before ? NL_OK : NL_FAIL;
}

/* Whether some trial of this normalizer stands for several points because the key at place k does not apply to it. */
static bool stands_for_all(const struct nl_grid *grid, int k, int norm)
{
    for (int i = 0; i < grid->trials; i++) {
        const struct nl_trial *trial = &grid->trial[i];
        if (trial->config.norm.kind == norm && trial->points > 1 && !trial->text[k][0])
            return true;
    }
    return false;
}

/* " (norm.stat_batch does not apply to ln, gn)", or nothing. */
static void add_reasons(const struct nl_grid *grid, struct nl_text *out)
{
    const char *open = " (", *close = "";
    for (int k = 0; k < grid->keys; k++) {
        const char *before = " to ";
        for (int norm = 0; nl_norms[norm]; norm++) {
            if (!stands_for_all(grid, k, norm))
                continue;
            if (strcmp(before, " to ") == 0)
                nl_text_add(out, "%s%s does not apply", open, grid->key[k]->name);
            nl_text_add(out, "%s%s", before, nl_norms[norm]->name);
            before = ", ";
            open = "; ";
            close = ")";
        }
    }
    nl_text_add(out, "%s", close);
}

char *nl_grid_notes(const struct nl_grid *grid)
{
    struct nl_text out = {0};
    nl_text_add(&out, "%s", "");
    if (grid->excluded)
        nl_text_add(&out, "%d of %s %s left out by sweep.exclude\n", grid->excluded,
                    NL_COUNT(grid->points, "grid point"), nl_agree(grid->excluded, "is", "are"));
    int same = grid->points - grid->excluded - grid->trials;
    if (same) {
        nl_text_add(&out, "%s %s the same run as another", NL_COUNT(same, "grid point"), nl_agree(same, "is", "are"));
        add_reasons(grid, &out);
        nl_text_add(&out, ": run once\n");
    }
    return out.at;
}

char *nl_grid_label(const struct nl_grid *grid, const struct nl_trial *trial)
{
    struct nl_text out = {0};
    for (int k = 0; k < grid->keys; k++)
        if (trial->text[k][0])
            nl_text_add(&out, "%s%s=%s", out.length ? " " : "", grid->key[k]->name, trial->text[k]);
    return out.at;
}

struct nl_planned nl_grid_planned(const struct nl_grid *grid)
{
    char *const **text = nl_alloc((size_t)grid->trials, sizeof *text);
    for (int i = 0; i < grid->trials; i++)
        text[i] = grid->trial[i].text;
    return (struct nl_planned){.keys = grid->keys, .key = grid->key, .trials = grid->trials, .text = text};
}

void nl_planned_release(struct nl_planned *planned)
{
    free((void *)planned->text);
    *planned = (struct nl_planned){0};
}

void nl_grid_release(struct nl_grid *grid)
{
    for (int i = 0; i < grid->trials; i++) {
        release_texts(grid->trial[i].text, grid->keys);
        release_texts(grid->trial[i].chosen_text, grid->chosen);
        free(grid->trial[i].identity);
    }
    free(grid->excluded_by);
    free(grid->trial);
    free(grid->by_id);
    free(grid->key);
    free(grid->chosen_key);
    *grid = (struct nl_grid){0};
}
