#include "usage.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { SYNOPSIS_INDENT = 7, DEEPER = 8 };

static size_t indent_of(const char *line)
{
    return strspn(line, " ");
}

/* Adds the line without its indent, behind a space if it is not the first, and moves behind it. */
static void join_line(struct nl_text *out, const char **at)
{
    *at += indent_of(*at);
    size_t length = strcspn(*at, "\n");
    nl_text_add(out, "%s%.*s", out->length ? " " : "", (int)length, *at);
    *at += length + ((*at)[length] == '\n');
}

/* The term ends where two spaces follow, or with the line. */
static void read_option(const char **at, struct usage_part *part)
{
    *at += indent_of(*at);
    size_t length = strcspn(*at, "\n");
    const char *gap = strstr(*at, "  ");
    if (gap && (size_t)(gap - *at) < length)
        length = (size_t)(gap - *at);
    part->term = nl_format("%.*s", (int)length, *at);
    *at += length;
    struct nl_text text = {0};
    if (**at == '\n')
        ++*at;
    else
        join_line(&text, at);
    while (indent_of(*at) >= DEEPER && (*at)[indent_of(*at)] != '-')
        join_line(&text, at);
    part->text = text.at ? text.at : nl_strdup("");
}

bool next_usage_part(const char **at, struct usage_part *part)
{
    *part = (struct usage_part){0};
    *at += strspn(*at, "\n");
    if (!**at)
        return false;
    size_t indent = indent_of(*at);
    struct nl_text text = {0};
    if (strncmp(*at, "usage: ", SYNOPSIS_INDENT) == 0 || (indent == SYNOPSIS_INDENT && strncmp(*at + indent, "normlab ", 8) == 0)) {
        part->kind = USAGE_SYNOPSIS;
        *at += SYNOPSIS_INDENT;
        join_line(&text, at);
    } else if (indent && (*at)[indent] == '-') {
        part->kind = USAGE_OPTION;
        read_option(at, part);
        return true;
    } else if (indent) {
        part->kind = USAGE_VERBATIM;
        join_line(&text, at);
    } else {
        while (**at && **at != '\n' && **at != ' ')
            join_line(&text, at);
        part->kind = text.at[text.length - 1] == ':' && **at == ' ' ? USAGE_HEADING : USAGE_PARAGRAPH;
    }
    part->text = text.at;
    return true;
}

void release_usage_part(struct usage_part *part)
{
    free(part->text);
    free(part->term);
}
