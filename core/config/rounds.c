/* What of a sweep is decided by its own earlier results: tune, refine, until, and what was decided: chosen, same,
 * points. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "config/keep.h"
#include "config/search.h"
#include "config/sweep.h"
#include "config/value.h"

enum { TUNE_SEEDS = 3 };

/* What names the metric in sweep.tune. It was 'on', which YAML 1.1 takes for true: that is still read, and stands in
 * protocols. */
static const char *const metric_words[] = {[NL_SHOWN] = "by", [NL_RECORDED] = "on"};
static const char *const tune_metrics[] = {"val_loss", "val_error", "val_accuracy", NULL};
static const char steps_word[] = "steps"; /* to plot.target */

/* ---- reading ---- */

static bool is_scalar(struct nl_loader *loader, const struct nl_node *value, const char *what)
{
    if (value->kind == NL_SCALAR && !value->blank)
        return true;
    nl_diagnose(loader->diagnostics, &value->at, NULL, "'%s' must be one value", what);
    return false;
}

static void read_integer(struct nl_loader *loader, const struct nl_node *value, const char *what, int low, int high,
                         int *out)
{
    int64_t number;
    if (!is_scalar(loader, value, what))
        return;
    if (nl_integer_read(value->text, &number) && number >= low && number <= high)
        *out = (int)number;
    else
        nl_diagnose(loader->diagnostics, &value->at, nl_octal_hint(value->text),
                    "'%s' must be an integer from %d to %d, not '%.80s'", what, low, high, value->text);
}

/* A number above `low`. */
static void read_number(struct nl_loader *loader, const char *text, const struct nl_origin *at, const char *what,
                        double low, double *out)
{
    double number;
    if (nl_number_read(text, &number) && isfinite(number) && number > low)
        *out = number;
    else
        nl_diagnose(loader->diagnostics, at, NULL, "'%s' must be a number above %g, not '%.80s'", what, low, text);
}

/* name: by which of its names it was called. */
static void read_tune_metric(struct nl_loader *loader, const char *name, const struct nl_node *value)
{
    if (!is_scalar(loader, value, name))
        return;
    loader->out->rounds.tune_to_target = strcmp(value->text, steps_word) == 0;
    if (loader->out->rounds.tune_to_target)
        return; /* of which metric, plot.metric says */
    for (int i = 0; tune_metrics[i]; i++)
        if (strcmp(tune_metrics[i], value->text) == 0) {
            for (int m = 0; nl_metric_names[m]; m++)
                if (strcmp(nl_metric_names[m], value->text) == 0)
                    loader->out->rounds.tune_by = (enum nl_metric)m;
            return;
        }
    nl_diagnose(
        loader->diagnostics, &value->at,
        "the test part must not be looked at before everything is chosen, and the training part does not generalize",
        "'%s' must be val_loss, val_error, val_accuracy or steps, not '%.80s'", name, value->text);
}

static void read_tune_entry(struct nl_loader *loader, const struct nl_node *name, const struct nl_node *value,
                            void *context)
{
    struct nl_rounds *rounds = &loader->out->rounds;
    (void)context;
    if (!strcmp(name->text, metric_words[NL_SHOWN]) || !strcmp(name->text, metric_words[NL_RECORDED])) {
        read_tune_metric(loader, name->text, value);
    } else if (!strcmp(name->text, "seeds")) {
        read_integer(loader, value, "seeds", 1, NL_SEEDS_MAX, &rounds->tune_seeds);
    } else if (!strcmp(name->text, "extend")) {
        read_integer(loader, value, "extend", 0, NL_MOST_EXTENSIONS, &rounds->extend);
    } else if (!strcmp(name->text, "extended")) {
        read_integer(loader, value, "extended", 0, NL_MOST_EXTENSIONS, &rounds->extended);
    } else if (strcmp(name->text, "trials") != 0) { /* which was read before the keys */
        const struct nl_key *key = nl_named_key(loader, name);
        if (key)
            nl_search_add(loader, name, key, value);
    }
}

