/* Cohorts: trials that advance together end with the bits of trials alone, whoever leaves on the way, and however a
 * sweep is cut. */
#include "cohorts.h"

#include <glob.h>
#include <stdio.h>
#include <unistd.h>

#include "base/files.h"
#include "norm/norm.h"
#include "scratch.h"
#include "suite.h"
#include "sweep/cohort.h"
#include "sweep/sweep.h"

#define SMALL                                                                                                          \
    "data.train=160", "data.test=60", "train.batch=16", "train.epochs=3", "model.depth=2", "model.width=12",           \
        "train.log_every=5", "model.dropout=0.1", "train.momentum=0.9"

static const char *const nets[][20] = {
    {SMALL, "norm.eval=running,precise,batch", NULL},
    {SMALL, "norm.kind=ln", "train.drop_last=false", "train.clip_norm=1", "device.kind=ref", "data.val=20", NULL},
    {SMALL, "norm.kind=none", "train.clip_value=0.5", NULL},
    {SMALL, "train.only=[fc2,head,norm1.weight]", "train.ema=0.8", "train.swa_start=0.4", "train.swa_every=3",
     "train.average_statistics=precise", "data.val=20", NULL},
    {SMALL, "train.ema=0.9", "train.swa_start=0", "train.accumulate=4", "train.optimizer=adam", NULL},
    {SMALL, "train.accumulate=4", "train.drop_last=false", "train.batch=24", NULL},
    {SMALL, "norm.stat_batch=4", "norm.running=cumulative", "device.kind=ref", NULL},
    {SMALL, "model.arch=cnn", "data.name=synth", "data.size=8", "data.crop=2", "data.flip=true", "train.epochs=2",
     NULL},
    {SMALL, "model.arch=resnet", "model.depth=8", "model.width=4", "train.nesterov=true", "train.epochs=2",
     "norm.eval=precise", NULL},
    {SMALL, "model.arch=resnet", "model.depth=8", "model.width=4", "norm.kind=none", "model.residual=fixup",
     "train.agc=0.1", "train.epochs=2", NULL},
    {SMALL, "norm.kind=gn", "norm.groups=4", "train.optimizer=adam", "train.beta1=0.8", NULL},
    {SMALL, "train.optimizer=lion", "train.weight_decay=0.1", "train.weight_decay_on=matrices", NULL},
    {SMALL, "train.optimizer=lars", "train.weight_decay=0.001", "train.clip_norm=1", NULL},
    {SMALL, "train.optimizer=rmsprop", "train.momentum=0.9", "train.clip_value=0.1", NULL},
    {SMALL, "train.optimizer=muon", "train.momentum=0.9", "train.nesterov=true", "train.weight_decay=0.1", NULL},
    {SMALL, "norm.freeze=0.4", "norm.freeze_affine=true", "norm.running=learned", "norm.momentum_lr=0.3",
     "norm.reset=0.5", "train.workers=4", NULL},
    {SMALL, "norm.freeze=0.7", "norm.momentum_schedule=cosine", "train.workers=2", "norm.sync=true",
     "norm.eval=adapt,running,precise", NULL},
    {"data.train=160", "data.test=60", "train.batch=16", "train.epochs=2", "train.log_every=5", "model.dropout=0.1",
     "train.momentum=0.9", "norm.eval=running,batch", "model.arch=layers",
     "model.layers=[{conv: 6}, norm, activation, dropout, {residual: [conv: depthwise, norm: {kind: gn, groups: 2}]}, "
     "mean-pool, linear: classes]",
     NULL},
    {"data.train=160", "data.test=60", "train.batch=16", "train.epochs=2", "train.log_every=5", "model.dropout=0.1",
     "train.momentum=0.9", "model.arch=layers",
     "model.layers=[{linear: 12}, norm: {eps: 0.01, momentum: 0.3}, activation, dropout: 0.2, {linear: 12}, norm: "
     "{stat_batch: 4}, activation, dropout, linear: classes]",
     NULL},
    {"data.train=160", "data.test=60", "train.batch=16", "train.epochs=2", "train.log_every=5", "train.accumulate=2",
     "train.momentum=0.9", "model.dropout=0.1", "model.arch=layers",
     "model.layers=[{conv: 4, kernel: 2, stride: 2, padding: 0}, {concat: [[], [norm-activation, {conv: 3, dilation: "
     "2}, layer-scale: 1, upsample, max-pool]]}, {residual: [norm, conv: 7, activation, squeeze-excitation: 2], "
     "drop-path: 0.4}, {conv: "
     "depthwise, kernel: 4, padding: 1}, mean-pool, linear: classes]",
     NULL},
    {SMALL, "data.name=adding", "data.min_length=4", "norm.kind=none", NULL},
    {SMALL, "data.as=patches", "data.sampling=replace", "device.kind=ref", NULL},
    {SMALL, "data.name=text", "data.context=6", "data.val=20", "model.arch=gru", "norm.kind=ln", NULL},
    {SMALL, "data.name=text", "data.context=6", "data.sampling=stream", "model.arch=lstm", "model.stateful=true",
     "norm.kind=none", "train.accumulate=2", NULL},
};
enum { NETS = sizeof nets / sizeof *nets };

