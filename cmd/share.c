/* What came with the program: share/normlab beside bin/ where it is installed, else the repository that it was built
 * from, to which its build folder has a link. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/system.h"
#include "cmd.h"

static const char *const kinds[] = {"experiments", "configs", "configs/formulas"};
enum { KINDS = sizeof kinds / sizeof *kinds };

char *share_folder(void)
{
    static const char *const places[] = {"../share/normlab", "source"};
    char *program = nl_program_path();
    if (!program)
        return NULL;
    char *folder = nl_path_folder(program), *found = NULL;
    for (int i = 0; i < 2 && !found; i++) {
        char *place = nl_path_join(folder, places[i]), *inside = nl_path_join(place, kinds[0]);
        if (nl_folder_exists(inside))
            found = realpath(place, NULL);
        free(place);
        free(inside);
    }
    free(folder);
    free(program);
    return found;
}

char *find_configuration(const char *word)
{
    char *share = nl_file_exists(word) || strchr(word, '/') ? NULL : share_folder(), *found = NULL;
    for (int kind = 0; share && kind < KINDS && !found; kind++) {
        found = nl_format("%s/%s/%s.yaml", share, kinds[kind], word);
        if (!nl_file_exists(found)) {
            free(found);
            found = NULL;
        }
    }
    free(share);
    return found ? found : nl_strdup(word);
}

/* The names in the folder that end in .yaml, without it, sorted. */
static void each_file(const char *folder, void (*visit)(void *context, const char *name), void *context)
{
    struct dirent **entry;
    int count = scandir(folder, &entry, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char *ending = strrchr(entry[i]->d_name, '.');
        if (ending && strcmp(ending, ".yaml") == 0) {
            *ending = '\0';
            visit(context, entry[i]->d_name);
        }
        free(entry[i]);
    }
    if (count >= 0)
        free(entry);
}

void each_shipped(void (*visit)(void *context, const char *name), void *context)
{
    char *share = share_folder();
    for (int kind = 0; share && kind < KINDS; kind++) {
        char *folder = nl_path_join(share, kinds[kind]);
        each_file(folder, visit, context);
        free(folder);
    }
    free(share);
}

/* experiments/claims in the current folder, or else that which came with the program; NULL: there is none. New
 * string. */
static char *claims_folder(void)
{
    static const char name[] = "experiments/claims";
    if (nl_folder_exists(name))
        return nl_strdup(name);
    char *share = share_folder(), *folder = share ? nl_path_join(share, name) : NULL;
    free(share);
    return folder;
}

char *find_claim(const char *word)
{
    char *folder = nl_file_exists(word) || strchr(word, '/') ? NULL : claims_folder();
    char *path = folder ? nl_format("%s/%s.yaml", folder, word) : nl_strdup(word);
    free(folder);
    return path;
}

void each_claim(void (*visit)(void *context, const char *name), void *context)
{
    char *folder = claims_folder();
    if (folder)
        each_file(folder, visit, context);
    free(folder);
}
