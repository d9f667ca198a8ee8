/* data: generated tasks on sequences, images as sequences, and training with real targets. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/npy.h"
#include "data/tasks.h"
#include "datasets.h"
#include "scratch.h"
#include "stats/results.h"
#include "suite.h"
#include "sweep/store.h"
#include "train/train.h"

enum { MOST_WORDS = 12, LINES = 15 };

/* words: ended by NULL. */
static struct nl_experiment load(const char *const *words)
{
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    int count = 0;
    while (words[count])
        count++;
    ck_assert_msg(nl_experiment_load(NULL, words, count, &experiment, &diagnostics) == NL_OK, "%s",
                  nl_diagnostics_text(&diagnostics));
    return experiment;
}

static void expect_sum(const void *at, size_t bytes, const char *expected, const char *case_name, const char *what)
{
    char sum[65] = "-";
    if (at) {
        struct nl_hash *hash = nl_hash_start();
        nl_hash_add(hash, at, bytes);
        nl_hash_finish(hash, sum);
    }
    ck_assert_msg(strcmp(sum, expected) == 0, "%s: %s is another", case_name, what);
}

/* Number _i of the lines of tests/golden/tasks.txt. */
START_TEST(tasks_are_what_their_definitions_say)
{
    struct nl_error err;
    size_t length;
    char *text = nl_file_read(NORMLAB_TESTS_DIR "/golden/tasks.txt", &length, &err), *rest = text, *line = NULL;
    ck_assert_ptr_nonnull(text);
    for (int i = 0; i <= _i; i++)
        line = strsep(&rest, "\n");
    ck_assert(_i < LINES - 1 || !*rest); /* none is left out */
    char *name = nl_strdup(line), *field[MOST_WORDS] = {NULL};
    int fields = 0;
    while ((field[fields] = strsep(&line, " ")))
        fields++;
    const char *const x_sum = field[fields - 3], *const y_sum = field[fields - 2],
                      *const lengths_sum = field[fields - 1];
    field[fields - 3] = NULL;
    struct nl_experiment experiment = load((const char *const *)field);
    struct nl_dataset *set = open_set(&experiment.config);
    struct nl_split view = make_view(set, &experiment.config);
    bool real = set->shape.target == NL_TARGET_REAL;
    struct nl_sample_rows x = nl_split_rows(&view, "x"), y = nl_split_rows(&view, real ? "targets" : "labels"),
                          lengths = nl_split_rows(&view, "lengths");
    size_t values = (size_t)set->count * (size_t)set->shape.height * (size_t)set->shape.channels;
    expect_sum(real ? (const void *)set->values : x.at, real ? values * sizeof(float) : nl_rows_bytes(&x, set->count),
               x_sum, name, "x");
    expect_sum(y.at, nl_rows_bytes(&y, set->count), y_sum, name, "y");
    expect_sum(lengths.at, lengths.at ? nl_rows_bytes(&lengths, set->count) : 0, lengths_sum, name, "lengths");
    ck_assert_int_eq(set->shape.lengths, lengths.at != NULL);
    for (int i = 0; !real && i < set->count * x.width; i++)
        ck_assert(((int32_t *)x.at)[i] >= 0 && ((int32_t *)x.at)[i] < set->shape.vocabulary);
    for (int i = 0; !real && i < set->count * y.width; i++)
        ck_assert(((int32_t *)y.at)[i] >= 0 && ((int32_t *)y.at)[i] < set->shape.classes);
    nl_split_release(&view);
    nl_dataset_free(set);
    free(name);
    free(text);
}
END_TEST

START_TEST(a_larger_part_begins_with_a_smaller_one)
{
    struct nl_experiment small = load((const char *const[]){"data.name=sort", "data.train=20", "data.test=5", NULL}),
                         large = load((const char *const[]){"data.name=sort", "data.train=50", "data.test=5", NULL});
    struct nl_dataset *a = open_set(&small.config), *b = open_set(&large.config);
    size_t width = (size_t)a->row[0].width;
    ck_assert_mem_eq(a->row[0].at, b->row[0].at, 20 * width * sizeof(int32_t));
    ck_assert_mem_eq((int32_t *)a->row[0].at + 20 * width, (int32_t *)b->row[0].at + 50 * width,
                     5 * width * sizeof(int32_t));
    ck_assert_str_ne(a->checksum, b->checksum);
    nl_dataset_free(a);
    nl_dataset_free(b);
}
END_TEST

