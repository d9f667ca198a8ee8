/* What the explorer of a page holds stays within bounds, whatever the size of the results, and says what it leaves out.
 * test_explore.sh compares its numbers with the tables. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "report/explore.h"
#include "scratch.h"
#include "suite.h"

/* Made results: four keys, a sine for each curve. */
struct made {
    int cells, seeds, evaluations;
    bool bare;       /* no run has a value */
    const char *odd; /* a loss of the first run, in the middle of its curve; NULL: none */
};

enum { RATES = 24 }; /* cells are 2 x RATES x as many batch sizes as it takes */

static void put(const char *folder, const char *name, struct nl_text *text)
{
    struct nl_error err = {{0}};
    char *path = nl_path_join(folder, name);
    ck_assert_msg(nl_file_write(path, text->at, text->length, &err) == NL_OK, "%s", err.text);
    free(path);
    nl_text_release(text);
}

static void add_trial(const struct made *made, int cell, int seed, int trial, struct nl_text *trials,
                      struct nl_text *curves)
{
    double end = 0.1 + 0.001 * (cell % 50) + 0.0003 * seed;
    char *keys = nl_format("%d,%s,%d,%g,%d", trial, cell % 2 ? "bn" : "ln", 2 + cell / (2 * RATES),
                           0.01 * (1 + cell / 2 % RATES), seed);
    if (made->bare)
        nl_text_add(trials, "%s,error,,10,100,100,,,,\n", keys);
    else
        nl_text_add(trials, "%s,done,,10,100,100,%.17g,%.17g,%.17g,%.17g\n", keys, end, 2 * end, end, 3 * end);
    for (int i = 1; i <= made->evaluations; i++)
        for (int part = 0; part < 2; part++) {
            bool odd = made->odd && trial == 1 && i == made->evaluations / 2;
            char *loss = odd ? nl_strdup(made->odd) : nl_format("%.6f", 1.0 + 1.0 / i);
            nl_text_add(curves, "%s,%d,%d,%d,%s,%s,0.1,%s,0.75\n", keys, i, i, i, part ? "test" : "train",
                        part ? "running" : "", loss);
            free(loss);
        }
    free(keys);
}

static char *make(const struct made *made)
{
    char *folder = scratch_make();
    struct nl_text yaml = {0}, trials = {0}, curves = {0};
    int batches = (made->cells + 2 * RATES - 1) / (2 * RATES), trial = 0;
    nl_text_add(&yaml, "sweep:\n  grid:\n    norm.kind: [ln, bn]\n    train.batch: [2");
    for (int i = 1; i < batches; i++)
        nl_text_add(&yaml, ", %d", 2 + i);
    nl_text_add(&yaml, "]\n    train.lr: [0.01");
    for (int i = 2; i <= RATES; i++)
        nl_text_add(&yaml, ", %g", 0.01 * i);
    nl_text_add(&yaml, "]\n  seeds: %d\n", made->seeds);
    nl_text_add(&trials, "trial,norm.kind,train.batch,train.lr,train.seed,status,failed_step,classes,train_samples,"
                         "test_samples,test_error,train_loss,train_error,test_loss\n");
    nl_text_add(&curves,
                "trial,norm.kind,train.batch,train.lr,train.seed,step,epoch,samples,split,eval,lr,loss,accuracy\n");
    for (int cell = 0; cell < made->cells; cell++)
        for (int seed = 1; seed <= made->seeds; seed++)
            add_trial(made, cell, seed, ++trial, &trials, &curves);
    put(folder, "experiment.yaml", &yaml);
    put(folder, "trials.csv", &trials);
    put(folder, "curves.csv", &curves);
    return folder;
}

/* The data of the explorer; new string. */
static char *explored(const char *folder)
{
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    struct nl_results results;
    struct nl_error err = {{0}};
    struct nl_document document;
    char *path = nl_path_join(folder, "experiment.yaml");
    ck_assert_msg(nl_experiment_load(path, NULL, 0, &experiment, &diagnostics) == NL_OK, "%s",
                  nl_diagnostics_text(&diagnostics));
    ck_assert_msg(nl_results_load(folder, &experiment, NULL, &results, &err) == NL_OK, "%s", err.text);
    nl_document_begin(&document, "A page", false);
    nl_explore(
        &(const struct nl_report_section){.document = &document, .experiment = &experiment, .results = &results});
    ck_assert_int_eq(document.count, 1);
    ck_assert_int_eq((int)document.block[0].kind, (int)NL_BLOCK_EXPLORER);
    char *json = nl_strdup(document.block[0].text);
    nl_document_release(&document);
    nl_results_release(&results);
    free(path);
    return json;
}

static char *explored_of(const struct made *made)
{
    char *folder = make(made), *json = explored(folder);
    scratch_remove(folder);
    return json;
}

