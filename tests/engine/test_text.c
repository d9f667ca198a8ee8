/* data: text. The text that the program carries, its tokens, its parts, its windows, and the user's own files. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/npy.h"
#include "data/packed.h"
#include "data/sources.h"
#include "datasets.h"
#include "scratch.h"
#include "suite.h"

static char *folder;

static void setup(void)
{
    folder = scratch_make();
}

static void teardown(void)
{
    scratch_remove(folder);
}

static struct nl_config config_of(const char *file, int64_t context)
{
    struct nl_config config;
    nl_config_defaults(&config);
    config.data.name = NL_TEXT;
    config.data.file = (char *)(uintptr_t)file;
    config.data.context = context;
    return config;
}

/* Owned by the caller. */
static char *write_file(const char *name, const char *text)
{
    struct nl_error err;
    char *path = nl_path_join(folder, name);
    ck_assert_int_eq(nl_file_write(path, text, strlen(text), &err), NL_OK);
    return path;
}

START_TEST(the_program_s_text_is_tinyshakespeare)
{
    char sum[65], *text = nl_shakespeare();
    struct nl_hash *hash = nl_hash_start();
    nl_hash_add(hash, text, NL_SHAKESPEARE_BYTES);
    nl_hash_finish(hash, sum);
    ck_assert_str_eq(sum, "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed");
    struct nl_config config = config_of("", 64);
    struct nl_data_facts facts = nl_data_facts(&config);
    ck_assert_int_eq(facts.shape.vocabulary, 65);
    ck_assert_int_eq(facts.shape.classes, 65);
    ck_assert_int_eq(facts.tokens, 1115394);
    ck_assert_int_eq(facts.train, (1003854 - 1) / 64); /* nanoGPT's split: int(0.9 n) characters train */
    ck_assert_int_eq(facts.test, (111540 - 1) / 64);
    struct nl_dataset *set = open_set(&config);
    ck_assert_int_eq(set->count, 1115394 - 64);
    const int32_t *token = set->row[0].at;
    struct nl_text back = {0};
    for (int i = 0; i < NL_SHAKESPEARE_BYTES; i++)
        nl_alphabet_add(&set->alphabet, token[i], &back);
    ck_assert(back.length == NL_SHAKESPEARE_BYTES && memcmp(back.at, text, back.length) == 0);
    /* "First Citizen" among the 65 characters in the order of their codes, as nanoGPT's meta.pkl has them */
    static const int32_t first[13] = {18, 47, 56, 57, 58, 1, 15, 47, 58, 47, 64, 43, 52};
    ck_assert_mem_eq(token, first, sizeof first);
    nl_text_release(&back);
    nl_dataset_free(set);
    free(text);
}
END_TEST

/* 40 tokens: 36 train, 4 test. */
static const char *const forty = "abcdefghijklmnopqrstuvwxyzabcdefghijklmn";

START_TEST(parts_are_cut_in_windows_side_by_side)
{
    char *path = write_file("forty.txt", forty);
    struct nl_config config = config_of(path, 3);
    config.data.val = 2;
    struct nl_data_facts facts = nl_data_facts(&config);
    ck_assert_int_eq(facts.train, 11);
    ck_assert_int_eq(facts.test, 1);
    struct nl_dataset *set = open_set(&config);
    struct nl_split view = make_view(set, &config);
    struct nl_counts counts = nl_data_counts(&config);
    ck_assert_int_eq(view.train_count, 9);
    ck_assert_int_eq(counts.train, 9);
    ck_assert_int_eq(view.val_count, 2);
    ck_assert_int_eq(view.test_count, 1);
    ck_assert(counts.val_overlap == 1 && counts.test_overlap == 1);
    for (int i = 0; i < 9; i++)
        ck_assert_int_eq(view.train[i], 3 * i);
    ck_assert_int_eq(view.val[0], 27);
    ck_assert_int_eq(view.val[1], 30);
    ck_assert_int_eq(view.test[0], 36);
    struct nl_sample_rows x = nl_split_rows(&view, "x"), labels = nl_split_rows(&view, "labels");
    ck_assert(x.width == 3 && labels.width == 3 && x.step == 1 && labels.step == 1);
    for (int i = 0; i < set->count; i++)
        for (int s = 0; s < 3; s++) {
            ck_assert_int_eq(((int32_t *)x.at)[i * x.step + s], forty[i + s] - 'a');
            ck_assert_int_eq(((int32_t *)labels.at)[i * labels.step + s], forty[i + s + 1] - 'a');
        }
    ck_assert_int_eq(
        view.draws,
        8 * 3 + 1); /* the last window of the training part begins at token 24, and its last label is token 27 */
    ck_assert(view.chance.accuracy == 2.0 / 27 &&
              view.chance.loss == log(26)); /* "b", which is the label of two positions, as "a" is once */
    nl_split_release(&view);
    nl_dataset_free(set);
    free(path);
}
END_TEST

