/* Makes trials of the runs of another program, and an experiment that they are the grid of. */
#include "import/import.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/files.h"
#include "config/keep.h"
#include "config/own_keys.h"
#include "config/value.h"
#include "import/names.h"
#include "import/runs.h"
#include "sweep/store.h"

/* ---- trials ---- */

static double number_in(const struct nl_foreign_runs *r, int row, enum nl_column_role role)
{
    const double most = 1e15; /* beyond it a step is no count */
    double value;
    return nl_number_read(nl_runs_field(r, row, role), &value) && fabs(value) <= most ? value : NAN;
}

static enum nl_part part_named(const char *name)
{
    int part = 0;
    while (strcmp(nl_part_names[part], name) != 0)
        part++;
    return (enum nl_part)part;
}

/* What is known of a part: NaN where nothing is; and whether what was said last is no number. */
enum { LOSS, ACCURACY, IN_CURVES, TOP5_ERROR = IN_CURVES, ECE, KNOWN };
struct known {
    double value[KNOWN];
    bool bad[KNOWN];
};

static const struct known nothing = {.value = {NAN, NAN, NAN, NAN}};

static int which_of(enum nl_curve_reading reading)
{
    switch (reading) {
    case NL_READ_LOSS:
    case NL_READ_PERPLEXITY:
    case NL_READ_BITS: return LOSS;
    case NL_READ_ACCURACY:
    case NL_READ_ERROR: return ACCURACY;
    case NL_READ_TOP5_ACCURACY:
    case NL_READ_TOP5_ERROR: return TOP5_ERROR;
    case NL_READ_ECE: return ECE;
    }
    NL_BUG("reading %d", reading);
}

/* What a row says takes the place of what was known before. */
static void learn(struct known *known, const struct known *said)
{
    for (int i = 0; i < KNOWN; i++)
        if (!isnan(said->value[i]) || said->bad[i]) {
            known->value[i] = said->value[i];
            known->bad[i] = said->bad[i];
        }
}

/* Whether loss or accuracy is no number: the training diverged. */
static bool is_bad(const struct known *known)
{
    return known->bad[LOSS] || known->bad[ACCURACY];
}

/* Whether there is a point of a curve in it. */
static bool says_something(const struct known *known)
{
    return !isnan(known->value[LOSS]) || !isnan(known->value[ACCURACY]) || is_bad(known);
}

/* out[NL_PARTS]: what the row says. */
static void read_scores(const struct nl_foreign_runs *r, int row, struct known *out)
{
    for (int part = 0; part < NL_PARTS; part++)
        out[part] = nothing;
    for (int column = 0; column < r->foreign.columns; column++) {
        const struct nl_column_use *use = &r->columns.use[column];
        if (use->role != NL_COLUMN_METRIC)
            continue;
        int which = which_of(use->reading);
        struct known *of = &out[part_named(use->part)], said = nothing;
        said.value[which] = nl_column_number(&r->foreign, &r->columns, row, column, &said.bad[which]);
        learn(of, &said);
    }
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcasecmp(text, *words) == 0)
            return true;
    return false;
}

/* How the run ended, as its last row says. NL_OUTCOMES: it has not. */
static int outcome_of(const struct nl_foreign_runs *r, const struct nl_foreign_run *run, bool bad)
{
    const char *status = nl_runs_field(r, run->row[run->rows - 1], NL_COLUMN_STATUS);
    if (is_one_of(status, (const char *const[]){"running", "pending", "queued", "preempting", NULL}))
        return NL_OUTCOMES;
    if (is_one_of(status, (const char *const[]){"crashed", "failed", "killed", "error", "preempted", NULL}))
        return NL_ERROR;
    if (bad || is_one_of(status, (const char *const[]){"diverged", "nan", NULL}))
        return NL_DIVERGED;
    return is_one_of(status, (const char *const[]){"dead", "at chance", NULL}) ? NL_DEAD : NL_DONE;
}

/* What is said of a part at a step, in one row of the curve whatever number of rows says it. They come in the order of
 * their steps. */
static void add_point(struct nl_trial_result *result, const struct nl_curve_row *row)
{
    for (int i = result->rows - 1; i >= 0 && result->row[i].step == row->step; i--)
        if (result->row[i].part == row->part) {
            struct nl_curve_row *there = &result->row[i];
            there->loss = isnan(row->loss) ? there->loss : row->loss;
            there->accuracy = isnan(row->accuracy) ? there->accuracy : row->accuracy;
            return;
        }
    NL_GROW(result->row, result->rows, result->capacity);
    result->row[result->rows++] = *row;
}

