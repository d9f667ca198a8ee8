/* Files of each kind that the program reads, changed at random (the same each time): cut, bytes turned, bytes put in,
 * numbers made huge. A reader says what is wrong or takes what is good; it does not crash or hang, and no file is lost.
 * What has a checksum is never taken for good. NORMLAB_ALL: 10,000. */
#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/files.h"
#include "base/npy.h"
#include "base/safetensors.h"
#include "data/data.h"
#include "scratch.h"
#include "stats/results.h"
#include "suite.h"
#include "sweep/store.h"
#include "sweep/verify.h"

static char *folder;
static uint64_t state = 1;

static size_t draw(size_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state % below);
}

static char *in_folder(const char *name)
{
    return nl_path_join(folder, name);
}

static int read_yaml(const char *path, struct nl_error *err)
{
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    int status = nl_experiment_load(path, NULL, 0, &experiment, &diagnostics);
    char *said = nl_diagnostics_text(&diagnostics);
    if (status)
        nl_fail(err, "%s", said);
    free(said);
    nl_diagnostics_release(&diagnostics);
    return status;
}

static int read_npy(const char *path, struct nl_error *err)
{
    struct nl_npy array;
    int status = nl_npy_read(path, &array, err);
    if (status == NL_OK)
        nl_npy_release(&array);
    return status;
}

static int read_safetensors(const char *path, struct nl_error *err)
{
    struct nl_tensor_file file;
    int status = nl_safetensors_read(path, &file, err);
    if (status == NL_OK && !file.sealed)
        status = nl_fail(err, "it has no checksum");
    if (status == NL_OK || file.sealed)
        nl_safetensors_release(&file);
    return status;
}

static int read_idx(const char *path, struct nl_error *err)
{
    struct nl_config config;
    nl_config_defaults(&config);
    config.data.name = NL_MNIST;
    config.data.dir = nl_path_folder(path);
    struct nl_dataset *set = nl_dataset_open(&config, err);
    nl_dataset_free(set);
    free(config.data.dir);
    return set ? NL_OK : NL_FAIL;
}

/* The results folder as the commands read it: its experiment, tables and checksums. */
static int read_results(const char *path, struct nl_error *err)
{
    struct nl_experiment experiment;
    struct nl_provenance made;
    struct nl_results results;
    struct nl_verified found;
    (void)path;
    char *at = in_folder("r");
    int status = nl_store_read(at, &experiment, &made, err);
    if (status == NL_OK && (status = nl_results_load(at, &experiment, NULL, &results, err)) == NL_OK)
        nl_results_release(&results);
    nl_store_verify(at, &found);
    if (status == NL_OK && found.bad)
        status = nl_fail(err, "%s", found.problems.at);
    nl_verified_release(&found);
    free(at);
    return status;
}

static const struct kind {
    const char *file;
    int (*read)(const char *path, struct nl_error *err);
    bool sealed; /* every change is noticed */
} kinds[] = {
    {"a.yaml", read_yaml, false},
    {"train_x.npy", read_npy, false},
    {"train-images-idx3-ubyte", read_idx, false},
    {"train-labels-idx1-ubyte", read_idx, false},
    {"w.safetensors", read_safetensors, true},
    {"r/trials/one.trial", read_results, true},
    {"r/trials.csv", read_results, true},
    {"r/curves.csv", read_results, true},
    {"r/experiment.yaml", read_results, false},
    {"r/SHA256SUMS", read_results, false},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void put(const char *name, const void *bytes, size_t length)
{
    char *path = in_folder(name);
    ck_assert_int_eq(nl_file_put(path, bytes, length, NULL), NL_OK);
    free(path);
}

static void make_files(void)
{
    static const char text[] = "data: {train: 64, test: 32}\nmodel: {depth: 1, width: 4}\ntrain: {steps: 4, lr: "
                               "0.05}\nsweep: {grid: {norm.kind: [bn, none]}}\n"
                               "plot: {title: \"a \\u00e9\", kind: [curves]}\n";
    unsigned char images[16 + 2 * 784] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28},
                                  labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 3, 9};
    folder = scratch_make();
    put("a.yaml", text, strlen(text));
    put("train-images-idx3-ubyte", images, sizeof images);
    put("t10k-images-idx3-ubyte", images, sizeof images);
    put("train-labels-idx1-ubyte", labels, sizeof labels);
    put("t10k-labels-idx1-ubyte", labels, sizeof labels);
    char *command = nl_format("cd %s && { %s sweep a.yaml --no-plot -q --out r && %s run a.yaml norm.kind=bn -q --out "
                              "o --save-final w.safetensors && "
                              "%s data export digits data.train=64 --out .; } >log 2>&1",
                              folder, NORMLAB_PROGRAM, NORMLAB_PROGRAM, NORMLAB_PROGRAM);
    ck_assert_int_eq(system(command), 0);
    free(command);
}

