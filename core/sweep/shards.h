/* Shards: a grid dealt out to programs that know nothing of one another. The folder of a shard is that of the whole
 * with "-2of3" at its end. */
#ifndef NL_SWEEP_SHARDS_H
#define NL_SWEEP_SHARDS_H

#include "sweep/grid.h"

enum { NL_SHARDS_MAX = 10000 };

/* The shard (from 1) of every trial, so that all take about the same time: the longest trial not yet dealt goes to the
 * shard with the least so far. seconds: of each trial (sweep/times.h); NULL: by nl_trial_cost. It depends on nothing
 * else, so that several machines agree. New array. */
int *nl_shards(const struct nl_grid *grid, const double *seconds, int shards);

/* In which of the folders each trial of an identified grid has a file: the number of the first that has one, -1: none
 * does. folder[count]: of shards, or NULL. strangers[count]: NULL, or how many files of other trials are there. New
 * array [grid->trials]; NULL: a folder cannot be read. */
int *nl_shards_holders(const struct nl_grid *grid, const char *const *folder, int count, int *strangers,
                       struct nl_error *err);

/* results/small_batch-2of3; new string. */
char *nl_shard_folder(const char *whole, int shard, int shards);

/* Whether a folder is called so. Its first *whole characters are the name of the whole. */
bool nl_shard_parse(const char *folder, int *whole, int *shard, int *shards);

#endif
