#include "plot/page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "config/value.h"
#include "norm/norm.h"
#include "plot/pictures.h"

static const double cm = 72.0 / 2.54;
static const double character = 0.56; /* mean width of a character, in font sizes: of DejaVu Sans, the widest that stands in for others */

/* A character, or a blank for one that a script or a picture should not hold. */
static void add_printing(struct nl_text *script, const char *at, size_t bytes)
{
    bool prints = nl_character_prints(at, bytes);
    nl_text_add_bytes(script, prints ? at : " ", prints ? bytes : 1);
}

void nl_page_quote(struct nl_text *script, const char *text)
{
    nl_text_add(script, "\"");
    for (size_t bytes; *text; text += bytes) {
        bytes = nl_character_bytes(text);
        if (strchr("\"\\`", *text))
            nl_text_add(script, "\\%03o", (unsigned char)*text);
        else
            add_printing(script, text, bytes);
    }
    nl_text_add(script, "\"");
}

void nl_page_comment(struct nl_text *script, const char *text)
{
    nl_text_add(script, "# ");
    for (size_t bytes; *text; text += bytes) { /* a backslash at the end would draw the next line into the comment */
        bytes = nl_character_bytes(text);
        add_printing(script, strchr("\\`", *text) ? " " : text, bytes);
    }
    nl_text_add(script, "\n");
}

void nl_page_number(struct nl_text *script, double value)
{
    char text[32];
    nl_text_add(script, " %s", isfinite(value) ? nl_double_text(value, text) : "NaN");
}

void nl_page_open(struct nl_page *page, const struct nl_experiment *experiment, const char *name, const char *about,
                  double width_cm, double height_cm)
{
    const struct nl_config *config = &experiment->config;
    *page = (struct nl_page){.name = name, .width = width_cm * cm, .height = height_cm * cm, .font = config->plot.font_size};
    struct nl_text *out = &page->script;
    nl_page_comment(out, about);
    nl_text_add(out, "# Draw it:  gnuplot -e \"format='png'\" %s.gp   (svg, png, pdf, or txt on the terminal; svg if not said)\n"
                     "# It needs nothing but this file: the numbers stand in the blocks below.\n"
                     "reset\n"
                     "set encoding utf8\n"
                     "if (!exists('format')) format = 'svg'\n"
                     "pt = format eq 'svg' ? 96.0 / 72.0 : 1.0 # svg sizes are pixels\n"
                     "up = format eq 'svg' ? 1.3 : 0.5         # and its lines are higher: labels move towards the axis\n", name);
    double pixels = 96.0 / 72.0, dots = 300.0 / 72.0; /* cairo's fonts are points at 96 dots an inch */
    nl_text_add(out, "if (format eq 'svg') { set terminal svg noenhanced size %.0f,%.0f background 'white' linewidth %.3g fontscale 1 font ",
                page->width * pixels, page->height * pixels, 0.75 * pixels);
    char *font = nl_format("%s,%.4g", config->plot.font, page->font * pixels);
    nl_page_quote(out, font);
    free(font);
    font = nl_format("%s,%.4g", config->plot.font, page->font);
    nl_text_add(out, " }\nif (format eq 'png') { set terminal pngcairo noenhanced size %.0f,%.0f fontscale %.4g linewidth %.4g pointscale %.4g font ",
                page->width * dots, page->height * dots, 300.0 / 96.0, 0.75 * dots, 0.85 * dots);
    nl_page_quote(out, font);
    nl_text_add(out, " }\nif (format eq 'pdf') { set terminal pdfcairo noenhanced size %.4gcm,%.4gcm fontscale 0.75 linewidth 0.9 font ",
                width_cm, height_cm);
    nl_page_quote(out, font);
    nl_text_add(out, " }\nif (format eq 'txt') { set terminal dumb noenhanced mono size 100,36 }\n"
                     "if (!exists('picture')) picture = format eq 'txt' ? '' : '%s.'.format # '': the standard output\n"
                     "if (picture ne '') { set output picture }\n\n", name);
    free(font);
}

