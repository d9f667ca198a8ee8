/* The files of another program as one table of texts: CSV (commas, semicolons or tabs), JSON lines, or JSON (a list of
 * objects, an object of lists as Keras's History has them, or one with a list `log_history` or `history`). */
#ifndef NL_IMPORT_FOREIGN_H
#define NL_IMPORT_FOREIGN_H

#include "base/error.h"
#include "base/hash.h"
#include "config/import.h"

struct nl_foreign_row {
    int file, line; /* index into the files; the line where it stands */
    char **field;   /* [columns]; NULL: the row has no such field, or an empty one */
};

struct nl_foreign {
    int columns, capacity;
    char **name; /* [columns]; the last of nested names is joined to them by a point: "config.lr" */
    int rows, rows_capacity;
    struct nl_foreign_row *row; /* [rows] */
    int files;
    char **path; /* [files] as given */
    char (*sha256)[NL_HASH_HEX];
};

/* Reads import->files. A column `file` tells them apart where there are several, and import->path adds columns. Tables
 * with a row for each value (columns metric or tag, and value), or a column for each run (a chart that Weights & Biases
 * exports), become tables with a column for each metric. NL_BAD: a
 * file is no such table, or not the one of import->sha256. */
int nl_foreign_read(const struct nl_import *import, struct nl_foreign *out, struct nl_error *err);
void nl_foreign_release(struct nl_foreign *foreign);

int nl_foreign_column(const struct nl_foreign *foreign, const char *name);           /* -1: there is none */
const char *nl_foreign_field(const struct nl_foreign *foreign, int row, int column); /* "": none */
bool nl_foreign_varies(const struct nl_foreign *foreign, int column); /* not all rows have the same field */

#endif
