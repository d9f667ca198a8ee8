/* Sorts the rows of another program's table into runs, and makes trials of them. */
#include "import/import.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/files.h"
#include "config/keep.h"
#include "config/own_keys.h"
#include "config/value.h"
#include "import/columns.h"
#include "sweep/store.h"

struct run {
    char *name;  /* what tells it from others */
    char **text; /* [axes] values; "" where there is none */
    char *seed;  /* as it is written; NULL: it has none */
    int rows, capacity, *row;
};

struct reading {
    const struct nl_import *import;
    struct nl_foreign foreign;
    struct nl_columns columns;
    int axes, *axis;           /* columns; the method first where there is one */
    const struct nl_key **key; /* [axes] */
    int runs, capacity;
    struct run *run;
    bool numbered; /* runs have no seeds: they are numbered */
};

static int column_at(const struct reading *r, enum nl_column_role role)
{
    return r->columns.at[role];
}

static const char *field_of(const struct reading *r, int row, enum nl_column_role role)
{
    return column_at(r, role) < 0 ? "" : nl_foreign_field(&r->foreign, row, column_at(r, role));
}

/* "runs.csv:3" */
static char *place_of(const struct reading *r, int row)
{
    const struct nl_foreign_row *at = &r->foreign.row[row];
    return nl_format("%s:%d", r->foreign.path[at->file], at->line);
}

/* ---- axes ---- */

static void add_axis(struct reading *r, int column, const struct nl_key *key)
{
    r->axis[r->axes] = column;
    r->key[r->axes++] = key;
}

/* Whether the names of runs, or of files, are those of normalizers. */
static const struct nl_key *method_key_of_runs(const struct reading *r)
{
    const struct nl_key *kind = nl_key_named("norm.kind");
    bool all = true;
    for (int row = 0; row < r->foreign.rows && all; row++) {
        char *method, *number, *value;
        struct nl_error ignored;
        nl_split_run_name(field_of(r, row, NL_COLUMN_RUN), &method, &number);
        all = *method && nl_column_value(kind, method, &value, &ignored) == NL_OK;
        if (all)
            free(value);
        free(method);
        free(number);
    }
    return all ? kind : nl_key_of(NL_LABEL "method");
}

