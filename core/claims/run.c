/* Plans the trials of a claim and of its controls, runs those that are missing, and judges its parts. */
#include "claims/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "import/import.h"
#include "sweep/comparable.h"

/* One sweep of a claim: its own, a control's, or an objection's. */
struct job {
    char *folder;
    struct nl_settings overrides;
    const struct nl_replacement *replacement; /* of the value of the hinge; NULL: none */
    struct nl_experiment experiment;
    struct nl_grid grid;
    struct nl_results results;
    struct nl_curves curves, metrics;
    bool loaded;
    char *absent; /* why the data cannot be opened here */
    char *other;  /* in what the results that are there are of another protocol */
    int planned, missing;
    int unended; /* imported runs that have not ended, and are no trials */
};

static void job_release(struct job *job)
{
    for (int i = 0; i < job->overrides.count; i++)
        free((char *)job->overrides.at[i]);
    free((void *)job->overrides.at);
    free(job->folder);
    free(job->absent);
    free(job->other);
    nl_grid_release(&job->grid);
    if (job->loaded)
        nl_results_release(&job->results);
    nl_curves_release(&job->curves);
    nl_curves_release(&job->metrics);
}

static void add_override(struct job *job, char *text)
{
    job->overrides.at =
        nl_realloc((void *)job->overrides.at, (size_t)job->overrides.count + 1, sizeof *job->overrides.at);
    job->overrides.at[job->overrides.count++] = text;
}

static void add_settings(struct job *job, const struct nl_settings *settings)
{
    for (int i = 0; i < settings->count; i++)
        add_override(job, nl_strdup(settings->at[i]));
}

static bool needs_runs(const struct nl_published *published)
{
    int sides = 0;
    for (int i = 0; i < published->parts; i++)
        sides += published->part[i].sides;
    return sides > 0;
}

static bool needs_curves(const struct nl_published *published)
{
    bool needs = false;
    for (int i = 0; i < published->parts; i++)
        needs |= !isnan(published->part[i].reading.target);
    return needs;
}

static bool needs_metrics(const struct nl_published *published)
{
    bool needs = false;
    for (int i = 0; i < published->parts; i++)
        needs |= published->part[i].reading.tensor != NULL;
    return needs;
}

/* ---- one sweep ---- */

static int train(struct job *job, const struct nl_claim_options *options, enum nl_stop *stop, struct nl_error *err)
{
    struct nl_datasets datasets = {0};
    struct nl_sweep_result result;
    const struct nl_sweep_options how = {.folder = job->folder, .command = options->command, .runner = options->runner};
    if (nl_grid_identify(&job->grid, &datasets, err)) {
        job->absent =
            nl_format("The data set %s cannot be opened here", nl_data_names[job->experiment.config.data.name]);
        nl_runner_note(&options->runner, true, nl_strdup(err->text));
        nl_datasets_release(&datasets);
        return NL_OK;
    }
    int status = nl_sweep(&job->experiment, &job->grid, &datasets, &how, &result, err);
    if (status && result.hidden.may_replace)
        nl_fail(err,
                "'%s' holds results of another protocol of the claim: give it another --out, or move the folder away",
                job->folder);
    if (status && !result.started)
        status = NL_BAD; /* nothing was run */
    *stop = status ? NL_NOT_STOPPED : result.stop;
    nl_sweep_result_release(&result);
    nl_datasets_release(&datasets);
    return status;
}

/* Whether results that were made some time ago are of this protocol. */
static void compare_protocol(struct job *job)
{
    struct nl_experiment stored;
    struct nl_provenance made;
    struct nl_error err;
    struct nl_text differences = {0};
    if (nl_store_read(job->folder, &stored, &made, &err) == NL_OK)
        nl_compare_experiments(&stored, "the results", &job->experiment, "the claim", &differences);
    if (differences.length > 0)
        job->other = nl_format("%.*s", (int)strcspn(differences.at, "\n"), differences.at);
    nl_text_release(&differences);
}

