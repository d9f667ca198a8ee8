/* Data sets from files: small good ones, the same with one thing wrong, and the real ones where NORMLAB_DATA has
 * them. */
#include <check.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/files.h"
#include "base/memory.h"
#include "data/data.h"
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

static void put_file(const char *name, const void *bytes, size_t length)
{
    struct nl_error err = {{0}};
    char *path = nl_path_join(folder, name);
    ck_assert_msg(nl_file_write(path, bytes, length, &err) == NL_OK, "%s", err.text);
    free(path);
}

/* Byte p of sample i, so that a sample or a place mixed up shows. */
static unsigned char pixel(int i, int p)
{
    return (unsigned char)(i * 71 + p % 251);
}

/* ---- good files ---- */

enum { IDX_PIXELS = 28 * 28, CIFAR_PIXELS = 32 * 32 * 3 };

static void put_idx(const char *images, const char *labels, int first, int count)
{
    unsigned char *bytes = nl_alloc(16 + (size_t)count * IDX_PIXELS, 1);
    memcpy(bytes, (unsigned char[]){0, 0, 8, 3, 0, 0, 0, (unsigned char)count, 0, 0, 0, 28, 0, 0, 0, 28}, 16);
    for (int i = 0; i < count * IDX_PIXELS; i++)
        bytes[16 + i] = pixel(first + i / IDX_PIXELS, i % IDX_PIXELS);
    put_file(images, bytes, 16 + (size_t)count * IDX_PIXELS);
    memcpy(bytes, (unsigned char[]){0, 0, 8, 1, 0, 0, 0, (unsigned char)count}, 8);
    for (int i = 0; i < count; i++)
        bytes[8 + i] = (unsigned char)((first + i) % 10);
    put_file(labels, bytes, 8 + (size_t)count);
    free(bytes);
}

/* Three images to train, two to test. */
static void put_mnist(void)
{
    put_idx("train-images-idx3-ubyte", "train-labels-idx1-ubyte", 0, 3);
    put_idx("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", 3, 2);
}

/* `count` records with `labels` label bytes, the last of them the class. */
static void put_records(const char *name, int labels, int first, int count)
{
    size_t each = (size_t)labels + CIFAR_PIXELS;
    unsigned char *bytes = nl_alloc((size_t)count * each, 1);
    for (int i = 0; i < count; i++) {
        unsigned char *record = bytes + (size_t)i * each;
        record[labels - 1] = (unsigned char)(first + i);
        for (int p = 0; p < CIFAR_PIXELS; p++)
            record[labels + p] = pixel(first + i, p);
    }
    put_file(name, bytes, (size_t)count * each);
    free(bytes);
}

static void put_cifar10(void)
{
    put_records("data_batch_1.bin", 1, 0, 2);
    put_records("data_batch_2.bin", 1, 2, 1);
    put_records("test_batch.bin", 1, 3, 2);
}

static void put_cifar100(void)
{
    put_records("train.bin", 2, 0, 3);
    put_records("test.bin", 2, 3, 2);
}

static struct nl_dataset *open_in(int name, char *dir, struct nl_error *err)
{
    struct nl_config config;
    nl_config_defaults(&config);
    config.data.name = name;
    config.data.dir = dir;
    return nl_dataset_open(&config, err);
}

/* The five samples that the put_ functions write, three of them to train, in order. */
static void check_samples(int name, char *dir, int channels)
{
    struct nl_error err = {{0}};
    struct nl_dataset *set = open_in(name, dir, &err);
    ck_assert_msg(set != NULL, "%s", err.text);
    ck_assert_int_eq(set->count, 5);
    ck_assert_int_eq(set->train_count, 3);
    ck_assert_int_eq(set->shape.channels, channels);
    int positions = set->shape.height * set->shape.width;
    ck_assert_int_eq(positions, channels == 1 ? 28 * 28 : 32 * 32);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(set->labels[i], i);
        for (int p = 0; p < positions; p++)
            for (int c = 0; c < channels; c++)
                ck_assert_int_eq(set->pixels[(i * positions + p) * channels + c], pixel(i, c * positions + p));
    }
    nl_dataset_free(set);
}

