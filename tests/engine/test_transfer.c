/* Fine-tuning and averages of weights: what a training leaves as it is, what is taken from a file, and that averages
 * change nothing of the training beside them. That the numbers are PyTorch's is said by tests/golden/transfer.py. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "configured.h"
#include "model/model.h"
#include "scratch.h"
#include "suite.h"
#include "train/scorer.h"
#include "train/weights.h"

static char *folder, *path, *other_path;

static void make_folder(void)
{
    folder = scratch_make();
    path = nl_path_join(folder, "one.safetensors");
    other_path = nl_path_join(folder, "other.safetensors");
}

static void remove_folder(void)
{
    free(path);
    free(other_path);
    scratch_remove(folder);
}

#define SMALL                                                                                                          \
    "data.train=160", "data.test=60", "data.val=20", "train.batch=16", "train.epochs=4", "model.depth=2",              \
        "model.width=12", "train.momentum=0.9", "train.log_every=1"

static struct nl_trial_result trained(const struct nl_config *config, struct nl_trial_options how)
{
    struct nl_error err;
    struct nl_trial_result result;
    struct nl_dataset *dataset = nl_dataset_open(config, &err);
    ck_assert_msg(dataset != NULL, "%s", err.text);
    ck_assert_msg(nl_trial_run(config, dataset, &how, &result, &err) == NL_OK, "%s", err.text);
    nl_dataset_free(dataset);
    return result;
}

static struct nl_tensor_file read_file(const char *from)
{
    struct nl_error err;
    struct nl_tensor_file file;
    ck_assert_msg(nl_safetensors_read(from, &file, &err) == NL_OK, "%s", err.text);
    return file;
}

static bool same_tensor(const struct nl_tensor_file_entry *a, const struct nl_tensor_file_entry *b)
{
    size_t bytes = nl_dtype_size(a->type);
    for (int d = 0; d < a->dims; d++)
        bytes *= a->shape[d];
    return b && a->type == b->type && memcmp(a->data, b->data, bytes) == 0;
}

/* ---- what is not trained ---- */

/* Weight decay, clipping by units and by norm, a momentum, micro-batches: none of them reaches a constant. */
static const char *const constant_cases[][20] = {
    {SMALL, "train.weight_decay=0.1", NULL},
    {SMALL, "train.optimizer=adamw", "train.weight_decay=0.1", "train.clip_norm=0.1", NULL},
    {SMALL, "train.optimizer=lion", "train.weight_decay=0.1", "train.weight_decay_on=weights", "train.lr=0.001", NULL},
    {SMALL, "train.optimizer=lars", "train.weight_decay=0.01", NULL},
    {SMALL, "train.optimizer=muon", "train.weight_decay=0.1", "train.lr=0.01", NULL},
    {SMALL, "train.agc=0.01", "train.accumulate=4", "train.weight_decay=0.1", "train.weight_decay_on=matrices", NULL},
    {SMALL, "norm.freeze=0.5", "norm.freeze_affine=true", "device.kind=ref", "train.weight_decay=0.1", NULL},
    {SMALL, "norm.kind=bin", "train.weight_decay=0.1", "device.kind=ref", NULL},
    {SMALL, "norm.weights=sn", "norm.kind=none", "train.weight_decay=0.1", NULL},
};
enum { CONSTANT_CASES = sizeof constant_cases / sizeof *constant_cases };

START_TEST(constants_stay)
{
    struct nl_config config = configured(constant_cases[_i], "train.only=[fc2, head]");
    struct nl_trial_result result =
        trained(&config, (struct nl_trial_options){.save_init = path, .save_final = other_path});
    struct nl_tensor_file before = read_file(path), after = read_file(other_path);
    int changed = 0;
    for (int i = 0; i < before.count; i++) {
        const char *name = before.entry[i].name;
        bool parameter = !strstr(name, "running_") && !strstr(name, "num_batches") && !strstr(name, "weight.0._"),
             chosen = strncmp(name, "fc2.", 4) == 0 || strncmp(name, "head.", 5) == 0;
        bool same = same_tensor(&before.entry[i], nl_safetensors_find(&after, name));
        ck_assert_msg(!parameter || same == !chosen, "%s %s", name, same ? "stayed" : "changed");
        changed += parameter && !same;
    }
    ck_assert_int_ge(changed, 2);
    nl_safetensors_release(&before);
    nl_safetensors_release(&after);
    nl_trial_result_release(&result);
}
END_TEST