START_TEST(chance_is_what_guessing_gives)
{
    struct nl_experiment copying = load((const char *const[]){"data.name=copy", "data.length=30", NULL}),
                         adding = load((const char *const[]){"data.name=adding", NULL}),
                         recall =
                             load((const char *const[]){"data.name=recall", "data.length=4", "data.symbols=5", NULL});
    struct nl_dataset *set = open_set(&copying.config);
    struct nl_split view = make_view(set, &copying.config);
    ck_assert_double_eq_tol(view.chance.accuracy, 40.0 / 50, 1e-12); /* blanks */
    ck_assert(view.chance.loss == log(9));
    nl_split_release(&view);
    nl_dataset_free(set);
    set = open_set(&adding.config);
    view = make_view(set, &adding.config);
    ck_assert(isnan(view.chance.accuracy));
    ck_assert_double_eq_tol(view.chance.loss, 1.0 / 6, 0.005); /* the variance of the sum of two uniform numbers */
    nl_split_release(&view);
    nl_dataset_free(set);
    set = open_set(&recall.config);
    view = make_view(set, &recall.config);
    ck_assert(view.chance.accuracy == 0.2 && view.chance.loss == log(5));
    nl_split_release(&view);
    nl_dataset_free(set);
}
END_TEST

/* ---- images as sequences ---- */

/* Which pixel of an 8x8 image is at that position and channel. */
static int rows_of(int position, int channel)
{
    return position * 8 + channel;
}

static int pixels_of(int position, int channel)
{
    return position + channel;
}

static int patches_of(int position, int channel)
{
    return (position / 2 * 4 + channel / 4) * 8 + position % 2 * 4 + channel % 4;
}

START_TEST(images_are_cut_into_sequences)
{
    static const struct {
        const char *as;
        int positions, channels;
        int (*pixel)(int position, int channel);
    } cuts[] = {
        {"data.as=rows", 8, 8, rows_of}, {"data.as=pixels", 64, 1, pixels_of}, {"data.as=patches", 4, 16, patches_of}};
    struct nl_experiment plain = load((const char *const[]){"data.name=digits", NULL}),
                         cut = load((const char *const[]){"data.name=digits", cuts[_i].as, NULL});
    struct nl_dataset *images = open_set(&plain.config), *sequences = open_set(&cut.config);
    struct nl_split a = make_view(images, &plain.config), b = make_view(sequences, &cut.config);
    struct nl_shape shape = nl_data_facts(&cut.config).shape;
    float image[64], sequence[64];
    ck_assert(shape.height == cuts[_i].positions && shape.width == 1 && shape.channels == cuts[_i].channels);
    ck_assert(sequences->shape.height == shape.height && sequences->shape.channels == shape.channels);
    ck_assert_str_ne(images->checksum, sequences->checksum);
    for (int n = 0; n < 20; n++) {
        nl_split_sample(&a, n, image);
        nl_split_sample(&b, n, sequence);
        for (int i = 0; i < 64; i++)
            ck_assert(sequence[i] == image[cuts[_i].pixel(i / shape.channels, i % shape.channels)]);
    }
    nl_split_release(&a);
    nl_split_release(&b);
    nl_dataset_free(images);
    nl_dataset_free(sequences);
}
END_TEST

/* Colours stay together, with the statistics of their own. */
START_TEST(colours_keep_their_standardization)
{
    struct nl_experiment plain = load((const char *const[]){"data.name=synth", "data.train=20", "data.test=4",
                                                            "data.size=8", NULL}),
                         cut = load((const char *const[]){"data.name=synth", "data.train=20", "data.test=4",
                                                          "data.size=8", "data.as=patches", "data.patch=2", NULL});
    struct nl_dataset *images = open_set(&plain.config), *sequences = open_set(&cut.config);
    struct nl_split a = make_view(images, &plain.config), b = make_view(sequences, &cut.config);
    float image[192], sequence[192];
    ck_assert(sequences->shape.height == 16 && sequences->shape.channels == 12);
    nl_split_sample(&a, 3, image);
    nl_split_sample(&b, 3, sequence);
    for (int p = 0; p < 16; p++)
        for (int i = 0; i < 4; i++)
            for (int c = 0; c < 3; c++)
                ck_assert(sequence[p * 12 + i * 3 + c] == image[((p / 4 * 2 + i / 2) * 8 + p % 4 * 2 + i % 2) * 3 + c]);
    nl_split_release(&a);
    nl_split_release(&b);
    nl_dataset_free(images);
    nl_dataset_free(sequences);
}
END_TEST

