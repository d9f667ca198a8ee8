#include <stdio.h>
#include <stdlib.h>

#include "cmd.h"
#include "sweep/observed.h"
#include "sweep/rounds.h"

/* "108 trials"; of several rounds "at most 108 trials: tuning 72, the grid 18, the same values for all at most 18". */
static void print_count(const struct nl_round_trials *trials)
{
    int sum = 0, rounds = 0;
    bool at_most = false;
    for (int kind = 0; kind < NL_ROUND_KINDS; kind++) {
        sum += trials->count[kind];
        rounds += trials->count[kind] > 0;
        at_most |= trials->at_most[kind];
    }
    printf("ok: %s%s", at_most ? "at most " : "", NL_COUNT(sum, "trial"));
    for (int kind = 0, listed = 0; rounds > 1 && kind < NL_ROUND_KINDS; kind++)
        if (trials->count[kind])
            printf("%s%s %s%d", listed++ ? ", " : ": ", nl_round_names[kind], trials->at_most[kind] ? "at most " : "",
                   trials->count[kind]);
    printf("%s", trials->refines ? "; more at the rates that sweep.refine adds" : "");
}

/* ", 12 tensors observed", where some are asked for: a group of log.layers may have none. */
static void print_observed(const struct nl_grid *grid)
{
    int least, most;
    nl_count_observed(grid, &least, &most);
    if (least < most)
        printf(", %d to %s observed", least, NL_COUNT(most, "tensor"));
    else if (grid->trials > 0 && nl_config_observes(&grid->trial[0].config))
        printf(", %s observed", NL_COUNT(most, "tensor"));
}

/* Opens what the trials read, and says at its place what is wrong with it. Standard data that were never fetched are
 * missed alone: a file may be checked where it will not run. */
static void open_all(struct plan *plan, struct nl_diagnostics *errors, struct nl_diagnostics *warnings)
{
    for (int i = 0; i < plan->grid.trials; i++) {
        struct nl_trial *trial = &plan->grid.trial[i];
        struct nl_error err;
        const char *key;
        if (nl_trial_open(trial, &plan->datasets, &key, &err) == NL_OK)
            continue;
        bool absent = nl_data_is_absent(&trial->config);
        nl_complain(absent ? warnings : errors, &plan->experiment, key, "%s%s", absent ? "warning: " : "", err.text);
    }
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
    struct nl_round_trials trials;
    struct nl_diagnostics diagnostics = {0}, missing = {0};
    if (good)
        open_all(&plan, &diagnostics, &missing);
    if (good)
        nl_round_count(&plan.experiment, &plan.grid, &trials, &diagnostics);
    good &= !print_diagnostics(&diagnostics);
    if (good) {
        print_notes(&plan);
        if (warns())
            print_diagnostics(&missing);
        print_count(&trials);
        print_observed(&plan.grid);
        printf("\n");
    }
    nl_diagnostics_release(&missing);
    release_plan(&plan);
    free(arguments.override);
    return good ? EXIT_DONE : EXIT_BAD_INPUT;
}

const struct command command_check = {
    .name = "check",
    .summary = "validate a file and every trial of its grid, without training",
    .usage =
        "usage: normlab check FILE [KEY=VALUE ...]\n"
        "\n"
        "Reads FILE as run and sweep do, expands its grid and checks every trial. Where something is wrong, it prints every mistake with\n"
        "its place on stderr (exit code 2). Otherwise it prints the number of trials, and of tensors that are observed in each (exit\n"
        "code 0), and warns of known traps. The number of trials is that of all rounds of a sweep; it is an upper bound (\"at most\") where\n"
        "results decide on later rounds. check trains and writes nothing. It reads the data, and goes on without\n"
        "standard data that were not fetched yet, with a warning.\n"
        "\n"
        "examples:\n"
        "  normlab check experiments/small_batch.yaml\n"
        "  normlab check experiments/small_batch.yaml norm.groups=4\n",
    .run = run,
};
