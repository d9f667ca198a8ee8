#include "sweep/interim.h"

#include "sweep/store.h"

int nl_interim_load(const char *folder, const struct nl_experiment *experiment, const struct nl_provenance *made, struct nl_interim *out,
                    struct nl_error *err)
{
    const struct nl_store store = nl_store_at(folder);
    *out = (struct nl_interim){0};
    if (nl_store_grid(folder, experiment, &out->grid, err))
        return NL_FAIL;
    if (nl_grid_recognize(&out->grid, made, err)) {
        nl_grid_release(&out->grid);
        return NL_FAIL;
    }
    /* Of a damaged file the sweep that runs its trial again says why. */
    out->record = nl_store_load_all(&store, &out->grid, NULL, NULL, &out->present, err);
    if (!out->record)
        nl_grid_release(&out->grid);
    return out->record ? NL_OK : NL_FAIL;
}

void nl_interim_release(struct nl_interim *interim)
{
    nl_records_release(interim->record, interim->grid.trials);
    nl_grid_release(&interim->grid);
}