START_TEST(the_permutation_of_pixels_is_one_for_all)
{
    struct nl_experiment plain = load((const char *const[]){"data.name=digits", "data.as=pixels", NULL}),
                         moved = load((const char *const[]){"data.name=digits", "data.as=pixels", "data.permute=true",
                                                            "data.split_seed=5", "train.seed=9", NULL});
    struct nl_dataset *a = open_set(&plain.config), *b = open_set(&moved.config);
    int32_t order[64];
    nl_stream_permutation(nl_stream(0, "permute"), 0, order, 64);
    for (int n = 0; n < a->count; n++)
        for (int p = 0; p < 64; p++)
            ck_assert_int_eq(b->pixels[n * 64 + p], a->pixels[n * 64 + order[p]]);
    nl_dataset_free(a);
    nl_dataset_free(b);
}
END_TEST

/* ---- real targets ---- */

START_TEST(real_targets_are_learned_by_their_squared_error)
{
    struct nl_experiment experiment = load((const char *const[]){
        "data.name=adding", "data.length=4", "data.train=512", "data.test=128", "model.depth=2", "norm.kind=none",
        "train.batch=32", "train.lr=0.05", "train.epochs=12", _i ? "device.kind=ref" : "device.kind=cpu", NULL});
    struct nl_dataset *set = open_set(&experiment.config);
    struct nl_trial_result result;
    struct nl_error err = {{0}};
    ck_assert_msg(nl_trial_run(&experiment.config, set, NULL, &result, &err) == NL_OK, "%s", err.text);
    struct nl_score test = result.score[NL_PART_TEST][NL_EVAL_RUNNING];
    ck_assert_int_eq(result.status, NL_DONE);
    ck_assert_msg(test.loss < 0.08, "%g", test.loss); /* half of what who says 1 gets */
    ck_assert(isnan(test.accuracy));
    for (int i = 0; i < result.rows; i++)
        ck_assert(isfinite(result.row[i].loss) && isnan(result.row[i].accuracy));
    nl_trial_result_release(&result);
    experiment.config.train.lr = 0; /* nothing is learned */
    ck_assert_msg(nl_trial_run(&experiment.config, set, NULL, &result, &err) == NL_OK, "%s", err.text);
    ck_assert_int_eq(result.status, NL_DEAD);
    nl_trial_result_release(&result);
    nl_dataset_free(set);
}
END_TEST

typedef void check_function(const struct nl_config *config, const struct nl_experiment *experiment,
                            struct nl_diagnostics *diagnostics);

static void check_says(check_function *check, const char *const *words, const char *why)
{
    struct nl_experiment experiment = load(words);
    struct nl_diagnostics diagnostics = {0};
    check(&experiment.config, &experiment, &diagnostics);
    const char *said = nl_diagnostics_text(&diagnostics);
    ck_assert_msg(said && strstr(said, why), "%s", said);
}

