/* sweep.question: sensitivity. How much does a method lose where the learning rate is not its best one?
 *
 * Seed by seed, the mean regret over the rates of the grid: how much worse the metric is at each than at the best of
 * them, where no run counts as worse than chance (Wortsman et al. 2023, section 2.2, who take the loss, and the loss at
 * the start for the worst). All methods are asked at the same rates. Methods are compared as in question_compare.c,
 * paired by seed. Beside it stands the largest usable rate (stats/rates.h), which a method may have large and still
 * lose much on the way there.
 *
 * Where there is a validation part, what tuning costs is told, too: the expected metric of the best of k rates, drawn
 * from the grid without replacement and chosen by validation loss (Dodge et al. 2019, who draw with replacement). The
 * expectation is exact; its interval is that over seeds. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats/answer.h"
#include "stats/best.h"
#include "stats/rates.h"

enum { SHOWN = 12, MOST_OF_ALL_PAIRS = 40, BUDGETS = 5 };

struct place {
    const char *label;
    double *regret;          /* [seeds]; NaN: a trial is missing */
    struct nl_estimate mean; /* of it */
    struct nl_estimate best[BUDGETS]; /* the metric of the best of so many rates; n = 0: there is no validation part */
    double usable;           /* the largest usable rate, the geometric mean; NaN: not known for every seed */
    int failed, runs;
    int order;
};

struct question {
    struct nl_answer *answer;
    const struct nl_results *results;
    const struct nl_experiment *experiment;
    struct nl_comparison view; /* along train.lr */
    struct nl_metric_column metric;
    struct nl_sampling sampling; /* of regrets: seeds share data as the metric's values do */
    struct nl_rule rule;
    struct nl_metric_column by;   /* val_loss; column -1: there is no validation part */
    int budget[BUDGETS], budgets; /* 1, 2, 4, ... rates, the last of them all */
    struct place *place;
    int places;
    int *told; /* [places]: the claim that its line tells of; -1: none */
};

/* How much worse the runs of a seed are than the best of them, on average; NaN where one is missing. */
static double regret_of(const struct nl_search_run *run, int count)
{
    double mean = 0.0, best = INFINITY;
    for (int i = 0; i < count; i++) {
        mean += run[i].bad / count;
        best = fmin(best, run[i].bad);
    }
    return mean - best;
}

/* 1, 2, 4 and 8 rates, as far as there are so many, and all. */
static void set_budgets(struct question *q)
{
    for (int k = 1; k < q->view.points && q->budgets < BUDGETS - 1; k *= 2)
        q->budget[q->budgets++] = k;
    q->budget[q->budgets++] = q->view.points;
}

static double usable_rate(const struct question *q, int method)
{
    int seeds = q->results->seeds;
    if (!nl_rate_criterion_there(q->results, NL_RATE_BY_ACCURACY))
        return NAN;
    struct nl_rate_range *range = nl_alloc((size_t)seeds, sizeof *range);
    double sum = 0.0;
    nl_usable_rates(&q->view, method, NL_RATE_BY_ACCURACY, range);
    for (int i = 0; i < seeds; i++)
        sum += isfinite(range[i].low) ? range[i].low / seeds : NAN;
    free(range);
    return exp(sum);
}

static struct place place_of(const struct question *q, int method)
{
    int seeds = q->results->seeds;
    struct place out = {.label = q->view.method[method].label,
                        .regret = nl_alloc((size_t)seeds, sizeof *out.regret),
                        .usable = usable_rate(q, method),
                        .order = method};
    struct nl_search search;
    nl_search_cells(q->results, q->view.method[method].cell, q->view.points, &q->metric, &q->by, &search);
    for (int i = 0; i < seeds; i++)
        out.regret[i] = regret_of(search.run + i * q->view.points, q->view.points);
    out.mean = nl_estimate(out.regret, seeds, NL_SCALE_REAL, &q->sampling, NL_INTERVAL_T, q->rule.level);
    for (int b = 0; q->by.column >= 0 && b < q->budgets; b++)
        out.best[b] = nl_search_best(&search, q->budget[b], q->rule.level);
    out.failed = search.failed;
    out.runs = search.runs;
    nl_search_release(&search);
    return out;
}

