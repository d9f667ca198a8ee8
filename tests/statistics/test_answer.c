/* Answers to made results: sentences that a hostile referee and a new user found false are not said, and what the data
 * carry is. */
#include <check.h>

#include "made.h"
#include "stats/table.h"
#include "suite.h"

static const struct nl_claim *claim_of(const struct made *made, const char *method, const char *against)
{
    for (int i = 0; i < made->answer.claims; i++) {
        const struct nl_claim *claim = &made->answer.claim[i];
        if (strcmp(claim->method, method) == 0 &&
            (against ? claim->against && strcmp(claim->against, against) == 0 : !claim->against))
            return claim;
    }
    ck_abort_msg("no claim of %s in:\n%s", method, made->text);
    return NULL;
}

static const char batches[] = "train: {lr: 0.1}\nsweep:\n  grid: {norm.kind: [bn, gn, none], train.batch: [64, 16, 4, "
                              "2]}\n  seeds: 8\n  baseline: {norm.kind: none}\n"
                              "  question: small_batch\nplot: {protocol: made up}\n";
static const char rates[] = "sweep:\n  grid: {norm.kind: [none, bn, gn], train.lr: [0.01, 0.0316, 0.1, 0.316, 1, "
                            "3.16]}\n  seeds: 8\n  baseline: {norm.kind: none}\n"
                            "  question: lr_tolerance\n";

/* bn loses 5 points at 4 and 20 at 2. */
static double textbook(const char *kind, double x, int seed)
{
    double loss = strcmp(kind, "bn") != 0 ? 0.0 : x == 2 ? 0.2 : x == 4 ? 0.05 : 0.0;
    return 0.05 + loss + noise(kind, x, seed);
}

START_TEST(small_batch_is_answered)
{
    struct made made;
    make(&made, &(struct design){batches, textbook, 0.2165, 389, NULL}, NULL);
    const struct nl_claim *bn = claim_of(&made, "BN", NULL), *gn = claim_of(&made, "GN", NULL),
                          *more = claim_of(&made, "BN", "GN");
    ck_assert_msg(strncmp(made.text, "As the batch size falls from 64 to 2, the test error worsens with BN (by ", 73) ==
                      0,
                  "%s", made.text);
    holds(&made, "and stays flat with GN and no norm.\n");
    ck_assert_int_eq(bn->verdict, NL_SUPPORTED);
    ck_assert_int_eq(bn->finding, NL_FOUND_MORE);
    ck_assert_int_eq(gn->finding, NL_FOUND_SAME);
    ck_assert_int_eq(more->verdict, NL_SUPPORTED);
    ck_assert(bn->effect.lower > 0.15 && bn->effect.lower < bn->effect.mean && bn->effect.mean < bn->effect.upper);
    ck_assert_int_eq(bn->effect.n, 8);
    ck_assert_int_eq(bn->doses, 3);
    holds(&made, "8 pairs: supported.\n    Degradation of at least 2 points is found at 4 and below; at 4: +");
    holds(&made, "p is that of the paired t test, times the 5 comparisons (Bonferroni); it is significant below 0.05");
    holds(&made, "Each seed splits the data anew and shares 22 % of its test part with another seed, so intervals are "
                 "those of the corrected resampled t");
    holds(&made, "No number of seeds makes them narrower than 1.03 standard deviations to each side");
    holds(&made, "Failed runs: none of 96.\n");
    holds(&made, "Protocol: made up\n");
    lacks(&made, "INCOMPLETE");
    release(&made);

    /* one part for all: no correction, and the sentence is about that part, with what another one could change */
    make(&made, &(struct design){batches, textbook, 1, 389, NULL}, NULL);
    holds(&made, "and stays flat with GN and no norm, on this test part.\n");
    holds(&made, "All seeds share one test part: findings hold for that part");
    holds(&made, " on this test part; another one could shift it by ");
    ck_assert(claim_of(&made, "BN", NULL)->other_part > 0.03);
    release(&made);
}
END_TEST

static double hump(const char *kind, double x, int seed)
{
    return 0.05 + (x == 4 ? 0.06 : 0.0) + noise(kind, x, seed);
}

START_TEST(flat_means_everywhere)
{
    struct made made;
    make(&made, &(struct design){batches, hump, 0, 389, NULL}, NULL);
    lacks(&made, "stays flat");
    holds(&made, "; the largest change is at 4: +6");
    ck_assert_int_eq(claim_of(&made, "GN", NULL)->finding, NL_FOUND_NOTHING);
    release(&made);
}
END_TEST

/* no norm fails at 64 in 7 of 8 runs, and nowhere else. */
static double fails_at_large(const char *kind, double x, int seed)
{
    if (strcmp(kind, "none") == 0 && x == 64 && seed > 1)
        return NAN;
    return textbook(kind, x, seed);
}

static double fails_at_small(const char *kind, double x, int seed)
{
    if (strcmp(kind, "gn") == 0 && x == 2 && seed <= 3)
        return NAN;
    if (strcmp(kind, "bn") == 0 && x == 2)
        return NAN;
    return textbook(kind, x, seed);
}

START_TEST(failures_are_neither_improvement_nor_flatness)
{
    struct made made;
    make(&made, &(struct design){batches, fails_at_large, 0.2165, 389, NULL}, NULL);
    const struct nl_claim *none = claim_of(&made, "no norm", NULL);
    lacks(&made, "improves");
    ck_assert_int_eq(none->verdict, NL_INCONCLUSIVE);
    ck_assert_int_eq(none->failed[1], 7);
    ck_assert_int_eq(none->effect.n, 8); /* diverged runs are pairs, at chance */
    ck_assert(none->effect.lower >= -1.0 && none->effect.upper <= 1.0);
    holds(&made,
          "  no norm: inconclusive: 7 of 8 runs failed at the largest batch size.\n"); /* and no number that looks like
                                                                                          an improvement */
    holds(&made, "  Whether BN degrades more than no norm cannot be said: 7 of 8 runs of no norm failed at the largest "
                 "batch size.\n");
    holds(&made, "Failed runs: 7 of 96 (7 diverged, 0 at chance, 0 ended with an error). A diverged run counts at "
                 "chance, 90 %.");
    ck_assert_int_eq(claim_of(&made, "BN", "no norm")->verdict, NL_INCONCLUSIVE);
    release(&made);

    make(&made, &(struct design){batches, fails_at_small, 0.2165, 389, NULL}, NULL);
    holds(&made, "worsens with BN (by 8"); /* all at chance: from 5 to 90 % */
    ck_assert_int_eq(claim_of(&made, "GN", NULL)->finding, NL_FOUND_NOTHING);
    lacks(&made, "flat with GN");
    release(&made);

    /* a loss has no chance level: nothing is said of a method with failures */
    make(&made, &(struct design){batches, fails_at_small, 0.2165, 389, NULL},
         (const char *[]){"plot.metric=test_loss", NULL});
    holds(&made, "of its runs failed, and failed runs have no loss to compare");
    ck_assert_int_eq(claim_of(&made, "BN", NULL)->verdict, NL_INCONCLUSIVE);
    ck_assert_int_eq(claim_of(&made, "BN", "GN")->verdict, NL_INCONCLUSIVE); /* nor of what is compared with it */
    ck_assert_ptr_nonnull(strstr(claim_of(&made, "BN", "GN")->obstacle, "failed runs have no loss to compare"));
    release(&made);
}
END_TEST