/* A network all of whose parameters are named is trained as one without the key: the order of parameters is the same. */
START_TEST(all_is_as_usual)
{
    static const char *const base[] = {SMALL, "train.weight_decay=0.1", "train.clip_norm=1", NULL};
    struct nl_config plain = configured(base, NULL), named = configured(base, "train.only=['*']");
    struct nl_trial_result a = trained(&plain, (struct nl_trial_options){.save_final = path}),
                           b = trained(&named, (struct nl_trial_options){.save_final = other_path});
    struct nl_tensor_file one = read_file(path), other = read_file(other_path);
    ck_assert_int_eq(one.count, other.count);
    for (int i = 0; i < one.count; i++)
        ck_assert_msg(same_tensor(&one.entry[i], nl_safetensors_find(&other, one.entry[i].name)), "%s",
                      one.entry[i].name);
    nl_safetensors_release(&one);
    nl_safetensors_release(&other);
    nl_trial_result_release(&a);
    nl_trial_result_release(&b);
}
END_TEST

START_TEST(patterns_name_parameters)
{
    static const struct {
        const char *only, *trained; /* the trained ones, in their order in the network */
    } cases[] = {
        {"[head]", "head.weight head.bias"},
        {"[fc1]", "fc1.weight"},
        {"['*norm*']", "norm1.weight norm1.bias norm2.weight norm2.bias"},
        {"['norm?.weight', fc2.weight]", "norm1.weight fc2.weight norm2.weight"},
        {"['head.*']", "head.weight head.bias"},
        {"[]", "fc1.weight norm1.weight norm1.bias fc2.weight norm2.weight norm2.bias head.weight head.bias"},
    };
    static const char *const base[] = {SMALL, NULL};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        char *only = nl_format("train.only=%s", cases[c].only);
        struct nl_config config = configured(base, only);
        struct nl_graph graph;
        struct nl_error err;
        const char *key;
        struct nl_text found = {0};
        ck_assert_msg(nl_model_build(&config, nl_data_facts(&config).shape, &graph, &key, &err) == NL_OK, "%s",
                      err.text);
        size_t constant = 0;
        for (int i = 0; i < graph.tensors; i++) {
            const struct nl_tensor *tensor = &graph.tensor[i];
            constant += tensor->constant ? tensor->count : 0;
            if (nl_is_parameter(tensor->spec.role) && !tensor->constant)
                nl_text_add(&found, "%s%s", found.length ? " " : "", tensor->name);
            ck_assert(!tensor->constant || tensor->offset >= graph.count - graph.constant);
        }
        ck_assert_str_eq(found.at, cases[c].trained);
        ck_assert_uint_eq(constant, graph.constant);
        nl_text_release(&found);
        nl_graph_release(&graph);
        free(only);
    }
}
END_TEST

/* The last layer is the head whatever it is called, and a weight that is computed belongs to it. */
START_TEST(head_is_a_role)
{
    static const char *const base[] = {
        "model.arch=layers", "model.layers=[{linear: 8}, norm, activation, {linear: classes, name: out}]",
        "norm.weights=wn",   "norm.weights_head=true",
        "train.only=[head]", NULL};
    struct nl_config config = configured(base, NULL);
    struct nl_graph graph;
    struct nl_error err;
    const char *key;
    int trained_ones = 0;
    ck_assert_msg(nl_model_build(&config, nl_data_facts(&config).shape, &graph, &key, &err) == NL_OK, "%s", err.text);
    for (int i = 0; i < graph.tensors; i++)
        if (nl_is_parameter(graph.tensor[i].spec.role) && !graph.tensor[i].constant) {
            ck_assert_msg(strncmp(graph.tensor[i].name, "out.", 4) == 0, "%s", graph.tensor[i].name);
            trained_ones++;
        }
    ck_assert_int_eq(trained_ones, 3); /* direction, length, bias */
    nl_graph_release(&graph);
}
END_TEST

