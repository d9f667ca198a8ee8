/* From a results folder to gnuplot scripts: overrides of the experiment, one a line, then, after a line "%%",
 * trials.csv, and after another curves.csv. gnuplot is not run. Whatever titles, fonts, labels and tables hold, a
 * script is made of our words, of numbers and of closed strings: no text of a user's is read as a command, and none is
 * given to a shell.
 */
#include <ctype.h>
#include <string.h>

#include "base/memory.h"
#include "config/keep.h"
#include "fuzz.h"
#include "plot/plot.h"

enum { OVERRIDES = 8 };

static const char experiment_text[] =
    "train: {epochs: 1}\n"
    "sweep: {grid: {norm.kind: [bn, none], train.batch: [8, 32], train.lr: [0.01, 0.1]}, seeds: 2,\n"
    "        baseline: {norm.kind: none}}\n"
    "plot: {kind: [small_batch, lr_tolerance, curves, heatmap, steps], target: 50}\n";

/* All words that stand in scripts outside strings and comments. */
static const char *const words[] = {
    "arrow",       "at",         "autofreq",  "axes",       "background", "behind",       "bmargin",     "border",
    "boxxyerror",  "by",         "cb",        "cblabel",    "cbrange",    "cbtics",       "center",      "colorbox",
    "cubehelix",   "cycles",     "dashtype",  "defined",    "dot",        "dumb",         "else",        "encoding",
    "EOD",         "eq",         "exists",    "fillcolor",  "filled",     "filledcurves", "fillstyle",   "floor",
    "font",        "fontscale",  "format",    "from",       "graph",      "horizontal",   "if",          "key",
    "keyentry",    "label",      "labels",    "Left",       "left",       "line",         "linecolor",   "lines",
    "linespoints", "linestyle",  "linewidth", "lmargin",    "logscale",   "maxcols",      "mono",        "multiplot",
    "NaN",         "ne",         "noborder",  "noenhanced", "nohead",     "nomirror",     "norotate",    "notitle",
    "object",      "offset",     "origin",    "out",        "output",     "palette",      "pattern",     "pdfcairo",
    "picture",     "plot",       "pngcairo",  "point",      "points",     "pointscale",   "pointsize",   "pointtype",
    "pt",          "rectangle",  "reset",     "reverse",    "rgb",        "right",        "rmargin",     "rotate",
    "samplen",     "saturation", "scale",     "screen",     "set",        "size",         "solid",       "spacing",
    "sprintf",     "start",      "steps",     "style",      "svg",        "terminal",     "textcolor",   "ticks",
    "tics",        "title",      "tmargin",   "to",         "top",        "transparent",  "unset",       "up",
    "user",        "using",      "utf8",      "variable",   "vectors",    "width",        "with",        "x",
    "x1y2",        "xlabel",     "xrange",    "xtics",      "y",          "y2range",      "yerrorlines", "ylabel",
    "yrange",      "ytics",      NULL};

/* And those that stand in data for what happened to runs. */
static const char *const marks[] = {"×", "·", "–", "?", NULL};

/* The length of the mark there; 0: there is none. */
static size_t mark_at(const char *at)
{
    for (int i = 0; marks[i]; i++)
        if (strncmp(at, marks[i], strlen(marks[i])) == 0)
            return strlen(marks[i]);
    return 0;
}

static bool is_known(const char *word, size_t length)
{
    for (int i = 0; words[i]; i++)
        if (strlen(words[i]) == length && memcmp(words[i], word, length) == 0)
            return true;
    return false;
}

/* A string from its opening quote on: what is behind the closing one. */
static const char *skip_string(const char *at, const char *end)
{
    char quote = *at++;
    for (; at < end && *at != quote; at++)
        if (quote == '"' && *at == '\\')
            NL_ASSERT(end - at > 3 && at[1] >= '0' && at[1] <= '3' && isdigit((unsigned char)at[2]) &&
                      isdigit((unsigned char)at[3]));
    NL_ASSERT(at < end);
    return at + 1;
}

