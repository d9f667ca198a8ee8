/* sweep.question: inside. Where inside the networks do the compared settings differ?
 *
 * A quantity of metrics.csv (plot.quantity) in a step (plot.step): in each tensor that plot.tensors names, in their
 * mean, and in its change from the first tensor to the last. plot.quantities and plot.steps ask for more of them, each
 * quantity in each step. With sweep.baseline each cell is compared with its counterpart there; without, every cell with
 * every other. Comparisons are paired by seed, quantities that are compared by their ratio as logarithms, and p-values
 * are adjusted over all comparisons of the answer.
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
    char **name;       /* [claims]: what each is about, within its look */
};

/* A quantity in a step. */
struct look {
    struct nl_answer *answer;
    const struct nl_results *results;
    struct nl_experiment experiment; /* with the look's quantity and step as plot.quantity and plot.step */
    bool alone;                      /* it is the only one */
    const struct nl_inside *inside;
    struct nl_measure measure;
    struct nl_comparison view; /* every cell a method */
    struct nl_rule rule;
    int first, claims;   /* of the answer */
    struct place *place; /* [places] */
    int places;
    struct told *told;
    int pairs, room;
};

static double value_of(const struct look *q, int place, int seed, int tensor)
{
    return q->place[place].value[seed * q->inside->tensors + tensor];
}

static bool has_tensor(const struct look *q, int place, int tensor)
{
    bool has = false;
    for (int seed = 0; seed < q->results->seeds; seed++)
        has |= !isnan(value_of(q, place, seed, tensor));
    return has;
}

/* The tensors that both have; how many. */
static int common_tensors(const struct look *q, int place, int against, int *out)
{
    int count = 0;
    for (int i = 0; i < q->inside->tensors; i++)
        if (has_tensor(q, place, i) && has_tensor(q, against, i))
            out[count++] = i;
    return count;
}

/* The value of one tensor, their mean, or its change from the first of them to the last. */
static double part_of(const struct look *q, int place, int seed, const int *tensor, int count, enum part part)
{
    double sum = 0;
    if (part == CHANGE)
        return value_of(q, place, seed, tensor[count - 1]) - value_of(q, place, seed, tensor[0]);
    for (int i = 0; i < count; i++)
        sum += value_of(q, place, seed, tensor[i]);
    return sum / count;
}

/* "at the last step of each run", "at step 100"; new string. */
static char *when(const struct look *q)
{
    int64_t step = q->experiment.config.plot.step;
    return step == NL_AUTO ? nl_strdup("at the last step of each run") : nl_format("at step %" PRId64, step);
}

static char *name_of(const struct look *q, const int *tensor, int count, enum part part)
{
    if (part == TENSOR)
        return nl_strdup(q->inside->tensor[tensor[0]]);
    if (part == MEAN)
        return nl_format("mean over %s", NL_COUNT(count, "tensor"));
    return nl_format("from %s to %s", q->inside->tensor[tensor[0]], q->inside->tensor[tensor[count - 1]]);
}

