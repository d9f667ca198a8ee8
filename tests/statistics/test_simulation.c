/* Thousands of sweeps with known truth go the way of real ones: the text of a trials.csv, the reader, the answer, the
 * tables. Each finding, each onset, each mark is compared with the truth. tests/statistics/SIMULATION.md says what
 * counts as false, and shows what came out.
 *
 * NORMLAB_ALL set: 20,000 sweeps of each scenario instead of 200. The names of scenarios as arguments: only these. */
#include <check.h>

#include "config/keep.h"
#include "scratch.h"
#include "simulated_results.h"
#include "stats/answer.h"
#include "stats/table.h"
#include "suite.h"
#include "sweep/rounds.h"
#include "sweep/store.h"

/* ---- scenarios ---- */

static const struct scenario scenarios[] = {
#include "scenarios.h"
};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

/* ---- what came out ---- */

struct tally {
    int sweeps;
    int wrong;     /* sweeps whose answer holds a false finding */
    int unseen;    /* the same, where failures count that no run has shown */
    int forbidden; /* claims found that failures or gaps forbid; sweeps with gaps that do not say so first */
    int marked;    /* sweeps whose table marks a cell that is not the best */
    double means, means_covered, differences, differences_covered; /* intervals */
    double more, more_found, more_reached, same,
        same_found; /* claims whose truth is at least the smallest effect; is within half the margin */
    double onsets, onsets_found;
    int by_finding[4], false_onsets; /* claims */
};

static const double tiny = 1e-9;

/* Whether what a claim found is false of the effect. At the margin itself `the same` is taken for false. */
static bool is_false(const struct nl_claim *claim, double effect, double smallest, double margin)
{
    double least = claim->reach == NL_REACH_YES && claim->test[NL_REACHES].name ? fmax(smallest - tiny, tiny) : tiny;
    bool too_large = claim->reach == NL_REACH_NO && fabs(effect) >= smallest + tiny;
    switch (claim->finding) {
    case NL_FOUND_MORE: return effect <= least || too_large;
    case NL_FOUND_LESS: return effect >= -least || too_large;
    case NL_FOUND_SAME: return fabs(effect) >= margin - tiny;
    case NL_FOUND_NOTHING: break;
    }
    return false;
}

static int method_called(const struct scenario *s, const char *label)
{
    char of[32];
    for (int m = 0; label && m < methods_of(s); m++) {
        label_in(s, m, of);
        if (strcmp(of, label) == 0)
            return m;
    }
    ck_assert_msg(label == NULL, "no method is called '%s'", label);
    return -1;
}

static bool has_gap(const struct scenario *s, const struct sweep *sweep, int method)
{
    bool gap = false;
    for (int p = 0; !s->imported && method >= 0 && p < s->points; p++)
        for (int seed = 0; seed < s->seeds; seed++)
            gap |= sweep->status[method][p][seed] == 0;
    return gap;
}

static int failed_in(const struct scenario *s, const struct sweep *sweep, int method, int first, int last)
{
    int failed = 0;
    for (int p = first; method >= 0 && p <= last; p++)
        for (int seed = 0; seed < s->seeds; seed++)
            failed += sweep->status[method][p][seed] == 'f';
    return failed;
}

/* Means of two cells that are compared: failed runs count at chance; where neither shows one, it is said of runs that
 * do not fail. */
static double difference_of(const struct scenario *s, const struct sweep *sweep, const struct truth *truth, bool unseen,
                            int m, int p, int minus_m, int minus_p)
{
    bool seen = unseen || failed_in(s, sweep, m, p, p) + failed_in(s, sweep, minus_m, minus_p, minus_p) > 0;
    return seen ? truth->mean[m][p] - truth->mean[minus_m][minus_p]
                : truth->ended[m][p] - truth->ended[minus_m][minus_p];
}

/* The truth of a claim, in the units of trials.csv. */
struct fact {
    double effect;   /* at the smallest batch; of a ratio its logarithm */
    double furthest; /* the largest change at any batch, of the claims of flatness */
    bool false_onset; /* the loss is not there at seen_from and at every smaller batch */
    bool forbidden;  /* no such finding may be made, whatever the truth */
};

