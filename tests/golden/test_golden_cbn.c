/* Cross-iteration batch normalization against its paper's formulas and PyTorch's autograd in float64: the losses of a
 * few steps, and every tensor after them, whose steps are as large as gradients: on `ref` and, to what float32 leaves,
 * on `cpu`; and on `ref` the losses and the evaluations of 200 steps. tests/golden/cbn.py made the numbers. */
#include <math.h>

#include "golden.h"
#include "scratch.h"
#include "suite.h"
#include "train/train.h"

enum { FEW = 6, STEPS = 200 };

static struct golden few, trainings;

/* What rounding leaves, ten times what was measured: the losses of the first steps by 1e-15 and 5e-7 relative, tensors,
 * of which small steps are differences of large sums, by 9e-14 and 1.3e-5, and numbers at the end of 200 steps, in
 * which a difference grows, by 2e-13. */
struct bounds {
    double losses, tensors;
};
static const struct bounds ref_bounds = {1e-14, 1e-12}, cpu_bounds = {5e-6, 1e-4};
static const double TRAINED_BOUND = 2e-12;

/* Largest difference over the largest magnitude. */
static double apart(const double *got, const double *want, size_t count)
{
    double largest = 0, most = 0;
    for (size_t i = 0; i < count; i++) {
        double difference = fabs(got[i] - want[i]);
        largest = fmax(largest, fabs(want[i]));
        most = !(difference <= most) ? difference : most;
    }
    return most == 0 ? 0 : most / largest;
}

static void expect(const struct golden *file, const struct golden_case *golden, const char *what, const double *got,
                   size_t count, double bound)
{
    double far = apart(got, golden_stored(file, golden, what, count), count);
    ck_assert_msg(far <= bound, "%s: %s are %.2g apart", golden->name, what, far);
}

static void expect_losses(const struct golden *file, const struct golden_case *golden,
                          const struct nl_trial_result *result, int steps, double bound)
{
    double losses[STEPS];
    int seen = 0;
    for (int i = 0; i < result->rows && seen < steps; i++)
        if (result->row[i].part == NL_PART_TRAIN && result->row[i].eval < 0)
            losses[seen++] = result->row[i].loss;
    ck_assert_int_eq(seen, steps);
    expect(file, golden, "losses", losses, (size_t)steps, bound);
}

static void expect_score(const struct golden_case *golden, const char *part, struct nl_score score)
{
    expect(&trainings, golden, part, (double[]){score.loss, score.accuracy}, 2, TRAINED_BOUND);
}

static double *as_doubles(const struct nl_tensor_file_entry *entry, size_t *count)
{
    *count = 1;
    for (int d = 0; d < entry->dims; d++)
        *count *= entry->shape[d];
    double *out = nl_alloc(*count, sizeof *out);
    for (size_t i = 0; i < *count; i++)
        out[i] = entry->type == NL_F64   ? ((const double *)entry->data)[i]
                 : entry->type == NL_F32 ? (double)((const float *)entry->data)[i]
                                         : (double)((const int64_t *)entry->data)[i];
    return out;
}

static void expect_tensors(const struct golden_case *golden, const char *path, double bound)
{
    struct nl_tensor_file file;
    struct nl_error err;
    ck_assert_msg(nl_safetensors_read(path, &file, &err) == NL_OK, "%s", err.text);
    ck_assert_int_gt(file.count, 10);
    for (int i = 0; i < file.count; i++) {
        char *name = nl_format("final.%s", file.entry[i].name);
        size_t count;
        double *got = as_doubles(&file.entry[i], &count);
        expect(&few, golden, name, got, count, bound);
        free(got);
        free(name);
    }
    nl_safetensors_release(&file);
}

static struct nl_trial_result train(const struct golden_case *golden, const char *device, const char *save_final)
{
    struct nl_config config = golden_config(golden, device);
    struct nl_error err = {""};
    struct nl_dataset *dataset = nl_dataset_open(&config, &err);
    struct nl_trial_options options = {.save_final = save_final};
    struct nl_trial_result result;
    ck_assert_msg(dataset != NULL, "%s", err.text);
    ck_assert_msg(nl_trial_run(&config, dataset, &options, &result, &err) == NL_OK, "%s: %s", golden->name, err.text);
    nl_dataset_free(dataset);
    return result;
}

static void check_steps(const struct golden_case *golden, const char *device, const struct bounds *bounds)
{
    char *folder = scratch_make(), *path = nl_format("%s/final.safetensors", folder);
    struct nl_trial_result result = train(golden, device, path);
    expect_losses(&few, golden, &result, FEW, bounds->losses);
    expect_tensors(golden, path, bounds->tensors);
    nl_trial_result_release(&result);
    free(path);
    scratch_remove(folder);
}

START_TEST(steps_of_ref)
{
    check_steps(&few.at[_i], "device.kind=ref", &ref_bounds);
}
END_TEST

START_TEST(steps_of_cpu)
{
    check_steps(&few.at[_i], "device.kind=cpu", &cpu_bounds);
}
END_TEST

START_TEST(trainings_of_ref)
{
    const struct golden_case *golden = &trainings.at[_i];
    struct nl_trial_result result = train(golden, "device.kind=ref", NULL);
    expect_losses(&trainings, golden, &result, STEPS, TRAINED_BOUND);
    expect_score(golden, "train", result.score[NL_PART_TRAIN][NL_EVAL_RUNNING]);
    expect_score(golden, "test", result.score[NL_PART_TEST][NL_EVAL_RUNNING]);
    nl_trial_result_release(&result);
}
END_TEST

int main(void)
{
    bool good = golden_read(&few, "cbn") && golden_read(&trainings, "cbn_train");
    int failed = 1;
    if (good) {
        Suite *suite = suite_create("golden cbn");
        TCase *cases = tcase_create("cases");
        tcase_add_loop_test(cases, steps_of_ref, 0, few.count);
        tcase_add_loop_test(cases, steps_of_cpu, 0, few.count);
        tcase_add_loop_test(cases, trainings_of_ref, 0, trainings.count);
        suite_add_tcase(suite, cases);
        failed = run_suite(suite);
    }
    golden_release(&few);
    golden_release(&trainings);
    return failed;
}
