/* Deals trials out to shards, the longest first. */
#include "sweep/shards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sweep/store.h"
#include "train/train.h"

struct card {
    int trial;
    double takes;
};

static int longest_first(const void *a, const void *b)
{
    const struct card *left = a, *right = b;
    if (left->takes != right->takes)
        return left->takes > right->takes ? -1 : 1;
    return left->trial - right->trial;
}

int *nl_shards(const struct nl_grid *grid, const double *seconds, int shards)
{
    struct card *deck = nl_alloc((size_t)grid->trials, sizeof *deck);
    double *load = nl_alloc((size_t)shards, sizeof *load);
    int *out = nl_alloc((size_t)grid->trials, sizeof *out);
    for (int i = 0; i < grid->trials; i++)
        deck[i] = (struct card){.trial = i,
                                .takes = seconds ? seconds[i] : nl_cost_total(nl_trial_cost(&grid->trial[i].config))};
    qsort(deck, (size_t)grid->trials, sizeof *deck, longest_first);
    for (int i = 0; i < grid->trials; i++) {
        int least = 0;
        for (int s = 1; s < shards; s++)
            if (load[s] < load[least])
                least = s;
        load[least] += deck[i].takes;
        out[deck[i].trial] = least + 1;
    }
    free(deck);
    free(load);
    return out;
}

int *nl_shards_holders(const struct nl_grid *grid, const char *const *folder, int count, int *strangers,
                       struct nl_error *err)
{
    int *out = nl_alloc((size_t)grid->trials, sizeof *out), status = NL_OK;
    for (int i = 0; i < grid->trials; i++)
        out[i] = -1;
    for (int f = 0; f < count && status == NL_OK; f++) {
        const struct nl_store store = nl_store_at(folder[f]);
        struct nl_store_listing listing = {0};
        status = folder[f] ? nl_store_list(&store, &listing, err) : NL_OK;
        if (strangers)
            strangers[f] = 0;
        for (int i = 0; i < listing.count; i++) {
            const struct nl_trial *trial = nl_grid_find(grid, listing.id[i]);
            if (strangers)
                strangers[f] += !trial;
            if (trial && out[trial - grid->trial] < 0)
                out[trial - grid->trial] = f;
        }
        nl_store_listing_release(&listing);
    }
    if (status)
        free(out);
    return status ? NULL : out;
}

char *nl_shard_folder(const char *whole, int shard, int shards)
{
    return nl_format("%s-%dof%d", whole, shard, shards);
}

bool nl_shard_parse(const char *folder, int *whole, int *shard, int *shards)
{
    const char *dash = strrchr(folder, '-');
    if (!dash || dash == folder || dash[-1] == '/' || sscanf(dash, "-%5dof%5d", shard, shards) != 2 || *shard < 1 ||
        *shard > *shards || *shards > NL_SHARDS_MAX)
        return false;
    *whole = (int)(dash - folder);
    char *name = nl_format("%.*s", *whole, folder), *again = nl_shard_folder(name, *shard, *shards);
    bool same = strcmp(again, folder) == 0; /* nothing after it, no zeros before */
    free(name);
    free(again);
    return same;
}
