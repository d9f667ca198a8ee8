/* What observers see of a training, against hooks of PyTorch: the first steps of each line of
 * tests/golden/observe.cases on `ref`, to 1e-12 of the norm, or of the root mean square; on `cpu` the first step alone,
 * to what float32 leaves. tests/golden/observe.py made the numbers. */
#include <math.h>

#include "golden.h"
#include "graph/observers.h"
#include "graph/quantities.h"
#include "suite.h"
#include "train/train.h"

enum { COLUMNS = 1 + NL_QUANTITIES }; /* the first is the step */

/* Measured were at most 8e-14, of a gradient that a normalizer nearly takes to zero, and 2e-5, of an update that
 * float32 adds to a weight near 1. */
static const double REF_BOUND = 1e-12;
static const double CPU_BOUND = 1e-4;
static const double DIFFERENCES = 10; /* of a difference of differences the bound is so many times wider */

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

/* What a difference is held against. Of the means of a gradient that a sum takes to zero, rounding is all there is: the
 * root mean square; of a kurtosis the largest that there can be, the number of elements. */
static double scale_of(enum nl_quantity quantity, double elements, const double *want)
{
    double norm = want[NL_QUANTITY_norm];
    switch (quantity) {
    case NL_QUANTITY_norm: return norm;
    case NL_QUANTITY_mean:
    case NL_QUANTITY_std: return norm / sqrt(elements);
    case NL_QUANTITY_zeros: return 0; /* counted */
    case NL_QUANTITY_max:
    case NL_QUANTITY_least:
    case NL_QUANTITY_range:
    case NL_QUANTITY_q1:
    case NL_QUANTITY_q25:
    case NL_QUANTITY_median:
    case NL_QUANTITY_q75:
    case NL_QUANTITY_q99:
    case NL_QUANTITY_most: return want[NL_QUANTITY_max];
    case NL_QUANTITY_variance: return norm * norm / elements;
    case NL_QUANTITY_kurtosis: return elements;
    case NL_QUANTITY_outlier:
    case NL_QUANTITY_effective:
    case NL_QUANTITY_participation:
    case NL_QUANTITY_singular:
    case NL_QUANTITY_ratio: return want[quantity];
    case NL_QUANTITY_rotation: return 1;
    case NL_QUANTITIES: break;
    }
    return NAN;
}

/* Ten random projections estimate it; stored is, in place of the norm, the standard deviation of one. */
static void check_jacobian(const char *name, const struct nl_observation *o, const double *want)
{
    double found = nl_quantities[NL_QUANTITY_singular].value(&o->seen),
           error = want[NL_QUANTITY_norm] / sqrt(o->seen.elements);
    ck_assert_msg(fabs(found - want[NL_QUANTITY_singular]) <= 4 * error + 1e-12 * want[NL_QUANTITY_singular],
                  "%s, step %d: %.17g, not %.17g +- %g", name, (int)o->step, found, want[NL_QUANTITY_singular], error);
}

static void check_row(const char *name, const char *tensor, const struct nl_observation *o, const double *row,
                      double bound)
{
    const double *want = row + 1;
    ck_assert_int_eq(o->step, (int64_t)row[0]);
    if (nl_observer_aspect(tensor) == NL_JACOBIAN) {
        check_jacobian(name, o, want);
        return;
    }
    if (nl_observer_aspect(tensor) == NL_TURN)
        bound *= DIFFERENCES;
    for (enum nl_quantity q = 0; q < NL_QUANTITIES; q++) {
        double found = nl_quantities[q].value(&o->seen);
        if (q == NL_QUANTITY_zeros && bound > REF_BOUND)
            continue; /* a float may be 0 where a double is not */
        if (q == NL_QUANTITY_kurtosis && want[NL_QUANTITY_std] <= 1e-3 * want[NL_QUANTITY_norm])
            continue; /* rounding is much of that by which the elements differ */
        if (nl_quantity_applies(q, nl_observer_aspect(tensor)) && !isnan(want[q]))
            ck_assert_msg(fabs(found - want[q]) <= bound * scale_of(q, o->seen.elements, want),
                          "%s, step %d: %s is %.17g, not %.17g", name, (int)o->step, nl_quantity_names[q], found,
                          want[q]);
    }
}

/* Returns how many numbers were compared. */
static int check_tensor(const struct nl_trial_result *result, const char *tensor,
                        const struct nl_tensor_file_entry *stored, size_t steps, double bound)
{
    size_t row = 0;
    for (int i = 0; i < result->observations && row < steps; i++)
        if (strcmp(result->tensor[result->observation[i].tensor], tensor) == 0)
            check_row(stored->name, tensor, &result->observation[i], (const double *)stored->data + COLUMNS * row++,
                      bound);
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
    bool few = strncmp(golden->name, "curved", 6) == 0 || strncmp(golden->name, "jacobian", 8) == 0 ||
               strncmp(golden->name, "attention", 9) == 0 || strncmp(golden->name, "flat", 4) == 0;
    int least = few ? 1 : 30; /* tensors */
    ck_assert_msg(compared >= least * (COLUMNS - 1), "%s: %d numbers", golden->name, compared);
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
