/* Saved networks: scored again, their scores are those of the trial to the last bit; what a batch's own statistics
 * depend on. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "config/network.h"
#include "configured.h"
#include "norm/norm.h"
#include "scratch.h"
#include "suite.h"
#include "train/scorer.h"

static char *folder, *path;

static void make_folder(void)
{
    folder = scratch_make();
    path = nl_path_join(folder, "model.safetensors");
}

static void remove_folder(void)
{
    free(path);
    scratch_remove(folder);
}

/* A trained network: in the file at path, with its data and its trial's scores. */
struct trained {
    struct nl_config config;
    struct nl_dataset *dataset;
    struct nl_trial_result result;
    struct nl_tensor_file file;
};

static struct trained train(const char *const *overrides)
{
    struct nl_error err;
    struct trained t = {.config = configured(overrides, NULL)};
    t.dataset = nl_dataset_open(&t.config, &err);
    ck_assert_msg(t.dataset != NULL, "%s", err.text);
    struct nl_trial_options how = {.save_final = path};
    ck_assert_msg(nl_trial_run(&t.config, t.dataset, &how, &t.result, &err) == NL_OK, "%s", err.text);
    ck_assert_msg(nl_safetensors_read(path, &t.file, &err) == NL_OK, "%s", err.text);
    return t;
}

static void release(struct trained *t)
{
    nl_safetensors_release(&t->file);
    nl_trial_result_release(&t->result);
    nl_dataset_free(t->dataset);
}

static struct nl_scorer *open_scorer(const struct trained *t, int largest)
{
    struct nl_error err;
    struct nl_scorer *scorer = nl_scorer_open(&t->config, t->dataset, &t->file, path, largest, &err);
    ck_assert_msg(scorer != NULL, "%s", err.text);
    return scorer;
}

static struct nl_scored scored(struct nl_scorer *scorer, enum nl_part part, enum nl_eval eval, int batch,
                               enum nl_sample_order order, double *outputs)
{
    struct nl_scored found;
    struct nl_error err;
    ck_assert_msg(nl_scorer_score(scorer, part, eval, batch, order, outputs, &found, &err) == NL_OK, "%s", err.text);
    return found;
}

static struct nl_score score(struct nl_scorer *scorer, enum nl_part part, enum nl_eval eval, int batch,
                             enum nl_sample_order order)
{
    return scored(scorer, part, eval, batch, order, NULL).score;
}

#define SMALL "data.train=300", "data.test=100", "data.val=40", "train.epochs=2", "model.depth=2", "model.width=12"

/* The share of rows whose first largest output is the label. */
static double accuracy_of(const double *outputs, const struct nl_split *view, size_t samples, size_t width)
{
    double right = 0;
    for (size_t i = 0; i < samples; i++, outputs += width) {
        size_t best = 0;
        for (size_t k = 1; k < width; k++)
            best = outputs[k] > outputs[best] ? k : best;
        right += (int32_t)best == view->labels[view->test[i]];
    }
    return right / (double)samples;
}

static const char *const cases[][16] = {
    {SMALL, "norm.eval=running,batch,precise", "train.batch=16", NULL},
    {SMALL, "norm.eval=batch,precise,running", "norm.stat_batch=4", "norm.precise_batch=32", "train.batch=16",
     "device.kind=ref", NULL},
    {SMALL, "norm.eval=running,batch", "norm.running=cumulative", "norm.placement=after", "model.arch=cnn",
     "data.flip=false", NULL},
    {SMALL, "norm.kind=gn", "norm.groups=4", "norm.eps=0.1", NULL},
    {SMALL, "norm.kind=none", "train.label_noise=0.2", NULL},
    {SMALL, "model.arch=resnet", "model.depth=14", "model.width=4", "norm.kind=none", "model.residual=fixup",
     "train.epochs=1", NULL},
    {SMALL, "model.arch=resnet", "model.depth=14", "model.width=4", "norm.eval=running,precise", "train.epochs=1",
     NULL},
    {"data.train=300", "data.test=100", "data.val=40", "train.epochs=1", "norm.kind=gn", "norm.groups=2",
     "norm.eval=running,precise", "model.arch=layers",
     "model.layers=[{conv: 6}, norm: bn, activation, {conv: depthwise, stride: 2}, norm, mean-pool, linear: classes]",
     NULL},
};

