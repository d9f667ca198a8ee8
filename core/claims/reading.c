/* Reads a number for each seed from trials.csv, curves.csv or metrics.csv, and an interval where it is censored. */
#include "claims/reading.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claims/tensor.h"
#include "graph/quantities.h"
#include "stats/choice.h"
#include "stats/rates.h"
#include "train/train.h"

static const double near_best = 0.05; /* of a share: within it of the best a run counts as good (NL_TAKE_WIDTH) */

/* ---- metrics ---- */

/* The statistics that a metric names: those after its last '_', or -1. */
static int eval_of(const char *metric)
{
    const char *mark = strrchr(metric, '_');
    for (int eval = 0; eval < NL_EVALS; eval++)
        if (strcmp(mark + 1, nl_eval_names[eval]) == 0)
            return eval;
    return -1;
}

/* The metric's column: those statistics that are reported first have no suffix there. */
static struct nl_metric_column column_of(const struct nl_evidence *evidence, const char *metric)
{
    bool first = eval_of(metric) == (int)evidence->experiment->config.norm.eval.at[0];
    char *name = nl_format("%.*s", (int)(first ? (size_t)(strrchr(metric, '_') - metric) : strlen(metric)), metric);
    struct nl_metric_column out = nl_metric_column(evidence->results, name);
    free(name);
    return out;
}

/* ---- units ---- */

/* The largest factor between neighbouring values of the key, as a logarithm. */
static double largest_step(const struct nl_results *results, const struct nl_experiment *experiment,
                           const struct nl_key *key)
{
    int factor = nl_results_factor(results, key->name);
    if (factor < 0)
        return 0.0;
    struct nl_comparison view;
    nl_comparison_make(results, experiment, factor, -1, &view);
    double step = nl_rate_step(&view);
    nl_comparison_release(&view);
    return step;
}

static double doublings(const struct nl_results *results, const struct nl_key *key)
{
    int factor = nl_results_factor(results, key->name);
    double least = INFINITY, most = 0.0;
    for (int i = 0; factor >= 0 && i < results->factor[factor].values; i++) {
        least = fmin(least, nl_factor_number(&results->factor[factor], i));
        most = fmax(most, nl_factor_number(&results->factor[factor], i));
    }
    return log2(most / least);
}

struct nl_part_scale nl_part_scale(const struct nl_published_part *part, const struct nl_evidence *evidence)
{
    const struct nl_reading *reading = &part->reading;
    struct nl_part_scale out = {.scale = 1.0};
    bool along = reading->along, usable = along && reading->take == NL_TAKE_USABLE,
         failed = along && reading->take == NL_TAKE_FAILED;
    const char *column = usable               ? (reading->by ? reading->by : "train_accuracy")
                         : reading->metric[0] ? reading->metric[0]
                                              : "train_accuracy";
    struct nl_metric_column metric = column_of(evidence, column);
    bool ratio = usable || !isnan(reading->target);
    if (part->slope)
        out.range = doublings(evidence->results, part->slope);
    if (reading->tensor) {
        out.share = nl_quantities[reading->quantity].compared == NL_BY_SHARE;
        out.scale = out.share ? 100.0 : 1.0;
        out.ratio = nl_quantities[reading->quantity].compared == NL_BY_RATIO;
        out.unit = out.ratio     ? (part->slope ? "x per doubling" : "x")
                   : out.share   ? (part->slope ? "points per doubling" : "points")
                   : part->slope ? "per doubling"
                                 : "";
        return out;
    }
    out.sampling = metric.sampling;
    out.fixed = metric.fixed;
    if (ratio) {
        out.unit = part->slope ? "x per doubling" : "x";
        out.ratio = true;
        out.step = usable ? largest_step(evidence->results, evidence->experiment, reading->along) : 0.0;
    } else if (along && reading->take == NL_TAKE_WIDTH) {
        out.unit = "decades";
        out.step = largest_step(evidence->results, evidence->experiment, reading->along) / log(10.0) *
                   sqrt(2.0); /* two ends */
    } else {
        out.share = failed || metric.measure.share;
        out.scale = out.share ? 100.0 : 1.0;
        out.unit = part->slope ? (out.share ? "points per doubling" : "nats per doubling")
                   : out.share ? "points"
                               : "nats";
    }
    out.fixed &= !failed;
    if (failed)
        out.sampling = (struct nl_sampling){
            .samples =
                nl_results_factor(evidence->results, reading->along->name) < 0
                    ? 1
                    : evidence->results->factor[nl_results_factor(evidence->results, reading->along->name)].values};
    return out;
}

