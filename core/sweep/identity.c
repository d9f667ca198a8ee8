/* Names of trials: what a result depends on, hashed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "sweep/grid.h"
#include "train/train.h"
#include "train/weights.h"

/* The weights of a file, if one is named; they fit the trial's network, but for what is replaced. */
static int load_weights(const struct nl_trial *trial, struct nl_weights_files *files, const char *path,
                        unsigned replaced, const struct nl_tensor_file **out, struct nl_error *err)
{
    struct nl_graph graph;
    const char *key = NULL;
    if (!*path)
        return NL_OK;
    *out = nl_weights_get(files, path, err);
    if (*out && nl_weights_are_folded(*out))
        return nl_fail(
            err,
            "'%s' is folded (normlab fold): its normalizers are part of other layers, and no training starts from it",
            path);
    if (!*out || nl_model_build(&trial->config, trial->dataset->shape, &graph, &key, err))
        return NL_FAIL;
    int status = nl_weights_check(&graph, *out, path, replaced, true, err);
    nl_graph_release(&graph);
    return status;
}

/* weights: NULL where none are given. */
static void name_trial(struct nl_trial *trial, const char *data, const char *weights, long numerics)
{
    char *whole = nl_format("%sdata checksum: %s\n%s%s%snumerics: %ld\n", trial->identity, data,
                            weights ? "weights checksum: " : "", weights ? weights : "", weights ? "\n" : "", numerics);
    char hex[NL_HASH_HEX];
    nl_hash_bytes(whole, strlen(whole), hex);
    memcpy(trial->id, hex, NL_TRIAL_ID - 1);
    trial->id[NL_TRIAL_ID - 1] = '\0';
    free(whole);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp((*(const struct nl_trial *const *)a)->id, (*(const struct nl_trial *const *)b)->id);
}

static void sort_by_id(struct nl_grid *grid)
{
    grid->by_id = nl_alloc((size_t)grid->trials, sizeof *grid->by_id);
    for (int i = 0; i < grid->trials; i++)
        grid->by_id[i] = &grid->trial[i];
    qsort(grid->by_id, (size_t)grid->trials, sizeof *grid->by_id, compare_ids);
}

static int compare_with_id(const void *id, const void *trial)
{
    return strcmp(id, (*(const struct nl_trial *const *)trial)->id);
}

const struct nl_trial *nl_grid_find(const struct nl_grid *grid, const char *id)
{
    const struct nl_trial *const *found =
        grid->by_id ? bsearch(id, grid->by_id, (size_t)grid->trials, sizeof *grid->by_id, compare_with_id) : NULL;
    return found ? *found : NULL;
}

int nl_trial_open(struct nl_trial *trial, struct nl_datasets *datasets, const char **key, struct nl_error *err)
{
    bool by_file = trial->config.data.name == NL_TEXT || trial->config.data.name == NL_CSV;
    *key = by_file && *trial->config.data.file   ? "data.file"
           : !by_file && *trial->config.data.dir ? "data.dir"
                                                 : "data.name";
    trial->dataset = nl_datasets_get(datasets, &trial->config, err);
    if (!trial->dataset)
        return NL_FAIL;
    *key = "model.load";
    if (load_weights(trial, &datasets->weights, trial->config.model.load, nl_weights_replaced(&trial->config),
                     &trial->weights, err))
        return NL_FAIL;
    *key = "log.toward";
    return load_weights(trial, &datasets->toward, trial->config.log.toward, 0, &trial->toward, err);
}

int nl_grid_identify(struct nl_grid *grid, struct nl_datasets *datasets, struct nl_error *err)
{
    const char *key;
    for (int i = 0; i < grid->trials; i++) {
        struct nl_trial *trial = &grid->trial[i];
        if (nl_trial_open(trial, datasets, &key, err))
            return NL_FAIL;
        name_trial(trial, trial->dataset->checksum, trial->weights ? trial->weights->checksum : NULL,
                   NL_NUMERICS_VERSION);
    }
    sort_by_id(grid);
    return NL_OK;
}

/* Distinct texts, in order of appearance. */
struct seen_texts {
    int count, capacity;
    char **at;
};

/* What made says of `kind` number N, where text is the N-th that is seen; takes text over. NULL: nothing. */
static const char *checksum_of(const struct nl_provenance *made, const char *kind, struct seen_texts *seen, char *text)
{
    int i = 0;
    while (i < seen->count && strcmp(seen->at[i], text) != 0)
        i++;
    if (i < seen->count) {
        free(text);
    } else {
        NL_GROW(seen->at, seen->count, seen->capacity);
        seen->at[seen->count++] = text;
    }
    char name[32];
    snprintf(name, sizeof name, "%s_%d", kind, i + 1);
    const char *sum = strstr(nl_provenance_get(made, name), "sha256 ");
    return sum ? sum + strlen("sha256 ") : NULL;
}

static void release_seen(struct seen_texts *seen)
{
    for (int i = 0; i < seen->count; i++)
        free(seen->at[i]);
    free(seen->at);
}

/* As nl_grid_identify opens data and weights, so nl_provenance_text numbers them. */
int nl_grid_recognize(struct nl_grid *grid, const struct nl_provenance *made, struct nl_error *err)
{
    struct seen_texts data = {0}, weights = {0};
    long numerics = strtol(nl_provenance_get(made, "numerics"), NULL, 10);
    int status = NL_OK;
    for (int i = 0; i < grid->trials && status == NL_OK; i++) {
        struct nl_trial *trial = &grid->trial[i];
        const char *load = trial->config.model.load;
        const char *of_data = checksum_of(made, "data", &data, nl_datasets_key(&trial->config));
        const char *of_weights = *load ? checksum_of(made, "weights", &weights, nl_strdup(load)) : NULL;
        if (!of_data || (*load && !of_weights))
            status = nl_fail(err, "experiment.yaml does not say from what %s its trials were made",
                             of_data ? "weights" : "data");
        else
            name_trial(trial, of_data, of_weights, numerics);
    }
    if (status == NL_OK)
        sort_by_id(grid);
    release_seen(&data);
    release_seen(&weights);
    return status;
}