START_TEST(windows_begin_anywhere_in_the_training_part)
{
    char *path = write_file("forty.txt", forty);
    struct nl_config config = config_of(path, 3);
    struct nl_dataset *set = open_set(&config);
    struct nl_split view = make_view(set, &config);
    int32_t order[11], again[11], times[31] = {0};
    ck_assert_int_eq(view.draws, 31);
    for (int epoch = 0; epoch < 310; epoch++) {
        nl_epoch_order(&view, 7, epoch, order);
        nl_epoch_order(&view, 7, epoch, again);
        ck_assert_mem_eq(order, again, sizeof order);
        for (int i = 0; i < 11; i++) {
            ck_assert(order[i] >= 0 && order[i] < 31);
            times[order[i]]++;
        }
    }
    for (int i = 0; i < 31; i++) /* 3410 draws: 110 of each are expected, with a deviation of 10.3 */
        ck_assert_msg(times[i] > 60 && times[i] < 160, "%d times %d", times[i], i);
    nl_epoch_order(&view, 8, 309, again);
    ck_assert_mem_ne(order, again, sizeof order);
    nl_split_release(&view);
    config.data.sampling = NL_SAMPLE_SHUFFLE;
    view = make_view(set, &config);
    bool seen[31] = {false};
    nl_epoch_order(&view, 7, 0, order);
    for (int i = 0; i < 11; i++) {
        ck_assert(order[i] % 3 == 0 && !seen[order[i]]);
        seen[order[i]] = true;
    }
    nl_split_release(&view);
    config.data.sampling = NL_SAMPLE_STREAM; /* of 11 windows each sample of a batch of 4 reads 2 */
    config.train.batch = 4;
    view = make_view(set, &config);
    nl_epoch_order(&view, 7, 1, order);
    static const int32_t expected[11] = {0, 2, 4, 6, 1, 3, 5, 7, 8, 9, 10};
    for (int i = 0; i < 11; i++)
        ck_assert_int_eq(order[i], 3 * expected[i]);
    nl_split_release(&view);
    nl_dataset_free(set);
    free(path);
}
END_TEST

START_TEST(other_data_can_be_drawn_with_replacement)
{
    struct nl_config config;
    nl_config_defaults(&config);
    config.data.sampling = NL_SAMPLE_REPLACE;
    config.data.train = 20;
    struct nl_dataset *set = open_set(&config);
    struct nl_split view = make_view(set, &config);
    int32_t order[20];
    int twice = 0;
    nl_epoch_order(&view, 1, 0, order);
    for (int i = 0; i < 20; i++) {
        bool trains = false;
        for (int k = 0; k < 20; k++)
            trains |= order[i] == view.train[k];
        ck_assert(trains);
        for (int k = 0; k < i; k++)
            twice += order[i] == order[k];
    }
    ck_assert_int_gt(twice, 0);
    nl_split_release(&view);
    nl_dataset_free(set);
}
END_TEST