static int by_step(const void *left, const void *right)
{
    const struct nl_curve_row *a = left, *b = right;
    return a->step != b->step ? (a->step > b->step) - (a->step < b->step) : (int)a->part - (int)b->part;
}

/* The rows of a run in the order of their steps; without steps, as they stand. */
static void sort_steps(const struct nl_foreign_runs *r, struct nl_foreign_run *run)
{
    enum nl_column_role role = nl_runs_column(r, NL_COLUMN_STEP) >= 0 ? NL_COLUMN_STEP : NL_COLUMN_EPOCH;
    for (int i = 1; i < run->rows && nl_runs_have_steps(r); i++) {
        int row = run->row[i], at = i;
        for (; at > 0 && number_in(r, run->row[at - 1], role) > number_in(r, row, role); at--)
            run->row[at] = run->row[at - 1];
        run->row[at] = row;
    }
}

static struct nl_record record_of(const struct nl_foreign_runs *r, struct nl_foreign_run *run)
{
    struct nl_trial_result result = {
        .failed_step = -1, .steps = -1, .samples = -1, .parameters = -1, .epochs = NAN, .seconds = NAN};
    struct known last[NL_PARTS] = {nothing, nothing, nothing}, said[NL_PARTS];
    sort_steps(r, run);
    for (int i = 0; i < run->rows; i++) {
        double epoch = number_in(r, run->row[i], NL_COLUMN_EPOCH), step = number_in(r, run->row[i], NL_COLUMN_STEP);
        step = isnan(step) ? epoch : step;
        result.epochs = isnan(epoch) ? result.epochs : epoch;
        result.steps = nl_runs_column(r, NL_COLUMN_STEP) >= 0 && !isnan(step) ? (int64_t)step : result.steps;
        read_scores(r, run->row[i], said);
        for (int part = 0; part < NL_PARTS; part++) {
            learn(&last[part], &said[part]);
            if (is_bad(&said[part]) && !isnan(step) && result.failed_step < 0)
                result.failed_step = (int64_t)step;
            if (says_something(&said[part]) && !isnan(step))
                add_point(&result, &(struct nl_curve_row){.step = (int64_t)step,
                                                          .epoch = epoch,
                                                          .part = (enum nl_part)part,
                                                          .eval = NL_EVAL_RUNNING,
                                                          .lr = NAN,
                                                          .loss = said[part].value[LOSS],
                                                          .accuracy = said[part].value[ACCURACY]});
        }
    }
    bool bad = false;
    for (int part = 0; part < NL_PARTS; part++)
        bad |= is_bad(&last[part]);
    if (result.rows)
        qsort(result.row, (size_t)result.rows, sizeof *result.row, by_step);
    int outcome = outcome_of(r, run, bad);
    bool ended = outcome == NL_DONE || outcome == NL_DEAD;
    for (int part = 0; part < NL_PARTS; part++)
        for (int eval = 0; eval < NL_EVALS; eval++)
            result.score[part][eval] = ended && eval == NL_EVAL_RUNNING
                                           ? (struct nl_score){last[part].value[LOSS], last[part].value[ACCURACY]}
                                           : (struct nl_score){NAN, NAN};
    const double *test = (ended ? &last[NL_PART_TEST] : &nothing)->value;
    result.calibration = (struct nl_calibration){.top5_error = test[TOP5_ERROR], .ece = test[ECE]};
    result.status = outcome == NL_ERROR || outcome == NL_OUTCOMES ? NL_DONE : (enum nl_status)outcome;
    result.failed_step = outcome == NL_DIVERGED ? result.failed_step : -1;
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
static void add_axes(const struct nl_foreign_runs *r, struct nl_experiment *out)
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
            seeds += nl_same_cell(r, &r->run[i], &r->run[k]);
        out->seeds = seeds > out->seeds ? seeds : out->seeds;
    }
}

/* Whether there is a loss, or an accuracy, of the part. */
static bool has_metric(const struct nl_foreign_runs *r, const char *part, bool of_loss)
{
    for (int i = 0; i < r->foreign.columns; i++) {
        const struct nl_column_use *use = &r->columns.use[i];
        if (use->role == NL_COLUMN_METRIC && strcmp(use->part, part) == 0 &&
            which_of(use->reading) == (of_loss ? LOSS : ACCURACY))
            return true;
    }
    return false;
}

