/* The rounds of a sweep in process: what each is trained and judged on, what it decides, and that its experiment reads
 * back as it was written. The trials' scores are made up, so that the right decision is known. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/npy.h"
#include "base/random.h"
#include "config/search.h"
#include "data/data.h"
#include "norm/norm.h"
#include "scratch.h"
#include "suite.h"
#include "sweep/grid.h"
#include "sweep/rounds.h"

static char *folder;

static void setup(void)
{
    folder = scratch_make();
}

static void teardown(void)
{
    scratch_remove(folder);
}

static struct nl_experiment load(const char *text)
{
    char *path = nl_path_join(folder, "a.yaml");
    struct nl_experiment out;
    struct nl_diagnostics diagnostics = {0};
    ck_assert_int_eq(nl_file_write(path, text, strlen(text), NULL), NL_OK);
    int status = nl_experiment_load(path, NULL, 0, &out, &diagnostics);
    char *said = nl_diagnostics_text(&diagnostics);
    ck_assert_msg(status == NL_OK, "%s", said);
    free(said);
    nl_diagnostics_release(&diagnostics);
    free(path);
    return out;
}

static struct nl_grid grid_of(const struct nl_experiment *experiment)
{
    struct nl_grid grid;
    struct nl_diagnostics diagnostics = {0};
    int status = nl_grid_make(experiment, &grid, &diagnostics);
    char *said = nl_diagnostics_text(&diagnostics);
    ck_assert_msg(status == NL_OK, "%s", said);
    free(said);
    nl_diagnostics_release(&diagnostics);
    return grid;
}

/* What a trial comes to: an error, the same on both parts, or how it failed. */
struct score {
    enum nl_status status;
    double error;
    int steps; /* after which the validation error is at 0.05, evaluated at every tenth of 50; 0: it never is */
};

static char *curve_of(const struct score *score)
{
    struct nl_text out = {0};
    for (int step = 10; step <= 50; step += 10)
        nl_text_add(&out, "%d,1,320,val,running,0.1,1,%g\n", step, score->steps && step >= score->steps ? 0.95 : 0.5);
    return out.at;
}

/* The trials of a round, each as `score` says, and what follows the round. */
static bool next_round(const struct nl_round *round, struct score (*score)(const struct nl_config *),
                       struct nl_round *next)
{
    struct nl_grid grid = grid_of(&round->experiment);
    struct nl_record *record = nl_alloc((size_t)grid.trials, sizeof *record);
    for (int i = 0; i < grid.trials; i++) {
        struct score of = score(&grid.trial[i].config);
        record[i] = (struct nl_record){.present = true,
                                       .status = of.status,
                                       .failed_step = of.status == NL_DIVERGED ? 3 : -1,
                                       .curve = curve_of(&of)};
        for (int part = 0; part < NL_PARTS; part++)
            for (int eval = 0; eval < NL_EVALS; eval++)
                record[i].score[part][eval] = of.status == NL_DIVERGED
                                                  ? (struct nl_score){NAN, NAN}
                                                  : (struct nl_score){3.0 * of.error, 1.0 - of.error};
    }
    int status;
    struct nl_error err = {{0}};
    bool more = nl_round_next("out", round, &grid, record, next, &status, &err);
    ck_assert_msg(status == NL_OK, "%s", err.text);
    nl_records_release(record, grid.trials);
    nl_grid_release(&grid);
    return more;
}

/* ---- parts ---- */

/* bn is best at 0.1, the others at 1: the first round decides so, and that they do not agree. */
static struct score best_rates(const struct nl_config *config)
{
    double best = config->norm.kind == 0 ? 0.1 : 1.0;
    return (struct score){NL_DONE, 0.1 + 0.1 * fabs(log(config->train.lr / best)), 0};
}

/* How often each sample of the data set is in a part of a trial. */
struct parts {
    int count;
    char *in_test, *in_others; /* [count] */
    int trials, tests;         /* of them with a test part */
};

