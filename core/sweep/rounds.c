/* Decides by the results of one round whether another follows, and what it trains. */
#include "sweep/rounds.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "config/keep.h"
#include "config/search.h"
#include "config/sweep.h"
#include "config/value.h"
#include "stats/answer.h"
#include "stats/choice.h"
#include "stats/power.h"
#include "stats/rates.h"
#include "stats/steps.h"
#include "sweep/store.h"

enum { MOST_ROUNDS = 40 };

const char *const nl_round_names[NL_ROUND_KINDS] = {
    [NL_ROUND_TUNING] = "tuning", [NL_ROUND_GRID] = "the grid", [NL_ROUND_SAME] = "the same values for all"};
const char *const nl_round_folders[NL_ROUND_FOLDERS] = {"", "tuning", "same"};
static const char *const folder_of_kind[NL_ROUND_KINDS] = {
    [NL_ROUND_TUNING] = "tuning", [NL_ROUND_GRID] = "", [NL_ROUND_SAME] = "same"};

static char *folder_in(const char *folder, const char *round)
{
    return *round ? nl_path_join(folder, round) : nl_strdup(folder);
}

char *nl_round_folder(const char *folder, int i)
{
    char *of_round = folder_in(folder, nl_round_folders[i]);
    if (nl_store_exists(of_round))
        return of_round;
    free(of_round);
    return NULL;
}

bool nl_has_rounds(const struct nl_experiment *experiment)
{
    const struct nl_rounds *rounds = &experiment->rounds;
    return (rounds->tunes && !rounds->choices) || rounds->has_same || rounds->refine > 0.0 ||
           (rounds->half_width > 0.0 && !rounds->first_seeds);
}

void nl_round_release(struct nl_round *round)
{
    free(round->folder);
    nl_text_release(&round->decided);
    *round = (struct nl_round){0};
}

/* The test part as it is set apart for all rounds of a tuned sweep. */
static void set_test_apart(struct nl_experiment *experiment)
{
    if (experiment->config.data.test_seed == NL_AUTO)
        experiment->config.data.test_seed = experiment->config.train.seed;
}

/* ---- tuning ---- */

/* What shows a tuning: over a grid of rates the tolerated ones, over trials the first tuned key, and else curves. */
static enum nl_plot_kind picture_of(const struct nl_rounds *rounds)
{
    enum nl_plot_kind kind = rounds->tune_trials ? NL_PLOT_FIGURE : NL_PLOT_CURVES;
    for (int i = 0; i < rounds->tunes && !rounds->tune_trials; i++)
        if (strcmp(rounds->tune[i].key[0]->name, "train.lr") == 0 && rounds->tune[i].points > 1)
            kind = NL_PLOT_LR_TOLERANCE;
    return kind;
}

/* The grid times the values of the tuned keys, by seeds that no other round uses, without the test part. */
static struct nl_experiment tuning_of(const struct nl_experiment *asked)
{
    struct nl_experiment out = *asked;
    const struct nl_rounds *rounds = &asked->rounds;
    set_test_apart(&out);
    out.config.data.test = 0;
    out.config.train.seed += NL_SEEDS_MAX;
    out.seeds = rounds->tune_seeds;
    out.axis = nl_keep(nl_alloc((size_t)(asked->axes + rounds->tunes), sizeof *out.axis));
    memcpy(out.axis, asked->axis, (size_t)asked->axes * sizeof *out.axis);
    out.axes += nl_search_axes(rounds, out.axis + out.axes);
    out.config.plot.metric = (int)rounds->tune_by;
    out.config.plot.kind = (struct nl_int_list){.count = 1, .at = {picture_of(rounds)}};
    if (rounds->tune_trials)
        out.config.plot.x = (char *)(uintptr_t)rounds->tune[0].key[0]->name;
    out.config.plot.min_effect = out.config.plot.margin = NL_AUTO;
    out.question = NL_ASK_COMPARE;
    out.rounds = (struct nl_rounds){0};
    return out;
}

/* A point of the grid, with one cell for each combination of the tuned keys' values. */
struct tuned_point {
    const struct nl_cell *of; /* one of them, for its levels */
    const struct nl_cell **cell; /* [values], in the order of the tuned keys' values; NULL: excluded */
};

