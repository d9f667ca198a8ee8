/* Runs what a results folder lacks of a grid, and says what it found there. */
#include "sweep/sweep.h"

#include <stdlib.h>

#include "base/memory.h"
#include "sweep/forecast.h"
#include "sweep/observed.h"
#include "sweep/reuse.h"

static void warn(const void *runner, const char *text)
{
    nl_runner_note(runner, true, nl_strdup(text));
}

/* What is not run, and what is run although it is there. */
static void tell_what_is_there(const struct nl_runner_options *runner, const struct nl_grid *grid,
                               const struct nl_record *record, const int *todo, int count, int present)
{
    int errors = 0, again = 0, lacking = 0;
    for (int i = 0; i < count; i++) {
        const struct nl_record *old = &record[todo[i]];
        errors += old->present && old->failed;
        bool lacks = nl_lacks_observed(&grid->trial[todo[i]], old);
        lacking += lacks;
        again += old->present && !old->failed && !lacks;
    }
    present -= errors + lacking + again;
    if (present && grid->trials == 1)
        nl_runner_note(runner, false, nl_strdup("the trial is done already"));
    else if (present)
        nl_runner_note(runner, false,
                       nl_format("%d of %s %s done already", present, NL_COUNT(grid->trials, "trial"),
                                 nl_agree(present, "is", "are")));
    if (errors)
        nl_runner_note(runner, false,
                       nl_format("%s could not be run last time and %s tried again", NL_COUNT(errors, "trial"),
                                 nl_agree(errors, "is", "are")));
    if (lacking)
        nl_runner_note(runner, false,
                       nl_format("%s %s what is to be observed and %s run again", NL_COUNT(lacking, "finished trial"),
                                 nl_agree(lacking, "lacks", "lack"), nl_agree(lacking, "is", "are")));
    if (again && grid->trials > 1)
        nl_runner_note(runner, false,
                       nl_format("%s %s run again", NL_COUNT(again, "trial"), nl_agree(again, "is", "are")));
}

static int check_room(const struct nl_store *store, const struct nl_grid *grid, const int *todo, int count,
                      const struct nl_runner_options *runner, struct nl_error *err)
{
    struct nl_forecast forecast;
    if (nl_forecast_sizes(grid, &forecast, err))
        return NL_FAIL;
    struct nl_cohorts cohorts = nl_cohorts_make(grid, todo, count, NULL, runner->cohort, runner->workers);
    int status = nl_forecast_check(&forecast, &cohorts, runner->workers, store->folder, err);
    nl_cohorts_release(&cohorts);
    nl_forecast_release(&forecast);
    return status;
}

/* What a call has left to do. */
struct work {
    const struct nl_store *store;
    const struct nl_grid *grid;
    struct nl_record *record; /* [grid->trials] */
    int *todo, count;         /* trials to run */
    int present;              /* that are there */
    int taken;                /* that other sweeps trained */
};

/* Takes those out of todo that the other folder has with a result: to the store they are copied, or else they stay
 * where they are. */
static int find_in(const char *folder, bool copy, const struct nl_choice *choice, struct work *work,
                   const struct nl_runner_options *runner, struct nl_error *err)
{
    const struct nl_store other = nl_store_at(folder);
    struct nl_store_listing listing;
    int left = 0, found_there = 0, status = nl_store_list(&other, &listing, err);
    for (int i = 0; i < work->count && status != NL_FAIL; i++) {
        int number = work->todo[i];
        const struct nl_trial *trial = &work->grid->trial[number];
        struct nl_record found = {0};
        if (!work->record[number].present)
            status = nl_store_load_listed(&other, &listing, trial, &found, err);
        bool has = status == NL_OK && !nl_is_wanted(trial, &found, choice);
        if (has && copy)
            status = nl_store_save(work->store, trial, &found, false, err);
        if (has && copy && status == NL_OK) {
            work->record[number] = found;
            found = (struct nl_record){0};
        }
        nl_record_release(&found);
        found_there += has;
        if (!has)
            work->todo[left++] = number;
    }
    nl_store_listing_release(&listing);
    if (status == NL_FAIL)
        return NL_FAIL;
    work->count = left;
    if (found_there)
        nl_runner_note(runner, false,
                       nl_format("%d of %s %s %s '%s'", found_there, NL_COUNT(work->grid->trials, "trial"),
                                 nl_agree(found_there, "is", "are"), copy ? "taken from" : "done already in", folder));
    work->present += copy ? found_there : 0;
    return copy && found_there ? nl_store_sync(work->store, err) : NL_OK;
}

