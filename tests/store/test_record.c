/* Records of trials: what is read is what was written, and whatever byte is lost or changed is noticed. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/seal.h"
#include "config/diagnostics.h"
#include "scratch.h"
#include "suite.h"
#include "sweep/observed.h"
#include "sweep/record.h"

static const char id[] = "0123456789abcdef";

static struct nl_record example(void)
{
    static struct nl_curve_row rows[] = {
        {.step = 1,
         .epoch = 1.0 / 3,
         .samples = 32,
         .part = NL_PART_TRAIN,
         .eval = -1,
         .lr = 0.1,
         .loss = 2.3025850929940459,
         .accuracy = 0.1},
        {.step = 3,
         .epoch = 1,
         .samples = 96,
         .part = NL_PART_TEST,
         .eval = NL_EVAL_PRECISE,
         .lr = 1e-17,
         .loss = NAN,
         .accuracy = 0},
    };
    struct nl_trial_result result = {
        .status = NL_DIVERGED,
        .failed_step = 3,
        .steps = 3,
        .samples = 96,
        .epochs = 1,
        .left_out = 5,
        .parameters = 1234567890123,
        .rows = 2,
        .row = rows,
        .seconds = 0.1234567890123,
        .memory = 4096,
        .calibration = {1.0 / 7, NAN},
    };
    for (int part = 0; part < NL_PARTS; part++)
        for (int eval = 0; eval < NL_EVALS; eval++)
            result.score[part][eval] = (struct nl_score){part == 0 ? 1e-300 / 3 : NAN, eval == 0 ? INFINITY : 2.0 / 3};
    struct nl_record record;
    nl_record_from_result(&record, &result);
    record.worker = 3;
    record.started = 1700000000;
    return record;
}

START_TEST(test_record_round_trip)
{
    struct nl_record record = example(), back;
    struct nl_error err = {0};
    char *text = nl_record_text(&record, id, "norm.kind: bn\ntrain.lr: 0.1\n");
    ck_assert_msg(nl_record_parse(&back, text, strlen(text), id, &err) == NL_OK, "%s", err.text);
    char *again = nl_record_text(&back, id, "norm.kind: bn\ntrain.lr: 0.1\n");
    ck_assert_str_eq(text, again);
    ck_assert_str_eq(back.curve,
                     "1,0.3333333333333333,32,train,,0.1,2.302585092994046,0.1\n3,1,96,test,precise,1e-17,nan,0\n");
    ck_assert(back.score[0][0].loss == record.score[0][0].loss);
    ck_assert(isinf(back.score[0][0].accuracy));
    ck_assert(isnan(back.score[1][0].loss));
    ck_assert(back.calibrated && back.calibration.top5_error == 1.0 / 7 && isnan(back.calibration.ece));
    ck_assert_str_eq(nl_record_status(&back), "diverged");
    free(text);
    free(again);
    nl_record_release(&back);
    nl_record_release(&record);
}
END_TEST

/* Whatever byte is lost or changed, and wherever the file ends: it is noticed. */
START_TEST(test_record_damage)
{
    struct nl_record record = example(), back;
    char *text = nl_record_text(&record, id, "norm.kind: bn\n");
    size_t length = strlen(text);
    for (size_t cut = 0; cut < length; cut++) {
        char *part = nl_strdup(text);
        part[cut] = '\0';
        ck_assert_msg(nl_record_parse(&back, part, cut, id, NULL) == NL_FAIL, "cut at %zu", cut);
        free(part);
    }
    for (size_t at = 0; at < length; at++) {
        char *changed = nl_strdup(text);
        changed[at] ^= 1;
        ck_assert_msg(nl_record_parse(&back, changed, length, id, NULL) == NL_FAIL, "changed at %zu", at);
        free(changed);
    }
    ck_assert_int_eq(nl_record_parse(&back, text, length, "fedcba9876543210", NULL), NL_FAIL);
    ck_assert_int_eq(nl_record_parse(&back, text, length, id, NULL), NL_OK);
    nl_record_release(&back);
    nl_record_release(&record);
    free(text);
}
END_TEST

