/* Interquartile means and profiles over tasks, and the expected best of k values, simulated: how often an interval holds what is true,
 * and how often a difference is found that is none. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "stats/estimate.h"
#include "suite.h"

enum { MOST_TASKS = 12, MOST_RUNS = 20 };

static const struct scenario {
    const char *name;
    int tasks, runs;
    double spread, wider; /* of runs; and so many times as large in the last task */
    double apart;         /* how far the tasks' means are apart */
    bool skewed;          /* scores near their ceiling, with a tail below */
} scenarios[] = {
    {"2 tasks of 5 runs", 2, 5, 0.02, 1, 0.3, false},
    {"3 tasks of 5 runs", 3, 5, 0.02, 1, 0.1, false},
    {"5 tasks of 5 runs, one five times as wide", 5, 5, 0.02, 5, 0.05, false},
    {"8 tasks of 8 runs, close together", 8, 8, 0.05, 2, 0.01, false},
    {"8 tasks of 5 runs, far apart", 8, 5, 0.01, 1, 0.1, false},
    {"12 tasks of 3 runs", 12, 3, 0.03, 1, 0.02, false},
    {"4 tasks of 20 runs, skewed", 4, 20, 0.05, 1, 0.05, true},
    {"6 tasks of 5 runs, skewed", 6, 5, 0.05, 2, 0.05, true},
};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

static double draw_score(const struct scenario *s, struct nl_stream stream, uint64_t row, int task, int run)
{
    double z = nl_stream_normal(stream, row, (uint64_t)(task * MOST_RUNS + run));
    double spread = s->spread * (task == s->tasks - 1 ? s->wider : 1.0);
    return 0.9 - s->apart * task - spread * (s->skewed ? exp(0.7 * z) : z);
}

/* Two methods of the same distributions, whose runs of a seed have a part in common. */
static void draw(const struct scenario *s, struct nl_stream stream, int sweep, double *a, double *b)
{
    for (int task = 0; task < s->tasks; task++)
        for (int run = 0; run < s->runs; run++) {
            int at = task * s->runs + run;
            double common = 0.5 * draw_score(s, stream, 3 * (uint64_t)sweep, task, run);
            a[at] = common + 0.5 * draw_score(s, stream, 3 * (uint64_t)sweep + 1, task, run);
            b[at] = common + 0.5 * draw_score(s, stream, 3 * (uint64_t)sweep + 2, task, run);
        }
}

START_TEST(intervals_hold_what_is_true)
{
    const struct scenario *s = &scenarios[_i];
    int sweeps = is_long_form() ? 20000 : 2000;
    double a[MOST_TASKS * MOST_RUNS], b[MOST_TASKS * MOST_RUNS], floor[MOST_TASKS] = {0}, truth = 0.0;
    struct nl_stream stream = nl_stream(11, "tasks");
    struct nl_estimate *alone = nl_alloc((size_t)sweeps, sizeof *alone);
    int found = 0, held = 0;
    for (int sweep = 0; sweep < sweeps; sweep++) {
        draw(s, stream, sweep, a, b);
        alone[sweep] = nl_interquartile_mean(a, NULL, s->tasks, s->runs, floor, 0.0, 0.95);
        struct nl_estimate difference = nl_interquartile_mean(a, b, s->tasks, s->runs, floor, 0.0, 0.95);
        found += nl_difference_p(&difference) < 0.05;
        truth += alone[sweep].mean / sweeps;
    }
    for (int sweep = 0; sweep < sweeps; sweep++)
        held += alone[sweep].lower <= truth && truth <= alone[sweep].upper;
    free(alone);
    double error = 3.0 * sqrt(0.05 * 0.95 / sweeps), false_share = (double)found / sweeps,
           cover = (double)held / sweeps;
    printf("| %-42s | %6d | %5.1f | %5.1f |\n", s->name, sweeps, 100.0 * false_share, 100.0 * cover);
    ck_assert_msg(false_share <= 0.05 + error, "%s: %.4f of differences are found that are none", s->name, false_share);
    ck_assert_msg(cover >= 0.95 - error, "%s: %.4f of intervals hold the truth", s->name, cover);
}
END_TEST

/* ---- performance profiles ---- */

/* How often the bands of a profile hold the true share, at a score that half of the runs of the task in the middle reach,
 * and at one that nearly all or nearly none of them reach. There few runs often lie all on one side, and the percentile
 * bootstrap of such a task is empty. The bounds are a little below what was measured. */
