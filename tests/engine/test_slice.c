/* The loss at other parameters: directions of slices and planes have the network's filters' lengths and leave all else
 * alone, the losses are those at the parameters moved along them, with the batch's statistics or with running ones, and
 * a way ends at the network that it leads to. */
#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "config/diagnostics.h"
#include "model/model.h"
#include "operation/embedding.h"
#include "suite.h"
#include "train/slice.h"
#include "train/train.h"

enum { WORDS = 5 };

static const char *const nets[][WORDS] = {
    {"model.arch=mlp", "norm.kind=bn"},
    {"model.arch=cnn", "norm.kind=gn", "norm.groups=4"},
    {"model.arch=resnet", "norm.kind=ln", "model.depth=8"},
    {"model.arch=transformer", "norm.kind=ln", "data.name=parity"},
    {"model.arch=lstm", "norm.kind=none", "data.name=parity"},
};
enum { NETS = sizeof nets / sizeof *nets };

/* Three steps; also: NULL, or one more word. */
static struct nl_trial_result train(const char *const *net, const char *seed, const char *observed, const char *also,
                                    const struct nl_trial_options *options)
{
    const char *words[WORDS + 10] = {"train.steps=3",
                                     "train.batch=8",
                                     "model.width=8",
                                     "device.kind=ref",
                                     "train.log_every=1",
                                     "data.train=16",
                                     "data.test=8",
                                     seed,
                                     observed};
    int count = 9;
    for (int i = 0; i < WORDS && net[i]; i++)
        words[count++] = net[i];
    if (also)
        words[count++] = also;
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    struct nl_error err = {""};
    ck_assert_msg(nl_experiment_load(NULL, words, count, &experiment, &diagnostics) == NL_OK, "%s",
                  nl_diagnostics_text(&diagnostics));
    struct nl_dataset *dataset = nl_dataset_open(&experiment.config, &err);
    ck_assert_msg(dataset != NULL, "%s", err.text);
    struct nl_trial_result result;
    ck_assert_msg(nl_trial_run(&experiment.config, dataset, options, &result, &err) == NL_OK, "%s", err.text);
    nl_dataset_free(dataset);
    return result;
}

/* The loss that an observer saw in a step; NaN: it saw none. */
static double seen(const struct nl_trial_result *result, const char *name, int64_t step)
{
    for (int i = 0; i < result->observations; i++)
        if (result->observation[i].step == step && strcmp(result->tensor[result->observation[i].tensor], name) == 0)
            return result->observation[i].seen.sum;
    return NAN;
}

START_TEST(filters_have_their_lengths)
{
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    const char *words[WORDS + 1] = {"model.width=16"};
    int count = 1;
    for (int i = 0; i < WORDS && nets[_i][i]; i++)
        words[count++] = nets[_i][i];
    ck_assert_int_eq(nl_experiment_load(NULL, words, count, &experiment, &diagnostics), NL_OK);
    struct nl_graph graph;
    struct nl_error err;
    const char *key = NULL;
    ck_assert_int_eq(nl_model_build(&experiment.config, nl_data_facts(&experiment.config).shape, &graph, &key, &err),
                     NL_OK);
    double *w = nl_alloc(graph.count, sizeof *w), *d = nl_alloc(graph.count, sizeof *d),
           *again = nl_alloc(graph.count, sizeof *again);
    nl_stream_normals(nl_stream(7, "w"), 0, 0, graph.count, w);
    nl_slice_direction(&graph, w, nl_stream(1, "slice"), 0, d);
    nl_slice_direction(&graph, w, nl_stream(1, "slice"), 0, again);
    ck_assert(memcmp(d, again, graph.count * sizeof *d) == 0);
    int filters = 0;
    for (int i = 0; i < graph.tensors; i++) {
        const struct nl_tensor *tensor = &graph.tensor[i];
        if (!nl_is_parameter(tensor->spec.role))
            continue;
        if (tensor->spec.role != NL_WEIGHT) {
            for (size_t k = 0; k < tensor->count; k++)
                ck_assert_double_eq(d[tensor->offset + k], 0);
            continue;
        }
        size_t outputs = tensor->spec.shape[0], each = tensor->count / outputs;
        bool table = graph.node[tensor->node].operation == &nl_embedding_operation;
        for (size_t filter = 0; filter < outputs; filter++, filters++) {
            double want = 0, found = 0, common = 0;
            for (size_t k = 0; k < each; k++) {
                size_t at = tensor->offset + (table ? filter * each + k : k * outputs + filter);
                want += w[at] * w[at];
                found += d[at] * d[at];
                common += w[at] * d[at];
            }
            ck_assert_double_eq_tol(found, want, 1e-12 * want);
            ck_assert(each < 4 || fabs(common) < 0.999 * want);
        }
    }
    ck_assert_int_gt(filters, 10);
    free(w);
    free(d);
    free(again);
    nl_graph_release(&graph);
}
END_TEST

