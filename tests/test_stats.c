/* CSV tables, and verdicts on made results. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "stats/answer.h"
#include "stats/summary.h"
#include "stats/table.h"
#include "stats/verdict.h"
#include "synthetic.h"
#include "suite.h"

static void near(double got, double wanted, double tolerance)
{
    double error = fabs(got - wanted);
    ck_assert_msg(error <= tolerance * fmax(1e-3, fabs(wanted)), "got %.15g, wanted %.15g", got, wanted);
}

static int read_text(const char *text, struct nl_table *table, struct nl_error *err)
{
    char path[] = "/tmp/normlab_table_XXXXXX";
    int file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
    int status = nl_table_read(path, table, err);
    unlink(path);
    return status;
}

START_TEST(tables_are_read_strictly)
{
    struct nl_table table;
    struct nl_error err;
    ck_assert_int_eq(read_text("a,\"b,c\",d\n1,\"x \"\"y\"\"\nz\",\r\n2,,nan\r\n", &table, &err), NL_OK);
    ck_assert_int_eq(table.columns, 3);
    ck_assert_int_eq(table.rows, 2);
    ck_assert_int_eq(nl_table_column(&table, "b,c"), 1);
    ck_assert_int_eq(nl_table_column(&table, "e"), -1);
    ck_assert_str_eq(nl_table_field(&table, 0, 1), "x \"y\"\nz");
    ck_assert_int_eq(table.line[1], 4);
    double value;
    ck_assert_int_eq(nl_table_number(&table, 1, 1, &value, &err), NL_OK);
    ck_assert(isnan(value));
    ck_assert_int_eq(nl_table_number(&table, 0, 1, &value, &err), NL_FAIL);
    ck_assert_ptr_nonnull(strstr(err.text, ":2: 'x "));
    nl_table_release(&table);

    static const struct {
        const char *text, *error;
    } bad[] = {
        {"", "is empty"},
        {"a,b\n1,2\n3", ":3: the last line is cut off"},
        {"a,b\n1,2\n3,4", ":3: the last line is cut off"},
        {"a,b\n1\n", ":2: 1 fields, where the header has 2"},
        {"a,b\n1,2,3\n", ":2: 3 fields"},
        {"a,b\n1,\"2\n", ":2: a quote is misplaced or not closed"},
        {"a,b\n1,\"2\"x\n", ":2: a quote is misplaced or not closed"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(read_text(bad[i].text, &table, &err), NL_FAIL);
        ck_assert_msg(strstr(err.text, bad[i].error) != NULL, "'%s' does not say '%s'", err.text, bad[i].error);
    }
    struct nl_text text = {0};
    nl_csv_add(&text, "plain");
    nl_csv_add(&text, "a \"b\", c");
    ck_assert_str_eq(text.at, "plain\"a \"\"b\"\", c\"");
    nl_text_release(&text);
}
END_TEST

/* The verdict on made results holds all these phrases and none of the others. */
static void expect(const struct synthetic *made, const char *const *wanted, const char *const *unwanted)
{
    char *folder = synthetic_make(made);
    struct nl_experiment experiment;
    synthetic_load(folder, NULL, &experiment);
    struct nl_error err = {{0}};
    char *verdict = nl_verdict(folder, &experiment, 0, &err);
    ck_assert_msg(verdict != NULL, "%s", err.text);
    for (; wanted && *wanted; wanted++)
        ck_assert_msg(strstr(verdict, *wanted) != NULL, "no '%s' in:\n%s", *wanted, verdict);
    for (; unwanted && *unwanted; unwanted++)
        ck_assert_msg(strstr(verdict, *unwanted) == NULL, "'%s' in:\n%s", *unwanted, verdict);
    free(verdict);
    synthetic_remove(folder);
}

