/* sweep.question: signal. How do signals and gradients go through the networks?
 *
 * The four measures of signal propagation (stats/inside.h) over the layers, in the step that plot.step names: of a
 * training of 0 steps the initialization. Of each method the mean over seeds in some of the layers, and by how much it
 * changes from one layer to the next: from the first layer to the last but one, since the last has a width of its own.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats/answer.h"
#include "stats/comparison.h"
#include "stats/inside.h"

enum { MOST_ROWS = 9, WIDEST = 100 /* characters of a line */, INDENT = 2 };

struct question {
    struct nl_answer *answer;
    const struct nl_results *results;
    const struct nl_experiment *experiment;
    struct nl_comparison view; /* every cell a method */
    const struct nl_signal *signal;
    struct nl_inside inside; /* of it */
    double *values;          /* [seeds] */
};

static const struct nl_cell *cell_of(const struct question *q, int method)
{
    return q->view.method[method].cell[0];
}

static double value_of(const struct question *q, int method, int seed, int tensor)
{
    int step = nl_inside_step_of(&q->inside, q->results, q->experiment, cell_of(q, method), seed);
    return step < 0 ? NAN : nl_inside_value(&q->inside, q->results, cell_of(q, method), seed, tensor, step);
}

/* The first and the last but one of the tensors that a method has; false: there are fewer than three. */
static bool find_ends(const struct question *q, int method, int *first, int *last, int *layers)
{
    int before = -1, end = -1;
    *first = -1;
    *layers = 0;
    for (int i = 0; i < q->inside.tensors; i++) {
        bool has = false;
        for (int seed = 0; seed < q->results->seeds; seed++)
            has |= !isnan(value_of(q, method, seed, i));
        if (!has)
            continue;
        *first = *first < 0 ? i : *first;
        before = end;
        end = i;
        ++*layers;
    }
    *last = before;
    return *layers >= 3;
}

/* The mean of q->values: "1.1 (1 to 1.2)"; where none of them enters it, what they are. New string. */
static char *mean_text(const struct question *q, const char *unit)
{
    struct nl_estimate mean =
        nl_inside_mean(q->signal->quantity, q->values, q->results->seeds, q->results, q->experiment);
    bool zero = false, infinite = false;
    for (int seed = 0; seed < q->results->seeds; seed++) {
        zero |= q->values[seed] == 0;
        infinite |= isinf(q->values[seed]) != 0;
    }
    if (mean.n == 0)
        return nl_strdup(infinite ? "overflows" : zero ? "0" : "-");
    if (isnan(mean.lower))
        return nl_format("%.3g%s", mean.mean, unit);
    return nl_format("%.3g%s (%.3g to %.3g)", mean.mean, unit, mean.lower, mean.upper);
}

static char *cell_text(const struct question *q, int method, int tensor)
{
    for (int seed = 0; seed < q->results->seeds; seed++)
        q->values[seed] = value_of(q, method, seed, tensor);
    return mean_text(q, "");
}

/* The change from one layer to the next: a factor of what is compared by its ratio, else a difference. New string. */
static char *change_text(const struct question *q, int method)
{
    bool by_ratio = nl_quantities[q->signal->quantity].compared == NL_BY_RATIO;
    int first, last, layers;
    if (!find_ends(q, method, &first, &last, &layers))
        return nl_strdup("-");
    for (int seed = 0; seed < q->results->seeds; seed++) {
        double from = value_of(q, method, seed, first), to = value_of(q, method, seed, last), steps = layers - 2;
        q->values[seed] = by_ratio ? exp((log(to) - log(from)) / steps) : (to - from) / steps;
    }
    return mean_text(q, by_ratio ? "x" : "");
}

/* ---- the table of one measure ---- */

/* Rows are layers, and last the change; columns their names, then methods. */
struct table {
    int rows;
    char *name[MOST_ROWS + 1];
    char *(*text)[MOST_ROWS + 1]; /* [methods] */
    int *width;                   /* [methods] */
    int names;                    /* width of their column */
};

static int longer(int a, const char *text)
{
    int length = (int)strlen(text);
    return length > a ? length : a;
}

