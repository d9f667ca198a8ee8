/* .npy and safetensors: round trips, numpy's own bytes, and hostile headers. */
#include <check.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/npy.h"
#include "base/safetensors.h"
#include "scratch.h"
#include "suite.h"

static char *folder;

static void setup(void)
{
    folder = scratch_make();
}

static void teardown(void)
{
    scratch_remove(folder);
}

/* ---- .npy ---- */

START_TEST(npy_round_trip)
{
    struct nl_error err = {{0}};
    char *path = nl_path_join(folder, "x.npy");
    static const double values[6] = {0, 1, 2, 250, 4, 5};
    static const struct {
        int dims;
        size_t shape[3], count;
    } shapes[] = {{0, {0}, 1}, {1, {6}, 6}, {2, {2, 3}, 6}, {3, {3, 1, 2}, 6}, {2, {0, 3}, 0}};
    for (int type = NL_U8; type <= NL_F64; type++)
        for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
            union {
                uint8_t u8[6];
                int32_t i32[6];
                int64_t i64[6];
                float f32[6];
                double f64[6];
            } data;
            for (int i = 0; i < 6; i++)
                switch (type) {
                case NL_U8: data.u8[i] = (uint8_t)values[i]; break;
                case NL_I32: data.i32[i] = (int32_t)values[i]; break;
                case NL_I64: data.i64[i] = (int64_t)values[i]; break;
                case NL_F32: data.f32[i] = (float)values[i]; break;
                default: data.f64[i] = values[i];
                }
            ck_assert_int_eq(nl_npy_write(path, type, shapes[s].dims, shapes[s].shape, &data, &err), NL_OK);
            struct nl_npy back;
            ck_assert_msg(nl_npy_read(path, &back, &err) == NL_OK, "%s", err.text);
            ck_assert_int_eq(back.type, type);
            ck_assert_int_eq(back.dims, shapes[s].dims);
            ck_assert_uint_eq(back.count, shapes[s].count);
            for (int i = 0; i < back.dims; i++)
                ck_assert_uint_eq(back.shape[i], shapes[s].shape[i]);
            for (size_t i = 0; i < back.count; i++)
                ck_assert_double_eq(nl_npy_get(&back, i), values[i]);
            nl_npy_release(&back);
        }
    free(path);
}
END_TEST

/* What numpy 1.24 writes for numpy.arange(3, dtype='<i4'). */
START_TEST(npy_as_numpy_writes)
{
    static const char numpy[] = "\x93NUMPY\x01\x00v\x00{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }       "
                                "                                   "
                                "                  \n\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00";
    struct nl_error err = {{0}};
    char *path = nl_path_join(folder, "x.npy");
    size_t shape[] = {3}, length = 0;
    int32_t values[] = {0, 1, 2};
    ck_assert_int_eq(nl_npy_write(path, NL_I32, 1, shape, values, &err), NL_OK);
    char *bytes = nl_file_read(path, &length, &err);
    ck_assert_uint_eq(length, sizeof numpy - 1);
    ck_assert_mem_eq(bytes, numpy, length);
    free(bytes);
    free(path);
}
END_TEST

#define PLAIN "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
#define SHAPED(shape) "{'descr': '<f4', 'fortran_order': False, 'shape': " shape ", }"
#define HEADER "its header is not one of a plain array (type, order and shape of at most 8 dimensions)"

