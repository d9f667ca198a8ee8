/* What is wrong with a configuration: a list of problems, each with its place, printed like a compiler's:
 *
 *     experiments/sb.yaml:4:8: unknown key 'norm.kindd'
 *         4 | norm: {kindd: bn}
 *           |        ^~~~~
 *       did you mean 'norm.kind'?
 */
#ifndef NL_CONFIG_DIAGNOSTICS_H
#define NL_CONFIG_DIAGNOSTICS_H

#include <stdbool.h>

#include "base/error.h"

enum nl_origin_kind { NL_FROM_DEFAULT, NL_FROM_FILE, NL_FROM_COMMAND_LINE };

/* Where a value was written. file and line text live as long as the process. */
struct nl_origin {
    enum nl_origin_kind kind;
    const char *file;      /* NL_FROM_FILE */
    int line, column;      /* from 1, in characters; line 0: no certain line */
    int width;             /* characters to underline, at least 1 */
    const char *line_text; /* the source line; for the command line, the argument */
    const char *const *after; /* the lines after it, up to a NULL; NULL: they are not known */
};

struct nl_diagnostic {
    struct nl_origin origin;
    char *message;
    char *hint; /* NULL: none */
};

struct nl_diagnostics {
    int count, capacity;
    struct nl_diagnostic *at; /* of more than a thousand the first thousand */
    int notes, note_capacity;
    struct nl_diagnostic *note; /* no problems: how something was read */
    bool coloured; /* the text is for a terminal: places bold, marks green */
};

/* Adds a problem; the same message at the same place is kept once. */
void nl_diagnose(struct nl_diagnostics *diagnostics, const struct nl_origin *origin, const char *hint,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Adds a note; the same one is kept once, wherever it comes from. */
void nl_note(struct nl_diagnostics *diagnostics, const struct nl_origin *origin, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The notes, each with its place, in the order in which they were made; new string. */
char *nl_notes_text(const struct nl_diagnostics *diagnostics);

/* The problems, in order of file and line: the first 20, and how many more there are; new string. */
char *nl_diagnostics_text(const struct nl_diagnostics *diagnostics);
void nl_diagnostics_release(struct nl_diagnostics *diagnostics);

#endif
