/* Folding of saved networks (train/fold.h): which normalizers go where, that the outputs stay those of the network before,
 * in float64 up to rounding, and that a list of what is folded which is not this network's is refused. Random
 * configurations are folded by test_generated; PyTorch's fusion judges the weights in tests/python/test_fold.py. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "scratch.h"
#include "suite.h"
#include "train/fold.h"
#include "train/latency.h"

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

/* A trained network: in the file at path, with its data. */
struct trained {
    struct nl_config config;
    struct nl_dataset *dataset;
    struct nl_tensor_file file;
};

static struct trained train(const char *const *overrides)
{
    static const char *const small[] = {"data.train=64", "data.test=24", "train.batch=16", "train.epochs=2",
                                        "model.width=8", "device.kind=ref"};
    const char *all[32];
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    struct nl_trial_result result;
    struct nl_error err;
    struct trained t = {0};
    int count = 0;
    for (size_t i = 0; i < sizeof small / sizeof *small; i++)
        all[count++] = small[i];
    for (int i = 0; overrides[i]; i++)
        all[count++] = overrides[i];
    if (nl_experiment_load(NULL, all, count, &experiment, &diagnostics))
        ck_abort_msg("%s", nl_diagnostics_text(&diagnostics));
    t.config = experiment.config;
    t.dataset = nl_dataset_open(&t.config, &err);
    ck_assert_msg(t.dataset != NULL, "%s", err.text);
    const struct nl_trial_options how = {.save_final = path};
    ck_assert_msg(nl_trial_run(&t.config, t.dataset, &how, &result, &err) == NL_OK, "%s", err.text);
    nl_trial_result_release(&result);
    ck_assert_msg(nl_safetensors_read(path, &t.file, &err) == NL_OK, "%s", err.text);
    return t;
}

static void release(struct trained *t)
{
    nl_safetensors_release(&t->file);
    nl_dataset_free(t->dataset);
}

static struct nl_folded fold(const struct trained *t)
{
    struct nl_folded folded;
    struct nl_error err;
    ck_assert_msg(nl_fold_network(&t->config, t->dataset, &t->file, path, &folded, &err) == NL_OK, "%s", err.text);
    return folded;
}

#define CNN "model.arch=cnn", "model.depth=3", "norm.groups=4"
#define MLP "model.arch=mlp", "model.depth=3", "norm.groups=4"
#define LAYERS "model.arch=layers", "data.name=synth", "data.size=8"

/* A network, and what becomes of each normalizer: "norm1>conv1" is in that layer, "conv1.weight" a plain weight,
 * "norm1:add" stays for a reason with that word. */