void nl_page_release(struct nl_page *page)
{
    for (int i = 0; i < page->entries; i++)
        free(page->legend[i]);
    free(page->legend);
    nl_text_release(&page->script);
}

void nl_page_style(struct nl_page *page, int index, const struct nl_style *style)
{
    nl_text_add(&page->script, "set style line %d linecolor rgb '#%06x' linewidth 1.3 dashtype %d pointtype %d pointsize 0.5\n",
                index, style->colour, style->dash, style->marker);
}

void nl_page_legend(struct nl_page *page, int index, const char *with, const char *label)
{
    struct nl_text clause = {0};
    nl_text_add(&clause, "keyentry with %s linestyle %d title ", with, index);
    nl_page_quote(&clause, label);
    page->legend = nl_realloc(page->legend, (size_t)page->entries + 1, sizeof *page->legend);
    page->legend[page->entries++] = clause.at;
}

/* Breaks a caption into lines of at most `most` characters, with \n between them. */
static char *wrap(const char *text, int most, int *lines)
{
    struct nl_text out = {0};
    int used = 0;
    *lines = 1;
    while (*text) {
        size_t word = strcspn(text, " \n");
        char *copy = nl_alloc(word + 1, 1);
        memcpy(copy, text, word);
        int length = nl_characters(copy, strlen(copy));
        if (used > 0 && used + 1 + length > most) {
            nl_text_add(&out, "\n%s", copy);
            used = length;
            ++*lines;
        } else {
            nl_text_add(&out, "%s%s", used ? " " : "", copy);
            used += length + (used > 0);
        }
        free(copy);
        text += word + strspn(text + word, " \n");
    }
    nl_text_add(&out, "%s", "");
    return out.at;
}

static const char axes[] = "set border 3 linewidth 0.7\nset tics nomirror out scale 0.5\nset xtics nomirror offset 0,0.5*up\nset ytics nomirror\n";

void nl_page_frame(struct nl_page *page, const struct nl_experiment *experiment, const char *caption)
{
    struct nl_text *out = &page->script;
    double font = page->font, small = 0.85 * font, gap = 0.35 * font;
    const char *title = experiment->config.plot.title;

    double top = page->height - gap;
    if (*title) {
        top -= 1.4 * font;
        nl_text_add(out, "set label 901 ");
        nl_page_quote(out, title);
        nl_text_add(out, " at screen 0.5, screen %.4f center noenhanced\n", (top + 0.7 * font) / page->height);
    }
    int longest = 1;
    for (int i = 0; i < page->entries; i++) {
        const char *label = strstr(page->legend[i], " title ");
        int length = nl_characters(label, strlen(label)) - 9;
        longest = length > longest ? length : longest;
    }
    if (page->entries > 0) {
        double room = page->width - 2 * gap;
        int columns = (int)(room / (longest * character * font + 5.0 * font));
        columns = columns < 1 ? 1 : columns > page->entries ? page->entries : columns;
        int rows = (page->entries + columns - 1) / columns;
        columns = (page->entries + rows - 1) / rows; /* even rows */
        nl_text_add(out, "set key at screen 0.5, screen %.4f center top horizontal maxcols %d samplen 2.6 width 1 spacing (format eq 'svg' ? 0.68 : 1.0) noenhanced Left reverse\n",
                    top / page->height, columns);
        top -= rows * 1.25 * font + gap;
    }
    page->top = top - 0.5 * font;

    double bottom = gap;
    if (*caption) {
        int lines;
        char *text = wrap(caption, (int)((page->width - 2 * gap) / (character * 0.97 * small)), &lines);
        int line = 0;
        nl_text_add(out, "# caption\n");
        for (char *at = strtok(text, "\n"); at; at = strtok(NULL, "\n"), line++) {
            nl_text_add(out, "set label %d ", 902 + line);
            nl_page_quote(out, at);
            nl_text_add(out, " at screen %.4f, screen %.4f left noenhanced font sprintf(',%%.3g', %.3g * pt)\n", gap / page->width,
                        (gap + (lines - line - 0.5) * 1.2 * small) / page->height, small);
        }
        bottom += lines * 1.2 * small + gap;
        free(text);
    }
    page->bottom = bottom + 3.1 * font; /* ticks and axis label */
    page->left = 5.6 * font;
    page->right = page->width - 1.2 * font;
    nl_text_add(out, "%s", axes);
}

