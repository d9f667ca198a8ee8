/* sweep.question: speed. How many weight updates does each cell need until plot.metric is at plot.target?
 *
 * Cells are compared as in question_compare.c: with their counterpart in sweep.baseline, or each with each. What is
 * compared is a ratio of updates, seed by seed. It is known between two ends only (stats/steps.h), and of runs that
 * never got there from one side. So it is judged by its median over the seeds: the sign test asks whether that is 1,
 * and a seed speaks only if both ends of its ratio lie on one side. The interval of the median is that of order
 * statistics, of the lower ends and of the upper ones (Conover, Practical Nonparametric Statistics, 1999, chapter
 * 3). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/sorted.h"
#include "stats/answer.h"
#include "stats/comparison.h"
#include "stats/steps.h"

enum { SHOWN = 12, MOST_OF_ALL_PAIRS = 12 };

struct place {
    const struct nl_cell *cell;
    const char *label;
    struct nl_steps *steps; /* [seeds] */
    int runs, reached;      /* that are there; that got to the target */
    double median, given;   /* of the steps by which they were there; INFINITY where half or more never were */
    int order;
};

struct question {
    struct nl_answer *answer;
    const struct nl_results *results;
    const struct nl_experiment *experiment;
    struct nl_comparison view; /* every cell a method */
    struct nl_measure measure;
    struct nl_rule rule;
    double target; /* in the units of trials.csv */
    struct place *place;
    int places;
    int *told; /* [places]: the claim that its line tells of; -1: none */
};

static int by_median(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    return a->median != b->median ? (a->median > b->median) - (a->median < b->median) : a->order - b->order;
}

static struct place place_of(const struct question *q, const struct nl_curves *curves, int method)
{
    const struct nl_cell *cell = q->view.method[method].cell[0];
    int seeds = q->results->seeds;
    struct place place = {.cell = cell,
                          .label = q->view.method[method].label,
                          .steps = nl_alloc((size_t)seeds, sizeof *place.steps),
                          .order = method};
    struct nl_survival *curve = nl_alloc((size_t)seeds, sizeof *curve);
    place.given = nl_steps_given(q->results, q->experiment, cell);
    for (int seed = 0; seed < seeds; seed++)
        place.steps[seed] = nl_steps_to(curves, q->results, q->experiment, cell, seed,
                                        nl_metric_names[q->experiment->config.plot.metric], q->target);
    int rows = nl_steps_survival(place.steps, seeds, q->rule.level, curve);
    for (int i = 0; i < rows; i++)
        place.reached += curve[i].happened;
    place.runs = rows > 0 ? curve[0].at_risk : 0;
    place.median = nl_survival_median(curve, rows);
    free(curve);
    return place;
}

/* P(X >= k) of n fair coins. */
static double coins(int k, int n)
{
    double sum = 0.0;
    for (int i = k; i <= n; i++)
        sum += exp(lgamma(n + 1.0) - lgamma(i + 1.0) - lgamma(n - i + 1.0) - n * M_LN2);
    return fmin(1.0, sum);
}

/* How the log ratios lie. */
struct ratios {
    int pairs;
    double *low, *high; /* [pairs], sorted: least and most that each can be */
};

static struct ratios ratios_of(const struct place *place, const struct place *base, int seeds)
{
    struct ratios out = {.low = nl_alloc(2 * (size_t)seeds + 1, sizeof *out.low)};
    out.high = out.low + seeds;
    for (int seed = 0; seed < seeds; seed++) {
        const struct nl_steps *mine = &place->steps[seed], *theirs = &base->steps[seed];
        if (isnan(mine->low) || isnan(theirs->low))
            continue;
        bool neither = isinf(mine->high) && isinf(theirs->high);
        out.low[out.pairs] =
            neither ? -INFINITY : log(theirs->low / mine->high); /* of nothing by the first evaluation: -INFINITY */
        out.high[out.pairs++] = neither ? INFINITY : log(theirs->high / mine->low);
    }
    nl_sort(out.low, (size_t)out.pairs);
    nl_sort(out.high, (size_t)out.pairs);
    return out;
}

