/* The data sets of a sweep: each distinct one is opened once and shared by all its trials. */
#ifndef NL_SWEEP_DATASETS_H
#define NL_SWEEP_DATASETS_H

#include "config/config.h"
#include "data/data.h"

struct nl_datasets {
    int count, capacity;
    struct nl_open_dataset {
        char *key; /* what it was opened with */
        struct nl_dataset *dataset;
    } *at;
};

/* The data set that config asks for; NULL on error. It belongs to datasets. */
const struct nl_dataset *nl_datasets_get(struct nl_datasets *datasets, const struct nl_config *config, struct nl_error *err);
void nl_datasets_release(struct nl_datasets *datasets);

#endif
