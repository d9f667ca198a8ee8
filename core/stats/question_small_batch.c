/* sweep.question: small_batch. Does the metric get worse as the batch gets smaller?
 *
 * A change is the metric at a batch size less that at the largest, paired by seed, positive is worse. What is expected:
 * a method with batch statistics worsens, and degrades more than those without, which stay flat. Worse and better are
 * judged at the smallest batch; flat means at every batch size (an intersection-union test: the largest of the
 * p-values). Where a loss is found at the smallest batch, the next larger ones are tested in order until one shows
 * none, each at that claim's equal share of the error rate: so it is known where the loss begins.
 *
 * A failed run counts at chance. So failures at the largest batch could be taken for an improvement, and failures
 * anywhere for flatness: neither is said then.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "norm/norm.h"
#include "stats/answer.h"
#include "stats/comparison.h"
#include "stats/distribution.h"

struct question {
    struct nl_answer *answer;
    const struct nl_results *results;
    const struct nl_experiment *experiment;
    struct nl_comparison view;
    struct nl_metric_column metric;
    struct nl_rule rule;
    double **change; /* [methods][points * seeds]: positive is worse */
    int *claim;      /* [methods]: index of its claim, -1: none */
    int tests;
};

static bool uses_batch(const struct question *q, int method)
{
    return q->view.method[method].mixes_samples;
}

static const struct nl_config *config_of(const struct question *q)
{
    return &q->experiment->config;
}

/* The change at `point` for each seed. */
static void changes(const struct question *q, int method, int point, const struct nl_metric_column *metric, double *out)
{
    int seeds = q->results->seeds;
    double *largest = nl_alloc((size_t)seeds, sizeof *largest);
    nl_cell_values(q->results, nl_comparison_cell(&q->view, method, point), metric, out);
    nl_cell_values(q->results, nl_comparison_cell(&q->view, method, q->view.points - 1), metric, largest);
    for (int i = 0; i < seeds; i++)
        out[i] = metric->measure.worse * (out[i] - largest[i]);
    free(largest);
}

static struct nl_estimate estimate(const struct question *q, const double *values,
                                   const struct nl_metric_column *metric)
{
    return nl_estimate(values, q->results->seeds, metric->measure.share ? NL_SCALE_DIFFERENCE : NL_SCALE_REAL,
                       &metric->sampling, NL_INTERVAL_T, q->rule.level);
}

/* Estimates the difference of two changes, whose means are given. */
static struct nl_estimate estimate_difference(const struct question *q, const double *values,
                                              const struct nl_metric_column *metric, double mean_a, double mean_b)
{
    struct nl_sampling sampling = metric->sampling;
    if (sampling.samples > 0)
        sampling.floor = hypot(nl_counting_sd(mean_a, sampling.samples), nl_counting_sd(mean_b, sampling.samples));
    return nl_estimate(values, q->results->seeds, NL_SCALE_REAL, &sampling, NL_INTERVAL_T, q->rule.level);
}

static double *change_at(const struct question *q, int method, int point)
{
    return q->change[method] + (size_t)point * (size_t)q->results->seeds;
}

/* "batch size", as it reads after "the smallest". */
static const char *axis_name(const struct question *q)
{
    const struct nl_key *key = q->results->factor[q->view.x_factor].key;
    return strcmp(key->name, "norm.stat_batch") == 0 ? "number of samples that share statistics" : nl_key_title(key);
}

/* Whether most runs of the method are at the same end of the scale: then no change can be seen. New string: what to
 * say. */
static char *saturation(const struct question *q, int method)
{
    int seeds = q->results->seeds, values = 0, at_end[2] = {0};
    double *value = nl_alloc((size_t)seeds, sizeof *value);
    for (int point = 0; point < q->view.points; point++) {
        nl_cell_values(q->results, nl_comparison_cell(&q->view, method, point), &q->metric, value);
        for (int i = 0; i < seeds; i++) {
            values += isfinite(value[i]);
            at_end[0] += value[i] == 0.0;
            at_end[1] += value[i] == 1.0;
        }
    }
    free(value);
    for (int end = 0; end < 2; end++)
        if (q->metric.measure.share && values > 0 && at_end[end] >= NL_SATURATED * values)
            return nl_format("saturated (%d of %s at %d %%)", at_end[end], NL_COUNT(values, "run"), 100 * end);
    return NULL;
}

