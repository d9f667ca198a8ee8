/* base: text, files, characters, errors, memory, hashes. */
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

#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/seal.h"
#include "base/sums.h"
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

START_TEST(counts_agree_with_their_nouns)
{
    static const struct {
        const char *noun, *none, *one, *two;
    } cases[] = {{"step", "0 steps", "1 step", "2 steps"},
                 {"class", "0 classes", "1 class", "2 classes"},
                 {"batch", "0 batches", "1 batch", "2 batches"},
                 {"training sample", "0 training samples", "1 training sample", "2 training samples"},
                 {"more point", "0 more points", "1 more point", "2 more points"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_str_eq(NL_COUNT(0, cases[i].noun), cases[i].none);
        ck_assert_str_eq(NL_COUNT(1, cases[i].noun), cases[i].one);
        ck_assert_str_eq(NL_COUNT(2, cases[i].noun), cases[i].two);
    }
    char *both = nl_format("%s and %s", NL_COUNT(1, "file"), NL_COUNT(INT64_C(9007199254740993), "byte"));
    ck_assert_str_eq(both, "1 file and 9007199254740993 bytes");
    free(both);
    ck_assert_str_eq(nl_agree(0, "is", "are"), "are");
    ck_assert_str_eq(nl_agree(1, "is", "are"), "is");
    ck_assert_str_eq(nl_agree(1.5, "is", "are"), "are");
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
    char *parent = nl_path_folder(path), *absolute = nl_path_join(deep, "/etc"), *here = nl_path_join("", "file");
    ck_assert_str_eq(here, "file");
    free(here);
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
    char *pipe = nl_path_join(folder, "pipe"), *beside = nl_format("%s.0.tmp", pipe), read_back[8] = "";
    ck_assert_int_eq(mkfifo(pipe, 0600), 0);
    ck_assert(nl_file_is_special(pipe) && nl_file_is_special("/dev/null") && !nl_file_is_special(folder) &&
              !nl_file_is_special(beside));
    int reader = open(pipe, O_RDONLY | O_NONBLOCK); /* else the writer would wait for one */
    ck_assert_int_eq(nl_output_write(pipe, "three", 5, &err), NL_OK);
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
    static const char *const good[] = {
        "a", "~", " ", "\xc2\xa0", "\xc3\xa9", "\xe2\x82\xac", "\xef\xbf\xbd", "\xf0\x9f\x98\x80"};
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

/* A disk that is full, played by a limit on the size of files: the old file stays as it was, and nothing lies beside
 * it. */
START_TEST(full_disk_leaves_the_old_file)
{
    struct nl_error err = {{0}};
    char *path = nl_path_join(folder, "file"), *beside = nl_format("%s.0.tmp", path);
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

START_TEST(the_start_of_a_file_is_no_more_than_was_asked_for)
{
    enum { LENGTH = 3 * NL_READ_BLOCK };
    static const size_t wanted[] = {0,          1,      3,         NL_READ_BLOCK - 1, NL_READ_BLOCK, NL_READ_BLOCK + 1,
                                    LENGTH - 1, LENGTH, LENGTH + 1};
    struct nl_error err = {{0}};
    char *path = nl_path_join(folder, "start"), *bytes = nl_alloc(LENGTH, 1);
    memset(bytes, 'a', LENGTH);
    ck_assert_int_eq(nl_file_write(path, bytes, LENGTH, &err), NL_OK);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        size_t total = 0;
        char *start = nl_file_read_start(path, wanted[i], &total, &err);
        ck_assert_ptr_nonnull(start);
        ck_assert_uint_eq(strlen(start), wanted[i] < LENGTH ? wanted[i] : LENGTH);
        ck_assert_uint_eq(total, LENGTH);
        free(start);
    }
    free(bytes);
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

START_TEST(json_escapes_what_it_must)
{
    struct nl_text text = {0};
    nl_json_add(&text, "a b\t\"c\"\\\x1f\xc3\xa4");
    ck_assert_str_eq(text.at, "\"a b\\u0009\\\"c\\\"\\\\\\u001f\xc3\xa4\"");
    nl_text_release(&text);
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
    char *million = memset(nl_alloc(1000000, 1), 'a', 1000000);
    nl_hash_bytes(million, 1000000, hex);
    ck_assert_str_eq(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(million);
    char base64[NL_HASH_BASE64];
    nl_hash_base64("abc", 3, base64);
    ck_assert_str_eq(base64, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
}
END_TEST

/* More bytes than any block that is read or hashed at once, in lines. */
static void add_long_text(struct nl_text *out)
{
    for (int i = 0; i < 1500; i++)
        nl_text_add(out, "line %d\n", i);
    ck_assert_uint_gt(out->length, 3 * 4096);
}

/* A text that lost a bit anywhere, in each digit of its seal as well, is not taken for good. */
START_TEST(a_seal_is_of_the_whole_text)
{
    struct nl_text text = {0};
    size_t sealed;
    nl_seal_promise(&text, "# ");
    add_long_text(&text);
    size_t before = text.length;
    nl_seal_add(&text, "# ");
    ck_assert(nl_seal_check(text.at, text.length, "# ", &sealed) == NL_OK && sealed == before);
    for (size_t at = 0; at < text.length; at += at + 100 < before ? 37 : 1) {
        text.at[at] ^= 1;
        ck_assert_msg(nl_seal_check(text.at, text.length, "# ", &sealed) == NL_BAD, "byte %zu of %zu", at, text.length);
        text.at[at] ^= 1;
    }
    nl_text_release(&text);
}
END_TEST

/* The same of a file that has a line in SHA256SUMS, and of that line. */
START_TEST(a_sum_is_of_the_whole_file)
{
    struct nl_text text = {0};
    struct nl_error err;
    static const char *const name[] = {"a.csv"};
    char *path = nl_path_join(folder, name[0]), *sums = nl_path_join(folder, nl_sums_file);
    add_long_text(&text);
    ck_assert_int_eq(nl_file_write(path, text.at, text.length, &err), NL_OK);
    ck_assert_msg(nl_sums_write(folder, name, 1, &err) == NL_OK, "%s", err.text);
    ck_assert_int_eq(nl_sums_check(path, text.at, text.length, &err), NL_OK);
    for (size_t at = 0; at < text.length; at += 37) {
        text.at[at] ^= 1;
        ck_assert_msg(nl_sums_check(path, text.at, text.length, &err) == NL_BAD, "byte %zu", at);
        text.at[at] ^= 1;
    }
    char *line = nl_file_read(sums, NULL, &err);
    for (size_t at = 0; at < strlen(line); at++) {
        line[at] ^= 1;
        ck_assert_int_eq(nl_file_write(sums, line, strlen(line), &err), NL_OK);
        ck_assert_msg(nl_sums_check(path, text.at, text.length, &err) == NL_BAD, "byte %zu of the line", at);
        line[at] ^= 1;
    }
    free(line);
    free(sums);
    free(path);
    nl_text_release(&text);
}
END_TEST

START_TEST(sizes_in_words)
{
    char out[32];
    ck_assert_str_eq(nl_bytes_text(12, out), "12 bytes");
    ck_assert_str_eq(nl_bytes_text(1536, out), "1.5 KiB");
    ck_assert_str_eq(nl_bytes_text(INFINITY, out), "an unknown amount");
}
END_TEST

/* ---- memory that is short fails what asked for it ---- */

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* which end the program at such a request */
static int take_far_too_much(void *context, struct nl_error *err)
{
    volatile size_t far_too_much = SIZE_MAX / 4;
    (void)err;
    *(int *)context = 1;
    free(nl_alloc(far_too_much, 1));
    *(int *)context = 2;
    return NL_OK;
}

static int rescue_inside(void *context, struct nl_error *err)
{
    int inner = 0;
    ck_assert_int_eq(nl_memory_rescue(take_far_too_much, &inner, err), NL_FAIL);
    return take_far_too_much(context, err);
}

START_TEST(short_memory_is_an_error)
{
    struct nl_error err = {0};
    int got = 0;
    ck_assert_int_eq(nl_memory_rescue(rescue_inside, &got, &err), NL_FAIL);
    ck_assert_int_eq(got, 1);
    ck_assert_str_eq(err.text, "out of memory: 4611686018427387903 bytes asked for");
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("base");
    TCase *tests = tcase_create("base");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, shortest_numbers);
    tcase_add_test(tests, sizes_in_words);
    tcase_add_test(tests, counts_agree_with_their_nouns);
    tcase_add_test(tests, text_grows);
    tcase_add_test(tests, files_whole_or_not_at_all);
    tcase_add_test(tests, special_files_stay_what_they_are);
    tcase_add_test(tests, characters_that_print);
    tcase_add_test(tests, full_disk_leaves_the_old_file);
    tcase_add_test(tests, the_start_of_a_file_is_no_more_than_was_asked_for);
    tcase_add_test(tests, reads_that_fail_are_errors);
    tcase_add_test(tests, json_escapes_what_it_must);
    tcase_add_test(tests, errors_gain_context);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    tcase_add_test(tests, short_memory_is_an_error);
#endif
    tcase_add_test_raise_signal(tests, broken_invariants_abort, SIGABRT);
    tcase_add_exit_test(tests, out_of_memory_exits, 1); /* so does the address sanitizer */
    tcase_add_test(tests, gzip_is_unpacked);
    tcase_add_test(tests, sha256);
    tcase_add_test(tests, a_seal_is_of_the_whole_text);
    tcase_add_test(tests, a_sum_is_of_the_whole_file);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
