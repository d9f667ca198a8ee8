/* CSV tables: a header line, then rows; fields may be quoted (RFC 4180). Read strictly: a row of another length, a
 * quote that stays open or a last line that was cut off is an error with file:line. */
#ifndef NL_BASE_CSV_H
#define NL_BASE_CSV_H

#include "base/error.h"
#include "base/memory.h"

struct nl_csv {
    char *path;
    char *text;    /* the file's bytes, which the fields point into */
    char separator; /* of fields */
    int columns, rows;
    char **name;   /* [columns] */
    char **field;  /* [rows][columns] */
    int *line;     /* [rows]: line of the file */
};

/* NL_BAD: it is malformed, or not the file that the SHA256SUMS beside it, if there is one, was made of
 * (base/sums.h). */
int nl_csv_read(const char *path, struct nl_csv *out, struct nl_error *err);
/* Parses a text in memory, which is taken over, on NL_BAD too. path: as errors name it. */
int nl_csv_parse(const char *path, char *text, struct nl_csv *out, struct nl_error *err);
int nl_csv_parse_separated(const char *path, char *text, char separator, struct nl_csv *out, struct nl_error *err);
void nl_csv_release(struct nl_csv *csv);

int nl_csv_column(const struct nl_csv *csv, const char *name); /* -1: there is none */
const char *nl_csv_field(const struct nl_csv *csv, int row, int column);

/* Column that must be there: NL_BAD names the file. */
int nl_csv_need(const struct nl_csv *csv, const char *name, int *column, struct nl_error *err);

/* The field as a number; NaN where it is empty. NL_BAD: it is none. */
int nl_csv_number(const struct nl_csv *csv, int row, int column, double *out, struct nl_error *err);

/* The least and the largest number of a column; NaN both where there is no such column, or no number in it. */
void nl_csv_range(const struct nl_csv *csv, const char *name, double *least, double *largest);

/* The field as a whole number from `least` to 1e9, such as that of a trial or a step. NL_BAD: it is none. */
int nl_csv_whole(const struct nl_csv *csv, int row, int column, int least, int *out, struct nl_error *err);

/* Adds one field, quoted where it needs to be, or a number, NaN as an empty one; the caller puts the commas and line
 * ends. */
void nl_csv_add(struct nl_text *text, const char *field);
void nl_csv_add_number(struct nl_text *text, double value);

#endif
