#include "config/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { LONGEST = 48 };

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

int nl_edit_distance(const char *a, const char *b)
{
    int rows = (int)strnlen(a, LONGEST + 1), columns = (int)strnlen(b, LONGEST + 1);
    if (rows > LONGEST || columns > LONGEST)
        return NL_FAR;
    int cost[LONGEST + 1][LONGEST + 1]; /* cost[i][j]: from the first i characters of a to the first j of b */
    for (int i = 0; i <= rows; i++)
        for (int j = 0; j <= columns; j++) {
            if (i == 0 || j == 0) {
                cost[i][j] = i + j;
                continue;
            }
            cost[i][j] = least(least(cost[i - 1][j], cost[i][j - 1]) + 1, cost[i - 1][j - 1] + !same(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                cost[i][j] = least(cost[i][j], cost[i - 2][j - 2] + 1);
        }
    return cost[rows][columns];
}

int nl_slips(const char *word, const char *b)
{
    size_t length = strlen(word);
    int distance = nl_edit_distance(word, b);
    return distance > 1 && length >= 3 && strncasecmp(word, b, length) == 0 ? 1 : distance;
}

const char *nl_nearest(const char *word, const char *const *words)
{
    const char *best = NULL;
    int best_distance = NL_FAR;
    for (; *words; words++) {
        int distance = nl_slips(word, *words);
        if (distance < best_distance) {
            best_distance = distance;
            best = *words;
        }
    }
    int letters = (int)strlen(word + strspn(word, "-"));
    return best_distance <= 1 || best_distance <= letters / 3 ? best : NULL;
}
