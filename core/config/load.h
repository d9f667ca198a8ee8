/* What the parts of the loader share: load.c (files and sections), sweep.c (the sweep section), override.c (the command line). */
#ifndef NL_CONFIG_LOAD_H
#define NL_CONFIG_LOAD_H

#include "config/config.h"
#include "config/points.h"
#include "config/yaml.h"

struct nl_axis_list {
    int count, capacity;
    struct nl_axis *at;
};

struct nl_loader {
    struct nl_experiment *out;
    struct nl_diagnostics *diagnostics;
    struct nl_axis_list grid, zip; /* apart until all files are read: a file's grid replaces its base's, whatever zip does */
    bool zip_first;                /* zip was written before grid */
    int exclude_capacity;
};

/* Calls entry for each pair of a mapping; not a mapping, a key that is no plain word, or one written twice: diagnostics. */
typedef void nl_entry(struct nl_loader *loader, const struct nl_node *name, const struct nl_node *value, void *context);
void nl_each_entry(struct nl_loader *loader, const struct nl_node *map, const char *what, nl_entry *entry, void *context);

/* An unknown key, with the nearest of nearby (NULL: of all keys) as a hint; shown is the whole name. */
void nl_report_unknown(struct nl_loader *loader, const struct nl_origin *at, const char *shown, const char *near);

/* The `sweep` section of one file, and one entry of it ("sweep.seeds: 5" at top level). */
void nl_read_sweep(struct nl_loader *loader, const struct nl_node *map);
void nl_read_sweep_entry(struct nl_loader *loader, const struct nl_node *name, const struct nl_node *value, const char *field);

/* The grid's and the zip's axes become those of the experiment. */
void nl_join_axes(struct nl_loader *loader);

/* Reads `text` as the value of sweep.seeds. */
void nl_read_seeds(struct nl_loader *loader, const char *text, const struct nl_origin *at);

/* An axis of one key over points, whose texts it takes over. */
struct nl_axis nl_axis_of(const struct nl_key *key, struct nl_points *points, const struct nl_origin *at);

/* Whether the key can be an axis or stand in exclude and baseline; a diagnostic if not. */
bool nl_key_may_vary(struct nl_loader *loader, const struct nl_key *key, const struct nl_origin *at);

/* key = values as a further condition of match. */
void nl_match_add(struct nl_match *match, const struct nl_key *key, struct nl_points *values);

/* The axis that varies key, and the key's place in it; NULL: none does. */
struct nl_axis *nl_axis_with(struct nl_axis *axes, int count, const struct nl_key *key, int *column);

/* After everything is read: exclude and baseline name values that occur, the grid is not too large, seeds are in range. */
void nl_check_sweep(struct nl_loader *loader);

/* One argument "KEY=VALUE". */
void nl_apply_override(struct nl_loader *loader, const char *argument);

#endif