double nl_part_threshold(const struct nl_published_part *part, const struct nl_part_scale *scale)
{
    if (part->kind == NL_IDENTITY)
        return part->threshold;
    return scale->ratio ? log(part->threshold) : part->threshold / scale->scale;
}

/* ---- cells ---- */

/* A point of the side: its cell, and where it lies along the part's keys. */
struct point {
    const struct nl_cell *cell;
    double slope, along;
};

/* Whether the configuration is one that the cell means. A key that does not apply tells nothing apart (norm.placement
 * of "none"), unless it would apply with the value that is asked for: then it is at its default, which is another
 * (model.residual: plain). */
static bool config_has(const struct nl_config *config, const struct nl_key *key, const char *asked)
{
    char *text = nl_key_value(key, config);
    bool same = asked && strcmp(text, asked) == 0;
    if (!same && !nl_key_applies(key, config))
        same = !asked || !nl_key_would_apply(key, config, asked);
    free(text);
    return same;
}

static bool config_is_of(const struct nl_match *match, const struct nl_config *config)
{
    bool same = true;
    for (int k = 0; k < match->keys && same; k++)
        same = config_has(config, match->key[k], match->values[k].count > 0 ? match->values[k].at[0] : NULL);
    return same;
}

static bool is_of(const struct nl_evidence *evidence, const struct nl_cell *cell, const struct nl_match *match)
{
    struct nl_config config = nl_cell_config(evidence->results, evidence->experiment, cell);
    return config_is_of(match, &config);
}

static double place_along(const struct nl_results *results, const struct nl_cell *cell, const struct nl_key *key)
{
    int factor = key ? nl_results_factor(results, key->name) : -1;
    return factor < 0 ? 0.0 : nl_factor_number(&results->factor[factor], cell->level[factor]);
}

static int by_place(const void *left, const void *right)
{
    const struct point *a = left, *b = right;
    double first = a->slope - b->slope, second = a->along - b->along;
    return first != 0.0 ? (first > 0.0) - (first < 0.0) : (second > 0.0) - (second < 0.0);
}

/* The side's cells, sorted; new array. */
static struct point *points_of(const struct nl_published_part *part, int side, const struct nl_evidence *evidence,
                               int *count)
{
    const struct nl_results *results = evidence->results;
    struct point *point = nl_alloc((size_t)results->cells + 1, sizeof *point);
    *count = 0;
    for (int i = 0; i < results->cells; i++) {
        const struct nl_cell *cell = &results->cell[i];
        if (is_of(evidence, cell, &part->cell[side]))
            point[(*count)++] = (struct point){cell, place_along(results, cell, part->slope),
                                               place_along(results, cell, part->reading.along)};
    }
    qsort(point, (size_t)*count, sizeof *point, by_place);
    return point;
}

/* ---- one run ---- */

/* The logarithm of the updates after which the run is at the target; one is the least. */
static struct nl_range steps_to(const struct nl_evidence *evidence, const struct nl_cell *cell, int seed,
                                const char *metric, double target)
{
    if (!evidence->curves)
        return (struct nl_range){NAN, NAN};
    struct nl_steps steps =
        nl_steps_to(evidence->curves, evidence->results, evidence->experiment, cell, seed, metric, target);
    return isnan(steps.low) ? (struct nl_range){NAN, NAN}
                            : (struct nl_range){log(fmax(1.0, steps.low)), log(steps.high)};
}

static struct nl_range exactly(double value)
{
    return (struct nl_range){value, value};
}

static struct nl_range read_run(const struct nl_evidence *evidence, const struct nl_cell *cell, int seed,
                                const char *metric, double target)
{
    if (!isnan(target))
        return steps_to(evidence, cell, seed, metric, target);
    struct nl_metric_column column = column_of(evidence, metric);
    double *values = nl_alloc((size_t)evidence->results->seeds, sizeof *values), value;
    nl_cell_values(evidence->results, cell, &column, values);
    value = values[seed];
    free(values);
    return exactly(value);
}

/* What the part reads of a run. */
static struct nl_range read_value(const struct nl_reading *reading, const struct nl_evidence *evidence,
                                  const struct nl_cell *cell, int seed, const char *metric)
{
    return reading->tensor ? exactly(nl_read_tensor(reading, evidence->metrics, evidence->results, cell, seed))
                           : read_run(evidence, cell, seed, metric, reading->target);
}

/* ---- the runs of one seed along a key ---- */