static void fact_of_rates(const struct scenario *s, const struct sweep *sweep, const struct nl_claim *claim, int m,
                          int a, struct fact *out)
{
    double share[2];
    if (isnan(claim->rate)) {
        out->effect = (s->limit[m] - s->limit[a]) * log(10.0);
        out->forbidden = has_gap(s, sweep, m) || has_gap(s, sweep, a);
    } else {
        for (int i = 0; i < 2; i++) {
            int of = i ? a : m;
            double above =
                0.5 * erfc((s->limit[of] - log10(claim->rate)) / hypot(s->common, spread_at(s, of, 0)) / sqrt(2.0));
            share[i] = above * s->late + (1.0 - above) * s->early;
        }
        out->effect = share[0] - share[1];
    }
    out->furthest = out->effect;
}

/* unseen: failures count even where none is seen. */
static struct fact fact_of(const struct scenario *s, const struct sweep *sweep, const struct truth *truth,
                           const struct nl_claim *claim, double smallest, bool unseen)
{
    int m = method_called(s, claim->method), a = method_called(s, claim->against), last = s->points - 1;
    struct fact fact = {.forbidden = !is_rates(s) && (has_gap(s, sweep, m) || has_gap(s, sweep, a))};
    if (is_rates(s)) {
        fact_of_rates(s, sweep, claim, m, a, &fact);
        return fact;
    }
    int failed = failed_in(s, sweep, m, 0, last) + failed_in(s, sweep, a, 0, last);
    fact.forbidden |= failed > 0 && (s->loss || claim->finding == NL_FOUND_SAME);
    if (last == 0) {
        fact.effect = fact.furthest = difference_of(s, sweep, truth, unseen, m, 0, a, 0);
        return fact;
    }
    fact.forbidden |= claim->finding == NL_FOUND_LESS && failed_in(s, sweep, m, last, last) > 0;
    fact.forbidden |= claim->finding == NL_FOUND_MORE && failed_in(s, sweep, a, last, last) > 0;
    fact.effect = difference_of(s, sweep, truth, unseen, m, 0, m, last) -
                  (a < 0 ? 0.0 : difference_of(s, sweep, truth, unseen, a, 0, a, last));
    fact.furthest = fact.effect;
    for (int p = 0; a < 0 && p < last; p++) {
        double change = difference_of(s, sweep, truth, unseen, m, p, m, last);
        fact.furthest = fabs(change) > fabs(fact.furthest) ? change : fact.furthest;
        fact.false_onset |= axis_of(s, p) <= claim->seen_from &&
                            change < fmax(smallest - tiny, tiny); /* seen_from NaN: nothing is said */
    }
    return fact;
}

/* How many points from the smallest on have a loss of the smallest effect or more. */
static int true_reach(const struct scenario *s, const struct truth *truth, int method, double smallest)
{
    int reach = 0;
    while (reach < s->points - 1 && truth->mean[method][reach] - truth->mean[method][s->points - 1] >= smallest)
        reach++;
    return reach;
}

static void judge_answer(const struct scenario *s, const struct sweep *sweep, const struct truth *truth,
                         const struct nl_experiment *experiment, const struct nl_answer *answer, struct tally *tally)
{
    bool wrong = false, unseen = false, gaps = false;
    for (int m = 0; m < methods_of(s); m++)
        gaps |= has_gap(s, sweep, m);
    char *text = nl_answer_text(answer, true);
    tally->forbidden += gaps != (strncmp(text, "INCOMPLETE", 10) == 0);
    free(text);
    for (int i = 0; i < answer->claims; i++) {
        const struct nl_claim *claim = &answer->claim[i];
        struct nl_rule rule = nl_rule_for(experiment, claim->unit);
        bool ratio = strcmp(claim->unit, "x") == 0, sized = !is_rates(s) || ratio;
        double smallest = ratio ? log(rule.smallest) : rule.smallest / claim->scale,
               margin = ratio ? log(rule.margin) : rule.margin / claim->scale;
        struct fact fact = fact_of(s, sweep, truth, claim, smallest, false),
                    literal = fact_of(s, sweep, truth, claim, smallest, true);
        bool same = claim->finding == NL_FOUND_SAME,
             is_wrong = is_false(claim, same ? fact.furthest : fact.effect, smallest, margin);
        wrong |= is_wrong || fact.false_onset;
        unseen |= is_false(claim, same ? literal.furthest : literal.effect, smallest, margin) || literal.false_onset;
        tally->by_finding[claim->finding] += is_wrong;
        tally->false_onsets += fact.false_onset;
        tally->forbidden += fact.forbidden && claim->finding != NL_FOUND_NOTHING;
        if (claim->finding == NL_FOUND_MORE && !claim->against && !is_rates(s)) {
            int reach = true_reach(s, truth, method_called(s, claim->method), smallest);
            tally->onsets += reach > 1;
            tally->onsets_found += reach > 1 && claim->seen_from == axis_of(s, reach - 1);
        }
        if (fabs(fact.effect) >= fmax(smallest, 2.0 * tiny) - tiny && sized) {
            bool found = claim->finding == (fact.effect > 0.0 ? NL_FOUND_MORE : NL_FOUND_LESS);
            tally->more++;
            tally->more_found += found;
            tally->more_reached += found && claim->reach == NL_REACH_YES;
        } else if (fabs(fact.furthest) <= 0.5 * margin && sized) {
            tally->same++;
            tally->same_found += same;
        }
        if (ratio && claim->effect.n > 1) {
            tally->differences++;
            tally->differences_covered +=
                log(claim->effect.lower) <= fact.effect + tiny && log(claim->effect.upper) >= fact.effect - tiny;
        }
    }
    tally->wrong += wrong;
    tally->unseen += unseen;
}