/* A record of a version that did not write the calibration: the same without its lines. */
static char *earlier_text(const struct nl_record *record)
{
    struct nl_record earlier = *record;
    earlier.calibrated = false;
    char *text = nl_record_text(&earlier, id, "norm.kind: bn\n");
    ck_assert(!strstr(text, "top5") && !strstr(text, "ece"));
    return text;
}

START_TEST(a_record_of_an_earlier_version_is_read)
{
    struct nl_record record = example(), earlier, other = example();
    struct nl_error err = {0};
    char *text = earlier_text(&record);
    ck_assert_msg(nl_record_parse(&earlier, text, strlen(text), id, &err) == NL_OK, "%s", err.text);
    ck_assert(!earlier.calibrated);
    char *again = nl_record_text(&earlier, id, "norm.kind: bn\n");
    ck_assert_str_eq(text, again);
    ck_assert(nl_records_agree(&earlier, &record) && nl_records_agree(&record, &earlier));
    other.calibration.top5_error = 0.5;
    ck_assert(!nl_records_agree(&record, &other) && nl_records_agree(&earlier, &other));
    nl_record_join(&record, &earlier);
    ck_assert(record.calibrated && record.calibration.top5_error == 1.0 / 7);
    nl_record_join(&earlier, &record);
    ck_assert(earlier.calibrated && earlier.calibration.top5_error == 1.0 / 7);
    free(text);
    free(again);
    nl_record_release(&earlier);
    nl_record_release(&record);
    nl_record_release(&other);
}
END_TEST

START_TEST(half_a_calibration_is_none)
{
    static const char *const lines[] = {"test_top5_error 0.1\n", "test_ece 0.1\n", "test_top5_error\ntest_ece 0.1\n",
                                        "test_top5_error 0.1\ntest_ece x\n", "test_top5_error 0.1\ntest_ece 0.2\n"};
    struct nl_record record = example(), back;
    char *text = earlier_text(&record);
    const char *at = strstr(text, "seconds ");
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct nl_text changed = {0};
        nl_text_add(&changed, "%.*s%s%.*s", (int)(at - text), text, lines[i], (int)(strstr(text, "\nsha256 ") + 1 - at),
                    at);
        nl_seal_add(&changed, "");
        bool whole = i + 1 == sizeof lines / sizeof *lines;
        int status = nl_record_parse(&back, changed.at, changed.length, id, NULL);
        ck_assert_msg(status == (whole ? NL_OK : NL_FAIL) && (!whole || back.calibration.ece == 0.2), "%s", lines[i]);
        nl_record_release(&back);
        nl_text_release(&changed);
    }
    free(text);
    nl_record_release(&record);
}
END_TEST

/* What a record has of one tensor. */
static struct nl_metrics measured(const char *rows)
{
    struct nl_metrics out = {0};
    int count = 0;
    for (const char *at = rows; (at = strchr(at, '\n')); at++)
        count++;
    char *head = nl_format("fc1.weight %d", count);
    ck_assert(nl_metrics_take_head(&out, head) && nl_metrics_take_texts(&out, rows));
    free(head);
    return out;
}

/* Measurements of the same training may be of other steps, and those of earlier versions have the first quantities
 * alone. */
