/* A YAML file as a tree in which every node knows its place. libyaml does the parsing; aliases are followed. What is
 * too large, too deep or tagged with a type that YAML's core schema does not know is refused. */
#ifndef NL_CONFIG_YAML_H
#define NL_CONFIG_YAML_H

#include "config/diagnostics.h"

enum nl_node_kind { NL_SCALAR, NL_SEQUENCE, NL_MAPPING };

struct nl_node {
    enum nl_node_kind kind;
    const char *text;      /* of a scalar */
    const char *tag;       /* "int", "str", "map": as it was written, of YAML's core schema; NULL: none was */
    bool blank;            /* a scalar that was not written at all ("key:"), or null */
    int count;             /* items of a sequence, pairs of a mapping */
    struct nl_node **item; /* a mapping's keys and values in turn: item[2 i], item[2 i + 1] */
    struct nl_origin at;
};

/* *root is NULL for an empty file. Problems (unreadable, not YAML) go to diagnostics; asked_at is where the file was
 * named (a `base` value), NULL for the first one. The tree lives as long as the process. */
int nl_yaml_read(const char *path, const struct nl_origin *asked_at, struct nl_node **root,
                 struct nl_diagnostics *diagnostics);

/* The tree of a text, all of which stands at that place; NULL: it is empty, or not YAML. */
const struct nl_node *nl_yaml_parse(const char *text, const struct nl_origin *at, struct nl_diagnostics *diagnostics);

/* What the mapping has under a key; NULL: nothing, or map is no mapping, or NULL. */
const struct nl_node *nl_yaml_entry(const struct nl_node *map, const char *name);

#endif