START_TEST(a_pattern_that_names_nothing)
{
    static const char *const base[] = {SMALL, NULL};
    struct nl_config config = configured(base, "train.only=[head, nrom1]");
    struct nl_graph graph;
    struct nl_error err;
    const char *key;
    ck_assert_int_eq(nl_model_build(&config, nl_data_facts(&config).shape, &graph, &key, &err), NL_FAIL);
    ck_assert_str_eq(key, "train.only");
    ck_assert_str_eq(err.text,
                     "'train.only' has 'nrom1', and no parameter of the network has such a name: did you mean "
                     "'norm1'?");
    nl_graph_release(&graph);
}
END_TEST

/* ---- what is taken from a file ---- */

START_TEST(statistics_are_reset)
{
    static const char *const base[] = {SMALL, NULL};
    struct nl_config config = configured(base, NULL), tuned = configured(base, "model.load_statistics=reset");
    struct nl_trial_result result = trained(&config, (struct nl_trial_options){.save_final = path});
    struct nl_tensor_file file = read_file(path);
    nl_trial_result_release(&result);
    result = trained(&tuned, (struct nl_trial_options){.load = &file, .save_init = other_path});
    struct nl_tensor_file begun = read_file(other_path);
    for (int i = 0; i < begun.count; i++) {
        const struct nl_tensor_file_entry *entry = &begun.entry[i];
        if (strstr(entry->name, "num_batches"))
            ck_assert_int_eq(*(const int64_t *)entry->data, 0);
        else if (strstr(entry->name, "running_"))
            for (size_t k = 0; k < entry->shape[0]; k++)
                ck_assert(((const float *)entry->data)[k] == (strstr(entry->name, "var") ? 1.0F : 0.0F));
        else
            ck_assert_msg(same_tensor(entry, nl_safetensors_find(&file, entry->name)), "%s", entry->name);
    }
    nl_safetensors_release(&begun);
    nl_safetensors_release(&file);
    nl_trial_result_release(&result);
}
END_TEST

/* What spectral normalization keeps of a weight is no running statistic: without its vector there is no norm. */
START_TEST(a_reset_spares_spectral_norms)
{
    static const char *const base[] = {SMALL, "norm.weights=sn", "norm.reset=1", NULL};
    struct nl_config config = configured(base, NULL);
    struct nl_trial_result result = trained(&config, (struct nl_trial_options){.save_final = path});
    struct nl_tensor_file file = read_file(path);
    int vectors = 0;
    for (int i = 0; i < file.count; i++)
        if (strstr(file.entry[i].name, "0._u")) {
            double squares = 0;
            for (size_t k = 0; k < file.entry[i].shape[0]; k++)
                squares += pow(((const float *)file.entry[i].data)[k], 2);
            ck_assert_msg(fabs(squares - 1) <= 1e-5, "%s has length %g", file.entry[i].name, sqrt(squares));
            vectors++;
        }
    ck_assert_int_eq(vectors, 2);
    ck_assert_int_eq(result.status, NL_DONE);
    nl_safetensors_release(&file);
    nl_trial_result_release(&result);
}
END_TEST

