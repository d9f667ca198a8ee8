/* Writes the curves of an explorer, thinned to what a picture shows and to what a page has room for. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot/series.h"
#include "report/explore.h"

/* The evaluations of one run in one metric. */
struct curve {
    int count, capacity;
    struct evaluation {
        int step;
        double value;
    } * at;
};

struct curves {
    const struct nl_report_section *s;
    struct nl_curves read;
    int metrics;
    const struct nl_metric_column *metric[NL_EXPLORE_CURVES];
    int *evaluations; /* [metrics][cells][seeds] */
    struct {
        int metrics, evaluations, runs; /* runs: of a cell; evaluations: of a curve */
    } room;
    bool thinned;
    struct curve curve;  /* the one that was read last */
    struct nl_text list; /* of steps */
    int lists, capacity;
    struct steps {
        int count, *step;
    } * steps; /* [lists] */
};

/* Whether curves.csv shows the metric as it is at one time; of a part and a reading the first one that stands in the
 * table, so not the mean along the curve. Accuracies say what errors do. */
static bool is_further(const struct curves *c, const struct nl_metric_column *metric, const char *part)
{
    const struct nl_measure *measure = &metric->measure;
    bool further = nl_measure_column(measure) && !*measure->statistics && measure->reading != NL_READ_ACCURACY &&
                   strcmp(measure->part, part) == 0;
    for (int i = 0; i < c->metrics && further; i++)
        further = c->metric[i]->measure.reading != measure->reading || strcmp(c->metric[i]->measure.part, part) != 0;
    return further;
}

/* The first metric, and then losses and errors of each part. */
static void choose_metrics(struct curves *c, const struct nl_metric_column *metric, int metrics)
{
    static const char *const parts[] = {"test", "train", "val"};
    if (metrics > 0 && nl_measure_column(&metric[0].measure))
        c->metric[c->metrics++] = &metric[0];
    for (int part = 0; part < 3; part++)
        for (int i = 0; i < metrics && c->metrics < NL_EXPLORE_CURVES; i++)
            if (is_further(c, &metric[i], parts[part]))
                c->metric[c->metrics++] = &metric[i];
}

/* Reads the curve of a run as it stands in curves.csv; the last step may be there twice. Values that are no numbers are
 * kept. NL_BAD: the table is damaged. */
static int read_curve(struct curves *c, const struct nl_cell *cell, int seed, const struct nl_metric_column *metric,
                      struct nl_error *err)
{
    const struct nl_csv *csv = &c->read.csv;
    const struct nl_measure *measure = &metric->measure;
    bool training = strcmp(measure->part, "train") == 0;
    const char *wanted = training ? "" : nl_series_eval(c->s->results, c->s->experiment, cell);
    int first, rows, step, split, eval, column;
    c->curve.count = 0;
    if (nl_csv_need(csv, "step", &step, err) || nl_csv_need(csv, "split", &split, err) ||
        nl_csv_need(csv, "eval", &eval, err) || nl_csv_need(csv, nl_measure_column(measure), &column, err))
        return NL_BAD;
    if (!nl_curves_rows(&c->read, c->s->results, cell, seed, &first, &rows))
        return NL_OK;
    for (int row = first; row < first + rows; row++) {
        struct evaluation at;
        if (strcmp(nl_csv_field(csv, row, split), measure->part) != 0 ||
            strcmp(nl_csv_field(csv, row, eval), wanted) != 0)
            continue;
        if (nl_csv_whole(csv, row, step, 0, &at.step, err) || nl_csv_number(csv, row, column, &at.value, err))
            return NL_BAD;
        at.value = nl_measure_read(measure, at.value);
        if (c->curve.count > 0 && c->curve.at[c->curve.count - 1].step == at.step)
            continue;
        NL_GROW(c->curve.at, c->curve.count, c->curve.capacity);
        c->curve.at[c->curve.count++] = at;
    }
    return NL_OK;
}

static size_t place_of(const struct curves *c, int metric, int cell, int seed)
{
    const struct nl_results *results = c->s->results;
    return ((size_t)metric * (size_t)results->cells + (size_t)cell) * (size_t)results->seeds + (size_t)seed;
}

