/* A disk in memory for the targets: the functions of base/files.h that readers and writers call, and the two of the
 * system beside them, are wrapped (CMakeLists.txt) and know the files of fuzz_file alone. No execution touches a
 * disk. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/memory.h"
#include "fuzz.h"

enum { MOST_FILES = 32 };

static struct file {
    char path[64];
    char *bytes; /* NULL: there is none of this name */
    size_t length;
    time_t written; /* a count in place of a time: what was written since is another file */
} files[MOST_FILES];

static time_t writes;

static struct file *find(const char *path)
{
    for (struct file *file = files; file < files + MOST_FILES && file->path[0]; file++)
        if (strcmp(file->path, path) == 0)
            return file;
    return NULL;
}

static struct file *find_there(const char *path)
{
    struct file *file = find(path);
    if (file && file->bytes)
        return file;
    errno = ENOENT;
    return NULL;
}

static void put(const char *path, const void *bytes, size_t length)
{
    struct file *file = find(path);
    for (int i = 0; !file && i < MOST_FILES; i++)
        if (!files[i].path[0])
            file = &files[i];
    if (!file || strlen(path) >= sizeof file->path)
        NL_BUG("no room for '%s'", path);
    memmove(file->path, path, strlen(path) + 1); /* path may be its own */
    free(file->bytes);
    file->bytes = nl_alloc(length + 1, 1);
    file->length = length;
    file->written = ++writes;
    if (length)
        memcpy(file->bytes, bytes, length);
}

const char *fuzz_file(const char *name, const void *data, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, FUZZ_FOLDER "/%s", name);
    put(path, data, size);
    return find(path)->path;
}

void fuzz_remove(const char *path)
{
    struct file *file = find(path);
    if (file) {
        free(file->bytes);
        file->bytes = NULL;
    }
}

const char *fuzz_bytes(const char *path, size_t *length)
{
    const struct file *file = find_there(path);
    if (file && length)
        *length = file->length;
    return file ? file->bytes : NULL;
}

/* ---- reading: each time a block of its own, as long as the bytes and the zero byte, so that no step behind them goes
 * unseen ---- */

static char *take(const char *path, size_t most, size_t *length, size_t *total, struct nl_error *err)
{
    const struct file *file = find_there(path);
    if (!file) {
        nl_fail_errno(err, "cannot open '%s'", path);
        return NULL;
    }
    size_t got = file->length < most ? file->length : most;
    char *bytes = nl_alloc(got + 1, 1);
    memcpy(bytes, file->bytes, got);
    if (length)
        *length = got;
    if (total)
        *total = file->length;
    return bytes;
}

char *__wrap_nl_file_read(const char *path, size_t *length, struct nl_error *err);
char *__wrap_nl_file_read_plain(const char *path, size_t *length, struct nl_error *err);
char *__wrap_nl_file_read_start(const char *path, size_t limit, size_t *total, struct nl_error *err);
char *__wrap_nl_file_read_gz(const char *path, size_t limit, size_t *length, struct nl_error *err);
char *__real_nl_file_read_gz(const char *path, size_t limit, size_t *length, struct nl_error *err);

char *__wrap_nl_file_read(const char *path, size_t *length, struct nl_error *err)
{
    return take(path, SIZE_MAX, length, NULL, err);
}

char *__wrap_nl_file_read_plain(const char *path, size_t *length, struct nl_error *err)
{
    return take(path, SIZE_MAX, length, NULL, err);
}

char *__wrap_nl_file_read_start(const char *path, size_t limit, size_t *total, struct nl_error *err)
{
    return take(path, limit, NULL, total, err);
}

/* What is read of it by places is a stream of the same bytes. */
FILE *__wrap_nl_file_open(const char *path, struct nl_error *err);

FILE *__wrap_nl_file_open(const char *path, struct nl_error *err)
{
    const struct file *file = find_there(path);
    FILE *out = file ? fmemopen(file->bytes, file->length, "rb") : NULL;
    if (!out)
        nl_fail_errno(err, "cannot open '%s'", path);
    return out;
}

/* zlib reads files only: what is packed goes to one that is in memory. */
char *__wrap_nl_file_read_gz(const char *path, size_t limit, size_t *length, struct nl_error *err)
{
    static int packed = -1;
    const struct file *file = find_there(path);
    if (!file || file->length < 2 || memcmp(file->bytes, "\x1f\x8b", 2) != 0)
        return take(path, SIZE_MAX, length, NULL, err);
    if (packed < 0)
        packed = memfd_create("packed", MFD_CLOEXEC);
    if (packed < 0 || ftruncate(packed, 0) != 0 ||
        pwrite(packed, file->bytes, file->length, 0) != (ssize_t)file->length)
        NL_BUG("cannot write what is packed");
    char real[32];
    snprintf(real, sizeof real, "/proc/self/fd/%d", packed);
    return __real_nl_file_read_gz(real, limit, length, err);
}

/* ---- what there is ---- */

bool __wrap_nl_file_exists(const char *path);
bool __wrap_nl_file_is_plain(const char *path);
bool __wrap_nl_file_is_missing(const char *path);
int __wrap_stat(const char *path, struct stat *info);
int __real_stat(const char *path, struct stat *info);
char *__wrap_realpath(const char *path, char *resolved);
char *__real_realpath(const char *path, char *resolved);

/* libFuzzer asks for files of its own. */
static bool is_ours(const char *path)
{
    return strncmp(path, FUZZ_FOLDER "/", sizeof FUZZ_FOLDER) == 0;
}

bool __wrap_nl_file_exists(const char *path)
{
    return find_there(path);
}

bool __wrap_nl_file_is_plain(const char *path)
{
    return find_there(path);
}

bool __wrap_nl_file_is_missing(const char *path)
{
    return !find_there(path);
}

int __wrap_stat(const char *path, struct stat *info)
{
    if (!is_ours(path))
        return __real_stat(path, info);
    const struct file *file = find_there(path);
    if (file)
        *info = (struct stat){.st_mode = S_IFREG, .st_size = (off_t)file->length, .st_mtime = file->written};
    return file ? 0 : -1;
}

char *__wrap_realpath(const char *path, char *resolved)
{
    if (!is_ours(path))
        return __real_realpath(path, resolved);
    return find_there(path) ? nl_strdup(path) : NULL; /* resolved is always NULL */
}

/* ---- writing ---- */

int __wrap_nl_file_write(const char *path, const void *bytes, size_t length, struct nl_error *err);
int __wrap_nl_output_write(const char *path, const void *bytes, size_t length, struct nl_error *err);
int __wrap_nl_make_folder(const char *path, struct nl_error *err);
int __wrap_nl_make_folders(const char *path, struct nl_error *err);

int __wrap_nl_file_write(const char *path, const void *bytes, size_t length, struct nl_error *err)
{
    (void)err;
    put(path, bytes, length);
    return NL_OK;
}

int __wrap_nl_output_write(const char *path, const void *bytes, size_t length, struct nl_error *err)
{
    return __wrap_nl_file_write(path, bytes, length, err);
}

int __wrap_nl_make_folder(const char *path, struct nl_error *err)
{
    (void)path, (void)err;
    return NL_OK;
}

int __wrap_nl_make_folders(const char *path, struct nl_error *err)
{
    return __wrap_nl_make_folder(path, err);
}
