/* Sorts the levels of the axes, and finds the methods and their labels. */
#include "stats/comparison.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/keep.h"
#include "config/value.h"
#include "norm/norm.h"

static double number_of(const struct nl_factor *factor, int level, int whole_batch)
{
    return strcmp(factor->value[level], "auto") == 0 ? whole_batch : nl_factor_number(factor, level);
}

static int *sorted_levels(const struct nl_results *results, int index, int whole_batch, int *count)
{
    if (index < 0) {
        *count = 1;
        return nl_alloc(1, sizeof(int));
    }
    const struct nl_factor *factor = &results->factor[index];
    *count = factor->values;
    int *level = nl_alloc((size_t)factor->values, sizeof *level);
    for (int i = 0; i < factor->values; i++) {
        int at = i;
        for (; nl_key_is_number(factor->key) && at > 0 &&
               number_of(factor, level[at - 1], whole_batch) > number_of(factor, i, whole_batch); at--)
            level[at] = level[at - 1];
        level[at] = i;
    }
    return level;
}

/* Whether `other` takes one value for each value of `axis` (and more than one in all): coupled by a zip. Where the axis
 * does not apply nothing is said. Kinds of normalizers are what is compared: they never follow. */
static bool follows(const struct nl_results *results, int other, int axis)
{
    if (axis < 0 || other == axis || strcmp(results->factor[other].key->name, "norm.kind") == 0)
        return false;
    int *seen = nl_alloc((size_t)results->factor[axis].values, sizeof *seen);
    bool one = true, varies = false;
    int first = -2;
    for (int i = 0; i < results->cells; i++) {
        int at = results->cell[i].level[axis], value = results->cell[i].level[other];
        if (at == NL_INAPPLICABLE)
            continue;
        one = one && (seen[at] == 0 || seen[at] == value + 2);
        seen[at] = value + 2;
        varies = varies || (first != -2 && value != first);
        first = value;
    }
    free(seen);
    return one && varies;
}

/* "placement" of norm.placement, where no other grouped key ends so. */
static const char *short_name(const struct nl_results *results, const bool *grouped, int factor)
{
    const struct nl_key *key = results->factor[factor].key;
    for (int i = 0; i < results->factors; i++)
        if (i != factor && grouped[i] && results->factor[i].values > 1 &&
            strcmp(nl_key_field(results->factor[i].key), nl_key_field(key)) == 0)
            return key->name;
    return key->own ? nl_key_title(key) : nl_key_field(key);
}

static char *label_of(const struct nl_results *results, const struct nl_cell *cell, const bool *grouped, bool leaks)
{
    struct nl_text label = {0};
    int kind = nl_results_factor(results, "norm.kind");
    if (kind >= 0 && grouped[kind])
        nl_text_add(&label, "%s", nl_results_norm_label(results, nl_cell_norm(results, cell)));
    bool inside = label.length > 0; /* "BN (placement after, eps 0.1)" */
    int written = 0;
    for (int i = 0; i < results->factors; i++) {
        const struct nl_factor *factor = &results->factor[i];
        if (i == kind || !grouped[i] || cell->level[i] == NL_INAPPLICABLE || !nl_factor_distinguishes(results, i))
            continue;
        nl_text_add(&label, "%s", written++ ? ", " : inside ? " (" : "");
        if (strcmp(factor->key->name, "label.method") != 0) /* whose values are names */
            nl_text_add(&label, "%s ", short_name(results, grouped, i));
        if (factor->key->type == NL_TYPE_REAL)
            nl_text_add(&label, "%.4g", nl_factor_number(factor, cell->level[i])); /* 0.03162 of a log range */
        else
            nl_text_add(&label, "%s", factor->value[cell->level[i]]);
    }
    nl_text_add(&label, "%s", inside && written ? ")" : "");
    if (!label.length) /* where normalizers are the axis, a method of nothing else has no name */
        nl_text_add(&label, "%s", kind >= 0 && !grouped[kind] ? "" : nl_results_label(results));
    if (leaks)
        nl_text_add(&label, NL_LEAKS_MARK);
    return label.at;
}