/* A number, or a word that is ours; what is behind it. In data 1/2 is a word, too: how many runs of how many failed. */
static const char *skip_word(const char *at, const char *end, bool data)
{
    const char *start = at;
    bool number = isdigit((unsigned char)*at), block = at[-1] == '$';
    while (at < end && (isalnum((unsigned char)*at) || *at == '_' ||
                        (number && (*at == '.' || (strchr("+-", *at) && at[-1] == 'e') ||
                                    (data && *at == '/' && isdigit((unsigned char)at[1]))))))
        at++;
    if (!number && !block && !is_known(start, (size_t)(at - start)))
        NL_BUG("a script has the word '%.*s'", (int)(at - start), start);
    return at;
}

/* In blocks of data stand numbers, strings and marks alone. */
static void check_line(const char *at, const char *end, bool data)
{
    const char *line = at;
    for (const char *byte = at; byte < end; byte++)
        NL_ASSERT((unsigned char)*byte >= 32 && *byte != 127 && *byte != '`');
    while (at < end && *at != '#') {
        if (*at == '"' || *at == '\'')
            at = skip_string(at, end);
        else if (isalnum((unsigned char)*at) || *at == '_')
            at = skip_word(at, end, data);
        else if (strchr(data ? " .-+" : " .-+*/=<>!?:;,()[]{}$%&|\\", *at))
            at++;
        else if (data && mark_at(at))
            at += mark_at(at);
        else
            NL_BUG("a script has the character '%c': %.*s", *at, (int)(end - line), line);
    }
    NL_ASSERT(at == end || end[-1] != '\\'); /* a comment goes not on in the next line */
}

static void check_script(const char *name)
{
    char *path = nl_format(FUZZ_FOLDER "/plots/%s.gp", name);
    const char *at = fuzz_bytes(path, NULL);
    bool data = false;
    while (at && *at) {
        const char *end = at + strcspn(at, "\n");
        bool ends = end - at == 3 && memcmp(at, "EOD", 3) == 0,
             begins = end - at > 7 && memcmp(end - 7, " << EOD", 7) == 0;
        NL_ASSERT(*end == '\n' && (!ends || data) && (!begins || !data));
        data = data && !ends;
        check_line(at, end, data);
        data = data || begins;
        at = end + 1;
    }
    NL_ASSERT(!data);
    fuzz_remove(path);
    free(path);
}

/* Cuts text at "\n%%\n"; what is behind it, or an empty text. */
static char *cut(char *text)
{
    char *mark = strstr(text, "\n%%\n");
    if (!mark)
        return text + strlen(text);
    mark[1] = '\0';
    return mark + 4;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nl_kept before = nl_kept_now();
    struct nl_diagnostics diagnostics = {0};
    struct nl_experiment experiment;
    struct nl_error err;
    const char *overrides[OVERRIDES];
    int count = 0;
    char *text = nl_alloc(size + 1, 1);
    if (size)
        memcpy(text, data, size);
    char *trials = cut(text), *curves = cut(trials);
    for (char *line = strtok(text, "\n"); line && count < OVERRIDES; line = strtok(NULL, "\n"))
        overrides[count++] = line;
    const char *path = fuzz_file("fuzz.yaml", experiment_text, sizeof experiment_text - 1);
    fuzz_file("trials.csv", trials, strlen(trials));
    fuzz_file("curves.csv", curves, strlen(curves));
    if (nl_experiment_load(path, overrides, count, &experiment, &diagnostics) == NL_OK) {
        nl_plot(FUZZ_FOLDER, &experiment, NULL, &(struct nl_plot_options){0}, &err);
        for (int kind = 0; nl_plot_names[kind]; kind++)
            check_script(nl_plot_names[kind]);
    }
    nl_diagnostics_release(&diagnostics);
    nl_keep_no_more(before);
    free(text);
    return 0;
}
