#include "sweep/todo.h"

#include <stdlib.h>

#include "base/memory.h"
#include "sweep/observed.h"

struct card {
    int trial;
    double cost;
};

static int costliest_first(const void *a, const void *b)
{
    const struct card *left = a, *right = b;
    if (left->cost != right->cost)
        return left->cost > right->cost ? -1 : 1;
    return left->trial - right->trial;
}

int *nl_shards(const struct nl_grid *grid, int shards)
{
    struct card *deck = nl_alloc((size_t)grid->trials, sizeof *deck);
    double *load = nl_alloc((size_t)shards, sizeof *load);
    int *out = nl_alloc((size_t)grid->trials, sizeof *out);
    for (int i = 0; i < grid->trials; i++)
        deck[i] = (struct card){.trial = i, .cost = nl_cost_total(nl_trial_cost(&grid->trial[i].config))};
    qsort(deck, (size_t)grid->trials, sizeof *deck, costliest_first);
    for (int i = 0; i < grid->trials; i++) {
        int least = 0;
        for (int s = 1; s < shards; s++)
            if (load[s] < load[least])
                least = s;
        load[least] += deck[i].cost;
        out[deck[i].trial] = least + 1;
    }
    free(deck);
    free(load);
    return out;
}

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
