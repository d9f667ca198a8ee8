/* Prose for a terminal. */
#ifndef NL_BASE_WRAP_H
#define NL_BASE_WRAP_H

#include "base/memory.h"

/* Adds the text's lines, broken at blanks to at most `width` characters (0: not); what is broken goes on two characters further in. */
void nl_text_add_wrapped(struct nl_text *out, const char *text, int width);

#endif