/* How many ratios lie above and below `value` for sure. */
struct sides {
    int above, below;
};

static struct sides sides_of(const struct ratios *r, double value)
{
    struct sides out = {0};
    for (int i = 0; i < r->pairs; i++) {
        out.above += r->low[i] >= value;
        out.below += r->high[i] <= value;
    }
    return out;
}

/* That sooner and later are equally likely, two-sided: what is neither for sure is left out. */
static double difference_p(const struct ratios *r)
{
    struct sides at = sides_of(r, 0.0);
    return fmin(1.0, 2.0 * coins(at.above > at.below ? at.above : at.below, at.above + at.below));
}

/* That the median is not above, or not below, a value, one-sided: what is not for sure counts against it. */
static double above_p(const struct ratios *r, double value)
{
    return coins(sides_of(r, value).above, r->pairs);
}

static double below_p(const struct ratios *r, double value)
{
    return coins(sides_of(r, value).below, r->pairs);
}

/* Between which ends the median lies: out[0] -INFINITY, or out[1] INFINITY, where runs that never got there leave it
 * open. */
static void middle_of(const struct ratios *r, double out[2])
{
    int n = r->pairs;
    out[0] = n ? 0.5 * (r->low[(n - 1) / 2] + r->low[n / 2]) : NAN;
    out[1] = n ? 0.5 * (r->high[(n - 1) / 2] + r->high[n / 2]) : NAN;
}

/* The interval of the median, and its estimate: the middle between its ends; where one end is open, the other one, a
 * bound; where both are, NaN. */
static void estimate(struct nl_claim *claim, const struct ratios *r, double level)
{
    int n = r->pairs, k = 0;
    while (k < n / 2 && 2.0 * coins(n - k, n) <= 1.0 - level) /* k values may lie beyond each end */
        k++;
    double middle[2];
    middle_of(r, middle);
    double median = isfinite(middle[0]) && isfinite(middle[1]) ? 0.5 * (middle[0] + middle[1])
                    : isfinite(middle[0])                      ? middle[0]
                    : isfinite(middle[1])                      ? middle[1]
                                                               : NAN;
    claim->effect = (struct nl_estimate){.n = n,
                                         .mean = exp(median),
                                         .median = exp(median),
                                         .sd = NAN,
                                         .se = NAN,
                                         .lower = k > 0 ? exp(r->low[k - 1]) : 0.0,
                                         .upper = k > 0 ? exp(r->high[n - k]) : INFINITY};
}

static void add_claim(struct question *q, int place, int against)
{
    const struct place *mine = &q->place[place], *theirs = &q->place[against];
    struct nl_claim *claim =
        nl_answer_claim(q->answer, mine->label, theirs->label, "needs fewer updates to the target than", NL_FOUND_MORE);
    struct ratios ratios = ratios_of(mine, theirs, q->results->seeds);
    double margin = log(q->rule.margin), smallest = log(q->rule.smallest);
    if (q->told[place] < 0)
        q->told[place] = q->answer->claims - 1;
    claim->unit = "x";
    estimate(claim, &ratios, q->rule.level);
    nl_claim_sides(claim, mine->cell, theirs->cell);
    double ratio = claim->effect.mean;
    bool more = !(ratio < 1.0);
    struct sides at = sides_of(&ratios, 0.0);
    claim->points = more ? NL_FOUND_MORE : NL_FOUND_LESS;
    claim->beyond = ratio >= q->rule.smallest || ratio <= 1.0 / q->rule.smallest;
    claim->smallest = q->rule.smallest;
    claim->margin = q->rule.margin;
    claim->exact = true;
    double from = more ? smallest : -smallest,
           one_sided = more == claim->beyond ? above_p(&ratios, from) : below_p(&ratios, from);
    claim->test[NL_DIFFERS] =
        (struct nl_asked_test){"sign", more == (at.above > at.below) ? difference_p(&ratios) : 1.0, NAN};
    claim->test[NL_REACHES] = (struct nl_asked_test){"sign", fmin(1.0, 2.0 * one_sided), NAN};
    claim->test[NL_AGREES] =
        (struct nl_asked_test){"two one-sided sign", fmax(above_p(&ratios, -margin), below_p(&ratios, margin)), NAN};
    nl_claim_need_cells(claim, (const struct nl_cell *const[]){mine->cell, theirs->cell}, 2);
    if (!claim->obstacle && 2 * mine->reached <= mine->runs && 2 * theirs->reached <= theirs->runs) {
        claim->misleads = true;
        claim->obstacle = nl_strdup("at most half of the runs of each reached the target");
    }
    nl_claim_need_pairs(claim, &q->rule);
    free(ratios.low);
}

