/* Tasks on generated sequences. Each sample draws its length n from data.min_length to data.length, or has data.length;
 * K is data.symbols. Sample i of a part is a function of the part, i and these keys: row i of the stream named after
 * the task (training part: "copy") or with "_test" after it, seed 0. Position 0 of the row is the length, content
 * begins at position 1. A larger part begins with the samples of a smaller one.
 *
 *     copy     The copying memory task (Hochreiter and Schmidhuber 1997; in the form of Arjovsky, Shah and Bengio 2016,
 *              section 5.1). x: ten symbols of 0 .. K-1, blanks (K), n - 1 of them, a delimiter (K + 1), ten blanks; n
 *              + 20 in all. Labels: n + 10 blanks, then the ten symbols. Who remembers nothing has a loss of 10 ln(K) /
 *              (n + 20). Draws: the symbols.
 *     adding   The adding problem (Hochreiter and Schmidhuber 1997; Arjovsky et al. 2016, section 5.2). x: n positions
 *              of two channels, a number from (0, 1) and a mark: 1 at one of the first n / 2 positions and at one of
 *              the others, else 0. The target is the sum of the two marked numbers. Who always says 1 has a squared
 *              error of 1/6. Draws: the numbers, at 1 to data.length; after them the first and the second mark.
 *     sort     x: n symbols, a delimiter (K + 1), n - 1 blanks (K); 2 n in all. Labels: n blanks, then the symbols from
 *              the least to the largest. Draws: the symbols.
 *     recall   Associative recall (Ba, Hinton, Mnih, Leibo and Ionescu 2016). x: n times a key of 0 .. K-1 and a value
 *              of K .. 2K-1, then a mark (2K) and one of the keys; 2 n + 2 in all. No key stands twice. The label of
 *              the sample is the value of that key, less K. Draws: of each key its place among those that are left,
 *              where it changes places with the first of them; at data.length + 1 the values, at 2 data.length + 1
 *              which key is asked for.
 *     parity   x: n bits. The label of the sample: 1 where the number of ones is odd, else 0. Draws: the bits.
 *
 * Where lengths differ, positions after a sample's end are blanks, or 0 where there are none (adding, parity), and do
 * not count.
 */
#ifndef NL_DATA_TASKS_H
#define NL_DATA_TASKS_H

#include "data/data.h"

enum { NL_TASK_TRAIN = 10000, NL_TASK_TEST = 1000, NL_COPIED = 10 };

/* Whether config->data.name is one of them. */
static inline bool nl_is_task(const struct nl_config *config)
{
    return config->data.name >= NL_COPYING;
}

struct nl_shape nl_task_shape(const struct nl_config *config);

/* NL_FAIL: lengths or symbols are too few, and err says so; *key is at fault. */
int nl_task_check(const struct nl_config *config, const char **key, struct nl_error *err);

struct nl_dataset *nl_task_make(const struct nl_config *config, int train, int test, struct nl_error *err);

#endif
