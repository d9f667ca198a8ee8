/* sweep.question: inside. Where inside the networks do the compared settings differ?
 *
 * A quantity of metrics.csv in the step that plot.step names: in each tensor that plot.tensors names, in their mean,
 * and in its change from the first tensor to the last. With sweep.baseline each cell is compared with its counterpart
 * there; without, every cell with every other. Comparisons are paired by seed, quantities that are compared by their
 * ratio as logarithms, and p-values are adjusted over all comparisons of the answer.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats/answer.h"
#include "stats/comparison.h"
#include "stats/inside.h"

enum { SHOWN = 12, SHOWN_TENSORS = 6, MOST_OF_ALL_PAIRS = 12 /* cells, without a baseline: 66 pairs */ };

/* What is compared of two cells. */
enum part { TENSOR, MEAN, CHANGE };

struct place {
    const struct nl_cell *cell;
    const char *label;
    double *value; /* [seeds][tensors]: as they are judged, of ratios the logarithm; NaN: there is none */
};

struct told {
    int place, against;
    int first, claims; /* of the answer: of each tensor that both have; then, where there are several, of their mean and
                          its change */
};

struct question {
    struct nl_answer *answer;
    const struct nl_results *results;
    const struct nl_experiment *experiment;
    struct nl_inside inside;
    struct nl_measure measure;
    struct nl_comparison view; /* every cell a method */
    struct nl_rule rule;
    struct place *place; /* [places] */
    int places;
    struct told *told;
    int pairs, room;
};

static double value_of(const struct question *q, int place, int seed, int tensor)
{
    return q->place[place].value[seed * q->inside.tensors + tensor];
}

static bool has_tensor(const struct question *q, int place, int tensor)
{
    bool has = false;
    for (int seed = 0; seed < q->results->seeds; seed++)
        has |= !isnan(value_of(q, place, seed, tensor));
    return has;
}

/* The tensors that both have; how many. */
static int common_tensors(const struct question *q, int place, int against, int *out)
{
    int count = 0;
    for (int i = 0; i < q->inside.tensors; i++)
        if (has_tensor(q, place, i) && has_tensor(q, against, i))
            out[count++] = i;
    return count;
}

/* The value of one tensor, their mean, or its change from the first of them to the last. */
static double part_of(const struct question *q, int place, int seed, const int *tensor, int count, enum part part)
{
    double sum = 0;
    if (part == CHANGE)
        return value_of(q, place, seed, tensor[count - 1]) - value_of(q, place, seed, tensor[0]);
    for (int i = 0; i < count; i++)
        sum += value_of(q, place, seed, tensor[i]);
    return sum / count;
}

static char *name_of(const struct question *q, const int *tensor, int count, enum part part)
{
    if (part == TENSOR)
        return nl_strdup(q->inside.tensor[tensor[0]]);
    if (part == MEAN)
        return nl_format("mean over %s", NL_COUNT(count, "tensor"));
    return nl_format("from %s to %s", q->inside.tensor[tensor[0]], q->inside.tensor[tensor[count - 1]]);
}

/* Back from logarithms. */
static void make_ratio(struct nl_claim *claim, const struct nl_rule *rule)
{
    double *ends[] = {&claim->effect.mean, &claim->effect.median, &claim->effect.lower, &claim->effect.upper};
    for (int i = 0; i < 4; i++)
        *ends[i] = exp(*ends[i]);
    claim->smallest = rule->smallest;
    claim->margin = rule->margin;
}

static void add_claim(struct question *q, const struct told *told, const int *tensor, int count, enum part part)
{
    const struct place *of[] = {&q->place[told->place], &q->place[told->against]};
    int seeds = q->results->seeds, missing = 0, runs = 0;
    struct nl_claim *claim = nl_answer_claim(q->answer, of[0]->label, of[1]->label, "differs from", NL_FOUND_NOTHING);
    claim->of = name_of(q, tensor, count, part);
    claim->scale = q->measure.scale;
    claim->unit = q->measure.step;
    nl_claim_sides(claim, of[0]->cell, of[1]->cell);
    double *difference = nl_alloc((size_t)seeds, sizeof *difference);
    for (int i = 0; i < seeds; i++) {
        difference[i] =
            part_of(q, told->place, i, tensor, count, part) - part_of(q, told->against, i, tensor, count, part);
        bool both = nl_cell_status(q->results, of[0]->cell, i) && nl_cell_status(q->results, of[1]->cell, i);
        runs += both;
        missing += both && !isfinite(difference[i]);
    }
    const struct nl_sampling sampling = {.first = q->results->first_seeds};
    claim->effect = nl_estimate(difference, seeds, q->measure.share ? NL_SCALE_DIFFERENCE : NL_SCALE_REAL, &sampling,
                                NL_INTERVAL_T, q->rule.level);
    struct nl_rule rule = q->rule;
    if (q->measure.by_ratio) {
        rule.smallest = log(rule.smallest);
        rule.margin = log(rule.margin);
    }
    nl_claim_test(claim, &rule, difference, seeds, NAN);
    free(difference);
    if (q->measure.by_ratio)
        make_ratio(claim, &q->rule);
    nl_claim_need_runs(claim, (const struct nl_cell *const[]){of[0]->cell, of[1]->cell}, 2);
    if (!claim->obstacle && missing > 0)
        claim->obstacle = nl_format("%d of %s lack a finite value%s", missing, NL_COUNT(runs, "pair"),
                                    q->measure.by_ratio ? " other than 0" : "");
    nl_claim_need_pairs(claim, &q->rule);
    claim->expected = claim->points; /* that they differ, either way, is the statement */
}