static const struct {
    const char *overrides[12], *becomes;
} cases[] = {
    {{CNN}, "norm1>conv1,norm2>conv2,norm3>conv3"},
    {{CNN, "norm.kind=brn", "norm.eps_place=outside"}, "norm1>conv1,norm2>conv2,norm3>conv3"},
    {{CNN, "norm.kind=cbn"}, "norm1>conv1,norm2>conv2,norm3>conv3"},
    {{CNN, "norm.kind=bcn", "norm.weights=ws"},
     "conv1.weight,conv2.weight,conv3.weight,norm1>conv1,norm2>conv2,norm3>conv3"},
    {{CNN, "norm.kind=dbn", "norm.whitening=pca"}, "norm1>conv1,norm2>conv2,norm3>conv3"},
    {{CNN, "norm.kind=switch"}, "norm1:each sample,norm2:each sample,norm3:each sample"},
    {{CNN, "norm.kind=dyt"}, "norm1:not linear,norm2:not linear,norm3:not linear"},
    {{CNN, "norm.kind=mabn", "norm.affine=element"}, "norm1:each position,norm2:each position,norm3:each position"},
    {{CNN, "norm.kind=custom", "norm.sets=[samples,height,width,channels/4]"},
     "norm1:test batch,norm2:test batch,norm3:test batch"},
    {{CNN, "norm.placement=after", "model.pool=[]"}, "norm1:pads,norm2:pads,norm3>head"},
    {{MLP, "norm.placement=after", "norm.kind=iternorm", "model.dropout=0.3"}, "norm1>fc2,norm2>fc3,norm3>head"},
    {{MLP, "norm.kind=none", "norm.weights=sn"}, "fc1.weight,fc2.weight,fc3.weight"},
    {{"model.arch=resnet", "model.depth=8", "norm.placement=preact", "norm.noise=0.2"},
     "layer1.0.norm1:several,layer1.0.norm2>layer1.0.conv1,layer2.0.norm1:add,layer2.0.norm2>layer2.0.conv1,"
     "layer3.0.norm1:add,layer3.0.norm2>layer3.0.conv1,norm:add"},
    {{"model.arch=lstm", "model.depth=1", "data.as=rows", "norm.time_limit=3"},
     "rnn.norm_ih_l0:each time,rnn.norm_hh_l0:each time,rnn.norm_c_l0:each time"},
    {{"model.arch=lstm", "model.depth=1", "data.as=rows", "norm.time_limit=1"},
     "rnn.norm_ih_l0>rnn.ih_l0,rnn.norm_hh_l0>rnn.hh_l0,rnn.norm_c_l0:lstm_cell"},
    {{"model.arch=transformer", "data.name=text", "data.context=8", "model.depth=1", "model.heads=2", "model.tied=true",
      "norm.kind=bn", "norm.leaks=allow"},
     "transformer.h.0.ln_1>transformer.h.0.attn.c_attn,transformer.h.0.ln_2>transformer.h.0.mlp.c_fc,"
     "transformer.ln_f:shares its weight"},
    {{"model.arch=transformer", "data.name=parity", "data.length=6", "data.min_length=2", "model.depth=1",
      "model.heads=2", "norm.kind=bn"},
     "transformer.h.0.ln_1:ends of sequences,transformer.h.0.ln_2:ends of sequences,transformer.ln_f:ends of sequences"},
    {{LAYERS, "norm.kind=iternorm", "norm.groups=2",
      "model.layers=[{conv: 6}, activation, norm, {conv: 8, kernel: 1}, activation, norm, mean-pool, {linear: classes}]"},
     "norm1>conv2,norm2>head"},
    {{LAYERS, "norm.kind=dbn", "norm.groups=2", "model.layers=[{conv: 6}, activation, norm, {linear: classes}]"},
     "norm1>head"},
    {{LAYERS, "model.layers=[{conv: 6}, activation, norm, {conv: 8, kernel: 1}, norm, {linear: classes}]"},
     "norm1>conv2,norm2>conv2"},
};

/* wanted: as cases has it. */
static void check_outcome(const char *wanted, const struct nl_folded *folded)
{
    char *copy = nl_strdup(wanted);
    int i = 0;
    for (char *rest = copy, *word; (word = strsep(&rest, ","));) {
        ck_assert_int_lt(i, folded->items);
        const struct nl_fold_item *item = &folded->item[i++];
        char *reason = strchr(word, ':'), *layer = strchr(word, '>');
        if (reason)
            *reason++ = '\0';
        if (layer)
            *layer++ = '\0';
        ck_assert_str_eq(item->node, word);
        ck_assert_str_eq(item->layer, layer ? layer : "");
        ck_assert_int_eq(item->part == NL_FOLD_REFUSED, reason != NULL);
        ck_assert_msg(!reason || strstr(item->why.text, reason), "%s: %s", word, item->why.text);
    }
    ck_assert_int_eq(i, folded->items);
    free(copy);
}

START_TEST(outputs_stay_and_each_normalizer_is_told_of)
{
    struct trained t = train(cases[_i].overrides);
    struct nl_folded folded = fold(&t);
    struct nl_fold_difference difference;
    struct nl_error err;
    check_outcome(cases[_i].becomes, &folded);
    if (folded.refused < folded.items) {
        int status = nl_fold_compare(&t.config, t.dataset, &t.file, path, &folded, &difference, &err);
        ck_assert_msg(status == NL_OK, "%s", err.text);
        ck_assert_int_eq(difference.samples, 24);
        ck_assert_int_eq(difference.part, NL_PART_TEST);
        ck_assert(difference.output > 0);
        ck_assert_msg(difference.largest <= 1e-11 * difference.output, "%g of %g", difference.largest,
                      difference.output);
    } else {
        ck_assert_int_eq(folded.file.count, 0);
    }
    nl_folded_release(&folded);
    release(&t);
}
END_TEST

