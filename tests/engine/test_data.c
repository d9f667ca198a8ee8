/* data: the sets that need no files, a trial's view of one, export, the check of the data section. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/npy.h"
#include "configured.h"
#include "data/sources.h"
#include "datasets.h"
#include "operation/gather.h"
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

static struct nl_config config_of(int name)
{
    struct nl_config config;
    nl_config_defaults(&config);
    config.data.name = name;
    return config;
}

static size_t image_bytes(const struct nl_dataset *set)
{
    return (size_t)set->shape.height * (size_t)set->shape.width * (size_t)set->shape.channels;
}

/* ---- digits ---- */

/* The checksum was computed from the original's CSV file by another program. */
START_TEST(digits_are_the_original)
{
    static const int per_class[10] = {178, 182, 177, 183, 181, 182, 181, 179, 174, 180};
    struct nl_config config = config_of(NL_DIGITS);
    struct nl_dataset *set = open_set(&config);
    int count[10] = {0}, most = 0;
    ck_assert_str_eq(set->checksum, "d829ac62bd494560130179d6094224fa632723603b30c53c642c1f6f947e6fab");
    ck_assert_int_eq(set->count, 1797);
    for (int i = 0; i < set->count; i++)
        count[set->labels[i]]++;
    for (int i = 0; i < 1797 * 64; i++)
        most = set->pixels[i] > most ? set->pixels[i] : most;
    ck_assert_mem_eq(count, per_class, sizeof count);
    ck_assert_int_eq(most, 16);
    nl_dataset_free(set);
}
END_TEST

/* ---- synth ---- */

static struct nl_dataset *open_synth(int train, int test, int size, int channels, double difficulty)
{
    struct nl_config config = config_of(NL_SYNTH);
    config.data.train = train;
    config.data.test = test;
    config.data.size = size;
    config.data.channels = channels;
    config.data.difficulty = difficulty;
    return open_set(&config);
}

START_TEST(synth_begins_with_the_smaller_set)
{
    struct nl_dataset *small = open_synth(40, 20, 12, 3, 0.5), *large = open_synth(60, 30, 12, 3, 0.5);
    size_t bytes = image_bytes(small);
    ck_assert_mem_eq(small->pixels, large->pixels, 40 * bytes);
    ck_assert_mem_eq(small->pixels + 40 * bytes, large->pixels + 60 * bytes, 20 * bytes);
    ck_assert_mem_eq(small->labels, large->labels, 40 * sizeof *small->labels);
    ck_assert_mem_ne(small->pixels, small->pixels + 40 * bytes, 20 * bytes); /* the test part has its own samples */
    ck_assert_str_ne(small->checksum, large->checksum);
    struct nl_dataset *again = open_synth(40, 20, 12, 3, 0.5), *harder = open_synth(40, 20, 12, 3, 0.6);
    ck_assert_str_eq(small->checksum, again->checksum);
    ck_assert_str_ne(small->checksum, harder->checksum);
    nl_dataset_free(small);
    nl_dataset_free(large);
    nl_dataset_free(again);
    nl_dataset_free(harder);
}
END_TEST

/* No class stands out by its mean colour or contrast, so a net must look at the texture. */
START_TEST(synth_classes_differ_by_texture_only)
{
    enum { TRAIN = 1000 };
    struct nl_dataset *set = open_synth(TRAIN, 10, 16, 3, 0);
    double mean[10][3] = {{0}}, deviation[10] = {0};
    for (int i = 0; i < TRAIN; i++)
        for (int c = 0; c < 3; c++) {
            double sum = 0, squares = 0;
            for (int p = 0; p < 256; p++) {
                double u = set->pixels[(i * 256 + p) * 3 + c];
                sum += u;
                squares += u * u;
            }
            mean[set->labels[i]][c] += sum / 256 / (TRAIN / 10.0);
            deviation[set->labels[i]] += sqrt(squares / 256 - sum / 256 * sum / 256) / (TRAIN / 10.0) / 3;
        }
    for (int k = 0; k < 10; k++) {
        for (int c = 0; c < 3; c++)
            ck_assert(fabs(mean[k][c] - 127.5) <= 8); /* five deviations of a mean over 100 bases of 100 to 155 */
        ck_assert(fabs(deviation[k] - deviation[0]) <= 5);
        ck_assert(deviation[k] >= 20);
    }
    nl_dataset_free(set);
}
END_TEST