/* Every normalizer takes the place of bn, and bn that of every one. */
START_TEST(any_normalizer_is_replaced)
{
    char *kind = nl_format("norm.kind=%s", nl_norm_names[_i]);
    const char *const base[] = {"data.name=synth", "data.size=6",    "data.train=48", "data.test=20",  "train.batch=8",
                                "train.steps=4",   "model.arch=cnn", "model.depth=2", "model.width=8", NULL};
    struct nl_config configs[2] = {configured(base, kind), configured(base, "norm.kind=bn")};
    for (int from = 0; from < 2; from++) {
        struct nl_config tuned = configs[1 - from];
        struct nl_error err;
        struct nl_graph graph;
        const char *key;
        struct nl_trial_result result = trained(&configs[from], (struct nl_trial_options){.save_final = path});
        struct nl_tensor_file file = read_file(path);
        nl_trial_result_release(&result);
        tuned.model.load_norm = NL_LOAD_CHANGED;
        ck_assert(nl_model_build(&tuned, nl_data_facts(&tuned).shape, &graph, &key, &err) == NL_OK);
        ck_assert_msg(nl_weights_check(&graph, &file, path, nl_weights_replaced(&tuned), true, &err) == NL_OK, "%s",
                      err.text);
        char *text = nl_weights_explain(&graph, &file, nl_weights_replaced(&tuned));
        ck_assert(text != NULL);
        free(text);
        result = trained(&tuned, (struct nl_trial_options){.load = &file, .save_init = other_path});
        struct nl_tensor_file begun = read_file(other_path);
        for (int i = 0; i < begun.count; i++) {
            const struct nl_tensor_file_entry *there = nl_safetensors_find(&file, begun.entry[i].name);
            bool weight = strncmp(begun.entry[i].name, "conv", 4) == 0 && strstr(begun.entry[i].name, ".weight");
            ck_assert_msg(!weight || (there && same_tensor(&begun.entry[i], there)), "%s", begun.entry[i].name);
        }
        ck_assert(isfinite(result.score[NL_PART_TEST][NL_EVAL_RUNNING].loss));
        nl_safetensors_release(&begun);
        nl_safetensors_release(&file);
        nl_graph_release(&graph);
        nl_trial_result_release(&result);
    }
    free(kind);
}
END_TEST

/* ---- averages ---- */

static const char *const average_cases[][20] = {
    {SMALL, NULL},
    {SMALL, "device.kind=ref", "norm.running=learned", "train.accumulate=4", NULL},
    {SMALL, "train.optimizer=adam", "train.average_statistics=precise", "norm.precise_batch=30", NULL},
    {SMALL, "norm.kind=ln", "train.only=[fc2, head]", NULL},
    {SMALL, "norm.weights=sn", "norm.kind=bn", "norm.eval=[batch, precise]", NULL},
    {SMALL, "data.name=text", "data.context=6", "model.arch=lstm", "norm.kind=bn", NULL},
};
enum { AVERAGE_CASES = sizeof average_cases / sizeof *average_cases };

static struct nl_config with_averages(struct nl_config config)
{
    config.train.ema = 0.9;
    config.train.swa_start = 0.3;
    config.train.swa_every = 4;
    return config;
}

/* The scores and bytes of the training are those without averages. */
START_TEST(averages_change_nothing)
{
    struct nl_config plain = configured(average_cases[_i], NULL), config = with_averages(plain);
    struct nl_trial_result a = trained(&plain, (struct nl_trial_options){.save_final = path}),
                           b = trained(&config, (struct nl_trial_options){.save_final = other_path});
    struct nl_tensor_file one = read_file(path), other = read_file(other_path);
    for (int i = 0; i < one.count; i++)
        ck_assert_msg(same_tensor(&one.entry[i], nl_safetensors_find(&other, one.entry[i].name)), "%s",
                      one.entry[i].name);
    int same = 0, averaged = 0;
    for (int i = 0; i < b.rows; i++) {
        const struct nl_curve_row *row = &b.row[i];
        if (row->eval >= NL_EVAL_EMA) {
            averaged++;
            continue;
        }
        const struct nl_curve_row *plain_row = &a.row[same++];
        ck_assert(same <= a.rows && row->step == plain_row->step && row->eval == plain_row->eval &&
                  row->part == plain_row->part && memcmp(&row->loss, &plain_row->loss, sizeof row->loss) == 0);
    }
    ck_assert_int_eq(same, a.rows);
    ck_assert_int_ge(averaged, 8);
    ck_assert_int_eq(b.rows, nl_trial_step_counts(&config, nl_data_counts(&config)).rows);
    for (int part = 0; part < NL_PARTS; part++) {
        ck_assert(memcmp(a.score[part], b.score[part], NL_NORM_EVALS * sizeof a.score[part][0]) == 0);
        for (enum nl_eval eval = NL_EVAL_EMA; eval < NL_EVALS; eval++) {
            ck_assert(isnan(a.score[part][eval].loss));
            ck_assert(b.score[part][eval].loss != b.score[part][NL_EVAL_RUNNING].loss &&
                      isfinite(b.score[part][eval].loss));
        }
    }
    nl_safetensors_release(&one);
    nl_safetensors_release(&other);
    nl_trial_result_release(&a);
    nl_trial_result_release(&b);
}
END_TEST

