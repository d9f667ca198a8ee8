/* What the commands share: messages, arguments, loading. */
#include "cmd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/files.h"
#include "base/memory.h"
#include "config/keep.h"
#include "base/wrap.h"
#include "config/nearest.h"
#include "stats/results.h"
#include "sweep/traps.h"
#include "usage.h"

int fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("normlab: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return EXIT_FAILED;
}

int bad_input(const char *hint, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("normlab: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    if (hint)
        fprintf(stderr, "  %s\n", hint);
    return EXIT_BAD_INPUT;
}

char *quote_words(int count, const char *const *word)
{
    struct nl_text out = {0};
    for (int i = 0; i < count; i++) {
        bool plain = *word[i] && strspn(word[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=,+%@-") == strlen(word[i]);
        nl_text_add(&out, "%s%s", i ? " " : "", plain ? word[i] : "'");
        for (const char *at = word[i]; !plain && *at; at++)
            nl_text_add(&out, *at == '\'' ? "'\\''" : "%c", *at);
        nl_text_add(&out, "%s", plain ? "" : "'");
    }
    return out.at;
}

int stopped(int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
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

enum { HELP = 'h', QUIET = 'q', VERBOSE = 'v', COLOUR = 1000, NO_WARNINGS, MOST_OPTIONS = 31 };

struct manner manner;

bool coloured(FILE *stream)
{
    const char *no_colour = getenv("NO_COLOR");
    if (manner.colour != COLOUR_AUTO)
        return manner.colour == COLOUR_ALWAYS;
    return !(no_colour && *no_colour) && isatty(fileno(stream));
}

const char common_options[] =
    "common options:\n"
    "  -q, --quiet          warnings and errors only\n"
    "  -v, --verbose        say more\n"
    "      --color WHEN     auto, always, never (default: auto, which heeds NO_COLOR)\n"
    "      --no-warnings    nothing about known traps, as NORMLAB_NO_WARNINGS=1 in the environment\n"
    "  -h, --help           this text\n";

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

/* Frees message. */
static void point_to_help(const struct command *command, char *message)
{
    bad_input(NULL, "%s", message);
    fprintf(stderr, "  normlab %s --help shows how it is called\n", command->name);
    free(message);
}

static void unknown_option(const struct command *command, const char *word, const struct option *options)
{
    char *typed = nl_strdup(word), *names[MOST_OPTIONS + 1];
    int count = 0;
    typed[strcspn(typed, "=")] = '\0';
    for (; options[count].name; count++)
        names[count] = nl_format("--%s", options[count].name);
    names[count] = NULL;
    const char *nearest = nl_nearest(typed, (const char *const *)names);
    char *hint = nearest ? nl_format("did you mean '%s'?", nearest) : NULL;
    if (hint)
        bad_input(hint, "unknown option '%s' of %s", typed, command->name);
    else
        point_to_help(command, nl_format("unknown option '%s' of %s", typed, command->name));
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

static bool read_colour(const char *text)
{
    static const char *const names[] = {"auto", "always", "never", NULL};
    for (int i = 0; names[i]; i++)
        if (strcmp(text, names[i]) == 0) {
            manner.colour = i;
            return true;
        }
    unknown_word("value of --color:", text, names);
    return false;
}

/* What getopt_long returned, when it is an option that all commands share; the others go to the caller. */
static bool take_shared_option(const struct command *command, int found, bool *good)
{
    switch (found) {
    case QUIET: manner.quiet = true; return true;
    case VERBOSE: manner.verbose = true; return true;
    case NO_WARNINGS: manner.no_warnings = true; return true;
    case COLOUR: *good = read_colour(optarg); return true;
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
        point_to_help(command, nl_format("unknown option '-%c' of %s", optopt, command->name));
    else
        unknown_option(command, typed, options);
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
    if (good && found != OPTION_END && found != '?' && optarg && !*optarg) /* an unset variable of a script, most often */
        found = ':';
    if (good && found != '?' && found != ':')
        return found;
    if (good)
        report_option(command, argv, found, all);
    return OPTION_BAD;
}

bool sort_arguments(const struct command *command, const char *what, int argc, char **argv, struct arguments *out)
{
    *out = (struct arguments){.override = nl_alloc((size_t)argc, sizeof *out->override)};
    for (int i = optind; i < argc; i++) {
        if (strchr(argv[i], '=')) {
            out->override[out->overrides++] = argv[i];
        } else if (out->file) {
            bad_input("a key is set with KEY=VALUE", "%s takes one %s: '%s' is one too many", command->name, what, argv[i]);
            free(out->override);
            return false;
        } else {
            out->file = argv[i];
        }
    }
    return true;
}

/* Whether a file can be made in it: errno says why not. More than its mode says so (a read-only file system, a quota). */
static bool takes_files(const char *folder)
{
    char *path = nl_format("%s/.normlab-XXXXXX", folder);
    int file = mkstemp(path);
    if (file >= 0) {
        close(file);
        unlink(path);
    }
    free(path);
    return file >= 0;
}

bool can_be_written(const char *path)
{
    if (!path)
        return true;
    char *folder = nl_path_folder(path);
    bool good = false;
    if (nl_file_is_special(path)) /* opened once, by who writes: a pipe's reader would see its end here */
        good = true;
    else if (!nl_folder_exists(folder))
        bad_input(NULL, "cannot write '%s': there is no folder '%s'", path, folder);
    else if (nl_folder_exists(path))
        bad_input(NULL, "cannot write '%s': it is a folder", path);
    else if (!takes_files(folder))
        bad_input(NULL, "cannot write '%s': %s", path, strerror(errno));
    else
        good = true;
    free(folder);
    return good;
}

bool make_writable(const char *folder)
{
    struct nl_error err = {0};
    if (nl_make_folders(folder, &err)) {
        bad_input(NULL, "%s", err.text);
        return false;
    }
    bool good = takes_files(folder);
    if (!good)
        bad_input(NULL, "cannot write in '%s': %s", folder, strerror(errno));
    return good;
}

void add_device(struct arguments *arguments, const char *device)
{
    const char *colon = device ? strchr(device, ':') : NULL;
    if (!device)
        return;
    arguments->override[arguments->overrides++] = nl_keep(nl_format("device.kind=%.*s", colon ? (int)(colon - device) : (int)strlen(device), device));
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
        double value = strtod(at, &end);
        if (digits == 0 || end != at + digits)
            break;
        if (*end != units[unit].letter || (!*end && at != text)) /* 1h30 may mean minutes or seconds */
            continue;
        *seconds += value * units[unit].seconds;
        at = *end ? end + 1 : end;
    }
    if (!*at && *seconds > 0)
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

bool read_words(const char *what, const char *text, const char *const *names, unsigned *bits)
{
    char *copy = nl_strdup(text);
    bool good = true;
    *bits = 0;
    for (char *rest = copy, *word; good && (word = strsep(&rest, ","));) {
        int i = 0;
        while (names[i] && strcmp(names[i], word) != 0)
            i++;
        good = names[i] != NULL;
        if (good)
            *bits |= 1u << i;
        else
            unknown_word(what, word, names);
    }
    free(copy);
    return good;
}

bool print_diagnostics(struct nl_diagnostics *diagnostics)
{
    bool any = diagnostics->count > 0;
    if (any) {
        diagnostics->coloured = coloured(stderr);
        char *text = nl_diagnostics_text(diagnostics);
        fputs(text, stderr);
        free(text);
    }
    nl_diagnostics_release(diagnostics);
    return any;
}

bool load_experiment(const char *file, const char *const *override, int overrides, struct nl_experiment *out)
{
    struct nl_diagnostics diagnostics = {0};
    char *path = file ? find_configuration(file) : NULL;
    nl_experiment_load(path, override, overrides, out, &diagnostics);
    free(path);
    return !print_diagnostics(&diagnostics);
}

bool make_plan(const struct command *command, const struct arguments *arguments, struct plan *out)
{
    *out = (struct plan){0};
    if (!arguments->file) {
        point_to_help(command, nl_format("%s needs a file", command->name));
        return false;
    }
    if (!load_experiment(arguments->file, arguments->override, arguments->overrides, &out->experiment))
        return false;
    struct nl_diagnostics diagnostics = {0};
    nl_grid_make(&out->experiment, &out->grid, &diagnostics);
    return !print_diagnostics(&diagnostics);
}

void print_notes(const struct plan *plan)
{
    char *notes = nl_grid_notes(&plan->grid);
    struct nl_diagnostics warnings = {0};
    if (!manner.quiet)
        fputs(notes, stderr);
    const char *silent = getenv("NORMLAB_NO_WARNINGS");
    if (!manner.no_warnings && !(silent && *silent))
        nl_grid_traps(&plan->experiment, &plan->grid, &warnings);
    print_diagnostics(&warnings);
    free(notes);
}

bool identify_plan(struct plan *plan)
{
    struct nl_error err = {0};
    if (nl_grid_identify(&plan->grid, &plan->datasets, &err) == NL_OK)
        return true;
    bad_input(NULL, "%s", err.text);
    return false;
}

void release_plan(struct plan *plan)
{
    nl_grid_release(&plan->grid);
    nl_datasets_release(&plan->datasets);
}

/* Damaged tables are wrong input, and said before anything is written; they are read once more for that. */
static bool check_tables(const char *folder, const struct nl_experiment *experiment)
{
    struct nl_results results;
    struct nl_error err = {0};
    if (nl_results_load(folder, experiment, &results, &err)) {
        bad_input("the run or sweep that made it, started again, writes the tables anew", "%s", err.text);
        return false;
    }
    nl_results_release(&results);
    return true;
}

bool load_results(const struct command *command, const struct arguments *arguments, struct nl_experiment *out)
{
    if (!arguments->file) {
        point_to_help(command, nl_format("%s needs a results folder", command->name));
        return false;
    }
    for (int i = 0; i < arguments->overrides; i++)
        if (strncmp(arguments->override[i], "plot.", strlen("plot.")) != 0 &&
            strncmp(arguments->override[i], "sweep.baseline=", strlen("sweep.baseline=")) != 0) {
            bad_input("what was trained is fixed: normlab sweep trains", "%s takes keys of the plot section and sweep.baseline only: '%s'",
                      command->name, arguments->override[i]);
            return false;
        }
    char *path = nl_path_join(arguments->file, "experiment.yaml");
    bool good = nl_file_exists(path);
    if (!good)
        bad_input("expected the --out folder of a run or sweep", "'%s' holds no results: there is no '%s'", arguments->file, path);
    else
        good = load_experiment(path, arguments->override, arguments->overrides, out) && check_tables(arguments->file, out);
    free(path);
    return good;
}

int terminal_width(FILE *stream)
{
    struct winsize size;
    return isatty(fileno(stream)) && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
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

char *results_folder(const char *given, const struct nl_experiment *experiment)
{
    return given ? nl_strdup(given) : nl_path_join("results", experiment->name);
}

int print_errors(const struct nl_grid *grid, const struct nl_sweep_result *result)
{
    for (int i = 0; i < result->trials; i++) {
        if (!result->record[i].present || !result->record[i].failed)
            continue;
        char *label = nl_grid_label(grid, &grid->trial[i]);
        fail("trial %d (%s) could not be run: %s", i + 1, label, result->record[i].message);
        free(label);
    }
    return result->errors;
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