static int list_axes(struct reading *r, struct nl_error *err)
{
    r->axis = nl_alloc((size_t)r->foreign.columns + 1, sizeof *r->axis);
    r->key = nl_alloc((size_t)r->foreign.columns + 1, sizeof *r->key);
    if (r->columns.method_of_run)
        add_axis(r, column_at(r, NL_COLUMN_RUN), method_key_of_runs(r));
    else if (column_at(r, NL_COLUMN_METHOD) >= 0)
        add_axis(r, column_at(r, NL_COLUMN_METHOD), r->columns.use[column_at(r, NL_COLUMN_METHOD)].key);
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

static bool has_steps(const struct reading *r)
{
    return column_at(r, NL_COLUMN_STEP) >= 0 || column_at(r, NL_COLUMN_EPOCH) >= 0;
}

static int read_axis(const struct reading *r, int row, int axis, char **out, char **number, struct nl_error *err)
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
static char *name_of_run(const struct reading *r, int row, char *const *text, const char *seed)
{
    struct nl_text out = {0};
    for (int a = 0; a < r->axes; a++)
        nl_text_add(&out, "%s\t", text[a]);
    nl_text_add(&out, "%s\t%s", seed ? seed : "", field_of(r, row, NL_COLUMN_RUN));
    if (!seed && column_at(r, NL_COLUMN_RUN) < 0)
        nl_text_add(&out, "\t%d", has_steps(r) ? r->foreign.row[row].file : row);
    return out.at;
}

static struct run *run_named(struct reading *r, const char *name)
{
    for (int i = r->runs - 1; i >= 0; i--) /* rows of a run mostly follow one another */
        if (strcmp(r->run[i].name, name) == 0)
            return &r->run[i];
    return NULL;
}

static int add_row(struct reading *r, int row, struct nl_error *err)
{
    char **text = nl_alloc((size_t)r->axes + 1, sizeof *text), *number = NULL;
    int status = NL_OK;
    for (int a = 0; a < r->axes && status == NL_OK; a++)
        status = read_axis(r, row, a, &text[a], &number, err);
    const char *seed = column_at(r, NL_COLUMN_SEED) >= 0 ? field_of(r, row, NL_COLUMN_SEED) : number;
    seed = seed && *seed ? seed : NULL;
    char *name = status == NL_OK ? name_of_run(r, row, text, seed) : NULL;
    struct run *run = name ? run_named(r, name) : NULL;
    if (run || status) {
        for (int a = 0; a < r->axes; a++)
            free(text[a]);
        free(text);
        free(name);
    } else {
        NL_GROW(r->run, r->runs, r->capacity);
        run = &r->run[r->runs++];
        *run = (struct run){.name = name, .text = text, .seed = seed ? nl_strdup(seed) : NULL};
    }
    free(number);
    if (status == NL_OK) {
        NL_GROW(run->row, run->rows, run->capacity);
        run->row[run->rows++] = row;
    }
    return status;
}

static bool same_cell(const struct reading *r, const struct run *a, const struct run *b)
{
    for (int i = 0; i < r->axes; i++)
        if (strcmp(a->text[i], b->text[i]) != 0)
            return false;
    return true;
}

/* Columns in which two rows differ though nobody asked for them: "'alpha', 'user'". New string. */
static char *differing(const struct reading *r, int a, int b)
{
    struct nl_text out = {0};
    for (int i = 0; i < r->foreign.columns; i++)
        if (r->columns.use[i].role == NL_COLUMN_LEFT_OUT &&
            strcmp(nl_foreign_field(&r->foreign, a, i), nl_foreign_field(&r->foreign, b, i)) != 0)
            nl_text_add(&out, "%s'%s'", out.length ? ", " : "", r->foreign.name[i]);
    return out.at ? out.at : nl_strdup("");
}

static int refuse_twins(const struct reading *r, const struct run *first, const struct run *second,
                        struct nl_error *err)
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
static int refuse_unordered(const struct reading *r, const struct run *run, struct nl_error *err)
{
    return has_steps(r) || run->rows < 2
               ? NL_OK
               : refuse_twins(r, &(struct run){.row = run->row}, &(struct run){.row = run->row + 1}, err);
}

static int sort_rows(struct reading *r, struct nl_error *err)
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
            if (r->run[k].seed && strcmp(r->run[k].seed, r->run[i].seed) == 0 && same_cell(r, &r->run[k], &r->run[i]))
                return refuse_twins(r, &r->run[k], &r->run[i], err);
    }
    if (without && without < r->runs)
        return nl_bad(err, "%d of %s %s no seed: give all of them one, or leave the column out with import.ignore",
                      without, NL_COUNT(r->runs, "run"), nl_agree(without, "has", "have"));
    r->numbered = without > 0;
    return NL_OK;
}

/* ---- trials ---- */

static bool is_whole(const char *text)
{
    int64_t value;
    return nl_integer_read(text, &value) && value >= 0 && value <= 1000000000;
}

/* Seeds as trials have them, numbers: their own, or their places where one is none. Runs without seeds are numbered
 * within their cell. */
static void number_runs(const struct reading *r, int64_t *out)
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
                out[i] += same_cell(r, &r->run[k], &r->run[i]);
            } else if (!seen) {
                seen = strcmp(r->run[k].seed, r->run[i].seed) == 0;
                most = out[k] > most ? out[k] : most;
                out[i] = seen ? out[k] : most + 1;
            }
        }
    }
}

static double number_in(const struct reading *r, int row, enum nl_column_role role)
{
    const double most = 1e15; /* beyond it a step is no count */
    double value;
    return nl_number_read(field_of(r, row, role), &value) && fabs(value) <= most ? value : NAN;
}

static enum nl_part part_named(const char *name)
{
    int part = 0;
    while (strcmp(nl_part_names[part], name) != 0)
        part++;
    return (enum nl_part)part;
}

