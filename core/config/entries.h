/* The mappings of a configuration file, entry by entry, and what all who read them share. */
#ifndef NL_CONFIG_ENTRIES_H
#define NL_CONFIG_ENTRIES_H

#include "config/config.h"
#include "config/yaml.h"

struct nl_axis_list {
    int count, capacity;
    struct nl_axis *at;
};

struct nl_loader {
    struct nl_experiment *out;
    struct nl_diagnostics *diagnostics;
    struct nl_axis_list grid,
        zip; /* apart until all files are read: a file's grid replaces its base's, whatever zip does */
    bool zip_first;                /* zip was written before grid */
    int exclude_capacity;
    const struct nl_replacement *replacement; /* of values, as a file is read; NULL: none */
    int values; /* that the sweeps of all files list; beyond a limit (sweep.c) no more are read */
};

/* Calls entry for each pair of a mapping; not a mapping, a key that is no plain word, or one written twice:
 * diagnostics. */
typedef void nl_entry(struct nl_loader *loader, const struct nl_node *name, const struct nl_node *value, void *context);
void nl_each_entry(struct nl_loader *loader, const struct nl_node *map, const char *what, nl_entry *entry,
                   void *context);

/* The value of a field by its row in the table; another name: a diagnostic. path: what the fields stand under
 * ("claim.parts"). */
void nl_read_field(struct nl_loader *loader, const struct nl_node *name, const struct nl_node *value, const char *field,
                   const char *path, const struct nl_field *fields, void *into);

/* All fields of a mapping. what: for messages ("a part"). */
void nl_read_fields(struct nl_loader *loader, const struct nl_node *map, const char *what, const char *path,
                    const struct nl_field *fields, void *into);

/* An unknown key, with `near` as a hint, or what to do where nothing is near (NULL); shown is the whole name. */
void nl_report_unknown(struct nl_loader *loader, const struct nl_origin *at, const char *shown, const char *near);

#endif
