/* The rows of another program's table, sorted into runs. */
#ifndef NL_IMPORT_RUNS_H
#define NL_IMPORT_RUNS_H

#include "import/columns.h"

struct nl_foreign_run {
    char *name;  /* what tells it from others */
    char **text; /* [axes] values; "" where there is none */
    char *seed;  /* as it is written; NULL: it has none */
    int rows, capacity, *row;
};

struct nl_foreign_runs {
    const struct nl_import *import;
    struct nl_foreign foreign;
    struct nl_columns columns;
    int axes, *axis;           /* columns; the method first where there is one */
    const struct nl_key **key; /* [axes] */
    int runs, capacity;
    struct nl_foreign_run *run;
    bool numbered; /* runs have no seeds: they are numbered */
};

/* Reads the files of import. NL_BAD: they cannot be read as runs. To be released in both cases. */
int nl_runs_read(const struct nl_import *import, struct nl_foreign_runs *out, struct nl_error *err);
void nl_runs_release(struct nl_foreign_runs *runs);

int nl_runs_column(const struct nl_foreign_runs *runs, enum nl_column_role role); /* -1: there is none */
const char *nl_runs_field(const struct nl_foreign_runs *runs, int row, enum nl_column_role role); /* "": none */
bool nl_runs_have_steps(const struct nl_foreign_runs *runs);
bool nl_same_cell(const struct nl_foreign_runs *runs, const struct nl_foreign_run *a,
                  const struct nl_foreign_run *b); /* the same values */

/* out[runs]: seeds as trials have them, numbers: their own, or their places where one is none. Runs without seeds are
 * numbered within their cell. */
void nl_runs_number(const struct nl_foreign_runs *runs, int64_t *out);

#endif
