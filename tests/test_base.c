/* base: random streams against the published vectors and against what they promise; files, text, hashes; .npy and
 * safetensors, round trips and hostile headers. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/elementary.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/npy.h"
#include "base/random.h"
#include "base/safetensors.h"
#include "base/utf8.h"
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

/* ---- random ---- */

/* Known-answer vectors of Random123 (kat_vectors, philox4x32 10). */
START_TEST(philox_known_answers)
{
    static const struct {
        uint64_t low, high;
        uint32_t key[2], out[4];
    } vectors[] = {
        {0, 0, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, {0xffffffff, 0xffffffff}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x85a308d3243f6a88, 0x0370734413198a2e, {0xa4093822, 0x299f31d0}, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    uint32_t out[4];
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct nl_stream stream = {{vectors[i].key[0], vectors[i].key[1]}};
        nl_stream_block(stream, vectors[i].low, vectors[i].high, out);
        ck_assert_mem_eq(out, vectors[i].out, sizeof out);
    }
}
END_TEST

START_TEST(streams_differ_by_seed_name_row)
{
    struct nl_stream a = nl_stream(1, "order");
    ck_assert_uint_eq(nl_stream_bits(a, 3, 4), nl_stream_bits(nl_stream(1, "order"), 3, 4));
    ck_assert_uint_ne(nl_stream_bits(a, 0, 0), nl_stream_bits(nl_stream(2, "order"), 0, 0));
    ck_assert_uint_ne(nl_stream_bits(a, 0, 0), nl_stream_bits(nl_stream(1, "orders"), 0, 0));
    ck_assert_uint_ne(nl_stream_bits(a, 0, 1), nl_stream_bits(a, 1, 0));
    uint64_t many[37], row = (uint64_t)5 << 32 | 7, first = ((uint64_t)1 << 32) - 9;
    nl_stream_bits_from(a, row, first, 37, many);
    for (uint64_t i = 0; i < 37; i++)
        ck_assert_uint_eq(many[i], nl_stream_bits(a, row, first + i));
}
END_TEST

/* Box and Muller in the C library's functions; the same wherever a draw begins. */
START_TEST(normals_are_what_they_say)
{
    enum { COUNT = 1003 };
    double many[COUNT];
    struct nl_stream stream = nl_stream(3, "normals");
    nl_stream_normals(stream, 4, 5, COUNT, many);
    for (uint64_t i = 0; i < COUNT; i++) {
        uint32_t block[4];
        nl_stream_block(stream, 5 + i, 4, block);
        double radius = nl_uniform_of((uint64_t)block[1] << 32 | block[0]), turns = nl_uniform_of((uint64_t)block[3] << 32 | block[2]);
        double wanted = sqrt(-2 * log(radius)) * cos(2 * acos(-1) * turns);
        ck_assert(fabs(many[i] - wanted) <= 1e-14);
        ck_assert(many[i] == nl_stream_normal(stream, 4, 5 + i));
    }
}
END_TEST

START_TEST(elementary_functions)
{
    for (int i = 0; i <= 4096; i++) {
        double turns = i / 4096.0;
        ck_assert(fabs(nl_cos_of_turns(turns) - cos(2 * acos(-1) * turns)) <= 1e-15);
    }
    ck_assert(nl_cos_of_turns(0) == 1 && nl_cos_of_turns(0.25) == 0 && nl_cos_of_turns(0.5) == -1 && nl_cos_of_turns(0.75) == 0);
    for (double x = 0x1p-54; x < 0x1p54; x *= 1.37)
        ck_assert(fabs(nl_log(x) - log(x)) <= 4e-16 * fabs(log(x)));
    ck_assert(nl_log(1) == 0);
}
END_TEST

START_TEST(permutation_is_one)
{
    enum { COUNT = 1000 };
    int32_t order[COUNT], other[COUNT];
    struct nl_stream stream = nl_stream(1, "order");
    nl_stream_permutation(stream, 0, order, COUNT);
    nl_stream_permutation(stream, 1, other, COUNT);
    bool seen[COUNT] = {false};
    int same = 0, fixed = 0;
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_ge(order[i], 0);
        ck_assert_int_lt(order[i], COUNT);
        ck_assert(!seen[order[i]]);
        seen[order[i]] = true;
        if (i > 0) /* what it is: the indices sorted by their bits */
            ck_assert_uint_lt(nl_stream_bits(stream, 0, (uint64_t)order[i - 1]), nl_stream_bits(stream, 0, (uint64_t)order[i]));
        same += order[i] == other[i];
        fixed += order[i] == i;
    }
    /* Each is 1 on average; 12 of a Poisson variable of mean 1 is beyond chance. */
    ck_assert_int_lt(same, 12);
    ck_assert_int_lt(fixed, 12);
}
END_TEST