/* Outputs stand in the rows of their samples, in whatever order these are evaluated. */
START_TEST(outputs_are_those_that_are_scored)
{
    struct trained t = train(cases[_i]);
    struct nl_scorer *scorer = open_scorer(&t, 64);
    struct nl_split view;
    struct nl_error err;
    size_t shape[3];
    ck_assert_msg(nl_split_make(t.dataset, &t.config, &view, &err) == NL_OK, "%s", err.text);
    ck_assert_int_eq(nl_scorer_outputs_shape(scorer, NL_PART_TEST, shape), 2);
    ck_assert(shape[0] == (size_t)view.test_count && shape[1] == 10);
    size_t count = shape[0] * shape[1];
    double *outputs[NL_SAMPLE_ORDERS];
    for (int order = 0; order < NL_SAMPLE_ORDERS; order++) {
        outputs[order] = nl_alloc(count, sizeof **outputs);
        struct nl_scored found =
            scored(scorer, NL_PART_TEST, NL_EVAL_RUNNING, 7, (enum nl_sample_order)order, outputs[order]);
        ck_assert(accuracy_of(outputs[order], &view, shape[0], shape[1]) == found.score.accuracy);
        ck_assert(memcmp(outputs[order], outputs[0], count * sizeof **outputs) == 0);
    }
    struct nl_scored batches = scored(scorer, NL_PART_TEST, NL_EVAL_BATCH, 7, NL_ORDER_SORTED, outputs[1]);
    ck_assert(accuracy_of(outputs[1], &view, shape[0], shape[1]) == batches.score.accuracy);
    ck_assert((memcmp(outputs[1], outputs[0], count * sizeof **outputs) != 0) == nl_config_tracks(&t.config));
    for (int order = 0; order < NL_SAMPLE_ORDERS; order++)
        free(outputs[order]);
    nl_split_release(&view);
    nl_scorer_free(scorer);
    release(&t);
}
END_TEST

START_TEST(a_saved_network_has_the_scores_of_its_trial)
{
    struct trained t = train(cases[_i]);
    int64_t group = t.config.norm.stat_batch == NL_AUTO ? t.config.train.batch : t.config.norm.stat_batch;
    struct nl_scorer *scorer = open_scorer(&t, 64);
    int compared = 0;
    for (int turn = 0; turn < 2; turn++) /* scoring changes nothing */
        for (int part = 0; part < NL_PARTS; part++)
            for (int eval = 0; eval < NL_NORM_EVALS; eval++) {
                struct nl_score expected = t.result.score[part][eval];
                if (isnan(expected.loss))
                    continue;
                struct nl_score found = score(scorer, part, eval, (int)group, NL_ORDER_SHUFFLED);
                ck_assert_msg(found.loss == expected.loss && found.accuracy == expected.accuracy,
                              "%s %s: %.17g, not %.17g", nl_part_names[part], nl_eval_names[eval], found.loss,
                              expected.loss);
                compared++;
            }
    const struct nl_calibration *kept = &t.result.calibration;
    const struct nl_scored again =
        scored(scorer, NL_PART_TEST, nl_primary_eval(&t.config), (int)group, NL_ORDER_SHUFFLED, NULL);
    ck_assert(kept->top5_error >= 0 && kept->top5_error <= 1 && kept->ece > 0 && kept->ece < 1);
    ck_assert(again.calibration.top5_error == kept->top5_error && again.calibration.ece == kept->ece);
    ck_assert_int_eq(compared, 2 * NL_PARTS * (nl_config_tracks(&t.config) ? t.config.norm.eval.count : 1));
    nl_scorer_free(scorer);
    release(&t);
}
END_TEST

/* Running and precise statistics do not know what else is in a batch; a batch that is the whole part does not know its
 * order; one that is sorted by class does worse than a mixed one. */