static double without_spread(const char *kind, double x, int seed)
{
    (void)seed;
    return strcmp(kind, "bn") == 0 && x == 2 ? 0.3 : strcmp(kind, "bn") == 0 ? 0.05 : 0.02;
}

START_TEST(no_spread_is_no_certainty)
{
    struct made made;
    make(&made, &(struct design){batches, without_spread, 0.2165, 389, NULL}, NULL);
    const struct nl_claim *bn = claim_of(&made, "BN", NULL), *gn = claim_of(&made, "GN", NULL);
    ck_assert(gn->effect.mean == 0.0 && gn->effect.lower < 0.0 && gn->effect.upper > 0.0);
    ck_assert(bn->effect.lower < bn->effect.mean - 0.01);
    ck_assert(nl_claim_decides(bn)->p > 0.0 && nl_claim_decides(gn)->p > 0.0);
    release(&made);

    /* two seeds: an interval, and no verdict however equal they are */
    make(&made, &(struct design){batches, without_spread, 0.2165, 389, NULL}, (const char *[]){"sweep.seeds=2", NULL});
    for (int i = 0; i < made.answer.claims; i++)
        ck_assert_int_eq(made.answer.claim[i].verdict, NL_INCONCLUSIVE);
    holds(&made, "a verdict needs 5 pairs");
    lacks(&made, "p < 0.001");
    release(&made);
    make(&made, &(struct design){batches, textbook, 0.2165, 389, NULL}, (const char *[]){"sweep.seeds=1", NULL});
    holds(&made, "one seed: no interval");
    release(&made);
}
END_TEST

static double saturated(const char *kind, double x, int seed)
{
    return strcmp(kind, "bn") == 0 ? textbook(kind, x, seed) : 0.0;
}

START_TEST(saturation_is_said)
{
    struct made made;
    make(&made, &(struct design){batches, saturated, 0.2165, 389, NULL}, NULL);
    holds(&made, "GN: inconclusive: saturated (32 of 32 runs at 0 %)");
    holds(&made, "shows no conclusive change with GN");
    lacks(&made, "flat with GN");
    release(&made);
}
END_TEST

static double part_missing(const char *kind, double x, int seed)
{
    if ((strcmp(kind, "bn") == 0 && x == 2) || (strcmp(kind, "gn") == 0 && x == 4 && seed > 6))
        return -1.0;
    return textbook(kind, x, seed);
}

START_TEST(what_is_missing_comes_first_and_is_not_judged)
{
    struct made made;
    make(&made, &(struct design){batches, part_missing, 0.2165, 389, NULL}, NULL);
    ck_assert_msg(strncmp(made.text, "INCOMPLETE: trials missing: 10 of 96. Claims that need them are not judged.\n",
                          strlen("INCOMPLETE: trials missing: 10 of 96. Claims that need them are not judged.\n")) == 0,
                  "%s", made.text);
    holds(&made, "missing: norm.kind=bn train.batch=2 (8 of 8); norm.kind=gn train.batch=4 (2 of 8)\n");
    ck_assert_int_eq(claim_of(&made, "BN", NULL)->verdict, NL_INCONCLUSIVE);
    ck_assert_int_eq(claim_of(&made, "GN", NULL)->verdict, NL_INCONCLUSIVE);
    ck_assert_int_eq(claim_of(&made, "BN", "no norm")->verdict, NL_INCONCLUSIVE);
    ck_assert_int_eq(claim_of(&made, "no norm", NULL)->verdict, NL_SUPPORTED);
    struct nl_table table;
    struct nl_error err;
    ck_assert_int_eq(nl_table_grid(&made.results, &made.experiment, NULL, &table, &err), NL_OK);
    ck_assert_ptr_nonnull(strstr(table.caption, "INCOMPLETE: trials missing: 10 of 96."));
    ck_assert_ptr_nonnull(strstr(table.caption, "mean of 0 to 8 seeds"));
    nl_table_release(&table);
    ck_assert(!table.entry && table.columns == 0); /* as before it was filled */
    release(&made);
}
END_TEST

START_TEST(the_exact_test_asks_for_its_pairs)
{
    struct made made;
    const char *const exact[] = {"plot.test=sign_flip", NULL},
                      *const six[] = {"plot.test=sign_flip", "sweep.seeds=6", NULL},
                      *const five[] = {"plot.test=sign_flip", "sweep.seeds=5", NULL};
    make(&made, &(struct design){batches, textbook, 0, 389, NULL}, exact);
    ck_assert_int_eq(claim_of(&made, "BN", NULL)->verdict, NL_SUPPORTED);
    ck_assert(claim_of(&made, "BN", NULL)->test[NL_DIFFERS].p == 2.0 / 256.0);
    release(&made);
    make(&made, &(struct design){batches, textbook, 0, 389, NULL}, six);
    ck_assert_int_eq(claim_of(&made, "BN", NULL)->verdict, NL_INCONCLUSIVE);
    holds(&made, "an exact test among several needs 8 pairs");
    release(&made);
    make(&made, &(struct design){batches, textbook, 0, 389, NULL}, five);
    holds(&made, "a verdict needs 6 pairs");
    release(&made);
}
END_TEST

