#include <stdio.h>
#include <stdlib.h>

#include "cmd.h"
#include "sweep/observed.h"

/* ", 12 tensors observed", where there are any. */
static void print_observed(const struct nl_grid *grid)
{
    int least, most;
    nl_count_observed(grid, &least, &most);
    if (least < most)
        printf(", %d to %d tensors observed", least, most);
    else if (most)
        printf(", %d tensor%s observed", most, most == 1 ? "" : "s");
}

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
        printf("ok: %d trial%s", plan.grid.trials, plan.grid.trials == 1 ? "" : "s");
        print_observed(&plan.grid);
        printf("\n");
    }
    release_plan(&plan);
    free(arguments.override);
    return good ? EXIT_DONE : EXIT_BAD_INPUT;
}

const struct command command_check = {
    .name = "check",
    .summary = "validate a file and every trial of its grid, and run nothing",
    .usage = "usage: normlab check FILE [KEY=VALUE ...]\n"
             "\n"
             "Reads FILE as run and sweep do, unfolds its grid and checks every trial. If something is wrong it prints all of it, each with\n"
             "its place, on stderr (exit code 2), or else the number of trials, and of tensors that log.tensors observes (exit code 0). It warns of known traps, with the remedy. It opens\n"
             "no data, and runs and writes nothing.\n"
             "\n"
             "examples:\n"
             "  normlab check experiments/small_batch.yaml\n"
             "  normlab check experiments/small_batch.yaml norm.groups=3\n",
    .run = run,
};
