/* A report: what results folders say, as a page (index.html), report.md and report.tex, with their figures. */
#ifndef NL_REPORT_REPORT_H
#define NL_REPORT_REPORT_H

#include <stdatomic.h>

#include "claims/outcome.h"
#include "report/document.h"
#include "sweep/grid.h"
#include "sweep/provenance.h"
#include "sweep/record.h"

/* A results folder to report on. All is the caller's. */
struct nl_report_source {
    const char *folder; /* as the user called it */
    const char *tables; /* the folder with its tables */
    const struct nl_experiment *experiment;
    const struct nl_grid *grid;       /* of the experiment */
    const struct nl_planned *planned; /* of the grid */
    const struct nl_provenance *made;
    const char *again;                   /* a command that makes the results anew, in another folder */
    const struct nl_report_source *same; /* the round with the same values for all, folder/same; NULL: there is none */
};

/* Where figures go. */
struct nl_report_figures {
    const char *folder; /* of the report: they lie in FOLDER/figures/NAME */
    char *name;         /* of the section, as a file is named; nl_report_name. Of claims each sets its own */
    atomic_int *stop;   /* as in nl_plot_options */
    int failed;         /* counts the results whose figures could not be drawn */
};

/* What a report calls the results: plot.title, or else the folder's name. New string. */
char *nl_report_title(const struct nl_report_source *source);
/* The folder's name with a number before it, as a file or folder can be called anywhere: "1-small_batch"; new
 * string. */
char *nl_report_name(const char *folder, int number);

/* Adds a warning that names those of several results that are incomplete, if there are any. NL_FAIL: they cannot be
 * read. */
int nl_report_add_missing(struct nl_document *document, const struct nl_report_source *const *source, int count,
                          struct nl_error *err);

/* Adds the results. Figures that cannot be drawn are said in the document. NL_FAIL: the results cannot be read. */
int nl_report_add_results(struct nl_document *document, const struct nl_report_source *source,
                          struct nl_report_figures *figures, struct nl_error *err);

/* Adds the results as the appendix of a paper has them: what was trained and searched, results, spread, compute, and a
 * checklist in which what is not known is left open. */
int nl_report_add_appendix(struct nl_document *document, const struct nl_report_source *source,
                           struct nl_report_figures *figures, struct nl_error *err);

/* Draws the figures of the results and adds them. Those that cannot be drawn are said in the document. */
void nl_report_add_figures(struct nl_document *document, const struct nl_report_source *source,
                           struct nl_report_figures *figures);

/* Adds a warning that names those of the claims that have no verdict for want of trials, if there are any. */
void nl_report_add_unjudged(struct nl_document *document, const struct nl_outcome *outcome, int count);

/* Adds the outcomes of published claims. source: [count] their results, for the figures; NULL: it did not run. command:
 * that runs what is missing. */
void nl_report_add_claims(struct nl_document *document, const struct nl_outcome *outcome, int count,
                          const struct nl_report_source *const *source, struct nl_report_figures *figures,
                          const char *command);

/* A page about a sweep that is at work. All is the caller's. */
struct nl_live {
    /* tables: a folder with the tables of a sweep that has ended; NULL: what has ended is in `record`. again, same and
     * made are not looked at. */
    struct nl_report_source source;
    const char *title;
    bool judges; /* results in tables are answered; a round that only decides on the next has no answer */
    const struct nl_record *record; /* [source.grid->trials]; NULL where there are tables */
    const char *varies;             /* "norm.kind (4), 5 seeds"; "": nothing varies */
    const char *round;              /* which of several it is; NULL: there is one */
    const char *before; /* what nl_live_answer said of the round before, the grid with the values of each point; NULL:
                           there was none */
    const char *state;              /* where it stands: a sentence without its full stop */
    int reload;                     /* seconds after which the page loads itself anew; 0: it is the last one */
};
/* The whole page; new string. What cannot be shown is said in it. */
char *nl_live_html(const struct nl_live *live);
/* The answer of results that are in tables, as lines; new string, NULL: they cannot be read. */
char *nl_live_answer(const struct nl_report_source *source);

/* Whether it is a plain file that begins as such a page does: another file is not replaced. */
bool nl_live_is_own(const char *path);
extern const char nl_live_mark[]; /* a line of its beginning */

/* Whether a report may be written to the folder: it is not there, is empty, or holds an earlier report and nothing
 * else. NL_FAIL says what is there. */
int nl_report_check_folder(const char *folder, struct nl_error *err);
/* A report is index.html, report.md and report.tex; an appendix appendix.tex, to \input in a paper, and
 * appendix-alone.tex, a document of nothing else. */
enum nl_report_form { NL_REPORT, NL_APPENDIX };
/* Makes it a report's folder, before the first figure is drawn: where the first file is not there, one that says that
 * it is not written yet. */
int nl_report_begin(const char *folder, enum nl_report_form form, struct nl_error *err);
int nl_report_write(const struct nl_document *document, const char *folder, enum nl_report_form form,
                    struct nl_error *err);

#endif
