/* Files that a command is about to write must not be those that it reads, nor one another, whatever names and links
 * lead to them. */
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "cmd.h"

bool is_outside_trials(const char *what, const char *path)
{
    char *at = nl_strdup(path), *real = NULL;
    while (!(real = realpath(at, NULL)) && strcmp(at, ".") != 0 && strcmp(at, "/") != 0) {
        char *above = nl_path_folder(at);
        free(at);
        at = above;
    }
    bool inside = false;
    for (char *slash; real && !inside && (slash = strrchr(real, '/')) && slash > real; *slash = '\0') {
        char *above = nl_path_folder(real);
        inside = strcmp(slash, "/trials") == 0 && nl_store_exists(above);
        free(above);
    }
    if (inside)
        bad_input(NULL, "'%s' (%s) lies in the trials/ of a results folder, which is normlab's own", path, what);
    free(at);
    free(real);
    return !inside;
}

bool are_apart(const struct used_file *place, int count)
{
    for (int i = 0; i < count; i++)
        for (int j = 0; j < i; j++) {
            const struct used_file *a = &place[i], *b = &place[j];
            if (!a->path || !b->path || !(a->written || b->written) || nl_file_is_special(a->path) ||
                !nl_path_same(a->path, b->path))
                continue;
            bad_input(NULL, "'%s' (%s) and '%s' (%s) are the same file", b->path, b->what, a->path, a->what);
            return false;
        }
    return true;
}

bool is_free(const struct nl_config *config, const struct used_file *file)
{
    if (nl_data_owns(config, file->path))
        bad_input(NULL, "'%s' (%s) is a file of the data set '%s'", file->path, file->what,
                  nl_data_names[config->data.name]);
    else
        return is_outside_trials(file->what, file->path);
    return false;
}
