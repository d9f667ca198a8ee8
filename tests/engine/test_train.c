/* The trainer: pairing of seeds, order, schedules, failures as results, evaluation, repeatability. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/npy.h"
#include "base/safetensors.h"
#include "model/model.h"
#include "train/schedule.h"
#include "train/train.h"
#include "suite.h"

enum { MAX_OVERRIDES = 24 };

static const char *const devices[] = {"device.kind=ref", "device.kind=cpu"};

/* A small digits MLP; `text` holds further overrides, separated by blanks. */
static struct nl_experiment loaded(const char *text)
{
    static const char common[] =
        "model.depth=2 model.width=16 train.epochs=2 train.momentum=0.9 train.lr=0.05 data.train=512 norm.groups=4";
    static char copy[1024];
    char *rest = NULL;
    snprintf(copy, sizeof copy, "%s %s", common, text);
    const char *overrides[MAX_OVERRIDES];
    int count = 0;
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        /* A later word replaces an earlier one of the same key. */
        size_t key = strcspn(word, "=");
        int at = count;
        for (int i = 0; i < count; i++)
            if (strncmp(overrides[i], word, key + 1) == 0)
                at = i;
        overrides[at] = word;
        count += at == count;
    }
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    if (nl_experiment_load(NULL, overrides, count, &experiment, &diagnostics) != NL_OK)
        ck_abort_msg("%s", nl_diagnostics_text(&diagnostics));
    return experiment;
}

static struct nl_config configured(const char *text)
{
    return loaded(text).config;
}

static struct nl_trial_result trained(const struct nl_config *config, const struct nl_trial_options *options)
{
    struct nl_error err;
    struct nl_trial_result result;
    struct nl_dataset *dataset = nl_dataset_open(config, &err);
    ck_assert_msg(dataset != NULL, "%s", err.text);
    ck_assert_msg(nl_trial_run(config, dataset, options, &result, &err) == NL_OK, "%s", err.text);
    nl_dataset_free(dataset);
    return result;
}

static struct nl_trial_result trained_with(const char *device, const char *text)
{
    char all[512];
    snprintf(all, sizeof all, "%s %s", device, text);
    struct nl_config config = configured(all);
    return trained(&config, NULL);
}

/* Pairing: what a seed draws for a layer depends on neither the normalizer, nor placement, nor backend. */
START_TEST(every_normalizer_starts_alike)
{
    static const char *const arms[] = {"norm.kind=bn", "norm.kind=gn norm.placement=after",
                                       "norm.kind=none model.dropout=0.5"};
    char path[] = "/tmp/normlab-init-XXXXXX";
    close(mkstemp(path));
    double first[16 * 64];
    for (int a = 0; a < 3; a++)
        for (int d = 0; d < 2; d++) {
            char text[256];
            snprintf(text, sizeof text, "%s %s train.steps=1", devices[d], arms[a]);
            struct nl_config config = configured(text);
            struct nl_trial_result result = trained(&config, &(struct nl_trial_options){.save_init = path});
            nl_trial_result_release(&result);
            struct nl_tensor_file file;
            struct nl_error err;
            ck_assert_msg(nl_safetensors_read(path, &file, &err) == NL_OK, "%s", err.text);
            const struct nl_tensor_file_entry *w = nl_safetensors_find(&file, "fc1.weight");
            ck_assert_ptr_nonnull(w);
            ck_assert_int_eq(w->shape[0], 16);
            ck_assert_int_eq(w->shape[1], 64);
            for (int e = 0; e < 16 * 64; e++) {
                double value = w->type == NL_F64 ? ((double *)w->data)[e] : (double)((float *)w->data)[e];
                if (a == 0 && d == 0)
                    first[e] = value;
                ck_assert_msg(value == first[e], "%s: weight %d is %.9g, not %.9g", text, e, value, first[e]);
            }
            /* A bias before BN would be redundant; before GN and none it is not. */
            ck_assert_int_eq(nl_safetensors_find(&file, "fc1.bias") != NULL, a != 0);
            ck_assert_int_eq(nl_safetensors_find(&file, "norm1.running_mean") != NULL, a == 0);
            nl_safetensors_release(&file);
        }
    remove(path);
}
END_TEST

