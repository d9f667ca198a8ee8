/* What can be said of a sweep once all of it is read. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/keep.h"
#include "config/published.h"
#include "config/sweep.h"
#include "config/value.h"
#include "norm/norm.h"

/* Whether key takes the value somewhere in the sweep: on its axis, or because it is fixed to it. */
static bool occurs(const struct nl_experiment *experiment, const struct nl_key *key, const char *value)
{
    int column = 0;
    const struct nl_axis *axis = nl_axis_with(experiment->axis, experiment->axes, key, &column);
    if (!axis) {
        char *text = nl_value_text(key, &experiment->config);
        bool same = !strcmp(text, value);
        free(text);
        return same;
    }
    for (int i = 0; i < axis->points; i++)
        if (!strcmp(axis->text[i][column], value))
            return true;
    return false;
}

/* Whether the command line decided the key's values: then what files say about other values is void, not wrong. */
static bool overridden(const struct nl_experiment *experiment, const struct nl_key *key)
{
    const struct nl_axis *axis = nl_axis_with(experiment->axis, experiment->axes, key, NULL);
    const struct nl_origin *origin = axis ? &axis->origin : &experiment->origin[nl_key_index(key)];
    return origin->kind == NL_FROM_COMMAND_LINE;
}

/* "in the sweep it is bn, ln"; new string. */
static char *occurring(const struct nl_experiment *experiment, const struct nl_key *key)
{
    enum { MOST_SHOWN = 12 };
    int column = 0;
    const struct nl_axis *axis = nl_axis_with(experiment->axis, experiment->axes, key, &column);
    struct nl_text out = {0};
    nl_text_add(&out, "in the sweep it is ");
    char *fixed = axis ? NULL : nl_value_text(key, &experiment->config);
    if (fixed)
        nl_text_add(&out, "%s", fixed);
    for (int i = 0; axis && i < axis->points && i < MOST_SHOWN; i++)
        nl_text_add(&out, "%s%s", i ? ", " : "", axis->text[i][column]);
    if (axis && axis->points > MOST_SHOWN)
        nl_text_add(&out, ", ...");
    free(fixed);
    return out.at;
}

bool nl_keep_occurring(struct nl_loader *loader, struct nl_match *match, const char *what)
{
    bool possible = true;
    for (int k = 0; k < match->keys; k++) {
        struct nl_word_list *values = &match->values[k];
        bool explained = match->origin.kind != NL_FROM_COMMAND_LINE && overridden(loader->out, match->key[k]);
        int kept = 0;
        for (int i = 0; i < values->count; i++) {
            if (occurs(loader->out, match->key[k], values->at[i]))
                values->at[kept++] = values->at[i];
            else if (!explained) {
                char *hint = occurring(loader->out, match->key[k]);
                nl_diagnose(loader->diagnostics, &match->origin, hint, "%s names '%s' = %s, which does not occur in the sweep", what,
                            match->key[k]->name, values->at[i]);
                free(hint);
            }
        }
        values->count = kept;
        possible &= kept > 0;
    }
    return possible;
}

/* Whether a method can have the name: by norm.kind ("bn", "BN"), or where normalizers do not vary by a varied key ("depth 4"). */
static bool names_an_arm(const struct nl_experiment *experiment, const char *name)
{
    const struct nl_key *kind = nl_key_find("norm.kind");
    for (int i = 0; nl_norm_names[i]; i++)
        if ((!strcmp(nl_norms[i]->name, name) || !strcmp(nl_norms[i]->label, name)) && occurs(experiment, kind, nl_norms[i]->name))
            return true;
    const struct nl_axis *axis = experiment->axis;
    for (int i = 0; i < experiment->axes && !nl_axis_with(experiment->axis, experiment->axes, kind, NULL); i++, axis++)
        for (int k = 0; k < axis->keys; k++) {
            const char *field = strchr(axis->key[k]->name, '.') + 1;
            size_t length = strlen(field);
            for (int point = 0; point < axis->points; point++) {
                const char *value = axis->text[point][k];
                if (!strncmp(name, field, length) && name[length] == ' ' &&
                    (!strcmp(name + length + 1, value) ||
                     (axis->key[k]->type == NL_TYPE_REAL && nl_double_read(name + length + 1, NULL) == nl_double_read(value, NULL))))
                    return true;
            }
        }
    return false;
}

/* As for exclude and baseline: where the command line decided which normalizers there are, names of others are void, not wrong. */
static void check_order(struct nl_loader *loader)
{
    struct nl_experiment *out = loader->out;
    const struct nl_origin *at = &out->origin[nl_key_index(nl_key_find("plot.order"))];
    bool explained = at->kind != NL_FROM_COMMAND_LINE && overridden(out, nl_key_find("norm.kind"));
    char *copy = nl_strdup(out->config.plot.order), *rest = *copy ? copy : NULL, *name;
    struct nl_text kept = {0};
    while ((name = strsep(&rest, ","))) {
        name = nl_trimmed(name);
        if (names_an_arm(out, name))
            nl_text_add(&kept, "%s%s", kept.length ? ", " : "", name);
        else if (!explained)
            nl_diagnose(loader->diagnostics, at, "name normalizers that the sweep has, as in 'bn, gn, none'",
                        "'plot.order' names '%.80s', which is no method of the sweep", name);
    }
    out->config.plot.order = nl_keep_text(kept.at ? kept.at : "");
    nl_text_release(&kept);
    free(copy);
}

/* Cells of a claim that an override made void are void: who runs the claim asks for them. */
static void check_claim(struct nl_loader *loader)
{
    const struct nl_published *published = loader->out->published;
    for (int i = 0; published && i < published->parts; i++)
        for (int side = 0; side < published->part[i].sides; side++)
            nl_keep_occurring(loader, &published->part[i].cell[side], "a claim");
}

void nl_check_sweep(struct nl_loader *loader)
{
    struct nl_experiment *out = loader->out;
    int kept = 0;
    for (int i = 0; i < out->excludes; i++)
        if (nl_keep_occurring(loader, &out->exclude[i], "exclude"))
            out->exclude[kept++] = out->exclude[i];
    out->excludes = kept;
    if (out->has_baseline)
        out->has_baseline = nl_keep_occurring(loader, &out->baseline, "baseline");
    check_order(loader);
    nl_check_rounds(loader);
    check_claim(loader);

    const struct nl_key *seed = nl_key_find("train.seed");
    if ((double)out->config.train.seed + out->seeds - 1 > seed->high)
        nl_diagnose(loader->diagnostics, &out->seeds_origin, NULL, "'sweep.seeds' goes past the largest seed, %.0f", seed->high);
}
