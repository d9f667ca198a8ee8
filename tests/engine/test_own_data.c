/* The user's own arrays and texts, as a slip of the hand leaves them: what nothing can be learned from is refused by
 * `check`, `sweep` and `run` alike, as they open the data, and what may be meant otherwise is told with its remedy. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/npy.h"
#include "scratch.h"
#include "suite.h"
#include "sweep/lint.h"

enum { TRAIN = 80, TEST = 40, SIDE = 2, EACH = SIDE * SIDE, CLASSES = 4 };

static char *folder;

static void enter(void)
{
    folder = scratch_make();
    ck_assert_int_eq(chdir(folder), 0);
}

static void leave(void)
{
    ck_assert_int_eq(chdir("/"), 0);
    scratch_remove(folder);
}

/* Two parts, without a fault: noise, and labels 0 to 3 in turn. A case changes what it is about. */
struct arrays {
    float train[TRAIN * EACH], test[TEST * EACH];
    double train_label[TRAIN], test_label[TEST];
    enum nl_dtype label_type;
    int channels; /* of images of one position; 0: one channel of 2x2 */
    bool bytes, pool;
};

static void fill(struct arrays *a)
{
    uint32_t state = 7;
    for (int i = 0; i < (TRAIN + TEST) * EACH; i++) {
        state = state * 1664525u + 1013904223u;
        *(i < TRAIN * EACH ? &a->train[i] : &a->test[i - TRAIN * EACH]) = (float)(state >> 24);
    }
    a->test[0] = 0;
    for (int i = 0; i < TRAIN; i++)
        a->train_label[i] = i % CLASSES;
    for (int i = 0; i < TEST; i++)
        a->test_label[i] = i % CLASSES;
    a->label_type = NL_I64;
}

static void write_array(const char *path, enum nl_dtype type, int dims, const size_t *shape, const void *data)
{
    struct nl_error err;
    ck_assert_msg(nl_npy_write(path, type, dims, shape, data, &err) == NL_OK, "%s", err.text);
}

static void write_images(const char *path, const struct arrays *a, const float *values, size_t samples)
{
    size_t shape[] = {samples, SIDE, SIDE}, flat[] = {samples, EACH};
    uint8_t bytes[TRAIN * EACH];
    for (size_t i = 0; a->bytes && i < samples * EACH; i++)
        bytes[i] = (uint8_t)values[i];
    write_array(path, a->bytes ? NL_U8 : NL_F32, a->channels ? 2 : 3, a->channels ? flat : shape,
                a->bytes ? (const void *)bytes : values);
}

static void write_labels(const char *path, const struct arrays *a, const double *values, size_t samples)
{
    int64_t whole[TRAIN];
    for (size_t i = 0; i < samples; i++)
        whole[i] = (int64_t)values[i];
    write_array(path, a->label_type, 1, &samples, a->label_type == NL_F64 ? (const void *)values : whole);
}

static void write_arrays(const struct arrays *a)
{
    unlink("test_images.npy");
    unlink("test_labels.npy");
    write_images("train_images.npy", a, a->train, TRAIN);
    write_labels("train_labels.npy", a, a->train_label, TRAIN);
    if (a->pool)
        return;
    write_images("test_images.npy", a, a->test, TEST);
    write_labels("test_labels.npy", a, a->test_label, TEST);
}

/* What is said of an experiment on the data, split by blanks: an error, or warnings without those of training. */
static char *say(const char *overrides)
{
    const char *words[16];
    char *copy = nl_strdup(overrides), *rest = copy, *word;
    int count = 0;
    while ((word = strsep(&rest, " ")) && *word)
        words[count++] = word;
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    struct nl_grid grid = {0};
    struct nl_datasets datasets = {0};
    struct nl_error err = {{0}};
    if (nl_experiment_load(NULL, words, count, &experiment, &diagnostics) == NL_OK &&
        nl_grid_make(&experiment, &grid, &diagnostics) == NL_OK && nl_grid_identify(&grid, &datasets, &err) == NL_OK)
        nl_lint_grid(&experiment, &grid, &diagnostics);
    char *said = *err.text ? nl_strdup(err.text) : nl_diagnostics_text(&diagnostics);
    nl_diagnostics_release(&diagnostics);
    nl_grid_release(&grid);
    nl_datasets_release(&datasets);
    free(copy);
    return said;
}

