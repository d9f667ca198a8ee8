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

int nl_tuning_results(const struct nl_tuning_round *tuning, struct nl_results *out, struct nl_error *err)
{
    return nl_records_results(&tuning->partial.grid, tuning->partial.record, &tuning->experiment, out, err);
}
