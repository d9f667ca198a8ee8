/* Draws curves as an SVG element. Lengths are its own units, about a pixel each. */
#include "plot/sketch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "plot/chart.h"
#include "plot/series.h"
#include "stats/answer.h"

enum {
    WIDTH = 720,
    TEXT = 12,
    LINE = 18,      /* height of a line of text */
    BELOW = 22,     /* room for the labels of an x axis */
    LABELS = 40,    /* room at the left of a panel, about, which its title leaves free */
    RIGHT = 16,     /* room at the right of a panel, into which the last label of its x axis reaches */
    MOST_THIN = 200 /* runs that have a line of their own */
};

struct sketch {
    const struct nl_picture *picture;
    struct nl_series *series; /* [cells] */
    struct nl_metric_column metric;
    struct nl_chart chart;
    double first, end; /* of x, above 0 */
    bool thin;         /* runs have lines of their own */
    int runs;
    double left; /* room for the labels of a y axis */
};

static const struct nl_series *series_of(const struct sketch *s, int panel, int arm)
{
    const struct nl_cell *cell = nl_chart_cell(&s->chart, panel, arm, 0);
    const struct nl_series *series = cell ? &s->series[cell - s->picture->results->cell] : NULL;
    return series && series->count > 0 ? series : NULL;
}

/* ---- what is drawn ---- */

static void see_all(struct sketch *s)
{
    const struct nl_results *results = s->picture->results;
    bool points = false;
    s->first = INFINITY;
    for (int i = 0; i < results->cells; i++) {
        bool *has = nl_alloc((size_t)results->seeds, sizeof *has);
        for (int k = 0; k < s->series[i].count; k++) {
            const struct nl_sighting *at = &s->series[i].at[k];
            s->runs += !has[at->seed];
            has[at->seed] = true;
            nl_chart_see(&s->chart, at->value);
            s->first = at->x > 0 ? fmin(s->first, at->x) : s->first;
            s->end = fmax(s->end, at->x);
        }
        points |= s->series[i].count > 0 && s->series[i].at[0].step == s->series[i].at[s->series[i].count - 1].step;
        free(has);
    }
    s->end *= points ? 1.02 : 1.0; /* room for a sign */
    s->thin = s->runs <= MOST_THIN;
}

/* ---- shapes ---- */

struct place {
    double x, y;
};

static struct place place_of(const struct sketch *s, const struct nl_box *box, double x, double value)
{
    return (struct place){(box->right - box->left) * nl_ruler_place(&s->chart.x, x),
                          (box->bottom - box->top) * (1.0 - nl_ruler_place(&s->chart.y, value))};
}

/* A line in the making; where a value is not finite it has a gap. Its points are no nearer to one another than a pixel:
 * a page does not grow with the number of evaluations. */
struct line {
    struct nl_text *out;
    const char *look; /* attributes */
    const char *fill; /* of a single point */
    struct nl_text points;
    int count;
    struct place last;    /* that was drawn */
    struct place waiting; /* nearer to it than 1 along x; drawn if none comes after it */
    bool waits;
};

static void put_point(struct line *line, struct place at)
{
    nl_text_add(&line->points, "%s%.1f,%.1f", line->count > 0 ? " " : "", at.x, at.y);
    line->last = at;
    line->count++;
    line->waits = false;
}

static void end_line(struct line *line)
{
    if (line->waits)
        put_point(line, line->waiting);
    if (line->count == 1)
        nl_text_add(line->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\" fill=\"%s\"/>\n", line->last.x, line->last.y,
                    line->fill);
    else if (line->count > 1)
        nl_text_add(line->out, "<polyline %s points=\"%s\"/>\n", line->look, line->points.at);
    nl_text_release(&line->points);
    line->points = (struct nl_text){0};
    line->count = 0;
}

static void add_point(struct line *line, struct place at)
{
    if (!isfinite(at.x) || !isfinite(at.y)) {
        end_line(line);
        return;
    }
    if (line->count > 0 && at.x - line->last.x < 1.0) {
        line->waiting = at;
        line->waits = true;
    } else {
        put_point(line, at);
    }
}

