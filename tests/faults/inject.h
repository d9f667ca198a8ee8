/* What tests/store/test_faults.c and the library that it puts before the program (inject.c) tell each other, through a
 * file that both have mapped. */
#ifndef TESTS_FAULTS_INJECT_H
#define TESTS_FAULTS_INJECT_H

#include <stdatomic.h>

enum kind { ALLOCATION, IO, KINDS };

struct injection {
    /* what shall fail: the calls first to last of this kind, counted from 1; first = 0: none */
    int kind, error; /* errno of it */
    long first, last;
    /* what happened */
    atomic_long calls[KINDS], failed;
    char name[32]; /* of the first function that failed */
};

#define INJECTION "NORMLAB_INJECTION" /* environment variable: the file's name */

#endif
