/* NumPy's .npy files (format 1.0, written; 1.0 to 3.0, read): float32 f4, float64 f8, integers i1 to i8 and u1 to u8.
 * Read besides: bool b1 as uint8, float16 f2 as float32; big endian; Fortran order. Source: numpy.lib.format. */
#ifndef NL_BASE_NPY_H
#define NL_BASE_NPY_H

#include <stddef.h>

#include "base/error.h"

enum nl_dtype { NL_U8, NL_I32, NL_I64, NL_F32, NL_F64, NL_I8, NL_I16, NL_U16, NL_U32, NL_U64 };
size_t nl_dtype_size(enum nl_dtype type);
const char *nl_dtype_name(enum nl_dtype type); /* NumPy's: "float32" */

enum { NL_NPY_MAX_DIMS = 8 };

struct nl_npy {
    enum nl_dtype type;
    int dims;
    size_t shape[NL_NPY_MAX_DIMS];
    size_t count; /* product of shape; 1 for a scalar (dims == 0) */
    void *data;   /* owned */
};

/* Reads path whole, a file or a member of an archive (base/npz.h); data is little endian and in C order, whatever the
 * file has. Complex numbers, objects, records, texts, a truncated or oversized file: errors. */
int nl_npy_read(const char *path, struct nl_npy *out, struct nl_error *err);
/* As nl_npy_read, without data: the header, and that the file is as long as it says. */
int nl_npy_read_head(const char *path, struct nl_npy *out, struct nl_error *err);
void nl_npy_release(struct nl_npy *array);
double nl_npy_get(const struct nl_npy *array, size_t index); /* any type, as double */

/* Writes atomically. */
int nl_npy_write(const char *path, enum nl_dtype type, int dims, const size_t *shape, const void *data,
                 struct nl_error *err);

#endif
