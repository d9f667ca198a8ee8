/* Cross-iteration batch normalization against its paper's formulas and PyTorch's autograd in float64: the losses of a few steps, and every tensor after
 * them, whose steps are as large as gradients: to 1e-10 on `ref`, on `cpu` to what float32 leaves. tests/golden/cbn.py made the numbers. */
#include <math.h>

#include "golden.h"
#include "scratch.h"
#include "suite.h"
#include "train/train.h"

enum { STEPS = 6 };

static struct golden goldens;

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

static void expect_losses(const struct golden_case *golden, const struct nl_trial_result *result, double bound)
{
    double losses[STEPS];
    int seen = 0;
    for (int i = 0; i < result->rows && seen < STEPS; i++)
        if (result->row[i].part == NL_PART_TRAIN && result->row[i].eval < 0)
            losses[seen++] = result->row[i].loss;
    ck_assert_int_eq(seen, STEPS);
    double far = apart(losses, golden_stored(&goldens, golden, "losses", STEPS), STEPS);
    ck_assert_msg(far <= bound, "%s: losses are %.2g apart", golden->name, far);
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
        double *got = as_doubles(&file.entry[i], &count), far = apart(got, golden_stored(&goldens, golden, name, count), count);
        ck_assert_msg(far <= bound, "%s: %s are %.2g apart", golden->name, name, far);
        free(got);
        free(name);
    }
    nl_safetensors_release(&file);
}

static void check(const struct golden_case *golden, const char *device, double bound)
{
    char *folder = scratch_make(), *path = nl_format("%s/final.safetensors", folder);
    struct nl_config config = golden_config(golden, device);
    struct nl_error err = {""};
    struct nl_dataset *dataset = nl_dataset_open(&config, &err);
    struct nl_trial_options options = {.save_final = path};
    struct nl_trial_result result;
    ck_assert_msg(dataset != NULL, "%s", err.text);
    ck_assert_msg(nl_trial_run(&config, dataset, &options, &result, &err) == NL_OK, "%s: %s", golden->name, err.text);
    expect_losses(golden, &result, bound);
    expect_tensors(golden, path, bound);
    nl_trial_result_release(&result);
    nl_dataset_free(dataset);
    free(path);
    scratch_remove(folder);
}

START_TEST(ref_is_pytorch)
{
    check(&goldens.at[_i], "device.kind=ref", 1e-10);
}
END_TEST

START_TEST(cpu_is_near)
{
    check(&goldens.at[_i], "device.kind=cpu", 2e-4);
}
END_TEST

int main(void)
{
    if (!golden_read(&goldens, "cbn")) {
        golden_release(&goldens);
        return 1;
    }
    Suite *suite = suite_create("golden cbn");
    TCase *cases = tcase_create("cases");
    tcase_add_loop_test(cases, ref_is_pytorch, 0, goldens.count);
    tcase_add_loop_test(cases, cpu_is_near, 0, goldens.count);
    suite_add_tcase(suite, cases);
    int failed = run_suite(suite);
    golden_release(&goldens);
    return failed;
}
