/* Deals keys out to the axis, to colours and to panels, and writes a chart's legend, panels and data blocks. */
#include "plot/chart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/value.h"
#include "norm/norm.h"
#include "plot/screen.h"
#include "stats/answer.h"

/* Okabe and Ito's palette, which colour-blind readers can tell apart, without its yellow (invisible on white); markers
 * differ too, for print without colour. */
static const struct {
    const char *norm;
    struct nl_style style;
} styles[] = {
    {"bn", {0xD55E00, 7, 1}}, {"ln", {0x0072B2, 5, 1}},  {"gn", {0x009E73, 9, 1}},  {"none", {0x000000, 13, 1}},
    {"in", {0x56B4E9, 11, 1}}, {"rms", {0xCC79A7, 15, 1}}, {"", {0xE69F00, 4, 1}},
};
enum { STYLES = sizeof styles / sizeof *styles };

static bool is_kind(const struct nl_factor *factor)
{
    return strcmp(factor->key->name, "norm.kind") == 0;
}

bool nl_factor_has_words(const struct nl_factor *factor)
{
    return !nl_key_is_number(factor->key);
}

/* The second part of the pair in plot.labels or plot.colours that names this value. */
static bool paired(const struct nl_experiment *experiment, const char *pairs, const struct nl_factor *factor, int level,
                   char out[96])
{
    char name[64];
    const char *value = factor->value[level],
               *label = is_kind(factor) ? nl_norm_label(&experiment->config, value) : value;
    for (int i = 0; nl_pair_at(pairs, i, name, out); i++)
        if (strcmp(name, value) == 0 || strcmp(name, label) == 0)
            return true;
    return false;
}

char *nl_level_label(const struct nl_experiment *experiment, const struct nl_factor *factor, int level)
{
    char label[96];
    if (paired(experiment, experiment->config.plot.labels, factor, level, label))
        return nl_strdup(label);
    if (is_kind(factor))
        return nl_strdup(nl_norm_label(&experiment->config, factor->value[level]));
    double number = nl_factor_has_words(factor) ? NAN : nl_factor_number(factor, level);
    bool whole = fabs(number) < 1e6 && number == floor(number); /* 20544, not 2.054e4 */
    return isfinite(number) && !whole ? nl_number_label(number, 4) : nl_strdup(factor->value[level]);
}

char *nl_factor_title(const struct nl_factor *factor)
{
    const char *title = nl_key_title(factor->key);
    return strcmp(title, factor->key->name) != 0 ? nl_strdup(title) : nl_key_words(factor->key);
}

/* "BN, placement after": the values of some factors, each with its key's title, but for normalizers and what the user
 * named; where there is none, `otherwise`. New string. */
static char *words_of(const struct nl_picture *picture, const int *level, const bool *which, const char *otherwise)
{
    const struct nl_results *results = picture->results;
    struct nl_text out = {0};
    char ignored[96];
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < results->factors; i++) {
            const struct nl_factor *factor = &results->factor[i];
            if (!which[i] || level[i] == NL_INAPPLICABLE || is_kind(factor) != (pass == 0))
                continue;
            bool bare = is_kind(factor) ||
                        paired(picture->experiment, picture->experiment->config.plot.labels, factor, level[i], ignored);
            char *title = nl_factor_title(factor), *value = nl_level_label(picture->experiment, factor, level[i]);
            nl_text_add(&out, "%s%s%s%s", out.length ? ", " : "", bare ? "" : title, bare ? "" : " ", value);
            free(title);
            free(value);
        }
    if (!out.length)
        nl_text_add(&out, "%s", otherwise);
    return out.at;
}

/* Which factors tell methods apart, assigned to colours and panels. */
struct assignment {
    bool *colour, *panel; /* [factors] */
    int main; /* the factor of colours that gives the colour itself; others give dashes. -1: none */
    bool is_auto, each; /* the user says nothing of colours and panels; asks for small multiples */
};

static bool same_levels(const struct nl_results *results, const int *a, const int *b, const bool *which)
{
    for (int i = 0; i < results->factors; i++)
        if (which[i] && a[i] != b[i])
            return false;
    return true;
}

