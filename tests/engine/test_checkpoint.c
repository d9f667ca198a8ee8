/* Checkpoints: a training that is stopped anywhere, any number of times, ends with the bits of one that is not. */
#include <check.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/safetensors.h"
#include "configured.h"
#include "scratch.h"
#include "suite.h"
#include "train/checkpoint.h"

static char *folder, *whole_path, *final_path, *whole_order, *order_path, *checkpoint;

static void make_folder(void)
{
    folder = scratch_make();
    whole_path = nl_path_join(folder, "whole.safetensors");
    final_path = nl_path_join(folder, "final.safetensors");
    whole_order = nl_path_join(folder, "whole.npy");
    order_path = nl_path_join(folder, "order.npy");
    checkpoint = nl_path_join(folder, "checkpoint.safetensors");
}

static void remove_folder(void)
{
    free(whole_path);
    free(final_path);
    free(whole_order);
    free(order_path);
    free(checkpoint);
    scratch_remove(folder);
}

#define SMALL                                                                                                          \
    "data.train=200", "data.test=60", "train.batch=16", "train.epochs=4", "model.depth=2", "model.width=12",           \
        "train.log_every=5"

static const char *const cases[][20] = {
    {SMALL, "train.momentum=0.9", "norm.eval=running,precise,batch", "train.schedule=cosine",
     "log.layers=turns,gradients,normalizers", "log.every=1", "log.passes_every=4", NULL},
    {SMALL, "train.optimizer=adam", "train.lr=0.01", "model.dropout=0.3", "norm.kind=ln", "log.layers=turns,slices",
     "log.every=3", "log.passes_every=11", NULL},
    {SMALL, "train.optimizer=adamw", "train.weight_decay=0.1", "norm.running=cumulative", "train.drop_last=false",
     "device.kind=ref", NULL},
    {SMALL, "train.optimizer=lion", "train.lr=0.001", "train.weight_decay=0.1", NULL},
    {SMALL, "train.only=[fc2,head]", "train.momentum=0.9", "train.ema=0.9", "train.swa_start=0.2", "train.swa_every=5",
     NULL},
    {SMALL, "norm.kind=ln", "train.swa_start=0.3", "device.kind=ref", "train.eval_every=4", NULL},
    {SMALL, "train.optimizer=rmsprop", "train.lr=0.001", "train.momentum=0.9", NULL},
    {SMALL, "train.optimizer=muon", "train.lr=0.01", "train.momentum=0.9", NULL},
    {SMALL, "train.optimizer=lars", "train.lr=5", "train.momentum=0.9", "train.weight_decay=0.001", "train.clip_norm=1",
     NULL},
    {SMALL, "model.arch=cnn", "data.name=synth", "data.size=8", "data.crop=2", "data.flip=true", "norm.stat_batch=4",
     "norm.eval=precise", NULL},
    {SMALL, "model.arch=resnet", "model.depth=8", "model.width=4", "train.momentum=0.9", "train.nesterov=true",
     "train.warmup_epochs=1", "train.eval_every=7", "train.epochs=2", NULL},
    {SMALL, "model.arch=resnet", "model.depth=8", "model.width=4", "norm.kind=none", "model.residual=fixup",
     "train.agc=0.1", "train.momentum=0.9", NULL},
    {"data.train=100", "data.test=60", "train.batch=16", "train.epochs=3", "model.dropout=0.1",
     "norm.eval=running,precise", "model.arch=layers",
     "model.layers=[{conv: 6}, norm, activation, dropout, {residual: [conv: depthwise, {norm: {kind: gn, groups: "
     "2}}]}, mean-pool, linear: classes]",
     NULL},
    {"data.train=100", "data.test=60", "train.batch=16", "train.epochs=3", "train.accumulate=2", "model.arch=layers",
     "model.layers=[{conv: 4, kernel: 2, stride: 2, padding: 0}, {concat: [[], [norm-activation, {conv: 3, dilation: "
     "2}, layer-scale: 1, upsample, max-pool]]}, {residual: [norm, conv: 7, activation, squeeze-excitation: 2], "
     "drop-path: 0.4}, {conv: "
     "depthwise, kernel: 4, padding: 1}, mean-pool, linear: classes]",
     NULL},
    {SMALL, "train.accumulate=4", "train.drop_last=false", "train.momentum=0.9", NULL},
    {SMALL, "norm.kind=cbn", "norm.warmup=0.2", "train.momentum=0.9", NULL},
    {SMALL, "train.momentum=0.9", "norm.freeze=0.4", "norm.freeze_affine=true", "norm.running=learned",
     "norm.momentum_lr=0.3", "norm.reset=0.3", NULL},
    {SMALL, "norm.kind=mabn", "norm.history=5", "norm.momentum_schedule=linear", "device.kind=ref", NULL},
    {SMALL, "norm.kind=none", "train.label_noise=0.3", "train.clip_norm=1", "device.kind=ref", NULL},
    {SMALL, "data.name=adding", "data.min_length=4", "data.sampling=replace", "norm.kind=none", NULL},
    {SMALL, "data.name=text", "data.context=6", "model.arch=gru", "norm.kind=none", NULL},
    {SMALL, "data.name=text", "data.context=6", "model.arch=transformer", "norm.kind=rms", "model.dropout=0.1",
     "train.optimizer=adamw", "train.clip_norm=1", NULL},
    {SMALL, "data.name=text", "data.context=6", "data.sampling=stream", "model.arch=lstm", "model.stateful=true",
     "norm.kind=ln", NULL},
};

