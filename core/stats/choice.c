/* Compares the values of a key by a metric, point by point and over all points. */
#include "stats/choice.h"

#include <math.h>
#include <stdbool.h>

/* Whether a beats b: fewer runs failed, or as many and the score is better. What has no score has failed runs. */
static bool beats(struct nl_candidate a, struct nl_candidate b)
{
    return a.failed != b.failed ? a.failed < b.failed : a.score < b.score || (isnan(b.score) && !isnan(a.score));
}

int nl_choose(const struct nl_candidate *candidate, int values)
{
    int best = -1;
    for (int v = 0; v < values; v++)
        if (candidate[v].failed >= 0 && (best < 0 || beats(candidate[v], candidate[best])))
            best = v;
    return best;
}

int nl_choose_for_all(const struct nl_candidate *candidate, int points, int values)
{
    int best = -1;
    struct nl_candidate least = {0};
    for (int v = 0; v < values; v++) {
        struct nl_candidate all = {0}; /* its score is the regret */
        bool everywhere = true;
        for (int p = 0; p < points && everywhere; p++) {
            const struct nl_candidate *of = candidate + p * values;
            everywhere = of[v].failed >= 0;
            all.failed += of[v].failed;
            all.score += of[v].score - of[nl_choose(of, values)].score;
        }
        if (everywhere && (best < 0 || beats(all, least))) {
            best = v;
            least = all;
        }
    }
    return best;
}