/* Intervals of means, and of differences: to the largest batch, or to the first method. */
static void judge_intervals(const struct scenario *s, const struct truth *truth, const struct nl_results *results,
                            const struct nl_experiment *experiment, struct tally *tally)
{
    struct nl_metric_column metric = nl_metric_column(results, s->loss ? "test_loss" : "test_error");
    int last = s->points - 1;
    for (int m = 0; m < methods_of(s); m++)
        for (int p = 0; p < s->points; p++) {
            const struct nl_cell *cell = &results->cell[m * s->points + p];
            const struct nl_cell *minus = &results->cell[last > 0 ? m * s->points + last : 0];
            double mean = s->values == LEARNED ? NAN : truth->mean[m][p]; /* of trained classifiers it is not known */
            double difference = truth->mean[m][p] - (last > 0 ? truth->mean[m][last] : truth->mean[0][0]);
            struct nl_estimate of = nl_cell_mean(results, experiment, cell, &metric);
            if (of.n > 1 && !isnan(mean)) {
                tally->means++;
                tally->means_covered += of.lower <= mean + tiny && of.upper >= mean - tiny;
            }
            if (minus == cell)
                continue;
            of = nl_cell_difference(results, experiment, cell, minus, &metric);
            tally->differences += of.n > 1;
            tally->differences_covered += of.n > 1 && of.lower <= difference + tiny && of.upper >= difference - tiny;
        }
}

static int index_of(const char *raw, const struct scenario *s, int width)
{
    for (int m = 0; m < methods_of(s); m++)
        if (strcmp(kind_names[m % s->kinds], raw) == 0 && width_of(s, m) == width)
            return m;
    ck_abort_msg("no method is %s of width %d", raw, width);
}

/* Whether another normalizer at the same point is not worse by the smallest effect than the one that is marked. */
static bool is_false_mark(const struct scenario *s, const struct truth *truth, int method, int point, double smallest)
{
    bool beaten = false;
    for (int m = 0; m < methods_of(s); m++)
        beaten |= m != method && width_of(s, m) == width_of(s, method) &&
                  truth->mean[m][point] - truth->mean[method][point] < fmax(smallest - tiny, tiny);
    return beaten;
}

static void judge_sheets(const struct scenario *s, const struct truth *truth, const struct nl_results *results,
                         const struct nl_experiment *experiment, struct tally *tally)
{
    struct nl_table grid, summary;
    struct nl_error err;
    bool wrong = false;
    double smallest = nl_rule_for(experiment, s->loss ? "nats" : "points").smallest / (s->loss ? 1.0 : 100.0);
    ck_assert_int_eq(nl_table_grid(results, experiment, NULL, &grid, &err), NL_OK);
    ck_assert_int_eq(nl_table_summary(results, experiment, &summary, &err), NL_OK);
    int marks[2] = {0};
    for (int row = 0; row < grid.rows; row++)
        for (int column = grid.keys; column < grid.columns; column++) {
            if (!nl_table_at(&grid, row, column)->marked)
                continue;
            int p = 0;
            while (s->points > 1 && axis_of(s, p) != atof(nl_table_at(&grid, row, 1)->raw))
                p++;
            wrong |= is_false_mark(
                s, truth, index_of(grid.column[column].name, s, atoi(nl_table_at(&grid, row, 0)->raw)), p, smallest);
            marks[0]++;
        }
    for (int row = 0; row < summary.rows; row++) {
        if (!nl_table_at(&summary, row, summary.keys)->marked)
            continue;
        wrong |= is_false_mark(s, truth, row / s->points, row % s->points, smallest);
        marks[1]++;
    }
    ck_assert_int_eq(marks[0], marks[1]); /* both compare the normalizers at each point */
    tally->marked += wrong;
    nl_table_release(&grid);
    nl_table_release(&summary);
}