/* Asks for a stop at the n-th report. */
struct stopper {
    atomic_int stop;
    int left;
};

static void report(void *context, int64_t step, int64_t steps, double loss)
{
    struct stopper *stopper = context;
    (void)step, (void)steps, (void)loss;
    stopper->stop = --stopper->left == 0;
}

static struct nl_trial_result trained(const struct nl_config *config, const struct nl_dataset *dataset,
                                      const struct nl_trial_options *how)
{
    struct nl_trial_result result;
    struct nl_error err;
    ck_assert_msg(nl_trial_run(config, dataset, how, &result, &err) == NL_OK, "%s", err.text);
    return result;
}

static void check_same_file(const char *one, const char *other)
{
    struct nl_error err;
    size_t length, other_length;
    char *a = nl_file_read(one, &length, &err), *b = nl_file_read(other, &other_length, &err);
    ck_assert(a && b && length == other_length && memcmp(a, b, length) == 0);
    free(a);
    free(b);
}

static void check_same_result(const struct nl_trial_result *a, const struct nl_trial_result *b)
{
    ck_assert(a->status == b->status && a->steps == b->steps && a->samples == b->samples && a->epochs == b->epochs);
    ck_assert(memcmp(a->score, b->score, sizeof a->score) == 0);
    ck_assert(memcmp(&a->calibration, &b->calibration, sizeof a->calibration) == 0);
    ck_assert_int_eq(a->rows, b->rows);
    for (int i = 0; i < a->rows; i++) {
        const struct nl_curve_row *x = &a->row[i], *y = &b->row[i];
        ck_assert_msg(x->step == y->step && x->epoch == y->epoch && x->samples == y->samples && x->part == y->part &&
                          x->eval == y->eval && x->lr == y->lr && x->loss == y->loss &&
                          memcmp(&x->accuracy, &y->accuracy, sizeof x->accuracy) == 0,
                      "row %d: step %lld, loss %.17g, not step %lld, loss %.17g", i, (long long)y->step, y->loss,
                      (long long)x->step, x->loss);
    }
    ck_assert_int_eq(a->observations, b->observations);
    for (int i = 0; i < a->observations; i++) {
        const struct nl_observation *x = &a->observation[i], *y = &b->observation[i];
        ck_assert_msg(x->step == y->step && x->tensor == y->tensor && memcmp(&x->seen, &y->seen, sizeof x->seen) == 0,
                      "%s in step %lld is another", a->tensor[x->tensor], (long long)x->step);
    }
}

START_TEST(a_stopped_training_ends_with_the_same_bits)
{
    struct nl_error err;
    struct nl_config config = configured(cases[_i], NULL);
    struct nl_dataset *dataset = nl_dataset_open(&config, &err);
    struct nl_trial_options plain = {.save_final = whole_path, .save_order = whole_order};
    struct nl_trial_result whole = trained(&config, dataset, &plain);
    for (int every = 1; every <= 4;
         every += 3) { /* stops at each report, or at every fourth and without an order that is kept */
        struct stopper stopper = {0};
        struct nl_trial_options how = {.save_final = final_path,
                                       .save_order = every == 1 ? order_path : NULL,
                                       .checkpoint = checkpoint,
                                       .stop = &stopper.stop,
                                       .progress = report,
                                       .context = &stopper};
        int stops = -1;
        struct nl_trial_result result = {0};
        do {
            stops++;
            nl_trial_result_release(&result);
            stopper = (struct stopper){.left = every};
            result = trained(&config, dataset, &how);
            ck_assert(result.status != NL_STOPPED || nl_file_exists(checkpoint));
        } while (result.status == NL_STOPPED);
        ck_assert_int_ge(stops, every == 1 ? 5 : 1);
        check_same_result(&whole, &result);
        check_same_file(whole_path, final_path);
        if (how.save_order)
            check_same_file(whole_order, order_path);
        nl_trial_result_release(&result);
        remove(checkpoint);
    }
    nl_trial_result_release(&whole);
    nl_dataset_free(dataset);
}
END_TEST

