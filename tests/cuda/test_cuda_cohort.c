/* Cohorts on the kernels for a GPU, run by the host: whole trainings through the trainer, steps recorded and
 * replayed. */
#include <math.h>

#include "cohorts.h"

#include "backend/backend.h"
#include "base/memory.h"
#include "../host_cuda/count.h"
#include "norm/norm.h"
#include "suite.h"
#include "sweep/forecast.h"

extern atomic_int host_cuda_launches_left;

static const char *const variants[][2] = {
    {"train.optimizer=sgd", "norm.kind=bn"},
    {"train.optimizer=lion", "norm.kind=bn"},
    {"train.optimizer=lars", "norm.kind=bn"},
    {"train.accumulate=3", "norm.kind=bn"},
    {"train.ema=0.8", "train.only=[fc1,head]"},
    {"train.swa_start=0.3", "train.swa_every=3"},
    {"train.label_smoothing=0.1", "train.accumulate=4"},
    {"train.optimizer=sgd", "norm.kind=switch"},
    {"train.optimizer=sgd", "norm.kind=bin"},
    {"norm.groups=4", "norm.kind=bcn"},
};
enum { VARIANTS = sizeof variants / sizeof *variants };

START_TEST(together_as_alone)
{
    const char *const base[] = {variants[_i][0],
                                variants[_i][1],
                                "device.kind=cuda",
                                "data.train=48",
                                "data.test=20",
                                "train.batch=12",
                                "train.epochs=3",
                                "train.log_every=2",
                                "model.depth=1",
                                "model.width=8",
                                "model.dropout=0.1",
                                "train.momentum=0.9",
                                "norm.eval=running,precise",
                                NULL};
    ck_assert_ptr_eq(nl_backend_of(NL_CUDA), &nl_backend_cuda);
    check_cohort(base);
}
END_TEST

/* The weights after every step go into the averages, where many steps can be made in one go, too: as on `ref`. */
START_TEST(averages_are_of_each_step)
{
    static const char *const words[] = {"data.train=48",       "data.test=20",        "train.batch=12",
                                        "train.epochs=5",      "model.depth=1",       "model.width=8",
                                        "train.log_every=20",  "train.eval_every=20", "train.ema=0.8",
                                        "train.swa_start=0.3", "train.swa_every=3"};
    struct nl_trial_result result[2];
    for (int on_ref = 0; on_ref < 2; on_ref++) {
        struct nl_experiment experiment;
        struct nl_diagnostics diagnostics = {0};
        struct nl_error err;
        if (nl_experiment_load(NULL, words, sizeof words / sizeof *words, &experiment, &diagnostics))
            ck_abort_msg("%s", nl_diagnostics_text(&diagnostics));
        experiment.config.device.kind = on_ref ? NL_REF : NL_CUDA;
        struct nl_dataset *dataset = nl_dataset_open(&experiment.config, &err);
        ck_assert_msg(nl_trial_run(&experiment.config, dataset, NULL, &result[on_ref], &err) == NL_OK, "%s", err.text);
        nl_dataset_free(dataset);
    }
    for (enum nl_eval eval = NL_EVAL_EMA; eval < NL_EVALS; eval++) {
        double cuda = result[0].score[NL_PART_TEST][eval].loss, ref = result[1].score[NL_PART_TEST][eval].loss;
        ck_assert_msg(fabs(cuda - ref) <= 1e-4 * ref, "%s: %.9g, not %.9g", nl_eval_names[eval], cuda, ref);
    }
    nl_trial_result_release(&result[0]);
    nl_trial_result_release(&result[1]);
}
END_TEST

/* All that is trained freezes: then there is nothing to update. */
START_TEST(nothing_is_left_to_step)
{
    static const char *const base[] = {"device.kind=cuda",
                                       "data.train=48",
                                       "data.test=20",
                                       "train.batch=12",
                                       "train.epochs=3",
                                       "train.log_every=2",
                                       "model.depth=1",
                                       "model.width=8",
                                       "train.momentum=0.9",
                                       "train.only=[norm1]",
                                       "model.dropout=0.1",
                                       "norm.freeze=0.4",
                                       "norm.freeze_affine=true",
                                       NULL};
    check_cohort(base);
}
END_TEST