static bool run_is_there(const struct nl_evidence *evidence, const struct nl_cell *cell, int seed)
{
    const char *status = nl_cell_status(evidence->results, cell, seed);
    return status && strcmp(status, "error") != 0;
}

/* The metric of the run that is best by another: by its score, or by its steps to the target. Runs that failed are best
 * only among themselves. */
static struct nl_range read_best(const struct nl_published_part *part, const struct nl_evidence *evidence,
                                 const struct point *point, int points, int seed, const char *metric)
{
    const struct nl_reading *reading = &part->reading;
    struct nl_measure measure = {.worse = 1};
    nl_measure(reading->by, &measure);
    int worse = isnan(reading->target) ? measure.worse : 1, best = 0;
    double least = INFINITY;
    for (int i = 0; i < points; i++) {
        struct nl_range score = read_run(evidence, point[i].cell, seed, reading->by, reading->target);
        if (!run_is_there(evidence, point[i].cell, seed))
            return exactly(NAN);
        if (worse * score.low < least) { /* a loss that is NaN is never less */
            least = worse * score.low;
            best = i;
        }
    }
    return read_value(reading, evidence, point[best].cell, seed, metric);
}

/* Decades between the ends of the runs, around the best, that are nearly as good; to the neighbours beyond, at most. */
static struct nl_range read_width(const struct nl_evidence *evidence, const struct point *point, int points, int seed,
                                  const char *metric)
{
    struct nl_measure measure = {.worse = 1};
    nl_measure(metric, &measure);
    double *score = nl_alloc((size_t)points, sizeof *score);
    int best = 0;
    bool whole = true;
    for (int i = 0; i < points; i++) {
        score[i] = measure.worse * read_run(evidence, point[i].cell, seed, metric, NAN).low;
        whole &= !isnan(score[i]);
        best = score[i] < score[best] ? i : best;
    }
    int first = best, last = best;
    while (first > 0 && score[first - 1] <= score[best] + near_best)
        first--;
    while (last + 1 < points && score[last + 1] <= score[best] + near_best)
        last++;
    free(score);
    if (!whole)
        return exactly(NAN);
    return (struct nl_range){log10(point[last].along / point[first].along),
                             first == 0 || last == points - 1 ? INFINITY
                                                              : log10(point[last + 1].along / point[first - 1].along)};
}

static struct nl_range read_failed(const struct nl_evidence *evidence, const struct point *point, int points, int seed)
{
    int failed = 0;
    for (int i = 0; i < points; i++) {
        if (!run_is_there(evidence, point[i].cell, seed))
            return exactly(NAN);
        failed += strcmp(nl_cell_status(evidence->results, point[i].cell, seed), "done") != 0;
    }
    return exactly((double)failed / points);
}

/* As the answers have it; of all seeds. */
static void read_usable(const struct nl_published_part *part, const struct nl_evidence *evidence,
                        const struct nl_cell *cell, struct nl_range *out)
{
    struct nl_comparison view;
    struct nl_rate_range *range = nl_alloc((size_t)evidence->results->seeds, sizeof *range);
    nl_comparison_make(evidence->results, evidence->experiment,
                       nl_results_factor(evidence->results, part->reading.along->name), -1, &view);
    int method = 0;
    for (int i = 0; i < view.methods; i++)
        for (int p = 0; p < view.points; p++)
            method = nl_comparison_cell(&view, i, p) == cell ? i : method;
    nl_usable_rates(&view, method, part->reading.by ? NL_RATE_BY_LOSS : NL_RATE_BY_ACCURACY, range);
    for (int seed = 0; seed < evidence->results->seeds; seed++)
        out[seed] = (struct nl_range){range[seed].low, range[seed].high};
    nl_comparison_release(&view);
    free(range);
}

/* ---- a side ---- */

static void read_points(const struct nl_published_part *part, int side, const struct nl_evidence *evidence,
                        const struct point *point, int points, struct nl_range *out)
{
    const struct nl_reading *reading = &part->reading;
    const char *metric = reading->metric[side % 2];
    if (reading->along && reading->take == NL_TAKE_USABLE) {
        read_usable(part, evidence, point[0].cell, out);
        return;
    }
    for (int seed = 0; seed < evidence->results->seeds; seed++)
        if (!reading->along)
            out[seed] = read_value(reading, evidence, point[0].cell, seed, metric);
        else if (reading->take == NL_TAKE_BEST)
            out[seed] = read_best(part, evidence, point, points, seed, metric);
        else if (reading->take == NL_TAKE_WIDTH)
            out[seed] = read_width(evidence, point, points, seed, metric);
        else
            out[seed] = read_failed(evidence, point, points, seed);
}