struct tuned {
    const struct nl_results *results;
    const struct nl_experiment *experiment;
    const struct nl_curves *curves; /* with tune_to_target */
    const struct nl_rounds *rounds;
    struct nl_metric_column metric;
    int *factor;  /* [tunes]: of the tuned keys */
    int values;   /* combinations of the tuned keys' values (config/search.h) */
    int points;
    struct tuned_point *point;
    struct nl_candidate *candidate; /* [points][values]: the mean of the metric over seeds is its score */
};

/* Whether the cell was trained with these values; a key that does not apply to it may have any. */
static bool has_values(const struct tuned *t, const struct nl_cell *cell, int value)
{
    for (int i = 0; i < t->rounds->tunes; i++) {
        int level = cell->level[t->factor[i]];
        if (level >= 0 &&
            strcmp(nl_search_value(t->rounds, value, i), t->results->factor[t->factor[i]].value[level]) != 0)
            return false;
    }
    return true;
}

static bool is_tuned(const struct tuned *t, int factor)
{
    for (int i = 0; i < t->rounds->tunes; i++)
        if (t->factor[i] == factor)
            return true;
    return false;
}

static struct tuned_point *point_of(struct tuned *t, const struct nl_cell *cell)
{
    for (int p = 0; p < t->points; p++) {
        bool same = true;
        for (int f = 0; f < t->results->factors && same; f++)
            same = is_tuned(t, f) || t->point[p].of->level[f] == cell->level[f];
        if (same)
            return &t->point[p];
    }
    struct tuned_point *point = &t->point[t->points++];
    *point = (struct tuned_point){.of = cell, .cell = nl_alloc((size_t)t->values, sizeof(const struct nl_cell *))};
    return point;
}

/* The mean over seeds of the steps to plot.target, by the first evaluation that is there; a run that never is has
 * failed. NaN: all have. */
static struct nl_candidate steps_of(const struct tuned *t, const struct nl_cell *cell)
{
    struct nl_candidate out = {0, 0.0};
    int reached = 0;
    for (int seed = 0; seed < t->results->seeds; seed++) {
        struct nl_steps steps =
            nl_steps_to(t->curves, t->results, t->experiment, cell, seed, nl_metric_names[t->rounds->tune_by],
                        t->experiment->config.plot.target / t->metric.measure.scale);
        bool there = isfinite(steps.high);
        out.failed += !there;
        out.score += there ? steps.high : 0.0;
        reached += there;
    }
    out.score /= reached;
    return out;
}

/* The mean over seeds, signed so that smaller is better; NaN where a run has no such score (a loss of a diverged
 * one). */
static double score_of(const struct tuned *t, const struct nl_cell *cell)
{
    double *value = nl_alloc((size_t)t->results->seeds, sizeof *value), sum = 0.0;
    nl_cell_values(t->results, cell, &t->metric, value);
    for (int seed = 0; seed < t->results->seeds; seed++)
        sum += value[seed];
    free(value);
    return t->metric.measure.worse * sum / t->results->seeds;
}

static struct nl_candidate *candidates(const struct tuned *t, int point)
{
    return t->candidate + (size_t)point * (size_t)t->values;
}

static struct tuned tuned_of(const struct nl_results *results, const struct nl_experiment *experiment,
                             const struct nl_curves *curves)
{
    const struct nl_rounds *rounds = &experiment->rounds;
    struct tuned t = {.results = results,
                      .experiment = experiment,
                      .curves = curves,
                      .rounds = rounds,
                      .values = nl_search_combinations(rounds)};
    t.metric = nl_metric_column(results, nl_metric_names[rounds->tune_by]);
    t.factor = nl_alloc((size_t)rounds->tunes, sizeof *t.factor);
    for (int i = 0; i < rounds->tunes; i++)
        t.factor[i] = nl_results_factor(results, rounds->tune[i].key[0]->name);
    t.point = nl_alloc((size_t)results->cells, sizeof *t.point);
    for (int i = 0; i < results->cells; i++) {
        struct tuned_point *point = point_of(&t, &results->cell[i]);
        for (int v = 0; v < t.values; v++)
            if (has_values(&t, &results->cell[i], v))
                point->cell[v] = &results->cell[i];
    }
    t.candidate = nl_alloc((size_t)t.points * (size_t)t.values, sizeof *t.candidate);
    for (int p = 0; p < t.points; p++)
        for (int v = 0; v < t.values; v++) {
            const struct nl_cell *cell = t.point[p].cell[v];
            candidates(&t, p)[v] = !cell                    ? (struct nl_candidate){-1, NAN}
                                   : rounds->tune_to_target ? steps_of(&t, cell)
                                                            : (struct nl_candidate){cell->failed, score_of(&t, cell)};
        }
    return t;
}