static void expect(const char *name, const char *overrides, const char *expected)
{
    char *said = say(overrides);
    if (expected)
        ck_assert_msg(strstr(said, expected) != NULL, "%s: '%s' is not in what is said:\n%s", name, expected, said);
    else
        ck_assert_msg(!*said, "%s: %s", name, said);
    free(said);
}

/* ---- arrays ---- */

static void unchanged(struct arrays *a)
{
    (void)a;
}

static void pool(struct arrays *a)
{
    a->pool = true;
}

static void float_labels(struct arrays *a)
{
    a->label_type = NL_F64;
}

static void signs_as_floats(struct arrays *a)
{
    a->label_type = NL_F64;
    for (int i = 0; i < TRAIN; i++)
        a->train_label[i] = i % 2 ? 1 : -1;
    for (int i = 0; i < TEST; i++)
        a->test_label[i] = i % 2 ? 1 : -1;
}

static void real_targets(struct arrays *a)
{
    a->label_type = NL_F64;
    for (int i = 0; i < TRAIN; i++)
        a->train_label[i] += 0.25 * (i % 3);
}

/* As prices have them. */
static void whole_targets_all_different(struct arrays *a)
{
    a->label_type = NL_F64;
    for (int i = 0; i < TRAIN; i++)
        a->train_label[i] = 1000 + 7 * i;
}

static void constant_targets(struct arrays *a)
{
    a->label_type = NL_F64;
    for (int i = 0; i < TRAIN; i++)
        a->train_label[i] = 2.5;
}

static void many_classes(struct arrays *a)
{
    a->pool = true;
    for (int i = 0; i < TRAIN; i++)
        a->train_label[i] = i;
}

static void gap(struct arrays *a)
{
    for (int i = 0; i < TRAIN; i++)
        a->train_label[i] = a->train_label[i] > 2 ? 9 : a->train_label[i];
    for (int i = 0; i < TEST; i++)
        a->test_label[i] = a->test_label[i] > 2 ? 9 : a->test_label[i];
}

static void other_classes(struct arrays *a)
{
    for (int i = 0; i < TEST; i++)
        a->test_label[i] += CLASSES;
}

static void class_of_test_alone(struct arrays *a)
{
    for (int i = 0; i < TRAIN; i++)
        a->train_label[i] = i % (CLASSES - 1);
}

static void classes_of_training_alone(struct arrays *a)
{
    for (int i = 0; i < TEST; i++)
        a->test_label[i] = i % 2;
}

static void one_class(struct arrays *a)
{
    for (int i = 0; i < TRAIN; i++)
        a->train_label[i] = 3;
}

static void constant_images(struct arrays *a)
{
    for (int i = 0; i < TRAIN * EACH; i++)
        a->train[i] = 7;
}

static void one_image(struct arrays *a)
{
    for (int i = EACH; i < TRAIN * EACH; i++)
        a->train[i] = a->train[i % EACH];
}

static void constant_features(struct arrays *a)
{
    a->channels = EACH;
    for (int i = 0; i < TRAIN * EACH; i += EACH)
        a->train[i] = a->train[i + 2] = 5;
}

static void training_part_again(struct arrays *a)
{
    memcpy(a->test, a->train, sizeof a->test);
}

static void three_samples_again(struct arrays *a)
{
    memcpy(a->test + 4 * EACH, a->train + 9 * EACH, 3 * EACH * sizeof *a->test);
}

static void pool_again(struct arrays *a)
{
    a->pool = true;
    memcpy(a->train + TRAIN / 2 * EACH, a->train, TRAIN / 2 * EACH * sizeof *a->train);
}

static void smaller_test(struct arrays *a)
{
    for (int i = 0; i < TEST * EACH; i++)
        a->test[i] /= 255;
}

static void smaller_training(struct arrays *a)
{
    for (int i = 0; i < TRAIN * EACH; i++)
        a->train[i] /= 255;
}

static void bits_in_test(struct arrays *a)
{
    a->bytes = true;
    for (int i = 0; i < TEST * EACH; i++)
        a->test[i] = a->test[i] > 127;
}

static void shifted_test(struct arrays *a)
{
    for (int i = 0; i < TEST * EACH; i++)
        a->test[i] += 5000;
}

static void nan_in_training(struct arrays *a)
{
    a->train[9 * EACH + 2] = NAN;
}

static void infinity_in_test(struct arrays *a)
{
    a->test[9 * EACH + 2] = -INFINITY;
}