/* none trains up to 0.1, gn up to 0.316, bn up to 1. */
static double limits(const char *kind, double x, int seed)
{
    double limit = strcmp(kind, "none") == 0 ? 0.1 : strcmp(kind, "gn") == 0 ? 0.316 : 1.0;
    (void)seed;
    return x <= limit ? 0.01 : x > 10 * limit ? NAN : 0.9;
}

START_TEST(rates_are_known_no_finer_than_the_grid)
{
    struct made made;
    make(&made, &(struct design){rates, limits, 0, 389, NULL}, NULL);
    const struct nl_claim *bn = claim_of(&made, "BN", "no norm"), *gn = claim_of(&made, "GN", "no norm");
    ck_assert_msg(strncmp(made.text, "BN tolerates 10x the learning rate of no norm (95 % CI ", 55) == 0, "%s",
                  made.text);
    ck_assert(bn->verdict == NL_INCONCLUSIVE && bn->finding == NL_FOUND_MORE && bn->reach == NL_REACH_OPEN);
    holds(&made, ", perhaps less than 3x");
    ck_assert(bn->effect.mean > 9.9 && bn->effect.mean < 10.1);
    ck_assert(bn->effect.lower < 3.2 && bn->effect.upper > 31.0); /* a step of the grid to each side, at least */
    ck_assert_int_eq(gn->verdict, NL_INCONCLUSIVE); /* one step: the grid cannot tell it from none */
    ck_assert(gn->effect.lower < 1.0);
    holds(&made, "inconclusive for GN");
    holds(&made, "  no norm: 0.1, the baseline.\n");
    holds(&made, "Failed runs at learning rate 1, about 10x the largest usable one of no norm: no norm 8 of 8 (63 to "
                 "100 %); BN 0 of 8 (0 to 37 %), p ");
    holds(&made, "Not judged by validation loss: data.val is 0.\n");
    release(&made);
}
END_TEST

static const char *lacking;

/* With even seeds this kind diverges at every rate, with odd ones at all but the least; the others train up to 0.1. */
static double below_the_grid(const char *kind, double x, int seed)
{
    double limit = strcmp(kind, lacking) != 0 ? 0.1 : seed % 2 ? 0.01 : 0.001;
    return x <= limit ? 0.01 : NAN;
}

/* Such a seed counts as one step below the grid, on either side of a ratio. */
START_TEST(a_rate_below_the_grid_counts_as_one_step_below)
{
    const double ratio = 0.01 / sqrt(0.0316 / 0.01) / 0.1;
    struct made made;
    lacking = "gn";
    make(&made, &(struct design){rates, below_the_grid, 0, 389, NULL}, NULL);
    ck_assert_double_eq_tol(claim_of(&made, "GN", "no norm")->effect.mean, ratio, 1e-9);
    ck_assert_double_eq_tol(claim_of(&made, "BN", "no norm")->effect.mean, 1.0, 1e-9);
    release(&made);
    lacking = "none";
    make(&made, &(struct design){rates, below_the_grid, 0, 389, NULL}, NULL);
    ck_assert_double_eq_tol(claim_of(&made, "GN", "no norm")->effect.mean, 1.0 / ratio, 1e-7);
    release(&made);
}
END_TEST

static double bn_missing(const char *kind, double x, int seed)
{
    return strcmp(kind, "bn") == 0 && x > 0.5 ? -1.0 : limits(kind, x, seed);
}

static double no_limit(const char *kind, double x, int seed)
{
    return strcmp(kind, "bn") == 0 ? 0.01 : limits(kind, x, seed);
}

START_TEST(the_end_of_the_grid_and_what_is_missing_are_no_limit)
{
    struct made made;
    make(&made, &(struct design){rates, bn_missing, 0, 389, NULL}, NULL);
    ck_assert_msg(strncmp(made.text, "INCOMPLETE: trials missing: 16 of 144", 37) == 0, "%s", made.text);
    lacks(&made, "BN tolerates");
    ck_assert_int_eq(claim_of(&made, "BN", "no norm")->verdict, NL_INCONCLUSIVE);
    release(&made);

    make(&made, &(struct design){rates, no_limit, 0, 389, NULL}, NULL);
    const struct nl_claim *bn = claim_of(&made, "BN", "no norm");
    ck_assert(isinf(bn->effect.upper) && bn->effect.lower > 5.0 && bn->effect.lower < 10.1);
    holds(&made, "BN tolerates at least "); /* the lower end of the interval: the whole of it lies beyond */
    holds(&made, "BN: at least 3.16, at least ");
    release(&made);
}
END_TEST

#define REFINED(rates)                                                                                                 \
    "sweep:\n  grid: {norm.kind: [none, bn, gn], train.lr: [" rates                                                    \
    "]}\n  points: [{norm.kind: bn, train.lr: 1}]\n  seeds: 8\n"                                                       \
    "  baseline: {norm.kind: none}\n  question: lr_tolerance\n"

/* Ten times the baseline's rate is 1, which bn alone has. */
START_TEST(failures_are_compared_at_a_rate_that_all_have)
{
    struct made made;
    make(&made, &(struct design){REFINED("0.01, 0.1, 0.7, 9"), limits, 0, 389, NULL}, NULL);
    holds(&made, "Failed runs at learning rate 0.7, about 10x the largest usable one of no norm: no norm 8 of 8 (63 to "
                 "100 %); BN 0 of 8 (0 to 37 %), p ");
    holds(&made, "; GN 8 of 8 (");
    release(&made);

    make(&made, &(struct design){REFINED("0.01, 0.1, 9"), limits, 0, 389, NULL}, NULL);
    holds(&made, "Failed runs are not compared: no learning rate near 10x that of no norm was run with every method "
                 "compared with it.\n");
    lacks(&made, "Failed runs at learning rate");
    release(&made);
}
END_TEST

static double ranked(const char *kind, double x, int seed)
{
    return (strcmp(kind, "bn") == 0 ? 0.02 : strcmp(kind, "gn") == 0 ? 0.021 : 0.15) + 0.3 * noise(kind, x, seed);
}

static const char compared[] =
    "train: {lr: 0.1}\nsweep: {grid: {norm.kind: [bn, gn, none]}, seeds: 8}\nplot: {metric: test_error}\n";