static const struct {
    const char *magic; /* 8 bytes; NULL: format 1.0 */
    const char *header;
    size_t data;       /* bytes after it */
    const char *message; /* NULL: legal */
} npy_cases[] = {
    {NULL, PLAIN, 24, NULL},
    {NULL, "{'shape':(6,),'descr':'<f4','fortran_order':False}\n", 24, NULL},
    {NULL, PLAIN, 23, "23 bytes of data, expected 24"},
    {NULL, PLAIN, 25, "25 bytes of data, expected 24"},
    {"\x93NUMPX\x01\x00", PLAIN, 24, "not a .npy file"},
    {"\x93NUMPY\x04\x00", PLAIN, 24, ".npy format 4.0, expected 1.0 to 3.0"},
    {"\x93NUMPY\x02\x00", PLAIN, 24, "the file ends inside its header"}, /* its length is 4 bytes there */
    {NULL, "", 0, HEADER},
    {NULL, "{}", 0, HEADER},
    {NULL, "{'descr': '<f4', 'fortran_order': False}", 0, HEADER},
    {NULL, PLAIN " x", 24, HEADER},
    {NULL, "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6,)}", 24, HEADER},
    {NULL, "{'descr': '<f4', 'fortran_order': False, 'shape': (6,)", 24, HEADER},
    {NULL, "{'descr': '<f4", 0, HEADER},
    {NULL, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,)}", 24,
     "it holds records of several fields, expected numbers of one type; save "
     "numpy.lib.recfunctions.structured_to_unstructured(x)"},
    {NULL, SHAPED("(6)"), 24, HEADER},
    {NULL, SHAPED("(2 3)"), 24, HEADER},
    {NULL, SHAPED("(-2,)"), 24, HEADER},
    {NULL, SHAPED("(1,1,1,1,1,1,1,1,6)"), 24, HEADER},
    {NULL, SHAPED("(99999999999999999999,)"), 24, HEADER},
    {NULL, SHAPED("(4294967296, 4294967296)"), 24, "its header promises more elements than a file can hold"},
    {NULL, SHAPED("(4611686018427387904,)"), 24, "its header promises more bytes than a file can hold"},
    {NULL, SHAPED("(1152921504606846976,)"), 24, "24 bytes of data, expected 4611686018427387904"},
    {NULL, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}", 24, NULL},
    {NULL, "{'descr': '>f4', 'fortran_order': False, 'shape': (6,)}", 24, NULL},
    {NULL, "{'descr': '<f2', 'fortran_order': True, 'shape': (6,)}", 12, NULL},
    {NULL, "{'descr': '|b1', 'fortran_order': False, 'shape': (6,)}", 6, NULL},
    {NULL, "{'descr': '<f2', 'fortran_order': False, 'shape': (6,)}", 24, "24 bytes of data, expected 12"},
    {NULL, "{'descr': '|O', 'fortran_order': False, 'shape': (6,)}", 24,
     "it holds objects of Python, which are never read ('|O'), expected numbers; save "
     "numpy.stack(list(x)).astype('float32')"},
    {NULL, "{'descr': '', 'fortran_order': False, 'shape': (6,)}", 24,
     "its type is '', expected bool, integers, float16, float32 or float64"},
    {NULL, "{'descr': 'f4', 'fortran_order': False, 'shape': (6,)}", 24,
     "its type is 'f4', expected bool, integers, float16, float32 or float64"},
    {NULL, "{'descr': '<f16', 'fortran_order': False, 'shape': (6,)}", 96,
     "its type is '<f16', expected bool, integers, float16, float32 or float64; save x.astype('float64')"},
};

START_TEST(npy_hostile)
{
    struct nl_error err = {{0}};
    struct nl_text file = {0};
    size_t length = strlen(npy_cases[_i].header);
    nl_text_add_bytes(&file, npy_cases[_i].magic ? npy_cases[_i].magic : "\x93NUMPY\x01\x00", 8);
    nl_text_add_bytes(&file, (char[]){(char)length, (char)(length >> 8)}, 2);
    nl_text_add_bytes(&file, npy_cases[_i].header, length);
    for (size_t i = 0; i < npy_cases[_i].data; i++)
        nl_text_add_bytes(&file, "", 1);
    char *path = nl_path_join(folder, "x.npy");
    ck_assert_int_eq(nl_file_write(path, file.at, file.length, &err), NL_OK);
    struct nl_npy array;
    int status = nl_npy_read(path, &array, &err);
    if (npy_cases[_i].message) {
        char *expected = nl_format("cannot read '%s': %s", path, npy_cases[_i].message);
        ck_assert_int_eq(status, NL_FAIL);
        ck_assert_str_eq(err.text, expected);
        ck_assert_ptr_null(array.data);
        free(expected);
    } else {
        ck_assert_int_eq(status, NL_OK);
        ck_assert_uint_eq(array.count, 6);
    }
    nl_npy_release(&array);
    free(path);
    nl_text_release(&file);
}
END_TEST

/* ---- safetensors ---- */

