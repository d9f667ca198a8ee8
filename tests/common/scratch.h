/* A new, empty folder for a test's files, and its removal. */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

static inline char *scratch_make(void)
{
    const char *root = getenv("TMPDIR");
    char *folder = nl_format("%s/normlab-test-XXXXXX", root && root[0] ? root : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    return folder;
}

static inline int scratch_remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)kind, (void)where;
    return remove(path);
}

static inline void scratch_remove(char *folder)
{
    nftw(folder, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(folder);
}

#endif