/* What forbids a finding whatever its p-value. */
static void add_obstacle(const struct question *q, int method, struct nl_claim *claim)
{
    const struct nl_method *at = &q->view.method[method];
    int failed = 0, absent = -1;
    for (int point = 0; point < q->view.points; point++) {
        failed += at->cell[point] ? at->cell[point]->failed : 0;
        absent = at->cell[point] ? absent : point;
    }
    if (absent >= 0)
        claim->obstacle = nl_format("it has no trial at %g", nl_comparison_x(&q->view, absent));
    nl_claim_need_cells(claim, at->cell, q->view.points);
    if (claim->obstacle)
        return;
    if (!q->metric.measure.share && failed > 0)
        claim->obstacle = nl_format("%d of its runs failed, and failed runs have no loss to compare", failed);
    else if (claim->points == NL_FOUND_LESS && claim->failed[1] > 0) {
        claim->obstacle = nl_format("%d of %s failed at the largest %s", claim->failed[1],
                                    NL_COUNT(claim->runs[1], "run"), axis_name(q));
        claim->misleads = claim->beyond;
    } else if (failed > 0)
        claim->not_same = nl_format("%d of its runs failed", failed);
    claim->of_failures = claim->obstacle && q->metric.measure.share;
    if (!claim->obstacle)
        claim->obstacle = saturation(q, method);
    nl_claim_need_pairs(claim, &q->rule);
}

static double equality_p(const struct nl_claim *claim, double margin)
{
    double largest = 0.0;
    for (int i = 0; i < claim->doses; i++) {
        double p = nl_equivalence_p(&claim->dose[i].effect, margin);
        largest = isnan(p) ? NAN : fmax(largest, p);
        if (isnan(p))
            break;
    }
    return largest;
}

static double mean_of(const struct question *q, const struct nl_cell *cell)
{
    double *values = nl_alloc((size_t)q->results->seeds, sizeof *values);
    nl_cell_values(q->results, cell, &q->metric, values);
    struct nl_estimate mean =
        nl_estimate(values, q->results->seeds, NL_SCALE_REAL, &(struct nl_sampling){0}, NL_INTERVAL_T, 0.95);
    free(values);
    return mean.mean;
}

/* What another test part could change in small - large. */
static double other_part(const struct question *q, const struct nl_cell *small, const struct nl_cell *large)
{
    if (!q->metric.fixed || !(q->metric.sampling.samples > 0))
        return 0.0;
    double sd = nl_test_part_sd(mean_of(q, large), mean_of(q, small), q->metric.sampling.samples);
    return nl_normal_quantile(0.5 * (1.0 + q->rule.level)) * sd;
}

static void add_method_claim(struct question *q, int method)
{
    const struct nl_method *at = &q->view.method[method];
    const struct nl_cell *small = at->cell[0], *large = at->cell[q->view.points - 1];
    bool batch = uses_batch(q, method);
    q->claim[method] = q->answer->claims;
    struct nl_claim *claim = nl_answer_claim(q->answer, at->label, NULL, batch ? "worsens" : "stays flat",
                                             batch ? NL_FOUND_MORE : NL_FOUND_SAME);
    claim->scale = q->metric.measure.scale;
    claim->unit = q->metric.measure.step;
    claim->doses = q->view.points - 1;
    claim->dose = nl_alloc((size_t)claim->doses + 1, sizeof *claim->dose);
    for (int point = 0; point < claim->doses; point++)
        claim->dose[point] =
            (struct nl_dose){nl_comparison_x(&q->view, point), estimate(q, change_at(q, method, point), &q->metric)};
    claim->effect = claim->dose[0].effect;
    claim->other_part = isfinite(claim->effect.mean) ? other_part(q, small, large) : 0.0;
    nl_claim_sides(claim, small, large);
    nl_claim_test(claim, &q->rule, change_at(q, method, 0), q->results->seeds,
                  equality_p(claim, q->rule.margin / claim->scale));
    add_obstacle(q, method, claim);
}