void nl_page_panel(struct nl_page *page, double x0, double x1, double y0, double y1)
{
    double width = page->right - page->left, height = page->top - page->bottom;
    nl_text_add(&page->script,
                "set lmargin at screen %.4f\nset rmargin at screen %.4f\nset bmargin at screen %.4f\nset tmargin at screen %.4f\n",
                (page->left + x0 * width) / page->width, (page->left + x1 * width) / page->width,
                (page->bottom + y0 * height) / page->height, (page->bottom + y1 * height) / page->height);
}

void nl_page_begin_panels(struct nl_page *page)
{
    nl_text_add(&page->script, "set multiplot\n# legend, title and caption\n"
                               "set lmargin at screen 0\nset rmargin at screen 1\nset bmargin at screen 0\nset tmargin at screen 1\n"
                               "unset border; unset tics\nplot [1:2][1:2] NaN notitle");
    for (int i = 0; i < page->entries; i++)
        nl_text_add(&page->script, ", \\\n     %s", page->legend[i]);
    nl_text_add(&page->script, "\nunset key; unset label\n%s\n", axes);
}

/* Okabe and Ito's palette, which colour-blind readers can tell apart, without its yellow (invisible on white); markers
 * differ too, for print without colour. */
static const struct {
    const char *norm;
    struct nl_style style;
} styles[] = {
    {"bn", {0xD55E00, 7, 1}}, {"ln", {0x0072B2, 5, 1}},  {"gn", {0x009E73, 9, 1}},  {"none", {0x000000, 6, 1}},
    {"in", {0x56B4E9, 13, 1}}, {"rms", {0xCC79A7, 11, 1}}, {"", {0xE69F00, 4, 1}},
};
enum { STYLES = sizeof styles / sizeof *styles };

struct nl_style nl_norm_style(int norm)
{
    for (int i = 0; i < STYLES - 1; i++)
        if (strcmp(styles[i].norm, nl_norms[norm]->name) == 0)
            return styles[i].style;
    return styles[STYLES - 1].style;
}

struct nl_style nl_turn_style(int index)
{
    struct nl_style style = styles[index % STYLES].style;
    style.dash = 1 + index / STYLES % 5;
    return style;
}

struct nl_style nl_method_style(const struct nl_comparison *view, int method)
{
    bool varies = false;
    int before = 0;
    for (int i = 0; i < view->methods; i++) {
        varies = varies || view->method[i].norm != view->method[0].norm;
        before += i < method && view->method[i].norm == view->method[method].norm;
    }
    if (!varies && view->methods > 1)
        return nl_turn_style(method);
    struct nl_style style = nl_norm_style(view->method[method].norm);
    style.dash = 1 + before % 5;
    return style;
}

void nl_page_add_interval(struct nl_text *out, const struct nl_picture *picture, const struct nl_metric_column *metric, const char *drawn)
{
    const struct nl_results *results = picture->results;
    const struct nl_config *config = &picture->experiment->config;
    struct nl_runs runs = nl_results_runs(results);
    if (results->missing > 0)
        nl_text_add(out, "INCOMPLETE: trials missing: %d of %d. ", results->missing, results->planned);
    if (results->seeds < 2) {
        nl_text_add(out, "One seed: no interval");
    } else {
        nl_text_add(out, runs.least < runs.most ? "Mean of %d to %d seeds" : "Mean of %d seeds", runs.least, runs.most);
        if (drawn)
            nl_text_add(out, " with its %g %% CI (%s; %s%s)", 100.0 * config->plot.level, drawn,
                        config->plot.interval == NL_INTERVAL_BOOTSTRAP
                            ? (results->seeds < NL_BOOTSTRAP_SEEDS ? "percentile bootstrap, which covers less of so few seeds" : "percentile bootstrap")
                        : metric->measure.share ? "t of logits" : "t",
                        config->plot.interval == NL_INTERVAL_T && metric->sampling.overlap > 0.0 ? ", corrected for splits that overlap" : "");
    }
    nl_text_add(out, ".");
}