static int count_evaluations(struct curves *c, struct nl_error *err)
{
    const struct nl_results *results = c->s->results;
    c->evaluations = nl_alloc(place_of(c, c->metrics, 0, 0) + 1, sizeof *c->evaluations);
    for (int m = 0; m < c->metrics; m++)
        for (int i = 0; i < results->cells; i++)
            for (int seed = 0; seed < results->seeds; seed++) {
                if (read_curve(c, &results->cell[i], seed, c->metric[m], err) != NL_OK)
                    return NL_BAD;
                c->evaluations[place_of(c, m, i, seed)] = c->curve.count;
            }
    return NL_OK;
}

/* ---- what there is room for ---- */

/* Evaluations in a group, of a curve of so many. 1: each is kept. */
static int group_of(const struct curves *c, int count)
{
    int groups = c->room.evaluations / 2;
    return count <= c->room.evaluations ? 1 : (count + groups - 1) / groups;
}

static long long numbers_of(const struct curves *c)
{
    long long numbers = 0;
    for (int m = 0; m < c->room.metrics; m++)
        for (int i = 0; i < c->s->results->cells; i++)
            for (int seed = 0, runs = 0; seed < c->s->results->seeds && runs < c->room.runs; seed++) {
                int count = c->evaluations[place_of(c, m, i, seed)], group = group_of(c, count);
                numbers += group == 1 ? count : 2 * ((count + group - 1) / group);
                runs += count > 0;
            }
    return numbers;
}

/* Curves become coarser, then metrics fewer, then runs; in the end there are none. */
static void make_room(struct curves *c)
{
    c->room.metrics = c->metrics;
    c->room.evaluations = NL_EXPLORE_EVALUATIONS;
    c->room.runs = c->s->results->seeds;
    while (c->room.runs > 0 && numbers_of(c) > NL_EXPLORE_POINTS)
        if (c->room.evaluations > NL_EXPLORE_LEAST)
            c->room.evaluations /= 2;
        else if (c->room.metrics > 1)
            c->room.metrics--;
        else
            c->room.runs /= 2;
}

/* ---- writing ---- */

static void put_number(struct nl_text *out, double value)
{
    nl_text_add(out, isfinite(value) ? "%.4g" : "null", value);
}

/* The index of these steps in the list of lists. */
static int list_of(struct curves *c, const int *step, int count)
{
    for (int i = 0; i < c->lists; i++)
        if (c->steps[i].count == count && memcmp(c->steps[i].step, step, (size_t)count * sizeof *step) == 0)
            return i;
    NL_GROW(c->steps, c->lists, c->capacity);
    struct steps *list = &c->steps[c->lists];
    *list = (struct steps){.count = count, .step = nl_alloc((size_t)count + 1, sizeof *step)};
    memcpy(list->step, step, (size_t)count * sizeof *step);
    nl_text_add(&c->list, c->lists ? ",[" : "[");
    for (int i = 0; i < count; i++)
        nl_text_add(&c->list, "%s%d", i ? "," : "", step[i]);
    nl_text_add(&c->list, "]");
    return c->lists++;
}

/* [seed, metric, steps, values], or [seed, metric, steps, least, greatest] */
static void put_curve(struct curves *c, struct nl_text *out, int seed, int metric)
{
    const struct curve *curve = &c->curve;
    int group = group_of(c, curve->count), count = (curve->count + group - 1) / group,
        *step = nl_alloc((size_t)count + 1, sizeof *step);
    struct nl_text least = {0}, greatest = {0};
    for (int g = 0; g < count; g++) {
        double low = NAN, high = NAN;
        for (int i = g * group; i < curve->count && i < (g + 1) * group; i++) {
            double value = isfinite(curve->at[i].value) ? curve->at[i].value : NAN;
            low = fmin(low, value); /* the number, where one is none */
            high = fmax(high, value);
            step[g] = curve->at[i].step;
        }
        nl_text_add(&least, g ? "," : "");
        nl_text_add(&greatest, g ? "," : "");
        put_number(&least, low);
        put_number(&greatest, high);
    }
    nl_text_add(out, "[%d,%d,%d,[%s]", seed, metric, list_of(c, step, count), least.at);
    if (group > 1)
        nl_text_add(out, ",[%s]", greatest.at);
    nl_text_add(out, "]");
    c->thinned |= group > 1;
    nl_text_release(&least);
    nl_text_release(&greatest);
    free(step);
}

