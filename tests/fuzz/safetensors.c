/* safetensors files, and whether one fits a network. What was read is written, read again and compared. */
#include <string.h>

#include "base/safetensors.h"
#include "fuzz.h"

static void compare(const struct nl_tensor_file *a, const struct nl_tensor_file *b)
{
    NL_ASSERT(a->count == b->count);
    for (int i = 0; i < a->count; i++) {
        const struct nl_tensor_file_entry *left = &a->entry[i], *right = nl_safetensors_find(b, left->name);
        NL_ASSERT(right && left->type == right->type && left->dims == right->dims);
        size_t bytes = nl_dtype_size(left->type);
        for (int d = 0; d < left->dims; d++) {
            NL_ASSERT(left->shape[d] == right->shape[d]);
            bytes *= left->shape[d];
        }
        NL_ASSERT(memcmp(left->data, right->data, bytes) == 0);
    }
    NL_ASSERT(b->sealed);
    char **right = b->metadata + 2; /* behind its checksum */
    for (char **left = a->metadata; left && *left; left += 2)
        if (strcmp(left[0], b->metadata[0]) != 0) {
            NL_ASSERT(*right && strcmp(left[0], right[0]) == 0 && strcmp(left[1], right[1]) == 0);
            right += 2;
        }
    NL_ASSERT(!*right);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nl_error err = {{0}};
    struct nl_tensor_file file, again;
    if (nl_safetensors_read(fuzz_file("weights.safetensors", data, size), &file, &err))
        return 0;
    nl_safetensors_metadata(&file, "numerics");
    const char *copy = FUZZ_FOLDER "/copy.safetensors";
    if (nl_safetensors_write(copy, file.entry, file.count, (const char *const *)file.metadata, &err) ||
        nl_safetensors_read(copy, &again, &err))
        NL_BUG("%s", err.text);
    compare(&file, &again);
    nl_safetensors_release(&file);
    nl_safetensors_release(&again);
    return 0;
}
