/* An archive of a data set, as it is unpacked.
 *
 *     1 byte    bit 0: the checksums of tar headers are made right here, which the fuzzer could not
 *
 * Files are made directly in the one folder, each once, new and under a plain name, and hold no more bytes than they
 * may; SHA256SUMS names each of them and no other. The functions of the system that make them are wrapped
 * (CMakeLists.txt).
 */
#include <archive.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "cmd.h"
#include "fetch/fetch.h"
#include "fetch/libraries.h"
#include "fuzz.h"

enum { LIMIT = 2048, BLOCK = 512, MOST_NAMES = 16, DESCRIPTOR = 1 << 20 };

atomic_int interrupted;

static const char into[] = FUZZ_FOLDER "/into", inner[] = "data";
static const uint8_t *input;
static size_t input_size;

/* What was unpacked. */
static struct {
    int count;
    char *name[MOST_NAMES];
    size_t bytes; /* of all */
} unpacked;

static int open_input(struct archive *from, const char *path, size_t block)
{
    (void)path, (void)block;
    return archive_read_open_memory(from, input, input_size);
}

int __wrap_open(const char *path, int flags, ...);
int __real_open(const char *path, int flags, ...);
ssize_t __wrap_write(int file, const void *bytes, size_t length);
ssize_t __real_write(int file, const void *bytes, size_t length);
int __wrap_fsync(int file);
int __wrap_close(int file);
int __real_close(int file);

int __wrap_open(const char *path, int flags, ...)
{
    size_t folder = sizeof into - 1;
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (strncmp(path, FUZZ_FOLDER, sizeof FUZZ_FOLDER - 1) != 0)
        return __real_open(path, flags, mode);
    NL_ASSERT(strncmp(path, into, folder) == 0 && path[folder] == '/' && (flags & O_CREAT) && (flags & O_EXCL) &&
              (flags & O_NOFOLLOW));
    const char *name = path + folder + 1;
    NL_ASSERT(*name && *name != '.' && !strchr(name, '/') && strcmp(name, "SHA256SUMS") != 0);
    for (int i = 0; i < unpacked.count; i++)
        if (strcmp(unpacked.name[i], name) == 0) {
            errno = EEXIST;
            return -1;
        }
    if (unpacked.count == MOST_NAMES) {
        errno = ENOSPC;
        return -1;
    }
    unpacked.name[unpacked.count++] = nl_strdup(name);
    return DESCRIPTOR;
}

ssize_t __wrap_write(int file, const void *bytes, size_t length)
{
    if (file != DESCRIPTOR)
        return __real_write(file, bytes, length);
    unpacked.bytes += length;
    NL_ASSERT(unpacked.bytes <= LIMIT);
    return (ssize_t)length;
}

int __wrap_fsync(int file)
{
    NL_ASSERT(file == DESCRIPTOR);
    return 0;
}

int __wrap_close(int file)
{
    return file == DESCRIPTOR ? 0 : __real_close(file);
}

/* Checksums of the headers that follow one another by their sizes. */
static void correct_headers(uint8_t *bytes, size_t size)
{
    enum { SIZE = 124, SUM = 148 };
    for (size_t at = 0; at + BLOCK <= size;) {
        char length[13] = {0}, sum[8];
        unsigned total = 0;
        memset(bytes + at + SUM, ' ', sizeof sum);
        for (int i = 0; i < BLOCK; i++)
            total += bytes[at + (size_t)i];
        snprintf(sum, sizeof sum, "%06o", total);
        memcpy(bytes + at + SUM, sum, 7);
        memcpy(length, bytes + at + SIZE, 12);
        size_t data = strtoul(length, NULL, 8);
        if (data > size)
            return;
        at += BLOCK + (data + BLOCK - 1) / BLOCK * BLOCK;
    }
}

static void check_sums(void)
{
    const char *at = fuzz_bytes(FUZZ_FOLDER "/into/SHA256SUMS", NULL);
    NL_ASSERT(at && unpacked.count);
    for (int i = 0; i < unpacked.count; i++) {
        size_t length = strlen(unpacked.name[i]);
        NL_ASSERT(strspn(at, "0123456789abcdef") == NL_HASH_HEX - 1 && memcmp(at + NL_HASH_HEX - 1, "  ", 2) == 0);
        at += NL_HASH_HEX + 1;
        NL_ASSERT(strcspn(at, "\n") == length && memcmp(at, unpacked.name[i], length) == 0);
        at += length + 1;
    }
    NL_ASSERT(!*at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nl_error err;
    if (!lib.archive_read_new) {
        if (load_libraries(&err))
            NL_BUG("%s", err.text);
        lib.archive_read_open_filename = open_input;
    }
    if (size == 0)
        return 0;
    uint8_t *bytes = nl_alloc(size, 1);
    memcpy(bytes, data + 1, size - 1);
    if (data[0] & 1)
        correct_headers(bytes, size - 1);
    input = bytes;
    input_size = size - 1;
    if (unpack("archive", inner, into, LIMIT, &err) == NL_OK)
        check_sums();
    while (unpacked.count)
        free(unpacked.name[--unpacked.count]);
    unpacked.bytes = 0;
    fuzz_remove(FUZZ_FOLDER "/into/SHA256SUMS");
    free(bytes);
    return 0;
}
