/* Checks the seal or the checksum of each file in a results folder. */
#include "sweep/verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/files.h"
#include "base/safetensors.h"
#include "base/seal.h"
#include "base/sums.h"
#include "sweep/store.h"

static void add_problem(struct nl_verified *out, const struct nl_error *err)
{
    out->bad++;
    nl_text_add(&out->problems, "%s\n", err->text);
}

static void add_unsealed(struct nl_verified *out, const char *what)
{
    nl_text_add(&out->unsealed, "%s%s", out->unsealed.length ? ", " : "", what);
}

/* ---- experiment.yaml ---- */

/* Whether it could be read. */
static bool check_experiment(const char *folder, struct nl_experiment *experiment, struct nl_provenance *made,
                             struct nl_verified *out)
{
    struct nl_error err;
    char *path = nl_path_join(folder, "experiment.yaml");
    size_t length, sealed;
    char *text = nl_file_read_plain(path, &length, &err);
    bool good = text && nl_store_read(folder, experiment, made, &err) == NL_OK;
    if (!good)
        add_problem(out, &err);
    else if (nl_seal_check(text, length, "# ", &sealed) == NL_OK && sealed == length)
        add_unsealed(out, "experiment.yaml");
    free(text);
    free(path);
    return good;
}

/* ---- the tables ---- */

/* What SHA256SUMS holds; NULL: there is none. New string. */
static char *read_sums(const char *folder, struct nl_verified *out)
{
    struct nl_error err;
    char *path = nl_path_join(folder, nl_sums_file), *text = NULL;
    if (!nl_file_is_missing(path) && !(text = nl_file_read_plain(path, NULL, &err)) && !nl_file_is_missing(path))
        add_problem(out, &err);
    free(path);
    return text;
}

static void check_table(const char *folder, const char *name, const char *sums, struct nl_verified *out)
{
    struct nl_csv csv;
    struct nl_error err;
    char *path = nl_path_join(folder, name), *end = nl_format("  %s\n", name);
    int status = nl_csv_read(path, &csv, &err);
    bool missing = status && nl_file_is_missing(path);
    out->tables += !missing;
    if (missing)
        nl_fail(&err, "'%s' is missing", path);
    if (status == NL_OK && strcmp(name, nl_table_files[0]) == 0)
        out->rows = csv.rows;
    if (status == NL_OK)
        nl_csv_release(&csv);
    else if (!missing || (sums && strstr(sums, end)))
        add_problem(out, &err);
    free(path);
    free(end);
}

/* A sweep may take the tables away, or write them, in between: SHA256SUMS is another then, and they are looked at
 * anew. */
static void check_tables(const char *folder, struct nl_verified *out)
{
    enum { TRIES = 3 };
    bool same = false;
    for (int i = 0; i < TRIES && !same; i++) {
        struct nl_verified found = {0}, ignored = {0};
        char *sums = read_sums(folder, &found);
        for (int t = 0; t < NL_TABLES; t++)
            check_table(folder, nl_table_files[t], sums, &found);
        char *after = read_sums(folder, &ignored);
        same = sums && after ? strcmp(sums, after) == 0 : sums == after;
        if (same) {
            out->tables = found.tables;
            out->rows = found.rows;
            out->bad += found.bad;
            nl_text_add(&out->problems, "%s", found.problems.at ? found.problems.at : "");
            if (found.tables && !sums && !found.bad)
                add_unsealed(out, found.tables == 1 ? "the table" : "the tables");
        }
        free(sums);
        free(after);
        nl_verified_release(&found);
        nl_verified_release(&ignored);
    }
}

/* ---- trials and checkpoints ---- */

static int check_trial(const char *path, const char *name, const char *bytes, size_t length, struct nl_error *err)
{
    struct nl_record record;
    char id[NL_TRIAL_ID] = "";
    memcpy(id, name, NL_TRIAL_ID - 1);
    int status = nl_record_parse(&record, bytes, length, id, err);
    nl_record_release(&record);
    return status ? nl_fail_in(err, "cannot use '%s'", path) : NL_OK;
}

static int check_checkpoint(const char *path, const char *bytes, size_t length, struct nl_error *err)
{
    struct nl_tensor_file file;
    if (nl_safetensors_parse(path, bytes, length, &file, err))
        return NL_FAIL;
    bool sealed = file.sealed;
    nl_safetensors_release(&file);
    return sealed ? NL_OK : nl_fail(err, "cannot use '%s': it has no checksum", path);
}