/* The record of a trial bears the trial's id: one of those that there are. New string. */
static char *path_of(const struct kind *kind)
{
    if (!strstr(kind->file, "one.trial"))
        return in_folder(kind->file);
    char line[512] = "", *command = nl_format("ls %s/r/trials/*.trial", folder);
    FILE *names = popen(command, "r");
    ck_assert(names && fgets(line, sizeof line, names));
    pclose(names);
    free(command);
    line[strcspn(line, "\n")] = '\0';
    return nl_strdup(line);
}

static void insert(struct nl_text *out, const char *bytes, size_t length, size_t at, const char *more, size_t count,
                   size_t skipped)
{
    nl_text_add_bytes(out, bytes, at);
    nl_text_add_bytes(out, more, count);
    nl_text_add_bytes(out, bytes + at + skipped, length - at - skipped);
}

static struct nl_text mutate(const char *bytes, size_t length)
{
    static const char *const huge[] = {"99999999999999999999", "-1", "1e999", "4294967295", "nan", "0"};
    struct nl_text out = {0};
    size_t at = draw(length), count = 1 + draw(16);
    char noise[16];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)draw(256);
    switch (draw(4)) {
    case 0: nl_text_add_bytes(&out, bytes, at); break;
    case 1:
        nl_text_add_bytes(&out, bytes, length);
        for (size_t i = 0; i < 1 + count % 4; i++)
            out.at[draw(length)] ^= (char)(1 << draw(8));
        break;
    case 2: insert(&out, bytes, length, at, noise, count, 0); break;
    default: {
        for (size_t tries = 0; tries < length && !(bytes[at] >= '0' && bytes[at] <= '9'); tries++)
            at = (at + 1) % length;
        const char *number = huge[draw(sizeof huge / sizeof *huge)];
        insert(&out, bytes, length, at, number, strlen(number), 1);
    }
    }
    return out;
}

static int count_files(void)
{
    int count = 0;
    char *command = nl_format("find %s -type f | wc -l", folder);
    FILE *answer = popen(command, "r");
    ck_assert(answer && fscanf(answer, "%d", &count) == 1);
    pclose(answer);
    free(command);
    return count;
}

START_TEST(changed_files_are_refused_or_read)
{
    const struct kind *kind = &kinds[_i];
    int rounds = is_long_form() ? 1000 : 50, refused = 0, files = count_files();
    struct nl_error err = {{0}};
    size_t length;
    char *path = path_of(kind), *bytes = nl_file_read(path, &length, &err);
    ck_assert_msg(bytes && kind->read(path, &err) == NL_OK, "%s: %s", path, err.text);
    for (int round = 0; round < rounds; round++) {
        struct nl_text changed = mutate(bytes, length);
        bool same = changed.length == length && memcmp(changed.at, bytes, length) == 0;
        ck_assert_int_eq(nl_file_put(path, changed.at ? changed.at : "", changed.length, &err), NL_OK);
        err.text[0] = '\0';
        int status = kind->read(path, &err);
        refused += status != NL_OK;
        ck_assert_msg(status == NL_OK || err.text[0], "%s, round %d: refused without a word", kind->file, round);
        ck_assert_msg(!kind->sealed || same || status != NL_OK, "%s, round %d: a change was not noticed", kind->file,
                      round);
        nl_text_release(&changed);
    }
    nl_file_put(path, bytes, length, &err);
    ck_assert_int_eq(count_files(), files);
    printf("%s: %d changed files, %d refused, the others read\n", kind->file, rounds, refused);
    fflush(stdout);
    free(bytes);
    free(path);
}
END_TEST

static void remove_files(void)
{
    scratch_remove(folder);
}

int main(void)
{
    Suite *suite = suite_create("mutations");
    TCase *tests = tcase_create("files");
    tcase_add_unchecked_fixture(tests, make_files, remove_files);
    tcase_add_loop_test(tests, changed_files_are_refused_or_read, 0, KINDS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
