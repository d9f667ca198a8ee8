/* As much of check (libcheck.github.io) as the tests of the backends use, for machines where it cannot be installed:
 * every test in the same process, one after the other; a failed assertion ends its test. */
#ifndef TESTS_GPU_CHECK_H
#define TESTS_GPU_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CK_ENV, CHECK_MOST = 64 };

typedef struct {
    const char *name;
    int tests, run, failed;
    struct {
        const char *name;
        void (*run)(int);
        int from, to;
    } test[CHECK_MOST];
} Suite;
typedef Suite TCase, SRunner;

static Suite check_all;
__attribute__((weak)) jmp_buf check_next; /* one for all files of a program: the networks of the tests assert, too */

_Noreturn static inline void check_fail(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("  %s:%d: ", file, line);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
    longjmp(check_next, 1);
}

#define START_TEST(name) static void name(int _i __attribute__((unused)))
#define END_TEST
#define ck_assert_msg(condition, ...) ((condition) ? (void)0 : check_fail(__FILE__, __LINE__, __VA_ARGS__))
#define ck_abort_msg(...) check_fail(__FILE__, __LINE__, __VA_ARGS__)
#define ck_assert(condition) ck_assert_msg(condition, "%s", #condition)
#define ck_assert_int_eq(a, b) ck_assert_msg((a) == (b), "%s is %lld, not %lld", #a, (long long)(a), (long long)(b))
#define ck_assert_int_ge(a, b) ck_assert_msg((a) >= (b), "%s is %lld, below %lld", #a, (long long)(a), (long long)(b))
#define ck_assert_double_gt(a, b) ck_assert_msg((a) > (b), "%s is %g, not above %g", #a, (double)(a), (double)(b))
#define ck_assert_ptr_eq(a, b) ck_assert((a) == (b))
#define ck_assert_ptr_null(a) ck_assert((a) == NULL)
#define ck_assert_ptr_nonnull(a) ck_assert((a) != NULL)
#define ck_assert_str_eq(a, b) ck_assert_msg(strcmp(a, b) == 0, "%s is '%s', not '%s'", #a, a, b)

static inline Suite *suite_create(const char *name)
{
    check_all.name = name;
    return &check_all;
}

static inline TCase *tcase_create(const char *name)
{
    (void)name;
    return &check_all;
}

#define tcase_add_test(tests, function) check_add(#function, function, 0, 1)
#define tcase_add_loop_test(tests, function, from, to) check_add(#function, function, from, to)
#define tcase_add_checked_fixture(tests, before, after) (before()) /* once: they make what the tests only read */
#define tcase_set_timeout(tests, seconds) ((void)(tests), (void)(seconds))
#define suite_add_tcase(suite, tests) ((void)(suite), (void)(tests))
#define srunner_create(suite) (suite)
#define srunner_free(runner) ((void)(runner))
#define srunner_ntests_run(runner) ((runner)->run)
#define srunner_ntests_failed(runner) ((runner)->failed)

static inline void check_add(const char *name, void (*run)(int), int from, int to)
{
    if (check_all.tests == CHECK_MOST)
        abort();
    check_all.test[check_all.tests].name = name;
    check_all.test[check_all.tests].run = run;
    check_all.test[check_all.tests].from = from;
    check_all.test[check_all.tests++].to = to;
}

static inline void srunner_run_all(SRunner *runner, int how)
{
    (void)how;
    for (volatile int t = 0; t < runner->tests; t++)
        for (volatile int i = runner->test[t].from; i < runner->test[t].to; i++) {
            runner->run++;
            if (setjmp(check_next) == 0)
                runner->test[t].run(i);
            else
                runner->failed++, printf("  failed: %s %d\n", runner->test[t].name, i);
            fflush(stdout);
        }
    printf("%s: %d tests, %d failed\n", runner->name, runner->run, runner->failed);
}

#endif