/* Tolerances are five deviations of the estimate. */
START_TEST(moments)
{
    enum { COUNT = 100000 };
    struct nl_stream stream = nl_stream(7, "moments");
    double uniform[2] = {0}, normal[4] = {0};
    int below[7] = {0};
    for (int i = 0; i < COUNT; i++) {
        double u = nl_stream_uniform(stream, 0, (uint64_t)i), z = nl_stream_normal(stream, 1, (uint64_t)i);
        ck_assert(u > 0 && u < 1);
        uniform[0] += u / COUNT;
        uniform[1] += (u - 0.5) * (u - 0.5) / COUNT;
        for (int k = 0; k < 4; k++)
            normal[k] += pow(z, k + 1) / COUNT;
        below[nl_stream_below(stream, 2, (uint64_t)i, 7)]++;
    }
    double root = 5 / sqrt(COUNT);
    ck_assert(fabs(uniform[0] - 0.5) <= root * sqrt(1.0 / 12));
    ck_assert(fabs(uniform[1] - 1.0 / 12) <= root * sqrt(1.0 / 180));
    ck_assert(fabs(normal[0]) <= root);
    ck_assert(fabs(normal[1] - 1) <= root * sqrt(2));
    ck_assert(fabs(normal[2]) <= root * sqrt(15));
    ck_assert(fabs(normal[3] - 3) <= root * sqrt(96));
    for (int k = 0; k < 7; k++)
        ck_assert(fabs(below[k] - COUNT / 7.0) <= 5 * sqrt(COUNT * 6.0 / 49));
}
END_TEST

/* ---- text, files, hashes ---- */

START_TEST(shortest_numbers)
{
    char out[32];
    ck_assert_str_eq(nl_double_text(0.1, out), "0.1");
    ck_assert_str_eq(nl_double_text(1.0 / 3, out), "0.3333333333333333");
    ck_assert_str_eq(nl_double_text(-INFINITY, out), "-inf");
    ck_assert_str_eq(nl_double_text(NAN, out), "nan");
    struct nl_stream stream = nl_stream(1, "text");
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t bits = nl_stream_bits(stream, 0, i);
        double wide;
        memcpy(&wide, &bits, sizeof wide);
        ck_assert(isnan(wide) || strtod(nl_double_text(wide, out), NULL) == wide);
    }
}
END_TEST

START_TEST(text_grows)
{
    struct nl_text text = {0};
    for (int i = 0; i < 1000; i++)
        nl_text_add(&text, "%d,", i % 10);
    nl_text_add_bytes(&text, "\0end", 4);
    ck_assert_uint_eq(text.length, 2004);
    ck_assert_mem_eq(text.at, "0,1,2,", 6);
    ck_assert_mem_eq(text.at + 1996, "8,9,\0end", 9);
    nl_text_release(&text);
    ck_assert_ptr_null(text.at);
}
END_TEST

START_TEST(files_whole_or_not_at_all)
{
    struct nl_error err = {{0}};
    char *deep = nl_path_join(folder, "a/b/c"), *path = nl_path_join(deep, "file");
    ck_assert_int_eq(nl_make_folders(deep, &err), NL_OK);
    ck_assert_int_eq(nl_make_folders(deep, &err), NL_OK);
    ck_assert_int_eq(nl_file_write(path, "one\0two", 7, &err), NL_OK);
    ck_assert_int_eq(nl_file_write(path, "three", 5, &err), NL_OK);
    size_t length = 0;
    char *bytes = nl_file_read(path, &length, &err);
    ck_assert_uint_eq(length, 5);
    ck_assert_str_eq(bytes, "three");
    free(bytes);
    char *below = nl_path_join(path, "below");
    ck_assert_int_eq(nl_make_folders(below, &err), NL_FAIL);
    ck_assert_int_eq(nl_file_write(below, "", 0, &err), NL_FAIL);
    ck_assert(!nl_file_exists(below));
    ck_assert_ptr_null(nl_file_read(deep, &length, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "it is a folder"));
    char *parent = nl_path_folder(path), *absolute = nl_path_join(deep, "/etc");
    ck_assert_str_eq(parent, deep);
    ck_assert_str_eq(absolute, "/etc");
    free(absolute);
    free(parent);
    free(below);
    free(path);
    free(deep);
}
END_TEST