/* Adds a pair of methods that stand side by side: the faster one comes first, and is what is spoken of. */
static void add_pair(void *context, int place, int against)
{
    const struct question *q = context;
    bool side_by_side = !q->experiment->has_baseline;
    add_claim(context, side_by_side ? against : place, side_by_side ? place : against);
}

static const struct nl_cell *cell_at(const void *context, int place)
{
    return ((const struct question *)context)->place[place].cell;
}

/* "340", or "more than 880" where half of the runs or more never reached the target. */
static void say_median(struct nl_text *out, const struct place *place)
{
    if (isnan(place->median))
        nl_text_add(out, "unknown");
    else if (isinf(place->median))
        nl_text_add(out, "more than %g", place->given);
    else
        nl_text_add(out, "%g", place->median);
}

static int place_named(const struct question *q, const char *label)
{
    int place = 0;
    while (strcmp(q->place[place].label, label) != 0)
        place++;
    return place;
}

/* "BN needs 3x as many (95 % CI 2 to 4)"; "at least" and "at most" where the median of the ratios is known from one
 * side alone. */
static void say_ratio(const struct question *q, const struct place *place, const struct nl_claim *claim)
{
    struct nl_text *out = &q->answer->evidence;
    const struct nl_estimate *ratio = &claim->effect;
    struct ratios ratios = ratios_of(place, &q->place[place_named(q, claim->against)], q->results->seeds);
    double middle[2];
    middle_of(&ratios, middle);
    free(ratios.low);
    if (isnan(ratio->mean)) {
        nl_text_add(out, "its ratio to %s is unknown: runs reached the target by their first evaluation, or never",
                    claim->against);
        return;
    }
    nl_text_add(out, "%s needs %s", claim->against,
                isinf(middle[1])   ? "at least "
                : isinf(middle[0]) ? "at most "
                                   : "");
    if (isinf(ratio->upper) && ratio->lower <= 0.0)
        nl_text_add(out, "%.3gx as many (no interval)", ratio->mean);
    else if (isinf(ratio->upper))
        nl_text_add(out, "%.3gx as many (%g %% CI from %.3g up)", ratio->mean, 100.0 * q->rule.level, ratio->lower);
    else {
        nl_say_effect(out, claim, q->rule.level, false);
        nl_text_add(out, " as many");
    }
}

static void say_place(const struct question *q, int index)
{
    struct nl_text *out = &q->answer->evidence;
    const struct place *place = &q->place[index];
    nl_text_add(out, "  %s: ", place->label);
    say_median(out, place);
    nl_text_add(out, " %s (median; %d of %s reached the target)", nl_agree(place->median, "update", "updates"),
                place->reached, NL_COUNT(place->runs, "run"));
    const struct nl_claim *claim = q->told[index] < 0 ? NULL : &q->answer->claim[q->told[index]];
    if (claim && claim->misleads) {
        nl_text_add(out, "; not compared with %s: %s", claim->against, claim->obstacle);
    } else if (claim && claim->effect.n > 0) {
        nl_text_add(out, "; ");
        say_ratio(q, place, claim);
        nl_say_proof(out, claim, NULL);
        bool differs = claim->finding == NL_FOUND_MORE || claim->finding == NL_FOUND_LESS;
        nl_text_add(out, ": %s", claim->finding == NL_FOUND_MORE ? "faster"
                                 : claim->finding == NL_FOUND_LESS ? "slower"
                                 : claim->finding == NL_FOUND_SAME ? "as fast"
                                                                   : "inconclusive");
        if (claim->finding == NL_FOUND_SAME)
            nl_text_add(out, " within %gx", q->rule.margin);
        else if (differs && claim->reach != NL_REACH_YES)
            nl_text_add(out, ", %sby less than %gx", claim->reach == NL_REACH_OPEN ? "perhaps " : "", q->rule.smallest);
        else if (claim->verdict == NL_SUPPORTED)
            nl_text_add(out, ", supported");
        if (claim->obstacle)
            nl_text_add(out, ", %s", claim->obstacle);
    }
    nl_text_add(out, ".\n");
}