/* One method of each combination of these factors' values; how many. */
static int distinct(const struct nl_comparison *view, const bool *which, int *first)
{
    int count = 0;
    for (int method = 0; method < view->methods; method++) {
        bool found = false;
        for (int other = 0; other < count && !found; other++)
            found = same_levels(view->results, view->method[first[other]].level, view->method[method].level, which);
        if (!found)
            first[count++] = method;
    }
    return count;
}

static struct assignment assign(const struct nl_picture *picture, const struct nl_comparison *view,
                                enum nl_assignment rule)
{
    const struct nl_results *results = picture->results;
    const struct nl_config *config = &picture->experiment->config;
    int colour = rule == NL_ASSIGN_TO_PANELS ? -1 : nl_named_factor(results, config->plot.colour),
        panel = nl_named_factor(results, config->plot.facet);
    int kind = nl_results_factor(results, "norm.kind"), first = -1;
    size_t factors = (size_t)results->factors + 1;
    struct assignment assignment = {nl_alloc(factors, sizeof(bool)), nl_alloc(factors, sizeof(bool)), -1, false, false};
    bool *free_one = nl_alloc(factors, sizeof *free_one);
    for (int i = results->factors - 1; i >= 0; i--) {
        free_one[i] = view->apart[i] && nl_factor_distinguishes(results, i);
        first = free_one[i] ? i : first;
    }
    if (kind >= 0 && free_one[kind])
        first = kind;
    assignment.each = strcmp(config->plot.facet, "each") == 0 && rule != NL_ASSIGN_TO_PANELS;
    assignment.is_auto = strcmp(config->plot.facet, "auto") == 0 && colour < 0 && rule != NL_ASSIGN_TO_PANELS;
    bool one = assignment.each || strcmp(config->plot.facet, "none") == 0;
    int *ignored = nl_alloc((size_t)view->methods, sizeof *ignored);
    bool to_panels = rule == NL_ASSIGN_TO_PANELS ||
                     (!one && panel < 0 &&
                      (colour >= 0 || rule == NL_ASSIGN_KIND || distinct(view, free_one, ignored) > NL_MOST_COLOURS));
    free(ignored);
    for (int i = 0; i < results->factors; i++) {
        bool is_colour =
            i == colour || (i != panel && !(to_panels && (colour >= 0 || i != first || rule == NL_ASSIGN_TO_PANELS)));
        if (rule == NL_ASSIGN_KIND && assignment.is_auto && nl_factor_is_optional(results, i))
            is_colour = true; /* a method without it would be in every panel, on the place of one that has it */
        assignment.colour[i] = free_one[i] && is_colour;
        assignment.panel[i] = free_one[i] && !is_colour;
        if (assignment.colour[i] && (assignment.main < 0 || i == kind))
            assignment.main = i;
    }
    if (colour >= 0 && assignment.colour[colour])
        assignment.main = colour;
    free(free_one);
    return assignment;
}

/* The style that a normalizer has in every picture; STYLES: none. */
static int style_of_norm(const char *norm)
{
    int i = 0;
    while (i < STYLES && strcmp(styles[i].norm, norm) != 0)
        i++;
    return i;
}

static bool is_taken(int style, const struct nl_factor *factor)
{
    bool taken = false;
    for (int i = 0; i < factor->values; i++)
        taken |= style == style_of_norm(factor->value[i]);
    return taken;
}

/* The style of a normalizer that has none of its own: in turn those that no other value of the factor has. */
static int style_left_for(const struct nl_factor *factor, int level)
{
    int before = 0, left[STYLES], count = 0;
    for (int i = 0; i < level; i++)
        before += style_of_norm(factor->value[i]) == STYLES;
    for (int i = 0; i < STYLES; i++)
        if (!is_taken(i, factor))
            left[count++] = i;
    return count ? left[before % count] : level % STYLES;
}

/* The colour that the user gives the value. */
static void take_colour(const struct nl_picture *picture, const struct nl_factor *factor, int level,
                        struct nl_style *style)
{
    char text[96];
    if (paired(picture->experiment, picture->experiment->config.plot.colours, factor, level, text))
        nl_colour_read(text, &style->colour);
}

