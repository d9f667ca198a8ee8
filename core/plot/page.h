/* A page: one gnuplot script in the making, with its terminals, its panels in a grid, title, legend, axis labels and
 * caption around them.
 *
 * Lengths are points (1/72 inch), which gnuplot gets as fractions of the page; so the layout is the same in every
 * format, and plot.width and plot.height are those of the file. What stands around the panels is placed by the width of
 * its text, estimated. No text of a user reaches a script but through nl_page_quote or nl_page_comment: gnuplot runs
 * shell commands that stand in backquotes. Terminals are `noenhanced`: _ and ^ are plain characters.
 */
#ifndef NL_PLOT_PAGE_H
#define NL_PLOT_PAGE_H

#include <stdbool.h>

#include "base/memory.h"
#include "config/config.h"

struct nl_style {
    unsigned colour; /* 0xRRGGBB */
    int marker;      /* gnuplot's point type */
    int dash;        /* gnuplot's dash type: 1 is solid */
};

bool nl_styles_are_alike(const struct nl_style *a, const struct nl_style *b);

struct nl_box {
    double left, right, bottom, top; /* from the page's left and bottom edge */
};

struct nl_page {
    struct nl_text script;
    struct nl_text caption; /* also written beside the picture: sentences, each with a blank before it but the first */
    char name[32];
    const char *about;
    bool screen; /* it is drawn on a terminal (screen.h) */
    int part; /* of signal: its measure (stats/inside.h) */
    const struct nl_experiment *experiment;
    double width, height;  /* height is 0 until nl_page_frame where plot.height is auto */
    double aspect;         /* width by height of a panel, where that is auto */
    double font, small;    /* sizes of axis labels, and of all other text */
    int panels, columns, rows;
    double title,
        strip; /* heights kept free above each panel: for its title, for its failed runs. Set before nl_page_frame */
    double ticks;          /* height kept free between rows: for the labels of x axes of their own */
    double bar;            /* width kept free at the right: for a scale of colours */
    double least_height;   /* where plot.height is auto: what stands along it must fit */
    struct nl_box area;    /* of all panels; after nl_page_frame */
    struct nl_page_entry *legend;
    int entries, styles; /* line styles: one for each entry of the legend, and those that none tells of */
};

/* The most panels that a page of the user's size has room for; many: of those that are looked over, not read one by
 * one. */
int nl_page_most_panels(const struct nl_config *config, bool many);
/* Opens a page, whose name, about and experiment are set, for `panels` panels. */
void nl_page_open(struct nl_page *page, int panels, double aspect);
void nl_page_release(struct nl_page *page);

/* "text", as gnuplot reads it back; a backquote, a backslash and a double quote by their numbers. (A single-quoted
 * string cannot begin with a quote: gnuplot takes ''''a' for two strings.) */
void nl_page_quote(struct nl_text *script, const char *text);
void nl_page_comment(struct nl_text *script, const char *about,
                     const char *text);                    /* "# about: text\n"; about "": "# text\n" */
void nl_page_number(struct nl_text *script, double value); /* " 1.25", or " NaN" */
void nl_page_row(struct nl_text *rows, const double *value, int count); /* so many numbers, a line */
/* The block of data $<name><panel>_<index>, from 1 on, with a comment that says what stands in it, and of what (label
 * NULL: is not said); index 0: $<name><panel>. The rows are released. false: there are none, and no block, since
 * gnuplot warns of empty ones. */
bool nl_page_block(struct nl_page *page, const char *name, int panel, int index, const char *about, const char *label,
                   struct nl_text *rows);
/* Another part of the `plot` command that the script ends with. */
void nl_page_plot(struct nl_text *script, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The width of a text, at least that of most fonts. */
double nl_text_width(const char *text, double size);
/* About the width and height of a panel, before nl_page_frame knows them. */
double nl_page_panel_width(const struct nl_page *page);
double nl_page_panel_height(const struct nl_page *page);

/* A line of text at a place of the page. how: "center", "left rotate by 90", ... */
void nl_page_label(struct nl_page *page, const char *text, double x, double y, double size, const char *how);
/* A line of text along the height of the page, its middle at x and, where it fits, y; smaller where it is longer than
 * the page. */
void nl_page_upright_label(struct nl_page *page, const char *text, double x, double y);

/* Another sentence of the caption. */
void nl_caption_add(struct nl_page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The page's next line style, whose number, from 1 on, is returned. */
int nl_page_style(struct nl_page *page, const struct nl_style *style);
/* Adds a style and its entry in the legend; line, mark: what is drawn there. */
void nl_page_legend(struct nl_page *page, const struct nl_style *style, const char *label, bool line, bool mark);
/* After the last entry. One alone goes to the caption; of too many every second, third, ... is kept, which the caption
 * says. */
void nl_page_end_legend(struct nl_page *page);

/* Lays the page out, puts terminals, title, legend, axis labels and caption, and begins the multiplot. After all
 * nl_page_legend calls; the caption is complete. x_label, y_label: what stands there where plot.xlabel and plot.ylabel
 * are auto; "": nothing. x_ticks: height of the labels of the x axis, x_overhang: how far they
 * reach past its right end; y_ticks: width of those of the y axis. NL_FAIL: the page has no room. */
int nl_page_frame(struct nl_page *page, const char *x_label, const char *y_label, double x_ticks, double x_overhang,
                  double y_ticks, struct nl_error *err);

/* The box of a panel, without title and strip, which are above it. */
struct nl_box nl_page_box(const struct nl_page *page, int panel);
bool nl_page_is_first(const struct nl_page *page, int panel);  /* of its row */
bool nl_page_is_lowest(const struct nl_page *page, int panel); /* of its column */
/* Margins of what is plotted next. */
void nl_page_margins(struct nl_page *page, const struct nl_box *box);
/* The title above a panel, in lines as wide as it. */
void nl_page_title(struct nl_page *page, int panel, const char *title);
/* Keeps as many lines free above each panel as this title takes, or more. */
void nl_page_reserve_title(struct nl_page *page, const char *title);
/* After the last `plot` of a panel. */
void nl_page_end_panel(struct nl_page *page);

#endif