void nl_page_add_diverged(struct nl_text *out, const struct nl_picture *picture, const struct nl_metric_column *metric)
{
    if (nl_results_runs(picture->results).diverged > 0)
        nl_text_add(out, metric->measure.share ? " A diverged run counts at chance." : " A diverged run is in no mean.");
}

/* "set xrange [0:15]": the user's ends (key plot.<axis>min, plot.<axis>max) where they are not auto. */
static int put_range(struct nl_page *page, char axis, const char *const user[2], const char *low, const char *high, struct nl_error *err)
{
    const char *ends[2] = {low, high};
    double number;
    for (int i = 0; i < 2; i++) {
        if (strcmp(user[i], "auto") == 0)
            continue;
        ends[i] = user[i];
        if (!nl_number_read(ends[i], &number))
            return nl_fail(err, "plot.%c%s is '%s': a number is expected, or auto", axis, i ? "max" : "min", ends[i]);
    }
    nl_text_add(&page->script, "set %crange [%s:%s]\n", axis, ends[0], ends[1]);
    return NL_OK;
}

int nl_page_xrange(struct nl_page *page, const struct nl_experiment *experiment, const char *low, const char *high, struct nl_error *err)
{
    return put_range(page, 'x', (const char *[]){experiment->config.plot.xmin, experiment->config.plot.xmax}, low, high, err);
}

int nl_page_yrange(struct nl_page *page, const struct nl_experiment *experiment, const char *low, const char *high, struct nl_error *err)
{
    return put_range(page, 'y', (const char *[]){experiment->config.plot.ymin, experiment->config.plot.ymax}, low, high, err);
}

void nl_span_add(struct nl_span *span, double value)
{
    if (!isfinite(value))
        return;
    span->low = span->any ? fmin(span->low, value) : value;
    span->high = span->any ? fmax(span->high, value) : value;
    span->any = true;
}

const char *nl_span_top(const struct nl_span *span, const struct nl_measure *measure)
{
    if (!span->any)
        return "1";
    return measure->scale == 100.0 && span->high > 50.0 ? "105" : "*";
}

static bool is_logarithmic(const struct nl_span *span)
{
    return span->any && span->low > 0.0 && span->high / span->low >= 12.0;
}

void nl_page_yscale(struct nl_page *page, const struct nl_span *span)
{
    page->log_y = is_logarithmic(span);
    if (page->log_y)
        nl_text_add(&page->script, "# Intervals that reach 0 or below end at the floor of the logarithmic axis.\nset logscale y\nfloor = %.4g\n",
                    0.8 * span->low);
    else
        nl_text_add(&page->script, "floor = -1e300 # the axis is linear: nothing is cut\n");
}

void nl_page_yticks(struct nl_page *page, const struct nl_span *span)
{
    if (!is_logarithmic(span) || floor(log10(span->high)) > ceil(log10(span->low))) {
        nl_text_add(&page->script, "set ytics autofreq\n");
        return;
    }
    const char *before = "set ytics (";
    for (double power = pow(10, floor(log10(span->low))); power <= span->high; power *= 10)
        for (int i = 0; i < 3; i++, before = ", ")
            nl_text_add(&page->script, "%s%g", before, power * (const double[]){1, 2, 5}[i]);
    nl_text_add(&page->script, ")\n");
}

void nl_page_axis_label(struct nl_text *script, const char *axis, const char *name, const char *unit)
{
    char *label = *unit ? nl_format("%s (%s)", name, unit) : nl_strdup(name);
    nl_text_add(script, "set %slabel ", axis);
    nl_page_quote(script, label);
    nl_text_add(script, " offset %s\n", strcmp(axis, "y") == 0 ? "0.3,0" : "0,up");
    free(label);
}