static void check_file(const char *folder, const char *name, struct nl_verified *out)
{
    bool trial = nl_store_is_trial_file(name, ".trial"), checkpoint = nl_store_is_trial_file(name, ".checkpoint");
    if (!trial && !checkpoint)
        return;
    struct nl_error err;
    size_t length;
    char *path = nl_path_join(folder, name), *bytes = nl_file_read_plain(path, &length, &err);
    if (bytes || !nl_file_is_missing(path)) { /* a checkpoint goes when its trial is finished */
        out->trials += trial;
        out->checkpoints += checkpoint;
        if (!bytes ||
            (trial ? check_trial(path, name, bytes, length, &err) : check_checkpoint(path, bytes, length, &err)))
            add_problem(out, &err);
    }
    free(bytes);
    free(path);
}

static void check_trials(const char *folder, struct nl_verified *out)
{
    struct nl_error err;
    struct dirent **entry;
    char *trials = nl_path_join(folder, "trials");
    int file = open(trials, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
        count = file < 0 ? -1 : scandir(trials, &entry, NULL, alphasort);
    if (count < 0) {
        nl_fail_errno(&err, "cannot read the folder '%s'", trials);
        add_problem(out, &err);
    }
    for (int i = 0; i < count; i++) {
        check_file(trials, entry[i]->d_name, out);
        free(entry[i]);
    }
    if (count >= 0)
        free(entry);
    if (file >= 0)
        close(file);
    free(trials);
}

/* ---- what is missing ---- */

/* Whether there is no such trial; that it cannot be found out is a problem. */
static bool is_absent(const char *path, struct nl_verified *out)
{
    struct nl_error err;
    struct stat info;
    if (lstat(path, &info) == 0)
        return false;
    bool absent = errno == ENOENT || errno == ENOTDIR;
    if (!absent) {
        nl_fail_errno(&err, "cannot look at '%s'", path);
        add_problem(out, &err);
    }
    return absent;
}

/* Looks for the trials of the grid by their names. Another version of the program may have given others: then nobody
 * can tell. */
static void count_absent(const char *folder, const struct nl_experiment *experiment, const struct nl_provenance *made,
                         struct nl_verified *out)
{
    const struct nl_store store = nl_store_at(folder);
    struct nl_grid grid;
    if (nl_store_grid(folder, experiment, &grid, NULL))
        return;
    bool named = nl_grid_recognize(&grid, made, NULL) == NL_OK;
    int absent = 0;
    for (int i = 0; i < grid.trials && named; i++) {
        char *path = nl_store_trial_path(&store, &grid.trial[i]);
        absent += is_absent(path, out);
        free(path);
    }
    if (named && (absent < grid.trials || out->trials == 0)) {
        out->planned = grid.trials;
        out->absent = absent;
    }
    nl_grid_release(&grid);
}

/* A program that works there has not written all yet. */
static void check_whole(const char *folder, struct nl_verified *out)
{
    struct nl_error err;
    int there = out->planned ? out->planned - out->absent : out->trials;
    if (nl_store_in_use(folder))
        return;
    if (out->rows > there) {
        nl_fail(&err, "trials are missing in '%s/trials': 'trials.csv' has %d, and there are %d", folder, out->rows,
                there);
        add_problem(out, &err);
    }
    if (out->planned && !out->absent && !out->tables) {
        nl_fail(&err, "the tables of '%s' are missing, and all of its trials are there", folder);
        add_problem(out, &err);
    }
}

void nl_store_verify(const char *folder, struct nl_verified *out)
{
    *out = (struct nl_verified){0};
    struct nl_experiment experiment;
    struct nl_provenance made;
    bool known = check_experiment(folder, &experiment, &made, out);
    check_tables(folder, out);
    if (known && experiment.import) { /* whose trials are rows of the tables alone */
        out->imported = true;
        return;
    }
    check_trials(folder, out);
    if (known)
        count_absent(folder, &experiment, &made, out);
    check_whole(folder, out);
}

void nl_verified_release(struct nl_verified *verified)
{
    nl_text_release(&verified->problems);
    nl_text_release(&verified->unsealed);
}
