/* IDX files, plain and packed.
 *
 *     1 byte    bits 0 and 1: which of the four files the rest is, the others being good; bit 2: the name ends in .gz; bit 3: packed
 *               by gzip here, which the fuzzer could not
 */
#include <string.h>
#include <zlib.h>

#include "data/data.h"
#include "fuzz.h"

enum { SIDE = 28, NAME = 1 << 2, PACK = 1 << 3 };

static const char *const files[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};

static void put_good(int file)
{
    uint8_t images[16 + 2 * SIDE * SIDE] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, SIDE, 0, 0, 0, SIDE}, labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 3, 9};
    fuzz_file(files[file], file % 2 ? labels : images, file % 2 ? sizeof labels : sizeof images);
}

static void put_packed(const char *name, const uint8_t *data, size_t size)
{
    gzFile file = gzopen(fuzz_file(name, "", 0), "wb1");
    if (!file || (size && gzwrite(file, data, (unsigned)size) != (int)size) || gzclose(file) != Z_OK)
        NL_BUG("cannot pack '%s'", name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nl_config *config = fuzz_data(NL_MNIST, 4, put_good);
    struct nl_error err = {{0}};
    if (size == 0)
        return 0;
    int file = data[0] % 4;
    char name[64], path[128];
    snprintf(name, sizeof name, "%s%s", files[file], data[0] & NAME ? ".gz" : "");
    snprintf(path, sizeof path, "%s/%s", fuzz_folder(), files[file]);
    remove(path);
    if (data[0] & PACK)
        put_packed(name, data + 1, size - 1);
    else
        fuzz_file(name, data + 1, size - 1);
    nl_dataset_free(nl_dataset_open(config, &err));
    snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
    remove(path);
    put_good(file);
    return 0;
}
