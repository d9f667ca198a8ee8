/* Top-5 errors and expected calibration errors: of the logits that tests/golden/calibration.py kept, against PyTorch's
 * and NumPy's numbers to 1e-12; of the same networks, trained here, as far as float32 keeps logits; and of logits whose
 * answer is known: ties, edges of bins, one class, and what is no number. */
#include <math.h>

#include "golden.h"
#include "suite.h"
#include "train/calibration.h"

static const double SUMS_BOUND = 1e-12, LOGITS_BOUND = 1e-6;

static struct golden goldens;

enum { LOSS, ACCURACY, TOP5_ERROR, ECE, SCORES };

static bool is_near(double got, double want, double bound)
{
    return isnan(want) ? isnan(got) : fabs(got - want) <= bound;
}

static const struct nl_tensor_file_entry *entry_of(const struct golden_case *of, const char *tensor)
{
    char *name = nl_format("%s/%s", of->name, tensor);
    const struct nl_tensor_file_entry *entry = nl_safetensors_find(&goldens.tensors, name);
    ck_assert_msg(entry != NULL, "%s is not stored: run tests/golden/calibration.py", name);
    free(name);
    return entry;
}

START_TEST(of_kept_logits_they_are_those_of_numpy)
{
    const struct golden_case *golden = &goldens.at[_i];
    const struct nl_tensor_file_entry *logits = entry_of(golden, "logits"), *labels = entry_of(golden, "labels");
    const double *wanted = golden_stored(&goldens, golden, "scores", SCORES);
    ck_assert(logits->type == NL_F32 && labels->type == NL_I64 && logits->shape[0] == labels->shape[0]);
    int count = (int)logits->shape[0], classes = (int)logits->shape[1];
    ck_assert_int_gt(count, 0);
    struct nl_calibration_sums sums = {0};
    double *row = nl_alloc((size_t)classes, sizeof *row);
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < classes; k++)
            row[k] = (double)((const float *)logits->data)[i * classes + k];
        nl_calibration_add(&sums, row, classes, (int)((const int64_t *)labels->data)[i]);
    }
    free(row);
    struct nl_calibration found = nl_calibration_of(&sums);
    ck_assert_msg(is_near(found.top5_error, wanted[TOP5_ERROR], SUMS_BOUND), "%s: top-5 %.17g, not %.17g", golden->name,
                  found.top5_error, wanted[TOP5_ERROR]);
    ck_assert_msg(is_near(found.ece, wanted[ECE], SUMS_BOUND), "%s: ECE %.17g, not %.17g", golden->name, found.ece,
                  wanted[ECE]);
}
END_TEST

START_TEST(a_trial_has_them)
{
    const struct golden_case *golden = &goldens.at[_i];
    const double *wanted = golden_stored(&goldens, golden, "scores", SCORES);
    struct nl_config config = golden_config(golden, "device.kind=ref");
    struct nl_error err;
    struct nl_dataset *dataset = nl_dataset_open(&config, &err);
    struct nl_trial_result result;
    ck_assert_msg(dataset != NULL, "%s", err.text);
    ck_assert_msg(nl_trial_run(&config, dataset, NULL, &result, &err) == NL_OK, "%s: %s", golden->name, err.text);
    struct nl_score score = result.score[NL_PART_TEST][nl_primary_eval(&config)];
    const double found[SCORES] = {[LOSS] = score.loss,
                                  [ACCURACY] = score.accuracy,
                                  [TOP5_ERROR] = result.calibration.top5_error,
                                  [ECE] = result.calibration.ece};
    for (int i = 0; i < SCORES; i++)
        ck_assert_msg(is_near(found[i], wanted[i], LOGITS_BOUND), "%s: number %d is %.17g, not %.17g", golden->name, i,
                      found[i], wanted[i]);
    nl_trial_result_release(&result);
    nl_dataset_free(dataset);
}
END_TEST

/* ---- logits whose answer is known ---- */

enum { CLASSES = 7 };
#define NONE (-INFINITY)

/* One position: its label, and logits. */
struct position {
    int label;
    double logits[CLASSES];
};

static struct nl_calibration of_positions(const struct position *at, int count, int classes)
{
    struct nl_calibration_sums sums = {0};
    for (int i = 0; i < count; i++)
        nl_calibration_add(&sums, at[i].logits, classes, at[i].label);
    return nl_calibration_of(&sums);
}

START_TEST(the_first_of_equal_logits_is_larger)
{
    for (int label = 0; label < CLASSES; label++) {
        const struct position equal = {label, {0}}, last = {label, {1, 1, 1, 1, 1, 1, 2}},
                              first = {label, {1, 0, 0, 0, 0, 0, NONE}};
        ck_assert(of_positions(&equal, 1, CLASSES).top5_error == (label > 4));
        ck_assert(of_positions(&last, 1, CLASSES).top5_error == (label == 4 || label == 5));
        ck_assert(of_positions(&first, 1, CLASSES).top5_error == (label > 4));
        /* as for accuracy: the first is the answer, with a confidence of 1/7 */
        double wanted = label == 0 ? 6.0 / 7 : 1.0 / 7;
        ck_assert(fabs(of_positions(&equal, 1, CLASSES).ece - wanted) <= 1e-15);
    }
}
END_TEST