/* The scores in a row, by part; what the row does not say stays as it is. Returns whether one is no number. */
static bool read_scores(const struct reading *r, int row, struct nl_score score[NL_PARTS], bool given[NL_PARTS])
{
    bool any_bad = false;
    for (int column = 0; column < r->foreign.columns; column++) {
        const struct nl_column_use *use = &r->columns.use[column];
        bool bad = false;
        if (use->role != NL_COLUMN_METRIC)
            continue;
        enum nl_part part = part_named(use->part);
        double value = nl_column_number(&r->foreign, &r->columns, row, column, &bad);
        bool right = use->reading == NL_READ_ACCURACY || use->reading == NL_READ_ERROR;
        any_bad |= bad;
        if (isnan(value))
            continue;
        given[part] = true;
        *(right ? &score[part].accuracy : &score[part].loss) = value;
    }
    return any_bad;
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcasecmp(text, *words) == 0)
            return true;
    return false;
}

/* How the run ended, as its last row says. NL_OUTCOMES: it has not. */
static int outcome_of(const struct reading *r, const struct run *run, bool bad)
{
    const char *status = field_of(r, run->row[run->rows - 1], NL_COLUMN_STATUS);
    if (is_one_of(status, (const char *const[]){"running", "pending", "queued", "preempting", NULL}))
        return NL_OUTCOMES;
    if (is_one_of(status, (const char *const[]){"crashed", "failed", "killed", "error", "preempted", NULL}))
        return NL_ERROR;
    return bad || is_one_of(status, (const char *const[]){"diverged", "nan", NULL}) ? NL_DIVERGED : NL_DONE;
}

static void add_point(struct nl_trial_result *result, const struct nl_curve_row *row)
{
    NL_GROW(result->row, result->rows, result->capacity);
    result->row[result->rows++] = *row;
}

static int by_step(const void *left, const void *right)
{
    const struct nl_curve_row *a = left, *b = right;
    return a->step != b->step ? (a->step > b->step) - (a->step < b->step) : (int)a->part - (int)b->part;
}

/* The rows of a run in the order of their steps; without steps, as they stand. */
static void sort_steps(const struct reading *r, struct run *run)
{
    enum nl_column_role role = column_at(r, NL_COLUMN_STEP) >= 0 ? NL_COLUMN_STEP : NL_COLUMN_EPOCH;
    for (int i = 1; i < run->rows && has_steps(r); i++) {
        int row = run->row[i], at = i;
        for (; at > 0 && number_in(r, run->row[at - 1], role) > number_in(r, row, role); at--)
            run->row[at] = run->row[at - 1];
        run->row[at] = row;
    }
}

static struct nl_record record_of(const struct reading *r, struct run *run)
{
    struct nl_trial_result result = {
        .failed_step = -1, .steps = -1, .samples = -1, .parameters = -1, .epochs = NAN, .seconds = NAN};
    struct nl_score last[NL_PARTS];
    bool bad = false;
    for (int part = 0; part < NL_PARTS; part++)
        last[part] = (struct nl_score){NAN, NAN};
    sort_steps(r, run);
    for (int i = 0; i < run->rows; i++) {
        bool given[NL_PARTS] = {false};
        double epoch = number_in(r, run->row[i], NL_COLUMN_EPOCH), step = number_in(r, run->row[i], NL_COLUMN_STEP);
        step = isnan(step) ? epoch : step;
        bad = read_scores(r, run->row[i], last, given);
        result.epochs = isnan(epoch) ? result.epochs : epoch;
        result.steps = column_at(r, NL_COLUMN_STEP) >= 0 && !isnan(step) ? (int64_t)step : result.steps;
        if (bad && !isnan(step))
            result.failed_step = (int64_t)step;
        for (int part = 0; part < NL_PARTS && !isnan(step); part++)
            if (given[part])
                add_point(&result, &(struct nl_curve_row){.step = (int64_t)step,
                                                          .epoch = epoch,
                                                          .samples = 0,
                                                          .part = (enum nl_part)part,
                                                          .eval = NL_EVAL_RUNNING,
                                                          .lr = NAN,
                                                          .loss = last[part].loss,
                                                          .accuracy = last[part].accuracy});
    }
    if (result.rows)
        qsort(result.row, (size_t)result.rows, sizeof *result.row, by_step);
    int outcome = outcome_of(r, run, bad);
    for (int part = 0; part < NL_PARTS; part++)
        for (int eval = 0; eval < NL_EVALS; eval++)
            result.score[part][eval] =
                outcome == NL_DONE && eval == NL_EVAL_RUNNING ? last[part] : (struct nl_score){NAN, NAN};
    result.status = outcome == NL_DIVERGED ? NL_DIVERGED : NL_DONE;
    struct nl_record record = {0};
    nl_record_from_result(&record, &result);
    record.failed = outcome == NL_ERROR;
    record.present = outcome != NL_OUTCOMES;
    free(result.row);
    return record;
}