START_TEST(small_batch_is_judged)
{
    const char *wanted[] = {"As the batch size falls from 64 to 2, the test error worsens with BN (+20.0 points) and stays flat with LN and none.\n",
                            "BN: degrades: +20.0 points (", "n = 8", "BN loses more than LN: +20.0 points", "Holm over methods",
                            "the running averages are a worse estimate than precise statistics: +5.0 points",
                            "left by the best of these evaluations (precise), so not mended by other statistics: +15.0 points", "95 % t interval", "Failures: none of 48 trials.",
                            "Protocol: made up\n", NULL};
    expect(&(struct synthetic){.kind = "small_batch", .seeds = 8}, wanted, (const char *[]){"Few seeds", NULL});
}
END_TEST

START_TEST(one_seed_decides_nothing)
{
    expect(&(struct synthetic){.kind = "small_batch", .seeds = 1}, (const char *[]){"cannot be judged for BN, LN and none", "one seed: no interval", NULL},
           (const char *[]){"degrades:", "flat:", NULL});
    expect(&(struct synthetic){.kind = "curves", .seeds = 1}, (const char *[]){"One seed in each cell: the test error has no interval, so no order is given", NULL},
           (const char *[]){"lowest", NULL});
}
END_TEST

START_TEST(failures_are_no_flatness)
{
    /* LN diverges in 3 of 8 runs at the smallest batch; what is left looks flat and must not be called so. */
    expect(&(struct synthetic){.kind = "small_batch", .seeds = 8, .ln_diverged = 3},
           (const char *[]){"inconclusive with LN", "failed runs: 3 of 8 at the smallest batch", "3 of 48 trials (3 diverged", NULL},
           (const char *[]){"LN: flat", NULL});
    expect(&(struct synthetic){.kind = "small_batch", .seeds = 8, .ln_diverged = 8},
           (const char *[]){"is lost to failed runs with LN", "LN: breaks: no seed has a value at both ends", NULL}, NULL);
}
END_TEST

START_TEST(references_are_no_evidence)
{
    expect(&(struct synthetic){.kind = "small_batch", .seeds = 8, .ghost = true},
           (const char *[]){"As the number of samples that share statistics falls from 64 to 2, the test error worsens with BN",
                            "LN: a reference: norm.stat_batch does not apply to it", NULL},
           (const char *[]){"flat with", "LN: flat", "loses more than", NULL});
}
END_TEST

START_TEST(rates_are_judged)
{
    expect(&(struct synthetic){.kind = "lr_tolerance", .seeds = 5},
           (const char *[]){"The largest usable learning rate is at least 10 times that of none with BN and that of none too with LN.\n",
                            "none: 0.1 (the baseline)", "BN: at least 1, at least 10 times that of none (95 % bootstrap interval 10 to 10 over 5 seeds): counts",
                            "LN: 0.1, that of none too (95 % bootstrap interval 1 to 1 over 5 seeds): does not count",
                            "Failed runs at rate 1 ", "5 of 5 with none (57 to 100 %)", "0 of 5 with BN (0 to 43 %), p = 0.008",
                            "3 rates from 0.01 to 1, neighbours up to a factor of 10 apart", NULL},
           NULL);
    expect(&(struct synthetic){.kind = "lr_tolerance", .seeds = 2, .zero_rate = true},
           (const char *[]){"Learning-rate tolerance cannot be judged: one of the rates is 0, and has no ratio to the others.\n", NULL}, NULL);
}
END_TEST

START_TEST(otherwise_cells_are_ranked)
{
    expect(&(struct synthetic){.kind = "curves", .seeds = 8},
           (const char *[]){"The lowest test error is that of ", "against the baseline ", "not told apart", NULL}, NULL);
}
END_TEST

START_TEST(a_headline_stays_readable)
{
    struct nl_text out = {0};
    char *plain[] = {"BN", "LN", "GN", "IN", "RMSNorm", "none", "more"}, *with_commas[] = {"BN, depth 1", "LN", "BN, depth 2"};
    nl_answer_names(&out, plain, 1);
    nl_text_add(&out, "|");
    nl_answer_names(&out, plain, 3);
    nl_text_add(&out, "|");
    nl_answer_names(&out, with_commas, 3);
    nl_text_add(&out, "|");
    nl_answer_names(&out, plain, 7);
    ck_assert_str_eq(out.at, "BN|BN, LN and GN|BN, depth 1; LN and BN, depth 2|7 methods");
    nl_text_release(&out);
}
END_TEST