static int by_regret(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    double first = isnan(a->mean.mean) ? INFINITY : a->mean.mean,
           second = isnan(b->mean.mean) ? INFINITY : b->mean.mean;
    return first != second ? (first > second) - (first < second) : a->order - b->order;
}

/* ---- claims ---- */

static void add_claim(struct question *q, int place, int against)
{
    const struct place *of[] = {&q->place[place], &q->place[against]};
    int seeds = q->results->seeds;
    if (q->told[place] < 0)
        q->told[place] = q->answer->claims;
    struct nl_claim *claim =
        nl_answer_claim(q->answer, of[0]->label, of[1]->label, "has another mean regret than", NL_FOUND_NOTHING);
    double *difference = nl_alloc((size_t)seeds, sizeof *difference);
    for (int i = 0; i < seeds; i++)
        difference[i] = of[0]->regret[i] - of[1]->regret[i];
    claim->scale = q->metric.measure.scale;
    claim->unit = q->metric.measure.step;
    claim->effect = nl_estimate(difference, seeds, NL_SCALE_REAL, &q->sampling, NL_INTERVAL_T, q->rule.level);
    for (int side = 0; side < 2; side++) {
        claim->runs[side] = of[side]->runs;
        claim->failed[side] = of[side]->failed;
    }
    nl_claim_test(claim, &q->rule, difference, seeds, NAN);
    if (claim->effect.n < seeds)
        claim->obstacle = nl_format("%d of %s %s a trial at one of the rates", seeds - claim->effect.n,
                                    NL_COUNT(seeds, "seed"), nl_agree(seeds - claim->effect.n, "lacks", "lack"));
    nl_claim_need_pairs(claim, &q->rule);
    claim->expected = claim->points; /* that they differ, either way, is the statement */
    free(difference);
}

static void add_pair(void *context, int place, int against)
{
    add_claim(context, place, against);
}

static int method_at(const void *context, int place)
{
    return ((const struct question *)context)->place[place].order;
}

/* ---- words ---- */

static void say_place(const struct question *q, int index)
{
    struct nl_text *out = &q->answer->evidence;
    const struct place *place = &q->place[index];
    const struct nl_measure *measure = &q->metric.measure;
    nl_text_add(out, "  %s: ", place->label);
    if (place->mean.n == 0) {
        nl_text_add(out, "no seed has all of its trials.\n");
        return;
    }
    nl_text_add(out, "a mean regret of %.3g %s", place->mean.mean * measure->scale, measure->step);
    if (!isnan(place->mean.lower))
        nl_text_add(out, " (%.3g to %.3g)", place->mean.lower * measure->scale, place->mean.upper * measure->scale);
    nl_text_add(out, ", n = %d", place->mean.n);
    if (place->failed)
        nl_text_add(out, ", %d of %s failed", place->failed, NL_COUNT(place->runs, "run"));
    if (!isnan(place->usable))
        nl_text_add(out, ", usable up to a rate of %.3g", place->usable);
    if (q->told[index] >= 0) {
        const struct nl_claim *claim = &q->answer->claim[q->told[index]];
        nl_text_add(out, "; against %s ", claim->against);
        nl_say_effect(out, claim, q->rule.level, true);
        nl_say_proof(out, claim, NULL);
        nl_say_found(out, claim);
    }
    nl_text_add(out, ".\n");
}

/* "    The best of 1, 2, 4 and 7 rates: 12.3 % (10.1 to 14.5), 5.4 % (4.2 to 6.6), ..." */
static void say_best(const struct question *q, int index)
{
    struct nl_text *out = &q->answer->evidence;
    const struct place *place = &q->place[index];
    if (place->mean.n == 0 || place->best[0].n == 0)
        return;
    nl_text_add(out, "    The best of ");
    for (int b = 0; b < q->budgets; b++) {
        nl_say_comma(out, b, q->budgets);
        nl_text_add(out, "%d", q->budget[b]);
    }
    nl_text_add(out, " rates: ");
    for (int b = 0; b < q->budgets; b++) {
        nl_say_comma(out, b, q->budgets);
        nl_say_value(out, place->best[b].mean, &q->metric.measure);
        if (isnan(place->best[b].lower))
            continue;
        nl_text_add(out, " (");
        nl_say_interval_of(out, &place->best[b], &q->metric.measure);
        nl_text_add(out, ")");
    }
    nl_text_add(out, ".\n");
}

