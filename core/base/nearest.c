/* Computes the edit distance of two words, with the transposition of neighbours as one edit. */
#include "base/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

enum { LONGEST = 48 };

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static unsigned letters_of(const char *word)
{
    unsigned letters = 0;
    for (; *word; word++)
        letters |= 1u << tolower((unsigned char)*word) % 32;
    return letters;
}

/* Letters that only one of the words has; a slip takes away one of them at most in each word. Most words are told apart
 * by it, at little cost. */
static int unshared(const char *a, const char *b)
{
    unsigned of_a = letters_of(a), of_b = letters_of(b);
    int only_a = __builtin_popcount(of_a & ~of_b), only_b = __builtin_popcount(of_b & ~of_a);
    return only_a > only_b ? only_a : only_b;
}

int nl_edit_distance(const char *a, const char *b, int most)
{
    int rows = (int)strnlen(a, LONGEST + 1), columns = (int)strnlen(b, LONGEST + 1);
    if (rows > LONGEST || columns > LONGEST || abs(rows - columns) > most || unshared(a, b) > most)
        return NL_FAR;
    int cost[LONGEST + 1][LONGEST + 1]; /* cost[i][j]: from the first i characters of a to the first j of b */
    for (int i = 0; i <= rows; i++)
        for (int j = 0; j <= columns; j++) {
            if (i == 0 || j == 0) {
                cost[i][j] = i + j;
                continue;
            }
            cost[i][j] =
                least(least(cost[i - 1][j], cost[i][j - 1]) + 1, cost[i - 1][j - 1] + !same(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                cost[i][j] = least(cost[i][j], cost[i - 2][j - 2] + 1);
        }
    return cost[rows][columns] <= most ? cost[rows][columns] : NL_FAR;
}

int nl_slips(const char *word, const char *b, int most)
{
    size_t length = strlen(word);
    int distance = nl_edit_distance(word, b, most);
    return distance > 1 && length >= 3 && strncasecmp(word, b, length) == 0 ? 1 : distance;
}

const char *nl_nearest(const char *word, const char *const *words)
{
    const char *best = NULL;
    int letters = (int)strlen(word + strspn(word, "-")), most = letters / 3 > 1 ? letters / 3 : 1;
    for (; *words; words++) {
        int distance = nl_slips(word, *words, most);
        if (distance <= most) {
            best = *words;
            most = distance - 1;
        }
    }
    return best;
}

bool nl_alike(const char *word, const char *name, bool beginning)
{
    static const char between[] = " _-";
    for (;; word++, name++) {
        word += strspn(word, between);
        name += strspn(name, between);
        if (!*word)
            return beginning || !*name;
        if (tolower((unsigned char)*word) != tolower((unsigned char)*name))
            return false;
    }
}

bool nl_alike_any(const char *word, const char *words)
{
    bool found = false;
    for (const char *at = words; *at && !found; at += strspn(at, ", ")) {
        size_t length = strcspn(at, ",");
        char *one = nl_format("%.*s", (int)length, at);
        found = nl_alike(word, one, false);
        free(one);
        at += length;
    }
    return found;
}

/* "norm1" of "*norm1*": what it says without its ends. New string. */
static char *core_of(const char *pattern)
{
    const char *colon = strchr(pattern, ':');
    pattern = colon ? colon + 1 : pattern;
    pattern += strspn(pattern, "*?.");
    return nl_format("%.*s", (int)strcspn(pattern, "*?"), pattern);
}

char *nl_near_names(const char *pattern, const char *const *names, int count)
{
    enum { SHOWN = 3 };
    struct nl_text out = {0};
    char *core = core_of(pattern);
    int slips = 1 + (int)strlen(pattern) / 4, shown = 0;
    nl_text_add(&out, "%s", "");
    for (int most = 1; most <= slips + 1 && !shown; most++) /* the nearest; last, those that have it somewhere */
        for (int i = 0; i < count && shown < SHOWN; i++) {
            bool near =
                most <= slips ? nl_edit_distance(pattern, names[i], most) <= most : *core && strstr(names[i], core);
            if (near)
                nl_text_add(&out, "%s'%s'", shown++ ? ", " : "", names[i]);
        }
    for (int i = 0; i < count && !shown && i < SHOWN; i++)
        nl_text_add(&out, "%s'%s'", i ? ", " : "", names[i]);
    free(core);
    return out.at;
}
