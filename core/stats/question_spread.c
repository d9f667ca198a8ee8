/* sweep.question: spread. How far do the seeds of each cell spread, and which source of randomness does it?
 *
 * Where seeds of their own fix some sources (train.init_seed, train.order_seed, ...), what is left varies with
 * train.seed: the standard deviation of a cell is that of the sources that it leaves free (Bouthillier et al. 2021).
 * Intervals are Bonett's, which do not take the values for normal. Cells are not tested against each other: their
 * seeds share sources. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats/answer.h"
#include "stats/comparison.h"

enum { SHOWN = 24 };

struct place {
    const struct nl_cell *cell;
    char *label;
    struct nl_deviation spread;
    int order; /* in the grid */
};

static int by_spread(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    double first = isnan(a->spread.sd) ? -1.0 : a->spread.sd, second = isnan(b->spread.sd) ? -1.0 : b->spread.sd;
    return first != second ? (first < second) - (first > second) : a->order - b->order;
}

/* The source that a key seeds: how much of "train.init_seed" is "init"; 0: it is no seed. */
static int source_of(const struct nl_key *key, const char **name)
{
    const char *dot = strrchr(key->name, '.'), *end = strstr(key->name, "_seed");
    *name = dot ? dot + 1 : key->name;
    return end && !end[strlen("_seed")] ? (int)(end - *name) : 0;
}

/* "init and order free": the sources that the cell leaves to train.seed, where cells differ in nothing else; else the
 * method's label. New string. */
static char *label_of(const struct nl_results *results, const struct nl_method *method)
{
    int free_ones = 0, said = 0;
    const char *name;
    for (int f = 0; f < results->factors; f++) {
        if (!source_of(results->factor[f].key, &name) || method->level[f] == NL_INAPPLICABLE)
            return nl_strdup(method->label);
        free_ones += strcmp(results->factor[f].value[method->level[f]], "auto") == 0;
    }
    struct nl_text out = {0};
    for (int f = 0; f < results->factors; f++) {
        int length = source_of(results->factor[f].key, &name);
        if (strcmp(results->factor[f].value[method->level[f]], "auto") != 0)
            continue;
        nl_say_comma(&out, said++, free_ones);
        nl_text_add(&out, "%.*s", length, name);
    }
    nl_text_add(&out, free_ones ? " free" : "nothing free");
    return out.at;
}

static struct place place_of(const struct nl_results *results, const struct nl_method *method,
                             const struct nl_metric_column *metric, double level, int order)
{
    struct place out = {.cell = method->cell[0], .label = label_of(results, method), .order = order};
    double *values = nl_alloc((size_t)results->seeds, sizeof *values);
    nl_cell_values(results, out.cell, metric, values);
    out.spread = nl_deviation(values, results->seeds, level);
    free(values);
    return out;
}

/* "0.41 points (95 % CI 0.26 to 0.94, n = 8)" */
static void say_spread(struct nl_text *out, const struct nl_deviation *spread, const struct nl_measure *measure,
                       double level)
{
    nl_text_add(out, "%.3g %s (", spread->sd * measure->scale, measure->step);
    if (!isnan(spread->lower))
        nl_text_add(out, "%g %% CI %.3g to %.3g, ", 100.0 * level, spread->lower * measure->scale,
                    spread->upper * measure->scale);
    nl_text_add(out, "n = %d)", spread->n);
}

static void say_place(struct nl_text *out, const struct place *place, const struct nl_measure *measure, double level,
                      double most)
{
    nl_text_add(out, "  %s: ", place->label);
    if (isnan(place->spread.sd))
        nl_text_add(out, "no spread, of %s", NL_COUNT(place->spread.n, "run"));
    else
        say_spread(out, &place->spread, measure, level);
    if (place->spread.sd > 0.0)
        nl_text_add(out, ", %.0f %% of the largest variance", 100.0 * pow(place->spread.sd / most, 2.0));
    if (place->cell->failed)
        nl_text_add(out, ", %d failed", place->cell->failed);
    if (place->spread.sd == 0.0 && place->spread.n > 1)
        nl_text_add(out, ": all seeds gave the same");
    nl_text_add(out, ".\n");
}

static void say_notes(struct nl_answer *answer, const struct nl_metric_column *metric)
{
    nl_text_add(
        &answer->notes,
        "A standard deviation is that over train.seed, of the sources that the cell leaves free: those whose own "
        "seed is auto. Its interval is Bonett's (2006), from %s on. Variances of sources that do not "
        "interact add up to that of all.\n",
        NL_COUNT(NL_LEAST_SPREAD, "run"));
    if (metric->sampling.samples > 0)
        nl_text_add(&answer->notes,
                    "Scores are shares of %s. Where data.split_seed is fixed, all seeds share them, and their choice "
                    "is no source.\n",
                    NL_COUNT(metric->sampling.samples, "sample"));
}

void nl_ask_spread(struct nl_answer *answer, const struct nl_results *results, const struct nl_experiment *experiment)
{
    const char *name = nl_metric_names[experiment->config.plot.metric];
    struct nl_metric_column metric = nl_metric_column(results, name);
    struct nl_comparison view;
    double level = experiment->config.plot.level;
    nl_comparison_make(results, experiment, -1, -1, &view);
    struct place *place = nl_alloc((size_t)view.methods + 1, sizeof *place);
    for (int i = 0; i < view.methods; i++)
        place[i] = place_of(results, &view.method[i], &metric, level, i);
    qsort(place, (size_t)view.methods, sizeof *place, by_spread);
    double most = view.methods ? place[0].spread.sd : NAN;
    if (!(most >= 0.0)) {
        nl_text_add(&answer->headline, "No cell has two runs: there is no spread to tell.\n");
    } else {
        nl_text_add(&answer->headline, "Over seeds the %s spreads most with %s: a standard deviation of ",
                    metric.measure.name, place[0].label);
        say_spread(&answer->headline, &place[0].spread, &metric.measure, level);
        nl_text_add(&answer->headline, ".\n");
        for (int i = 0; i < view.methods && i < SHOWN; i++)
            say_place(&answer->evidence, &place[i], &metric.measure, level, most);
        if (view.methods > SHOWN)
            nl_text_add(&answer->evidence, "  %s in summary.csv.\n", NL_COUNT(view.methods - SHOWN, "more cell"));
        say_notes(answer, &metric);
    }
    for (int i = 0; i < view.methods; i++)
        free(place[i].label);
    free(place);
    nl_comparison_release(&view);
}