/* The name among the claims of several looks: "grad:fc1.weight, norm at step 100"; new string. */
static char *whole_name(const struct look *q, const char *name)
{
    char *step = when(q), *out = nl_format("%s, %s %s", name, nl_quantity_names[q->inside->quantity], step);
    free(step);
    return out;
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

static void add_claim(struct look *q, struct told *told, const int *tensor, int count, enum part part)
{
    const struct place *of[] = {&q->place[told->place], &q->place[told->against]};
    int seeds = q->results->seeds, missing = 0, runs = 0;
    struct nl_claim *claim = nl_answer_claim(q->answer, of[0]->label, of[1]->label, "differs from", NL_FOUND_NOTHING);
    char *name = told->name[told->claims++] = name_of(q, tensor, count, part);
    claim->of = q->alone ? nl_strdup(name) : whole_name(q, name);
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
    struct look *q = context;
    int *tensor = nl_alloc((size_t)q->inside->tensors, sizeof *tensor);
    int count = common_tensors(q, place, against, tensor);
    struct told told = {.place = place,
                        .against = against,
                        .first = q->answer->claims,
                        .name = nl_alloc((size_t)count + 2, sizeof *told.name)};
    for (int i = 0; i < count; i++)
        add_claim(q, &told, &tensor[i], 1, TENSOR);
    if (count > 1) {
        add_claim(q, &told, tensor, count, MEAN);
        add_claim(q, &told, tensor, count, CHANGE);
    }
    NL_GROW(q->told, q->pairs, q->room);
    q->told[q->pairs++] = told;
    free(tensor);
}

static const struct nl_cell *cell_at(const void *context, int place)
{
    return ((const struct look *)context)->place[place].cell;
}

/* The mean over the tensors of a cell and over its seeds, as it reads. */
static void say_place(const struct look *q, int place)
{
    struct nl_text *out = &q->answer->evidence;
    int *tensor = nl_alloc((size_t)q->inside->tensors, sizeof *tensor), count = common_tensors(q, place, place, tensor);
    int seeds = q->results->seeds;
    double *values = nl_alloc((size_t)seeds, sizeof *values);
    for (int i = 0; i < seeds; i++)
        values[i] = count ? part_of(q, place, i, tensor, count, MEAN) : NAN;
    for (int i = 0; i < seeds && q->measure.by_ratio; i++)
        values[i] = exp(values[i]);
    struct nl_estimate mean = nl_inside_mean(q->inside->quantity, values, seeds, q->results, &q->experiment);
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

static void say_claim(const struct look *q, const struct nl_claim *claim, const char *what)
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
static void say_tensors(const struct look *q, const struct told *told, int tensors)
{
    struct nl_text *out = &q->answer->evidence, differ = {0};
    int count[3] = {0}; /* that differ, are the same, are open */
    for (int i = 0; i < tensors; i++) {
        const struct nl_claim *claim = &q->answer->claim[told->first + i];
        bool differs = claim->finding == NL_FOUND_MORE || claim->finding == NL_FOUND_LESS;
        count[differs ? 0 : claim->finding == NL_FOUND_SAME ? 1 : 2]++;
        if (differs && count[0] <= SHOWN_TENSORS) {
            nl_text_add(&differ, q->measure.by_ratio ? "%s%s %.3gx" : "%s%s %+.3g", count[0] > 1 ? ", " : "",
                        told->name[i], claim->effect.mean * claim->scale);
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

static void say_pair(const struct look *q, const struct told *told)
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
        say_claim(q, &claim[i], told->name[i]);
    say_tensors(q, told, told->claims - 2);
}

/* What is compared, how many comparisons found what, and each of them. */
static void say_look(const struct look *q)
{
    struct nl_text *out = &q->answer->headline, *evidence = &q->answer->evidence;
    char *title = nl_inside_title(q->inside), *which = nl_inside_pattern(q->inside), *step = when(q);
    nl_text_add(out, "Compared: %s, %s", title, which);
    if (q->inside->tensors > 1)
        nl_text_add(out, " (%s)", NL_COUNT(q->inside->tensors, "tensor"));
    nl_text_add(out, ", %s.\n", step);
    nl_say_comparisons(q->answer, q->first, q->claims, &q->experiment, &q->rule, q->measure.step);
    if (!q->alone)
        nl_text_add(evidence, " %s, %s:\n", title, step);
    free(title);
    free(which);
    free(step);
    for (int i = 0; i < q->places && i < SHOWN; i++) {
        say_place(q, i);
        for (int k = 0; k < q->pairs; k++)
            if (q->told[k].place == i)
                say_pair(q, &q->told[k]);
    }
    if (q->places > SHOWN)
        nl_text_add(evidence, "  %s not shown.\n", NL_COUNT(q->places - SHOWN, "more cell"));
}

static void say_notes(const struct look *q)
{
    nl_say_rule(q->answer, &q->rule);
    if (q->answer->claims == 0)
        nl_text_add(&q->answer->notes, "Nothing is compared: %s.\n",
                    q->places == 1               ? "there is one cell"
                    : q->results->seeds < 2      ? "there is one seed"
                    : q->experiment.has_baseline ? "no cell has a counterpart in the baseline"
                                                 : "there are too many cells to compare all pairs; sweep.baseline "
                                                   "names what to compare with");
    nl_text_add(&q->answer->notes,
                "Values are of training batches: findings hold for these data, which the seeds share.\n");
}

static void take_values(struct look *q, struct place *place)
{
    const struct nl_results *results = q->results;
    int tensors = q->inside->tensors;
    place->value = nl_alloc((size_t)(results->seeds * tensors), sizeof *place->value);
    for (int seed = 0; seed < results->seeds; seed++) {
        int step = nl_inside_step_of(q->inside, results, &q->experiment, place->cell, seed);
        for (int i = 0; i < tensors; i++) {
            double value = step < 0 ? NAN : nl_inside_value(q->inside, results, place->cell, seed, i, step);
            place->value[seed * tensors + i] = q->measure.by_ratio ? log(value) : value;
        }
    }
}

/* What counts: 1.25 times, where the user does not say; a mean has a unit of its own, and any difference counts. */
static struct nl_rule rule_of(const struct look *q)
{
    struct nl_rule rule = nl_rule_for(&q->experiment, q->measure.share ? q->measure.step : "");
    double counts = q->measure.by_ratio ? 1.25 : 0.0;
    rule.smallest = rule.smallest == NL_AUTO ? counts : rule.smallest;
    rule.margin = rule.margin == NL_AUTO ? counts : rule.margin;
    return rule;
}

/* Adds the claims of a look. */
static void compare(struct look *q)
{
    q->measure = nl_inside_measure(q->inside->quantity);
    q->rule = rule_of(q);
    nl_comparison_make(q->results, &q->experiment, -1, -1, &q->view);
    q->places = q->view.methods;
    q->place = nl_alloc((size_t)q->places, sizeof *q->place);
    for (int i = 0; i < q->places; i++) {
        q->place[i] = (struct place){.cell = q->view.method[i].cell[0], .label = q->view.method[i].label};
        take_values(q, &q->place[i]);
    }
    q->first = q->answer->claims;
    if (q->results->seeds > 1)
        nl_answer_pairs(q->results, &q->experiment, cell_at, q->places, MOST_OF_ALL_PAIRS, add_pair, q);
    q->claims = q->answer->claims - q->first;
}

static void look_release(struct look *q)
{
    for (int i = 0; i < q->places; i++)
        free(q->place[i].value);
    for (int i = 0; i < q->pairs; i++) {
        for (int k = 0; k < q->told[i].claims; k++)
            free(q->told[i].name[k]);
        free(q->told[i].name);
    }
    free(q->place);
    free(q->told);
    nl_comparison_release(&q->view);
}

static void answer(struct nl_answer *out, struct look *look, int looks)
{
    for (int i = 0; i < looks; i++)
        compare(&look[i]);
    out->tests = nl_claims_judge(out->claim, out->claims, NL_BONFERRONI, look[0].rule.level);
    for (int i = 0; i < looks; i++)
        say_look(&look[i]);
    say_notes(&look[0]);
    for (int i = 0; i < looks; i++)
        look_release(&look[i]);
}

/* The first, and those of the list that are others: each once. out[list->count + 1]. */
static int each_once(int64_t first, const struct nl_int_list *list, int64_t *out)
{
    int count = 0;
    out[count++] = first;
    for (int i = 0; i < list->count; i++) {
        bool seen = false;
        for (int k = 0; k < count; k++)
            seen |= out[k] == list->at[i];
        if (!seen)
            out[count++] = list->at[i];
    }
    return count;
}

void nl_ask_inside(struct nl_answer *out, const struct nl_results *results, const struct nl_experiment *experiment)
{
    const struct nl_config *config = &experiment->config;
    int64_t quantity[NL_LIST_MAX + 1], step[NL_LIST_MAX + 1];
    int quantities = each_once(config->plot.quantity, &config->plot.quantities, quantity),
        steps = each_once(config->plot.step, &config->plot.steps, step), looks = 0;
    struct nl_inside *inside = nl_alloc((size_t)quantities, sizeof *inside);
    struct look *look = nl_alloc((size_t)(quantities * steps), sizeof *look);
    struct nl_error err;
    char *why = NULL;
    for (int i = 0; i < quantities && !why; i++) {
        if (nl_inside_load(results, &config->plot.tensors, (enum nl_quantity)quantity[i], &inside[i], &err))
            why = nl_strdup(err.text);
        for (int k = 0; k < steps && !why; k++) {
            struct look *of = &look[looks++];
            *of = (struct look){.answer = out,
                                .results = results,
                                .experiment = *experiment,
                                .alone = quantities * steps == 1,
                                .inside = &inside[i]};
            of->experiment.config.plot.quantity = (int)quantity[i];
            of->experiment.config.plot.step = step[k];
            why = nl_inside_nothing(&inside[i], results, step[k]);
        }
    }
    if (why)
        nl_text_add(&out->headline, "Nothing is compared: %s.\n", why);
    else
        answer(out, look, looks);
    free(why);
    for (int i = 0; i < quantities; i++)
        nl_inside_release(&inside[i]);
    free(inside);
    free(look);
}
