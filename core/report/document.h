/* A document: what a report says, said once. html.c, markdown.c and latex.c each write all of it.
 *
 * It is a list of blocks. Texts are plain, one line each (nl_one_line is applied to them, and "+-" becomes a sign), and
 * the writers escape them: what comes from files and arguments is never markup.
 */
#ifndef NL_REPORT_DOCUMENT_H
#define NL_REPORT_DOCUMENT_H

#include <stdarg.h>
#include <stdbool.h>

#include "stats/table.h"

enum nl_block_kind {
    NL_BLOCK_HEADING,
    NL_BLOCK_PARAGRAPH,
    NL_BLOCK_WARNING,
    NL_BLOCK_ITEM,
    NL_BLOCK_CODE,
    NL_BLOCK_TABLE,
    NL_BLOCK_FIGURE,
    NL_BLOCK_EXPLORER /* of a page alone: Markdown and LaTeX leave it out */
};

struct nl_document_field {
    char *text;
    bool marked; /* bold */
};

struct nl_block {
    enum nl_block_kind kind;
    int level;  /* of a heading, or that of an explorer: from 2 (1 is the title); of an item: from 0, deeper ones belong
                   to the one before */
    char *text; /* of a table or a figure: its caption; code may have several lines; of an explorer JSON (explore.h) */

    /* What a figure has. */
    char *alt;     /* what is seen, for who does not see it */
    char *file;    /* FILE.svg and FILE.pdf, relative to the document */
    char *drawing; /* an SVG element for a page (report/svg.h) */

    /* What a table has. */
    int columns, rows, keys; /* keys: the first columns, which name the row */
    bool *right;             /* [columns]: numbers */
    char **head;             /* [columns] */
    struct nl_document_field *field;  /* [rows][columns] */
};

struct nl_document {
    char *title;
    bool contents; /* headings of level 2 are listed at the beginning */
    const char *mark; /* a line of the beginning of each file: nl_report_mark, unless the caller sets another */
    int reload;       /* seconds after which a browser loads the page anew; 0: it does not */
    int above;     /* level that headings of depth 0 have, less 2 */
    int count, capacity;
    struct nl_block *block;
};

void nl_document_begin(struct nl_document *document, const char *title, bool contents);
void nl_document_release(struct nl_document *document);

/* A heading, a paragraph, a warning, an item or code. level: of an item; of a heading its depth below the section that
 * is being written. */
void nl_document_add(struct nl_document *document, enum nl_block_kind kind, int level, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Lines as answers have them: a paragraph each, or an item where the line is indented. */
void nl_document_lines(struct nl_document *document, const char *lines);

/* A table with these columns (ends with NULL), its rows to be added next. A title that begins with '>' is of a column
 * of numbers. */
void nl_document_table(struct nl_document *document, const char *caption, int keys, const char *const *head);
void nl_document_row(struct nl_document *document, const char *const *field); /* [columns]; NULL: an empty one */
void nl_document_sheet(struct nl_document *document, const struct nl_table *table);

/* Takes drawing over. */
void nl_document_figure(struct nl_document *document, const char *caption, const char *alt, const char *file,
                        char *drawing);

/* Has the page draw these data on request, under a heading of its own; takes json over (report/explore.h). */
void nl_document_explorer(struct nl_document *document, char *json);

/* Each the whole file; new string. The first lines of each say what wrote it (mark). */
char *nl_document_html(const struct nl_document *document);
char *nl_document_markdown(const struct nl_document *document);
char *nl_document_latex(const struct nl_document *document);
/* What stands between \begin{document} and \end{document}, to \input in a paper; and a document that does so. */
char *nl_document_latex_body(const struct nl_document *document);
char *nl_document_latex_around(const char *file);

extern const char nl_report_mark[];

#endif
