/* NumPy's archives of arrays, .npz: a zip whose members are .npy files, stored (numpy.savez) or deflated
 * (numpy.savez_compressed), of any length (zip64). An array of one is named by a path: "mnist.npz/x_train.npy". Not
 * read: archives of several disks, encrypted ones. Source: PKWARE, APPNOTE.TXT 6.3.10, and RFC 1951. */
#ifndef NL_BASE_NPZ_H
#define NL_BASE_NPZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

struct nl_npz_member {
    char *name; /* "x_train.npy" */
    unsigned method, flags;
    uint32_t checksum;
    uint64_t packed, size, header; /* bytes in the archive and unpacked; where its own header begins */
};

struct nl_npz {
    char *path;
    FILE *file;
    uint64_t end; /* where the members' bytes end */
    int members;
    struct nl_npz_member *member;
};

/* Reads the directory of an archive. What was opened is closed by nl_npz_close, which is also right after an error. */
int nl_npz_open(const char *path, struct nl_npz *out, struct nl_error *err);
void nl_npz_close(struct nl_npz *archive);

/* At most the first `most` bytes of a member, unpacked, and *total, how many there are. The checksum is that of all,
 * and compared where all are read. What a member is said to unpack to is bounded by what deflate can make of its bytes.
 * free() it. NULL on error. */
char *nl_npz_read(const struct nl_npz *archive, const char *name, size_t most, size_t *total, struct nl_error *err);

/* "mnist.npz/x_train.npy": the archive, a new string, and *name, the member's part of path. NULL: path names no member
 * of an archive that is there. */
char *nl_npz_split(const char *path, const char **name);

#endif
