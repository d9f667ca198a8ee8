/* Names, lists, reads and writes the files of a results folder, under its lock. */
#include "sweep/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/files.h"
#include "base/locks.h"
#include "base/memory.h"
#include "base/seal.h"
#include "base/sums.h"
#include "base/system.h"
#include "base/temporary.h"
#include "config/published.h"
#include "stats/summary.h"
#include "sweep/comparable.h"

const char *const nl_table_files[NL_TABLES] = {"trials.csv", "curves.csv", "timing.csv", "summary.csv", "metrics.csv"};
const char *const nl_store_files[] = {"experiment.yaml", "trials.csv", "curves.csv", "timing.csv", "summary.csv",
                                      "metrics.csv",     nl_sums_file, ".lock",      NULL};

struct nl_store nl_store_at(const char *folder)
{
    return (struct nl_store){.folder = (char *)folder, .lock = -1};
}

static char *in_folder(const struct nl_store *store, const char *name)
{
    return nl_path_join(store->folder, name);
}

char *nl_store_trial_path(const struct nl_store *store, const struct nl_trial *trial)
{
    return nl_format("%s/trials/%s.trial", store->folder, trial->id);
}

char *nl_store_checkpoint_path(const struct nl_store *store, const struct nl_trial *trial)
{
    return nl_format("%s/trials/%s.checkpoint", store->folder, trial->id);
}

bool nl_store_exists(const char *folder)
{
    char *path = nl_path_join(folder, "experiment.yaml");
    bool exists = nl_file_is_plain(path);
    if (!exists) {
        nl_path_look_again(path);
        exists = nl_file_is_plain(path);
    }
    free(path);
    return exists;
}

int nl_store_read(const char *folder, struct nl_experiment *experiment, struct nl_provenance *made,
                  struct nl_error *err)
{
    struct nl_diagnostics diagnostics = {0};
    char *path = nl_path_join(folder, "experiment.yaml");
    int status = NL_OK;
    if (!nl_file_is_plain(path)) {
        status = nl_fail(err, "'%s' holds no results: there is no '%s'", folder, path);
    } else if (nl_experiment_load(path, NULL, 0, experiment, &diagnostics) ||
               nl_provenance_read(path, made, &diagnostics)) {
        char *text = nl_diagnostics_text(&diagnostics);
        text[strcspn(text, "\n")] = '\0';
        status = nl_fail(err, "cannot tell what results '%s' holds: %s", folder, text);
        free(text);
    } else {
        experiment->elsewhere = true;
    }
    nl_diagnostics_release(&diagnostics);
    free(path);
    return status;
}

bool nl_store_fits(const char *folder, const struct nl_experiment *experiment)
{
    struct nl_experiment there;
    struct nl_provenance made;
    struct nl_error ignored;
    struct nl_text differences = {0};
    if (!nl_store_exists(folder) || nl_store_read(folder, &there, &made, &ignored))
        return false;
    nl_compare_experiments(&there, folder, experiment, "", &differences);
    bool fits = differences.length == 0;
    nl_text_release(&differences);
    return fits;
}

int nl_store_grid(const char *folder, const struct nl_experiment *experiment, struct nl_grid *out, struct nl_error *err)
{
    struct nl_diagnostics diagnostics = {0};
    int status = nl_grid_make(experiment, out, &diagnostics);
    if (status) {
        nl_fail(err, "'%s/experiment.yaml' is no longer a legal experiment: %s", folder, diagnostics.at[0].message);
        nl_grid_release(out);
    }
    nl_diagnostics_release(&diagnostics);
    return status;
}

bool nl_store_in_use(const char *folder)
{
    char *path = nl_path_join(folder, ".lock");
    int file = nl_file_open_plain(path, O_RDONLY, NULL);
    bool in_use = file >= 0 && flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (file >= 0)
        close(file);
    free(path);
    return in_use;
}

