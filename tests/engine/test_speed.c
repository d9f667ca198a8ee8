/* Updates to a target (stats/steps.h) and the question of speed, on made runs whose truth is known. P-values are those
 * of scipy.stats.binomtest(k, n).pvalue, and ends of intervals the order statistics that scipy.stats.quantile_test(x,
 * p=0.5).confidence_interval gives. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/random.h"
#include "scratch.h"
#include "stats/answer.h"
#include "stats/steps.h"
#include "suite.h"
#include "sweep/grid.h"

enum { GIVEN = 880, EVERY = 10 /* updates between evaluations */, MOST_SEEDS = 16 };

/* When a run gets to the target: at this update or a little before; INFINITY: never. Negative: it diverges at that
 * update, before it is there. */
struct made_runs {
    int seeds;
    double bn[MOST_SEEDS], none[MOST_SEEDS];
};

static void add_curve(struct nl_text *curves, int trial, const char *kind, int seed, double reaches)
{
    double last = reaches < 0.0 ? -reaches : GIVEN;
    for (int step = EVERY; step <= last; step += EVERY) {
        bool there = reaches > 0.0 && step >= reaches;
        nl_text_add(curves, "%d,%s,%d,%d,0.5,64,train,,0.1,0.1,1\n", trial, kind, seed,
                    step); /* on the way: no evaluation */
        nl_text_add(curves, "%d,%s,%d,%d,0.5,64,test,running,0.1,%s\n", trial, kind, seed, step,
                    there ? "0.3,0.9" : "2,0.5");
    }
}

static const char yaml[] =
    "data: {test_seed: 1}\nmodel: {depth: 1}\ntrain: {batch: 64, epochs: 40}\n" /* 22 updates an epoch */
    "sweep: {grid: {norm.kind: [bn, none]}, seeds: %d, baseline: {norm.kind: none}, question: speed}\n"
    "plot: {metric: test_accuracy, target: 90}\n";

struct made {
    char *folder;
    struct nl_experiment experiment;
    struct nl_grid grid;
    struct nl_planned planned;
    struct nl_results results;
};

static void write_file(const char *folder, const char *name, struct nl_text *text)
{
    char *path = nl_path_join(folder, name);
    FILE *file = fopen(path, "w"); /* nl_file_write waits for the disk */
    ck_assert(file && fwrite(text->at, 1, text->length, file) == text->length && fclose(file) == 0);
    free(path);
    nl_text_release(text);
}

static void make(struct made *out, const struct made_runs *runs)
{
    struct nl_text file = {0}, trials = {0}, curves = {0};
    struct nl_diagnostics diagnostics = {0};
    struct nl_error err = {{0}};
    *out = (struct made){.folder = scratch_make()};
    nl_text_add(&file, yaml, runs->seeds);
    nl_text_add(&trials, "trial,norm.kind,train.seed,status,failed_step,steps,classes,train_samples,val_samples,test_"
                         "samples,test_overlap,train_accuracy,test_accuracy\n");
    nl_text_add(&curves, "trial,norm.kind,train.seed,step,epoch,samples,split,eval,lr,loss,accuracy\n");
    for (int method = 0, trial = 1; method < 2; method++)
        for (int seed = 0; seed < runs->seeds; seed++, trial++) {
            const char *kind = method ? "none" : "bn";
            double reaches = (method ? runs->none : runs->bn)[seed];
            nl_text_add(&trials, "%d,%s,%d,%s,%s,%g,10,1408,0,389,1,1,%s\n", trial, kind, seed + 1,
                        reaches < 0 ? "diverged" : "done", reaches < 0 ? "30" : "", reaches < 0 ? -reaches : GIVEN,
                        reaches < 0 ? "" : "0.9");
            add_curve(&curves, trial, kind, seed + 1, reaches);
        }
    write_file(out->folder, "experiment.yaml", &file);
    write_file(out->folder, "trials.csv", &trials);
    write_file(out->folder, "curves.csv", &curves);
    char *path = nl_path_join(out->folder, "experiment.yaml");
    ck_assert_int_eq(nl_experiment_load(path, NULL, 0, &out->experiment, &diagnostics), NL_OK);
    ck_assert_int_eq(nl_grid_make(&out->experiment, &out->grid, &diagnostics), NL_OK);
    out->planned = nl_grid_planned(&out->grid);
    ck_assert_msg(nl_results_load(out->folder, &out->experiment, &out->planned, &out->results, &err) == NL_OK, "%s",
                  err.text);
    free(path);
}

