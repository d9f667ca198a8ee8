/* The `made:` section of experiment.yaml: what a reader needs to judge, or to repeat, the numbers beside it. */
#ifndef NL_SWEEP_PROVENANCE_H
#define NL_SWEEP_PROVENANCE_H

#include "base/memory.h"
#include "config/diagnostics.h"
#include "sweep/datasets.h"

/* The section read back, name by name; it lives as long as the process. */
struct nl_provenance {
    int count;
    const char **name, **value;
};

/* Version, commit, numerics, compiler, BLAS (if it was used), processor, machine, date, command, checksums of the data
 * (data_1, data_2, ...) and of the weights that trials start from (weights_1, ...); claim: the checksum of what was
 * declared before the first of its trials was run (nl_published_hash), or ""; earlier: what nl_provenance_earlier
 * found, as earlier_1, earlier_2, ...; taken: a line for each folder that trials were taken from (nl_taken_lines), as
 * taken_1, taken_2, ... New string. */
char *nl_provenance_text(const struct nl_datasets *datasets, const char *command, const char *claim,
                         const struct nl_text *earlier, const struct nl_text *taken);

/* The program as `normlab info` shows it: what the section says of it, what it may use of the machine, and the
 * backends with their devices; YAML, new string. */
char *nl_program_text(void);

/* The commit that the program was built from, as git describes it; "unknown" for a build from a source archive. */
const char *nl_commit(void);

/* path: of an experiment.yaml. A file without the section has none. NL_FAIL: it cannot be read (diagnostics). */
int nl_provenance_read(const char *path, struct nl_provenance *out, struct nl_diagnostics *diagnostics);
const char *nl_provenance_get(const struct nl_provenance *provenance, const char *name); /* "": it is not there */

/* Adds the other builds of the program that made what is there, a line each: those that trained the trials that are
 * kept. Other numerics keep none. */
void nl_provenance_earlier(const struct nl_provenance *made, struct nl_text *earlier);

/* The builds of the program that made what is there: "0.9.0, c482f1f; 0.9.0, 3b31e86". New string. */
char *nl_provenance_builds(const struct nl_provenance *made);

/* NL_FAIL: the results were made with other numerics or data than this program sees, so their trials have other names
 * here. */
int nl_provenance_check(const struct nl_provenance *provenance, const struct nl_datasets *datasets, const char *folder,
                        struct nl_error *err);

#endif
