/* The phrases that answers are made of. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats/answer.h"

void nl_say_number(struct nl_text *out, double scaled, bool percent, bool sign)
{
    int digits = percent ? (fabs(scaled) < 9.995 ? 2 : 1) : fabs(scaled) < 0.1 ? 4 : 3;
    if (fabs(scaled) >= 1e7)
        nl_text_add(out, sign ? "%+.4g" : "%.4g", scaled);
    else
        nl_text_add(out, sign ? "%+.*f" : "%.*f", digits, scaled);
}

void nl_say_value(struct nl_text *out, double value, const struct nl_measure *measure)
{
    nl_say_number(out, value * measure->scale, measure->scale == 100.0, false);
    if (*measure->unit)
        nl_text_add(out, " %s", measure->unit);
}

void nl_say_range(struct nl_text *out, char *low, char *high)
{
    nl_text_add(out, strcmp(low, high) == 0 ? "%s" : "%s to %s", low, high);
    free(low);
    free(high);
}

bool nl_tied(double a, double b)
{
    return a == b || fabs(a - b) <= 1e-12 * fmax(fabs(a), fabs(b));
}

void nl_say_interval_of(struct nl_text *out, const struct nl_estimate *mean, const struct nl_measure *measure)
{
    if (isnan(mean->lower) || isnan(mean->upper))
        return;
    nl_say_number(out, mean->lower * measure->scale, measure->scale == 100.0, false);
    nl_text_add(out, " to ");
    nl_say_number(out, mean->upper * measure->scale, measure->scale == 100.0, false);
}

static bool is_ratio(const struct nl_claim *claim)
{
    return nl_is_ratio(claim->unit);
}

static void say_scaled(struct nl_text *out, const struct nl_claim *claim, double value, bool sign)
{
    if (is_ratio(claim))
        nl_text_add(out, "%.3g", value);
    else
        nl_say_number(out, value * claim->scale, claim->scale == 100.0, sign);
}

void nl_say_effect(struct nl_text *out, const struct nl_claim *claim, double level, bool sign)
{
    const struct nl_estimate *effect = &claim->effect;
    say_scaled(out, claim, sign || is_ratio(claim) ? effect->mean : fabs(effect->mean), sign);
    nl_text_add(out, is_ratio(claim) || !*claim->unit ? "%s" : " %s", claim->unit);
    if (effect->n < 2 || isnan(effect->lower) || isnan(effect->upper)) {
        nl_text_add(out, effect->n < 2 ? " (one seed: no interval)" : " (no interval)");
        return;
    }
    bool turned = !sign && effect->mean < 0.0 && !is_ratio(claim); /* "loses 3 points less (1 to 5)" */
    nl_text_add(out, " (%g %% CI ", 100.0 * level);
    say_scaled(out, claim, turned ? -effect->upper : effect->lower, false);
    nl_text_add(out, " to ");
    say_scaled(out, claim, turned ? -effect->lower : effect->upper, false);
    if (claim->other_part > 0.0) {
        nl_text_add(out, " on this test part; another one could shift it by ");
        say_scaled(out, claim, claim->other_part, false);
    }
    nl_text_add(out, ")");
}

/* "2 points", "3x". */
static void say_limit(struct nl_text *out, const struct nl_claim *claim, double limit)
{
    nl_text_add(out, is_ratio(claim) ? "%gx" : "%g %s", limit, nl_unit_of(limit, claim->unit));
}