static void made_release(struct made *made)
{
    nl_results_release(&made->results);
    nl_planned_release(&made->planned);
    nl_grid_release(&made->grid);
    scratch_remove(made->folder);
}

/* The claim that BN needs fewer updates than no normalizer. */
static struct nl_claim ask(const struct made_runs *runs, struct nl_answer *answer)
{
    struct made made;
    make(&made, runs);
    nl_answer_make(&made.results, &made.experiment, answer);
    made_release(&made);
    ck_assert_int_eq(answer->claims, 1);
    return answer->claim[0];
}

static void expect(double found, double expected)
{
    ck_assert_msg(found == expected || fabs(found - expected) <= 1e-9 * fabs(expected), "%.17g, expected %.17g", found,
                  expected);
}

START_TEST(a_run_is_there_at_an_evaluation_and_after_the_one_before)
{
    const struct made_runs runs = {.seeds = 4, .bn = {10, 95, INFINITY, -300}, .none = {100, 100, 100, 100}};
    struct made made;
    struct nl_curves curves;
    struct nl_error err;
    make(&made, &runs);
    ck_assert_int_eq(nl_curves_load(&made.results, "curves.csv", &curves, &err), NL_OK);
    const struct nl_steps expected[] = {
        {0, 10}, {90, 100}, {GIVEN, INFINITY}, {GIVEN, INFINITY}}; /* a diverged run had GIVEN, whatever its last one */
    for (int seed = 0; seed < 4; seed++) {
        struct nl_steps steps =
            nl_steps_to(&curves, &made.results, &made.experiment, &made.results.cell[0], seed, "test_accuracy", 0.9);
        expect(steps.low, expected[seed].low);
        expect(steps.high, expected[seed].high);
        steps = nl_steps_to(&curves, &made.results, &made.experiment, &made.results.cell[0], seed, "test_error", 0.1);
        expect(steps.low, expected[seed].low);
        steps = nl_steps_to(&curves, &made.results, &made.experiment, &made.results.cell[0], seed, "test_loss", 0.5);
        expect(steps.high, expected[seed].high);
    }
    struct nl_steps other =
        nl_steps_to(&curves, &made.results, &made.experiment, &made.results.cell[0], 0, "test_accuracy_batch", 0.9);
    ck_assert(isinf(other.high)); /* it was not evaluated so */
    nl_curves_release(&curves);
    made_release(&made);
}
END_TEST

START_TEST(the_sign_test_judges)
{
    /* 8 of 8 seeds: p = 2 / 2^8, and of 8 values the second and the seventh hold the median at 95 % (coverage 0.9297 is
     * too little): the first and the last. */
    const struct made_runs runs = {.seeds = 8,
                                   .bn = {100, 100, 100, 100, 100, 100, 100, 100},
                                   .none = {300, 310, 320, 330, 340, 350, 360, 370}};
    struct nl_answer answer;
    struct nl_claim claim = ask(&runs, &answer);
    expect(nl_claim_decides(&claim)->p, 0.0078125);
    ck_assert_int_eq(claim.finding, NL_FOUND_MORE);
    ck_assert_int_eq(claim.verdict, NL_SUPPORTED);
    expect(claim.effect.lower, 290.0 / 100.0);
    expect(claim.effect.upper, 370.0 / 90.0);
    ck_assert(claim.effect.mean > 3.0 && claim.effect.mean < 3.8);
    nl_answer_release(&answer);

    /* one seed is slower: binomtest(7, 8) is 0.0703 */
    struct made_runs one = runs;
    one.none[0] = 50;
    claim = ask(&one, &answer);
    expect(nl_claim_decides(&claim)->p, 0.0703125);
    ck_assert_int_eq(claim.finding, NL_FOUND_NOTHING);
    nl_answer_release(&answer);

    /* one seed is there between the same evaluations with both: it says nothing, binomtest(7, 7) */
    one.none[0] = 100;
    claim = ask(&one, &answer);
    expect(nl_claim_decides(&claim)->p, 0.015625);
    nl_answer_release(&answer);
}
END_TEST

