/* The values of an axis: written as a YAML list, or in one word for the shell: "bn,gn", "1:8", "0:1:0.25",
 * "1e-3:1:log:7". */
#ifndef NL_CONFIG_POINTS_H
#define NL_CONFIG_POINTS_H

#include "config/config.h"
#include "config/yaml.h"

/* Values in canonical text, each with the place it was written at. */
struct nl_points {
    int count, capacity;
    char **text;
    struct nl_origin *at;
    const struct nl_doubt *doubt; /* the last one; NULL: none */
};

/* From one word, commas and ranges expanded; problems (values that are not legal, twice the same, a range of one value,
 * a decimal comma) go to diagnostics. */
void nl_points_from_text(const struct nl_key *key, const char *text, const struct nl_origin *at, struct nl_points *out,
                         struct nl_diagnostics *diagnostics);

/* From a YAML list, or a word as above. */
void nl_points_from_node(const struct nl_key *key, const struct nl_node *node, struct nl_points *out,
                         struct nl_diagnostics *diagnostics);

/* The canonical text of one legal value, or NULL and a diagnostic; new string. */
char *nl_point_from_node(const struct nl_key *key, const struct nl_node *node, struct nl_diagnostics *diagnostics);

/* One value written in YAML into config; problems go to diagnostics. */
int nl_key_set_node(const struct nl_key *key, const struct nl_node *node, struct nl_config *config,
                    struct nl_diagnostics *diagnostics);

/* The second of two equal values is a problem. */
void nl_points_refuse_twins(const struct nl_key *key, const struct nl_points *points,
                            struct nl_diagnostics *diagnostics);

void nl_points_release(struct nl_points *points);

#endif