static void add_parts(struct parts *parts, const struct nl_dataset *set, const struct nl_grid *grid)
{
    for (int t = 0; t < grid->trials; t++) {
        struct nl_split view;
        struct nl_error err = {{0}};
        ck_assert_msg(nl_split_make(set, &grid->trial[t].config, &view, &err) == NL_OK, "%s", err.text);
        for (int i = 0; i < view.test_count; i++) {
            parts->in_test[view.test[i]] = 1;
            ck_assert_int_le(view.test_count, 60);
        }
        for (int i = 0; i < view.train_count + view.val_count; i++)
            parts->in_others[i < view.train_count ? view.train[i] : view.val[i - view.train_count]] = 1;
        parts->trials++;
        parts->tests += view.test_count > 0;
        ck_assert_int_eq(view.val_count, 40);
        nl_split_release(&view);
    }
}

static void write_arrays(void)
{
    enum { SAMPLES = 300, SIDE = 4 };
    for (int part = 0; part < 2; part++) {
        size_t shape[] = {part ? 100 : 200, SIDE, SIDE, 1};
        float x[SAMPLES * SIDE * SIDE];
        int32_t y[SAMPLES];
        for (size_t i = 0; i < shape[0] * SIDE * SIDE; i++)
            x[i] = (float)(i % 7);
        for (size_t i = 0; i < shape[0]; i++)
            y[i] = (int32_t)(i % 3);
        char *images = nl_format("%s/%s_x.npy", folder, part ? "test" : "train"),
             *labels = nl_format("%s/%s_y.npy", folder, part ? "test" : "train");
        struct nl_error err = {{0}};
        ck_assert_msg(nl_npy_write(images, NL_F32, 4, shape, x, &err) == NL_OK &&
                          nl_npy_write(labels, NL_I32, 1, shape, y, &err) == NL_OK,
                      "%s", err.text);
        free(images);
        free(labels);
    }
}

static const struct {
    const char *data;
    int test; /* samples of it in the end: all final trials have the same */
} sources[] = {
    {"name: digits, val: 40, test: 60", 60},
    {"name: digits, val: 40, test: 60, split_seed: 3", 60},
    {"name: digits, val: 40, test: 60, test_seed: 5", 60},
    {"name: synth, train: 200, val: 40, test: 60", 60},
    {"name: npy, classes: 3, val: 40, test: 60, train_images: train_x.npy, train_labels: train_y.npy, test_images: "
     "test_x.npy, test_labels: test_y.npy",
     60},
};

START_TEST(the_test_part_is_kept_from_all_that_is_chosen_by)
{
    write_arrays();
    char *text =
        nl_format("data: {%s, dir: %s}\nsweep:\n  grid: {norm.kind: [bn, ln], train.batch: [8, 4]}\n  seeds: 5\n"
                  "  tune: {train.lr: [0.01, 0.1, 1, 10], seeds: 4}\n",
                  sources[_i].data, folder);
    struct nl_experiment asked = load(text);
    struct nl_round round, next;
    struct nl_error err = {{0}};
    struct nl_dataset *set = nl_dataset_open(&asked.config, &err);
    ck_assert_msg(set != NULL, "%s", err.text);
    struct parts of[2] = {{.count = set->count}, {.count = set->count}};
    for (int i = 0; i < 2; i++) {
        of[i].in_test = nl_alloc((size_t)set->count, 1);
        of[i].in_others = nl_alloc((size_t)set->count, 1);
    }
    int kinds[3] = {0};
    int64_t tuning_first = INT64_MAX, final_last = 0;
    nl_round_first(&asked, "out", &round);
    for (bool more = true; more;) {
        struct nl_grid grid = grid_of(&round.experiment);
        add_parts(&of[round.kind != NL_ROUND_TUNING], set, &grid);
        for (int t = 0; t < grid.trials; t++) {
            int64_t seed = grid.trial[t].config.train.seed;
            if (round.kind == NL_ROUND_TUNING)
                tuning_first = seed < tuning_first ? seed : tuning_first;
            else
                final_last = seed > final_last ? seed : final_last;
        }
        nl_grid_release(&grid);
        kinds[round.kind]++;
        more = next_round(&round, best_rates, &next);
        nl_round_release(&round);
        round = next;
    }
    nl_round_release(&round);
    ck_assert(kinds[NL_ROUND_TUNING] == 1 && kinds[NL_ROUND_GRID] == 1 && kinds[NL_ROUND_SAME] == 1);
    ck_assert_int_eq(of[0].trials, 2 * 2 * 4 * 4);
    ck_assert_int_eq(of[1].trials, 2 * 2 * 2 * 5);
    ck_assert_int_eq(of[0].tests, 0);
    ck_assert_int_eq(of[1].tests, of[1].trials);
    int test = 0, trained = 0;
    for (int i = 0; i < set->count; i++) {
        ck_assert_int_eq(of[0].in_test[i], 0);
        ck_assert(!of[1].in_test[i] || (!of[0].in_others[i] && !of[1].in_others[i]));
        test += of[1].in_test[i];
        trained += of[0].in_others[i];
    }
    ck_assert_int_eq(test, sources[_i].test); /* so many in each trial, and in all together */
    ck_assert_int_gt(trained, 100);
    ck_assert_int_gt(tuning_first, final_last);
    for (int i = 0; i < 2; i++) {
        free(of[i].in_test);
        free(of[i].in_others);
    }
    nl_dataset_free(set);
    free(text);
}
END_TEST

