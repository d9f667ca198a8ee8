/* Data sets that a test cannot go on without. */
#ifndef TESTS_DATASETS_H
#define TESTS_DATASETS_H

#include <check.h>

#include "data/data.h"

/* To be freed by nl_dataset_free. */
static inline struct nl_dataset *open_set(const struct nl_config *config)
{
    struct nl_error err = {{0}};
    struct nl_dataset *set = nl_dataset_open(config, &err);
    ck_assert_msg(set != NULL, "%s", err.text);
    return set;
}

/* To be released by nl_split_release. */
static inline struct nl_split make_view(const struct nl_dataset *set, const struct nl_config *config)
{
    struct nl_error err = {{0}};
    struct nl_split view;
    ck_assert_msg(nl_split_make(set, config, &view, &err) == NL_OK, "%s", err.text);
    return view;
}

#endif
