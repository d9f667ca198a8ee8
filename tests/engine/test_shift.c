/* data.shift: pixels are those of numpy, scipy and PyTorch (tests/golden/shift.py), and the parts have the samples that
 * data.shift_on and data.shift_from say. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/npy.h"
#include "base/safetensors.h"
#include "configured.h"
#include "datasets.h"
#include "scratch.h"
#include "suite.h"

#define GOLDEN NORMLAB_TESTS_DIR "/golden/"

static double number_at(const struct nl_dataset *set, size_t i)
{
    return set->pixels ? set->pixels[i] : (double)set->values[i];
}

/* Bytes are the nearest ones; what numpy rounds otherwise in its last digit may stand between two of them. */
START_TEST(shifts_are_those_of_other_programs)
{
    struct nl_tensor_file file;
    struct nl_error err = {{0}};
    ck_assert_msg(nl_safetensors_read(GOLDEN "shift.safetensors", &file, &err) == NL_OK, "%s", err.text);
    ck_assert_int_ge(file.count, 2 * 7);
    for (int c = 0; c < file.count; c++) {
        const struct nl_tensor_file_entry *entry = &file.entry[c];
        char folder[16], kind[16], dir[200], of[40], by[40];
        double amount;
        ck_assert_int_eq(sscanf(entry->name, "%15s %15s %lf", folder, kind, &amount), 3);
        bool grey = strcmp(folder, "grey") == 0;
        snprintf(dir, sizeof dir, "data.dir=" GOLDEN "arrays/%s", folder);
        snprintf(of, sizeof of, "data.shift=%s", kind);
        snprintf(by, sizeof by, "data.shift_amount=%g", amount);
        const char *const overrides[] = {"data.name=npy",
                                         dir,
                                         of,
                                         by,
                                         grey ? "data.train_images=faces.npy" : NULL,
                                         "data.train_labels=who.npy",
                                         "data.test_images=more_faces.npy",
                                         "data.test_labels=more_who.npy",
                                         NULL};
        struct nl_config config = configured(overrides, NULL);
        struct nl_dataset *set = open_set(&config);
        struct nl_split view = make_view(set, &config);
        size_t each = nl_sample_values(set);
        ck_assert_uint_eq(entry->shape[0], (size_t)view.test_count);
        ck_assert_uint_eq(entry->shape[1] * entry->shape[2] * entry->shape[3], each);
        bool seen[64] = {false};
        for (int i = 0; i < view.test_count; i++) {
            int sample = nl_original_of(set, view.test[i]) - set->train_count;
            ck_assert(sample >= 0 && sample < view.test_count && !seen[sample]);
            seen[sample] = true;
            for (size_t v = 0; v < each; v++) {
                double expected = ((const double *)entry->data)[(size_t)sample * each + v],
                       found = number_at(set, (size_t)view.test[i] * each + v),
                       bound = set->pixels ? 0.5 + 1e-9 : 1e-6 * fmax(1, fabs(expected));
                ck_assert_msg(fabs(found - expected) <= bound, "%s, sample %d, number %zu: %.9g, not %.9g", entry->name,
                              sample, v, found, expected);
            }
        }
        nl_split_release(&view);
        nl_dataset_free(set);
    }
    nl_safetensors_release(&file);
}
END_TEST

static int count_shifted(const struct nl_split *view, const int32_t *sample, int count)
{
    int shifted = 0;
    for (int i = 0; i < count; i++)
        shifted += sample[i] >= view->dataset->count;
    return shifted;
}

