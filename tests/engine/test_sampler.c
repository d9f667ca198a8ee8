/* Texts written by saved language models: how tokens are drawn, and that what is predicted from the tokens so far is
 * what evaluation scores. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "config/diagnostics.h"
#include "scratch.h"
#include "suite.h"
#include "train/sampler.h"
#include "train/train.h"

/* ---- draws ---- */

enum { VOCABULARY = 6, DRAWS = 20000 };
static const double logits[VOCABULARY] = {0.5, -1, 2, 2, -30, 1};

/* With a fixed seed the counts are always the same: their distance from what is expected is one draw of chi squared,
 * which stays below 25 in 9,999 of 10,000.
 */
static void expect_softmax(double temperature, int top, unsigned kept)
{
    struct nl_token_draw how = {.temperature = temperature, .top = top, .seed = 7};
    int count[VOCABULARY] = {0};
    double sum = 0, distance = 0;
    for (int64_t n = 0; n < DRAWS; n++)
        count[nl_sample(&how, logits, VOCABULARY, n)]++;
    for (int k = 0; k < VOCABULARY; k++)
        sum += kept >> k & 1 ? exp(logits[k] / temperature) : 0;
    for (int k = 0; k < VOCABULARY; k++) {
        double expected = kept >> k & 1 ? DRAWS * exp(logits[k] / temperature) / sum : 0;
        ck_assert(expected > 0.01 || count[k] == 0);
        if (expected > 0.01)
            distance += (count[k] - expected) * (count[k] - expected) / expected;
    }
    ck_assert_msg(distance <= 25, "temperature %g, top %d: %g", temperature, top, distance);
}

START_TEST(draws_are_those_of_softmax)
{
    expect_softmax(1, 0, 0x3f);
    expect_softmax(0.5, 0, 0x3f);
    expect_softmax(3, 0, 0x3f);
    expect_softmax(1, 3, 0x2c);
    expect_softmax(2, 1, 0x04); /* the first of two equals */
    struct nl_token_draw likeliest = {.temperature = 0}, one = {.temperature = 1, .seed = 1},
                         other = {.temperature = 1, .seed = 2};
    int same = 0;
    for (int64_t n = 0; n < 100; n++) {
        ck_assert_int_eq(nl_sample(&likeliest, logits, VOCABULARY, n), 2);
        ck_assert_int_eq(nl_sample(&one, logits, VOCABULARY, n), nl_sample(&one, logits, VOCABULARY, n));
        same += nl_sample(&one, logits, VOCABULARY, n) == nl_sample(&other, logits, VOCABULARY, n);
    }
    ck_assert(same < 100);
}
END_TEST

/* ---- networks ---- */

enum { CONTEXT = 6, LENGTH = 600 };

static const char *const networks[][6] = {
    {"model.arch=transformer", "norm.kind=ln", "device.kind=ref"},
    {"model.arch=transformer", "norm.kind=rms", "model.positions=rotary", "device.kind=cpu"},
    {"model.arch=rnn", "norm.kind=rms", "model.depth=2", "device.kind=cpu"},
    {"model.arch=lstm", "norm.kind=ln", "device.kind=ref"},
    {"model.arch=gru", "norm.kind=none", "device.kind=cpu"},
};
enum { NETWORKS = sizeof networks / sizeof *networks };

static struct nl_config configured(const char *const *words, const char *file)
{
    const char *all[16] = {file,
                           "data.name=text",
                           "data.context=6",
                           "model.depth=1",
                           "model.width=8",
                           "train.batch=4",
                           "train.steps=30",
                           "train.optimizer=adam",
                           "train.lr=0.01"};
    int count = 9;
    while (*words)
        all[count++] = *words++;
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    ck_assert_msg(nl_experiment_load(NULL, all, count, &experiment, &diagnostics) == NL_OK, "%s",
                  nl_diagnostics_text(&diagnostics));
    return experiment.config;
}

