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
static bool read_formats(const char *text, struct nl_plot_options *how)
{
    static const char *const names[] = {"svg", "png", "pdf", NULL};
    unsigned wanted;
    if (!read_words("format", text, names, &wanted))
        return false;
    how->svg = wanted & 1;
    how->png = wanted & 2;
    how->pdf = wanted & 4;
    return true;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct nl_plot_options how = {.svg = true, .png = true, .pdf = true};
    struct arguments arguments;
    struct results_folder from;
    struct nl_error err = {0};
    for (int option; (option = next_option(self, argc, argv, "o:tf:", options)) != OPTION_END;) {
        if (option == TEXT)
            how.text = true;
        else if (option == OUT)
            how.out = optarg;
        else if (option != FORMAT || !read_formats(optarg, &how))
            return EXIT_BAD_INPUT;
    }
    if (!sort_arguments(self, "folder", argc, argv, &arguments))
        return EXIT_BAD_INPUT;
    int code = EXIT_BAD_INPUT;
    if (open_results(self, &arguments, &from)) {
        struct nl_text report = {0}, left_out = {0};
        char *folder = how.out ? nl_strdup(how.out) : nl_path_join(arguments.file, "plots");
        how.out = folder;
        how.home = arguments.file;
        how.report = &report;
        how.left_out = &left_out;
        if (is_outside_trials("--out", folder) && can_be_made(folder)) {
            int status = nl_plot(from.tables, &from.experiment, &from.planned, &how, &err);
            code = status == NL_BAD ? bad_input(tables_anew, "%s", err.text)
                   : status         ? fail("%s", err.text)
                                    : EXIT_DONE;
        }
        if (report.at && (how.text || !output.quiet))
            tell(stdout, "%s", report.at);
        char *rest = left_out.at, *line;
        while ((line = strsep(&rest, "\n")) && *line)
            code = fail("%s", line);
        nl_text_release(&left_out);
        nl_text_release(&report);
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
        "usage: normlab plot RESULTS [plot.KEY=VALUE ...] [--out DIR] [--text] [--format svg,png,pdf]\n"
        "\n"
        "Writes a self-contained gnuplot script and a caption for each picture to RESULTS/plots, and renders the pictures. `normlab keys\n"
        "plot` lists what can be set. Of a sweep that is still running it draws the trials so far. A picture of plot.kind for which there is\n"
        "nothing to draw is a failure (exit code 1).\n"
        "\n"
        "  -o, --out DIR    another folder (default: RESULTS/plots)\n"
        "  -f, --format F   svg, png, pdf (or several with commas; default: all)\n"
        "  -t, --text       draw on the terminal, too\n"
        "\n"
        "examples:\n"
        "  normlab plot results/small_batch\n"
        "  normlab plot results/small_batch plot.metric=test_loss plot.width=17 --format pdf\n"
        "  normlab plot results/mine plot.kind=figure plot.x=norm.kind plot.facet=train.batch plot.mark=bars\n"
        "  normlab plot results/mine plot.kind=steps plot.metric=test_accuracy plot.target=90\n"
        "  normlab plot results/gradients_depth plot.kind=layers,depth plot.tensors='grad:*.weight' plot.step=10\n"
        "  normlab plot results/lr_tolerance --text\n",
    .run = run,
};
