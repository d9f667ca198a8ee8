/* An archive into a folder, with libarchive. Only what a data set's archive holds is taken: regular files directly in
 * one known folder. A path that leads elsewhere, a link or a device is refused, not mended. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/sums.h"
#include "cmd.h"
#include "fetch/fetch.h"
#include "fetch/libraries.h"

struct target {
    const char *archive, *inner, *folder;
    int64_t left;        /* bytes that may still come */
    struct nl_text sums; /* of SHA256SUMS */
};

/* The file's own name, or NULL: no regular file directly in the archive's folder, or one whose name SHA256SUMS could
 * not tell, or is. */
static const char *plain_name(const struct target *to, struct archive_entry *entry)
{
    const char *path = lib.archive_entry_pathname(entry);
    size_t length = strlen(to->inner);
    if (!path || strncmp(path, to->inner, length) != 0 || path[length] != '/')
        return NULL;
    const char *name = path + length + 1;
    bool regular = lib.archive_entry_filetype(entry) == AE_IFREG && !lib.archive_entry_hardlink(entry);
    bool plain = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == strlen(name) &&
                 strcmp(name, nl_sums_file) != 0;
    return regular && plain && *name && *name != '.' ? name : NULL;
}

static int put(int file, const char *path, const char *bytes, size_t length, struct nl_error *err)
{
    for (size_t done = 0; done < length;) {
        ssize_t written = write(file, bytes + done, length - done);
        if (written < 0 && errno != EINTR)
            return nl_fail_errno(err, "cannot write '%s'", path);
        done += written < 0 ? 0 : (size_t)written;
    }
    return NL_OK;
}

static int copy(struct target *to, struct archive *from, int file, const char *path, struct nl_hash *hash,
                struct nl_error *err)
{
    char block[NL_READ_BLOCK];
    for (la_ssize_t got; (got = lib.archive_read_data(from, block, sizeof block)) != 0;) {
        to->left -= got;
        if (got < 0)
            return nl_fail(err, "cannot unpack '%s': %s", to->archive, lib.archive_error_string(from));
        if (to->left < 0)
            return nl_fail(err, "cannot unpack '%s': it holds more than a data set's files", to->archive);
        if (interrupted)
            return nl_fail(err, "interrupted");
        nl_hash_add(hash, block, (size_t)got);
        if (put(file, path, block, (size_t)got, err))
            return NL_FAIL;
    }
    return fsync(file) == 0 ? NL_OK : nl_fail_errno(err, "cannot write '%s'", path);
}

static int take_file(struct target *to, struct archive *from, const char *name, struct nl_error *err)
{
    char *path = nl_path_join(to->folder, name), hex[NL_HASH_HEX];
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    int status = NL_OK;
    if (file < 0) {
        status = nl_fail_errno(err, "cannot unpack '%s': cannot create '%s'", to->archive, path);
    } else {
        struct nl_hash *hash = nl_hash_start();
        status = copy(to, from, file, path, hash, err);
        nl_hash_finish(hash, hex);
        close(file);
        nl_text_add(&to->sums, "%s  %s\n", hex, name);
    }
    free(path);
    return status;
}

static int take_all(struct target *to, struct archive *from, struct nl_error *err)
{
    struct archive_entry *entry;
    int code;
    while ((code = lib.archive_read_next_header(from, &entry)) == ARCHIVE_OK) {
        const char *name = plain_name(to, entry);
        if (!name && lib.archive_entry_filetype(entry) == AE_IFDIR)
            continue; /* we make the only folder that is needed */
        if (!name) {
            const char *path = lib.archive_entry_pathname(entry);
            return nl_fail(err, "cannot unpack '%s': '%s' is not a regular file in '%s/'", to->archive,
                           path ? path : "", to->inner);
        }
        if (take_file(to, from, name, err))
            return NL_FAIL;
    }
    if (code != ARCHIVE_EOF)
        return nl_fail(err, "cannot unpack '%s': %s", to->archive, lib.archive_error_string(from));
    if (!to->sums.at)
        return nl_fail(err, "cannot unpack '%s': it is empty", to->archive);
    char *path = nl_path_join(to->folder, nl_sums_file);
    int status = nl_file_write(path, to->sums.at, to->sums.length, err);
    free(path);
    return status;
}

int unpack(const char *archive, const char *inner, const char *into, int64_t limit, struct nl_error *err)
{
    struct target to = {.archive = archive, .inner = inner, .folder = into, .left = limit};
    if (nl_make_folder(into, err))
        return NL_FAIL;
    struct archive *from = lib.archive_read_new();
    NL_ASSERT(from);
    lib.archive_read_support_filter_gzip(from);
    lib.archive_read_support_format_tar(from);
    int status = lib.archive_read_open_filename(from, archive, NL_READ_BLOCK) == ARCHIVE_OK
                     ? take_all(&to, from, err)
                     : nl_fail(err, "cannot unpack '%s': %s", archive, lib.archive_error_string(from));
    lib.archive_read_free(from);
    nl_text_release(&to.sums);
    return status;
}