START_TEST(synth_at_the_ends_of_its_settings)
{
    static const struct {
        int size, channels;
        double difficulty;
    } settings[] = {{4, 1, 0}, {5, 16, 1}, {64, 2, 0.5}};
    for (int i = 0; i < 3; i++) {
        struct nl_dataset *set = open_synth(10, 1, settings[i].size, settings[i].channels, settings[i].difficulty);
        size_t bytes = image_bytes(set);
        ck_assert_int_eq(set->count, 11);
        for (int s = 0; s < set->count; s++) {
            const uint8_t *pixels = set->pixels + (size_t)s * bytes;
            ck_assert_int_eq(set->labels[s], s % 10);
            int low = 255, high = 0;
            for (size_t p = 0; p < bytes; p++) {
                low = pixels[p] < low ? pixels[p] : low;
                high = pixels[p] > high ? pixels[p] : high;
            }
            ck_assert_int_ge(high - low, 20);
        }
        nl_dataset_free(set);
    }
}
END_TEST

START_TEST(synth_too_large_for_any_machine)
{
    struct nl_config config = config_of(NL_SYNTH);
    struct nl_error err = {{0}};
    config.data.train = 100000000;
    config.data.size = 512;
    ck_assert_ptr_null(nl_dataset_open(&config, &err));
    ck_assert_ptr_nonnull(
        strstr(err.text, "cannot hold 'synth': 100001024 samples are 73242.9 GiB of pixels, and there are"));
}
END_TEST

/* What is generated stays what it was, bit by bit: results are compared over versions by it. A change of these
 * checksums is a change of the data. */
START_TEST(generated_sets_are_as_ever)
{
    static const struct {
        const char *settings, *checksum;
    } sets[] = {
        {"data.name=synth",
         "5fd4bf33884ab424cceed959473472c4c62a0f703ca7eb578e30b128385822dd"},
        {"data.name=synth data.difficulty=0.9 data.size=7 data.channels=1 data.train=100 data.test=20",
         "c93b1d5825d177a4ba6c02cb7f64a329a3a11680a54b26b724b25f415d8340b1"},
        {"data.name=copy",
         "91975c0c018d79796035c5b27229309a3d0839d055d063aa87c92dd212c682f4"},
        {"data.name=copy data.length=5 data.min_length=2 data.symbols=3 data.train=50",
         "5d3c8c7a766099c78844fc886f84005f7ac1eb24aec7c220ebe252946c4a33b3"},
        {"data.name=adding",
         "062827de0de2d1c669299c518acd8cb8f5f23cca290e93d6666ef95178f8be23"},
        {"data.name=adding data.length=20 data.min_length=3",
         "484b1f2038af0cde9abc7bd217d5ea5f3b0f9460aaa4a5bb131bbf7583b73424"},
        {"data.name=sort data.symbols=30",
         "9fc44c5e30d5d1f9ec76459b0f20e5f84868bfe9223d2fa03ccfea935125b8e2"},
        {"data.name=recall data.length=4",
         "d90d7db8ad204a362e834989f12af532a2d77079a4666a592fde12b00e8f5139"},
        {"data.name=parity data.length=11 data.min_length=1",
         "66beaa1132294f49e52b4a2ded81c03a3433a79034a1e61730bcefaca4d7f192"},
    };
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        struct nl_experiment experiment;
        struct nl_diagnostics diagnostics = {0};
        const char *words[8];
        int count = 0;
        char *copy = nl_strdup(sets[i].settings);
        for (char *rest = copy, *word; (word = strsep(&rest, " "));)
            words[count++] = word;
        ck_assert_msg(nl_experiment_load(NULL, words, count, &experiment, &diagnostics) == NL_OK, "%s",
                      nl_diagnostics_text(&diagnostics));
        struct nl_dataset *set = open_set(&experiment.config);
        ck_assert_msg(strcmp(set->checksum, sets[i].checksum) == 0, "%s: %s", sets[i].settings, set->checksum);
        nl_dataset_free(set);
        free(copy);
    }
}
END_TEST

/* Numbers that there is room for in the machine, and not in the process. (AddressSanitizer takes more address space
 * than that for itself.) */
#ifndef __SANITIZE_ADDRESS__
START_TEST(a_set_that_gets_no_memory_is_refused)
{
    pid_t child = fork();
    if (child == 0) {
        struct nl_error err = {{0}};
        const struct rlimit most = {1 << 30, 1 << 30};
        const struct nl_shape shape = {.height = 1000, .width = 1, .channels = 1, .classes = 2};
        _exit(setrlimit(RLIMIT_AS, &most) == 0 && !nl_dataset_new_rows("adding", shape, 1000000, 10, true, &err) &&
                      strstr(err.text, "cannot hold 'adding'")
                  ? 0
                  : 1);
    }
    int status;
    ck_assert(child > 0 && waitpid(child, &status, 0) == child);
    ck_assert_int_eq(status, 0);
}
END_TEST
#endif

