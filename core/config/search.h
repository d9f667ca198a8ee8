/* What sweep.tune chooses from: every combination of listed values, or, with `trials`, points of the Sobol sequence in
 * the box that the keys' spaces span; and how either is extended where the best value lies at an edge. */
#ifndef NL_CONFIG_SEARCH_H
#define NL_CONFIG_SEARCH_H

#include "config/entries.h"
#include "config/value.h"

enum { NL_LEAST_TUNE_TRIALS = 8, NL_MOST_TUNE_TRIALS = 1000, NL_MOST_EXTENSIONS = 2 };

/* A further tuned key with its values; with rounds->tune_trials, with its space, from which nl_search_expand makes
 * them. Problems go to diagnostics. */
void nl_search_add(struct nl_loader *loader, const struct nl_node *name, const struct nl_key *key,
                   const struct nl_node *value);

/* With tune_trials: the values of every trial. The first box of trials is that of the spaces as they were asked for;
 * each interval that extends a key's makes one more, of the same points with that key's interval in place of the first.
 * Trials that equal an earlier one are left out. */
void nl_search_expand(struct nl_rounds *rounds);

/* What does not fit together. */
void nl_search_check(struct nl_loader *loader);

/* How many combinations of values are tried; their axes: one for each key, or, with trials, one of all keys together;
 * axis[rounds->tunes]. */
int nl_search_combinations(const struct nl_rounds *rounds);
int nl_search_axes(const struct nl_rounds *rounds, struct nl_axis axis[]);

/* The value of key i of the tuned ones in a combination; of listed ones the last key varies fastest. */
const char *nl_search_value(const struct nl_rounds *rounds, int combination, int i);

/* Whether a value of key i is at the lower (-1) or the upper edge (1) of what was searched: a better one may lie
 * beyond. 0: at none, or the key has no numbers. With trials the edge is the outer eighth of the key's intervals on
 * their scale; else the least and the largest of its values. */
int nl_search_edge(const struct nl_rounds *rounds, int i, const char *value);

/* Extends what is searched of key i beyond its lower edge, its upper one, or both: listed values by a quarter of their
 * number, at least one, in the step of the two outermost ones, a ratio where all are positive and nearer to equal
 * ratios; an interval by half its width on its scale. rounds keeps what it pointed to before. false: the key allows
 * nothing there. */
bool nl_search_extend(struct nl_rounds *rounds, int i, bool below, bool above);

/* What is chosen by, as sentences have it: "val_loss", "the steps until val_error is at plot.target"; new string. */
char *nl_tuned_by(const struct nl_rounds *rounds);

/* What key i is chosen from, as the file has it: "[0.01, 0.1]", "1e-3:1:log"; new string. */
char *nl_search_space_yaml(const struct nl_rounds *rounds, int i, enum nl_spelling spelling);

#endif
