/* What was written, and not what it may be meant to be: keys that somebody set and that no trial reads (model.heads of
 * a perceptron, say), and values with another plausible meaning. */
#include <stdlib.h>
#include <string.h>

#include "sweep/lint_context.h"

/* A file is meant as it stands; with overrides it is a base, most of whose keys an override may well leave without
 * effect. */
static bool has_overrides(const struct nl_experiment *experiment)
{
    for (int i = 0; i < nl_key_count; i++)
        if (nl_origin_of(experiment, nl_keys[i].name).kind == NL_FROM_COMMAND_LINE)
            return true;
    return false;
}

bool nl_lint_sets_all(const struct nl_experiment *experiment)
{
    bool all = true;
    for (const struct nl_key *key = nl_keys; key < nl_keys + nl_key_count; key++)
        all &= strcmp(key->section, "train") != 0 || nl_origin_of(experiment, key->name).kind == NL_FROM_FILE;
    return all;
}

static bool is_read_somewhere(const struct nl_key *key, const struct nl_grid *grid)
{
    for (int i = 0; i < grid->trials; i++)
        if (nl_key_is_read(key, &grid->trial[i].config))
            return true;
    return !strcmp(key->section, "device");
}

static void say_doubts(const struct nl_axis *axis, struct nl_diagnostics *warnings)
{
    for (int k = 0; k < axis->keys; k++)
        if (axis->doubt[k])
            nl_diagnose(warnings, &axis->doubt[k]->at, axis->doubt[k]->remedy, "warning: %s", axis->doubt[k]->what);
}

void nl_lint_doubts(const struct nl_experiment *experiment, struct nl_diagnostics *warnings)
{
    for (int a = 0; a < experiment->axes; a++)
        say_doubts(&experiment->axis[a], warnings);
    for (int t = 0; t < experiment->rounds.tunes; t++)
        say_doubts(&experiment->rounds.tune[t], warnings);
}

void nl_lint_idle_keys(const struct nl_experiment *experiment, const struct nl_grid *grid,
                       struct nl_diagnostics *warnings)
{
    bool overridden = has_overrides(experiment), shown = nl_lint_sets_all(experiment);
    for (int i = 0; i < nl_key_count; i++) {
        const struct nl_key *key = &nl_keys[i];
        struct nl_origin at = nl_origin_of(experiment, key->name);
        bool in_file = at.kind == NL_FROM_FILE && strcmp(at.file, experiment->path) == 0; /* and in none of its bases */
        bool meant = at.kind == NL_FROM_COMMAND_LINE || (in_file && !overridden && !shown);
        if (!meant || nl_key_is_default(key, &experiment->config) ||
            is_read_somewhere(key, grid)) /* a default asks for nothing: an override may take back what a file says */
            continue;
        char *hint = nl_format("normlab keys %s says where it applies", key->name);
        nl_diagnose(warnings, &at, hint, "warning: %s has no effect: it does not apply to %s", key->name,
                    grid->trials == 1 ? "this trial" : "any of these trials");
        free(hint);
    }
}
