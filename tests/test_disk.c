/* A disk that fails, lies or loses: good files outlive it, bad ones are told of, and a sweep ends with the tables of one that nothing befell. The
 * functions that this file wraps (CMakeLists.txt) are those through which the program reaches the disk. */
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

#include "base/files.h"
#include "base/memory.h"
#include "scratch.h"
#include "stats/table.h"
#include "suite.h"
#include "sweep/merge.h"
#include "sweep/sweep.h"
#include "train/checkpoint.h"

static bool ends_with(const char *path, const char *ending)
{
    size_t length = strlen(path), tail = strlen(ending);
    return length > tail && strcmp(path + length - tail, ending) == 0;
}

static bool is_trial(const char *path)
{
    return ends_with(path, ".trial");
}

/* ---- a disk that fails ---- */

static const char *failing; /* how the name of a file ends that cannot be opened; NULL: none */
static int failure;         /* errno of it */

static bool fails(const char *path)
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
static void log_it(enum what what, const char *path, const char *to, const void *bytes, size_t length)
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

static void forget_log(void)
{
    for (; logged > 0; logged--) {
        free(log_of[logged - 1].path);
        free(log_of[logged - 1].to);
        free(log_of[logged - 1].bytes);
    }
}

/* Before some trials are written the worker waits until those before are on the disk: so a sweep as short as this one has several syncs. */
static bool in_groups;
static atomic_int named, synced; /* trials; such that were named before the last sync */

static void wait_for_sync(const char *path)
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

static void remember(int file, const char *path)
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
        .folder = s->out, .command = "test", .choice = s->choice, .runner = {.workers = 1, .checkpoint_epochs = 1000, .note = take_note, .context = s}};
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
    ck_assert_int_eq(result.absent, s->choice.shards ? 2 : 0);
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

/* ---- a power cut ---- */

/* What a disk may hold when the current goes. Names are durable in their order, up to the last time that their folder was synced at least; of
 * a file's bytes only those are that were synced. */
enum loss { NOTHING /* a kill */, BYTES /* all names, and no byte that was not synced */, HALF_THE_BYTES, NAMES /* and bytes */, LOSSES };

struct file {
    const char *live; /* its name while the program ran; NULL: it has none any more */
    const char *path; /* its name on the disk */
    struct nl_text bytes;
    size_t synced;
};

struct disk {
    struct file file[64];
    const char *folder[16];
    int files, folders;
};

static struct file *file_at(struct disk *disk, const char *live)
{
    for (int i = 0; i < disk->files; i++)
        if (disk->file[i].live && strcmp(disk->file[i].live, live) == 0)
            return &disk->file[i];
    return NULL;
}

/* On the disk, no file but this one has the name any more. */
static void take_name(struct disk *disk, const struct file *but, const char *path)
{
    for (int i = 0; i < disk->files; i++)
        if (&disk->file[i] != but && disk->file[i].path && strcmp(disk->file[i].path, path) == 0)
            disk->file[i].path = NULL;
}

static bool in_same_folder(const char *folder, const char *path)
{
    char *above = nl_path_folder(path);
    bool same = strcmp(folder, above) == 0;
    free(above);
    return same;
}

/* Whether the names in the folder of operation `at` were synced behind it, and before `end`. */
static bool is_durable(int at, int end)
{
    for (int i = at + 1; i < end; i++)
        if (log_of[i].what == SYNC_ALL || (log_of[i].what == SYNC_FOLDER && in_same_folder(log_of[i].path, log_of[at].path)))
            return true;
    return false;
}

