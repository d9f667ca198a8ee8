/* The user's own data: what numpy wrote (tests/golden/arrays.py) is what a network sees. */
#include <check.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/npy.h"
#include "data/data.h"
#include "operation/gather.h"
#include "scratch.h"
#include "suite.h"
#include "train/train.h"

#define ARRAYS NORMLAB_TESTS_DIR "/golden/arrays/"

static struct nl_config configured(const char *folder, const char *const *more)
{
    const char *overrides[24] = {"data.name=npy"};
    char *dir = nl_format("data.dir=" ARRAYS "%s", folder);
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    int count = 1;
    overrides[count++] = dir;
    for (; more && *more; more++)
        overrides[count++] = *more;
    if (nl_experiment_load(NULL, overrides, count, &experiment, &diagnostics))
        ck_abort_msg("%s", nl_diagnostics_text(&diagnostics));
    free(dir);
    return experiment.config;
}

static struct nl_dataset *opened(const struct nl_config *config)
{
    struct nl_error err;
    struct nl_dataset *set = nl_dataset_open(config, &err);
    ck_assert_msg(set != NULL, "%s", err.text);
    return set;
}

static struct nl_npy array(const char *name)
{
    struct nl_npy out;
    struct nl_error err;
    char *path = nl_format(ARRAYS "%s", name);
    ck_assert_msg(nl_npy_read(path, &out, &err) == NL_OK, "%s", err.text);
    free(path);
    return out;
}

static void check_shape(const struct nl_dataset *set, int height, int width, int channels, int classes)
{
    ck_assert_int_eq(set->shape.height, height);
    ck_assert_int_eq(set->shape.width, width);
    ck_assert_int_eq(set->shape.channels, channels);
    ck_assert_int_eq(set->shape.classes, classes);
}

START_TEST(bytes_are_read_as_they_are)
{
    struct nl_config config = configured("bytes", NULL);
    struct nl_data_facts facts = nl_data_facts(&config);
    ck_assert_int_eq(facts.train, 60);
    ck_assert_int_eq(facts.test, 20);
    struct nl_dataset *set = opened(&config);
    check_shape(set, 4, 5, 3, 3);
    ck_assert_int_eq(set->count, 80);
    ck_assert_int_eq(set->train_count, 60);
    ck_assert_ptr_null(set->values);
    struct nl_npy train = array("bytes/train_images.npy"), test = array("bytes/test_images.npy");
    ck_assert(memcmp(set->pixels, train.data, train.count) == 0 &&
              memcmp(set->pixels + train.count, test.data, test.count) == 0);
    for (int i = 0; i < 80; i++)
        ck_assert_int_eq(set->labels[i], i < 60 ? i % 3 : (i - 60) % 3);
    nl_npy_release(&train);
    nl_npy_release(&test);
    nl_dataset_free(set);
}
END_TEST

/* A pool: the seed takes ten of fifty for the test part. With the mean and deviation of all of them the network would
 * see NumPy's numbers. */
START_TEST(features_are_standardized_one_by_one)
{
    struct nl_config config = configured("features", NULL);
    struct nl_dataset *set = opened(&config);
    struct nl_npy expected = array("features/standardized.npy");
    struct nl_error err;
    struct nl_split view;
    check_shape(set, 1, 1, 6, 2);
    ck_assert_ptr_null(set->pixels);
    ck_assert_msg(nl_split_make(set, &config, &view, &err) == NL_OK, "%s", err.text);
    ck_assert_int_eq(view.train_count, 40);
    ck_assert_int_eq(view.test_count, 10);
    int seen[50] = {0};
    for (int i = 0; i < 50; i++)
        seen[i < 40 ? view.train[i] : view.test[i - 40]]++;
    for (int i = 0; i < 50; i++)
        ck_assert_int_eq(seen[i], 1);
    nl_split_release(&view);

    set->train_count = set->count; /* all of it is the training part */
    ck_assert_msg(nl_split_make(set, &config, &view, &err) == NL_OK, "%s", err.text);
    for (size_t i = 0; i < expected.count; i++) {
        float found = nl_standardized(set->values[i], view.mean[i % 6], 1 / view.deviation[i % 6]);
        ck_assert(fabs((double)found - nl_npy_get(&expected, i)) <= 1e-6);
    }
    nl_split_release(&view);
    nl_npy_release(&expected);
    nl_dataset_free(set);
}
END_TEST

#define GREY                                                                                                           \
    "data.train_images=faces.npy", "data.train_labels=who.npy", "data.test_images=more_faces.npy",                     \
        "data.test_labels=more_who.npy"
