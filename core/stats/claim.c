#include "stats/claim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats/distribution.h"

const char *const nl_verdict_names[] = {"supported", "not supported", "inconclusive", NULL};

bool nl_is_ratio(const char *unit)
{
    return *unit == 'x';
}

const char *nl_unit_of(double value, const char *unit)
{
    static const char *const units[][2] = {{"points", "point"}, {"nats", "nat"}, {"bits", "bit"}, {"decades", "decade"},
                                        {"points per doubling", "point per doubling"}, {"nats per doubling", "nat per doubling"}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (value == 1.0 && strcmp(units[i][0], unit) == 0)
            return units[i][1];
    return unit;
}

struct nl_rule nl_rule_for(const struct nl_experiment *experiment, const char *unit)
{
    static const struct {
        const char *unit;
        double smallest, margin;
    } automatic[] = {{"points", 2.0, 1.5}, {"nats", 0.05, 0.04}, {"bits", 0.07, 0.055}, {"of perplexity", 0.2, 0.15}, {NL_SQUARED_STEP, 0.01, 0.0075},
                     {"x", 3.0, 3.0}};
    struct nl_rule rule = {.smallest = experiment->config.plot.min_effect, .margin = experiment->config.plot.margin,
                           .level = experiment->config.plot.level, .exact = experiment->config.plot.test == NL_TEST_SIGN_FLIP};
    for (size_t i = 0; i < sizeof automatic / sizeof *automatic; i++)
        if (strcmp(automatic[i].unit, unit) == 0) {
            rule.smallest = rule.smallest == NL_AUTO ? automatic[i].smallest : rule.smallest;
            rule.margin = rule.margin == NL_AUTO ? automatic[i].margin : rule.margin;
        }
    return rule;
}

/* That a difference, which points beyond the margin, is not within it. */
static double beyond_p(const struct nl_claim *claim, double margin, const double *values, int count)
{
    double mean = claim->effect.mean;
    if (!claim->exact)
        return 1.0 - nl_equivalence_p(&claim->effect, margin);
    if (!(fabs(mean) > margin))
        return 1.0;
    double *moved = nl_alloc((size_t)count, sizeof *moved);
    for (int i = 0; i < count; i++)
        moved[i] = values[i] - copysign(margin, mean);
    double p = nl_sign_flip_p(moved, count);
    free(moved);
    return p;
}

void nl_claim_test(struct nl_claim *claim, const struct nl_rule *rule, const double *values, int count, double equal_p)
{
    double size = claim->effect.mean * claim->scale;
    bool exact = rule->exact;
    claim->candidate = size >= rule->smallest ? NL_FOUND_MORE : -size >= rule->smallest ? NL_FOUND_LESS : NL_FOUND_SAME;
    if (claim->candidate == NL_FOUND_SAME) {
        claim->p = isnan(equal_p) ? nl_equivalence_p(&claim->effect, rule->margin / claim->scale) : equal_p;
        claim->test = "two one-sided t";
        claim->clear_p = rule->margin > rule->smallest ? nl_equivalence_p(&claim->effect, rule->smallest / claim->scale) : claim->p;
    } else {
        claim->p = exact ? nl_sign_flip_p(values, count) : nl_difference_p(&claim->effect);
        claim->test = exact ? "exact sign flip" : "paired t";
        claim->exact = exact;
        claim->clear_p = beyond_p(claim, rule->margin / claim->scale, values, count);
    }
}

void nl_claim_need_cells(struct nl_claim *claim, const struct nl_cell *const *cell, int count)
{
    int missing = 0, planned = 0, errors = 0;
    for (int i = 0; i < count; i++)
        if (cell[i]) {
            missing += cell[i]->planned - cell[i]->trials;
            planned += cell[i]->planned;
            errors += cell[i]->failed - cell[i]->diverged - cell[i]->dead;
        }
    if (!claim->obstacle && missing)
        claim->obstacle = nl_format("trials missing: %d of %d", missing, planned);
    else if (!claim->obstacle && errors)
        claim->obstacle = nl_format("trials that ended with an error: %d of %d", errors, planned);
}

void nl_claim_need_room(struct nl_claim *claim, const int at_end[2], int pairs)
{
    int end = at_end[1] > at_end[0];
    if (!claim->obstacle && pairs > 0 && at_end[end] >= NL_SATURATED * pairs)
        claim->obstacle = nl_format("saturated (%d of %s at %d %%)", at_end[end], NL_COUNT(pairs, "pair"), 100 * end);
}

void nl_claim_need_pairs(struct nl_claim *claim, const struct nl_rule *rule)
{
    int least = rule->exact ? NL_LEAST_FLIPS : NL_LEAST_PAIRS;
    if (!claim->obstacle && claim->effect.n < least)
        claim->obstacle = nl_format("a verdict needs %d pairs", least);
    if (!claim->obstacle && claim->exact && isnan(claim->p))
        claim->obstacle = nl_format("the exact test is made for at most %d pairs", NL_SIGN_FLIPS);
}

/* Holm's procedure as a sequentially rejective one (Bretz et al., Statistics in Medicine 28, 2009; Goeman and Solari, Annals of Statistics
 * 38, 2010): every test has an equal share of the error rate, which goes to the others once its claim is clear. But a claim that leads on
 * keeps its share for what follows it. The claims come sorted by the p-values of being clear; a claim is found with the largest share that it had
 * before its own was free. */
static void adjust(struct nl_claim *const *claim, int tests, double level)
{
    int kept = 0;
    double needed = 0.0; /* the error rate at which all claims before are clear */
    for (int i = 0; i < tests; i++)
        claim[i]->adjusted = 1.0;
    for (int i = 0; i < tests; i++) {
        struct nl_claim *at = claim[i];
        double share = (double)(tests - kept) / tests / (tests - i);
        for (int left = i; left < tests; left++) {
            struct nl_claim *other = claim[left];
            other->adjusted = fmin(other->adjusted, fmax(needed, other->p / share));
        }
        needed = fmax(needed, fmax(at->p, at->clear_p) / share);
        at->clear = needed < 1.0 - level;
        kept += at->leads_on && at->clear;
    }
}

int nl_claims_judge(struct nl_claim *claim, int count, double level)
{
    struct nl_claim **tested = nl_alloc((size_t)count + 1, sizeof(struct nl_claim *)), **sorted = nl_alloc((size_t)count + 1, sizeof(struct nl_claim *));
    double *p = nl_alloc((size_t)count + 1, sizeof *p);
    int *order = nl_alloc((size_t)count + 1, sizeof *order), tests = 0;
    for (int i = 0; i < count; i++) {
        claim[i].adjusted = NAN;
        claim[i].clear = false;
        if (claim[i].obstacle || isnan(claim[i].p))
            continue;
        p[tests] = fmax(claim[i].p, claim[i].clear_p);
        tested[tests++] = &claim[i];
    }
    nl_p_order(p, tests, order);
    for (int i = 0; i < tests; i++)
        sorted[i] = tested[order[i]];
    adjust(sorted, tests, level);
    free(order);
    free(p);
    free(sorted);
    free(tested);
    for (int i = 0; i < count; i++) {
        struct nl_claim *at = &claim[i];
        if (at->exact && tests > 1 && !at->obstacle && at->effect.n < NL_LEAST_FLIPS_OF_MANY)
            at->obstacle = nl_format("an exact test among several needs %d pairs", NL_LEAST_FLIPS_OF_MANY);
        else if (at->exact && !at->obstacle && at->adjusted >= 1.0 - level && at->p <= ldexp(1.0, 1 - at->effect.n))
            at->obstacle = nl_format("%s cannot reach p < %.3g in an exact test among %d", NL_COUNT(at->effect.n, "pair"), 1.0 - level, tests);
        bool found = !at->obstacle && at->adjusted < 1.0 - level;
        at->finding = found ? at->candidate : NL_FOUND_NOTHING;
        at->verdict = !found ? NL_INCONCLUSIVE : at->finding == at->expected ? NL_SUPPORTED : NL_NOT_SUPPORTED;
    }
    return tests;
}

void nl_claim_release(struct nl_claim *claim)
{
    free(claim->method);
    free(claim->against);
    free(claim->obstacle);
    free(claim->dose);
}