static void draw_runs(const struct sketch *s, struct nl_text *out, const struct nl_box *box,
                      const struct nl_series *series, const char *colour)
{
    char *look = nl_format("fill=\"none\" stroke=\"%s\" stroke-width=\"0.8\" stroke-opacity=\"0.4\"", colour);
    for (int seed = 0; seed < s->picture->results->seeds; seed++) {
        struct line line = {.out = out, .look = look, .fill = colour};
        for (int i = 0; i < series->count; i++)
            if (series->at[i].seed == seed)
                add_point(&line, place_of(s, box, series->at[i].x, series->at[i].value));
        end_line(&line);
    }
    free(look);
}

static void draw_mean(const struct sketch *s, struct nl_text *out, const struct nl_box *box,
                      const struct nl_series *series, const char *colour, const char *width, const char *dashes)
{
    char *look = nl_format("fill=\"none\" stroke=\"%s\" stroke-width=\"%s\"%s", colour, width, dashes);
    struct line line = {.out = out, .look = look, .fill = colour};
    for (int i = 0, next; i < series->count; i = next) {
        double x = 0.0, sum = 0.0;
        for (next = i; next < series->count && series->at[next].step == series->at[i].step; next++) {
            x += series->at[next].x;
            sum += series->at[next].value;
        }
        add_point(&line, place_of(s, box, x / (next - i), sum / (next - i)));
    }
    end_line(&line);
    free(look);
}

static const char *dashes_of(int dash)
{
    static const char *const dashes[] = {"", " stroke-dasharray=\"7 4\"", " stroke-dasharray=\"2 3\"",
                                         " stroke-dasharray=\"8 3 2 3\"", " stroke-dasharray=\"8 3 2 3 2 3\""};
    return dashes[(dash - 1) % 5];
}

static void colour_text(unsigned colour, char out[8])
{
    snprintf(out, 8, "#%06x", colour & 0xFFFFFFu);
}

/* Lines that stand behind others are drawn first. */
static void draw_lines(const struct sketch *s, struct nl_text *out, const struct nl_box *box, int panel)
{
    static const enum nl_arm_role order[] = {NL_ROLE_BEHIND, NL_ROLE_BASELINE, NL_ROLE_ONE, NL_ROLE_OWN};
    for (int pass = 0; pass < 4; pass++)
        for (int arm = 0; arm < s->chart.arms; arm++) {
            const struct nl_series *series = series_of(s, panel, arm);
            enum nl_arm_role role = nl_chart_role(&s->chart, panel, arm);
            const struct nl_style *style = &s->chart.arm[arm].style;
            char colour[8];
            if (!series || role != order[pass])
                continue;
            colour_text(style->colour, colour);
            if (role == NL_ROLE_BEHIND) {
                draw_mean(s, out, box, series, "#b8b8b8", "0.8", "");
            } else if (role == NL_ROLE_BASELINE) {
                draw_mean(s, out, box, series, "#000000", "1.2", dashes_of(2));
            } else {
                if (s->thin)
                    draw_runs(s, out, box, series, colour);
                draw_mean(s, out, box, series, colour, "2.2", dashes_of(style->dash));
            }
        }
}

