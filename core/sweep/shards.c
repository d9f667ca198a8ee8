#include "sweep/shards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "train/train.h"

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

char *nl_shard_folder(const char *whole, int shard, int shards)
{
    return nl_format("%s-%dof%d", whole, shard, shards);
}

bool nl_shard_parse(const char *folder, int *whole, int *shard, int *shards)
{
    const char *dash = strrchr(folder, '-');
    if (!dash || dash == folder || dash[-1] == '/' || sscanf(dash, "-%5dof%5d", shard, shards) != 2 || *shard < 1 || *shard > *shards ||
        *shards > NL_SHARDS_MAX)
        return false;
    *whole = (int)(dash - folder);
    char *name = nl_format("%.*s", *whole, folder), *again = nl_shard_folder(name, *shard, *shards);
    bool same = strcmp(again, folder) == 0; /* nothing after it, no zeros before */
    free(name);
    free(again);
    return same;
}
