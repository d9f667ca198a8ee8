/* Computes a claim's effect, interval and tests, corrects them for all claims of an answer, and reaches a verdict. */
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
    static const char *const units[][2] = {{"points", "point"},
                                           {"nats", "nat"},
                                           {"bits", "bit"},
                                           {"decades", "decade"},
                                           {"points per doubling", "point per doubling"},
                                           {"nats per doubling", "nat per doubling"}};
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
    } automatic[] = {{"points", 2.0, 1.5},
                     {"nats", 0.05, 0.04},
                     {"bits", 0.07, 0.055},
                     {"of perplexity", 0.2, 0.15},
                     {NL_SQUARED_STEP, 0.01, 0.0075},
                     {"x", 3.0, 3.0}};
    struct nl_rule rule = {.smallest = experiment->config.plot.min_effect,
                           .margin = experiment->config.plot.margin,
                           .level = experiment->config.plot.level,
                           .exact = experiment->config.plot.test == NL_TEST_SIGN_FLIP};
    for (size_t i = 0; i < sizeof automatic / sizeof *automatic; i++)
        if (strcmp(automatic[i].unit, unit) == 0) {
            rule.smallest = rule.smallest == NL_AUTO ? automatic[i].smallest : rule.smallest;
            rule.margin = rule.margin == NL_AUTO ? automatic[i].margin : rule.margin;
        }
    return rule;
}

/* The p-value against an effect of `threshold`, two-sided. exact: by the sign-flip test of the values[count] that it
 * was estimated from. */
static double effect_p(const struct nl_estimate *effect, const double *values, int count, double threshold, bool exact)
{
    if (!exact)
        return nl_threshold_p(effect, threshold);
    double *moved = nl_alloc((size_t)count, sizeof *moved);
    for (int i = 0; i < count; i++)
        moved[i] = values[i] - threshold;
    double p = nl_sign_flip_p(moved, count);
    free(moved);
    return p;
}

double nl_beyond_p(const struct nl_estimate *effect, const double *values, int count, double from, double side,
                   bool exact)
{
    return side * (effect->mean - from) > 0.0 ? effect_p(effect, values, count, from, exact) : 1.0;
}

void nl_claim_test(struct nl_claim *claim, const struct nl_rule *rule, const double *values, int count, double equal_p)
{
    double mean = claim->effect.mean, smallest = rule->smallest / claim->scale;
    bool apart = claim->effect.first_n > 0, exact = rule->exact && !apart;
    const char *name = exact ? "exact sign flip" : apart ? "Welch t" : "paired t";
    claim->exact = exact;
    claim->points = mean < 0.0 ? NL_FOUND_LESS : NL_FOUND_MORE;
    claim->beyond = fabs(mean) >= smallest;
    claim->smallest = rule->smallest;
    claim->margin = rule->margin;
    claim->test[NL_DIFFERS] = (struct nl_asked_test){name, effect_p(&claim->effect, values, count, 0.0, exact), NAN};
    claim->test[NL_REACHES] =
        (struct nl_asked_test){name, effect_p(&claim->effect, values, count, copysign(smallest, mean), exact), NAN};
    claim->test[NL_AGREES] = (struct nl_asked_test){
        "two one-sided t", isnan(equal_p) ? nl_equivalence_p(&claim->effect, rule->margin / claim->scale) : equal_p,
        NAN};
}

void nl_claim_need_runs(struct nl_claim *claim, const struct nl_cell *const *cell, int count)
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

void nl_claim_need_cells(struct nl_claim *claim, const struct nl_cell *const *cell, int count)
{
    const char *untrained = NULL;
    for (int i = 0; i < count; i++)
        untrained = cell[i] && cell[i]->untrained ? cell[i]->untrained : untrained;
    nl_claim_need_runs(claim, cell, count);
    if (!claim->obstacle && untrained)
        claim->obstacle = nl_format("%s, so nothing was trained", untrained);
}

void nl_claim_need_room(struct nl_claim *claim, const int at_end[2], int pairs)
{
    int end = at_end[1] > at_end[0];
    if (!claim->obstacle && pairs > 0 && at_end[end] >= NL_SATURATED * pairs)
        claim->obstacle = nl_format("saturated (%d of %s at %d %%)", at_end[end], NL_COUNT(pairs, "pair"), 100 * end);
}

void nl_claim_need_pairs(struct nl_claim *claim, const struct nl_rule *rule)
{
    bool apart = claim->effect.first_n > 0;
    int least = rule->exact && !apart ? NL_LEAST_FLIPS : NL_LEAST_PAIRS;
    if (!claim->obstacle && claim->effect.n < least)
        claim->obstacle = nl_format(apart ? "a verdict needs %d runs on each side" : "a verdict needs %d pairs", least);
    if (!claim->obstacle && claim->exact && claim->beyond && isnan(nl_claim_decides(claim)->p))
        claim->obstacle = nl_format("the exact test is made for at most %d pairs", NL_SIGN_FLIPS);
}

static const struct nl_asked_test *first_asked(const struct nl_claim *claim)
{
    int asked = 0;
    while (asked < NL_AGREES && !claim->test[asked].name)
        asked++;
    return &claim->test[asked];
}