static const struct {
    const char *folder;
    const char *more[12];
} trainings[] = {
    {"bytes", {"model.arch=cnn", "model.pool=2", "data.crop=1", "data.flip=true"}},
    {"features", {"model.arch=mlp"}},
    {"grey", {GREY, "model.arch=cnn", "model.pool=2", "data.crop=1", "data.flip=true"}},
};

/* Each can be learned, on both backends alike: they start from the same numbers. */
START_TEST(own_data_train)
{
    double loss[2];
    for (int device = 0; device < 2; device++) {
        const char *more[20] = {"model.depth=2",
                                "model.width=16",
                                "train.batch=10",
                                "train.epochs=30",
                                "train.lr=0.1",
                                "norm.kind=gn",
                                device ? "device.kind=cpu" : "device.kind=ref"};
        memcpy(more + 7, trainings[_i].more, sizeof trainings[_i].more);
        struct nl_config config = configured(trainings[_i].folder, more);
        struct nl_dataset *set = opened(&config);
        struct nl_trial_result result;
        struct nl_error err;
        ck_assert_msg(nl_trial_run(&config, set, NULL, &result, &err) == NL_OK, "%s", err.text);
        ck_assert(result.score[NL_PART_TEST][NL_EVAL_RUNNING].accuracy >= 0.8);
        loss[device] = result.row[0].loss;
        nl_trial_result_release(&result);
        nl_dataset_free(set);
    }
    ck_assert(fabs(loss[0] - loss[1]) <= 1e-4 * loss[0]);
}
END_TEST

/* Labels of float64, and those of the test part of float32. Of unit noise the mean alone has a squared error of 3.5. */
START_TEST(floats_are_real_targets)
{
    static const char *const more[] = {"model.depth=2", "model.width=16",  "model.activation=tanh", "norm.kind=none",
                                       "train.batch=8", "train.epochs=60", "train.lr=0.05",         NULL};
    struct nl_config config = configured("targets", more);
    struct nl_dataset *set = opened(&config);
    struct nl_npy train = array("targets/train_labels.npy"), test = array("targets/test_labels.npy");
    struct nl_trial_result result;
    struct nl_error err;
    check_shape(set, 1, 1, 3, 1);
    ck_assert(set->shape.target == NL_TARGET_REAL && !set->labels && set->rows == 1);
    ck_assert_str_eq(set->row[0].input, "targets");
    for (int i = 0; i < 60; i++)
        ck_assert(((const float *)set->row[0].at)[i] ==
                  (float)nl_npy_get(i < 48 ? &train : &test, (size_t)(i < 48 ? i : i - 48)));
    ck_assert_msg(nl_trial_run(&config, set, NULL, &result, &err) == NL_OK, "%s", err.text);
    struct nl_score score = result.score[NL_PART_TEST][NL_EVAL_RUNNING];
    ck_assert_msg(score.loss < 0.5 && isnan(score.accuracy), "%g", score.loss);
    nl_trial_result_release(&result);
    nl_npy_release(&train);
    nl_npy_release(&test);
    nl_dataset_free(set);
}
END_TEST

/* The images of a file of types/ beside those of plain: bit for bit, or, of bool, whether they are 0. Bytes stay
 * bytes. */
static void check_type(const char *name, const char *plain, const char *labels)
{
    char *images = nl_format("data.train_images=%s", name), *own = nl_format("data.train_labels=%s", labels),
         *path = nl_format("types/%s", plain);
    const char *const more[] = {images, own, NULL};
    struct nl_config config = configured("types", more);
    struct nl_dataset *set = opened(&config);
    struct nl_npy expected = array(path);
    bool is_bool = strncmp(name, "bool", 4) == 0, bytes = is_bool || strncmp(name, "uint8_", 6) == 0;
    ck_assert_msg(bytes == (set->pixels != NULL), "%s", name);
    ck_assert_uint_eq(expected.count, (size_t)set->count * (size_t)set->shape.height * (size_t)set->shape.width *
                                          (size_t)set->shape.channels);
    for (size_t i = 0; i < expected.count; i++) {
        float value = ((const float *)expected.data)[i], found = bytes ? set->pixels[i] : set->values[i];
        value = is_bool ? (float)(value != 0) : value;
        ck_assert_msg(memcmp(&value, &found, sizeof value) == 0, "%s: %g at %zu, expected %g", name, (double)found, i,
                      (double)value);
    }
    nl_npy_release(&expected);
    nl_dataset_free(set);
    free(path);
    free(own);
    free(images);
}