static void tuned_release(struct tuned *t)
{
    for (int p = 0; p < t->points; p++)
        free(t->point[p].cell);
    free(t->candidate);
    free(t->point);
    free(t->factor);
}

static void add_condition(struct nl_match *match, const struct nl_key *key, const char *text)
{
    struct nl_points value = {.count = 1, .text = nl_alloc(1, sizeof *value.text)};
    value.text[0] = nl_strdup(text);
    nl_match_add(match, key, &value);
}

/* The levels of a cell's factors as conditions, but for those in `but`. */
static struct nl_match match_of(const struct nl_results *results, const struct nl_cell *cell,
                                bool (*but)(const void *context, int factor), const void *context)
{
    struct nl_match match = {.origin = {.kind = NL_FROM_DEFAULT}};
    for (int f = 0; f < results->factors; f++)
        if (cell->level[f] >= 0 && !but(context, f))
            add_condition(&match, results->factor[f].key, results->factor[f].value[cell->level[f]]);
    return match;
}

static bool is_tuned_factor(const void *context, int factor)
{
    return is_tuned(context, factor);
}

static void add_values(const struct tuned *t, struct nl_match *match, int value)
{
    for (int i = 0; i < t->rounds->tunes; i++)
        add_condition(match, t->rounds->tune[i].key[0], nl_search_value(t->rounds, value, i));
}

/* At which edge of what is searched the value of tuned key i lies; 0: at none, or it does not apply to the cell. */
static int edge_of(const struct tuned *t, const struct nl_cell *cell, int value, int i)
{
    return cell->level[t->factor[i]] >= 0 ? nl_search_edge(t->rounds, i, nl_search_value(t->rounds, value, i)) : 0;
}

/* What is doubtful in a choice at an edge. */
static void say_edges(struct nl_text *out, const struct tuned *t, const struct nl_cell *cell, int value)
{
    const struct nl_rounds *rounds = t->rounds;
    for (int i = 0; i < rounds->tunes; i++)
        if (edge_of(t, cell, value, i)) {
            nl_text_add(out, "; at the edge of the values of %s", rounds->tune[i].key[0]->name);
            if (rounds->extended)
                nl_text_add(out, " after %s", NL_COUNT(rounds->extended, "extension"));
            nl_text_add(out, ": a better one may lie beyond%s",
                        rounds->extend ? "" : " (extend: 2 in sweep.tune looks there)");
            return;
        }
}

/* How many other cells of the point are as good as that with the value. */
static int as_good(const struct tuned *t, int p, int value)
{
    const struct nl_candidate *of = candidates(t, p), *chosen = &of[value];
    int count = 0;
    for (int v = 0; v < t->values; v++)
        count += t->point[p].cell[v] != t->point[p].cell[value] && of[v].failed == chosen->failed &&
                 nl_tied(of[v].score, chosen->score);
    return count;
}

/* "norm.kind: bn, train.lr: 0.1" with what is doubtful after it. */
static void say_choice(struct nl_text *out, const struct tuned *t, int p, const struct nl_match *choice, int value)
{
    char *text = nl_match_text(choice);
    nl_text_add(out, "  %s", text);
    free(text);
    const struct nl_cell *cell = t->point[p].cell[value];
    int ties = as_good(t, p, value);
    if (ties)
        nl_text_add(out, "; %s %s as good, and the first was taken", NL_COUNT(ties, "other choice"),
                    nl_agree(ties, "is", "are"));
    int failed = candidates(t, p)[value].failed;
    if (failed)
        nl_text_add(out, "; %d of %s %s with it, and no fewer with any other value", failed,
                    NL_COUNT(cell->trials, "run"), t->rounds->tune_to_target ? "did not get there" : "failed");
    say_edges(out, t, cell, value);
    nl_text_add(out, "\n");
}