struct nl_style nl_level_style(const struct nl_picture *picture, const struct nl_factor *factor, int level)
{
    int own = is_kind(factor) ? style_of_norm(factor->value[level]) : level % STYLES;
    struct nl_style style = styles[own < STYLES ? own : style_left_for(factor, level)].style;
    if (!nl_factor_has_words(factor) && factor->values > 2)
        style.colour = nl_scale_colour(0.85 * level / (factor->values - 1));
    take_colour(picture, factor, level, &style);
    return style;
}

static void make_arms(struct nl_chart *chart, const struct assignment *assignment)
{
    const struct nl_comparison *view = &chart->view;
    const struct nl_results *results = view->results;
    int *first = nl_alloc((size_t)view->methods, sizeof *first);
    chart->arms = distinct(view, assignment->colour, first);
    chart->arm = nl_alloc((size_t)chart->arms, sizeof *chart->arm);
    for (int i = 0; i < chart->arms; i++) {
        const struct nl_method *method = &view->method[first[i]];
        struct nl_arm *arm = &chart->arm[i];
        int level = assignment->main < 0 ? NL_INAPPLICABLE : method->level[assignment->main], before = 0;
        bool norm_varies = nl_results_factor(results, "norm.kind") >= 0;
        *arm = (struct nl_arm){.level = method->level,
                               .norm = method->norm,
                               .tracks = method->tracks,
                               .reference = method->reference,
                               .style = {0x404040, 7, 1}};
        char *label =
            words_of(chart->picture, method->level, assignment->colour,
                     norm_varies && assignment->main < 0 ? ""
                     : norm_varies ? nl_norm_label(&chart->picture->experiment->config, nl_norm_names[method->norm])
                                   : nl_results_label(chart->picture->results));
        arm->label = nl_format("%s%s", label, method->leaks ? NL_LEAKS_MARK : "");
        free(label);
        if (level != NL_INAPPLICABLE)
            arm->style = nl_level_style(chart->picture, &results->factor[assignment->main], level);
        for (int f = 0; f < results->factors; f++)
            if (assignment->colour[f] && f != assignment->main && method->level[f] != NL_INAPPLICABLE)
                take_colour(chart->picture, &results->factor[f], method->level[f], &arm->style);
        for (int other = 0; other < i && assignment->main >= 0; other++)
            before += chart->arm[other].level[assignment->main] == level;
        arm->style.dash = 1 + before % 5;
    }
    free(first);
}

/* Whether the method belongs to the panel of these levels; where a key does not apply to it, to every one. */
static bool is_in_panel(const struct nl_comparison *view, const int *method, const int *panel, const bool *which)
{
    for (int i = 0; i < view->results->factors; i++)
        if (which[i] && method[i] != NL_INAPPLICABLE && method[i] != panel[i])
            return false;
    return true;
}

/* Keeps every so many-th value of the key that has most, until few enough combinations are left. keep:
 * [factors][values]. */
static void thin(const struct nl_results *results, const bool *which, int most_panels, bool **keep)
{
    int *left = nl_alloc((size_t)results->factors + 1, sizeof *left);
    for (;;) {
        int most = -1, panels = 1;
        for (int i = 0; i < results->factors; i++) {
            left[i] = left[i] ? left[i] : results->factor[i].values;
            panels *= which[i] ? left[i] : 1;
            if (which[i] && (most < 0 || left[i] > left[most]))
                most = i;
        }
        if (most < 0 || panels <= most_panels)
            break;
        left[most]--;
    }
    for (int i = 0; i < results->factors; i++) {
        int values = results->factor[i].values;
        for (int k = 0; k < left[i]; k++)
            keep[i][left[i] == values ? k
                    : left[i] == 1    ? 0
                                      : (int)lround((double)k * (values - 1) / (left[i] - 1))] = true;
    }
    free(left);
}