START_TEST(characters_are_those_of_utf8)
{
    char *path = write_file("greek.txt", "α ω α ω 𝄞 α ω α ω é α ω α ω");
    struct nl_config config = config_of(path, 1);
    struct nl_dataset *set = open_set(&config);
    static const uint32_t codes[] = {' ', 0xe9, 0x3b1, 0x3c9, 0x1d11e};
    ck_assert_int_eq(set->alphabet.count, 5);
    ck_assert_mem_eq(set->alphabet.code, codes, sizeof codes);
    ck_assert_int_eq(set->count, 27 - 1);
    nl_dataset_free(set);
    config.data.unit = NL_UNIT_BYTE;
    set = open_set(&config);
    ck_assert_int_eq(set->shape.vocabulary, 256);
    ck_assert_int_eq(((int32_t *)set->row[0].at)[0], 0xce);
    nl_dataset_free(set);
    free(path);
}
END_TEST

START_TEST(what_cannot_be_learned_from_is_said)
{
    static const struct {
        const char *text;
        int64_t context;
        const char *key, *why;
    } wrong[] = {
        {"one\ntw\xffo, which is not UTF-8", 4, "data.file",
         "': line 2, column 3: '\\xff' is not UTF-8; data.unit byte takes any file"},
        {"too short", 4, "data.file", "': 9 characters, of which 6 are different, are no text to learn from"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 4, "data.file",
         "': 32 characters, of which 1 are different, are no text to learn from"},
        {"abababababababababababababababababababab", 4, "data.context", "', which has 4 tokens: at most 3 do"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *path = write_file("wrong.txt", wrong[i].text);
        struct nl_config config = config_of(path, wrong[i].context);
        struct nl_data_facts facts = {0};
        struct nl_error err;
        const char *key;
        ck_assert_int_eq(nl_text_facts(&config, &facts, &key, &err), NL_FAIL);
        ck_assert_str_eq(key, wrong[i].key);
        ck_assert_msg(strlen(err.text) > strlen(wrong[i].why) &&
                          strcmp(err.text + strlen(err.text) - strlen(wrong[i].why), wrong[i].why) == 0,
                      "%s", err.text);
        free(path);
    }
    struct nl_alphabet alphabet;
    struct nl_error err;
    int64_t count;
    ck_assert_int_eq(nl_alphabet_of("abc", 3, false, &alphabet, &err), NL_OK);
    ck_assert_ptr_null(nl_alphabet_encode(&alphabet, "ad", 2, &count, &err));
    ck_assert_str_eq(err.text, "line 1, column 2: 'd' does not occur in the text");
    nl_alphabet_release(&alphabet);
}
END_TEST

START_TEST(what_is_exported_is_what_is_trained_with)
{
    char *path = write_file("forty.txt", forty);
    struct nl_config config = config_of(path, 3);
    struct nl_error err = {{0}};
    struct nl_dataset *set = open_set(&config);
    struct nl_split view = make_view(set, &config);
    ck_assert_msg(nl_data_export(&view, folder, &err) == NL_OK, "%s", err.text);
    static const char *const names[] = {"train_x.npy", "train_y.npy", "train_index.npy"};
    struct nl_npy array[3];
    for (int i = 0; i < 3; i++) {
        char *file = nl_path_join(folder, names[i]);
        ck_assert_msg(nl_npy_read(file, &array[i], &err) == NL_OK, "%s", err.text);
        free(file);
    }
    ck_assert(array[0].dims == 2 && array[0].shape[0] == 11 && array[0].shape[1] == 3 && array[0].type == NL_I64);
    ck_assert(array[1].dims == 2 && array[2].dims == 1);
    for (size_t i = 0; i < 33; i++) {
        ck_assert(nl_npy_get(&array[0], i) == forty[i] - 'a');
        ck_assert(nl_npy_get(&array[1], i) == forty[i + 1] - 'a');
    }
    for (int i = 0; i < 3; i++)
        nl_npy_release(&array[i]);
    nl_split_release(&view);
    nl_dataset_free(set);
    free(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *cases = tcase_create("text");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, the_program_s_text_is_tinyshakespeare);
    tcase_add_test(cases, parts_are_cut_in_windows_side_by_side);
    tcase_add_test(cases, windows_begin_anywhere_in_the_training_part);
    tcase_add_test(cases, other_data_can_be_drawn_with_replacement);
    tcase_add_test(cases, characters_are_those_of_utf8);
    tcase_add_test(cases, what_cannot_be_learned_from_is_said);
    tcase_add_test(cases, what_is_exported_is_what_is_trained_with);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