static bool same_group(const struct nl_results *results, const int *a, const int *b, const bool *grouped)
{
    for (int i = 0; i < results->factors; i++)
        if (grouped[i] && a[i] != b[i])
            return false;
    return true;
}

static int place_of(const int *levels, int count, int level)
{
    for (int i = 0; i < count; i++)
        if (levels[i] == level)
            return i;
    return -1;
}

static void put_cell(struct nl_comparison *view, struct nl_method *method, const struct nl_cell *cell)
{
    int x = view->x_factor < 0 ? 0 : place_of(view->x, view->points, cell->level[view->x_factor]);
    int y = view->y_factor < 0 ? 0 : place_of(view->y, view->rows, cell->level[view->y_factor]);
    method->reference = method->reference || x < 0 || y < 0;
    for (int row = 0; row < view->rows; row++)
        for (int point = 0; point < view->points; point++)
            if ((x < 0 || point == x) && (y < 0 || row == y))
                method->cell[row * view->points + point] = cell;
}

/* plot.order names methods by label or by norm.kind; those not named come after them in their own order. */
static int rank_in_order(const char *order, const struct nl_method *method)
{
    int rank = 0;
    for (const char *at = order; *at; rank++) {
        at += strspn(at, " ,");
        size_t length = strcspn(at, ",");
        size_t used = length;
        while (used > 0 && at[used - 1] == ' ')
            used--;
        const char *names[] = {method->label, nl_norms[method->norm]->name, nl_norms[method->norm]->label};
        for (int i = 0; i < 3; i++)
            if (used > 0 && strlen(names[i]) == used && strncmp(names[i], at, used) == 0)
                return rank;
        at += length;
    }
    return rank;
}

static void sort_methods(struct nl_comparison *view, const char *order)
{
    for (int i = 1; i < view->methods; i++) { /* insertion keeps the order of equals */
        struct nl_method method = view->method[i];
        int rank = rank_in_order(order, &method), at = i;
        for (; at > 0 && rank_in_order(order, &view->method[at - 1]) > rank; at--)
            view->method[at] = view->method[at - 1];
        view->method[at] = method;
    }
}

void nl_comparison_make(const struct nl_results *results, const struct nl_experiment *experiment, int x_factor,
                        int y_factor, struct nl_comparison *out)
{
    *out = (struct nl_comparison){.results = results,
                                  .experiment = experiment,
                                  .x_factor = x_factor,
                                  .y_factor = y_factor,
                                  .whole_batch = (int)experiment->config.train.batch};
    out->x = sorted_levels(results, x_factor, out->whole_batch, &out->points);
    out->y = sorted_levels(results, y_factor, out->whole_batch, &out->rows);
    bool *grouped = out->apart = nl_alloc((size_t)results->factors, sizeof *grouped);
    for (int i = 0; i < results->factors; i++)
        grouped[i] = i != x_factor && i != y_factor && !follows(results, i, x_factor) && !follows(results, i, y_factor);
    int capacity = 0;
    for (int i = 0; i < results->cells; i++) {
        const struct nl_cell *cell = &results->cell[i];
        int at = 0;
        while (at < out->methods && !same_group(results, out->method[at].level, cell->level, grouped))
            at++;
        if (at == out->methods) {
            NL_GROW(out->method, out->methods, capacity);
            const struct nl_config config = nl_cell_config(results, experiment, cell);
            const struct nl_norm *norm = nl_norm_of_kind(&config, nl_cell_norm(results, cell));
            bool leaks = nl_cell_leaks(results, experiment, cell);
            out->method[out->methods++] = (struct nl_method){
                .label = label_of(results, cell, grouped, leaks),
                .norm = nl_cell_norm(results, cell),
                .level = cell->level,
                .mixes_samples = nl_norm_spans_batch(norm),
                .tracks = norm->tracks,
                .leaks = leaks,
                .cell = nl_alloc((size_t)out->points * (size_t)out->rows, sizeof *out->method[0].cell)};
        }
        put_cell(out, &out->method[at], cell);
    }
    sort_methods(out, experiment->config.plot.order);
}

