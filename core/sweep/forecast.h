/* A sweep before it is run: what its trials take, in numbers, memory, disk and time. */
#ifndef NL_SWEEP_FORECAST_H
#define NL_SWEEP_FORECAST_H

#include "sweep/cohort.h"
#include "sweep/times.h"
#include "train/train.h"

struct nl_forecast {
    struct nl_expected {
        struct nl_step_counts step_counts;
        int64_t parameters;
        size_t memory;  /* bytes, beside the data set */
        enum nl_device_kind device; /* whose memory that is, */
        int device_index;
        double disk;    /* bytes of its file and of its rows in the tables */
        double seconds; /* after nl_forecast_times */
    } *trial; /* [grid->trials] */
    int trials;
    bool observes; /* tensors: most of what is written is of them */
    int shapes, measured,
        finished; /* different shapes among todo; how many of them were measured, and how many finished trials have */
};

/* Everything but times. The grid's data sets are open. NL_FAIL: a network cannot be built. */
int nl_forecast_sizes(const struct nl_grid *grid, struct nl_forecast *out, struct nl_error *err);

/* Times, for one cohort at a time on an idle machine, a trial's share of it. A shape of which trials have finished
 * (finished: NULL: none) takes what these took. Each other one that is among todo (network, normalizer, batch, data:
 * what a step costs) is trained for some steps and evaluated. Takes about `budget` seconds, more if single steps do;
 * where it is up, the rest follows from nl_trial_cost. NL_FAIL: a training could not be run. */
int nl_forecast_times(const struct nl_grid *grid, const struct nl_cohorts *cohorts, const struct nl_times *finished,
                      double budget, struct nl_forecast *forecast, struct nl_error *err);

/* What the cohorts take, so many side by side, the longest first. */
struct nl_demand {
    double seconds, work; /* of the wall clock; of all workers */
    double memory, disk;  /* bytes */
    int together;         /* trials that are in memory at a time, at most */
};
struct nl_demand nl_forecast_demand(const struct nl_forecast *forecast, const struct nl_cohorts *cohorts, int workers);

/* NL_FAIL: the memory of a device, or the disk of folder, cannot hold it. */
int nl_forecast_check(const struct nl_forecast *forecast, const struct nl_cohorts *cohorts, int workers,
                      const char *folder, struct nl_error *err);

void nl_forecast_release(struct nl_forecast *forecast);

#endif