START_TEST(bands_of_profiles_hold_the_share)
{
    static const struct {
        double z, least, least_of_few; /* of 8 runs or more, and of fewer */
    } places[] = {{0.0, 0.91, 0.82}, {-1.2816, 0.91, 0.36}};
    const struct scenario *s = &scenarios[_i];
    int sweeps = is_long_form() ? 20000 : 2000;
    double a[MOST_TASKS * MOST_RUNS], b[MOST_TASKS * MOST_RUNS];
    struct nl_stream stream = nl_stream(13, "profiles");
    if (_i == 0)
        printf("| profiles                                   | sweeps |  half |  tail |\n");
    printf("| %-42s | %6d |", s->name, sweeps);
    for (int place = 0; place < 2; place++) {
        int reached[MOST_TASKS] = {0}, runs[MOST_TASKS], held = 0;
        struct nl_stratified_share *band = nl_alloc((size_t)sweeps, sizeof *band);
        double z = places[place].z, truth = 0.0,
               from = 0.9 - s->apart * (s->tasks / 2) - s->spread * (s->skewed ? exp(0.7 * z) : M_SQRT1_2 * z);
        for (int sweep = 0; sweep < sweeps; sweep++) {
            draw(s, stream, sweep, a, b);
            for (int task = 0; task < s->tasks; task++) {
                reached[task] = 0;
                runs[task] = s->runs;
                for (int run = 0; run < s->runs; run++)
                    reached[task] += a[task * s->runs + run] >= from;
            }
            band[sweep] = nl_stratified_share(reached, runs, s->tasks, 0.95);
            truth += band[sweep].share / sweeps;
        }
        for (int sweep = 0; sweep < sweeps; sweep++)
            held += band[sweep].lower <= truth && truth <= band[sweep].upper;
        free(band);
        printf(" %5.1f |%s", 100.0 * held / sweeps, place ? "\n" : "");
        double least = s->runs >= 8 ? places[place].least : places[place].least_of_few;
        ck_assert_msg((double)held / sweeps >= least, "%s: %d of %d", s->name, held, sweeps);
    }
}
END_TEST

/* ---- the best of k ---- */

enum { RATES = 7, SEEDS = 5 };

static const struct search {
    const char *name;
    int k;
    double valley, spread,
        agrees; /* of the scores over the rates; over seeds; how far test and validation go together */
} searches[] = {{"best of 1 of 7, 5 seeds", 1, 0.05, 0.01, 0.5},
                {"best of 2 of 7, 5 seeds", 2, 0.05, 0.01, 0.5},
                {"best of 4 of 7, little difference, 5 seeds", 4, 0.001, 0.02, 0.2},
                {"best of 7 of 7, 5 seeds", 7, 0.02, 0.02, 0.8}};
enum { SEARCHES = sizeof searches / sizeof *searches };

/* The test score of the expected best, by validation, of a seed. */
static double draw_best(const struct search *s, struct nl_stream stream, uint64_t row)
{
    double val[RATES], test[RATES], ordered[RATES];
    for (int i = 0; i < RATES; i++) {
        double truth = s->valley * (i - 3) * (i - 3), common = nl_stream_normal(stream, row, (uint64_t)(3 * i));
        val[i] = truth + s->spread * (s->agrees * common + nl_stream_normal(stream, row, (uint64_t)(3 * i + 1)));
        test[i] = truth + s->spread * (s->agrees * common + nl_stream_normal(stream, row, (uint64_t)(3 * i + 2)));
    }
    for (int i = 0; i < RATES; i++) {
        int better = 0;
        for (int k = 0; k < RATES; k++)
            better += val[k] < val[i];
        ordered[better] = test[i];
    }
    return nl_expected_first(ordered, RATES, s->k);
}

START_TEST(bands_of_the_best_hold_what_is_true)
{
    const struct search *s = &searches[_i];
    int sweeps = is_long_form() ? 20000 : 2000, held = 0;
    struct nl_stream stream = nl_stream(12, "best");
    struct nl_estimate *estimate = nl_alloc((size_t)sweeps, sizeof *estimate);
    double truth = 0.0, values[SEEDS];
    for (int sweep = 0; sweep < sweeps; sweep++) {
        for (int i = 0; i < SEEDS; i++)
            values[i] = draw_best(s, stream, (uint64_t)(sweep * SEEDS + i));
        estimate[sweep] = nl_estimate(values, SEEDS, NL_SCALE_REAL, &(struct nl_sampling){0}, NL_INTERVAL_T, 0.95);
        truth += estimate[sweep].mean / sweeps;
    }
    for (int sweep = 0; sweep < sweeps; sweep++)
        held += estimate[sweep].lower <= truth && truth <= estimate[sweep].upper;
    free(estimate);
    printf("| %-42s | %6d |     - | %5.1f |\n", s->name, sweeps, 100.0 * held / sweeps);
    ck_assert_msg((double)held / sweeps >= 0.95 - 3.0 * sqrt(0.05 * 0.95 / sweeps), "%s: %d of %d", s->name, held,
                  sweeps);
}
END_TEST

int main(void)
{
    printf("| scenario                                   | sweeps | false | means |\n");
    fflush(stdout);
    Suite *suite = suite_create("tasks");
    TCase *tests = tcase_create("simulated");
    tcase_set_timeout(tests, 0);
    tcase_add_loop_test(tests, intervals_hold_what_is_true, 0, SCENARIOS);
    tcase_add_loop_test(tests, bands_of_the_best_hold_what_is_true, 0, SEARCHES);
    tcase_add_loop_test(tests, bands_of_profiles_hold_the_share, 0, SCENARIOS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
