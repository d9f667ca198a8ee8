/* Collects problems, sorts them by place, and prints each with its source line and a caret. */
#include "config/diagnostics.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

/* A window of a long source line is shown, around the place, and the first problems of many. Enough problems are
 * kept to be sure which ones come first. */
enum { SHOWN_COLUMNS = 120, SHOWN = 20, KEPT = 1000 };

static int kept(const struct nl_diagnostics *diagnostics)
{
    return diagnostics->count < KEPT ? diagnostics->count : KEPT;
}

static bool same_place(const struct nl_origin *a, const struct nl_origin *b)
{
    if (a->kind != b->kind || a->line != b->line || a->column != b->column)
        return false;
    const char *of_a = a->kind == NL_FROM_COMMAND_LINE ? a->line_text : a->file;
    const char *of_b = b->kind == NL_FROM_COMMAND_LINE ? b->line_text : b->file;
    return strcmp(of_a ? of_a : "", of_b ? of_b : "") == 0;
}

void nl_diagnose(struct nl_diagnostics *diagnostics, const struct nl_origin *origin, const char *hint,
                 const char *format, ...)
{
    struct nl_text message = {0};
    va_list args;
    va_start(args, format);
    nl_text_vadd(&message, format, args);
    va_end(args);
    for (int i = 0; i < kept(diagnostics); i++) {
        const struct nl_diagnostic *other = &diagnostics->at[i];
        if (same_place(&other->origin, origin) && strcmp(other->message, message.at) == 0) {
            nl_text_release(&message);
            return;
        }
    }
    if (diagnostics->count >= KEPT) {
        diagnostics->count++;
        nl_text_release(&message);
        return;
    }
    NL_GROW(diagnostics->at, diagnostics->count, diagnostics->capacity);
    diagnostics->at[diagnostics->count++] = (struct nl_diagnostic){
        .origin = *origin, .message = message.at, .hint = hint && *hint ? nl_strdup(hint) : NULL};
}

void nl_note(struct nl_diagnostics *diagnostics, const struct nl_origin *origin, const char *format, ...)
{
    struct nl_text message = {0};
    va_list args;
    va_start(args, format);
    nl_text_add(&message, "note: ");
    nl_text_vadd(&message, format, args);
    va_end(args);
    for (int i = 0; i < diagnostics->notes; i++)
        if (strcmp(diagnostics->note[i].message, message.at) == 0) {
            nl_text_release(&message);
            return;
        }
    NL_GROW(diagnostics->note, diagnostics->notes, diagnostics->note_capacity);
    diagnostics->note[diagnostics->notes++] = (struct nl_diagnostic){.origin = *origin, .message = message.at};
    diagnostics->note[diagnostics->notes - 1].origin.line_text = NULL; /* it says all by itself */
}

void nl_diagnostics_release(struct nl_diagnostics *diagnostics)
{
    for (int i = 0; i < diagnostics->notes; i++)
        free(diagnostics->note[i].message);
    free(diagnostics->note);
    for (int i = 0; i < kept(diagnostics); i++) {
        free(diagnostics->at[i].message);
        free(diagnostics->at[i].hint);
    }
    free(diagnostics->at);
    *diagnostics = (struct nl_diagnostics){0};
}

/* What stands around places and marks; the colours are those of compilers. */
struct ink {
    const char *place, *marks, *end;
};