static void check_loss(const struct nl_trial_result *result, const char *name, int rows)
{
    for (int i = 0; i < result->rows; i++)
        if (result->row[i].part == NL_PART_TRAIN && result->row[i].eval < 0) {
            ck_assert_double_eq_tol(seen(result, name, result->row[i].step), result->row[i].loss,
                                    1e-12 * result->row[i].loss);
            rows--;
        }
    ck_assert_int_eq(rows, 0);
}

START_TEST(the_middle_is_the_loss)
{
    static const char observed[] = "log.layers=slices,planes";
    bool tracks = _i == 0;
    struct nl_trial_result result = train(nets[_i], "train.seed=1", observed, NULL, NULL),
                           other = train(nets[_i], "train.seed=2", observed, NULL, NULL),
                           held = train(nets[_i], "train.seed=1", observed, "log.statistics=running", NULL);
    check_loss(&result, "slice:0.0", 3);
    check_loss(&result, "plane:0.0/0.0", 3);
    for (int64_t step = 1; step <= 3; step++) {
        ck_assert(seen(&result, "slice:-1.0", step) != seen(&result, "slice:+1.0", step));
        ck_assert(seen(&result, "slice:+0.5", step) != seen(&other, "slice:+0.5", step));
        ck_assert_double_eq(seen(&result, "plane:-0.8/0.0", step), seen(&result, "slice:-0.8", step));
        ck_assert(seen(&result, "plane:-0.8/+0.2", step) != seen(&result, "plane:+0.2/-0.8", step));
        static const char *const names[] = {"slice:0.0", "slice:+0.5", "plane:+0.2/+1.0"};
        for (int k = 0; k < 3; k++)
            ck_assert((seen(&result, names[k], step) == seen(&held, names[k], step)) == !tracks);
    }
    nl_trial_result_release(&result);
    nl_trial_result_release(&other);
    nl_trial_result_release(&held);
}
END_TEST

/* It begins at the network as it is; at its end the loss is that of a training which starts there. */
START_TEST(a_way_ends_at_the_other_network)
{
    static const char path[] = "other.safetensors";
    struct nl_error err = {""};
    struct nl_tensor_file file;
    struct nl_trial_result other =
        train(nets[_i], "train.seed=2", "log.layers=", NULL, &(struct nl_trial_options){.save_final = path});
    ck_assert_msg(nl_safetensors_read(path, &file, &err) == NL_OK, "%s", err.text);
    struct nl_trial_result result = train(nets[_i], "train.seed=1", "log.layers=ways", "log.toward=other.safetensors",
                                          &(struct nl_trial_options){.toward = &file}),
                           there = train(nets[_i], "train.seed=1", "log.layers=slices", NULL,
                                         &(struct nl_trial_options){.load = &file});
    check_loss(&result, "between:0.00", 3);
    ck_assert_double_eq_tol(seen(&result, "between:1.00", 1), seen(&there, "slice:0.0", 1), 1e-12);
    ck_assert(seen(&result, "between:0.50", 1) != seen(&result, "between:1.00", 1));
    nl_trial_result_release(&other);
    nl_trial_result_release(&result);
    nl_trial_result_release(&there);
    nl_safetensors_release(&file);
    remove(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("slice");
    TCase *tests = tcase_create("slices");
    tcase_add_loop_test(tests, filters_have_their_lengths, 0, NETS);
    tcase_add_loop_test(tests, the_middle_is_the_loss, 0, NETS);
    tcase_add_loop_test(tests, a_way_ends_at_the_other_network, 0, NETS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
