/* What the trials of a sweep read: each distinct data set, and each file of weights, is opened once and shared by all.
 */
#ifndef NL_SWEEP_DATASETS_H
#define NL_SWEEP_DATASETS_H

#include "base/safetensors.h"
#include "config/config.h"
#include "data/data.h"

struct nl_datasets {
    int count, capacity;
    struct nl_open_dataset {
        char *key; /* what it was opened with */
        struct nl_dataset *dataset;
    } *at;
    struct nl_weights_files {
        int count, capacity;
        struct nl_open_weights {
            char *path;
            struct nl_tensor_file *file;
        } * at;
    } weights, toward; /* of model.load, on which the trials depend, and of log.toward */
};

/* Equal for configurations that ask for the same data set; new string. */
char *nl_datasets_key(const struct nl_config *config);

/* The data set that config asks for; NULL on error. It belongs to datasets. */
const struct nl_dataset *nl_datasets_get(struct nl_datasets *datasets, const struct nl_config *config,
                                         struct nl_error *err);

/* The weights in the file; NULL on error. They belong to files. */
const struct nl_tensor_file *nl_weights_get(struct nl_weights_files *files, const char *path, struct nl_error *err);
void nl_datasets_release(struct nl_datasets *datasets);

#endif
