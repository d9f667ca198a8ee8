/* Computes beta, Student's t, normal and hypergeometric distributions, and Holm's correction. */
#include "stats/distribution.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/system.h"

/* The continued fraction of I_x(a, b) (DLMF 8.17.22) by Lentz's method; converges fast for x < (a + 1) / (a + b +
 * 2). */
static double beta_fraction(double x, double a, double b)
{
    const double tiny = 1e-300;
    double c = 1.0;
    double d = 1.0 - (a + b) * x / (a + 1.0);
    d = 1.0 / (fabs(d) < tiny ? tiny : d);
    double result = d;
    for (int m = 1; m <= 500; m++) {
        for (int odd = 0; odd < 2; odd++) {
            double term = odd ? -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
                              : m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
            d = 1.0 + term * d;
            c = 1.0 + term / c;
            d = 1.0 / (fabs(d) < tiny ? tiny : d);
            c = fabs(c) < tiny ? tiny : c;
            result *= d * c;
        }
        if (fabs(d * c - 1.0) < 1e-16)
            break;
    }
    return result;
}

double nl_beta_cdf(double x, double a, double b)
{
    if (!(x > 0.0))
        return 0.0;
    if (x >= 1.0)
        return 1.0;
    double front = exp(nl_log_gamma(a + b) - nl_log_gamma(a) - nl_log_gamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1.0) / (a + b + 2.0))
        return front * beta_fraction(x, a, b) / a;
    return 1.0 - front * beta_fraction(1.0 - x, b, a) / b;
}

double nl_t_two_sided(double t, double freedom)
{
    /* Takes the one of two arguments, which sum to 1, that keeps its digits for t near 0 and for large t. They
     * change where the fraction of nl_beta_cdf does, so that a small tail is never what a sum leaves of 1. */
    double square = t * t;
    if (square * (freedom + 2.0) < 3.0 * freedom)
        return 1.0 - nl_beta_cdf(square / (freedom + square), 0.5, 0.5 * freedom);
    return nl_beta_cdf(freedom / (freedom + square), 0.5 * freedom, 0.5);
}

double nl_t_quantile(double probability, double freedom)
{
    if (probability == 0.5)
        return 0.0;
    static _Thread_local double last[3]; /* probability, freedom, t: the intervals of an answer all ask for the same */
    if (last[0] == probability && last[1] == freedom)
        return last[2];
    double tail = 2.0 * (probability < 0.5 ? probability : 1.0 - probability);
    double low = 0.0, high = 1.0;
    while (nl_t_two_sided(high, freedom) > tail && high < 1e300)
        high *= 2.0;
    for (int i = 0; i < 200; i++) { /* bisection: the tail is monotone */
        double middle = 0.5 * (low + high);
        if (middle == low || middle == high)
            break;
        if (nl_t_two_sided(middle, freedom) > tail)
            low = middle;
        else
            high = middle;
    }
    last[0] = probability;
    last[1] = freedom;
    last[2] = probability < 0.5 ? -0.5 * (low + high) : 0.5 * (low + high);
    return last[2];
}

double nl_normal_quantile(double probability)
{
    if (probability > 0.5) /* the upper tail keeps its digits only by itself */
        return -nl_normal_quantile(1.0 - probability);
    double low = -40.0, high = 40.0;
    for (int i = 0; i < 200; i++) {
        double middle = 0.5 * (low + high);
        if (middle == low || middle == high)
            break;
        if (0.5 * erfc(-middle * M_SQRT1_2) < probability)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high);
}

/* x with I_x(a, b) = probability, by bisection. */
static double beta_quantile(double probability, double a, double b)
{
    double low = 0.0, high = 1.0;
    for (;;) {
        double middle = 0.5 * (low + high);
        if (middle == low || middle == high)
            return middle;
        *(nl_beta_cdf(middle, a, b) < probability ? &low : &high) = middle;
    }
}

void nl_exact_interval(int k, int n, double level, double *lower, double *upper)
{
    *lower = n == 0 ? NAN : k == 0 ? 0.0 : beta_quantile(0.5 * (1.0 - level), k, n - k + 1.0);
    *upper = n == 0 ? NAN : k == n ? 1.0 : beta_quantile(0.5 * (1.0 + level), k + 1.0, n - k);
}

static double log_choose(int n, int k)
{
    return nl_log_gamma(n + 1.0) - nl_log_gamma(k + 1.0) - nl_log_gamma(n - k + 1.0);
}

double nl_fisher_two_sided(int a, int m, int b, int n)
{
    int failures = a + b;
    int least = failures > n ? failures - n : 0;
    int most = failures < m ? failures : m;
    double all = log_choose(m + n, failures);
    double observed = exp(log_choose(m, a) + log_choose(n, b) - all);
    double sum = 0.0;
    for (int k = least; k <= most; k++) {
        double p = exp(log_choose(m, k) + log_choose(n, failures - k) - all);
        if (p <= observed * (1.0 + 1e-7)) /* equal up to the rounding of log_gamma */
            sum += p;
    }
    return sum < 1.0 ? sum : 1.0;
}

struct ranked {
    double p;
    int index;
};

static int by_p(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->p != b->p)
        return a->p < b->p ? -1 : 1;
    return a->index - b->index;
}

void nl_holm(double *p, int count)
{
    struct ranked *ranked = nl_alloc((size_t)count + 1, sizeof *ranked);
    double largest = 0.0;
    for (int i = 0; i < count; i++)
        ranked[i] = (struct ranked){p[i], i};
    qsort(ranked, (size_t)count, sizeof *ranked, by_p);
    for (int i = 0; i < count; i++) {
        largest = fmax(largest, fmin(1.0, (count - i) * ranked[i].p));
        p[ranked[i].index] = largest;
    }
    free(ranked);
}
