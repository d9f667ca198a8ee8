/* .npy files: the array by itself, and as images and labels of a data set.
 *
 *     1 byte    which of the data set's files the rest is: 0 to 3; the other three are good
 */
#include <string.h>

#include "base/npy.h"
#include "data/data.h"
#include "fuzz.h"

static const char *const files[] = {"train_images.npy", "train_labels.npy", "test_images.npy", "test_labels.npy"};

static void put_good(int file)
{
    static const uint8_t pixels[6 * 4] = {1, 2, 3}, labels[6] = {0, 1, 2, 0, 1, 2};
    struct nl_error err = {{0}};
    const char *path = fuzz_file(files[file], "", 0);
    int status = file % 2 ? nl_npy_write(path, NL_U8, 1, (size_t[]){6}, labels, &err)
                          : nl_npy_write(path, NL_U8, 2, (size_t[]){6, 4}, pixels, &err);
    if (status)
        NL_BUG("%s", err.text);
}

/* The head says the same as the whole; every element can be read; written again, it is the same array. */
static void read_alone(const char *path)
{
    struct nl_error err = {{0}};
    struct nl_npy head, whole, again;
    int status = nl_npy_read(path, &whole, &err);
    if (nl_npy_read_head(path, &head, &err) == NL_OK)
        NL_ASSERT(status == NL_OK && head.type == whole.type && head.count == whole.count && head.dims == whole.dims);
    if (status)
        return;
    for (size_t i = 0; i < whole.count; i++) {
        volatile double value = nl_npy_get(&whole, i);
        (void)value;
    }
    const char *copy = FUZZ_FOLDER "/copy.npy";
    NL_ASSERT(nl_npy_write(copy, whole.type, whole.dims, whole.shape, whole.data, &err) == NL_OK &&
              nl_npy_read(copy, &again, &err) == NL_OK);
    NL_ASSERT(again.type == whole.type && again.dims == whole.dims && again.count == whole.count);
    NL_ASSERT(memcmp(again.shape, whole.shape, (size_t)whole.dims * sizeof *whole.shape) == 0);
    NL_ASSERT(memcmp(again.data, whole.data, whole.count * nl_dtype_size(whole.type)) == 0);
    nl_npy_release(&whole);
    nl_npy_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nl_config *config = fuzz_data(NL_NPY, 4, put_good);
    struct nl_error err = {{0}};
    if (size == 0)
        return 0;
    int file = data[0] % 4;
    read_alone(fuzz_file(files[file], data + 1, size - 1));
    nl_dataset_free(nl_dataset_open(config, &err));
    put_good(file);
    return 0;
}
