/* Shards: a grid dealt out to programs that know nothing of one another. The folder of a shard is that of the whole with "-2of3" at its end. */
#ifndef NL_SWEEP_SHARDS_H
#define NL_SWEEP_SHARDS_H

#include "sweep/grid.h"

enum { NL_SHARDS_MAX = 10000 };

/* The shard (from 1) of every trial, so that all have about the same cost: the costliest trial not yet dealt goes to the shard with the
 * least so far. It depends on nothing but the grid, so that several machines agree. New array. */
int *nl_shards(const struct nl_grid *grid, int shards);

/* results/small_batch-2of3; new string. */
char *nl_shard_folder(const char *whole, int shard, int shards);

/* Whether a folder is called so. Its first *whole characters are the name of the whole. */
bool nl_shard_parse(const char *folder, int *whole, int *shard, int *shards);

#endif
