/* Answers to made results: sentences that a hostile referee and a new user found false are not said, and what the data carry is. */
#include <check.h>

#include "made.h"
#include "stats/table.h"
#include "suite.h"

static const struct nl_claim *claim_of(const struct made *made, const char *method, const char *against)
{
    for (int i = 0; i < made->answer.claims; i++) {
        const struct nl_claim *claim = &made->answer.claim[i];
        if (strcmp(claim->method, method) == 0 && (against ? claim->against && strcmp(claim->against, against) == 0 : !claim->against))
            return claim;
    }
    ck_abort_msg("no claim of %s in:\n%s", method, made->text);
    return NULL;
}

static const char batches[] =
    "train: {lr: 0.1}\nsweep:\n  grid: {norm.kind: [bn, gn, none], train.batch: [64, 16, 4, 2]}\n  seeds: 8\n  baseline: {norm.kind: none}\n"
    "  question: small_batch\nplot: {protocol: made up}\n";
static const char rates[] =
    "sweep:\n  grid: {norm.kind: [none, bn, gn], train.lr: [0.01, 0.0316, 0.1, 0.316, 1, 3.16]}\n  seeds: 8\n  baseline: {norm.kind: none}\n"
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
    const struct nl_claim *bn = claim_of(&made, "BN", NULL), *gn = claim_of(&made, "GN", NULL), *more = claim_of(&made, "BN", "GN");
    ck_assert_msg(strncmp(made.text, "As the batch size falls from 64 to 2, the test error worsens with BN (by ", 73) == 0, "%s", made.text);
    holds(&made, "and stays flat with GN and no norm.\n");
    ck_assert_int_eq(bn->verdict, NL_SUPPORTED);
    ck_assert_int_eq(bn->finding, NL_FOUND_MORE);
    ck_assert_int_eq(gn->finding, NL_FOUND_SAME);
    ck_assert_int_eq(more->verdict, NL_SUPPORTED);
    ck_assert(bn->effect.lower > 0.15 && bn->effect.lower < bn->effect.mean && bn->effect.mean < bn->effect.upper);
    ck_assert_int_eq(bn->effect.n, 8);
    ck_assert_int_eq(bn->doses, 3);
    holds(&made, "8 pairs: supported.\n    Degradation is found at 4 and below; at 4: +");
    holds(&made, "p is that of the paired t test, adjusted by Holm over 5 tests");
    holds(&made, "Each seed splits the data anew and shares 22 % of its test part with another seed, so intervals are those of the corrected resampled t");
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
    holds(&made, "  no norm: inconclusive: 7 of 8 runs failed at the largest batch size.\n"); /* and no number that looks like an improvement */
    holds(&made, "  Whether BN degrades more than no norm cannot be said: 7 of 8 runs of no norm failed at the largest batch size.\n");
    holds(&made, "Failed runs: 7 of 96 (7 diverged, 0 at chance, 0 ended with an error). A diverged run counts at chance, 90 %.");
    ck_assert_int_eq(claim_of(&made, "BN", "no norm")->verdict, NL_INCONCLUSIVE);
    release(&made);

    make(&made, &(struct design){batches, fails_at_small, 0.2165, 389, NULL}, NULL);
    holds(&made, "worsens with BN (by 8"); /* all at chance: from 5 to 90 % */
    ck_assert_int_eq(claim_of(&made, "GN", NULL)->finding, NL_FOUND_NOTHING);
    lacks(&made, "flat with GN");
    release(&made);

    /* a loss has no chance level: nothing is said of a method with failures */
    make(&made, &(struct design){batches, fails_at_small, 0.2165, 389, NULL}, (const char *[]){"plot.metric=test_loss", NULL});
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
    ck_assert(bn->p > 0.0 && gn->p > 0.0);
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
    ck_assert_msg(strncmp(made.text, "INCOMPLETE: trials missing: 10 of 96. Claims that need them are not judged.\n", strlen("INCOMPLETE: trials missing: 10 of 96. Claims that need them are not judged.\n")) == 0, "%s", made.text);
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
    release(&made);
}
END_TEST