START_TEST(safetensors_round_trip)
{
    struct nl_error err = {{0}};
    float weight[6] = {1, 2, 3, 4, 5, 6}, scalar = 7;
    double var[3] = {0.1, 0.2, 0.3};
    int64_t updates[1] = {1LL << 40};
    const struct nl_tensor_file_entry entries[] = {
        {"fc1.weight", NL_F32, 2, {2, 3}, weight},
        {"bn1.running_var", NL_F64, 1, {3}, var},
        {"say \\ \"hi\"", NL_F32, 0, {0}, &scalar},
        {"bn1.num_batches_tracked", NL_I64, 1, {1}, updates},
        {"empty", NL_F32, 2, {0, 4}, NULL},
    };
    const char *const metadata[] = {"seed", "1", "config", "a: \"b\"\nc: d\\e\tü", NULL};
    char *path = nl_path_join(folder, "x.safetensors");
    struct nl_tensor_file back;
    /* The third has a name with escapes, which the reader refuses. */
    ck_assert_int_eq(nl_safetensors_write(path, entries, 5, metadata, &err), NL_OK);
    ck_assert_int_eq(nl_safetensors_read(path, &back, &err), NL_BAD);
    ck_assert_ptr_nonnull(strstr(err.text, "with escapes"));

    struct nl_tensor_file_entry plain[5];
    memcpy(plain, entries, sizeof plain);
    strcpy(plain[2].name, "scalar");
    ck_assert_int_eq(nl_safetensors_write(path, plain, 5, metadata, &err), NL_OK);
    size_t length = 0;
    char *bytes = nl_file_read(path, &length, &err);
    uint64_t header;
    memcpy(&header, bytes, 8);
    ck_assert_uint_eq(header % 8, 0);
    ck_assert_uint_eq(length, 8 + header + 8 * 4 + 4 * 7);
    free(bytes);
    ck_assert_msg(nl_safetensors_read(path, &back, &err) == NL_OK, "%s", err.text);
    ck_assert_int_eq(back.count, 5);
    for (int i = 0; i < back.count; i++) {
        const struct nl_tensor_file_entry *entry = plain;
        while (strcmp(entry->name, back.entry[i].name) != 0)
            ck_assert(++entry < plain + 5);
        size_t size = nl_dtype_size(entry->type);
        ck_assert_int_eq(back.entry[i].type, entry->type);
        ck_assert_int_eq(back.entry[i].dims, entry->dims);
        for (int d = 0; d < entry->dims; d++) {
            ck_assert_uint_eq(back.entry[i].shape[d], entry->shape[d]);
            size *= entry->shape[d];
        }
        ck_assert(size == 0 || memcmp(back.entry[i].data, entry->data, size) == 0);
    }
    for (int i = 0; i < 2; i++)
        ck_assert_str_eq(nl_safetensors_metadata(&back, metadata[2 * i]), metadata[2 * i + 1]);
    ck_assert_ptr_null(nl_safetensors_metadata(&back, "a"));
    nl_safetensors_release(&back);
    ck_assert_int_eq(nl_safetensors_write(path, NULL, 0, NULL, &err), NL_OK);
    ck_assert_int_eq(nl_safetensors_read(path, &back, &err), NL_OK);
    ck_assert_int_eq(back.count, 0);
    nl_safetensors_release(&back);
    free(path);
}
END_TEST

#define TENSOR(name, offsets) "\"" name "\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" offsets "}"
#define NEEDS "tensor 'a' needs dtype (F16, BF16, F32, F64 or I64), shape (at most 4 dimensions) and data_offsets"

static const struct {
    const char *header;
    int64_t claimed; /* length of the header in the file; -1: the true one */
    size_t data;
    const char *message; /* NULL: legal */
} tensor_cases[] = {
    {"{" TENSOR("a", "[0,8]") "}", -1, 8, NULL},
    {" { " TENSOR("a", "[ 0 , 8 ]") "}  ", -1, 8, NULL},
    {"{\"__metadata__\":{\"a\":\"\\u1234\\n\"}," TENSOR("b", "[8,16]") "," TENSOR("a", "[0,8]") "}", -1, 16, NULL},
    {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,8],\"dtype\":\"F32\"}}", -1, 8, NULL}, /* in any order */
    {"{\"a\":{\"data_offsets\":[0,8],\"dtype\":\"F32\",\"shape\":[2]}}", -1, 8, NULL},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", -1, 8,
     NEEDS}, /* each once */
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"shape\":[2],\"data_offsets\":[0,8]}}", -1, 8, NEEDS},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"data_offsets\":[0,8]}}", -1, 8, NEEDS},
    {"{" TENSOR("a", "[0,8]") "}", -1, 7, "7 bytes of data, expected 8"},
    {"{" TENSOR("a", "[0,8]") "}", -1, 9, "9 bytes of data, expected 8"},
    {"{}", 100, 0, "the file ends inside its header"},
    {"{}", INT64_MAX, 0, "the file ends inside its header"},
    {"{}", 1, 0, "tensor 1 has no name, or one longer than 95 bytes or with escapes"},
    {"[]", -1, 0, "its header is not one JSON object"},
    {"{}x", -1, 0, "its header is not one JSON object"},
    {"{" TENSOR("a", "[0,8]"), -1, 8, "its header is not one JSON object"},
    {"{" TENSOR("a", "[0,8]") ",}", -1, 8, "tensor 2 has no name, or one longer than 95 bytes or with escapes"},
    {"{" TENSOR("a", "[0,8]") "," TENSOR("a", "[8,16]") "}", -1, 16, "it has two tensors 'a'"},
    {"{" TENSOR("a", "[0,8]") "," TENSOR("b", "[4,12]") "}", -1, 12,
     "its tensors overlap or leave a gap at byte 8 of the data"},
    {"{" TENSOR("a", "[4,12]") "}", -1, 12, "its tensors overlap or leave a gap at byte 0 of the data"},
    {"{" TENSOR("a", "[0,4]") "}", -1, 4, "tensor 'a' has data_offsets [0,4], expected 8 bytes"},
    {"{" TENSOR("a", "[8,0]") "}", -1, 8, "tensor 'a' has data_offsets [8,0], expected 8 bytes"},
    {"{" TENSOR("a", "[0]") "}", -1, 8, NEEDS},
    {"{" TENSOR("a", "[0,8,9]") "}", -1, 8, NEEDS},
    {"{" TENSOR("a", "[0,-8]") "}", -1, 8, NEEDS},
    {"{\"a\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4]}}", -1, 4, NULL},
    {"{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,8]}}", -1, 8,
     "tensor 'a' has data_offsets [0,8], expected 4 bytes"},
    {"{\"a\":{\"dtype\":\"I32\",\"shape\":[2],\"data_offsets\":[0,8]}}", -1, 8, NEEDS},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,2],\"data_offsets\":[0,8]}}", -1, 8, NEEDS},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", -1, 8, NEEDS},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", -1, 0,
     "tensor 'a' has more bytes than a file can hold"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1073741824],\"data_offsets\":[0,4294967296]}}", -1, 8,
     "8 bytes of data, expected 4294967296"},
    {"{\"__metadata__\":{\"a\":1}}", -1, 0, "its __metadata__ is not an object of strings"},
    {"{\"a\"}", -1, 0, "its header is not JSON after \"a\""},
};

