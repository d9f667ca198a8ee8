/* Keys that are made as imported results ask for them, and the values of such keys in a configuration. */
#include "config/own_keys.h"

#include <ctype.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/keep.h"

enum { LONGEST = 64 };

static bool is_of_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static bool begins(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

bool nl_is_own_key(const char *name)
{
    size_t at = begins(name, NL_LABEL) ? strlen(NL_LABEL) : strlen(NL_NUMBER), length = strlen(name);
    if ((!begins(name, NL_LABEL) && !begins(name, NL_NUMBER)) || length == at || length > LONGEST)
        return false;
    while (is_of_name(name[at]))
        at++;
    return at == length;
}

struct nl_key nl_own_key(const char *name)
{
    bool number = begins(name, NL_NUMBER);
    return (struct nl_key){.name = name,
                           .length = strlen(name),
                           .section = number ? "number" : "label",
                           .type = number ? NL_TYPE_REAL : NL_TYPE_TEXT,
                           .offset =
                               number ? offsetof(struct nl_config, own.number) : offsetof(struct nl_config, own.text),
                           .default_text = "",
                           .low = number ? -HUGE_VAL : 0.0,
                           .high = number ? HUGE_VAL : 0.0,
                           .recorded = NL_KEY_RECORDED,
                           .own = true,
                           .help = "a column of imported results"};
}

char *nl_own_name(const char *column, bool number)
{
    struct nl_text out = {0};
    nl_text_add(&out, "%s", number ? NL_NUMBER : NL_LABEL);
    for (const char *at = column; *at && out.length < LONGEST; at++)
        nl_text_add(&out, "%c", is_of_name(*at) ? *at : '_');
    return out.at;
}

/* Where the value of the key begins; NULL: it has none. */
static const char *value_at(const char *given, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = given; line && *line; line += strcspn(line, "\n") + 1)
        if (strncmp(line, name, length) == 0 && line[length] == '\t')
            return line + length + 1;
    return NULL;
}

char *nl_own_value(const char *given, const char *name)
{
    const char *value = value_at(given, name);
    return nl_format("%.*s", value ? (int)strcspn(value, "\n") : 0, value ? value : "");
}

const char *nl_own_with(const char *given, const char *name, const char *value)
{
    struct nl_text out = {0};
    const char *was = value_at(given, name);
    for (const char *line = given; line && *line; line += strcspn(line, "\n") + 1)
        if (!was || line + strlen(name) + 1 != was)
            nl_text_add(&out, "%.*s\n", (int)strcspn(line, "\n"), line);
    nl_text_add(&out, "%s\t%s\n", name, value);
    const char *kept = nl_keep_text(out.at);
    nl_text_release(&out);
    return kept;
}