static struct nl_experiment grid_with_choices(const struct nl_experiment *asked, const struct nl_results *results,
                                              const struct nl_curves *curves, struct nl_text *decided)
{
    struct nl_experiment out = *asked;
    struct tuned t = tuned_of(results, asked, curves);
    char *by = nl_tuned_by(&asked->rounds);
    set_test_apart(&out);
    out.rounds.choices = 0;
    out.rounds.chosen = nl_keep(nl_alloc((size_t)t.points, sizeof *out.rounds.chosen));
    nl_text_add(decided, "chosen by %s over %s, without the test part:\n", by,
                NL_COUNT(asked->rounds.tune_seeds, "seed"));
    free(by);
    bool differ = false;
    int first = nl_choose(t.candidate, t.values), same = nl_choose_for_all(t.candidate, t.points, t.values);
    for (int p = 0; p < t.points; p++) {
        int value = nl_choose(candidates(&t, p), t.values);
        struct nl_match choice = match_of(results, t.point[p].of, is_tuned_factor, &t);
        add_values(&t, &choice, value);
        say_choice(decided, &t, p, &choice, value);
        out.rounds.chosen[out.rounds.choices++] = choice;
        differ |= value != first;
    }
    out.rounds.has_same = differ && same >= 0;
    if (out.rounds.has_same) {
        out.rounds.same = (struct nl_match){.origin = {.kind = NL_FROM_DEFAULT}};
        add_values(&t, &out.rounds.same, same);
        char *text = nl_match_text(&out.rounds.same);
        nl_text_add(decided, "for all together: %s\n", text);
        free(text);
    }
    tuned_release(&t);
    return out;
}

/* The points whose best value of tuned key i lies at that edge: "{norm.kind: bn}, {norm.kind: gn}"; new string, NULL:
 * none. */
static char *points_at_edge(const struct tuned *t, int i, int edge)
{
    struct nl_text out = {0};
    for (int p = 0; p < t->points; p++)
        if (edge_of(t, t->point[p].of, nl_choose(candidates(t, p), t->values), i) == edge) {
            struct nl_match point = match_of(t->results, t->point[p].of, is_tuned_factor, t);
            char *text = nl_match_text(&point);
            nl_text_add(&out, "%s{%s}", out.length ? ", " : "", text);
            free(text);
        }
    return out.at;
}

/* Extends what is searched of each key beyond the edges at which the best value of a point lies, for all points alike.
 * Whether anything was added. */
static bool extend_search(struct nl_experiment *asked, const struct nl_results *results, const struct nl_curves *curves,
                          struct nl_text *decided)
{
    struct nl_rounds *rounds = &asked->rounds;
    bool more = false;
    if (rounds->extended >= rounds->extend)
        return false;
    const struct nl_experiment before = *asked;
    struct tuned t = tuned_of(results, &before, curves);
    for (int i = 0; i < before.rounds.tunes; i++) {
        char *below = points_at_edge(&t, i, -1), *above = points_at_edge(&t, i, 1);
        if ((below || above) && nl_search_extend(rounds, i, below, above)) {
            char *space = nl_search_space_yaml(rounds, i, NL_SHOWN);
            nl_text_add(decided, "%s is searched in %s now, for all alike: the best value lies at ",
                        before.rounds.tune[i].key[0]->name, space);
            if (below)
                nl_text_add(decided, "the lower edge for %s%s", below, above ? ", and at " : "");
            if (above)
                nl_text_add(decided, "the upper edge for %s", above);
            nl_text_add(decided, "\n");
            free(space);
            more = true;
        }
        free(below);
        free(above);
    }
    tuned_release(&t);
    rounds->extended += more;
    return more;
}

/* The grid with the values that serve all best. */
static struct nl_experiment grid_with_same(const struct nl_experiment *chosen)
{
    struct nl_experiment out = *chosen;
    for (int k = 0; k < out.rounds.same.keys; k++)
        nl_key_set(out.rounds.same.key[k], &out.config, out.rounds.same.values[k].at[0], NULL);
    out.rounds = (struct nl_rounds){.half_width = chosen->rounds.half_width,
                                    .max_seeds = chosen->rounds.max_seeds,
                                    .first_seeds = chosen->rounds.first_seeds,
                                    .until_origin = chosen->rounds.until_origin};
    return out;
}

/* ---- refining ---- */

static bool is_factor(const void *context, int factor)
{
    return *(const int *)context == factor;
}

/* Adds the rate to those of the entry of sweep.points that is about the same method, or to a new one. false: the method
 * has it. */