START_TEST(every_type_and_order_is_read)
{
    glob_t files;
    ck_assert_int_eq(glob(ARRAYS "types/*_*_*.npy", 0, NULL, &files), 0);
    ck_assert_uint_eq(files.gl_pathc, 42); /* 9 types in four orders, 3 of one byte in two */
    for (size_t i = 0; i < files.gl_pathc; i++)
        check_type(strrchr(files.gl_pathv[i], '/') + 1, "plain.npy", "labels.npy");
    globfree(&files);
    check_type("halves.npy", "halves_plain.npy", "labels_five.npy");
    check_type("doubles.npy", "doubles_plain.npy", "labels_five.npy");
}
END_TEST

/* What is in the files names the data, not where they lie. */
/* The heads of files are read before anything of them: a side that is too long, and sides whose product is. */
START_TEST(samples_with_too_many_numbers_are_refused)
{
    static const struct {
        const char *shape;
        int64_t bytes;
    } files[] = {
        {"(1, 1048577)", 1048577}, {"(1, 1048576, 4096)", (int64_t)1 << 32}, {"(1, 50000, 50000)", 2500000000}};
    struct rlimit most;
    ck_assert(getrlimit(RLIMIT_FSIZE, &most) == 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (most.rlim_cur != RLIM_INFINITY && (int64_t)most.rlim_cur < 128 + files[i].bytes)
            continue; /* where mutations are tried, files have a limit */
        char *folder = scratch_make(), *path = nl_path_join(folder, "train_images.npy");
        char *head = nl_format("{'descr': '|u1', 'fortran_order': False, 'shape': %s, }", files[i].shape);
        char *file = nl_format("%c%s%c%c%c%c%-117s\n", 0x93, "NUMPY", 1, 1, 118, 1,
                               head); /* bytes 7 and 9 are 0, put in below */
        size_t length = strlen(file);
        struct nl_error err;
        file[7] = file[9] = 0;
        ck_assert_msg(nl_file_write(path, file, length, &err) == NL_OK, "%s", err.text);
        ck_assert(truncate(path, 128 + files[i].bytes) == 0); /* a hole */
        const char *more[] = {NULL};
        struct nl_config config = configured("bytes", more);
        config.data.dir = folder;
        ck_assert_ptr_null(nl_dataset_open(&config, &err));
        ck_assert_msg(strstr(err.text, "a sample of it has too many numbers"), "%s: %s", files[i].shape, err.text);
        free(file);
        free(head);
        free(path);
        scratch_remove(folder);
    }
}
END_TEST

/* An archive, given or found in its folder, holds the same data as the files in it. */
START_TEST(archives_are_read_as_their_files)
{
    static const char *const folders[] = {"archives/stored", "archives/deflated", "archives/zip64",
                                          "archives/stored/stored.npz", "archives/deflated/deflated.npz"};
    enum { FOLDERS = sizeof folders / sizeof *folders };
    static const char *const named[] = {
        "data.train_images=archives/stored/stored.npz/x_train.npy", "data.train_labels=bytes/train_labels.npy",
        "data.test_images=bytes/test_images.npy", "data.test_labels=archives/deflated/deflated.npz/y_test.npy", NULL};
    static const char *const within[] = {"data.train_images=x_train.npy", "data.test_labels=y_test.npy", NULL};
    struct nl_config files = configured("bytes", NULL);
    struct nl_dataset *expected = opened(&files);
    for (int i = 0; i < FOLDERS + 2; i++) {
        struct nl_config config = i < FOLDERS    ? configured(folders[i], NULL)
                                  : i == FOLDERS ? configured("", named)
                                                 : configured(folders[0], within);
        struct nl_data_facts facts = nl_data_facts(&config);
        struct nl_dataset *found = opened(&config);
        ck_assert(facts.train == 60 && facts.test == 20);
        ck_assert_str_eq(found->checksum, expected->checksum);
        nl_dataset_free(found);
    }
    nl_dataset_free(expected);
}
END_TEST

/* Adds to a number of 64 bits, the lowest first. */
static void add64(char *at, uint64_t more)
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++)
        number |= (uint64_t)(unsigned char)at[i] << 8 * i;
    for (int i = 0; i < 8; i++)
        at[i] = (char)(unsigned char)((number + more) >> 8 * i);
}