START_TEST(the_parts_that_are_shifted)
{
    static const struct {
        const char *name, *on, *from;
        bool train, val, test;
        int copies;
    } cases[] = {
        {"data.name=digits", "data.shift_on=test", NULL, false, false, true, 1797},
        {"data.name=digits", "data.shift_on=train", NULL, true, true, false, 1797},
        {"data.name=digits", "data.shift_on=both", NULL, true, true, true, 1797},
        {"data.name=digits", "data.shift_on=both", "data.shift_from=2", false, false, true, 1797},
        {"data.name=synth", "data.shift_on=test", NULL, false, false, true, 30},
        {"data.name=synth", "data.shift_on=train", NULL, true, true, false, 50},
        {"data.name=synth", "data.shift_on=both", NULL, true, true, true, 80},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const char *const overrides[] = {
            cases[c].name,  "data.shift=inversion", "data.shift_amount=1", "data.train=50", "data.val=10",
            "data.test=30", "data.split_seed=3",    cases[c].on,           cases[c].from,   NULL};
        struct nl_config config = configured(overrides, NULL), plain = config;
        plain.data.shift = NL_SHIFT_NONE;
        struct nl_dataset *set = open_set(&config), *without = open_set(&plain);
        struct nl_split view = make_view(set, &config), other = make_view(without, &plain);
        int counts[3] = {view.train_count, view.val_count, view.test_count};
        const int32_t *parts[3] = {view.train, view.val, view.test}, *others[3] = {other.train, other.val, other.test};
        bool shifted[3] = {cases[c].train, cases[c].val, cases[c].test};
        ck_assert_int_eq(set->copies, cases[c].copies);
        ck_assert_str_eq(set->checksum, without->checksum);
        size_t each = nl_sample_values(set);
        int high = strcmp(cases[c].name, "data.name=digits") == 0 ? 16 : 255;
        for (int p = 0; p < 3; p++) {
            ck_assert_int_eq(count_shifted(&view, parts[p], counts[p]), shifted[p] ? counts[p] : 0);
            for (int i = 0; i < counts[p]; i++) {
                int32_t sample = parts[p][i];
                ck_assert_int_eq(nl_original_of(set, sample), others[p][i]);
                ck_assert_int_eq(view.labels[sample], other.labels[others[p][i]]);
                for (size_t v = 0; v < each; v++) {
                    int was = without->pixels[(size_t)others[p][i] * each + v];
                    ck_assert_int_eq(set->pixels[(size_t)sample * each + v], shifted[p] ? high - was : was);
                }
            }
        }
        /* Standardized by the training part as it is trained on at first. */
        for (int k = 0; k < set->shape.channels; k++)
            ck_assert(fabs(view.mean[k] - (shifted[0] ? high - other.mean[k] : other.mean[k])) <= 1e-9 &&
                      fabs(view.deviation[k] - other.deviation[k]) <= 1e-9);
        int32_t order[3][50], plain_order[50];
        for (int epoch = 0; epoch < 3; epoch++) {
            nl_epoch_order(&view, 5, epoch, order[epoch]);
            nl_epoch_order(&other, 5, epoch, plain_order);
            ck_assert_int_eq(count_shifted(&view, order[epoch], view.train_count),
                             shifted[0] || (cases[c].from && epoch == 2) ? view.train_count : 0);
            ck_assert(nl_epoch_is_plain(&view, epoch) == !(cases[c].from && epoch == 2));
            for (int i = 0; i < view.train_count; i++)
                ck_assert_int_eq(nl_original_of(set, order[epoch][i]), plain_order[i]);
        }
        nl_split_release(&view);
        nl_split_release(&other);
        nl_dataset_free(set);
        nl_dataset_free(without);
    }
}
END_TEST

/* Noise of labels is one of the sample, whichever form of it is seen. */
START_TEST(copies_have_the_labels_that_are_trained_with)
{
    const char *const overrides[] = {"data.shift=noise",  "data.shift_amount=0.2", "data.shift_on=train",
                                     "data.shift_from=1", "train.label_noise=0.5", NULL};
    struct nl_config config = configured(overrides, NULL);
    struct nl_dataset *set = open_set(&config);
    struct nl_split view = make_view(set, &config);
    int changed = 0;
    for (int i = 0; i < view.train_count; i++) {
        int32_t sample = view.train[i];
        ck_assert_int_eq(view.labels[nl_copy_of(set, sample)], view.labels[sample]);
        changed += view.labels[sample] != set->labels[sample];
    }
    ck_assert_int_gt(changed, 500);
    nl_split_release(&view);
    nl_dataset_free(set);
}
END_TEST

/* Sequences are made of shifted images, not the other way round. */
START_TEST(images_are_shifted_before_they_become_sequences)
{
    const char
        *const image[] = {"data.name=synth",      "data.size=8", "data.train=8", "data.test=8", "data.shift=rotation",
                          "data.shift_amount=20", NULL},
               *const patches[] = {"data.name=synth",     "data.size=8",          "data.train=8",    "data.test=8",
                                   "data.shift=rotation", "data.shift_amount=20", "data.as=patches", NULL};
    struct nl_config of_image = configured(image, NULL), of_patches = configured(patches, NULL);
    struct nl_dataset *images = open_set(&of_image), *sequences = open_set(&of_patches);
    for (int i = 0; i < 24; i++)
        for (int row = 0; row < 8; row++)
            for (int column = 0; column < 8; column++)
                for (int c = 0; c < 3; c++) {
                    int place = row / 4 * 2 + column / 4, within = row % 4 * 4 + column % 4;
                    ck_assert_int_eq(images->pixels[((i * 8 + row) * 8 + column) * 3 + c],
                                     sequences->pixels[((i * 4 + place) * 16 + within) * 3 + c]);
                }
    nl_dataset_free(images);
    nl_dataset_free(sequences);
}
END_TEST

