/* Usage texts (struct command) taken apart again: what manual pages and completions are made of, so that a command is
 * described once.
 *
 *     usage: normlab eval MODEL.safetensors [options]       a synopsis; further ones are indented as deep
 *
 *     Scores a network ...                                  a paragraph
 *
 *       -f, --format F   table, csv, json (default: table)  an option; the text may go on, indented deeper. One that
 *                                                           begins with words separated by commas says what the value
 *                                                           may be
 *     examples:                                             a heading
 *       normlab eval model.safetensors                      verbatim
 */
#ifndef NL_CMD_USAGE_H
#define NL_CMD_USAGE_H

#include <stdbool.h>

struct usage_part {
    enum { USAGE_SYNOPSIS, USAGE_PARAGRAPH, USAGE_OPTION, USAGE_HEADING, USAGE_VERBATIM } kind;
    char *text; /* of an option, what stands right of it; lines are joined */
    char *term; /* "-f, --format F"; NULL: no option */
};

/* The part that begins at *at, which moves after it; false: there is none left. The strings are new. */
bool next_usage_part(const char **at, struct usage_part *part);
void release_usage_part(struct usage_part *part);

/* The usage text with its lines broken to width characters; new string. */
char *wrapped_usage(const char *usage, int width);

#endif