/* ---- the way of a sweep ---- */

static bool has_rounds(const struct scenario *s)
{
    return s->first_stage || s->tune_seeds || s->refine > 0.0;
}

/* A sweep as the statistics see it; of one with rounds, its last round that is judged. */
struct played {
    struct nl_experiment experiment;
    struct nl_grid grid; /* with rounds */
    struct plan plan;    /* without */
    struct nl_planned planned;
    struct nl_results results;
};

static int method_of(const struct scenario *s, const struct nl_config *config)
{
    return index_of(nl_norms[config->norm.kind]->name, s, (int)config->model.width);
}

static int point_of(const struct scenario *s, const struct nl_config *config)
{
    int point = 0;
    while (s->points > 1 && !is_rates(s) && axis_of(s, point) != (double)config->train.batch)
        point++;
    return point;
}

static int rate_of(const struct nl_config *config)
{
    return (int)lround((log10(config->train.lr) + 3.0) / 0.5);
}

/* The mean of what the final seeds come to: what no tuning may look at. */
static double peeked(const struct scenario *s, const struct sweep *sweep, int method, int point, int rate)
{
    double sum = 0.0;
    for (int seed = 0; seed < s->seeds; seed++)
        sum += sweep->tuned[method][point][rate][seed];
    return sum / s->seeds;
}

/* What the rate of a point is chosen by. */
static double tuning_score(const struct scenario *s, const struct sweep *sweep, int method, int point, int rate,
                           int seed)
{
    if (!s->peeks)
        return sweep->tuning[method][point][rate][seed];
    return method == 0 ? peeked(s, sweep, method, point, rate) : fabs(rate - s->best[method]);
}

static struct nl_record record_of(const struct scenario *s, const struct sweep *sweep, const struct nl_round *round,
                                  const struct nl_config *config)
{
    int m = method_of(s, config), p = point_of(s, config),
        seed = (int)(config->train.seed - round->experiment.config.train.seed);
    struct run run = {.status = 'd', .loss = NAN};
    if (is_rates(s))
        run = run_at(s, sweep, m, seed, config->train.lr);
    else if (round->kind == NL_ROUND_TUNING)
        run.loss = tuning_score(s, sweep, m, p, rate_of(config), seed);
    else
        run = (struct run){sweep->status[m][p][seed],
                           s->tune_seeds ? sweep->tuned[m][p][rate_of(config)][seed] : sweep->value[m][p][seed], NAN};
    struct nl_record record = {.present = true,
                               .status = run.status == 'd'   ? NL_DONE
                                         : run.status == 'c' ? NL_DEAD
                                                             : NL_DIVERGED,
                               .failed_step = run.status == 'f' ? 12 : -1,
                               .curve = nl_strdup("")};
    for (int part = 0; part < NL_PARTS; part++)
        for (int eval = 0; eval < NL_EVALS; eval++)
            record.score[part][eval] = (struct nl_score){NAN, NAN};
    for (int eval = 0; eval < NL_EVALS && run.status != 'f'; eval++) {
        record.score[NL_PART_VAL][eval].loss = is_rates(s) && !s->by_loss ? NAN : run.loss;
        if (round->kind != NL_ROUND_TUNING)
            record.score[is_rates(s) ? NL_PART_TRAIN : NL_PART_TEST][eval].accuracy =
                is_rates(s) ? run.value : 1.0 - run.value;
    }
    return record;
}

