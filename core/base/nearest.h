/* 'Did you mean': the nearest word by edit distance. */
#ifndef NL_BASE_NEAREST_H
#define NL_BASE_NEAREST_H

#include <stdbool.h>

enum { NL_FAR = 1 << 30 }; /* more than any word has letters */

/* Damerau and Levenshtein's distance (optimal string alignment): insertions, deletions, substitutions and swaps of
 * neighbours; letters of either case are the same. NL_FAR where it is more than `most`, or a word is too long to be a
 * slip of anything here. */
int nl_edit_distance(const char *a, const char *b, int most);

/* How many slips away a word is, as the edit distance; but a word of three letters or more that b begins with is one
 * slip away: "optim" is near "optimizer". */
int nl_slips(const char *word, const char *b, int most);

/* The nearest of words (ends with NULL); NULL where none is near: one slip, or one for every three letters. */
const char *nl_nearest(const char *word, const char *const *words);

/* "'norm1', 'norm2', 'norm3'": the names that are nearest to a pattern with '*' and '?', a few of them: by edit
 * distance, or those that have what it says between its ends, or else the first. New string. */
char *nl_near_names(const char *pattern, const char *const *names, int count);

/* Whether the letters of a word are those of the name, whatever their case and what stands between them; beginning: or
 * those that the name begins with. */
bool nl_alike(const char *word, const char *name, bool beginning);

/* Whether the word is like one of several, which have ", " between them. */
bool nl_alike_any(const char *word, const char *words);

#endif