static void make_panels(struct nl_chart *chart, const bool *which, bool small)
{
    const struct nl_comparison *view = &chart->view;
    const struct nl_results *results = view->results;
    int *first = nl_alloc((size_t)view->methods, sizeof *first), count = distinct(view, which, first);
    for (int i = 0; i < count; i++) { /* what belongs to other panels needs none of its own */
        bool elsewhere = false;
        for (int other = 0; other < count && !elsewhere; other++)
            elsewhere = other != i &&
                        is_in_panel(view, view->method[first[i]].level, view->method[first[other]].level, which) &&
                        !is_in_panel(view, view->method[first[other]].level, view->method[first[i]].level, which);
        if (!elsewhere)
            first[chart->all_panels++] = first[i];
    }
    bool **keep = nl_alloc((size_t)results->factors + 1, sizeof *keep);
    for (int i = 0; i < results->factors; i++)
        keep[i] = nl_alloc((size_t)results->factor[i].values, sizeof **keep);
    int most = nl_page_most_panels(&chart->picture->experiment->config, small);
    thin(results, which, most, keep);
    chart->panel = nl_alloc((size_t)chart->all_panels, sizeof *chart->panel);
    for (int i = 0; i < chart->all_panels; i++) {
        const int *level = view->method[first[i]].level;
        bool kept = chart->panels < most;
        for (int k = 0; k < results->factors && chart->all_panels > most; k++)
            kept = kept && (!which[k] || level[k] == NL_INAPPLICABLE || keep[k][level[k]]);
        if (kept)
            chart->panel[chart->panels++] =
                (struct nl_panel){words_of(chart->picture, level, which, ""), level, -1, -1};
    }
    for (int i = 0; i < results->factors; i++)
        free(keep[i]);
    free(keep);
    free(first);
}

/* Several methods may share a place, with cells at different points: where normalizers are the x axis, and placements
 * the panels, those of "none" are of a method to which placements do not apply. What is of the panel itself comes
 * first. */
static void place_methods(struct nl_chart *chart, const struct assignment *assignment)
{
    const struct nl_comparison *view = &chart->view;
    int points = view->points * view->rows;
    chart->method = nl_alloc((size_t)(chart->panels * chart->arms), sizeof *chart->method);
    chart->cell = nl_alloc((size_t)(chart->panels * chart->arms * points), sizeof *chart->cell);
    for (int place = 0; place < chart->panels * chart->arms; place++) {
        const int *panel = chart->panel[place / chart->arms].level, *arm = chart->arm[place % chart->arms].level;
        chart->method[place] = -1;
        for (int pass = 0; pass < 2; pass++)
            for (int i = 0; i < view->methods; i++) {
                const int *level = view->method[i].level;
                if (!same_levels(view->results, level, arm, assignment->colour) ||
                    !is_in_panel(view, level, panel, assignment->panel) ||
                    same_levels(view->results, level, panel, assignment->panel) != (pass == 0))
                    continue;
                if (chart->method[place] < 0)
                    chart->method[place] = i;
                for (int point = 0; point < points; point++)
                    if (!chart->cell[place * points + point])
                        chart->cell[place * points + point] = view->method[i].cell[point];
            }
    }
}

static void release_arms(struct nl_chart *chart)
{
    for (int i = 0; i < chart->arms; i++)
        free(chart->arm[i].label);
    free(chart->arm);
}

/* Where the styles do not suffice: small multiples; or where panels stand for other keys, these become the colours, and
 * normalizers the panels. Whether panels are small. */
static bool tell_apart(struct nl_chart *chart, struct assignment *assignment)
{
    int factors = chart->view.results->factors, others = 0;
    for (int i = 0; i < factors; i++)
        others += assignment->panel[i];
    if (!assignment->is_auto || !nl_chart_any_alike(chart))
        return assignment->each;
    if (others == 0)
        return assignment->each = chart->arms <= nl_page_most_panels(&chart->picture->experiment->config, true);
    assignment->main = -1;
    for (int i = factors - 1; i >= 0; i--) {
        bool colour = assignment->panel[i];
        assignment->panel[i] = assignment->colour[i];
        assignment->colour[i] = colour;
        assignment->main = colour ? i : assignment->main;
    }
    release_arms(chart);
    make_arms(chart, assignment);
    return true;
}

