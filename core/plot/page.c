/* Lays a page out: margins, panels in rows and columns, legend and caption, with gnuplot's terminals. */
#include "plot/page.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/wrap.h"
#include "config/value.h"
#include "plot/screen.h"

static const double cm = 72.0 / 2.54;
static const double small = 0.88;         /* of the font size: all but axis labels */
static const double line_height = 1.16;   /* of the size of a text */
static const double edge = 0.15;          /* of the font size: free at the edges of the page */
static const double narrow_panel = 4.4;   /* cm, where the height is free */
static const double small_panel = 3.4;    /* where there are more than MOST_PANELS */
static const double highest = 24.0;       /* cm: a page, where the height is free */
static const double least_panel = 14.0;   /* points: less shows nothing */

enum { MOST_PANELS = 16 }; /* but for small ones */

struct nl_page_entry {
    char *label;
    int style, dash;
    bool line, mark;
};

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

void nl_page_comment(struct nl_text *script, const char *about, const char *text)
{
    nl_text_add(script, "# %s%s", about, *about ? ": " : "");
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

void nl_page_row(struct nl_text *rows, const double *value, int count)
{
    for (int i = 0; i < count; i++)
        nl_page_number(rows, value[i]);
    nl_text_add(rows, "\n");
}

bool nl_page_block(struct nl_page *page, const char *name, int panel, int index, const char *about, const char *label,
                   struct nl_text *rows)
{
    bool any = rows->length > 0;
    if (any) {
        nl_page_comment(&page->script, label ? about : "", label ? label : about);
        nl_text_add(&page->script, index ? "$%s%d_%d" : "$%s%d", name, panel, index);
        nl_text_add(&page->script, " << EOD\n%sEOD\n", rows->at);
    }
    nl_text_release(rows);
    return any;
}

void nl_page_plot(struct nl_text *script, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    nl_text_add(script, ", \\\n     ");
    nl_text_vadd(script, format, args);
    nl_text_add(script, " notitle");
    va_end(args);
}

/* Widths as in DejaVu Sans, the widest of the fonts that stand in for others. */
double nl_text_width(const char *text, double size)
{
    double width = 0;
    for (; *text; text++)
        if (((unsigned char)*text & 0xC0) != 0x80)
            width += strchr("iljI.,:;'|! ", *text) ? 0.32
                     : strchr("frt()[]/-", *text)  ? 0.40
                     : strchr("mwMW%@", *text)     ? 0.92
                                                   : 0.64;
    return width * size;
}

static int rows_of(int panels, int columns)
{
    return (panels + columns - 1) / columns;
}

/* Panels of a good shape, with few places empty. */
static int choose_columns(const struct nl_page *page)
{
    int best = 1;
    double least = INFINITY;
    for (int columns = 1; columns <= page->panels; columns++) {
        int rows = rows_of(page->panels, columns);
        bool many = page->panels > MOST_PANELS;
        double width = page->width / columns, wanted = page->height > 0 ? page->aspect * page->height / rows
                                                                        : (many ? small_panel : narrow_panel) * cm;
        double cost = fabs(log(width / wanted)) + 3.0 * (columns * rows - page->panels) / page->panels;
        if (many &&
            page->height ==
                0.0) /* title and failed runs above a panel take about as much as its height lacks to its width */
            cost += fmax(0.0, log(rows * width / (highest * cm)));
        if (cost < least) {
            least = cost;
            best = columns;
        }
    }
    return best;
}

int nl_page_most_panels(const struct nl_config *config, bool many)
{
    double font = config->plot.font_size, width = (config->plot.width != NL_AUTO ? config->plot.width : 17.8) * cm;
    double columns = fmax(1.0, floor((width - 4.5 * font) / (6.2 * font)));
    double rows = config->plot.height != NL_AUTO
                      ? fmax(1.0, floor((config->plot.height * cm - 6.0 * font) / (6.5 * font)))
                  : many ? 12.0
                         : 4.0;
    return (int)fmin(many ? 60.0 : MOST_PANELS, columns * rows);
}

void nl_page_open(struct nl_page *page, int panels, double aspect)
{
    const struct nl_config *config = &page->experiment->config;
    page->panels = panels;
    page->aspect = aspect;
    page->font = config->plot.font_size;
    page->small = small * page->font;
    page->least_height = 3.5 * cm;
    page->width = cm * (config->plot.width != NL_AUTO ? config->plot.width : panels > 1 ? 17.8 : 8.6);
    page->height = config->plot.height != NL_AUTO ? cm * config->plot.height : 0.0;
    page->columns = choose_columns(page);
    page->rows = rows_of(panels, page->columns);
}

void nl_page_release(struct nl_page *page)
{
    for (int i = 0; i < page->entries; i++)
        free(page->legend[i].label);
    free(page->legend);
    nl_text_release(&page->script);
    nl_text_release(&page->caption);
}

static void put_terminals(const struct nl_page *page, struct nl_text *out)
{
    const struct nl_config *config = &page->experiment->config;
    const char *name = page->name;
    double scale = page->font / 8.0; /* lines and points grow with the font: on a slide, too */
    double pixels = 96.0 / 72.0, dots = (double)config->plot.dpi / 72.0;
    nl_page_comment(out, "", page->about);
    nl_text_add(out,
                "# Draw it:  gnuplot -e \"format='png'\" %s.gp   (svg, png or pdf; svg if not said)\n"
                "# It needs nothing but this file: the numbers stand in the blocks below.\n"
                "reset\n"
                "set encoding utf8\n"
                "if (!exists('format')) format = 'svg'\n"
                "pt = format eq 'svg' ? 96.0 / 72.0 : 1.0 # svg sizes are pixels\n"
                "up = format eq 'svg' ? 1.5 : 1.2         # and its lines are higher: labels move towards the axis\n"
                "ticks = sprintf(',%%.3g', %.3g * pt)\n",
                name, page->small);
    struct nl_text svg = {0}, font = {0}; /* cairo's fonts are points at 96 dots an inch */
    char *family[] = {nl_format("%s,%.4g", config->plot.font, page->font * pixels),
                      nl_format("%s,%.4g", config->plot.font, page->font)};
    nl_page_quote(&svg, family[0]);
    nl_page_quote(&font, family[1]);
    nl_text_add(out,
                "if (format eq 'svg') { set terminal svg noenhanced size %.0f,%.0f background 'white' linewidth %.3g "
                "fontscale 1 font %s }\n"
                "if (format eq 'png') { set terminal pngcairo noenhanced size %.0f,%.0f fontscale %.4g linewidth %.4g "
                "pointscale %.4g font %s }\n"
                "if (format eq 'pdf') { set terminal pdfcairo noenhanced size %.4gcm,%.4gcm fontscale 0.75 linewidth "
                "%.4g pointscale %.4g font %s }\n"
                "if (!exists('picture')) picture = '%s.'.format # '': the standard output\n"
                "if (picture ne '') { set output picture }\n\n",
                page->width * pixels, page->height * pixels, 0.75 * pixels * scale, svg.at, page->width * dots,
                page->height * dots, (double)config->plot.dpi / 96.0, 0.75 * dots * scale, 0.85 * dots * scale, font.at,
                page->width / cm, page->height / cm, 1.5 * scale, 0.68 * scale, font.at, name);
    nl_text_release(&svg);
    nl_text_release(&font);
    free(family[0]);
    free(family[1]);
}

void nl_caption_add(struct nl_page *page, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    nl_text_add(&page->caption, "%s", page->caption.length ? " " : "");
    nl_text_vadd(&page->caption, format, args);
    va_end(args);
}

bool nl_styles_are_alike(const struct nl_style *a, const struct nl_style *b)
{
    return a->colour == b->colour && a->marker == b->marker && a->dash == b->dash;
}

int nl_page_style(struct nl_page *page, const struct nl_style *style)
{
    nl_text_add(&page->script, "set style line %d linecolor rgb '#%06x' linewidth 1.3 pointtype %d pointsize 0.55\n",
                ++page->styles, style->colour, style->marker);
    return page->styles;
}

void nl_page_legend(struct nl_page *page, const struct nl_style *style, const char *label, bool line, bool mark)
{
    page->legend = nl_realloc(page->legend, (size_t)page->entries + 1, sizeof *page->legend);
    page->legend[page->entries++] =
        (struct nl_page_entry){nl_strdup(label), nl_page_style(page, style), style->dash, line, mark};
}

static int characters_in(double width, double size)
{
    return (int)fmax(8.0, width / (0.57 * size));
}

static const double sample = 2.4, entry_gap = 1.6; /* of a legend's entry, in sizes of its text */

/* The room between a legend's sample and its text, likewise; on a screen a cell at least. */
static double sample_gap(const struct nl_page *page)
{
    return page->screen ? 1.1 : 0.5;
}

/* Names that are wider than the page are cut, and numbered: the caption has the whole of them. */
static void shorten_names(struct nl_page *page)
{
    double room = page->width - 2 * edge * page->font - (sample + sample_gap(page)) * page->small;
    for (int i = 0, number = 0; i < page->entries; i++) {
        char *name = page->legend[i].label;
        if (nl_text_width(name, page->small) <= room)
            continue;
        size_t bytes = 0;
        for (int left = characters_in(room, page->small) - (int)strlen("(16) ..."); left > 0 && name[bytes]; left--)
            bytes += nl_character_bytes(name + bytes);
        nl_caption_add(page, "(%d) is %s.", ++number, name);
        page->legend[i].label = nl_format("(%d) %.*s...", number, (int)bytes, name);
        free(name);
    }
}

void nl_page_end_legend(struct nl_page *page)
{
    enum { MOST = 16 };
    int every = rows_of(page->entries, MOST), kept = 0;
    bool single = page->entries == 1;
    if (single && *page->legend->label)
        nl_caption_add(page, "%s.", page->legend->label);
    else if (every > 1)
        nl_caption_add(page, "The legend names one of %d of its %d entries.", every, page->entries);
    for (int i = 0; i < page->entries; i++)
        if (i % every == 0 && !single)
            page->legend[kept++] = page->legend[i];
        else
            free(page->legend[i].label);
    page->entries = kept;
    shorten_names(page);
}

void nl_page_label(struct nl_page *page, const char *text, double x, double y, double size, const char *how)
{
    nl_text_add(&page->script, "set label ");
    nl_page_quote(&page->script, text);
    nl_text_add(&page->script, " at screen %.4f, screen %.4f %s noenhanced font sprintf(',%%.3g', %.3g * pt)\n",
                x / page->width, y / page->height, how, size);
}

void nl_page_upright_label(struct nl_page *page, const char *text, double x, double y)
{
    double length = nl_text_width(text, page->font), size = page->font * fmin(1.0, page->height / length);
    length = fmin(length, page->height);
    nl_page_label(page, text, x, fmin(fmax(y, length / 2), page->height - length / 2), size, "center rotate by 90");
}

/* The text in lines that are at most about `width` wide, each with its \n; how many. */
static int break_lines(const char *text, double width, double size, struct nl_text *lines)
{
    int count = 0;
    nl_text_add_wrapped(lines, text, nl_text_width(text, size) <= width ? 0 : characters_in(width, size), 0);
    for (const char *at = lines->at; (at = strchr(at, '\n')); at++)
        count++;
    return count;
}

static int count_lines(const char *text, double width, double size)
{
    struct nl_text lines = {0};
    int count = break_lines(text, width, size, &lines);
    nl_text_release(&lines);
    return count;
}

/* The lowest line at `y`. */
static void put_lines(struct nl_page *page, const char *text, double width, double x, double y, double size,
                      const char *how)
{
    struct nl_text lines = {0};
    int count = break_lines(text, width, size, &lines);
    char *rest = lines.at;
    for (int line = 0; line < count; line++)
        nl_page_label(page, strsep(&rest, "\n"), x, y + (count - line - 0.5) * line_height * size, size, how);
    nl_text_release(&lines);
}

static double entry_width(const struct nl_page *page, int entry)
{
    return (sample + sample_gap(page) + entry_gap) * page->small +
           nl_text_width(page->legend[entry].label, page->small);
}

/* Sets the widths of so many columns of entries, row by row; their sum. */
static double column_widths(const struct nl_page *page, int columns, double *widths)
{
    double sum = -entry_gap * page->small;
    for (int i = 0; i < columns; i++)
        widths[i] = 0;
    for (int i = 0; i < page->entries; i++)
        widths[i % columns] = fmax(widths[i % columns], entry_width(page, i));
    for (int i = 0; i < columns; i++)
        sum += widths[i];
    return sum;
}

/* As many columns as fit, in rows of even length. */
static int legend_columns(const struct nl_page *page, double room, double *widths)
{
    int columns = page->entries;
    while (columns > 1 && column_widths(page, columns, widths) > room)
        columns--;
    return rows_of(page->entries, rows_of(page->entries, columns));
}

static void put_entry(struct nl_page *page, const struct nl_page_entry *entry, double x, double y)
{
    double end = x + sample * page->small;
    if (entry->line)
        nl_text_add(
            &page->script,
            "set arrow from screen %.4f, screen %.4f to screen %.4f, screen %.4f nohead linestyle %d dashtype %d\n",
            x / page->width, y / page->height, end / page->width, y / page->height, entry->style, entry->dash);
    if (entry->mark)
        nl_text_add(&page->script, "set label '' at screen %.4f, screen %.4f point linestyle %d\n",
                    (x + end) / 2 / page->width, y / page->height, entry->style);
    nl_page_label(page, entry->label, end + sample_gap(page) * page->small, y, page->small, "left");
}

/* The legend in a box of which it fills the whole width, from `top` down. */
static void put_legend(struct nl_page *page, double left, double top, int columns, const double *widths)
{
    nl_text_add(&page->script, "# legend\n");
    for (int i = 0; i < page->entries; i++) {
        double x = left;
        for (int column = 0; column < i % columns; column++)
            x += widths[column];
        put_entry(page, &page->legend[i], x, top - (i / columns + 0.5) * line_height * page->small);
    }
}

static bool caption_inside(const struct nl_page *page)
{
    int where = page->experiment->config.plot.caption;
    return page->caption.length > 0 && (where == NL_CAPTION_PICTURE || where == NL_CAPTION_BOTH);
}

/* What stands around the panels: lengths from the edges of the page. */
struct frame {
    int place, columns; /* of the legend */
    double *widths, width, height; /* of the legend */
    double caption, below; /* heights of the caption, and of the x axis with it */
    struct nl_box margin;
};

static struct frame measure_frame(const struct nl_page *page, double x_ticks, double x_overhang, double y_ticks,
                                  bool x_label, bool y_label)
{
    const struct nl_config *config = &page->experiment->config;
    double gap = edge * page->font;
    struct frame frame = {.place = page->entries > 0 ? config->plot.legend : NL_LEGEND_NONE};
    frame.margin = (struct nl_box){.left = gap + (y_label ? 1.1 * page->font : 0.0) + y_ticks + 1.0 * page->small,
                                   .right = fmax(0.75 * page->font, x_overhang + gap) + page->bar,
                                   .top = gap + (page->title + page->strip > 0 ? 0.0 : 0.15 * page->small)};
    frame.widths = nl_alloc((size_t)page->entries + 1, sizeof *frame.widths);
    if (frame.place == NL_LEGEND_RIGHT)
        frame.columns = 1;
    else if (frame.place != NL_LEGEND_NONE)
        frame.columns = legend_columns(page, page->width - 2 * gap, frame.widths);
    if (frame.columns > 0) {
        frame.width = column_widths(page, frame.columns, frame.widths);
        frame.height = rows_of(page->entries, frame.columns) * line_height * page->small;
    }
    if (*config->plot.title)
        frame.margin.top += line_height * page->font;
    if (frame.place == NL_LEGEND_ABOVE)
        frame.margin.top += frame.height + 0.1 * page->font;
    if (frame.place == NL_LEGEND_RIGHT)
        frame.margin.right += frame.width + 0.75 * page->font;
    if (caption_inside(page))
        frame.caption =
            count_lines(page->caption.at, page->width - 2 * gap, page->small) * line_height * page->small + gap;
    frame.below = 0.45 * page->small + x_ticks + (x_label ? 1.1 * page->font : 0.0) + gap;
    frame.margin.bottom = frame.caption + frame.below + (frame.place == NL_LEGEND_BELOW ? frame.height + gap : 0.0);
    return frame;
}

static double gap_x(const struct nl_page *page)
{
    return 1.5 * page->font;
}

static double gap_y(const struct nl_page *page)
{
    return 0.9 * page->small + page->ticks;
}

double nl_page_panel_width(const struct nl_page *page)
{
    return (page->width - page->bar - 4.5 * page->font - (page->columns - 1) * gap_x(page)) / page->columns;
}

double nl_page_panel_height(const struct nl_page *page)
{
    if (page->height == 0.0)
        return nl_page_panel_width(page) / page->aspect;
    return (page->height - 5.0 * page->font - (page->rows - 1) * gap_y(page)) / page->rows - page->title - page->strip;
}

static void put_frame(struct nl_page *page, const struct frame *frame, const char *x_label, const char *y_label)
{
    const char *title = page->experiment->config.plot.title;
    double gap = edge * page->font, top = page->height - gap, middle = (page->area.left + page->area.right) / 2;
    nl_text_add(&page->script, "set border 3 linewidth 0.7\nset tics nomirror out scale 0.5\nunset key\n");
    if (*title) {
        nl_page_label(page, title, page->width / 2, top - 0.5 * line_height * page->font, page->font, "center");
        top -= line_height * page->font;
    }
    if (frame->place == NL_LEGEND_ABOVE)
        put_legend(page, fmax(gap, fmin(middle - frame->width / 2, page->width - gap - frame->width)), top,
                   frame->columns, frame->widths);
    else if (frame->place == NL_LEGEND_RIGHT)
        put_legend(page, page->width - frame->width - gap, page->area.top - page->title - page->strip, 1,
                   frame->widths);
    else if (frame->place == NL_LEGEND_BELOW)
        put_legend(page, fmax(gap, middle - frame->width / 2), frame->caption + gap + frame->height, frame->columns,
                   frame->widths);
    nl_text_add(&page->script, "# axis labels\n");
    if (*x_label) {
        double room = 2 * (fmin(middle, page->width - middle) - gap), length = nl_text_width(x_label, page->font);
        nl_page_label(page, x_label, middle, page->area.bottom - frame->below + gap + 0.6 * page->font,
                      page->font * fmin(1.0, room / length), "center");
    }
    if (*y_label)
        nl_page_upright_label(page, y_label, gap + 0.5 * page->font,
                              (page->area.bottom + page->area.top - page->title - page->strip) / 2);
    if (caption_inside(page)) {
        nl_text_add(&page->script, "# caption\n");
        put_lines(page, page->caption.at, page->width - 2 * gap, gap, gap, page->small, "left");
    }
}

/* Where the height is free. A screen shows a row of panels as a whole. */
static double most_height(const struct nl_page *page)
{
    return !page->screen ? highest * cm : nl_cell_height * (page->rows == 1 ? 28 : 8 + 16 * page->rows);
}

/* The user's words for an axis, or else the picture's. */
static const char *title_of(const char *asked, const char *own)
{
    return strcmp(asked, "auto") == 0 ? own : asked;
}

int nl_page_frame(struct nl_page *page, const char *x_label, const char *y_label, double x_ticks, double x_overhang,
                  double y_ticks, struct nl_error *err)
{
    x_label = title_of(page->experiment->config.plot.xlabel, x_label);
    y_label = title_of(page->experiment->config.plot.ylabel, y_label);
    if (page->strip > 0 && page->rows > 1) /* its word stands beside the label of the y axis */
        y_ticks = fmax(y_ticks, nl_text_width("failed", 0.75 * page->small));
    struct frame frame = measure_frame(page, x_ticks, x_overhang, y_ticks, *x_label, *y_label);
    double above = page->title + page->strip, width = page->width - frame.margin.left - frame.margin.right;
    width = (width - (page->columns - 1) * gap_x(page)) / page->columns;
    double around = frame.margin.top + frame.margin.bottom + page->rows * above + (page->rows - 1) * gap_y(page);
    if (page->height == 0.0)
        page->height = fmin(most_height(page), fmax(fmax(page->least_height, nl_text_width(y_label, page->font)),
                                                    around + page->rows * width / page->aspect));
    double height = (page->height - around) / page->rows;
    page->area = (struct nl_box){frame.margin.left, page->width - frame.margin.right, frame.margin.bottom,
                                 page->height - frame.margin.top};
    int status =
        width < least_panel || height < least_panel
            ? nl_fail(err,
                      "%s has no room for its panels on %.3g x %.3g cm, %.3g x %.3g cm each: a larger plot.width or "
                      "plot.height, a smaller plot.font_size, or plot.legend = none",
                      page->name, page->width / cm, page->height / cm, fmax(0.0, width / cm), fmax(0.0, height / cm))
            : NL_OK;
    if (status == NL_OK) {
        struct nl_text whole = {0};
        put_terminals(page, &whole);
        nl_text_add_bytes(&whole, page->script.at, page->script.length);
        nl_text_release(&page->script);
        page->script = whole;
        put_frame(page, &frame, x_label, y_label);
        nl_text_add(&page->script, "\nset multiplot\n");
    }
    free(frame.widths);
    return status;
}

struct nl_box nl_page_box(const struct nl_page *page, int panel)
{
    int column = panel % page->columns, row = panel / page->columns;
    double width = (page->area.right - page->area.left - (page->columns - 1) * gap_x(page)) / page->columns;
    double height = (page->area.top - page->area.bottom - (page->rows - 1) * gap_y(page)) / page->rows;
    double left = page->area.left + column * (width + gap_x(page)), top = page->area.top - row * (height + gap_y(page));
    return (struct nl_box){left, left + width, top - height, top - page->title - page->strip};
}

bool nl_page_is_first(const struct nl_page *page, int panel)
{
    return panel % page->columns == 0;
}

bool nl_page_is_lowest(const struct nl_page *page, int panel)
{
    return panel + page->columns >= page->panels;
}

void nl_page_margins(struct nl_page *page, const struct nl_box *box)
{
    nl_text_add(&page->script,
                "set lmargin at screen %.4f; set rmargin at screen %.4f; set bmargin at screen %.4f; set tmargin at "
                "screen %.4f\n",
                box->left / page->width, box->right / page->width, box->bottom / page->height, box->top / page->height);
}

/* A title that breaks at its commas: what stands between two of them has no-break spaces if it fits on a line. New
 * string. */
static char *broken_at_commas(const struct nl_page *page, const char *title)
{
    int most = characters_in(nl_page_panel_width(page), page->small);
    struct nl_text out = {0};
    for (const char *part = title; *part;) {
        size_t length = strcspn(part, ",");
        bool fits = nl_characters(part, length) < most;
        for (const char *end = part + length; part < end; part++)
            nl_text_add(&out, fits && *part == ' ' ? "\u00a0" : "%c", *part);
        length = strspn(part, ", ");
        nl_text_add_bytes(&out, part, length);
        part += length;
    }
    return out.at ? out.at : nl_strdup("");
}

void nl_page_reserve_title(struct nl_page *page, const char *title)
{
    char *broken = broken_at_commas(page, title);
    int lines = *title ? count_lines(broken, nl_page_panel_width(page), page->small) : 0;
    free(broken);
    page->title = fmax(page->title, lines > 0 ? (lines * line_height + 0.3) * page->small : 0.0);
}

void nl_page_title(struct nl_page *page, int panel, const char *title)
{
    char *about = nl_format("panel %d", panel + 1);
    nl_page_comment(&page->script, about, title);
    free(about);
    struct nl_box box = nl_page_box(page, panel);
    char *broken = broken_at_commas(page, title);
    if (*title)
        put_lines(page, broken, nl_page_panel_width(page), (box.left + box.right) / 2,
                  box.top + page->strip + 0.3 * page->small, page->small, "center");
    free(broken);
}

void nl_page_end_panel(struct nl_page *page)
{
    nl_text_add(&page->script, "unset label; unset arrow; unset object\n\n");
}