/* ---- the experiment ---- */

static int axis_value(struct nl_axis *axis, const char *text)
{
    for (int i = 0; i < axis->points; i++)
        if (strcmp(axis->text[i][0], text) == 0)
            return i;
    axis->text = nl_realloc(axis->text, (size_t)axis->points + 1, sizeof *axis->text);
    axis->text[axis->points] = nl_keep(nl_alloc(NL_LIST_MAX, sizeof *axis->text[0]));
    axis->text[axis->points][0] = (char *)(uintptr_t)nl_keep_text(text);
    return axis->points++;
}

/* The axes as the files have them, and the seeds of the cell that has most. */
static void add_axes(const struct reading *r, struct nl_experiment *out)
{
    out->axis = nl_keep(nl_alloc((size_t)r->axes + 1, sizeof *out->axis));
    out->axes = r->axes;
    out->is_sweep = true;
    out->seeds_origin = r->import->origin;
    out->seeds = 1;
    for (int a = 0; a < r->axes; a++) {
        struct nl_axis *axis = &out->axis[a];
        *axis = (struct nl_axis){.keys = 1, .origin = r->import->origin};
        axis->key[0] = r->key[a];
        for (int i = 0; i < r->runs; i++)
            if (*r->run[i].text[a])
                axis_value(axis, r->run[i].text[a]);
        nl_keep(axis->text);
    }
    for (int i = 0; i < r->runs; i++) {
        int seeds = 0;
        for (int k = 0; k < r->runs; k++)
            seeds += same_cell(r, &r->run[i], &r->run[k]);
        out->seeds = seeds > out->seeds ? seeds : out->seeds;
    }
}

static bool has_metric(const struct reading *r, const char *part, bool of_loss)
{
    for (int i = 0; i < r->foreign.columns; i++) {
        const struct nl_column_use *use = &r->columns.use[i];
        bool loss = use->reading == NL_READ_LOSS || use->reading == NL_READ_PERPLEXITY;
        if (use->role == NL_COLUMN_METRIC && strcmp(use->part, part) == 0 && loss == of_loss)
            return true;
    }
    return false;
}

/* plot.metric, where nobody chose it: the first of these that was measured. */
static void choose_metric(const struct reading *r, struct nl_experiment *out)
{
    static const struct {
        enum nl_metric metric;
        const char *part;
        bool loss;
    } usual[] = {{NL_TEST_ERROR, "test", false}, {NL_TEST_LOSS, "test", true},     {NL_VAL_ERROR, "val", false},
                 {NL_VAL_LOSS, "val", true},     {NL_TRAIN_ERROR, "train", false}, {NL_TRAIN_LOSS, "train", true}};
    if (nl_origin_of(out, "plot.metric").kind != NL_FROM_DEFAULT)
        return;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (has_metric(r, usual[i].part, usual[i].loss)) {
            out->config.plot.metric = usual[i].metric;
            return;
        }
}

/* plot.kind, where nobody chose it: without steps there are no curves, and the figure is over the first axis. */
static void choose_picture(const struct reading *r, struct nl_experiment *out)
{
    if (nl_origin_of(out, "plot.kind").kind != NL_FROM_DEFAULT || has_steps(r) || r->axes == 0)
        return;
    out->config.plot.kind = (struct nl_int_list){.count = 1, .at = {NL_PLOT_FIGURE}};
    bool number = false;
    for (int a = 0; a < r->axes; a++)
        number |= nl_key_is_number(r->key[a]);
    if (!number && nl_origin_of(out, "plot.x").kind == NL_FROM_DEFAULT)
        out->config.plot.x = (char *)(uintptr_t)nl_keep_text(r->key[0]->name);
}

