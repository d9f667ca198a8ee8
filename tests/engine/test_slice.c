/* Slices of the loss: their direction has the network's filters' lengths and leaves all else alone, and the losses are
 * those at the parameters moved along it, with the batch's statistics or with running ones. */
#include <math.h>

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

static struct nl_trial_result train(const char *const *net, const char *seed, const char *observed)
{
    const char *words[WORDS + 9] = {"train.steps=3",
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
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    struct nl_error err = {""};
    ck_assert_msg(nl_experiment_load(NULL, words, count, &experiment, &diagnostics) == NL_OK, "%s",
                  nl_diagnostics_text(&diagnostics));
    struct nl_dataset *dataset = nl_dataset_open(&experiment.config, &err);
    ck_assert_msg(dataset != NULL, "%s", err.text);
    struct nl_trial_result result;
    ck_assert_msg(nl_trial_run(&experiment.config, dataset, NULL, &result, &err) == NL_OK, "%s", err.text);
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

START_TEST(the_middle_is_the_loss)
{
    struct nl_trial_result result = train(nets[_i], "train.seed=1", "log.layers=slices"),
                           other = train(nets[_i], "train.seed=2", "log.layers=slices");
    int rows = 0;
    for (int i = 0; i < result.rows; i++)
        if (result.row[i].part == NL_PART_TRAIN && result.row[i].eval < 0) {
            ck_assert_double_eq_tol(seen(&result, "slice:0.0", result.row[i].step), result.row[i].loss,
                                    1e-12 * result.row[i].loss);
            rows++;
        }
    ck_assert_int_eq(rows, 3);
    for (int64_t step = 1; step <= 3; step++) {
        ck_assert(seen(&result, "slice:-1.0", step) != seen(&result, "slice:+1.0", step));
        ck_assert(seen(&result, "slice:+0.5", step) != seen(&other, "slice:+0.5", step));
        bool tracks = _i == 0;
        for (int k = 0; k < 2; k++)
            ck_assert((seen(&result, k ? "held:0.0" : "held:+0.5", step) ==
                       seen(&result, k ? "slice:0.0" : "slice:+0.5", step)) == !tracks);
    }
    nl_trial_result_release(&result);
    nl_trial_result_release(&other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("slice");
    TCase *tests = tcase_create("slices");
    tcase_add_loop_test(tests, filters_have_their_lengths, 0, NETS);
    tcase_add_loop_test(tests, the_middle_is_the_loss, 0, NETS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