static void say_all(const struct question *q)
{
    struct nl_text *out = &q->answer->headline;
    const struct place *best = &q->place[0];
    const struct nl_measure *measure = &q->metric.measure;
    if (best->mean.n == 0) {
        nl_text_add(out, "No method has a seed with all of its trials: the mean regret is not known.\n");
        return;
    }
    nl_text_add(out, "Over learning rates from %.3g to %.3g the %s suffers least with %s: a mean regret of %.3g %s.\n",
                nl_comparison_x(&q->view, 0), nl_comparison_x(&q->view, q->view.points - 1), measure->name, best->label,
                best->mean.mean * measure->scale, measure->step);
    if (q->answer->claims)
        nl_say_comparisons(q->answer, 0, q->answer->claims, q->experiment, &q->rule, measure->step);
    for (int i = 0; i < q->places && i < SHOWN; i++) {
        say_place(q, i);
        say_best(q, i);
    }
    if (q->places > SHOWN)
        nl_text_add(&q->answer->evidence, "  %s not shown.\n", NL_COUNT(q->places - SHOWN, "more method"));
    nl_text_add(
        &q->answer->notes,
        "The regret of a run is how much worse it is than the best of its method and seed over the %s; of failed "
        "runs, and of those worse than that, it is that of chance. The mean is over the rates of the grid.\n",
        NL_COUNT(q->view.points, "learning rate"));
    if (q->by.column >= 0)
        nl_text_add(
            &q->answer->notes,
            "The best of k rates: of k that are drawn at random from the grid, the %s of the one with the least "
            "validation loss, in expectation (Dodge et al. 2019). Its interval is that over seeds.\n",
            q->metric.measure.name);
    nl_say_rule(q->answer, &q->rule);
    nl_say_parts(q->answer, &q->metric, q->rule.level);
}

void nl_ask_sensitivity(struct nl_answer *answer, const struct nl_results *results,
                        const struct nl_experiment *experiment)
{
    struct question q = {.answer = answer, .results = results, .experiment = experiment};
    const char *why;
    int factor = nl_rate_factor(results, &why);
    q.metric = nl_metric_column(results, nl_metric_names[experiment->config.plot.metric]);
    q.rule = nl_rule_for(experiment, q.metric.measure.step);
    q.sampling = q.metric.sampling;
    q.sampling.samples = 0; /* a regret is no share: it is not counted over samples */
    if (factor < 0) {
        nl_text_add(&answer->headline, "The sensitivity to the learning rate cannot be judged: %s.\n", why);
        return;
    }
    nl_comparison_make(results, experiment, factor, -1, &q.view);
    q.by = nl_search_by(results);
    set_budgets(&q);
    q.places = q.view.methods;
    q.place = nl_alloc((size_t)q.places, sizeof *q.place);
    q.told = nl_alloc((size_t)q.places, sizeof *q.told);
    for (int i = 0; i < q.places; i++) {
        q.place[i] = place_of(&q, i);
        q.told[i] = -1;
    }
    qsort(q.place, (size_t)q.places, sizeof *q.place, by_regret);
    if (results->seeds > 1)
        nl_comparison_pairs(&q.view, method_at, q.places, MOST_OF_ALL_PAIRS, add_pair, &q);
    answer->tests = nl_claims_judge(answer->claim, answer->claims, NL_BONFERRONI, q.rule.level);
    say_all(&q);
    for (int i = 0; i < q.places; i++)
        free(q.place[i].regret);
    free(q.place);
    free(q.told);
    nl_comparison_release(&q.view);
}
