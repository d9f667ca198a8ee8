/* What the fuzz targets share: the input as a file, by itself or as one of several.
 *
 * A target is a file of this folder with LLVMFuzzerTestOneInput, linked with libFuzzer (run.sh) or, for the tests, with
 * replay.c, which feeds it the corpus. It must stop the program (nl_bug_at, a sanitizer) at what is wrong; that the
 * reader refuses its input is right.
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

/* ---- a disk in memory (disk.c): all that the readers see; there is nothing else on it ---- */

#define FUZZ_FOLDER "fuzz"

/* Makes FUZZ_FOLDER/NAME of these bytes, or writes it anew; returns its path. */
const char *fuzz_file(const char *name, const void *data, size_t size);
void fuzz_remove(const char *path);
const char *fuzz_bytes(const char *path,
                       size_t *length); /* what a file holds, ended by a zero byte; NULL: it is not there */

/* A configuration whose data set lies in FUZZ_FOLDER; made once, with its files 0 to files - 1 as put_good makes
 * them. */
static inline struct nl_config *fuzz_data(enum nl_data_name name, int files, void (*put_good)(int file))
{
    static struct nl_config config;
    if (!config.data.dir) {
        nl_config_defaults(&config);
        config.data.name = name;
        config.data.dir = (char *)(uintptr_t)FUZZ_FOLDER;
        for (int file = 0; file < files; file++)
            put_good(file);
    }
    return &config;
}

#endif