/* True: it is ours. Who only asks whether the folder is in use holds the lock for an instant: that is waited for. */
static bool try_lock(int file)
{
    enum { TRIES = 5, PAUSE_NS = 10000000 };
    for (int i = 0; i < TRIES; i++) {
        if (flock(file, LOCK_EX | LOCK_NB) == 0)
            return true;
        if (errno != EWOULDBLOCK)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
    errno = EWOULDBLOCK;
    return false;
}

enum { OWNER = 300 }; /* characters of .lock: process and machine, of which POSIX allows 255 */

static const char *name_machine(char name[OWNER])
{
    if (gethostname(name, OWNER) != 0 || strpbrk(name, " \n"))
        *name = '\0';
    return name;
}

/* flock, not a file that is there or not: the kernel lets go of it however the program ends, and a file server when the
 * machine is gone. */
static int take_lock(struct nl_store *store, struct nl_error *err)
{
    char *path = in_folder(store, ".lock");
    store->lock = nl_file_open_plain(path, O_RDWR | O_CREAT, err);
    int status = NL_OK;
    if (store->lock < 0) {
        status = NL_FAIL;
    } else if (!try_lock(store->lock)) {
        char owner[OWNER] = "", machine[OWNER] = "", here[OWNER];
        long process = 0;
        ssize_t got = errno == EWOULDBLOCK ? pread(store->lock, owner, sizeof owner - 1, 0) : -1;
        sscanf(owner, "%ld %299s", &process, machine);
        bool elsewhere = *machine && strcmp(machine, name_machine(here)) != 0;
        char *who = process
                        ? nl_format(" (process %ld%s%s)", process, elsewhere ? " on " : "", elsewhere ? machine : "")
                        : nl_strdup("");
        if (got >= 0)
            status = nl_fail(
                err, "cannot work in '%s': another normlab is at work there%s; wait for it or choose another --out",
                store->folder, who);
        else
            status = nl_fail_errno(err, "cannot lock '%s'", path);
        free(who);
    } else {
        char here[OWNER];
        store->local_lock = nl_lock_is_local(store->lock, "");
        /* Other machines read what a file server has. */
        if (ftruncate(store->lock, 0) != 0 ||
            dprintf(store->lock, "%ld %s\n", (long)getpid(), name_machine(here)) < 0 || nl_sync_data(store->lock) != 0)
            status = nl_fail_errno(err, "cannot write '%s'", path);
    }
    free(path);
    return status;
}

char *nl_store_misfit(const struct nl_store *store, const struct nl_datasets *datasets)
{
    struct nl_experiment there;
    struct nl_provenance made;
    struct nl_error err = {0};
    if (nl_store_read(store->folder, &there, &made, &err) || !made.count ||
        !nl_provenance_check(&made, datasets, store->folder, &err))
        return NULL;
    return nl_format("warning: %s; what does not fit is run again", err.text);
}

/* NULL: it is not a folder, or a link to one. */
static DIR *open_folder(const char *path)
{
    int file = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = file < 0 ? NULL : fdopendir(file);
    if (file >= 0 && !directory)
        close(file);
    return directory;
}

/* What a killed program left half-written. */
static int sweep_away_temporaries(DIR *directory, const char *folder)
{
    int swept = 0;
    if (!directory)
        return 0;
    for (struct dirent *entry; (entry = readdir(directory));)
        if (nl_temporary_is_named(entry->d_name)) {
            char *path = nl_path_join(folder, entry->d_name);
            swept += nl_temporary_remove(path);
            free(path);
        }
    closedir(directory);
    return swept;
}

int nl_store_lock(struct nl_store *store, const char *folder, struct nl_error *err)
{
    *store = (struct nl_store){.folder = nl_strdup(folder), .lock = -1};
    int status = take_lock(store, err);
    if (status != NL_OK)
        nl_store_close(store);
    return status;
}

int nl_store_open(struct nl_store *store, const char *folder, const struct nl_showing *showing,
                  struct nl_hidden *hidden, struct nl_error *err)
{
    *store = (struct nl_store){.lock = -1};
    *hidden = (struct nl_hidden){0};
    /* Leaves a folder that is not ours as it is; where another program works, that is the reason, and what it has there
     * changes. */
    if (!nl_store_in_use(folder) && nl_store_refuse(folder, showing, hidden, err))
        return NL_FAIL;
    char *trials = nl_path_join(folder, "trials");
    bool were_there[] = {nl_folder_exists(trials), nl_folder_exists(folder)};
    int status = nl_make_folder(trials, err);
    if (status == NL_OK && (status = nl_store_lock(store, folder, err)) != NL_OK &&
        !nl_store_in_use(folder)) { /* nobody can begin there */
        if (!were_there[0])
            rmdir(trials);
        if (!were_there[1])
            rmdir(folder);
    }
    nl_hidden_release(hidden);
    if (status == NL_OK && (status = nl_store_refuse(folder, showing, hidden, err)) !=
                               NL_OK) /* until it was locked another one may have been there */
        nl_store_close(store);
    if (status == NL_OK) {
        char *plots = nl_path_join(folder, "plots");
        store->swept = sweep_away_temporaries(opendir(folder), folder) +
                       sweep_away_temporaries(open_folder(trials), trials) +
                       sweep_away_temporaries(open_folder(plots), plots);
        free(plots);
    }
    free(trials);
    return status;
}

void nl_store_leave_nothing(const struct nl_store *store)
{
    char *trials = in_folder(store, "trials"), *lock = in_folder(store, ".lock");
    if (!nl_store_exists(store->folder) && rmdir(trials) == 0 && unlink(lock) == 0)
        rmdir(store->folder);
    free(trials);
    free(lock);
}

void nl_store_close(struct nl_store *store)
{
    if (store->lock >= 0)
        close(store->lock);
    free(store->folder);
    free(store->local_lock);
    *store = (struct nl_store){.lock = -1};
}

static int write_text(const struct nl_store *store, const char *name, char *text, struct nl_error *err)
{
    char *path = in_folder(store, name);
    int status = nl_file_write(path, text, strlen(text), err);
    free(path);
    free(text);
    return status;
}

/* Their checksums first: none are ever there of tables that are not. */
static void drop_tables(const struct nl_store *store)
{
    for (int i = -1; i < NL_TABLES; i++) {
        char *path = in_folder(store, i < 0 ? nl_sums_file : nl_table_files[i]);
        unlink(path);
        free(path);
    }
}

/* Who changes a claim after its folder was begun has seen results: the checksum of then stays. */
void nl_store_begun(const char *folder, const struct nl_experiment *experiment, struct nl_begun *begun)
{
    struct nl_experiment before;
    struct nl_provenance made;
    struct nl_error ignored;
    *begun = (struct nl_begun){0};
    if (nl_store_exists(folder)) {
        if (nl_store_read(folder, &before, &made, &ignored) == NL_OK) {
            snprintf(begun->claim, NL_HASH_HEX, "%s", nl_provenance_get(&made, "claim_sha256"));
            nl_provenance_earlier(&made, &begun->earlier);
        }
    } else if (experiment->published) {
        nl_published_hash(experiment, begun->claim);
    }
}

int nl_store_freeze(const struct nl_store *store, const struct nl_experiment *experiment,
                    const struct nl_datasets *datasets, const char *command, const struct nl_begun *begun,
                    struct nl_error *err)
{
    char *resolved = nl_experiment_text(experiment, true);
    char *made = nl_provenance_text(datasets, command, begun->claim, &begun->earlier, &begun->taken);
    struct nl_text whole = {0};
    nl_seal_promise(&whole, "# ");
    nl_text_add(&whole, "%s%s", resolved, made);
    nl_seal_add(&whole, "# ");
    free(resolved);
    free(made);
    drop_tables(store);
    return write_text(store, "experiment.yaml", whole.at, err);
}

int nl_store_load(const struct nl_store *store, const struct nl_trial *trial, struct nl_record *record,
                  struct nl_error *err)
{
    *record = (struct nl_record){0};
    char *path = nl_store_trial_path(store, trial);
    int status = NL_OK;
    if (!nl_file_is_missing(path)) {
        size_t length = 0;
        char *text = nl_file_read_plain(path, &length, err);
        if (!text)
            status = NL_FAIL;
        else if (nl_record_parse(record, text, length, trial->id, err)) {
            nl_fail_in(err, "cannot use '%s'", path);
            nl_record_release(record);
            status = NL_BAD;
        }
        free(text);
    }
    free(path);
    return status;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(a, b);
}

int nl_store_list(const struct nl_store *store, struct nl_store_listing *out, struct nl_error *err)
{
    char *trials = in_folder(store, "trials");
    DIR *directory = opendir(trials);
    if (!directory && errno == ENOENT) {
        nl_path_look_again(trials);
        directory = opendir(trials);
    }
    int status = directory || errno == ENOENT ? NL_OK : nl_fail_errno(err, "cannot read the folder '%s'", trials);
    *out = (struct nl_store_listing){0};
    for (struct dirent *entry; directory && (errno = 0, entry = readdir(directory));)
        if (nl_store_is_trial_file(entry->d_name, ".trial")) {
            NL_GROW(out->id, out->count, out->capacity);
            snprintf(out->id[out->count++], NL_TRIAL_ID, "%.*s", NL_TRIAL_ID - 1, entry->d_name);
        }
    if (directory && errno)
        status = nl_fail_errno(err, "cannot read the folder '%s'", trials);
    if (directory)
        closedir(directory);
    if (out->count)
        qsort(out->id, (size_t)out->count, sizeof *out->id, by_id);
    if (status)
        nl_store_listing_release(out);
    free(trials);
    return status;
}

void nl_store_listing_release(struct nl_store_listing *listing)
{
    free(listing->id);
    *listing = (struct nl_store_listing){0};
}

bool nl_store_lists(const struct nl_store_listing *listing, const struct nl_trial *trial)
{
    return listing->count && bsearch(trial->id, listing->id, (size_t)listing->count, sizeof *listing->id, by_id);
}

int nl_store_load_listed(const struct nl_store *store, const struct nl_store_listing *listing,
                         const struct nl_trial *trial, struct nl_record *record, struct nl_error *err)
{
    *record = (struct nl_record){0};
    return nl_store_lists(listing, trial) ? nl_store_load(store, trial, record, err) : NL_OK;
}

/* The damaged file of a trial that is run again, with what became of it; new string. */
static char *put_aside(const struct nl_store *store, const struct nl_trial *trial, const struct nl_error *damage)
{
    char *path = nl_store_trial_path(store, trial), *aside = store->lock < 0 ? NULL : nl_file_set_aside(path, NULL),
         *line;
    if (aside)
        line = nl_format("%s; it is set aside as '%s', and the trial is run again", damage->text, aside);
    else
        line = nl_format("%s; the trial is run again", damage->text);
    free(aside);
    free(path);
    return line;
}

struct nl_record *nl_store_load_all(const struct nl_store *store, const struct nl_grid *grid,
                                    void (*warn)(const void *context, const char *text), const void *context,
                                    int *present, struct nl_error *err)
{
    struct nl_store_listing listing;
    *present = 0;
    if (nl_store_list(store, &listing, err))
        return NULL;
    struct nl_record *record = nl_alloc((size_t)grid->trials, sizeof *record);
    for (int i = 0; i < grid->trials; i++) {
        int status = nl_store_load_listed(store, &listing, &grid->trial[i], &record[i], err);
        if (status == NL_FAIL) {
            nl_records_release(record, i);
            nl_store_listing_release(&listing);
            return NULL;
        }
        if (status == NL_BAD && warn) {
            char *line = put_aside(store, &grid->trial[i], err);
            warn(context, line);
            free(line);
        }
        *present += record[i].present;
    }
    nl_store_listing_release(&listing);
    return record;
}

int nl_store_save(const struct nl_store *store, const struct nl_trial *trial, const struct nl_record *record,
                  bool durable, struct nl_error *err)
{
    char *text = nl_record_text(record, trial->id, trial->identity);
    char *path = nl_store_trial_path(store, trial);
    durable |= !nl_file_is_missing(path); /* a result is replaced: one of both is there whatever happens */
    int status = durable ? nl_file_write(path, text, strlen(text), err) : nl_file_put(path, text, strlen(text), err);
    free(path);
    free(text);
    return status;
}

int nl_store_sync(const struct nl_store *store, struct nl_error *err)
{
    return nl_disk_sync(store->folder, err);
}

int nl_store_assemble(const struct nl_store *store, const struct nl_grid *grid, const struct nl_record *record,
                      struct nl_error *err)
{
    static char *(*const make[NL_TABLES])(const struct nl_grid *, const struct nl_record *) = {
        nl_trials_csv, nl_curves_csv, nl_timing_csv, NULL, nl_metrics_csv};
    for (int i = 0; i < NL_TABLES; i++) {
        char *text = make[i] ? make[i](grid, record) : NULL;
        if (text && write_text(store, nl_table_files[i], text, err))
            return NL_FAIL;
    }
    return NL_OK;
}

int nl_store_write_tables(const struct nl_store *store, const struct nl_experiment *experiment,
                          const struct nl_grid *grid, const struct nl_record *record, struct nl_error *err)
{
    bool any = false;
    for (int i = 0; i < grid->trials; i++)
        any |= record[i].present;
    int status = nl_store_assemble(store, grid, record, err);
    if (status == NL_OK && any) {
        struct nl_planned planned = nl_grid_planned(grid);
        status = nl_summary_write(store->folder, experiment, &planned, err);
        nl_planned_release(&planned);
    }
    return status ? status : nl_sums_write(store->folder, nl_table_files, NL_TABLES, err);
}

static void add_leftover(struct nl_leftovers *out, const char *folder, const char *name, const char *why)
{
    struct stat info;
    char *path = nl_path_join(folder, name);
    NL_GROW(out->at, out->count, out->capacity);
    out->at[out->count++] =
        (struct nl_leftover){.path = path, .why = why, .bytes = stat(path, &info) == 0 ? info.st_size : 0};
}

/* The trial whose file this is; NULL: it is no trial of the grid. */
static const struct nl_trial *trial_of(const struct nl_grid *grid, const char *name)
{
    char id[NL_TRIAL_ID];
    snprintf(id, sizeof id, "%s", name);
    return nl_grid_find(grid, id);
}

bool nl_store_is_trial_file(const char *name, const char *ending)
{
    return strspn(name, "0123456789abcdef") == NL_TRIAL_ID - 1 && strcmp(name + NL_TRIAL_ID - 1, ending) == 0;
}

/* "0123456789abcdef.trial.damaged-2" */
static bool is_set_aside(const char *name)
{
    const char *mark = strstr(name, ".damaged");
    return mark && strspn(name, "0123456789abcdef") == NL_TRIAL_ID - 1 && mark > name + NL_TRIAL_ID - 1;
}

/* *why: NULL where the file of trials/ is of use. NL_FAIL: that cannot be told. */
static int why_useless(const struct nl_store *store, const struct nl_grid *grid, const char *name, const char **why,
                       struct nl_error *err)
{
    bool checkpoint = nl_store_is_trial_file(name, ".checkpoint");
    const struct nl_trial *trial = trial_of(grid, name);
    *why = is_set_aside(name) ? "set aside as damaged" : NULL;
    if (*why || (!checkpoint && !nl_store_is_trial_file(name, ".trial")))
        return NL_OK;
    struct nl_record record = {0};
    int status = trial ? nl_store_load(store, trial, &record, err) : NL_OK;
    if (!trial)
        *why = "not in the grid";
    else if (checkpoint && record.present && !record.failed)
        *why = "its trial is finished";
    else if (!checkpoint && status == NL_BAD)
        *why = "damaged";
    nl_record_release(&record);
    return status == NL_FAIL ? NL_FAIL : NL_OK;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct nl_leftover *)a)->path, ((const struct nl_leftover *)b)->path);
}