static void add_label(struct nl_text *out, double x, double y, const char *anchor, const char *text)
{
    char *line = nl_one_line(text);
    nl_text_add(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    nl_html_add(out, line);
    free(line);
    nl_text_add(out, "</text>\n");
}

static void draw_axes(const struct sketch *s, struct nl_text *out, const struct nl_box *box)
{
    double width = box->right - box->left, height = box->bottom - box->top;
    const struct nl_ruler *x = &s->chart.x, *y = &s->chart.y;
    for (int i = 0; i < y->ticks; i++) {
        double at = box->bottom - height * nl_ruler_place(y, y->tick[i].at);
        if (!y->tick[i].label)
            continue;
        nl_text_add(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#e2e2e2\"/>\n", box->left, at,
                    box->right, at);
        add_label(out, box->left - 6, at + 0.35 * TEXT, "end", y->tick[i].label);
    }
    for (int i = 0; i < x->ticks; i++) {
        double at = box->left + width * nl_ruler_place(x, x->tick[i].at);
        if (!x->tick[i].label)
            continue;
        nl_text_add(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#606060\"/>\n", at,
                    box->bottom, at, box->bottom + 4);
        add_label(out, at, box->bottom + 4 + TEXT, "middle", x->tick[i].label);
    }
    nl_text_add(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" stroke=\"#606060\"/>\n",
                box->left, box->top, width, height);
}

/* Lines beyond the ends of an axis that the user set are cut by the inner svg element. */
static void draw_panel(const struct sketch *s, struct nl_text *out, const struct nl_box *box, int panel)
{
    const char *title = s->chart.panel[panel].title;
    const double middle = (box->left + box->right) / 2;
    bool any = false;
    if (*title)
        add_label(out, middle, box->top - 6, "middle", title);
    draw_axes(s, out, box);
    for (int arm = 0; arm < s->chart.arms; arm++)
        any |= series_of(s, panel, arm) != NULL;
    if (!any)
        add_label(out, middle, (box->top + box->bottom) / 2, "middle", "no values");
    nl_text_add(out, "<svg x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\">\n", box->left, box->top,
                box->right - box->left, box->bottom - box->top);
    draw_lines(s, out, box, panel);
    nl_text_add(out, "</svg>\n");
}

/* ---- the page ---- */

/* A sign and a name for each arm that has a line, as many in a row as have room; returns the height. */
static double draw_legend(const struct sketch *s, struct nl_text *out)
{
    double x = s->left, y = TEXT;
    for (int arm = 0; arm < s->chart.arms; arm++) {
        const struct nl_arm *at = &s->chart.arm[arm];
        double width = 42 + nl_text_width(at->label, TEXT);
        bool drawn = false;
        char colour[8];
        for (int panel = 0; panel < s->chart.panels; panel++)
            drawn |= series_of(s, panel, arm) != NULL;
        if (!drawn)
            continue;
        if (x > s->left && x + width > WIDTH) {
            x = s->left;
            y += LINE;
        }
        colour_text(at->style.colour, colour);
        nl_text_add(out,
                    "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"2.2\"%s/>\n", x,
                    y - 0.35 * TEXT, x + 24, y - 0.35 * TEXT, colour, dashes_of(at->style.dash));
        add_label(out, x + 29, y, "start", at->label);
        x += width;
    }
    return y + LINE - TEXT;
}

static const char *x_title(const struct sketch *s)
{
    return nl_x_names[nl_series_x(s->picture->experiment)];
}

static void describe(const struct sketch *s, struct nl_sketch *out)
{
    char *y = nl_metric_label(&s->metric, nl_series_metric(s->picture->experiment));
    const char **name = nl_alloc((size_t)s->chart.arms + 1, sizeof *name);
    int names = 0;
    for (int arm = 0; arm < s->chart.arms; arm++)
        name[names++] = s->chart.arm[arm].label;
    nl_text_add(&out->alt, "Line chart. Horizontal axis: %s. Vertical axis: %s. Lines: ", x_title(s), y);
    nl_say_names(&out->alt, name, names, "method");
    nl_text_add(&out->alt, ".");
    nl_text_add(&out->caption, "Vertical: %s; horizontal: %s. Thick lines are means over the seeds that have ended%s.",
                y, x_title(s), s->thin ? ", thin lines single runs" : "");
    if (s->chart.each)
        nl_text_add(&out->caption, " Each panel shows one method in colour, the others in grey%s.",
                    s->picture->experiment->has_baseline ? " and its baseline in black" : "");
    if (s->chart.panels < s->chart.all_panels)
        nl_text_add(&out->caption, " %d of %s are drawn.", s->chart.panels, NL_COUNT(s->chart.all_panels, "panel"));
    if (strcmp(s->metric.measure.part, "train") == 0)
        nl_text_add(&out->caption, " Training batches as they were seen.");
    nl_text_add(&out->caption,
                " Where evaluations are closer than a pixel, one of them is drawn. Runs that diverged enter no mean.");
    free(name);
    free(y);
}

static double widest_title(const struct nl_chart *chart)
{
    double widest = 0.0;
    for (int panel = 0; panel < chart->panels; panel++)
        widest = fmax(widest, nl_text_width(chart->panel[panel].title, TEXT));
    return widest;
}

static int draw(struct sketch *s, struct nl_sketch *out, struct nl_error *err)
{
    const struct nl_config *config = &s->picture->experiment->config;
    struct nl_chart *chart = &s->chart;
    double title = widest_title(chart);
    int columns = chart->panels < 2 ? 1 : chart->panels < 5 ? 2 : 3;
    while (columns > 1 && title > (double)WIDTH / columns - LABELS)
        columns--;
    int rows = (chart->panels + columns - 1) / columns;
    bool titled = title > 0.0;
    if (nl_ruler_fit(&chart->y, &chart->span, &s->metric.measure, false, config, err) != NL_OK ||
        nl_ruler_from_zero(&chart->x, s->first, s->end, false, config, err) != NL_OK)
        return NL_FAIL;
    double cell = (double)WIDTH / columns, height = columns == 1 ? 320 : 0.62 * cell;
    nl_ruler_ticks(&chart->y, height, 2.2 * TEXT);
    s->left = nl_ruler_label_width(&chart->y, TEXT) + 14;
    double width = cell - s->left - RIGHT;
    nl_ruler_ticks(&chart->x, width, 4.5 * TEXT);

    struct nl_text shapes = {0}, whole = {0};
    double top = draw_legend(s, &shapes) + (titled ? LINE : 8);
    for (int panel = 0; panel < chart->panels; panel++) {
        double x = cell * (panel % columns) + s->left,
               y = top + panel / columns * (height + BELOW + (titled ? LINE : 8));
        const struct nl_box box = {.left = x, .right = x + width, .bottom = y + height, .top = y};
        draw_panel(s, &shapes, &box, panel);
    }
    describe(s, out);
    nl_text_add(
        &whole,
        "<svg viewBox=\"0 0 %d %.0f\" width=\"%d\" font-size=\"%d\" font-family=\"sans-serif\" fill=\"#1b1f24\" "
        "stroke-linejoin=\"round\" role=\"img\" aria-label=\"",
        WIDTH, top + rows * (height + BELOW + (titled ? LINE : 8)), WIDTH, TEXT);
    char *line = nl_one_line(out->alt.at);
    nl_html_add(&whole, line);
    free(line);
    nl_text_add(&whole, "\">\n%s</svg>\n", shapes.at);
    nl_text_release(&shapes);
    out->drawing = whole.at;
    return NL_OK;
}

int nl_sketch_curves(const struct nl_picture *picture, struct nl_curves *curves, struct nl_sketch *out,
                     struct nl_error *err)
{
    struct nl_experiment experiment = *picture->experiment;
    char *epoch = nl_strdup(nl_x_names[NL_X_EPOCH]);
    if (nl_series_x(&experiment) == NL_X_SECONDS)
        experiment.config.plot.x = epoch;
    struct nl_picture over = *picture;
    over.experiment = &experiment;
    struct sketch s = {.picture = &over, .metric = nl_metric_column(picture->results, nl_series_metric(&experiment))};
    bool there = s.metric.column >= 0 && nl_measure_column(&s.metric.measure);
    int sightings = 0, cells = there ? picture->results->cells : 0;
    *out = (struct nl_sketch){0};
    int status = there ? nl_series_of(&over, curves, &s.series, err) : NL_OK;
    if (!there)
        nl_curves_release(curves);
    if (status != NL_OK)
        cells = 0;
    for (int i = 0; i < cells; i++)
        sightings += s.series[i].count;
    if (sightings == 0 && status == NL_OK) {
        nl_text_add(&out->caption, "There is no curve of the %s to draw; runs that diverged are left out.",
                    s.metric.measure.name);
    } else if (status == NL_OK) {
        struct nl_page page = {.name = "curves", .about = "", .experiment = &experiment};
        nl_chart_make(&over, -1, -1, NL_ASSIGN_KIND, &page, &s.chart);
        see_all(&s);
        status = draw(&s, out, err);
        nl_chart_release(&s.chart);
        nl_page_release(&page);
    }
    nl_series_release(cells > 0 ? s.series : NULL, cells);
    free(epoch);
    return status;
}

void nl_sketch_release(struct nl_sketch *sketch)
{
    free(sketch->drawing);
    nl_text_release(&sketch->alt);
    nl_text_release(&sketch->caption);
    *sketch = (struct nl_sketch){0};
}
