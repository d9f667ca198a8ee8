/* Opens each data set and each file of weights of a sweep once. */
#include "sweep/datasets.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/tasks.h"
#include "train/weights.h"

static void add_keys(struct nl_text *out, const char *const *names, const struct nl_config *config)
{
    for (const char *const *name = names; *name; name++) {
        char *value = nl_key_text(nl_key_named(*name), config);
        nl_text_add(out, "%s: %s\n", *name, value);
        free(value);
    }
}

/* What nl_dataset_open looks at. The other keys of the section act on a trial's own view of the set; only what is
 * generated depends on how many samples are asked for. */
char *nl_datasets_key(const struct nl_config *config)
{
    static const char *const any[] = {"data.name", "data.dir", "data.as", "data.patch", "data.permute", NULL};
    static const char *const generated[] = {"data.name", "data.size", "data.channels", "data.difficulty", "data.train",
                                            "data.test", "data.as",   "data.patch",    "data.permute",    NULL};
    static const char *const arrays[] = {"data.name",         "data.dir",         "data.train_images",
                                         "data.train_labels", "data.test_images", "data.test_labels",
                                         "data.classes",      "data.context",     "data.as",
                                         "data.patch",        "data.permute",     NULL};
    static const char *const task[] = {"data.name", "data.length", "data.min_length", "data.symbols", "data.train",
                                       "data.test", NULL};
    static const char *const table[] = {"data.name", "data.file",  "data.label",   "data.classes",
                                        "data.as",   "data.patch", "data.permute", NULL};
    static const char *const text[] = {"data.name", "data.file", "data.unit", "data.context", NULL};
    static const char *const shifted[] = {"data.shift", "data.shift_amount", "data.shift_on", NULL};
    const char *const *names = config->data.name == NL_SYNTH  ? generated
                               : config->data.name == NL_NPY  ? arrays
                               : config->data.name == NL_CSV  ? table
                               : config->data.name == NL_TEXT ? text
                               : nl_is_task(config)           ? task
                                                              : any;
    struct nl_text out = {0};
    add_keys(&out, names, config);
    if (nl_key_applies(nl_key_named("data.shift"), config))
        add_keys(&out, shifted, config);
    return out.at;
}

const struct nl_dataset *nl_datasets_get(struct nl_datasets *datasets, const struct nl_config *config,
                                         struct nl_error *err)
{
    char *key = nl_datasets_key(config);
    for (int i = 0; i < datasets->count; i++)
        if (strcmp(datasets->at[i].key, key) == 0) {
            free(key);
            return datasets->at[i].dataset;
        }
    struct nl_dataset *dataset = nl_dataset_open(config, err);
    if (!dataset) {
        const char *name = nl_data_names[config->data.name];
        struct nl_error what = *err;
        if (*nl_data_facts(config).files && !nl_data_is_own(config) &&
            strncmp(what.text, "cannot find", strlen("cannot find")) != 0)
            nl_fail(err, "%s; 'normlab data fetch %s' gets it anew", what.text, name);
        free(key);
        return NULL;
    }
    NL_GROW(datasets->at, datasets->count, datasets->capacity);
    datasets->at[datasets->count++] = (struct nl_open_dataset){.key = key, .dataset = dataset};
    return dataset;
}

const struct nl_tensor_file *nl_weights_get(struct nl_weights_files *files, const char *path, struct nl_error *err)
{
    for (int i = 0; i < files->count; i++)
        if (strcmp(files->at[i].path, path) == 0)
            return files->at[i].file;
    struct nl_tensor_file *file = nl_alloc(1, sizeof *file);
    if (nl_safetensors_read(path, file, err)) {
        free(file);
        return NULL;
    }
    nl_weights_adopt(file);
    NL_GROW(files->at, files->count, files->capacity);
    files->at[files->count++] = (struct nl_open_weights){.path = nl_strdup(path), .file = file};
    return file;
}

static void release_weights(struct nl_weights_files *files)
{
    for (int i = 0; i < files->count; i++) {
        nl_safetensors_release(files->at[i].file);
        free(files->at[i].file);
        free(files->at[i].path);
    }
    free(files->at);
}

void nl_datasets_release(struct nl_datasets *datasets)
{
    release_weights(&datasets->weights);
    release_weights(&datasets->toward);
    for (int i = 0; i < datasets->count; i++) {
        free(datasets->at[i].key);
        nl_dataset_free(datasets->at[i].dataset);
    }
    free(datasets->at);
    *datasets = (struct nl_datasets){0};
}