void nl_chart_make(const struct nl_picture *picture, int x, int y, enum nl_assignment rule, struct nl_page *page,
                   struct nl_chart *out)
{
    *out = (struct nl_chart){.picture = picture, .page = page};
    nl_comparison_make(picture->results, picture->experiment, x, y, &out->view);
    struct assignment assignment = assign(picture, &out->view, rule);
    make_arms(out, &assignment);
    bool small = tell_apart(out, &assignment);
    make_panels(out, assignment.panel, small);
    if (assignment.each)
        nl_chart_make_each(out);
    place_methods(out, &assignment);
    nl_chart_find_baselines(out);
    free(assignment.colour);
    free(assignment.panel);
    double aspect = out->panels > 1 ? 1.25 : 1.6;
    nl_page_open(page, out->panels, y < 0 ? aspect : fmin(fmax(1.2 * out->view.points / out->view.rows, 0.8), 2.5));
    for (int panel = 0; panel < out->panels; panel++)
        nl_page_reserve_title(page, out->panel[panel].title);
}

void nl_chart_release(struct nl_chart *chart)
{
    release_arms(chart);
    for (int i = 0; i < chart->panels; i++)
        free(chart->panel[i].title);
    free(chart->panel);
    free(chart->method);
    free(chart->cell);
    free(chart->strip.row);
    free(chart->strip.failure);
    nl_ruler_release(&chart->x);
    for (int i = 0; chart->own_x && i < chart->panels; i++)
        nl_ruler_release(&chart->own_x[i]);
    free(chart->own_x);
    nl_ruler_release(&chart->y);
    nl_comparison_release(&chart->view);
}

const struct nl_cell *nl_chart_cell(const struct nl_chart *chart, int panel, int arm, int point)
{
    return chart->cell[(panel * chart->arms + arm) * chart->view.points * chart->view.rows + point];
}

static const char *drawn_metric(const struct nl_experiment *experiment)
{
    struct nl_measure ignored;
    const struct nl_config *config = &experiment->config;
    return nl_measure(config->plot.y, &ignored) ? config->plot.y : nl_metric_names[config->plot.metric];
}

/* Runs that failed have no metrics, and are drawn all the same. */
static bool has_metric(const struct nl_csv *csv, const char *metric)
{
    int column = nl_csv_column(csv, metric), status = nl_csv_column(csv, "status");
    bool any = false, found = false;
    for (int row = 0; column >= 0 && status >= 0 && row < csv->rows; row++)
        if (strcmp(nl_csv_field(csv, row, status), "done") == 0) {
            any = true;
            found |= *nl_csv_field(csv, row, column) != '\0';
        }
    return column >= 0 && (found || !any);
}

/* NULL; or, where no run of the results has that metric, why there is nothing to draw: who asks for it. New string. */
static char *missing_metric(const struct nl_results *results, const struct nl_experiment *experiment)
{
    const char *metric = drawn_metric(experiment),
               *key = strcmp(metric, experiment->config.plot.y) == 0 ? "plot.y" : "plot.metric";
    bool set = nl_origin_of(experiment, key).kind != NL_FROM_DEFAULT;
    if (has_metric(&results->csv, metric))
        return NULL;
    return nl_format("no run has '%s', which %s %s", metric, key, set ? "names" : "is by default");
}

int nl_drawn_load(const struct nl_picture *picture, const char *word, struct nl_drawn *out, char **why,
                  struct nl_error *err)
{
    const struct nl_config *config = &picture->experiment->config;
    enum nl_quantity quantity = nl_quantity_find(word);
    *out = (struct nl_drawn){0};
    *why = NULL;
    if (quantity == NL_QUANTITIES) {
        out->column = drawn_metric(picture->experiment);
        out->metric = nl_metric_column(picture->results, out->column);
        *why = missing_metric(picture->results, picture->experiment);
        return NL_OK;
    }
    int status = nl_inside_load(picture->results, &config->plot.tensors, quantity, &out->inside, err);
    if (status == NL_OK)
        *why = nl_inside_nothing(&out->inside, picture->results, config->plot.step);
    if (status == NL_OK && !*why)
        out->values = nl_inside_column(&out->inside, picture->results, picture->experiment, &out->metric);
    return status;
}

void nl_drawn_release(struct nl_drawn *drawn)
{
    if (!drawn->column)
        nl_inside_release(&drawn->inside);
    free(drawn->values);
}

char *nl_drawn_label(const struct nl_drawn *drawn)
{
    return drawn->column ? nl_metric_label(&drawn->metric, drawn->column) : nl_inside_title(&drawn->inside);
}

int nl_named_factor(const struct nl_results *results, const char *name)
{
    int factor = strchr(name, '.') ? nl_results_factor(results, name) : -1;
    return factor >= 0 && results->factor[factor].values > 1 ? factor : -1;
}

