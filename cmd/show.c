#include <stdio.h>
#include <stdlib.h>

#include "side.h"

static int run(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {{0}};
    if (next_option(self, argc, argv, "", options) != OPTION_END)
        return EXIT_BAD_INPUT;
    struct arguments arguments;
    if (!sort_arguments(self, "file", argc, argv, &arguments))
        return EXIT_BAD_INPUT;
    struct nl_experiment experiment;
    bool good = load_file_or_trial(&arguments, &experiment);
    if (good) {
        char *text = nl_experiment_text(&experiment, true);
        fputs(text, stdout);
        free(text);
    }
    free(arguments.override);
    return good ? EXIT_DONE : EXIT_BAD_INPUT;
}

const struct command command_show = {
    .name = "show",
    .summary = "print the resolved configuration, each value with its origin",
    .usage = "usage: normlab show [FILE] [KEY=VALUE ...]\n"
             "       normlab show RESULTS:N\n"
             "\n"
             "Prints the configuration that FILE and the arguments give, complete, with where each value comes from: a default, a\n"
             "file and its line, or the command line. What it prints is a file that can be run. Without FILE: the defaults.\n"
             "RESULTS:N is trial N of a results folder, as trials.csv numbers them; `normlab run RESULTS:N` runs it again.\n"
             "\n"
             "examples:\n"
             "  normlab show configs/mlp_digits.yaml\n"
             "  normlab show experiments/small_batch.yaml train.lr=0.1 norm.kind=bn,gn\n"
             "  normlab show norm.kind=gn > my.yaml\n"
             "  normlab show results/small_batch:17 > one.yaml && normlab run one.yaml train.lr=0.1\n",
    .run = run,
};
