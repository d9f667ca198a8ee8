/* Looks for finished trials in the folders beside a results folder, and copies them. */
#include "sweep/reuse.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/seal.h"
#include "sweep/rounds.h"
#include "train/train.h"

bool nl_may_reuse(const struct nl_experiment *experiment, const struct nl_choice *choice)
{
    return !experiment->published && !choice->shards;
}

/* ---- folders ---- */

static int open_folder(int above, const char *name)
{
    return openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/* The folder that `folder` is in, as a path: "." and ".." have no name in it that could be cut off. New string. */
static char *parent_of(const char *folder)
{
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/')
        length--;
    char *path = nl_format("%.*s", (int)length, folder);
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *parent = strspn(name, ".") == strlen(name) ? nl_path_join(path, "..") : nl_path_folder(path);
    free(path);
    return parent;
}

struct names {
    int count, capacity;
    char **at;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A name with a line break could not stand in the file of a trial. */
static bool is_printable(const char *name)
{
    for (; *name; name++)
        if ((unsigned char)*name < ' ' || *name == 127)
            return false;
    return true;
}

/* What may be folders of `directory`, sorted. */
static struct names list_folders(DIR *directory)
{
    struct names out = {0};
    for (struct dirent *entry; (entry = readdir(directory));)
        if (*entry->d_name != '.' && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) &&
            is_printable(entry->d_name)) {
            NL_GROW(out.at, out.count, out.capacity);
            out.at[out.count++] = nl_strdup(entry->d_name);
        }
    if (out.count)
        qsort(out.at, (size_t)out.count, sizeof *out.at, by_name);
    return out;
}

static void release_names(struct names *names)
{
    for (int i = 0; i < names->count; i++)
        free(names->at[i]);
    free(names->at);
}

/* ---- taking ---- */

struct search {
    const struct nl_grid *grid;
    const struct nl_choice *choice;
    struct nl_record *record;  /* [grid->trials] */
    const struct nl_store *to; /* NULL: nothing is written */
    bool *wanted;              /* [grid->trials] still looked for */
    int left;                  /* how many of them there are */
    struct nl_reuse *out;
    struct nl_text *earlier; /* NULL: nobody asks */
};

/* What the folder was made with, if it is sealed and of these numerics. */
static bool read_made(const char *folder, struct nl_provenance *made)
{
    struct nl_diagnostics ignored = {0};
    struct nl_error err;
    size_t length = 0, sealed;
    char *path = nl_path_join(folder, "experiment.yaml"), *text = nl_file_read_plain(path, &length, &err);
    bool good = text && nl_seal_check(text, length, "# ", &sealed) == NL_OK &&
                nl_provenance_read(path, made, &ignored) == NL_OK &&
                strtol(nl_provenance_get(made, "numerics"), NULL, 10) == NL_NUMERICS_VERSION;
    nl_diagnostics_release(&ignored);
    free(text);
    free(path);
    return good;
}

/* Keeps the record as the trial's. Its times are another sweep's: of another machine, or of other trials beside it. */
static int keep(struct search *search, int number, struct nl_record *found, const char *taken, struct nl_error *err)
{
    if (!found->taken)
        found->taken = nl_strdup(taken);
    found->seconds = NAN;
    found->worker = 0;
    int status = search->to ? nl_store_save(search->to, &search->grid->trial[number], found, false, err) : NL_OK;
    if (status == NL_OK) {
        nl_record_release(&search->record[number]);
        search->record[number] = *found;
        *found = (struct nl_record){0};
        search->wanted[number] = false;
        search->left--;
    }
    return status;
}

/* there[count]: trials that the folder has files of. NL_FAIL: a copy cannot be written. */
static int take(struct search *search, const char *folder, const int *there, int count, struct nl_error *err)
{
    const struct nl_store from = nl_store_at(folder);
    struct nl_provenance made;
    struct nl_error ignored;
    int status = NL_OK, taken = 0;
    if (!read_made(folder, &made))
        return NL_OK;
    char *builds = nl_provenance_builds(&made), *origin = nl_format("%s (%s)", folder, builds);
    for (int i = 0; i < count && status == NL_OK; i++) {
        const struct nl_trial *trial = &search->grid->trial[there[i]];
        struct nl_record found;
        if (nl_store_load(&from, trial, &found, &ignored) == NL_OK && found.calibrated &&
            !nl_is_wanted(trial, &found, search->choice)) {
            status = keep(search, there[i], &found, origin, err);
            taken += status == NL_OK;
        }
        nl_record_release(&found);
    }
    if (taken) {
        NL_GROW(search->out->at, search->out->count, search->out->capacity);
        search->out->at[search->out->count++] = (struct nl_source_folder){nl_strdup(folder), taken};
        search->out->trials += taken;
        if (search->earlier)
            nl_provenance_earlier(&made, search->earlier);
    }
    free(builds);
    free(origin);
    return status;
}

/* holder: the open folder whose trials/ are looked through. */
static int look_in(struct search *search, int holder, const char *folder, struct nl_error *err)
{
    int file = open_folder(holder, "trials"), status = NL_OK, count = 0, capacity = 0, *there = NULL;
    DIR *directory = file < 0 ? NULL : fdopendir(file);
    if (file >= 0 && !directory)
        close(file);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        char id[NL_TRIAL_ID] = "";
        if (!nl_store_is_trial_file(entry->d_name, ".trial"))
            continue;
        memcpy(id, entry->d_name, NL_TRIAL_ID - 1);
        const struct nl_trial *trial = nl_grid_find(search->grid, id);
        if (trial && search->wanted[trial - search->grid->trial]) {
            NL_GROW(there, count, capacity);
            there[count++] = (int)(trial - search->grid->trial);
        }
    }
    if (directory)
        closedir(directory);
    if (count)
        status = take(search, folder, there, count, err);
    free(there);
    return status;
}

