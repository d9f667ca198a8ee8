/* What observers see of a training, against hooks of PyTorch: the first steps of each line of
 * tests/golden/observe.cases on `ref`, to 1e-12 of the norm, or of the root mean square; on `cpu` the first step alone,
 * to what float32 leaves. tests/golden/observe.py made the numbers. */
#include <math.h>

#include "golden.h"
#include "suite.h"
#include "train/train.h"

enum { COLUMNS = 5 };
enum { STEP, NORM, MEAN, STD, ZEROS };

/* Measured were at most 8e-14, of a gradient that a normalizer nearly takes to zero, and 2e-5, of an update that
 * float32 adds to a weight near 1. */
static const double REF_BOUND = 1e-12;
static const double CPU_BOUND = 1e-4;

static struct golden goldens;

static struct nl_trial_result train(const struct golden_case *golden, const char *device)
{
    struct nl_config config = golden_config(golden, device);
    struct nl_error err = {""};
    struct nl_dataset *dataset = nl_dataset_open(&config, &err);
    ck_assert_msg(dataset != NULL, "%s", err.text);
    struct nl_trial_result result;
    ck_assert_msg(nl_trial_run(&config, dataset, NULL, &result, &err) == NL_OK, "%s: %s", golden->name, err.text);
    nl_dataset_free(dataset);
    return result;
}

/* Of the means of a gradient that a sum takes to zero, rounding is all there is: they are held against the root mean
 * square. */
static void check_row(const char *name, const struct nl_observation *o, const double want[COLUMNS], double bound)
{
    double scale = want[NORM] / sqrt(o->elements), mean = o->sum / o->elements,
           std = sqrt(o->deviations / (o->elements - 1));
    ck_assert_int_eq(o->step, (int64_t)want[STEP]);
    ck_assert_msg(fabs(sqrt(o->squares) - want[NORM]) <= bound * want[NORM], "%s, step %d: a norm of %.17g, not %.17g",
                  name, (int)o->step, sqrt(o->squares), want[NORM]);
    ck_assert_msg(fabs(mean - want[MEAN]) <= bound * scale, "%s, step %d: a mean of %.17g, not %.17g", name,
                  (int)o->step, mean, want[MEAN]);
    ck_assert_msg(fabs(std - want[STD]) <= bound * scale, "%s, step %d: a deviation of %.17g, not %.17g", name,
                  (int)o->step, std, want[STD]);
    ck_assert_msg(bound > REF_BOUND || o->zeros / o->elements == want[ZEROS], "%s, step %d: %g zeros, not %g", name,
                  (int)o->step, o->zeros / o->elements, want[ZEROS]);
}

/* Returns how many numbers were compared. */
static int check_tensor(const struct nl_trial_result *result, const char *tensor,
                        const struct nl_tensor_file_entry *stored, size_t steps, double bound)
{
    size_t row = 0;
    for (int i = 0; i < result->observations && row < steps; i++)
        if (strcmp(result->tensor[result->observation[i].tensor], tensor) == 0)
            check_row(stored->name, &result->observation[i], (const double *)stored->data + COLUMNS * row++, bound);
    ck_assert_msg(row == steps, "%s: %zu rows, not %zu", stored->name, row, steps);
    return (int)row * (COLUMNS - 1);
}

static void check_case(const struct golden_case *golden, const char *device, bool all_steps, double bound)
{
    struct nl_trial_result result = train(golden, device);
    int compared = 0;
    for (int i = 0; i < goldens.tensors.count; i++) {
        const struct nl_tensor_file_entry *entry = &goldens.tensors.entry[i];
        const char *tensor = golden_tensor_of(entry, golden);
        if (!tensor)
            continue;
        ck_assert(entry->type == NL_F64 && entry->dims == 2 && entry->shape[1] == COLUMNS);
        compared += check_tensor(&result, tensor, entry, all_steps ? entry->shape[0] : 1, bound);
    }
    ck_assert_msg(compared >= 30 * (COLUMNS - 1), "%s: %d numbers", golden->name, compared);
    nl_trial_result_release(&result);
}

START_TEST(ref_sees_what_pytorch_sees)
{
    check_case(&goldens.at[_i], "device.kind=ref", true, REF_BOUND);
}
END_TEST

START_TEST(cpu_sees_it_in_the_first_step)
{
    check_case(&goldens.at[_i], "device.kind=cpu", false, CPU_BOUND);
}
END_TEST

int main(void)
{
    if (!golden_read(&goldens, "observe")) {
        golden_release(&goldens);
        return 1;
    }
    Suite *suite = suite_create("golden_observe");
    TCase *tests = tcase_create("cases");
    tcase_add_loop_test(tests, ref_sees_what_pytorch_sees, 0, goldens.count);
    tcase_add_loop_test(tests, cpu_sees_it_in_the_first_step, 0, goldens.count);
    suite_add_tcase(suite, tests);
    int code = run_suite(suite);
    golden_release(&goldens);
    return code;
}
