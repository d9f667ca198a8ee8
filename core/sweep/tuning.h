/* The tuning round of a sweep (sweep.tune), as those read it that tell or draw what it tried: from the files of its
 * trials, for its tables may not be there. */
#ifndef NL_SWEEP_TUNING_H
#define NL_SWEEP_TUNING_H

#include "stats/results.h"
#include "sweep/partial.h"

struct nl_tuning_round {
    struct nl_experiment experiment;
    struct nl_partial partial; /* of the folder FOLDER/tuning: its trials that have ended. To be released */
};

/* folder: of the sweep's results. NL_FAIL: there is no such round, or it cannot be read. */
int nl_tuning_open(const char *folder, struct nl_tuning_round *out, struct nl_error *err);
/* The results of the round, which do not need it any more. To be released. */
int nl_tuning_results(const struct nl_tuning_round *tuning, struct nl_results *out, struct nl_error *err);

#endif
