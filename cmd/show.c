#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "side.h"

/* What is there besides a file is a trial of results, and fixed. */
static bool load(const struct command *self, const struct arguments *arguments, struct nl_experiment *out)
{
    const char *colon = arguments->file ? strrchr(arguments->file, ':') : NULL;
    char *path = arguments->file ? find_configuration(arguments->file) : NULL;
    bool is_trial = colon && !nl_file_exists(path);
    free(path);
    if (!is_trial)
        return load_experiment(arguments->file, arguments->override, arguments->overrides, out);
    if (arguments->overrides) {
        misused(self, "trial '%s' is what it was: '%s' cannot change it", arguments->file, arguments->override[0]);
        return false;
    }
    struct side side;
    bool good = open_side(arguments->file, &side);
    *out = side.experiment;
    close_side(&side);
    return good;
}

static int run(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {{0}};
    if (next_option(self, argc, argv, "", options) != OPTION_END)
        return EXIT_BAD_INPUT;
    struct arguments arguments;
    if (!sort_arguments(self, "file", argc, argv, &arguments))
        return EXIT_BAD_INPUT;
    struct nl_experiment experiment;
    bool good = load(self, &arguments, &experiment);
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
             "RESULTS:N is trial N of a results folder, as trials.csv numbers them.\n"
             "\n"
             "examples:\n"
             "  normlab show configs/mlp_digits.yaml\n"
             "  normlab show experiments/small_batch.yaml train.lr=0.1 norm.kind=bn,gn\n"
             "  normlab show norm.kind=gn > my.yaml\n"
             "  normlab show results/small_batch:17 > one.yaml && normlab run one.yaml --save-final model.safetensors\n",
    .run = run,
};
