/* Runs a suite of check; the exit status of main: 0 only if nothing failed and something ran. */
#ifndef NL_TESTS_SUITE_H
#define NL_TESTS_SUITE_H

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>

#include "long_form.h"

/* Seconds after which check ends a test. They catch a test that hangs, on any machine, and judge no speed: the longest
 * takes some seconds. */
#define WATCHDOG "900"

/* Before main, where check reads it as it makes the cases; its own default is 4 seconds. */
__attribute__((constructor)) static void set_watchdog(void)
{
    setenv("CK_DEFAULT_TIMEOUT", WATCHDOG, 0);
}

static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    bool good = srunner_ntests_failed(runner) == 0 && srunner_ntests_run(runner) > 0;
    srunner_free(runner);
    return good ? 0 : 1;
}

#endif
