#include "sweep/todo.h"

#include <stdlib.h>

#include "base/memory.h"
#include "sweep/observed.h"
#include "sweep/shards.h"

int *nl_todo(const struct nl_grid *grid, const struct nl_record *record, const struct nl_choice *choice, int *count)
{
    int *out = nl_alloc((size_t)grid->trials, sizeof *out), *shard = choice->shards ? nl_shards(grid, choice->shards) : NULL;
    unsigned again = choice->retry | 1u << NL_ERROR;
    *count = 0;
    for (int i = 0; i < grid->trials; i++) {
        bool wanted = !record[i].present || (again >> nl_record_outcome(&record[i]) & 1) || nl_lacks_observed(&grid->trial[i], &record[i]);
        if (wanted && (!shard || shard[i] == choice->shard))
            out[(*count)++] = i;
    }
    free(shard);
    return out;
}