/* Each architecture on images, on a sentence with a label, and on sequences of different lengths of one position or
 * more, with each normalizer: there is such a network, whose weights can be drawn, or a message at a key. */
START_TEST(each_network_is_built_or_refused)
{
    static const struct nl_shape shapes[] = {
        {.height = 8, .width = 8, .channels = 2, .classes = 3},
        {.height = 1, .width = 1, .channels = 1, .classes = 2, .lengths = true},
        {.height = 4, .width = 1, .channels = 1, .classes = 2, .lengths = true},
        {.height = 4, .width = 1, .channels = 1, .classes = 5, .vocabulary = 5, .target = NL_TARGET_EACH},
        {.height = 1, .width = 1, .channels = 1, .classes = 5, .vocabulary = 5, .lengths = true},
    };
    struct nl_config config = configured(nl_format("model.arch=%s model.depth=%d model.width=8 norm.groups=4",
                                                   nl_arch_names[_i], _i == NL_RESNET ? 8 : 2));
    int built = 0;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int form = 0; form < 4; form++)
            for (config.norm.kind = 0; nl_norms[config.norm.kind]; config.norm.kind++) {
                struct nl_graph graph;
                struct nl_error err = {""};
                const char *key = NULL;
                config.model.bidirectional = form & 1, config.norm.compensate = form & 2;
                int status = nl_model_build(&config, shapes[s], &graph, &key, &err);
                ck_assert_msg(status == NL_OK || (key && nl_key_find(key) && *err.text), "%s with %s, data %zu",
                              nl_arch_names[_i], nl_norm_names[config.norm.kind], s);
                built += status == NL_OK;
                double **values = nl_alloc((size_t)graph.tensors, sizeof *values);
                for (int i = 0; status == NL_OK && i < graph.tensors; i++)
                    values[i] = graph.tensor[i].spec.type == NL_TENSOR_REAL
                                    ? nl_alloc(graph.tensor[i].count, sizeof **values)
                                    : NULL;
                if (status == NL_OK)
                    nl_model_init(&graph, &config, values);
                for (int i = 0; i < graph.tensors; i++)
                    free(values[i]);
                free(values);
                nl_graph_release(&graph);
            }
    ck_assert_int_gt(built, 20);
}
END_TEST

/* Initial biases of the gates, [gates][64]: on sequences of 28 positions. New array. */
static double *gates_of(const char *text)
{
    struct nl_config config = configured(text);
    struct nl_graph graph;
    struct nl_error err;
    const char *key;
    ck_assert_msg(nl_model_build(&config, (struct nl_shape){.height = 28, .width = 1, .channels = 2, .classes = 3},
                                 &graph, &key, &err) == NL_OK,
                  "%s", err.text);
    double **values = nl_alloc((size_t)graph.tensors, sizeof *values), *found = NULL;
    for (int i = 0; i < graph.tensors; i++)
        values[i] = nl_alloc(graph.tensor[i].count, sizeof **values);
    nl_model_init(&graph, &config, values);
    for (int i = 0; i < graph.tensors; i++)
        if (strcmp(graph.tensor[i].name, "rnn.bias_ih_l0") == 0)
            found = values[i];
        else
            free(values[i]);
    free(values);
    nl_graph_release(&graph);
    return found;
}

/* By chrono initialization units forget after 1 to 27 positions, of which the mean is 14 with a standard error of
 * 0.94. */
START_TEST(gates_start_as_they_are_told)
{
    enum { UNITS = 64 };
    static const char *const told[] = {"model.arch=lstm", "model.arch=lstm model.forget_bias=3",
                                       "model.arch=lstm model.gate_bias=chrono",
                                       "model.arch=gru model.gate_bias=chrono"};
    for (int i = 0; i < 4; i++) {
        char *text = nl_format("norm.kind=none model.width=64 model.depth=1 %s", told[i]);
        double *bias = gates_of(text), times = 0;
        ck_assert_msg(bias != NULL, "%s", told[i]);
        for (int unit = 0; unit < UNITS; unit++) {
            double remembers = bias[UNITS + unit];
            times += exp(remembers) / UNITS;
            ck_assert_msg(bias[unit] == (i == 2 ? -remembers : 0), "%s: %g and %g", told[i], bias[unit], remembers);
            ck_assert(bias[2 * UNITS + unit] == 0);
            ck_assert_msg(i == 0   ? remembers == 1
                          : i == 1 ? remembers == 3
                                   : remembers >= 0 && remembers <= log(27),
                          "%s: %g", told[i], remembers);
        }
        ck_assert_msg(i < 2 || fabs(times - 14) <= 4 * 0.94, "%s: %g positions", told[i], times);
        free(bias);
        free(text);
    }
}
END_TEST