static bool add_rate(struct nl_rounds *rounds, const struct nl_match *method, double rate)
{
    const struct nl_key *key = nl_key_named("train.lr");
    char number[32], *where = nl_match_text(method);
    nl_double_text(rate, number);
    struct nl_match *entry = NULL;
    for (int i = 0; i < rounds->points && !entry; i++) {
        struct nl_match there = rounds->point[i];
        if (there.key[there.keys - 1] != key)
            continue;
        there.keys--;
        char *text = nl_match_text(&there);
        entry = strcmp(text, where) == 0 ? &rounds->point[i] : NULL;
        free(text);
    }
    free(where);
    if (!entry) {
        struct nl_match *more =
            nl_keep(nl_alloc((size_t)rounds->points + 1, sizeof *more)); /* the earlier round keeps its own */
        if (rounds->points)
            memcpy(more, rounds->point, (size_t)rounds->points * sizeof *more);
        rounds->point = more;
        entry = &rounds->point[rounds->points++];
        *entry = *method;
        add_condition(entry, key, number);
        return true;
    }
    struct nl_word_list *values = &entry->values[entry->keys - 1];
    for (int i = 0; i < values->count; i++)
        if (strcmp(values->at[i], number) == 0)
            return false;
    char **at = nl_keep(nl_alloc((size_t)values->count + 1, sizeof *at));
    memcpy(at, values->at, (size_t)values->count * sizeof *at);
    at[values->count++] = nl_keep_text(number);
    values->at = at;
    return true;
}

/* Whether rates were added. */
static bool refine(struct nl_experiment *experiment, const struct nl_results *results, struct nl_text *decided)
{
    const char *why;
    int factor = nl_rate_factor(results, &why), added = 0;
    if (factor < 0) {
        nl_text_add(decided, "the grid of rates cannot be refined: %s\n", why);
        return false;
    }
    struct nl_comparison view;
    nl_comparison_make(results, experiment, factor, -1, &view);
    struct nl_rate_range *range = nl_alloc((size_t)results->seeds, sizeof *range);
    for (int method = 0; method < view.methods; method++) {
        const struct nl_cell *cell = NULL;
        for (int point = 0; point < view.points && !cell; point++)
            cell = nl_comparison_cell(&view, method, point);
        struct nl_match where = match_of(results, cell, is_factor, &factor);
        nl_usable_rates(&view, method, NL_RATE_BY_ACCURACY, range);
        for (int seed = 0; seed < results->seeds; seed++) {
            double rate = nl_rate_to_add(&range[seed], experiment->rounds.refine, nl_rate_step(&view));
            added += !isnan(rate) && add_rate(&experiment->rounds, &where, rate);
        }
    }
    free(range);
    nl_comparison_release(&view);
    if (added)
        nl_text_add(decided, "refined: %s, so that each seed's largest usable one is known within a factor of %g\n",
                    NL_COUNT(added, "more rate"), experiment->rounds.refine);
    return added > 0;
}

/* ---- more seeds ---- */

static void decide_seeds(struct nl_experiment *experiment, const struct nl_results *results, struct nl_text *decided)
{
    struct nl_rounds *rounds = &experiment->rounds;
    struct nl_answer answer;
    nl_answer_make(results, experiment, &answer);
    int needed = experiment->seeds, never = 0;
    for (int i = 0; i < answer.claims; i++) {
        const struct nl_claim *claim = &answer.claim[i];
        int seeds =
            nl_seeds_for_width(&claim->effect, rounds->half_width / claim->scale, answer.level, rounds->max_seeds);
        if (seeds < 0)
            nl_text_add(decided,
                        "%s%s%s: no number of seeds makes this interval so narrow, because each draws its parts anew "
                        "from the same data (data.test_seed: 1 "
                        "sets one test part apart for all)\n",
                        claim->method, claim->against ? " and " : "", claim->against ? claim->against : "");
        never += seeds < 0;
        needed = seeds > needed ? seeds : needed;
    }
    rounds->first_seeds = experiment->seeds;
    if (!answer.claims)
        nl_text_add(decided, "the answer compares nothing: sweep.until has nothing to narrow\n");
    else if (needed > experiment->seeds)
        nl_text_add(decided, "%s, for intervals of at most %g to each side%s\n", NL_COUNT(needed, "seed"),
                    rounds->half_width, needed == rounds->max_seeds ? " as far as max_seeds allows" : "");
    else if (!never)
        nl_text_add(decided, "the first stage of %s suffices\n", NL_COUNT(experiment->seeds, "seed"));
    experiment->seeds = needed;
    nl_answer_release(&answer);
}

