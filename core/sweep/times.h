/* How long trials take: what finished ones took, for a forecast (sweep/forecast.h), and a forecast as a file, so that
 * all who deal out a grid (sweep/shards.h) do it by the same numbers. */
#ifndef NL_SWEEP_TIMES_H
#define NL_SWEEP_TIMES_H

#include "sweep/grid.h"
#include "sweep/record.h"

/* The times of all finished trials, by shape. {0}: none. */
struct nl_times {
    int count, capacity;
    struct nl_time {
        char *shape;    /* nl_times_shape */
        double seconds; /* of the wall clock */
        double cost;    /* nl_trial_cost */
    } *at;
};

/* The configuration, with all that a step's time does not depend on the same: rates, seeds, schedules, how much there
 * is to train on. */
struct nl_config nl_times_bare(const struct nl_config *config);
char *nl_times_shape(const struct nl_config *config); /* what a step's time may depend on; new string */

/* Adds the trials of a grid that trained to their end; record[i] belongs to grid->trial[i]. */
void nl_times_add(struct nl_times *times, const struct nl_grid *grid, const struct nl_record *record);

/* Seconds for each unit of cost; 0: no trial of the shape has finished. */
double nl_times_rate(const struct nl_times *times, const char *shape);
void nl_times_release(struct nl_times *times);

/* The file: "id,seconds", a row a trial. seconds[grid->trials]; 0: it is not to be run. */
int nl_times_write(const char *path, const struct nl_grid *grid, const double *seconds, struct nl_error *err);

/* New array [grid->trials]. *unlisted: trials that the file does not have; they take what their cost is worth by those
 * that it has. NULL: it cannot be read, or is no such file. */
double *nl_times_read(const char *path, const struct nl_grid *grid, int *unlisted, struct nl_error *err);

#endif
