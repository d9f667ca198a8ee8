/* The header of a .npy file is a Python dictionary in text: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3),
 * }. It is read here as strictly as numpy.save writes it: any order of the three keys, each once, nothing else. Either
 * order of bytes and of dimensions is read, and becomes ours. */
#include "base/npy.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/half.h"
#include "base/memory.h"
#include "base/npz.h"
#include "base/scan.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "arrays are written as they lie in memory, and files are little endian");

static const char magic[] = "\x93NUMPY";
enum { MAGIC = 6, FIXED = 10 }; /* bytes of the magic; bytes before the text in format 1.0 */

static const struct {
    size_t size;
    const char *descr, *name;
} types[] = {
    [NL_U8] = {1, "|u1", "uint8"},    [NL_U16] = {2, "<u2", "uint16"}, [NL_U32] = {4, "<u4", "uint32"},
    [NL_U64] = {8, "<u8", "uint64"},  [NL_I8] = {1, "|i1", "int8"},    [NL_I16] = {2, "<i2", "int16"},
    [NL_I32] = {4, "<i4", "int32"},   [NL_I64] = {8, "<i8", "int64"},  [NL_F32] = {4, "<f4", "float32"},
    [NL_F64] = {8, "<f8", "float64"},
};

size_t nl_dtype_size(enum nl_dtype type)
{
    return types[type].size;
}

const char *nl_dtype_name(enum nl_dtype type)
{
    return types[type].name;
}

/* A string in single quotes, without escapes. */
static bool take_string(struct nl_scan *scan, char *out, size_t room)
{
    if (!nl_scan_take(scan, "'"))
        return false;
    size_t length = 0;
    while (scan->at < scan->end && *scan->at != '\'' && length + 1 < room)
        out[length++] = *scan->at++;
    out[length] = '\0';
    return nl_scan_take(scan, "'");
}

/* "(2, 3)", "(4,)" or "()". */
static bool take_shape(struct nl_scan *scan, struct nl_npy *out)
{
    if (!nl_scan_take(scan, "("))
        return false;
    for (out->dims = 0; !nl_scan_take(scan, ")"); out->dims++) {
        if (out->dims == NL_NPY_MAX_DIMS || !nl_scan_size(scan, &out->shape[out->dims]))
            return false;
        if (!nl_scan_take(scan, ",") && (out->dims == 0 || !nl_scan_next(scan, ')')))
            return false;
    }
    return true;
}

/* What a file has of an array beside its numbers: how an element is stored, and in which order they come. */
struct layout {
    size_t bytes; /* of an element in the file */
    bool half;    /* float16 */
    bool swapped; /* big endian */
    bool fortran; /* the first dimension is the fastest */
};

/* Types that hold no real numbers, by the letter of their descr; and what makes numbers of them. */
static const struct {
    char kind;
    const char *what, *remedy;
} no_numbers[] = {
    {'c', "complex numbers", "save x.real, or numpy.stack([x.real, x.imag], axis=-1)"},
    {'O', "objects of Python, which are never read", "save numpy.stack(list(x)).astype('float32')"},
    {'U', "texts", "for labels save numpy.unique(y, return_inverse=True)[1]"},
    {'S', "texts", "for labels save numpy.unique(y, return_inverse=True)[1]"},
    {'M', "dates", "save (x - x.min()) / numpy.timedelta64(1, 's')"},
    {'m', "durations", "save x / numpy.timedelta64(1, 's')"},
    {'V', "raw bytes, as numpy saves bfloat16", "save x.astype('float32')"},
};

/* descr: "<f4". A type of one byte has no order of bytes, and numpy writes "|u1". */
static int read_type(const char *descr, const char *path, enum nl_dtype *type, struct layout *layout,
                     struct nl_error *err)
{
    static const struct {
        const char *code;
        enum nl_dtype type;
        size_t bytes;
    } narrow[] = {{"b1", NL_U8, 1}, {"f2", NL_F32, 2}}; /* types that are read as another one */
    const char *code = *descr ? descr + 1 : descr;
    bool ordered = *descr && strchr("<>|=", *descr);
    layout->swapped = descr[0] == '>';
    for (size_t i = 0; ordered && i < sizeof narrow / sizeof *narrow; i++)
        if (strcmp(code, narrow[i].code) == 0) {
            *type = narrow[i].type;
            layout->bytes = narrow[i].bytes;
            layout->half = *type == NL_F32;
            return NL_OK;
        }
    for (size_t i = 0; ordered && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(code, types[i].descr + 1) == 0) {
            *type = (enum nl_dtype)i;
            layout->bytes = types[i].size;
            return NL_OK;
        }
    for (size_t i = 0; ordered && i < sizeof no_numbers / sizeof *no_numbers; i++)
        if (*code == no_numbers[i].kind)
            return nl_fail(err, "cannot read '%s': it holds %s ('%s'), expected numbers; %s", path, no_numbers[i].what,
                           descr, no_numbers[i].remedy);
    return nl_fail(err, "cannot read '%s': its type is '%s', expected bool, integers, float16, float32 or float64%s",
                   path, descr, *code == 'f' ? "; save x.astype('float64')" : "");
}

