#include "sweep/comparable.h"

#include <stdlib.h>
#include <string.h>

/* The axis that varies key, and the key's place in it; NULL: none does. */
static const struct nl_axis *axis_of(const struct nl_experiment *experiment, const struct nl_key *key, int *column)
{
    for (int a = 0; a < experiment->axes; a++)
        for (*column = 0; *column < experiment->axis[a].keys; (*column)++)
            if (experiment->axis[a].key[*column] == key)
                return &experiment->axis[a];
    return NULL;
}

/* "0.1", or "0.1, 0.2" for an axis; new string. */
static char *values_of(const struct nl_experiment *experiment, const struct nl_key *key)
{
    int column;
    const struct nl_axis *axis = axis_of(experiment, key, &column);
    if (!axis)
        return nl_key_text(key, &experiment->config);
    struct nl_text out = {0};
    for (int i = 0; i < axis->points; i++)
        nl_text_add(&out, "%s%s", i ? ", " : "", axis->text[i][column]);
    return out.at;
}

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

/* "{norm.kind: bn, train.batch: [1, 2]}" for each rule; new string. */
static char *excluded(const struct nl_experiment *experiment)
{
    struct nl_text out = {0};
    nl_text_add(&out, "%s", experiment->excludes ? "" : "nothing");
    for (int e = 0; e < experiment->excludes; e++) {
        char *rule = nl_match_text(&experiment->exclude[e]);
        nl_text_add(&out, "%s%s", e ? "; " : "", rule);
        free(rule);
    }
    return out.at;
}

/* Frees the texts. */
static void compare(const char *what, char *a, const char *a_name, char *b, const char *b_name, struct nl_text *differences)
{
    if (strcmp(a, b) != 0)
        nl_text_add(differences, "%s: %s in '%s', %s in '%s'\n", what, a, a_name, b, b_name);
    free(a);
    free(b);
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

void nl_compare_experiments(const struct nl_experiment *a, const char *a_name, const struct nl_experiment *b, const char *b_name,
                            struct nl_text *differences)
{
    if (!same_axes(a, b))
        compare("axes", axes_text(a), a_name, axes_text(b), b_name, differences);
    for (int i = 0; i < nl_key_count; i++) {
        const struct nl_key *key = &nl_keys[i];
        if (strcmp(key->name, "train.seed") != 0 && (matters(a, key) || matters(b, key)))
            compare(key->name, values_of(a, key), a_name, values_of(b, key), b_name, differences);
    }
    compare("sweep.exclude", excluded(a), a_name, excluded(b), b_name, differences);
}
