/* The runs of a sweep that have ended, summed up method by method. */
#include "plot/standing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "config/value.h"
#include "plot/series.h"
#include "stats/comparison.h"
#include "sweep/store.h"

enum { MOST_LABEL = 32, LEAST_SPARK = 8, MOST_SPARK = 32, LEVELS = 8 };

/* A method. */
struct standing {
    const char *label;
    double best;    /* in the unit of trials.csv; NAN: no run has ended well */
    int cell, seed; /* of the best run */
    int planned, ended, failed;
    char *text; /* what stands before the sparkline */
};

struct board {
    const struct nl_results *results;
    const struct nl_experiment *experiment;
    struct nl_metric_column metric;
    int methods;
    struct standing *method;
    struct nl_series *series; /* [cells] */
    double low, high;         /* of all values of the best runs; as logarithms where `ratio` */
    bool ratio;
};

/* The axis along which a method has several cells: as pictures of the sweep would have it. */
static int axis_of(const struct nl_results *results, const struct nl_experiment *experiment)
{
    int factor = nl_results_factor(results, experiment->config.plot.x);
    for (int i = 0; factor < 0 && i < results->factors; i++)
        factor = nl_key_is_number(results->factor[i].key) ? i : factor;
    return factor;
}

static void add_cell(const struct board *board, const struct nl_cell *cell, double *value, struct standing *method)
{
    method->planned += cell->planned;
    method->ended += cell->trials;
    method->failed += cell->failed;
    nl_cell_values(board->results, cell, &board->metric, value);
    for (int seed = 0; seed < board->results->seeds; seed++) {
        const char *status = nl_cell_status(board->results, cell, seed);
        bool good = status && (strcmp(status, "done") == 0 || strcmp(status, "dead") == 0) && !isnan(value[seed]);
        if (good && !(board->metric.measure.worse * (value[seed] - method->best) >= 0)) {
            method->best = value[seed];
            method->cell = (int)(cell - board->results->cell);
            method->seed = seed;
        }
    }
}

static void sum_up(struct board *board, const struct nl_comparison *view)
{
    double *value = nl_alloc((size_t)board->results->seeds, sizeof *value);
    board->methods = view->methods;
    board->method = nl_alloc((size_t)view->methods, sizeof *board->method);
    for (int i = 0; i < view->methods; i++) {
        board->method[i] = (struct standing){.label = view->method[i].label, .best = NAN};
        for (int point = 0; point < (view->method[i].reference ? 1 : view->points); point++)
            if (view->method[i].cell[point])
                add_cell(board, view->method[i].cell[point], value, &board->method[i]);
    }
    free(value);
}

static int by_best(const void *left, const void *right)
{
    const struct standing *a = left, *b = right;
    if (isnan(a->best) || isnan(b->best))
        return isnan(a->best) - isnan(b->best);
    return (a->best > b->best) - (a->best < b->best);
}

static int by_best_from_high(const void *left, const void *right)
{
    const struct standing *a = left, *b = right;
    return isnan(a->best) || isnan(b->best) ? by_best(left, right) : by_best(right, left);
}

/* ---- sparklines ---- */

static bool is_of_best(const struct standing *method, const struct nl_sighting *at)
{
    return at->seed == method->seed && isfinite(at->value);
}

static void find_scale(struct board *board, int shown)
{
    double low = INFINITY, high = -INFINITY;
    for (int i = 0; i < shown; i++) {
        const struct standing *method = &board->method[i];
        const struct nl_series *series = &board->series[method->cell];
        for (int k = 0; !isnan(method->best) && k < series->count; k++) {
            double value = series->at[k].value;
            if (is_of_best(method, &series->at[k])) {
                low = value < low ? value : low;
                high = value > high ? value : high;
            }
        }
    }
    board->ratio = low > 0;
    board->low = board->ratio ? log(low) : low;
    board->high = board->ratio ? log(high) : high;
}

/* Each character is the mean of the evaluations that fall to it, or the one at its place where there are fewer. */
static void add_spark(const struct board *board, const struct standing *method, int width, struct nl_text *out)
{
    static const char *const bar[LEVELS] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    const struct nl_series *series = &board->series[method->cell];
    double *value = nl_alloc((size_t)series->count, sizeof *value), range = board->high - board->low;
    int count = 0;
    for (int k = 0; k < series->count; k++)
        if (is_of_best(method, &series->at[k]))
            value[count++] = board->ratio ? log(series->at[k].value) : series->at[k].value;
    for (int i = 0; count > 0 && i < width; i++) {
        int from = i * count / width, to = (i + 1) * count / width;
        double sum = 0;
        to = to > from ? to : from + 1;
        for (int k = from; k < to; k++)
            sum += value[k];
        double place = range > 0 ? (sum / (to - from) - board->low) / range : 0;
        nl_text_add(out, "%s", bar[(int)(place * (LEVELS - 1) + 0.5)]);
    }
    free(value);
}

/* ---- lines ---- */

static int characters(const char *text)
{
    return nl_characters(text, strlen(text));
}

static char *best_text(const struct board *board, double best)
{
    const struct nl_measure *measure = &board->metric.measure;
    if (isnan(best))
        return nl_strdup("-");
    return *measure->unit ? nl_format("%.2f %s", measure->scale * best, measure->unit)
                          : nl_format("%.4g", measure->scale * best);
}

static char *runs_text(const struct standing *method)
{
    return method->failed ? nl_format("%d of %d, %d failed", method->ended, method->planned, method->failed)
                          : nl_format("%d of %d", method->ended, method->planned);
}

