/* Division by a number that the launch knows, as the kernels for a GPU do it (core/backend/cuda/division.cuh): that of
 * C. */
#include <check.h>
#include <limits.h>

#include "base/random.h"
#include "../host_cuda/count.h"
#include "suite.h"

static void check(uint32_t n, int by)
{
    uint32_t quotient, rest;
    host_cuda_divide(n, by, &quotient, &rest);
    ck_assert_msg(quotient == n / (uint32_t)by && rest == n % (uint32_t)by, "%u by %d is %u, rest %u", n, by, quotient,
                  rest);
}

/* On both sides of multiples, where a rounded quotient would be off by one, and anywhere. */
static void check_by(int by)
{
    enum { DRAWS = 40 };
    struct nl_stream stream = nl_stream(1, "division");
    uint32_t most = INT_MAX, multiples = most / (uint32_t)by;
    check(0, by);
    check(most, by);
    for (int i = 0; i < DRAWS; i++) {
        uint32_t multiple =
            (i == 0 ? multiples : nl_stream_below(stream, (uint64_t)by, (uint64_t)i, multiples) + 1) * (uint32_t)by;
        check(multiple, by);
        check(multiple - 1, by);
        check((uint32_t)(nl_stream_bits(stream, (uint64_t)by, (uint64_t)(DRAWS + i)) % INT_MAX), by);
    }
}

START_TEST(it_is_exact)
{
    for (int by = 1; by <= 3000; by++)
        check_by(by);
    for (int power = 12; power < 31; power++)
        for (int beside = -1; beside <= 1; beside++)
            check_by((1 << power) + beside);
    check_by(INT_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("division on cuda");
    TCase *tests = tcase_create("division");
    tcase_add_test(tests, it_is_exact);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