static int load(struct job *job, struct nl_error *err)
{
    char *trials = nl_path_join(job->folder, "trials.csv");
    struct nl_planned planned = nl_grid_planned(&job->grid);
    int status = NL_OK;
    job->planned = job->missing = job->grid.trials;
    if (nl_file_exists(trials)) {
        struct nl_csv csv;
        status = nl_csv_read(trials, &csv, err);
        if (status == NL_OK && csv.rows == 0)
            nl_csv_release(&csv);
        else if (status == NL_OK && nl_results_of(&csv, &job->experiment, job->experiment.import ? NULL : &planned,
                                                  &job->results, err) == NL_OK) {
            job->loaded = true;
            job->missing = job->results.missing;
        } else {
            status = NL_FAIL;
        }
        if (status == NL_OK && job->loaded && needs_curves(job->experiment.published))
            status = nl_curves_load(&job->results, "curves.csv", &job->curves, err);
        if (status == NL_OK && job->loaded && needs_metrics(job->experiment.published))
            status = nl_curves_load(&job->results, "metrics.csv", &job->metrics, err);
    }
    nl_planned_release(&planned);
    free(trials);
    return status;
}

/* Runs of another program, which are read anew wherever they are judged; options->train: and written. */
static int import(struct job *job, const struct nl_claim_options *options, struct nl_diagnostics *diagnostics,
                  struct nl_error *err)
{
    struct nl_imported imported;
    int status = nl_import(&job->experiment, &imported, diagnostics, err);
    if (status == NL_OK && options->train)
        status = nl_imported_write(&imported, job->folder, options->command, err);
    if (status == NL_OK) {
        job->experiment = imported.experiment;
        job->grid = imported.grid;
        for (int i = 0; i < job->grid.trials; i++)
            job->unended += !imported.record[i].present;
        nl_records_release(imported.record, job->grid.trials);
        imported.record = NULL;
        imported.grid = (struct nl_grid){0};
    }
    nl_imported_release(&imported);
    return status;
}

/* The sweep of the file with the job's overrides. claim: its cells must be there. */
static int do_job(struct job *job, const char *path, bool claim, const struct nl_claim_options *options,
                  enum nl_stop *stop, struct nl_diagnostics *diagnostics, struct nl_error *err)
{
    if (nl_experiment_load_replacing(path, job->replacement, job->overrides.at, job->overrides.count, &job->experiment,
                                     diagnostics))
        return NL_FAIL;
    bool elsewhere = job->experiment.import != NULL;
    int status =
        elsewhere ? import(job, options, diagnostics, err) : nl_grid_make(&job->experiment, &job->grid, diagnostics);
    if (status == NL_OK && claim)
        status = nl_cells_check(&job->experiment, &job->grid, diagnostics);
    if (status == NL_OK && options->train && !elsewhere)
        status = train(job, options, stop, err);
    if (status)
        return status;
    if (!options->train)
        compare_protocol(job);
    return job->absent || job->other ? NL_OK : load(job, err);
}

static struct nl_evidence evidence_of(const struct job *job)
{
    return (struct nl_evidence){.experiment = &job->experiment,
                                .results = job->loaded ? &job->results : NULL,
                                .curves = job->curves.trials ? &job->curves : NULL,
                                .metrics = job->metrics.trials ? &job->metrics : NULL};
}

/* ---- controls ---- */

/* The values of the key in these cells: how many, each once. */
static int values_in(const struct nl_match *cell, int cells, const struct nl_key *key, const char *out[NL_SIDES])
{
    int count = 0;
    for (int c = 0; c < cells; c++)
        for (int k = 0; k < cell[c].keys; k++) {
            bool seen = cell[c].key[k] != key;
            for (int i = 0; i < count && !seen; i++)
                seen = strcmp(out[i], cell[c].values[k].at[0]) == 0;
            if (!seen)
                out[count++] = cell[c].values[k].at[0];
        }
    return count;
}

/* Leaves of the axis of each key of these cells their values alone; of keys that advance together, all. */
static void restrict_to(struct job *job, const struct nl_experiment *experiment, const struct nl_match *cell, int cells)
{
    for (int a = 0; a < experiment->axes; a++) {
        const struct nl_axis *axis = &experiment->axis[a];
        const char *value[NL_SIDES];
        int values = axis->keys == 1 ? values_in(cell, cells, axis->key[0], value) : 0;
        struct nl_text text = {0};
        for (int i = 0; i < values; i++)
            nl_text_add(&text, i ? ",%s" : "%s=%s", i ? value[i] : axis->key[0]->name, value[i]);
        if (text.at)
            add_override(job, text.at);
    }
}

