/* sweep.question: lr_tolerance. How much larger a learning rate does a method tolerate than its baseline?
 *
 * The largest usable rate is taken seed by seed (stats/rates.h), once by training accuracy and, where data.val gives a
 * validation part, once by validation loss. The effect is the ratio to the baseline's of the same seed, averaged as
 * logarithms. The grid knows each rate only to lie between two of its own, so the interval runs from the least ratios
 * that the grid allows, less t standard errors, to the largest, more as many: it never closes to a point of the grid.
 * The spread over seeds is taken for at least what rounding to the grid would hide, step / sqrt(12) of each
 * rate. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "norm/norm.h"
#include "stats/answer.h"
#include "stats/distribution.h"
#include "stats/rates.h"

struct question {
    struct nl_answer *answer;
    const struct nl_results *results;
    const struct nl_experiment *experiment;
    struct nl_comparison view;
    struct nl_rule rule;
    int *base;                   /* [methods]: its baseline, -1: none */
    struct nl_rate_range *range; /* [criteria][methods][seeds] */
    bool there[NL_RATE_CRITERIA];
    int *ratio_claim;   /* [criteria][methods]: index, or -1 */
    int *failure_claim; /* [methods] */
};

static struct nl_rate_range *ranges(const struct question *q, int criterion, int method)
{
    return q->range + ((size_t)criterion * (size_t)q->view.methods + (size_t)method) * (size_t)q->results->seeds;
}

static struct nl_claim *ratio_claim(const struct question *q, int criterion, int method)
{
    int index = q->ratio_claim[criterion * q->view.methods + method];
    return index < 0 ? NULL : &q->answer->claim[index];
}

static int baseline_of(const struct question *q, int method)
{
    if (q->experiment->has_baseline)
        return nl_comparison_baseline(&q->view, q->experiment, method);
    for (int i = 0; i < q->view.methods; i++)
        if (nl_norm_is_none(nl_norms[q->view.method[i].norm]) && nl_methods_match(&q->view, method, i))
            return i;
    return -1;
}

/* What is known of a method's largest usable rate. */
struct known {
    int seeds;                 /* that have all trials; of these, those whose rate lies */
    int below, above, unknown; /* below the grid, at its end or beyond, or anywhere */
    double mean; /* of the logarithms of the grid's rates, one step below the grid for those below; NaN without seeds */
};

static bool is_unknown(const struct nl_rate_range *range)
{
    return isinf(range->low) && isinf(range->high);
}

/* How far apart the two rates are, as a logarithm, between which the largest usable one of a seed lies, at most. */
static double resolution(const struct question *q, int criterion, int method)
{
    const struct nl_rate_range *range = ranges(q, criterion, method);
    double widest = 0.0;
    for (int i = 0; i < q->results->seeds; i++)
        if (isfinite(range[i].low) && isfinite(range[i].high))
            widest = fmax(widest, range[i].high - range[i].low);
    return widest > 0.0 ? widest : nl_rate_step(&q->view);
}

static struct known known_rate(const struct question *q, int criterion, int method)
{
    const struct nl_rate_range *range = ranges(q, criterion, method);
    struct known out = {0};
    double sum = 0.0, step = resolution(q, criterion, method);
    for (int i = 0; i < q->results->seeds; i++) {
        if (isnan(range[i].low))
            continue;
        out.seeds++;
        out.unknown += is_unknown(&range[i]);
        out.below += isinf(range[i].low) && !isinf(range[i].high);
        out.above += isinf(range[i].high) && !isinf(range[i].low);
        sum += isinf(range[i].low) ? range[i].high - step : range[i].low;
    }
    out.mean = out.seeds > 0 && out.unknown == 0 ? sum / out.seeds : NAN;
    return out;
}

