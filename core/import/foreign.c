/* Reads the files of other programs. */
#include "import/foreign.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/csv.h"
#include "base/files.h"
#include "base/memory.h"
#include "config/keep.h"
#include "config/value.h"
#include "config/yaml.h"

/* ---- the table ---- */

int nl_foreign_column(const struct nl_foreign *foreign, const char *name)
{
    for (int i = 0; i < foreign->columns; i++)
        if (strcmp(foreign->name[i], name) == 0)
            return i;
    return -1;
}

const char *nl_foreign_field(const struct nl_foreign *foreign, int row, int column)
{
    return foreign->row[row].field[column] ? foreign->row[row].field[column] : "";
}

bool nl_foreign_varies(const struct nl_foreign *foreign, int column)
{
    for (int row = 1; row < foreign->rows; row++)
        if (strcmp(nl_foreign_field(foreign, row, column), nl_foreign_field(foreign, 0, column)) != 0)
            return true;
    return false;
}

/* The column of that name, which is added where there is none. */
static int column_of(struct nl_foreign *out, const char *name)
{
    int at = nl_foreign_column(out, name);
    if (at >= 0)
        return at;
    if (out->columns == out->capacity) {
        int wider = out->capacity ? 2 * out->capacity : 16;
        out->name = nl_realloc(out->name, (size_t)wider, sizeof *out->name);
        for (int row = 0; row < out->rows; row++) {
            out->row[row].field = nl_realloc(out->row[row].field, (size_t)wider, sizeof *out->row[row].field);
            memset(out->row[row].field + out->capacity, 0, (size_t)(wider - out->capacity) * sizeof(char *));
        }
        out->capacity = wider;
    }
    out->name[out->columns] = nl_strdup(name);
    return out->columns++;
}

static void add_row(struct nl_foreign *out, int line)
{
    NL_GROW(out->row, out->rows, out->rows_capacity);
    out->row[out->rows++] = (struct nl_foreign_row){
        .file = out->files, .line = line, .field = nl_alloc((size_t)out->capacity, sizeof(char *))};
}

/* Takes text over. */
static void put(struct nl_foreign *out, int row, int column, char *text)
{
    free(out->row[row].field[column]);
    out->row[row].field[column] = text;
}

/* In the last row. */
static void set_field(struct nl_foreign *out, const char *name, const char *text)
{
    int column = column_of(out, name);
    put(out, out->rows - 1, column, *text ? nl_strdup(text) : NULL);
}

void nl_foreign_release(struct nl_foreign *foreign)
{
    for (int row = 0; row < foreign->rows; row++) {
        for (int i = 0; i < foreign->columns; i++)
            free(foreign->row[row].field[i]);
        free(foreign->row[row].field);
    }
    for (int i = 0; i < foreign->columns; i++)
        free(foreign->name[i]);
    for (int i = 0; i < foreign->files; i++)
        free(foreign->path[i]);
    free(foreign->row);
    free(foreign->name);
    free(foreign->path);
    free(foreign->sha256);
    *foreign = (struct nl_foreign){0};
}

/* ---- CSV ---- */

/* The one of ',', ';' and tab that the header has most of, outside of quotes. */
static char separator_of(const char *text)
{
    static const char order[] = ",;\t";
    int count[3] = {0};
    bool quoted = false;
    for (; *text && (quoted || *text != '\n'); text++) {
        const char *found = quoted ? NULL : strchr(order, *text);
        quoted ^= *text == '"';
        if (found)
            count[found - order]++;
    }
    return count[1] > count[0] && count[1] >= count[2] ? ';' : count[2] > count[0] ? '\t' : ',';
}

static int read_csv(const char *path, const char *text, struct nl_foreign *out, struct nl_error *err)
{
    struct nl_csv csv;
    size_t length = strlen(text);
    bool whole = length > 0 && text[length - 1] == '\n';
    if (nl_csv_parse_separated(path, nl_format("%s%s", text, whole ? "" : "\n"), separator_of(text), &csv, err))
        return NL_BAD;
    for (int a = 0; a < csv.columns; a++)
        for (int b = 0; b < a; b++)
            if (*csv.name[a] && strcmp(csv.name[a], csv.name[b]) == 0) {
                nl_bad(err, "%s:1: two columns are called '%s'", path, csv.name[a]);
                nl_csv_release(&csv);
                return NL_BAD;
            }
    for (int row = 0; row < csv.rows; row++) {
        add_row(out, csv.line[row]);
        for (int column = 0; column < csv.columns; column++) {
            const char *field = nl_csv_field(&csv, row, column);
            char *pointed = csv.separator == ',' ? NULL : nl_with_point(field);
            if (*csv.name[column]) /* a table of pandas has an index without a name */
                set_field(out, csv.name[column], pointed ? pointed : field);
            free(pointed);
        }
    }
    nl_csv_release(&csv);
    return NL_OK;
}