/* The truth of the rates that were chosen. */
static void truth_of_grid(struct scenario *now, const struct nl_grid *grid, struct truth *truth)
{
    const struct scenario asked = *now;
    for (int i = 0; i < grid->trials; i++) {
        const struct nl_config *config = &grid->trial[i].config;
        int m = method_of(now, config), p = point_of(now, config);
        now->change[m][p] = change_at(&asked, m, p, rate_of(config));
    }
    truth_of(now, truth);
}

/* The product decides from round to round; what a round's trials come to has been drawn. now: the scenario as the last
 * round has it. */
static void play_rounds(struct scenario *now, const struct sweep *sweep, const struct nl_experiment *asked,
                        struct truth *truth, struct played *out)
{
    struct nl_round round, next;
    struct nl_diagnostics diagnostics = {0};
    struct nl_error err = {{0}};
    struct nl_csv csv;
    nl_round_first(asked, "out", &round);
    for (bool more = true; more;) {
        int status;
        ck_assert_int_eq(nl_grid_make(&round.experiment, &out->grid, &diagnostics), NL_OK);
        int trials = out->grid.trials;
        struct nl_record *record = nl_alloc((size_t)trials, sizeof *record);
        for (int i = 0; i < trials; i++)
            record[i] = record_of(now, sweep, &round, &out->grid.trial[i].config);
        more = nl_round_next("out", &round, &out->grid, record, &next, &status, &err) &&
               (now->one_for_all || next.kind != NL_ROUND_SAME);
        ck_assert_msg(status == NL_OK, "%s: %s", now->name, err.text);
        out->experiment = round.experiment;
        if (!more) {
            out->planned = nl_grid_planned(&out->grid);
            ck_assert_msg(nl_csv_parse("trials.csv", nl_trials_csv(&out->grid, record), &csv, &err) == NL_OK &&
                              nl_results_of(&csv, &out->experiment, &out->planned, &out->results, &err) == NL_OK,
                          "%s: %s", now->name, err.text);
            now->seeds = out->experiment.seeds;
            if (now->tune_seeds)
                truth_of_grid(now, &out->grid, truth);
        } else
            nl_grid_release(&out->grid);
        nl_records_release(record, trials);
        nl_round_release(&round);
        round = next;
    }
    nl_round_release(&round);
}

static void simulate(const struct scenario *s, const struct nl_experiment *experiment, int sweeps, struct tally *tally)
{
    static struct sweep sweep;
    static struct truth truth, conditional;
    memset(&truth, 0, sizeof truth);
    truth_of(s, &truth);
    *tally = (struct tally){.sweeps = sweeps};
    for (int i = 0; i < sweeps; i++) {
        struct draw draw = draw_of(s->name, (uint64_t)i);
        struct nl_kept kept = nl_kept_now();
        struct scenario now = *s;
        struct played played = {.experiment = *experiment};
        struct nl_answer answer;
        draw_sweep(s, &truth, &draw, &sweep, &conditional);
        if (has_rounds(s))
            play_rounds(&now, &sweep, experiment, &conditional, &played);
        else {
            plan_of(s, &played.plan);
            results_of(s, &sweep, experiment, &played.plan, &played.results);
        }
        nl_answer_make(&played.results, &played.experiment, &answer);
        judge_answer(&now, &sweep, &conditional, &played.experiment, &answer, tally);
        if (!is_rates(s))
            judge_intervals(&now, &conditional, &played.results, &played.experiment, tally);
        if (s->tables)
            judge_sheets(&now, &conditional, &played.results, &played.experiment, tally);
        nl_answer_release(&answer);
        nl_results_release(&played.results);
        if (has_rounds(s)) {
            nl_planned_release(&played.planned);
            nl_grid_release(&played.grid);
        } else
            plan_release(&played.plan);
        nl_keep_no_more(kept);
    }
}

/* ---- the table ---- */

static void add_share(struct nl_text *out, double part, double whole)
{
    if (whole > 0.0)
        nl_text_add(out, " %5.1f |", 100.0 * part / whole);
    else
        nl_text_add(out, "     - |");
}

/* Three standard errors of a share p over `sweeps` sweeps. */
static double play(double p, int sweeps)
{
    return 3.0 * sqrt(p * (1.0 - p) / sweeps);
}