/* "half-written", or NULL: it is no temporary, or somebody writes it. */
static const char *why_temporary(const char *folder, const char *name)
{
    if (!nl_temporary_is_named(name))
        return NULL;
    char *path = nl_path_join(folder, name);
    bool left = nl_temporary_is_left(path);
    free(path);
    return left ? "half-written" : NULL;
}

/* grid: NULL but for trials/; elsewhere only what is half-written is ours. */
static int look_in(const struct nl_store *store, const struct nl_grid *grid, const char *folder, DIR *directory,
                   struct nl_leftovers *out, struct nl_error *err)
{
    int status = directory || errno == ENOENT ? NL_OK : nl_fail_errno(err, "cannot read the folder '%s'", folder);
    for (struct dirent *entry; directory && status == NL_OK;) {
        errno = 0;
        entry = readdir(directory);
        if (!entry) {
            status = errno ? nl_fail_errno(err, "cannot read the folder '%s'", folder) : NL_OK;
            break;
        }
        const char *why = why_temporary(folder, entry->d_name);
        if (!why && grid)
            status = why_useless(store, grid, entry->d_name, &why, err);
        if (why)
            add_leftover(out, folder, entry->d_name, why);
    }
    if (directory)
        closedir(directory);
    return status;
}

int nl_store_leftovers(const struct nl_store *store, const struct nl_grid *grid, struct nl_leftovers *out,
                       struct nl_error *err)
{
    char *trials = in_folder(store, "trials"), *plots = in_folder(store, "plots");
    *out = (struct nl_leftovers){0};
    int status = look_in(store, NULL, store->folder, opendir(store->folder), out, err);
    if (status == NL_OK)
        status = look_in(store, grid, trials, open_folder(trials), out, err);
    DIR *drawn = status == NL_OK ? open_folder(plots) : NULL;
    if (drawn)
        status = look_in(store, NULL, plots, drawn, out, err);
    free(trials);
    free(plots);
    if (out->count)
        qsort(out->at, (size_t)out->count, sizeof *out->at, by_path);
    return status;
}

void nl_leftovers_release(struct nl_leftovers *leftovers)
{
    for (int i = 0; i < leftovers->count; i++)
        free(leftovers->at[i].path);
    free(leftovers->at);
    *leftovers = (struct nl_leftovers){0};
}