NL_READER(nl_read_tune)
{
    struct nl_rounds *rounds = &((struct nl_experiment *)to)->rounds;
    int before = loader->diagnostics->count;
    rounds->tunes = rounds->tune_trials = rounds->extend = rounds->extended = 0;
    rounds->tune_to_target = false;
    if (value->blank)
        return;
    rounds->tune = nl_keep(nl_alloc(NL_LIST_MAX, sizeof *rounds->tune));
    rounds->space = nl_keep(nl_alloc(NL_LIST_MAX, sizeof *rounds->space));
    rounds->tune_by = NL_VAL_LOSS;
    rounds->tune_seeds = TUNE_SEEDS;
    rounds->tune_origin = value->at;
    const struct nl_node *trials = nl_yaml_entry(value, "trials");
    rounds->tune_trials = trials ? NL_LEAST_TUNE_TRIALS : 0; /* a wrong number is no reason to refuse intervals */
    if (trials)
        read_integer(loader, trials, "trials", NL_LEAST_TUNE_TRIALS, NL_MOST_TUNE_TRIALS, &rounds->tune_trials);
    nl_each_entry(loader, value, field->name, read_tune_entry, NULL);
    nl_search_expand(rounds);
    const struct nl_node *former = nl_yaml_entry(value, metric_words[NL_RECORDED]);
    if (former && nl_yaml_entry(value, metric_words[NL_SHOWN]))
        nl_diagnose(loader->diagnostics, &former->at, "'on' is what 'by' was called before",
                    "'sweep.tune' has both 'by' and 'on'");
    if (loader->diagnostics->count == before && !rounds->tunes)
        nl_diagnose(loader->diagnostics, &value->at, "as in tune: {train.lr: 1e-3:1:log:7, by: val_loss}",
                    "'sweep.tune' names no key");
}

static void read_half_width(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value,
                            void *to)
{
    if (is_scalar(loader, value, field->name))
        read_number(loader, value->text, &value->at, field->name, 0.0, to);
}

static void read_some_seeds(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value,
                            void *to)
{
    read_integer(loader, value, field->name, 2, NL_SEEDS_MAX, to);
}

NL_READER(nl_read_until)
{
    static const struct nl_field until_fields[] = {
        {"half_width", .read = read_half_width, .offset = offsetof(struct nl_rounds, half_width)},
        {"max_seeds", .read = read_some_seeds, .offset = offsetof(struct nl_rounds, max_seeds)},
        {"first_seeds", .read = read_some_seeds, .offset = offsetof(struct nl_rounds, first_seeds)},
        {0}};
    struct nl_rounds *rounds = &((struct nl_experiment *)to)->rounds;
    rounds->half_width = 0.0;
    if (value->blank)
        return;
    rounds->max_seeds = rounds->first_seeds = 0;
    rounds->until_origin = value->at;
    int before = loader->diagnostics->count;
    nl_read_fields(loader, value, field->name, "sweep.until", until_fields, rounds);
    if (loader->diagnostics->count == before && (!(rounds->half_width > 0.0) || !rounds->max_seeds))
        nl_diagnose(loader->diagnostics, &value->at, "as in until: {half_width: 0.5, max_seeds: 64}",
                    "'sweep.until' needs half_width and max_seeds");
}

static void add_match(struct nl_match **list, int *count, const struct nl_match *match)
{
    *list = nl_realloc(*list, (size_t)*count + 1, sizeof **list);
    (*list)[(*count)++] = *match;
}

static void read_point(struct nl_loader *loader, const struct nl_node *map)
{
    struct nl_rounds *rounds = &loader->out->rounds;
    struct nl_match match;
    if (nl_read_match(loader, map, "an entry of points", true, &match))
        add_match(&rounds->point, &rounds->points, &match);
}

static void read_chosen(struct nl_loader *loader, const struct nl_node *map)
{
    struct nl_rounds *rounds = &loader->out->rounds;
    struct nl_match match;
    if (nl_read_match(loader, map, "an entry of chosen", false, &match))
        add_match(&rounds->chosen, &rounds->choices, &match);
}

NL_READER(nl_read_refine)
{
    struct nl_rounds *rounds = &((struct nl_experiment *)to)->rounds;
    (void)field;
    rounds->refine = 0.0;
    rounds->refine_origin = value->at;
    if (!value->blank && is_scalar(loader, value, "sweep.refine"))
        read_number(loader, value->text, &value->at, "sweep.refine", 1.0, &rounds->refine);
}

NL_READER(nl_read_points)
{
    (void)field;
    ((struct nl_experiment *)to)->rounds.points = 0;
    if (!value->blank)
        nl_each_map(loader, value, read_point);
}

NL_READER(nl_read_chosen)
{
    (void)field;
    ((struct nl_experiment *)to)->rounds.choices = 0;
    if (!value->blank)
        nl_each_map(loader, value, read_chosen);
}