static double loss_of(const double *row, int vocabulary, int label)
{
    double largest = row[0], sum = 0;
    for (int k = 1; k < vocabulary; k++)
        largest = fmax(largest, row[k]);
    for (int k = 0; k < vocabulary; k++)
        sum += exp(row[k] - largest);
    return log(sum) + largest - row[label];
}

/* The mean loss over the test part, in windows side by side, by the sampler: of each position from the window's tokens
 * up to it. */
static double loss_by_sampler(const struct nl_config *config, const char *model, const char *text)
{
    struct nl_error err = {""};
    struct nl_tensor_file file;
    struct nl_alphabet alphabet;
    ck_assert_msg(nl_safetensors_read(model, &file, &err) == NL_OK, "%s", err.text);
    ck_assert_msg(nl_sampler_alphabet(config, &file, model, &alphabet, &err) == NL_OK, "%s", err.text);
    struct nl_sampler *sampler = nl_sampler_open(config, alphabet.count, &file, model, &err);
    ck_assert_msg(sampler != NULL, "%s", err.text);
    int64_t count;
    int32_t *tokens = nl_alphabet_encode(&alphabet, text, strlen(text), &count, &err);
    ck_assert_int_eq(count, LENGTH);
    double *row = nl_alloc((size_t)alphabet.count, sizeof *row), *slid = nl_alloc((size_t)alphabet.count, sizeof *slid),
           sum = 0;
    int windows = (LENGTH / 10 - 1) / CONTEXT;
    const int32_t *test = tokens + LENGTH / 10 * 9;
    for (int w = 0; w < windows; w++)
        for (int s = 0; s < CONTEXT; s++) {
            ck_assert(nl_sampler_logits(sampler, test + w * CONTEXT, s + 1, row, &err) == NL_OK);
            sum += loss_of(row, alphabet.count, test[w * CONTEXT + s + 1]);
        }
    /* Of a text that is longer than the window the last tokens count. */
    ck_assert(nl_sampler_logits(sampler, tokens, LENGTH, slid, &err) == NL_OK &&
              nl_sampler_logits(sampler, tokens + LENGTH - CONTEXT, CONTEXT, row, &err) == NL_OK);
    ck_assert(memcmp(row, slid, (size_t)alphabet.count * sizeof *row) == 0);
    free(row);
    free(slid);
    free(tokens);
    nl_sampler_free(sampler);
    nl_alphabet_release(&alphabet);
    nl_safetensors_release(&file);
    return sum / (windows * CONTEXT);
}

START_TEST(what_is_predicted_is_what_is_scored)
{
    char text[LENGTH + 1] = "", *folder = scratch_make();
    for (int i = 0; i < LENGTH; i++)
        text[i] = i % 7 == 3 ? '\n' : "abcde fgh"[(i * i + i / 5) % 9];
    char *path = nl_format("%s/text.txt", folder), *word = nl_format("data.file=%s", path),
         *model = nl_format("%s/m.safetensors", folder);
    struct nl_error err = {""};
    ck_assert(nl_file_write(path, text, LENGTH, &err) == NL_OK);
    struct nl_config config = configured(networks[_i], word);
    struct nl_dataset *dataset = nl_dataset_open(&config, &err);
    ck_assert_msg(dataset != NULL, "%s", err.text);
    struct nl_trial_result result;
    ck_assert_msg(nl_trial_run(&config, dataset, &(struct nl_trial_options){.save_final = model}, &result, &err) ==
                      NL_OK,
                  "%s", err.text);
    double expected = result.score[NL_PART_TEST][NL_EVAL_RUNNING].loss, found = loss_by_sampler(&config, model, text);
    ck_assert_msg(fabs(found - expected) <= (config.device.kind == NL_REF ? 1e-12 : 1e-6) * expected,
                  "%.12g, not %.12g", found, expected);
    nl_trial_result_release(&result);
    nl_dataset_free(dataset);
    scratch_remove(folder);
    free(path);
    free(word);
    free(model);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sampler");
    TCase *tests = tcase_create("sampler");
    tcase_add_test(tests, draws_are_those_of_softmax);
    tcase_add_loop_test(tests, what_is_predicted_is_what_is_scored, 0, NETWORKS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