/* ---- views ---- */

/* Every sample of `index` is new to seen. */
static void see(const int32_t *index, int count, bool *seen)
{
    for (int i = 0; i < count; i++) {
        ck_assert(!seen[index[i]]);
        seen[index[i]] = true;
    }
}

START_TEST(split_is_disjoint_and_seeded)
{
    struct nl_config config = config_of(NL_DIGITS);
    struct nl_dataset *set = open_set(&config);
    struct nl_split whole = make_view(set, &config);
    bool seen[1797] = {false};
    ck_assert_int_eq(whole.train_count, 1408);
    ck_assert_int_eq(whole.test_count, 389);
    ck_assert_int_eq(whole.val_count, 0);
    see(whole.train, whole.train_count, seen);
    see(whole.test, whole.test_count, seen);

    config.data.train = 1000;
    config.data.val = 200;
    config.data.test = 100;
    struct nl_split part = make_view(set, &config);
    ck_assert_int_eq(part.train_count, 800);
    ck_assert_int_eq(part.val_count, 200);
    ck_assert_int_eq(part.test_count, 100);
    ck_assert_mem_eq(part.train, whole.train, 800 * sizeof *whole.train);
    ck_assert_mem_eq(part.val, whole.train + 800, 200 * sizeof *whole.train);
    ck_assert_mem_eq(part.test, whole.test, 100 * sizeof *whole.test);

    config.train.seed = 2;
    struct nl_split other = make_view(set, &config);
    ck_assert_mem_ne(other.train, part.train, 800 * sizeof *part.train);
    config.data.split_seed = 1;
    struct nl_split same = make_view(set, &config);
    ck_assert_mem_eq(same.train, part.train, 800 * sizeof *part.train);
    nl_split_release(&whole);
    nl_split_release(&part);
    nl_split_release(&other);
    nl_split_release(&same);
    nl_dataset_free(set);
}
END_TEST

START_TEST(given_test_part_stays_test)
{
    struct nl_config config = config_of(NL_SYNTH);
    config.data.train = 70;
    config.data.test = 30;
    config.data.size = 4;
    config.data.val = 20;
    struct nl_dataset *set = open_set(&config);
    struct nl_split view = make_view(set, &config);
    bool seen[100] = {false};
    see(view.train, 50, seen);
    see(view.val, 20, seen);
    for (int i = 0; i < 100; i++)
        ck_assert(seen[i] == (i < 70));
    see(view.test, 30, seen);
    nl_split_release(&view);
    nl_dataset_free(set);
}
END_TEST

START_TEST(view_refuses_what_is_not_there)
{
    struct nl_config config = config_of(NL_DIGITS);
    struct nl_dataset *set = open_set(&config);
    struct nl_split view;
    struct nl_error err = {{0}};
    config.data.train = 1409;
    ck_assert_int_eq(nl_split_make(set, &config, &view, &err), NL_FAIL);
    ck_assert_str_eq(err.text, "cannot split 'digits': data.train is 1409, but it has 1408 training samples here");
    config.data.train = NL_AUTO;
    config.data.test = 390;
    ck_assert_int_eq(nl_split_make(set, &config, &view, &err), NL_FAIL);
    ck_assert_str_eq(err.text, "cannot split 'digits': data.test is 390, but it has 389 test samples here");
    config.data.test = NL_AUTO;
    config.data.val = 1408;
    ck_assert_int_eq(nl_split_make(set, &config, &view, &err), NL_FAIL);
    ck_assert_str_eq(err.text,
                     "cannot split 'digits': data.val is 1408 of 1408 training samples and leaves none to train on");
    nl_dataset_free(set);
}
END_TEST

/* Two channels: one constant, one whose values are known; the validation and test parts lie far off and must not
 * count. */
