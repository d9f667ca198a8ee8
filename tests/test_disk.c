/* A disk that fails, lies or loses: good files outlive it, bad ones are told of, and a sweep ends with the tables of one that nothing befell. The
 * functions that this file wraps (CMakeLists.txt) are those through which the program reaches the disk. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/memory.h"
#include "scratch.h"
#include "suite.h"
#include "sweep/sweep.h"
#include "train/checkpoint.h"

/* ---- a disk that fails ---- */

static const char *failing; /* how the name of a file ends that cannot be opened; NULL: none */
static int failure;         /* errno of it */

static bool fails(const char *path)
{
    size_t length = strlen(path), ending = failing ? strlen(failing) : 0;
    bool found = failing && length >= ending && strcmp(path + length - ending, failing) == 0;
    if (found)
        errno = failure;
    return found;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return fails(path) ? -1 : __real_open(path, flags, mode);
}

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode)
{
    return fails(path) ? NULL : __real_fopen(path, mode);
}

/* ---- a sweep of four short trials ---- */

struct setting {
    char *folder, *out;
    struct nl_experiment experiment;
    struct nl_grid grid;
    struct nl_datasets datasets;
    struct nl_text notes;
};

static void take_note(void *context, bool warning, const char *line)
{
    struct setting *s = context;
    nl_text_add(&s->notes, "%s%s\n", warning ? "warning: " : "", line);
}

static struct setting set_up(void)
{
    struct setting s = {.folder = scratch_make()};
    const char *const overrides[] = {"data.train=64", "data.val=0", "data.test=32", "model.depth=1", "model.width=4", "train.epochs=2", "norm.kind=bn,none",
                                     "sweep.seeds=2"};
    struct nl_diagnostics diagnostics = {0};
    struct nl_error err;
    s.out = nl_path_join(s.folder, "out");
    if (nl_experiment_load(NULL, overrides, sizeof overrides / sizeof *overrides, &s.experiment, &diagnostics) ||
        nl_grid_make(&s.experiment, &s.grid, &diagnostics))
        ck_abort_msg("%s", nl_diagnostics_text(&diagnostics));
    ck_assert_msg(nl_grid_identify(&s.grid, &s.datasets, &err) == NL_OK, "%s", err.text);
    return s;
}

static void tear_down(struct setting *s)
{
    nl_text_release(&s->notes);
    nl_grid_release(&s->grid);
    nl_datasets_release(&s->datasets);
    scratch_remove(s->folder);
    free(s->out);
}

static int try_sweep(struct setting *s, struct nl_sweep_result *result, struct nl_error *err)
{
    struct nl_sweep_options options = {
        .folder = s->out, .command = "test", .runner = {.workers = 1, .checkpoint_epochs = 1000, .note = take_note, .context = s}};
    nl_text_release(&s->notes);
    nl_text_add(&s->notes, "%s", "");
    return nl_sweep(&s->experiment, &s->grid, &s->datasets, &options, result, err);
}

static void sweep(struct setting *s)
{
    struct nl_sweep_result result;
    struct nl_error err;
    ck_assert_msg(try_sweep(s, &result, &err) == NL_OK, "%s", err.text);
    ck_assert_int_eq(result.errors, 0);
    ck_assert_int_eq(result.absent, 0);
    nl_sweep_result_release(&result);
}

static char *file_of(const struct setting *s, int trial, const char *ending)
{
    return nl_format("%s/trials/%s%s", s->out, s->grid.trial[trial].id, ending);
}

static char *content(const char *path)
{
    struct nl_error err;
    char *text = nl_file_read(path, NULL, &err);
    ck_assert_msg(text != NULL, "%s", err.text);
    return text;
}

/* The state of the trial after its first epoch; the path, a new string. */
static char *half_trained(const struct setting *s, int trial)
{
    struct nl_error err;
    struct nl_trial_result result;
    char *path = file_of(s, trial, ".checkpoint"), *trials = nl_path_join(s->out, "trials");
    const struct nl_trial_options how = {.checkpoint = path, .checkpoint_epochs = 1};
    ck_assert_int_eq(nl_make_folders(trials, &err), NL_OK);
    ck_assert_msg(nl_trial_run(&s->grid.trial[trial].config, s->grid.trial[trial].dataset, &how, &result, &err) == NL_OK, "%s", err.text);
    ck_assert(nl_file_exists(path));
    nl_trial_result_release(&result);
    free(trials);
    return path;
}

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
    ck_assert_str_eq(s.notes.at, "4 of 4 trials are there already\n");
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

/* Files that a folder from elsewhere may hold in place of ours: links, which lead to a file of the user's, and pipes. */
static const struct {
    const char *name; /* in the results folder; %s: the first trial */
    bool pipe, harmless; /* harmless: it is replaced */
} traps[] = {{".lock", false, false},          {".lock", true, false},           {"trials/%s.trial", false, false},  {"trials/%s.trial", true, false},
             {"experiment.yaml", false, true}, {"experiment.yaml", true, true},  {"trials.csv", false, true},        {"curves.csv", true, true},
             {"summary.csv", false, true},     {"trials", false, false}};

START_TEST(nothing_is_written_through_a_link)
{
    struct setting s = set_up();
    struct nl_error err;
    struct nl_sweep_result result;
    char *mine = nl_path_join(s.folder, "mine"), *name = nl_format(traps[_i].name, s.grid.trial[0].id), *trap = nl_path_join(s.out, name),
         *above = nl_path_folder(trap);
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
         *half = nl_format("%s.%ld.tmp", path, (long)getpid()), *plots = nl_path_join(folder, "plots");
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

int main(void)
{
    Suite *suite = suite_create("disk");
    TCase *tests = tcase_create("disk");
    tcase_add_loop_test(tests, a_checkpoint_that_cannot_be_read_stays, 0, 3);
    tcase_add_loop_test(tests, a_trial_that_cannot_be_read_stays, 0, 3);
    tcase_add_test(tests, what_is_bad_is_set_aside);
    tcase_add_loop_test(tests, nothing_is_written_through_a_link, 0, sizeof traps / sizeof *traps);
    tcase_add_test(tests, a_temporary_is_a_new_file);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
