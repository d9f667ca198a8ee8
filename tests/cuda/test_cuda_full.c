/* A GPU whose memory runs out at the first, second, third ... allocation: who asked is told so each time, and never
 * given numbers that are none. */
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
#include "train/probe.h"
#include "train/scorer.h"

extern _Thread_local int host_cuda_left;

enum { MOST_ALLOCATIONS = 60 };

static struct nl_config configured(const char *kind, const char *norm)
{
    const char *const words[] = {
        kind, norm, "data.train=64", "data.test=40", "train.epochs=1", "model.depth=1", "model.width=8"};
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    ck_assert_ptr_eq(nl_backend_of(NL_CUDA), &nl_backend_cuda);
    if (nl_experiment_load(NULL, words, sizeof words / sizeof *words, &experiment, &diagnostics))
        ck_abort_msg("%s", nl_diagnostics_text(&diagnostics));
    return experiment.config;
}

/* What a normalizer does to given numbers. NL_OK: dgamma[0] is there. */
static int probe(const struct nl_config *config, double *dgamma, struct nl_error *err)
{
    static const double x[] = {1, 2, 4, 8, -1, 3, 5, 9}, dy[] = {1, -1, 2, 0.5, 3, 1, -2, 1};
    struct nl_probe probe = {.config = config, .samples = 2, .extent = {1, 1, 4}, .x = x, .dy = dy};
    int status = nl_probe_run(&probe, err);
    *dgamma = status == NL_OK ? nl_probe_named(&probe, "gamma")->found[0] : NAN;
    nl_probe_release(&probe);
    return status;
}

static int score(const struct nl_config *config, const struct nl_dataset *dataset, const struct nl_tensor_file *file,
                 double *loss, struct nl_error *err)
{
    struct nl_scored found = {.score = {NAN, NAN}};
    struct nl_scorer *scorer = nl_scorer_open(config, dataset, file, "weights", 40, err);
    int status =
        scorer ? nl_scorer_score(scorer, NL_PART_TEST, NL_EVAL_BATCH, 40, NL_ORDER_GIVEN, NULL, &found, err) : NL_FAIL;
    nl_scorer_free(scorer);
    *loss = found.score.loss;
    return status;
}

/* Whether the work failed for want of memory with `left` allocations. */
static bool is_refused(int left, int status, const struct nl_error *err)
{
    host_cuda_left = -1;
    ck_assert_msg(left < MOST_ALLOCATIONS, "still refused: %s", err->text);
    ck_assert_msg(status == NL_OK || strstr(err->text, "memory"), "%s", err->text);
    return status != NL_OK;
}

START_TEST(a_normalizer_is_shown_whole_or_not_at_all)
{
    static const char *const norms[] = {"norm.kind=ln", "norm.kind=bn"};
    struct nl_config on_ref = configured("device.kind=ref", norms[_i]),
                     on_cuda = configured("device.kind=cuda", norms[_i]);
    struct nl_error err = {{0}};
    double expected, found;
    ck_assert_msg(probe(&on_ref, &expected, &err) == NL_OK, "%s", err.text);
    for (int left = 0, status = NL_FAIL; status != NL_OK; left++) {
        host_cuda_left = left;
        status = probe(&on_cuda, &found, &err);
        if (is_refused(left, status, &err))
            continue;
        ck_assert_msg(fabs(found - expected) <= 1e-5 * fabs(expected), "with %d allocations %g, not %g", left, found,
                      expected);
    }
}
END_TEST

START_TEST(a_network_is_scored_right_or_not_at_all)
{
    char *folder = scratch_make(), *path = nl_path_join(folder, "model.safetensors");
    struct nl_config on_ref = configured("device.kind=ref", "norm.kind=bn"),
                     on_cuda = configured("device.kind=cuda", "norm.kind=bn");
    struct nl_error err = {{0}};
    struct nl_tensor_file file;
    struct nl_trial_result result;
    struct nl_dataset *dataset = nl_dataset_open(&on_ref, &err);
    ck_assert_msg(dataset != NULL, "%s", err.text);
    ck_assert_msg(nl_trial_run(&on_ref, dataset, &(struct nl_trial_options){.save_final = path}, &result, &err) ==
                      NL_OK,
                  "%s", err.text);
    ck_assert_msg(nl_safetensors_read(path, &file, &err) == NL_OK, "%s", err.text);
    double expected, found;
    ck_assert_msg(score(&on_ref, dataset, &file, &expected, &err) == NL_OK, "%s", err.text);
    for (int left = 0, status = NL_FAIL; status != NL_OK; left++) {
        host_cuda_left = left;
        status = score(&on_cuda, dataset, &file, &found, &err);
        if (is_refused(left, status, &err))
            continue;
        ck_assert_msg(fabs(found - expected) <= 1e-5 * fabs(expected), "with %d allocations a loss of %g, not %g", left,
                      found, expected);
    }
    nl_safetensors_release(&file);
    nl_trial_result_release(&result);
    nl_dataset_free(dataset);
    free(path);
    scratch_remove(folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("a full GPU");
    TCase *tests = tcase_create("memory");
    tcase_add_loop_test(tests, a_normalizer_is_shown_whole_or_not_at_all, 0, 2);
    tcase_add_test(tests, a_network_is_scored_right_or_not_at_all);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
