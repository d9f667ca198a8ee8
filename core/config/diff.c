/* Compares two experiments key by key, then axes, excluded points and rounds. */
#include "config/diff.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/sweep.h"
#include "config/value.h"

void nl_differences_add(struct nl_differences *out, const char *name, char *a, const struct nl_origin *at_a, char *b,
                        const struct nl_origin *at_b)
{
    if ((!a && !b) || (a && b && strcmp(a, b) == 0)) {
        free(a);
        free(b);
        return;
    }
    NL_GROW(out->at, out->count, out->capacity);
    struct nl_difference *difference = &out->at[out->count++];
    *difference = (struct nl_difference){.name = nl_strdup(name), .value = {a, b}};
    difference->origin[0] = a && at_a ? *at_a : (struct nl_origin){0};
    difference->origin[1] = b && at_b ? *at_b : (struct nl_origin){0};
}

/* "bn, gn": an axis; "64, 2, with train.lr": coupled in a zip. Else the one value. */
static char *value_of(const struct nl_experiment *experiment, const struct nl_key *key)
{
    int column;
    const struct nl_axis *axis = nl_axis_with(experiment->axis, experiment->axes, key, &column);
    if (!axis)
        return nl_key_text(key, &experiment->config);
    struct nl_text out = {0};
    for (int point = 0; point < axis->points; point++) {
        char *value = nl_value_yaml(key, axis->text[point][column], NL_SHOWN);
        nl_text_add(&out, "%s%s", point ? ", " : "", value);
        free(value);
    }
    for (int other = 0; other < axis->keys; other++)
        if (other != column)
            nl_text_add(&out, ", with %s", axis->key[other]->name);
    return out.at;
}

/* "{norm.kind: bn, train.batch: [1, 2]}" */
static void add_match(struct nl_text *out, const struct nl_match *match)
{
    char *text = nl_match_text(match);
    nl_text_add(out, "{%s}", text);
    free(text);
}

static char *excludes_of(const struct nl_experiment *experiment)
{
    struct nl_text out = {0};
    for (int i = 0; i < experiment->excludes; i++) {
        nl_text_add(&out, i ? ", " : "");
        add_match(&out, &experiment->exclude[i]);
    }
    return out.at;
}

static char *baseline_of(const struct nl_experiment *experiment)
{
    struct nl_text out = {0};
    if (experiment->has_baseline)
        add_match(&out, &experiment->baseline);
    return out.at;
}

static void add_key(struct nl_differences *out, const struct nl_experiment *a, const struct nl_experiment *b,
                    const struct nl_key *key)
{
    struct nl_origin at_a = nl_origin_of(a, key->name), at_b = nl_origin_of(b, key->name);
    nl_differences_add(out, key->name, value_of(a, key), &at_a, value_of(b, key), &at_b);
}

/* Parts of model.layers that vary in `of`, and not in `not_in`. */
static void add_parts(struct nl_differences *out, const struct nl_experiment *a, const struct nl_experiment *b,
                      const struct nl_experiment *of, const struct nl_experiment *not_in)
{
    for (int i = 0; i < of->axes; i++)
        for (int k = 0; k < of->axis[i].keys; k++)
            if (of->axis[i].key[k]->path &&
                !(not_in && nl_axis_with(not_in->axis, not_in->axes, of->axis[i].key[k], NULL)))
                add_key(out, a, b, of->axis[i].key[k]);
}

void nl_experiment_diff(const struct nl_experiment *a, const struct nl_experiment *b, struct nl_differences *out)
{
    for (int i = 0; i < nl_key_count; i++)
        add_key(out, a, b, &nl_keys[i]);
    add_parts(out, a, b, a, NULL);
    add_parts(out, a, b, b, a);
    nl_differences_add(out, "sweep.exclude", excludes_of(a), a->excludes ? &a->exclude[0].origin : NULL, excludes_of(b),
                       b->excludes ? &b->exclude[0].origin : NULL);
    nl_differences_add(out, "sweep.seeds", nl_format("%d", a->seeds), &a->seeds_origin, nl_format("%d", b->seeds),
                       &b->seeds_origin);
    nl_differences_add(out, "sweep.question", nl_strdup(nl_question_names[a->question]), &a->question_origin,
                       nl_strdup(nl_question_names[b->question]), &b->question_origin);
    nl_differences_add(out, "sweep.baseline", baseline_of(a), &a->baseline.origin, baseline_of(b), &b->baseline.origin);
    struct nl_round_field of_a[NL_ROUND_FIELDS], of_b[NL_ROUND_FIELDS];
    nl_rounds_fields(&a->rounds, false, NL_SHOWN, of_a);
    nl_rounds_fields(&b->rounds, false, NL_SHOWN, of_b);
    for (int i = 0; i < NL_ROUND_FIELDS; i++) {
        char *name = nl_format("sweep.%s", of_a[i].name);
        nl_differences_add(out, name, of_a[i].value, of_a[i].origin, of_b[i].value, of_b[i].origin);
        free(name);
    }
}

static void add_made(struct nl_differences *out, const char *name, const struct nl_node *a, const struct nl_node *b)
{
    if (strcmp(name, "date") == 0 || strcmp(name, "command") == 0 || strncmp(name, "taken_", strlen("taken_")) == 0)
        return;
    char *full = nl_format("made.%s", name);
    nl_differences_add(out, full, a && a->kind == NL_SCALAR ? nl_strdup(a->text) : NULL, a ? &a->at : NULL,
                       b && b->kind == NL_SCALAR ? nl_strdup(b->text) : NULL, b ? &b->at : NULL);
    free(full);
}

void nl_made_diff(const char *path_a, const char *path_b, struct nl_differences *out,
                  struct nl_diagnostics *diagnostics)
{
    struct nl_node *a = NULL, *b = NULL;
    if (nl_yaml_read(path_a, NULL, &a, diagnostics) || nl_yaml_read(path_b, NULL, &b, diagnostics))
        return;
    const struct nl_node *made_a = nl_yaml_entry(a, "made"), *made_b = nl_yaml_entry(b, "made");
    for (int i = 0; made_a && made_a->kind == NL_MAPPING && i < made_a->count; i++) {
        const char *name = made_a->item[2 * i]->text;
        if (name)
            add_made(out, name, made_a->item[2 * i + 1], nl_yaml_entry(made_b, name));
    }
    for (int i = 0; made_b && made_b->kind == NL_MAPPING && i < made_b->count; i++) {
        const char *name = made_b->item[2 * i]->text;
        if (name && !nl_yaml_entry(made_a, name))
            add_made(out, name, NULL, made_b->item[2 * i + 1]);
    }
}

void nl_differences_release(struct nl_differences *differences)
{
    for (int i = 0; i < differences->count; i++) {
        free(differences->at[i].name);
        free(differences->at[i].value[0]);
        free(differences->at[i].value[1]);
    }
    free(differences->at);
    *differences = (struct nl_differences){0};
}