/* As root, a file renamed over /dev/null would take its place for all programs. */
START_TEST(special_files_stay_what_they_are)
{
    struct nl_error err = {{0}};
    char *pipe = nl_path_join(folder, "pipe"), *beside = nl_format("%s.%ld.tmp", pipe, (long)getpid()), read_back[8] = "";
    ck_assert_int_eq(mkfifo(pipe, 0600), 0);
    ck_assert(nl_file_is_special(pipe) && nl_file_is_special("/dev/null") && !nl_file_is_special(folder) && !nl_file_is_special(beside));
    int reader = open(pipe, O_RDONLY | O_NONBLOCK); /* else the writer would wait for one */
    ck_assert_int_eq(nl_file_write(pipe, "three", 5, &err), NL_OK);
    ck_assert_int_eq(read(reader, read_back, sizeof read_back), 5);
    ck_assert_str_eq(read_back, "three");
    ck_assert(nl_file_is_special(pipe) && !nl_file_exists(beside));
    close(reader);
    free(beside);
    free(pipe);
}
END_TEST

START_TEST(characters_that_print)
{
    static const char *const good[] = {"a", "~", " ", "\xc2\xa0", "\xc3\xa9", "\xe2\x82\xac", "\xef\xbf\xbd", "\xf0\x9f\x98\x80"};
    static const char *const bad[] = {
        "\n", "\t", "\x7f", "\xc2\x85",             /* control characters of both kinds */
        "\xe2\x80\xa8", "\xe2\x80\xa9", "\xef\xbb\xbf", /* line, paragraph, byte-order mark */
        "\xe9", "\xc3", "\xe2\x82", "\x80", "a\x80",    /* Latin-1, cut off, a tail alone, a tail too many */
        "\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", /* longer than need be */
        "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff",   /* a surrogate, past the last one, never a byte of UTF-8 */
        "\xf8\x88\x80\x80\x80",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(nl_character_prints(good[i], nl_character_bytes(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!nl_character_prints(bad[i], nl_character_bytes(bad[i])), "%zu", i);
    ck_assert_int_eq(nl_characters("h\xc3\xa9!", 4), 3);
}
END_TEST

/* A disk that is full, played by a limit on the size of files: the old file stays as it was, and nothing lies beside it. */
START_TEST(full_disk_leaves_the_old_file)
{
    struct nl_error err = {{0}};
    char *path = nl_path_join(folder, "file"), *beside = nl_format("%s.%ld.tmp", path, (long)getpid());
    char *large = nl_alloc(1 << 16, 1);
    ck_assert_int_eq(nl_file_write(path, "old", 3, &err), NL_OK);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){1 << 12, 1 << 12}), 0);
    ck_assert_int_eq(nl_file_write(path, large, 1 << 16, &err), NL_FAIL);
    ck_assert_msg(strstr(err.text, "cannot write '") && strstr(err.text, strerror(EFBIG)), "%s", err.text);
    ck_assert(!nl_file_exists(beside));
    size_t length = 0;
    char *bytes = nl_file_read(path, &length, &err);
    ck_assert_str_eq(bytes, "old");
    free(bytes);
    free(large);
    free(beside);
    free(path);
}
END_TEST

/* Linux's /proc/self/mem opens, and cannot be read at its start. */
START_TEST(reads_that_fail_are_errors)
{
    struct nl_error err = {{0}};
    size_t length = 0;
    if (!nl_file_exists("/proc/self/mem"))
        return;
    ck_assert_ptr_null(nl_file_read("/proc/self/mem", &length, &err));
    ck_assert_msg(strstr(err.text, "cannot read '/proc/self/mem': ") != NULL, "%s", err.text);
    ck_assert_ptr_null(nl_file_read_start("/proc/self/mem", 16, &length, &err));
    ck_assert_msg(strstr(err.text, "cannot read '/proc/self/mem': ") != NULL, "%s", err.text);
    ck_assert_ptr_null(nl_file_read_gz("/proc/self/mem", 0, &length, &err));
    ck_assert_ptr_null(nl_file_read_gz("/nowhere", 0, &length, &err));
    ck_assert_msg(strstr(err.text, "cannot open '/nowhere'") != NULL, "%s", err.text);
}
END_TEST

