/* Running gnuplot on a script. */
#ifndef NL_PLOT_RENDER_H
#define NL_PLOT_RENDER_H

#include "base/error.h"
#include "base/memory.h"

/* Runs gnuplot on FOLDER/NAME.gp for one format. For "svg", "png", "pdf" the file FOLDER/NAME.FORMAT must be there afterwards,
 * new and not empty; for "txt" the drawing goes to `drawn`. Whatever gnuplot itself prints on stderr is an error. */
int nl_render(const char *folder, const char *name, const char *format, struct nl_text *drawn, struct nl_error *err);

#endif
