/* Reads and writes files by POSIX calls: a file is written beside its name, synced, and renamed. */
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/memory.h"
#include "base/system.h"
#include "base/temporary.h"

/* The descriptor, or -1 on error. To open a pipe takes no writer here, but to read from it one is waited for. special:
 * pipes and devices will do. */
static int open_to_read(const char *path, bool special, struct stat *info, struct nl_error *err)
{
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0 && errno == ENXIO)
        nl_fail(err, "cannot open '%s': it is not a regular file", path);
    else if (file < 0 || fstat(file, info) != 0)
        nl_fail_errno(err, "cannot open '%s'", path);
    else if (S_ISDIR(info->st_mode))
        nl_fail(err, "cannot read '%s': it is a folder", path);
    else if (!S_ISREG(info->st_mode) && !special)
        nl_fail(err, "cannot read '%s': it is not a regular file", path);
    else if (fcntl(file, F_SETFL, O_RDONLY) != 0)
        nl_fail_errno(err, "cannot open '%s'", path);
    else
        return file;
    if (file >= 0)
        close(file);
    return -1;
}

/* NULL on error. */
static FILE *open_file(const char *path, bool special, struct stat *info, struct nl_error *err)
{
    int descriptor = open_to_read(path, special, info, err);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "rb");
    if (descriptor >= 0 && !file) {
        nl_fail_errno(err, "cannot open '%s'", path);
        close(descriptor);
    }
    return file;
}

FILE *nl_file_open(const char *path, struct nl_error *err)
{
    struct stat info;
    return open_file(path, false, &info, err);
}

/* At most the first `most` bytes. Closes file. */
static char *read_most(FILE *file, const char *path, size_t most, size_t *length, struct nl_error *err)
{
    struct nl_text text = {0};
    char block[NL_READ_BLOCK];
    size_t got;
    while ((got = fread(block, 1, most - text.length < sizeof block ? most - text.length : sizeof block, file)) > 0)
        nl_text_add_bytes(&text, block, got);
    bool failed = ferror(file);
    if (failed)
        nl_fail_errno(err, "cannot read '%s'", path);
    fclose(file);
    if (failed) {
        nl_text_release(&text);
        return NULL;
    }
    if (!text.at)
        nl_text_add_bytes(&text, "", 0);
    if (length)
        *length = text.length;
    return text.at;
}

static char *read_all(FILE *file, const char *path, size_t *length, struct nl_error *err)
{
    return read_most(file, path, SIZE_MAX, length, err);
}

char *nl_file_read(const char *path, size_t *length, struct nl_error *err)
{
    FILE *file = nl_file_open(path, err);
    return file ? read_all(file, path, length, err) : NULL;
}

int nl_file_open_plain(const char *path, int flags, struct nl_error *err)
{
    struct stat info;
    int file = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    if (file < 0 && (errno == ELOOP || errno == ENXIO)) /* ENXIO: a pipe, or a socket */
        nl_fail(err, "cannot open '%s': it is not a regular file%s", path,
                errno == ELOOP ? ", but a symbolic link" : "");
    else if (file < 0)
        nl_fail_errno(err, "cannot open '%s'", path);
    if (file < 0)
        return -1;
    if (fstat(file, &info) != 0)
        nl_fail_errno(err, "cannot open '%s'", path);
    else if (S_ISREG(info.st_mode))
        return file;
    else
        nl_fail(err, "cannot open '%s': it is not a regular file", path);
    close(file);
    return -1;
}

char *nl_file_read_plain(const char *path, size_t *length, struct nl_error *err)
{
    int descriptor = nl_file_open_plain(path, O_RDONLY, err);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "rb");
    if (descriptor >= 0 && !file) {
        nl_fail_errno(err, "cannot read '%s'", path);
        close(descriptor);
    }
    return file ? read_all(file, path, length, err) : NULL;
}

char *nl_file_read_start(const char *path, size_t limit, size_t *total, struct nl_error *err)
{
    struct stat info = {0};
    FILE *file = open_file(path, true, &info, err);
    if (!file)
        return NULL;
    size_t got;
    bool pipe = S_ISFIFO(info.st_mode);
    char *bytes = read_most(file, path, limit, &got, err);
    if (bytes && got == 0 && pipe) {
        nl_fail(err, "cannot read '%s': it is a pipe that nobody writes to", path);
        free(bytes);
        return NULL;
    }
    if (bytes)
        *total = got < limit || (size_t)info.st_size < got ? got : (size_t)info.st_size; /* a device has no size */
    return bytes;
}