/* The handicap that the claim declares, or a tenth of the training. */
static void add_handicap(struct job *job, const struct nl_experiment *experiment)
{
    const struct nl_settings *handicap = &experiment->published->handicap;
    const struct nl_config *config = &experiment->config;
    const char *length = nl_length_key(config);
    char *whole = nl_key_text(nl_key_named(length), config);
    double tenth = floor(nl_double_read(whole, NULL) / 10.0);
    if (handicap->count)
        add_settings(job, handicap);
    else
        add_override(job, nl_format("%s=%.0f", length, tenth < 1.0 ? 1.0 : tenth));
    free(whole);
}

static void set_control(struct job *job, const struct nl_experiment *experiment, const struct nl_published_part *part)
{
    if (part->kind == NL_IDENTITY) {
        restrict_to(job, experiment, &part->cell[1], 1);
        add_settings(job, &experiment->published->control);
        return;
    }
    if (nl_part_has_handicap(part)) {
        restrict_to(job, experiment, &part->cell[1], 1);
        add_handicap(job, experiment);
        return;
    }
    restrict_to(job, experiment, part->cell, part->kind == NL_INTERACTION ? 2 : 1);
    add_override(job, nl_format("train.seed=%lld", (long long)experiment->config.train.seed + experiment->seeds));
}

/* ---- a claim ---- */

/* The claim's own sweep, and those beside it: of the controls, one for each part, and then, where it is asked, of each
 * other value of the hinge. */
struct work {
    const char *path;
    const struct nl_claim_options *options;
    struct nl_settings quick;
    struct job main, *beside;
    struct nl_replacement *replacement; /* [hinges] */
    int controls, hinges;
    enum nl_stop stop;
};

static void work_release(struct work *work)
{
    for (int i = 0; i < work->controls + work->hinges; i++)
        job_release(&work->beside[i]);
    free(work->beside);
    free(work->replacement);
    job_release(&work->main);
}

static bool may_go_on(const struct work *work)
{
    return !work->main.absent && !work->main.other && work->stop == NL_NOT_STOPPED;
}

/* The seeds after those of the claim's own sweep and of its controls. */
static int64_t hinge_seed(const struct nl_experiment *experiment)
{
    return experiment->config.train.seed + 2 * (int64_t)experiment->seeds;
}

/* The claim's sweep at the other values of its hinge. */
static int do_hinge(struct work *work, const char *name, struct nl_diagnostics *diagnostics, struct nl_error *err)
{
    const struct nl_experiment *experiment = &work->main.experiment;
    const struct nl_objection *objection = experiment->published->hinge;
    const struct nl_hinge *hinge = &objection->hinge;
    int status = NL_OK;
    work->replacement = nl_alloc((size_t)work->hinges, sizeof *work->replacement);
    for (int v = 0; v < work->hinges && may_go_on(work) && status == NL_OK; v++) {
        struct job *job = &work->beside[work->controls + v];
        work->replacement[v] = (struct nl_replacement){hinge->key.count, (const char *const *)hinge->key.at,
                                                       hinge->here, hinge->values.at[v]};
        job->replacement = &work->replacement[v];
        job->folder = nl_format("%s/%s.hinge_%d", work->options->folder, name, v + 1);
        add_settings(job, &work->quick);
        add_settings(job, &objection->set);
        add_override(job, nl_format("train.seed=%lld", (long long)hinge_seed(experiment)));
        status = do_job(job, work->path, true, work->options, &work->stop, diagnostics, err);
    }
    return status;
}

/* The claim's own sweep. extra: further overrides; suffix: of the folder. */
static int do_main(struct work *work, const char *name, const char *suffix, const struct nl_settings *extra,
                   struct nl_diagnostics *diagnostics, struct nl_error *err)
{
    work->main.folder = nl_format("%s/%s%s", work->options->folder, name, suffix);
    add_settings(&work->main, &work->quick);
    add_settings(&work->main, extra);
    return do_job(&work->main, work->path, true, work->options, &work->stop, diagnostics, err);
}

/* After it, the sweeps beside it, but for imported runs, beside which nothing can be trained. hinges: other values of
 * the hinge that are asked. */