/* A saved average scores what the training said of it, with the statistics that it was scored with. */
START_TEST(saved_averages_score_the_same)
{
    struct nl_config config = with_averages(configured(average_cases[_i], NULL));
    struct nl_trial_result result = trained(&config, (struct nl_trial_options){.save_average = {path, other_path}});
    bool precise = config.train.average_statistics == NL_STATISTICS_PRECISE;
    for (enum nl_eval eval = NL_EVAL_EMA; eval < NL_EVALS; eval++) {
        struct nl_error err;
        struct nl_tensor_file file = read_file(eval == NL_EVAL_EMA ? path : other_path);
        struct nl_dataset *dataset = nl_dataset_open(&config, &err);
        struct nl_scorer *scorer = nl_scorer_open(&config, dataset, &file, path, 16, &err);
        struct nl_scored scored;
        ck_assert_msg(scorer != NULL, "%s", err.text);
        ck_assert(nl_scorer_score(scorer, NL_PART_TEST, precise ? NL_EVAL_PRECISE : NL_EVAL_RUNNING, 16,
                                  NL_ORDER_SHUFFLED, NULL, &scored, &err) == NL_OK);
        ck_assert_msg(scored.score.loss == result.score[NL_PART_TEST][eval].loss, "%s: %.17g, not %.17g",
                      nl_eval_names[eval], scored.score.loss, result.score[NL_PART_TEST][eval].loss);
        nl_scorer_free(scorer);
        nl_dataset_free(dataset);
        nl_safetensors_release(&file);
    }
    nl_trial_result_release(&result);
}
END_TEST

/* An average of one, and one that forgets all at once: the weights after the last update. */
START_TEST(averages_of_the_last_weights)
{
    static const char *const base[] = {SMALL, "train.ema=1e-30", "train.swa_start=1e-9", "train.swa_every=32", NULL};
    struct nl_config config = configured(base, NULL);
    struct nl_trial_result result = trained(&config, (struct nl_trial_options){0});
    ck_assert_int_eq(result.steps, 32); /* of 140 samples, 8 batches in each of 4 epochs */
    for (enum nl_eval eval = NL_EVAL_EMA; eval < NL_EVALS; eval++)
        ck_assert(result.score[NL_PART_TEST][eval].loss == result.score[NL_PART_TEST][NL_EVAL_RUNNING].loss);
    nl_trial_result_release(&result);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fine-tuning and averages");
    TCase *cases = tcase_create("transfer");
    int norms = 0;
    while (nl_norm_names[norms])
        norms++;
    tcase_add_checked_fixture(cases, make_folder, remove_folder);
    tcase_add_loop_test(cases, constants_stay, 0, CONSTANT_CASES);
    tcase_add_test(cases, all_is_as_usual);
    tcase_add_test(cases, patterns_name_parameters);
    tcase_add_test(cases, head_is_a_role);
    tcase_add_test(cases, a_pattern_that_names_nothing);
    tcase_add_test(cases, statistics_are_reset);
    tcase_add_test(cases, a_reset_spares_spectral_norms);
    tcase_add_loop_test(cases, any_normalizer_is_replaced, 0, norms);
    tcase_add_loop_test(cases, averages_change_nothing, 0, AVERAGE_CASES);
    tcase_add_loop_test(cases, saved_averages_score_the_same, 0, AVERAGE_CASES);
    tcase_add_test(cases, averages_of_the_last_weights);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
