/* Confirmations: which claims belong together, what is asked again, what counts as repeated; and, simulated, how often
 * what is false is repeated. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "stats/confirm.h"
#include "suite.h"

enum { SEEDS = 8, MOST = 4 };

/* A claim about values in points, of which 2 count and 1.5 are the same. */
static void add_claim(struct nl_answer *answer, const char *method, const double *values, int count)
{
    const struct nl_rule rule = {.smallest = 2.0, .margin = 1.5, .level = 0.95};
    struct nl_claim *claim = nl_answer_claim(answer, method, "LN", "differs from", NL_FOUND_MORE);
    claim->unit = "points";
    claim->effect = nl_estimate(values, count, NL_SCALE_REAL, &(struct nl_sampling){0}, NL_INTERVAL_T, rule.level);
    nl_claim_test(claim, &rule, values, count, NAN);
    nl_claim_need_pairs(claim, &rule);
}

/* Eight values around `mean`. */
static void add_around(struct nl_answer *answer, const char *method, double mean, double spread)
{
    double values[SEEDS];
    for (int i = 0; i < SEEDS; i++)
        values[i] = mean + spread * (i - 0.5 * (SEEDS - 1));
    add_claim(answer, method, values, SEEDS);
}

static void judge(struct nl_answer *answer)
{
    answer->level = 0.95;
    answer->tests = nl_claims_judge(answer->claim, answer->claims, NL_BONFERRONI, answer->level);
}

START_TEST(one_finding_is_asked_one_thing)
{
    static const struct {
        double first, again; /* means */
        enum nl_asked asked;
        enum nl_repeat repeat;
    } cases[] = {
        {6, 6, NL_REACHES, NL_REPEATED},         {6, 2.1, NL_REACHES, NL_NOT_REPEATED},
        {6, 0, NL_REACHES, NL_NOT_REPEATED},     {6, -6, NL_REACHES, NL_REVERSED},
        {-6, -6, NL_REACHES, NL_REPEATED},       {-6, 6, NL_REACHES, NL_REVERSED},
        {2.1, 6, NL_DIFFERS, NL_REPEATED},       {2.1, 2.1, NL_DIFFERS, NL_REPEATED},
        {2.1, 0.1, NL_DIFFERS, NL_NOT_REPEATED}, {2.1, -2.1, NL_DIFFERS, NL_REVERSED},
        {0.1, 0.1, NL_AGREES, NL_REPEATED},      {0.1, 1.4, NL_AGREES, NL_NOT_REPEATED},
        {0.1, 6, NL_AGREES, NL_REVERSED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nl_answer first = {0}, again = {0};
        struct nl_confirmation found;
        add_around(&first, "BN", cases[i].first, 0.3);
        add_around(&again, "BN", cases[i].again, 0.3);
        judge(&first);
        judge(&again);
        nl_confirm(&first, &again, &found);
        ck_assert_int_eq(found.findings, 1);
        ck_assert_msg(found.finding[0].asked == cases[i].asked && found.finding[0].repeat == cases[i].repeat,
                      "case %zu: asked %d, %s (p %g)", i, found.finding[0].asked,
                      nl_repeat_names[found.finding[0].repeat], found.finding[0].p);
        nl_confirmation_release(&found);
        nl_answer_release(&first);
        nl_answer_release(&again);
    }
}
END_TEST

/* By what they say, and among those that say the same by their order. */
START_TEST(claims_meet_their_counterparts)
{
    struct nl_answer first = {0}, again = {0};
    struct nl_confirmation found;
    add_around(&first, "BN", 6, 0.3);
    add_around(&first, "IN", 2.0, 3.0); /* finds nothing */
    add_around(&first, "GN", -6, 0.3);
    add_around(&first, "BN", -6, 0.3);
    add_around(&first, "RMS", 6, 0.3);
    add_around(&again, "GN", -6, 0.3);
    add_around(&again, "BN", 6, 0.3);
    add_around(&again, "BN", 6, 0.3);
    judge(&first);
    judge(&again);
    nl_confirm(&first, &again, &found);
    ck_assert_int_eq(found.findings, 4);
    ck_assert_int_eq(found.open, 1);
    ck_assert_int_eq(found.finding[0].repeat, NL_REPEATED);
    ck_assert_int_eq(found.finding[1].repeat, NL_REPEATED);
    ck_assert_ptr_eq(found.finding[1].again, &again.claim[0]);
    ck_assert_ptr_eq(found.finding[2].again, &again.claim[2]);
    ck_assert_int_eq(found.finding[2].repeat, NL_REVERSED);
    ck_assert_ptr_null(found.finding[3].again);
    ck_assert_int_eq(found.finding[3].repeat, NL_NO_VERDICT);
    char *text = nl_confirmation_text(&found), *json = nl_confirmation_json(&found);
    ck_assert_msg(strstr(text, "Of 4 findings, 2 are repeated, 1 is reversed, 1 is without a verdict.\n") == text, "%s",
                  text);
    ck_assert_msg(strstr(text, "  p is adjusted for 3 findings (Holm)"), "%s", text);
    ck_assert_msg(strstr(text, "RMS differs from LN? ") && strstr(text, "; now nothing to compare: no verdict.\n"),
                  "%s", text);
    ck_assert_msg(strstr(text, "  1 other claim found nothing before, and is not asked again.\n"), "%s", text);
    ck_assert_msg(strstr(json, "\"verdict\": \"the opposite is found\""), "%s", json);
    free(text);
    free(json);
    nl_confirmation_release(&found);
    nl_answer_release(&first);
    nl_answer_release(&again);
}
END_TEST

/* With four p-values of which the smallest is above a quarter of the risk, none is repeated. */
START_TEST(findings_are_one_family)
{
    for (int findings = 1; findings <= MOST; findings += MOST - 1) {
        struct nl_answer first = {0}, again = {0};
        struct nl_confirmation found;
        for (int i = 0; i < findings; i++) {
            add_around(&first, "BN", 6, 0.3);
            add_around(&again, "BN", 4.2, 1.0); /* p of at least 2 points is 0.03 */
        }
        judge(&first);
        judge(&again);
        nl_confirm(&first, &again, &found);
        ck_assert_msg(found.finding[0].p > 0.0125 && found.finding[0].p < 0.05, "p %g", found.finding[0].p);
        for (int i = 0; i < findings; i++)
            ck_assert_int_eq(found.finding[i].repeat, findings == 1 ? NL_REPEATED : NL_NOT_REPEATED);
        nl_confirmation_release(&found);
        nl_answer_release(&first);
        nl_answer_release(&again);
    }
}
END_TEST

/* What was found, and what is true: nothing at all, an effect just short of the smallest, a difference at the margin. */
START_TEST(what_is_false_is_seldom_repeated)
{
    static const struct {
        double first, truth;
    } cases[] = {{2.1, 0.0}, {6.0, 1.999}, {-6.0, -1.999}, {0.1, 1.501}};
    int draws = is_long_form() ? 20000 : 2000;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct nl_stream stream = nl_stream(7, "confirm");
        int repeated = 0;
        for (int draw = 0; draw < draws; draw++) {
            struct nl_answer first = {0}, again = {0};
            struct nl_confirmation found;
            bool any = false;
            for (int k = 0; k < MOST; k++) {
                double values[SEEDS];
                for (int i = 0; i < SEEDS; i++)
                    values[i] = cases[c].truth + nl_stream_normal(stream, (uint64_t)(draw * MOST + k),
                                                                  (uint64_t)(c * SEEDS + (size_t)i));
                add_around(&first, "BN", cases[c].first, 0.3);
                add_claim(&again, "BN", values, SEEDS);
            }
            judge(&first);
            judge(&again);
            nl_confirm(&first, &again, &found);
            ck_assert_int_eq(found.findings, MOST);
            for (int k = 0; k < MOST; k++)
                any |= found.finding[k].repeat == NL_REPEATED;
            repeated += any;
            nl_confirmation_release(&found);
            nl_answer_release(&first);
            nl_answer_release(&again);
        }
        double bound = 0.05 + 3.0 * sqrt(0.05 * 0.95 / draws);
        printf("found %g, true %g: repeated in %.2f %% of %d confirmations\n", cases[c].first, cases[c].truth,
               100.0 * repeated / draws, draws);
        ck_assert_msg(repeated <= bound * draws, "case %zu: %d of %d", c, repeated, draws);
        ck_assert_int_gt(repeated, 0);
    }
}
END_TEST

