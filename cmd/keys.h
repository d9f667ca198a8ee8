/* What `normlab keys` finds by words. */
#ifndef NL_CMD_KEYS_H
#define NL_CMD_KEYS_H

#include "config/config.h"

/* Looks for words, with a blank between two, in the names of keys, their values, what these are called elsewhere, and
 * where in_texts in their texts as well, and prints the best hits, one line each. Returns the number of hits. Where the
 * only one is a key, *only is the key, and nothing is printed; else *only is NULL. */
int search_keys(const char *words, bool in_texts, const struct nl_key **only);

#endif