static const struct {
    const char *name;
    void (*change)(struct arrays *a);
    const char *said, *overrides; /* NULL: nothing */
} slips[] = {
    {"no fault", unchanged, NULL, ""},
    {"no fault, a pool", pool, NULL, ""},
    {"whole numbers as floats", float_labels,
     "labels that are floats are real targets, and these are all whole: 4 different ones, from 0 to 3", ""},
    {"signs as floats", signs_as_floats, "2 different ones, from -1 to 1\n", ""},
    {"real targets", real_targets, NULL, ""},
    {"whole targets that are no classes", whole_targets_all_different, NULL, ""},
    {"constant targets", constant_targets, "nothing can be learned: all targets of the training part are 2.5", ""},
    {"as many classes as samples", many_classes,
     "labels that are integers are classes, and 80 training samples have 80 of them", ""},
    {"labels with a gap", gap, "labels up to 9 make 10 classes, and 6 of them have no sample: 3 to 8", ""},
    {"labels with a gap that is meant", gap, NULL, "data.classes=10"},
    {"classes of the test part alone", other_classes,
     "the test part has none of the training part's classes: 4 to 7, and these are 0 to 3", ""},
    {"one class of the test part alone", class_of_test_alone,
     "test samples of classes that the training part lacks: 10 of 40 (3)", ""},
    {"the same, where classes are given", class_of_test_alone,
     "test samples of classes that the training part lacks: 10 of 40 (3)", "data.classes=4"},
    {"classes of the training part alone", classes_of_training_alone,
     "no test sample is of 2, 3, the classes of 40 training samples", ""},
    {"one class", one_class, "nothing can be learned: all labels of the training part are 3", ""},
    {"one class of four given", one_class, "nothing can be learned: all labels of the training part are 3",
     "data.classes=4"},
    {"constant images", constant_images, "nothing can be learned: all 80 samples of the training part are equal", ""},
    {"one image again and again", one_image, "nothing can be learned: all 80 samples of the training part are equal",
     ""},
    {"constant features", constant_features,
     "constant over the training part: 2 of 4 features; feature 3 is always 5", ""},
    {"the training part as test part", training_part_again, "test samples that are in the training part, too: 40 of 40",
     ""},
    {"some of it", three_samples_again, "test samples that are in the training part, too: 3 of 40", ""},
    {"a pool with everything twice", pool_again, "samples that come again: 40 of 80", ""},
    {"a test part from 0 to 1", smaller_test,
     "values of the test part lie from 0 to 1, those of the training part from 0 to 255", ""},
    {"a training part from 0 to 1", smaller_training,
     "values of the test part lie from 0 to 255, those of the training part from 0 to 1", ""},
    {"a test part of bits", bits_in_test,
     "values of the test part lie from 0 to 1, those of the training part from 0 to 255", ""},
    {"a shifted test part", shifted_test, "values of the test part lie from 5000 to 5255", ""},
    {"nan", nan_in_training, "nan at [9, 1, 0], expected finite numbers", ""},
    {"an infinity", infinity_in_test, "an infinity at [9, 1, 0], expected finite numbers", ""},
};

START_TEST(slips_with_arrays)
{
    struct arrays a = {0};
    fill(&a);
    slips[_i].change(&a);
    write_arrays(&a);
    char *overrides = nl_format("data.name=npy train.batch=8 model.depth=1 model.width=4 norm.kind=none%s%s",
                                *slips[_i].overrides ? " " : "", slips[_i].overrides);
    expect(slips[_i].name, overrides, slips[_i].said);
    free(overrides);
}
END_TEST

/* Images that become sequences are looked at in their colours. */
START_TEST(sequences_of_images_have_no_constant_channels)
{
    struct arrays a = {0};
    fill(&a);
    write_arrays(&a);
    expect("rows", "data.name=npy data.as=rows model.arch=lstm norm.kind=ln model.depth=1 model.width=4 train.batch=8",
           NULL);
}
END_TEST