static void add_pair(void *context, int place, int against)
{
    struct question *q = context;
    int *tensor = nl_alloc((size_t)q->inside.tensors, sizeof *tensor);
    int count = common_tensors(q, place, against, tensor);
    struct told told = {.place = place, .against = against, .first = q->answer->claims};
    for (int i = 0; i < count; i++)
        add_claim(q, &told, &tensor[i], 1, TENSOR);
    if (count > 1) {
        add_claim(q, &told, tensor, count, MEAN);
        add_claim(q, &told, tensor, count, CHANGE);
    }
    told.claims = q->answer->claims - told.first;
    NL_GROW(q->told, q->pairs, q->room);
    q->told[q->pairs++] = told;
    free(tensor);
}

static const struct nl_cell *cell_at(const void *context, int place)
{
    return ((const struct question *)context)->place[place].cell;
}

/* The mean over the tensors of a cell and over its seeds, as it reads. */
static void say_place(const struct question *q, int place)
{
    struct nl_text *out = &q->answer->evidence;
    int *tensor = nl_alloc((size_t)q->inside.tensors, sizeof *tensor), count = common_tensors(q, place, place, tensor);
    int seeds = q->results->seeds;
    double *values = nl_alloc((size_t)seeds, sizeof *values);
    for (int i = 0; i < seeds; i++)
        values[i] = count ? part_of(q, place, i, tensor, count, MEAN) : NAN;
    for (int i = 0; i < seeds && q->measure.by_ratio; i++)
        values[i] = exp(values[i]);
    struct nl_estimate mean = nl_inside_mean(q->inside.quantity, values, seeds, q->results, q->experiment);
    nl_text_add(out, "  %s: ", q->place[place].label);
    if (mean.n == 0) {
        nl_text_add(out, "no value.\n");
    } else {
        const char *unit = q->measure.share ? " %" : "";
        nl_text_add(out, "%.3g%s", mean.mean * q->measure.scale, unit);
        if (!isnan(mean.lower))
            nl_text_add(out, " (%.3g to %.3g)", mean.lower * q->measure.scale, mean.upper * q->measure.scale);
        nl_text_add(out, count > 1 ? ", mean over %s, n = %d.\n" : "%s, n = %d.\n",
                    count > 1 ? NL_COUNT(count, "tensor") : "", mean.n);
    }
    free(values);
    free(tensor);
}

static void say_claim(const struct question *q, const struct nl_claim *claim, const char *what)
{
    struct nl_text *out = &q->answer->evidence;
    nl_text_add(out, "    against %s%s%s: ", claim->against, *what ? ", " : "", what);
    if (claim->effect.n == 0) {
        nl_text_add(out, "%s.\n", claim->obstacle);
        return;
    }
    nl_say_effect(out, claim, q->rule.level, true);
    nl_say_proof(out, claim, NULL);
    nl_say_found(out, claim);
    nl_text_add(out, ".\n");
}

/* "3 tensors differ (fc1 1.5x, fc2 2x, fc3 2.1x), 1 is the same, 2 are inconclusive." */
static void say_tensors(const struct question *q, const struct told *told, int tensors)
{
    struct nl_text *out = &q->answer->evidence, differ = {0};
    int count[3] = {0}; /* that differ, are the same, are open */
    for (int i = 0; i < tensors; i++) {
        const struct nl_claim *claim = &q->answer->claim[told->first + i];
        bool differs = claim->finding == NL_FOUND_MORE || claim->finding == NL_FOUND_LESS;
        count[differs ? 0 : claim->finding == NL_FOUND_SAME ? 1 : 2]++;
        if (differs && count[0] <= SHOWN_TENSORS) {
            nl_text_add(&differ, q->measure.by_ratio ? "%s%s %.3gx" : "%s%s %+.3g", count[0] > 1 ? ", " : "", claim->of,
                        claim->effect.mean * claim->scale);
        }
    }
    nl_text_add(out, "    against %s, one by one: %s %s", q->place[told->against].label, NL_COUNT(count[0], "tensor"),
                nl_agree(count[0], "differs", "differ"));
    if (count[0])
        nl_text_add(out, " (%s%s)", differ.at, count[0] > SHOWN_TENSORS ? ", ..." : "");
    nl_text_add(out, ", %d %s the same, %d %s inconclusive.\n", count[1], nl_agree(count[1], "is", "are"), count[2],
                nl_agree(count[2], "is", "are"));
    nl_text_release(&differ);
}

