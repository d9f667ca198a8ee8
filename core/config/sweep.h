/* The sweep of an experiment: from the `sweep` section, or changed by the command line (override.h). */
#ifndef NL_CONFIG_SWEEP_H
#define NL_CONFIG_SWEEP_H

#include "config/entries.h"
#include "config/points.h"
#include "config/value.h"

/* The `sweep` section of one file, and one entry of it ("sweep.seeds: 5" at top level). */
void nl_read_sweep(struct nl_loader *loader, const struct nl_node *map);
void nl_read_sweep_entry(struct nl_loader *loader, const struct nl_node *name, const struct nl_node *value,
                         const char *field);

/* The grid's and the zip's axes become those of the experiment. */
void nl_join_axes(struct nl_loader *loader);

/* An axis of one key over points, whose texts it takes over. */
struct nl_axis nl_axis_of(const struct nl_key *key, struct nl_points *points, const struct nl_origin *at);

/* A further key of an axis, which has as many points already or none. Takes over the texts. */
void nl_axis_add(struct nl_axis *axis, const struct nl_key *key, struct nl_points *points);

/* The values that an entry lists; false: together with those before they are too many, as was said. */
bool nl_points_listed(struct nl_loader *loader, const struct nl_key *key, const struct nl_node *value,
                      struct nl_points *out);

/* Whether the key can be an axis or stand in exclude and baseline; a diagnostic if not. */
bool nl_key_may_vary(struct nl_loader *loader, const struct nl_key *key, const struct nl_origin *at);

/* A diagnostic, and false, for a mapping without a legal condition. many: several values a key are legal. what: "a
 * baseline". */
bool nl_read_match(struct nl_loader *loader, const struct nl_node *map, const char *what, bool many,
                   struct nl_match *out);

/* A list of mappings; a single mapping does for a list of one. */
void nl_each_map(struct nl_loader *loader, const struct nl_node *value,
                 void (*read)(struct nl_loader *loader, const struct nl_node *map));

/* "[bn, gn]": values as YAML; new string. */
char *nl_values_yaml(const struct nl_key *key, const struct nl_word_list *words, enum nl_spelling spelling);

/* As nl_match_text. */
char *nl_match_spelled(const struct nl_match *match, enum nl_spelling spelling);

/* The key that a mapping of the sweep section names, or NULL and a diagnostic. */
const struct nl_key *nl_named_key(struct nl_loader *loader, const struct nl_node *name);

/* ---- rounds (rounds.c) ---- */

/* Readers of fields of the section, and what the command line sets: sweep.refine=1.1, sweep.until=0.5:64, sweep.tune=
 * (none). */
#define NL_READER(name)                                                                                                \
    void name(struct nl_loader *loader, const struct nl_field *field, const struct nl_node *value, void *to)
#define NL_SETTER(name) void name(struct nl_loader *loader, const char *text, const struct nl_origin *at)
NL_READER(nl_read_tune);
NL_READER(nl_read_refine);
NL_READER(nl_read_until);
NL_READER(nl_read_points);
NL_READER(nl_read_chosen);
NL_READER(nl_read_same);
NL_SETTER(nl_set_tune);
NL_SETTER(nl_set_refine);
NL_SETTER(nl_set_until);

/* What fits together and what does not. */
void nl_check_rounds(struct nl_loader *loader);
/* Their values as YAML on one line, or, where `lines`, lists with an entry a line; value is a new string, NULL where
 * nothing is asked. */
enum { NL_ROUND_FIELDS = 6 };
struct nl_round_field {
    const char *name;
    char *value;
    const struct nl_origin *origin;
};
void nl_rounds_fields(const struct nl_rounds *rounds, bool lines, enum nl_spelling spelling,
                      struct nl_round_field out[NL_ROUND_FIELDS]);

/* key = values as a further condition of match. */
void nl_match_add(struct nl_match *match, const struct nl_key *key, struct nl_points *values);
/* key = one value, whose text is taken over; NULL: nothing is added. */
void nl_match_add_value(struct nl_match *match, const struct nl_key *key, char *text);

/* The axis that varies key, and the key's place in it; NULL: none does. */
struct nl_axis *nl_axis_with(struct nl_axis *axes, int count, const struct nl_key *key, int *column);

/* Takes values that do not occur in the sweep out of match, with a diagnostic where no override explains it; false when
 * match can hold nowhere. */
bool nl_keep_occurring(struct nl_loader *loader, struct nl_match *match, const char *what);

/* The `claim` section of one file (published.c). */
void nl_read_claim(struct nl_loader *loader, const struct nl_node *map);

/* After everything is read (sweep_check.c): exclude, baseline and claim name values that occur and plot.order methods
 * that there are, the grid is not too large, seeds are in range. */
void nl_check_sweep(struct nl_loader *loader);

#endif
