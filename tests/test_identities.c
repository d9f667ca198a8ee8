/* What results are found by must stay: the text of every trial of every shipped file, hashed, is what tests/identities.txt has.
 * Where a change of what is trained is meant, NORMLAB_IDENTITIES_UPDATE=1 writes the file anew. */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/memory.h"
#include "suite.h"
#include "sweep/grid.h"

static const char *const folders[] = {"configs", "experiments", "experiments/claims"};

static int by_name(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* "configs/mlp_digits.yaml 1 9f86d0..." */
static void add_file(struct nl_text *out, const char *name)
{
    char *path = nl_path_join(NORMLAB_TESTS_DIR "/..", name);
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    if (nl_experiment_load(path, NULL, 0, &experiment, &diagnostics) != NL_OK)
        ck_abort_msg("%s", nl_diagnostics_text(&diagnostics));
    struct nl_grid grid;
    nl_grid_make(&experiment, &grid, &diagnostics); /* which misses data files that are not here: they change no text */
    struct nl_text all = {0};
    for (int i = 0; i < grid.trials; i++)
        nl_text_add(&all, "%s", grid.trial[i].identity);
    ck_assert_msg(grid.trials > 0, "%s has no trials", name);
    char hex[NL_HASH_HEX];
    nl_hash_bytes(all.at, all.length, hex);
    nl_text_add(out, "%s %d %s\n", name, grid.trials, hex);
    nl_text_release(&all);
    nl_grid_release(&grid);
    nl_diagnostics_release(&diagnostics);
    free(path);
}

static void add_folder(struct nl_text *out, const char *folder)
{
    char *path = nl_path_join(NORMLAB_TESTS_DIR "/..", folder), *names[100];
    int count = 0;
    DIR *entries = opendir(path);
    ck_assert_msg(entries != NULL, "%s", path);
    for (struct dirent *entry; (entry = readdir(entries));)
        if (strlen(entry->d_name) > 5 && !strcmp(entry->d_name + strlen(entry->d_name) - 5, ".yaml")) {
            ck_assert_int_lt(count, 100);
            names[count++] = nl_path_join(folder, entry->d_name);
        }
    closedir(entries);
    qsort(names, (size_t)count, sizeof *names, by_name);
    for (int i = 0; i < count; i++) {
        add_file(out, names[i]);
        free(names[i]);
    }
    free(path);
}

START_TEST(trials_of_shipped_files_keep_their_identity)
{
    struct nl_text now = {0};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        add_folder(&now, folders[i]);
    struct nl_error err;
    const char *path = NORMLAB_TESTS_DIR "/identities.txt";
    if (getenv("NORMLAB_IDENTITIES_UPDATE")) {
        FILE *file = fopen(path, "w");
        ck_assert_ptr_nonnull(file);
        fputs(now.at, file);
        fclose(file);
    }
    size_t length;
    char *were = nl_file_read(path, &length, &err), *rest = were;
    ck_assert_msg(were != NULL, "%s", err.text);
    int lines = 0;
    for (char *line; (line = strsep(&rest, "\n")) && *line; lines++) /* every line there must be here; a new file adds one */
        ck_assert_msg(strstr(now.at, line) != NULL, "the trials of %s are others now", line);
    ck_assert_int_gt(lines, 40);
    ck_assert_int_eq((int)now.length, (int)length);
    free(were);
    nl_text_release(&now);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("identities");
    TCase *tc = tcase_create("identities");
    tcase_add_test(tc, trials_of_shipped_files_keep_their_identity);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
