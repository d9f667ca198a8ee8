/* Compares two experiments by the keys that decide what their trials compute. */
#include "sweep/comparable.h"

#include <stdlib.h>
#include <string.h>

#include "config/diff.h"

/* Whether the key matters to some point of the experiment, as far as any single axis decides. */
static bool matters(const struct nl_experiment *experiment, const struct nl_key *key)
{
    if (nl_key_applies(key, &experiment->config))
        return true;
    for (int a = 0; a < experiment->axes; a++)
        for (int i = 0; i < experiment->axis[a].points; i++) {
            struct nl_config config = experiment->config;
            for (int k = 0; k < experiment->axis[a].keys; k++)
                nl_key_set(experiment->axis[a].key[k], &config, experiment->axis[a].text[i][k], NULL);
            if (nl_key_applies(key, &config))
                return true;
        }
    return false;
}

/* The order of axes and of their points is that of the trials' numbers. */
static bool same_axes(const struct nl_experiment *a, const struct nl_experiment *b)
{
    if (a->axes != b->axes)
        return false;
    for (int i = 0; i < a->axes; i++) {
        if (a->axis[i].keys != b->axis[i].keys)
            return false;
        for (int k = 0; k < a->axis[i].keys; k++)
            if (a->axis[i].key[k] != b->axis[i].key[k])
                return false;
    }
    return true;
}

static char *axes_text(const struct nl_experiment *experiment)
{
    struct nl_text out = {0};
    nl_text_add(&out, "%s", experiment->axes ? "" : "none");
    for (int a = 0; a < experiment->axes; a++)
        for (int k = 0; k < experiment->axis[a].keys; k++)
            nl_text_add(&out, "%s%s", k ? " with " : a ? ", " : "", experiment->axis[a].key[k]->name);
    return out.at;
}

/* Points may have been added since: whoever pools the folders sees whether each trial has its place in the whole. Seeds
 * may differ. The baseline and plots are about what is made of the results. Other keys count where they matter. */
static bool decides(const char *name, const struct nl_experiment *a, const struct nl_experiment *b)
{
    const struct nl_key *key = nl_key_of(name);
    if (!key)
        return strcmp(name, "sweep.exclude") == 0 || strcmp(name, "sweep.chosen") == 0;
    return strcmp(name, "train.seed") != 0 && (matters(a, key) || matters(b, key));
}

void nl_compare_experiments(const struct nl_experiment *a, const char *a_name, const struct nl_experiment *b,
                            const char *b_name, struct nl_text *differences)
{
    if (!same_axes(a, b)) {
        char *a_axes = axes_text(a), *b_axes = axes_text(b);
        nl_text_add(differences, "axes: %s in '%s', %s in '%s'\n", a_axes, a_name, b_axes, b_name);
        free(a_axes);
        free(b_axes);
    }
    struct nl_differences all = {0};
    nl_experiment_diff(a, b, &all);
    for (int i = 0; i < all.count; i++) {
        const struct nl_difference *difference = &all.at[i];
        const char *value_a = difference->value[0], *value_b = difference->value[1];
        if (decides(difference->name, a, b))
            nl_text_add(differences, "%s: %s in '%s', %s in '%s'\n", difference->name, value_a ? value_a : "nothing",
                        a_name, value_b ? value_b : "nothing", b_name);
    }
    nl_differences_release(&all);
}