/* "3.16", "at least 10", "below 0.01", or that it is unknown. */
static void say_rate(struct nl_text *out, const struct question *q, const struct known *known)
{
    if (known->seeds == 0)
        nl_text_add(out, "unknown (no seed has all of its trials)");
    else if (known->unknown > 0)
        nl_text_add(out, "unknown (no rate of the grid is usable for %d of %s)", known->unknown,
                    NL_COUNT(known->seeds, "seed"));
    else if (known->below > 0 && known->above > 0)
        nl_text_add(out, "unknown (below the grid for %d of %s, beyond it for %d)", known->below,
                    NL_COUNT(known->seeds, "seed"), known->above);
    else if (known->below == known->seeds)
        nl_text_add(out, "below %.3g", nl_comparison_x(&q->view, 0));
    else
        nl_text_add(out, "%s%.3g", known->below ? "at most " : known->above ? "at least " : "", exp(known->mean));
}

/* How many seeds have all trials of both methods, and a rate that is not anywhere; the ends of what the grid says of
 * their log ratio. */
static int ratio_ends(const struct question *q, int criterion, int method, double *least, double *largest,
                      double *centre)
{
    const struct nl_rate_range *of = ranges(q, criterion, method), *base = ranges(q, criterion, q->base[method]);
    double step = resolution(q, criterion, method), base_step = resolution(q, criterion, q->base[method]);
    int count = 0;
    for (int i = 0; i < q->results->seeds; i++) {
        if (isnan(of[i].low) || isnan(base[i].low) || is_unknown(&of[i]) || is_unknown(&base[i]))
            continue;
        least[count] = of[i].low - base[i].high;
        largest[count] = of[i].high - base[i].low;
        centre[count++] = (isinf(of[i].low) ? of[i].high - step : of[i].low) -
                          (isinf(base[i].low) ? base[i].high - base_step : base[i].low);
    }
    return count;
}

static bool all_finite(const double *values, int count)
{
    bool finite = true;
    for (int i = 0; i < count; i++)
        finite &= isfinite(values[i]);
    return finite;
}

static void add_obstacle(const struct question *q, struct nl_claim *claim, int criterion, int method)
{
    int both[] = {method, q->base[method]};
    const struct nl_cell **cell = nl_alloc(2 * (size_t)q->view.points, sizeof(const struct nl_cell *));
    for (int i = 0; i < 2; i++)
        for (int point = 0; point < q->view.points; point++)
            cell[i * q->view.points + point] = nl_comparison_cell(&q->view, both[i], point);
    nl_claim_need_cells(claim, cell, 2 * q->view.points);
    free(cell);
    for (int i = 0; i < 2; i++) {
        struct known known = known_rate(q, criterion, both[i]);
        if (!claim->obstacle && known.unknown > 0)
            claim->obstacle =
                nl_format("no rate of the grid is usable with %s for %d of %s: all are too low or too high",
                          q->view.method[both[i]].label, known.unknown, NL_COUNT(known.seeds, "seed"));
    }
    claim->misleads = claim->effect.lower == 0.0 && isinf(claim->effect.upper);
    if (!claim->obstacle && claim->misleads)
        claim->obstacle = nl_strdup("the grid is too narrow for both");
    nl_claim_need_pairs(claim, &q->rule);
}

/* The tests of a ratio, judged as logarithms by the ends of what the grid allows: [0] the least, [1] the largest. */
static void test_ratio(struct nl_claim *claim, const struct nl_rule *rule, const struct nl_estimate end[2],
                       const double *const values[2], int count)
{
    bool more = !(claim->effect.mean < 1.0);
    double side = more ? 1.0 : -1.0, smallest = log(rule->smallest);
    int towards = !more, away = more; /* the end at 1, and the other */
    const char *name = rule->exact ? "exact sign flip" : "paired t";
    claim->points = more ? NL_FOUND_MORE : NL_FOUND_LESS;
    claim->beyond = claim->effect.mean >= rule->smallest || claim->effect.mean <= 1.0 / rule->smallest;
    claim->smallest = claim->margin = rule->smallest;
    claim->exact = rule->exact;
    int decides = claim->beyond ? towards : away;
    claim->test[NL_DIFFERS] =
        (struct nl_asked_test){name, nl_beyond_p(&end[towards], values[towards], count, 0.0, side, rule->exact), NAN};
    claim->test[NL_REACHES] = (struct nl_asked_test){
        name,
        nl_beyond_p(&end[decides], values[decides], count, side * smallest, claim->beyond ? side : -side, rule->exact),
        NAN};
    bool within = end[0].mean > -smallest && end[1].mean < smallest;
    double p = within ? fmax(nl_equivalence_p(&end[0], smallest), nl_equivalence_p(&end[1], smallest)) : 1.0;
    claim->test[NL_AGREES] = (struct nl_asked_test){"two one-sided t", p, NAN};
}

