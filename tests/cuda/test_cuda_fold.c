/* Folded networks on a GPU: cuda puts out the same before and after folding, and times each operation of a pass. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/files.h"
#include "base/memory.h"
#include "config/diagnostics.h"
#include "scratch.h"
#include "suite.h"
#include "train/fold.h"
#include "train/scorer.h"

static const char *const networks[][5] = {
    {"model.arch=mlp", "norm.kind=bn", "model.depth=3", "norm.placement=after", "model.dropout=0.1"},
    {"model.arch=cnn", "norm.kind=brn", "model.depth=2", "norm.placement=before", "norm.weights=ws"},
    {"model.arch=resnet", "norm.kind=bn", "model.depth=8", "norm.placement=before", "norm.weights=none"},
};

static struct nl_config configured(const char *device, const char *const network[5])
{
    const char *const words[] = {device,     "data.train=48", "data.test=20", "train.epochs=1", "model.width=8",
                                 network[0], network[1],      network[2],     network[3],       network[4]};
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    ck_assert_ptr_eq(nl_backend_of(NL_CUDA), &nl_backend_cuda);
    if (nl_experiment_load(NULL, words, sizeof words / sizeof *words, &experiment, &diagnostics))
        ck_abort_msg("%s", nl_diagnostics_text(&diagnostics));
    return experiment.config;
}

/* A timed pass calls all operations of forward, each once, and each takes some time. */
static void check_times(const struct nl_config *config, const struct nl_dataset *dataset,
                        const struct nl_tensor_file *file, const char *path)
{
    struct nl_error err;
    struct nl_scorer *scorer = nl_scorer_open(config, dataset, file, path, 1, &err);
    ck_assert_msg(scorer != NULL, "%s", err.text);
    const struct nl_program *program = nl_scorer_program(scorer);
    double *seconds = nl_alloc((size_t)program->instructions, sizeof *seconds), sum = 0;
    double pass = nl_scorer_time(scorer, NL_PART_TEST, 20, 1, seconds);
    for (int i = 0; i < program->instructions; i++) {
        bool forward = i < program->chain[program->forward_chains - 1].end;
        ck_assert(forward ? seconds[i] >= 0 : seconds[i] == 0);
        sum += seconds[i];
    }
    ck_assert(sum > 0 && sum <= pass);
    ck_assert_int_eq(nl_scorer_status(scorer, &err), NL_OK);
    free(seconds);
    nl_scorer_free(scorer);
}

START_TEST(outputs_stay)
{
    char *folder = scratch_make(), *path = nl_path_join(folder, "model.safetensors");
    struct nl_config on_ref = configured("device.kind=ref", networks[_i]),
                     on_cuda = configured("device.kind=cuda", networks[_i]);
    struct nl_error err = {{0}};
    struct nl_tensor_file file;
    struct nl_trial_result result;
    struct nl_folded folded;
    struct nl_fold_difference difference;
    struct nl_dataset *dataset = nl_dataset_open(&on_ref, &err);
    ck_assert_msg(dataset != NULL, "%s", err.text);
    const struct nl_trial_options how = {.save_final = path};
    ck_assert_msg(nl_trial_run(&on_ref, dataset, &how, &result, &err) == NL_OK, "%s", err.text);
    ck_assert_msg(nl_safetensors_read(path, &file, &err) == NL_OK, "%s", err.text);
    ck_assert_msg(nl_fold_network(&on_cuda, dataset, &file, path, &folded, &err) == NL_OK, "%s", err.text);
    ck_assert_int_eq(folded.refused, 0);
    ck_assert_msg(nl_fold_compare(&on_cuda, dataset, &file, path, &folded, &difference, &err) == NL_OK, "%s", err.text);
    ck_assert_msg(difference.largest <= 1e-5 * difference.output, "%g of %g", difference.largest, difference.output);
    check_times(&on_cuda, dataset, &folded.file, path);
    check_times(&on_cuda, dataset, &file, path);
    nl_folded_release(&folded);
    nl_safetensors_release(&file);
    nl_trial_result_release(&result);
    nl_dataset_free(dataset);
    free(path);
    scratch_remove(folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("folded networks on a GPU");
    TCase *tests = tcase_create("fold");
    tcase_add_loop_test(tests, outputs_stay, 0, (int)(sizeof networks / sizeof *networks));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
