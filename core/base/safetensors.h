/* Writer and reader of the safetensors format (an 8-byte length, a JSON header, raw little-endian data), which PyTorch
 * users load with safetensors.torch.load_file. Types: F32, F64, I64; F16 and BF16 are read, as F32.
 *
 * What is written here is sealed: its metadata hold "normlab_sha256", the checksum of the whole file with zeros in this
 * one's place. Files of other programs have none, and are read without. */
#ifndef NL_BASE_SAFETENSORS_H
#define NL_BASE_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/npy.h"

struct nl_tensor_file_entry {
    char name[96];
    enum nl_dtype type; /* NL_F32, NL_F64 or NL_I64 */
    int dims;
    size_t shape[4];
    void *data; /* owned where nl_safetensors_read made it */
};

/* A file as it was read. */
struct nl_tensor_file {
    int count;
    struct nl_tensor_file_entry *entry;
    int halves, bfloats; /* tensors that are F16 and BF16 in the file, and F32 here */
    char **metadata; /* key, value, key, value, ..., NULL; NULL: none */
    char *notes; /* what nl_weights_adopt (train/weights.h) read otherwise than it stands in the file; NULL: nothing */
    char checksum[NL_HASH_HEX]; /* SHA-256 of the file's bytes */
    bool sealed;                /* it holds its own, and that fits */
};

/* metadata: NULL or key, value, key, value, ..., NULL, put under "__metadata__". */
int nl_safetensors_write(const char *path, const struct nl_tensor_file_entry *entries, int count,
                         const char *const *metadata, struct nl_error *err);
/* NL_FAIL: it cannot be read; NL_BAD: it was, and is no such file, or damaged (its own checksum does not fit). */
int nl_safetensors_read(const char *path, struct nl_tensor_file *out, struct nl_error *err);
/* Parses what a file holds; path: for messages. */
int nl_safetensors_parse(const char *path, const char *bytes, size_t length, struct nl_tensor_file *out,
                         struct nl_error *err);
void nl_safetensors_release(struct nl_tensor_file *file);

const struct nl_tensor_file_entry *nl_safetensors_find(const struct nl_tensor_file *file,
                                                       const char *name);                /* NULL: no such tensor */
const char *nl_safetensors_metadata(const struct nl_tensor_file *file, const char *key); /* NULL: no such key */

#endif