/* ---- JSON, which is YAML ---- */

static void add_values(struct nl_foreign *out, const char *before, const struct nl_node *object)
{
    for (int i = 0; i < object->count; i++) {
        const struct nl_node *name = object->item[2 * i], *value = object->item[2 * i + 1];
        char *full = nl_format("%s%s%s", before, *before ? "." : "", name->text);
        if (value->kind == NL_MAPPING)
            add_values(out, full, value);
        else if (value->kind == NL_SCALAR)
            set_field(out, full, value->blank ? "" : value->text);
        free(full);
    }
}

static const struct nl_node *history_of(const struct nl_node *object)
{
    const struct nl_node *history = nl_yaml_entry(object, "log_history");
    history = history ? history : nl_yaml_entry(object, "history");
    return history && history->kind == NL_SEQUENCE ? history : NULL;
}

/* {"loss": [0.7, 0.5], "val_loss": [0.8, 0.6]}: a row for each place of the lists, and its number as the epoch. */
static bool add_lists(struct nl_foreign *out, const struct nl_node *object)
{
    int length = -1;
    for (int i = 0; i < object->count; i++) {
        const struct nl_node *value = object->item[2 * i + 1];
        if (value->kind != NL_SEQUENCE || (length >= 0 && value->count != length))
            return false;
        length = value->count;
    }
    for (int at = 0; at < length; at++) {
        char *epoch = nl_format("%d", at + 1);
        add_row(out, 1);
        set_field(out, "epoch", epoch);
        for (int i = 0; i < object->count; i++)
            if (object->item[2 * i + 1]->item[at]->kind == NL_SCALAR)
                set_field(out, object->item[2 * i]->text, object->item[2 * i + 1]->item[at]->text);
        free(epoch);
    }
    return length > 0;
}

static int add_json(const char *path, const struct nl_node *root, struct nl_foreign *out, struct nl_error *err)
{
    const struct nl_node *list = root->kind == NL_SEQUENCE ? root : history_of(root);
    for (int i = 0; list && i < list->count; i++) {
        if (list->item[i]->kind != NL_MAPPING)
            return nl_bad(err, "'%s' is a list of something else than objects", path);
        add_row(out, 1);
        add_values(out, "", list->item[i]);
    }
    if (list || (root->kind == NL_MAPPING && add_lists(out, root)))
        return NL_OK;
    if (root->kind != NL_MAPPING)
        return nl_bad(err, "'%s' holds no objects", path);
    add_row(out, 1);
    add_values(out, "", root);
    return NL_OK;
}

/* The tree is given back with all else that was kept for it. */
static int parse_json(const char *path, int line, const char *text, struct nl_foreign *out, bool is_row,
                      struct nl_error *err)
{
    struct nl_diagnostics diagnostics = {0};
    struct nl_kept before = nl_kept_now();
    const struct nl_origin nowhere = {.line_text = ""};
    const struct nl_node *root = nl_yaml_parse(text, &nowhere, &diagnostics);
    int status = NL_OK;
    if (!root) {
        const char *why = diagnostics.count ? diagnostics.at[0].message : "it is empty", *colon = strstr(why, "YAML: ");
        status = nl_bad(err, "%s:%d: this is no JSON: %s", path, line, colon ? colon + strlen("YAML: ") : why);
    } else if (is_row && root->kind != NL_MAPPING) {
        status = nl_bad(err, "%s:%d: a line of JSON lines must be an object", path, line);
    } else if (is_row) {
        add_row(out, line);
        add_values(out, "", root);
    } else {
        status = add_json(path, root, out, err);
    }
    nl_diagnostics_release(&diagnostics);
    nl_keep_no_more(before);
    return status;
}

static const char *after_blanks(const char *text)
{
    return text + strspn(text, " \t\r\n");
}

/* Whether the first line is an object of its own, and another one follows. Of a single line it makes no difference. */
static bool is_json_lines(const char *text)
{
    size_t length = strcspn(text, "\n");
    while (length > 0 && strchr(" \t\r", text[length - 1]))
        length--;
    const char *next = after_blanks(text + strcspn(text, "\n"));
    return *text == '{' && length > 0 && text[length - 1] == '}' && *next == '{';
}