START_TEST(slips_with_token_ids)
{
    enum { IDS = 600 };
    static const char model[] =
        "data.name=npy model.arch=lstm norm.kind=ln model.depth=1 model.width=4 train.batch=8 data.context=8";
    int32_t ids[IDS], labels[IDS / 8];
    size_t whole = IDS, samples[] = {IDS / 8, 8};
    static const struct {
        const char *name, *said;
        int from, first, then; /* from this id on others */
        bool of_samples;
    } rows[] = {
        {"ids", NULL, IDS, 5, 5, false},
        {"one id", "nothing can be learned: all tokens of the training part are 5", 0, 5, 6, false},
        {"the last tenth is of others",
         "the test part has none of the training part's classes: 5 to 9, and these are 0 to 4", IDS * 9 / 10, 5, 10,
         false},
        {"half of the last tenth", "labels of the test part that do not occur in the training part: 30 of 60",
         IDS * 19 / 20, 5, 10, false},
        {"samples", NULL, IDS, 5, 5, true},
        {"equal samples", "nothing can be learned: all 75 samples of the training part are equal", IDS, 1, 1, true},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        for (int i = 0; i < IDS; i++)
            ids[i] = i < rows[r].from ? (i + i / 8 * (i / 8)) % rows[r].first
                                      : rows[r].first + i % (rows[r].then - rows[r].first);
        for (int i = 0; i < IDS; i++) /* samples are all different */
            ids[i] += rows[r].of_samples && rows[r].first > 1 ? (i / 8) * (i % 8 == 0) : 0;
        for (int i = 0; i < IDS / 8; i++)
            labels[i] = i % 2;
        write_array("train_images.npy", NL_I32, rows[r].of_samples ? 2 : 1, rows[r].of_samples ? samples : &whole, ids);
        write_array("train_labels.npy", NL_I32, 1, samples, labels);
        expect(rows[r].name, model, rows[r].said);
    }
}
END_TEST

/* ---- texts ---- */

static void write_text(const char *before, const char *line, const char *end, const char *after)
{
    struct nl_text text = {0};
    nl_text_add(&text, "%s", before);
    for (int i = 0; i < 60; i++)
        nl_text_add(&text, "%s%d%s", line, i % 10, end);
    nl_text_add(&text, "%s", after);
    ck_assert_int_eq(nl_file_write("t.txt", text.at, text.length, NULL), NL_OK);
    nl_text_release(&text);
}

START_TEST(slips_with_texts)
{
    static const struct {
        const char *name, *before, *line, *end, *after, *said;
    } rows[] = {
        {"a text", "", "a line of it ", "\n", "", NULL},
        {"lines of Windows", "", "a line of it ", "\r\n", "",
         "the text has carriage returns, as at the ends of lines of Windows (CRLF): 60 of its 960 characters"},
        {"lines of old systems", "", "a line of it ", "\r", "", "carriage returns"},
        {"a byte-order mark", "\xef\xbb\xbf", "a line of it ", "\n", "",
         "the text has a byte-order mark, which is no part of a text: 1 of its 901 characters"},
        {"what was not read", "", "a l\xef\xbf\xbdne ", "\n", "", "the text has replacement characters"},
        {"another end", "", "a line of it ", "\n", "XYZXYZXYZXYZXYZXYZXYZXYZXYZXYZXYZXYZXYZXYZ",
         "labels of the test part that do not occur in the training part: 42 of 95"},
        {"a last line feed alone", "", "a line of it ", " ", "\n", NULL},
    };
    static const char model[] =
        "data.name=text data.file=t.txt data.context=8 model.arch=lstm norm.kind=ln model.depth=1 model.width=4 "
        "train.batch=8 train.steps=40";
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        write_text(rows[r].before, rows[r].line, rows[r].end, rows[r].after);
        expect(rows[r].name, model, rows[r].said);
        char *of_bytes = nl_format("%s data.unit=byte", model);
        if (r != 5) /* bytes are taken as they are */
            expect(rows[r].name, of_bytes, NULL);
        free(of_bytes);
    }
    char halves[2 * 400]; /* UTF-16 of ASCII is UTF-8, half of it NUL */
    for (int i = 0; i < 400; i++) {
        halves[2 * i] = (char)('a' + i % 17);
        halves[2 * i + 1] = '\0';
    }
    ck_assert_int_eq(nl_file_write("t.txt", halves, sizeof halves, NULL), NL_OK);
    expect("UTF-16", model,
           "the text has NUL characters, as of UTF-16 or of a file that is no text: 400 of its 800 characters");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("own_data");
    TCase *tests = tcase_create("own_data");
    tcase_add_checked_fixture(tests, enter, leave);
    tcase_add_loop_test(tests, slips_with_arrays, 0, sizeof slips / sizeof *slips);
    tcase_add_test(tests, sequences_of_images_have_no_constant_channels);
    tcase_add_test(tests, slips_with_token_ids);
    tcase_add_test(tests, slips_with_texts);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
