/* IDX files, plain and packed.
 *
 *     1 byte    bits 0 and 1: which of the four files the rest is, the others being good; bit 2: the name ends in .gz;
 * bit 3: packed by gzip here, which the fuzzer could not
 */
#include <string.h>
#include <zlib.h>

#include "base/memory.h"
#include "data/data.h"
#include "fuzz.h"

enum { SIDE = 28, NAME = 1 << 2, PACK = 1 << 3 };

static const char *const files[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                                    "t10k-labels-idx1-ubyte"};

static void put_good(int file)
{
    uint8_t images[16 + 2 * SIDE * SIDE] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, SIDE, 0, 0, 0, SIDE},
                                   labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 3, 9};
    fuzz_file(files[file], file % 2 ? labels : images, file % 2 ? sizeof labels : sizeof images);
}

/* Packs the data by gzip; new block. */
static uint8_t *pack(const uint8_t *data, size_t size, size_t *packed)
{
    z_stream stream = {.next_in = (uint8_t *)(uintptr_t)data, .avail_in = (unsigned)size};
    if (deflateInit2(&stream, 1, Z_DEFLATED, 16 + 9, 1, Z_DEFAULT_STRATEGY) !=
        Z_OK) /* 16: gzip; windows and tables as small as can be */
        NL_BUG("zlib cannot start");
    *packed = deflateBound(&stream, size);
    uint8_t *out = nl_alloc(*packed, 1);
    stream.next_out = out;
    stream.avail_out = (unsigned)*packed;
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
        NL_BUG("zlib cannot pack");
    *packed = stream.total_out;
    deflateEnd(&stream);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nl_config *config = fuzz_data(NL_MNIST, 4, put_good);
    struct nl_error err = {{0}};
    if (size == 0)
        return 0;
    int file = data[0] % 4;
    char name[64];
    uint8_t *packed = NULL;
    size_t length = size - 1;
    snprintf(name, sizeof name, "%s%s", files[file], data[0] & NAME ? ".gz" : "");
    if (data[0] & PACK)
        packed = pack(data + 1, size - 1, &length);
    fuzz_remove(fuzz_file(files[file], "", 0));
    const char *path = fuzz_file(name, packed ? packed : data + 1, length);
    nl_dataset_free(nl_dataset_open(config, &err));
    fuzz_remove(path);
    put_good(file);
    free(packed);
    return 0;
}