void nl_comparison_release(struct nl_comparison *view)
{
    for (int i = 0; i < view->methods; i++) {
        free(view->method[i].label);
        free(view->method[i].cell);
    }
    free(view->method);
    free(view->apart);
    free(view->x);
    free(view->y);
    *view = (struct nl_comparison){0};
}

char *nl_comparison_along(const struct nl_comparison *view)
{
    struct nl_text out = {0};
    for (int i = 0; i < view->results->factors; i++)
        if (follows(view->results, i, view->x_factor))
            nl_text_add(&out, "%s%s", out.length ? ", " : "", view->results->factor[i].key->name);
    return out.at;
}

double nl_comparison_x(const struct nl_comparison *view, int point)
{
    return number_of(&view->results->factor[view->x_factor], view->x[point], view->whole_batch);
}

double nl_comparison_y(const struct nl_comparison *view, int row)
{
    return number_of(&view->results->factor[view->y_factor], view->y[row], view->whole_batch);
}

const struct nl_cell *nl_comparison_cell(const struct nl_comparison *view, int method, int point)
{
    return view->method[method].cell[point];
}

int nl_batch_factor(const struct nl_results *results)
{
    static const char *const keys[] = {"train.batch", "norm.stat_batch"};
    for (int i = 0; i < 2; i++) {
        int factor = nl_results_factor(results, keys[i]);
        if (factor >= 0 && results->factor[factor].values > 1)
            return factor;
    }
    return -1;
}

int nl_comparison_baseline(const struct nl_comparison *view, const struct nl_experiment *experiment, int method)
{
    for (int i = 0; i < view->points * view->rows; i++) {
        const struct nl_cell *cell = view->method[method].cell[i];
        const struct nl_cell *other = cell ? nl_cell_baseline(view->results, experiment, cell) : NULL;
        for (int b = 0; other && b < view->methods; b++)
            if (view->method[b].cell[i] == other)
                return b;
    }
    return -1;
}

void nl_comparison_pairs(const struct nl_comparison *view, int (*method_at)(const void *context, int place), int count,
                         int most, void (*pair)(void *context, int place, int against), void *context)
{
    const struct nl_experiment *experiment = view->experiment;
    bool all_pairs = !experiment->has_baseline && count <= most;
    for (int i = 0; i < count; i++) {
        int base = experiment->has_baseline ? nl_comparison_baseline(view, experiment, method_at(context, i)) : -1;
        for (int against = 0; against < count; against++)
            if (all_pairs ? against < i : base >= 0 && against != i && method_at(context, against) == base)
                pair(context, i, against);
    }
}

bool nl_methods_match(const struct nl_comparison *view, int a, int b)
{
    const struct nl_results *results = view->results;
    for (int i = 0; i < results->factors; i++) {
        int left = view->method[a].level[i], right = view->method[b].level[i];
        if (i == view->x_factor || i == view->y_factor || strcmp(results->factor[i].key->name, "norm.kind") == 0 ||
            left == NL_INAPPLICABLE || right == NL_INAPPLICABLE || left == right)
            continue;
        if (follows(results, i, view->x_factor) || follows(results, i, view->y_factor))
            continue;
        return false;
    }
    return true;
}

/* What a column of an imported table is called, "rate_chosen", in words. */
static const char *own_title(const struct nl_key *key)
{
    char *words = nl_key_words(key);
    const char *title = nl_keep_text(words);
    free(words);
    return title;
}

const char *nl_key_title(const struct nl_key *key)
{
    static const char *const titles[][2] = {
        {"train.batch", "batch size"}, {"norm.stat_batch", "samples sharing statistics"}, {"train.lr", "learning rate"},
        {"norm.kind", "normalizer"},   {"norm.placement", "placement"},                  {"model.depth", "depth"},
        {"model.width", "width"},      {"norm.groups", "groups"},                        {"train.momentum", "momentum"},
        {"model.arch", "architecture"}, {"model.activation", "activation"},          {"data.train", "training samples"},
        {"train.warmup_steps", "warm-up steps"},
    };
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (strcmp(titles[i][0], key->name) == 0)
            return titles[i][1];
    return key->own ? own_title(key) : key->name;
}