static void add_ratio_claim(struct question *q, int criterion, int method)
{
    int seeds = q->results->seeds;
    double level = q->rule.level;
    double *least = nl_alloc((size_t)seeds, 3 * sizeof *least), *largest = least + seeds, *centre = largest + seeds;
    struct nl_sampling sampling =
        nl_metric_column(q->results, criterion == NL_RATE_BY_ACCURACY ? "train_accuracy" : "val_loss").sampling;
    sampling.floor = hypot(resolution(q, criterion, method), resolution(q, criterion, q->base[method])) / sqrt(12.0);
    q->ratio_claim[criterion * q->view.methods + method] = q->answer->claims;
    struct nl_claim *claim =
        nl_answer_claim(q->answer, q->view.method[method].label, q->view.method[q->base[method]].label,
                        criterion == NL_RATE_BY_ACCURACY ? "tolerates a larger learning rate, by training accuracy"
                                                         : "tolerates a larger learning rate, by validation loss",
                        NL_FOUND_MORE);
    int count = ratio_ends(q, criterion, method, least, largest, centre);
    struct nl_estimate low = {.mean = NAN}, high = {.mean = NAN};
    if (all_finite(least, count))
        low = nl_estimate(least, count, NL_SCALE_REAL, &sampling, NL_INTERVAL_T, level);
    if (all_finite(largest, count))
        high = nl_estimate(largest, count, NL_SCALE_REAL, &sampling, NL_INTERVAL_T, level);
    struct nl_estimate mean = nl_estimate(centre, count, NL_SCALE_REAL, &sampling, NL_INTERVAL_T, level);
    claim->unit = "x";
    claim->effect = (struct nl_estimate){.n = count,
                                         .mean = exp(mean.mean),
                                         .median = exp(mean.median),
                                         .sd = mean.sd,
                                         .se = mean.se,
                                         .overlap = mean.overlap,
                                         .freedom = mean.freedom,
                                         .lower = isnan(low.mean) ? 0.0 : exp(low.lower),
                                         .upper = isnan(high.mean) ? INFINITY : exp(high.upper)};
    test_ratio(claim, &q->rule, (const struct nl_estimate[]){low, high}, (const double *const[]){least, largest},
               count);
    for (int point = 0; point < q->view.points; point++)
        for (int side = 0; side < 2; side++) {
            const struct nl_cell *cell = nl_comparison_cell(&q->view, side ? q->base[method] : method, point);
            claim->failed[side] += cell ? cell->failed : 0;
            claim->runs[side] += cell ? cell->trials : 0;
        }
    add_obstacle(q, claim, criterion, method);
    free(least);
}

/* Whether the method is compared with this baseline. */
static bool is_compared(const struct question *q, int method, int base)
{
    return base >= 0 && q->base[method] == base && method != base && !q->view.method[method].reference &&
           !q->view.method[base].reference;
}

static bool have_rate(const struct question *q, int base, int point)
{
    bool all = nl_comparison_cell(&q->view, base, point);
    for (int method = 0; method < q->view.methods; method++)
        all &= !is_compared(q, method, base) || nl_comparison_cell(&q->view, method, point);
    return all;
}

