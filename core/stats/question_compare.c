/* sweep.question: compare. Which cells differ, and from what?
 *
 * With sweep.baseline each cell is compared with its counterpart there; without, every cell with every other.
 * Comparisons are paired by seed, and their p-values are adjusted over all of them: a cell that was picked because it
 * came out best is compared as often as it could have been.
 */
#include <math.h>
#include <stdlib.h>

#include "stats/answer.h"
#include "stats/comparison.h"
#include "stats/distribution.h"

enum { SHOWN = 12, MOST_OF_ALL_PAIRS = 40 /* cells, without a baseline: 780 pairs */ };

struct place {
    const struct nl_cell *cell;
    const char *label;
    struct nl_estimate mean;
    double key; /* smaller is better */
    int order;  /* in the grid */
};

struct question {
    struct nl_answer *answer;
    const struct nl_results *results;
    const struct nl_experiment *experiment;
    struct nl_comparison view; /* every cell a method */
    struct nl_metric_column metric;
    struct nl_rule rule;
    struct place *place; /* [places], the best first */
    int places;
    int *told; /* [places]: the claim that its line tells of, with its baseline or with the best; -1: none */
};

static int by_key(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return a->order - b->order;
}

static bool all_failed(const struct nl_cell *cell)
{
    return cell->trials > 0 && cell->failed == cell->trials;
}

/* Why no cell trained, so that what differs is the networks as they were initialized; NULL: one did. */
static const char *why_none_trained(const struct question *q)
{
    bool failed = true;
    const char *untrained = q->places ? q->place[0].cell->untrained : NULL;
    for (int i = 0; i < q->places; i++) {
        failed &= q->place[i].cell->trials == 0 || all_failed(q->place[i].cell);
        untrained = q->place[i].cell->untrained ? untrained : NULL;
    }
    return untrained ? untrained : failed ? "every run failed" : NULL;
}

/* How many places, from the first on, have the best mean. */
static int places_at_the_top(const struct question *q)
{
    int tied = 1;
    while (tied < q->places && nl_tied(q->place[tied].key, q->place[0].key))
        tied++;
    return tied;
}

/* The finite values first, in order. */
static void put_first(double *values, int count)
{
    double *kept = nl_alloc((size_t)count, sizeof *kept);
    int finite = nl_finite_values(values, count, kept);
    for (int i = 0; i < count; i++)
        values[i] = i < finite ? kept[i] : NAN;
    free(kept);
}

static void add_claim(struct question *q, int place, int against)
{
    const struct place *of[] = {&q->place[place], &q->place[against]};
    int seeds = q->results->seeds;
    if (q->told[place] < 0)
        q->told[place] = q->answer->claims;
    struct nl_claim *claim = nl_answer_claim(q->answer, of[0]->label, of[1]->label, "differs from", NL_FOUND_NOTHING);
    claim->scale = q->metric.measure.scale;
    claim->unit = q->metric.measure.step;
    claim->effect = nl_cell_difference(q->results, q->experiment, of[0]->cell, of[1]->cell, &q->metric);
    nl_claim_sides(claim, of[0]->cell, of[1]->cell);
    double *values = nl_alloc((size_t)seeds, 2 * sizeof *values), *other = values + seeds, sum[2] = {0};
    int ends[2] = {0}, count = 0;
    nl_cell_values(q->results, of[0]->cell, &q->metric, values);
    nl_cell_values(q->results, of[1]->cell, &q->metric, other);
    if (!nl_cells_pair(q->results, of[0]->cell, of[1]->cell)) { /* the order of runs means nothing */
        put_first(values, seeds);
        put_first(other, seeds);
    }
    for (int i = 0; i < seeds; i++) {
        if (isfinite(values[i]) && isfinite(other[i])) {
            sum[0] += values[i];
            sum[1] += other[i];
            ends[values[i] > 0.5] += values[i] == other[i] && (values[i] == 0.0 || values[i] == 1.0);
            count++;
        }
        values[i] -= other[i];
    }
    nl_claim_test(claim, &q->rule, values, seeds, NAN);
    free(values);
    if (q->metric.fixed && q->metric.sampling.samples > 0 && count > 0)
        claim->other_part = nl_normal_quantile(0.5 * (1.0 + q->rule.level)) *
                            nl_test_part_sd(sum[1] / count, sum[0] / count, q->metric.sampling.samples);
    int failed = claim->failed[0] + claim->failed[1];
    nl_claim_need_cells(claim, (const struct nl_cell *const[]){of[0]->cell, of[1]->cell}, 2);
    if (q->results->import && !claim->obstacle && claim->effect.n > 1 && claim->effect.se == 0.0)
        claim->obstacle = nl_strdup("all runs differ by the same, as the files have them: their spread is not known");
    if (!claim->obstacle && failed > 0 && !q->metric.measure.share)
        claim->obstacle = nl_format("%d of their runs failed, and failed runs have no loss to compare", failed);
    else if (!claim->obstacle && (claim->misleads = all_failed(of[0]->cell) && all_failed(of[1]->cell)))
        claim->obstacle = nl_strdup("every run of both failed");
    if (failed > 0)
        claim->not_same = nl_format("%d of their runs failed", failed);
    if (q->metric.measure.share)
        nl_claim_need_room(claim, ends, count);
    nl_claim_need_pairs(claim, &q->rule);
    claim->expected = claim->points; /* that they differ, either way, is the statement */
}