/* Another running mean is seen: the bound above is no accident. */
START_TEST(a_disturbed_statistic_is_seen)
{
    struct trained t = train(cases[0].overrides);
    struct nl_folded folded = fold(&t);
    struct nl_fold_difference difference;
    struct nl_error err;
    for (int i = 0; i < t.file.count; i++)
        if (strcmp(t.file.entry[i].name, "norm2.running_mean") == 0)
            ((double *)t.file.entry[i].data)[3] += 1e-3;
    ck_assert_int_eq(nl_fold_compare(&t.config, t.dataset, &t.file, path, &folded, &difference, &err), NL_OK);
    ck_assert(difference.largest > 1e-6 * difference.output);
    nl_folded_release(&folded);
    release(&t);
}
END_TEST

/* Lists of what is folded that are not of this network. */
static const char *const bad_lists[] = {"norm4>conv1", "norm1>conv2", "norm1>", "norm1", ">conv1", "conv1.weight",
                                        "act1>conv1",  "norm1>conv1,norm1>conv1", "norm1>conv1,,norm2>conv2", ">"};

START_TEST(a_list_of_another_network_is_refused)
{
    struct trained t = train(cases[0].overrides);
    struct nl_folded folded = fold(&t);
    struct nl_graph graph;
    struct nl_error err = {{0}};
    for (char **pair = folded.file.metadata; *pair; pair += 2)
        if (strcmp(pair[0], "folded") == 0) {
            free(pair[1]);
            pair[1] = nl_strdup(bad_lists[_i]);
        }
    ck_assert_int_eq(nl_weights_network(&t.config, t.dataset->shape, &folded.file, path, &graph, &err), NL_FAIL);
    ck_assert_msg(strstr(err.text, "cannot be folded by"), "%s", err.text);
    nl_graph_release(&graph);
    nl_folded_release(&folded);
    release(&t);
}
END_TEST

START_TEST(times_are_of_each_operation)
{
    enum { ROUNDS = 4, BATCH = 20 };
    struct trained t = train(cases[0].overrides);
    struct nl_folded folded = fold(&t);
    struct nl_error err;
    struct nl_scorer *scorer[] = {nl_scorer_open(&t.config, t.dataset, &t.file, path, BATCH, &err),
                                  nl_scorer_open(&t.config, t.dataset, &folded.file, path, BATCH, &err)};
    struct nl_latency latency[2];
    int normalizers[2] = {0};
    ck_assert(scorer[0] && scorer[1]);
    ck_assert_msg(nl_latency_measure(scorer, 2, NL_PART_TEST, BATCH, ROUNDS, latency, &err) == NL_OK, "%s", err.text);
    for (int m = 0; m < 2; m++) {
        int convolutions = 0;
        ck_assert(latency[m].single.low > 0 && latency[m].single.low <= latency[m].single.high);
        ck_assert(latency[m].batch.low > 0 && latency[m].batch.low <= latency[m].batch.high);
        for (int i = 0; i < latency[m].operations; i++) {
            const struct nl_operation_time *time = &latency[m].operation[i];
            ck_assert(time->seconds.low >= 0 && time->seconds.low <= time->seconds.median &&
                      time->seconds.median <= time->seconds.high);
            ck_assert(i == 0 || time->seconds.median <= latency[m].operation[i - 1].seconds.median);
            convolutions += strcmp(time->operation, "conv") == 0 ? time->instructions : 0;
            normalizers[m] += strcmp(time->operation, "normalize") == 0 ? time->instructions : 0;
        }
        ck_assert_int_eq(convolutions, 3);
        nl_latency_release(&latency[m]);
        nl_scorer_free(scorer[m]);
    }
    ck_assert_int_eq(normalizers[0], 3);
    ck_assert_int_eq(normalizers[1], 0);
    nl_folded_release(&folded);
    release(&t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fold");
    TCase *tests = tcase_create("fold");
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_loop_test(tests, outputs_stay_and_each_normalizer_is_told_of, 0, (int)(sizeof cases / sizeof *cases));
    tcase_add_test(tests, a_disturbed_statistic_is_seen);
    tcase_add_loop_test(tests, a_list_of_another_network_is_refused, 0, (int)(sizeof bad_lists / sizeof *bad_lists));
    tcase_add_test(tests, times_are_of_each_operation);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