static void add_scaled(struct nl_range *sum, double factor, struct nl_range span)
{
    sum->low += factor * (factor < 0.0 ? span.high : span.low);
    sum->high += factor * (factor < 0.0 ? span.low : span.high);
}

void nl_side_spans(const struct nl_published_part *part, int side, const struct nl_evidence *evidence,
                   struct nl_range *out, const struct nl_cell **used, int *count)
{
    int points, seeds = evidence->results->seeds, places = 0;
    struct point *point = points_of(part, side, evidence, &points);
    struct nl_range *at = nl_alloc((size_t)seeds, sizeof *at);
    double mean = 0.0, squares = 0.0;
    for (int i = 0; i < points; i++)
        used[(*count)++] = point[i].cell;
    for (int i = 0; i < points; i++)
        if (i == 0 || point[i].slope != point[i - 1].slope) {
            mean += log2(point[i].slope);
            places++;
        }
    mean /= places;
    for (int i = 0; i < points; i++)
        if (i == 0 || point[i].slope != point[i - 1].slope)
            squares += pow(log2(point[i].slope) - mean, 2.0);
    for (int seed = 0; seed < seeds; seed++)
        out[seed] = exactly(part->slope || points == 0 ? 0.0 : NAN);
    for (int first = 0, next; first < points; first = next) {
        for (next = first + 1; next < points && point[next].slope == point[first].slope;)
            next++;
        read_points(part, side, evidence, point + first, next - first, at);
        for (int seed = 0; seed < seeds; seed++)
            if (part->slope)
                add_scaled(&out[seed], (log2(point[first].slope) - mean) / squares, at[seed]);
            else
                out[seed] = at[seed];
    }
    for (int seed = 0; points == 0 && seed < seeds; seed++)
        out[seed] = exactly(NAN);
    free(at);
    free(point);
}

/* ---- one value along the key for all sides ---- */

bool nl_takes_best(const struct nl_reading *reading)
{
    return reading->along && reading->take == NL_TAKE_BEST;
}

/* The cell as one to choose, by its mean over seeds. */
static struct nl_candidate candidate_of(const struct nl_published_part *part, const struct nl_evidence *evidence,
                                        const struct nl_cell *cell)
{
    const struct nl_reading *reading = &part->reading;
    struct nl_measure measure = {.worse = 1};
    nl_measure(reading->by, &measure);
    bool steps = !isnan(reading->target);
    struct nl_candidate out = {.failed = steps ? 0 : cell->failed};
    int seeds = evidence->results->seeds;
    for (int seed = 0; seed < seeds; seed++) {
        struct nl_range score = read_run(evidence, cell, seed, reading->by, reading->target);
        out.score += (steps ? 1 : measure.worse) * score.low / seeds;
        out.failed += steps && isinf(score.high);
    }
    return out;
}

int nl_same_level(const struct nl_published_part *part, const struct nl_evidence *evidence)
{
    const struct nl_results *results = evidence->results;
    int factor = nl_results_factor(results, part->reading.along->name), places = 0;
    if (factor < 0)
        return -1;
    int values = results->factor[factor].values;
    struct nl_candidate *candidate =
        nl_alloc((size_t)part->sides * (size_t)results->cells * (size_t)values, sizeof *candidate);
    for (int side = 0; side < part->sides; side++) {
        int points;
        struct point *point = points_of(part, side, evidence, &points);
        for (int i = 0; i < points; i++) {
            if (i == 0 || point[i].slope != point[i - 1].slope) {
                for (int v = 0; v < values; v++)
                    candidate[places * values + v].failed = -1;
                places++;
            }
            int level = point[i].cell->level[factor];
            if (level != NL_INAPPLICABLE)
                candidate[(places - 1) * values + level] = candidate_of(part, evidence, point[i].cell);
        }
        free(point);
    }
    int level = nl_choose_for_all(candidate, places, values);
    free(candidate);
    return level;
}

/* ---- before anything is run ---- */

static double number_of(const struct nl_key *key, const struct nl_config *config)
{
    char *text = key ? nl_key_text(key, config) : NULL;
    double number = text ? nl_double_read(text, NULL) : 0.0;
    free(text);
    return number;
}