/* Behind a hole of 4 GiB and a bit, all places in an archive have more than 32 bits, and are where they say. */
START_TEST(archives_of_more_than_4_gib_are_read)
{
    const uint64_t hole = ((uint64_t)1 << 32) + 12345;
    struct rlimit most;
    ck_assert(getrlimit(RLIMIT_FSIZE, &most) == 0);
    if (most.rlim_cur != RLIM_INFINITY && most.rlim_cur < hole + (1 << 16))
        return; /* where mutations are tried, files have a limit */
    struct nl_error err;
    char *folder = scratch_make(), *path = nl_path_join(folder, "long.npz");
    size_t length;
    char *bytes = nl_file_read(ARRAYS "archives/zip64/zip64.npz", &length, &err);
    for (char *at = bytes, *end = bytes + length; (at = memmem(at, (size_t)(end - at), "PK\1\2", 4)); at++)
        add64(at + 46 + (unsigned char)at[28] + 20,
              hole);                                 /* after the name: the extra field's head, two sizes, place */
    add64(bytes + length - 22 - 20 + 8, hole);       /* the locator's place of the end record of zip64 */
    add64(bytes + length - 22 - 20 - 56 + 48, hole); /* its place of the directory */
    FILE *file = fopen(path, "wb");
    ck_assert(file && fseeko(file, (off_t)hole, SEEK_SET) == 0 && fwrite(bytes, 1, length, file) == length);
    ck_assert(fclose(file) == 0);
    struct nl_config config = configured("bytes", NULL);
    struct nl_dataset *expected = opened(&config);
    config.data.dir = folder;
    struct nl_dataset *found = opened(&config);
    ck_assert_str_eq(found->checksum, expected->checksum);
    nl_dataset_free(found);
    nl_dataset_free(expected);
    free(bytes);
    free(path);
    scratch_remove(folder);
}
END_TEST

/* What an archive says of its members is held against its bytes. A byte is set in the stored one, or in that of zip64,
 * which `at` counts from the directory, from the end record, or from the end record of zip64. */
START_TEST(damaged_archives_are_refused)
{
    enum { DIRECTORY, END, DIRECTORY64, END64, LOCATOR64, FROMS };
    static const int before_end[FROMS] = {[END] = 22, [END64] = 22 + 20 + 56, [LOCATOR64] = 22 + 20};
    static const struct {
        int from, at;
        unsigned char value;
        const char *message;
    } cases[] = {
        {END, 0, 'Q', "not a .npz archive, or the end of it is missing"},
        {END, 4, 1, "it is one of several parts of an archive"},
        {END, 8, 3, "it is one of several parts of an archive"},
        {END, 14, 1, "does not lie in it"},
        {END, 19, 1, "does not lie in it"},
        {DIRECTORY, 0, 'Q', "its directory is damaged at entry 1 of 4"},
        {DIRECTORY, 30, 255, "its directory is damaged at entry 1 of 4"},
        {DIRECTORY, 46, 0, "its directory is damaged at entry 1 of 4"},
        {DIRECTORY, 8, 1, "it is encrypted"},
        {DIRECTORY, 10, 12, "it is compressed by method 12, expected stored or deflated"},
        {DIRECTORY, 10, 8, "it is damaged, or not as long as the archive says"},
        {DIRECTORY, 27, 1, "unpacked"},
        {DIRECTORY, 42, 1, "its bytes do not lie in the archive"},
        {DIRECTORY, 45, 1, "its bytes do not lie in the archive"},
        {DIRECTORY, 16, 1, "it is damaged (its checksum does not match)"},
        {LOCATOR64, 0, 'Q', "the end record of zip64 that it should have is missing or damaged"},
        {LOCATOR64, 8, 1, "the end record of zip64 that it should have is missing or damaged"},
        {LOCATOR64, 15, 1, "the end record of zip64 that it should have is missing or damaged"},
        {END64, 0, 'Q', "the end record of zip64 that it should have is missing or damaged"},
        {END64, 16, 1, "it is one of several parts of an archive"},
        {END64, 24, 3, "it is one of several parts of an archive"},
        {END64, 47, 255, "its directory of 18374686479671624018 bytes at 6054 does not lie in it"},
        {END64, 55, 255, "does not lie in it"},
        {DIRECTORY64, 46 + 11, 2, "its directory is damaged at entry 1 of 4"},  /* another kind of extra field */
        {DIRECTORY64, 46 + 13, 20, "its directory is damaged at entry 1 of 4"}, /* one without the place */
        {DIRECTORY64, 46 + 22, 255, "unpacked"},
        {DIRECTORY64, 46 + 38, 255, "its bytes do not lie in the archive"},
    };
    struct nl_error err;
    char *folder = scratch_make(), *path = nl_path_join(folder, "a.npz");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t length, directory = 0;
        char *bytes = nl_file_read(cases[i].from < DIRECTORY64 ? ARRAYS "archives/stored/stored.npz"
                                                               : ARRAYS "archives/zip64/zip64.npz",
                                   &length, &err);
        while (memcmp(bytes + directory, "PK\1\2", 4) != 0)
            directory++;
        size_t from = before_end[cases[i].from] ? length - (size_t)before_end[cases[i].from] : directory;
        char *place = bytes + from + cases[i].at;
        *place = (char)(*place == (char)cases[i].value ? cases[i].value + 1 : cases[i].value);
        ck_assert_int_eq(nl_file_write(path, bytes, length, &err), NL_OK);
        struct nl_config config = configured("bytes", NULL);
        config.data.dir = folder;
        struct nl_dataset *found = nl_dataset_open(&config, &err);
        ck_assert_msg(!found && strstr(err.text, cases[i].message), "case %zu: %s, expected %s", i, err.text,
                      cases[i].message);
        free(bytes);
    }
    free(path);
    scratch_remove(folder);
}
END_TEST