void nl_say_tests(struct nl_text *out, const struct nl_claim *claim)
{
    const struct nl_asked_test *differs = &claim->test[NL_DIFFERS], *reaches = &claim->test[NL_REACHES],
                               *agrees = &claim->test[NL_AGREES];
    bool named = reaches->name || agrees->name,
         found = claim->finding == NL_FOUND_MORE || claim->finding == NL_FOUND_LESS;
    bool enough = found && claim->reach == NL_REACH_YES && reaches->name &&
                  claim->smallest > 0.0; /* then there is a difference, too */
    if (!isnan(differs->adjusted) && !enough) {
        nl_text_add(out, ", ");
        nl_say_p(out, differs->adjusted);
        nl_text_add(out, named ? " (difference)" : "");
    }
    bool sized = found || (claim->beyond && !differs->name);
    if (sized && (claim->smallest > 0.0 || !differs->name) && !isnan(reaches->adjusted)) {
        nl_text_add(out, ", ");
        nl_say_p(out, reaches->adjusted);
        if (differs->name) {
            nl_text_add(out, claim->beyond ? " (at least " : " (below ");
            say_limit(out, claim, claim->smallest);
            nl_text_add(out, ")");
        }
    }
    bool counts_any = !(claim->smallest > 0.0), small = !claim->beyond || !reaches->name || (counts_any && !found);
    if (small && !(found && claim->reach == NL_REACH_NO) && !isnan(agrees->adjusted)) {
        nl_text_add(out, ", ");
        nl_say_p(out, agrees->adjusted);
        nl_text_add(out, " (equivalence)");
    }
}

void nl_say_reach(struct nl_text *out, const struct nl_claim *claim)
{
    bool found = claim->finding == NL_FOUND_MORE || claim->finding == NL_FOUND_LESS;
    if (!found || !claim->test[NL_REACHES].name || claim->reach == NL_REACH_YES)
        return;
    nl_text_add(out, claim->reach == NL_REACH_OPEN ? ": there is a difference; whether it reaches "
                                                   : ": there is a difference, of less than ");
    say_limit(out, claim, claim->smallest);
    nl_text_add(out, claim->reach == NL_REACH_OPEN ? " is open" : "");
}

void nl_say_found(struct nl_text *out, const struct nl_claim *claim)
{
    if (claim->finding == NL_FOUND_SAME) {
        nl_text_add(out, ": the same within ");
        say_limit(out, claim, claim->margin);
    } else if (claim->finding == NL_FOUND_NOTHING) {
        nl_text_add(out, ": inconclusive%s%s", claim->obstacle ? ", " : "", claim->obstacle ? claim->obstacle : "");
    } else if (claim->reach == NL_REACH_YES) {
        nl_text_add(out, ": a difference, supported");
    } else {
        nl_say_reach(out, claim);
    }
}

/* " of at least 2 points", " within 1.5x". */
static void say_size(struct nl_text *out, const char *before, double size, const char *unit)
{
    nl_text_add(out, nl_is_ratio(unit) ? "%s %g%s" : "%s %g %s", before, size, nl_unit_of(size, unit));
}

int nl_claims_apart(const struct nl_answer *answer)
{
    int apart = 0;
    for (int i = 0; i < answer->claims; i++)
        apart += answer->claim[i].effect.first_n > 0;
    return apart;
}

void nl_say_runs(struct nl_text *out, const struct nl_estimate *effect)
{
    if (effect->first_n > 0)
        nl_text_add(out, ", %d and %s, no pairs", effect->first_n, NL_COUNT(effect->second_n, "run"));
    else
        nl_text_add(out, ", %s", NL_COUNT(effect->n, "pair"));
}

