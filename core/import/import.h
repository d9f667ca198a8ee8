/* Runs of another program as trials: from its files to a results folder that all commands read as their own. */
#ifndef NL_IMPORT_IMPORT_H
#define NL_IMPORT_IMPORT_H

#include "base/memory.h"
#include "config/import.h"
#include "sweep/grid.h"
#include "sweep/record.h"

/* What was read. */
struct nl_imported {
    struct nl_experiment experiment; /* with the axes that the files have */
    struct nl_grid grid;             /* its trials, in the order of the files */
    struct nl_record *record;        /* [grid.trials] */
    struct nl_text found;            /* what each column was taken for, a line each */
    struct nl_text notes;            /* of two plausible readings which one was taken; what is not known; a line each */
};

/* experiment: with an import section, and what is to be asked (sweep.baseline, plot). NL_BAD: the files cannot be read
 * as runs. NL_FAIL with diagnostics: what is asked does not fit what is there. */
int nl_import(const struct nl_experiment *experiment, struct nl_imported *out, struct nl_diagnostics *diagnostics,
              struct nl_error *err);
void nl_imported_release(struct nl_imported *imported);

/* Writes the folder: experiment.yaml and the tables. command: the words of the command line, for the record. */
int nl_imported_write(const struct nl_imported *imported, const char *folder, const char *command,
                      struct nl_error *err);

#endif