static int read_header(struct nl_scan scan, const char *path, struct nl_npy *out, struct layout *layout,
                       struct nl_error *err)
{
    char key[32], descr[32] = "";
    bool has_descr = false, has_order = false, has_shape = false, good = nl_scan_take(&scan, "{");
    while (good && !nl_scan_take(&scan, "}")) {
        good = take_string(&scan, key, sizeof key) && nl_scan_take(&scan, ":");
        if (good && strcmp(key, "descr") == 0 && nl_scan_next(&scan, '['))
            return nl_fail(err,
                           "cannot read '%s': it holds records of several fields, expected numbers of one type; save "
                           "numpy.lib.recfunctions.structured_to_unstructured(x)",
                           path);
        if (good && strcmp(key, "descr") == 0 && !has_descr) {
            has_descr = good = take_string(&scan, descr, sizeof descr);
        } else if (good && strcmp(key, "fortran_order") == 0 && !has_order) {
            layout->fortran = nl_scan_take(&scan, "True");
            has_order = good = layout->fortran || nl_scan_take(&scan, "False");
        } else if (good && strcmp(key, "shape") == 0 && !has_shape) {
            has_shape = good = take_shape(&scan, out);
        } else {
            good = false;
        }
        if (good && !nl_scan_take(&scan, ","))
            good = nl_scan_next(&scan, '}');
    }
    if (!good || !nl_scan_end(&scan) || !has_descr || !has_order || !has_shape)
        return nl_fail(
            err,
            "cannot read '%s': its header is not one of a plain array (type, order and shape of at most %d dimensions)",
            path, NL_NPY_MAX_DIMS);
    return read_type(descr, path, &out->type, layout, err);
}

/* bytes of the header's text and where it starts; NL_FAIL where the file is shorter. */
static int find_header(const unsigned char *bytes, size_t length, const char *path, size_t *start, size_t *size,
                       struct nl_error *err)
{
    if (length < FIXED || memcmp(bytes, magic, MAGIC) != 0)
        return nl_fail(err, "cannot read '%s': not a .npy file", path);
    unsigned version = bytes[MAGIC];
    if (version < 1 || version > 3 || bytes[MAGIC + 1] != 0)
        return nl_fail(err, "cannot read '%s': .npy format %u.%u, expected 1.0 to 3.0", path, version,
                       bytes[MAGIC + 1]);
    *start = version == 1 ? FIXED : FIXED + 2;
    for (size_t i = *start; i > MAGIC + 2 && length >= *start; i--)
        *size = *size << 8 | bytes[i - 1];
    if (length < *start || *size > length - *start)
        return nl_fail(err, "cannot read '%s': the file ends inside its header", path);
    return NL_OK;
}

/* What the first `length` of the file's `total` bytes say of it; *start: where the data begins. */
static int read_start(const char *bytes, size_t length, size_t total, const char *path, struct nl_npy *out,
                      struct layout *layout, size_t *start, struct nl_error *err)
{
    size_t size = 0, expected;
    if (find_header((const unsigned char *)bytes, length, path, start, &size, err))
        return NL_FAIL;
    if (read_header((struct nl_scan){bytes + *start, bytes + *start + size}, path, out, layout, err))
        return NL_FAIL;
    *start += size;
    out->count = 1;
    for (int i = 0; i < out->dims; i++)
        if (__builtin_mul_overflow(out->count, out->shape[i], &out->count))
            return nl_fail(err, "cannot read '%s': its header promises more elements than a file can hold", path);
    if (__builtin_mul_overflow(out->count, layout->bytes, &expected))
        return nl_fail(err, "cannot read '%s': its header promises more bytes than a file can hold", path);
    if (total - *start != expected)
        return nl_fail(err, "cannot read '%s': %zu bytes of data, expected %zu", path, total - *start, expected);
    return NL_OK;
}

/* An element as the file has it becomes one of ours. */
static void take_element(const char *from, const struct layout *layout, char *to)
{
    char bytes[8];
    for (size_t b = 0; b < layout->bytes; b++)
        bytes[b] = from[layout->swapped ? layout->bytes - 1 - b : b];
    if (layout->half) {
        uint16_t bits;
        memcpy(&bits, bytes, sizeof bits);
        float value = nl_from_half(bits);
        memcpy(to, &value, sizeof value);
    } else {
        memcpy(to, bytes, layout->bytes);
    }
}

/* Elements in the order of C, from a file in either order. */
static void take_elements(const char *from, const struct layout *layout, struct nl_npy *out)
{
    size_t size = nl_dtype_size(out->type), at[NL_NPY_MAX_DIMS] = {0}, step[NL_NPY_MAX_DIMS], place = 0, stride = 1;
    for (int i = 0; i < out->dims; i++) {
        int d = layout->fortran ? i : out->dims - 1 - i;
        step[d] = stride;
        stride *= out->shape[d];
    }
    for (size_t i = 0; i < out->count; i++) {
        take_element(from + place * layout->bytes, layout, (char *)out->data + i * size);
        int d = out->dims - 1;
        for (; d >= 0 && ++at[d] == out->shape[d]; d--) {
            at[d] = 0;
            place -= (out->shape[d] - 1) * step[d];
        }
        place += d >= 0 ? step[d] : 0;
    }
}