START_TEST(measurements_agree_where_both_say_something)
{
    static const struct {
        const char *a, *b;
        bool agree;
    } cases[] = {
        {"1,2,3\n2,4,5\n", "1,2,3\n2,4,5\n", true},
        {"1,2,3\n2,4,5\n", "1,2,3\n2,4,6\n", false},
        {"1,2,3\n2,4,5\n", "1,2\n2,4\n", true},
        {"1,2,3\n2,4,5\n", "1,2\n2,41\n", false},
        {"1,2,33\n2,4,5\n", "1,2,3\n2,4,5\n", false},
        {"2,4,5\n9,1,1\n", "1,2,3\n2,4,5\n", true},
        {"1,2\n10,3\n", "10,3\n", true},
        {"1,2\n10,3\n", "10,4\n", false},
        {"1,2\n", "10,4\n", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nl_metrics a = measured(cases[i].a), b = measured(cases[i].b);
        ck_assert_msg(nl_metrics_agree(&a, &b) == cases[i].agree, "%zu", i);
        ck_assert_msg(nl_metrics_agree(&b, &a) == cases[i].agree, "%zu, the other way round", i);
        nl_metrics_release(&a);
        nl_metrics_release(&b);
    }
}
END_TEST

/* A record lacks what log.tensors asks for where a step is missing, or a quantity. */
START_TEST(a_measurement_is_whole_or_made_again)
{
    static const struct {
        const char *rows;
        bool lacks;
        int64_t diverged; /* in this step; 0: it did not */
    } cases[] = {
        {"2,1,1,1,1,1,1,,,1,1,1,1,,,,,,,,,\n4,1,1,1,1,1,1,,,1,1,1,1,,,,,,,,,\n5,1,1,1,1,1,1,,,1,1,1,1,,,,,,,,,\n", false, 0},
        {"", true, 0},
        {"1,1,1,1,1,1,1,,,1,1,1,1,,,,,,,,,\n3,1,1,1,1,1,1,,,1,1,1,1,,,,,,,,,\n5,1,1,1,1,1,1,,,1,1,1,1,,,,,,,,,\n", true, 0},
        {"", false, 1},
        {"", false, 2},
        {"2,1,1,1,1,1,1,,,1,1,1,1,,,,,,,,,\n", false, 2},
        {"2,1,1,1,1,1,1,,,1,1,1,1,,,,,,,,,\n", false, 3},
        {"2,1,1,1,1,1,1,,,1,1,1,1,,,,,,,,,\n", false, 4},
        {"2,1,1,1,1,1,1,,,1,1,1,1,,,,,,,,,\n4,1,1,1,1,1,1,,,1,1,1,1,,,,,,,,,\n", false, 4},
        {"2,1,1,1,1,1,1,,,1,1,1,1,,,,,,,,,\n4,1,1,1,1,1,1,,,1,1,1,1,,,,,,,,,\n", false, 5},
        {"", true, 3},
        {"1,1,1,1,1,1,1,,,1,1,1,1,,,,,,,,,\n", true, 2},
        {"2,1,1,1,1\n", true, 2},
        {"2,1,1,1,1\n4,1,1,1,1\n5,1,1,1,1\n", true, 0},
        {"2,1,1,1,1,1,1,,,1,1,1,1,,,,,,,,,\n5,1,1,1,1,1,1,,,1,1,1,1,,,,,,,,,\n", true, 0},
        {"1,1,1,1,1,1,1,,,1,1,1,1,,,,,,,,,\n2,1,1,1,1,1,1,,,1,1,1,1,,,,,,,,,\n4,1,1,1,1,1,1,,,1,1,1,1,,,,,,,,,\n5,1,1,1,1,1,1,,,1,1,1,1,,,,,,,,,\n", true, 0},
    };
    static const char *const words[] = {"log.tensors=fc1.weight", "log.every=2", "train.steps=5", "model.depth=1"};
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    ck_assert_int_eq(nl_experiment_load(NULL, words, 4, &experiment, &diagnostics), NL_OK);
    const struct nl_trial trial = {.config = experiment.config};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nl_record record = {.present = true,
                                   .status = cases[i].diverged ? NL_DIVERGED : NL_DONE,
                                   .steps = cases[i].diverged ? cases[i].diverged : 5,
                                   .metrics = measured(cases[i].rows)};
        ck_assert_msg(nl_lacks_observed(&trial, &record) == cases[i].lacks, "%zu", i);
        nl_metrics_release(&record.metrics);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("record");
    TCase *tests = tcase_create("record");
    tcase_add_test(tests, test_record_round_trip);
    tcase_add_test(tests, test_record_damage);
    tcase_add_test(tests, a_record_of_an_earlier_version_is_read);
    tcase_add_test(tests, half_a_calibration_is_none);
    tcase_add_test(tests, measurements_agree_where_both_say_something);
    tcase_add_test(tests, a_measurement_is_whole_or_made_again);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