/* Orders that the host makes for the device, in one epoch or in all: losses are those of the reference. */
START_TEST(orders_of_the_host)
{
    static const char *const orders[][4] = {
        {"data.sampling=sorted", "data.imbalance=2", "train.accumulate=3"},
        {"data.sampling=blocks", "data.block=4", "norm.eval=batch", "data.eval_order=sorted"},
        {"data.shift=inversion", "data.shift_amount=1", "data.shift_on=both", "data.shift_from=1"},
    };
    struct nl_trial_result result[2];
    for (int device = 0; device < 2; device++) {
        const char *overrides[16] = {device ? "device.kind=cuda" : "device.kind=ref",
                                     "data.train=60",
                                     "data.test=20",
                                     "train.batch=12",
                                     "train.epochs=3",
                                     "train.log_every=1",
                                     "model.depth=1",
                                     "model.width=8"};
        int count = 8;
        for (int i = 0; i < 4 && orders[_i][i]; i++)
            overrides[count++] = orders[_i][i];
        struct nl_experiment experiment;
        struct nl_diagnostics diagnostics = {0};
        struct nl_error err;
        ck_assert_int_eq(nl_experiment_load(NULL, overrides, count, &experiment, &diagnostics), NL_OK);
        struct nl_dataset *set = nl_dataset_open(&experiment.config, &err);
        ck_assert_msg(set != NULL, "%s", err.text);
        ck_assert_msg(nl_trial_run(&experiment.config, set, &(struct nl_trial_options){0}, &result[device], &err) ==
                          NL_OK,
                      "%s", err.text);
        nl_dataset_free(set);
    }
    ck_assert_int_eq(result[0].rows, result[1].rows);
    ck_assert_int_ge(result[0].rows, 6);
    for (int i = 0; i < result[0].rows; i++)
        ck_assert_msg(fabs(result[0].row[i].loss - result[1].row[i].loss) <= 1e-4, "row %d: loss %.9g, not %.9g", i,
                      result[1].row[i].loss, result[0].row[i].loss);
    for (int device = 0; device < 2; device++)
        nl_trial_result_release(&result[device]);
}
END_TEST

/* A text, which the device has as a whole; a state that goes on from step to step. */
START_TEST(texts_together_as_alone)
{
    static const char *const base[] = {"device.kind=cuda",     "data.name=text",  "data.context=4",
                                       "data.train=48",        "data.val=12",     "data.test=12",
                                       "data.sampling=stream", "train.batch=12",  "train.epochs=2",
                                       "train.log_every=2",    "model.arch=lstm", "model.stateful=true",
                                       "model.depth=2",        "model.width=4",   "model.dropout=0.1",
                                       "train.momentum=0.9",   "norm.kind=none",  NULL};
    check_cohort(base);
}
END_TEST

/* Those that are operations of their own, in images and in one position. */
START_TEST(every_normalizer_with_an_operation)
{
    char *kind = nl_format("norm.kind=%s", nl_norms[_i]->name);
    const char *const net[] = {kind,
                               "device.kind=cuda",
                               "data.name=synth",
                               "data.size=4",
                               "data.train=24",
                               "data.test=12",
                               "train.batch=12",
                               "train.epochs=1",
                               "train.log_every=1",
                               "model.arch=cnn",
                               "model.depth=2",
                               "model.width=8",
                               "model.dropout=0.1",
                               "train.momentum=0.9",
                               NULL};
    if (nl_norms[_i]->operation && _i != NL_NORM_formula) /* of which a GPU has no kernel */
        check_cohort(net);
    free(kind);
}
END_TEST

/* Trains all members; returns how many launches that were. */
static int launches_of(const struct nl_config config[MEMBERS], struct nl_dataset *dataset,
                       struct nl_trial_result result[MEMBERS])
{
    enum { ENOUGH = 1 << 30 };
    const struct nl_config *configs[MEMBERS];
    const struct nl_trial_options options[MEMBERS] = {{0}};
    struct nl_error err;
    for (int i = 0; i < MEMBERS; i++)
        configs[i] = &config[i];
    host_cuda_launches_left = ENOUGH;
    ck_assert_msg(nl_cohort_run(configs, dataset, options, MEMBERS, result, &err) == NL_OK, "%s", err.text);
    int launches = ENOUGH - host_cuda_launches_left;
    host_cuda_launches_left = -1;
    return launches;
}

/* Rates that change or not, a short batch at the end of an epoch, tensors that are observed now and then: curves and
 * scores are those of launches. */
