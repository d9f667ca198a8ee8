/* The `import` section: how the files of another program are read as trials (import/import.h). */
#ifndef NL_CONFIG_IMPORT_H
#define NL_CONFIG_IMPORT_H

#include "config/config.h"

/* Columns, and what each is called here. */
struct nl_renamings {
    int count;
    struct nl_renaming {
        const char *column, *name; /* name NULL: by its own */
    } * at;
};

/* How runs are compared: by pairs of equal seeds where both sides have the same ones, or never by pairs. */
enum nl_pairs { NL_PAIRS_BY_SEED, NL_PAIRS_NONE };

/* A text is NULL, and a list empty, where nothing was written: then columns are known by their names. */
struct nl_import {
    struct nl_origin origin;
    struct nl_word_list files;  /* names */
    struct nl_word_list sha256; /* of each, once it was imported; else empty */
    const char *path;           /* "{method}/seed_{seed}/metrics.csv": columns that the name of a file holds */
    const char *method, *seed, *step, *status; /* columns */
    struct nl_renamings axes;                  /* to keys */
    struct nl_renamings metrics;               /* to columns of trials.csv */
    struct nl_word_list ignore;                /* columns */
    struct nl_word_list percent;               /* columns of shares that are written in percent, whatever their size */
    int pairs;                                 /* enum nl_pairs */
    int classes;                               /* of the data; 0: not known, and so for the samples of each part */
    int train_samples, val_samples, test_samples;
};

/* The section of one file, or one field of it from the command line. */
struct nl_loader;
struct nl_node;
void nl_read_import(struct nl_loader *loader, const struct nl_node *map);
void nl_override_import(struct nl_loader *loader, const char *field, const char *text, const struct nl_origin *at);

/* Checks what is asked of an experiment whose axes became known when the files were read. NL_FAIL: diagnostics. */
int nl_import_settle(struct nl_experiment *experiment, struct nl_diagnostics *diagnostics);

/* The section as YAML that reads back to it; new string. */
char *nl_import_text(const struct nl_import *import);

#endif
