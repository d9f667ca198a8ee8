#include "sweep/verify.h"

#include <stdio.h>
#include <stdlib.h>

#include "cmd.h"
#include "sweep/rounds.h"

enum { EXIT_DAMAGED = 1 };

static const struct option options[] = {{0}};

/* A line for the folder, and one for each bad file. Whether all is good. */
static bool verify(const char *folder)
{
    struct nl_verified found;
    nl_store_verify(folder, &found);
    bool good = found.bad == 0;
    if (!good || !output.quiet) {
        tell(stdout, "%s: ", folder);
        if (found.imported)
            printf("%s, imported, ", NL_COUNT(found.rows, "run"));
        else if (found.absent)
            printf("incomplete, %d of %s, ", found.planned - found.absent, NL_COUNT(found.planned, "trial"));
        else
            printf("%s, ", NL_COUNT(found.trials, "trial"));
        printf("%s, %s: ", NL_COUNT(found.tables, "table"), NL_COUNT(found.checkpoints, "checkpoint"));
        if (!good)
            printf("%d bad", found.bad);
        else if (found.unsealed.length)
            tell(stdout, "good, but without a checksum: %s", found.unsealed.at);
        else
            printf("good");
        tell(stdout, "\n%s", good ? "" : found.problems.at);
        fflush(stdout);
    }
    nl_verified_release(&found);
    return good;
}

/* All rounds of the sweep. */
static bool verify_rounds(const char *folder)
{
    bool good = true;
    for (int i = 0; i < NL_ROUND_FOLDERS; i++) {
        char *round = nl_round_folder(folder, i);
        good &= !round || verify(round);
        free(round);
    }
    return good;
}

static int run(const struct command *self, int argc, char **argv)
{
    if (next_option(self, argc, argv, "", options) != OPTION_END)
        return EXIT_BAD_INPUT;
    if (optind == argc)
        return misused(self, "verify needs a results folder");
    for (int i = optind; i < argc; i++)
        if (!holds_results(argv[i]))
            return EXIT_BAD_INPUT;
    bool good = true;
    for (int i = optind; i < argc; i++)
        good &= verify_rounds(argv[i]);
    return good ? EXIT_DONE : EXIT_DAMAGED;
}

const struct command command_verify = {
    .name = "verify",
    .summary = "check the checksums of results folders",
    .usage =
        "usage: normlab verify RESULTS ...\n"
        "\n"
        "Checks the checksums of all files in RESULTS: experiment.yaml, the tables, every finished trial and every checkpoint, also of the\n"
        "sweep's other rounds, RESULTS/tuning and RESULTS/same. Prints a line for each folder, and one for each file that is damaged or\n"
        "missing; with --quiet, it prints nothing where all is good. It counts the trials of the grid that have not run. It changes nothing,\n"
        "and may be used while a sweep runs there. To repair a folder, start its sweep again: it trains damaged and missing trials and\n"
        "rewrites the tables.\n"
        "\n"
        "exit codes: 0 all is good, 1 something is damaged, 2 wrong input\n"
        "\n"
        "examples:\n"
        "  normlab verify results/small_batch\n"
        "  normlab verify results/small_batch results/lr_tolerance --quiet\n",
    .run = run,
};
