#include "plot/plot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "cmd.h"

enum { TEXT = 't', FORMAT = 'f', OUT = 'o' };

static const struct option options[] = {{"out", required_argument, NULL, OUT},
                                        {"text", no_argument, NULL, TEXT},
                                        {"format", required_argument, NULL, FORMAT},
                                        {0}};

/* "svg,png": those and no others; false: the message was printed. */
static bool read_formats(const char *text, struct nl_plot_options *how, bool *shows)
{
    static const char *const names[] = {"svg", "png", "pdf", "txt", NULL};
    unsigned wanted;
    if (!read_words("format", text, names, &wanted))
        return false;
    how->svg = wanted & 1;
    how->png = wanted & 2;
    how->pdf = wanted & 4;
    *shows |= (wanted & 8) != 0;
    return true;
}

/* The columns that a picture may have: the terminal's, else those of COLUMNS, else 100. */
static int columns_of(FILE *stream)
{
    const char *said = getenv("COLUMNS");
    int width = terminal_width(stream);
    long columns = width > 0 || !said ? width : strtol(said, NULL, 10);
    return columns > 0 && columns < 10000 ? (int)columns : 100;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct nl_plot_options how = {.svg = true, .png = true, .pdf = true};
    struct arguments arguments;
    struct results_folder from;
    struct nl_error err = {0};
    bool shows = false; /* on the terminal */
    for (int option; (option = next_option(self, argc, argv, "o:tf:", options)) != OPTION_END;) {
        if (option == TEXT)
            shows = true;
        else if (option == OUT)
            how.out = optarg;
        else if (option != FORMAT || !read_formats(optarg, &how, &shows))
            return EXIT_BAD_INPUT;
    }
    if (!sort_arguments(self, "folder", argc, argv, &arguments))
        return EXIT_BAD_INPUT;
    int code = EXIT_BAD_INPUT;
    if (open_results(self, &arguments, &from)) {
        struct nl_text report = {0}, left_out = {0}, screen = {0};
        char *folder = how.out ? nl_strdup(how.out) : nl_path_join(arguments.file, "plots");
        how.out = folder;
        how.home = arguments.file;
        how.report = &report;
        how.left_out = &left_out;
        how.screen = shows ? &screen : NULL;
        how.columns = columns_of(stdout);
        how.colour = coloured(stdout);
        if (is_outside_trials("--out", folder) && can_be_made(folder)) {
            int status = nl_plot(from.tables, &from.experiment, &from.planned, &how, &err);
            code = status == NL_BAD ? bad_input(tables_anew, "%s", err.text)
                   : status         ? fail("%s", err.text)
                                    : EXIT_DONE;
        }
        if (report.at && !output.quiet)
            tell(stdout, "%s", report.at);
        if (screen.at) /* which has control characters of its own */
            fputs(screen.at, stdout);
        char *rest = left_out.at, *line;
        while ((line = strsep(&rest, "\n")) && *line)
            code = fail("%s", line);
        nl_text_release(&left_out);
        nl_text_release(&report);
        nl_text_release(&screen);
        free(folder);
    }
    release_results(&from);
    free(arguments.override);
    return code;
}

const struct command command_plot = {
    .name = "plot",
    .summary = "draw the plots of a results folder",
    .usage =
        "usage: normlab plot RESULTS [plot.KEY=VALUE ...] [--out DIR] [--text] [--format svg,png,pdf,txt]\n"
        "\n"
        "Writes a self-contained gnuplot script and a caption for each picture to RESULTS/plots, and renders the pictures. `normlab keys\n"
        "plot` lists what can be set. Of a sweep that is still running it draws the trials so far. A picture of plot.kind for which there is\n"
        "nothing to draw is a failure (exit code 1).\n"
        "\n"
        "  -o, --out DIR    another folder (default: RESULTS/plots)\n"
        "  -f, --format F   svg, png, pdf, txt (or several with commas; default: svg,png,pdf); txt is drawn on the terminal, as wide as it is\n"
        "                   (elsewhere as COLUMNS says, or 100), in colours where it has some\n"
        "  -t, --text       txt, too\n"
        "\n"
        "examples:\n"
        "  normlab plot results/small_batch\n"
        "  normlab plot results/small_batch plot.metric=test_loss plot.width=17 --format pdf\n"
        "  normlab plot results/mine plot.kind=figure plot.x=norm.kind plot.facet=train.batch plot.mark=bars\n"
        "  normlab plot results/mine plot.kind=steps plot.metric=test_accuracy plot.target=90\n"
        "  normlab plot results/gradients_depth plot.kind=layers,depth plot.tensors='grad:*.weight' plot.step=10\n"
        "  normlab plot results/lr_tolerance --format txt\n",
    .run = run,
};