/* Where everybody may write, as in /tmp, only what this user made is trusted. */
static bool is_trusted(int above, const struct stat *folder)
{
    struct stat info;
    return fstat(above, &info) == 0 && (!(info.st_mode & S_IWOTH) || folder->st_uid == geteuid());
}

/* own: the folder that the trials are looked for in behalf of. */
static int look_beside(struct search *search, int above, const char *parent, const char *name, const struct stat *own,
                       struct nl_error *err)
{
    struct stat info;
    int status = NL_OK, beside = open_folder(above, name);
    bool other = beside >= 0 && fstat(beside, &info) == 0 && is_trusted(above, &info) &&
                 (!own || info.st_dev != own->st_dev || info.st_ino != own->st_ino);
    for (int i = 0; i < NL_ROUND_FOLDERS && other && status == NL_OK && search->left; i++) {
        const char *round = nl_round_folders[i];
        int holder = open_folder(beside, *round ? round : ".");
        if (holder < 0)
            continue;
        char *path = strcmp(parent, ".") == 0 ? nl_strdup(name) : nl_path_join(parent, name),
             *folder = *round ? nl_path_join(path, round) : nl_strdup(path);
        status = look_in(search, holder, folder, err);
        free(folder);
        free(path);
        close(holder);
    }
    if (beside >= 0)
        close(beside);
    return status;
}

/* Which trials are looked for. */
static void choose(struct search *search, const int *todo, int count)
{
    search->wanted = nl_alloc((size_t)search->grid->trials + 1, sizeof *search->wanted);
    for (int i = 0; i < count; i++) {
        const struct nl_record *record = &search->record[todo[i]];
        bool wanted =
            (!record->present || record->failed) && !nl_config_observes_points(&search->grid->trial[todo[i]].config);
        search->wanted[todo[i]] = wanted;
        search->left += wanted;
    }
}

int nl_reuse(const char *folder, const struct nl_grid *grid, const struct nl_choice *choice, struct nl_record *record,
             int *todo, int *count, const struct nl_store *to, struct nl_reuse *out, struct nl_text *earlier,
             struct nl_error *err)
{
    struct search search = {.grid = grid, .choice = choice, .record = record, .to = to, .out = out, .earlier = earlier};
    struct stat own;
    *out = (struct nl_reuse){0};
    choose(&search, todo, *count);
    char *parent = parent_of(folder);
    DIR *directory = search.left ? opendir(parent) : NULL;
    bool known = stat(folder, &own) == 0;
    struct names names = {0};
    int status = NL_OK;
    if (directory)
        names = list_folders(directory);
    for (int i = 0; i < names.count && status == NL_OK && search.left; i++)
        status = look_beside(&search, dirfd(directory), parent, names.at[i], known ? &own : NULL, err);
    if (directory)
        closedir(directory);
    int left = 0;
    for (int i = 0; i < *count; i++)
        if (nl_is_wanted(&grid->trial[todo[i]], &record[todo[i]], choice))
            todo[left++] = todo[i];
    *count = left;
    release_names(&names);
    free(search.wanted);
    free(parent);
    return status == NL_OK && to && out->trials ? nl_store_sync(to, err) : status;
}

void nl_reuse_release(struct nl_reuse *reuse)
{
    for (int i = 0; i < reuse->count; i++)
        free(reuse->at[i].folder);
    free(reuse->at);
    *reuse = (struct nl_reuse){0};
}

/* ---- what became of it ---- */

static const char *date_text(int64_t seconds, char out[32])
{
    struct tm utc;
    time_t when = (time_t)seconds;
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&when, &utc));
    return out;
}

void nl_taken_lines(const struct nl_record *record, int trials, struct nl_text *out)
{
    bool *told = nl_alloc((size_t)trials + 1, sizeof *told);
    for (int i = 0; i < trials; i++) {
        if (!record[i].taken || told[i])
            continue;
        int64_t first = record[i].started, last = first;
        int count = 0;
        for (int k = i; k < trials; k++)
            if (record[k].taken && strcmp(record[k].taken, record[i].taken) == 0) {
                told[k] = true;
                count++;
                first = record[k].started < first ? record[k].started : first;
                last = record[k].started > last ? record[k].started : last;
            }
        char from[32], to[32];
        nl_text_add(out, "%s: %s, begun from %s to %s\n", record[i].taken, NL_COUNT(count, "trial"),
                    date_text(first, from), date_text(last, to));
    }
    free(told);
}