static void check_side(const struct nl_published_part *part, int side, const struct nl_grid *grid,
                       struct nl_diagnostics *diagnostics)
{
    struct point *point = nl_alloc((size_t)grid->trials + 1, sizeof *point);
    int points = 0, slopes = 1, alongs = 1;
    bool positive = true, twice = false;
    int64_t first_seed = 0;
    for (int i = 0; i < grid->trials; i++) {
        const struct nl_config *config = &grid->trial[i].config;
        if (!config_is_of(&part->cell[side], config) || (points && config->train.seed != first_seed))
            continue;
        first_seed = config->train.seed;
        point[points++] = (struct point){NULL, number_of(part->slope, config), number_of(part->reading.along, config)};
    }
    qsort(point, (size_t)points, sizeof *point, by_place);
    for (int i = 0; i < points; i++) {
        positive &= (!part->slope || point[i].slope > 0.0) && (!part->reading.along || point[i].along > 0.0);
        bool same = i > 0 && point[i].slope == point[i - 1].slope;
        slopes += i > 0 && !same;
        alongs += same && point[i].slope == point[0].slope;
        twice |= same && point[i].along == point[i - 1].along;
    }
    free(point);
    char *cell = nl_match_text(&part->cell[side]);
    const struct nl_key *gone = NULL;
    for (int k = 0; k < part->cell[side].keys; k++)
        gone = part->cell[side].values[k].count == 0 ? part->cell[side].key[k] : gone;
    if (gone)
        nl_diagnose(diagnostics, &part->origin, "the command line or quick settings removed it",
                    "a cell names a '%s' that is no longer in the sweep", gone->name);
    else if (points == 0)
        nl_diagnose(diagnostics, &part->origin, "sweep.exclude leaves it out", "no run is in the cell {%s}", cell);
    else if (twice)
        nl_diagnose(diagnostics, &part->origin, "give a value to each key that varies",
                    "the cell {%s} does not say which of several points it is", cell);
    else if (!positive || (part->slope && slopes < 2) || (part->reading.along && alongs < 2))
        nl_diagnose(diagnostics, &part->origin, NULL,
                    "a measure along a key needs two values of it or more, all above 0, in the cell {%s}", cell);
    free(cell);
}

/* Whether the metric is evaluated. */
static void check_metric(const struct nl_published_part *part, const char *metric, const struct nl_config *config,
                         struct nl_diagnostics *diagnostics)
{
    int eval = metric ? eval_of(metric) : -1;
    bool there = eval < 0 || nl_config_averages(config, (enum nl_eval)eval);
    for (int i = 0; i < config->norm.eval.count; i++)
        there |= config->norm.eval.at[i] == eval;
    if (!there && eval >= NL_NORM_EVALS)
        nl_diagnose(diagnostics, &part->origin, "train.ema and train.swa_start average the weights",
                    "'%s' is not evaluated: no average of the weights is taken", metric);
    else if (!there)
        nl_diagnose(diagnostics, &part->origin, "norm.eval lists the statistics of evaluation",
                    "'%s' is not evaluated: norm.eval has no '%s'", metric, nl_eval_names[eval]);
    else if (metric && strncmp(metric, "val_", 4) == 0 && config->data.val == 0)
        nl_diagnose(diagnostics, &part->origin, "data.val gives it samples",
                    "'%s' is not evaluated: there is no validation part", metric);
}

/* Whether the tensor is logged. */
static void check_tensor(const struct nl_published_part *part, const struct nl_config *config,
                         struct nl_diagnostics *diagnostics)
{
    bool there = !part->reading.tensor;
    for (int i = 0; i < config->log.tensors.count; i++)
        there |= part->reading.tensor && strcmp(config->log.tensors.at[i], part->reading.tensor) == 0;
    if (!there)
        nl_diagnose(diagnostics, &part->origin, "log.tensors lists what is logged",
                    "'%s' is not logged: log.tensors has no such name", part->reading.tensor);
}

int nl_cells_check(const struct nl_experiment *experiment, const struct nl_grid *grid,
                   struct nl_diagnostics *diagnostics)
{
    const struct nl_published *published = experiment->published;
    int before = diagnostics->count;
    for (int i = 0; i < published->parts; i++) {
        check_tensor(&published->part[i], &experiment->config, diagnostics);
        for (int side = 0; side < published->part[i].sides; side++) {
            const struct nl_reading *reading = &published->part[i].reading;
            check_metric(&published->part[i], reading->metric[side % 2], &experiment->config, diagnostics);
            check_metric(&published->part[i], reading->by, &experiment->config, diagnostics);
            check_side(&published->part[i], side, grid, diagnostics);
        }
    }
    return diagnostics->count > before ? NL_FAIL : NL_OK;
}
