/* Running gnuplot on a script. */
#ifndef NL_PLOT_RENDER_H
#define NL_PLOT_RENDER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/memory.h"

/* Runs gnuplot on FOLDER/NAME.gp for one format: "svg", "png" or "pdf". A picture comes through a pipe and is checked;
 * only a whole one is written, as nl_file_write does, to FOLDER/NAME.FORMAT: what has that name stays where anything
 * fails. own, unless it is NULL, is a script that is drawn in place of the file's: its picture is added to `drawn`, and
 * nothing is written.
 *
 * It is an error what gnuplot prints on stderr, and if it takes more than `seconds` or prints without an end: it is
 * killed then, and what it started, too. So it is where *stop (NULL: never) becomes non-zero. The program is the one of
 * PATH, whose relative folders do not count: it runs in FOLDER, which may be somebody else's. Call it from the main
 * thread: gnuplot is killed when the thread that started it ends. */
int nl_render(const char *folder, const char *name, const char *format, double seconds, atomic_int *stop,
              const struct nl_text *own, struct nl_text *drawn, struct nl_error *err);

/* Whether there is no gnuplot in PATH at all. */
bool nl_gnuplot_is_missing(void);

/* The family of the font that is drawn where this one is asked for, by fc-match. NULL: there is no fc-match, and
 * nothing is known. New string. */
char *nl_font_drawn(const char *font);

#endif