static void put_cell(struct curves *c, struct nl_text *out, int cell)
{
    struct nl_text lines = {0};
    for (int m = 0; m < c->room.metrics; m++)
        for (int seed = 0, runs = 0; seed < c->s->results->seeds && runs < c->room.runs; seed++) {
            struct nl_error err;
            if (c->evaluations[place_of(c, m, cell, seed)] == 0 ||
                read_curve(c, &c->s->results->cell[cell], seed, c->metric[m], &err) != NL_OK)
                continue; /* the table was read before: the second does not happen */
            nl_text_add(&lines, lines.length ? "," : "");
            put_curve(c, &lines, seed, m);
            runs++;
        }
    if (lines.length)
        nl_text_add(out, "%s\"%d\":[%s]", out->length ? "," : "", cell, lines.at);
    nl_text_release(&lines);
}

static void say_room(const struct curves *c, struct nl_text *notes)
{
    if (c->room.runs == 0) {
        nl_explore_note(notes, "The page has no room for curves of so many runs; curves.csv has them.");
        return;
    }
    if (c->room.metrics < c->metrics)
        nl_explore_note(notes, "Curves are here for %d of %s; curves.csv has the others.", c->room.metrics,
                        NL_COUNT(c->metrics, "metric"));
    if (c->room.runs < c->s->results->seeds)
        nl_explore_note(notes, "Curves are here for %s of each cell, the first; curves.csv has the others.",
                        NL_COUNT(c->room.runs, "run"));
    if (c->thinned)
        nl_explore_note(notes,
                        "Curves of more than %d evaluations are drawn by the least and the greatest value of each "
                        "group of neighbouring ones, at most %d groups a curve; curves.csv has each.",
                        c->room.evaluations, c->room.evaluations / 2);
}

static void put_curves(struct curves *c, struct nl_text *out, struct nl_text *notes)
{
    struct nl_text cells = {0};
    make_room(c);
    for (int i = 0; i < c->s->results->cells && c->room.runs > 0; i++)
        put_cell(c, &cells, i);
    nl_text_add(out, ",\"curves\":[");
    for (int m = 0; m < c->room.metrics && c->room.runs > 0; m++) {
        nl_text_add(out, m ? ",{" : "{");
        nl_explore_measure(out, c->s, c->metric[m]);
        nl_text_add(out, "}");
    }
    nl_text_add(out, "],\"steps\":[%s],\"lines_of\":{%s}", c->list.at ? c->list.at : "", cells.at ? cells.at : "");
    nl_text_release(&cells);
    say_room(c, notes);
}

static void release(struct curves *c)
{
    for (int i = 0; i < c->lists; i++)
        free(c->steps[i].step);
    free(c->steps);
    free(c->curve.at);
    free(c->evaluations);
    nl_text_release(&c->list);
    nl_curves_release(&c->read);
}

void nl_explore_curves(const struct nl_report_section *s, const struct nl_metric_column *metric, int metrics,
                       struct nl_text *out, struct nl_text *notes)
{
    struct curves c = {.s = s};
    struct nl_error err = {{0}};
    choose_metrics(&c, metric, metrics);
    int status = nl_curves_load(s->results, "curves.csv", &c.read, &err);
    if (status == NL_OK)
        status = count_evaluations(&c, &err);
    if (status == NL_OK) {
        put_curves(&c, out, notes);
    } else {
        nl_text_add(out, ",\"curves\":[],\"steps\":[],\"lines_of\":{}");
        nl_explore_note(notes, "The curves cannot be shown: %s.", err.text);
    }
    release(&c);
}
