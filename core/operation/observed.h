#ifndef NL_OPERATION_OBSERVED_H
#define NL_OPERATION_OBSERVED_H

#include <math.h>

#include "base/everywhere.h"

/* What is seen of a tensor, for a log (graph/quantities.def). Powers of the deviations from the mean are summed beside
 * the squares: those of numbers far from zero would be lost in them. Doubles alone: checkpoints keep them so. */
enum { NL_SEEN_QUANTILES = 5 };

struct nl_observed {
    double elements, sum, squares;
    double deviations, cubes, fourths; /* sums of the second, third and fourth powers of the deviations */
    double zeros;                      /* how many */
    double least, most;                /* of the values; NaN where one is */
    /* What only a change d = x - before has; else 0: */
    double weight, along; /* sums of before^2 and of before d */
    double across;        /* sum of (d - before along / weight)^2: of what is orthogonal to before */
    /* What only a tensor that is there as a whole has (train/aside.h); else NaN: */
    double quantile[NL_SEEN_QUANTILES]; /* below which are 1, 25, 50, 75 and 99 % of the elements */
    double middle;                      /* the median of the absolute values */
    /* What only the update of a parameter has; else NaN: */
    double rate; /* the effective learning rate */
};

/* What is seen where there is no element. */
static inline NL_EVERYWHERE struct nl_observed nl_unseen(void)
{
    const struct nl_observed none = {0,   0,  0, 0, 0, 0, 0, INFINITY, -INFINITY, 0, 0, 0, {NAN, NAN, NAN, NAN, NAN},
                                     NAN, NAN};
    return none;
}

/* The larger, or the one that is no number. */
static inline NL_EVERYWHERE double nl_larger_seen(double a, double b)
{
    return a >= b || a != a ? a : b;
}

/* along / weight, of a change */
static inline NL_EVERYWHERE double nl_seen_along(const struct nl_observed *seen)
{
    return seen->weight > 0 ? seen->along / seen->weight : 0;
}

/* The first look at an element. from: of a change what it is added to, else 0. */
static inline NL_EVERYWHERE void nl_see(struct nl_observed *seen, double value, double from)
{
    seen->sum += value;
    seen->squares += value * value;
    seen->zeros += value == 0;
    seen->least = -nl_larger_seen(-seen->least, -value);
    seen->most = nl_larger_seen(seen->most, value);
    seen->weight += from * from;
    seen->along += from * value;
}

/* The second, when the first has been at all: how far it is from their mean; across: of a change what of it is
 * orthogonal to what it is added to, else 0. */
static inline NL_EVERYWHERE void nl_see_again(struct nl_observed *seen, double deviation, double across)
{
    double square = deviation * deviation;
    seen->deviations += square;
    seen->cubes += square * deviation;
    seen->fourths += square * square;
    seen->across += across * across;
}

/* What is seen of two tensors together: sums of powers of deviations from the common mean (Chan, Golub and LeVeque
 * 1979; of the third and fourth: Pebay 2008, equations 2.1 to 2.3 with p = 3, 4). */
static inline NL_EVERYWHERE struct nl_observed nl_seen_together(struct nl_observed a, struct nl_observed b)
{
    if (!(a.elements > 0))
        return b;
    double n = a.elements + b.elements, apart = b.sum / b.elements - a.sum / a.elements, of_a = a.elements / n,
           of_b = b.elements / n, square = apart * apart;
    a.fourths += b.fourths + square * square * (a.elements * of_b) * (of_a * of_a - of_a * of_b + of_b * of_b) +
                 6 * square * (of_a * of_a * b.deviations + of_b * of_b * a.deviations) +
                 4 * apart * (of_a * b.cubes - of_b * a.cubes);
    a.cubes += b.cubes + square * apart * (a.elements * of_b) * (of_a - of_b) +
               3 * apart * (of_a * b.deviations - of_b * a.deviations);
    a.deviations += b.deviations + square * (a.elements * b.elements / n);
    a.elements = n;
    a.sum += b.sum;
    a.squares += b.squares;
    a.zeros += b.zeros;
    a.least = -nl_larger_seen(-a.least, -b.least);
    a.most = nl_larger_seen(a.most, b.most);
    if (a.weight > 0 && b.weight > 0) { /* as deviations, each of the weight before^2 */
        double turned = b.along / b.weight - a.along / a.weight;
        a.across += turned * turned * (a.weight * b.weight / (a.weight + b.weight));
    }
    a.across += b.across;
    a.weight += b.weight;
    a.along += b.along;
    return a;
}

#endif