NL_READER(nl_read_same)
{
    struct nl_rounds *rounds = &((struct nl_experiment *)to)->rounds;
    rounds->has_same = !value->blank && nl_read_match(loader, value, field->name, false, &rounds->same);
}

NL_SETTER(nl_set_refine)
{
    struct nl_rounds *rounds = &loader->out->rounds;
    rounds->refine = 0.0;
    rounds->refine_origin = *at;
    if (*text)
        read_number(loader, text, at, "sweep.refine", 1.0, &rounds->refine);
}

NL_SETTER(nl_set_until)
{
    struct nl_rounds *rounds = &loader->out->rounds;
    const char *colon = strchr(text, ':');
    int64_t most = 0;
    rounds->half_width = 0.0;
    rounds->max_seeds = rounds->first_seeds = 0;
    rounds->until_origin = *at;
    if (!*text)
        return;
    char *width = nl_format("%.*s", (int)(colon ? colon - text : 0), text);
    if (!colon || !nl_integer_read(colon + 1, &most) || most < 2 || most > NL_SEEDS_MAX)
        nl_diagnose(loader->diagnostics, at, "sweep.until=0.5:64 is a half width of 0.5 with at most 64 seeds",
                    "'sweep.until' must be HALF_WIDTH:MAX_SEEDS, not '%.80s'", text);
    else
        read_number(loader, width, at, "half_width", 0.0, &rounds->half_width);
    rounds->max_seeds = (int)most;
    free(width);
}

/* Nothing but none can be written in a word. */
NL_SETTER(nl_set_tune)
{
    struct nl_rounds *rounds = &loader->out->rounds;
    if (*text)
        nl_diagnose(loader->diagnostics, at, "sweep.tune= takes it away; what to choose from stands in the file",
                    "'sweep.tune' cannot be set on the command line");
    rounds->tunes = rounds->choices = 0;
    rounds->has_same = false;
}

/* ---- what fits together ---- */

static const struct nl_axis *tuned(const struct nl_rounds *rounds, const struct nl_key *key)
{
    return nl_axis_with(rounds->tune, rounds->tunes, key, NULL);
}

static void check_tune(struct nl_loader *loader)
{
    const struct nl_experiment *out = loader->out;
    const struct nl_rounds *rounds = &out->rounds;
    for (int i = 0; i < rounds->tunes; i++)
        if (nl_axis_with(out->axis, out->axes, rounds->tune[i].key[0], NULL))
            nl_diagnose(loader->diagnostics, &rounds->tune[i].origin, "a key is either varied or chosen",
                        "'%s' is an axis of the grid, and cannot be tuned as well", rounds->tune[i].key[0]->name);
    static const char *const of_test[] = {"data.test", "data.test_seed"};
    for (int i = 0; i < 2 && rounds->tunes; i++)
        if (nl_axis_with(out->axis, out->axes, nl_key_named(of_test[i]), NULL) ||
            tuned(rounds, nl_key_named(of_test[i])))
            nl_diagnose(loader->diagnostics, &rounds->tune_origin,
                        "one test part is set apart from all that is chosen by",
                        "'%s' cannot vary in a sweep with 'sweep.tune'", of_test[i]);
    if (rounds->tunes &&
        (double)out->config.train.seed + NL_SEEDS_MAX + rounds->tune_seeds - 1 > nl_key_named("train.seed")->high)
        nl_diagnose(loader->diagnostics, &rounds->tune_origin, "a smaller train.seed leaves room for them",
                    "'sweep.tune' takes the seeds from train.seed + %d on, which are too large", NL_SEEDS_MAX);
    if (rounds->tunes && out->config.data.val < 1)
        nl_diagnose(loader->diagnostics, &rounds->tune_origin,
                    "data.val: 128 sets 128 samples of the training part aside",
                    "'sweep.tune' chooses by %s, and there is no validation part", nl_metric_names[rounds->tune_by]);
    if (rounds->tunes && out->config.data.test == 0)
        nl_diagnose(loader->diagnostics, &rounds->tune_origin, NULL,
                    "'sweep.tune' has nothing to choose for: data.test is 0");
    if (rounds->tunes && rounds->refine > 0.0)
        nl_diagnose(loader->diagnostics, &rounds->refine_origin, NULL,
                    "'sweep.refine' and 'sweep.tune' cannot both decide on rates");
    nl_search_check(loader);
    for (int c = 0; c < rounds->choices; c++) {
        int set = 0;
        for (int k = 0; k < rounds->chosen[c].keys; k++) {
            const struct nl_key *key = rounds->chosen[c].key[k];
            set += tuned(rounds, key) != NULL;
            if (!tuned(rounds, key) && !nl_axis_with(out->axis, out->axes, key, NULL))
                nl_diagnose(loader->diagnostics, &rounds->chosen[c].origin, NULL,
                            "'sweep.chosen' names '%s', which is neither varied nor tuned", key->name);
        }
        if (set != rounds->tunes)
            nl_diagnose(loader->diagnostics, &rounds->chosen[c].origin, NULL,
                        "an entry of 'sweep.chosen' gives %d of %d tuned keys a value", set, rounds->tunes);
    }
}