/* Ten times the mean of the baseline, as a logarithm; NaN: the mean is not known. */
static double tenfold(const struct question *q, int base)
{
    struct known known = known_rate(q, NL_RATE_BY_ACCURACY, base);
    return known.below > 0 || known.above > 0 ? NAN : log(10.0) + known.mean;
}

/* The nearest rate to that which the baseline and all that is compared with it have: refining gives methods rates of
 * their own. -1: none lies within half a decade. */
static int point_of_tenfold(const struct question *q, int base)
{
    double target = tenfold(q, base), nearest = 0.5 * log(10.0);
    int found = -1;
    for (int point = 0; point < q->view.points; point++) {
        double distance = fabs(log(nl_comparison_x(&q->view, point)) - target);
        if (distance < nearest && have_rate(q, base, point)) {
            nearest = distance;
            found = point;
        }
    }
    return found;
}

/* Failed runs of method and baseline at that rate, by Fisher's exact test. */
static void add_failure_claim(struct question *q, int method)
{
    int point = point_of_tenfold(q, q->base[method]);
    const struct nl_cell *cell = point < 0 ? NULL : nl_comparison_cell(&q->view, method, point);
    const struct nl_cell *base = point < 0 ? NULL : nl_comparison_cell(&q->view, q->base[method], point);
    if (!cell || !base || cell->trials == 0 || base->trials == 0)
        return;
    q->failure_claim[method] = q->answer->claims;
    struct nl_claim *claim =
        nl_answer_claim(q->answer, q->view.method[method].label, q->view.method[q->base[method]].label,
                        "fails less often at ten times the baseline's largest usable rate", NL_FOUND_LESS);
    claim->rate = nl_comparison_x(&q->view, point);
    nl_claim_sides(claim, cell, base);
    nl_claim_need_cells(claim, (const struct nl_cell *const[]){cell, base}, 2);
    double share = (double)cell->failed / cell->trials, of_base = (double)base->failed / base->trials;
    claim->effect = (struct nl_estimate){.n = cell->trials < base->trials ? cell->trials : base->trials,
                                         .mean = share - of_base,
                                         .sd = NAN,
                                         .median = NAN,
                                         .se = NAN,
                                         .lower = NAN,
                                         .upper = NAN};
    claim->scale = 100.0;
    claim->unit = "points";
    claim->points = share < of_base ? NL_FOUND_LESS : NL_FOUND_MORE;
    claim->test[NL_DIFFERS] = (struct nl_asked_test){
        "Fisher", nl_fisher_two_sided(cell->failed, cell->trials, base->failed, base->trials), NAN};
    if (!claim->obstacle && claim->effect.n < NL_LEAST_PAIRS)
        claim->obstacle = nl_format("a verdict needs %d runs", NL_LEAST_PAIRS);
}

/* ---- words ---- */

/* "31.6x that of no norm (95 % CI 10 to 100)", or what the end of the grid allows to say: "at least 12x that of no norm
 * (95 % CI from 12 up)". With one seed there is no interval. */
static void say_ratio(struct nl_text *out, const struct nl_claim *claim, double level, bool with_base)
{
    const struct nl_estimate *effect = &claim->effect;
    bool above = isinf(effect->upper), below = effect->lower == 0.0;
    bool alone = isnan(effect->lower) || isnan(effect->upper);
    nl_text_add(out, "%s%.3gx%s%s (",
                alone   ? ""
                : above ? "at least "
                : below ? "at most "
                        : "",
                alone   ? effect->mean
                : above ? effect->lower
                : below ? effect->upper
                        : effect->mean,
                with_base ? " that of " : "", with_base ? claim->against : "");
    if (alone) {
        nl_text_add(out, "one seed: no interval)");
        return;
    }
    nl_text_add(out, "%g %% CI ", 100.0 * level);
    if (above || below)
        nl_text_add(out, above ? "from %.3g up)" : "up to %.3g)", above ? effect->lower : effect->upper);
    else
        nl_text_add(out, "%.3g to %.3g)", effect->lower, effect->upper);
}

