/* What is uploaded to a GPU arrives, whatever its size, though it goes by way of a room that is used again and again,
 * and though the host's memory changes right after. Run by the host (tests/host_cuda) and by tests/gpu/run.sh on a
 * device. */
#include <check.h>
#include <string.h>

#include "backend/backend.h"
#include "base/memory.h"
#include "suite.h"

enum { MIB = 1 << 20 };

static void fill(unsigned char *at, size_t bytes, unsigned seed)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (unsigned char)((i * 2654435761u + seed * 40503u) >> 16);
}

static void check_same(const unsigned char *found, size_t bytes, unsigned seed)
{
    unsigned char *expected = nl_alloc(bytes, 1);
    fill(expected, bytes, seed);
    ck_assert_msg(memcmp(found, expected, bytes) == 0, "upload %u of %zu bytes is not what was sent", seed, bytes);
    free(expected);
}

static void begin(void)
{
    struct nl_error err;
    ck_assert_msg(nl_backend_cuda.thread_begin(0, &err) == NL_OK, "%s", err.text);
}

static void end(void)
{
    struct nl_error err = {{0}};
    ck_assert_msg(nl_backend_cuda.status(&err) == NL_OK, "%s", err.text);
}

/* One after the other, none waited for. */
START_TEST(pieces_arrive)
{
    static const size_t sizes[] = {1, 63, 100000, MIB - 64, MIB, MIB + 1, 5 * MIB + 7, 64, 700000, 700000, 700000};
    enum { PIECES = sizeof sizes / sizeof *sizes };
    unsigned char *there[PIECES], *here = nl_alloc(6 * MIB, 1);
    begin();
    for (unsigned i = 0; i < PIECES; i++) {
        there[i] = nl_backend_cuda.alloc(sizes[i]);
        fill(here, sizes[i], i);
        nl_backend_cuda.upload(there[i], here, sizes[i]);
    }
    for (unsigned i = 0; i < PIECES; i++) {
        nl_backend_cuda.download(here, there[i], sizes[i]);
        check_same(here, sizes[i], i);
        nl_backend_cuda.free(there[i], sizes[i]);
    }
    end();
    free(here);
}
END_TEST

/* Step after step, as the rates of a cohort. */
START_TEST(rows_arrive)
{
    static const struct {
        size_t bytes;
        int count, turns;
    } of[] = {{8, 1000, 3}, {200, 1000, 40}, {300001, 9, 2}, {MIB / 2, 5, 2}, {MIB, 3, 2}, {2 * MIB + 1, 2, 2}};
    size_t bytes = of[_i].bytes, all = bytes * (size_t)of[_i].count, stride = bytes + 64;
    unsigned char *here = nl_alloc(all, 1), *there;
    begin();
    there = nl_backend_cuda.alloc(stride * (size_t)of[_i].count);
    for (unsigned turn = 0; turn < (unsigned)of[_i].turns; turn++) {
        fill(here, all, turn);
        nl_backend_cuda.upload_rows(there, stride, here, bytes, of[_i].count);
    }
    nl_backend_cuda.download_rows(here, there, stride, bytes, of[_i].count);
    check_same(here, all, (unsigned)of[_i].turns - 1);
    nl_backend_cuda.free(there, stride * (size_t)of[_i].count);
    end();
    free(here);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("uploads to cuda");
    TCase *tests = tcase_create("uploads");
    tcase_add_test(tests, pieces_arrive);
    tcase_add_loop_test(tests, rows_arrive, 0, 6);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
