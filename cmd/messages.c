/* What the commands say: messages, colours, prose broken to the terminal's width. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "base/wrap.h"
#include "cmd.h"

const char *loss_text(double loss, char out[32])
{
    if (isfinite(loss))
        snprintf(out, 32, "%.4g", printable(loss));
    return isfinite(loss) ? out : isnan(loss) ? "undefined" : "infinite";
}

double printable(double value)
{
    return isnan(value) ? (double)NAN : value + 0.0;
}

void vtell(FILE *out, const char *format, va_list args)
{
    struct nl_text text = {0}, shown = {0};
    nl_text_vadd(&text, format, args);
    nl_text_add_shown(&shown, text.at);
    fputs(shown.at, out);
    nl_text_release(&text);
    nl_text_release(&shown);
}

void tell(FILE *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vtell(out, format, args);
    va_end(args);
}

/* "normlab: ..." on stderr */
static void say(const char *format, va_list args)
{
    fputs("normlab: ", stderr);
    vtell(stderr, format, args);
    fputc('\n', stderr);
}

int fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    return EXIT_FAILED;
}

int bad_input(const char *hint, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    if (hint)
        tell(stderr, "  %s\n", hint);
    return EXIT_BAD_INPUT;
}

int misused(const struct command *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    fprintf(stderr, "  normlab %s --help shows how it is called\n", command->name);
    return EXIT_BAD_INPUT;
}

static bool prints(const char *text)
{
    size_t bytes;
    for (; *text; text += bytes)
        if (!nl_character_prints(text, bytes = nl_character_bytes(text)))
            return false;
    return true;
}

/* 'it'\''s', or, where a terminal should not get it as it is, $'\x1b'. */
static void add_quoted(struct nl_text *out, const char *word)
{
    bool plain = prints(word);
    nl_text_add(out, plain ? "'" : "$'");
    for (size_t bytes; *word; word += bytes) {
        bytes = nl_character_bytes(word);
        if (*word == '\'' || (*word == '\\' && !plain)) {
            nl_text_add(out, plain ? "'\\''" : "\\%c", *word);
            bytes = 1; /* what follows it may be no character's beginning */
        } else {
            nl_text_add_character(out, word, bytes);
        }
    }
    nl_text_add(out, "'");
}

char *quote_words(int count, const char *const *word)
{
    struct nl_text out = {0};
    for (int i = 0; i < count; i++) {
        bool plain =
            *word[i] && strspn(word[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=,+%@-") ==
                            strlen(word[i]);
        nl_text_add(&out, "%s", i ? " " : "");
        if (plain)
            nl_text_add(&out, "%s", word[i]);
        else
            add_quoted(&out, word[i]);
    }
    return out.at;
}

int stopped(int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vtell(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n  %s\n", command_line);
    return code;
}

int unknown_word(const char *what, const char *word, const char *const *words)
{
    struct nl_text hint = {0};
    const char *nearest = nl_nearest(word, words);
    if (nearest)
        nl_text_add(&hint, "did you mean '%s'?", nearest);
    else
        for (int i = 0; words[i]; i++)
            nl_text_add(&hint, "%s%s", i ? ", " : "expected one of ", words[i]);
    bad_input(hint.at, "unknown %s '%s'", what, word);
    nl_text_release(&hint);
    return EXIT_BAD_INPUT;
}

struct output output;

bool coloured(FILE *stream)
{
    const char *no_colour = getenv("NO_COLOR");
    if (output.colour != COLOUR_AUTO)
        return output.colour == COLOUR_ALWAYS;
    return !(no_colour && *no_colour) && isatty(fileno(stream));
}

int terminal_width(FILE *stream)
{
    struct winsize size;
    return isatty(fileno(stream)) && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

int terminal_height(FILE *stream)
{
    struct winsize size;
    return isatty(fileno(stream)) && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}

void print_answer(const char *text)
{
    int width = terminal_width(stdout), sentence = (int)strcspn(text, "\n");
    char *first = nl_format("%.*s\n", sentence, text);
    struct nl_text out = {0};
    nl_text_add(&out, "%s", coloured(stdout) ? "\033[1m" : "");
    nl_text_add_wrapped(&out, first, width, 2);
    nl_text_add(&out, "%s", coloured(stdout) ? "\033[0m" : "");
    nl_text_add_wrapped(&out, text + sentence + (text[sentence] == '\n'), width, 2);
    fputs(out.at, stdout);
    free(first);
    nl_text_release(&out);
}

char *seconds_text(double seconds)
{
    char time[32];
    return seconds < 60 ? nl_format("%.2g s", seconds) : nl_strdup(time_text(seconds, time));
}

char *time_text(double seconds, char out[32])
{
    long whole = (long)(seconds + 0.5);
    if (whole >= 3600)
        snprintf(out, 32, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    else
        snprintf(out, 32, "%ld:%02ld", whole / 60, whole % 60);
    return out;
}
