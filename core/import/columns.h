/* What the columns of another program's table are. */
#ifndef NL_IMPORT_COLUMNS_H
#define NL_IMPORT_COLUMNS_H

#include "base/memory.h"
#include "import/foreign.h"
#include "stats/results.h"

enum nl_column_role {
    NL_COLUMN_LEFT_OUT,
    NL_COLUMN_METHOD,
    NL_COLUMN_SEED,
    NL_COLUMN_RUN, /* names each run */
    NL_COLUMN_STEP,
    NL_COLUMN_EPOCH,
    NL_COLUMN_STATUS,
    NL_COLUMN_AXIS,
    NL_COLUMN_METRIC
};

struct nl_column_use {
    enum nl_column_role role;
    const struct nl_key *key; /* of a method and an axis */
    char metric[32];          /* "test_accuracy" */
    const char *part;         /* "train", "val", "test" */
    enum nl_curve_reading reading;
    bool percent;
};

struct nl_columns {
    struct nl_column_use *use; /* [columns of the table] */
    int at[NL_COLUMN_METRIC];  /* the column of a role that one column has; -1: none */
    bool method_of_run;        /* the method is the name of the run, without the number at its end */
    struct nl_text notes;      /* what was taken for what where another reading is plausible, a line each */
};

/* By import, and where it is silent by their names. NL_BAD: it names a column that is not there, a metric or a key that
 * is none, or a value that cannot be read. */
int nl_columns_find(const struct nl_foreign *foreign, const struct nl_import *import, struct nl_columns *out,
                    struct nl_error *err);
void nl_columns_release(struct nl_columns *columns);

/* What the row's field is as a value of the key: in its one form, "0.1" of "1e-1"; "" where there is none. NL_BAD: it
 * cannot be one. */
int nl_column_value(const struct nl_key *key, const char *field, char **out, struct nl_error *err);

/* A run's name without the number that it ends in ("bn-seed3", "bn_3": "bn"), and that number, or "". New strings. */
void nl_split_run_name(const char *name, char **method, char **number);

/* A metric's value in the row: a loss, a share of those that are right, of top-5 a share of those that are not, or a
 * calibration error. NaN: the row has none; infinite or not a
 * number as it is written: *bad. */
double nl_column_number(const struct nl_foreign *foreign, const struct nl_columns *columns, int row, int column,
                        bool *bad);

#endif
