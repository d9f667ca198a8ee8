#include "fetch/fetch.h"
#include "fetch/libraries.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/memory.h"
#include "cmd.h"

enum { ROUNDS = 3 /* over the mirrors */ };

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *format, ...)
{
    if (output.quiet)
        return;
    va_list args;
    va_start(args, format);
    vtell(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* 0 where there is none */
static int64_t size_of(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? (int64_t)info.st_size : 0;
}

static int sum_of(const char *path, char hex[NL_HASH_HEX], struct nl_error *err)
{
    FILE *file = nl_file_open(path, err);
    if (!file)
        return NL_FAIL;
    struct nl_hash *hash = nl_hash_start();
    char block[NL_READ_BLOCK];
    for (size_t got; (got = fread(block, 1, sizeof block, file)) > 0;)
        nl_hash_add(hash, block, got);
    nl_hash_finish(hash, hex);
    bool failed = ferror(file);
    fclose(file);
    return failed ? nl_fail(err, "cannot read '%s'", path) : NL_OK;
}

/* A file that has its final name and is not the published one may be the user's own: it is not touched. */
static int check_sum(const char *path, const char *expected, const char *remove, struct nl_error *err)
{
    char hex[NL_HASH_HEX];
    if (sum_of(path, hex, err))
        return NL_FAIL;
    if (strcmp(hex, expected) != 0)
        return nl_fail(
            err,
            "'%s' exists and is not the published file (its SHA-256 is %.12s..., not %.12s...); remove '%s', or "
            "choose another --dir",
            path, hex, expected, remove);
    return NL_OK;
}

static int give_name(const char *part, const char *final, const char *folder, struct nl_error *err)
{
    if (nl_file_sync(part, err))
        return NL_FAIL;
    if (rename(part, final) != 0)
        return nl_fail_errno(err, "cannot rename '%s'", part);
    return nl_folder_sync(folder, err);
}

/* ---- one file from the mirrors ---- */

/* As long as each connection brings something, from one mirror; then whether it is the file. */
static enum download_end get_from(const char *url, const char *part, const struct remote_file *file, double patience,
                                  struct nl_error *why)
{
    int64_t first = size_of(part), before;
    enum download_end end;
    do {
        before = size_of(part);
        end = download(url, part, file, patience, why);
        if (end == DOWNLOAD_BROKEN && size_of(part) > before)
            note("%s: %s, at %lld of %s; resuming", file->name, why->text, (long long)size_of(part),
                 NL_COUNT(file->bytes, "byte"));
    } while (end == DOWNLOAD_BROKEN && size_of(part) > before);
    if (end == DOWNLOAD_REFUSED && first == 0)
        unlink(part);
    if (end != DOWNLOAD_WHOLE)
        return end;

    char hex[NL_HASH_HEX];
    if (sum_of(part, hex, why))
        return DOWNLOAD_STOPPED;
    if (strcmp(hex, file->sha256) == 0)
        return DOWNLOAD_WHOLE;
    nl_fail(why, "wrong SHA-256 %.12s..., expected %.12s...", hex, file->sha256);
    unlink(part);
    return first ? DOWNLOAD_BROKEN : DOWNLOAD_REFUSED; /* the first bytes may be at fault: once more from the start */
}

static void wait_before(int round)
{
    for (double until = nl_seconds() + round; !interrupted && nl_seconds() < until;)
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

/* Each mirror in turn, several times while there is hope. */
static int get(const struct remote_set *set, const struct remote_file *file, const char *part, double patience,
               struct nl_error *err)
{
    struct nl_error why[MOST_MIRRORS] = {0};
    bool refused[MOST_MIRRORS] = {0}, hope = true;
    double began = nl_seconds();
    for (int round = 0; round < ROUNDS && hope && !interrupted; round++) {
        hope = false;
        wait_before(round);
        for (int i = 0; i < MOST_MIRRORS && *set->mirror[i] && !interrupted; i++) {
            if (refused[i])
                continue;
            char *url = nl_format("%s/%s", set->mirror[i], file->name);
            enum download_end end = get_from(url, part, file, patience, &why[i]);
            if (end == DOWNLOAD_WHOLE) {
                char bytes[32];
                note("%s: %s in %.1f s", file->name, nl_bytes_text((double)file->bytes, bytes), nl_seconds() - began);
            } else if (end != DOWNLOAD_STOPPED) {
                note("%s: %s", url, why[i].text);
            }
            free(url);
            if (end == DOWNLOAD_WHOLE)
                return NL_OK;
            if (end == DOWNLOAD_STOPPED)
                return nl_fail(err, "cannot fetch '%s': %s", file->name, why[i].text);
            refused[i] = end == DOWNLOAD_REFUSED;
            hope |= !refused[i];
        }
    }
    nl_fail(err, "cannot fetch '%s':", file->name);
    for (int i = 0; i < MOST_MIRRORS && *set->mirror[i]; i++) {
        char *before = nl_strdup(err->text);
        nl_fail(err, "%s\n  %s: %s", before, set->mirror[i], why[i].text);
        free(before);
    }
    return NL_FAIL;
}

/* ---- an archive and its folder ---- */

/* Removes what an unpacking that did not end has left: only a folder itself, since one that a link leads to is
 * somebody's. */
static void remove_folder(const char *folder)
{
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *entries = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (!entries) {
        if (descriptor >= 0)
            close(descriptor);
        return;
    }
    for (struct dirent *entry; (entry = readdir(entries));)
        unlinkat(dirfd(entries), entry->d_name, 0);
    closedir(entries);
    rmdir(folder);
}

/* The folder as SHA256SUMS in it says. */
static int check_folder(const char *folder, struct nl_error *err)
{
    char *list = nl_path_join(folder, "SHA256SUMS");
    char *text = nl_file_exists(list) ? nl_file_read(list, NULL, err) : NULL, *rest = text;
    int status = NL_OK;
    if (!text)
        status =
            nl_fail(err,
                    "'%s' exists and was not made by data fetch, which cannot tell whether it is whole; remove it, or "
                    "choose another --dir",
                    folder);
    for (char *line; status == NL_OK && (line = strsep(&rest, "\n")) && *line;) {
        char sum[NL_HASH_HEX], name[64];
        if (sscanf(line, "%64s %63s", sum, name) != 2) {
            status = nl_fail(err, "cannot read '%s'; remove '%s'", list, folder);
            break;
        }
        char *path = nl_path_join(folder, name);
        status = check_sum(path, sum, folder, err);
        free(path);
    }
    free(text);
    free(list);
    return status;
}

static int unpack_whole(const struct remote_set *set, const char *archive, const char *folder, const char *final,
                        struct nl_error *err)
{
    char *part = nl_format("%s.part", final);
    note("%s: unpacking", set->file[0].name);
    remove_folder(part);
    int status = unpack(archive, set->unpacks_to, part, set->unpacked, err);
    if (status == NL_OK)
        status = give_name(part, final, folder, err);
    if (status)
        remove_folder(part);
    free(part);
    return status;
}

/* ---- the data set ---- */

/* What one file becomes: itself, or its archive's folder. */
struct place {
    char *final, *archive, *part; /* archive: where the user may have put it himself; NULL for a plain file */
};

static struct place place_of(const struct remote_set *set, const char *folder, int file)
{
    char *path = nl_path_join(folder, set->file[file].name);
    struct place it = {.part = nl_format("%s.part", path)};
    it.final = set->unpacks_to ? nl_path_join(folder, set->unpacks_to) : path;
    it.archive = set->unpacks_to ? path : NULL;
    return it;
}

static void release_place(struct place *it)
{
    free(it->final);
    free(it->archive);
    free(it->part);
}

/* What is there is checked; room for the rest is. *missing: bits of the files. */
static int look(const struct remote_set *set, const char *folder, unsigned *missing, struct nl_error *err)
{
    int64_t need = 0;
    int status = NL_OK;
    *missing = 0;
    for (int i = 0; i < set->files && status == NL_OK; i++) {
        struct place it = place_of(set, folder, i);
        if (!nl_file_exists(it.final)) {
            *missing |= 1u << i;
            bool archive_there = it.archive && nl_file_exists(it.archive);
            need += set->unpacked + (archive_there ? 0 : set->file[i].bytes - size_of(it.part));
        } else {
            status = it.archive ? check_folder(it.final, err) : check_sum(it.final, set->file[i].sha256, it.final, err);
        }
        release_place(&it);
    }
    struct statvfs disk;
    if (status == NL_OK && need > 0 && statvfs(folder, &disk) == 0) {
        double room = (double)disk.f_bavail * (double)disk.f_frsize;
        char wanted[32], there[32];
        if ((double)need > room)
            return nl_fail(err, "cannot fetch '%s': it needs %s, and the disk of '%s' has %s", set->name,
                           nl_bytes_text((double)need, wanted), folder, nl_bytes_text(room, there));
    }
    return status;
}

static int fetch_one(const struct remote_set *set, const char *folder, int file, double patience, struct nl_error *err)
{
    struct place it = place_of(set, folder, file);
    const struct remote_file *remote = &set->file[file];
    int status;
    if (!it.archive) {
        status = get(set, remote, it.part, patience, err);
        if (status == NL_OK)
            status = give_name(it.part, it.final, folder, err);
    } else if (nl_file_exists(it.archive)) {
        status = check_sum(it.archive, remote->sha256, it.archive, err);
        if (status == NL_OK)
            status = unpack_whole(set, it.archive, folder, it.final, err);
    } else {
        status = get(set, remote, it.part, patience, err);
        if (status == NL_OK)
            status = unpack_whole(set, it.part, folder, it.final, err);
        if (status == NL_OK)
            unlink(it.part);
    }
    release_place(&it);
    return status;
}

static int fetch_missing(const struct remote_set *set, const char *folder, double patience, int *fetched,
                         struct nl_error *err)
{
    unsigned missing;
    if (look(set, folder, &missing, err))
        return NL_FAIL;
    if (missing)
        note("fetching %s into %s", set->name, folder);
    for (int i = 0; i < set->files; i++) {
        if (!(missing >> i & 1))
            continue;
        if (fetch_one(set, folder, i, patience, err))
            return NL_FAIL;
        (*fetched)++;
    }
    return NL_OK;
}

int fetch(const struct remote_set *set, const char *folder, double patience, int *fetched, struct nl_error *err)
{
    *fetched = 0;
    if (load_libraries(err) || nl_make_folders(folder, err))
        return NL_FAIL;
    int lock = open(folder, O_RDONLY | O_DIRECTORY |
                                O_CLOEXEC); /* the folder itself: nothing to clean up, whatever ends the program */
    int status = NL_OK;
    if (lock < 0)
        status = nl_fail_errno(err, "cannot open '%s'", folder);
    else if (flock(lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        status = nl_fail(err, "cannot fetch into '%s': another normlab is at work there; wait for it", folder);
    else
        status = fetch_missing(set, folder, patience, fetched, err);
    if (lock >= 0)
        close(lock);
    return status;
}
