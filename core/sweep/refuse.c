/* Nothing that was trained disappears from view unasked: whether a results folder may show a new grid. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "config/diff.h"
#include "sweep/store.h"

enum { MOST_LINES = 4, LONGEST = 60 }; /* of what differs; characters of a value */

/* What the folder shows. */
struct shown {
    const char *folder;
    struct nl_experiment experiment;
    struct nl_provenance made;
    struct nl_grid grid;
    bool other_version;      /* made it than this one */
    struct nl_error unknown; /* why its trials cannot be named, or some of them may be named otherwise; "" */
};

/* Damaged, or could not be run: there is no result to lose. In what cannot be read there may be one. */
static bool is_trained(const struct nl_store *store, const struct nl_trial *trial)
{
    struct nl_record record;
    bool trained = nl_store_load(store, trial, &record, NULL) == NL_FAIL || (record.present && !record.failed);
    nl_record_release(&record);
    return trained;
}

/* Trials that the folder shows and the new grid does not have; *absent: those without a result. */
static int count_hidden(const struct shown *shown, const struct nl_grid *new, int *absent)
{
    const struct nl_store store = nl_store_at(shown->folder);
    int hidden = 0;
    *absent = 0;
    for (int i = 0; i < shown->grid.trials; i++) {
        bool stays = nl_grid_find(new, shown->grid.trial[i].id) != NULL;
        if (stays && !shown->other_version)
            continue;
        bool trained = is_trained(&store, &shown->grid.trial[i]);
        hidden += trained && !stays;
        *absent += !trained;
    }
    return hidden;
}

/* Trials in the folder that neither grid has; -1: the folder cannot be read. */
static int count_strangers(const struct shown *shown, const struct nl_grid *new, struct nl_error *err)
{
    const struct nl_store store = nl_store_at(shown->folder);
    struct nl_leftovers leftovers;
    int strangers = nl_store_leftovers(&store, &shown->grid, &leftovers, err) ? -1 : 0;
    for (int i = 0; i < leftovers.count && strangers >= 0; i++) {
        char id[NL_TRIAL_ID];
        const char *path = leftovers.at[i].path, *name = strrchr(path, '/') + 1, *ending = strrchr(name, '.');
        snprintf(id, sizeof id, "%s", name);
        strangers += strcmp(leftovers.at[i].why, "not in the grid") == 0 && strcmp(ending, ".trial") == 0 &&
                     !nl_grid_find(new, id);
    }
    nl_leftovers_release(&leftovers);
    return strangers;
}

/* Where nobody can tell which trials the folder shows, each that is there may be one. Another version of the program
 * may have named them otherwise (it did not know a key, say): then those that seem to be missing may be among those
 * that neither grid has. -1: the folder cannot be read. */
static int count_lost(struct shown *shown, const struct nl_grid *grid, struct nl_error *err)
{
    int absent = 0, hidden = 0, strangers = 0;
    if (!*shown->unknown.text)
        hidden = count_hidden(shown, grid, &absent);
    if (*shown->unknown.text || (shown->other_version && absent))
        strangers = count_strangers(shown, grid, err);
    if (!*shown->unknown.text && strangers > 0) {
        strangers = strangers < absent ? strangers : absent;
        nl_fail(&shown->unknown,
                "'%s' was made by another version of normlab (%s, %s; here %s, %s), which may have named its trials "
                "otherwise",
                shown->folder, nl_provenance_get(&shown->made, "version"), nl_provenance_get(&shown->made, "commit"),
                NORMLAB_VERSION, nl_commit());
    }
    return strangers < 0 ? -1 : hidden + strangers;
}

static bool applies_in(const struct nl_grid *grid, const struct nl_key *key)
{
    for (int i = 0; i < grid->trials; i++)
        if (nl_key_applies(key, &grid->trial[i].config))
            return true;
    return false;
}

/* Whether trials may be others because of it: no plots, no baseline, no key that matters to no trial. */
static bool decides(const char *name, const struct nl_grid *a, const struct nl_grid *b)
{
    const struct nl_key *key = nl_key_of(name);
    if (!key)
        return strcmp(name, "sweep.exclude") == 0 || strcmp(name, "sweep.seeds") == 0 ||
               strcmp(name, "sweep.points") == 0 || strcmp(name, "sweep.chosen") == 0;
    return applies_in(a, key) || applies_in(b, key);
}

/* Characters that two lists of values begin with in common, up to the last whole value. */
static size_t common_values(const char *a, const char *b)
{
    size_t values = 0;
    for (size_t i = 0; a[i] && a[i] == b[i]; i++)
        if (a[i] == ' ' && i > 0 && a[i - 1] == ',')
            values = i + 1;
    return values;
}

