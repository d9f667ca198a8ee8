/* A disk that fails, or holds what somebody else put there: good files outlive it, and bad ones are told of. */
#include "base/temporary.h"
#include "disk.h"
#include "suite.h"

/* ---- what cannot be read is not what is bad ---- */

static const int failures[] = {EIO, EMFILE, EACCES};

START_TEST(a_checkpoint_that_cannot_be_read_stays)
{
    struct setting s = set_up();
    struct nl_sweep_result result;
    struct nl_error err;
    char *path = half_trained(&s, 1);
    failing = ".checkpoint";
    failure = failures[_i];
    ck_assert_msg(try_sweep(&s, &result, &err) == NL_OK, "%s", err.text);
    failing = NULL;
    ck_assert_int_eq(result.errors, 1);
    ck_assert_ptr_nonnull(strstr(result.record[1].message, strerror(failures[_i])));
    ck_assert_msg(nl_file_exists(path), "it is gone: %s", s.notes.at);
    nl_sweep_result_release(&result);
    sweep(&s); /* the disk is well again */
    free(path);
    tear_down(&s);
}
END_TEST

START_TEST(a_trial_that_cannot_be_read_stays)
{
    struct setting s = set_up();
    struct nl_sweep_result result;
    struct nl_error err;
    sweep(&s);
    char *path = file_of(&s, 2, ".trial"), *before = content(path);
    failing = ".trial";
    failure = failures[_i];
    ck_assert_int_eq(try_sweep(&s, &result, &err), NL_FAIL);
    failing = NULL;
    ck_assert_ptr_nonnull(strstr(err.text, strerror(failures[_i])));
    nl_sweep_result_release(&result);
    sweep(&s);
    ck_assert_str_eq(s.notes.at, "4 of 4 trials are done already\n");
    char *after = content(path);
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
    free(path);
    tear_down(&s);
}
END_TEST

START_TEST(what_is_bad_is_set_aside)
{
    struct setting s = set_up();
    struct nl_error err;
    for (int time = 1; time <= 2; time++) {
        char *path = half_trained(&s, 1), *trial = file_of(&s, 1, ".trial");
        const char *number = time == 1 ? "" : "-2";
        ck_assert_int_eq(nl_file_write(path, "nonsense", 8, &err), NL_OK);
        ck_assert_int_eq(nl_file_write(trial, "nonsense", 8, &err), NL_OK);
        sweep(&s);
        char *set_aside = nl_format("%s.damaged%s", path, number), *beside = nl_format("%s.damaged%s", trial, number);
        char *said = nl_format("it is set aside as '%s', and the trial begins anew\n", set_aside),
             *told = nl_format("it is set aside as '%s', and the trial is run again\n", beside);
        ck_assert_msg(strstr(s.notes.at, said) && strstr(s.notes.at, told), "%s", s.notes.at);
        char *kept = content(set_aside), *other = content(beside);
        ck_assert_str_eq(kept, "nonsense");
        ck_assert_str_eq(other, "nonsense");
        free(kept), free(other), free(said), free(told), free(set_aside), free(beside), free(path), free(trial);
    }
    tear_down(&s);
}
END_TEST

/* ---- a folder of somebody else ---- */

/* Files that a folder from elsewhere may hold in place of ours: links, which lead to a file of the user's, and
 * pipes. */
static const struct {
    const char *name; /* in the results folder; %s: the first trial */
    bool pipe, harmless; /* harmless: it is replaced */
} traps[] = {{".lock", false, false},          {".lock", true, false},           {"trials/%s.trial", false, false},
             {"trials/%s.trial", true, false}, {"experiment.yaml", false, true}, {"experiment.yaml", true, true},
             {"trials.csv", false, true},      {"curves.csv", true, true},       {"summary.csv", false, true},
             {"SHA256SUMS", false, true},      {"SHA256SUMS", true, true},       {"trials", false, false}};

START_TEST(nothing_is_written_through_a_link)
{
    struct setting s = set_up();
    struct nl_error err;
    struct nl_sweep_result result;
    char *mine = nl_path_join(s.folder, "mine"), *name = nl_format(traps[_i].name, s.grid.trial[0].id),
         *trap = nl_path_join(s.out, name), *above = nl_path_folder(trap);
    bool folder = strcmp(name, "trials") == 0;
    ck_assert(nl_make_folders(above, &err) == NL_OK);
    if (folder)
        ck_assert(nl_make_folders(mine, &err) == NL_OK);
    else
        ck_assert(nl_file_write(mine, "precious", 8, &err) == NL_OK);
    ck_assert_int_eq(traps[_i].pipe ? mkfifo(trap, 0600) : symlink(mine, trap), 0);
    int status = try_sweep(&s, &result, &err);
    ck_assert_msg((status == NL_OK) == traps[_i].harmless, "%s: %s", name, status ? err.text : "");
    nl_sweep_result_release(&result);
    if (folder) {
        ck_assert_int_eq(rmdir(mine), 0); /* it is empty */
    } else {
        char *kept = content(mine);
        ck_assert_str_eq(kept, "precious");
        free(kept);
    }
    free(mine), free(name), free(trap), free(above);
    tear_down(&s);
}
END_TEST

