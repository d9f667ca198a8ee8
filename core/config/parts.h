/* Mappings of names that a formula declares: norm.parameters, norm.states and norm.settings. */
#ifndef NL_CONFIG_PARTS_H
#define NL_CONFIG_PARTS_H

#include "config/config.h"
#include "config/yaml.h"

/* What is said of a declared name, by the key that declares it; NULL: nothing. */
struct nl_declared {
    const char *name;
    const struct nl_node *shape, *init, *next, *value, *from, *to;
};

/* What a name of that key's mapping is declared as, checked. */
void nl_declared_read(const struct nl_key *key, const struct nl_node *name, const struct nl_node *what,
                      struct nl_declared *out, struct nl_diagnostics *diagnostics);

/* The mapping as it is written in one line ("{gamma: {shape: channel, init: 1}}"); new string. NULL: diagnostics say
 * what is wrong. */
char *nl_parts_read(const struct nl_key *key, const struct nl_node *map, struct nl_diagnostics *diagnostics);

#endif