char *nl_metric_label(const struct nl_metric_column *metric, const char *column)
{
    static const char *const scored[NL_EVALS] = {
        "running statistics", "batch statistics", "precise statistics",
        "adapt statistics",   "EMA of weights",   "SWA of weights"};
    const char *mark = strrchr(column, '_'), *with = "";
    for (enum nl_eval eval = 0; mark && eval < NL_EVALS; eval++)
        if (strcmp(mark + 1, nl_eval_names[eval]) == 0)
            with = scored[eval];
    return nl_format("%s%s%s%s%s%s", metric->measure.name, *with ? ", " : "", with, *metric->measure.unit ? " (" : "",
                     metric->measure.unit, *metric->measure.unit ? ")" : "");
}

int nl_chart_fit_points(struct nl_chart *chart, bool y, bool lattice, bool prefers_log, struct nl_error *err)
{
    const struct nl_comparison *view = &chart->view;
    const struct nl_experiment *experiment = chart->picture->experiment;
    const struct nl_factor *factor = &view->results->factor[y ? view->y_factor : view->x_factor];
    int count = y ? view->rows : view->points;
    bool words = nl_factor_has_words(factor);
    double *at = nl_alloc((size_t)count, sizeof *at);
    char **label = nl_alloc((size_t)count, sizeof *label);
    for (int i = 0; i < count; i++) {
        at[i] = words ? i : y ? nl_comparison_y(view, i) : nl_comparison_x(view, i);
        label[i] = words ? nl_level_label(experiment, factor, y ? view->y[i] : view->x[i])
                         : nl_number_label(at[i], lattice ? 3 : 4);
    }
    int status = nl_ruler_points(y ? &chart->y : &chart->x, at, label, count, words || lattice, prefers_log,
                                 &experiment->config, err);
    if (!y)
        nl_ruler_fit_labels(&chart->x, nl_page_panel_width(chart->page), chart->page->small);
    free(at);
    free(label);
    return status;
}

int nl_chart_fit_tensors(const struct nl_chart *chart, const struct nl_inside *inside, struct nl_ruler *ruler,
                         struct nl_error *err)
{
    char **label = nl_alloc((size_t)inside->tensors, sizeof *label);
    for (int i = 0; i < inside->tensors; i++)
        label[i] = nl_inside_label(inside, i);
    int status =
        nl_ruler_points(ruler, NULL, label, inside->tensors, true, false, &chart->picture->experiment->config, err);
    free(label);
    return status;
}

void nl_chart_see(struct nl_chart *chart, double value)
{
    nl_span_add(&chart->span, value);
    chart->zeros += value <= 0.0;
}

int nl_chart_fit_y(struct nl_chart *chart, const struct nl_measure *measure, bool from_zero, struct nl_error *err)
{
    int status = nl_ruler_fit(&chart->y, &chart->span, measure, from_zero, &chart->picture->experiment->config, err);
    if (status == NL_OK)
        nl_ruler_ticks(&chart->y, nl_page_panel_height(chart->page), 1.7 * chart->page->font);
    return status;
}

int nl_chart_fit_training(struct nl_chart *chart, double least, double most, bool may_be_log, struct nl_error *err)
{
    int status = nl_ruler_from_zero(&chart->x, least, most, may_be_log, &chart->picture->experiment->config, err);
    if (status == NL_OK)
        nl_ruler_ticks(&chart->x, nl_page_panel_width(chart->page), nl_text_width("10000", chart->page->small));
    return status;
}

static bool is_auto(const char *end)
{
    return strcmp(end, "auto") == 0;
}

