/* A picture on a terminal: the SVG that gnuplot makes of a page, in cells. Lines are braille dots in the colours of the
 * methods, points are signs, fills are backgrounds, and text is text. Without colours a line is made of a character of
 * its own, which the legend shows, and fills are shades. */
#ifndef NL_PLOT_SCREEN_H
#define NL_PLOT_SCREEN_H

#include <stdbool.h>

#include "base/memory.h"

enum { NL_LEAST_COLUMNS = 40, NL_MOST_COLUMNS = 200 };

/* A cell in points of the page. The page of a screen is laid out for it: no line of text is lower than a cell, and few
 * characters are wider. */
static const double nl_cell_width = 4.0, nl_cell_height = 6.6;

/* Adds the picture in lines of at most so many columns; what stands upright is across, above it. */
void nl_screen_draw(const char *svg, int columns, bool colour, struct nl_text *out);

#endif