START_TEST(cells_are_compared_by_one_rule)
{
    struct made made;
    make(&made, &(struct design){compared, ranked, 0.2165, 389, NULL}, NULL);
    holds(&made, "Of 3 paired comparisons, 2 show a difference of at least 2 points, 1 shows none within 1.5 points, 0 "
                 "are inconclusive.\n");
    holds(&made, "times the 3 comparisons (Bonferroni)");
    lacks(&made, "told apart");
    ck_assert_int_eq(made.answer.tests, 3);
    release(&made);

    make(&made, &(struct design){compared, ranked, 0.2165, 389, NULL},
         (const char *[]){"sweep.baseline=norm.kind=none", NULL});
    holds(&made, "Of 2 paired comparisons with the baseline, 2 show a difference");
    holds(&made, "; against no norm -1");
    release(&made);

    make(&made, &(struct design){compared, ranked, 0.2165, 389, NULL}, (const char *[]){"sweep.seeds=1", NULL});
    holds(&made, "One seed in each cell: the test error has no interval, so cells are not ranked");
    ck_assert_int_eq(made.answer.claims, 0);
    release(&made);
}
END_TEST

/* Means near 0 and 100 %. */
static double extreme(const char *kind, double x, int seed)
{
    return strcmp(kind, "bn") == 0   ? (seed == 1 ? 0.08 : 0.0)
           : strcmp(kind, "gn") == 0 ? (seed % 2 ? 0.6 : 0.02)
                                     : 0.84 + 0.0 * x;
}

START_TEST(intervals_of_shares_stay_shares)
{
    struct made made;
    make(&made, &(struct design){compared, extreme, 0.2165, 389, NULL}, (const char *[]){"sweep.seeds=3", NULL});
    struct nl_table table;
    struct nl_error err;
    int estimates = 0;
    ck_assert_int_eq(nl_table_summary(&made.results, &made.experiment, &table, &err), NL_OK);
    for (int row = 0; row < table.rows; row++) {
        const struct nl_entry *entry = nl_table_at(&table, row, 1);
        ck_assert(entry->estimate.lower >= 0.0 && entry->estimate.upper <= 1.0 &&
                  entry->estimate.lower < entry->estimate.upper);
        estimates++;
    }
    ck_assert_int_eq(estimates, 3);
    ck_assert_ptr_nonnull(strstr(table.caption, "CI (t, corrected for overlapping splits)."));
    nl_table_release(&table);
    release(&made);

    make(&made, &(struct design){compared, extreme, 0.2165, 389, NULL},
         (const char *[]){"plot.interval=bootstrap", NULL});
    ck_assert_int_eq(nl_table_summary(&made.results, &made.experiment, &table, &err), NL_OK);
    ck_assert_ptr_nonnull(strstr(table.caption, "CI (percentile bootstrap, which undercovers with so few seeds)"));
    nl_table_release(&table);
    release(&made);
}
END_TEST

/* bn: one of eight seeds ends at 90 % without failing; gn: no seed makes an error; none: every seed makes as many. */
static double one_far_off(const char *kind, double x, int seed)
{
    (void)x;
    return strcmp(kind, "bn") == 0 ? (seed == 3 ? 0.9 : 0.0) : strcmp(kind, "gn") == 0 ? 0.0 : 0.5;
}

START_TEST(the_mean_is_the_mean)
{
    struct made made;
    struct nl_table table;
    struct nl_error err;
    for (int bootstrap = 0; bootstrap < 2; bootstrap++) {
        make(&made, &(struct design){compared, one_far_off, 0, 400, NULL},
             (const char *[]){bootstrap ? "plot.interval=bootstrap" : "plot.interval=t", NULL});
        ck_assert_int_eq(nl_table_summary(&made.results, &made.experiment, &table, &err), NL_OK);
        const struct nl_estimate *bn = &nl_table_at(&table, 0, 1)->estimate, *gn = &nl_table_at(&table, 1, 1)->estimate,
                                 *none = &nl_table_at(&table, 2, 1)->estimate;
        ck_assert(fabs(bn->mean - 0.9 / 8) < 1e-12 && bn->lower == 0.0 && bn->upper > 0.2);
        /* The standard deviation of a count of 400, of (mean 400 + 1/2) of 401, and the t quantile of 7 degrees of
         * freedom. */
        double q = 0.5 / 401, t = 2.3646242515927844;
        ck_assert(gn->mean == 0.0 && gn->lower == 0.0 && fabs(gn->upper - t * sqrt(q * (1 - q) / 400 / 8)) < 1e-12);
        ck_assert(none->mean == 0.5 && fabs(none->upper - 0.5 - t * sqrt(0.25 / 400 / 8)) < 1e-12 &&
                  fabs(none->lower + none->upper - 1.0) < 1e-12);
        nl_table_release(&table);
        release(&made);
    }
}
END_TEST

