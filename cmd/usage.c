#include "usage.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/wrap.h"

enum { SYNOPSIS_INDENT = 7, DEEPER = 8, OPTION_COLUMN = 26 };

static size_t indent_of(const char *line)
{
    return strspn(line, " ");
}

/* Adds the line without its indent, after a space if it is not the first, and moves after it. */
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
    if (strncmp(*at, "usage: ", SYNOPSIS_INDENT) == 0 ||
        (indent == SYNOPSIS_INDENT && strncmp(*at + indent, "normlab ", 8) == 0)) {
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

/* The term at the left, the text in a column beside it, or below where the term is too long. */
static void add_option(struct nl_text *out, const struct usage_part *option, int width)
{
    size_t indent = strncmp(option->term, "--", 2) == 0 ? 6 : 2, length = indent + strlen(option->term);
    bool beside = length + 2 <= OPTION_COLUMN;
    if (!beside)
        nl_text_add(out, "%*s%s\n", (int)indent, "", option->term);
    size_t start = out->length;
    char *text = nl_format("%*s%s\n", OPTION_COLUMN, "", option->text);
    nl_text_add_wrapped(out, text, width, 0);
    free(text);
    if (beside)
        memcpy(out->at + start + indent, option->term, length - indent);
}

char *wrapped_usage(const char *usage, int width)
{
    struct nl_text out = {0};
    struct usage_part part;
    for (int before = -1; next_usage_part(&usage, &part); before = (int)part.kind) {
        bool together =
            before < 0 || (before == (int)part.kind && part.kind != USAGE_PARAGRAPH) || before == USAGE_HEADING;
        nl_text_add(&out, "%s", together ? "" : "\n");
        char *line =
            part.kind == USAGE_SYNOPSIS ? nl_format("%s%s\n", before < 0 ? "usage: " : "       ", part.text) : NULL;
        switch (part.kind) {
        case USAGE_SYNOPSIS: nl_text_add_wrapped(&out, line, width, before < 0 ? SYNOPSIS_INDENT + 2 : 2); break;
        case USAGE_PARAGRAPH: nl_text_add_wrapped(&out, part.text, width, 0); break;
        case USAGE_OPTION: add_option(&out, &part, width); break;
        case USAGE_HEADING: nl_text_add(&out, "%s\n", part.text); break;
        case USAGE_VERBATIM: nl_text_add(&out, "  %s\n", part.text); break; /* to be copied */
        }
        free(line);
        release_usage_part(&part);
    }
    return out.at;
}