char *nl_file_read_gz(const char *path, size_t limit, size_t *length, struct nl_error *err)
{
    struct stat info;
    int descriptor = open_to_read(path, false, &info, err);
    gzFile file = descriptor < 0 ? NULL : gzdopen(descriptor, "rb");
    if (descriptor >= 0 && !file) {
        nl_fail_errno(err, "cannot open '%s'", path);
        close(descriptor);
    }
    if (!file)
        return NULL;
    gzbuffer(file, 1 << 17);
    struct nl_text text = {0};
    char block[NL_READ_BLOCK];
    int got;
    bool failed = false;
    while ((got = gzread(file, block, sizeof block)) > 0) {
        nl_text_add_bytes(&text, block, (size_t)got);
        if (limit && text.length > limit) {
            nl_fail(err, "'%s' is too large: more than %zu bytes unpacked", path, limit);
            failed = true;
            break;
        }
    }
    int code = Z_OK;
    const char *reason = gzerror(file, &code);
    const char *behind = strncmp(reason, "<fd:", 4) == 0 ? strstr(reason, ">: ") : NULL;
    if (behind)
        reason = behind + 3; /* the message names the descriptor */
    if (!failed && (got < 0 || code == Z_BUF_ERROR || code == Z_DATA_ERROR)) {
        nl_fail(err, "cannot unpack '%s': %s", path, code == Z_ERRNO ? strerror(errno) : reason);
        failed = true;
    }
    int closed = gzclose(file);
    if (!failed && closed != Z_OK) {
        nl_fail(err, "cannot unpack '%s': the file ends too early", path);
        failed = true;
    }
    if (failed) {
        nl_text_release(&text);
        return NULL;
    }
    if (!text.at)
        nl_text_add_bytes(&text, "", 0);
    *length = text.length;
    return text.at;
}

bool nl_file_is_special(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

static bool write_all(int file, const char *bytes, size_t length)
{
    while (length) {
        ssize_t put = write(file, bytes, length);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        bytes += put;
        length -= (size_t)put;
    }
    return true;
}

/* A file system that knows no such thing is as durable as it can be. */
static bool sync_all(int file)
{
    return fsync(file) == 0 || errno == EINVAL;
}

static int put(const char *path, const void *bytes, size_t length, bool sync, struct nl_error *err)
{
    char *half;
    int file = nl_temporary_create(path, &half);
    if (file < 0)
        return nl_fail_errno(err, "cannot create '%s'", path);
    bool good = write_all(file, bytes, length) && (!sync || sync_all(file)), ours = nl_temporary_is_same(file, half);
    int why = errno, held = dup(file),
        status = NL_OK; /* closing tells of failures to write, and the lock stays until the file has its name */
    if (close(file) != 0 && good) {
        good = false;
        why = errno;
    }
    errno = why;
    if (good && !ours) {
        status = nl_fail(err, "cannot write '%s': another program took its half-written file away", path);
    } else if (!good || rename(half, path) != 0) {
        status = nl_fail_errno(err, "cannot write '%s'", path);
        unlink(half);
    }
    if (held >= 0)
        close(held);
    free(half);
    return status;
}

static int sync_path(const char *path, int flags, struct nl_error *err)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | flags);
    bool good = file >= 0 ? sync_all(file)
                          : flags & O_DIRECTORY && errno == EACCES; /* a folder that may be written, but not read */
    if (!good)
        nl_fail_errno(err, "cannot write '%s'", path);
    if (file >= 0)
        close(file);
    return good ? NL_OK : NL_FAIL;
}

int nl_file_sync(const char *path, struct nl_error *err)
{
    return sync_path(path, O_NOFOLLOW | O_NONBLOCK, err);
}

int nl_folder_sync(const char *path, struct nl_error *err)
{
    return sync_path(path, O_DIRECTORY, err);
}

int nl_disk_sync(const char *folder, struct nl_error *err)
{
    int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int status = file >= 0 && nl_sync_file_system(file) == 0
                     ? NL_OK
                     : nl_fail_errno(err, "cannot write to the disk of '%s'", folder);
    if (file >= 0)
        close(file);
    return status;
}