START_TEST(programs_read_every_number)
{
    struct made made;
    struct nl_text json = {0};
    make(&made, &(struct design){batches, textbook, 1, 389, NULL}, NULL);
    nl_answer_json(&json, &made.answer, 0);
    static const char *const fields[] = {"\"question\": \"small_batch\"",
                                         "\"planned\": 96, \"missing\": 0, \"failed\": 0",
                                         "\"verdict\": \"supported\"",
                                         "\"effect\": ",
                                         "\"unit\": \"points\"",
                                         "\"lower\": ",
                                         "\"p_adjusted\": ",
                                         "\"pairs\": 8",
                                         "\"failures\": [{\"failed\": 0, \"of\": 8}, {\"failed\": 0, \"of\": 8}]",
                                         "\"other_part\": ",
                                         "\"seen_from\": ",
                                         "\"points\": [{\"x\": 2, ",
                                         "\"incomplete\": []",
                                         "\"headline\": [\n"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        ck_assert_msg(strstr(json.at, fields[i]) != NULL, "no '%s' in:\n%s", fields[i], json.at);
    nl_text_release(&json);
    release(&made);
}
END_TEST

START_TEST(references_are_no_evidence)
{
    char *folder = synthetic_make(&(struct synthetic){.kind = "small_batch", .seeds = 8, .ghost = true});
    struct nl_experiment experiment;
    struct nl_results results;
    struct nl_answer answer;
    struct nl_error err = {{0}};
    synthetic_load(folder, NULL, &experiment);
    ck_assert_msg(nl_results_load(folder, &experiment, NULL, &results, &err) == NL_OK, "%s", err.text);
    nl_answer_make(&results, &experiment, &answer);
    char *text = nl_answer_text(&answer, true);
    ck_assert_ptr_nonnull(strstr(
        text, "As the number of samples that share statistics falls from 64 to 2, the test error worsens with BN"));
    ck_assert_ptr_nonnull(
        strstr(text, "LN: a reference with one set of runs, since norm.stat_batch does not apply to it"));
    ck_assert_ptr_null(strstr(text, "flat with"));
    ck_assert_ptr_null(strstr(text, "From 64"));
    ck_assert_ptr_null(strstr(text, "degrades"));
    ck_assert_ptr_nonnull(strstr(text, "BN evaluated with precise statistics: +15"));
    free(text);
    nl_answer_release(&answer);
    nl_results_release(&results);
    synthetic_remove(folder);
}
END_TEST

START_TEST(a_headline_stays_readable)
{
    struct nl_text out = {0};
    const char *plain[] = {"BN", "LN", "GN", "IN", "RMSNorm", "no norm", "more"},
               *with_commas[] = {"BN, depth 1", "LN", "BN, depth 2"};
    nl_say_names(&out, plain, 1, "method");
    nl_text_add(&out, "|");
    nl_say_names(&out, plain, 3, "method");
    nl_text_add(&out, "|");
    nl_say_names(&out, with_commas, 3, "method");
    nl_text_add(&out, "|");
    nl_say_names(&out, plain, 7, "method");
    ck_assert_str_eq(out.at, "BN|BN, LN and GN|BN, depth 1; LN and BN, depth 2|7 methods");
    nl_text_release(&out);
}
END_TEST

#define PAIRED(of_difference, of_smallest, of_sameness)                                                                \
    .test = {{"paired t", of_difference, NAN}, {"paired t", of_smallest, NAN}, {"two one-sided t", of_sameness, NAN}}

START_TEST(one_family_shares_one_error_rate)
{
    struct nl_claim claim[5] = {
        {PAIRED(0.001, 0.004, 1.0), .points = NL_FOUND_MORE, .beyond = true, .expected = NL_FOUND_MORE},
        {PAIRED(0.8, 0.001, 0.012), .points = NL_FOUND_MORE, .expected = NL_FOUND_SAME},
        {PAIRED(0.012, 0.3, 1.0), .points = NL_FOUND_LESS, .beyond = true, .expected = NL_FOUND_MORE},
        {PAIRED(0.012, 0.013, 1.0), .points = NL_FOUND_MORE, .beyond = true, .expected = NL_FOUND_MORE},
        {.expected = NL_FOUND_MORE}};
    ck_assert_int_eq(nl_claims_judge(claim, 5, NL_BONFERRONI, 0.95), 4);
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < NL_ASKED; k++)
            ck_assert(claim[i].test[k].adjusted == fmin(1.0, 4.0 * claim[i].test[k].p));
    ck_assert(claim[0].verdict == NL_SUPPORTED && claim[0].reach == NL_REACH_YES);
    ck_assert(claim[1].verdict == NL_SUPPORTED && claim[1].finding == NL_FOUND_SAME);
    ck_assert(claim[2].verdict == NL_NOT_SUPPORTED && claim[2].reach == NL_REACH_OPEN);
    ck_assert(claim[3].verdict == NL_INCONCLUSIVE && claim[3].finding == NL_FOUND_MORE &&
              claim[3].reach == NL_REACH_OPEN);
    ck_assert(isnan(claim[4].test[NL_DIFFERS].adjusted) && claim[4].verdict == NL_INCONCLUSIVE);
}
END_TEST

START_TEST(parts_that_are_asked_one_thing_are_adjusted_by_holm)
{
    /* statsmodels' multipletests([0.063, 0.278], method="holm") */
    struct nl_claim claim[2] = {{.test[NL_REACHES] = {"paired t", 0.063, NAN}},
                                {.test[NL_AGREES] = {"two one-sided t", 0.278, NAN}}};
    ck_assert_int_eq(nl_claims_judge(claim, 2, NL_HOLM, 0.95), 2);
    ck_assert(claim[0].test[NL_REACHES].adjusted == 0.126 && claim[1].test[NL_AGREES].adjusted == 0.278);
}
END_TEST

/* One claim of eight pairs with this mean and a standard deviation of `sd`, judged alone. */
static struct nl_claim judged(double mean, double sd, const struct nl_rule *rule)
{
    static const double shape[] = {-1.5, -1.0, -0.5, 0.0, 0.0, 0.5, 1.0, 1.5}; /* the sum of squares is 7 */
    double values[8];
    for (int i = 0; i < 8; i++)
        values[i] = mean + sd * shape[i];
    struct nl_claim claim = {
        .scale = 1.0,
        .unit = "points",
        .expected = mean < 0.0 ? NL_FOUND_LESS : NL_FOUND_MORE,
        .rate = NAN,
        .seen_from = NAN,
        .effect = nl_estimate(values, 8, NL_SCALE_REAL, &(struct nl_sampling){0}, NL_INTERVAL_T, rule->level)};
    nl_claim_test(&claim, rule, values, 8, NAN);
    nl_claims_judge(&claim, 1, NL_BONFERRONI, rule->level);
    return claim;
}

/* A finding says what the interval shows: at least 2 points where all of it lies beyond 2, a difference where it leaves
 * out 0. */