/* ---- the order of rounds ---- */

void nl_round_first(const struct nl_experiment *experiment, const char *folder, struct nl_round *out)
{
    bool tunes = experiment->rounds.tunes && !experiment->rounds.choices;
    *out = (struct nl_round){.kind = tunes ? NL_ROUND_TUNING : NL_ROUND_GRID, .number = 1};
    out->experiment = tunes ? tuning_of(experiment) : *experiment;
    out->asked = experiment;
    out->folder = folder_in(folder, folder_of_kind[out->kind]);
}

int nl_round_count(const struct nl_experiment *experiment, const struct nl_grid *grid, struct nl_round_trials *out,
                   struct nl_diagnostics *diagnostics)
{
    const struct nl_rounds *rounds = &experiment->rounds;
    int cells = grid->trials / experiment->seeds;
    bool staged = rounds->half_width > 0.0 && !rounds->first_seeds, tunes = rounds->tunes && !rounds->choices;
    *out = (struct nl_round_trials){.refines = rounds->refine > 0.0, .extends = tunes && rounds->extend};
    out->count[NL_ROUND_GRID] = cells * (staged ? rounds->max_seeds : experiment->seeds);
    out->at_most[NL_ROUND_GRID] = staged && rounds->max_seeds > experiment->seeds;
    if (rounds->has_same || (tunes && cells > 1)) { /* trials whose own best values these are need no second run */
        out->count[NL_ROUND_SAME] = out->count[NL_ROUND_GRID];
        out->at_most[NL_ROUND_SAME] = true;
    }
    if (!tunes)
        return NL_OK;
    struct nl_experiment tuning = tuning_of(experiment);
    struct nl_grid of_tuning;
    int status = nl_grid_make(&tuning, &of_tuning, diagnostics);
    out->count[NL_ROUND_TUNING] = of_tuning.trials;
    nl_grid_release(&of_tuning);
    return status;
}

/* What the grid's own results decide. Returns whether there is more of it to run. */
static bool continue_grid(struct nl_experiment *experiment, int number, const struct nl_results *results,
                          struct nl_text *decided)
{
    struct nl_rounds *rounds = &experiment->rounds;
    if (rounds->refine > 0.0 && number < MOST_ROUNDS && refine(experiment, results, decided))
        return true;
    if (!(rounds->half_width > 0.0) || rounds->first_seeds)
        return false;
    decide_seeds(experiment, results, decided);
    return true;
}

bool nl_round_next(const char *folder, const struct nl_round *done, const struct nl_grid *grid,
                   const struct nl_record *record, struct nl_round *next, int *status, struct nl_error *err)
{
    struct nl_results results;
    *next = (struct nl_round){
        .kind = NL_ROUND_GRID, .number = done->number + 1, .experiment = done->experiment, .asked = done->asked};
    *status = NL_OK;
    if (done->kind == NL_ROUND_SAME)
        return false;
    if (nl_records_results(grid, record, &done->experiment, &results, err)) {
        *status = NL_FAIL;
        return false;
    }
    bool more = true;
    struct nl_curves curves = {0};
    if (done->asked->rounds.tune_to_target && done->kind == NL_ROUND_TUNING)
        *status = nl_records_curves(grid, record, &curves, err);
    if (*status != NL_OK) {
        more = false;
    } else if (done->kind == NL_ROUND_TUNING) {
        struct nl_experiment *asked = nl_keep(nl_alloc(1, sizeof *asked));
        *asked = *done->asked;
        next->asked = asked;
        next->kind = extend_search(asked, &results, &curves, &next->decided) ? NL_ROUND_TUNING : NL_ROUND_GRID;
        next->experiment = next->kind == NL_ROUND_TUNING ? tuning_of(asked)
                                                         : grid_with_choices(asked, &results, &curves, &next->decided);
    } else if (!continue_grid(&next->experiment, done->number, &results, &next->decided)) {
        more = done->experiment.rounds.has_same;
        next->kind = NL_ROUND_SAME;
        if (more)
            next->experiment = grid_with_same(&done->experiment);
    }
    next->folder = folder_in(folder, folder_of_kind[next->kind]);
    nl_curves_release(&curves);
    nl_results_release(&results);
    return more;
}
