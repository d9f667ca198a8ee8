/* Escapes strings and writes numbers and members of JSON objects. */
#include "base/json.h"

#include <math.h>

void nl_json_add(struct nl_text *out, const char *text)
{
    nl_text_add(out, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            nl_text_add(out, "\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            nl_text_add(out, "\\u%04x", (unsigned char)*text);
        else
            nl_text_add_bytes(out, text, 1);
    }
    nl_text_add(out, "\"");
}

void nl_json_add_number(struct nl_text *out, double value)
{
    char text[32];
    nl_text_add(out, "%s", isfinite(value) ? nl_double_text(value, text) : "null");
}

void nl_json_member(struct nl_text *out, const char *name, const char *text)
{
    nl_text_add(out, ", \"%s\": ", name);
    if (text)
        nl_json_add(out, text);
    else
        nl_text_add(out, "null");
}

void nl_json_member_number(struct nl_text *out, const char *name, double value)
{
    nl_text_add(out, ", \"%s\": ", name);
    nl_json_add_number(out, value);
}