static void say_pair(const struct question *q, const struct told *told)
{
    const struct nl_claim *claim = &q->answer->claim[told->first];
    if (told->claims == 0)
        nl_text_add(&q->answer->evidence, "    against %s: they have no tensor with a value in common.\n",
                    q->place[told->against].label);
    if (told->claims == 1)
        say_claim(q, claim, "");
    if (told->claims < 3)
        return;
    for (int i = told->claims - 2; i < told->claims; i++)
        say_claim(q, &claim[i], claim[i].of);
    say_tensors(q, told, told->claims - 2);
}

static void say_headline(const struct question *q)
{
    struct nl_text *out = &q->answer->headline;
    int64_t step = q->experiment->config.plot.step;
    char *title = nl_inside_title(&q->inside), *which = nl_inside_pattern(&q->inside);
    nl_text_add(out, "Compared: %s, %s", title, which);
    if (q->inside.tensors > 1)
        nl_text_add(out, " (%s)", NL_COUNT(q->inside.tensors, "tensor"));
    if (step == NL_AUTO)
        nl_text_add(out, ", at the last step of each run.\n");
    else
        nl_text_add(out, ", at step %" PRId64 ".\n", step);
    free(title);
    free(which);
    nl_say_comparisons(q->answer, q->experiment, &q->rule, q->measure.step);
    for (int i = 0; i < q->places && i < SHOWN; i++) {
        say_place(q, i);
        for (int k = 0; k < q->pairs; k++)
            if (q->told[k].place == i)
                say_pair(q, &q->told[k]);
    }
    if (q->places > SHOWN)
        nl_text_add(&q->answer->evidence, "  %s not shown.\n", NL_COUNT(q->places - SHOWN, "more cell"));
    nl_say_rule(q->answer, &q->rule);
    if (q->answer->claims == 0)
        nl_text_add(&q->answer->notes, "Nothing is compared: %s.\n",
                    q->places == 1                ? "there is one cell"
                    : q->results->seeds < 2       ? "there is one seed"
                    : q->experiment->has_baseline ? "no cell has a counterpart in the baseline"
                                                  : "there are too many cells to compare all pairs; sweep.baseline "
                                                    "names what to compare with");
    nl_text_add(&q->answer->notes,
                "Values are of training batches: findings hold for these data, which the seeds share.\n");
}

static void take_values(struct question *q, struct place *place)
{
    const struct nl_results *results = q->results;
    int tensors = q->inside.tensors;
    place->value = nl_alloc((size_t)(results->seeds * tensors), sizeof *place->value);
    for (int seed = 0; seed < results->seeds; seed++) {
        int step = nl_inside_step_of(&q->inside, results, q->experiment, place->cell, seed);
        for (int i = 0; i < tensors; i++) {
            double value = step < 0 ? NAN : nl_inside_value(&q->inside, results, place->cell, seed, i, step);
            place->value[seed * tensors + i] = q->measure.by_ratio ? log(value) : value;
        }
    }
}

/* What counts: 1.25 times, where the user does not say; a mean has a unit of its own, and any difference counts. */
static struct nl_rule rule_of(const struct question *q)
{
    struct nl_rule rule = nl_rule_for(q->experiment, q->measure.share ? q->measure.step : "");
    double counts = q->measure.by_ratio ? 1.25 : 0.0;
    rule.smallest = rule.smallest == NL_AUTO ? counts : rule.smallest;
    rule.margin = rule.margin == NL_AUTO ? counts : rule.margin;
    return rule;
}

static void answer(struct question *q)
{
    q->measure = nl_inside_measure(q->inside.quantity);
    q->rule = rule_of(q);
    nl_comparison_make(q->results, q->experiment, -1, -1, &q->view);
    q->places = q->view.methods;
    q->place = nl_alloc((size_t)q->places, sizeof *q->place);
    for (int i = 0; i < q->places; i++) {
        q->place[i] = (struct place){.cell = q->view.method[i].cell[0], .label = q->view.method[i].label};
        take_values(q, &q->place[i]);
    }
    if (q->results->seeds > 1)
        nl_answer_pairs(q->results, q->experiment, cell_at, q->places, MOST_OF_ALL_PAIRS, add_pair, q);
    q->answer->tests = nl_claims_judge(q->answer->claim, q->answer->claims, NL_BONFERRONI, q->rule.level);
    say_headline(q);
    for (int i = 0; i < q->places; i++)
        free(q->place[i].value);
    free(q->place);
    free(q->told);
    nl_comparison_release(&q->view);
}

void nl_ask_inside(struct nl_answer *out, const struct nl_results *results, const struct nl_experiment *experiment)
{
    struct question q = {.answer = out, .results = results, .experiment = experiment};
    const struct nl_config *config = &experiment->config;
    enum nl_quantity quantity = (enum nl_quantity)config->plot.quantity;
    struct nl_error err;
    if (nl_inside_load(results, &config->plot.tensors, quantity, &q.inside, &err)) {
        nl_text_add(&out->headline, "Nothing is compared: %s.\n", err.text);
        return;
    }
    char *why = nl_inside_nothing(&q.inside, results, config->plot.step);
    if (why)
        nl_text_add(&out->headline, "Nothing is compared: %s.\n", why);
    else
        answer(&q);
    free(why);
    nl_inside_release(&q.inside);
}
