/* Finds out which rows are of one run, and refuses what is twice. */
#include "import/runs.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/own_keys.h"
#include "config/value.h"

int nl_runs_column(const struct nl_foreign_runs *r, enum nl_column_role role)
{
    return r->columns.at[role];
}

const char *nl_runs_field(const struct nl_foreign_runs *r, int row, enum nl_column_role role)
{
    return nl_runs_column(r, role) < 0 ? "" : nl_foreign_field(&r->foreign, row, nl_runs_column(r, role));
}

/* "runs.csv:3" */
static char *place_of(const struct nl_foreign_runs *r, int row)
{
    const struct nl_foreign_row *at = &r->foreign.row[row];
    return nl_format("%s:%d", r->foreign.path[at->file], at->line);
}

/* ---- axes ---- */

static void add_axis(struct nl_foreign_runs *r, int column, const struct nl_key *key)
{
    r->axis[r->axes] = column;
    r->key[r->axes++] = key;
}

/* Whether the names of runs, or of files, are those of normalizers. */
static const struct nl_key *method_key_of_runs(const struct nl_foreign_runs *r)
{
    const struct nl_key *kind = nl_key_named("norm.kind");
    bool all = true;
    for (int row = 0; row < r->foreign.rows && all; row++) {
        char *method, *number, *value;
        struct nl_error ignored;
        nl_split_run_name(nl_runs_field(r, row, NL_COLUMN_RUN), &method, &number);
        all = *method && nl_column_value(kind, method, &value, &ignored) == NL_OK;
        if (all)
            free(value);
        free(method);
        free(number);
    }
    return all ? kind : nl_key_of(NL_LABEL "method");
}

static int list_axes(struct nl_foreign_runs *r, struct nl_error *err)
{
    r->axis = nl_alloc((size_t)r->foreign.columns + 1, sizeof *r->axis);
    r->key = nl_alloc((size_t)r->foreign.columns + 1, sizeof *r->key);
    if (r->columns.method_of_run)
        add_axis(r, nl_runs_column(r, NL_COLUMN_RUN), method_key_of_runs(r));
    else if (nl_runs_column(r, NL_COLUMN_METHOD) >= 0)
        add_axis(r, nl_runs_column(r, NL_COLUMN_METHOD), r->columns.use[nl_runs_column(r, NL_COLUMN_METHOD)].key);
    for (int i = 0; i < r->foreign.columns; i++)
        if (r->columns.use[i].role == NL_COLUMN_AXIS)
            add_axis(r, i, r->columns.use[i].key);
    for (int a = 0; a < r->axes; a++)
        for (int b = 0; b < a; b++)
            if (r->key[a] == r->key[b])
                return nl_bad(err, "the columns '%s' and '%s' are both read as '%s': import.ignore leaves one out",
                              r->foreign.name[r->axis[b]], r->foreign.name[r->axis[a]], r->key[a]->name);
    return NL_OK;
}

/* ---- runs ---- */

bool nl_runs_have_steps(const struct nl_foreign_runs *r)
{
    return nl_runs_column(r, NL_COLUMN_STEP) >= 0 || nl_runs_column(r, NL_COLUMN_EPOCH) >= 0;
}

static int read_axis(const struct nl_foreign_runs *r, int row, int axis, char **out, char **number,
                     struct nl_error *err)
{
    const char *field = nl_foreign_field(&r->foreign, row, r->axis[axis]);
    char *method = NULL;
    if (axis == 0 && r->columns.method_of_run) {
        nl_split_run_name(field, &method, number);
        field = method;
    }
    int status = nl_column_value(r->key[axis], field, out, err);
    if (status) {
        char *place = place_of(r, row);
        nl_fail_in(err, "%s: column '%s'", place, r->foreign.name[r->axis[axis]]);
        free(place);
    }
    free(method);
    return status ? NL_BAD : NL_OK;
}

/* What tells the row's run from others: everything that names it; where nothing does, its file if there are steps, or
 * else the row. */
static char *name_of_run(const struct nl_foreign_runs *r, int row, char *const *text, const char *seed)
{
    struct nl_text out = {0};
    for (int a = 0; a < r->axes; a++)
        nl_text_add(&out, "%s\t", text[a]);
    nl_text_add(&out, "%s\t%s", seed ? seed : "", nl_runs_field(r, row, NL_COLUMN_RUN));
    if (!seed && nl_runs_column(r, NL_COLUMN_RUN) < 0)
        nl_text_add(&out, "\t%d", nl_runs_have_steps(r) ? r->foreign.row[row].file : row);
    return out.at;
}

static struct nl_foreign_run *run_named(struct nl_foreign_runs *r, const char *name)
{
    for (int i = r->runs - 1; i >= 0; i--) /* rows of a run mostly follow one another */
        if (strcmp(r->run[i].name, name) == 0)
            return &r->run[i];
    return NULL;
}

static int add_row(struct nl_foreign_runs *r, int row, struct nl_error *err)
{
    char **text = nl_alloc((size_t)r->axes + 1, sizeof *text), *number = NULL;
    int status = NL_OK;
    for (int a = 0; a < r->axes && status == NL_OK; a++)
        status = read_axis(r, row, a, &text[a], &number, err);
    const char *seed = nl_runs_column(r, NL_COLUMN_SEED) >= 0 ? nl_runs_field(r, row, NL_COLUMN_SEED) : number;
    seed = seed && *seed ? seed : NULL;
    char *name = status == NL_OK ? name_of_run(r, row, text, seed) : NULL;
    struct nl_foreign_run *run = name ? run_named(r, name) : NULL;
    if (run || status) {
        for (int a = 0; a < r->axes; a++)
            free(text[a]);
        free(text);
        free(name);
    } else {
        NL_GROW(r->run, r->runs, r->capacity);
        run = &r->run[r->runs++];
        *run = (struct nl_foreign_run){.name = name, .text = text, .seed = seed ? nl_strdup(seed) : NULL};
    }
    free(number);
    if (status == NL_OK) {
        NL_GROW(run->row, run->rows, run->capacity);
        run->row[run->rows++] = row;
    }
    return status;
}