START_TEST(summary_pairs_by_seed)
{
    char *folder = synthetic_make(&(struct synthetic){.kind = "small_batch", .seeds = 8, .ln_diverged = 3});
    struct nl_experiment experiment;
    struct nl_error err = {{0}};
    synthetic_load(folder, NULL, &experiment);
    ck_assert_msg(nl_summary_write(folder, &experiment, &err) == NL_OK, "%s", err.text);
    char *path = nl_path_join(folder, "summary.csv");
    struct nl_table table;
    ck_assert_msg(nl_table_read(path, &table, &err) == NL_OK, "%s", err.text);
    int metric = nl_table_column(&table, "metric"), kind = nl_table_column(&table, "norm.kind"), batch = nl_table_column(&table, "train.batch");
    int seen = 0;
    for (int row = 0; row < table.rows; row++) {
        if (strcmp(nl_table_field(&table, row, metric), "test_error") != 0 || strcmp(nl_table_field(&table, row, batch), "2") != 0)
            continue;
        const char *name = nl_table_field(&table, row, kind);
        const char *n = nl_table_field(&table, row, nl_table_column(&table, "n"));
        const char *failed = nl_table_field(&table, row, nl_table_column(&table, "failed"));
        const char *pairs = nl_table_field(&table, row, nl_table_column(&table, "pairs"));
        double mean, difference;
        ck_assert_int_eq(nl_table_number(&table, row, nl_table_column(&table, "mean"), &mean, &err), NL_OK);
        ck_assert_int_eq(nl_table_number(&table, row, nl_table_column(&table, "difference"), &difference, &err), NL_OK);
        ck_assert_str_eq(n, strcmp(name, "ln") == 0 ? "5" : "8");
        ck_assert_str_eq(failed, strcmp(name, "ln") == 0 ? "3" : "0");
        ck_assert_str_eq(pairs, strcmp(name, "ln") == 0 ? "5" : "8");
        if (strcmp(name, "bn") == 0)
            near(difference, 0.2, 0.005);
        ck_assert(mean > 0.0 && mean < 1.0);
        seen++;
    }
    ck_assert_int_eq(seen, 3);
    nl_table_release(&table);
    free(path);
    synthetic_remove(folder);
}
END_TEST

START_TEST(damaged_results_are_refused)
{
    struct nl_experiment experiment;
    struct nl_error err = {{0}};
    char *folder = synthetic_make(&(struct synthetic){.kind = "curves", .seeds = 2});
    synthetic_load(folder, NULL, &experiment);
    char *path = nl_path_join(folder, "trials.csv");
    size_t length;
    char *text = nl_file_read(path, &length, &err);
    ck_assert_ptr_nonnull(text);
    ck_assert_int_eq(nl_file_write(path, text, length - 5, &err), NL_OK);
    ck_assert_ptr_null(nl_verdict(folder, &experiment, 0, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "cut off"));
    char *done = strstr(text, "done");
    memcpy(done, "dome", 4);
    ck_assert_int_eq(nl_file_write(path, text, length, &err), NL_OK);
    ck_assert_ptr_null(nl_verdict(folder, &experiment, 0, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "trials.csv:2: unknown status 'dome'"));
    free(text);
    free(path);
    synthetic_remove(folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stats");
    TCase *tests = tcase_create("stats");
    tcase_add_test(tests, tables_are_read_strictly);
    tcase_add_test(tests, small_batch_is_judged);
    tcase_add_test(tests, one_seed_decides_nothing);
    tcase_add_test(tests, failures_are_no_flatness);
    tcase_add_test(tests, references_are_no_evidence);
    tcase_add_test(tests, rates_are_judged);
    tcase_add_test(tests, otherwise_cells_are_ranked);
    tcase_add_test(tests, a_headline_stays_readable);
    tcase_add_test(tests, summary_pairs_by_seed);
    tcase_add_test(tests, damaged_results_are_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
