/* Short lists of whole numbers and of names, which are copied as they are. */
#ifndef NL_BASE_LISTS_H
#define NL_BASE_LISTS_H

#include <stdint.h>

enum { NL_LIST_MAX = 16 };

struct nl_int_list {
    int count;
    int64_t at[NL_LIST_MAX];
};

struct nl_name_list {
    int count;
    char *at[NL_LIST_MAX];
};

#endif