static int read_json(const char *path, const char *text, struct nl_foreign *out, struct nl_error *err)
{
    int status = NL_OK, line = 1;
    if (!is_json_lines(text))
        return parse_json(path, 1, text, out, false, err);
    for (const char *at = text; *at && status == NL_OK; line++) {
        size_t length = strcspn(at, "\n");
        char *row = nl_format("%.*s", (int)length, at);
        if (*after_blanks(row))
            status = parse_json(path, line, row, out, true, err);
        free(row);
        at += length + (at[length] == '\n');
    }
    return status;
}

/* ---- what the name of a file says ---- */

/* The field of the last row that a name in braces is. */
struct capture {
    const char *name, *text;
    int name_length, length;
};

/* Whether the whole text is as the pattern says. No capture is longer than it needs to be. */
static bool matches(const char *pattern, const char *text, struct capture *capture, int *captures, int most)
{
    if (!*pattern)
        return !*text;
    const char *close = *pattern == '{' ? strchr(pattern, '}') : NULL;
    if (!close && *pattern != '*')
        return *pattern == *text && matches(pattern + 1, text + 1, capture, captures, most);
    int mine = *captures;
    if (close && mine == most)
        return false;
    for (int length = close ? 1 : 0; length <= (int)strcspn(text, "/"); length++) {
        *captures = mine;
        if (close)
            capture[(*captures)++] = (struct capture){pattern + 1, text, (int)(close - pattern - 1), length};
        if (matches((close ? close : pattern) + 1, text + length, capture, captures, most))
            return true;
    }
    return false;
}

enum { MOST_CAPTURES = 16 };

static int find_captures(const char *pattern, const char *path, struct capture *capture)
{
    int captures = 0;
    for (const char *at = path; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL) {
        captures = 0;
        if (matches(pattern, at, capture, &captures, MOST_CAPTURES))
            return captures;
    }
    return -1;
}

/* Gives the file's rows, from `first` on, what its name says. */
static int add_path(const char *pattern, const char *path, int first, struct nl_foreign *out, struct nl_error *err)
{
    struct capture capture[MOST_CAPTURES];
    int captures = find_captures(pattern, path, capture);
    if (captures < 0)
        return nl_bad(err, "the name '%s' is not as import.path says: '%s'", path, pattern);
    for (int i = 0; i < captures; i++) {
        char *name = nl_format("%.*s", capture[i].name_length, capture[i].name);
        int column = column_of(out, name);
        for (int row = first; row < out->rows; row++)
            put(out, row, column, nl_format("%.*s", capture[i].length, capture[i].text));
        free(name);
    }
    return NL_OK;
}

/* Where the files differ: the name of each without what all begin with and end in, as far as that is whole parts of a
 * name. */
static void add_file_column(struct nl_foreign *out)
{
    const char *first = out->path[0];
    size_t begin = strlen(first), end = strlen(first);
    for (int i = 1; i < out->files; i++) {
        size_t length = strlen(out->path[i]), same = 0, tail = 0;
        while (first[same] && first[same] == out->path[i][same])
            same++;
        while (tail < length && tail < strlen(first) &&
               first[strlen(first) - 1 - tail] == out->path[i][length - 1 - tail])
            tail++;
        begin = same < begin ? same : begin;
        end = tail < end ? tail : end;
    }
    while (begin > 0 && first[begin - 1] != '/')
        begin--;
    while (end > 0 && !strchr("/.", first[strlen(first) - end]))
        end--;
    int column = out->files > 1 ? column_of(out, "file") : -1;
    for (int row = 0; column >= 0 && row < out->rows; row++) {
        const char *path = out->path[out->row[row].file];
        put(out, row, column, nl_format("%.*s", (int)(strlen(path) - begin - end), path + begin));
    }
}

/* ---- a row for each value ---- */

static int first_of(const struct nl_foreign *foreign, const char *const *names)
{
    for (; *names; names++)
        for (int i = 0; i < foreign->columns; i++)
            if (strcasecmp(foreign->name[i], *names) == 0)
                return i;
    return -1;
}

static void spread_values(struct nl_foreign *out)
{
    int value = first_of(out, (const char *const[]){"value", NULL}),
        metric = first_of(out, (const char *const[]){"metric", "tag", "variable", "key", NULL});
    if (value < 0 || metric < 0)
        return;
    for (int row = 0; row < out->rows; row++) {
        char *name = out->row[row].field[metric], *text = out->row[row].field[value];
        out->row[row].field[metric] = out->row[row].field[value] = NULL;
        if (name && text) {
            put(out, row, column_of(out, name), text);
            text = NULL;
        }
        free(name);
        free(text);
    }
}