START_TEST(an_epoch_is_a_permutation_and_a_short_batch_ends_in_minus_one)
{
    char path[] = "/tmp/normlab-order-XXXXXX";
    close(mkstemp(path));
    struct nl_config config = configured("data.train=100 train.batch=32 train.drop_last=false norm.kind=ln");
    struct nl_trial_result result = trained(&config, &(struct nl_trial_options){.save_order = path});
    struct nl_npy order;
    struct nl_error err;
    ck_assert_msg(nl_npy_read(path, &order, &err) == NL_OK, "%s", err.text);
    ck_assert_int_eq(order.shape[0], 8);
    ck_assert_int_eq(order.shape[1], 32);
    ck_assert_int_eq(result.left_out, 0);
    ck_assert_int_eq(result.samples, 200);
    int seen[1797] = {0}, same = 0;
    for (int epoch = 0; epoch < 2; epoch++)
        for (int i = 0; i < 128; i++) {
            int index = (int)nl_npy_get(&order, (size_t)(epoch * 128 + i));
            ck_assert_int_eq(index == -1, i >= 100);
            if (index >= 0)
                seen[index]++;
            same += epoch == 1 && i < 100 && index == (int)nl_npy_get(&order, (size_t)i);
        }
    int twice = 0;
    for (int i = 0; i < 1797; i++) {
        ck_assert(seen[i] == 0 || seen[i] == 2);
        twice += seen[i] == 2;
    }
    ck_assert_int_eq(twice, 100);
    ck_assert_int_lt(same, 20);
    nl_npy_release(&order);
    nl_trial_result_release(&result);
    remove(path);
}
END_TEST

START_TEST(the_same_trial_twice_is_the_same_to_the_last_bit)
{
    for (int d = 0; d < 2; d++) {
        struct nl_trial_result a = trained_with(devices[d], "norm.kind=bn"),
                               b = trained_with(devices[d], "norm.kind=bn");
        ck_assert_int_eq(a.rows, b.rows);
        ck_assert_int_gt(a.rows, 10);
        for (int i = 0; i < a.rows; i++) {
            ck_assert(memcmp(&a.row[i].loss, &b.row[i].loss, sizeof(double)) == 0);
            ck_assert(memcmp(&a.row[i].accuracy, &b.row[i].accuracy, sizeof(double)) == 0);
        }
        nl_trial_result_release(&a);
        nl_trial_result_release(&b);
    }
}
END_TEST

START_TEST(cpu_follows_ref)
{
    static const char *const arms[] = {
        "norm.kind=bn",
        "norm.kind=ln",
        "norm.kind=gn",
        "norm.kind=rms",
        "norm.kind=none",
        "model.arch=cnn norm.kind=in",
        "model.arch=cnn norm.kind=bn model.pool=1",
        "model.arch=cnn norm.kind=ln norm.affine=element norm.placement=after model.activation=gelu",
        "model.arch=resnet model.depth=8 model.width=4 norm.kind=gn norm.groups=2",
        "model.arch=resnet model.depth=14 model.width=4 norm.kind=ln",
        "model.arch=resnet model.depth=8 model.width=4 norm.kind=rms norm.placement=preact model.activation=tanh"};
    for (size_t a = 0; a < sizeof arms / sizeof *arms; a++) {
        char text[256];
        snprintf(text, sizeof text, "%s train.steps=10 train.log_every=1", arms[a]);
        struct nl_trial_result ref = trained_with(devices[0], text), cpu = trained_with(devices[1], text);
        ck_assert_int_eq(ref.rows, cpu.rows);
        for (int i = 0; i < ref.rows; i++) {
            /* Ten steps of float32 rounding (6e-8 each way through some ten layers, amplified by training): 1e-4. */
            double distance = fabs(ref.row[i].loss - cpu.row[i].loss) / fabs(ref.row[i].loss);
            ck_assert_msg(distance <= 1e-4, "%s, row %d: %.9g against %.9g", arms[a], i, cpu.row[i].loss,
                          ref.row[i].loss);
        }
        nl_trial_result_release(&ref);
        nl_trial_result_release(&cpu);
    }
}
END_TEST