/* Does `method`, which has batch statistics, degrade more than `other`, which has none? */
static void add_interaction_claim(struct question *q, int method, int other)
{
    int seeds = q->results->seeds;
    const double *left = change_at(q, method, 0), *right = change_at(q, other, 0);
    double *values = nl_alloc((size_t)seeds, sizeof *values);
    for (int i = 0; i < seeds; i++)
        values[i] = left[i] - right[i];
    struct nl_claim *claim = nl_answer_claim(q->answer, q->view.method[method].label, q->view.method[other].label,
                                             "degrades more than", NL_FOUND_MORE);
    const struct nl_claim *of[] = {&q->answer->claim[q->claim[method]], &q->answer->claim[q->claim[other]]};
    claim->scale = q->metric.measure.scale;
    claim->unit = q->metric.measure.step;
    claim->effect = estimate_difference(q, values, &q->metric, of[0]->effect.mean, of[1]->effect.mean);
    claim->other_part = hypot(of[0]->other_part, of[1]->other_part);
    nl_claim_test(claim, &q->rule, values, seeds, NAN);
    for (int i = 0; i < 2; i++) {
        claim->failed[i] = of[i]->failed[0] + of[i]->failed[1];
        claim->runs[i] = of[i]->runs[0] + of[i]->runs[1];
        const char *failures = of[i]->of_failures ? of[i]->obstacle : of[i]->not_same;
        if (!claim->obstacle && of[i]->obstacle && !of[i]->of_failures)
            claim->obstacle = nl_format("with %s, %s", of[i]->method, of[i]->obstacle);
        if (!claim->not_same && failures)
            claim->not_same = nl_format("with %s, %s", of[i]->method, failures);
    }
    /* Failures at the largest batch hide a loss: of the other what is claimed, of the method the contrary. */
    int hidden = claim->points == NL_FOUND_MORE ? 1 : 0;
    if (!claim->obstacle && of[hidden]->failed[1] > 0) {
        claim->obstacle = nl_format("%d of %s of %s failed at the largest %s", of[hidden]->failed[1],
                                    NL_COUNT(of[hidden]->runs[1], "run"), of[hidden]->method, axis_name(q));
        claim->misleads = claim->beyond;
    }
    nl_claim_need_pairs(claim, &q->rule);
    free(values);
}

/* Each with each would be too many claims for any to be found: many are compared with their baselines. */
static bool against_baselines(const struct question *q)
{
    return q->view.methods > NL_MANY && q->experiment->has_baseline;
}

static bool are_asked_about(const struct question *q, int method, int other)
{
    return !against_baselines(q) || nl_comparison_baseline(&q->view, q->experiment, method) == other ||
           nl_comparison_baseline(&q->view, q->experiment, other) == method;
}

/* ---- words ---- */

enum group { WORSENS, FLAT, IMPROVES, OPEN, GROUPS };

static enum group group_of(const struct nl_claim *claim)
{
    switch (claim->finding) {
    case NL_FOUND_MORE: return WORSENS;
    case NL_FOUND_SAME: return FLAT;
    case NL_FOUND_LESS: return IMPROVES;
    case NL_FOUND_NOTHING: break;
    }
    return OPEN;
}

/* "BN (by 61.4 points) and LN"; "8 methods (by 3.2 to 61.4 points)" where a list would hide the sentence: the lines
 * below have them. */