static void fill(const struct question *q, struct table *table)
{
    int tensors = q->inside.tensors, layers = tensors < MOST_ROWS ? tensors : MOST_ROWS;
    table->rows = layers + 1;
    for (int row = 0; row < table->rows; row++) {
        int tensor = layers > 1 ? row * (tensors - 1) / (layers - 1) : 0;
        bool is_change = row == layers;
        table->name[row] = is_change ? nl_strdup("a layer") : nl_inside_label(&q->inside, tensor);
        table->names = longer(table->names, table->name[row]);
        for (int m = 0; m < q->view.methods; m++) {
            table->text[m][row] = is_change ? change_text(q, m) : cell_text(q, m, tensor);
            table->width[m] = longer(table->width[m], table->text[m][row]);
        }
    }
    for (int m = 0; m < q->view.methods; m++)
        table->width[m] = longer(table->width[m], q->view.method[m].label);
}

/* Methods [first, end) side by side. */
static void put_columns(const struct question *q, const struct table *table, int first, int end)
{
    struct nl_text *out = &q->answer->evidence;
    for (int row = -1; row < table->rows; row++) {
        nl_text_add(out, "%*s%-*s", 2 * INDENT, "", table->names, row < 0 ? "" : table->name[row]);
        for (int m = first; m < end; m++)
            nl_text_add(out, "  %*s", table->width[m], row < 0 ? q->view.method[m].label : table->text[m][row]);
        nl_text_add(out, "\n");
    }
}

static void put_table(const struct question *q)
{
    struct table table = {.text = nl_alloc((size_t)q->view.methods, sizeof *table.text),
                          .width = nl_alloc((size_t)q->view.methods, sizeof *table.width)};
    fill(q, &table);
    nl_text_add(&q->answer->evidence, "%*s%s:\n", INDENT, "", q->signal->title);
    for (int first = 0, end; first < q->view.methods; first = end) {
        int width = 2 * INDENT + table.names;
        for (end = first; end < q->view.methods && (end == first || width + 2 + table.width[end] <= WIDEST); end++)
            width += 2 + table.width[end];
        put_columns(q, &table, first, end);
    }
    for (int row = 0; row < table.rows; row++) {
        free(table.name[row]);
        for (int m = 0; m < q->view.methods; m++)
            free(table.text[m][row]);
    }
    free(table.text);
    free(table.width);
}

/* ---- the answer ---- */

static void say_headline(const struct question *q)
{
    struct nl_text *out = &q->answer->headline;
    int64_t step = q->experiment->config.plot.step;
    char *first = nl_inside_label(&q->inside, 0), *last = nl_inside_label(&q->inside, q->inside.tensors - 1);
    nl_text_add(out, "Signals over %s, from %s to %s, ", NL_COUNT(q->inside.tensors, "layer"), first, last);
    if (nl_inside_is_initial(&q->inside))
        nl_text_add(out, "at initialization");
    else if (step == NL_AUTO)
        nl_text_add(out, "at the last step of each run");
    else
        nl_text_add(out, "at step %" PRId64, step);
    nl_text_add(out, ": means of %s.\n", NL_COUNT(q->results->seeds, "seed"));
    free(first);
    free(last);
}

static void say_notes(const struct question *q)
{
    struct nl_text *out = &q->answer->notes;
    nl_text_add(out,
                "Means are geometric but of cosines%s; \"a layer\": the change from each layer to the next, from the "
                "first to the last but one.\n",
                q->results->seeds < 2 ? "" : ", with their intervals over seeds (t)");
    nl_text_add(out, "Each seed has one training batch and weights of its own.\n");
}

void nl_ask_signal(struct nl_answer *out, const struct nl_results *results, const struct nl_experiment *experiment)
{
    struct question q = {.answer = out, .results = results, .experiment = experiment};
    q.values = nl_alloc((size_t)results->seeds, sizeof *q.values);
    nl_comparison_make(results, experiment, -1, -1, &q.view);
    for (int i = 0; i < NL_SIGNALS; i++) {
        struct nl_error err = {""};
        q.signal = &nl_signals[i];
        char *why = nl_inside_load(results, &q.signal->tensors, q.signal->quantity, &q.inside, &err) != NL_OK
                        ? nl_strdup(err.text)
                        : nl_inside_nothing(&q.inside, results, experiment->config.plot.step);
        if (why) {
            nl_text_add(out->headline.length ? &out->evidence : &out->headline, "%s: nothing to show: %s.\n",
                        q.signal->title, why);
        } else {
            if (!out->headline.length)
                say_headline(&q);
            put_table(&q);
        }
        free(why);
        nl_inside_release(&q.inside);
    }
    say_notes(&q);
    nl_comparison_release(&q.view);
    free(q.values);
}
