/* Files: read whole, written whole or not at all.
 *
 * A name that the user gives may be a link or a device. What stands in a results folder may be somebody else's: files
 * and folders in it are opened as plain ones, or not at all, and no link is followed.
 */
#ifndef NL_BASE_FILES_H
#define NL_BASE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

enum { NL_READ_BLOCK = 16384 }; /* bytes that are read at a time, on the stack */

/* Opens a regular file, be it by a link, to read it; whatever else has the name is refused at once. fclose() it; NULL
 * on error. */
FILE *nl_file_open(const char *path, struct nl_error *err);

/* The whole of such a file, terminated by a zero byte that *length does not count; free() it. NULL on error. */
char *nl_file_read(const char *path, size_t *length, struct nl_error *err);

/* Opens a regular file with these flags of open(2); a link is not followed, and a pipe not waited for. -1 on error. */
int nl_file_open_plain(const char *path, int flags, struct nl_error *err);
char *nl_file_read_plain(const char *path, size_t *length, struct nl_error *err);

/* As nl_file_read, but at most the first `limit` bytes; *total: how long the file is. Devices and pipes are read, too,
 * and *total is what was read of them; a pipe that nobody writes to is an error. */
char *nl_file_read_start(const char *path, size_t limit, size_t *total, struct nl_error *err);

/* As nl_file_read, unpacking gzip where the content is gzip (zlib); a plain file is read as it is. More than `limit`
 * bytes unpacked is an error (0: no limit). */
char *nl_file_read_gz(const char *path, size_t limit, size_t *length, struct nl_error *err);

/* Writes to a new file beside path (base/temporary.h) and renames it: readers see the old file or the new one, never a
 * half. It is on the disk when this returns, so this holds after a power cut, too. What has the name already, also a
 * link, is replaced and not written to. */
int nl_file_write(const char *path, const void *bytes, size_t length, struct nl_error *err);

/* Writes a file without waiting for the disk: until nl_disk_sync was called, a power cut may leave anything under
 * the name. */
int nl_file_put(const char *path, const void *bytes, size_t length, struct nl_error *err);
int nl_disk_sync(const char *folder, struct nl_error *err); /* all that was written to the file system that it is on */
int nl_file_sync(const char *path, struct nl_error *err);   /* what the file holds */
int nl_folder_sync(const char *path, struct nl_error *err); /* which names it has */

/* Writes to a name that the user gives: a device or a pipe (nl_file_is_special) is written to, and stays what it is. */
int nl_output_write(const char *path, const void *bytes, size_t length, struct nl_error *err);

/* Gives a file that is bad another name, PATH.damaged (or .damaged-2, ...), where it can be looked at and is in
 * nobody's way. The new name, or NULL: it could not be renamed, and stays. */
char *nl_file_set_aside(const char *path, struct nl_error *err);

bool nl_file_is_special(const char *path);                                /* there, and neither a file nor a folder */
bool nl_file_exists(const char *path);
bool nl_file_is_plain(const char *path);   /* a regular file and no link, as far as can be told */
bool nl_file_is_missing(const char *path); /* it is known that there is none: what cannot be looked at may be there */
bool nl_folder_exists(const char *path);

/* Before it is believed that path is missing: a machine on NFS remembers for up to a minute what was not there
 * (acdirmax in nfs(5)), and asks its server when it opens the folder. So the folders above are opened, from the first
 * that is there on. */
void nl_path_look_again(const char *path);
int nl_make_folders(const char *path, struct nl_error *err);              /* mkdir -p */
int nl_make_folder(const char *path, struct nl_error *err);               /* the same, and path itself is no link */
char *nl_path_join(const char *folder,
                   const char *name); /* new string; an absolute name stays as it is; folder "": the current one */
bool nl_path_same(const char *a, const char *b); /* one file, also by links, or one place where there is none yet */
char *nl_path_folder(const char *path);          /* new string: dirname, "." where there is none */

#endif