START_TEST(standardization_is_of_the_training_part)
{
    enum { TRAIN = 8, VAL = 2, TEST = 2, COUNT = TRAIN + VAL + TEST };
    uint8_t pixels[COUNT * 2];
    int32_t labels[COUNT] = {0};
    struct nl_dataset set = {.name = "made", .shape = {.height = 1, .width = 1, .channels = 2, .classes = 2},
                             .count = COUNT, .pixels = pixels, .labels = labels, .train_count = TRAIN + VAL};
    struct nl_config config = config_of(NL_DIGITS);
    config.data.val = VAL;
    memset(pixels, 255, sizeof pixels);
    struct nl_split view = make_view(&set, &config);
    for (int i = 0; i < TRAIN; i++) {
        pixels[2 * view.train[i]] = 77;
        pixels[2 * view.train[i] + 1] = i % 2 ? 13 : 7; /* mean 10, deviation 3 */
    }
    nl_split_release(&view);
    view = make_view(&set, &config);
    ck_assert_double_eq(view.mean[0], 77);
    ck_assert_double_eq(view.deviation[0], 1);
    ck_assert_double_eq(view.mean[1], 10);
    ck_assert_double_eq(view.deviation[1], 3);
    ck_assert(view.table[77] == 0);
    ck_assert(view.table[256 + 13] == 1 && view.table[256 + 7] == -1 && view.table[256 + 11] == 1.0f / 3);
    nl_split_release(&view);
    config.data.standardize = false;
    view = make_view(&set, &config);
    ck_assert_double_eq(view.mean[1], 0);
    ck_assert_double_eq(view.deviation[1], 1);
    ck_assert(view.table[256 + 13] == 13);
    nl_split_release(&view);
}
END_TEST

START_TEST(label_noise_is_on_training_labels_only)
{
    struct nl_config config = config_of(NL_DIGITS);
    config.data.val = 408;
    config.train.label_noise = 1;
    struct nl_dataset *set = open_set(&config);
    struct nl_split all = make_view(set, &config);
    config.train.label_noise = 0.25;
    struct nl_split some = make_view(set, &config);
    int kept = 0, changed = 0;
    for (int i = 0; i < 1000; i++) {
        int32_t sample = all.train[i];
        ck_assert_int_ge(all.labels[sample], 0);
        ck_assert_int_lt(all.labels[sample], 10);
        kept += all.labels[sample] == set->labels[sample];
        changed += some.labels[sample] != set->labels[sample];
    }
    ck_assert(abs(kept - 100) <= 48); /* five deviations */
    ck_assert(abs(changed - 225) <= 24); /* of 250 drawn, nine tenths differ */
    for (int i = 0; i < 408; i++)
        ck_assert_int_eq(all.labels[all.val[i]], set->labels[all.val[i]]);
    for (int i = 0; i < 389; i++)
        ck_assert_int_eq(all.labels[all.test[i]], set->labels[all.test[i]]);
    nl_split_release(&all);
    nl_split_release(&some);
    nl_dataset_free(set);
}
END_TEST

START_TEST(epochs_are_orders_of_the_training_part)
{
    struct nl_config config = config_of(NL_DIGITS);
    struct nl_dataset *set = open_set(&config);
    struct nl_split view = make_view(set, &config);
    int32_t order[2][1408];
    bool trains[1797] = {false}, seen[1797] = {false};
    see(view.train, view.train_count, trains);
    nl_epoch_order(&view, 1, 0, order[0]);
    nl_epoch_order(&view, 1, 1, order[1]);
    see(order[0], 1408, seen);
    ck_assert_mem_eq(seen, trains, sizeof seen);
    ck_assert_mem_ne(order[0], order[1], sizeof order[0]);
    ck_assert_mem_ne(order[0], view.train, sizeof order[0]);
    nl_epoch_order(&view, 1, 0, order[1]);
    ck_assert_mem_eq(order[0], order[1], sizeof order[0]);
    nl_split_release(&view);
    nl_dataset_free(set);
}
END_TEST

START_TEST(augmentation_reaches_every_place)
{
    enum { COUNT = 5000 };
    int places[5][5][2] = {{{0}}};
    for (int32_t i = 0; i < COUNT; i++) {
        struct nl_augmentation it = nl_augment(3, 1, i, 2, true);
        ck_assert(abs(it.dy) <= 2 && abs(it.dx) <= 2 && (it.flip == 0 || it.flip == 1));
        places[it.dy + 2][it.dx + 2][it.flip]++;
        struct nl_augmentation none = nl_augment(3, 1, i, 0, false);
        ck_assert(none.dy == 0 && none.dx == 0 && none.flip == 0);
    }
    for (int i = 0; i < 50; i++)
        ck_assert(abs((&places[0][0][0])[i] - COUNT / 50) <= 50); /* five deviations */
    int same = 0;
    for (int32_t i = 0; i < 100; i++) {
        struct nl_augmentation a = nl_augment(3, 1, i, 64, true), b = nl_augment(3, 2, i, 64, true);
        same += a.dy == b.dy && a.dx == b.dx;
    }
    ck_assert_int_lt(same, 10);
}
END_TEST