START_TEST(censored_runs_are_bounds)
{
    const struct made_runs runs = {.seeds = 8,
                                   .bn = {100, 100, 100, 100, 100, 100, 100, 100},
                                   .none = {INFINITY, INFINITY, INFINITY, INFINITY, INFINITY, -200, -20, 400}};
    struct nl_answer answer;
    struct nl_claim claim = ask(&runs, &answer);
    expect(claim.effect.mean, (double)GIVEN / 100.0); /* at least: those that never were there had 880 */
    ck_assert(isinf(claim.effect.upper));
    expect(claim.effect.lower, 390.0 / 100.0);
    ck_assert_int_eq(claim.finding, NL_FOUND_MORE);
    ck_assert_ptr_nonnull(strstr(answer.evidence.at, "needs at least 8.8x as many (95 % CI from 3.9 up)"));
    ck_assert_ptr_nonnull(
        strstr(answer.evidence.at, "no norm: more than 880 updates (median; 1 of 8 runs reached the target)"));
    nl_answer_release(&answer);

    const struct made_runs neither = {.seeds = 6,
                                      .bn = {INFINITY, INFINITY, INFINITY, INFINITY, 100, 100},
                                      .none = {INFINITY, INFINITY, INFINITY, INFINITY, INFINITY, 200}};
    claim = ask(&neither, &answer);
    ck_assert_int_eq(claim.finding, NL_FOUND_NOTHING);
    ck_assert_ptr_nonnull(claim.obstacle);
    ck_assert_ptr_nonnull(strstr(answer.headline.at, "In no cell did more than half of the runs reach"));
    nl_answer_release(&answer);
}
END_TEST

START_TEST(a_ratio_that_is_known_from_one_side_is_said_to_be_a_bound)
{
    /* bn got there once: no norm needs 100 updates, of the 880 and more that bn needs */
    const struct made_runs slower = {.seeds = 8,
                                     .bn = {INFINITY, INFINITY, INFINITY, INFINITY, INFINITY, INFINITY, INFINITY, 100},
                                     .none = {100, 100, 100, 100, 100, 100, 100, 100}};
    struct nl_answer answer;
    struct nl_claim claim = ask(&slower, &answer);
    expect(claim.effect.mean, 100.0 / GIVEN);
    ck_assert_int_eq(claim.finding, NL_FOUND_LESS);
    ck_assert_msg(strstr(answer.evidence.at, "no norm needs at most 0.114x"), "%s", answer.evidence.at);
    nl_answer_release(&answer);

    /* most were there at the first evaluation: the median of the ratios is open to both sides */
    const struct made_runs at_once = {.seeds = 8, .bn = {5, 5, 5, 5, 5, 5, 5, 15}, .none = {5, 5, 5, 5, 5, 5, 5, 5}};
    claim = ask(&at_once, &answer);
    ck_assert(isnan(claim.effect.mean));
    ck_assert_int_eq(claim.finding, NL_FOUND_NOTHING);
    ck_assert_msg(strstr(answer.evidence.at, "its ratio to no norm is unknown"), "%s", answer.evidence.at);
    ck_assert_ptr_null(strstr(answer.evidence.at, "inf"));
    nl_answer_release(&answer);
}
END_TEST

/* Of runs that all meet the target at their first evaluation, none is the first; nor of a target that guessing
 * meets. */