START_TEST(a_divergence_is_a_result_with_its_step)
{
    for (int d = 0; d < 2; d++) {
        struct nl_trial_result result = trained_with(devices[d], "norm.kind=none train.lr=1000 train.momentum=0");
        ck_assert_int_eq(result.status, NL_DIVERGED);
        ck_assert_int_ge(result.failed_step, 2);
        ck_assert_int_le(result.failed_step, 10);
        ck_assert_int_eq(result.steps, result.failed_step);
        const struct nl_curve_row *last = &result.row[result.rows - 1];
        ck_assert_int_eq(last->step, result.failed_step);
        ck_assert(!(last->loss <= 2302.0));
        ck_assert(isnan(result.score[NL_PART_TEST][NL_EVAL_RUNNING].loss));
        nl_trial_result_release(&result);
    }
}
END_TEST

/* A loss may be as large as the first one: it counts from there, where that is above chance. */
START_TEST(a_large_first_loss_is_no_divergence)
{
    for (int d = 0; d < 2; d++) {
        char text[100];
        snprintf(text, sizeof text, "norm.kind=none model.init_scale=100 train.lr=1e-12 train.log_every=1");
        struct nl_trial_result result = trained_with(devices[d], text);
        ck_assert_msg(result.row[0].loss > 1000 * log(10), "the first loss is %g", result.row[0].loss);
        ck_assert_int_ne(result.status, NL_DIVERGED);
        nl_trial_result_release(&result);
    }
}
END_TEST

/* NaN is no larger than anything. Here a weight is NaN that was loaded, and so is the loss of the first batch. */
START_TEST(a_loss_that_is_nan_is_a_divergence)
{
    char path[] = "/tmp/normlab-nan-XXXXXX";
    close(mkstemp(path));
    for (int d = 0; d < 2; d++) {
        struct nl_tensor_file file;
        struct nl_error err;
        char text[100];
        snprintf(text, sizeof text, "%s norm.kind=none", devices[d]);
        struct nl_config config = configured(text);
        struct nl_trial_result result = trained(&config, &(struct nl_trial_options){.save_init = path});
        ck_assert_int_eq(result.status, NL_DONE);
        nl_trial_result_release(&result);
        ck_assert_msg(nl_safetensors_read(path, &file, &err) == NL_OK, "%s", err.text);
        if (file.entry[0].type == NL_F64)
            *(double *)file.entry[0].data = NAN;
        else
            *(float *)file.entry[0].data = NAN;
        result = trained(&config, &(struct nl_trial_options){.load = &file});
        nl_safetensors_release(&file);
        ck_assert_msg(result.status == NL_DIVERGED, "%s: status %d", text, result.status);
        ck_assert_int_eq(result.failed_step, 1);
        ck_assert(isnan(result.row[result.rows - 1].loss));
        nl_trial_result_release(&result);
    }
    remove(path);
}
END_TEST

START_TEST(a_network_that_learned_nothing_is_dead)
{
    struct nl_trial_result result = trained_with(devices[1], "norm.kind=none train.lr=0");
    ck_assert_int_eq(result.status, NL_DEAD);
    ck_assert_int_eq(result.failed_step, -1);
    ck_assert(isfinite(result.score[NL_PART_TRAIN][NL_EVAL_RUNNING].loss));
    nl_trial_result_release(&result);
}
END_TEST