/* "BN reaches a test accuracy of 90 % first, after 150 updates (median of 8 seeds)"; all that have the same median are
 * named. */
static void say_first(const struct question *q)
{
    struct nl_text *out = &q->answer->headline;
    const struct place *first = &q->place[0];
    const char **name = nl_alloc((size_t)q->places, sizeof(const char *));
    int tied = 0;
    for (; tied < q->places && q->place[tied].median == first->median; tied++)
        name[tied] = q->place[tied].label;
    nl_say_names(out, name, tied, "cell");
    free(name);
    nl_text_add(out, " %s a %s of ", nl_agree(tied, "reaches", "reach"), q->measure.name);
    nl_say_value(out, q->target, &q->measure);
    nl_text_add(out, "%s after %g %s (median of %s).\n",
                tied < q->places ? " first,"
                : tied > 1       ? ", all"
                                 : "",
                first->median, nl_agree(first->median, "update", "updates"), NL_COUNT(first->runs, "seed"));
}

/* Why the target orders nothing; NULL: it does. New string. */
static char *why_no_order(const struct question *q)
{
    struct nl_text out = {0};
    double chance = nl_metric_chance(q->results, &q->measure);
    int runs = 0, at_once = 0;
    for (int i = 0; i < q->places; i++)
        for (int seed = 0; seed < q->results->seeds; seed++) {
            const struct nl_steps *steps = &q->place[i].steps[seed];
            runs += !isnan(steps->low);
            at_once += steps->low == 0.0 && isfinite(steps->high);
        }
    bool by_chance = q->measure.worse * (q->target - chance) >= 0.0;
    if (!by_chance && (runs == 0 || at_once < runs))
        return NULL;
    nl_text_add(&out, by_chance ? "a %s of " : "every run reached a %s of ", q->measure.name);
    nl_say_value(&out, q->target, &q->measure);
    if (by_chance) {
        nl_text_add(&out, " is no better than chance (");
        nl_say_value(&out, chance, &q->measure);
        nl_text_add(&out, ")");
    } else {
        nl_text_add(&out,
                    " by its first evaluation (a harder plot.target, or a smaller train.eval_every, tells them apart)");
    }
    return out.at;
}

