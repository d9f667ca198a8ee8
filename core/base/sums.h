/* SHA256SUMS: the checksums of files beside it, a line each, as `sha256sum -c` reads them. */
#ifndef NL_BASE_SUMS_H
#define NL_BASE_SUMS_H

#include <stddef.h>

#include "base/error.h"

extern const char nl_sums_file[]; /* "SHA256SUMS" */

/* Writes FOLDER/SHA256SUMS over those of these files in it that are there. */
int nl_sums_write(const char *folder, const char *const *name, int count, struct nl_error *err);

/* Whether the file, which holds these bytes, fits the SHA256SUMS beside it; it does where there is none. NL_BAD: it
 * does not fit, or has no line there; NL_FAIL: SHA256SUMS cannot be read. */
int nl_sums_check(const char *path, const void *bytes, size_t length, struct nl_error *err);

#endif
