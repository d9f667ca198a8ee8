/* Command lines: words, one a line, as options of a command that has one of each kind, as its file, and as overrides.
 * Nothing is run. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cmd.h"
#include "config/keep.h"
#include "fuzz.h"

enum { WORDS = 24, MAX_TIME = 256, RETRY, DEVICE, CHECKPOINT_EVERY, FORMAT };

static const struct option options[] = {
    {"out", required_argument, NULL, 'o'},       {"jobs", required_argument, NULL, 'j'},
    {"dry-run", no_argument, NULL, 'n'},         {"max-time", required_argument, NULL, MAX_TIME},
    {"retry", required_argument, NULL, RETRY},   {"device", required_argument, NULL, DEVICE},
    {"format", required_argument, NULL, FORMAT}, {"checkpoint-every", required_argument, NULL, CHECKPOINT_EVERY},
    {0},
};

const char *command_line = "normlab fuzz"; /* cmd/main.c has it */
static const struct command command = {.name = "fuzz", .usage = "usage: normlab fuzz FILE [KEY=VALUE ...]\n"};

static bool read_retry(const char *text)
{
    static const char *const names[] = {"done", "diverged", "dead", "error", NULL};
    unsigned bits;
    bool good = read_words("outcome to retry:", text, names, &bits);
    NL_ASSERT(!good || (bits && bits < 16));
    return good;
}

static bool read_time(const char *text)
{
    double seconds;
    bool good = read_duration("--max-time", text, &seconds);
    NL_ASSERT(!good || (seconds > 0 && isfinite(seconds)));
    return good;
}

static bool read_every(const char *text)
{
    double seconds = 0;
    int64_t epochs = 0;
    bool good = read_checkpoint_every(text, &seconds, &epochs);
    NL_ASSERT(!good || (seconds > 0 && isfinite(seconds)) != (epochs > 0));
    return good;
}

static bool read_jobs(const char *text)
{
    int jobs;
    bool good = read_count("--jobs", text, 1, MOST_JOBS, &jobs);
    NL_ASSERT(!good || (jobs >= 1 && jobs <= MOST_JOBS));
    return good;
}

/* false: the message was printed. */
static bool read_options(int count, char **word, const char **device)
{
    static const char *const formats[] = {"table", "csv", "json", NULL};
    int format;
    for (;;)
        switch (next_option(&command, count, word, "o:j:n", options)) {
        case OPTION_END: return true;
        case OPTION_BAD: return false;
        case 'o': NL_ASSERT(*optarg); break;
        case 'n': break;
        case 'j': if (!read_jobs(optarg)) return false; break;
        case MAX_TIME: if (!read_time(optarg)) return false; break;
        case RETRY: if (!read_retry(optarg)) return false; break;
        case CHECKPOINT_EVERY: if (!read_every(optarg)) return false; break;
        case DEVICE: *device = optarg; break;
        case FORMAT: if (!read_word("format", optarg, formats, &format)) return false; break;
        default: NL_BUG("an option that there is not");
        }
}

static void load(struct arguments *arguments)
{
    struct nl_diagnostics diagnostics = {0};
    struct nl_experiment experiment;
    if (nl_experiment_load(NULL, arguments->override, arguments->overrides, &experiment, &diagnostics) == NL_OK) {
        char *text = nl_experiment_text(&experiment, true);
        NL_ASSERT(*text);
        free(text);
    } else {
        free(nl_diagnostics_text(&diagnostics));
    }
    nl_diagnostics_release(&diagnostics);
}

/* What a shell reads where *at is in $'...'; *at is behind it then. */
static char unescaped(char **at)
{
    if (**at == '\\' && *++*at == 'x') {
        char hex[3] = {(*at)[1], (*at)[2]};
        *at += 3;
        return (char)strtol(hex, NULL, 16);
    }
    return *(*at)++;
}

/* The words as a shell reads what was quoted for it: the same as were given. */
static void check_quoted(int count, char *const *word)
{
    char *quoted = quote_words(count, (const char *const *)word), *at = quoted;
    for (int i = 0; i < count; i++) {
        const char *left = word[i];
        bool inside = false;
        if (*at == '$') {
            for (at += 2; *at && *at != '\'';)
                NL_ASSERT(unescaped(&at) == *left++);
            inside = true; /* up to the mark that ends it */
        }
        for (; *at && (inside || *at != ' '); at++) {
            if (*at == '\'') {
                inside = !inside;
                continue;
            }
            if (!inside && *at == '\\')
                at++;
            else
                NL_ASSERT(inside || !strchr(" \t\n|&;<>()$`\"*?[]#~!{}", *at));
            NL_ASSERT(*at == *left++);
        }
        NL_ASSERT(!inside && !*left && (i + 1 < count ? *at++ == ' ' : !*at));
    }
    free(quoted);
}

static ssize_t swallow(void *cookie, const char *bytes, size_t length)
{
    (void)cookie, (void)bytes;
    return (ssize_t)length;
}

/* --help ends the program, and no other option does: words that may stand for it are left out. */
static bool asks_for_help(const char *word)
{
    return strncmp(word, "--h", 3) == 0 || (word[0] == '-' && word[1] != '-' && strchr(word, 'h'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *nowhere;
    if (!nowhere)
        nowhere = fopencookie(NULL, "w", (cookie_io_functions_t){.write = swallow});
    struct nl_kept before = nl_kept_now();
    char *text = nl_alloc(size + 1, 1), *rest = text, *word[WORDS + 1] = {(char *)(uintptr_t)"fuzz"}, *line;
    int count = 1;
    if (size)
        memcpy(text, data, size);
    while (count < WORDS && (line = strsep(&rest, "\n")))
        if (!asks_for_help(line))
            word[count++] = line;
    FILE *kept = stderr;
    const char *device = NULL;
    struct arguments arguments;
    stderr = nowhere;
    check_quoted(count, word);
    optind = 0; /* begins anew */
    if (read_options(count, word, &device) && sort_arguments(&command, "file", count, word, &arguments)) {
        if (device)
            add_device(&arguments, device);
        load(&arguments);
        free(arguments.override);
    }
    stderr = kept;
    nl_keep_no_more(before);
    free(text);
    return 0;
}
