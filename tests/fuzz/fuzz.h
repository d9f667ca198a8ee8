/* What the fuzz targets share: the input as a file, by itself or as one of a data set.
 *
 * A target is a file of this folder with LLVMFuzzerTestOneInput, linked with libFuzzer (run.sh) or, for the tests, with replay.c, which
 * feeds it the corpus. It must stop the program (nl_bug_at, a sanitizer) at what is wrong; that the reader refuses its input is right.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A folder of this process, in memory where the system has that; run.sh and test_fuzz.sh remove it with all that they make. */
static inline const char *fuzz_folder(void)
{
    static char folder[64];
    if (!folder[0]) {
        const char *root = getenv("TMPDIR");
        snprintf(folder, sizeof folder, "%s/fuzz-XXXXXX", root && root[0] ? root : "/tmp");
        if (!mkdtemp(folder))
            NL_BUG("cannot make the folder '%s'", folder);
    }
    return folder;
}

/* Makes NAME in fuzz_folder of these bytes; returns its path, which holds until the next call. */
static inline const char *fuzz_file(const char *name, const void *data, size_t size)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
    FILE *file = fopen(path, "wb");
    if (!file || (size && fwrite(data, 1, size, file) != size) || fclose(file) != 0)
        NL_BUG("cannot write '%s'", path);
    return path;
}

/* A configuration whose data set lies in fuzz_folder; made once, with its files 0 to files - 1 as put_good makes them. */
static inline struct nl_config *fuzz_data(enum nl_data_name name, int files, void (*put_good)(int file))
{
    static struct nl_config config;
    if (!config.data.dir) {
        nl_config_defaults(&config);
        config.data.name = name;
        config.data.dir = (char *)(uintptr_t)fuzz_folder();
        for (int file = 0; file < files; file++)
            put_good(file);
    }
    return &config;
}

#endif