static void say_group(const struct question *q, enum group group)
{
    struct nl_text *out = &q->answer->headline;
    const struct nl_measure *measure = &q->metric.measure;
    int count = 0, unsure = 0, digits = measure->share ? 1 : 3;
    bool sized = group == WORSENS || group == IMPROVES;
    double least = INFINITY, most = -INFINITY;
    char **name = nl_alloc((size_t)q->view.methods, sizeof *name);
    for (int method = 0; method < q->view.methods; method++) {
        const struct nl_claim *claim = q->claim[method] < 0 ? NULL : &q->answer->claim[q->claim[method]];
        if (!claim || group_of(claim) != group)
            continue;
        double mean = claim->effect.mean * measure->scale;
        unsure += claim->reach != NL_REACH_YES;
        struct nl_text size = {0};
        if (sized)
            nl_text_add(&size, " (by %.*f %s", digits, fabs(mean), measure->step);
        if (sized && claim->reach != NL_REACH_YES)
            nl_text_add(&size, ", %sless than %g", claim->reach == NL_REACH_OPEN ? "perhaps " : "", q->rule.smallest);
        if (sized)
            nl_text_add(&size, ")");
        name[count++] = nl_format("%s%s", claim->method, size.at ? size.at : "");
        nl_text_release(&size);
        least = fmin(least, fabs(mean));
        most = fmax(most, fabs(mean));
    }
    nl_say_names(out, (const char *const *)name, count, "method");
    if (sized && count > NL_NAMED) {
        nl_text_add(out, " (by ");
        nl_say_range(out, nl_format("%.*f", digits, least), nl_format("%.*f", digits, most));
        nl_text_add(out, " %s", measure->step);
        if (unsure > 0)
            nl_text_add(out, ", %d of them perhaps less than %g", unsure, q->rule.smallest);
        nl_text_add(out, ")");
    }
    while (count > 0)
        free(name[--count]);
    free(name);
}

static void say_headline(const struct question *q)
{
    static const char *const verbs[GROUPS] = {"worsens with", "stays flat with", "improves with",
                                              "shows no conclusive change with"};
    const struct nl_comparison *view = &q->view;
    struct nl_text *out = &q->answer->headline;
    char *along = nl_comparison_along(view);
    nl_text_add(out, "As the %s falls from %g to %g%s%s%s, the %s ", axis_name(q),
                nl_comparison_x(view, view->points - 1), nl_comparison_x(view, 0), along ? ", and with it " : "",
                along ? along : "", along ? " changes" : "", q->metric.measure.name);
    free(along);
    int counts[GROUPS] = {0}, kinds = 0, used = 0;
    for (int method = 0; method < view->methods; method++)
        if (q->claim[method] >= 0)
            counts[group_of(&q->answer->claim[q->claim[method]])]++;
    for (int i = 0; i < GROUPS; i++)
        kinds += counts[i] > 0;
    for (int i = 0; i < GROUPS; i++) {
        if (counts[i] == 0)
            continue;
        nl_say_comma(out, used++, kinds);
        nl_text_add(out, "%s ", verbs[i]);
        say_group(q, (enum group)i);
    }
    if (kinds == 0)
        nl_text_add(out, "cannot be judged: %s applies to no method", q->results->factor[view->x_factor].key->name);
    nl_text_add(out, "%s.\n", q->metric.fixed && kinds > 0 ? ", on this test part" : "");
}

/* That the loss at a point reaches the smallest effect, adjusted: at the claim's own share of the error rate. */
static double dose_p(const struct question *q, const struct nl_claim *claim, int point)
{
    double p = nl_beyond_p(&claim->dose[point].effect, NULL, 0, q->rule.smallest / claim->scale, 1.0, false);
    return fmin(1.0, p * q->tests);
}

/* How many points from the smallest on show such a loss in an unbroken row. */
static int loss_reaches(const struct question *q, const struct nl_claim *claim)
{
    int reached = 1;
    while (reached < claim->doses && dose_p(q, claim, reached) < 1.0 - q->rule.level)
        reached++;
    return reached;
}

