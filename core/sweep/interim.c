#include "sweep/interim.h"

#include <stdlib.h>

#include "base/memory.h"
#include "sweep/store.h"

int nl_interim_load(const char *folder, const struct nl_experiment *experiment, const struct nl_provenance *made, struct nl_interim *out,
                    struct nl_error *err)
{
    const struct nl_store store = {.folder = (char *)folder, .lock = -1};
    *out = (struct nl_interim){0};
    if (nl_store_grid(folder, experiment, &out->grid, err))
        return NL_FAIL;
    if (nl_grid_recognize(&out->grid, made, err)) {
        nl_grid_release(&out->grid);
        return NL_FAIL;
    }
    out->record = nl_alloc((size_t)out->grid.trials, sizeof *out->record);
    for (int i = 0; i < out->grid.trials; i++) {
        char *warning;
        nl_store_load(&store, &out->grid.trial[i], &out->record[i], &warning);
        free(warning); /* the trial is missing: the sweep that runs it again says why */
        out->present += out->record[i].present;
    }
    return NL_OK;
}

void nl_interim_release(struct nl_interim *interim)
{
    for (int i = 0; i < interim->grid.trials; i++)
        nl_record_release(&interim->record[i]);
    free(interim->record);
    nl_grid_release(&interim->grid);
}
