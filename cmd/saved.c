#include "saved.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "config/value.h"
#include "train/train.h"
#include "train/weights.h"

bool read_saved(const char *path, struct nl_tensor_file *out)
{
    struct nl_error err = {0};
    if (nl_safetensors_read(path, out, &err) == NL_OK)
        return true;
    bad_input(nl_folder_exists(path) ? "normlab run FILE --save-final MODEL.safetensors makes one" : NULL, "%s",
              err.text);
    return false;
}

static bool is_given(const struct arguments *arguments, const char *key)
{
    size_t length = strlen(key);
    for (int i = 0; i < arguments->overrides; i++)
        if (strncmp(arguments->override[i], key, length) == 0 && arguments->override[i][length] == '=')
            return true;
    return false;
}

/* The weights of a folded network hold what the section norm said when it was folded. */
static bool leaves_norm(const struct arguments *arguments, const struct nl_tensor_file *file)
{
    for (int i = 0; i < arguments->overrides && nl_weights_are_folded(file); i++)
        if (strncmp(arguments->override[i], "norm.", strlen("norm.")) == 0) {
            bad_input("it can be said of the network before `normlab fold`",
                      "'%s' is folded: its weights hold its normalizers, and '%s' comes too late", arguments->file,
                      arguments->override[i]);
            return false;
        }
    return true;
}

bool load_saved(const char *config, const struct arguments *arguments, const struct nl_tensor_file *file,
                const char *what, struct nl_experiment *out)
{
    int own = 0, count = 0;
    if (!leaves_norm(arguments, file))
        return false;
    char **override = nl_alloc((size_t)(nl_key_count + arguments->overrides), sizeof *override);
    for (int i = 0; i < nl_key_count && !config; i++) {
        const char *value = nl_safetensors_metadata(file, nl_keys[i].name);
        if (value)
            override[own++] = nl_format("%s=%s", nl_keys[i].name, value);
    }
    for (int i = 0; i < arguments->overrides; i++)
        override[own + count++] = nl_strdup(arguments->override[i]);
    bool good = own > 0 || config;
    if (good)
        good = load_experiment(config, (const char *const *)override, own + count, out);
    else
        bad_input("give the one it was trained with: --config FILE",
                  "'%s' does not say which configuration it belongs to", arguments->file);
    for (int i = 0; i < own + count; i++)
        free(override[i]);
    free(override);
    if (!good)
        return false;
    for (int i = 0; i < nl_key_count && own; i++)
        if (!is_given(arguments, nl_keys[i].name))
            out->origin[i] = (struct nl_origin){.kind = NL_FROM_FILE, .file = arguments->file};
    if (out->is_sweep)
        bad_input("give each key one value", "%s one network", what);
    return !out->is_sweep;
}

bool is_trained_on(const char *path, const struct nl_tensor_file *file, const struct nl_dataset *dataset,
                   const char *hint)
{
    const char *checksum = nl_safetensors_metadata(file, "data_sha256");
    if (!checksum || strcmp(checksum, dataset->checksum) == 0)
        return true;
    bad_input(hint, "'%s' was trained on other data (sha256 %.12s..., here %.12s...)", path, checksum,
              dataset->checksum);
    return false;
}

bool load_checked(const char *config, const struct arguments *arguments, const struct nl_tensor_file *file,
                  const char *what, struct nl_experiment *out)
{
    if (!load_saved(config, arguments, file, what, out))
        return false;
    struct nl_diagnostics diagnostics = {0};
    nl_config_check(&out->config, out, &diagnostics);
    nl_data_check(&out->config, out, &diagnostics);
    nl_trial_check(&out->config, out, &diagnostics);
    return !print_diagnostics(&diagnostics);
}

struct nl_dataset *open_data_of(const char *path, const struct nl_tensor_file *file, const struct nl_config *config,
                                bool other_data)
{
    struct nl_error err = {0};
    struct nl_dataset *dataset = nl_dataset_open(config, &err);
    if (!dataset)
        bad_input(NULL, "%s", err.text);
    if (!dataset || other_data || is_trained_on(path, file, dataset, "--other-data takes them nevertheless"))
        return dataset;
    nl_dataset_free(dataset);
    return NULL;
}

bool is_free_of_saved(const char *option, const char *path, const char *model, const char *config_file,
                      const struct nl_config *config)
{
    enum { READ = 2 };
    struct used_file place[1 + READ + NL_DATA_FILES] = {
        {option, path, true}, {"the model", model, false}, {"the configuration", config_file, false}};
    char *data[NL_DATA_FILES];
    if (!path)
        return true;
    nl_data_files(config, data);
    for (int i = 0; i < NL_DATA_FILES; i++)
        place[1 + READ + i] = (struct used_file){"data", data[i], false};
    bool good = are_apart(place, 1 + READ + NL_DATA_FILES) && is_free(config, &place[0]) && can_be_written(path);
    for (int i = 0; i < NL_DATA_FILES; i++)
        free(data[i]);
    return good;
}

void warn_of_another_split(const struct nl_tensor_file *file, const struct nl_config *config, const char *consequence)
{
    static const char *const keys[] = {"train.seed", "data.split_seed", "data.test_seed", "data.train", "data.val"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *there = nl_safetensors_metadata(file, keys[i]);
        char *here = nl_value_text(nl_key_named(keys[i]), config);
        if (there && strcmp(there, here) != 0 && !output.quiet)
            tell(stderr, "warning: %s was %s in training: %s\n", keys[i], there, consequence);
        free(here);
    }
}