static void say_dose(struct nl_text *out, const struct question *q, const struct nl_claim *claim, int point,
                     bool tested)
{
    struct nl_claim at = {.effect = claim->dose[point].effect, .scale = claim->scale, .unit = claim->unit};
    nl_text_add(out, "at %g: ", claim->dose[point].x);
    nl_say_effect(out, &at, q->rule.level, true);
    if (tested) {
        nl_text_add(out, ", ");
        nl_say_p(out, dose_p(q, claim, point));
        if (q->rule.smallest > 0.0)
            nl_text_add(out, " (at least %g %s)", q->rule.smallest, nl_unit_of(q->rule.smallest, claim->unit));
    }
}

/* Where the degradation begins, and whether it grows with every smaller batch. */
static void say_trend(struct nl_text *out, const struct question *q, const struct nl_claim *claim)
{
    if (isnan(claim->seen_from) || claim->doses < 2)
        return;
    int reached = 1, worst = 0;
    while (claim->dose[reached - 1].x < claim->seen_from)
        reached++;
    bool grows = claim->dose[claim->doses - 1].effect.mean >= 0.0;
    for (int i = 1; i < claim->doses; i++) {
        grows &= claim->dose[i].effect.mean <= claim->dose[i - 1].effect.mean;
        worst = claim->dose[i].effect.mean > claim->dose[worst].effect.mean ? i : worst;
    }
    nl_text_add(out, "    Degradation");
    if (q->rule.smallest > 0.0)
        nl_text_add(out, " of at least %g %s", q->rule.smallest, nl_unit_of(q->rule.smallest, claim->unit));
    nl_text_add(out, " is found at %g%s", claim->dose[reached - 1].x, reached > 1 ? " and below" : " alone");
    if (reached > 1) {
        nl_text_add(out, "; ");
        say_dose(out, q, claim, reached - 1, true);
    }
    if (reached < claim->doses) { /* a change for the better was not tested */
        nl_text_add(out, "; not found ");
        say_dose(out, q, claim, reached, claim->dose[reached].effect.mean * claim->scale >= q->rule.smallest);
    }
    if (grows)
        nl_text_add(out, "; it grows with every smaller size.\n");
    else if (worst > 0)
        nl_text_add(out, "; it is largest at %g.\n", claim->dose[worst].x);
    else
        nl_text_add(out, "; it does not grow with every smaller size.\n");
}

/* The point of the largest change, of either sign. */
static int worst_dose(const struct nl_claim *claim)
{
    int worst = 0;
    for (int i = 1; i < claim->doses; i++)
        worst = fabs(claim->dose[i].effect.mean) > fabs(claim->dose[worst].effect.mean) ? i : worst;
    return worst;
}

static void say_method(const struct question *q, int method)
{
    struct nl_text *out = &q->answer->evidence;
    const struct nl_method *at = &q->view.method[method];
    if (q->claim[method] < 0) {
        nl_text_add(out, "  %s: a reference with one set of runs, since %s does not apply to it.\n", at->label,
                    q->results->factor[q->view.x_factor].key->name);
        return;
    }
    const struct nl_claim *claim = &q->answer->claim[q->claim[method]];
    static const char *const words[GROUPS] = {"worsens", "stays flat", "improves", "inconclusive"};
    enum group group = group_of(claim);
    nl_text_add(out, "  %s: %s", at->label, words[group]);
    if (group == FLAT)
        nl_text_add(out, " within %g %s", q->rule.margin, nl_unit_of(q->rule.margin, claim->unit));
    if (group == OPEN && claim->obstacle)
        nl_text_add(out, ": %s", claim->obstacle);
    if (claim->effect.n > 0 && !claim->misleads) {
        char *small = nl_format("at %g", nl_comparison_x(&q->view, 0)),
             *large = nl_format("at %g", nl_comparison_x(&q->view, q->view.points - 1));
        bool sized = group == WORSENS || group == IMPROVES;
        nl_text_add(out, sized ? " by " : group == OPEN && claim->obstacle ? "; " : ": ");
        nl_say_effect(out, claim, q->rule.level, !sized);
        nl_say_proof(out, claim, (const char *const[]){small, large});
        free(small);
        free(large);
    }
    if (group == OPEN && !claim->obstacle && !claim->beyond && worst_dose(claim) > 0) {
        nl_text_add(out, "; the largest change is ");
        say_dose(out, q, claim, worst_dose(claim), false);
    }
    nl_say_reach(out, claim);
    if (claim->verdict == NL_SUPPORTED)
        nl_text_add(out, ": supported");
    else if (claim->verdict == NL_NOT_SUPPORTED)
        nl_text_add(out, ": contrary to the expectation that it %s", claim->statement);
    nl_text_add(out, ".\n");
    say_trend(out, q, claim);
}