/* The source line and, under it, a caret at origin's column. Tabs are kept in both, so that they line up. */
static void add_source(struct nl_text *out, const struct nl_origin *origin, const struct ink *ink)
{
    struct nl_text marks = {0};
    bool fits = strlen(origin->line_text) <= SHOWN_COLUMNS;
    int first = !fits && origin->column > SHOWN_COLUMNS / 2 ? origin->column - SHOWN_COLUMNS / 2 : 1;
    const char *cut = first > 1 ? "..." : "";
    if (origin->kind == NL_FROM_FILE)
        nl_text_add(out, "%5d | %s", origin->line, cut);
    else
        nl_text_add(out, "      | %s", cut);
    nl_text_add(&marks, "      | %s%s", first > 1 ? "   " : "", ink->marks);

    int column = 1;
    const char *at = origin->line_text;
    for (; *at && column < first + SHOWN_COLUMNS; column++) {
        size_t bytes = nl_character_bytes(at);
        if (column >= first) {
            bool shown = *at == '\t' || nl_character_prints(at, bytes);
            nl_text_add_bytes(out, shown ? at : "?", shown ? bytes : 1);
            if (column < origin->column)
                nl_text_add_bytes(&marks, *at == '\t' ? "\t" : " ", 1);
            else if (column < origin->column + origin->width)
                nl_text_add_bytes(&marks, column == origin->column ? "^" : "~", 1);
        }
        at += bytes;
    }
    if (column <= origin->column) /* just after the end of the line */
        nl_text_add(&marks, "^");
    nl_text_add(out, "%s\n%s%s\n", *at ? "..." : "", marks.at, ink->end);
    nl_text_release(&marks);
}

static void add_one(struct nl_text *out, const struct nl_diagnostic *diagnostic, const struct ink *ink)
{
    const struct nl_origin *origin = &diagnostic->origin;
    bool argument = origin->kind == NL_FROM_COMMAND_LINE;
    if (argument || origin->file) {
        nl_text_add(out, "%s", ink->place);
        nl_text_add_shown(out, argument ? "command line" : origin->file);
        if (!argument && origin->line > 0)
            nl_text_add(out, ":%d:%d", origin->line, origin->column);
        nl_text_add(out, ":%s ", ink->end);
    }
    nl_text_add_shown(out, diagnostic->message);
    nl_text_add(out, "\n");
    if (origin->line_text)
        add_source(out, origin, ink);
    if (diagnostic->hint) {
        nl_text_add(out, "  ");
        nl_text_add_shown(out, diagnostic->hint);
        nl_text_add(out, "\n");
    }
}

static int compare(const struct nl_diagnostic *a, const struct nl_diagnostic *b)
{
    bool a_argument = a->origin.kind == NL_FROM_COMMAND_LINE, b_argument = b->origin.kind == NL_FROM_COMMAND_LINE;
    if (a_argument != b_argument)
        return a_argument - b_argument;
    int files = strcmp(a->origin.file ? a->origin.file : "", b->origin.file ? b->origin.file : "");
    if (files)
        return files;
    if (a->origin.line != b->origin.line)
        return a->origin.line < b->origin.line ? -1 : 1;
    if (!a_argument && a->origin.column != b->origin.column)
        return a->origin.column < b->origin.column ? -1 : 1;
    return 0;
}

static int compare_stably(const void *a, const void *b)
{
    const struct nl_diagnostic *const *left = a, *const *right = b;
    int order = compare(*left, *right);
    return order ? order : (*left > *right) - (*left < *right);
}

static const struct ink plain = {"", "", ""}, colours = {"\033[1m", "\033[1;32m", "\033[0m"};

char *nl_notes_text(const struct nl_diagnostics *diagnostics)
{
    struct nl_text out = {0};
    nl_text_add(&out, "%s", "");
    for (int i = 0; i < diagnostics->notes; i++)
        add_one(&out, &diagnostics->note[i], diagnostics->coloured ? &colours : &plain);
    return out.at;
}

char *nl_diagnostics_text(const struct nl_diagnostics *diagnostics)
{
    size_t count = (size_t)kept(diagnostics);
    const struct nl_diagnostic **sorted = nl_alloc(count, sizeof *sorted);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &diagnostics->at[i];
    qsort(sorted, count, sizeof *sorted, compare_stably);
    struct nl_text out = {0};
    nl_text_add(&out, "%s", "");
    for (size_t i = 0; i < count && i < SHOWN; i++)
        add_one(&out, sorted[i], diagnostics->coloured ? &colours : &plain);
    if (count > SHOWN)
        nl_text_add(&out, "and %s%d more\n", diagnostics->count > KEPT ? "at least " : "", (int)count - SHOWN);
    free(sorted);
    return out.at;
}