/* The first `end` operations. */
static struct disk *replay(int end, enum loss loss)
{
    struct disk *disk = nl_alloc(1, sizeof *disk);
    for (int i = 0; i < end; i++) {
        const struct operation *o = &log_of[i];
        bool kept = loss != NAMES || is_durable(i, end); /* of a name */
        struct file *file = file_at(disk, o->path), *other = o->to ? file_at(disk, o->to) : NULL;
        ck_assert_msg(file || o->what == CREATE || o->what >= MAKE_FOLDER, "'%s' is not there", o->path);
        switch (o->what) {
        case CREATE:
            ck_assert_int_lt(disk->files, 64);
            disk->file[disk->files++] = (struct file){.live = o->path, .path = kept ? o->path : NULL};
            break;
        case WRITE: nl_text_add_bytes(&file->bytes, o->bytes, o->length); break;
        case SYNC: file->synced = file->bytes.length; break;
        case RENAME:
            if (other)
                other->live = NULL;
            file->live = o->to;
            if (kept) {
                take_name(disk, file, o->to);
                file->path = o->to;
            }
            break;
        case REMOVE:
            file->live = NULL;
            if (kept)
                file->path = NULL;
            break;
        case MAKE_FOLDER:
            ck_assert_int_lt(disk->folders, 16);
            if (kept)
                disk->folder[disk->folders++] = o->path;
            break;
        case SYNC_FOLDER: break;
        case SYNC_ALL:
            for (int f = 0; f < disk->files; f++)
                disk->file[f].synced = disk->file[f].bytes.length;
            break;
        }
    }
    return disk;
}

/* Puts that disk below root, and frees it. Returns how many trials are whole on it; *bad: how many are not. */
static int lay_out(struct disk *disk, const char *root, enum loss loss, int *bad)
{
    struct nl_error err;
    int whole = *bad = 0;
    ck_assert(nl_make_folders(root, &err) == NL_OK);
    for (int i = 0; i < disk->folders; i++) {
        char *path = nl_path_join(root, disk->folder[i]), *above = nl_path_folder(path);
        if (nl_folder_exists(above))
            mkdir(path, 0777);
        free(path), free(above);
    }
    for (int i = 0; i < disk->files; i++) {
        struct file *file = &disk->file[i];
        size_t length = file->bytes.length, kept = loss == NOTHING ? length : loss == HALF_THE_BYTES ? (length + file->synced) / 2 : file->synced;
        char *path = file->path ? nl_path_join(root, file->path) : NULL, *above = path ? nl_path_folder(path) : NULL;
        if (path && nl_folder_exists(above)) {
            FILE *out = fopen(path, "w");
            ck_assert(out && fwrite(file->bytes.at ? file->bytes.at : "", 1, kept, out) == kept && fclose(out) == 0);
            if (is_trial(path))
                kept == length ? whole++ : ++*bad;
        }
        free(path), free(above);
        nl_text_release(&file->bytes);
    }
    free(disk);
    return whole;
}

/* Trials that the program had said are on the disk: their folder was synced behind them. */
static int promised(int end)
{
    int count = 0;
    for (int i = 0; i < end; i++) {
        const char *to = log_of[i].to ? log_of[i].to : "";
        bool counted = !is_trial(to) || !is_durable(i, end);
        for (int before = 0; before < i && !counted; before++) /* it was run again */
            counted = log_of[before].to && strcmp(log_of[before].to, to) == 0 && is_durable(before, end);
        count += !counted;
    }
    return count;
}

/* ---- what is cut short: a sweep, one that brings its trials to the disk in groups, one that runs all again, a merge of two shards ---- */

static void sweep_in_groups(struct setting *s)
{
    int syncs = 0;
    in_groups = true;
    sweep(s);
    in_groups = false;
    for (int i = 0; i < logged; i++)
        syncs += log_of[i].what == SYNC_ALL;
    ck_assert_int_ge(syncs, 3);
}

static void sweep_again(struct setting *s)
{
    s->choice.retry = 1u << NL_DONE;
    sweep(s);
    s->choice.retry = 0;
}

static char *shard[2];

static void make_shards(struct setting *s)
{
    char *folder = scratch_make(), *out = s->out;
    for (int i = 0; i < 2; i++) {
        s->out = shard[i] = nl_format("%s/%d", folder, i + 1);
        s->choice = (struct nl_choice){.shard = i + 1, .shards = 2};
        sweep(s);
    }
    s->choice = (struct nl_choice){0};
    s->out = out;
    free(folder);
}

