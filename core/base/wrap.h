/* Prose for a terminal. */
#ifndef NL_BASE_WRAP_H
#define NL_BASE_WRAP_H

#include "base/memory.h"

/* Adds the text's lines, broken at blanks to at most `width` characters (0: not); what is broken goes on `deeper`
 * characters further in. A number and its % stay together. */
void nl_text_add_wrapped(struct nl_text *out, const char *text, int width, int deeper);

#endif