/* A value, cut short; the first `known` characters of a list are left out. */
static void add_value(struct nl_text *out, const char *value, size_t known)
{
    size_t length = 0;
    nl_text_add(out, "%s", known ? "..., " : "");
    value += known;
    for (int i = 0; i < LONGEST && value[length]; i++)
        length += nl_character_bytes(value + length);
    nl_text_add_bytes(out, value, length);
    nl_text_add(out, "%s", value[length] ? "..." : "");
}

static void add_difference(struct nl_text *out, const struct nl_difference *difference)
{
    const char *a = difference->value[0] ? difference->value[0] : "nothing",
               *b = difference->value[1] ? difference->value[1] : "nothing";
    size_t known = strlen(a) > LONGEST || strlen(b) > LONGEST ? common_values(a, b) : 0;
    nl_text_add(out, "%s: ", difference->name);
    add_value(out, a, known);
    nl_text_add(out, " -> ");
    add_value(out, b, known);
    nl_text_add(out, "\n");
}

static void explain(const struct shown *shown, const struct nl_showing *showing, struct nl_text *why)
{
    struct nl_differences all = {0};
    struct nl_error misfit = {0};
    bool other_numerics = strtol(nl_provenance_get(&shown->made, "numerics"), NULL, 10) != NL_NUMERICS_VERSION;
    int lines = 0;
    nl_experiment_diff(&shown->experiment, showing->experiment, &all);
    for (int i = 0; i < all.count; i++)
        if (decides(all.at[i].name, &shown->grid, showing->grid) && ++lines <= MOST_LINES)
            add_difference(why, &all.at[i]);
    nl_differences_release(&all);
    if (lines > MOST_LINES)
        nl_text_add(why, "and %d more\n", lines - MOST_LINES);
    if (*shown->unknown.text)
        nl_text_add(why, "%s\n", shown->unknown.text);
    else if ((!lines || other_numerics) && nl_provenance_check(&shown->made, showing->datasets, shown->folder, &misfit))
        nl_text_add(why, "%s\n", misfit.text); /* that other settings have other data goes without saying */
}

static int refuse_axes(const struct shown *shown, const struct nl_showing *showing, struct nl_error *err)
{
    char *old = nl_grid_axes(&shown->experiment), *new = nl_grid_axes(showing->experiment);
    int status = NL_OK;
    if (strcmp(old, new) != 0)
        status = nl_fail(err, "'%s' holds the results of another experiment (its axes: %s; here: %s)", shown->folder,
                         old, new);
    free(old);
    free(new);
    return status;
}

int nl_store_refuse(const char *folder, const struct nl_showing *showing, struct nl_hidden *hidden,
                    struct nl_error *err)
{
    struct shown shown = {.folder = folder};
    struct nl_error unknown;
    *hidden = (struct nl_hidden){0};
    if (!nl_store_exists(folder))
        return NL_OK;
    if (nl_store_read(folder, &shown.experiment, &shown.made, &unknown))
        return nl_fail(
            err,
            "%s; choose another --out, or rename '%s/experiment.yaml': the command that made it finds its trials again",
            unknown.text, folder);
    if (shown.experiment.import)
        return nl_fail(err, "'%s' holds runs that were imported from another program; choose another --out", folder);
    shown.other_version = strcmp(nl_provenance_get(&shown.made, "version"), NORMLAB_VERSION) != 0 ||
                          strcmp(nl_provenance_get(&shown.made, "commit"), nl_commit()) != 0;
    if (nl_store_grid(folder, &shown.experiment, &shown.grid, &shown.unknown) == NL_OK)
        nl_grid_recognize(&shown.grid, &shown.made, &shown.unknown);
    int lost = count_lost(&shown, showing->grid, err);
    if (lost < 0) {
        nl_grid_release(&shown.grid);
        return NL_FAIL;
    }
    hidden->trials = lost;
    int status = showing->replace ? NL_OK : refuse_axes(&shown, showing, err);
    if (hidden->trials)
        explain(&shown, showing, &hidden->why);
    if (status == NL_OK && hidden->trials && !showing->replace)
        status = nl_fail(err, "%s would disappear from the tables of '%s'", NL_COUNT(hidden->trials, "trained trial"),
                         folder);
    hidden->may_replace = status != NL_OK;
    nl_grid_release(&shown.grid);
    return status;
}

void nl_hidden_release(struct nl_hidden *hidden)
{
    nl_text_release(&hidden->why);
    *hidden = (struct nl_hidden){0};
}
