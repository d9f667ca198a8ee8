/* 'Did you mean': the nearest word by edit distance. */
#ifndef NL_CONFIG_NEAREST_H
#define NL_CONFIG_NEAREST_H

enum { NL_FAR = 1000 };

/* Damerau and Levenshtein's distance (optimal string alignment): insertions, deletions, substitutions and swaps of neighbours;
 * letters of either case are the same.
 * NL_FAR where a word is too long to be a slip of anything here. */
int nl_edit_distance(const char *a, const char *b);

/* The nearest of words (ends with NULL); NULL where none is near. */
const char *nl_nearest(const char *word, const char *const *words);

#endif