START_TEST(a_temporary_is_a_new_file)
{
    struct nl_error err;
    char *folder = scratch_make(), *mine = nl_path_join(folder, "mine"), *path = nl_path_join(folder, "x"),
         *half = nl_format("%s.0.tmp", path), *plots = nl_path_join(folder, "plots");
    ck_assert(nl_file_write(mine, "precious", 8, &err) == NL_OK);
    ck_assert_int_eq(symlink(mine, half), 0);
    ck_assert_msg(nl_file_write(path, "mere", 4, &err) == NL_OK, "%s", err.text);
    char *kept = content(mine), *written = content(path);
    ck_assert_str_eq(kept, "precious");
    ck_assert_str_eq(written, "mere");
    ck_assert_int_eq(symlink(folder, plots), 0);
    ck_assert_int_eq(nl_make_folder(plots, &err), NL_FAIL);
    ck_assert_ptr_nonnull(strstr(err.text, "symbolic link"));
    free(kept), free(written), free(mine), free(path), free(half), free(plots);
    scratch_remove(folder);
}
END_TEST

/* What a killed program left goes when its file is written again; what another program is writing stays, and both write
 * a whole file. */
START_TEST(a_temporary_is_known_by_its_lock)
{
    struct nl_error err;
    char *folder = scratch_make(), *path = nl_path_join(folder, "x"), *half, *own,
         *beside = nl_format("%s.0.tmp", path);
    ck_assert(nl_file_write(beside, "of a killed program", 19, &err) == NL_OK && nl_temporary_is_left(beside));
    ck_assert(nl_file_write(path, "first", 5, &err) == NL_OK && !nl_file_exists(beside));

    int other = nl_temporary_create(path, &half);
    ck_assert(other >= 0 && write(other, "another", 7) == 7);
    ck_assert_str_eq(half, beside);
    ck_assert(!nl_temporary_is_left(half) && !nl_temporary_remove(half) && nl_temporary_is_same(other, half));
    ck_assert_msg(nl_file_write(path, "second", 6, &err) == NL_OK, "%s", err.text);
    int mine = nl_temporary_create(path, &own);
    ck_assert(mine >= 0 && strcmp(own, half) != 0 && nl_temporary_is_named(own + strlen(folder) + 1));
    close(mine);
    char *kept = content(half), *written = content(path);
    ck_assert_str_eq(kept, "another");
    ck_assert_str_eq(written, "second");
    close(other);
    nl_file_remove(path);
    ck_assert(!nl_file_exists(half) && !nl_file_exists(path));
    free(kept), free(written), free(half), free(own), free(beside), free(path);
    scratch_remove(folder);
}
END_TEST

START_TEST(a_temporary_has_a_name_of_its_own)
{
    static const char *const names[] = {"x.0.tmp", "trials.csv.1234.tmp", "a.svg.7.tmp"};
    static const char *const others[] = {"x.tmp", ".12.tmp",    "x.12tmp", "x12.tmp",
                                         ".tmp",  "x.0.tmp.gz", "x.a.tmp", "x..tmp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ck_assert_msg(nl_temporary_is_named(names[i]), "%s", names[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_msg(!nl_temporary_is_named(others[i]), "%s", others[i]);
}
END_TEST

/* Folders of killed programs go, but not those that a program holds, nor those that hold what no table is. */
START_TEST(a_temporary_folder_goes_with_its_program)
{
    static const char *const tables[] = {"a.csv", "b.csv"};
    struct nl_error err;
    char *place = scratch_make(), *left = nl_path_join(place, "normlab-tables.aaaaaa"),
         *owned = nl_path_join(place, "normlab-tables.backup"), *table = nl_path_join(left, "a.csv"),
         *half = nl_path_join(left, "b.csv.0.tmp"), *mine = nl_path_join(owned, "mine");
    ck_assert(nl_make_folders(left, &err) == NL_OK && nl_make_folders(owned, &err) == NL_OK);
    ck_assert(nl_file_write(table, "1", 1, &err) == NL_OK && nl_file_write(half, "1", 1, &err) == NL_OK &&
              nl_file_write(mine, "1", 1, &err) == NL_OK);
    char *first = nl_temporary_folder(place, tables, 2), *second = nl_temporary_folder(place, tables, 2);
    ck_assert(nl_folder_exists(first) && nl_folder_exists(second) && strcmp(first, second) != 0);
    ck_assert(!nl_folder_exists(left) && nl_file_exists(mine));
    free(first), free(second), free(left), free(owned), free(table), free(half), free(mine);
    scratch_remove(place);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("disk");
    TCase *tests = tcase_create("disk");
    tcase_add_loop_test(tests, a_checkpoint_that_cannot_be_read_stays, 0, 3);
    tcase_add_loop_test(tests, a_trial_that_cannot_be_read_stays, 0, 3);
    tcase_add_test(tests, what_is_bad_is_set_aside);
    tcase_add_loop_test(tests, nothing_is_written_through_a_link, 0, sizeof traps / sizeof *traps);
    tcase_add_test(tests, a_temporary_is_a_new_file);
    tcase_add_test(tests, a_temporary_is_known_by_its_lock);
    tcase_add_test(tests, a_temporary_has_a_name_of_its_own);
    tcase_add_test(tests, a_temporary_folder_goes_with_its_program);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
