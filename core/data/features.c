/* csv: a table of features, a sample a row, with a header.
 *
 *     label     data.label; or else the column called label, target, class or y, in any case; or else the last one.
 *               Integers 0 to classes - 1 are classes as they are, other integers and words are numbered in their
 *               order; numbers, of which one is no integer, are real targets
 *     split     a column of that name says "train" or "test"; without it the rows are one pool, of which the seed
 *               makes a fifth the test part
 *     features  all other columns: finite numbers, each a channel of one position
 *
 * Fields are separated by commas, semicolons or tabs, whichever the header has most.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/csv.h"
#include "base/files.h"
#include "base/foreign.h"
#include "base/utf8.h"
#include "data/sources.h"

enum { POOL_SHARE = 5, MOST_CLASSES = 100000, MOST_COLUMNS = 1 << 16, NONE = -1 };

enum answers { WORDS, INTEGERS, REALS };

struct features {
    struct nl_csv csv;
    int label, split; /* columns; split may be NONE */
    const char *why;  /* the label column is that one, in words */
    enum answers answers;
    char **class;  /* [classes] different labels in their order; not owned, but for the array */
    int classes;   /* that there are */
    bool numbered; /* a class is the place of its label in that order */
    int tests;     /* rows of the test part, where there is a column split */
    struct nl_shape shape;
    const char *key; /* at fault */
};

static void release(struct features *features)
{
    nl_csv_release(&features->csv);
    free(features->class);
}

/* "iris.csv:3:12", of a field or of a name in the header (row NONE). */
#define PLACE(csv, row, column) place_text(csv, row, column, (char[320]){0}, 320)

static const char *place_text(const struct nl_csv *csv, int row, int column, char *out, size_t room)
{
    const char *first = row == NONE ? csv->name[0] : nl_csv_field(csv, row, 0),
               *at = row == NONE ? csv->name[column] : nl_csv_field(csv, row, column);
    snprintf(out, room, "%s:%d:%d", csv->path, row == NONE ? 1 : csv->line[row],
             1 + nl_characters(first, (size_t)(at - first)));
    return out;
}

/* ---- the file ---- */

/* The separator that the first line has most. */
static char separator_of(const char *text)
{
    static const char separators[] = {',', ';', '\t'};
    size_t length = strcspn(text, "\n"), most = 0;
    char best = ',';
    for (size_t s = 0; s < sizeof separators; s++) {
        size_t count = 0;
        for (size_t i = 0; i < length; i++)
            count += text[i] == separators[s];
        best = count > most ? separators[s] : best;
        most = count > most ? count : most;
    }
    return best;
}

/* The field without blanks around it. */
static char *stripped(char *field)
{
    field += strspn(field, " ");
    size_t length = strlen(field);
    while (length && field[length - 1] == ' ')
        field[--length] = '\0';
    return field;
}

static int read_table(const char *path, struct nl_csv *out, struct nl_error *err)
{
    static const char mark[] = "\xef\xbb\xbf"; /* the byte-order mark that Excel writes */
    size_t length;
    char *bytes = nl_file_read_gz(path, INT32_MAX, &length, err);
    if (!bytes)
        return NL_FAIL;
    const char *foreign = nl_foreign(bytes, length, NULL);
    if (foreign) {
        free(bytes);
        return nl_fail(err, "cannot read '%s': it is %s, expected a table as text in UTF-8", path, foreign);
    }
    size_t skipped = strncmp(bytes, mark, strlen(mark)) == 0 ? strlen(mark) : 0;
    struct nl_text text = {0};
    nl_text_add_bytes(&text, bytes + skipped, length - skipped);
    if (text.length && text.at[text.length - 1] != '\n')
        nl_text_add_bytes(&text, "\n", 1);
    free(bytes);
    if (text.length == 0 || strlen(text.at) != text.length) {
        nl_fail(err,
                text.length ? "cannot read '%s': it is no text, for it holds a zero byte"
                            : "cannot read '%s': it is empty, expected a header and a row for each sample",
                path);
        nl_text_release(&text);
        return NL_FAIL;
    }
    if (nl_csv_parse_separated(path, text.at, separator_of(text.at), out, err))
        return NL_FAIL;
    for (int c = 0; c < out->columns; c++)
        out->name[c] = stripped(out->name[c]);
    for (size_t i = 0; i < (size_t)out->rows * (size_t)out->columns; i++)
        out->field[i] = stripped(out->field[i]);
    return NL_OK;
}

/* ---- which column is what ---- */

/* The one column of that name in any case; NONE: there is none. */
static int find_column(const struct nl_csv *csv, const char *name)
{
    for (int c = 0; c < csv->columns; c++)
        if (strcasecmp(csv->name[c], name) == 0)
            return c;
    return NONE;
}