/* Without data.test_seed nothing says so in the identity of a trial, and the parts are those of one permutation, as
 * ever. */
START_TEST(a_split_without_test_seed_is_as_it_was)
{
    struct nl_config config;
    nl_config_defaults(&config);
    char *identity = nl_config_identity_text(&config);
    ck_assert_ptr_null(strstr(identity, "test_seed"));
    free(identity);
    struct nl_error err = {{0}};
    struct nl_dataset *set = nl_dataset_open(&config, &err);
    int32_t *order = nl_alloc((size_t)set->count, sizeof *order);
    for (int seed = 1; seed <= 3; seed++) {
        struct nl_split view;
        config.train.seed = seed;
        ck_assert_int_eq(nl_split_make(set, &config, &view, &err), NL_OK);
        nl_stream_permutation(nl_stream((uint64_t)seed, "split"), 0, order, set->count);
        ck_assert_mem_eq(view.train, order, (size_t)view.train_count * sizeof *order);
        ck_assert_mem_eq(view.test, order + view.train_count, (size_t)view.test_count * sizeof *order);
        nl_split_release(&view);
    }
    config.data.test_seed = 1;
    identity = nl_config_identity_text(&config);
    ck_assert_ptr_nonnull(strstr(identity, "test_seed: 1"));
    free(identity);
    free(order);
    nl_dataset_free(set);
}
END_TEST

/* ---- what is decided ---- */

#define TUNED "data: {val: 64}\nsweep:\n  grid: {norm.kind: [bn, ln]}\n  seeds: 2\n"

/* ln fails with every rate, in one of two seeds at 10 and in both elsewhere; bn in one at 1, where it is best
 * otherwise. */
static struct score fewest_fail(const struct nl_config *config)
{
    bool first = config->train.seed % 2;
    if (config->norm.kind != 0)
        return (struct score){config->train.lr < 10.0 || first ? NL_DIVERGED : NL_DONE, 0.5, 0};
    return (struct score){config->train.lr == 1.0 && first ? NL_DEAD : NL_DONE,
                          config->train.lr == 1.0   ? 0.01
                          : config->train.lr == 0.1 ? 0.2
                                                    : 0.3,
                          0};
}

static void decides(const char *text, struct score (*score)(const struct nl_config *), const char *decided,
                    const char *fields)
{
    struct nl_experiment asked = load(text);
    struct nl_round round, next;
    nl_round_first(&asked, "out", &round);
    ck_assert(next_round(&round, score, &next));
    ck_assert_str_eq(next.decided.at, decided);
    char *written = nl_experiment_text(&next.experiment, false), *chosen = strstr(written, fields);
    ck_assert_msg(chosen != NULL, "no '%s' in\n%s", fields, written);
    struct nl_experiment again = load(written);
    char *twice = nl_experiment_text(&again, false);
    ck_assert_str_eq(written, twice);
    free(written);
    free(twice);
    nl_round_release(&round);
    nl_round_release(&next);
}

