#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cmd.h"
#include "sweep/rounds.h"

enum { DRY_RUN = 'n', FORCE = 'f' };

static const struct option options[] = {
    {"dry-run", no_argument, NULL, DRY_RUN}, {"force", no_argument, NULL, FORCE}, {0}};

static double print_leftovers(const struct nl_leftovers *leftovers)
{
    double bytes = 0;
    for (int i = 0; i < leftovers->count; i++) {
        if (!output.quiet)
            tell(stdout, "%s: %s\n", leftovers->at[i].path, leftovers->at[i].why);
        bytes += (double)leftovers->at[i].bytes;
    }
    return bytes;
}

static bool yes(const char *question)
{
    char answer[16] = "";
    fflush(stdout);
    fprintf(stderr, "%s [y/N] ", question);
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int remove_all(const struct nl_leftovers *leftovers)
{
    int code = EXIT_DONE;
    for (int i = 0; i < leftovers->count; i++)
        if (unlink(leftovers->at[i].path) != 0) {
            code = fail("cannot remove '%s': %s", leftovers->at[i].path, strerror(errno));
        }
    return code;
}

static int clean(const struct nl_store *store, const struct nl_grid *grid, bool dry_run, bool force)
{
    struct nl_leftovers leftovers;
    char size[32], what[64];
    struct nl_error err;
    if (nl_store_leftovers(store, grid, &leftovers, &err)) {
        nl_leftovers_release(&leftovers);
        return fail("%s", err.text);
    }
    int code = EXIT_DONE, count = leftovers.count;
    nl_bytes_text(print_leftovers(&leftovers), size);
    snprintf(what, sizeof what, "%s, %s", NL_COUNT(count, "file"), size);
    if (count == 0 && output.quiet)
        ; /* nothing to say */
    else if (count == 0)
        tell(stdout, "nothing to remove in '%s'\n", store->folder);
    else if (dry_run)
        tell(stdout, "%s could be removed from '%s'\n", what, store->folder);
    else if (!force && !isatty(STDIN_FILENO))
        code = bad_input("--force removes without asking, --dry-run only lists them",
                         "%s would be removed from '%s', and there is no terminal to ask on", what, store->folder);
    else if (force || yes("remove them?"))
        code = remove_all(&leftovers);
    nl_leftovers_release(&leftovers);
    return code;
}

/* The names of trials depend on numerics and data: only with those of the folder is a name that the grid does not have
 * a stale one. */
static int open_and_clean(const char *folder, bool dry_run, bool force)
{
    struct nl_experiment experiment;
    struct nl_provenance made;
    struct nl_grid grid = {0};
    struct nl_datasets datasets = {0};
    struct nl_store store;
    struct nl_error err = {0};
    struct nl_diagnostics diagnostics = {0};
    int code = EXIT_BAD_INPUT;
    if (nl_store_read(folder, &experiment, &made, &err))
        return bad_input("expected the --out folder of a run or sweep", "%s", err.text);
    if (nl_grid_make(&experiment, &grid, &diagnostics)) {
        print_diagnostics(&diagnostics);
    } else if (nl_grid_identify(&grid, &datasets, &err) || nl_provenance_check(&made, &datasets, folder, &err) ||
               nl_store_lock(&store, folder, &err)) {
        bad_input(NULL, "%s", err.text);
    } else {
        code = clean(&store, &grid, dry_run, force);
        nl_store_close(&store);
    }
    nl_grid_release(&grid);
    nl_datasets_release(&datasets);
    return code;
}

static int run(const struct command *self, int argc, char **argv)
{
    bool dry_run = false, force = false;
    for (int option; (option = next_option(self, argc, argv, "nf", options)) != OPTION_END;) {
        if (option != DRY_RUN && option != FORCE)
            return EXIT_BAD_INPUT;
        dry_run |= option == DRY_RUN;
        force |= option == FORCE;
    }
    if (argc - optind != 1)
        return misused(self, "clean takes one results folder");
    int code = open_and_clean(argv[optind], dry_run, force);
    for (int i = 1; i < NL_ROUND_FOLDERS && code == EXIT_DONE; i++) {
        char *round = nl_round_folder(argv[optind], i);
        code = round ? open_and_clean(round, dry_run, force) : code;
        free(round);
    }
    return code;
}

const struct command command_clean = {
    .name = "clean",
    .summary = "remove leftover files from a results folder",
    .usage =
        "usage: normlab clean RESULTS [--dry-run | --force]\n"
        "\n"
        "Removes from RESULTS what its tables do not show: half-written files of a killed program, damaged trials, and trials that are no\n"
        "longer in the grid. (A sweep that asks for such trials again would reuse them.) It lists the files and asks before it removes them.\n"
        "It changes nothing while another normlab works in the folder. The other rounds of a sweep, RESULTS/tuning and RESULTS/same, are\n"
        "cleaned, too.\n"
        "\n"
        "  -n, --dry-run    only list the files\n"
        "  -f, --force      do not ask\n"
        "\n"
        "examples:\n"
        "  normlab clean results/small_batch --dry-run\n"
        "  normlab clean results/small_batch --force\n",
    .run = run,
};