static char *label_text(const struct standing *method)
{
    struct nl_text shown = {0}, out = {0};
    nl_text_add_shown(&shown, method->label);
    size_t length = shown.length;
    bool fits = characters(shown.at) <= MOST_LABEL;
    while (!fits && nl_characters(shown.at, length) > MOST_LABEL - 3)
        length--;
    nl_text_add(&out, "%.*s%s", (int)length, shown.at, fits ? "" : "...");
    nl_text_release(&shown);
    return out.at;
}

/* Columns side by side, as wide as their widest text; returns how wide all are. */
static int write_columns(struct board *board, int shown)
{
    enum { LABEL, BEST, RUNS, COLUMNS };
    int width[COLUMNS] = {0}, all = 0;
    char *(*text)[COLUMNS] = nl_alloc((size_t)shown, sizeof *text);
    for (int i = 0; i < shown; i++) {
        text[i][LABEL] = label_text(&board->method[i]);
        text[i][BEST] = best_text(board, board->method[i].best);
        text[i][RUNS] = runs_text(&board->method[i]);
        for (int c = 0; c < COLUMNS; c++)
            width[c] = characters(text[i][c]) > width[c] ? characters(text[i][c]) : width[c];
    }
    for (int i = 0; i < shown; i++) {
        struct nl_text line = {0};
        for (int c = 0; c < COLUMNS; c++) {
            int blanks = width[c] - characters(text[i][c]);
            nl_text_add(&line, "  %*s%s%*s", c == BEST ? blanks : 0, "", text[i][c], c == BEST ? 0 : blanks, "");
            free(text[i][c]);
        }
        board->method[i].text = line.at;
        all = characters(line.at);
    }
    free(text);
    return all;
}

static void add_lines(struct board *board, int columns, int most, struct nl_text *out)
{
    const struct nl_measure *measure = &board->metric.measure;
    int shown = board->methods < most ? board->methods : most - 1; /* the last line counts the others */
    if (shown < board->methods)
        qsort(board->method, (size_t)board->methods, sizeof *board->method,
              measure->worse > 0 ? by_best : by_best_from_high);
    int width = write_columns(board, shown), spark = columns - width - 2;
    spark = spark > MOST_SPARK ? MOST_SPARK : spark;
    char *head =
        nl_format("best %s so far%s", measure->name, spark >= LEAST_SPARK ? ", and its run over training" : "");
    if (width <= columns && characters(head) <= columns) {
        find_scale(board, shown);
        nl_text_add(out, "%s\n", head);
        for (int i = 0; i < shown; i++) {
            nl_text_add(out, "%s", board->method[i].text);
            if (spark >= LEAST_SPARK && !isnan(board->method[i].best)) {
                nl_text_add(out, "  ");
                add_spark(board, &board->method[i], spark, out);
            }
            nl_text_add(out, "\n");
        }
        if (shown < board->methods)
            nl_text_add(out, "  and %s\n", NL_COUNT(board->methods - shown, "method"));
    }
    for (int i = 0; i < shown; i++)
        free(board->method[i].text);
    free(head);
}

static int add_board(const struct nl_grid *grid, const struct nl_record *record, struct board *board, int columns,
                     int most, struct nl_text *out, struct nl_error *err)
{
    struct nl_text note = {0}, left_out = {0};
    struct nl_experiment *over_epochs = nl_alloc(1, sizeof *over_epochs); /* how long a step takes is not known yet */
    char *epoch = nl_strdup(nl_x_names[NL_X_EPOCH]);
    *over_epochs = *board->experiment;
    over_epochs->config.plot.x = epoch;
    const struct nl_picture picture = {
        .results = board->results, .experiment = over_epochs, .note = &note, .left_out = &left_out};
    struct nl_curves curves;
    int status = nl_records_curves(grid, record, &curves, err);
    if (status == NL_OK)
        status = nl_series_of(&picture, &curves, &board->series, err);
    if (status == NL_OK) {
        add_lines(board, columns, most, out);
        nl_series_release(board->series, board->results->cells);
    }
    nl_text_release(&note);
    nl_text_release(&left_out);
    free(over_epochs);
    free(epoch);
    return status;
}

int nl_standing_add(const struct nl_grid *grid, const struct nl_record *record, const struct nl_experiment *experiment,
                    int columns, int most, struct nl_text *out, struct nl_error *err)
{
    enum { LEAST_LINES = 3 }; /* the head, and two methods */
    struct nl_results results;
    struct nl_comparison view;
    int status = nl_records_results(grid, record, experiment, &results, err);
    if (status != NL_OK)
        return status;
    nl_comparison_make(&results, experiment, axis_of(&results, experiment), -1, &view);
    if (view.methods < 2) { /* the values of the axis, then */
        nl_comparison_release(&view);
        nl_comparison_make(&results, experiment, -1, -1, &view);
    }
    struct board board = {.results = &results,
                          .experiment = experiment,
                          .metric = nl_metric_column(&results, nl_series_metric(experiment))};
    bool there = board.metric.column >= 0 && nl_measure_column(&board.metric.measure);
    if (there && view.methods > 1 && most >= LEAST_LINES) {
        sum_up(&board, &view);
        status = add_board(grid, record, &board, columns, most - 1, out, err);
        free(board.method);
    }
    nl_comparison_release(&view);
    nl_results_release(&results);
    return status;
}
