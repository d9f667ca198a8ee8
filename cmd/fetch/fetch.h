/* `normlab data fetch`: the published files of a data set, into a folder.
 *
 *     catalogue.c  which files, from where, with which SHA-256
 *     fetch.c      what is missing: the lock, the room on the disk, the mirrors in turn, the sums, the final names
 *     download.c   one URL into one file (libcurl)
 *     unpack.c     an archive into a folder (libarchive)
 *     absent.c     instead of the last three, in a build without these libraries
 *
 * A file is known by its sum: so a broken download goes on from another mirror too, and whatever comes from wherever is
 * either the published file or not used. A file has its final name only once it is whole, checked and on the disk;
 * until then it is NAME.part.
 */
#ifndef NL_CMD_FETCH_FETCH_H
#define NL_CMD_FETCH_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"

enum { MOST_FILES = 4, MOST_MIRRORS = 8, LONGEST_URL = 256 };

struct remote_file {
    char name[64];
    int64_t bytes;
    char sha256[NL_HASH_HEX];
};

struct remote_set {
    const char *name;                       /* of the data set; NULL ends the catalogue */
    char mirror[MOST_MIRRORS][LONGEST_URL]; /* URLs of folders with the files, tried in this order; "" ends them */
    struct remote_file file[MOST_FILES];
    int files;
    const char *unpacks_to; /* NULL, or the one folder in the archive, which is the only file */
    int64_t unpacked;       /* bytes that the archive unpacks to, at most */
};

extern const struct remote_set remote_sets[];

const struct remote_set *find_remote_set(const char *name); /* NULL: there is none */

/* Puts the files of a manifest in the place of set's: lines "SHA-256 BYTES NAME", # starts a comment. */
int read_manifest(const char *path, struct remote_set *set, struct nl_error *err);

/* Puts mirrors of the user's own in the place of set's: base URLs separated by blanks, each of which holds <data
 * set>/<file>. */
int use_mirrors(const char *urls, struct remote_set *set, struct nl_error *err);

/* Makes folder hold the files of set; *fetched: how many were not there before. patience: seconds without a byte after
 * which a server is given up. NL_FAIL, too, where `interrupted` was set: what had come is kept, and the same call goes
 * on. */
int fetch(const struct remote_set *set, const char *folder, double patience, int *fetched, struct nl_error *err);

/* ---- the parts ---- */

enum download_end {
    DOWNLOAD_WHOLE,   /* the file has its size; what is in it is for the caller to check */
    DOWNLOAD_BROKEN,  /* worth another try: the connection or the server failed; what had come is kept */
    DOWNLOAD_REFUSED, /* this server does not have the file, or has another one */
    DOWNLOAD_STOPPED  /* interrupted, or the disk failed: no other mirror helps */
};

/* Gets url, a file of so many bytes, into `part`, going on after what is there. why: set unless WHOLE. */
enum download_end download(const char *url, const char *part, const struct remote_file *file, double patience,
                           struct nl_error *why);

/* Unpacks archive (.tar.gz) into the new folder `into`: regular files directly in its folder `inner`, anything else is
 * refused. Adds SHA256SUMS, as sha256sum -c reads it. limit: bytes, at most. */
int unpack(const char *archive, const char *inner, const char *into, int64_t limit, struct nl_error *err);

#endif
