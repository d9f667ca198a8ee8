#include "saved.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"

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

bool load_saved(const char *config, const struct arguments *arguments, const struct nl_tensor_file *file,
                const char *what, struct nl_experiment *out)
{
    char **override = nl_alloc((size_t)(nl_key_count + arguments->overrides), sizeof *override);
    int own = 0, count = 0;
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