START_TEST(a_target_that_orders_nothing_is_said)
{
    const struct made_runs at_once = {.seeds = 8, .bn = {5, 5, 5, 5, 5, 5, 5, 5}, .none = {5, 5, 5, 5, 5, 5, 5, 5}},
                           later = {.seeds = 8,
                                    .bn = {100, 100, 100, 100, 100, 100, 100, 100},
                                    .none = {300, 300, 300, 300, 300, 300, 300, 300}};
    static const struct {
        const char *metric; /* as plot.metric */
        double target;
        const char *says;
    } by_chance[] = {{"test_accuracy", 5, "a test accuracy of 5.00 % is no better than chance (10.0 %)"},
                     {"test_error", 90, "a test error of 90.0 % is no better than chance (90.0 %)"},
                     {"test_loss", 2.5, "a test loss of 2.500 is no better than chance (2.303)"}};
    struct nl_answer answer;
    struct made made;
    make(&made, &at_once);
    nl_answer_make(&made.results, &made.experiment, &answer);
    ck_assert_ptr_nonnull(
        strstr(answer.headline.at,
               "Speed cannot be judged: every run reached a test accuracy of 90.0 % by its first evaluation"));
    ck_assert_int_eq(answer.claims, 0);
    ck_assert_ptr_null(strstr(answer.headline.at, "BN"));
    nl_answer_release(&answer);
    made_release(&made);
    for (size_t i = 0; i < sizeof by_chance / sizeof *by_chance; i++) {
        make(&made, &later);
        made.experiment.config.plot.target = by_chance[i].target;
        nl_key_set(nl_key_find("plot.metric"), &made.experiment.config, by_chance[i].metric, NULL);
        nl_answer_make(&made.results, &made.experiment, &answer);
        ck_assert_msg(strstr(answer.headline.at, by_chance[i].says) != NULL, "%s", answer.headline.at);
        ck_assert_int_eq(answer.claims, 0);
        nl_answer_release(&answer);
        made_release(&made);
    }
}
END_TEST

START_TEST(five_pairs_find_nothing)
{
    const struct made_runs runs = {.seeds = 5, .bn = {100, 100, 100, 100, 100}, .none = {500, 500, 500, 500, 500}};
    struct nl_answer answer;
    struct nl_claim claim = ask(&runs, &answer);
    expect(nl_claim_decides(&claim)->p, 0.0625);
    ck_assert_int_eq(claim.finding, NL_FOUND_NOTHING);
    ck_assert_ptr_nonnull(claim.obstacle);
    nl_answer_release(&answer);
}
END_TEST

/* Methods whose updates have one distribution, and ratios of just what counts as the same: at most one answer in twenty
 * finds what is false. */
START_TEST(false_findings_are_rare)
{
    enum { SWEEPS = 400 };
    static const double medians[] = {1.0, 2.0, 2.2};
    double median = medians[_i];
    struct nl_stream stream = nl_stream((uint64_t)_i, "test_speed");
    int wrong = 0;
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        struct made_runs runs = {.seeds = 10};
        struct nl_answer answer;
        for (int seed = 0; seed < runs.seeds; seed++)
            for (int method = 0; method < 2; method++) {
                double normal = nl_stream_normal(stream, (uint64_t)sweep, (uint64_t)(2 * seed + method));
                double needed = 150.0 * (method ? median : 1.0) * exp(0.6 * normal);
                (method ? runs.none : runs.bn)[seed] =
                    needed > GIVEN ? (normal > 2.5 ? -40.0 : INFINITY) : ceil(needed);
            }
        struct nl_claim claim = ask(&runs, &answer);
        wrong += (claim.finding == NL_FOUND_MORE && median <= 1.0) || claim.finding == NL_FOUND_LESS ||
                 (claim.finding == NL_FOUND_SAME && median >= 2.0);
        nl_answer_release(&answer);
    }
    double allowed = 0.05 * SWEEPS + 3.0 * sqrt(0.05 * 0.95 * SWEEPS);
    ck_assert_msg(wrong <= allowed, "ratio %g: %d of %d answers are false, allowed %g", median, wrong, SWEEPS, allowed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("speed");
    TCase *cases = tcase_create("speed");
    tcase_add_test(cases, a_run_is_there_at_an_evaluation_and_after_the_one_before);
    tcase_add_test(cases, the_sign_test_judges);
    tcase_add_test(cases, censored_runs_are_bounds);
    tcase_add_test(cases, a_ratio_that_is_known_from_one_side_is_said_to_be_a_bound);
    tcase_add_test(cases, a_target_that_orders_nothing_is_said);
    tcase_add_test(cases, five_pairs_find_nothing);
    tcase_add_loop_test(cases, false_findings_are_rare, 0, 3);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