/* In the order of the grid; many by their change, those to which the axis does not apply last. */
static void say_methods(const struct question *q)
{
    int methods = q->view.methods, *order = nl_alloc((size_t)methods, sizeof *order);
    double *change = nl_alloc((size_t)methods, sizeof *change);
    for (int method = 0; method < methods; method++)
        change[method] = methods <= NL_MANY     ? 0.0
                         : q->claim[method] < 0 ? NAN
                                                : q->answer->claim[q->claim[method]].effect.mean;
    nl_order_down(change, methods, order);
    for (int i = 0; i < methods; i++)
        say_method(q, order[i]);
    free(change);
    free(order);
}

enum { MOST_LINES = 12 }; /* of each with each; with baselines alone there are no more than methods */

/* Whether both methods of an interaction were found to worsen: a larger change may otherwise be that of the other,
 * which improves. */
static bool both_degrade(const struct question *q, const struct nl_claim *claim)
{
    int degrade = 0;
    for (int method = 0; method < q->view.methods; method++)
        if (q->claim[method] >= 0) {
            const struct nl_claim *own = &q->answer->claim[q->claim[method]];
            bool is_side = strcmp(own->method, claim->method) == 0 || strcmp(own->method, claim->against) == 0;
            degrade += is_side && own->finding == NL_FOUND_MORE;
        }
    return degrade == 2;
}

static void say_interactions(const struct question *q, int first)
{
    struct nl_text *out = &q->answer->evidence;
    int said = 0, most = against_baselines(q) ? q->answer->claims : MOST_LINES;
    for (int i = first; i < q->answer->claims && said < most; i++, said++) {
        const struct nl_claim *claim = &q->answer->claim[i];
        bool told = claim->finding == NL_FOUND_MORE || claim->finding == NL_FOUND_LESS,
             degrade = told && both_degrade(q, claim);
        if (claim->effect.n == 0)
            continue;
        if (claim->misleads) {
            nl_text_add(out, "  Whether %s degrades more than %s cannot be said: %s.\n", claim->method, claim->against,
                        claim->obstacle);
            continue;
        }
        if (degrade)
            nl_text_add(out, "  %s degrades by ", claim->method);
        else if (told)
            nl_text_add(out, "  From %g to %g the change with %s is ", nl_comparison_x(&q->view, q->view.points - 1),
                        nl_comparison_x(&q->view, 0), claim->method);
        else if (claim->finding == NL_FOUND_SAME)
            nl_text_add(out, "  %s and %s change alike, within %g %s: ", claim->method, claim->against, q->rule.margin,
                        nl_unit_of(q->rule.margin, claim->unit));
        else
            nl_text_add(out, "  Whether %s degrades more than %s is inconclusive: %s%s", claim->method, claim->against,
                        claim->obstacle ? claim->obstacle : "", claim->obstacle ? "; " : "");
        nl_say_effect(out, claim, q->rule.level, !told);
        if (degrade)
            nl_text_add(out, " %s than %s", claim->finding == NL_FOUND_MORE ? "more" : "less", claim->against);
        else if (told)
            nl_text_add(out, " %s than with %s", claim->finding == NL_FOUND_MORE ? "larger" : "smaller",
                        claim->against);
        nl_say_proof(out, claim, NULL);
        nl_say_reach(out, claim);
        nl_text_add(out, claim->verdict == NL_SUPPORTED       ? ": supported.\n"
                         : claim->verdict == NL_NOT_SUPPORTED ? ": contrary to expectation.\n"
                                                              : ".\n");
    }
    if (q->answer->claims - first > said)
        nl_text_add(out, "  %s: see --format json.\n", NL_COUNT(q->answer->claims - first - said, "more comparison"));
}