START_TEST(finding_and_interval_agree)
{
    const struct nl_rule rules[] = {{2.0, 1.5, 0.95, false}, {0.5, 3.0, 0.9, false}, {0.0, 1.0, 0.95, false}};
    int seen[NL_FOUND_SAME + 1][NL_REACH_NO + 1] = {{0}};
    for (int r = 0; r < 3; r++)
        for (double sd = 0.05; sd < 8.0; sd *= 1.7)
            for (double mean = -9.03; mean < 9.0; mean += 0.37) {
                struct nl_claim claim = judged(mean, sd, &rules[r]);
                double lower = mean < 0.0 ? -claim.effect.upper : claim.effect.lower,
                       upper = mean < 0.0 ? -claim.effect.lower : claim.effect.upper;
                bool more = claim.finding == NL_FOUND_MORE || claim.finding == NL_FOUND_LESS;
                if (lower > rules[r].smallest)
                    ck_assert(more && claim.reach == NL_REACH_YES && claim.verdict == NL_SUPPORTED);
                else if (lower > 0.0 && claim.finding != NL_FOUND_SAME)
                    ck_assert(more && claim.reach == (upper < rules[r].smallest ? NL_REACH_NO : NL_REACH_OPEN) &&
                              claim.verdict != NL_SUPPORTED);
                else
                    ck_assert(!more);
                ck_assert(!more || claim.finding == claim.points);
                ck_assert(claim.finding != NL_FOUND_SAME || fabs(mean) < rules[r].margin);
                seen[claim.finding][more ? claim.reach : 0]++;
            }
    ck_assert(seen[NL_FOUND_MORE][NL_REACH_YES] && seen[NL_FOUND_LESS][NL_REACH_YES] &&
              seen[NL_FOUND_MORE][NL_REACH_OPEN] && seen[NL_FOUND_MORE][NL_REACH_NO] && seen[NL_FOUND_SAME][0] &&
              seen[NL_FOUND_NOTHING][0]);
}
END_TEST

START_TEST(what_is_open_about_a_difference_is_said)
{
    const struct nl_rule rule = {2.0, 1.5, 0.95, false};
    struct nl_text out = {0};
    struct nl_claim claim = judged(7.95, 8.67, &rule); /* 0.7 to 15.2 */
    ck_assert(claim.effect.lower > 0.0 && claim.effect.lower < 2.0 && claim.verdict == NL_INCONCLUSIVE);
    nl_say_proof(&out, &claim, NULL);
    nl_say_reach(&out, &claim);
    ck_assert_str_eq(out.at, ", p = 0.036 (difference), p = 0.093 (at least 2 points), 8 pairs: there is a difference; "
                             "whether it reaches 2 points is open");
    nl_text_release(&out);
    claim = judged(1.0, 1.6, &rule); /* an interval that is open on both sides of 0 names both tests, too */
    nl_say_proof(&out, &claim, NULL);
    ck_assert_str_eq(out.at, ", p = 0.12 (difference), p = 0.20 (equivalence), 8 pairs");
    nl_text_release(&out);
    claim = judged(1.75, 0.1, &rule);
    nl_say_reach(&out, &claim);
    ck_assert_str_eq(out.at, ": there is a difference, of less than 2 points");
    nl_text_release(&out);
    claim = judged(20.0, 1.0, &rule);
    nl_say_reach(&out, &claim);
    ck_assert_int_eq(out.length, 0);
}
END_TEST

static const char observed[] = "log: {layers: [gradients]}\nsweep:\n  grid: {norm.kind: [bn, gn, none]}\n  seeds: 6\n"
                               "  baseline: {norm.kind: bn}\n  question: inside\n";

static double even(const char *kind, double x, int seed)
{
    return 0.05 + noise(kind, x, seed);
}

/* Gradients of gn are twice those of bn, and grow towards the input: 2, 1.5, 1 times; those of none are about as bn's,
 * and it lacks the last. */
static double gradients(const char *kind, int tensor, int step, int seed)
{
    bool gn = strcmp(kind, "gn") == 0, none = strcmp(kind, "none") == 0;
    double own = 0.02 * sin(7.0 * seed + 5.0 * tensor + (double)strlen(kind) + (kind[0] == 'g'));
    if (none && tensor == 3)
        return NAN;
    return (gn ? 2.0 + 0.5 * (3 - tensor) : 1.0) * exp(0.3 * sin(3.0 * seed) + own) * step / 100.0;
}

static double exploding(const char *kind, double x, int seed)
{
    return strcmp(kind, "gn") == 0 && seed == 2 ? NAN : even(kind, x, seed);
}

static double shares(const char *kind, int tensor, int step, int seed)
{
    return 0.2 * tensor + (strcmp(kind, "gn") == 0 ? 0.1 : 0) + 0.002 * sin(7.0 * seed + kind[0]) + 0 * step;
}

static double signs(const char *kind, int tensor, int step, int seed)
{
    return (strcmp(kind, "gn") == 0 ? -1e-3 : 1e-3) * tensor + 1e-5 * sin(7.0 * seed + kind[0]) + 0 * step;
}

static double dead(const char *kind, int tensor, int step, int seed)
{
    return strcmp(kind, "gn") == 0 && seed == 3 && tensor == 2 ? 0 : gradients(kind, tensor, step, seed);
}

/* The claim about a tensor, their mean, or their change. */
static const struct nl_claim *claim_about(const struct made *made, const char *method, const char *of)
{
    for (int i = 0; i < made->answer.claims; i++)
        if (strcmp(made->answer.claim[i].method, method) == 0 && strcmp(made->answer.claim[i].of, of) == 0)
            return &made->answer.claim[i];
    ck_abort_msg("no claim about %s of %s in:\n%s", of, method, made->text);
    return NULL;
}

