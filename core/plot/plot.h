/* Pictures of a results folder: self-contained gnuplot scripts with their numbers inside, and what gnuplot makes of
 * them. */
#ifndef NL_PLOT_PLOT_H
#define NL_PLOT_PLOT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/memory.h"
#include "stats/results.h"

struct nl_plot_options {
    const char *home;       /* the results folder, where its tables stand elsewhere; NULL: it is FOLDER */
    const char *out;        /* the folder they are written to; NULL: FOLDER/plots */
    bool svg, png, pdf;     /* which files are rendered; PNG has plot.dpi dots an inch */
    struct nl_text *screen; /* what is drawn for a terminal, too (screen.h); NULL: nothing */
    int columns;            /* of the terminal */
    bool colour;            /* it shows colours */
    atomic_int *stop; /* NULL, or becomes non-zero: the drawing is given up, an error */
    bool without; /* where gnuplot is not installed, `report` says how the scripts are drawn elsewhere, and that is all;
                     else it is an error */
    struct nl_text *left_out; /* why pictures of plot.kind are not drawn, a line each; NULL: that goes into `report` */
    struct nl_text *report;   /* what was written or left out, a line each; NULL: not wanted */
};

/* Writes NAME.gp for every kind in plot.kind (auto: for curves, and for the kind that belongs to the question, to tasks
 * profiles, to sensitivity best_of_k), and as plot.caption wants it NAME.txt and NAME.tex; renders each by running
 * gnuplot. Anything that gnuplot says, or a picture that is missing or not whole, is an
 * error; the scripts are there then all the same. Without gnuplot and with no format wanted, only scripts are
 * written. planned as nl_results_load: a picture says what is missing. NL_BAD: a table does not match its checksum. */
int nl_plot(const char *folder, const struct nl_experiment *experiment, const struct nl_planned *planned,
            const struct nl_plot_options *options, struct nl_error *err);

#endif
