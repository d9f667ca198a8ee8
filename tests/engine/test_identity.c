/* Trials of the experiments that come with the program keep their identities: whoever has results finds them again
 * after an update. A key that is new stands in no identity where it has its default (core/config/applies.c).
 *
 * tests/engine/identities.txt has a line for each file: its path, its number of trials, and the SHA-256 of their
 * identities. What the data and the numerics add to an identity is not in it. An experiment that is changed, or new,
 * gets the line that the test prints. */
#include <check.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/memory.h"
#include "scratch.h"
#include "suite.h"
#include "sweep/grid.h"
#include "sweep/lint.h"

static const char *const folders[] = {"configs", "experiments", "experiments/claims"};
enum { FOLDERS = sizeof folders / sizeof *folders };

/* The identities of the trials of a file, hashed; and what it is warned of, a line each, to be freed. */
static int trials_of(const char *path, struct nl_experiment *experiment, char hex[NL_HASH_HEX], char **warnings)
{
    struct nl_diagnostics diagnostics = {0};
    struct nl_grid grid;
    struct nl_text all = {0}, said = {0};
    ck_assert_msg(nl_experiment_load(path, NULL, 0, experiment, &diagnostics) == NL_OK &&
                      nl_grid_make(experiment, &grid, &diagnostics) == NL_OK,
                  "%s", nl_diagnostics_text(&diagnostics));
    for (int i = 0; i < grid.trials; i++)
        nl_text_add(&all, "%s\n", grid.trial[i].identity);
    nl_hash_bytes(all.at, strlen(all.at), hex);
    nl_lint_grid(experiment, &grid, &diagnostics);
    nl_text_add(&said, "%s", "\n");
    for (int i = 0; i < diagnostics.count; i++)
        nl_text_add(&said, "%s\n", diagnostics.at[i].message);
    *warnings = said.at;
    int trials = grid.trials;
    nl_text_release(&all);
    nl_grid_release(&grid);
    nl_diagnostics_release(&diagnostics);
    return trials;
}

/* What `normlab show` prints of the experiment is the same one when it is read again, and is warned of nothing else. */
static void check_shown(const char *path, const struct nl_experiment *experiment, const char *hex, const char *warnings)
{
    struct nl_experiment again;
    struct nl_error err;
    char *folder = scratch_make(), *shown = nl_path_join(folder, "shown.yaml"),
         *text = nl_experiment_text(experiment, true), *said, other[NL_HASH_HEX];
    ck_assert_msg(nl_file_write(shown, text, strlen(text), &err) == NL_OK, "%s", err.text);
    trials_of(shown, &again, other, &said);
    ck_assert_msg(strcmp(hex, other) == 0, "%s: what is shown of it has other trials", path);
    char *rest = said;
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *whole = nl_format("\n%s\n", line);
        ck_assert_msg(!*line || strstr(warnings, whole), "%s: what is shown of it has a new warning: %s", path, line);
        free(whole);
    }
    free(said), free(text), free(shown);
    scratch_remove(folder);
}

/* "experiments/tuned.yaml 40 9f86d0...\n"; new string. */
static char *line_of(const char *path)
{
    struct nl_experiment experiment;
    char hex[NL_HASH_HEX], *warnings;
    int trials = trials_of(path, &experiment, hex, &warnings);
    check_shown(path, &experiment, hex, warnings);
    free(warnings);
    return nl_format("%s %d %s\n", path + strlen(NORMLAB_TESTS_DIR "/../"), trials, hex);
}

START_TEST(identities_stay)
{
    struct nl_error err = {""};
    size_t length;
    char *known = nl_file_read(NORMLAB_TESTS_DIR "/engine/identities.txt", &length, &err);
    ck_assert_msg(known != NULL, "%s", err.text);
    struct nl_text missing = {0};
    size_t found = 0;
    for (int f = 0; f < FOLDERS; f++) {
        char *pattern = nl_format("%s/../%s/*.yaml", NORMLAB_TESTS_DIR, folders[f]);
        glob_t files;
        ck_assert_int_eq(glob(pattern, 0, NULL, &files), 0);
        for (size_t i = 0; i < files.gl_pathc; i++) {
            char *line = line_of(files.gl_pathv[i]);
            if (!strstr(known, line))
                nl_text_add(&missing, "%s", line);
            found += strlen(line);
            free(line);
        }
        globfree(&files);
        free(pattern);
    }
    if (missing.at)
        fprintf(stderr, "not in tests/engine/identities.txt:\n%s", missing.at);
    ck_assert(!missing.at);
    ck_assert_msg(found == length, "tests/engine/identities.txt has lines of files that are gone");
    free(known);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("identity");
    TCase *tests = tcase_create("identity");
    tcase_add_test(tests, identities_stay);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