START_TEST(order_matters_to_batch_statistics_only)
{
    static const char *const overrides[] = {SMALL, "train.epochs=6", "device.kind=ref", NULL};
    struct trained t = train(overrides);
    struct nl_scorer *scorer = open_scorer(&t, 100);
    double loss[NL_NORM_EVALS][NL_SAMPLE_ORDERS][3];
    static const int batches[] = {2, 10, 100};
    for (int eval = 0; eval < NL_NORM_EVALS; eval++)
        for (int order = 0; order < NL_SAMPLE_ORDERS; order++)
            for (int b = 0; b < 3; b++)
                loss[eval][order][b] = score(scorer, NL_PART_TEST, eval, batches[b], order).loss;
    for (int order = 0; order < NL_SAMPLE_ORDERS; order++) {
        for (int b = 0; b < 3; b++)
            for (int eval = 0; eval < NL_NORM_EVALS; eval++)
                ck_assert(eval == NL_EVAL_BATCH ||
                          fabs(loss[eval][order][b] - loss[eval][0][0]) <= 1e-12 * loss[eval][0][0]);
        ck_assert(fabs(loss[NL_EVAL_BATCH][order][2] - loss[NL_EVAL_BATCH][0][2]) <= 1e-9 * loss[NL_EVAL_BATCH][0][2]);
    }
    ck_assert(loss[NL_EVAL_BATCH][NL_ORDER_SORTED][1] > 1.2 * loss[NL_EVAL_BATCH][NL_ORDER_SHUFFLED][1]);
    ck_assert(loss[NL_EVAL_BATCH][NL_ORDER_SHUFFLED][0] > 1.2 * loss[NL_EVAL_BATCH][NL_ORDER_SHUFFLED][2]);
    nl_scorer_free(scorer);
    release(&t);
}
END_TEST

/* A network that PyTorch made, and its losses (tests/golden/eval.py). */
START_TEST(a_network_of_pytorch_has_its_losses)
{
    static const struct {
        const char *name;
        enum nl_eval eval;
        int batch;
        enum nl_sample_order order;
    } expected[] = {
        {"running", NL_EVAL_RUNNING, 1, NL_ORDER_GIVEN},     {"precise", NL_EVAL_PRECISE, 1, NL_ORDER_GIVEN},
        {"given_2", NL_EVAL_BATCH, 2, NL_ORDER_GIVEN},       {"given_5", NL_EVAL_BATCH, 5, NL_ORDER_GIVEN},
        {"given_7", NL_EVAL_BATCH, 7, NL_ORDER_GIVEN},       {"given_20", NL_EVAL_BATCH, 20, NL_ORDER_GIVEN},
        {"sorted_2", NL_EVAL_BATCH, 2, NL_ORDER_SORTED},     {"sorted_5", NL_EVAL_BATCH, 5, NL_ORDER_SORTED},
        {"sorted_7", NL_EVAL_BATCH, 7, NL_ORDER_SORTED},     {"sorted_20", NL_EVAL_BATCH, 20, NL_ORDER_SORTED},
        {"sorted_20", NL_EVAL_BATCH, 20, NL_ORDER_SHUFFLED},
    };
    static const char *const golden = NORMLAB_TESTS_DIR "/golden/eval.safetensors";
    const char *const overrides[] = {
        "data.name=npy", "data.dir=" NORMLAB_TESTS_DIR "/golden/arrays/bytes", "model.depth=1",
        "model.width=8", _i / 2 ? "device.kind=cpu" : "device.kind=ref",       NULL};
    double bound = _i / 2 ? 1e-5 : 1e-12;
    struct nl_error err;
    struct nl_config config = configured(overrides, NULL);
    struct nl_dataset *dataset = nl_dataset_open(&config, &err);
    struct nl_tensor_file file;
    ck_assert_msg(dataset && nl_safetensors_read(golden, &file, &err) == NL_OK, "%s", err.text);
    int largest = _i % 2 ? 7 : 20; /* where 7 share statistics, there is room for 13 of the 20: then the last 7 */
    struct nl_scorer *scorer = nl_scorer_open(&config, dataset, &file, golden, largest, &err);
    ck_assert_msg(scorer != NULL, "%s", err.text);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        if (expected[i].batch > largest)
            continue;
        char *name = nl_format("training.%s", expected[i].name);
        double loss = *(const double *)nl_safetensors_find(&file, name)->data;
        double found = score(scorer, NL_PART_TEST, expected[i].eval, expected[i].batch, expected[i].order).loss;
        ck_assert_msg(fabs(found - loss) <= bound * loss, "%s: %.17g, not %.17g", name, found, loss);
        free(name);
    }
    nl_scorer_free(scorer);
    nl_safetensors_release(&file);
    nl_dataset_free(dataset);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("eval");
    TCase *tests = tcase_create("eval");
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_loop_test(tests, outputs_are_those_that_are_scored, 0, (int)(sizeof cases / sizeof *cases));
    tcase_add_loop_test(tests, a_saved_network_has_the_scores_of_its_trial, 0, (int)(sizeof cases / sizeof *cases));
    tcase_add_loop_test(tests, a_network_of_pytorch_has_its_losses, 0, 4);
    tcase_add_test(tests, order_matters_to_batch_statistics_only);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