START_TEST(errors_gain_context)
{
    struct nl_error err = {{0}};
    ck_assert_int_eq(nl_fail(&err, "it is %d", 3), NL_FAIL);
    ck_assert_int_eq(nl_fail_in(&err, "in '%s'", "here"), NL_FAIL);
    ck_assert_str_eq(err.text, "in 'here': it is 3");
    ck_assert_int_eq(nl_fail_in(NULL, "nobody listens"), NL_FAIL);
}
END_TEST

START_TEST(broken_invariants_abort)
{
    NL_ASSERT(1 + 1 == 2);
    NL_ASSERT(1 + 1 == 3);
}
END_TEST

START_TEST(out_of_memory_exits)
{
    volatile size_t far_too_much = SIZE_MAX / 4;
    free(nl_alloc(far_too_much, 1));
}
END_TEST

START_TEST(gzip_is_unpacked)
{
    enum { COUNT = 200000 };
    struct nl_error err = {{0}};
    char *path = nl_path_join(folder, "packed.gz");
    char *bytes = nl_alloc(COUNT, 1);
    for (int i = 0; i < COUNT; i++)
        bytes[i] = (char)nl_stream_bits(nl_stream(1, "gzip"), 0, (uint64_t)i / 3);
    gzFile file = gzopen(path, "wb");
    ck_assert_int_eq(gzwrite(file, bytes, COUNT), COUNT);
    ck_assert_int_eq(gzclose(file), Z_OK);

    size_t length = 0;
    char *back = nl_file_read_gz(path, COUNT, &length, &err);
    ck_assert_ptr_nonnull(back);
    ck_assert_uint_eq(length, COUNT);
    ck_assert_mem_eq(back, bytes, COUNT);
    free(back);
    ck_assert_ptr_null(nl_file_read_gz(path, COUNT - 1, &length, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "too large: more than 199999 bytes unpacked"));

    char *packed = nl_file_read(path, &length, &err);
    ck_assert_int_eq(nl_file_write(path, packed, length / 2, &err), NL_OK);
    ck_assert_ptr_null(nl_file_read_gz(path, COUNT, &length, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "cannot unpack"));
    free(packed);

    ck_assert_int_eq(nl_file_write(path, "plain", 5, &err), NL_OK);
    back = nl_file_read_gz(path, COUNT, &length, &err);
    ck_assert_str_eq(back, "plain");
    free(back);
    free(bytes);
    free(path);
}
END_TEST

/* FIPS 180-4 examples. */
START_TEST(sha256)
{
    char hex[NL_HASH_HEX];
    nl_hash_bytes("", 0, hex);
    ck_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    struct nl_hash *hash = nl_hash_start();
    nl_hash_add(hash, "a", 1);
    nl_hash_add(hash, "bc", 2);
    nl_hash_finish(hash, hex);
    ck_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
END_TEST

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
    static const char numpy[] =
        "\x93NUMPY\x01\x00v\x00{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }                                          "
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
    {NULL, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,)}", 24, HEADER},
    {NULL, SHAPED("(6)"), 24, HEADER},
    {NULL, SHAPED("(2 3)"), 24, HEADER},
    {NULL, SHAPED("(-2,)"), 24, HEADER},
    {NULL, SHAPED("(1,1,1,1,1,1,1,1,6)"), 24, HEADER},
    {NULL, SHAPED("(99999999999999999999,)"), 24, HEADER},
    {NULL, SHAPED("(4294967296, 4294967296)"), 24, "its header promises more elements than a file can hold"},
    {NULL, SHAPED("(4611686018427387904,)"), 24, "its header promises more bytes than a file can hold"},
    {NULL, SHAPED("(1152921504606846976,)"), 24, "24 bytes of data, expected 4611686018427387904"},
    {NULL, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}", 24, "it is in Fortran order; save numpy.ascontiguousarray(x)"},
    {NULL, "{'descr': '>f4', 'fortran_order': False, 'shape': (6,)}", 24,
     "its numbers are big endian ('>f4'); save x.astype(x.dtype.newbyteorder('<'))"},
    {NULL, "{'descr': '|O', 'fortran_order': False, 'shape': (6,)}", 24,
     "its type is '|O', expected float32, float64 or integers"},
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
    ck_assert_int_eq(nl_safetensors_read(path, &back, &err), NL_FAIL);
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
#define NEEDS "tensor 'a' needs dtype (F32, F64 or I64), shape (at most 4 dimensions) and data_offsets"

