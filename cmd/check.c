#include <stdio.h>
#include <stdlib.h>

#include "cmd.h"
#include "import/import.h"
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
    printf("%s%s", trials->extends ? "; more beyond the edges of what sweep.tune chooses from" : "",
           trials->refines ? "; more at the rates that sweep.refine adds" : "");
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

/* That files of another program can be read, and what each column is taken for. */
static int check_import(const struct nl_experiment *experiment)
{
    struct nl_imported imported;
    struct nl_diagnostics diagnostics = {0};
    struct nl_error err = {0};
    int code = EXIT_DONE, status = nl_import(experiment, &imported, &diagnostics, &err);
    if (status == NL_BAD)
        code = bad_input(NULL, "%s", err.text);
    else if (print_diagnostics(&diagnostics))
        code = EXIT_BAD_INPUT;
    else
        tell(stdout, "ok: %s to import\n%s", NL_COUNT(imported.grid.trials, "run"), imported.found.at);
    nl_imported_release(&imported);
    nl_diagnostics_release(&diagnostics);
    return code;
}

static int check_plan(const struct nl_experiment *experiment)
{
    struct plan plan;
    bool good = plan_of(experiment, &plan);
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
    return good ? EXIT_DONE : EXIT_BAD_INPUT;
}

static int run(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {{0}};
    if (next_option(self, argc, argv, "", options) != OPTION_END)
        return EXIT_BAD_INPUT;
    struct arguments arguments;
    struct nl_experiment experiment;
    if (!sort_arguments(self, "file", argc, argv, &arguments))
        return EXIT_BAD_INPUT;
    if (!arguments.file)
        return misused(self, "%s needs a file", self->name);
    int code = EXIT_BAD_INPUT;
    if (load_experiment(arguments.file, arguments.override, arguments.overrides, &experiment))
        code = experiment.import ? check_import(&experiment) : check_plan(&experiment);
    free(arguments.override);
    return code;
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
        "standard data that were not fetched yet, with a warning. Of a file with a section import it reads the files of that section, and\n"
        "prints what each column was taken for.\n"
        "\n"
        "examples:\n"
        "  normlab check experiments/small_batch.yaml\n"
        "  normlab check experiments/small_batch.yaml norm.groups=4\n",
    .run = run,
};
