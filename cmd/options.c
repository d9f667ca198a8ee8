/* What the commands are told: options, files and overrides, and the values of options. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "cmd.h"
#include "config/keep.h"
#include "usage.h"

enum { HELP = 'h', QUIET = 'q', VERBOSE = 'v', COLOUR = 1000, NO_WARNINGS, MOST_OPTIONS = 95 };

const char common_options[] =
    "common options:\n"
    "  -q, --quiet          print only errors and the requested output\n"
    "  -v, --verbose        print more\n"
    "      --color WHEN     auto, always, never (default: auto, which respects NO_COLOR)\n"
    "      --no-warnings    do not warn of known traps (or set NORMLAB_NO_WARNINGS=1)\n"
    "  -h, --help           print this text\n";

void print_usage(const struct command *command)
{
    char *text = nl_format("%s\n%s", command->usage, common_options), *wrapped = NULL;
    int width = terminal_width(stdout), widest = 0;
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        widest = (int)strcspn(line, "\n") > widest ? (int)strcspn(line, "\n") : widest;
    if (width > 0 && width < widest)
        wrapped = wrapped_usage(text, width);
    fputs(wrapped ? wrapped : text, stdout);
    free(wrapped);
    free(text);
}

/* A key that was written like an option, --lr 0.1, or after one, --set train.lr=0.1: how it is written; NULL: no key is
 * meant. */
static char *key_behind_file(const char *word, const char *next)
{
    size_t length = strcspn(word, "=");
    char *name = nl_format("%.*s", (int)length, word);
    for (char *dash = name; (dash = strchr(dash, '-'));)
        *dash = '_';
    const char *key = nl_key_find(name) ? nl_keep_text(name) : nl_key_nearest(name), *value = "VALUE";
    if (word[length])
        value = word + length + 1;
    else if (next && *next != '-' && !strpbrk(next, "=/"))
        value = next;
    free(name);
    if (!key && next && strchr(next, '='))
        return nl_format("a key is set after the file, by itself: %s", next);
    return key ? nl_format("a key is set after the file, without dashes: %s=%s", key, value) : NULL;
}

/* word: what was typed; next: the argument after it, or NULL */
static void unknown_option(const struct command *command, const char *word, const char *next,
                           const struct option *options)
{
    char *typed = nl_strdup(word), *names[MOST_OPTIONS + 1];
    int count = 0;
    typed[strcspn(typed, "=")] = '\0';
    for (; options[count].name; count++)
        names[count] = nl_format("--%s", options[count].name);
    names[count] = NULL;
    const char *nearest = nl_nearest(typed, (const char *const *)names);
    bool takes_keys = strstr(command->usage, "KEY=VALUE");
    const char *name = typed + strspn(typed, "-"), *answer = nl_key_answer(name);
    char *hint = nearest      ? nl_format("did you mean '%s'?", nearest)
                 : answer     ? nl_strdup(answer)
                 : takes_keys ? key_behind_file(word + strspn(word, "-"), next)
                              : NULL;
    if (hint)
        bad_input(hint, "unknown option '%s' of %s", typed, command->name);
    else
        misused(command, "unknown option '%s' of %s", typed, command->name);
    free(hint);
    free(typed);
    while (count > 0)
        free(names[--count]);
}

static const struct option shared_options[] = {
    {"help", no_argument, NULL, HELP},
    {"quiet", no_argument, NULL, QUIET},
    {"verbose", no_argument, NULL, VERBOSE},
    {"color", required_argument, NULL, COLOUR},
    {"no-warnings", no_argument, NULL, NO_WARNINGS},
};

static const char *const colour_names[] = {
    [COLOUR_AUTO] = "auto", [COLOUR_ALWAYS] = "always", [COLOUR_NEVER] = "never", NULL};

/* What getopt_long returned, when it is an option that all commands share; the others go to the caller. */
static bool take_shared_option(const struct command *command, int found, bool *good)
{
    switch (found) {
    case QUIET: output.quiet = true; return true;
    case VERBOSE: output.verbose = true; return true;
    case NO_WARNINGS: output.no_warnings = true; return true;
    case COLOUR: *good = read_word("value of --color:", optarg, colour_names, &output.colour); return true;
    case HELP:
        print_usage(command);
        exit(fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED);
    default: return false;
    }
}

/* Says what is wrong with the option at argv[optind - 1]; found is '?' or ':'. */
static void report_option(const struct command *command, char **argv, int found, const struct option *options)
{
    const char *typed = argv[optind - 1];
    if (found == ':' && optarg == typed)
        typed = argv[optind - 2]; /* --out '' */
    if (found == ':')
        bad_input(NULL, "option '%.*s' of %s needs a value", (int)strcspn(typed, "="), typed, command->name);
    else if (optopt && strncmp(typed, "--", 2) == 0 && strchr(typed, '='))
        bad_input(NULL, "option '%.*s' of %s takes no value", (int)strcspn(typed, "="), typed, command->name);
    else if (optopt)
        misused(command, "unknown option '-%c' of %s", optopt, command->name);
    else
        unknown_option(command, typed, argv[optind], options);
}