/* The member of curves, which is the last. */
static const char *lines_of(const char *json)
{
    const char *at = strstr(json, "\"lines_of\":");
    ck_assert_msg(at != NULL, "%.200s", json);
    return at;
}

static int count(const char *text, const char *word)
{
    int found = 0;
    for (; (text = strstr(text, word)); text += strlen(word))
        found++;
    return found;
}

static void expect(const char *json, const char *what)
{
    ck_assert_msg(strstr(json, what) != NULL, "%s: %.1000s", what, json);
}

START_TEST(thirty_thousand_trials_fit)
{
    char *json = explored_of(&(struct made){.cells = 1200, .seeds = 25, .evaluations = 6});
    expect(json, "{\"notes\":[\"Values of single runs are here for 2 of 4 metrics; trials.csv has the others.\","
                 "\"Curves are here for 1 of 4 metrics; curves.csv has the others.\",\"Curves are here for 12 runs of "
                 "each cell, the first; curves.csv has the others.\"]");
    ck_assert_int_eq(count(json, "\"values\":null"), 2);
    ck_assert_int_eq(count(json, "\"column\":"), 4 + 1);
    ck_assert_int_eq(count(lines_of(json), "]]"), 1200 * 12); /* runs */
    ck_assert_int_eq(count(lines_of(json), "]]]"), 1200);     /* cells of them */
    ck_assert_uint_le(strlen(json), 4u << 20);
    free(json);
}
END_TEST

START_TEST(more_than_a_page_holds_is_a_sentence)
{
    char *json = explored_of(&(struct made){.cells = 1200, .seeds = 51});
    ck_assert_str_eq(json, "{\"notes\":[\"There are too many cells to explore them here, 1200 cells for 51 seeds each: "
                           "a page has room for 60000 runs. summary.csv and trials.csv have all of them.\"]}");
    free(json);
}
END_TEST

/* A curve that is thinned keeps what stands out of it, and ends where it ended. */
START_TEST(a_thinned_curve_keeps_its_extremes)
{
    char *json = explored_of(&(struct made){.cells = 2, .seeds = 1, .evaluations = 5000, .odd = "77777"});
    expect(json, "{\"notes\":[\"Curves of more than 160 evaluations are drawn by the least and the greatest value of "
                 "each group of neighbouring ones, at most 80 groups a curve; curves.csv has each.\"]");
    ck_assert_int_eq(count(lines_of(json), "7.778e+04"), 2); /* of training, and of the test part */
    expect(json, "\"steps\":[[63,126,");
    expect(json, ",4977,5000]]"); /* 79 groups of 63, and the 23 that are left */
    ck_assert_int_eq(count(strstr(json, "\"steps\":"), ",") - count(lines_of(json), ","), 80);
    free(json);
}
END_TEST

START_TEST(what_is_no_number_is_null)
{
    static const char *const odd[] = {"nan", "inf", ""};
    char *json = explored_of(&(struct made){.cells = 2, .seeds = 1, .evaluations = 5, .odd = odd[_i]});
    ck_assert_int_eq(count(lines_of(json), "[2,null,1.333,1.25,1.2]"), 2);
    expect(json, "{\"notes\":[],");
    free(json);
}
END_TEST

START_TEST(no_value_is_a_sentence)
{
    char *json = explored_of(&(struct made){.cells = 2, .seeds = 2, .evaluations = 2, .bare = true});
    expect(json, "{\"notes\":[\"No run has a value that could be shown.\"]");
    expect(json, "\"failed\":[2,2]");
    expect(json, "\"metrics\":[]");
    free(json);
}
END_TEST

START_TEST(curves_that_cannot_be_read_are_said)
{
    char *folder = make(&(struct made){.cells = 2, .seeds = 2, .evaluations = 2});
    struct nl_text text = {0};
    nl_text_add(&text, "trial,step\n1,1\n");
    put(folder, "curves.csv", &text);
    char *json = explored(folder);
    expect(json, "{\"notes\":[\"The curves cannot be shown: ");
    expect(json, "\"curves\":[],\"steps\":[],\"lines_of\":{}}");
    expect(json, "\"trial\":[1,2,3,4]");
    free(json);
    scratch_remove(folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("explore");
    TCase *tests = tcase_create("explore");
    tcase_add_test(tests, thirty_thousand_trials_fit);
    tcase_add_test(tests, more_than_a_page_holds_is_a_sentence);
    tcase_add_test(tests, a_thinned_curve_keeps_its_extremes);
    tcase_add_loop_test(tests, what_is_no_number_is_null, 0, 3);
    tcase_add_test(tests, no_value_is_a_sentence);
    tcase_add_test(tests, curves_that_cannot_be_read_are_said);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