static void merge(struct setting *s)
{
    struct nl_merge merge;
    struct nl_error err;
    nl_text_release(&s->notes);
    ck_assert_msg(nl_merge((const char *const *)shard, 2, s->out, "test", &merge, &err) == NL_OK, "%s", err.text);
    ck_assert_int_eq(merge.absent, 0);
    nl_text_add(&s->notes, "%s", merge.warnings.at ? merge.warnings.at : "");
    nl_merge_release(&merge);
}

static const struct work {
    void (*before)(struct setting *s); /* NULL: nothing */
    bool watched;                      /* what is done before is on the disk that is cut short, too */
    void (*work)(struct setting *s), (*again)(struct setting *s);
    const char *tells; /* of a trial that is not whole */
} works[] = {{NULL, false, sweep, sweep, "it is set aside as"},
             {NULL, false, sweep_in_groups, sweep, "it is set aside as"},
             {sweep, true, sweep_again, sweep, "it is set aside as"},
             {make_shards, false, merge, merge, "cannot use"}};

/* After any prefix of what was written, whatever of it the disk has lost, the same command ends with the same tables, keeps every trial that was
 * promised, and says what it found. */
START_TEST(a_power_cut_loses_nothing_that_was_promised)
{
    static const char *const tables[] = {"trials.csv", "curves.csv", "summary.csv"};
    struct setting s = set_up();
    char *expected[3], *out = s.out;
    const struct work *work = &works[_i];
    forget_log();
    named = synced = 0;
    watched = work->watched ? s.folder : NULL;
    if (work->before)
        work->before(&s);
    int begun = logged;
    watched = s.folder;
    work->work(&s);
    watched = NULL;
    for (int i = 0; i < 3; i++) {
        char *path = nl_path_join(out, tables[i]);
        expected[i] = content(path);
        free(path);
    }
    ck_assert_int_gt(logged - begun, 40);
    ck_assert_int_eq(promised(logged), 4);
    for (int end = begun; end <= logged; end++)
        for (enum loss loss = NOTHING; loss < LOSSES; loss++) {
            char *root = scratch_make();
            int bad, whole = lay_out(replay(end, loss), root, loss, &bad), before, said = 0;
            ck_assert_msg(whole >= promised(end), "%d of %d operations, loss %d: %d trials are whole, %d were promised", end, logged, (int)loss, whole,
                          promised(end));
            s.out = nl_path_join(root, "out");
            for (int i = 0; i < 3; i++) { /* sums never are there before the tables that they are of */
                char *path = nl_path_join(s.out, tables[i]);
                struct nl_table table;
                int status = nl_table_read(path, &table, NULL);
                ck_assert_msg(status != NL_BAD, "%d of %d operations, loss %d: '%s' does not fit its checksum", end, logged, (int)loss, tables[i]);
                if (status == NL_OK)
                    nl_table_release(&table);
                free(path);
            }
            work->again(&s);
            if (sscanf(s.notes.at, "%d of", &before) == 1)
                ck_assert_msg(before == whole, "%d of %d operations, loss %d: %s", end, logged, (int)loss, s.notes.at);
            for (const char *at = s.notes.at; (at = strstr(at, work->tells)); at++)
                said++;
            ck_assert_int_eq(said, bad);
            for (int i = 0; i < 3; i++) {
                char *path = nl_path_join(s.out, tables[i]), *found = content(path);
                ck_assert_msg(strcmp(found, expected[i]) == 0, "%d of %d operations, loss %d: '%s' is another", end, logged, (int)loss, tables[i]);
                free(path), free(found);
            }
            free(s.out);
            scratch_remove(root);
        }
    printf("%d operations, %d disks\n", logged - begun, (logged - begun + 1) * LOSSES);
    fflush(stdout);
    for (int i = 0; i < 3; i++)
        free(expected[i]);
    if (shard[0])
        scratch_remove(nl_path_folder(shard[0]));
    s.out = out;
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
             {"summary.csv", false, true},     {"SHA256SUMS", false, true},    {"SHA256SUMS", true, true},         {"trials", false, false}};

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
    tcase_add_loop_test(tests, a_power_cut_loses_nothing_that_was_promised, 0, sizeof works / sizeof *works);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