int next_option(const struct command *command, int argc, char **argv, const char *letters, const struct option *options)
{
    struct option all[MOST_OPTIONS + 1] = {0};
    int count = sizeof shared_options / sizeof *shared_options, found;
    bool good = true;
    memcpy(all, shared_options, sizeof shared_options);
    for (int i = 0; options[i].name && count < MOST_OPTIONS; i++)
        all[count++] = options[i];
    char *short_options = nl_format(":hqv%s", letters);
    opterr = 0;
    do
        found = getopt_long(argc, argv, short_options, all, NULL);
    while (take_shared_option(command, found, &good) && good);
    free(short_options);
    if (good && found != OPTION_END && found != '?' && optarg &&
        !*optarg) /* an unset variable of a script, most often */
        found = ':';
    if (good && found != '?' && found != ':')
        return found;
    if (good)
        report_option(command, argv, found, all);
    return OPTION_BAD;
}

bool is_override(const char *word)
{
    const char *equals = strchr(word, '=');
    return equals && !memchr(word, '/', (size_t)(equals - word));
}

bool sort_arguments(const struct command *command, const char *what, int argc, char **argv, struct arguments *out)
{
    *out = (struct arguments){.override = nl_alloc((size_t)argc, sizeof *out->override)};
    for (int i = optind; i < argc; i++) {
        if (is_override(argv[i])) {
            out->override[out->overrides++] = argv[i];
        } else if (out->file) {
            bad_input("a key is set with KEY=VALUE, without blanks", "%s takes one %s: '%s' is one too many",
                      command->name, what, argv[i]);
            free(out->override);
            return false;
        } else {
            out->file = argv[i];
        }
    }
    return true;
}

/* ---- values ---- */

void add_device(struct arguments *arguments, const char *device)
{
    const char *colon = device ? strchr(device, ':') : NULL;
    if (!device)
        return;
    int length = colon ? (int)(colon - device) : (int)strlen(device);
    arguments->override[arguments->overrides++] = nl_keep(nl_format("device.kind=%.*s", length, device));
    if (colon)
        arguments->override[arguments->overrides++] = nl_keep(nl_format("device.index=%s", colon + 1));
}

bool read_count(const char *option, const char *text, int low, int high, int *out)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (end == text || *end || value < low || value > high) {
        bad_input(NULL, "bad value '%s' of option '%s': expected an integer from %d to %d", text, option, low, high);
        return false;
    }
    *out = (int)value;
    return true;
}

bool read_duration(const char *option, const char *text, double *seconds)
{
    static const struct {
        char letter;
        double seconds;
    } units[] = {{'h', 3600}, {'m', 60}, {'s', 1}, {'\0', 1}};
    const char *at = text;
    *seconds = 0;
    for (size_t unit = 0; unit < sizeof units / sizeof *units && *at; unit++) {
        size_t digits = strspn(at, "0123456789.");
        char *end;
        double value = nl_double_read(at, &end);
        if (digits == 0 || end != at + digits)
            break;
        if (*end != units[unit].letter || (!*end && at != text)) /* 1h30 may mean minutes or seconds */
            continue;
        *seconds += value * units[unit].seconds;
        at = *end ? end + 1 : end;
    }
    if (!*at && *seconds > 0 && isfinite(*seconds))
        return true;
    bad_input(NULL, "bad value '%s' of option '%s': expected a time such as 90s, 30m or 1h30m", text, option);
    return false;
}

bool read_checkpoint_every(const char *text, double *seconds, int64_t *epochs)
{
    size_t digits = strspn(text, "0123456789");
    if (!digits || (strcmp(text + digits, "epochs") != 0 && strcmp(text + digits, "epoch") != 0))
        return read_duration("--checkpoint-every", text, seconds);
    *epochs = strtoll(text, NULL, 10);
    if (*epochs < 1)
        bad_input(NULL, "bad value '%s' of option '--checkpoint-every': expected at least 1 epoch", text);
    return *epochs >= 1;
}

bool read_word(const char *what, const char *text, const char *const *names, int *index)
{
    for (*index = 0; names[*index]; ++*index)
        if (strcmp(names[*index], text) == 0)
            return true;
    unknown_word(what, text, names);
    return false;
}

bool read_words(const char *what, const char *text, const char *const *names, unsigned *bits)
{
    char *copy = nl_strdup(text);
    bool good = true;
    int index;
    *bits = 0;
    for (char *rest = copy, *word; good && (word = strsep(&rest, ","));) {
        good = read_word(what, word, names, &index);
        *bits |= good ? 1u << index : 0;
    }
    free(copy);
    return good;
}