static void add_checksums(const struct reading *r, struct nl_experiment *out)
{
    struct nl_import *import = nl_keep(nl_alloc(1, sizeof *import));
    *import = *r->import;
    import->files.at = nl_keep(nl_alloc((size_t)r->foreign.files, sizeof *import->files.at));
    import->sha256.at = nl_keep(nl_alloc((size_t)r->foreign.files, sizeof *import->sha256.at));
    import->sha256.count = r->foreign.files;
    for (int i = 0; i < r->foreign.files; i++) {
        char *whole = realpath(r->foreign.path[i], NULL);
        import->files.at[i] = nl_keep_text(whole ? whole : r->foreign.path[i]);
        import->sha256.at[i] = nl_keep_text(r->foreign.sha256[i]);
        free(whole);
    }
    import->pairs = r->numbered ? NL_PAIRS_NONE : import->pairs;
    out->import = import;
}

static void add_trials(struct reading *r, struct nl_imported *out)
{
    struct nl_grid *grid = &out->grid;
    int64_t *seed = nl_alloc((size_t)r->runs + 1, sizeof *seed);
    number_runs(r, seed);
    grid->import = out->experiment.import;
    grid->key = nl_alloc((size_t)r->axes + 1, sizeof *grid->key);
    for (int a = 0; a < r->axes; a++)
        grid->key[grid->keys++] = r->key[a];
    grid->key[grid->keys++] = nl_key_named("train.seed");
    grid->trial = nl_alloc((size_t)r->runs + 1, sizeof *grid->trial);
    out->record = nl_alloc((size_t)r->runs + 1, sizeof *out->record);
    grid->trials = grid->points = r->runs;
    for (int i = 0; i < r->runs; i++) {
        struct nl_trial *trial = &grid->trial[i];
        *trial = (struct nl_trial){
            .config = out->experiment.config, .points = 1, .text = nl_alloc((size_t)grid->keys, sizeof *trial->text)};
        for (int a = 0; a < r->axes; a++)
            trial->text[a] = nl_strdup(r->run[i].text[a]);
        trial->text[r->axes] = nl_format("%lld", (long long)seed[i]);
        out->record[i] = record_of(r, &r->run[i]);
    }
    free(seed);
}

/* ---- what is told ---- */

static void say_values(const struct reading *r, const struct nl_experiment *experiment, struct nl_text *out)
{
    enum { SHOWN = 8 };
    for (int a = 0; a < r->axes; a++) {
        const struct nl_axis *axis = &experiment->axis[a];
        nl_text_add(out, "  %s: '%s'%s, ", r->key[a]->name, r->foreign.name[r->axis[a]],
                    a == 0 && r->columns.method_of_run ? " without the number at its end" : "");
        for (int i = 0; i < axis->points && i < SHOWN; i++)
            nl_text_add(out, "%s%s", i ? ", " : "", axis->text[i][0]);
        if (axis->points > SHOWN)
            nl_text_add(out, " and %d more", axis->points - SHOWN);
        nl_text_add(out, "\n");
    }
}

static void say_found(const struct reading *r, struct nl_imported *out)
{
    struct nl_text *text = &out->found;
    const struct nl_columns *columns = &r->columns;
    int unused = 0, seed = column_at(r, NL_COLUMN_SEED);
    say_values(r, &out->experiment, text);
    nl_text_add(text, "  train.seed: %s%s%s\n", seed >= 0 ? "'" : "",
                seed >= 0     ? r->foreign.name[seed]
                : r->numbered ? "none; runs are numbered, and compared without pairs (Welch)"
                              : "the number at the end of a run's name",
                seed >= 0 ? "'" : "");
    if (has_steps(r))
        nl_text_add(
            text, "  steps: '%s'\n",
            r->foreign.name[column_at(r, column_at(r, NL_COLUMN_STEP) >= 0 ? NL_COLUMN_STEP : NL_COLUMN_EPOCH)]);
    for (int i = 0; i < r->foreign.columns; i++) {
        const struct nl_column_use *use = &columns->use[i];
        if (use->role == NL_COLUMN_METRIC)
            nl_text_add(text, "  %s: '%s'%s\n", use->metric, r->foreign.name[i],
                        use->percent                                                        ? ", in percent"
                        : use->reading == NL_READ_ACCURACY || use->reading == NL_READ_ERROR ? ", shares from 0 to 1"
                        : use->reading == NL_READ_PERPLEXITY ? ", kept as its logarithm, the loss"
                                                             : "");
    }
    for (int i = 0; i < r->foreign.columns; i++)
        if (columns->use[i].role == NL_COLUMN_LEFT_OUT && columns->use[i].varies)
            nl_text_add(text, "%s'%s'", unused++ ? ", " : "  left out: ", r->foreign.name[i]);
    nl_text_add(text, unused ? " (import.axes makes axes of columns)\n" : "");
}

