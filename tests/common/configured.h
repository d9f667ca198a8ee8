/* Configurations of defaults and overrides, and what nl_data_check says of them. */
#ifndef TESTS_CONFIGURED_H
#define TESTS_CONFIGURED_H

#include <check.h>

#include "base/error.h"
#include "config/config.h"
#include "data/data.h"

/* overrides end with NULL; more: one further, or NULL. */
static inline struct nl_experiment loaded(const char *const *overrides, const char *more)
{
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    const char *all[24];
    int count = 0;
    for (; overrides[count]; count++) {
        NL_ASSERT(count < 23);
        all[count] = overrides[count];
    }
    if (more)
        all[count++] = more;
    if (nl_experiment_load(NULL, all, count, &experiment, &diagnostics))
        ck_abort_msg("%s", nl_diagnostics_text(&diagnostics));
    return experiment;
}

static inline struct nl_config configured(const char *const *overrides, const char *more)
{
    return loaded(overrides, more).config;
}

/* message: the one complaint; NULL: there is none. */
static inline void check_data_complaint(const char *const *overrides, const char *message)
{
    struct nl_experiment experiment = loaded(overrides, NULL);
    struct nl_diagnostics diagnostics = {0};
    nl_data_check(&experiment.config, &experiment, &diagnostics);
    ck_assert_int_eq(diagnostics.count, message != NULL);
    if (message)
        ck_assert_str_eq(diagnostics.at[0].message, message);
    nl_diagnostics_release(&diagnostics);
}

#endif
