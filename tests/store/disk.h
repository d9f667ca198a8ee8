/* For tests: a disk that can fail, and that says what is written to it; and a sweep of four short trials on it. The
 * program is linked with --wrap for each of the calls. */
#ifndef TESTS_DISK_H
#define TESTS_DISK_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/files.h"
#include "base/memory.h"
#include "scratch.h"
#include "sweep/merge.h"
#include "sweep/sweep.h"
#include "train/checkpoint.h"

static inline bool ends_with(const char *path, const char *ending)
{
    size_t length = strlen(path), tail = strlen(ending);
    return length > tail && strcmp(path + length - tail, ending) == 0;
}

static inline bool is_trial(const char *path)
{
    return ends_with(path, ".trial");
}

/* ---- a disk that fails ---- */

static const char *failing; /* how the name of a file ends that cannot be opened; NULL: none */
static int failure;         /* errno of it */

static inline bool fails(const char *path)
{
    bool found = failing && ends_with(path, failing);
    if (found)
        errno = failure;
    return found;
}

/* ---- the log of what is written ---- */

enum what { CREATE, WRITE, SYNC, RENAME, REMOVE, MAKE_FOLDER, SYNC_FOLDER, SYNC_ALL };

static struct operation {
    enum what what;
    char *path, *to; /* below the folder that is watched */
    char *bytes;
    size_t length;
} *log_of;
static int logged, log_capacity;
static const char *watched; /* NULL: nothing is logged */

static const char *below_watched(const char *path) /* NULL: it is elsewhere */
{
    size_t length = watched ? strlen(watched) : 0;
    if (!watched || strncmp(path, watched, length) != 0 || (path[length] && path[length] != '/'))
        return NULL;
    return path[length] ? path + length + 1 : ".";
}

/* A worker names trials while the main thread syncs. to: of a rename; bytes: of a write. */
static inline void log_it(enum what what, const char *path, const char *to, const void *bytes, size_t length)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    const char *below = below_watched(path);
    if (!below)
        return;
    pthread_mutex_lock(&lock);
    NL_GROW(log_of, logged, log_capacity);
    log_of[logged++] = (struct operation){.what = what,
                                          .path = nl_strdup(below),
                                          .to = to ? nl_strdup(below_watched(to)) : NULL,
                                          .bytes = bytes ? memcpy(nl_alloc(length, 1), bytes, length) : NULL,
                                          .length = length};
    pthread_mutex_unlock(&lock);
}

static inline void forget_log(void)
{
    for (; logged > 0; logged--) {
        free(log_of[logged - 1].path);
        free(log_of[logged - 1].to);
        free(log_of[logged - 1].bytes);
    }
}

/* Before some trials are written the worker waits until those before are on the disk: so a sweep as short as this one
 * has several syncs. */
static bool in_groups;
static atomic_int named, synced; /* trials; such that were named before the last sync */

static inline void wait_for_sync(const char *path)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    bool group_ends = in_groups && strstr(path, "/trials/") && named % 2 == 1;
    while (group_ends && synced < named)
        nanosleep(&pause, NULL);
}

/* Opened files: what descriptor stands for what path. */
static char *open_path[256];

static const char *path_of(int file)
{
    return file >= 0 && file < 256 && open_path[file] ? open_path[file] : "";
}

static inline void remember(int file, const char *path)
{
    if (file < 0 || file >= 256)
        return;
    free(open_path[file]);
    open_path[file] = watched ? nl_strdup(path) : NULL;
}

ssize_t __real_write(int file, const void *bytes, size_t length);
ssize_t __wrap_write(int file, const void *bytes, size_t length);
ssize_t __wrap_write(int file, const void *bytes, size_t length)
{
    ssize_t put = __real_write(file, bytes, length);
    if (put > 0)
        log_it(WRITE, path_of(file), NULL, bytes, (size_t)put);
    return put;
}

int __real_fsync(int file);
int __wrap_fsync(int file);
int __wrap_fsync(int file)
{
    struct stat info;
    if (fstat(file, &info) == 0)
        log_it(S_ISDIR(info.st_mode) ? SYNC_FOLDER : SYNC, path_of(file), NULL, NULL, 0);
    return watched ? 0 : __real_fsync(file); /* the crash is played: the disk need not be waited for */
}

int __real_syncfs(int file);
int __wrap_syncfs(int file);
int __wrap_syncfs(int file)
{
    int before = named;
    log_it(SYNC_ALL, path_of(file), NULL, NULL, 0);
    synced = before;
    return watched ? 0 : __real_syncfs(file);
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
    int status = __real_rename(from, to);
    if (status == 0)
        log_it(RENAME, from, to, NULL, 0);
    named += status == 0 && is_trial(to);
    return status;
}

