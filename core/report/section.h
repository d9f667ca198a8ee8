/* Parts of what a report or an appendix says of one results folder. Each adds its blocks to the document. */
#ifndef NL_REPORT_SECTION_H
#define NL_REPORT_SECTION_H

#include "report/report.h"
#include "stats/answer.h"

struct nl_report_section {
    struct nl_document *document;
    const struct nl_report_source *source;
    const struct nl_experiment *experiment;
    const struct nl_results *results;
    const struct nl_answer *answer;
};

/* Loads the results and their answer, says first what is missing, and calls write with them. NL_FAIL: they cannot be
 * read, or write failed. */
int nl_section_write(struct nl_document *document, const struct nl_report_source *source,
                     struct nl_report_figures *figures,
                     int (*write)(const struct nl_report_section *s, struct nl_report_figures *figures,
                                  struct nl_error *err),
                     struct nl_error *err);

/* Says what is missing, a warning for each line; nothing where all is there. */
void nl_section_incomplete(struct nl_document *document, const struct nl_answer *answer);
void nl_section_heading(const struct nl_report_section *s, const char *text);
void nl_section_answer(struct nl_document *document, const struct nl_answer *answer);
void nl_section_notes(const struct nl_report_section *s); /* how it was judged */
void nl_section_grid(const struct nl_report_section *s);  /* methods side by side */
void nl_section_tables(const struct nl_report_section *s);
void nl_section_trained(
    const struct nl_report_section *s); /* data, network, normalizers, training; or where it was imported from */
int nl_section_rounds(const struct nl_report_section *s, struct nl_error *err); /* what earlier rounds decided */
void nl_section_failures(const struct nl_report_section *s);

/* Whether some trial reads the key. */
bool nl_section_applies(const struct nl_report_section *s, const struct nl_key *key);
/* Which of the keys of sweep.tune it is; -1: it is not tuned. */
int nl_section_tuned(const struct nl_report_section *s, const struct nl_key *key);
char *nl_factor_values(const struct nl_factor *factor); /* "bn, ln"; new string */

#endif
