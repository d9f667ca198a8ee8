/* Keys that only imported results have: what another program varied, and no key of a configuration says. Such a key is
 * called by the column that it was read from: "label.method" is a text, "number.temperature" a number. */
#ifndef NL_CONFIG_OWN_KEYS_H
#define NL_CONFIG_OWN_KEYS_H

#include "config/config.h"

#define NL_LABEL "label."
#define NL_NUMBER "number."

bool nl_is_own_key(const char *name);       /* "label." or "number.", and letters, digits, '_' and '-' */
struct nl_key nl_own_key(const char *name); /* of such a name, which must live as long as the key */
char *nl_own_name(const char *column,
                  bool number); /* of the key of a column: other characters become '_'; new string */

/* Values that are given, a line for each key; NULL: none. With one more, or another one; it is kept for good. */
const char *nl_own_with(const char *given, const char *name, const char *value);
char *nl_own_value(const char *given, const char *name); /* "" where there is none; new string */

#endif