/* "no norm", or "its baseline" where not all methods have the same. */
static const char *base_label(const struct question *q)
{
    const char *label = NULL;
    for (int method = 0; method < q->view.methods; method++) {
        const struct nl_claim *claim = ratio_claim(q, NL_RATE_BY_ACCURACY, method);
        if (claim && label && strcmp(label, claim->against) != 0)
            return "its baseline";
        label = claim ? claim->against : label;
    }
    return label;
}

/* "BN tolerates 31.6x the learning rate of no norm (95 % CI 10 to 31.6)"; after the first: "; LN 10x (...)". */
static void say_finding(struct nl_text *out, const struct nl_claim *claim, double level, const char *base, bool first)
{
    const struct nl_estimate *effect = &claim->effect;
    bool larger = claim->finding == NL_FOUND_MORE, at_end = larger ? isinf(effect->upper) : effect->lower == 0.0;
    double size = !at_end ? effect->mean : larger ? effect->lower : effect->upper;
    const char *bound = !at_end ? "" : larger ? "at least " : "at most ";
    if (first)
        nl_text_add(out, "%s tolerates %s%s%.3gx the learning rate of %s", claim->method, larger ? "" : "only ", bound,
                    size, base);
    else
        nl_text_add(out, "; %s %s%s%.3gx", claim->method, larger ? "" : "only ", bound, size);
    if (!at_end)
        nl_text_add(out, " (%g %% CI %.3g to %.3g)", 100.0 * level, effect->lower, effect->upper);
    if (claim->reach != NL_REACH_YES)
        nl_text_add(out, ", %s%s than %.3gx", claim->reach == NL_REACH_OPEN ? "perhaps " : "", larger ? "less" : "more",
                    larger ? claim->smallest : 1.0 / claim->smallest);
}

/* Names of the methods whose claim found this; how many. */
static int with_finding(const struct question *q, enum nl_finding finding, const char **name)
{
    int count = 0;
    for (int method = 0; method < q->view.methods; method++) {
        const struct nl_claim *claim = ratio_claim(q, NL_RATE_BY_ACCURACY, method);
        if (claim && claim->finding == finding)
            name[count++] = q->view.method[method].label;
    }
    return count;
}

/* "10 methods tolerate learning rates 3.2 to at least 21 times those of no norm": where a clause for each would hide
 * the sentence. */
static void say_findings(const struct question *q, enum nl_finding finding, int count, const char *base)
{
    struct nl_text *out = &q->answer->headline;
    double least = INFINITY, most = 0.0;
    bool below = false, above = false;
    int unsure = 0;
    for (int method = 0; method < q->view.methods; method++) {
        const struct nl_claim *claim = ratio_claim(q, NL_RATE_BY_ACCURACY, method);
        if (!claim || claim->finding != finding)
            continue;
        unsure += claim->reach != NL_REACH_YES;
        const struct nl_estimate *effect = &claim->effect;
        below |= effect->lower == 0.0;
        above |= isinf(effect->upper);
        double size = effect->lower == 0.0 ? effect->upper : isinf(effect->upper) ? effect->lower : effect->mean;
        least = fmin(least, size);
        most = fmax(most, size);
    }
    nl_text_add(out, "%s%s %s ", out->length ? "; " : "", NL_COUNT(count, "method"),
                nl_agree(count, "tolerates", "tolerate"));
    nl_say_range(out, nl_format("%s%.3g", below ? "at most " : "", least),
                 nl_format("%s%.3g", above ? "at least " : "", most));
    nl_text_add(out, " times the learning rate of %s", base);
    if (unsure > 0)
        nl_text_add(out, ", %d of them perhaps %s than %.3g times", unsure, finding == NL_FOUND_MORE ? "less" : "more",
                    finding == NL_FOUND_MORE ? q->rule.smallest : 1.0 / q->rule.smallest);
}