static void add_pair(void *context, int place, int against)
{
    add_claim(context, place, against);
}

static const struct nl_cell *cell_at(const void *context, int place)
{
    return ((const struct question *)context)->place[place].cell;
}

static const struct nl_claim *told(const struct question *q, int place)
{
    return q->told[place] < 0 ? NULL : &q->answer->claim[q->told[place]];
}

static void say_place(const struct question *q, int index)
{
    struct nl_text *out = &q->answer->evidence;
    const struct place *place = &q->place[index];
    nl_text_add(out, "  %s: ", place->label);
    if (place->mean.n == 0) {
        nl_text_add(out, "no value; %d of %s failed, %d missing.\n", place->cell->failed,
                    NL_COUNT(place->cell->trials, "run"), place->cell->planned - place->cell->trials);
        return;
    }
    nl_say_value(out, place->mean.mean, &q->metric.measure);
    if (!isnan(place->mean.lower)) {
        nl_text_add(out, " (");
        nl_say_interval_of(out, &place->mean, &q->metric.measure);
        nl_text_add(out, ")");
    }
    nl_text_add(out, ", n = %d", place->mean.n);
    if (place->cell->failed)
        nl_text_add(out, ", %d failed", place->cell->failed);
    const struct nl_claim *claim = told(q, index);
    if (claim && claim->misleads)
        nl_text_add(out, "; not compared with %s: %s", claim->against, claim->obstacle);
    else if (claim && claim->effect.n > 0) {
        nl_text_add(out, "; against %s ", claim->against);
        nl_say_effect(out, claim, q->rule.level, true);
        nl_say_proof(out, claim, NULL);
        nl_say_found(out, claim);
    }
    nl_text_add(out, ".\n");
}

/* "BN has the lowest mean test error: ", "BN and GN have the lowest mean test error, equal: ", "All 3 cells have the
 * same mean test error: ". */
static void say_best(const struct question *q)
{
    struct nl_text *out = &q->answer->headline;
    const struct nl_measure *measure = &q->metric.measure;
    int tied = places_at_the_top(q);
    if (tied == q->places) {
        nl_text_add(out, "All %s have the same mean %s: ", NL_COUNT(tied, "cell"), measure->name);
        return;
    }
    const char **name = nl_alloc((size_t)tied, sizeof(const char *));
    for (int i = 0; i < tied; i++)
        name[i] = q->place[i].label;
    nl_say_names(out, name, tied, "cell");
    free(name);
    nl_text_add(out, " %s the %s mean %s%s: ", nl_agree(tied, "has", "have"), measure->worse > 0 ? "lowest" : "highest",
                measure->name, tied > 1 ? ", equal" : "");
}