/* Checkpoints on the way change nothing; the last one is of the last epoch that asked for it. */
START_TEST(checkpoints_on_the_way)
{
    struct nl_error err;
    struct nl_config config = configured(cases[0], NULL);
    struct nl_dataset *dataset = nl_dataset_open(&config, &err);
    struct nl_trial_options plain = {.save_final = whole_path},
                            how = {.save_final = final_path, .checkpoint = checkpoint, .checkpoint_epochs = 1};
    struct nl_trial_result whole = trained(&config, dataset, &plain), kept = trained(&config, dataset, &how);
    check_same_result(&whole, &kept);
    check_same_file(whole_path, final_path);
    struct nl_source source = {.config = &config, .dataset = dataset};
    int64_t steps;
    ck_assert_msg(nl_checkpoint_check(&source, checkpoint, &steps, &err) == NL_OK, "%s", err.text);
    ck_assert_int_eq(steps, 36); /* 12 steps an epoch, 4 epochs */
    nl_trial_result_release(&kept);
    kept = trained(&config, dataset, &how); /* as after a kill */
    check_same_result(&whole, &kept);
    check_same_file(whole_path, final_path);
    nl_trial_result_release(&whole);
    nl_trial_result_release(&kept);
    nl_dataset_free(dataset);
}
END_TEST

static void refused(const struct nl_source *source, const char *path, const char *expected)
{
    struct nl_error err;
    int64_t steps;
    ck_assert_int_eq(nl_checkpoint_check(source, path, &steps, &err), NL_BAD);
    ck_assert_msg(strstr(err.text, expected) != NULL, "'%s' is not in: %s", expected, err.text);
}

/* An auto stands for a number, as in checkpoints from before there was one. */
START_TEST(an_auto_is_its_number)
{
    struct nl_error err;
    struct nl_config config = configured(cases[1], NULL), other = configured(cases[1], "train.beta2=0.999");
    struct nl_dataset *dataset = nl_dataset_open(&config, &err);
    struct nl_trial_options how = {.checkpoint = checkpoint, .checkpoint_epochs = 1};
    struct nl_trial_result result = trained(&config, dataset, &how);
    struct nl_source source = {.config = &other, .dataset = dataset};
    int64_t steps;
    nl_trial_result_release(&result);
    ck_assert_msg(nl_checkpoint_check(&source, checkpoint, &steps, &err) == NL_OK, "%s", err.text);
    other.train.beta2 = 0.9;
    refused(&source, checkpoint, "train.beta2 is '0.999' there and '0.9' here");
    nl_dataset_free(dataset);
}
END_TEST

START_TEST(another_training_is_refused)
{
    struct nl_error err;
    struct nl_config config = configured(cases[0], NULL), other;
    struct nl_dataset *dataset = nl_dataset_open(&config, &err), elsewhere = *dataset;
    struct nl_trial_options how = {.save_final = final_path, .checkpoint = checkpoint, .checkpoint_epochs = 1};
    struct nl_trial_result result = trained(&config, dataset, &how);
    struct nl_source source = {.config = &other, .dataset = dataset};
    int64_t steps;
    nl_trial_result_release(&result);
    other = configured(cases[0], "norm.groups=2"); /* does not apply to bn */
    ck_assert_msg(nl_checkpoint_check(&source, checkpoint, &steps, &err) == NL_OK, "%s", err.text);
    other = configured(cases[0], "train.lr=0.07");
    refused(&source, checkpoint, "it is of another training: train.lr is '0.05' there and '0.07' here");
    ck_assert_int_eq(nl_trial_run(&other, dataset, &how, &result, &err), NL_FAIL);
    nl_trial_result_release(&result);
    other = configured(cases[0], "train.epochs=5");
    refused(&source, checkpoint, "train.epochs is '4' there and '5' here");
    other = config;
    refused(&source, final_path, "it is not a checkpoint");
    memset(elsewhere.checksum, 'f', 64);
    source.dataset = &elsewhere;
    refused(&source, checkpoint, "the data's sha256 is ");
    nl_dataset_free(dataset);
}
END_TEST

