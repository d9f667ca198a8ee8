/* Files that a command is about to write must not be those that it reads, nor one another, whatever names and links lead to them. */
#include <stdlib.h>

#include "base/files.h"
#include "cmd.h"

bool are_apart(const struct used_file *place, int count)
{
    for (int i = 0; i < count; i++)
        for (int j = 0; j < i; j++) {
            const struct used_file *a = &place[i], *b = &place[j];
            if (!a->path || !b->path || !(a->written || b->written) || nl_file_is_special(a->path) || !nl_path_same(a->path, b->path))
                continue;
            bad_input(NULL, "'%s' (%s) and '%s' (%s) are the same file", b->path, b->what, a->path, a->what);
            return false;
        }
    return true;
}
