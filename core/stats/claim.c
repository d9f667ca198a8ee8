#include "stats/claim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats/distribution.h"

const char *const nl_verdict_names[] = {"supported", "not supported", "inconclusive", NULL};

struct nl_rule nl_rule_for(const struct nl_experiment *experiment, const char *unit)
{
    static const struct {
        const char *unit;
        double smallest, margin;
    } automatic[] = {{"points", 2.0, 1.5}, {"nats", 0.05, 0.04}, {"x", 3.0, 3.0}};
    struct nl_rule rule = {.smallest = experiment->config.plot.min_effect, .margin = experiment->config.plot.margin,
                           .level = experiment->config.plot.level, .exact = experiment->config.plot.test == NL_TEST_SIGN_FLIP};
    for (size_t i = 0; i < sizeof automatic / sizeof *automatic; i++)
        if (strcmp(automatic[i].unit, unit) == 0) {
            rule.smallest = rule.smallest == NL_AUTO ? automatic[i].smallest : rule.smallest;
            rule.margin = rule.margin == NL_AUTO ? automatic[i].margin : rule.margin;
        }
    return rule;
}

void nl_claim_test(struct nl_claim *claim, const struct nl_rule *rule, const double *values, int count, double equal_p)
{
    double size = claim->effect.mean * claim->scale;
    bool exact = rule->exact;
    claim->candidate = size >= rule->smallest ? NL_FOUND_MORE : -size >= rule->smallest ? NL_FOUND_LESS : NL_FOUND_SAME;
    if (claim->candidate == NL_FOUND_SAME) {
        claim->p = isnan(equal_p) ? nl_equivalence_p(&claim->effect, rule->margin / claim->scale) : equal_p;
        claim->test = "two one-sided t";
    } else {
        claim->p = exact ? nl_sign_flip_p(values, count) : nl_difference_p(&claim->effect);
        claim->test = exact ? "exact sign flip" : "paired t";
        claim->exact = exact;
    }
    int least = exact ? NL_LEAST_FLIPS : NL_LEAST_PAIRS;
    if (!claim->obstacle && claim->effect.n < least)
        claim->obstacle = nl_format("%d pair%s, and a verdict needs %d", claim->effect.n, claim->effect.n == 1 ? "" : "s", least);
    if (!claim->obstacle && exact && claim->candidate != NL_FOUND_SAME && isnan(claim->p))
        claim->obstacle = nl_format("the exact test is made for at most %d pairs", NL_SIGN_FLIPS);
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

/* Holm's procedure as a sequentially rejective one on a graph (Bretz et al., Statistics in Medicine 28, 2009): every test has an equal share
 * of the error rate, which goes to the others once it has found something. But a claim that leads on keeps its share for what follows it. */
static void adjust(struct nl_claim *claim, const struct ranked *ranked, int tests, double level)
{
    int kept = 0;
    double largest = 0.0;
    for (int i = 0; i < tests; i++) {
        struct nl_claim *at = &claim[ranked[i].index];
        double share = (double)(tests - kept) / tests / (tests - i);
        largest = fmax(largest, fmin(1.0, at->p / share));
        at->adjusted = largest;
        kept += at->leads_on && at->adjusted < 1.0 - level;
    }
}

int nl_claims_judge(struct nl_claim *claim, int count, double level)
{
    struct ranked *ranked = nl_alloc((size_t)count + 1, sizeof *ranked);
    int tests = 0;
    for (int i = 0; i < count; i++) {
        claim[i].adjusted = NAN;
        if (!claim[i].obstacle && !isnan(claim[i].p))
            ranked[tests++] = (struct ranked){claim[i].p, i};
    }
    qsort(ranked, (size_t)tests, sizeof *ranked, by_p);
    adjust(claim, ranked, tests, level);
    free(ranked);
    for (int i = 0; i < count; i++) {
        struct nl_claim *at = &claim[i];
        if (at->exact && tests > 1 && !at->obstacle && at->effect.n < NL_LEAST_FLIPS_OF_MANY)
            at->obstacle = nl_format("%d pairs, and an exact test that shares its error rate with others needs %d", at->effect.n,
                                     NL_LEAST_FLIPS_OF_MANY);
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