/* Judged against scipy.stats.ttest_rel of the logarithms, and its confidence_interval, times the 9 comparisons. */
START_TEST(what_is_inside_is_compared)
{
    struct made made;
    make_observed(&made, &(struct design){observed, even, 0.2, 389, NULL}, &(struct observed_design){gradients, "norm"},
                  NULL);
    holds(&made, "Compared: norm of gradients, grad:*.weight (3 tensors), at the last step of each run.\n"
                 "Of 9 paired comparisons with the baseline, 5 show a difference of at least 1.25x, 4 show none within "
                 "1.25x, 0 are inconclusive.\n");
    holds(&made,
          "    against BN, one by one: 3 tensors differ (grad:fc1.weight 2.98x, grad:fc2.weight 2.49x, grad:fc3.weight "
          "2.01x), 0 are the same, 0 are inconclusive.\n");
    holds(&made, "    against BN, from grad:fc1.weight to grad:fc3.weight: ");
    holds(&made, ", times the 9 comparisons (Bonferroni)");
    ck_assert_int_eq(made.answer.tests,
                     9); /* three tensors, their mean and change, and two tensors of none with both */
    const struct nl_claim *first = claim_about(&made, "GN", "grad:fc1.weight"),
                          *mean = claim_about(&made, "GN", "mean over 3 tensors"),
                          *change = claim_about(&made, "no norm", "from grad:fc1.weight to grad:fc2.weight");
    const struct {
        const struct nl_claim *claim;
        double mean, lower, upper, differs, reaches, agrees;
    } scipy[] = {
        {first, 2.98098215853, 2.94265922433, 3.01980418121, 3.54980698924e-10, 1.11273423378e-09, 1},
        {mean, 2.45870552181, 2.44114129216, 2.47639612766, 4.89108332545e-11, 2.03418690711e-10, 1},
        {change, 0.993166068544, 0.959792658528, 1.02769992138, 1, 0.000144117471168, 7.20587355842e-05},
    };
    for (int i = 0; i < 3; i++) {
        const struct nl_claim *claim = scipy[i].claim;
        const double found[] = {claim->effect.mean,
                                claim->effect.lower,
                                claim->effect.upper,
                                claim->test[NL_DIFFERS].adjusted,
                                claim->test[NL_REACHES].adjusted,
                                claim->test[NL_AGREES].adjusted};
        for (int k = 0; k < 6; k++)
            ck_assert_double_eq_tol(found[k], (&scipy[i].mean)[k], 1e-8 * (&scipy[i].mean)[k]);
    }
    ck_assert_int_eq(change->finding, NL_FOUND_SAME);
    ck_assert_str_eq(first->unit, "x");
    release(&made);

    /* a step that the user names; one tensor alone */
    make_observed(&made, &(struct design){observed, even, 0.2, 389, NULL}, &(struct observed_design){gradients, "norm"},
                  (const char *const[]){"plot.step=50", "plot.tensors=grad:fc2.weight", NULL});
    holds(&made, "Compared: norm of gradients, grad:fc2.weight, at step 50.\nOf 2 paired comparisons");
    holds(&made, "  GN: 1.2");
    holds(&made, "\n    against BN: 2.49x (95 % CI ");
    release(&made);

    /* three steps are one family: scipy's p-values, times 27 in place of 9 */
    make_observed(&made, &(struct design){observed, even, 0.2, 389, NULL}, &(struct observed_design){gradients, "norm"},
                  (const char *const[]){"plot.steps=[50,100]", "plot.quantities=[norm]", NULL});
    holds(&made, "at the last step of each run.\nOf 9 paired comparisons");
    holds(&made, "at step 50.\nOf 9 paired comparisons");
    holds(&made, "\n norm of gradients, at step 50:\n  BN: ");
    holds(&made, ", times the 27 comparisons (Bonferroni)"); /* step 100 is asked by its number, too */
    static const char *const when[] = {"at the last step of each run", "at step 50", "at step 100"};
    for (int i = 0; i < 3; i++) {
        char *name = nl_format("grad:fc1.weight, norm %s", when[i]);
        const struct nl_claim *claim = claim_about(&made, "GN", name);
        ck_assert_double_eq_tol(claim->effect.mean, 2.98098215853, 1e-8);
        ck_assert_double_eq_tol(claim->test[NL_DIFFERS].adjusted, 3.0 * 3.54980698924e-10, 1e-16);
        free(name);
    }
    release(&made);

    /* shares in points; what has a sign in a unit of its own */
    make_observed(&made, &(struct design){observed, even, 0.2, 389, NULL}, &(struct observed_design){shares, "zeros"},
                  (const char *const[]){"plot.quantity=zeros", NULL});
    holds(&made, "Compared: zeros of gradients (%), grad:*.weight (3 tensors)");
    holds(&made, "    against BN, mean over 3 tensors: +9.93 points (95 % CI ");
    release(&made);
    make_observed(&made, &(struct design){observed, even, 0.2, 389, NULL}, &(struct observed_design){signs, "mean"},
                  (const char *const[]){"plot.quantity=mean", NULL});
    holds(&made, "show a difference, ");
    lacks(&made, "within 0");
    holds(&made, "    against BN, mean over 3 tensors: -0.004");
    release(&made);
}
END_TEST

/* What has no value is in the way of a finding, and said. */
START_TEST(what_is_not_inside_is_said)
{
    struct made made;
    make_observed(&made, &(struct design){observed, exploding, 0.2, 389, NULL},
                  &(struct observed_design){gradients, "norm"}, NULL);
    holds(&made, "5 pairs; failed runs: 1 of 6 with GN, 0 of 6 with BN: inconclusive, 1 of 6 pairs lack a finite value "
                 "other than 0.\n");
    ck_assert_int_eq(made.answer.tests, 4);
    release(&made);
    make_observed(&made, &(struct design){observed, even, 0.2, 389, NULL}, &(struct observed_design){dead, "norm"},
                  NULL);
    ck_assert_str_eq(claim_about(&made, "GN", "grad:fc2.weight")->obstacle,
                     "1 of 6 pairs lack a finite value other than 0");
    ck_assert_ptr_null(claim_about(&made, "GN", "grad:fc1.weight")->obstacle);
    release(&made);
    make(&made, &(struct design){observed, even, 0.2, 389, NULL}, NULL);
    holds(&made, "Nothing is compared: there is no metrics.csv, which log.layers and log.tensors ask for.\n");
    release(&made);
    make_observed(&made, &(struct design){observed, even, 0.2, 389, NULL}, &(struct observed_design){gradients, "norm"},
                  (const char *const[]){"plot.step=70", NULL});
    holds(&made, "Nothing is compared: nothing was seen in step 70; metrics.csv has the steps 50, 100.\n");
    release(&made);
    make_observed(&made, &(struct design){observed, even, 0.2, 389, NULL}, &(struct observed_design){gradients, "norm"},
                  (const char *const[]){"sweep.seeds=1", NULL});
    holds(&made, "Nothing is compared: there is one seed.\n");
    release(&made);
}
END_TEST

/* Errors that spread by 1, 2 and 0 points around 20 %; of the last kind one run diverges. */
static double spreading(const char *kind, double x, int seed)
{
    double spread = strcmp(kind, "bn") == 0 ? 0.01 : strcmp(kind, "ln") == 0 ? 0.02 : 0.0;
    (void)x;
    return 0.2 + spread * ((seed * 3) % 7 - 3);
}