static void check_points(struct nl_loader *loader)
{
    const struct nl_experiment *out = loader->out;
    for (int i = 0; i < out->rounds.points; i++) {
        const struct nl_match *point = &out->rounds.point[i];
        for (int k = 0; k < point->keys; k++) {
            const struct nl_axis *axis = nl_axis_with(out->axis, out->axes, point->key[k], NULL);
            for (int other = 0; axis && other < axis->keys; other++) {
                bool named = false;
                for (int n = 0; n < point->keys; n++)
                    named |= point->key[n] == axis->key[other] && point->values[n].count == 1;
                if (axis->keys > 1 && !named)
                    nl_diagnose(loader->diagnostics, &point->origin, NULL,
                                "an entry of 'sweep.points' names '%s', and must give one value of '%s', which "
                                "advances with it",
                                point->key[k]->name, axis->key[other]->name);
            }
            if (!axis)
                nl_diagnose(loader->diagnostics, &point->origin, NULL,
                            "'sweep.points' names '%s', which is not an axis of the grid", point->key[k]->name);
        }
    }
}

/* by: steps. The metric that is to reach the target is plot.metric's of the validation part. */
static void settle_target(struct nl_loader *loader)
{
    const struct nl_config *config = &loader->out->config;
    struct nl_rounds *rounds = &loader->out->rounds;
    const char *metric = nl_metric_names[config->plot.metric], *kind = strchr(metric, '_');
    bool known = false;
    if (!rounds->tunes || !rounds->tune_to_target)
        return;
    for (int m = 0; nl_metric_names[m] && kind; m++)
        for (int i = 0; tune_metrics[i]; i++)
            if (strcmp(nl_metric_names[m], tune_metrics[i]) == 0 && strcmp(strchr(tune_metrics[i], '_'), kind) == 0) {
                rounds->tune_by = (enum nl_metric)m;
                known = true;
            }
    if (!known)
        nl_diagnose(loader->diagnostics, &rounds->tune_origin, "plot.metric: test_error is one with a val_error",
                    "'sweep.tune' counts steps to 'plot.target', and %s is no loss, error or accuracy", metric);
    if (config->plot.target == NL_AUTO)
        nl_diagnose(loader->diagnostics, &rounds->tune_origin, "as in plot: {metric: test_error, target: 5}",
                    "'sweep.tune' counts steps to 'plot.target', which is not given");
}

void nl_check_rounds(struct nl_loader *loader)
{
    const struct nl_experiment *out = loader->out;
    const struct nl_rounds *rounds = &out->rounds;
    settle_target(loader);
    check_tune(loader);
    check_points(loader);
    if (rounds->refine > 0.0 && !nl_axis_with(out->axis, out->axes, nl_key_named("train.lr"), NULL))
        nl_diagnose(loader->diagnostics, &rounds->refine_origin, "as in grid: {train.lr: 1e-2:10:log:7}",
                    "'sweep.refine' needs train.lr as an axis of the grid");
    if (!(rounds->half_width > 0.0))
        return;
    if (out->config.plot.test == NL_TEST_SIGN_FLIP || out->config.plot.interval == NL_INTERVAL_BOOTSTRAP)
        nl_diagnose(loader->diagnostics, &rounds->until_origin, NULL,
                    "'sweep.until' is made for t intervals: with plot.%s the number of seeds must be fixed",
                    out->config.plot.test == NL_TEST_SIGN_FLIP ? "test: sign_flip" : "interval: bootstrap");
    if (!nl_question_asks(nl_question_of(out), NL_ASKS_MEANS))
        nl_diagnose(loader->diagnostics, &rounds->until_origin, NULL,
                    "'sweep.until' is made for differences, and the question is %s",
                    nl_question_names[nl_question_of(out)]);
    if (rounds->max_seeds < out->seeds)
        nl_diagnose(loader->diagnostics, &rounds->until_origin, NULL,
                    "'sweep.until' allows %s at most, fewer than sweep.seeds, %d", NL_COUNT(rounds->max_seeds, "seed"),
                    out->seeds);
    if (out->seeds < 2)
        nl_diagnose(loader->diagnostics, &rounds->until_origin, "sweep.seeds: 8 makes a first stage of 8",
                    "'sweep.until' estimates the spread from a first stage of at least 2 seeds");
    if (rounds->first_seeds > out->seeds)
        nl_diagnose(loader->diagnostics, &rounds->until_origin, NULL,
                    "'first_seeds' of 'sweep.until' is more than sweep.seeds");
}

