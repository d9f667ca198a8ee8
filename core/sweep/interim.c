#include "sweep/interim.h"

#include <stdlib.h>

#include "base/memory.h"
#include "sweep/store.h"

int nl_interim_records(const char *folder, struct nl_grid *grid, const struct nl_provenance *made, struct nl_record *record, struct nl_error *err)
{
    const struct nl_store store = {.folder = (char *)folder, .lock = -1};
    int present = 0;
    if (nl_grid_recognize(grid, made, err))
        return -1;
    for (int i = 0; i < grid->trials; i++) {
        char *warning;
        nl_store_load(&store, &grid->trial[i], &record[i], &warning);
        free(warning); /* the trial is missing: the sweep that runs it again says why */
        present += record[i].present;
    }
    return present;
}

int nl_interim_tables(const char *folder, const struct nl_experiment *experiment, const struct nl_provenance *made, const char *out,
                      int *present, int *trials, struct nl_error *err)
{
    struct nl_grid grid;
    struct nl_diagnostics diagnostics = {0};
    int status = NL_OK;
    if (nl_grid_make(experiment, &grid, &diagnostics))
        status = nl_fail(err, "'%s/experiment.yaml' is no legal experiment any more: %s", folder, diagnostics.at[0].message);
    struct nl_record *record = nl_alloc((size_t)grid.trials, sizeof *record);
    *trials = grid.trials;
    *present = status == NL_OK ? nl_interim_records(folder, &grid, made, record, err) : 0;
    if (*present < 0)
        status = NL_FAIL;
    const struct nl_store tables = {.folder = (char *)out, .lock = -1};
    if (*present > 0)
        status = nl_store_assemble(&tables, &grid, record, err);
    for (int i = 0; i < grid.trials; i++)
        nl_record_release(&record[i]);
    free(record);
    nl_grid_release(&grid);
    nl_diagnostics_release(&diagnostics);
    return status;
}