int nl_chart_fit_each(struct nl_chart *chart, double least, const double *most, struct nl_error *err)
{
    const struct nl_config *config = &chart->picture->experiment->config;
    double shortest = INFINITY, longest = 0;
    for (int i = 0; i < chart->panels; i++) {
        shortest = most[i] > 0 ? fmin(shortest, most[i]) : shortest;
        longest = fmax(longest, most[i]);
    }
    int status = NL_OK;
    if (chart->each || !is_auto(config->plot.xmin) || !is_auto(config->plot.xmax) ||
        !(longest > NL_SHARED_X * shortest))
        return NL_OK;
    chart->own_x = nl_alloc((size_t)chart->panels, sizeof *chart->own_x);
    chart->page->ticks = nl_ruler_label_height(&chart->x, chart->page->small);
    for (int i = 0; status == NL_OK && i < chart->panels; i++) {
        status = nl_ruler_from_zero(&chart->own_x[i], least, most[i] > 0 ? most[i] : longest, false, config, err);
        nl_ruler_ticks(&chart->own_x[i], nl_page_panel_width(chart->page), nl_text_width("10000", chart->page->small));
    }
    return status;
}

void nl_chart_legend(struct nl_chart *chart, bool mark)
{
    for (int arm = 0; arm < chart->arms && chart->each; arm++)
        nl_page_style(chart->page, &chart->arm[arm].style);
    for (int arm = 0; arm < chart->arms && !chart->each; arm++)
        nl_page_legend(chart->page, &chart->arm[arm].style, chart->arm[arm].label, true, mark);
    if (chart->each)
        nl_chart_legend_of_each(chart);
    nl_page_end_legend(chart->page);
}

static const double strip_row = 0.95, strip_text = 0.85; /* of the small size */
enum { MOST_STRIP_ROWS = 6 };

void nl_chart_fail(struct nl_chart *chart, int panel, int arm, double x, int failed, int trials)
{
    struct nl_strip *strip = &chart->strip;
    NL_GROW(strip->failure, strip->failures, strip->capacity);
    strip->failure[strip->failures++] = (struct nl_failure){panel, arm, failed, trials, x};
}

void nl_chart_make_strip(struct nl_chart *chart)
{
    struct nl_strip *strip = &chart->strip;
    strip->row = nl_alloc((size_t)chart->arms, sizeof *strip->row);
    for (int i = 0; i < strip->failures; i++)
        strip->row[strip->failure[i].arm] += strip->failure[i].failed;
    for (int i = chart->arms - 1; i >= 0; i--)
        strip->row[i] = strip->row[i] > 0 ? ++strip->rows : 0;
    for (int i = 0; i < chart->arms && chart->each; i++)
        strip->row[i] = strip->rows = strip->rows > 0; /* a panel tells of its own arm alone */
    strip->summed = strip->rows > MOST_STRIP_ROWS;
    for (int i = 0; i < chart->arms && strip->summed; i++)
        strip->row[i] = strip->row[i] > 0;
    strip->rows = strip->summed ? 1 : strip->rows;
    chart->page->strip = strip->rows > 0 ? (strip_row * strip->rows + 0.5) * chart->page->small : 0.0;
}

/* Each "x row text colour". */
static struct nl_text failed_rows(const struct nl_chart *chart, int panel)
{
    struct nl_text rows = {0};
    const struct nl_strip *strip = &chart->strip;
    const struct nl_failure *end = strip->failure + strip->failures;
    for (const struct nl_failure *at = strip->failure; at < end; at++) {
        int failed = at->failed, trials = at->trials;
        if (at->panel != panel || nl_chart_role(chart, panel, at->arm) > NL_ROLE_OWN)
            continue;
        for (; strip->summed && trials > 0 && at + 1 < end && at[1].panel == panel && at[1].x == at->x; at++) {
            failed += at[1].failed;
            trials += at[1].trials;
        }
        if (failed == 0)
            continue;
        nl_page_number(&rows, at->x);
        if (trials == 0)
            nl_text_add(&rows, " %d × %u\n", strip->row[at->arm], chart->arm[at->arm].style.colour);
        else if (strip->summed)
            nl_text_add(&rows, " 1 %d/%d 0\n", failed, trials);
        else if (trials == chart->picture->results->seeds)
            nl_text_add(&rows, " %d %d %u\n", strip->row[at->arm], failed, chart->arm[at->arm].style.colour);
        else
            nl_text_add(&rows, " %d %d/%d %u\n", strip->row[at->arm], failed, trials, chart->arm[at->arm].style.colour);
    }
    return rows;
}