bool nl_same_cell(const struct nl_foreign_runs *r, const struct nl_foreign_run *a, const struct nl_foreign_run *b)
{
    for (int i = 0; i < r->axes; i++)
        if (strcmp(a->text[i], b->text[i]) != 0)
            return false;
    return true;
}

/* Columns in which two rows differ though nobody asked for them: "'alpha', 'user'". New string. */
static char *differing(const struct nl_foreign_runs *r, int a, int b)
{
    struct nl_text out = {0};
    for (int i = 0; i < r->foreign.columns; i++)
        if (r->columns.use[i].role == NL_COLUMN_LEFT_OUT &&
            strcmp(nl_foreign_field(&r->foreign, a, i), nl_foreign_field(&r->foreign, b, i)) != 0)
            nl_text_add(&out, "%s'%s'", out.length ? ", " : "", r->foreign.name[i]);
    return out.at ? out.at : nl_strdup("");
}

static int refuse_twins(const struct nl_foreign_runs *r, const struct nl_foreign_run *first,
                        const struct nl_foreign_run *second, struct nl_error *err)
{
    char *at = place_of(r, first->row[0]), *again = place_of(r, second->row[0]),
         *columns = differing(r, first->row[0], second->row[0]);
    nl_bad(err, "%s and %s are runs of the same method, axes and seed%s%s%s", at, again,
           *columns ? "; what differs was left out: " : "", columns,
           *columns ? "; import.axes makes axes of columns, and import.seed names that of the seed"
                    : "; import.seed names the column of the seed");
    free(at);
    free(again);
    free(columns);
    return NL_BAD;
}

/* A run of several rows needs to know their order. */
static int refuse_unordered(const struct nl_foreign_runs *r, const struct nl_foreign_run *run, struct nl_error *err)
{
    return nl_runs_have_steps(r) || run->rows < 2 ? NL_OK
                                                  : refuse_twins(r, &(struct nl_foreign_run){.row = run->row},
                                                                 &(struct nl_foreign_run){.row = run->row + 1}, err);
}

static int sort_rows(struct nl_foreign_runs *r, struct nl_error *err)
{
    for (int row = 0; row < r->foreign.rows; row++)
        if (add_row(r, row, err))
            return NL_BAD;
    int without = 0;
    for (int i = 0; i < r->runs; i++) {
        without += !r->run[i].seed;
        if (refuse_unordered(r, &r->run[i], err))
            return NL_BAD;
        for (int k = 0; k < i && r->run[i].seed; k++)
            if (r->run[k].seed && strcmp(r->run[k].seed, r->run[i].seed) == 0 &&
                nl_same_cell(r, &r->run[k], &r->run[i]))
                return refuse_twins(r, &r->run[k], &r->run[i], err);
    }
    if (without && without < r->runs)
        return nl_bad(err, "%d of %s %s no seed: give all of them one, or leave the column out with import.ignore",
                      without, NL_COUNT(r->runs, "run"), nl_agree(without, "has", "have"));
    r->numbered = without > 0;
    return NL_OK;
}

/* ---- seeds ---- */

static bool is_whole(const char *text)
{
    int64_t value;
    return nl_integer_read(text, &value) && value >= 0 && value <= 1000000000;
}

void nl_runs_number(const struct nl_foreign_runs *r, int64_t *out)
{
    bool whole = true;
    for (int i = 0; i < r->runs; i++)
        whole &= r->run[i].seed && is_whole(r->run[i].seed);
    for (int i = 0; i < r->runs; i++) {
        out[i] = whole ? strtoll(r->run[i].seed, NULL, 10) : 1;
        int64_t most = 0;
        bool seen = false;
        for (int k = 0; !whole && k < i; k++) {
            if (r->numbered) {
                out[i] += nl_same_cell(r, &r->run[k], &r->run[i]);
            } else if (!seen) {
                seen = strcmp(r->run[k].seed, r->run[i].seed) == 0;
                most = out[k] > most ? out[k] : most;
                out[i] = seen ? out[k] : most + 1;
            }
        }
    }
}

/* ---- all of it ---- */

int nl_runs_read(const struct nl_import *import, struct nl_foreign_runs *r, struct nl_error *err)
{
    *r = (struct nl_foreign_runs){.import = import};
    if (nl_foreign_read(r->import, &r->foreign, err))
        return NL_BAD;
    if (nl_columns_find(&r->foreign, r->import, &r->columns, err) || list_axes(r, err))
        return NL_BAD;
    return sort_rows(r, err);
}

void nl_runs_release(struct nl_foreign_runs *r)
{
    for (int i = 0; i < r->runs; i++) {
        for (int a = 0; a < r->axes; a++)
            free(r->run[i].text[a]);
        free(r->run[i].text);
        free(r->run[i].name);
        free(r->run[i].seed);
        free(r->run[i].row);
    }
    free(r->run);
    free(r->axis);
    free(r->key);
    nl_columns_release(&r->columns);
    nl_foreign_release(&r->foreign);
}