static bool is_number(const char *text, double *out)
{
    char *end;
    *out = nl_double_read(text, &end);
    return *text && !*end && !strpbrk(text, "xX"); /* of hexadecimal numbers */
}

static int check_header(const struct nl_csv *csv, struct nl_error *err)
{
    double number;
    int numbers = 0;
    for (int c = 0; c < csv->columns; c++) {
        if (!csv->name[c][0])
            return nl_fail(err,
                           "%s: column %d has no name, as pandas writes the index of a table; save "
                           "df.to_csv(FILE, index=False)",
                           PLACE(csv, NONE, c), c + 1);
        numbers += is_number(csv->name[c], &number);
        for (int k = 0; k < c; k++)
            if (strcmp(csv->name[k], csv->name[c]) == 0)
                return nl_fail(err, "%s: two columns are called '%s'", PLACE(csv, NONE, c), csv->name[c]);
    }
    if (numbers == csv->columns)
        return nl_fail(err, "%s: the first line has numbers, expected the names of the columns", PLACE(csv, NONE, 0));
    return csv->columns <= MOST_COLUMNS ? NL_OK
                                        : nl_fail(err, "cannot use '%s': %s, expected at most %d", csv->path,
                                                  NL_COUNT(csv->columns, "column"), MOST_COLUMNS);
}

static int choose_columns(struct features *features, const struct nl_config *config, struct nl_error *err)
{
    static const char *const usual[] = {"label", "target", "class", "y"};
    const struct nl_csv *csv = &features->csv;
    features->split = find_column(csv, "split");
    features->label = config->data.label[0] ? nl_csv_column(csv, config->data.label) : NONE;
    features->why = "";
    features->key = config->data.label[0] ? "data.label" : "data.file";
    if (config->data.label[0] && features->label == NONE)
        return nl_fail(err, "'%s' has no column '%s'; its columns begin with '%s' and end with '%s'", csv->path,
                       config->data.label, csv->name[0], csv->name[csv->columns - 1]);
    for (size_t i = 0; i < sizeof usual / sizeof *usual && features->label == NONE; i++)
        features->label = find_column(csv, usual[i]);
    if (features->label == NONE) {
        features->label = csv->columns - 1 - (features->split == csv->columns - 1);
        features->why = ", the last one,";
    }
    int others = csv->columns - 1 - (features->split != NONE);
    if (features->label == features->split || others < 1 || features->label < 0)
        return nl_fail(err, "cannot use '%s': expected columns of features and one of labels beside 'split'",
                       csv->path);
    features->shape = (struct nl_shape){.height = 1, .width = 1, .channels = others};
    return NL_OK;
}

static bool is_feature(const struct features *features, int column)
{
    return column != features->label && column != features->split;
}

/* ---- labels ---- */

static bool is_integer(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return *text && !*end && errno == 0;
}

