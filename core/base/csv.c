/* Parses and writes CSV. */
#include "base/csv.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/sums.h"
#include "base/utf8.h"

/* Whether a field can be shown as it is. What normlab writes can (nl_csv_add). */
static bool prints(const char *field)
{
    size_t bytes;
    for (; *field; field += bytes) {
        bool plain = (*field >= ' ' && *field < 0x7f) || *field == '\n' || *field == '\t';
        bytes = plain ? 1 : nl_character_bytes(field);
        if (!plain && !nl_character_prints(field, bytes))
            return false;
    }
    return true;
}

/* Takes one field off *at, unquoting in place, and ends it with a zero byte. The byte that ended it goes to *end: the
 * separator, '\n' or 0 where the text is cut off. NULL: a quote is misplaced or stays open. */
static char *take_field(char **at, char separator, int *line, char *end)
{
    char *read = *at, *field = read, *write = read;
    if (*read == '"') {
        for (read++;; read++) {
            if (*read == '\0')
                return NULL;
            if (*read == '\n')
                (*line)++;
            if (*read == '"') {
                if (read[1] != '"')
                    break;
                read++;
            }
            *write++ = *read;
        }
        read++;
        if (*read != separator && *read != '\n' && *read != '\r' && *read != '\0')
            return NULL;
    } else {
        while (*read != separator && *read != '\n' && *read != '\0')
            *write++ = *read++;
        if (*read == '\n' && write > field && write[-1] == '\r')
            write--;
    }
    if (*read == '\r' && read[1] == '\n')
        read++;
    *end = *read;
    *at = *read == '\0' ? read : read + 1;
    *write = '\0';
    return field;
}

static int parse(struct nl_csv *csv, struct nl_error *err)
{
    char *at = csv->text;
    int line = 1, columns = 0, rows = 0, lines = 0;
    size_t fields = 0, capacity = 0;
    if (*at == '\0')
        return nl_bad(err, "'%s' is empty: a header line is expected", csv->path);
    while (*at != '\0') {
        int first = line, count = 0;
        char end = csv->separator;
        while (end == csv->separator) {
            char *field = take_field(&at, csv->separator, &line, &end);
            if (!field)
                return nl_bad(err, "%s:%d: a quote is misplaced or not closed", csv->path, first);
            if (!prints(field))
                return nl_bad(err, "%s:%d: a field holds control characters, or is not UTF-8", csv->path, first);
            if (end == '\0')
                return nl_bad(err, "%s:%d: the last line is cut off", csv->path, first);
            NL_GROW(csv->field, fields, capacity);
            csv->field[fields++] = field;
            count++;
        }
        line++;
        if (columns == 0) {
            columns = count;
            csv->columns = count;
            csv->name = csv->field;
            csv->field = NULL;
            fields = capacity = 0;
            continue;
        }
        if (count != columns)
            return nl_bad(err, "%s:%d: %d fields, where the header has %d", csv->path, first, count, columns);
        NL_GROW(csv->line, rows, lines);
        csv->line[rows++] = first;
    }
    csv->rows = rows;
    return NL_OK;
}

int nl_csv_parse(const char *path, char *text, struct nl_csv *out, struct nl_error *err)
{
    return nl_csv_parse_separated(path, text, ',', out, err);
}

int nl_csv_parse_separated(const char *path, char *text, char separator, struct nl_csv *out, struct nl_error *err)
{
    *out = (struct nl_csv){.path = nl_strdup(path), .text = text, .separator = separator};
    int status = parse(out, err);
    if (status != NL_OK)
        nl_csv_release(out);
    return status;
}

int nl_csv_read(const char *path, struct nl_csv *out, struct nl_error *err)
{
    *out = (struct nl_csv){0};
    size_t length;
    char *text = nl_file_read_plain(path, &length, err);
    if (!text)
        return NL_FAIL;
    int status = nl_sums_check(path, text, length, err);
    if (status == NL_OK && strlen(text) == length)
        return nl_csv_parse(path, text, out, err);
    free(text);
    return status ? status : nl_bad(err, "'%s' is not a text: it holds a zero byte", path);
}

void nl_csv_release(struct nl_csv *csv)
{
    free(csv->path);
    free(csv->text);
    free(csv->name);
    free(csv->field);
    free(csv->line);
    *csv = (struct nl_csv){0};
}

int nl_csv_column(const struct nl_csv *csv, const char *name)
{
    for (int i = 0; i < csv->columns; i++)
        if (strcmp(csv->name[i], name) == 0)
            return i;
    return -1;
}

const char *nl_csv_field(const struct nl_csv *csv, int row, int column)
{
    if (!(row >= 0 && row < csv->rows && column >= 0 && column < csv->columns))
        NL_BUG("'%s' has no field in row %d, column %d", csv->path, row, column);
    return csv->field[(size_t)row * (size_t)csv->columns + (size_t)column];
}

int nl_csv_need(const struct nl_csv *csv, const char *name, int *column, struct nl_error *err)
{
    *column = nl_csv_column(csv, name);
    return *column >= 0 ? NL_OK : nl_bad(err, "'%s' has no column '%s'", csv->path, name);
}

int nl_csv_number(const struct nl_csv *csv, int row, int column, double *out, struct nl_error *err)
{
    const char *field = nl_csv_field(csv, row, column);
    *out = NAN;
    if (*field == '\0')
        return NL_OK;
    char *end;
    *out = nl_double_read(field, &end);
    if (*end != '\0')
        return nl_bad(err, "%s:%d: '%s' in column '%s' is not a number", csv->path, csv->line[row], field,
                       csv->name[column]);
    return NL_OK;
}

void nl_csv_range(const struct nl_csv *csv, const char *name, double *least, double *largest)
{
    int at = nl_csv_column(csv, name);
    *least = *largest = NAN;
    for (int row = 0; at >= 0 && row < csv->rows; row++) {
        double value;
        if (nl_csv_number(csv, row, at, &value, NULL) != NL_OK)
            continue;
        *least = fmin(*least, value); /* of a number and NaN the number */
        *largest = fmax(*largest, value);
    }
}

int nl_csv_whole(const struct nl_csv *csv, int row, int column, int least, int *out, struct nl_error *err)
{
    double number;
    if (nl_csv_number(csv, row, column, &number, err) != NL_OK)
        return NL_BAD;
    if (!(number >= least && number <= 1e9 && number == floor(number)))
        return nl_bad(err, "%s:%d: '%s' is no number of a %s", csv->path, csv->line[row],
                      nl_csv_field(csv, row, column), csv->name[column]);
    *out = (int)number;
    return NL_OK;
}

void nl_csv_add(struct nl_text *text, const char *field)
{
    bool quoted = strpbrk(field, ",\"\n");
    nl_text_add_bytes(text, "\"", quoted);
    for (size_t bytes; *field; field += bytes) {
        bytes = nl_character_bytes(field);
        if (*field == '"')
            nl_text_add_bytes(text, "\"", 1);
        if (*field == '\n')
            nl_text_add_bytes(text, field, bytes = 1);
        else
            nl_text_add_character(text, field, bytes);
    }
    nl_text_add_bytes(text, "\"", quoted);
}

void nl_csv_add_number(struct nl_text *text, double value)
{
    char number[32];
    nl_text_add(text, "%s", isnan(value) ? "" : nl_double_text(value, number));
}