START_TEST(idx_in_every_spelling)
{
    put_mnist();
    check_samples(NL_MNIST, folder, 1);
    check_samples(NL_FASHION_MNIST, folder, 1);
    static const char *const names[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                                        "t10k-labels-idx1-ubyte"};
    for (int dotted = 0; dotted < 2; dotted++)
        for (int i = 0; i < 4; i++) {
            struct nl_error err = {{0}};
            size_t length = 0;
            char *path = nl_path_join(folder, names[i]), *packed = nl_format("%s.gz", path);
            char *source = dotted ? packed : path;
            char *bytes = nl_file_read_gz(source, 0, &length, &err);
            ck_assert_msg(bytes != NULL, "%s", err.text);
            ck_assert_int_eq(unlink(source), 0);
            if (dotted)
                *(strstr(packed, "-idx")) = '.';
            gzFile file = gzopen(packed, "wb");
            ck_assert_int_eq(gzwrite(file, bytes, (unsigned)length), (int)length);
            ck_assert_int_eq(gzclose(file), Z_OK);
            free(bytes);
            free(path);
            free(packed);
            if (i == 3)
                check_samples(NL_MNIST, folder, 1);
        }
}
END_TEST

START_TEST(cifar_is_turned_to_channels_last)
{
    put_cifar10();
    check_samples(NL_CIFAR10, folder, 3);
    put_cifar100();
    check_samples(NL_CIFAR100, folder, 3);
}
END_TEST

START_TEST(cifar_in_the_folder_of_its_archive)
{
    char *root = folder, *below = nl_path_join(root, "cifar10/cifar-10-batches-bin");
    struct nl_error err = {{0}};
    ck_assert_int_eq(nl_make_folders(below, &err), NL_OK);
    folder = below;
    put_cifar10();
    folder = root;
    char *above = nl_path_join(root, "cifar10");
    check_samples(NL_CIFAR10, above, 3);
    setenv("NORMLAB_DATA", root, 1);
    check_samples(NL_CIFAR10, "", 3);
    free(above);
    free(below);
}
END_TEST

