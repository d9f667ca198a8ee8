/* Writing JSON (RFC 8259): what is more than punctuation. */
#ifndef NL_BASE_JSON_H
#define NL_BASE_JSON_H

#include "base/memory.h"

void nl_json_add(struct nl_text *out, const char *text); /* "text", in quotes and escaped; UTF-8 stays as it is */
void nl_json_add_number(struct nl_text *out, double value);      /* null where it is not finite */

/* A further member of an object: , "name": value. A NULL text is null. */
void nl_json_member(struct nl_text *out, const char *name, const char *text);
void nl_json_member_number(struct nl_text *out, const char *name, double value);

#endif