/* Real targets are copied with their samples. */
START_TEST(real_targets_stay)
{
    const char *const overrides[] = {"data.name=npy", "data.dir=" GOLDEN "arrays/targets", "data.shift=noise",
                                     "data.shift_amount=0.1", NULL};
    struct nl_config config = configured(overrides, NULL);
    struct nl_dataset *set = open_set(&config);
    struct nl_split view = make_view(set, &config);
    const float *target = nl_split_rows(&view, "targets").at;
    ck_assert_ptr_nonnull(target);
    ck_assert_int_eq(set->copies, 12);
    for (int i = 0; i < view.test_count; i++)
        ck_assert(target[view.test[i]] == target[nl_original_of(set, view.test[i])]);
    nl_split_release(&view);
    nl_dataset_free(set);
}
END_TEST

START_TEST(export_numbers_samples_as_in_the_whole_set)
{
    const char *const overrides[] = {"data.shift=blur", "data.shift_amount=1", NULL};
    struct nl_config config = configured(overrides, NULL);
    struct nl_dataset *set = open_set(&config);
    struct nl_split view = make_view(set, &config);
    struct nl_error err = {{0}};
    struct nl_npy index;
    char *out = scratch_make(), *path = nl_path_join(out, "test_index.npy");
    ck_assert_msg(nl_data_export(&view, out, &err) == NL_OK, "%s", err.text);
    ck_assert_msg(nl_npy_read(path, &index, &err) == NL_OK, "%s", err.text);
    for (int i = 0; i < view.test_count; i++)
        ck_assert(nl_npy_get(&index, (size_t)i) == view.test[i] - set->count);
    nl_npy_release(&index);
    free(path);
    scratch_remove(out);
    nl_split_release(&view);
    nl_dataset_free(set);
}
END_TEST

static const struct {
    const char *overrides[5]; /* ends with NULL */
    const char *message;      /* NULL: legal */
} check_cases[] = {
    {{"data.shift=inversion", "data.shift_amount=1"}, NULL},
    {{"data.shift=blur", "data.shift_amount=0"}, NULL},
    {{"data.shift=blur"}, "'data.shift' blur needs 'data.shift_amount': a standard deviation in pixels"},
    {{"data.shift=inversion", "data.shift_amount=1.5"},
     "'data.shift_amount' 1.5 is not between 0 and 1: of inversion it is the share of the negative image"},
    {{"data.shift=blur", "data.shift_amount=-1"},
     "'data.shift_amount' -1 is not between 0 and 100: of blur it is a standard deviation in pixels"},
    {{"data.name=copy", "data.shift=noise", "data.shift_amount=0.1"},
     "'data.shift' is for images, which 'copy' has not"},
    {{"data.name=npy", "data.dir=" GOLDEN "arrays/targets", "data.shift=rotation", "data.shift_amount=3"},
     "'data.shift' rotation moves pixels, and the samples of 'npy' have one"},
    {{"data.shift=rotation", "data.shift_amount=3", "data.as=patches", "data.patch=8"}, NULL},
};

START_TEST(check_complains)
{
    check_data_complaint(check_cases[_i].overrides, check_cases[_i].message);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shift");
    TCase *tests = tcase_create("shift");
    tcase_add_test(tests, shifts_are_those_of_other_programs);
    tcase_add_test(tests, the_parts_that_are_shifted);
    tcase_add_test(tests, copies_have_the_labels_that_are_trained_with);
    tcase_add_test(tests, images_are_shifted_before_they_become_sequences);
    tcase_add_test(tests, real_targets_stay);
    tcase_add_test(tests, export_numbers_samples_as_in_the_whole_set);
    tcase_add_loop_test(tests, check_complains, 0, (int)(sizeof check_cases / sizeof *check_cases));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
