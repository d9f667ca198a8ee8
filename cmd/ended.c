/* The trials of a round that have ended, while the others run. Records of trials that were there before are read from
 * the folder; those of this call are the runner's, which does not change them any more. */
#include "ended.h"

#include <stdlib.h>

#include "base/memory.h"
#include "sweep/store.h"

void forget_ended(struct ended *ended)
{
    for (int i = 0; ended->record && i < ended->grid->trials; i++)
        if (!ended->lent[i])
            nl_record_release(&ended->record[i]);
    free(ended->record);
    free(ended->lent);
    *ended = (struct ended){0};
}

bool know_ended(struct ended *ended, const char *folder, const struct nl_grid *grid, struct nl_error *err)
{
    const struct nl_store store = nl_store_at(folder);
    int present;
    if (ended->record)
        return true;
    ended->grid = grid;
    ended->record = nl_store_load_all(&store, grid, NULL, NULL, &present, err);
    if (!ended->record)
        return false;
    ended->lent = nl_alloc((size_t)grid->trials + 1, sizeof *ended->lent);
    return true;
}

void add_ended(struct ended *ended, int trial, const struct nl_record *record)
{
    if (!ended->lent[trial])
        nl_record_release(&ended->record[trial]);
    ended->record[trial] = *record;
    ended->lent[trial] = true;
}