static int find_beside(const struct nl_experiment *experiment, const struct nl_sweep_options *options,
                       struct work *work, struct nl_text *earlier, struct nl_error *err)
{
    struct nl_reuse reuse;
    if (!options->beside || !nl_may_reuse(experiment, &options->choice))
        return NL_OK;
    int status = nl_reuse(options->beside, work->grid, &options->choice, work->record, work->todo, &work->count,
                          work->store, &reuse, earlier, err);
    for (int i = 0; i < reuse.count && status == NL_OK; i++)
        nl_runner_note(&options->runner, false,
                       nl_format("%d of %s %s taken from '%s'", reuse.at[i].trials,
                                 NL_COUNT(work->grid->trials, "trial"), nl_agree(reuse.at[i].trials, "is", "are"),
                                 reuse.at[i].folder));
    work->taken = reuse.trials;
    work->present = -reuse.trials; /* one that could not be run was there, too */
    for (int i = 0; i < work->grid->trials; i++)
        work->present += work->record[i].present;
    nl_reuse_release(&reuse);
    return status;
}

static int find_elsewhere(const struct nl_experiment *experiment, const struct nl_sweep_options *options,
                          struct work *work, struct nl_text *earlier, struct nl_error *err)
{
    if (options->whole && nl_store_fits(options->whole, experiment) &&
        find_in(options->whole, false, &options->choice, work, &options->runner, err))
        return NL_FAIL;
    if (options->borrow && find_in(options->borrow, true, &options->choice, work, &options->runner, err))
        return NL_FAIL;
    return find_beside(experiment, options, work, earlier, err);
}

static int run_and_write(const struct nl_store *store, const struct nl_experiment *experiment,
                         const struct nl_grid *grid, const struct nl_datasets *datasets,
                         const struct nl_sweep_options *options, struct nl_sweep_result *result, struct nl_error *err)
{
    struct work work = {.store = store, .grid = grid};
    struct nl_begun begun;
    const struct nl_runner_options *runner = &options->runner;
    if (store->swept)
        nl_runner_note(
            runner, false,
            nl_format("removed %s of a program that was killed", NL_COUNT(store->swept, "half-written file")));
    if (store->local_lock)
        nl_runner_note(runner, true,
                       nl_format("'%s' is locked on this machine alone (%s): let no other machine work there meanwhile",
                                 store->folder, store->local_lock));
    result->record = work.record = nl_store_load_all(store, grid, warn, runner, &work.present, err);
    if (!result->record) {
        result->started = true; /* nothing to choose otherwise: the disk fails */
        return NL_FAIL;
    }
    result->trials = grid->trials;
    work.todo = nl_todo(grid, result->record, &options->choice, &work.count);
    nl_store_begun(store->folder, experiment, &begun);
    if (find_elsewhere(experiment, options, &work, &begun.earlier, err)) {
        nl_text_release(&begun.earlier);
        free(work.todo);
        result->started = true;
        return NL_FAIL;
    }
    tell_what_is_there(runner, grid, result->record, work.todo, work.count, work.present);
    char *misfit = work.count ? nl_store_misfit(store, datasets) : NULL;
    if (misfit)
        nl_runner_note(runner, true, misfit);
    nl_taken_lines(result->record, grid->trials, &begun.taken);
    if (work.present + work.taken && begun.earlier.at)
        nl_runner_note(runner, false,
                       nl_format("trials that are there may be of another build of normlab: 'made' in "
                                 "'%s/experiment.yaml' lists all of them",
                                 store->folder));
    int status = check_room(store, grid, work.todo, work.count, runner, err), hidden = result->hidden.trials;
    result->started = status == NL_OK;
    if (result->started && hidden)
        nl_runner_note(runner, false,
                       nl_format("%s %s from the tables of '%s'; %s in '%s/trials'", NL_COUNT(hidden, "trained trial"),
                                 nl_agree(hidden, "disappears", "disappear"), store->folder,
                                 nl_agree(hidden, "it stays", "they stay"), store->folder));
    if (status == NL_OK)
        status = nl_store_freeze(store, experiment, datasets, options->command, &begun, err);
    nl_text_release(&begun.earlier);
    nl_text_release(&begun.taken);
    if (status == NL_OK)
        status = nl_run_trials(grid, store, result->record, work.todo, work.count, runner, &result->stop, &result->left,
                               err);
    free(work.todo);
    if (status)
        return NL_FAIL;
    for (int i = 0; i < grid->trials; i++) {
        result->absent += !result->record[i].present;
        result->errors += result->record[i].present && result->record[i].failed;
    }
    return nl_store_write_tables(store, experiment, grid, result->record, err);
}

int nl_sweep(const struct nl_experiment *experiment, const struct nl_grid *grid, const struct nl_datasets *datasets,
             const struct nl_sweep_options *options, struct nl_sweep_result *result, struct nl_error *err)
{
    struct nl_store store;
    const struct nl_showing showing = {
        .experiment = experiment, .grid = grid, .datasets = datasets, .replace = options->replace};
    *result = (struct nl_sweep_result){0};
    if (nl_store_open(&store, options->folder, &showing, &result->hidden, err))
        return NL_FAIL;
    int status = run_and_write(&store, experiment, grid, datasets, options, result, err);
    if (!result->started)
        nl_store_leave_nothing(&store);
    nl_store_close(&store);
    return status;
}

void nl_sweep_result_release(struct nl_sweep_result *result)
{
    nl_records_release(result->record, result->trials);
    nl_hidden_release(&result->hidden);
    *result = (struct nl_sweep_result){0};
}