/* The names in the folder of path. */
static int sync_folder_of(const char *path, struct nl_error *err)
{
    char *folder = nl_path_folder(path);
    int status = nl_folder_sync(folder, err);
    free(folder);
    return status;
}

int nl_file_write(const char *path, const void *bytes, size_t length, struct nl_error *err)
{
    return put(path, bytes, length, true, err) || sync_folder_of(path, err) ? NL_FAIL : NL_OK;
}

int nl_file_put(const char *path, const void *bytes, size_t length, struct nl_error *err)
{
    return put(path, bytes, length, false, err);
}

int nl_output_write(const char *path, const void *bytes, size_t length, struct nl_error *err)
{
    if (!nl_file_is_special(path)) /* /dev/stdout, a pipe: renaming would put a file in its place */
        return nl_file_write(path, bytes, length, err);
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return nl_fail_errno(err, "cannot open '%s'", path);
    bool good = write_all(file, bytes, length);
    if (!good)
        nl_fail_errno(err, "cannot write '%s'", path);
    close(file);
    return good ? NL_OK : NL_FAIL;
}

bool nl_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool nl_file_is_plain(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 ? S_ISREG(info.st_mode) : errno != ENOENT && errno != ENOTDIR;
}

void nl_path_look_again(const char *path)
{
    char *above = nl_path_folder(path);
    int file = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0 && errno == ENOENT && strcmp(above, path) != 0) {
        nl_path_look_again(above);
        file = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (file >= 0)
        close(file);
    free(above);
}

bool nl_file_is_missing(const char *path)
{
    struct stat info;
    return lstat(path, &info) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

char *nl_file_set_aside(const char *path, struct nl_error *err)
{
    char *aside = nl_format("%s.damaged", path);
    for (int i = 2; !nl_file_is_missing(aside) && i < 1000; i++) {
        free(aside);
        aside = nl_format("%s.damaged-%d", path, i);
    }
    if (rename(path, aside) == 0)
        return aside;
    nl_fail_errno(err, "cannot rename '%s'", path);
    free(aside);
    return NULL;
}

bool nl_folder_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

int nl_make_folders(const char *path, struct nl_error *err)
{
    char *partial = nl_strdup(path);
    int status = NL_OK;
    for (char *at = partial + 1; status == NL_OK; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char kept = *at;
        *at = '\0';
        struct stat info;
        bool made = mkdir(partial, 0777) == 0;
        if (!made && errno != EEXIST)
            status = nl_fail_errno(err, "cannot create the folder '%s'", partial);
        else if (made)
            status = sync_folder_of(partial, err);
        else if (stat(partial, &info) == 0 && !S_ISDIR(info.st_mode))
            status = nl_fail(err, "cannot create the folder '%s': a file of that name is there", partial);
        *at = kept;
        if (kept == '\0')
            break;
    }
    free(partial);
    return status;
}

int nl_make_folder(const char *path, struct nl_error *err)
{
    struct stat info;
    if (nl_make_folders(path, err))
        return NL_FAIL;
    if (lstat(path, &info) == 0 && !S_ISDIR(info.st_mode))
        return nl_fail(err, "cannot use the folder '%s': it is a symbolic link", path);
    return NL_OK;
}

char *nl_path_join(const char *folder, const char *name)
{
    if (name[0] == '/')
        return nl_strdup(name);
    size_t length = strlen(folder);
    return nl_format("%s%s%s", folder, !length || folder[length - 1] == '/' ? "" : "/", name);
}

char *nl_path_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return nl_strdup(".");
    if (slash == path)
        return nl_strdup("/");
    char *folder = nl_strdup(path);
    folder[slash - path] = '\0';
    return folder;
}

/* The place of a file that is not there: its folder, without links, and its name. New string. */
static char *place_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = nl_path_folder(path), *real = realpath(folder, NULL);
    char *place = nl_path_join(real ? real : folder, slash ? slash + 1 : path);
    free(real);
    free(folder);
    return place;
}

bool nl_path_same(const char *a, const char *b)
{
    struct stat info, other;
    bool there = stat(a, &info) == 0, other_there = stat(b, &other) == 0;
    if (there || other_there)
        return there && other_there && info.st_dev == other.st_dev && info.st_ino == other.st_ino;
    char *place = place_of(a), *other_place = place_of(b);
    bool same = strcmp(place, other_place) == 0;
    free(place);
    free(other_place);
    return same;
}
