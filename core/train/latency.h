/* How long saved networks take to evaluate: a pass of one sample, a pass of a batch, and each operation of the latter.
 *
 * In each round every network has its turn, so that what slows the machine down for a while slows all of them; the
 * first turn goes round. A turn repeats a pass for some milliseconds, and its median counts, so that a pause of the
 * machine does not; quartiles are over the rounds. A pass takes samples that lie in memory, and ends with the loss; it
 * is that of running statistics. */
#ifndef NL_TRAIN_LATENCY_H
#define NL_TRAIN_LATENCY_H

#include "train/scorer.h"

struct nl_quartiles {
    double low, median, high;
};

/* An operation ("conv", "normalize"): all calls of it in a pass of a batch. */
struct nl_operation_time {
    const char *operation;
    int instructions; /* nodes of that kind, as they are fused */
    struct nl_quartiles seconds;
};

struct nl_latency {
    struct nl_quartiles single, batch; /* seconds of a pass of one sample, of a batch */
    int operations;
    struct nl_operation_time *operation; /* owned; longest first */
};

/* Times so many networks, out[count], each to be released. samples: of a batch, of that part of each network's data, at
 * most nl_scorer_room. NL_FAIL: a device failed. */
int nl_latency_measure(struct nl_scorer *const scorer[], int count, enum nl_part part, int samples, int rounds,
                       struct nl_latency out[], struct nl_error *err);
void nl_latency_release(struct nl_latency *latency);

#endif