static int do_beside(struct work *work, const char *name, int hinges, struct nl_diagnostics *diagnostics,
                     struct nl_error *err)
{
    const struct nl_published *published = work->main.experiment.published;
    int status = NL_OK;
    if (work->main.experiment.import)
        return NL_OK;
    work->controls = published->parts;
    work->hinges = hinges;
    work->beside = nl_alloc((size_t)(work->controls + work->hinges), sizeof *work->beside);
    for (int i = 0; i < work->controls && may_go_on(work) && status == NL_OK; i++) {
        struct job *job = &work->beside[i];
        if (!nl_part_needs_control(published, i))
            continue;
        job->folder = nl_format("%s/%s.control_%d", work->options->folder, name, i + 1);
        add_settings(job, &work->quick);
        set_control(job, &work->main.experiment, &published->part[i]);
        status = do_job(job, work->path, false, work->options, &work->stop, diagnostics, err);
    }
    return status == NL_OK && hinges ? do_hinge(work, name, diagnostics, err) : status;
}

static int missing_trials(const struct work *work, int *planned)
{
    int missing = work->main.missing;
    *planned = work->main.planned;
    for (int i = 0; i < work->controls + work->hinges; i++) {
        missing += work->beside[i].missing;
        *planned += work->beside[i].planned;
    }
    return missing;
}

/* What forbids a verdict; false: nothing does. */
static bool refuse_verdict(const struct work *work, struct nl_outcome *out)
{
    int planned, missing = missing_trials(work, &planned);
    const char *other = work->main.other;
    for (int i = 0; i < work->controls + work->hinges && !other; i++)
        other = work->beside[i].other;
    if (work->main.absent) {
        out->verdict = NL_NOT_TESTABLE;
        nl_text_add(&out->reason, "%s.", work->main.absent);
    } else if (other) {
        out->verdict = NL_INCOMPLETE;
        nl_text_add(&out->reason, "The results are of another protocol (%s) and are not judged.", other);
    } else if (missing > 0) {
        out->verdict = NL_INCOMPLETE;
        nl_text_add(&out->reason, "%s missing: %d of %d. normlab claims run %s them.",
                    work->main.experiment.import ? "Runs" : "Trials", missing, planned,
                    work->main.experiment.import ? "reads" : "trains");
    }
    return out->reason.length > 0;
}

static int judge_work(const struct work *work, struct nl_outcome *out, struct nl_error *err)
{
    const struct nl_experiment *experiment = &work->main.experiment;
    struct nl_evidence *beside = nl_alloc((size_t)(work->controls + work->hinges) + 1, sizeof *beside);
    for (int i = 0; i < work->controls + work->hinges; i++)
        beside[i] = evidence_of(&work->beside[i]);
    const struct nl_claim_evidence evidence = {.main = evidence_of(&work->main),
                                               .control = work->controls ? beside : NULL,
                                               .hinge = work->hinges ? beside + work->controls : NULL};
    int status = nl_outcome_judge(experiment->published, &evidence, experiment->config.plot.level,
                                  experiment->config.plot.test == NL_TEST_SIGN_FLIP, out, err);
    free(beside);
    return status;
}

/* Whether what is claimed now is what was declared when the folder was begun. */
static enum nl_declared declared(const struct job *job)
{
    struct nl_experiment stored;
    struct nl_provenance made;
    struct nl_error err;
    char hash[NL_HASH_HEX];
    if (!job->loaded || nl_store_read(job->folder, &stored, &made, &err))
        return NL_NOTHING_RUN;
    const char *then = nl_provenance_get(&made, "claim_sha256");
    nl_published_hash(&job->experiment, hash);
    return !*then ? NL_NOT_DECLARED : strcmp(then, hash) == 0 ? NL_DECLARED : NL_DECLARED_OTHERWISE;
}

/* An opposite effect that was tried against nothing is no contradiction; an identity needs no trial. */
static void leave_untried(struct nl_outcome *out)
{
    bool exact = false, tried = out->hinged;
    for (int i = 0; i < out->parts; i++)
        exact |= out->part[i].over_hinge == NL_PART_OPPOSITE && out->part[i].part->kind == NL_IDENTITY;
    for (int i = 0; i < out->published->objections; i++)
        tried |= out->published->tried[i].hinge.key.count == 0;
    if (out->verdict != NL_CONTRADICTED || exact || tried)
        return;
    out->verdict = NL_NOT_FOUND_HERE;
    nl_text_add(&out->reason, " The opposite is found, but nothing is there to try it against, so it is not called "
                              "contradicted.");
}