static void say_headline(const struct question *q)
{
    struct nl_text *out = &q->answer->headline;
    const char *base = base_label(q);
    const char **name = nl_alloc((size_t)q->view.methods, sizeof(const char *));
    for (int pass = 0; pass < 2; pass++) { /* larger, then smaller ones */
        enum nl_finding found = pass ? NL_FOUND_LESS : NL_FOUND_MORE;
        int count = with_finding(q, found, name);
        if (count > NL_NAMED)
            say_findings(q, found, count, base);
        for (int method = 0; method < q->view.methods && count <= NL_NAMED; method++) {
            const struct nl_claim *claim = ratio_claim(q, NL_RATE_BY_ACCURACY, method);
            if (claim && claim->finding == found)
                say_finding(out, claim, q->rule.level, base, out->length == 0);
        }
    }
    int same = with_finding(q, NL_FOUND_SAME, name);
    if (same > 0) {
        nl_text_add(out, out->length ? "; " : "");
        nl_say_names(out, name, same, "method");
        nl_text_add(out, " %s the same learning rate as %s, within %.3gx", nl_agree(same, "tolerates", "tolerate"),
                    base, q->rule.smallest);
    }
    int open = with_finding(q, NL_FOUND_NOTHING, name);
    if (open > 0) {
        bool alone = out->length == 0;
        nl_text_add(out, alone ? "Whether " : "; inconclusive for ");
        nl_say_names(out, name, open, "method");
        if (alone)
            nl_text_add(out, " %s a larger learning rate than %s is inconclusive",
                        nl_agree(open, "tolerates", "tolerate"), base);
    }
    free(name);
    nl_text_add(out, out->length ? ".\n" : "");
}

/* Without a baseline the rates themselves. */
static void say_rates(const struct question *q)
{
    struct nl_text *out = &q->answer->headline;
    if (out->length > 0)
        return;
    nl_text_add(out, "The largest usable learning rate is ");
    for (int method = 0; method < q->view.methods; method++) {
        struct known known = known_rate(q, NL_RATE_BY_ACCURACY, method);
        nl_text_add(out, method ? "; " : "");
        say_rate(out, q, &known);
        nl_text_add(out, " with %s", q->view.method[method].label);
    }
    nl_text_add(out, ". Nothing is compared: %s.\n",
                q->experiment->has_baseline ? "no method has a counterpart in the baseline" : "there is no baseline");
}

static void say_verdict(struct nl_text *out, const struct nl_claim *claim)
{
    nl_say_tests(out, claim);
    static const char *const rates[] = {
        [NL_FOUND_MORE] = "larger", [NL_FOUND_LESS] = "smaller", [NL_FOUND_SAME] = "the same"};
    if (claim->finding == claim->expected && claim->reach != NL_REACH_YES)
        nl_say_reach(out, claim);
    else if (claim->verdict == NL_NOT_SUPPORTED)
        nl_text_add(out, ": %s, contrary to expectation",
                    claim->expected == NL_FOUND_LESS ? "fails more often" : rates[claim->finding]);
    else
        nl_text_add(out, ": %s", nl_verdict_names[claim->verdict]);
    if (claim->obstacle)
        nl_text_add(out, ", %s", claim->obstacle);
}

static void say_method(const struct question *q, int method)
{
    struct nl_text *out = &q->answer->evidence;
    const struct nl_method *at = &q->view.method[method];
    nl_text_add(out, "  %s: ", at->label);
    if (at->reference) {
        nl_text_add(out, "train.lr does not apply to it.\n");
        return;
    }
    struct known known = known_rate(q, NL_RATE_BY_ACCURACY, method);
    say_rate(out, q, &known);
    const struct nl_claim *claim = ratio_claim(q, NL_RATE_BY_ACCURACY, method),
                          *by_loss = ratio_claim(q, NL_RATE_BY_LOSS, method);
    if (q->base[method] == method)
        nl_text_add(out, ", the baseline");
    if (claim) {
        if (claim->effect.n > 0 && !claim->misleads && known.unknown == 0) {
            nl_text_add(out, ", ");
            say_ratio(out, claim, q->rule.level, true);
            nl_text_add(out, ", %s", NL_COUNT(claim->effect.n, "pair"));
        }
        if (known.unknown > 0) /* the rate says why */
            nl_text_add(out, ": %s", nl_verdict_names[claim->verdict]);
        else
            say_verdict(out, claim);
    }
    if (by_loss && by_loss->effect.n > 0) {
        nl_text_add(out, "; by validation loss ");
        if (!by_loss->misleads)
            say_ratio(out, by_loss, q->rule.level, false);
        say_verdict(out, by_loss);
    }
    nl_text_add(out, ".\n");
}