/* Tables as NumPy reads them: values bit for bit, the classes in the order of numpy.unique. */
START_TEST(tables_of_features_are_read)
{
    static const struct {
        const char *name, *x;
        int train, test, classes;
    } tables[] = {
        {"words", "x", 16, 4, 3}, {"split", "split_x", 15, 5, 3}, {"classes", "x", 16, 4, 3}, {"reals", "x", 16, 4, 1}};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        char *file = nl_format("data.file=" ARRAYS "tables/%s.csv", tables[t].name),
             *values = nl_format("tables/%s.npy", tables[t].x), *answers = nl_format("tables/%s.npy", tables[t].name);
        const char *const more[] = {"data.name=csv", file, NULL};
        struct nl_config config = configured("", more);
        struct nl_data_facts facts = nl_data_facts(&config);
        struct nl_dataset *set = opened(&config);
        struct nl_npy x = array(values), y = array(answers);
        check_shape(set, 1, 1, 3, tables[t].classes);
        ck_assert(facts.train == tables[t].train && facts.test == tables[t].test && set->count == 20);
        ck_assert_int_eq(set->train_count, facts.pool ? 0 : tables[t].train);
        ck_assert_int_eq(set->pool_test, facts.pool ? tables[t].test : 0);
        ck_assert(memcmp(set->values, x.data, x.count * sizeof(float)) == 0);
        ck_assert(memcmp(set->labels ? (void *)set->labels : set->numbers, y.data, y.count * sizeof(float)) == 0);
        nl_npy_release(&x);
        nl_npy_release(&y);
        nl_dataset_free(set);
        free(answers);
        free(values);
        free(file);
    }
}
END_TEST

START_TEST(checksums_are_of_the_content)
{
    static const char *const by_name[] = {"data.train_images=train_images.npy", NULL}, *const three[] = {
                                                                                           "data.classes=3", NULL};
    struct nl_config standard = configured("features", NULL), named = configured("features", by_name),
                     more = configured("features", three);
    struct nl_dataset *a = opened(&standard), *b = opened(&named), *c = opened(&more);
    ck_assert_str_eq(a->checksum, b->checksum);
    ck_assert_str_ne(a->checksum, c->checksum);
    char *one = nl_config_identity_text(&standard), *other = nl_config_identity_text(&named);
    ck_assert_str_eq(one, other);
    free(one);
    free(other);
    nl_dataset_free(a);
    nl_dataset_free(b);
    nl_dataset_free(c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arrays");
    TCase *tests = tcase_create("arrays");
    tcase_add_test(tests, bytes_are_read_as_they_are);
    tcase_add_test(tests, features_are_standardized_one_by_one);
    tcase_add_loop_test(tests, own_data_train, 0, (int)(sizeof trainings / sizeof *trainings));
    tcase_add_test(tests, floats_are_real_targets);
    tcase_add_test(tests, every_type_and_order_is_read);
    tcase_add_test(tests, archives_are_read_as_their_files);
    tcase_add_test(tests, archives_of_more_than_4_gib_are_read);
    tcase_add_test(tests, damaged_archives_are_refused);
    tcase_add_test(tests, tables_of_features_are_read);
    tcase_add_test(tests, samples_with_too_many_numbers_are_refused);
    tcase_add_test(tests, checksums_are_of_the_content);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
