/* Files of CIFAR-10 and CIFAR-100.
 *
 *     1 byte    bits 0 to 2: which file the rest is (0 to 3: data_batch_1, data_batch_2, data_batch_3, test_batch; 4
 * and 5: train and test of cifar100), the others being good or missing; bit 3: filled up here to whole records, which
 * the fuzzer could hardly
 */
#include <string.h>

#include "data/data.h"
#include "fuzz.h"

enum { PIXELS = 32 * 32 * 3, FILES = 6, FILL = 1 << 3, MOST = 4 };

static const char *const files[FILES] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                         "test_batch.bin",   "train.bin",        "test.bin"};

static bool is_hundred(int file)
{
    return file >= 4;
}

static void put_good(int file)
{
    static const uint8_t record[2 + PIXELS] = {3, 7};
    if (file != 1 && file != 2) /* what may be missing is */
        fuzz_file(files[file], record, (is_hundred(file) ? 2 : 1) + (size_t)PIXELS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nl_config *config = fuzz_data(NL_CIFAR10, FILES, put_good);
    static uint8_t filled[MOST * (2 + PIXELS)];
    struct nl_error err = {{0}};
    if (size == 0 || data[0] % 8 >= FILES)
        return 0;
    int file = data[0] % 8;
    bool fill = data[0] & FILL;
    data++, size--;
    size_t each = (is_hundred(file) ? 2 : 1) + (size_t)PIXELS, whole = (size + each - 1) / each * each;
    if (fill && whole <= sizeof filled) {
        memset(filled, 0, sizeof filled);
        if (size)
            memcpy(filled, data, size);
        data = filled, size = whole;
    }
    config->data.name = is_hundred(file) ? NL_CIFAR100 : NL_CIFAR10;
    const char *path = fuzz_file(files[file], data, size);
    nl_dataset_free(nl_dataset_open(config, &err));
    fuzz_remove(path);
    put_good(file);
    return 0;
}