/* At batch 1 a fully connected BN gives beta whatever comes in: every sample has the same logits. */
START_TEST(bn_at_batch_one_sees_nothing)
{
    for (int d = 0; d < 2; d++) {
        struct nl_trial_result bn =
            trained_with(devices[d], "norm.kind=bn train.batch=1 data.train=128 norm.eval=batch train.lr=0.01");
        struct nl_trial_result ln = trained_with(devices[d], "norm.kind=ln train.batch=1 data.train=128 train.lr=0.01");
        ck_assert_int_eq(bn.status, NL_DEAD);
        ck_assert_double_le(bn.score[NL_PART_TEST][NL_EVAL_BATCH].accuracy, 0.16);
        ck_assert_double_ge(ln.score[NL_PART_TEST][NL_EVAL_RUNNING].accuracy, 0.5);
        nl_trial_result_release(&bn);
        nl_trial_result_release(&ln);
    }
}
END_TEST

START_TEST(each_kind_of_statistics_gives_its_own_score)
{
    struct nl_trial_result result =
        trained_with(devices[1], "norm.kind=bn norm.eval=precise,running,batch,adapt data.val=112");
    for (int part = 0; part < NL_PARTS; part++)
        for (int eval = 0; eval < NL_NORM_EVALS; eval++) {
            ck_assert(isfinite(result.score[part][eval].loss));
            ck_assert_double_ge(result.score[part][eval].accuracy, 0.5);
            for (int other = 0; other < eval; other++) {
                bool same = part == NL_PART_TRAIN && eval == NL_EVAL_ADAPT &&
                            other == NL_EVAL_PRECISE; /* both of the training part */
                ck_assert((result.score[part][eval].loss == result.score[part][other].loss) == same);
            }
        }
    bool on_the_way = false;
    for (int i = 0; i < result.rows; i++)
        on_the_way |= result.row[i].eval == NL_EVAL_PRECISE && result.row[i].step < result.steps;
    ck_assert(on_the_way);
    nl_trial_result_release(&result);
}
END_TEST

START_TEST(rows_come_where_they_were_asked_for)
{
    struct nl_trial_result result = trained_with(devices[1], "train.steps=70 train.log_every=30 train.eval_every=20");
    static const int64_t train_rows[] = {30, 60, 70}, test_rows[] = {20, 40, 60, 70};
    int train = 0, test = 0;
    for (int i = 0; i < result.rows; i++) {
        if (result.row[i].eval < 0)
            ck_assert_int_eq(result.row[i].step, train_rows[train++]);
        else if (result.row[i].part == NL_PART_TEST)
            ck_assert_int_eq(result.row[i].step, test_rows[test++]);
    }
    ck_assert_int_eq(train, 3);
    ck_assert_int_eq(test, 4);
    nl_trial_result_release(&result);
}
END_TEST

START_TEST(a_stop_ends_the_trial_early)
{
    atomic_int stop = 1;
    struct nl_config config = configured("train.epochs=1000");
    struct nl_trial_result result = trained(&config, &(struct nl_trial_options){.stop = &stop});
    ck_assert_int_eq(result.status, NL_STOPPED);
    ck_assert_int_lt(result.steps, 400);
    nl_trial_result_release(&result);
}
END_TEST

/* Where samples know nothing of one another, micro-batches train as their batch does, but for rounding: each sample has
 * its own dropout, and counts as much. */
START_TEST(micro_batches_make_their_batch)
{
    static const char *const nets[] = {
        "model.dropout=0.3 train.drop_last=true",
        "model.dropout=0.3 train.drop_last=false data.train=496", /* 16 are left: 12 and 4 */
        "data.name=text data.context=4 data.train=480 data.test=20 data.sampling=stream model.arch=lstm "
        "model.stateful=true"};
    for (int net = 0; net < 3; net++) {
        struct nl_trial_result result[2];
        for (int parts = 0; parts < 2; parts++) {
            char text[300];
            snprintf(
                text, sizeof text,
                "device.kind=ref norm.kind=ln train.epochs=1 train.batch=48 train.log_every=1 train.accumulate=%d %s",
                parts ? 4 : 1, nets[net]);
            struct nl_config config = configured(text);
            result[parts] = trained(&config, NULL);
        }
        ck_assert(result[0].steps == (net == 1 ? 11 : 10) && result[0].rows == result[1].rows &&
                  result[0].samples == result[1].samples);
        for (int i = 0; i < result[0].rows; i++)
            ck_assert(fabs(result[0].row[i].loss - result[1].row[i].loss) <= 1e-11 * result[0].row[i].loss);
        for (int parts = 0; parts < 2; parts++)
            nl_trial_result_release(&result[parts]);
    }
}
END_TEST