START_TEST(the_exact_test_asks_for_its_pairs)
{
    struct made made;
    const char *const exact[] = {"plot.test=sign_flip", NULL}, *const six[] = {"plot.test=sign_flip", "sweep.seeds=6", NULL},
                      *const five[] = {"plot.test=sign_flip", "sweep.seeds=5", NULL};
    make(&made, &(struct design){batches, textbook, 0, 389, NULL}, exact);
    ck_assert_int_eq(claim_of(&made, "BN", NULL)->verdict, NL_SUPPORTED);
    ck_assert(claim_of(&made, "BN", NULL)->p == 2.0 / 256.0);
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
    ck_assert_msg(strncmp(made.text, "BN tolerates 10x the learning rate of no norm (95 % CI ", 55) == 0, "%s", made.text);
    ck_assert_int_eq(bn->verdict, NL_SUPPORTED);
    ck_assert(bn->effect.mean > 9.9 && bn->effect.mean < 10.1);
    ck_assert(bn->effect.lower < 3.2 && bn->effect.upper > 31.0); /* a step of the grid to each side, at least */
    ck_assert_int_eq(gn->verdict, NL_INCONCLUSIVE); /* one step: the grid cannot tell it from none */
    ck_assert(gn->effect.lower < 1.0);
    holds(&made, "inconclusive for GN");
    holds(&made, "  no norm: 0.1, the baseline.\n");
    holds(&made, "Failed runs at learning rate 1, about 10x the largest usable one of no norm: 8 of 8 with it (63 to 100 %); 0 of 8 with BN (0 to 37 %), p ");
    holds(&made, "Not judged by validation loss: data.val is 0.\n");
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

#define REFINED(rates) "sweep:\n  grid: {norm.kind: [none, bn, gn], train.lr: [" rates "]}\n  points: [{norm.kind: bn, train.lr: 1}]\n  seeds: 8\n" \
                       "  baseline: {norm.kind: none}\n  question: lr_tolerance\n"

/* Ten times the baseline's rate is 1, which bn alone has. */
START_TEST(failures_are_compared_at_a_rate_that_all_have)
{
    struct made made;
    make(&made, &(struct design){REFINED("0.01, 0.1, 0.7, 9"), limits, 0, 389, NULL}, NULL);
    holds(&made, "Failed runs at learning rate 0.7, about 10x the largest usable one of no norm: 8 of 8 with it (63 to 100 %); 0 of 8 with BN (0 to 37 %), p ");
    holds(&made, "; 8 of 8 with GN (");
    release(&made);

    make(&made, &(struct design){REFINED("0.01, 0.1, 9"), limits, 0, 389, NULL}, NULL);
    holds(&made, "Failed runs are not compared: no learning rate near 10x that of no norm was run with every method compared with it.\n");
    lacks(&made, "Failed runs at learning rate");
    release(&made);
}
END_TEST

static double ranked(const char *kind, double x, int seed)
{
    return (strcmp(kind, "bn") == 0 ? 0.02 : strcmp(kind, "gn") == 0 ? 0.021 : 0.15) + 0.3 * noise(kind, x, seed);
}

static const char compared[] = "train: {lr: 0.1}\nsweep: {grid: {norm.kind: [bn, gn, none]}, seeds: 8}\nplot: {metric: test_error}\n";

START_TEST(cells_are_compared_by_one_rule)
{
    struct made made;
    make(&made, &(struct design){compared, ranked, 0.2165, 389, NULL}, NULL);
    holds(&made, "Of 3 paired comparisons, 2 show a difference, 1 shows none within 1.5 points, 0 are inconclusive.\n");
    holds(&made, "adjusted by Holm over 3 tests");
    lacks(&made, "told apart");
    ck_assert_int_eq(made.answer.tests, 3);
    release(&made);

    make(&made, &(struct design){compared, ranked, 0.2165, 389, NULL}, (const char *[]){"sweep.baseline=norm.kind=none", NULL});
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
    return strcmp(kind, "bn") == 0 ? (seed == 1 ? 0.08 : 0.0) : strcmp(kind, "gn") == 0 ? (seed % 2 ? 0.6 : 0.02) : 0.84 + 0.0 * x;
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
        ck_assert(entry->estimate.lower >= 0.0 && entry->estimate.upper <= 1.0 && entry->estimate.lower < entry->estimate.upper);
        estimates++;
    }
    ck_assert_int_eq(estimates, 3);
    ck_assert_ptr_nonnull(strstr(table.caption, "CI (t, corrected for overlapping splits)."));
    nl_table_release(&table);
    release(&made);

    make(&made, &(struct design){compared, extreme, 0.2165, 389, NULL}, (const char *[]){"plot.interval=bootstrap", NULL});
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
        make(&made, &(struct design){compared, one_far_off, 0, 400, NULL}, (const char *[]){bootstrap ? "plot.interval=bootstrap" : "plot.interval=t", NULL});
        ck_assert_int_eq(nl_table_summary(&made.results, &made.experiment, &table, &err), NL_OK);
        const struct nl_estimate *bn = &nl_table_at(&table, 0, 1)->estimate, *gn = &nl_table_at(&table, 1, 1)->estimate,
                                 *none = &nl_table_at(&table, 2, 1)->estimate;
        ck_assert(fabs(bn->mean - 0.9 / 8) < 1e-12 && bn->lower == 0.0 && bn->upper > 0.2);
        /* The standard deviation of a count of 400, of (mean 400 + 1/2) of 401, and the t quantile of 7 degrees of freedom. */
        double q = 0.5 / 401, t = 2.3646242515927844;
        ck_assert(gn->mean == 0.0 && gn->lower == 0.0 && fabs(gn->upper - t * sqrt(q * (1 - q) / 400 / 8)) < 1e-12);
        ck_assert(none->mean == 0.5 && fabs(none->upper - 0.5 - t * sqrt(0.25 / 400 / 8)) < 1e-12 && fabs(none->lower + none->upper - 1.0) < 1e-12);
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
    static const char *const fields[] = {"\"question\": \"small_batch\"", "\"planned\": 96, \"missing\": 0, \"failed\": 0", "\"verdict\": \"supported\"",
                                         "\"effect\": ", "\"unit\": \"points\"", "\"lower\": ", "\"p_adjusted\": ", "\"pairs\": 8",
                                         "\"failures\": [{\"failed\": 0, \"of\": 8}, {\"failed\": 0, \"of\": 8}]", "\"other_part\": ",
                                         "\"seen_from\": ", "\"points\": [{\"x\": 2, ", "\"incomplete\": []", "\"headline\": [\n"};
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
    ck_assert_ptr_nonnull(strstr(text, "As the number of samples that share statistics falls from 64 to 2, the test error worsens with BN"));
    ck_assert_ptr_nonnull(strstr(text, "LN: a reference with one set of runs, since norm.stat_batch does not apply to it"));
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
    const char *plain[] = {"BN", "LN", "GN", "IN", "RMSNorm", "no norm", "more"}, *with_commas[] = {"BN, depth 1", "LN", "BN, depth 2"};
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

START_TEST(one_family_shares_one_error_rate)
{
    /* Holm, but what leads on keeps its share: 0.05/4 each; the second may take 0.05 (4 - 1)/4/3 */
    struct nl_claim claim[4] = {{.p = 0.001, .leads_on = true, .candidate = NL_FOUND_MORE, .expected = NL_FOUND_MORE},
                                {.p = 0.012, .candidate = NL_FOUND_SAME, .expected = NL_FOUND_SAME},
                                {.p = 0.018, .candidate = NL_FOUND_LESS, .expected = NL_FOUND_MORE},
                                {.p = NAN}};
    ck_assert_int_eq(nl_claims_judge(claim, 4, 0.95), 3);
    ck_assert(fabs(claim[0].adjusted - 0.003) < 1e-15 && claim[0].verdict == NL_SUPPORTED);
    ck_assert(fabs(claim[1].adjusted - 0.036) < 1e-15 && claim[1].verdict == NL_SUPPORTED);  /* share (3 - 1)/3/2 */
    ck_assert(fabs(claim[2].adjusted - 0.036) < 1e-15 && claim[2].verdict == NL_NOT_SUPPORTED); /* share (3 - 1)/3/1 = 2/3: 0.027, not below the one before */
    ck_assert(isnan(claim[3].adjusted) && claim[3].verdict == NL_INCONCLUSIVE);
}
END_TEST

START_TEST(a_share_passes_on_only_from_clear_claims)
{
    /* The first is a difference that may be within the margin: the second gets 0.05/2, as if the first had found nothing. */
    struct nl_claim claim[2] = {{.p = 0.001, .clear_p = 0.2, .candidate = NL_FOUND_MORE, .expected = NL_FOUND_MORE},
                                {.p = 0.03, .candidate = NL_FOUND_MORE, .expected = NL_FOUND_MORE}};
    nl_claims_judge(claim, 2, 0.95);
    ck_assert(fabs(claim[0].adjusted - 0.002) < 1e-15 && claim[0].finding == NL_FOUND_MORE && !claim[0].clear);
    ck_assert(fabs(claim[1].adjusted - 0.06) < 1e-15 && claim[1].finding == NL_FOUND_NOTHING);
    claim[0].clear_p = 0.01;
    nl_claims_judge(claim, 2, 0.95);
    ck_assert(claim[0].clear && fabs(claim[1].adjusted - 0.03) < 1e-15 && claim[1].finding == NL_FOUND_MORE);
}
END_TEST

START_TEST(clear_is_beyond_the_margin_or_within_the_smallest_effect)
{
    double values[] = {2.1, 2.6, 1.9, 2.8, 2.4, 2.2, 2.9, 2.3};
    struct nl_rule rule = {.smallest = 2.0, .margin = 1.5, .level = 0.95};
    for (int exact = 0; exact < 2; exact++) {
        rule.exact = exact;
        struct nl_claim claim = {
            .scale = 1.0, .unit = "points", .effect = nl_estimate(values, 8, NL_SCALE_REAL, &(struct nl_sampling){0}, NL_INTERVAL_T, 0.95)};
        nl_claim_test(&claim, &rule, values, 8, NAN);
        ck_assert(claim.candidate == NL_FOUND_MORE && claim.clear_p >= claim.p && claim.clear_p < 0.01); /* exact: all 8 are above the margin, 2/256 */
        rule.margin = 2.2;
        nl_claim_test(&claim, &rule, values, 8, NAN);
        ck_assert(claim.candidate == NL_FOUND_MORE && claim.clear_p > 0.05);
        rule.margin = 1.5;
    }
    struct nl_claim claim = {.scale = 1.0, .unit = "points", .effect = nl_estimate(values, 8, NL_SCALE_REAL, &(struct nl_sampling){0}, NL_INTERVAL_T, 0.95)};
    rule = (struct nl_rule){.smallest = 2.5, .margin = 4.0, .level = 0.95};
    nl_claim_test(&claim, &rule, values, 8, NAN);
    ck_assert(claim.candidate == NL_FOUND_SAME && claim.p < 0.001 && claim.clear_p > 0.05);
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
    tcase_add_test(tests, the_end_of_the_grid_and_what_is_missing_are_no_limit);
    tcase_add_test(tests, failures_are_compared_at_a_rate_that_all_have);
    tcase_add_test(tests, cells_are_compared_by_one_rule);
    tcase_add_test(tests, intervals_of_shares_stay_shares);
    tcase_add_test(tests, the_mean_is_the_mean);
    tcase_add_test(tests, programs_read_every_number);
    tcase_add_test(tests, references_are_no_evidence);
    tcase_add_test(tests, a_headline_stays_readable);
    tcase_add_test(tests, one_family_shares_one_error_rate);
    tcase_add_test(tests, a_share_passes_on_only_from_clear_claims);
    tcase_add_test(tests, clear_is_beyond_the_margin_or_within_the_smallest_effect);
    tcase_set_timeout(tests, 300);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
