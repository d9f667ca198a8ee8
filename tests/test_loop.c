/* Loops over time: an LSTM by one is what it is node by node. */
#include <check.h>

#include "suite.h"

int main(void)
{
    Suite *suite = suite_create("loop");
    return run_suite(suite);
}
