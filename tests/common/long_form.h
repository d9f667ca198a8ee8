#ifndef NL_TESTS_LONG_FORM_H
#define NL_TESTS_LONG_FORM_H

#include <stdbool.h>
#include <stdlib.h>

/* Whether a test takes all of its cases: where `tests/run.sh --all` runs it, and on a GPU. Otherwise it takes some of
 * them. */
static inline bool is_long_form(void)
{
#ifdef ON_A_GPU
    return true;
#else
    const char *all = getenv("NORMLAB_ALL");
    return all && *all;
#endif
}

#endif