/* Says what the same weights score with other statistics: intervals, and no verdict. */
static void say_evaluations(const struct question *q, int method)
{
    static const char *const phrases[NL_NORM_EVALS] = {"running statistics", "the statistics of each batch",
                                                       "precise statistics", "statistics of the evaluated part"};
    const struct nl_int_list *evals = &config_of(q)->norm.eval;
    const struct nl_claim *claim = &q->answer->claim[q->claim[method]];
    int seeds = q->results->seeds;
    double *values = nl_alloc((size_t)seeds, sizeof *values), *first = change_at(q, method, 0);
    for (int i = 1; i < evals->count; i++) {
        int eval = (int)evals->at[i];
        char *column = nl_format("%s_%s", nl_metric_names[config_of(q)->plot.metric], nl_eval_names[eval]);
        struct nl_metric_column metric = nl_metric_column(q->results, column);
        free(column);
        struct nl_claim shown = {.scale = claim->scale, .unit = claim->unit};
        changes(q, method, 0, &metric, values);
        shown.effect = estimate(q, values, &metric);
        if (metric.column < 0 || shown.effect.n == 0)
            continue;
        nl_text_add(&q->answer->evidence, "  %s evaluated with %s: ", claim->method, phrases[eval]);
        nl_say_effect(&q->answer->evidence, &shown, q->rule.level, true);
        for (int seed = 0; seed < seeds; seed++)
            values[seed] -= first[seed];
        shown.effect = estimate_difference(q, values, &metric, shown.effect.mean, claim->effect.mean);
        nl_text_add(&q->answer->evidence, ", which is ");
        nl_say_effect(&q->answer->evidence, &shown, q->rule.level, false);
        nl_text_add(&q->answer->evidence, " %s than with %s statistics.\n", shown.effect.mean >= 0.0 ? "more" : "less",
                    nl_eval_names[evals->at[0]]);
    }
    free(values);
}

/* Least and largest number in a column, of runs that came to their end. */
static void range_of_done(const struct nl_results *results, const char *name, double range[2])
{
    int column = nl_csv_column(&results->csv, name);
    range[0] = INFINITY;
    range[1] = -INFINITY;
    for (int row = 0; column >= 0 && row < results->csv.rows; row++) {
        double value;
        if (strcmp(nl_csv_field(&results->csv, row, results->status), "diverged") == 0 ||
            nl_csv_number(&results->csv, row, column, &value, NULL))
            continue;
        range[0] = fmin(range[0], value);
        range[1] = fmax(range[1], value);
    }
}

/* A batch size and what is made equal with it: updates, or samples. */
static void say_budget(const struct question *q)
{
    double steps[2], samples[2];
    if (strcmp(q->results->factor[q->view.x_factor].key->name, "train.batch") != 0)
        return;
    range_of_done(q->results, "steps", steps);
    range_of_done(q->results, "samples", samples);
    if (!(steps[0] < INFINITY) || steps[0] == steps[1])
        return;
    if (samples[1] <= 1.1 * samples[0])
        nl_text_add(&q->answer->notes,
                    "All batch sizes see the same number of samples but make %g to %g updates, so an effect of the "
                    "batch size may be an effect of the number of updates "
                    "(train.steps makes it equal).\n",
                    steps[0], steps[1]);
    else
        nl_text_add(&q->answer->notes,
                    "Neither updates nor samples are equal (%g to %g updates, %g to %g samples), so an effect of the "
                    "batch size may be an effect of either.\n",
                    steps[0], steps[1], samples[0], samples[1]);
}