static double rate(const char *text, int64_t step)
{
    struct nl_config config = configured(text);
    struct nl_schedule_of schedule = {&config, 100, 10.0, false};
    return nl_lr_at(&schedule, step);
}

static void near(double value, double expected)
{
    ck_assert_msg(fabs(value - expected) <= 1e-12 * fabs(expected) + 1e-15, "%.15g, not %.15g", value, expected);
}

/* Running statistics start anew after each norm.reset epochs, rounded to steps; not before the first step, nor once
 * they are frozen. */
START_TEST(statistics_start_anew)
{
    static const struct {
        const char *text, *steps; /* of 30 steps, ten an epoch */
    } cases[] = {
        {"norm.reset=0", ""},      {"norm.reset=1", " 10 20"},
        {"norm.reset=1.5", " 15"}, {"norm.reset=0.46 norm.freeze=0.6", " 5 10 15"},
        {"norm.reset=3", ""},      {"norm.reset=0.01 norm.freeze=0.1", " 1 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nl_config config = configured(cases[i].text);
        struct nl_schedule_of schedule = {&config, 30, 10.0, false};
        struct nl_text found = {0};
        nl_text_add(&found, "%s", "");
        for (int64_t step = 0; step < 30; step++)
            if (nl_resets_at(&schedule, step))
                nl_text_add(&found, " %d", (int)step);
        ck_assert_msg(strcmp(found.at, cases[i].steps) == 0, "%s: steps%s, not%s", cases[i].text, found.at,
                      cases[i].steps);
        nl_text_release(&found);
    }
}
END_TEST

/* Each epoch has an order of its own, with and without replacement; a seed has the same ones again. */
START_TEST(each_epoch_has_its_own_order)
{
    static const char *const drawing[] = {"data.sampling=shuffle", "data.sampling=replace"};
    for (int i = 0; i < 2; i++) {
        struct nl_config config = configured(drawing[i]);
        struct nl_error err;
        struct nl_split view;
        struct nl_dataset *dataset = nl_dataset_open(&config, &err);
        ck_assert_msg(dataset && nl_split_make(dataset, &config, &view, &err) == NL_OK, "%s", err.text);
        int32_t order[4][512];
        ck_assert_int_eq(view.train_count, 512);
        for (int k = 0; k < 4; k++)
            nl_epoch_order(&view, k == 3 ? 8 : 7, k % 3, order[k]); /* epochs 0, 1, 2 of seed 7, and 0 of seed 8 */
        for (int a = 0; a < 4; a++)
            for (int other = 0; other < a; other++)
                ck_assert_msg(memcmp(order[a], order[other], sizeof *order) != 0, "%s: orders %d and %d are one",
                              drawing[i], a, other);
        nl_epoch_order(&view, 7, 1, order[3]);
        ck_assert(memcmp(order[3], order[1], sizeof *order) == 0);
        nl_split_release(&view);
        nl_dataset_free(dataset);
    }
}
END_TEST

START_TEST(schedules)
{
    near(rate("train.lr=0.1", 99), 0.1);
    near(rate("train.lr=0.1 train.lr_scale=linear train.batch=8", 0), 0.025);
    near(rate("train.lr=0.1 train.lr_scale=sqrt train.batch=8", 0), 0.05);
    near(rate("train.lr=0.1 train.schedule=step train.step_epochs=3 train.gamma=0.5", 29), 0.1);
    near(rate("train.lr=0.1 train.schedule=step train.step_epochs=3 train.gamma=0.5", 60), 0.025);
    near(rate("train.lr=0.1 train.schedule=cosine", 0), 0.1);
    near(rate("train.lr=0.1 train.schedule=cosine train.lr_min=0.02", 50), 0.06);
    near(rate("train.lr=0.1 train.schedule=linear", 75), 0.025);
    near(rate("train.lr=0.1 train.warmup_epochs=2", 0), 0.005);
    near(rate("train.lr=0.1 train.warmup_epochs=2", 19), 0.1);
    near(rate("train.lr=0.1 train.schedule=linear train.warmup_epochs=2", 60), 0.05);
    near(rate("train.lr=0.1 train.warmup_steps=4", 0), 0.025);
    near(rate("train.lr=0.1 train.warmup_steps=4", 4), 0.1);
    near(rate("train.lr=0.1 train.schedule=linear train.warmup_steps=20", 60), 0.05);
    near(rate("train.lr=0.1 train.schedule=inverse_sqrt train.warmup_steps=4", 1), 0.05);
    near(rate("train.lr=0.1 train.schedule=inverse_sqrt train.warmup_steps=4", 3), 0.1);
    near(rate("train.lr=0.1 train.schedule=inverse_sqrt train.warmup_steps=4", 15), 0.05);
    near(rate("train.lr=0.1 train.schedule=inverse_sqrt train.warmup_epochs=0.01", 3), 0.05);
}
END_TEST

static void complains(const char *text, const char *message)
{
    struct nl_experiment experiment = loaded(text);
    struct nl_diagnostics diagnostics = {0};
    nl_trial_check(&experiment.config, &experiment, &diagnostics);
    if (!message)
        ck_assert_int_eq(diagnostics.count, 0);
    else {
        ck_assert_msg(diagnostics.count == 1, "%s: %d complaints", text, diagnostics.count);
        ck_assert_str_eq(diagnostics.at[0].message, message);
    }
    nl_diagnostics_release(&diagnostics);
}

START_TEST(what_does_not_fit_is_said)
{
    complains("norm.kind=gn norm.groups=4", NULL);
    complains("norm.kind=gn norm.groups=5", "5 groups do not divide the 16 channels of model.width; 4 or 8 do");
    complains("norm.kind=bn norm.groups=5", NULL);
    complains("model.arch=cnn model.depth=5 model.pool=1,2,3,4",
              "no pooling is possible after layer 4: its maps are 1 x 1 already");
    complains("train.batch=1000",
              "a batch of 1000 does not fit the 512 training samples: lower it, or set train.drop_last to false");
    complains("train.batch=1000 train.drop_last=false", NULL);
    complains("norm.kind=bn norm.stat_batch=64 train.batch=32",
              "64 samples cannot share statistics in a batch of 32 (train.batch)");
}
END_TEST

static int archs(void)
{
    int count = 0;
    while (nl_arch_names[count])
        count++;
    return count;
}

int main(void)
{
    Suite *suite = suite_create("train");
    TCase *cases = tcase_create("train");
    tcase_add_test(cases, every_normalizer_starts_alike);
    tcase_add_loop_test(cases, each_network_is_built_or_refused, 0, NL_LAYERS);
    tcase_add_loop_test(cases, each_network_is_built_or_refused, NL_LAYERS + 1, archs());
    tcase_add_test(cases, gates_start_as_they_are_told);
    tcase_add_test(cases, an_epoch_is_a_permutation_and_a_short_batch_ends_in_minus_one);
    tcase_add_test(cases, the_same_trial_twice_is_the_same_to_the_last_bit);
    tcase_add_test(cases, cpu_follows_ref);
    tcase_add_test(cases, a_divergence_is_a_result_with_its_step);
    tcase_add_test(cases, a_large_first_loss_is_no_divergence);
    tcase_add_test(cases, a_loss_that_is_nan_is_a_divergence);
    tcase_add_test(cases, a_network_that_learned_nothing_is_dead);
    tcase_add_test(cases, bn_at_batch_one_sees_nothing);
    tcase_add_test(cases, each_kind_of_statistics_gives_its_own_score);
    tcase_add_test(cases, rows_come_where_they_were_asked_for);
    tcase_add_test(cases, a_stop_ends_the_trial_early);
    tcase_add_test(cases, micro_batches_make_their_batch);
    tcase_add_test(cases, schedules);
    tcase_add_test(cases, each_epoch_has_its_own_order);
    tcase_add_test(cases, statistics_start_anew);
    tcase_add_test(cases, what_does_not_fit_is_said);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
