/* What a file is that another one was taken for, by its first bytes. */
#ifndef NL_BASE_FOREIGN_H
#define NL_BASE_FOREIGN_H

#include <stddef.h>

/* "an array of NumPy (.npy)", for "'x.npy' is ..."; NULL: nothing is known of it, as of every text in UTF-8. *remedy:
 * what reads it, or how it is made readable, or NULL; remedy may be NULL. */
const char *nl_foreign(const char *bytes, size_t length, const char **remedy);

#endif