START_TEST(together_as_alone)
{
    check_cohort(nets[_i]);
}
END_TEST

START_TEST(every_normalizer)
{
    char *kind = nl_format("norm.kind=%s", nl_norm_names[_i]);
    const char *const net[] = {kind,
                               "data.name=synth",
                               "data.size=6",
                               "data.train=48",
                               "data.test=20",
                               "train.batch=8",
                               "train.epochs=2",
                               "train.log_every=3",
                               "model.arch=cnn",
                               "model.depth=2",
                               "model.width=8",
                               "model.dropout=0.1",
                               "train.momentum=0.9",
                               NULL};
    check_cohort(net);
    free(kind);
}
END_TEST

/* What shapes and operations depend on keeps trials apart; what lies in a trial's own memory does not. */
START_TEST(what_may_differ)
{
    static const struct {
        const char *one, *other;
        bool same;
    } cases[] = {
        {"train.lr=0.1", "train.lr=0.2", true},
        {"train.seed=1", "train.seed=2", true},
        {"train.schedule=cosine", "train.schedule=constant", true},
        {"train.momentum=0.9", "train.momentum=0.5", true},
        {"train.momentum=0.9", "train.momentum=0", false},
        {"train.trust=0.01", "train.trust=0.001", true},
        {"train.beta2=auto", "train.beta2=0.9", true},
        {"train.optimizer=lars", "train.optimizer=lion", false},
        {"model.dropout=0.1", "model.dropout=0", false},
        {"train.clip_norm=1", "train.clip_norm=0", false},
        {"train.agc=0.1", "train.agc=0.2", true},
        {"train.agc=0.1", "train.agc=0", false},
        {"norm.gamma_init=1", "norm.gamma_init=0.5", false},
        {"train.batch=8", "train.batch=16", false},
        {"norm.kind=bn", "norm.kind=ln", false},
        {"train.epochs=2", "train.epochs=3", false},
        {"train.nesterov=true", "train.nesterov=false", false},
        {"device.index=0", "device.index=1", false},
        {"plot.title=a", "plot.title=b", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text[2];
        for (int k = 0; k < 2; k++) {
            const char *words[] = {"train.momentum=0.3", k ? cases[i].other : cases[i].one};
            struct nl_experiment experiment;
            struct nl_diagnostics diagnostics = {0};
            ck_assert(nl_experiment_load(NULL, words, 2, &experiment, &diagnostics) == NL_OK);
            text[k] = nl_config_shape_text(&experiment.config);
        }
        ck_assert_msg((strcmp(text[0], text[1]) == 0) == cases[i].same, "%s and %s", cases[i].one, cases[i].other);
        free(text[0]);
        free(text[1]);
    }
}
END_TEST

/* ---- through a sweep ---- */

static struct nl_sweep_result swept(const char *folder, const struct nl_experiment *experiment,
                                    const struct nl_grid *grid, const struct nl_datasets *datasets, int cohort,
                                    int64_t checkpoint_epochs, bool fail_fast)
{
    struct nl_error err = {0};
    struct nl_sweep_result result;
    struct nl_sweep_options how = {
        .folder = folder,
        .command = "",
        .runner = {.workers = 2, .cohort = cohort, .checkpoint_epochs = checkpoint_epochs, .fail_fast = fail_fast},
    };
    ck_assert_msg(nl_sweep(experiment, grid, datasets, &how, &result, &err) == NL_OK, "%s", err.text);
    return result;
}

static void check_same_tables(const char *one, const char *other)
{
    static const char *const tables[] = {"trials.csv", "curves.csv", "metrics.csv"};
    struct nl_error err;
    for (int i = 0; i < 3; i++) {
        size_t length, other_length;
        char *a_path = nl_path_join(one, tables[i]), *b_path = nl_path_join(other, tables[i]);
        char *a = nl_file_read(a_path, &length, &err), *b = nl_file_read(b_path, &other_length, &err);
        ck_assert_msg(a && b && length == other_length && memcmp(a, b, length) == 0, "%s of '%s' is another", tables[i],
                      other);
        free(a), free(b), free(a_path), free(b_path);
    }
}

/* How many trials of the folder can go on. */
static int checkpoints(const char *folder)
{
    char *pattern = nl_format("%s/trials/*.checkpoint", folder);
    glob_t found;
    int status = glob(pattern, 0, NULL, &found), count = status == 0 ? (int)found.gl_pathc : 0;
    ck_assert(status == 0 || status == GLOB_NOMATCH);
    if (status == 0)
        globfree(&found);
    free(pattern);
    return count;
}

START_TEST(a_sweep_is_the_same_in_cohorts_of_any_size)
{
    static const char *const words[] = {SMALL, "norm.kind=bn,none", "train.lr=0.02,0.2,100000", "sweep.seeds=3",
                                        "log.tensors=fc1,grad:*.weight,update:*"};
    char *scratch = scratch_make(), *whole = nl_path_join(scratch, "whole");
    struct nl_error err;
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    struct nl_grid grid;
    struct nl_datasets datasets = {0};
    ck_assert(nl_experiment_load(NULL, words, sizeof words / sizeof *words, &experiment, &diagnostics) == NL_OK);
    ck_assert(nl_grid_make(&experiment, &grid, &diagnostics) == NL_OK &&
              nl_grid_identify(&grid, &datasets, &err) == NL_OK);
    struct nl_sweep_result result = swept(whole, &experiment, &grid, &datasets, 1, 0, false);
    ck_assert_int_eq(grid.trials, 18);
    ck_assert_int_eq(result.absent, 0);
    nl_sweep_result_release(&result);
    for (int cohort = 2; cohort <= 32; cohort *= 4) {
        char *folder = nl_format("%s/%d", scratch, cohort);
        /* Stopped by the worker in whose cohort one has diverged, it goes on with the others where they were. */
        result = swept(folder, &experiment, &grid, &datasets, cohort, 1, true);
        ck_assert_int_eq(result.stop, NL_STOP_FAILURE);
        ck_assert_int_gt(result.absent, 0);
        ck_assert(cohort == 2 || checkpoints(folder) > 0); /* of two, both may have diverged */
        nl_sweep_result_release(&result);
        result = swept(folder, &experiment, &grid, &datasets, cohort, 1, false);
        ck_assert_int_eq(result.absent, 0);
        ck_assert_int_eq(checkpoints(folder), 0);
        nl_sweep_result_release(&result);
        check_same_tables(whole, folder);
        free(folder);
    }
    nl_grid_release(&grid);
    nl_datasets_release(&datasets);
    free(whole);
    scratch_remove(scratch);
}
END_TEST

START_TEST(cohorts_are_cut_evenly)
{
    static const char *const words[] = {SMALL, "norm.kind=bn,none", "train.lr=0.1,0.2,0.3,0.4,0.5"};
    struct nl_error err;
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    struct nl_grid grid;
    struct nl_datasets datasets = {0};
    ck_assert(nl_experiment_load(NULL, words, sizeof words / sizeof *words, &experiment, &diagnostics) == NL_OK);
    ck_assert(nl_grid_make(&experiment, &grid, &diagnostics) == NL_OK &&
              nl_grid_identify(&grid, &datasets, &err) == NL_OK);
    const int todo[] = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
    int64_t steps[10] = {0};
    steps[3] = 7; /* goes on from a checkpoint: alone */
    struct nl_cohorts cohorts = nl_cohorts_make(&grid, todo, 10, steps, 4, 2);
    bool seen[10] = {false};
    ck_assert_int_eq(cohorts.count, 4); /* bn: 0 1 2 4 and 3; none: 5 6 and 7 8 9 */
    for (int i = 0; i < cohorts.count; i++)
        for (int k = 0; k < cohorts.at[i].count; k++) {
            int trial = cohorts.at[i].trial[k];
            ck_assert(!seen[trial]);
            seen[trial] = true;
            ck_assert_int_eq(trial / 5, cohorts.at[i].trial[0] / 5);
            ck_assert(trial != 3 || cohorts.at[i].count == 1);
            ck_assert(trial < 5 || cohorts.at[i].count < 4);
        }
    nl_cohorts_release(&cohorts);
    cohorts =
        nl_cohorts_make(&grid, todo, 10, steps, 0, 2); /* on a GPU as many as its memory holds: test_cuda_cohort */
    ck_assert_int_eq(cohorts.count, 10);
    nl_cohorts_release(&cohorts);
    nl_grid_release(&grid);
    nl_datasets_release(&datasets);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cohort");
    TCase *tests = tcase_create("cohort");
    tcase_add_loop_test(tests, together_as_alone, 0, NETS);
    int kinds = 0;
    while (nl_norms[kinds])
        kinds++;
    tcase_add_loop_test(tests, every_normalizer, 0, kinds);
    tcase_add_test(tests, what_may_differ);
    tcase_add_test(tests, a_sweep_is_the_same_in_cohorts_of_any_size);
    tcase_add_test(tests, cohorts_are_cut_evenly);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
