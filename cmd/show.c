#include <stdio.h>
#include <stdlib.h>

#include "operand.h"

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
    .summary = "print the complete configuration, with the origin of each value",
    .usage =
        "usage: normlab show [FILE] [KEY=VALUE ...]\n"
        "       normlab show RESULTS:N\n"
        "\n"
        "Prints the complete configuration that FILE and the arguments give. A comment after each value says where it comes from: a\n"
        "default, a line of a file, or the command line. The output is itself a configuration that can be run. Without FILE it shows the\n"
        "defaults. RESULTS:N is trial N of a results folder, as numbered in trials.csv; `normlab run RESULTS:N` trains it again.\n"
        "\n"
        "examples:\n"
        "  normlab show configs/mlp_digits.yaml\n"
        "  normlab show experiments/small_batch.yaml train.lr=0.1 norm.kind=bn,gn\n"
        "  normlab show norm.kind=gn > my.yaml\n"
        "  normlab show results/small_batch:17 > one.yaml && normlab run one.yaml train.lr=0.1\n",
    .run = run,
};