static void set_variable(const char *name, const char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

START_TEST(folder_is_not_known)
{
    static const char files[] =
        "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte; each plain "
        "or .gz";
    struct nl_error err = {{0}};
    static const struct {
        const char *root, *shared, *home, *folder;
        char *dir;
    } cases[] = {
        {"/no/data", "/no/share", "/no/home", "/no/data/mnist", ""},
        {NULL, "/no/share", "/no/home", "/no/share/normlab/mnist", ""},
        {"", "", "/no/home", "/no/home/.local/share/normlab/mnist", ""},
        {"/no/data", "/no/share", "/no/home", "/no/such", "/no/such"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set_variable("NORMLAB_DATA", cases[i].root);
        set_variable("XDG_DATA_HOME", cases[i].shared);
        set_variable("HOME", cases[i].home);
        ck_assert_ptr_null(open_in(NL_MNIST, cases[i].dir, &err));
        bool given = *cases[i].dir;
        char *expected = nl_format(
            "cannot find 'mnist': there is no folder '%s' (%s); 'normlab data fetch mnist%s%s' downloads it; files: %s",
            cases[i].folder, given ? "data.dir" : "data.dir or NORMLAB_DATA set another", given ? " --dir " : "",
            cases[i].dir, files);
        ck_assert_str_eq(err.text, expected);
        free(expected);
    }
    set_variable("NORMLAB_DATA", NULL);
    set_variable("XDG_DATA_HOME", NULL);
    set_variable("HOME", NULL);
    ck_assert_ptr_null(open_in(NL_MNIST, "", &err));
    ck_assert_str_eq(err.text, "cannot tell where 'mnist' is: set NORMLAB_DATA to the folder that holds 'mnist/'");
}
END_TEST

/* ---- one thing wrong ---- */

enum change { REMOVE, LENGTH /* cut, or filled with zeros */, BYTE, PACKED /* gzip, cut after so many bytes */ };

#define IMAGES "train-images-idx3-ubyte"
#define LABELS "train-labels-idx1-ubyte"
#define IN(file) "cannot read '%s/" file "': "

static const struct {
    int name;
    const char *file;
    enum change change;
    size_t at;           /* the new length, or the place of the byte */
    unsigned char value;
    const char *message; /* %s: the folder */
} broken[] = {
    {NL_MNIST, IMAGES, REMOVE, 0, 0, "cannot find 'train-images-idx3-ubyte' in '%s', neither plain nor as .gz"},
    {NL_MNIST, "t10k-labels-idx1-ubyte", REMOVE, 0, 0,
     "cannot find 't10k-labels-idx1-ubyte' in '%s', neither plain nor as .gz"},
    {NL_MNIST, IMAGES, LENGTH, 0, 0, IN(IMAGES) "0 bytes, expected a header of 16"},
    {NL_MNIST, IMAGES, LENGTH, 15, 0, IN(IMAGES) "15 bytes, expected a header of 16"},
    {NL_MNIST, IMAGES, LENGTH, 16, 0,
     IN(IMAGES) "0 bytes of data, expected 2352 for the 3 samples its header promises"},
    {NL_MNIST, IMAGES, LENGTH, 2367, 0,
     IN(IMAGES) "2351 bytes of data, expected 2352 for the 3 samples its header promises"},
    {NL_MNIST, IMAGES, LENGTH, 2369, 0,
     IN(IMAGES) "2353 bytes of data, expected 2352 for the 3 samples its header promises"},
    {NL_MNIST, IMAGES, LENGTH, 47040017, 0, "'%s/" IMAGES "' is too large: more than 47040016 bytes unpacked"},
    {NL_MNIST, IMAGES, BYTE, 3, 1, IN(IMAGES) "it starts with 0x00000801, expected 0x00000803 (images)"},
    {NL_MNIST, IMAGES, BYTE, 2, 13, IN(IMAGES) "it starts with 0x00000d03, expected 0x00000803 (images)"},
    {NL_MNIST, IMAGES, BYTE, 11, 29, IN(IMAGES) "images of 29x28, expected 28x28"},
    {NL_MNIST, IMAGES, BYTE, 12, 255, IN(IMAGES) "images of 28x4278190108, expected 28x28"},
    {NL_MNIST, IMAGES, BYTE, 7, 0, IN(IMAGES) "it holds no samples"},
    {NL_MNIST, IMAGES, BYTE, 4, 255,
     IN(IMAGES) "2352 bytes of data, expected 3354101025072 for the 4278190083 samples its header promises"},
    {NL_MNIST, LABELS, BYTE, 3, 3, IN(LABELS) "it starts with 0x00000803, expected 0x00000801 (labels)"},
    {NL_MNIST, LABELS, BYTE, 9, 10, IN(LABELS) "label 10 of sample 1, expected 0 to 9"},
    {NL_MNIST, LABELS, BYTE, 7, 2, IN(LABELS) "3 bytes of data, expected 2 for the 2 samples its header promises"},
    {NL_MNIST, LABELS, LENGTH, 7, 0, IN(LABELS) "7 bytes, expected a header of 8"},
    {NL_MNIST, IMAGES, PACKED, 30, 0, "cannot unpack '%s/" IMAGES ".gz': unexpected end of file"},
    {NL_CIFAR10, "data_batch_1.bin", REMOVE, 0, 0,
     "cannot find 'data_batch_1.bin' in '%s' (or its 'cifar-10-batches-bin')"},
    {NL_CIFAR10, "test_batch.bin", REMOVE, 0, 0,
     "cannot find 'test_batch.bin' in '%s' (or its 'cifar-10-batches-bin')"},
    {NL_CIFAR10, "data_batch_4.bin", LENGTH, 3073, 0,
     "cannot find 'data_batch_3.bin' in '%s', where 'data_batch_4.bin' is"},
    {NL_CIFAR10, "data_batch_1.bin", LENGTH, 0, 0, IN("data_batch_1.bin") "it holds no records"},
    {NL_CIFAR10, "data_batch_1.bin", LENGTH, 6145, 0,
     IN("data_batch_1.bin") "6145 bytes, which is not a whole number of records of 3073 bytes"},
    {NL_CIFAR10, "test_batch.bin", LENGTH, 3072, 0,
     IN("test_batch.bin") "3072 bytes, which is not a whole number of records of 3073 bytes"},
    {NL_CIFAR10, "data_batch_2.bin", LENGTH, 30733073, 0,
     IN("data_batch_2.bin") "10001 records, expected at most 10000"},
    {NL_CIFAR10, "data_batch_1.bin", BYTE, 3073, 10, IN("data_batch_1.bin") "label 10 of record 1, expected 0 to 9"},
    {NL_CIFAR10, "test_batch.bin", BYTE, 0, 255, IN("test_batch.bin") "label 255 of record 0, expected 0 to 9"},
    {NL_CIFAR100, "test.bin", REMOVE, 0, 0, "cannot find 'test.bin' in '%s' (or its 'cifar-100-binary')"},
    {NL_CIFAR100, "train.bin", LENGTH, 3073, 0,
     IN("train.bin") "3073 bytes, which is not a whole number of records of 3074 bytes"},
    {NL_CIFAR100, "train.bin", BYTE, 3075, 100, IN("train.bin") "label 100 of record 1, expected 0 to 99"},
    {NL_CIFAR100, "train.bin", BYTE, 3074, 20, IN("train.bin") "coarse label 20 of record 1, expected 0 to 19"},
};

static void pack(const char *path, size_t length)
{
    struct nl_error err = {{0}};
    size_t plain = 0, packed_length = 0;
    char *packed = nl_format("%s.gz", path), *bytes = nl_file_read(path, &plain, &err);
    gzFile file = gzopen(packed, "wb");
    ck_assert_int_eq(gzwrite(file, bytes, (unsigned)plain), (int)plain);
    ck_assert_int_eq(gzclose(file), Z_OK);
    free(bytes);
    bytes = nl_file_read(packed, &packed_length, &err);
    ck_assert_uint_gt(packed_length, length);
    free(bytes);
    ck_assert_int_eq(truncate(packed, (off_t)length), 0);
    ck_assert_int_eq(unlink(path), 0);
    free(packed);
}

static void spoil(const char *path, enum change change, size_t at, unsigned char value)
{
    if (change == REMOVE) {
        ck_assert_int_eq(unlink(path), 0);
    } else if (change == PACKED) {
        pack(path, at);
    } else {
        FILE *file = fopen(path, "ab");
        ck_assert_ptr_nonnull(file);
        fclose(file);
        if (change == LENGTH) {
            ck_assert_int_eq(truncate(path, (off_t)at), 0);
        } else {
            file = fopen(path, "r+b");
            ck_assert_int_eq(fseek(file, (long)at, SEEK_SET), 0);
            ck_assert_int_eq(fputc(value, file), value);
            ck_assert_int_eq(fclose(file), 0);
        }
    }
}

START_TEST(broken_files_are_named)
{
    struct nl_error err = {{0}};
    char *path = nl_path_join(folder, broken[_i].file);
    put_mnist();
    put_cifar10();
    put_cifar100();
    spoil(path, broken[_i].change, broken[_i].at, broken[_i].value);
    /* The message has exactly one %s. */
    const char *mark = strstr(broken[_i].message, "%s");
    char *expected = nl_format("%.*s%s%s", (int)(mark - broken[_i].message), broken[_i].message, folder, mark + 2);
    ck_assert_ptr_null(open_in(broken[_i].name, folder, &err));
    ck_assert_str_eq(err.text, expected);
    free(expected);
    free(path);
}
END_TEST

START_TEST(counts_must_agree)
{
    struct nl_error err = {{0}};
    put_mnist();
    put_idx("other", LABELS, 0, 2);
    char *expected = nl_format(
        "cannot read '%s/" LABELS "': 2 labels, expected 3, as many as '%s/" IMAGES "' has images", folder, folder);
    ck_assert_ptr_null(open_in(NL_MNIST, folder, &err));
    ck_assert_str_eq(err.text, expected);
    free(expected);
}
END_TEST

/* ---- the real ones ---- */

/* NULL, and a line that says so, where NORMLAB_DATA has no such set. */
static struct nl_dataset *open_real(int name, const char *first_file)
{
    const char *root = getenv("NORMLAB_DATA");
    char *path = root ? nl_format("%s/%s/%s", root, nl_data_names[name], first_file) : NULL;
    bool there = path && nl_file_exists(path);
    free(path);
    if (!there) {
        printf("skipped: NORMLAB_DATA has no %s\n", nl_data_names[name]);
        return NULL;
    }
    struct nl_error err = {{0}};
    struct nl_dataset *set = open_in(name, "", &err);
    ck_assert_msg(set != NULL, "%s", err.text);
    return set;
}

static void check_counts(const struct nl_dataset *set, int first, int count, const int expected[10])
{
    int found[10] = {0};
    for (int i = first; i < first + count; i++)
        found[set->labels[i]]++;
    ck_assert_mem_eq(found, expected, sizeof found);
}

/* Whatever is missing at its end. */
START_TEST(a_packed_file_that_is_cut_is_refused)
{
    char *path = nl_path_join(folder, "a.gz");
    struct nl_error err;
    size_t length, whole;
    gzFile file = gzopen(path, "wb");
    ck_assert_int_eq(gzwrite(file, "some bytes and some more", 24), 24);
    ck_assert_int_eq(gzclose(file), Z_OK);
    char *packed = nl_file_read(path, &whole, &err), *text = nl_file_read_gz(path, 0, &length, &err);
    ck_assert(text && length == 24 && memcmp(text, "some bytes and some more", 24) == 0);
    free(text);
    for (size_t cut = 3; cut < whole; cut++) { /* shorter ones are taken as they are */
        ck_assert_int_eq(nl_file_write(path, packed, cut, &err), NL_OK);
        ck_assert_msg(nl_file_read_gz(path, 0, &length, &err) == NULL, "%zu of %zu bytes", cut, whole);
    }
    free(packed);
    free(path);
}
END_TEST

START_TEST(real_mnist)
{
    struct nl_dataset *set = open_real(NL_MNIST, "train-images-idx3-ubyte.gz");
    if (!set)
        return;
    static const int train[10] = {5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949};
    static const int test[10] = {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009};
    ck_assert_int_eq(set->count, 70000);
    ck_assert_int_eq(set->train_count, 60000);
    check_counts(set, 0, 60000, train);
    check_counts(set, 60000, 10000, test);
    double sum = 0;
    for (int i = 0; i < 60000 * IDX_PIXELS; i++)
        sum += set->pixels[i];
    ck_assert(sum / (60000.0 * IDX_PIXELS * 255) > 0.13065 &&
              sum / (60000.0 * IDX_PIXELS * 255) < 0.13067); /* the well-known 0.1307 */
    nl_dataset_free(set);
}
END_TEST

START_TEST(real_cifar10)
{
    struct nl_dataset *set = open_real(NL_CIFAR10, "cifar-10-batches-bin/data_batch_1.bin");
    if (!set)
        return;
    ck_assert_int_ge(set->train_count, 10000);
    double sum[3] = {0};
    for (size_t i = 0; i < (size_t)set->train_count * CIFAR_PIXELS; i++)
        sum[i % 3] += set->pixels[i];
    /* The well-known means 0.4914, 0.4822, 0.4465: a subset or a copy lies near. */
    static const double means[3] = {0.4914, 0.4822, 0.4465};
    for (int c = 0; c < 3; c++) {
        double mean = sum[c] / (set->train_count * 1024.0 * 255);
        ck_assert(mean > means[c] - 0.01 && mean < means[c] + 0.01);
    }
    nl_dataset_free(set);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data files");
    TCase *tests = tcase_create("data files");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, idx_in_every_spelling);
    tcase_add_test(tests, cifar_is_turned_to_channels_last);
    tcase_add_test(tests, cifar_in_the_folder_of_its_archive);
    tcase_add_test(tests, folder_is_not_known);
    tcase_add_loop_test(tests, broken_files_are_named, 0, (int)(sizeof broken / sizeof broken[0]));
    tcase_add_test(tests, counts_must_agree);
    tcase_add_test(tests, a_packed_file_that_is_cut_is_refused);
    tcase_add_test(tests, real_mnist);
    tcase_add_test(tests, real_cifar10);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
