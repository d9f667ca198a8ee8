/* Text of others in the markup of three formats: whatever it holds, a reader sees these characters, and nothing of it
 * is markup. */
#ifndef NL_BASE_ESCAPE_H
#define NL_BASE_ESCAPE_H

#include "base/memory.h"

/* Each adds one line of UTF-8 (nl_one_line). */
void nl_html_add(struct nl_text *out, const char *text);     /* also as an attribute's value, and in XML */
void nl_markdown_add(struct nl_text *out, const char *text); /* GitHub's; within a line, or in a table */
void nl_latex_add(struct nl_text *out, const char *text);    /* for pdflatex; what its fonts lack stands as [U+4E2D] */
/* Adds JSON as the content of a script element, where nothing but its end tag ends it: what could begin a tag, or end a
 * line of JavaScript, stands as \uNNNN, as it may only within the strings of JSON. The page stays well-formed XML. */
void nl_script_add(struct nl_text *out, const char *json);

/* The text as one line of UTF-8: a blank for each line break or other control character, U+FFFD for what is no UTF-8.
 * New string. */
char *nl_one_line(const char *text);

/* The text with a sign for "+-"; new string. */
char *nl_typeset(const char *text);

#endif