/* What the paper would object to is tried; where it changes the outcome, the claim is open. */
static int try_objections(struct work *work, struct nl_outcome *out, struct nl_diagnostics *diagnostics,
                          struct nl_error *err)
{
    const struct nl_published *published = out->published;
    out->tried = nl_alloc((size_t)published->objections, sizeof *out->tried);
    if (work->main.experiment.import)
        return NL_OK;
    for (int i = 0; i < published->objections; i++) {
        if (published->tried[i].hinge.key.count)
            continue; /* it was judged with the parts */
        struct work other = {.path = work->path, .options = work->options, .quick = work->quick};
        struct nl_outcome outcome = {0};
        char *suffix = nl_format(".objection_%d", i + 1);
        int status = do_main(&other, out->name, suffix, &published->tried[i].set, diagnostics, err);
        if (status == NL_OK && !refuse_verdict(&other, &outcome))
            status = judge_work(&other, &outcome, err);
        out->tried[out->tries++] = (struct nl_tried){published->tried[i].says, outcome.verdict};
        if (status == NL_OK && outcome.verdict == NL_INCOMPLETE) {
            out->verdict = NL_INCOMPLETE;
            nl_text_add(&out->reason, " Under an objection: %s", outcome.reason.at);
        } else if (status == NL_OK && outcome.verdict != NL_CONTRADICTED && outcome.verdict != out->verdict) {
            out->verdict = outcome.verdict == NL_NOT_FOUND_HERE ? NL_NOT_FOUND_HERE : NL_UNDECIDED;
            nl_text_add(&out->reason, " But under the objection (%s) it is %s.", published->tried[i].says,
                        nl_outcome_verdict_names[outcome.verdict]);
        }
        nl_outcome_release(&outcome);
        work_release(&other);
        free(suffix);
        if (status)
            return NL_FAIL;
    }
    return NL_OK;
}

static int judge_runs(struct work *work, struct nl_outcome *out, struct nl_diagnostics *diagnostics,
                      struct nl_error *err)
{
    static const struct nl_settings nothing = {0};
    int hinges = out->published->hinge && !out->quick ? out->published->hinge->hinge.values.count : 0, status = NL_OK;
    if (needs_runs(out->published))
        status = do_main(work, out->name, "", &nothing, diagnostics, err);
    if (status == NL_OK && needs_runs(out->published))
        status = do_beside(work, out->name, hinges, diagnostics, err);
    if (status)
        return status;
    out->hinge_seed = hinge_seed(&work->main.experiment);
    out->hinge_seeds = work->hinges ? work->beside[work->controls].experiment.seeds : 0;
    out->planned = work->main.planned;
    out->missing = work->main.missing;
    if (work->main.loaded)
        out->failures = nl_results_failures(&work->main.results);
    out->declared = declared(&work->main);
    if (refuse_verdict(work, out))
        return NL_OK;
    if (judge_work(work, out, err))
        return NL_FAIL;
    if (work->main.experiment.import)
        nl_text_add(&out->reason,
                    " Another program trained the runs%s: no control and no objection could be trained "
                    "beside them.",
                    work->main.unended ? ", of which those that have not ended are left out" : "");
    if (out->verdict != NL_CONTRADICTED && out->verdict != NL_NOT_FOUND_HERE)
        return NL_OK;
    leave_untried(out);
    return try_objections(work, out, diagnostics, err);
}

int nl_claim_run(const char *path, const struct nl_claim_options *options, struct nl_outcome *out,
                 struct nl_diagnostics *diagnostics, struct nl_error *err)
{
    struct work work = {.path = path, .options = options};
    struct nl_experiment experiment;
    *out = (struct nl_outcome){.declared = NL_NOTHING_RUN};
    if (nl_experiment_load(path, NULL, 0, &experiment, diagnostics))
        return NL_FAIL;
    if (!experiment.published)
        return nl_fail(err, "'%s' is not a claim: it has no section 'claim'", path);
    out->name = nl_strdup(experiment.name);
    out->published = experiment.published;
    out->level = experiment.config.plot.level;
    out->quick = options->quick && experiment.published->has_quick;
    if (out->quick)
        work.quick = experiment.published->quick;
    work.main.experiment = experiment;
    int status = NL_OK;
    if (experiment.published->waiting_for) {
        out->verdict = NL_WAITING;
        nl_text_add(&out->reason, "It waits for %s.", experiment.published->waiting_for);
    } else {
        status = judge_runs(&work, out, diagnostics, err);
    }
    work_release(&work);
    if (status)
        nl_outcome_release(out);
    return status;
}