START_TEST(fewest_failures_count_before_the_score)
{
    decides(TUNED "  tune: {train.lr: [0.01, 0.1, 1, 10], on: val_error, seeds: 2}\n", fewest_fail,
            "chosen by val_error over 2 seeds, without the test part:\n"
            "  norm.kind: bn, train.lr: 0.1\n"
            "  norm.kind: ln, train.lr: 10; 1 of 2 runs failed with it, and no fewer with any other value; at the edge "
            "of the values of train.lr: a better one may lie beyond (extend: 2 in sweep.tune looks there)\n"
            "for all together: train.lr: 10\n",
            "  chosen:\n    - {norm.kind: bn, train.lr: 0.1}\n    - {norm.kind: ln, train.lr: 10}\n  same: {train.lr: "
            "10}\n");
}
END_TEST

/* Of bn 0.1 and 1 have the same error with every seed. */
static struct score two_are_best(const struct nl_config *config)
{
    double off = config->norm.kind == 0 && config->train.lr == 1.0 ? 0.0 : fabs(log10(config->train.lr / 0.1));
    return (struct score){NL_DONE, 0.1 + 0.1 * off + 0.01 * (double)(config->train.seed % 2), 0};
}

START_TEST(a_choice_between_equals_is_said)
{
    decides(TUNED "  tune: {train.lr: [0.01, 0.1, 1, 10], on: val_error, seeds: 2}\n", two_are_best,
            "chosen by val_error over 2 seeds, without the test part:\n"
            "  norm.kind: bn, train.lr: 0.1; 1 other choice is as good, and the first was taken\n"
            "  norm.kind: ln, train.lr: 0.1\n",
            "  chosen:\n    - {norm.kind: bn, train.lr: 0.1}\n    - {norm.kind: ln, train.lr: 0.1}\n");
}
END_TEST

/* bn is there after 30 steps at 0.1, after 20 at 1, and at 10 in one of two seeds after 10; ln never is at 0.1, and after
 * 50 at 1. */
static struct score arrives(const struct nl_config *config)
{
    double rate = config->train.lr;
    bool first = config->train.seed % 2;
    if (config->norm.kind != 0)
        return (struct score){NL_DONE, 0.1, rate == 1.0 ? 50 : 0};
    return (struct score){NL_DONE, 0.1, rate == 0.1 ? 30 : rate == 1.0 ? 20 : rate == 10.0 && first ? 10 : 0};
}

START_TEST(fewest_steps_to_the_target_are_chosen)
{
    decides("data: {val: 64}\nplot: {metric: test_error, target: 5}\nsweep:\n  grid: {norm.kind: [bn, ln]}\n  seeds: "
            "2\n  tune: {train.lr: [0.01, 0.1, 1, 10, 100], by: steps, seeds: 2}\n",
            arrives,
            "chosen by the steps until val_error is at plot.target over 2 seeds, without the test part:\n"
            "  norm.kind: bn, train.lr: 1\n"
            "  norm.kind: ln, train.lr: 1\n",
            "  tune: {train.lr: [0.01, 0.1, 1, 10, 100], by: steps, seeds: 2}\n");
}
END_TEST

/* ---- search ---- */

/* The best rate of bn is 0.03, of ln 30; that of momentum 0. */
static struct score rates_apart(const struct nl_config *config)
{
    double best = config->norm.kind == 0 ? 0.03 : 30.0;
    return (struct score){NL_DONE, 0.1 + 0.01 * fabs(log(config->train.lr / best)) + 1e-4 * config->train.momentum, 0};
}

/* The rounds of a tuned sweep up to its grid: what each decided, one after another, and the grid's experiment. */
static char *decided_until_grid(const struct nl_experiment *asked, struct nl_experiment *grid, int *tunings)
{
    struct nl_round round, next;
    struct nl_text decided = {0};
    nl_round_first(asked, "out", &round);
    for (*tunings = 0; round.kind == NL_ROUND_TUNING; (*tunings)++) {
        ck_assert_str_eq(round.folder, "out/tuning");
        ck_assert(next_round(&round, rates_apart, &next));
        nl_text_add(&decided, "%s", next.decided.at);
        nl_round_release(&round);
        round = next;
    }
    *grid = round.experiment;
    nl_round_release(&round);
    return decided.at;
}

