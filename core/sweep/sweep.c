#include "sweep/sweep.h"

#include <stdlib.h>

#include "base/memory.h"
#include "stats/summary.h"

/* Frees line. */
static void tell(const struct nl_sweep_options *options, bool warning, char *line)
{
    if (options->note)
        options->note(options->runner.context, warning, line);
    free(line);
}

static void load_records(const struct nl_store *store, const struct nl_grid *grid, const struct nl_sweep_options *options,
                         struct nl_record *record)
{
    int present = 0, failed = 0;
    for (int i = 0; i < grid->trials && !options->again; i++) {
        char *warning;
        nl_store_load(store, &grid->trial[i], &record[i], &warning);
        if (warning)
            tell(options, true, warning);
        present += record[i].present && !record[i].failed;
        failed += record[i].present && record[i].failed;
    }
    if (present && grid->trials == 1)
        tell(options, false, nl_strdup("the trial is there already"));
    else if (present)
        tell(options, false, nl_format("%d of %d trials are there already", present, grid->trials));
    if (failed)
        tell(options, false, nl_format("%d trial%s could not be run last time: tried again", failed, failed == 1 ? "" : "s"));
}

static int run_and_write(const struct nl_store *store, const struct nl_experiment *experiment, const struct nl_grid *grid,
                         const struct nl_datasets *datasets, const struct nl_sweep_options *options, struct nl_sweep_result *result,
                         struct nl_error *err)
{
    load_records(store, grid, options, result->record);
    if (nl_store_freeze(store, experiment, datasets, options->command, err))
        return NL_FAIL;
    if (nl_run_trials(grid, store, result->record, &options->runner, err))
        return NL_FAIL;
    for (int i = 0; i < grid->trials; i++) {
        result->missing += !result->record[i].present;
        result->errors += result->record[i].present && result->record[i].failed;
    }
    if (nl_store_assemble(store, grid, result->record, err))
        return NL_FAIL;
    return result->missing < grid->trials ? nl_summary_write(store->folder, experiment, err) : NL_OK;
}

int nl_sweep(const struct nl_experiment *experiment, const struct nl_grid *grid, const struct nl_datasets *datasets,
             const struct nl_sweep_options *options, struct nl_sweep_result *result, struct nl_error *err)
{
    struct nl_store store;
    *result = (struct nl_sweep_result){0};
    if (nl_store_open(&store, options->folder, experiment, err))
        return NL_FAIL;
    result->opened = true;
    result->trials = grid->trials;
    result->record = nl_alloc((size_t)grid->trials, sizeof *result->record);
    int status = run_and_write(&store, experiment, grid, datasets, options, result, err);
    nl_store_close(&store);
    return status;
}

void nl_sweep_result_release(struct nl_sweep_result *result)
{
    for (int i = 0; i < result->trials; i++)
        nl_record_release(&result->record[i]);
    free(result->record);
    *result = (struct nl_sweep_result){0};
}