/* ---- a column for each run ---- */

/* "bn-1 - val/acc": what Weights & Biases calls the columns of a chart that it exports. Where the run's name ends;
 * NULL: another column. Beside it stand its least and largest values, which are the same. */
static const char *end_of_run(const char *name)
{
    const char *found = NULL;
    for (const char *at = name; (at = strstr(at, " - ")); at += 3)
        found = at;
    return found > name && !strstr(found, "__MIN") && !strstr(found, "__MAX") ? found : NULL;
}

static bool is_chart(const struct nl_foreign *foreign)
{
    int runs = 0, others = 0;
    for (int i = 0; i < foreign->columns; i++) {
        runs += end_of_run(foreign->name[i]) != NULL;
        others += !strstr(foreign->name[i], " - ");
    }
    return runs > 0 && others > 0 && first_of(foreign, (const char *const[]){"step", "epoch", NULL}) >= 0;
}

/* A row for each run and step, with a column `run`, and one for each metric. */
static void lay_out_runs(struct nl_foreign *out)
{
    struct nl_foreign chart = *out;
    out->columns = out->capacity = out->rows = out->rows_capacity = 0;
    out->name = NULL;
    out->row = NULL;
    for (int row = 0; row < chart.rows; row++)
        for (int i = 0; i < chart.columns; i++) {
            const char *end = end_of_run(chart.name[i]), *value = nl_foreign_field(&chart, row, i);
            if (!end || !*value)
                continue;
            char *run = nl_format("%.*s", (int)(end - chart.name[i]), chart.name[i]);
            add_row(out, chart.row[row].line);
            out->row[out->rows - 1].file = chart.row[row].file;
            for (int k = 0; k < chart.columns; k++)
                if (!strstr(chart.name[k], " - "))
                    set_field(out, chart.name[k], nl_foreign_field(&chart, row, k));
            set_field(out, "run", run);
            set_field(out, end + 3, value);
            free(run);
        }
    chart.files = 0; /* which out has */
    chart.path = NULL;
    chart.sha256 = NULL;
    nl_foreign_release(&chart);
}

/* ---- files ---- */

static int read_file(const struct nl_import *import, int which, struct nl_foreign *out, struct nl_error *err)
{
    const char *path = import->files.at[which];
    size_t length;
    char *bytes = nl_file_read(path, &length, err);
    if (!bytes)
        return NL_BAD;
    out->path[out->files] = nl_strdup(path);
    nl_hash_bytes(bytes, length, out->sha256[out->files]);
    int first = out->rows, status = NL_OK;
    const char *text = strncmp(bytes, "\xef\xbb\xbf", 3) ? bytes : bytes + 3, *start = after_blanks(text);
    if (which < import->sha256.count && strcmp(import->sha256.at[which], out->sha256[out->files]) != 0)
        status = nl_bad(err, "'%s' is not the file that was imported: its SHA-256 is another one", path);
    else if (strlen(bytes) != length)
        status = nl_bad(err, "'%s' is no text: it holds a zero byte", path);
    else if (!*start)
        status = nl_bad(err, "'%s' is empty", path);
    else
        status = *start == '{' || *start == '[' ? read_json(path, start, out, err) : read_csv(path, text, out, err);
    if (status == NL_OK && out->rows == first)
        status = nl_bad(err, "'%s' holds no rows", path);
    if (status == NL_OK && import->path)
        status = add_path(import->path, path, first, out, err);
    free(bytes);
    out->files++;
    return status;
}

int nl_foreign_read(const struct nl_import *import, struct nl_foreign *out, struct nl_error *err)
{
    int files = import->files.count, status = NL_OK;
    *out = (struct nl_foreign){.path = nl_alloc((size_t)files + 1, sizeof *out->path),
                               .sha256 = nl_alloc((size_t)files + 1, sizeof *out->sha256)};
    if (files == 0)
        status = nl_bad(err, "'import.files' names no file");
    for (int i = 0; i < files && status == NL_OK; i++)
        status = read_file(import, i, out, err);
    if (status == NL_OK) {
        add_file_column(out);
        spread_values(out);
        if (is_chart(out))
            lay_out_runs(out);
    } else {
        nl_foreign_release(out);
    }
    return status;
}