START_TEST(safetensors_hostile)
{
    struct nl_error err = {{0}};
    struct nl_text file = {0};
    size_t length = strlen(tensor_cases[_i].header);
    uint64_t claimed = tensor_cases[_i].claimed < 0 ? length : (uint64_t)tensor_cases[_i].claimed;
    nl_text_add_bytes(&file, (const char *)&claimed, 8);
    nl_text_add_bytes(&file, tensor_cases[_i].header, length);
    for (size_t i = 0; i < tensor_cases[_i].data; i++)
        nl_text_add_bytes(&file, "", 1);
    char *path = nl_path_join(folder, "x.safetensors");
    ck_assert_int_eq(nl_file_write(path, file.at, file.length, &err), NL_OK);
    struct nl_tensor_file read;
    int status = nl_safetensors_read(path, &read, &err);
    if (tensor_cases[_i].message) {
        char *expected = nl_format("cannot read '%s': %s", path, tensor_cases[_i].message);
        ck_assert_int_eq(status, NL_BAD);
        ck_assert_str_eq(err.text, expected);
        free(expected);
    } else {
        ck_assert_msg(status == NL_OK, "%s", err.text);
        ck_assert_int_ge(read.count, 1);
    }
    nl_safetensors_release(&read);
    free(path);
    nl_text_release(&file);
}
END_TEST

/* A file that lost a bit anywhere, in each digit of its own checksum as well, is damaged. */
START_TEST(a_checksum_is_of_the_whole_file)
{
    struct nl_error err;
    float weight[3000] = {0};
    const struct nl_tensor_file_entry entry = {"fc1.weight", NL_F32, 1, {3000}, weight};
    char *path = nl_path_join(folder, "x.safetensors");
    struct nl_tensor_file read;
    size_t length;
    ck_assert_int_eq(nl_safetensors_write(path, &entry, 1, NULL, &err), NL_OK);
    char *bytes = nl_file_read(path, &length, &err);
    ck_assert(nl_safetensors_parse(path, bytes, length, &read, &err) == NL_OK && read.sealed);
    nl_safetensors_release(&read);
    const char *sum = strstr(bytes + 8, "normlab_sha256");
    size_t digits = (size_t)(strchr(strchr(sum, ':'), '"') + 1 - bytes);
    for (size_t at = digits; at < length; at += at < digits + NL_HASH_HEX ? 1 : 37) {
        bytes[at] ^= 1;
        ck_assert_msg(nl_safetensors_parse(path, bytes, length, &read, &err) == NL_BAD, "byte %zu of %zu", at, length);
        bytes[at] ^= 1;
    }
    free(bytes);
    free(path);
}
END_TEST

#define CASES(table) (int)(sizeof table / sizeof table[0])

int main(void)
{
    Suite *suite = suite_create("tensor_files");
    TCase *tests = tcase_create("tensor_files");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, npy_round_trip);
    tcase_add_test(tests, npy_as_numpy_writes);
    tcase_add_loop_test(tests, npy_hostile, 0, CASES(npy_cases));
    tcase_add_test(tests, safetensors_round_trip);
    tcase_add_test(tests, a_checksum_is_of_the_whole_file);
    tcase_add_loop_test(tests, safetensors_hostile, 0, CASES(tensor_cases));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
