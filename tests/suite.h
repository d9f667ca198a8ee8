/* Runs a suite of check; the exit status of main: 0 only if nothing failed and something ran. */
#ifndef NL_TESTS_SUITE_H
#define NL_TESTS_SUITE_H

#include <check.h>
#include <stdbool.h>

static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    bool good = srunner_ntests_failed(runner) == 0 && srunner_ntests_run(runner) > 0;
    srunner_free(runner);
    return good ? 0 : 1;
}

#endif