static const struct {
    const char *header;
    int64_t claimed; /* length of the header in the file; -1: the true one */
    size_t data;
    const char *message; /* NULL: legal */
} tensor_cases[] = {
    {"{" TENSOR("a", "[0,8]") "}", -1, 8, NULL},
    {" { " TENSOR("a", "[ 0 , 8 ]") "}  ", -1, 8, NULL},
    {"{\"__metadata__\":{\"a\":\"\\u1234\\n\"}," TENSOR("b", "[8,16]") "," TENSOR("a", "[0,8]") "}", -1, 16, NULL},
    {"{" TENSOR("a", "[0,8]") "}", -1, 7, "7 bytes of data, expected 8"},
    {"{" TENSOR("a", "[0,8]") "}", -1, 9, "9 bytes of data, expected 8"},
    {"{}", 100, 0, "not a safetensors file, or it ends inside its header"},
    {"{}", INT64_MAX, 0, "not a safetensors file, or it ends inside its header"},
    {"{}", 1, 0, "tensor 1 has no name, or one longer than 95 bytes or with escapes"},
    {"[]", -1, 0, "its header is not one JSON object"},
    {"{}x", -1, 0, "its header is not one JSON object"},
    {"{" TENSOR("a", "[0,8]"), -1, 8, "its header is not one JSON object"},
    {"{" TENSOR("a", "[0,8]") ",}", -1, 8, "tensor 2 has no name, or one longer than 95 bytes or with escapes"},
    {"{" TENSOR("a", "[0,8]") "," TENSOR("a", "[8,16]") "}", -1, 16, "it has two tensors 'a'"},
    {"{" TENSOR("a", "[0,8]") "," TENSOR("b", "[4,12]") "}", -1, 12, "its tensors overlap or leave a gap at byte 8 of the data"},
    {"{" TENSOR("a", "[4,12]") "}", -1, 12, "its tensors overlap or leave a gap at byte 0 of the data"},
    {"{" TENSOR("a", "[0,4]") "}", -1, 4, "tensor 'a' has data_offsets [0,4], expected 8 bytes"},
    {"{" TENSOR("a", "[8,0]") "}", -1, 8, "tensor 'a' has data_offsets [8,0], expected 8 bytes"},
    {"{" TENSOR("a", "[0]") "}", -1, 8, NEEDS},
    {"{" TENSOR("a", "[0,8,9]") "}", -1, 8, NEEDS},
    {"{" TENSOR("a", "[0,-8]") "}", -1, 8, NEEDS},
    {"{\"a\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4]}}", -1, 4, NEEDS},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,2],\"data_offsets\":[0,8]}}", -1, 8, NEEDS},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", -1, 8, NEEDS},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", -1, 0,
     "tensor 'a' has more bytes than a file can hold"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1073741824],\"data_offsets\":[0,4294967296]}}", -1, 8, "8 bytes of data, expected 4294967296"},
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
        ck_assert_int_eq(status, NL_FAIL);
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

#define CASES(table) (int)(sizeof table / sizeof table[0])

int main(void)
{
    Suite *suite = suite_create("base");
    TCase *tests = tcase_create("base");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, philox_known_answers);
    tcase_add_test(tests, streams_differ_by_seed_name_row);
    tcase_add_test(tests, normals_are_what_they_say);
    tcase_add_test(tests, elementary_functions);
    tcase_add_test(tests, permutation_is_one);
    tcase_add_test(tests, moments);
    tcase_add_test(tests, shortest_numbers);
    tcase_add_test(tests, text_grows);
    tcase_add_test(tests, files_whole_or_not_at_all);
    tcase_add_test(tests, special_files_stay_what_they_are);
    tcase_add_test(tests, characters_that_print);
    tcase_add_test(tests, full_disk_leaves_the_old_file);
    tcase_add_test(tests, reads_that_fail_are_errors);
    tcase_add_test(tests, errors_gain_context);
    tcase_add_test_raise_signal(tests, broken_invariants_abort, SIGABRT);
    tcase_add_exit_test(tests, out_of_memory_exits, 1); /* so does the address sanitizer */
    tcase_add_test(tests, gzip_is_unpacked);
    tcase_add_test(tests, sha256);
    tcase_add_test(tests, npy_round_trip);
    tcase_add_test(tests, npy_as_numpy_writes);
    tcase_add_loop_test(tests, npy_hostile, 0, CASES(npy_cases));
    tcase_add_test(tests, safetensors_round_trip);
    tcase_add_loop_test(tests, safetensors_hostile, 0, CASES(tensor_cases));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
