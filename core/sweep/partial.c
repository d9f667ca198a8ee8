/* Loads the trials of an unfinished sweep as a table in memory. */
#include "sweep/partial.h"

#include "sweep/store.h"

int nl_partial_load(const char *folder, const struct nl_experiment *experiment, const struct nl_provenance *made,
                    struct nl_partial *out, struct nl_error *err)
{
    const struct nl_store store = nl_store_at(folder);
    *out = (struct nl_partial){0};
    if (nl_store_grid(folder, experiment, &out->grid, err))
        return NL_FAIL;
    if (nl_grid_recognize(&out->grid, made, err)) {
        nl_grid_release(&out->grid);
        return NL_FAIL;
    }
    /* A damaged file is left out here; the sweep that runs its trial again says why. */
    out->record = nl_store_load_all(&store, &out->grid, NULL, NULL, &out->present, err);
    if (!out->record)
        nl_grid_release(&out->grid);
    return out->record ? NL_OK : NL_FAIL;
}

void nl_partial_release(struct nl_partial *partial)
{
    nl_records_release(partial->record, partial->grid.trials);
    nl_grid_release(&partial->grid);
}