/* ---- text ---- */

static void add_flow_match(struct nl_text *out, const struct nl_match *match, enum nl_spelling spelling)
{
    char *text = nl_match_spelled(match, spelling);
    nl_text_add(out, "{%s}", text);
    free(text);
}

static void add_tune(struct nl_text *out, const struct nl_rounds *rounds, enum nl_spelling spelling)
{
    nl_text_add(out, "{");
    for (int i = 0; i < rounds->tunes; i++) {
        char *space = nl_search_space_yaml(rounds, i, spelling);
        nl_text_add(out, "%s: %s, ", rounds->tune[i].key[0]->name, space);
        free(space);
    }
    if (rounds->tune_trials)
        nl_text_add(out, "trials: %d, ", rounds->tune_trials);
    if (rounds->extend)
        nl_text_add(out, "extend: %d, ", rounds->extend);
    if (rounds->extended)
        nl_text_add(out, "extended: %d, ", rounds->extended);
    nl_text_add(out, "%s: %s, seeds: %d}", metric_words[spelling],
                rounds->tune_to_target ? steps_word : nl_metric_names[rounds->tune_by], rounds->tune_seeds);
}

static void add_until(struct nl_text *out, const struct nl_rounds *rounds)
{
    char number[32];
    nl_text_add(out, "{half_width: %s, max_seeds: %d", nl_double_text(rounds->half_width, number), rounds->max_seeds);
    if (rounds->first_seeds)
        nl_text_add(out, ", first_seeds: %d", rounds->first_seeds);
    nl_text_add(out, "}");
}

/* A list, each entry after `before`, and `after` at the end. */
static void add_list(struct nl_text *out, const struct nl_match *match, int count, const char *before,
                     const char *between, enum nl_spelling spelling)
{
    for (int i = 0; i < count; i++) {
        nl_text_add(out, "%s", i ? between : before);
        add_flow_match(out, &match[i], spelling);
    }
}

void nl_rounds_fields(const struct nl_rounds *rounds, bool lines, enum nl_spelling spelling,
                      struct nl_round_field out[NL_ROUND_FIELDS])
{
    static const char *const names[NL_ROUND_FIELDS] = {"tune", "refine", "until", "points", "chosen", "same"};
    struct nl_text text[NL_ROUND_FIELDS] = {{0}};
    const char *before = lines ? "\n    - " : "[", *between = lines ? "\n    - " : ", ";
    char number[32];
    if (rounds->tunes)
        add_tune(&text[0], rounds, spelling);
    if (rounds->refine > 0.0)
        nl_text_add(&text[1], "%s", nl_double_text(rounds->refine, number));
    if (rounds->half_width > 0.0)
        add_until(&text[2], rounds);
    add_list(&text[3], rounds->point, rounds->points, before, between, spelling);
    add_list(&text[4], rounds->chosen, rounds->choices, before, between, spelling);
    if (rounds->has_same)
        add_flow_match(&text[5], &rounds->same, spelling);
    for (int i = 3; i < 5 && !lines; i++)
        if (text[i].at)
            nl_text_add(&text[i], "]");
    const struct nl_origin *const origins[NL_ROUND_FIELDS] = {&rounds->tune_origin,
                                                              &rounds->refine_origin,
                                                              &rounds->until_origin,
                                                              rounds->points ? &rounds->point[0].origin : NULL,
                                                              rounds->choices ? &rounds->chosen[0].origin : NULL,
                                                              &rounds->same.origin};
    for (int i = 0; i < NL_ROUND_FIELDS; i++)
        out[i] = (struct nl_round_field){.name = names[i], .value = text[i].at, .origin = origins[i]};
}