/* plot.metric, where nobody chose it: the first of these that was measured. */
static void choose_metric(const struct nl_foreign_runs *r, struct nl_experiment *out)
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
static void choose_picture(const struct nl_foreign_runs *r, struct nl_experiment *out)
{
    if (nl_origin_of(out, "plot.kind").kind != NL_FROM_DEFAULT || nl_runs_have_steps(r) || r->axes == 0)
        return;
    out->config.plot.kind = (struct nl_int_list){.count = 1, .at = {NL_PLOT_FIGURE}};
    bool number = false;
    for (int a = 0; a < r->axes; a++)
        number |= nl_key_is_number(r->key[a]);
    if (!number && nl_origin_of(out, "plot.x").kind == NL_FROM_DEFAULT)
        out->config.plot.x = (char *)(uintptr_t)nl_keep_text(r->key[0]->name);
}

static void add_checksums(const struct nl_foreign_runs *r, struct nl_experiment *out)
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

static void add_trials(struct nl_foreign_runs *r, struct nl_imported *out)
{
    struct nl_grid *grid = &out->grid;
    int64_t *seed = nl_alloc((size_t)r->runs + 1, sizeof *seed);
    nl_runs_number(r, seed);
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
        for (int a = 0; a < r->axes; a++) {
            trial->text[a] = nl_strdup(r->run[i].text[a]);
            nl_key_set(r->key[a], &trial->config, trial->text[a], NULL);
        }
        trial->config.train.seed = seed[i];
        trial->text[r->axes] = nl_format("%lld", (long long)seed[i]);
        out->record[i] = record_of(r, &r->run[i]);
    }
    free(seed);
}

/* ---- what is told ---- */

static void say_values(const struct nl_foreign_runs *r, const struct nl_experiment *experiment, struct nl_text *out)
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

static void say_found(const struct nl_foreign_runs *r, struct nl_imported *out)
{
    struct nl_text *text = &out->found;
    const struct nl_columns *columns = &r->columns;
    int unused = 0, seed = nl_runs_column(r, NL_COLUMN_SEED);
    say_values(r, &out->experiment, text);
    nl_text_add(text, "  train.seed: %s%s%s\n", seed >= 0 ? "'" : "",
                seed >= 0     ? r->foreign.name[seed]
                : r->numbered ? "none; runs are numbered, and compared without pairs (Welch)"
                              : "the number at the end of a run's name",
                seed >= 0 ? "'" : "");
    if (nl_runs_have_steps(r))
        nl_text_add(text, "  steps: '%s'\n",
                    r->foreign.name[nl_runs_column(r, nl_runs_column(r, NL_COLUMN_STEP) >= 0 ? NL_COLUMN_STEP
                                                                                             : NL_COLUMN_EPOCH)]);
    for (int i = 0; i < r->foreign.columns; i++) {
        const struct nl_column_use *use = &columns->use[i];
        if (use->role != NL_COLUMN_METRIC)
            continue;
        nl_text_add(text, "  %s: '%s'%s%s\n", use->metric, r->foreign.name[i],
                    use->percent                         ? ", in percent"
                    : nl_reads_share(use->reading)       ? ", shares from 0 to 1"
                    : use->reading == NL_READ_PERPLEXITY ? ", kept as its logarithm, the loss"
                                                         : "",
                    !nl_keeps_reading(use->reading, use->part)
                        ? "; not kept, since results have it of the test part alone"
                    : use->reading == NL_READ_TOP5_ACCURACY ? ", kept as test_top5_error"
                                                            : "");
    }
    for (int i = 0; i < r->foreign.columns; i++)
        if (columns->use[i].role == NL_COLUMN_LEFT_OUT && nl_foreign_varies(&r->foreign, i))
            nl_text_add(text, "%s'%s'", unused++ ? ", " : "  left out: ", r->foreign.name[i]);
    nl_text_add(text, unused ? " (import.axes makes axes of columns)\n" : "");
}

static void say_notes(const struct nl_foreign_runs *r, struct nl_imported *out)
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

int nl_import(const struct nl_experiment *experiment, struct nl_imported *out, struct nl_diagnostics *diagnostics,
              struct nl_error *err)
{
    struct nl_foreign_runs r;
    *out = (struct nl_imported){.experiment = *experiment};
    int status = nl_runs_read(experiment->import, &r, err);
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
    nl_runs_release(&r);
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
