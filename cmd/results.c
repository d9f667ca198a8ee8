/* Results as commands that look at them see them: the tables of the folder, or of a sweep that is not at its end those
 * of the trials that are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "cmd.h"
#include "stats/results.h"

static bool has_tables(const char *folder)
{
    char *path = nl_path_join(folder, "trials.csv");
    bool there = nl_file_exists(path);
    free(path);
    return there;
}

static const char *look_in_between(const char *folder, bool running)
{
    struct nl_experiment experiment;
    struct nl_provenance made;
    struct nl_partial partial;
    struct nl_error err = {0};
    const char *tables = NULL;
    if (nl_store_read(folder, &experiment, &made, &err) ||
        nl_partial_load(folder, &experiment, &made, &partial, &err)) {
        bad_input(NULL, "%s", err.text);
        return NULL;
    }
    if (!partial.present)
        bad_input(running ? "a run or sweep is at work there; normlab ls shows its progress"
                          : "start the run or sweep again to continue it",
                  "no trial has finished yet in '%s'", folder);
    else
        tables = write_temporary_tables(&partial);
    if (tables && !output.quiet)
        tell(stderr, "%s: %d of %s %s\n", folder, partial.present, NL_COUNT(partial.grid.trials, "trial"),
             running ? "so far" : "so far: the sweep did not finish; start it again to continue");
    nl_partial_release(&partial);
    return tables;
}

const char *results_tables(const char *folder)
{
    bool running = nl_store_in_use(folder); /* a table that is there belongs to what ran before */
    return has_tables(folder) && !running ? folder : look_in_between(folder, running);
}

const char tables_anew[] = "start the run or sweep again to rewrite the tables";

bool load_results(const char *tables, const struct nl_experiment *experiment, const struct nl_planned *planned,
                  struct nl_results *out)
{
    struct nl_error err = {0};
    if (nl_results_load(tables, experiment, planned, out, &err) == NL_OK)
        return true;
    bad_input(tables_anew, "%s", err.text);
    return false;
}

/* Damaged tables are wrong input, and said before anything is written; they are read once more for that. */
static bool check_tables(const struct results_folder *from)
{
    struct nl_results results;
    bool good = load_results(from->tables, &from->experiment, &from->planned, &results);
    if (good)
        nl_results_release(&results);
    return good;
}

/* The experiment is one that ran. What its grid complains of, such as data that are not there any more, does not matter
 * to a reader. */
static void make_planned(struct results_folder *out)
{
    struct nl_diagnostics ignored = {0};
    nl_grid_make(&out->experiment, &out->grid, &ignored);
    nl_diagnostics_release(&ignored);
    out->planned = nl_grid_planned(&out->grid);
}

void release_results(struct results_folder *from)
{
    nl_planned_release(&from->planned);
    nl_grid_release(&from->grid);
}

bool holds_results(const char *folder)
{
    if (nl_store_exists(folder))
        return true;
    char *near = nl_folder_exists(folder) ? NULL : nearest_beside(folder, nl_store_exists);
    char *hint = near ? nl_format("did you mean '%s'?", near) : NULL;
    const char *expected = "expected the --out folder of a run or sweep; normlab ls lists those in results/";
    if (!nl_file_exists(folder))
        bad_input(hint ? hint : expected, "there is no folder '%s'", folder);
    else if (!nl_folder_exists(folder))
        bad_input(expected, "'%s' holds no results: it is not a folder", folder);
    else
        bad_input(expected, "'%s' holds no results: there is no 'experiment.yaml' in it", folder);
    free(hint);
    free(near);
    return false;
}

bool open_results(const struct command *command, const struct arguments *arguments, struct results_folder *out)
{
    const char *folder = arguments->file;
    *out = (struct results_folder){0};
    if (!folder) {
        misused(command, "%s needs a results folder", command->name);
        return false;
    }
    for (int i = 0; i < arguments->overrides; i++)
        if (strncmp(arguments->override[i], "plot.", strlen("plot.")) != 0 &&
            strncmp(arguments->override[i], "sweep.baseline=", strlen("sweep.baseline=")) != 0 &&
            strncmp(arguments->override[i], "sweep.question=", strlen("sweep.question=")) != 0) {
            bad_input("what was trained is fixed: normlab sweep trains",
                      "%s takes keys of the plot section, sweep.baseline and sweep.question only: '%s'", command->name,
                      arguments->override[i]);
            return false;
        }
    char *path = nl_path_join(folder, "experiment.yaml");
    bool good = holds_results(folder) &&
                load_experiment(path, arguments->override, arguments->overrides, &out->experiment) &&
                (out->tables = results_tables(folder));
    free(path);
    if (good)
        make_planned(out);
    return good && check_tables(out);
}