/* Its line; what is beyond its bound is added to `misses`. */
static void report(const struct scenario *s, const struct nl_experiment *experiment, const struct tally *t,
                   struct nl_text *misses)
{
    double level = experiment->config.plot.level, nominal = s->wrong_bound > 0.0 ? s->wrong_bound : 1.0 - level;
    double bound = nominal + play(nominal, t->sweeps), covered = s->cover_bound > 0.0 ? s->cover_bound : level,
           cover_bound = covered - play(covered, t->sweeps);
    bool fails = false;
    for (int m = 0; m < METHODS; m++)
        for (int p = 0; p < POINTS; p++)
            fails |= s->fails[m][p] > 0.0;
    struct nl_text line = {0};
    nl_text_add(&line, "| %-74s | %6d |", s->name, t->sweeps);
    add_share(&line, t->wrong, t->sweeps);
    nl_text_add(&line, " %5.1f%s |", 100.0 * bound, s->peeks ? "!" : s->wrong_bound > 0.0 ? "*" : " ");
    add_share(&line, t->unseen, fails ? t->sweeps : 0);
    add_share(&line, t->marked, s->tables ? t->sweeps : 0);
    add_share(&line, t->means_covered, t->means);
    add_share(&line, t->differences_covered, t->differences);
    nl_text_add(&line, " %5.1f%s |", 100.0 * cover_bound, s->cover_bound > 0.0 ? "*" : " ");
    add_share(&line, t->more_found, t->more);
    add_share(&line, t->more_reached, t->more);
    add_share(&line, t->same_found, t->same);
    add_share(&line, t->onsets_found, t->onsets);
    printf("%s\n", line.at);
    fflush(stdout);
    nl_text_release(&line);
    if (s->peeks) {
        if (t->wrong <= bound * t->sweeps)
            nl_text_add(misses, "MISS  %s: a control, and only %d of %d answers are false\n", s->name, t->wrong,
                        t->sweeps);
        return;
    }

    const struct {
        const char *what;
        double part, whole, bound;
        bool below;
    } checks[] = {
        {"false findings", t->wrong, t->sweeps, bound, true},
        {"findings that failures or gaps forbid", t->forbidden, t->sweeps, 0.0, true},
        {"false marks", t->marked, t->sweeps, bound, true},
        {"coverage of means", t->means_covered, t->means, cover_bound, false},
        {"coverage of differences", t->differences_covered, t->differences, cover_bound, false},
    };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        double share = checks[i].whole > 0.0 ? checks[i].part / checks[i].whole : checks[i].bound;
        if (checks[i].below ? share > checks[i].bound : share < checks[i].bound)
            nl_text_add(misses, "MISS  %s: %s %.2f %%, bound %.2f %% (false more %d, less %d, same %d, onsets %d)\n",
                        s->name, checks[i].what, 100.0 * share, 100.0 * checks[i].bound, t->by_finding[NL_FOUND_MORE],
                        t->by_finding[NL_FOUND_LESS], t->by_finding[NL_FOUND_SAME], t->false_onsets);
    }
}

START_TEST(findings_are_true)
{
    const struct scenario *s = &scenarios[_i];
    if (!is_wanted(s->name))
        return;
    struct nl_experiment experiment;
    struct nl_text misses = {0};
    struct tally tally;
    char *folder = scratch_make();
    load(s, "", folder, &experiment);
    double effort = s->effort > 0.0 ? s->effort : 1.0;
    simulate(s, &experiment, (int)(sweeps_of_a_scenario * effort), &tally);
    scratch_remove(folder);
    report(s, &experiment, &tally, &misses);
    ck_assert_msg(!misses.at, "%s", misses.at);
}
END_TEST

int main(int argc, char **argv)
{
    (void)argc;
    sweeps_of_a_scenario = is_long_form() ? 20000 : 200;
    printf("| %-74s | sweeps | false | bound  | literal | marks | means | diff. | bound  | found | reach |  same | "
           "onset |\n",
           "scenario");
    printf("|%.76s|-------:|------:|-------:|--------:|------:|------:|------:|-------:|------:|------:|------:|------:"
           "|\n",
           "----------------------------------------------------------------------------");
    int status = run_scenarios("simulation", findings_are_true, SCENARIOS, argv);
    printf("\nLimits, marked by a star, and controls, marked by !:\n");
    for (int i = 0; i < SCENARIOS; i++)
        if (scenarios[i].why)
            printf("- %s: %s.\n", scenarios[i].name, scenarios[i].why);
    return status;
}
