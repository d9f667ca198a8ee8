/* What can be said of a sweep once all of it is read. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/keep.h"
#include "config/layers.h"
#include "config/published.h"
#include "config/sweep.h"
#include "config/value.h"
#include "graph/quantities.h"
#include "norm/norm.h"

/* Whether key takes the value somewhere in the sweep: on its axis, or because it is fixed to it. */
static bool occurs(const struct nl_experiment *experiment, const struct nl_key *key, const char *value)
{
    int column = 0;
    const struct nl_axis *axis = nl_axis_with(experiment->axis, experiment->axes, key, &column);
    if (!axis) {
        char *text = nl_key_value(key, &experiment->config);
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
    return nl_origin_of(experiment, key->name).kind == NL_FROM_COMMAND_LINE;
}

/* "in the sweep it is bn, ln"; new string. */
static char *occurring(const struct nl_experiment *experiment, const struct nl_key *key)
{
    enum { MOST_SHOWN = 12 };
    int column = 0;
    const struct nl_axis *axis = nl_axis_with(experiment->axis, experiment->axes, key, &column);
    struct nl_text out = {0};
    for (int a = 0; experiment->import && !axis && a < experiment->axes; a++)
        nl_text_add(&out, "%s%s", a ? ", " : "the files have these axes: ", experiment->axis[a].key[0]->name);
    if (out.length)
        return out.at;
    nl_text_add(&out, "in the sweep it is ");
    char *fixed = axis ? NULL : nl_key_value(key, &experiment->config);
    if (fixed)
        nl_text_add(&out, "%s", *fixed ? fixed : "not given");
    for (int i = 0; axis && i < axis->points && i < MOST_SHOWN; i++)
        nl_text_add(&out, "%s%s", i ? ", " : "", axis->text[i][column]);
    if (axis && axis->points > MOST_SHOWN)
        nl_text_add(&out, ", ...");
    free(fixed);
    return out.at;
}

/* The axes of the grid, and after them those that are tuned. */
static const struct nl_axis *axis_at(const struct nl_experiment *experiment, int i)
{
    return i < experiment->axes ? &experiment->axis[i] : &experiment->rounds.tune[i - experiment->axes];
}

/* A part of model.layers that an axis before has by another name. */
static void refuse_other_name(struct nl_loader *loader, const struct nl_key *key, const struct nl_origin *at)
{
    const struct nl_experiment *out = loader->out;
    for (int a = 0; a < out->axes + out->rounds.tunes; a++)
        for (int k = 0; k < axis_at(out, a)->keys; k++) {
            const struct nl_key *other = axis_at(out, a)->key[k];
            if (other == key)
                return;
            if (other->path && nl_layers_same_part(out->config.model.layers, other->path, key->path))
                nl_diagnose(loader->diagnostics, at, "call it by one name", "'%s' is '%s' by another name", key->name,
                            other->name);
        }
}

bool nl_keep_occurring(struct nl_loader *loader, struct nl_match *match, const char *what)
{
    bool possible = true;
    for (int k = 0; k < match->keys; k++) {
        struct nl_word_list *values = &match->values[k];
        bool explained = match->origin.kind != NL_FROM_COMMAND_LINE && overridden(loader->out, match->key[k]);
        int kept = 0;
        if (match->key[k]->path)
            refuse_other_name(loader, match->key[k], &match->origin);
        for (int i = 0; i < values->count; i++) {
            if (occurs(loader->out, match->key[k], values->at[i]))
                values->at[kept++] = values->at[i];
            else if (!explained) {
                char *hint = occurring(loader->out, match->key[k]);
                nl_diagnose(loader->diagnostics, &match->origin, hint,
                            "%s names '%s' = %s, which does not occur in the sweep", what, match->key[k]->name,
                            values->at[i]);
                free(hint);
            }
        }
        values->count = kept;
        possible &= kept > 0;
    }
    return possible;
}

/* Whether a method can have the name: by norm.kind ("bn", "BN"), or where normalizers do not vary by a varied key
 * ("depth 4"). */
static bool names_an_arm(const struct nl_experiment *experiment, const char *name)
{
    const struct nl_key *kind = nl_key_named("norm.kind");
    for (int i = 0; nl_norm_names[i]; i++)
        if ((!strcmp(nl_norms[i]->name, name) || !strcmp(nl_norms[i]->label, name)) &&
            occurs(experiment, kind, nl_norms[i]->name))
            return true;
    const struct nl_axis *axis = experiment->axis;
    for (int i = 0; i < experiment->axes && !nl_axis_with(experiment->axis, experiment->axes, kind, NULL); i++, axis++)
        for (int k = 0; k < axis->keys; k++) {
            const char *field = nl_key_field(axis->key[k]);
            size_t length = strlen(field);
            for (int point = 0; point < axis->points; point++) {
                const char *value = axis->text[point][k];
                if (!strncmp(name, field, length) && name[length] == ' ' &&
                    (!strcmp(name + length + 1, value) ||
                     (axis->key[k]->type == NL_TYPE_REAL &&
                      nl_double_read(name + length + 1, NULL) == nl_double_read(value, NULL))))
                    return true;
            }
        }
    return false;
}

/* As for exclude and baseline: where the command line decided which normalizers there are, names of others are void,
 * not wrong. */
static void check_order(struct nl_loader *loader)
{
    struct nl_experiment *out = loader->out;
    const struct nl_origin *at = &out->origin[nl_key_index(nl_key_named("plot.order"))];
    bool explained = at->kind != NL_FROM_COMMAND_LINE && overridden(out, nl_key_named("norm.kind"));
    char *copy = nl_strdup(out->config.plot.order), *rest = *copy ? copy : NULL, *name;
    struct nl_text kept = {0};
    while ((name = strsep(&rest, ","))) {
        name = nl_trimmed(name);
        if (names_an_arm(out, name))
            nl_text_add(&kept, "%s%s", kept.length ? ", " : "", name);
        else if (!explained)
            nl_diagnose(loader->diagnostics, at, "name normalizers that the sweep has, as in 'bn, gn, none'",
                        "'plot.order' names '%.80s', which is not a method of the sweep", name);
    }
    out->config.plot.order = nl_keep_text(kept.at ? kept.at : "");
    nl_text_release(&kept);
    free(copy);
}

/* Whether some value of the sweep has the name: a method, or what stands on an axis. */
static bool names_a_value(const struct nl_experiment *experiment, const char *name)
{
    for (int i = 0; i < experiment->axes; i++)
        for (int k = 0; k < experiment->axis[i].keys; k++)
            if (occurs(experiment, experiment->axis[i].key[k], name))
                return true;
    return names_an_arm(experiment, name);
}

/* Whether the command line decided values of any key of a trial. */
static bool anything_overridden(const struct nl_experiment *experiment)
{
    for (int i = 0; i < nl_key_count; i++)
        if (!nl_section_is_aside(nl_keys[i].section) && overridden(experiment, &nl_keys[i]))
            return true;
    return false;
}

/* plot.labels and plot.colours: what they name must be there; where the command line took it away they are void, and
 * left out. */
static void check_pairs(struct nl_loader *loader, const char *key, char **text, const char *part, const char *example)
{
    const struct nl_experiment *out = loader->out;
    const struct nl_origin *at = &out->origin[nl_key_index(nl_key_named(key))];
    bool explained = at->kind != NL_FROM_COMMAND_LINE && anything_overridden(out),
         colours = strcmp(key, "plot.colours") == 0;
    char name[64], value[96];
    unsigned ignored;
    struct nl_text kept = {0};
    for (int i = 0; nl_pair_at(*text, i, name, value); i++) {
        if (!*name || !*value || (colours && !nl_colour_read(value, &ignored)))
            nl_diagnose(loader->diagnostics, at, example,
                        "'%s' must be pairs of a value and its %s, with commas between", key, part);
        else if (names_a_value(out, name))
            nl_text_add(&kept, "%s%s=%s", kept.length ? ", " : "", name, value);
        else if (!explained)
            nl_diagnose(loader->diagnostics, at, "name a value of the sweep, as in 'bn'",
                        "'%s' names '%s', which does not occur in the sweep", key, name);
    }
    *text = nl_keep_text(kept.at ? kept.at : "");
    nl_text_release(&kept);
}

static bool is_metric(const char *text)
{
    for (int i = 0; nl_metric_names[i]; i++) {
        size_t length = strlen(nl_metric_names[i]);
        if (strncmp(text, nl_metric_names[i], length) != 0)
            continue;
        for (int k = 0; text[length] == '_' && nl_eval_names[k]; k++)
            if (strcmp(text + length + 1, nl_eval_names[k]) == 0)
                return true;
        if (!text[length])
            return true;
    }
    return false;
}

static bool is_word(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

enum { METRICS = 1, QUANTITIES = 2 }; /* that may be an axis, too */

/* What says an axis of a picture is one of `words`, or a key that the sweep varies. Where the command line gave that
 * key one value, it is auto. */
static void check_picture_axis(struct nl_loader *loader, const char *name, char **text, const char *const *words,
                               unsigned also)
{
    struct nl_experiment *out = loader->out;
    const struct nl_origin *at = &out->origin[nl_key_index(nl_key_named(name))];
    const struct nl_key *key = nl_key_of(*text);
    if (is_word(*text, words) || (also & METRICS && is_metric(*text)) ||
        (also & QUANTITIES && is_word(*text, nl_quantity_names)) ||
        (key && nl_axis_with(out->axis, out->axes, key, NULL)))
        return;
    if (key && at->kind != NL_FROM_COMMAND_LINE && overridden(out, key)) {
        *text = nl_keep_text("auto");
        return;
    }
    struct nl_text hint = {0};
    nl_text_add(&hint, "it is ");
    for (; *words; words++)
        nl_text_add(&hint, "%s, ", *words);
    nl_text_add(&hint, "%s%sor a key that the sweep varies:", also & METRICS ? "a metric as trials.csv calls it, " : "",
                also & QUANTITIES ? "a quantity of metrics.csv " : "");
    int listed = 0;
    for (int i = 0; i < out->axes; i++)
        for (int k = 0; k < out->axis[i].keys; k++)
            nl_text_add(&hint, "%s %s", listed++ ? "," : "", out->axis[i].key[k]->name);
    nl_text_add(&hint, "%s", listed ? "" : " there is none");
    nl_diagnose(loader->diagnostics, at, hint.at, "'%s' is '%.80s', which %s", name, *text,
                key ? "the sweep does not vary" : "is not a possible axis");
    nl_text_release(&hint);
}

static void check_pictures(struct nl_loader *loader)
{
    static const char *const across[] = {"auto", "step", "epoch", "samples", "seconds", "parameters", "flops", NULL};
    struct nl_config *config = &loader->out->config;
    check_picture_axis(loader, "plot.x", &config->plot.x, across, METRICS);
    check_picture_axis(loader, "plot.y", &config->plot.y, (const char *const[]){"auto", NULL}, METRICS | QUANTITIES);
    check_picture_axis(loader, "plot.colour", &config->plot.colour, (const char *const[]){"auto", NULL}, QUANTITIES);
    check_picture_axis(loader, "plot.facet", &config->plot.facet, (const char *const[]){"auto", "each", "none", NULL},
                       0);
    check_pairs(loader, "plot.labels", &config->plot.labels, "name", "as in 'bn=Batch norm, none=No normalizer'");
    check_pairs(loader, "plot.colours", &config->plot.colours, "colour", "as in 'bn=#D55E00, gn=#009E73'");
}

/* Cells of a claim that an override made void are void: who runs the claim asks for them. */
static void check_claim(struct nl_loader *loader)
{
    const struct nl_published *published = loader->out->published;
    for (int i = 0; published && i < published->parts; i++)
        for (int side = 0; side < published->part[i].sides; side++)
            nl_keep_occurring(loader, &published->part[i].cell[side], "a claim");
    if (published && published->hinge && !loader->replacement)
        nl_keep_occurring(loader, &published->hinge->hinge.place, "a hinge");
}

/* Who asks for the updates to a target. */
static void check_target(struct nl_loader *loader, const char *who, const struct nl_origin *at)
{
    if (loader->out->config.plot.target == NL_AUTO)
        nl_diagnose(loader->diagnostics, at,
                    "plot.target: 90 with plot.metric: test_accuracy asks for the updates to 90 %",
                    "%s needs 'plot.target'", who);
    if (loader->out->config.plot.metric >= NL_TEST_ERROR_AREA)
        nl_diagnose(loader->diagnostics, at, "an error, an accuracy or a loss",
                    "%s needs a 'plot.metric' that is evaluated on the way, not %s", who,
                    nl_metric_names[loader->out->config.plot.metric]);
}

/* An axis, or a list of values to choose from, over a part of model.layers. */
static void check_part(struct nl_loader *loader, const struct nl_axis *axis, int column)
{
    const struct nl_experiment *out = loader->out;
    const struct nl_key *key = axis->key[column], *whole = nl_key_named("model.layers");
    bool varies = nl_axis_with(out->axis, out->axes, whole, NULL) ||
                  nl_axis_with(out->rounds.tune, out->rounds.tunes, whole, NULL);
    if (varies)
        nl_diagnose(loader->diagnostics, &axis->origin, "write the values of the part into the lists",
                    "'%s' is a part of 'model.layers', which varies as a whole", key->name);
    for (int point = 0; !varies && point < axis->points; point++)
        if (!nl_layers_change(out->config.model.layers, key->path, &axis->origin, axis->text[point][column],
                              &axis->origin, loader->diagnostics))
            return;
}

/* Parts of model.layers: the list has them, with all of their values, and no two axes vary the same one. */
static void check_parts(struct nl_loader *loader)
{
    const struct nl_experiment *out = loader->out;
    for (int a = 0; a < out->axes + out->rounds.tunes; a++) {
        const struct nl_axis *axis = axis_at(out, a);
        for (int k = 0; k < axis->keys; k++)
            if (axis->key[k]->path) {
                check_part(loader, axis, k);
                refuse_other_name(loader, axis->key[k], &axis->origin);
            }
    }
}

/* Axes that are no keys of a configuration need an import, where their values come from. */
static void refuse_own_keys(struct nl_loader *loader)
{
    const struct nl_experiment *out = loader->out;
    for (int a = 0; !out->import && a < out->axes; a++)
        for (int k = 0; k < out->axis[a].keys; k++)
            if (out->axis[a].key[k]->own)
                nl_diagnose(loader->diagnostics, &out->axis[a].origin, "normlab import --help",
                            "'%s' is an axis of imported results: nothing can be trained by it",
                            out->axis[a].key[k]->name);
}

void nl_check_sweep(struct nl_loader *loader)
{
    struct nl_experiment *out = loader->out;
    int kept = 0;
    refuse_own_keys(loader);
    if (out->import && !out->axes) /* which are known when the files have been read */
        return;
    check_parts(loader);
    for (int i = 0; i < out->excludes; i++)
        if (nl_keep_occurring(loader, &out->exclude[i], "exclude"))
            out->exclude[kept++] = out->exclude[i];
    out->excludes = kept;
    if (out->has_baseline)
        out->has_baseline = nl_keep_occurring(loader, &out->baseline, "baseline");
    check_order(loader);
    nl_check_rounds(loader);
    if (nl_question_asks(nl_question_of(out), NL_ASKS_TARGET)) {
        char *who = nl_format("'sweep.question' %s", nl_question_names[nl_question_of(out)]);
        check_target(loader, who, &out->question_origin);
        free(who);
    }
    if (nl_question_asks(out->question, NL_ASKS_OBSERVED) && !nl_config_observes(&out->config))
        nl_diagnose(loader->diagnostics, &out->question_origin,
                    "log.layers: [gradients] observes the gradient of each weight",
                    "'sweep.question' %s needs 'log.layers' or 'log.tensors'", nl_question_names[nl_question_of(out)]);
    struct nl_origin kind = nl_origin_of(out, "plot.kind");
    for (int i = 0; i < out->config.plot.kind.count; i++)
        if (out->config.plot.kind.at[i] == NL_PLOT_STEPS)
            check_target(loader, "'plot.kind' steps", &kind);
    check_pictures(loader);
    check_claim(loader);

    const struct nl_key *seed = nl_key_named("train.seed");
    if ((double)out->config.train.seed + out->seeds - 1 > seed->high)
        nl_diagnose(loader->diagnostics, &out->seeds_origin, NULL, "'sweep.seeds' goes past the largest seed, %.0f",
                    seed->high);
}
