/* Random streams against the published vectors and against what they promise; the elementary functions below them. */
#include <check.h>
#include <math.h>

#include "base/elementary.h"
#include "base/random.h"
#include "suite.h"

/* Known-answer vectors of Random123 (kat_vectors, philox4x32 10). */
START_TEST(philox_known_answers)
{
    static const struct {
        uint64_t low, high;
        uint32_t key[2], out[4];
    } vectors[] = {
        {0, 0, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, {0xffffffff, 0xffffffff}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x85a308d3243f6a88,
         0x0370734413198a2e,
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
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
        double radius = nl_uniform_of((uint64_t)block[1] << 32 | block[0]),
               turns = nl_uniform_of((uint64_t)block[3] << 32 | block[2]);
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
    ck_assert(nl_cos_of_turns(0) == 1 && nl_cos_of_turns(0.25) == 0 && nl_cos_of_turns(0.5) == -1 &&
              nl_cos_of_turns(0.75) == 0);
    for (double x = 0x1p-54; x < 0x1p54; x *= 1.37)
        ck_assert(fabs(nl_log(x) - log(x)) <= 4e-16 * fabs(log(x)));
    ck_assert(nl_log(1) == 0);
    for (double x = -708; x < 0; x += 0.0137)
        ck_assert(fabs(nl_exp_below(x) - exp(x)) <= 4e-16 * exp(x));
    ck_assert(nl_exp_below(0) == 1 && nl_exp_below(-INFINITY) == 0 && nl_exp_below(-709) == 0);
    ck_assert(isnan(nl_exp_below(NAN)));
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
            ck_assert_uint_lt(nl_stream_bits(stream, 0, (uint64_t)order[i - 1]),
                              nl_stream_bits(stream, 0, (uint64_t)order[i]));
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

int main(void)
{
    Suite *suite = suite_create("random");
    TCase *tests = tcase_create("random");
    tcase_add_test(tests, philox_known_answers);
    tcase_add_test(tests, streams_differ_by_seed_name_row);
    tcase_add_test(tests, normals_are_what_they_say);
    tcase_add_test(tests, elementary_functions);
    tcase_add_test(tests, permutation_is_one);
    tcase_add_test(tests, moments);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