START_TEST(in_one_launch_as_in_many)
{
    static const char *const of[] = {"norm.kind=bn", "norm.kind=ln", "train.drop_last=false",
                                     "log.tensors=[fc1, grad:fc1.weight]"};
    const char *const base[] = {of[_i],          "device.kind=cuda",  "data.train=50",      "data.test=20",
                                "train.batch=6", "train.epochs=4",    "train.log_every=5",  "model.depth=1",
                                "model.width=8", "model.dropout=0.1", "train.momentum=0.9", NULL};
    struct nl_config config[MEMBERS];
    struct nl_trial_result many[MEMBERS], one[MEMBERS];
    struct nl_error err;
    configure(base, config);
    struct nl_dataset *dataset = nl_dataset_open(&config[0], &err);
    ck_assert_msg(dataset != NULL, "%s", err.text);
    int of_one = launches_of(config, dataset, one);
    setenv("NORMLAB_CUDA_STEPS", "launches", 1);
    int of_many = launches_of(config, dataset, many);
    unsetenv("NORMLAB_CUDA_STEPS");
    ck_assert_msg(of_one < of_many / 2, "%d launches, and %d of steps one by one", of_one, of_many);
    for (int i = 0; i < MEMBERS; i++) {
        check_same(&many[i], &one[i], i);
        nl_trial_result_release(&many[i]);
        nl_trial_result_release(&one[i]);
    }
    nl_dataset_free(dataset);
}
END_TEST

/* As many as the device has room for, a share for each worker; without them the time of a cohort would be told of
 * another one. */
START_TEST(cohorts_fit_the_device)
{
    static const char *const words[] = {"device.kind=cuda", "data.train=40",        "data.test=20",
                                        "train.batch=20",   "train.epochs=1",       "model.depth=1",
                                        "model.width=8",    "train.lr=0.1,0.2,0.3", "sweep.seeds=4"};
    struct nl_error err;
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    struct nl_grid grid;
    struct nl_datasets datasets = {0};
    struct nl_forecast forecast;
    ck_assert(nl_experiment_load(NULL, words, sizeof words / sizeof *words, &experiment, &diagnostics) == NL_OK);
    ck_assert(nl_grid_make(&experiment, &grid, &diagnostics) == NL_OK &&
              nl_grid_identify(&grid, &datasets, &err) == NL_OK);
    ck_assert_msg(nl_forecast_sizes(&grid, &forecast, &err) == NL_OK, "%s", err.text);
    int todo[12];
    for (int i = 0; i < 12; i++)
        todo[i] = i;
    struct nl_cohorts all = nl_cohorts_make(&grid, todo, 12, NULL, 0, 2);
    ck_assert_int_eq(all.count, 1);
    ck_assert_msg(nl_forecast_times(&grid, &all, NULL, 0.5, &forecast, &err) == NL_OK, "%s", err.text);
    ck_assert(forecast.shapes == 1 && forecast.measured == 1 && forecast.trial[0].seconds > 0 &&
              forecast.trial[0].seconds == forecast.trial[11].seconds);
    nl_cohorts_release(&all);

    host_cuda_room(forecast.trial[0].memory * 10); /* 0.8 of it for two workers: four trials each */
    struct nl_cohorts some = nl_cohorts_make(&grid, todo, 12, NULL, 0, 2);
    ck_assert_int_eq(some.count, 3);
    ck_assert(nl_forecast_check(&forecast, &some, 2, ".", &err) == NL_OK);
    nl_cohorts_release(&some);
    some = nl_cohorts_make(&grid, todo, 12, NULL, 6, 2);
    ck_assert(nl_forecast_check(&forecast, &some, 2, ".", &err) == NL_FAIL);
    ck_assert_msg(strstr(err.text, "12 trials at a time would need") && strstr(err.text, "the GPU has") &&
                      strstr(err.text, ": 6 fit "),
                  "%s", err.text);
    nl_cohorts_release(&some);
    host_cuda_room(forecast.trial[0].memory / 2);
    some = nl_cohorts_make(&grid, todo, 12, NULL, 0, 2);
    ck_assert_int_eq(some.count, 12);
    ck_assert(nl_forecast_check(&forecast, &some, 2, ".", &err) == NL_FAIL);
    ck_assert_msg(strstr(err.text, "a trial needs") && strstr(err.text, "the GPU has"), "%s", err.text);
    nl_cohorts_release(&some);
    nl_forecast_release(&forecast);
    nl_grid_release(&grid);
    nl_datasets_release(&datasets);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cohort on cuda");
    TCase *tests = tcase_create("cohort");
    tcase_add_loop_test(tests, together_as_alone, 0, VARIANTS);
    tcase_add_test(tests, averages_are_of_each_step);
    tcase_add_test(tests, nothing_is_left_to_step);
    tcase_add_loop_test(tests, orders_of_the_host, 0, 3);
    tcase_add_test(tests, texts_together_as_alone);
    int kinds = 0;
    while (nl_norms[kinds])
        kinds++;
    tcase_add_loop_test(tests, every_normalizer_with_an_operation, 0, kinds);
    tcase_add_loop_test(tests, in_one_launch_as_in_many, 0, 4);
    tcase_add_test(tests, cohorts_fit_the_device);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