static void say_method_of_judging(const struct question *q)
{
    struct nl_text *out = &q->answer->notes;
    const struct nl_measure *measure = &q->metric.measure;
    const char *ends[] = {measure->worse > 0 ? "smallest" : "largest", measure->worse > 0 ? "largest" : "smallest"};
    nl_text_add(out,
                "A change is the %s at the %s %s minus that at the %s, paired by seed; positive is worse. It counts "
                "from %g %s on. Flat: within %g %s at"
                " every %s (two one-sided tests, the largest p).\n",
                measure->name, ends[0], axis_name(q), ends[1], q->rule.smallest,
                nl_unit_of(q->rule.smallest, measure->step), q->rule.margin, nl_unit_of(q->rule.margin, measure->step),
                axis_name(q));
    if (against_baselines(q))
        nl_text_add(out, "More than %s are compared with their baselines only, not with one another.\n",
                    NL_COUNT(NL_MANY, "method"));
    say_budget(q);
    nl_say_rule(q->answer, &q->rule);
    nl_say_parts(q->answer, &q->metric, q->rule.level);
}

void nl_ask_small_batch(struct nl_answer *answer, const struct nl_results *results,
                        const struct nl_experiment *experiment)
{
    struct question q = {.answer = answer, .results = results, .experiment = experiment};
    int factor = nl_batch_factor(results);
    q.metric = nl_metric_column(results, nl_metric_names[experiment->config.plot.metric]);
    bool unknown = results->import && nl_results_factor(results, "norm.kind") < 0;
    if (factor < 0 || q.metric.column < 0 || unknown) {
        nl_text_add(&answer->headline, "Small-batch degradation cannot be judged: %s.\n",
                    factor < 0 ? "neither train.batch nor norm.stat_batch has more than one value"
                    : unknown  ? "the imported runs do not say their normalizers, and so not what is to be expected"
                               : "the metric was not evaluated");
        return;
    }
    q.rule = nl_rule_for(experiment, q.metric.measure.step);
    nl_comparison_make(results, experiment, factor, -1, &q.view);
    int methods = q.view.methods, points = q.view.points;
    q.change = nl_alloc((size_t)methods, sizeof *q.change);
    q.claim = nl_alloc((size_t)methods, sizeof *q.claim);
    for (int method = 0; method < methods; method++) {
        q.claim[method] = -1;
        q.change[method] = nl_alloc((size_t)points * (size_t)results->seeds, sizeof **q.change);
        for (int point = 0; point < points; point++)
            changes(&q, method, point, &q.metric, change_at(&q, method, point));
        if (!q.view.method[method].reference)
            add_method_claim(&q, method);
    }
    int interactions = answer->claims;
    for (int method = 0; method < methods; method++)
        for (int other = 0; other < methods; other++)
            if (q.claim[method] >= 0 && uses_batch(&q, method) && q.claim[other] >= 0 && !uses_batch(&q, other) &&
                nl_methods_match(&q.view, method, other) && are_asked_about(&q, method, other))
                add_interaction_claim(&q, method, other);
    q.tests = answer->tests = nl_claims_judge(answer->claim, answer->claims, NL_BONFERRONI, q.rule.level);
    for (int i = 0; i < interactions; i++)
        if (answer->claim[i].finding == NL_FOUND_MORE && answer->claim[i].reach == NL_REACH_YES)
            answer->claim[i].seen_from = answer->claim[i].dose[loss_reaches(&q, &answer->claim[i]) - 1].x;
    say_headline(&q);
    say_methods(&q);
    say_interactions(&q, interactions);
    for (int method = 0; method < methods; method++)
        if (q.claim[method] >= 0 && uses_batch(&q, method))
            say_evaluations(&q, method);
    say_method_of_judging(&q);
    for (int method = 0; method < methods; method++)
        free(q.change[method]);
    free(q.change);
    free(q.claim);
    nl_comparison_release(&q.view);
}
