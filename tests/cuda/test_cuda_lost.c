/* A GPU that is lost in the middle of a sweep, as after a kernel that reached beyond its memory: the sweep ends and
 * says so, no trial is blamed, and the next call goes on. */
#include <check.h>
#include <string.h>

#include "backend/backend.h"
#include "base/files.h"
#include "experiments.h"
#include "scratch.h"
#include "suite.h"
#include "sweep/sweep.h"

extern _Atomic int host_cuda_launches_left, host_cuda_context;

static const char yaml[] =
    "data: {train: 64, test: 32}\nmodel: {depth: 1, width: 8}\ntrain: {epochs: 2, lr: 0.1, batch: 16}\n"
    "device: {kind: cuda}\nsweep: {grid: {norm.kind: [bn, ln, rms]}, seeds: 2}\n";

/* Each trial by itself, one after the other. */
static int sweep(const struct nl_experiment *experiment, const char *folder, int workers,
                 struct nl_sweep_result *result, struct nl_error *err)
{
    struct nl_grid grid = unfold(experiment);
    struct nl_datasets datasets = {0};
    const struct nl_sweep_options options = {
        .folder = folder, .command = "test", .runner = {.workers = workers, .cohort = 1}};
    ck_assert_msg(nl_grid_identify(&grid, &datasets, err) == NL_OK, "%s", err->text);
    int status = nl_sweep(experiment, &grid, &datasets, &options, result, err);
    nl_grid_release(&grid);
    nl_datasets_release(&datasets);
    return status;
}

START_TEST(the_sweep_stops_and_goes_on)
{
    int workers = 1 + _i;
    ck_assert_ptr_eq(nl_backend_of(NL_CUDA), &nl_backend_cuda);
    char *folder = scratch_make(), *out = nl_path_join(folder, "out"), *table = nl_path_join(out, "trials.csv");
    struct nl_experiment experiment = load(folder, yaml, NULL);
    struct nl_error err = {{0}};
    struct nl_sweep_result result;
    host_cuda_launches_left = 100; /* some trials end before, none of the last ones begins */
    ck_assert_int_eq(sweep(&experiment, out, workers, &result, &err), NL_FAIL);
    ck_assert_msg(strstr(err.text, "an illegal memory access was encountered") &&
                      strstr(err.text, "the same command runs the others"),
                  "%s", err.text);
    int kept = 0;
    for (int i = 0; i < result.trials; i++) {
        ck_assert(!result.record[i].present || !result.record[i].failed);
        kept += result.record[i].present;
    }
    ck_assert_msg(kept > 0 && kept < result.trials, "%d of %d trials are kept", kept, result.trials);
    nl_sweep_result_release(&result);

    host_cuda_launches_left = -1;
    host_cuda_context = 0; /* another program */
    ck_assert_msg(sweep(&experiment, out, workers, &result, &err) == NL_OK, "%s", err.text);
    ck_assert(result.errors == 0 && result.absent == 0);
    nl_sweep_result_release(&result);
    char *text = nl_file_read(table, NULL, &err);
    ck_assert_msg(text != NULL, "%s", err.text);
    free(text);
    free(table);
    free(out);
    scratch_remove(folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("a GPU that is lost");
    TCase *tests = tcase_create("sweep");
    tcase_add_loop_test(tests, the_sweep_stops_and_goes_on, 0, 2);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