const struct nl_asked_test *nl_claim_decides(const struct nl_claim *claim)
{
    const struct nl_asked_test *first = first_asked(claim);
    if (claim->finding == NL_FOUND_SAME)
        return &claim->test[NL_AGREES];
    return claim->finding != NL_FOUND_NOTHING && claim->reach != NL_REACH_OPEN && claim->test[NL_REACHES].name
               ? &claim->test[NL_REACHES]
               : first;
}

static bool is_tested(const struct nl_claim *claim)
{
    bool any = false;
    for (int i = 0; i < NL_ASKED; i++)
        any |= claim->test[i].name && !isnan(claim->test[i].p);
    return any && !claim->obstacle;
}

static void adjust(struct nl_claim *claim, int count, int tests, enum nl_adjustment adjustment)
{
    double *p = nl_alloc((size_t)tests + 1, sizeof *p);
    int at = 0;
    for (int i = 0; i < count; i++)
        for (int k = 0; k < NL_ASKED; k++)
            claim[i].test[k].adjusted =
                is_tested(&claim[i]) && claim[i].test[k].name ? fmin(1.0, tests * claim[i].test[k].p) : NAN;
    for (int i = 0; i < count; i++)
        if (is_tested(&claim[i]))
            p[at++] = first_asked(&claim[i])->p;
    nl_holm(p, tests);
    for (int i = 0, k = 0; adjustment == NL_HOLM && i < count; i++)
        if (is_tested(&claim[i]))
            claim[i].test[first_asked(&claim[i]) - claim[i].test].adjusted = p[k++];
    free(p);
}

static void find(struct nl_claim *claim, double risk)
{
    bool found[NL_ASKED];
    for (int i = 0; i < NL_ASKED; i++)
        found[i] = !claim->obstacle && claim->test[i].adjusted < risk;
    bool same = found[NL_AGREES] && !claim->not_same;
    if (claim->test[NL_REACHES].name)
        claim->reach = !found[NL_REACHES] ? NL_REACH_OPEN : claim->beyond ? NL_REACH_YES : NL_REACH_NO;
    else /* any effect counts */
        claim->reach = found[NL_DIFFERS] ? NL_REACH_YES : NL_REACH_OPEN;
    if (claim->reach == NL_REACH_YES || (found[NL_DIFFERS] && !same))
        claim->finding = claim->points;
    else
        claim->finding = same ? NL_FOUND_SAME : NL_FOUND_NOTHING;
}

/* What an exact test of so few pairs cannot find. */
static void need_more_pairs(struct nl_claim *claim, int tests, double risk)
{
    const struct nl_asked_test *first = first_asked(claim);
    if (!claim->exact || claim->obstacle || claim->finding == NL_FOUND_SAME ||
        (claim->finding == NL_FOUND_NOTHING && !claim->beyond))
        return;
    if (tests > 1 && claim->effect.n < NL_LEAST_FLIPS_OF_MANY)
        claim->obstacle = nl_format("an exact test among several needs %d pairs", NL_LEAST_FLIPS_OF_MANY);
    else if (first->adjusted >= risk && first->p <= ldexp(1.0, 1 - claim->effect.n))
        claim->obstacle = nl_format("%s cannot reach p < %.3g in an exact test among %d",
                                    NL_COUNT(claim->effect.n, "pair"), risk, tests);
    if (claim->obstacle)
        claim->finding = NL_FOUND_NOTHING;
}

static enum nl_verdict verdict_on(const struct nl_claim *claim)
{
    if (claim->finding == NL_FOUND_NOTHING)
        return NL_INCONCLUSIVE;
    if (claim->finding == NL_FOUND_SAME)
        return claim->expected == NL_FOUND_SAME ? NL_SUPPORTED : NL_NOT_SUPPORTED;
    if (claim->expected == NL_FOUND_SAME)
        return claim->reach == NL_REACH_YES ? NL_NOT_SUPPORTED : NL_INCONCLUSIVE;
    if (claim->finding != claim->expected || claim->reach == NL_REACH_NO)
        return NL_NOT_SUPPORTED;
    return claim->reach == NL_REACH_YES ? NL_SUPPORTED : NL_INCONCLUSIVE;
}

int nl_claims_judge(struct nl_claim *claim, int count, enum nl_adjustment adjustment, double level)
{
    int tests = 0;
    for (int i = 0; i < count; i++)
        tests += is_tested(&claim[i]);
    adjust(claim, count, tests, adjustment);
    for (int i = 0; i < count; i++) {
        struct nl_claim *at = &claim[i];
        find(at, 1.0 - level);
        need_more_pairs(at, tests, 1.0 - level);
        if (!at->obstacle && at->finding == NL_FOUND_NOTHING && at->not_same &&
            at->test[NL_AGREES].adjusted < 1.0 - level)
            at->obstacle = nl_strdup(at->not_same); /* which alone was in the way */
        at->verdict = verdict_on(at);
    }
    return tests;
}

void nl_claim_release(struct nl_claim *claim)
{
    free(claim->method);
    free(claim->against);
    free(claim->of);
    free(claim->obstacle);
    free(claim->not_same);
    free(claim->dose);
}