/* The values beyond either edge are the same for both methods, and no more than two extensions follow each other. */
START_TEST(values_are_extended_beyond_the_edges_for_all_alike)
{
    struct nl_experiment asked = load(TUNED "  tune: {train.lr: [0.1, 1], by: val_error, seeds: 2, extend: 2}\n"), grid;
    int tunings;
    char *decided = decided_until_grid(&asked, &grid, &tunings);
    ck_assert_int_eq(tunings, 3);
    ck_assert_str_eq(decided,
                     "train.lr is searched in [0.1, 1, 0.01, 10] now, for all alike: the best value lies at the lower "
                     "edge for {norm.kind: bn}, and at the upper edge for {norm.kind: ln}\n"
                     "train.lr is searched in [0.1, 1, 0.01, 10, 0.001, 100] now, for all alike: the best value lies "
                     "at the lower edge for {norm.kind: bn}, and at the upper edge for {norm.kind: ln}\n"
                     "chosen by val_error over 2 seeds, without the test part:\n"
                     "  norm.kind: bn, train.lr: 0.01\n"
                     "  norm.kind: ln, train.lr: 10\n"
                     "for all together: train.lr: 0.1\n");
    free(decided);
}
END_TEST

/* What a key does not allow is not tried, and the choice says that it lies at an edge. */
START_TEST(a_key_ends_where_it_ends)
{
    struct nl_experiment asked = load(TUNED "  tune: {train.momentum: [0, 0.5], by: val_error, seeds: 2, extend: 2}\n"),
                         grid;
    int tunings;
    char *decided = decided_until_grid(&asked, &grid, &tunings);
    ck_assert_int_eq(tunings, 1);
    ck_assert_ptr_nonnull(
        strstr(decided, "at the edge of the values of train.momentum: a better one may lie beyond\n"));
    free(decided);
}
END_TEST

/* Every trial of an extension repeats one of the first trials with another value of the key, and each method is trained
 * with all of them. */
START_TEST(trials_are_extended_beyond_the_edges)
{
    struct nl_experiment asked = load(TUNED "  tune: {train.lr: 0.1000000001:1:log, train.momentum: 0.1:0.9:uniform, by: "
                                            "val_error, trials: 8, seeds: 2, extend: 1}\n"),
                         grid;
    int tunings;
    char *decided = decided_until_grid(&asked, &grid, &tunings);
    const struct nl_rounds *rounds = &grid.rounds;
    ck_assert_int_eq(tunings, 2);
    ck_assert_int_eq(rounds->extended, 1);
    char *space = nl_search_space_yaml(rounds, 0, NL_SHOWN);
    ck_assert_str_eq(space, "[0.1000000001:1:log, 0.0316228:0.1000000001:log, 1:3.16228:log]");
    free(space);
    char *written = nl_experiment_text(&grid, false);
    load(written); /* and is read again */
    free(written);
    ck_assert_int_eq(nl_search_combinations(rounds), 3 * 8); /* momentum cannot go below 0 by half of its interval */
    for (int trial = 8; trial < 24; trial++) {
        double rate = nl_double_read(nl_search_value(rounds, trial, 0), NULL),
               first = nl_double_read(nl_search_value(rounds, trial % 8, 0), NULL);
        ck_assert_str_eq(nl_search_value(rounds, trial, 1), nl_search_value(rounds, trial % 8, 1));
        double place = log10(first / 0.1), extended = (log10(rate / (trial < 16 ? 0.0316228 : 1.0))) / 0.5;
        ck_assert_msg(fabs(place - extended) < 1e-4, "trial %d: %g and %g", trial, place, extended);
    }
    free(decided);
}
END_TEST

/* Of three values that eight points are dealt to, equal pairs are trained once. */
START_TEST(equal_trials_are_one)
{
    struct nl_experiment asked = load(TUNED "  tune: {train.momentum: [0, 0.9], train.weight_decay: [0, 1e-4], "
                                            "train.batch: [16, 32, 64], trials: 11, seeds: 1}\n");
    const struct nl_rounds *rounds = &asked.rounds;
    int trials = nl_search_combinations(rounds);
    ck_assert(trials > 6 && trials < 11);
    for (int a = 0; a < trials; a++)
        for (int b = 0; b < a; b++) {
            bool same = true;
            for (int i = 0; i < 3; i++)
                same &= strcmp(nl_search_value(rounds, a, i), nl_search_value(rounds, b, i)) == 0;
            ck_assert(!same);
        }
}
END_TEST