/* Whatever its numbers have become. */
START_TEST(a_damaged_one_is_refused)
{
    struct nl_error err;
    struct nl_config config = configured(cases[0], NULL);
    struct nl_dataset *dataset = nl_dataset_open(&config, &err);
    struct nl_trial_options how = {.checkpoint = checkpoint, .checkpoint_epochs = 1};
    struct nl_trial_result result = trained(&config, dataset, &how);
    struct nl_source source = {.config = &config, .dataset = dataset};
    struct nl_tensor_file file;
    nl_trial_result_release(&result);
    ck_assert_int_eq(nl_safetensors_read(checkpoint, &file, &err), NL_OK);
    int64_t *counts = nl_safetensors_find(&file, "training.counts")->data;
    double *part = (double *)nl_safetensors_find(&file, "training.curve")->data + 3;
    double *row = part - 3;
    static const struct {
        int column;
        double value;
    } damage[] = {{3, 1e300}, {3, NAN}, {3, 0.5}, {3, -1},  {4, 1e300}, {4, NL_EVALS}, {4, -2},
                  {4, NAN},   {0, 1e6}, {0, -1},  {0, NAN}, {2, 1e300}, {2, INFINITY}};
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        double before = row[damage[i].column];
        row[damage[i].column] = damage[i].value;
        ck_assert_int_eq(
            nl_safetensors_write(checkpoint, file.entry, file.count, (const char *const *)file.metadata, &err), NL_OK);
        refused(&source, checkpoint, "it is damaged");
        row[damage[i].column] = before;
    }
    counts[0] = -1;
    ck_assert_int_eq(nl_safetensors_write(checkpoint, file.entry, file.count, (const char *const *)file.metadata, &err),
                     NL_OK);
    refused(&source, checkpoint, "it is damaged");
    counts[0] = counts[1] = INT64_MAX; /* more than the training has */
    part[0] = 0;
    ck_assert_int_eq(nl_safetensors_write(checkpoint, file.entry, file.count, (const char *const *)file.metadata, &err),
                     NL_OK);
    ck_assert_int_eq(nl_trial_run(&config, dataset, &how, &result, &err), NL_FAIL);
    ck_assert_ptr_nonnull(strstr(err.text, "it is damaged"));
    nl_trial_result_release(&result);
    nl_safetensors_release(&file);
    nl_dataset_free(dataset);
}
END_TEST

/* A bit that flipped, wherever it is, and a checksum that is taken away. */
START_TEST(a_flipped_bit_is_found)
{
    struct nl_error err;
    struct nl_config config = configured(cases[0], NULL);
    struct nl_dataset *dataset = nl_dataset_open(&config, &err);
    struct nl_trial_options how = {.checkpoint = checkpoint, .checkpoint_epochs = 1};
    struct nl_trial_result result = trained(&config, dataset, &how);
    struct nl_source source = {.config = &config, .dataset = dataset};
    size_t length;
    int64_t steps;
    char *bytes = nl_file_read(checkpoint, &length, &err), *sum = strstr(bytes + 8, "\"normlab_sha256\"");
    nl_trial_result_release(&result);
    ck_assert_ptr_nonnull(sum);
    int file = open(checkpoint, O_WRONLY);
    ck_assert_int_ge(file, 0);
    for (size_t at = 0; at < length; at++) {
        const char changed = (char)(bytes[at] ^ 1 << at % 8);
        ck_assert(pwrite(file, &changed, 1, (off_t)at) == 1);
        ck_assert_msg(nl_checkpoint_check(&source, checkpoint, &steps, &err) == NL_BAD, "byte %zu", at);
        ck_assert(pwrite(file, &bytes[at], 1, (off_t)at) == 1);
    }
    close(file);
    printf("%zu bytes changed, one by one\n", length);
    sum[1] = 'S';
    ck_assert_int_eq(nl_file_write(checkpoint, bytes, length, &err), NL_OK);
    refused(&source, checkpoint, "it has no checksum");
    free(bytes);
    nl_dataset_free(dataset);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checkpoint");
    TCase *tests = tcase_create("checkpoint");
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_loop_test(tests, a_stopped_training_ends_with_the_same_bits, 0, (int)(sizeof cases / sizeof *cases));
    tcase_add_test(tests, checkpoints_on_the_way);
    tcase_add_test(tests, an_auto_is_its_number);
    tcase_add_test(tests, another_training_is_refused);
    tcase_add_test(tests, a_damaged_one_is_refused);
    tcase_add_test(tests, a_flipped_bit_is_found);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