void nl_say_comparisons(struct nl_answer *answer, int first, int count, const struct nl_experiment *experiment,
                        const struct nl_rule *rule, const char *unit)
{
    struct nl_text *out = &answer->headline;
    int supported = 0, same = 0, open = 0;
    for (int i = first; i < first + count; i++) {
        supported += answer->claim[i].verdict == NL_SUPPORTED;
        same += answer->claim[i].finding == NL_FOUND_SAME;
        open += answer->claim[i].finding == NL_FOUND_NOTHING;
    }
    int smaller = count - supported - same - open;
    if (count == 0)
        return;
    nl_text_add(out, "Of %s%s, %d %s a difference",
                nl_claims_apart(answer) ? NL_COUNT(count, "comparison") : NL_COUNT(count, "paired comparison"),
                experiment->has_baseline ? " with the baseline" : "", supported, nl_agree(supported, "shows", "show"));
    if (rule->smallest > 0.0)
        say_size(out, " of at least", rule->smallest, unit);
    if (smaller)
        nl_text_add(out, ", %d %s one that may be smaller", smaller, nl_agree(smaller, "shows", "show"));
    if (rule->margin > 0.0) {
        nl_text_add(out, ", %d %s none", same, nl_agree(same, "shows", "show"));
        say_size(out, " within", rule->margin, unit);
    }
    nl_text_add(out, ", %d %s inconclusive.\n", open, nl_agree(open, "is", "are"));
}

void nl_say_proof(struct nl_text *out, const struct nl_claim *claim, const char *const names[2])
{
    nl_say_tests(out, claim);
    nl_say_runs(out, &claim->effect);
    if (!claim->failed[0] && !claim->failed[1])
        return;
    nl_text_add(out, "; failed runs: ");
    for (int side = 0; side < 2 && claim->runs[side]; side++) {
        nl_text_add(out, "%s%d of %d", side ? ", " : "", claim->failed[side], claim->runs[side]);
        if (claim->runs[1])
            nl_text_add(out, names ? " %s" : " with %s", names ? names[side] : side ? claim->against : claim->method);
    }
}

void nl_say_failures(struct nl_text *out, const struct nl_failures *failures)
{
    if (failures->failed)
        nl_text_add(out, "Failed runs: %d of %d (%d diverged, %d at chance, %d ended with an error).", failures->failed,
                    failures->runs, failures->diverged, failures->dead,
                    failures->failed - failures->diverged - failures->dead);
    else
        nl_text_add(out, "Failed runs: none of %d.", failures->runs);
}

void nl_say_p(struct nl_text *out, double p)
{
    bool close =
        fabs(p - 0.05) < 0.0015 || fabs(p - 0.01) < 0.0003; /* to a level that is often asked for: one digit more */
    if (p < 0.001)
        nl_text_add(out, "p < 0.001");
    else
        nl_text_add(out, p >= 0.0995 ? "p = %.2f" : close ? "p = %.3g" : "p = %.2g", p);
}

void nl_say_interval(struct nl_text *out, const struct nl_config *config, const struct nl_metric_column *metric,
                     int seeds)
{
    if (config->plot.interval == NL_INTERVAL_BOOTSTRAP)
        nl_text_add(out, "percentile bootstrap%s",
                    seeds < NL_BOOTSTRAP_SEEDS ? ", which undercovers with so few seeds" : "");
    else
        nl_text_add(out, "t%s", metric->sampling.overlap > 0.0 ? ", corrected for overlapping splits" : "");
    if (metric->measure.by_ratio)
        nl_text_add(out, " of logarithms");
}

void nl_order_down(const double *key, int count, int *order)
{
    for (int i = 0; i < count; i++) {
        int at = i;
        for (; at > 0 && (key[order[at - 1]] < key[i] || (isnan(key[order[at - 1]]) && !isnan(key[i]))); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

void nl_say_comma(struct nl_text *out, int index, int count)
{
    if (index > 0)
        nl_text_add(out, index == count - 1 ? " and " : ", ");
}

void nl_say_names(struct nl_text *out, const char *const *name, int count, const char *noun)
{
    bool commas = false;
    for (int i = 0; i < count; i++)
        commas |= strchr(name[i], ',') != NULL;
    if (count > NL_NAMED)
        nl_text_add(out, "%s", NL_COUNT(count, noun));
    for (int i = 0; i < count && count <= NL_NAMED; i++) {
        if (commas && i > 0 && i < count - 1)
            nl_text_add(out, "; ");
        else
            nl_say_comma(out, i, count);
        nl_text_add(out, "%s", name[i]);
    }
}