int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __wrap_unlink(const char *path)
{
    int status = __real_unlink(path);
    if (status == 0)
        log_it(REMOVE, path, NULL, NULL, 0);
    return status;
}

int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode)
{
    int status = __real_mkdir(path, mode);
    if (status == 0)
        log_it(MAKE_FOLDER, path, NULL, NULL, 0);
    return status;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (fails(path))
        return -1;
    if (flags & O_CREAT)
        wait_for_sync(path);
    bool is_new = flags & O_CREAT && access(path, F_OK) != 0;
    int file = __real_open(path, flags, mode);
    remember(file, path);
    if (file >= 0 && is_new)
        log_it(CREATE, path, NULL, NULL, 0);
    return file;
}

/* ---- a sweep of four short trials ---- */

struct setting {
    char *folder, *out;
    struct nl_experiment experiment;
    struct nl_grid grid;
    struct nl_datasets datasets;
    struct nl_choice choice;
    struct nl_text notes;
};

static inline void take_note(void *context, bool warning, const char *line)
{
    struct setting *s = context;
    nl_text_add(&s->notes, "%s%s\n", warning ? "warning: " : "", line);
}

static inline struct setting set_up(void)
{
    struct setting s = {.folder = scratch_make()};
    const char *const overrides[] = {"data.train=64", "data.val=0",     "data.test=32",      "model.depth=1",
                                     "model.width=4", "train.epochs=2", "norm.kind=bn,none", "sweep.seeds=2"};
    struct nl_diagnostics diagnostics = {0};
    struct nl_error err;
    s.out = nl_path_join(s.folder, "out");
    if (nl_experiment_load(NULL, overrides, sizeof overrides / sizeof *overrides, &s.experiment, &diagnostics) ||
        nl_grid_make(&s.experiment, &s.grid, &diagnostics))
        ck_abort_msg("%s", nl_diagnostics_text(&diagnostics));
    ck_assert_msg(nl_grid_identify(&s.grid, &s.datasets, &err) == NL_OK, "%s", err.text);
    return s;
}

static inline void tear_down(struct setting *s)
{
    nl_text_release(&s->notes);
    nl_grid_release(&s->grid);
    nl_datasets_release(&s->datasets);
    scratch_remove(s->folder);
    free(s->out);
}

static inline int try_sweep(struct setting *s, struct nl_sweep_result *result, struct nl_error *err)
{
    struct nl_sweep_options options = {
        .folder = s->out,
        .command = "test",
        .choice = s->choice,
        .runner = {.workers = 1, .checkpoint_epochs = 1000, .note = take_note, .context = s}};
    nl_text_release(&s->notes);
    nl_text_add(&s->notes, "%s", "");
    return nl_sweep(&s->experiment, &s->grid, &s->datasets, &options, result, err);
}

static inline void sweep(struct setting *s)
{
    struct nl_sweep_result result;
    struct nl_error err;
    ck_assert_msg(try_sweep(s, &result, &err) == NL_OK, "%s", err.text);
    ck_assert_int_eq(result.errors, 0);
    ck_assert_int_eq(result.absent, s->choice.shards ? 2 : 0);
    nl_sweep_result_release(&result);
}

static inline char *file_of(const struct setting *s, int trial, const char *ending)
{
    return nl_format("%s/trials/%s%s", s->out, s->grid.trial[trial].id, ending);
}

static inline char *content(const char *path)
{
    struct nl_error err;
    char *text = nl_file_read(path, NULL, &err);
    ck_assert_msg(text != NULL, "%s", err.text);
    return text;
}

/* The state of the trial after its first epoch; the path, a new string. */
static inline char *half_trained(const struct setting *s, int trial)
{
    struct nl_error err;
    struct nl_trial_result result;
    char *path = file_of(s, trial, ".checkpoint"), *trials = nl_path_join(s->out, "trials");
    const struct nl_trial_options how = {.checkpoint = path, .checkpoint_epochs = 1};
    ck_assert_int_eq(nl_make_folders(trials, &err), NL_OK);
    ck_assert_msg(nl_trial_run(&s->grid.trial[trial].config, s->grid.trial[trial].dataset, &how, &result, &err) ==
                      NL_OK,
                  "%s", err.text);
    ck_assert(nl_file_exists(path));
    nl_trial_result_release(&result);
    free(trials);
    return path;
}

#endif