/* norm.groups means nothing to bn and ln. */
static struct score best_groups(const struct nl_config *config)
{
    return (struct score){
        NL_DONE, strcmp(nl_norms[config->norm.kind]->name, "gn") == 0 ? 0.1 * (double)config->norm.groups : 0.1, 0};
}

START_TEST(a_key_that_does_not_apply_is_not_in_the_way)
{
    decides("data: {val: 64}\nsweep:\n  grid: {norm.kind: [bn, gn]}\n  tune: {norm.groups: [8, 4, 2, 1], on: "
            "val_accuracy, seeds: 1}\n",
            best_groups,
            "chosen by val_accuracy over 1 seed, without the test part:\n"
            "  norm.kind: bn, norm.groups: 8\n"
            "  norm.kind: gn, norm.groups: 1; at the edge of the values of norm.groups: a better one may lie beyond "
            "(extend: 2 in sweep.tune looks there)\n"
            "for all together: norm.groups: 1\n",
            "norm.groups: 1}");
}
END_TEST

/* The largest usable rate of bn is 2 and of ln 0.4, the same for all seeds. */
static struct score usable(const struct nl_config *config)
{
    return config->train.lr > (config->norm.kind == 0 ? 2.0 : 0.4) ? (struct score){NL_DIVERGED, 0.0, 0}
                                                                   : (struct score){NL_DONE, 0.05, 0};
}

START_TEST(rates_are_refined_until_the_largest_usable_one_is_known)
{
    struct nl_experiment asked = load(
        "sweep: {grid: {norm.kind: [bn, ln], train.lr: [0.1, 1]}, seeds: 3, refine: 1.2, baseline: {norm.kind: ln}}\n");
    struct nl_round round, next;
    int rounds = 1, added;
    nl_round_first(&asked, "out", &round);
    while (next_round(&round, usable, &next)) {
        nl_round_release(&round);
        round = next;
        ck_assert_int_lt(rounds++, 12);
    }
    struct nl_grid grid = grid_of(&round.experiment);
    double low[2] = {0.0, 0.0}, high[2] = {INFINITY, INFINITY};
    for (added = 0; added < grid.trials; added++) {
        const struct nl_config *config = &grid.trial[added].config;
        int ln = config->norm.kind != 0;
        double limit = ln ? 0.4 : 2.0;
        if (config->train.lr <= limit)
            low[ln] = fmax(low[ln], config->train.lr);
        else
            high[ln] = fmin(high[ln], config->train.lr);
        if (added > 0 && grid.trial[added - 1].config.norm.kind == config->norm.kind)
            ck_assert(grid.trial[added - 1].config.train.lr <= config->train.lr);
    }
    for (int ln = 0; ln < 2; ln++)
        ck_assert_msg(high[ln] / low[ln] <= 1.2 * (1.0 + 1e-9), "between %g and %g", low[ln], high[ln]);
    nl_grid_release(&grid);
    nl_round_release(&round);
    nl_round_release(&next);
}
END_TEST

/* ---- text ---- */

static const char *const texts[] = {
    TUNED "  tune: {train.lr: 1e-3:1:log, train.momentum: 0:0.9:uniform, norm.eps: [1e-5, 1e-3], trials: 12}\n",
    TUNED "  tune: {train.lr: [1e-3:1:log, 1:30:log], train.batch: 4:64, trials: 9, extend: 2, extended: 1}\n",
    TUNED "  tune: {train.lr: 1e-3:1:log:4, train.momentum: [0, 0.9]}\n",
    TUNED "  tune: {train.lr: [0.1, 1], on: val_accuracy, seeds: 7}\n  chosen:\n  - {norm.kind: bn, train.lr: 0.1}\n  "
          "- {norm.kind: ln, train.lr: 1}\n  same: {train.lr: 1}\n",
    "sweep: {grid: {norm.kind: [bn, ln], train.lr: [0.1, 1]}, refine: 1.05, points: [{norm.kind: bn, train.lr: [0.3, "
    "0.5]}, {train.lr: 3}]}\n",
    "sweep: {grid: {norm.kind: [bn, ln]}, seeds: 9, until: {half_width: 0.25, max_seeds: 30, first_seeds: 5}}\n",
    "data: {test: 0, test_seed: 4}\n",
};

