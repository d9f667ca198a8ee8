/* Opens the folder of a tuning round. */
#include "sweep/tuning.h"

#include <stdlib.h>

#include "base/files.h"
#include "base/memory.h"
#include "sweep/store.h"

int nl_tuning_open(const char *folder, struct nl_tuning_round *out, struct nl_error *err)
{
    struct nl_provenance made;
    char *tuning = nl_path_join(folder, "tuning");
    int status = nl_store_read(tuning, &out->experiment, &made, err);
    if (status == NL_OK)
        status = nl_partial_load(tuning, &out->experiment, &made, &out->partial, err);
    free(tuning);
    return status;
}

/* By way of the text of its table. */
int nl_tuning_results(const struct nl_tuning_round *tuning, struct nl_results *out, struct nl_error *err)
{
    struct nl_csv csv;
    struct nl_planned planned = nl_grid_planned(&tuning->partial.grid);
    int status = nl_csv_parse("trials.csv", nl_trials_csv(&tuning->partial.grid, tuning->partial.record), &csv, err);
    if (status == NL_OK)
        status = nl_results_of(&csv, &tuning->experiment, &planned, out, err);
    nl_planned_release(&planned);
    return status;
}
