/* Predicts widths and chances for a number of seeds from the spread that was seen. */
#include "stats/power.h"

#include <math.h>
#include <string.h>

#include "stats/distribution.h"

/* The standard deviation of one value. The overlap of the seeds' parts is in every mean of them. */
static double spread_of(const struct nl_estimate *estimate)
{
    return estimate->se / sqrt(1.0 / estimate->n + estimate->overlap / (1.0 - estimate->overlap));
}

double nl_standard_error_at(const struct nl_estimate *now, int seeds)
{
    return spread_of(now) * sqrt(1.0 / seeds + now->overlap / (1.0 - now->overlap));
}

int nl_seeds_for_width(const struct nl_estimate *first, double half_width, double level, int most)
{
    if (first->n < 2 || first->se == 0.0)
        return first->n;
    double t = nl_t_quantile(0.5 * (1.0 + level), first->freedom), spread = spread_of(first);
    double rest = pow(half_width / (t * spread), 2) - first->overlap / (1.0 - first->overlap); /* must be 1/N or more */
    if (!(rest > 0.0))
        return -1;
    double seeds = ceil(1.0 / rest * (1.0 - 1e-12));
    return seeds <= first->n ? first->n : seeds >= most ? most : (int)seeds;
}

/* The density of s / sigma, which is chi over the root of its degrees of freedom. */
static double spread_density(double s, double freedom)
{
    double f = freedom, power = freedom > 1.0 ? (f - 1.0) * log(s) : 0.0; /* s^0 is 1 at 0, too */
    return 2.0 * exp(0.5 * f * log(0.5 * f) - lgamma(0.5 * f) + power - 0.5 * f * s * s);
}

double nl_finding_chance(double effect, double smallest, double se, double freedom, double alpha)
{
    enum { STEPS = 1000 };
    double beyond = effect - smallest;
    if (se == 0.0)
        return beyond > 0.0 ? 1.0 : 0.0;
    /* In units of se, over s / sigma by Simpson's rule: the mean must reach t s / sigma. Beyond the last s nothing is
     * left. */
    double t = nl_t_quantile(1.0 - 0.5 * alpha, freedom),
           most = fmax(0.0, fmin((9.0 + beyond / se) / t, 1.0 + 8.0 / sqrt(freedom))), sum = 0.0;
    for (int i = 0; i <= STEPS; i++) {
        double s = i * most / STEPS, weight = i == 0 || i == STEPS ? 1.0 : i % 2 ? 4.0 : 2.0;
        sum += weight * spread_density(s, freedom) * 0.5 * erfc((t * s - beyond / se) / M_SQRT2);
    }
    return sum * most / STEPS / 3.0;
}

int nl_seeds_for_chance(const struct nl_estimate *now, double effect, double smallest, double alpha, double chance,
                        int most)
{
    if (now->n < 2)
        return -1;
    for (int seeds = NL_LEAST_PAIRS; seeds <= most; seeds++)
        if (nl_finding_chance(effect, smallest, nl_standard_error_at(now, seeds), seeds - 1, alpha) >= chance)
            return seeds;
    return -1;
}

bool nl_claim_need(const struct nl_claim *claim, const struct nl_rule *rule, const struct nl_aim *aim,
                   struct nl_need *out)
{
    const struct nl_estimate *now = &claim->effect;
    bool ratio = nl_is_ratio(claim->unit); /* judged as logarithms */
    double scale = ratio ? 1.0 : claim->scale;
    if (now->freedom < 1 || !(now->se > 0.0))
        return false;
    double width = ratio ? log(aim->half_width) : aim->half_width / scale,
           effect = ratio ? log(aim->effect) : aim->effect / scale;
    double smallest = ratio ? log(rule->smallest) : rule->smallest / scale;
    double t = nl_t_quantile(0.5 * (1.0 + rule->level), now->freedom),
           z = nl_normal_quantile(0.5 * (1.0 + rule->level));
    double read[] = {spread_of(now), t * now->se, z * spread_of(now) * sqrt(now->overlap / (1.0 - now->overlap))};
    for (int i = 0; i < 3; i++)
        read[i] = ratio ? exp(read[i]) : read[i] * scale;
    *out = (struct nl_need){.spread = read[0], .half_width = read[1], .narrowest = read[2]};
    out->for_width = nl_seeds_for_width(now, width, rule->level, aim->most + 1);
    out->for_width = out->for_width > aim->most ? -1 : out->for_width;
    out->for_effect = nl_seeds_for_chance(now, effect, smallest, aim->alpha, aim->chance, aim->most);
    return true;
}