/* The least and the largest of the numbers to choose from, in whatever order they stand; a better one may lie
 * beyond. */
START_TEST(edges_are_the_least_and_the_largest_number)
{
    static const struct {
        const char *key, *values, *edges, *inside;
    } axes[] = {
        {"train.lr", "0.1 0.01 1 0.3", "0.01 1", "0.1 0.3"},
        {"train.lr", "1 0.3 0.1 0.01", "0.01 1", "0.1 0.3"},
        {"train.weight_decay", "0 1e-4 1e-2", "0 1e-2", "1e-4"},
        {"norm.groups", "8 2 4", "2 8", "4"},
        {"train.lr", "0.1", "", "0.1"},        /* nothing was chosen */
        {"norm.kind", "bn gn ln", "", "bn gn ln"}, /* words have no order */
    };
    for (size_t i = 0; i < sizeof axes / sizeof *axes; i++) {
        char *value[8][1], **points[8], *copy = nl_strdup(axes[i].values);
        struct nl_axis axis = {.keys = 1, .key = {nl_key_named(axes[i].key)}, .text = points};
        const struct nl_rounds rounds = {.tunes = 1, .tune = &axis};
        for (char *rest = copy, *word; (word = strsep(&rest, " ")); axis.points++) {
            value[axis.points][0] = word;
            points[axis.points] = value[axis.points];
        }
        for (int inside = 0; inside < 2; inside++) {
            char *asked = nl_strdup(inside ? axes[i].inside : axes[i].edges);
            for (char *rest = asked, *word; (word = strsep(&rest, " "));)
                ck_assert_msg(!*word || (nl_search_edge(&rounds, 0, word) != 0) == !inside, "%s of %s: %s", axes[i].key,
                              axes[i].values, word);
            free(asked);
        }
        free(copy);
    }
}
END_TEST

START_TEST(text_reads_back)
{
    struct nl_experiment experiment = load(texts[_i]);
    char *once = nl_experiment_text(&experiment, false);
    struct nl_experiment again = load(once);
    char *twice = nl_experiment_text(&again, false);
    ck_assert_str_eq(once, twice);
    struct nl_grid grid = grid_of(&experiment), same = grid_of(&again);
    ck_assert_int_eq(grid.trials, same.trials);
    for (int i = 0; i < grid.trials; i++)
        ck_assert_str_eq(grid.trial[i].identity, same.trial[i].identity);
    nl_grid_release(&grid);
    nl_grid_release(&same);
    free(once);
    free(twice);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rounds");
    TCase *tests = tcase_create("rounds");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, the_test_part_is_kept_from_all_that_is_chosen_by, 0,
                        (int)(sizeof sources / sizeof *sources));
    tcase_add_test(tests, a_split_without_test_seed_is_as_it_was);
    tcase_add_test(tests, fewest_failures_count_before_the_score);
    tcase_add_test(tests, a_choice_between_equals_is_said);
    tcase_add_test(tests, fewest_steps_to_the_target_are_chosen);
    tcase_add_test(tests, values_are_extended_beyond_the_edges_for_all_alike);
    tcase_add_test(tests, a_key_ends_where_it_ends);
    tcase_add_test(tests, trials_are_extended_beyond_the_edges);
    tcase_add_test(tests, equal_trials_are_one);
    tcase_add_test(tests, a_key_that_does_not_apply_is_not_in_the_way);
    tcase_add_test(tests, rates_are_refined_until_the_largest_usable_one_is_known);
    tcase_add_test(tests, edges_are_the_least_and_the_largest_number);
    tcase_add_loop_test(tests, text_reads_back, 0, (int)(sizeof texts / sizeof *texts));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