static int read_array(const char *bytes, size_t length, const char *path, struct nl_npy *out, struct nl_error *err)
{
    size_t start = 0;
    struct layout layout = {0};
    if (read_start(bytes, length, length, path, out, &layout, &start, err))
        return NL_FAIL;
    size_t room = out->count * nl_dtype_size(out->type); /* at most twice what the file has */
    out->data = malloc(room ? room : 1);
    if (!out->data)
        return nl_fail_errno(err, "cannot hold the %zu bytes of '%s'", room, path);
    if (layout.half || layout.swapped || layout.fortran)
        take_elements(bytes + start, &layout, out);
    else
        memcpy(out->data, bytes + start, room);
    return NL_OK;
}

/* At most the first `most` bytes of a file, or of a member of an archive, and how many it has. NULL on error. */
static char *read_bytes(const char *path, size_t most, size_t *total, struct nl_error *err)
{
    const char *name;
    char *place = nl_npz_split(path, &name), *bytes = NULL;
    if (!place)
        return most == SIZE_MAX ? nl_file_read(path, total, err) : nl_file_read_start(path, most, total, err);
    struct nl_npz archive;
    if (nl_npz_open(place, &archive, err) == NL_OK)
        bytes = nl_npz_read(&archive, name, most, total, err);
    nl_npz_close(&archive);
    free(place);
    return bytes;
}

int nl_npy_read(const char *path, struct nl_npy *out, struct nl_error *err)
{
    *out = (struct nl_npy){0};
    size_t length;
    char *bytes = read_bytes(path, SIZE_MAX, &length, err);
    if (!bytes)
        return NL_FAIL;
    int status = read_array(bytes, length, path, out, err);
    free(bytes);
    if (status)
        *out = (struct nl_npy){0};
    return status;
}

int nl_npy_read_head(const char *path, struct nl_npy *out, struct nl_error *err)
{
    enum { HEAD = 4096 }; /* bytes; the header of a plain array has some 120 */
    *out = (struct nl_npy){0};
    size_t total, start = 0;
    struct layout layout = {0};
    char *bytes = read_bytes(path, HEAD, &total, err);
    if (!bytes)
        return NL_FAIL;
    int status = read_start(bytes, total < HEAD ? total : HEAD, total, path, out, &layout, &start, err);
    free(bytes);
    if (status)
        *out = (struct nl_npy){0};
    return status;
}

void nl_npy_release(struct nl_npy *array)
{
    free(array->data);
    *array = (struct nl_npy){0};
}

double nl_npy_get(const struct nl_npy *array, size_t index)
{
    switch (array->type) {
    case NL_U8: return ((const uint8_t *)array->data)[index];
    case NL_U16: return ((const uint16_t *)array->data)[index];
    case NL_U32: return ((const uint32_t *)array->data)[index];
    case NL_U64: return (double)((const uint64_t *)array->data)[index];
    case NL_I8: return ((const int8_t *)array->data)[index];
    case NL_I16: return ((const int16_t *)array->data)[index];
    case NL_I32: return ((const int32_t *)array->data)[index];
    case NL_I64: return (double)((const int64_t *)array->data)[index];
    case NL_F32: return (double)((const float *)array->data)[index];
    case NL_F64: return ((const double *)array->data)[index];
    }
    NL_BUG("no such type: %d", (int)array->type);
}

int nl_npy_write(const char *path, enum nl_dtype type, int dims, const size_t *shape, const void *data,
                 struct nl_error *err)
{
    NL_ASSERT(dims >= 0 && dims <= NL_NPY_MAX_DIMS);
    struct nl_text file = {0};
    size_t bytes = nl_dtype_size(type);
    nl_text_add_bytes(&file, "\x93NUMPY\x01\x00\x00\x00", FIXED);
    nl_text_add(&file, "{'descr': '%s', 'fortran_order': False, 'shape': (", types[type].descr);
    for (int i = 0; i < dims; i++) {
        nl_text_add(&file, i == 0 ? "%zu" : " %zu", shape[i]);
        if (i < dims - 1 || dims == 1)
            nl_text_add(&file, ",");
        bytes *= shape[i];
    }
    nl_text_add(&file, "), }");
    while (file.length % 64 != 63) /* so that the data starts at a multiple of 64 bytes, as the format asks */
        nl_text_add(&file, " ");
    nl_text_add(&file, "\n");
    size_t header = file.length - FIXED;
    file.at[FIXED - 2] = (char)(header & 255);
    file.at[FIXED - 1] = (char)(header >> 8);
    nl_text_add_bytes(&file, data, bytes);
    int status = nl_output_write(path, file.at, file.length, err);
    nl_text_release(&file);
    return status;
}