int nl_chart_frame(struct nl_chart *chart, const char *x_label, const char *y_label, struct nl_error *err)
{
    double small = chart->page->small,
           overhang = nl_ruler_label_overhang(&chart->x, nl_page_panel_width(chart->page), small),
           below = nl_ruler_label_height(&chart->x, small);
    if (chart->page->screen && chart->x.upright) /* a character a row */
        below *= nl_cell_height / (0.5 * small);
    return nl_page_frame(chart->page, x_label, y_label, below, overhang, nl_ruler_label_width(&chart->y, small), err);
}

static void put_strip(struct nl_chart *chart, int panel)
{
    struct nl_page *page = chart->page;
    struct nl_text *out = &page->script, rows = failed_rows(chart, panel);
    struct nl_box box = nl_page_box(page, panel);
    box.bottom = box.top + 0.3 * page->small;
    box.top = box.bottom + strip_row * chart->strip.rows * page->small;
    bool any = nl_page_block(page, "failed", panel + 1, 0, "x row runs colour: failed runs", NULL, &rows);
    nl_page_margins(page, &box);
    nl_text_add(
        out,
        "set object rectangle from graph 0,0 to graph 1,1 behind fillcolor rgb '#F0F0F0' fillstyle solid noborder\n");
    if (nl_page_is_first(page, panel))
        nl_page_label(page, "failed", box.left - 0.4 * page->small, (box.bottom + box.top) / 2,
                      strip_text * page->small, "right");
    nl_text_add(out,
                "unset border; unset xtics; unset ytics; unset logscale y; set yrange [0.5:%d.5]\nplot NaN notitle",
                chart->strip.rows);
    if (any)
        nl_page_plot(out,
                     "$failed%d using 1:2:3:4 with labels font sprintf(',%%.3g', %.3g * pt) textcolor rgb variable",
                     panel + 1, strip_text * page->small);
    nl_text_add(out, "\nset border 3 linewidth 0.7\n");
    nl_page_end_panel(page);
}

static void put_x(struct nl_chart *chart, int panel)
{
    nl_ruler_put(chart->own_x ? &chart->own_x[panel] : &chart->x, &chart->page->script, "x",
                 chart->own_x || nl_page_is_lowest(chart->page, panel));
}

void nl_chart_put_axes(struct nl_chart *chart, int panel)
{
    struct nl_box box = nl_page_box(chart->page, panel);
    nl_page_margins(chart->page, &box);
    put_x(chart, panel);
    nl_ruler_put(&chart->y, &chart->page->script, "y", nl_page_is_first(chart->page, panel));
}

void nl_chart_put_shares(struct nl_chart *chart, int panel, struct nl_text signs[NL_SHARE_LAYERS])
{
    struct nl_text *out = &chart->page->script;
    nl_chart_put_axes(chart, panel);
    nl_text_add(out, "plot 50 with lines linewidth 0.5 linecolor rgb '#B0B0B0' notitle");
    for (int i = 0; i < NL_SHARE_LAYERS; i++) {
        nl_text_add_bytes(out, signs[i].at, signs[i].length);
        nl_text_release(&signs[i]);
    }
    nl_text_add(out, "\n");
    nl_page_end_panel(chart->page);
}

void nl_chart_begin_panel(struct nl_chart *chart, int panel)
{
    nl_page_title(chart->page, panel, chart->panel[panel].title);
    put_x(chart, panel);
    if (chart->strip.rows > 0)
        put_strip(chart, panel);
    nl_chart_put_axes(chart, panel);
}

int nl_draw_panels(const struct nl_picture *picture, struct nl_page *page, const struct nl_name_list *tensors,
                   enum nl_quantity quantity, int64_t step,
                   int (*draw)(struct nl_chart *chart, const struct nl_inside *inside, struct nl_error *err),
                   struct nl_error *err)
{
    struct nl_inside inside;
    int status = nl_inside_load(picture->results, tensors, quantity, &inside, err);
    if (status != NL_OK)
        return status;
    char *why = nl_inside_nothing(&inside, picture->results, step);
    if (why) {
        nl_picture_leave_out(picture, page, why);
    } else {
        struct nl_chart chart;
        nl_chart_make(picture, -1, -1, NL_ASSIGN_TO_PANELS, page, &chart);
        status = draw(&chart, &inside, err);
        nl_chart_release(&chart);
    }
    free(why);
    nl_inside_release(&inside);
    return status;
}