START_TEST(spreads_are_told_the_largest_first)
{
    struct made made;
    make(&made,
         &(struct design){"sweep: {question: spread, grid: {norm.kind: [bn, ln, gn]}, seeds: 7}\n", spreading, 0.2,
                          10000, NULL},
         NULL);
    holds(&made, "Over seeds the test error spreads most with LN: a standard deviation of 4.32 points (95 % CI ");
    holds(&made, "n = 7), 25 % of the largest variance.\n");
    holds(&made, "  GN: 0 points (n = 7): all seeds gave the same.\n");
    ck_assert_int_eq(made.answer.claims, 0);
    release(&made);
    make(&made,
         &(struct design){
             "sweep: {question: spread, zip: {train.init_seed: [auto, auto, 1], train.order_seed: [auto, 1, "
             "1]}, seeds: 7}\n",
             spreading, 0.2, 10000, NULL},
         NULL);
    holds(&made, "  init and order free: ");
    holds(&made, "  init free: ");
    holds(&made, "  nothing free: ");
    release(&made);
    make(&made,
         &(struct design){"sweep: {question: spread, grid: {norm.kind: [bn, ln]}}\n", spreading, 0.2, 10000, NULL},
         NULL);
    holds(&made, "No cell has two runs: there is no spread to tell.\n");
    release(&made);
}
END_TEST

/* BN is best at 0.1 and loses 8 points at 0.01 and 4 at 1; LN is best at 0.01, loses 2 points at 0.1, and diverges at 1;
 * of GN the run with the third seed is not there at 1. */
static double sensitive(const char *kind, double x, int seed)
{
    double noise = 0.0001 * ((seed * 5) % 7);
    if (strcmp(kind, "bn") == 0)
        return (x == 0.1 ? 0.1 : x == 1.0 ? 0.14 : 0.18) + noise * (x == 1.0);
    if (strcmp(kind, "gn") == 0)
        return x == 1.0 && seed == 3 ? -1.0 : 0.2;
    return x == 1.0 ? NAN : x == 0.1 ? 0.12 : 0.1;
}

START_TEST(regrets_are_means_over_the_rates)
{
    static const char yaml[] =
        "sweep: {question: sensitivity, baseline: {norm.kind: bn}, grid: {norm.kind: [bn, ln, gn], "
        "train.lr: [0.01, 0.1, 1]}, seeds: 6}\n";
    struct made made;
    make(&made, &(struct design){yaml, sensitive, 0.2, 100000, NULL}, NULL);
    holds(&made,
          "Over learning rates from 0.01 to 1 the test error suffers least with GN: a mean regret of 0 points.\n");
    holds(&made,
          "  LN: a mean regret of 27.3 points (27.3 to 27.3), n = 6, 6 of 18 runs failed, usable up to a rate of 0.1; "
          "against BN +23.3 points (95 % CI 23.3 to 23.3), p < 0.001 (at least 2 points), 6 pairs; failed runs: 6 of "
          "18 with LN, 0 of 18 with BN: a difference, supported.\n");
    holds(&made, "GN: a mean regret of 0 points (0 to 0), n = 5");
    holds(&made, "1 of 6 seeds lacks a trial at one of the rates");
    ck_assert_int_eq(made.answer.tests, 1);
    ck_assert(!strstr(made.text, "The best of"));
    release(&made);
    char *validated = nl_format("data: {val: 100}\n%s", yaml);
    make(&made, &(struct design){validated, sensitive, 0.2, 100000, NULL}, NULL);
    holds(
        &made,
        "    The best of 1, 2 and 3 rates: 37.3 % (37.3 to 37.3), 10.7 % (10.7 to 10.7) and 10.0 % (10.0 to 10.0).\n");
    holds(
        &made,
        "    The best of 1, 2 and 3 rates: 14.0 % (14.0 to 14.0), 11.3 % (11.3 to 11.4) and 10.0 % (10.0 to 10.0).\n");
    holds(
        &made,
        "    The best of 1, 2 and 3 rates: 20.0 % (20.0 to 20.0), 20.0 % (20.0 to 20.0) and 20.0 % (20.0 to 20.0).\n");
    release(&made);
    free(validated);
    make(&made, &(struct design){yaml, sensitive, 0.2, 100000, NULL},
         (const char *const[]){"plot.metric=test_loss", NULL});
    holds(&made, "  LN: a mean regret of 0.688 nats ("); /* ((ln 10 - 0.3) + 0.06) / 3 */
    release(&made);
    make(&made,
         &(struct design){"sweep: {question: sensitivity, grid: {norm.kind: [bn, ln]}, seeds: 6}\n", sensitive, 0.2,
                          100000, NULL},
         NULL);
    holds(&made, "The sensitivity to the learning rate cannot be judged: train.lr does not vary.\n");
    release(&made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("answer");
    TCase *tests = tcase_create("answer");
    tcase_add_test(tests, small_batch_is_answered);
    tcase_add_test(tests, flat_means_everywhere);
    tcase_add_test(tests, failures_are_neither_improvement_nor_flatness);
    tcase_add_test(tests, no_spread_is_no_certainty);
    tcase_add_test(tests, saturation_is_said);
    tcase_add_test(tests, what_is_missing_comes_first_and_is_not_judged);
    tcase_add_test(tests, the_exact_test_asks_for_its_pairs);
    tcase_add_test(tests, rates_are_known_no_finer_than_the_grid);
    tcase_add_test(tests, a_rate_below_the_grid_counts_as_one_step_below);
    tcase_add_test(tests, the_end_of_the_grid_and_what_is_missing_are_no_limit);
    tcase_add_test(tests, failures_are_compared_at_a_rate_that_all_have);
    tcase_add_test(tests, cells_are_compared_by_one_rule);
    tcase_add_test(tests, intervals_of_shares_stay_shares);
    tcase_add_test(tests, the_mean_is_the_mean);
    tcase_add_test(tests, programs_read_every_number);
    tcase_add_test(tests, references_are_no_evidence);
    tcase_add_test(tests, a_headline_stays_readable);
    tcase_add_test(tests, one_family_shares_one_error_rate);
    tcase_add_test(tests, parts_that_are_asked_one_thing_are_adjusted_by_holm);
    tcase_add_test(tests, finding_and_interval_agree);
    tcase_add_test(tests, what_is_open_about_a_difference_is_said);
    tcase_add_test(tests, what_is_inside_is_compared);
    tcase_add_test(tests, what_is_not_inside_is_said);
    tcase_add_test(tests, spreads_are_told_the_largest_first);
    tcase_add_test(tests, regrets_are_means_over_the_rates);
    tcase_set_timeout(tests, 300);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