static void say_headline(const struct question *q)
{
    struct nl_text *out = &q->answer->headline;
    const struct nl_measure *measure = &q->metric.measure;
    const struct place *best = &q->place[0];
    int most = 0;
    for (int i = 0; i < q->places; i++)
        most = q->place[i].mean.n > most ? q->place[i].mean.n : most;
    if (most == 0) {
        nl_text_add(out, "No trial has a %s: nothing to compare.\n", measure->name);
    } else if (q->places == 1) {
        nl_text_add(out, "The %s of %s is ", measure->name, best->label);
        nl_say_value(out, best->mean.mean, measure);
        nl_text_add(out, most > 1 ? " (mean of %d seeds).\n" : " with one seed: its spread is unknown.\n", most);
    } else if (why_none_trained(q)) {
        nl_text_add(out, "No cell trained: %s.\n", why_none_trained(q));
    } else if (most == 1) {
        nl_text_add(
            out,
            "One seed in each cell: the %s has no interval, so cells are not ranked; run with sweep.seeds=5 or more.\n",
            measure->name);
    } else {
        say_best(q);
        nl_say_value(out, best->mean.mean, measure);
        nl_text_add(out, " (");
        if (!isnan(best->mean.lower)) {
            nl_text_add(out, "%g %% CI ", 100.0 * q->rule.level);
            nl_say_interval_of(out, &best->mean, measure);
            nl_text_add(out, ", ");
        }
        nl_text_add(out, "n = %d)%s.\n", best->mean.n, q->metric.fixed ? ", on this part of the data" : "");
        nl_say_comparisons(q->answer, 0, q->answer->claims, q->experiment, &q->rule, q->metric.measure.step);
    }
    for (int i = 0; most > 0 && i < q->places && i < SHOWN; i++)
        say_place(q, i);
    if (most > 0 && q->places > SHOWN)
        nl_text_add(&q->answer->evidence, "  %s in summary.csv.\n", NL_COUNT(q->places - SHOWN, "more cell"));
    if (most > 1 && q->answer->tests > 0)
        nl_text_add(&q->answer->notes, "A difference counts from %g %s on.\n", q->rule.smallest,
                    nl_unit_of(q->rule.smallest, measure->step));
    nl_say_rule(q->answer, &q->rule);
    if (most > 1 && q->answer->claims == 0 && q->places > 1)
        nl_text_add(&q->answer->notes, q->experiment->has_baseline
                                           ? "Nothing is compared: no cell has a counterpart in the baseline.\n"
                                           : "Nothing is compared: there are too many cells to compare all pairs; "
                                             "sweep.baseline names what to compare with.\n");
    if (most > 1)
        nl_say_parts(q->answer, &q->metric, q->rule.level);
}

void nl_ask_compare(struct nl_answer *answer, const struct nl_results *results, const struct nl_experiment *experiment)
{
    struct question q = {.answer = answer, .results = results, .experiment = experiment};
    q.metric = nl_metric_column(results, nl_metric_names[experiment->config.plot.metric]);
    q.rule = nl_rule_for(experiment, q.metric.measure.step);
    nl_comparison_make(results, experiment, -1, -1, &q.view);
    q.places = q.view.methods;
    q.place = nl_alloc((size_t)q.places, sizeof *q.place);
    for (int i = 0; i < q.places; i++) {
        struct nl_estimate mean = nl_cell_mean(results, experiment, q.view.method[i].cell[0], &q.metric);
        q.place[i] = (struct place){q.view.method[i].cell[0], q.view.method[i].label, mean,
                                    isnan(mean.mean) ? INFINITY : q.metric.measure.worse * mean.mean, i};
    }
    if (results->seeds > 1)
        qsort(q.place, (size_t)q.places, sizeof *q.place, by_key);
    q.told = nl_alloc((size_t)q.places, sizeof *q.told);
    for (int i = 0; i < q.places; i++)
        q.told[i] = -1;
    if (results->seeds > 1)
        nl_answer_pairs(results, experiment, cell_at, q.places, MOST_OF_ALL_PAIRS, add_pair, &q);
    answer->tests = nl_claims_judge(answer->claim, answer->claims, NL_BONFERRONI, q.rule.level);
    say_headline(&q);
    free(q.told);
    free(q.place);
    nl_comparison_release(&q.view);
}