/* In the order of the grid; many by their rate. */
static void say_methods(const struct question *q)
{
    int methods = q->view.methods, *order = nl_alloc((size_t)methods, sizeof *order);
    double *rate = nl_alloc((size_t)methods, sizeof *rate);
    for (int method = 0; method < methods; method++)
        rate[method] = methods <= NL_MANY ? 0.0 : known_rate(q, NL_RATE_BY_ACCURACY, method).mean;
    nl_order_down(rate, methods, order);
    for (int i = 0; i < methods; i++)
        say_method(q, order[i]);
    free(rate);
    free(order);
}

static void say_share(const struct question *q, const struct nl_claim *claim, int side)
{
    double lower, upper;
    nl_exact_interval(claim->failed[side], claim->runs[side], q->rule.level, &lower, &upper);
    nl_text_add(&q->answer->evidence, "%.0f to %.0f %%", 100.0 * lower, 100.0 * upper);
}

static const struct nl_claim *failure_claim(const struct question *q, int method, int base)
{
    return q->failure_claim[method] < 0 || q->base[method] != base ? NULL : &q->answer->claim[q->failure_claim[method]];
}

/* The first method with as many failures and the same verdict: those are said together. */
static int first_like(const struct question *q, int method, int base)
{
    const struct nl_claim *claim = failure_claim(q, method, base);
    for (int i = 0; i < method; i++) {
        const struct nl_claim *other = failure_claim(q, i, base);
        if (other && other->failed[0] == claim->failed[0] && other->runs[0] == claim->runs[0] &&
            other->verdict == claim->verdict)
            return i;
    }
    return method;
}

/* Failed runs at about ten times a baseline's largest usable rate. */
static void say_failures(const struct question *q, int base)
{
    struct nl_text *out = &q->answer->evidence;
    const char **name = nl_alloc((size_t)q->view.methods, sizeof(const char *));
    bool begun = false, compared = false;
    for (int method = 0; method < q->view.methods; method++) {
        const struct nl_claim *claim = failure_claim(q, method, base);
        compared |= is_compared(q, method, base);
        if (!claim || first_like(q, method, base) != method)
            continue;
        if (!begun) {
            nl_text_add(out,
                        "  Failed runs at learning rate %.3g, about 10x the largest usable one of %s: %s %d of %d (",
                        claim->rate, claim->against, claim->against, claim->failed[1], claim->runs[1]);
            say_share(q, claim, 1);
            nl_text_add(out, ")");
        }
        begun = true;
        int alike = 0;
        for (int i = method; i < q->view.methods; i++)
            if (failure_claim(q, i, base) && first_like(q, i, base) == method)
                name[alike++] = q->view.method[i].label;
        nl_text_add(out, "; ");
        nl_say_names(out, name, alike, "method");
        nl_text_add(out, " %d of %d (", claim->failed[0], claim->runs[0]);
        say_share(q, claim, 0);
        nl_text_add(out, ")");
        say_verdict(out, claim);
    }
    free(name);
    nl_text_add(out, begun ? ".\n" : "");
    if (compared && !begun && !isnan(tenfold(q, base)))
        nl_text_add(out,
                    "  Failed runs are not compared: no learning rate near 10x that of %s was run with every method "
                    "compared with it.\n",
                    q->view.method[base].label);
}