/* The share of repeated findings is the chance that was said, where the effect is as large as it was found. */
START_TEST(power_is_the_share_that_is_repeated)
{
    static const double effect[] = {2.6, 3.2, 4.0};
    int draws = is_long_form() ? 20000 : 2000;
    for (size_t c = 0; c < sizeof effect / sizeof *effect; c++) {
        struct nl_stream stream = nl_stream(8, "confirm");
        double spread = 0.4, sd = spread * sqrt(SEEDS * (SEEDS + 1) / 12.0), power = NAN;
        int repeated = 0;
        for (int draw = 0; draw < draws; draw++) {
            struct nl_answer first = {0}, again = {0};
            struct nl_confirmation found;
            double values[SEEDS];
            for (int i = 0; i < SEEDS; i++)
                values[i] =
                    effect[c] + sd * nl_stream_normal(stream, (uint64_t)draw, (uint64_t)(c * SEEDS + (size_t)i));
            add_around(&first, "BN", effect[c], spread);
            add_claim(&again, "BN", values, SEEDS);
            judge(&first);
            judge(&again);
            nl_confirm(&first, &again, &found);
            power = found.finding[0].power;
            repeated += found.finding[0].repeat == NL_REPEATED;
            nl_confirmation_release(&found);
            nl_answer_release(&first);
            nl_answer_release(&again);
        }
        double share = (double)repeated / draws;
        ck_assert_msg(fabs(share - power) < 4.0 * sqrt(power * (1.0 - power) / draws) + 1e-3, "effect %g: %g, said %g",
                      effect[c], share, power);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("confirm");
    TCase *tests = tcase_create("confirm");
    tcase_set_timeout(tests, 0);
    tcase_add_test(tests, one_finding_is_asked_one_thing);
    tcase_add_test(tests, claims_meet_their_counterparts);
    tcase_add_test(tests, findings_are_one_family);
    tcase_add_test(tests, what_is_false_is_seldom_repeated);
    tcase_add_test(tests, power_is_the_share_that_is_repeated);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