static void say_notes(const struct reading *r, struct nl_imported *out)
{
    int running = 0, failed = 0;
    if (r->columns.notes.length)
        nl_text_add(&out->notes, "%s", r->columns.notes.at);
    for (int i = 0; i < out->grid.trials; i++) {
        running += !out->record[i].present;
        failed += out->record[i].present && out->record[i].failed;
    }
    if (running)
        nl_text_add(&out->notes, "%s %s not ended, and %s left out\n", NL_COUNT(running, "run"),
                    nl_agree(running, "has", "have"), nl_agree(running, "is", "are"));
    if (failed)
        nl_text_add(&out->notes, "%s ended with an error: comparisons with them wait for runs in their place\n",
                    NL_COUNT(failed, "run"));
    bool of_val = !has_metric(r, "test", false) && !has_metric(r, "test", true);
    if (!r->import->classes || !(of_val ? r->import->val_samples : r->import->test_samples))
        nl_text_add(&out->notes,
                    "import.classes and import.%s_samples are not given: what guessing gives, and what another %s part "
                    "could change, are not known\n",
                    of_val ? "val" : "test", of_val ? "validation" : "test");
}

/* ---- all of it ---- */

static int read_runs(struct reading *r, struct nl_error *err)
{
    if (nl_foreign_read(r->import, &r->foreign, err))
        return NL_BAD;
    if (nl_columns_find(&r->foreign, r->import, &r->columns, err) || list_axes(r, err))
        return NL_BAD;
    return sort_rows(r, err);
}

static void release_reading(struct reading *r)
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

int nl_import(const struct nl_experiment *experiment, struct nl_imported *out, struct nl_diagnostics *diagnostics,
              struct nl_error *err)
{
    struct reading r = {.import = experiment->import};
    *out = (struct nl_imported){.experiment = *experiment};
    int status = read_runs(&r, err);
    if (status == NL_OK) {
        add_axes(&r, &out->experiment);
        add_checksums(&r, &out->experiment);
        choose_metric(&r, &out->experiment);
        choose_picture(&r, &out->experiment);
        status = nl_import_settle(&out->experiment, diagnostics);
    }
    if (status == NL_OK) {
        add_trials(&r, out);
        say_found(&r, out);
        say_notes(&r, out);
    }
    release_reading(&r);
    return status;
}

void nl_imported_release(struct nl_imported *imported)
{
    nl_records_release(imported->record, imported->grid.trials);
    nl_grid_release(&imported->grid);
    nl_text_release(&imported->found);
    nl_text_release(&imported->notes);
    *imported = (struct nl_imported){0};
}

int nl_imported_write(const struct nl_imported *imported, const char *folder, const char *command, struct nl_error *err)
{
    struct nl_store store;
    struct nl_datasets none = {0};
    struct nl_begun begun;
    if (nl_make_folders(folder, err) || nl_store_lock(&store, folder, err))
        return NL_FAIL;
    nl_store_begun(folder, &imported->experiment, &begun);
    int status = nl_store_freeze(&store, &imported->experiment, &none, command, &begun, err);
    if (status == NL_OK)
        status = nl_store_write_tables(&store, &imported->experiment, &imported->grid, imported->record, err);
    nl_text_release(&begun.earlier);
    nl_store_close(&store);
    return status;
}