static void say_method_of_judging(const struct question *q)
{
    struct nl_text *out = &q->answer->notes;
    nl_text_add(out,
                "A learning rate is usable if the run does not fail and reaches 0.95 of the method's best training "
                "accuracy with the same seed%s. Rates are geometric means.\n",
                q->there[NL_RATE_BY_LOSS] ? " (by validation loss: 0.95 of the fall from chance)" : "");
    double first = nl_comparison_x(&q->view, 0), last = nl_comparison_x(&q->view, q->view.points - 1);
    if (q->experiment->rounds.refine > 0.0)
        nl_text_add(out, "A seed is judged by the rates of the grid and those added for it. ");
    if (q->experiment->rounds.points)
        nl_text_add(
            out, "Between %g and %g each method has rates of its own; the intervals allow for the gaps between them.",
            first, last);
    else
        nl_text_add(out, "The %d rates from %g to %g are up to %.3gx apart, which the intervals allow for.",
                    q->view.points, first, last, exp(nl_rate_step(&q->view)));
    nl_text_add(out, " A ratio counts from %g on, and holds for this schedule, these rates and this criterion.\n",
                q->rule.smallest);
    nl_say_rule(q->answer, &q->rule);
    char *along = nl_comparison_along(&q->view);
    if (along)
        nl_text_add(out, "%s changes along with the learning rate.\n", along);
    free(along);
    if (!q->there[NL_RATE_BY_LOSS])
        nl_text_add(out, "Not judged by validation loss: %s.\n",
                    q->experiment->config.data.val > 0 ? "no run has one" : "data.val is 0");
}

static void ask(struct question *q)
{
    int methods = q->view.methods;
    for (int method = 0; method < methods; method++) {
        q->base[method] = baseline_of(q, method);
        q->failure_claim[method] = -1;
        for (int criterion = 0; criterion < NL_RATE_CRITERIA; criterion++) {
            q->ratio_claim[criterion * methods + method] = -1;
            q->there[criterion] = nl_rate_criterion_there(q->results, (enum nl_rate_criterion)criterion);
            if (q->there[criterion])
                nl_usable_rates(&q->view, method, (enum nl_rate_criterion)criterion, ranges(q, criterion, method));
        }
    }
    for (int method = 0; method < methods; method++) {
        int base = q->base[method];
        if (!is_compared(q, method, base))
            continue;
        for (int criterion = 0; criterion < NL_RATE_CRITERIA; criterion++)
            if (q->there[criterion])
                add_ratio_claim(q, criterion, method);
        add_failure_claim(q, method);
    }
    q->answer->tests = nl_claims_judge(q->answer->claim, q->answer->claims, NL_BONFERRONI, q->rule.level);
    say_headline(q);
    say_rates(q);
    say_methods(q);
    for (int method = 0; method < methods; method++)
        say_failures(q, method);
    say_method_of_judging(q);
}

void nl_ask_lr_tolerance(struct nl_answer *answer, const struct nl_results *results,
                         const struct nl_experiment *experiment)
{
    struct question q = {
        .answer = answer, .results = results, .experiment = experiment, .rule = nl_rule_for(experiment, "x")};
    const char *why = "there is no training accuracy";
    int factor = nl_rate_factor(results, &why);
    if (factor < 0 || nl_csv_column(&results->csv, "train_accuracy") < 0) {
        nl_text_add(&answer->headline, "Learning-rate tolerance cannot be judged: %s.\n", why);
        return;
    }
    nl_comparison_make(results, experiment, factor, -1, &q.view);
    size_t methods = (size_t)q.view.methods;
    q.base = nl_alloc(methods, sizeof *q.base);
    q.failure_claim = nl_alloc(methods, sizeof *q.failure_claim);
    q.ratio_claim = nl_alloc(NL_RATE_CRITERIA * methods, sizeof *q.ratio_claim);
    q.range = nl_alloc(NL_RATE_CRITERIA * methods * (size_t)results->seeds, sizeof *q.range);
    ask(&q);
    free(q.base);
    free(q.failure_claim);
    free(q.ratio_claim);
    free(q.range);
    nl_comparison_release(&q.view);
}
