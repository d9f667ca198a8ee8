/* What two experiments have different, each value with its origin. */
#ifndef NL_CONFIG_DIFF_H
#define NL_CONFIG_DIFF_H

#include "config/config.h"

struct nl_difference {
    char *name;     /* "train.lr", "sweep.seeds", "made.commit" */
    char *value[2]; /* as YAML; several values of an axis with commas between; NULL: not there */
    struct nl_origin origin[2];
};

struct nl_differences { /* {0} is empty */
    int count, capacity;
    struct nl_difference *at;
};

/* Adds a difference, unless the values are equal: takes them over; an origin is copied, NULL where there is no
 * value. */
void nl_differences_add(struct nl_differences *out, const char *name, char *a, const struct nl_origin *at_a, char *b,
                        const struct nl_origin *at_b);

/* Adds every key whose value or values differ, in the order of keys.def, then exclude, seeds, question, baseline, and
 * those of the rounds. The order of axes is no difference. */
void nl_experiment_diff(const struct nl_experiment *a, const struct nl_experiment *b, struct nl_differences *out);

/* Adds what differs under `made` of two frozen experiments (version, commit, numerics, machine, data, ...), but for
 * date and command. */
void nl_made_diff(const char *path_a, const char *path_b, struct nl_differences *out,
                  struct nl_diagnostics *diagnostics);

void nl_differences_release(struct nl_differences *differences);

#endif