static int compare_words(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int compare_integers(const void *a, const void *b)
{
    int64_t left = 0, right = 0;
    is_integer(*(char *const *)a, &left);
    is_integer(*(char *const *)b, &right);
    return (left > right) - (left < right);
}

/* What the labels are. Numbers among words are a mistake in one of them. */
static int judge_labels(struct features *features, struct nl_error *err)
{
    const struct nl_csv *csv = &features->csv;
    int number = NONE, word = NONE;
    bool whole = true;
    for (int row = 0; row < csv->rows; row++) {
        const char *label = nl_csv_field(csv, row, features->label);
        double value;
        int64_t integer;
        if (!*label)
            return nl_fail(err, "%s: the label is empty", PLACE(csv, row, features->label));
        bool counts = is_number(label, &value);
        if (counts && !isfinite((float)value))
            return nl_fail(err, "%s: the label is '%s', expected a class or a finite number",
                           PLACE(csv, row, features->label), label);
        whole &= is_integer(label, &integer);
        number = counts && number == NONE ? row : number;
        word = !counts && word == NONE ? row : word;
    }
    if (number != NONE && word != NONE)
        return nl_fail(err, "%s: the label '%s' is no number, and that of line %d, '%s', is one",
                       PLACE(csv, word, features->label), nl_csv_field(csv, word, features->label), csv->line[number],
                       nl_csv_field(csv, number, features->label));
    features->answers = word != NONE ? WORDS : whole ? INTEGERS : REALS;
    return NL_OK;
}

/* The different labels in their order, and what number each class has. */
static int number_labels(struct features *features, int64_t given, struct nl_error *err)
{
    const struct nl_csv *csv = &features->csv;
    int (*compare)(const void *, const void *) = features->answers == WORDS ? compare_words : compare_integers;
    features->class = nl_alloc((size_t)csv->rows, sizeof *features->class);
    for (int row = 0; row < csv->rows; row++)
        features->class[row] = csv->field[(size_t)row * (size_t)csv->columns + (size_t)features->label];
    qsort(features->class, (size_t)csv->rows, sizeof *features->class, compare);
    for (int row = 0; row < csv->rows; row++)
        if (row == 0 || compare(&features->class[features->classes - 1], &features -> class[row]) != 0)
            features->class[features->classes++] = features->class[row];
    int64_t least = 0, largest = 0;
    is_integer(features->class[0], &least);
    is_integer(features->class[features->classes - 1], &largest);
    int64_t most = given == NL_AUTO ? features->classes : given;
    features->numbered = features->answers == WORDS || least < 0 || largest >= most;
    features->key = given == NL_AUTO ? features->key : "data.classes";
    if (features->classes > most)
        return nl_fail(err, "'%s' has %s in column '%s', and data.classes is %d", csv->path,
                       NL_COUNT(features->classes, "different label"), csv->name[features->label], (int)most);
    if (most < 2 || features->classes > MOST_CLASSES)
        return nl_fail(err, "cannot use '%s': %s in column '%s', expected 2 to %d", csv->path,
                       NL_COUNT(features->classes, "different label"), csv->name[features->label], MOST_CLASSES);
    features->shape.classes = (int)most;
    return NL_OK;
}

static int32_t class_of(const struct features *features, int row)
{
    const char *label = nl_csv_field(&features->csv, row, features->label);
    int64_t integer = 0;
    if (!features->numbered && is_integer(label, &integer))
        return (int32_t)integer;
    char *const *found = bsearch(&label, features->class, (size_t)features->classes, sizeof *features->class,
                                 features->answers == WORDS ? compare_words : compare_integers);
    return (int32_t)(found - features->class);
}

/* ---- parts and features ---- */

static bool is_test(const struct features *features, int row)
{
    return features->split != NONE && strcasecmp(nl_csv_field(&features->csv, row, features->split), "test") == 0;
}

static int count_parts(struct features *features, struct nl_error *err)
{
    const struct nl_csv *csv = &features->csv;
    for (int row = 0; row < csv->rows && features->split != NONE; row++) {
        const char *part = nl_csv_field(csv, row, features->split);
        if (strcasecmp(part, "train") != 0 && !is_test(features, row))
            return nl_fail(err, "%s: the split is '%s', expected train or test; data.val takes validation samples",
                           PLACE(csv, row, features->split), part);
        features->tests += is_test(features, row);
    }
    if (features->split != NONE && (features->tests == 0 || features->tests == csv->rows))
        return nl_fail(err, "cannot use '%s': all rows have the split %s, expected some of train and some of test",
                       csv->path, features->tests ? "test" : "train");
    return csv->rows >= POOL_SHARE || features->split != NONE
               ? NL_OK
               : nl_fail(err, "cannot use '%s': %s %s too few to take a test part from", csv->path,
                         NL_COUNT(csv->rows, "sample"), nl_agree(csv->rows, "is", "are"));
}

/* What people and other programs write in place of a number. */
static const char *remedy_of(const char *field)
{
    static const char *const missing[] = {"NA", "N/A", "null", "None", "-", "?"};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
        if (strcasecmp(field, missing[i]) == 0)
            return "; a missing value is filled in, or its row left out, before";
    return strchr(field, ',') ? "; a decimal point is '.'" : "";
}

/* The number in a field of features. */
static int read_feature(const struct nl_csv *csv, int row, int column, float *out, struct nl_error *err)
{
    const char *field = nl_csv_field(csv, row, column), *name = csv->name[column];
    double value;
    int64_t integer;
    const double most = 1 << 24; /* up to it float32 has all integers */
    if (!*field)
        return nl_fail(err, "%s: the field of '%s' is empty, expected a number", PLACE(csv, row, column), name);
    if (!is_number(field, &value))
        return nl_fail(err, "%s: '%s' in column '%s' is no number%s", PLACE(csv, row, column), field, name,
                       remedy_of(field));
    if (!isfinite((float)value))
        return nl_fail(err, "%s: '%s' in column '%s', expected finite numbers that float32 holds",
                       PLACE(csv, row, column), field, name);
    if (is_integer(field, &integer) && !(fabs(value) <= most))
        return nl_fail(err, "%s: %s in column '%s', expected integers up to 2^24, which float32 has: scale the column",
                       PLACE(csv, row, column), field, name);
    *out = (float)value;
    return NL_OK;
}

static int check_features(const struct features *features, struct nl_error *err)
{
    float value;
    for (int row = 0; row < features->csv.rows; row++)
        for (int c = 0; c < features->csv.columns; c++)
            if (is_feature(features, c) && read_feature(&features->csv, row, c, &value, err))
                return NL_FAIL;
    return NL_OK;
}

static int read_features(struct features *out, const struct nl_config *config, struct nl_error *err)
{
    *out = (struct features){.key = "data.file"};
    if (!config->data.file[0])
        return nl_fail(err, "'data.name' csv reads the file that 'data.file' names");
    if (read_table(config->data.file, &out->csv, err) || check_header(&out->csv, err))
        return NL_FAIL;
    if (out->csv.rows == 0)
        return nl_fail(err, "cannot use '%s': there is no row after its header", config->data.file);
    if (choose_columns(out, config, err) || judge_labels(out, err) || count_parts(out, err))
        return NL_FAIL;
    if (out->answers != REALS)
        return number_labels(out, config->data.classes, err) || check_features(out, err) ? NL_FAIL : NL_OK;
    out->shape.classes = 1;
    out->shape.target = NL_TARGET_REAL;
    if (config->data.classes != NL_AUTO) {
        out->key = "data.classes";
        return nl_fail(err, "'%s' has labels in column '%s' that are no integers: they are real targets and no classes",
                       out->csv.path, out->csv.name[out->label]);
    }
    return check_features(out, err);
}

/* ---- what other files ask ---- */

int nl_features_facts(const struct nl_config *config, struct nl_data_facts *out, const char **key, struct nl_error *err)
{
    struct nl_text version = {0};
    struct features features;
    nl_text_add(&version, "csv %" PRId64 " '%s' %d ", config->data.classes, config->data.label, config->data.as);
    nl_add_file_version(&version, config->data.file);
    if (nl_facts_recall(version.at, out)) {
        nl_text_release(&version);
        return NL_OK;
    }
    int status = read_features(&features, config, err);
    if (status == NL_OK) {
        out->shape = features.shape;
        out->pool = features.split == NONE;
        out->test = out->pool ? features.csv.rows / POOL_SHARE : features.tests;
        out->train = features.csv.rows - out->test;
        out->tokens = 0;
        nl_facts_remember(version.at, out);
    } else {
        nl_text_release(&version);
        if (key)
            *key = features.key;
    }
    release(&features);
    return status;
}

/* Which column holds the labels, and what they were taken for. */
static void add_reading(const struct features *features, struct nl_text *notes)
{
    enum { SHOWN = 6 };
    const struct nl_csv *csv = &features->csv;
    nl_text_add(notes, "'%s' has %s, and column '%s'%s has the labels: ", csv->path,
                NL_COUNT(features->shape.channels, "feature"), csv->name[features->label], features->why);
    if (features->answers == REALS)
        nl_text_add(notes, "real targets");
    else if (!features->numbered)
        nl_text_add(notes, "the classes 0 to %d", features->shape.classes - 1);
    else
        nl_text_add(notes, "%s, numbered in their order: ",
                    NL_COUNT(features->classes, features->answers == WORDS ? "word" : "integer"));
    for (int c = 0; features->numbered && c < features->classes && c < SHOWN; c++)
        nl_text_add(notes, "%s%d is '%s'", c ? ", " : "", c, features->class[c]);
    if (features->numbered && features->classes > SHOWN)
        nl_text_add(notes, " and %d more", features->classes - SHOWN);
    nl_text_add(notes, "\n");
}

static int copy_row(const struct features *features, int row, struct nl_dataset *set, int sample, struct nl_error *err)
{
    const struct nl_csv *csv = &features->csv;
    float *to = set->values + (size_t)sample * (size_t)features->shape.channels;
    for (int c = 0; c < csv->columns; c++)
        if (is_feature(features, c) && read_feature(csv, row, c, to++, err))
            return NL_FAIL;
    double target;
    if (set->labels)
        set->labels[sample] = class_of(features, row);
    else if (is_number(nl_csv_field(csv, row, features->label), &target))
        ((float *)set->numbers)[sample] = (float)target;
    return NL_OK;
}

struct nl_dataset *nl_features_open(const struct nl_config *config, struct nl_error *err)
{
    struct features features;
    struct nl_dataset *set = NULL;
    if (read_features(&features, config, err) == NL_OK) {
        bool pool = features.split == NONE;
        int rows = features.csv.rows, train = rows - features.tests, at[2] = {0, train}, status = NL_OK;
        set = nl_dataset_new("csv", NL_F32, features.shape, rows, pool ? 0 : train, err);
        for (int row = 0; set && status == NL_OK && row < rows; row++)
            status = copy_row(&features, row, set, at[is_test(&features, row)]++, err);
        if (set) {
            set->pool_test = pool ? rows / POOL_SHARE : 0;
            add_reading(&features, &set->notes);
        }
        if (status) {
            nl_dataset_free(set);
            set = NULL;
        }
    }
    release(&features);
    return set;
}