START_TEST(with_five_classes_there_is_no_top_5)
{
    const struct position one = {0, {3}}, five = {4, {0, 0, 0, 0, 1}}, six = {5, {1, 1, 1, 1, 1, 0}};
    struct nl_calibration found = of_positions(&one, 1, 1);
    ck_assert(isnan(found.top5_error) && found.ece == 0); /* it is right, and sure */
    found = of_positions(&five, 1, 5);
    ck_assert(isnan(found.top5_error) && found.ece > 0.5 && found.ece < 0.65);
    ck_assert(of_positions(&six, 1, 6).top5_error == 1);
    const struct nl_calibration_sums none = {0};
    found = nl_calibration_of(&none);
    ck_assert(isnan(found.top5_error) && isnan(found.ece));
}
END_TEST

/* Confidences of exactly 1/3 and 1/5 lie on edges, and belong to the bins below. What a bin has in common is seen by
 * what cancels in it. */
START_TEST(a_bin_has_its_upper_edge)
{
    const double little = -8;
    const struct position third = {1, {0, 0, 0, NONE, NONE, NONE, NONE}},
                          below = {0, {0, 0, 0, little, NONE, NONE, NONE}},
                          above = {0, {0.001, 0, 0, NONE, NONE, NONE, NONE}}, fifth = {1, {0, 0, 0, 0, 0, NONE, NONE}},
                          below_fifth = {0, {0, 0, 0, 0, 0, little, NONE}},
                          above_fifth = {0, {0.001, 0, 0, 0, 0, NONE, NONE}};
    const struct position together[] = {third, below}, apart[] = {third, above}, fifths[] = {fifth, below_fifth},
                          apart_fifths[] = {fifth, above_fifth};
    double near = 1 / (3 + exp(little)), near_fifth = 1 / (5 + exp(little)), over = exp(0.001) / (exp(0.001) + 2),
           over_fifth = exp(0.001) / (exp(0.001) + 4);
    ck_assert(fabs(of_positions(together, 2, CLASSES).ece - (1 - 1.0 / 3 - near) / 2) <= 1e-15);
    ck_assert(fabs(of_positions(apart, 2, CLASSES).ece - (1.0 / 3 + 1 - over) / 2) <= 1e-15);
    ck_assert(fabs(of_positions(fifths, 2, CLASSES).ece - (1 - 1.0 / 5 - near_fifth) / 2) <= 1e-15);
    ck_assert(fabs(of_positions(apart_fifths, 2, CLASSES).ece - (1.0 / 5 + 1 - over_fifth) / 2) <= 1e-15);
}
END_TEST

START_TEST(what_is_no_number_is_wrong)
{
    for (int place = 0; place < CLASSES; place++) {
        struct position at[] = {{0, {9, 8, 7, 6, 5, 4, 3}}, {0, {9, 8, 7, 6, 5, 4, 3}}};
        at[1].logits[place] = NAN;
        struct nl_calibration found = of_positions(at, 2, CLASSES);
        ck_assert(found.top5_error == 0.5 && isnan(found.ece));
    }
    struct position infinite = {3, {0, 0, 0, INFINITY}}, low = {3, {0, 0, 0, NONE, NONE, NONE, NONE}};
    ck_assert(of_positions(&infinite, 1, CLASSES).top5_error == 0 && isnan(of_positions(&infinite, 1, CLASSES).ece));
    ck_assert(of_positions(&low, 1, CLASSES).top5_error == 0); /* the fourth of all, behind three */
    low.label = 6;
    ck_assert(of_positions(&low, 1, CLASSES).top5_error == 1);
    ck_assert(fabs(of_positions(&low, 1, CLASSES).ece - 1.0 / 3) <= 1e-15);
}
END_TEST

int main(void)
{
    if (!golden_read(&goldens, "calibration"))
        return 1;
    Suite *suite = suite_create("calibration");
    TCase *tcase = tcase_create("calibration");
    tcase_add_loop_test(tcase, of_kept_logits_they_are_those_of_numpy, 0, goldens.count);
    tcase_add_loop_test(tcase, a_trial_has_them, 0, goldens.count);
    tcase_add_test(tcase, the_first_of_equal_logits_is_larger);
    tcase_add_test(tcase, with_five_classes_there_is_no_top_5);
    tcase_add_test(tcase, a_bin_has_its_upper_edge);
    tcase_add_test(tcase, what_is_no_number_is_wrong);
    suite_add_tcase(suite, tcase);
    int status = run_suite(suite);
    golden_release(&goldens);
    return status;
}