START_TEST(what_cannot_be_is_said)
{
    static const struct {
        const char *words[6];
        const char *why;
    } wrong[] = {
        {{"data.name=copy", "data.min_length=20"}, "'data.min_length' 20 is above 'data.length' 8"},
        {{"data.name=adding", "data.length=1"}, "adding needs two numbers at least"},
        {{"data.name=recall", "data.symbols=4"}, "8 pairs need as many keys, and 'data.symbols' is 4"},
        {{"data.name=digits", "data.as=patches", "data.patch=3"},
         "images of 8 x 8 cannot be cut into whole patches of 3 x 3"},
        {{"data.name=digits", "data.as=rows", "data.crop=1"},
         "'data.crop' is for images, and these data are sequences"},
        {{"data.name=copy", "train.label_noise=0.1"},
         "'train.label_noise' is for data with one label a sample, which 'copy' has not"},
        {{"data.name=adding", "train.label_smoothing=0.1"},
         "'train.label_smoothing' is for labels, and 'adding' has real targets"},
        {{"data.name=adding", "sweep.seeds=2"},
         "'plot.metric' test_error counts right answers, and 'adding' has real targets: test_loss is their mean "
         "squared error"},
        {{"data.name=parity", "plot.metric=test_perplexity"},
         "'plot.metric' test_perplexity is of data with a label at each position, which 'parity' has not"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        check_says(nl_data_check, wrong[i].words, wrong[i].why);
}
END_TEST

START_TEST(an_architecture_says_what_it_cannot_take)
{
    static const struct {
        const char *words[4];
        const char *why;
    } wrong[] = {
        {{"data.name=text"}, "'model.arch' mlp takes real numbers, and 'text' has token ids"},
        {{"data.name=parity", "model.arch=cnn"}, "'model.arch' cnn takes real numbers, and 'parity' has token ids"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        check_says(nl_trial_check, wrong[i].words, wrong[i].why);
}
END_TEST

START_TEST(sequences_are_exported_with_lengths_and_targets)
{
    char *folder = scratch_make();
    struct nl_experiment experiment = load((const char *const[]){
        "data.name=adding", "data.length=5", "data.min_length=3", "data.train=9", "data.test=2", NULL});
    struct nl_dataset *set = open_set(&experiment.config);
    struct nl_split view = make_view(set, &experiment.config);
    struct nl_error err = {{0}};
    static const char *const names[] = {"train_x.npy", "train_y.npy", "train_lengths.npy"};
    struct nl_npy array[3];
    ck_assert_msg(nl_data_export(&view, folder, &err) == NL_OK, "%s", err.text);
    for (int i = 0; i < 3; i++) {
        char *path = nl_path_join(folder, names[i]);
        ck_assert_msg(nl_npy_read(path, &array[i], &err) == NL_OK, "%s", err.text);
        free(path);
    }
    ck_assert(array[1].type == NL_F32 && array[1].dims == 1 && array[1].count == 9 && array[2].count == 9);
    for (size_t n = 0; n < 9; n++) {
        double sum = 0;
        size_t length = (size_t)nl_npy_get(&array[2], n);
        for (size_t s = 0; s < 5; s++) {
            double number = nl_npy_get(&array[0], (n * 5 + s) * 2), mark = nl_npy_get(&array[0], (n * 5 + s) * 2 + 1);
            sum += number * mark;
            ck_assert(s < length ? number > 0
                                 : number == 0 && mark == 0); /* as the task has them: nothing is standardized */
        }
        ck_assert_double_eq_tol(sum, nl_npy_get(&array[1], n), 1e-6);
    }
    for (int i = 0; i < 3; i++)
        nl_npy_release(&array[i]);
    nl_split_release(&view);
    nl_dataset_free(set);
    scratch_remove(folder);
}
END_TEST

/* ---- metrics of tokens ---- */

static double number_in(const struct nl_csv *csv, int row, const char *column)
{
    double value = 0;
    ck_assert_msg(nl_csv_column(csv, column) >= 0, "no column %s", column);
    ck_assert_int_eq(nl_csv_number(csv, row, nl_csv_column(csv, column), &value, NULL), NL_OK);
    return value;
}

/* Two trials on that data, which are said to have ended with these losses. */
static struct nl_csv trials_of(enum nl_data_name data, double loss)
{
    struct nl_experiment experiment = load((const char *const[]){"norm.kind=bn,none", NULL});
    struct nl_diagnostics diagnostics = {0};
    struct nl_grid grid;
    struct nl_csv csv;
    struct nl_error err = {{0}};
    ck_assert_int_eq(nl_grid_make(&experiment, &grid, &diagnostics), NL_OK);
    struct nl_record record[2] = {{.present = true, .curve = ""}, {.present = true, .curve = ""}};
    for (int i = 0; i < 2; i++) {
        grid.trial[i].config.data.name = (int)data;
        for (int part = 0; part < NL_PARTS; part++)
            for (int eval = 0; eval < NL_EVALS; eval++)
                record[i].score[part][eval] = (struct nl_score){part == NL_PART_TEST ? loss + i : 1, 0.5};
    }
    ck_assert_msg(nl_csv_parse("trials.csv", nl_trials_csv(&grid, record), &csv, &err) == NL_OK, "%s", err.text);
    nl_grid_release(&grid);
    return csv;
}

START_TEST(losses_of_tokens_are_also_perplexity_and_bits)
{
    struct nl_csv csv = trials_of(NL_SORTING, 2);
    for (int row = 0; row < 2; row++) {
        ck_assert(number_in(&csv, row, "test_perplexity") == exp(2.0 + row));
        ck_assert_double_eq_tol(number_in(&csv, row, "test_bits_per_char"), (2 + row) / log(2), 1e-12);
        ck_assert(number_in(&csv, row, "train_perplexity") == exp(1));
    }
    nl_csv_release(&csv);
    csv = trials_of(NL_DIGITS, 2);
    ck_assert_int_eq(nl_csv_column(&csv, "test_perplexity"), -1); /* tables of other data stay what they are */
    nl_csv_release(&csv);
    csv = trials_of(NL_ADDING, 2);
    ck_assert(isnan(number_in(&csv, 0, "classes")));
    nl_csv_release(&csv);
}
END_TEST

START_TEST(measures_read_curves)
{
    static const struct {
        const char *name, *column, *title, *step;
        double given, read;
    } measures[] = {{"test_perplexity", "loss", "test perplexity", "of perplexity", 0, 1},
                    {"val_bits_per_char", "loss", "validation bits per character", "bits", 0, 0},
                    {"train_error", "accuracy", "training error", "points", 0.75, 0.25},
                    {"test_loss_batch", "loss", "test loss", "nats", 3, 3}};
    for (size_t i = 0; i < sizeof measures / sizeof *measures; i++) {
        struct nl_measure measure;
        ck_assert(nl_measure(measures[i].name, &measure));
        ck_assert_str_eq(measure.name, measures[i].title);
        ck_assert_str_eq(measure.step, measures[i].step);
        ck_assert_str_eq(nl_measure_column(&measure), measures[i].column);
        ck_assert(nl_measure_read(&measure, measures[i].given) == measures[i].read);
    }
    struct nl_measure batch;
    ck_assert(nl_measure("test_loss_batch", &batch) && strcmp(batch.statistics, "batch") == 0);
    for (int eval = 0; eval < NL_EVALS; eval++) {
        char *column = nl_format("test_error_%s", nl_eval_names[eval]);
        ck_assert_msg(nl_measure(column, &batch) && strcmp(batch.statistics, nl_eval_names[eval]) == 0, "%s", column);
        free(column);
    }
    ck_assert(nl_measure("val_bits_per_char", &batch) && fabs(nl_measure_read(&batch, 1) - 1.4426950408889634) < 1e-15);
}
END_TEST

/* ---- token ids of the user ---- */

static void write_array(const char *folder, const char *name, enum nl_dtype type, int dims, const size_t *shape,
                        const void *data)
{
    struct nl_error err;
    char *path = nl_path_join(folder, name);
    ck_assert_int_eq(nl_npy_write(path, type, dims, shape, data, &err), NL_OK);
    free(path);
}

static struct nl_experiment of_folder(const char *folder, const char *more)
{
    char *dir = nl_format("data.dir=%s", folder);
    struct nl_experiment experiment = load((const char *const[]){"data.name=npy", dir, more, NULL});
    free(dir);
    return experiment;
}

START_TEST(a_long_array_is_cut_as_a_text_is)
{
    char *folder = scratch_make();
    uint16_t ids[50];
    for (int i = 0; i < 50; i++)
        ids[i] = (uint16_t)(i * i % 31);
    write_array(folder, "train_images.npy", NL_U16, 1, (size_t[]){50}, ids);
    struct nl_experiment experiment = of_folder(folder, "data.context=4");
    struct nl_data_facts facts = nl_data_facts(&experiment.config);
    ck_assert(facts.train == 11 && facts.test == 1 && facts.tokens == 50); /* 45 ids and 5 */
    ck_assert(facts.shape.vocabulary == 29 &&
              facts.shape.target == NL_TARGET_EACH); /* 28 is the largest that squares leave of 31 */
    struct nl_dataset *set = open_set(&experiment.config);
    struct nl_split view = make_view(set, &experiment.config);
    ck_assert(view.train_count == 11 && view.test[0] == 45 && set->window == 4 && view.draws == 0);
    for (int i = 0; i < 4; i++)
        ck_assert(((int32_t *)set->row[0].at)[view.test[0] + i] == ids[45 + i] &&
                  (i == 3 || ((int32_t *)set->row[1].at)[view.test[0] + i] == ids[46 + i]));
    nl_split_release(&view);
    nl_dataset_free(set);
    write_array(folder, "test_images.npy", NL_U16, 1, (size_t[]){20}, ids);
    experiment = of_folder(folder, "data.context=4");
    facts = nl_data_facts(&experiment.config);
    ck_assert(facts.train == 12 && facts.test == 4 && facts.tokens == 70);
    scratch_remove(folder);
}
END_TEST

START_TEST(rows_of_ids_have_a_label_each_or_one_a_position)
{
    char *folder = scratch_make();
    int32_t ids[10][3], each[10][3];
    int64_t labels[10];
    for (int n = 0; n < 10; n++) {
        labels[n] = n % 4;
        for (int s = 0; s < 3; s++) {
            ids[n][s] = 3 * n + s;
            each[n][s] = (n + s) % 5;
        }
    }
    write_array(folder, "train_images.npy", NL_I32, 2, (size_t[]){10, 3}, ids);
    write_array(folder, "train_labels.npy", NL_I64, 1, (size_t[]){10}, labels);
    struct nl_experiment experiment = of_folder(folder, NULL);
    struct nl_data_facts facts = nl_data_facts(&experiment.config);
    ck_assert(facts.pool && facts.train == 8 && facts.test == 2 && facts.shape.vocabulary == 30 &&
              facts.shape.classes == 4 && facts.shape.target == NL_TARGET_CLASS);
    struct nl_dataset *set = open_set(&experiment.config);
    struct nl_split view = make_view(set, &experiment.config);
    ck_assert_mem_eq(nl_split_rows(&view, "x").at, ids, sizeof ids);
    for (int n = 0; n < 10; n++)
        ck_assert_int_eq(((int32_t *)nl_split_rows(&view, "labels").at)[n], (int)labels[n]);
    nl_split_release(&view);
    nl_dataset_free(set);
    write_array(folder, "train_labels.npy", NL_I32, 2, (size_t[]){10, 3}, each);
    experiment = of_folder(folder, "data.classes=9");
    facts = nl_data_facts(&experiment.config);
    ck_assert(facts.shape.classes == 9 && facts.shape.target == NL_TARGET_EACH);
    set = open_set(&experiment.config);
    ck_assert_mem_eq(set->row[1].at, each, sizeof each);
    nl_dataset_free(set);
    experiment = of_folder(folder, "data.classes=4");
    struct nl_diagnostics diagnostics = {0};
    nl_data_check(&experiment.config, &experiment, &diagnostics);
    ck_assert_msg(strstr(nl_diagnostics_text(&diagnostics), "are none of 4 classes") != NULL, "%s",
                  nl_diagnostics_text(&diagnostics));
    ids[2][1] = -1;
    write_array(folder, "train_images.npy", NL_I32, 2, (size_t[]){10, 3}, ids);
    experiment = of_folder(folder, NULL);
    struct nl_diagnostics wrong = {0};
    nl_data_check(&experiment.config, &experiment, &wrong);
    ck_assert_msg(strstr(nl_diagnostics_text(&wrong), "number -1 at 7, expected 0 to ") != NULL, "%s",
                  nl_diagnostics_text(&wrong));
    scratch_remove(folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tasks");
    TCase *cases = tcase_create("tasks");
    tcase_add_loop_test(cases, tasks_are_what_their_definitions_say, 0, LINES);
    tcase_add_test(cases, a_larger_part_begins_with_a_smaller_one);
    tcase_add_test(cases, chance_is_what_guessing_gives);
    tcase_add_loop_test(cases, images_are_cut_into_sequences, 0, 3);
    tcase_add_test(cases, colours_keep_their_standardization);
    tcase_add_test(cases, the_permutation_of_pixels_is_one_for_all);
    tcase_add_loop_test(cases, real_targets_are_learned_by_their_squared_error, 0, 2);
    tcase_add_test(cases, what_cannot_be_is_said);
    tcase_add_test(cases, an_architecture_says_what_it_cannot_take);
    tcase_add_test(cases, losses_of_tokens_are_also_perplexity_and_bits);
    tcase_add_test(cases, measures_read_curves);
    tcase_add_test(cases, a_long_array_is_cut_as_a_text_is);
    tcase_add_test(cases, rows_of_ids_have_a_label_each_or_one_a_position);
    tcase_add_test(cases, sequences_are_exported_with_lengths_and_targets);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
