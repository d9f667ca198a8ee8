/* A sealed text: its last line is MARKsha256 HEX, the checksum of all before it. The mark makes a comment of it where
 * one is needed. A text that may lose its end unnoticed, as it can be read without, begins with a promise: a line that
 * says that there is a seal. */
#ifndef NL_BASE_SEAL_H
#define NL_BASE_SEAL_H

#include "base/memory.h"

void nl_seal_promise(struct nl_text *text, const char *mark);
void nl_seal_add(struct nl_text *text, const char *mark);

/* *sealed: how much stands before the seal, all of a text without one. NL_BAD: there is a seal, and it does not fit, or
 * none where one was promised. */
int nl_seal_check(const char *text, size_t length, const char *mark, size_t *sealed);

#endif
