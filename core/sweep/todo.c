/* Selects the trials that a call is to run. */
#include "sweep/todo.h"

#include <stdlib.h>

#include "base/memory.h"
#include "sweep/observed.h"
#include "sweep/shards.h"

bool nl_is_wanted(const struct nl_trial *trial, const struct nl_record *record, const struct nl_choice *choice)
{
    unsigned again = choice->retry | 1u << NL_ERROR;
    return !record->present || (again >> nl_record_outcome(record) & 1) || nl_lacks_observed(trial, record);
}

int *nl_todo(const struct nl_grid *grid, const struct nl_record *record, const struct nl_choice *choice, int *count)
{
    int *out = nl_alloc((size_t)grid->trials, sizeof *out),
        *shard = choice->shards ? nl_shards(grid, choice->seconds, choice->shards) : NULL;
    *count = 0;
    for (int i = 0; i < grid->trials; i++)
        if ((!shard || shard[i] == choice->shard) && nl_is_wanted(&grid->trial[i], &record[i], choice))
            out[(*count)++] = i;
    free(shard);
    return out;
}