static void say_all(const struct question *q)
{
    struct nl_text *out = &q->answer->headline, *notes = &q->answer->notes;
    int faster = 0, slower = 0, same = 0;
    for (int i = 0; i < q->answer->claims; i++) {
        faster += q->answer->claim[i].finding == NL_FOUND_MORE;
        slower += q->answer->claim[i].finding == NL_FOUND_LESS;
        same += q->answer->claim[i].finding == NL_FOUND_SAME;
    }
    if (q->places > 1 && q->results->seeds == 1) {
        nl_text_add(out, "One seed in each cell: speeds have no interval, so cells are not ranked; run with "
                         "sweep.seeds=6 or more.\n");
    } else if (isfinite(q->place[0].median)) {
        say_first(q);
    } else {
        nl_text_add(out, "In no cell did more than half of the runs reach a %s of ", q->measure.name);
        nl_say_value(out, q->target, &q->measure);
        nl_text_add(out, ".\n");
    }
    if (q->answer->claims)
        nl_text_add(out, "Of %s, %d %s faster, %d slower, %d as fast within %gx and %d inconclusive.\n",
                    NL_COUNT(q->answer->claims, "comparison"), faster, nl_agree(faster, "is", "are"), slower, same,
                    q->rule.margin, q->answer->claims - faster - slower - same);
    for (int i = 0; i < q->places && i < SHOWN; i++)
        say_place(q, i);
    if (q->places > SHOWN)
        nl_text_add(&q->answer->evidence, "  %s in curves.csv.\n", NL_COUNT(q->places - SHOWN, "more cell"));
    nl_text_add(notes, "A run that does not reach the target counts as needing more updates than it was given. When a "
                       "run reaches it is known only to within two "
                       "evaluations (train.eval_every).\n");
    double overlap = nl_metric_column(q->results, nl_metric_names[q->experiment->config.plot.metric]).sampling.overlap;
    if (overlap > 0.0)
        nl_text_add(notes,
                    "Each seed splits the data anew and shares %.0f %% of its %s part with another seed; the sign test "
                    "takes seeds as independent (data.test_seed "
                    "sets one test part apart).\n",
                    100.0 * overlap, q->measure.part);
    if (q->answer->tests > 0) {
        nl_text_add(notes, "Ratios of updates are paired by seed; they count from %g on. ", q->rule.smallest);
        nl_say_family(q->answer, "sign test of their median", &q->rule);
        nl_text_add(notes, "\n");
    }
}

/* The rule of this question: its keys have other units than a ratio of rates, and speeds vary less. */
static struct nl_rule rule_of(const struct nl_experiment *experiment)
{
    enum { SMALLEST = 2 };
    struct nl_rule rule = nl_rule_for(experiment, "x");
    if (experiment->config.plot.min_effect == NL_AUTO)
        rule.smallest = SMALLEST;
    if (experiment->config.plot.margin == NL_AUTO)
        rule.margin = rule.smallest;
    rule.exact = true; /* the sign test needs as many pairs as other exact ones */
    return rule;
}

void nl_ask_speed(struct nl_answer *answer, const struct nl_results *results, const struct nl_experiment *experiment)
{
    struct question q = {.answer = answer, .results = results, .experiment = experiment, .rule = rule_of(experiment)};
    struct nl_curves curves;
    struct nl_error err = {0};
    nl_measure(nl_metric_names[experiment->config.plot.metric], &q.measure);
    q.target = experiment->config.plot.target / q.measure.scale;
    if (experiment->config.plot.target == NL_AUTO) {
        nl_text_add(&answer->headline, "Speed cannot be judged: plot.target is not set.\n");
        return;
    }
    if (nl_curves_load(results, "curves.csv", &curves, &err)) {
        nl_text_add(&answer->headline, "Speed cannot be judged: %s.\n", err.text);
        return;
    }
    nl_comparison_make(results, experiment, -1, -1, &q.view);
    q.places = q.view.methods;
    q.place = nl_alloc((size_t)q.places, sizeof *q.place);
    q.told = nl_alloc((size_t)q.places, sizeof *q.told);
    for (int i = 0; i < q.places; i++) {
        q.place[i] = place_of(&q, &curves, i);
        q.told[i] = -1;
    }
    qsort(q.place, (size_t)q.places, sizeof *q.place, by_median);
    char *why = why_no_order(&q);
    if (results->seeds > 1 && !why)
        nl_answer_pairs(results, experiment, cell_at, q.places, MOST_OF_ALL_PAIRS, add_pair, &q);
    answer->tests = nl_claims_judge(answer->claim, answer->claims, NL_BONFERRONI, q.rule.level);
    if (why)
        nl_text_add(&answer->headline, "Speed cannot be judged: %s.\n", why);
    else
        say_all(&q);
    free(why);
    for (int i = 0; i < q.places; i++)
        free(q.place[i].steps);
    free(q.place);
    free(q.told);
    nl_comparison_release(&q.view);
    nl_curves_release(&curves);
}
