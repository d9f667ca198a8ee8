#include <stdio.h>
#include <stdlib.h>

#include "cmd.h"

static int run(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {{0}};
    if (next_option(self, argc, argv, "", options) != OPTION_END)
        return EXIT_BAD_INPUT;
    struct arguments arguments;
    struct plan plan;
    if (!sort_arguments(self, "file", argc, argv, &arguments))
        return EXIT_BAD_INPUT;
    bool good = make_plan(self, &arguments, &plan);
    if (good) {
        print_notes(&plan);
        printf("ok: %d trial%s\n", plan.grid.trials, plan.grid.trials == 1 ? "" : "s");
    }
    release_plan(&plan);
    free(arguments.override);
    return good ? EXIT_DONE : EXIT_BAD_INPUT;
}

const struct command command_check = {
    .name = "check",
    .summary = "validate a file and every trial of its grid, without training",
    .usage = "usage: normlab check FILE [KEY=VALUE ...]\n"
             "\n"
             "Reads FILE as run and sweep do, expands its grid and checks every trial. Where something is wrong, it prints every mistake with\n"
             "its place on stderr (exit code 2). Otherwise it prints the number of trials (exit code 0), and warns of known traps. It trains\n"
             "and writes nothing. Of the data it looks only at .npy arrays of your own.\n"
             "\n"
             "examples:\n"
             "  normlab check experiments/small_batch.yaml\n"
             "  normlab check experiments/small_batch.yaml norm.groups=3\n",
    .run = run,
};