START_TEST(export_is_what_the_trainer_sees)
{
    struct nl_config config = config_of(NL_SYNTH);
    config.data.train = 30;
    config.data.test = 10;
    config.data.size = 4;
    config.data.val = 5;
    config.train.label_noise = 0.5;
    struct nl_dataset *set = open_set(&config);
    struct nl_split view = make_view(set, &config);
    struct nl_error err = {{0}};
    char *out = nl_path_join(folder, "new/export");
    ck_assert_msg(nl_data_export(&view, out, &err) == NL_OK, "%s", err.text);
    const struct {
        const char *name;
        const int32_t *index;
        int count;
    } parts[] = {{"train", view.train, 25}, {"val", view.val, 5}, {"test", view.test, 10}};
    for (int p = 0; p < 3; p++) {
        struct nl_npy array[3];
        static const char *const kinds[] = {"x", "y", "index"};
        for (int k = 0; k < 3; k++) {
            char *path = nl_format("%s/%s_%s.npy", out, parts[p].name, kinds[k]);
            ck_assert_msg(nl_npy_read(path, &array[k], &err) == NL_OK, "%s", err.text);
            free(path);
            ck_assert_uint_eq(array[k].shape[0], (size_t)parts[p].count);
        }
        ck_assert_int_eq(array[0].type, NL_F32);
        ck_assert_int_eq(array[0].dims, 4);
        ck_assert_uint_eq(array[0].count, (size_t)parts[p].count * 48);
        for (int i = 0; i < parts[p].count; i++) {
            int32_t sample = parts[p].index[i];
            ck_assert(nl_npy_get(&array[2], (size_t)i) == sample);
            ck_assert(nl_npy_get(&array[1], (size_t)i) == view.labels[sample]);
            for (int v = 0; v < 48; v++) {
                double expected = (set->pixels[sample * 48 + v] - view.mean[v % 3]) / view.deviation[v % 3];
                ck_assert(nl_npy_get(&array[0], (size_t)(i * 48 + v)) == (double)(float)expected);
            }
        }
        for (int k = 0; k < 3; k++)
            nl_npy_release(&array[k]);
    }
    free(out);
    nl_split_release(&view);
    nl_dataset_free(set);
}
END_TEST

/* ---- the data section's own check ---- */

static const struct {
    const char *overrides[5]; /* ends with NULL */
    const char *message; /* NULL: legal */
} check_cases[] = {
    {{"data.train=1408", "data.val=1407", "data.crop=7"}, NULL},
    {{"data.train=1409"}, "'data.train' is 1409, but 'digits' has 1408 training samples"},
    {{"data.test=390"}, "'data.test' is 390, but 'digits' has 389 test samples"},
    {{"data.train=100", "data.val=100"},
     "'data.val' takes 100 of the 100 training samples and leaves none to train on"},
    {{"data.crop=8"}, "'data.crop' is 8 and can move a 8x8 image out of sight; at most 7 fits"},
    {{"data.flip=true"}, "'data.flip' does not fit 'digits': a mirrored digit is not a digit"},
    {{"data.name=synth", "data.train=5000", "data.size=64", "data.crop=63"}, NULL},
    {{"data.name=cifar10", "data.flip=true", "data.crop=4", "data.val=5000"}, NULL},
    {{"data.name=cifar100", "data.train=50001"}, "'data.train' is 50001, but 'cifar100' has 50000 training samples"},
};

START_TEST(check_complains)
{
    check_data_complaint(check_cases[_i].overrides, check_cases[_i].message);
}
END_TEST

#define CASES(table) (int)(sizeof table / sizeof table[0])

int main(void)
{
    Suite *suite = suite_create("data");
    TCase *tests = tcase_create("data");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, digits_are_the_original);
    tcase_add_test(tests, synth_begins_with_the_smaller_set);
    tcase_add_test(tests, synth_classes_differ_by_texture_only);
    tcase_add_test(tests, synth_at_the_ends_of_its_settings);
    tcase_add_test(tests, synth_too_large_for_any_machine);
    tcase_add_test(tests, generated_sets_are_as_ever);
#ifndef __SANITIZE_ADDRESS__
    tcase_add_test(tests, a_set_that_gets_no_memory_is_refused);
#endif
    tcase_add_test(tests, split_is_disjoint_and_seeded);
    tcase_add_test(tests, given_test_part_stays_test);
    tcase_add_test(tests, view_refuses_what_is_not_there);
    tcase_add_test(tests, standardization_is_of_the_training_part);
    tcase_add_test(tests, label_noise_is_on_training_labels_only);
    tcase_add_test(tests, epochs_are_orders_of_the_training_part);
    tcase_add_test(tests, augmentation_reaches_every_place);
    tcase_add_test(tests, export_is_what_the_trainer_sees);
    tcase_add_loop_test(tests, check_complains, 0, CASES(check_cases));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
