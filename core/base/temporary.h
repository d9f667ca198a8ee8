/* What has no name of its own yet: half-written files, and folders for as long as the program runs. The program that
 * made one holds a lock on it (flock(2)), which the kernel lets go of however the program ends. So it is known which of
 * them a killed program left. */
#ifndef NL_BASE_TEMPORARY_H
#define NL_BASE_TEMPORARY_H

#include <stdbool.h>

/* A new file, beside which `path` stays as it is until the file is renamed to it. *name, a new string: PATH.0.tmp, or
 * PATH.PID.tmp while another program writes the first. What a killed program left under that name goes, as does a link.
 * Returns the descriptor that holds the file, to be closed after the renaming; -1 and errno on error, and *name is
 * NULL. */
int nl_temporary_create(const char *path, char **name);

/* Whether the name still stands for the open file. */
bool nl_temporary_is_same(int file, const char *name);

/* Whether it is a name of nl_temporary_create, without its folder. */
bool nl_temporary_is_named(const char *name);

/* Whether no program holds the file, as far as can be told. */
bool nl_temporary_is_left(const char *path);

/* Removes a file that was left; false: it is held, or cannot be removed. */
bool nl_temporary_remove(const char *path);

/* Removes a file that was written to this name, and what a killed program left of it. */
void nl_file_remove(const char *path);

/* A new folder PLACE/normlab-tables.XXXXXX, new string, held until the program ends. Such folders that killed programs
 * of this user left in `place` go, unless they hold other files than those of these names. NULL and errno on error. */
char *nl_temporary_folder(const char *place, const char *const *names, int count);

#endif
