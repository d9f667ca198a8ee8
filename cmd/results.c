/* Results as table and plot see them: the tables of the folder, or of a sweep that is not at its end those of the trials that are. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/memory.h"
#include "cmd.h"
#include "stats/results.h"
#include "sweep/interim.h"

static bool has_tables(const char *folder)
{
    char *path = nl_path_join(folder, "trials.csv");
    bool there = nl_file_exists(path);
    free(path);
    return there;
}

/* A new folder for files that are gone when the command ends; NULL: the message was printed. */
static char *passing_folder(void)
{
    const char *given = getenv("TMPDIR"), *place = given && *given ? given : "/tmp";
    char *folder = nl_path_join(place, "normlab.XXXXXX");
    if (mkdtemp(folder))
        return folder;
    bad_input("set TMPDIR to a folder for files that are gone at the end", "cannot make a folder in '%s': %s", place, strerror(errno));
    free(folder);
    return NULL;
}

/* Tables of what is there. A table that was there before belongs to what ran before. */
static bool look_in_between(const char *folder, bool running, struct results_folder *out)
{
    struct nl_experiment experiment;
    struct nl_provenance made;
    struct nl_error err = {0};
    int present, trials;
    if (!(out->passing = passing_folder()))
        return false;
    out->tables = out->passing;
    if (nl_store_read(folder, &experiment, &made, &err) || nl_interim_tables(folder, &experiment, &made, out->passing, &present, &trials, &err)) {
        bad_input(NULL, "%s", err.text);
        return false;
    }
    if (!present) {
        bad_input(running ? "a run or sweep is at work there; normlab ls counts what it has" : "the run or sweep that made it, started again, goes on",
                  "no trial has ended yet in '%s'", folder);
        return false;
    }
    if (!manner.quiet)
        fprintf(stderr, "%d of %d trials %s\n", present, trials, running ? "so far" : "are there: the sweep did not end; started again, it goes on");
    return true;
}

/* Damaged tables are wrong input, and said before anything is written; they are read once more for that. */
static bool check_tables(const char *folder, const struct nl_experiment *experiment)
{
    struct nl_results results;
    struct nl_error err = {0};
    if (nl_results_load(folder, experiment, &results, &err)) {
        bad_input("the run or sweep that made it, started again, writes the tables anew", "%s", err.text);
        return false;
    }
    nl_results_release(&results);
    return true;
}

bool open_results(const struct command *command, const struct arguments *arguments, struct results_folder *out)
{
    const char *folder = arguments->file;
    *out = (struct results_folder){.tables = folder};
    if (!folder) {
        misused(command, "%s needs a results folder", command->name);
        return false;
    }
    for (int i = 0; i < arguments->overrides; i++)
        if (strncmp(arguments->override[i], "plot.", strlen("plot.")) != 0 &&
            strncmp(arguments->override[i], "sweep.baseline=", strlen("sweep.baseline=")) != 0) {
            bad_input("what was trained is fixed: normlab sweep trains", "%s takes keys of the plot section and sweep.baseline only: '%s'",
                      command->name, arguments->override[i]);
            return false;
        }
    char *path = nl_path_join(folder, "experiment.yaml");
    bool good = nl_file_exists(path), running = nl_store_in_use(folder);
    if (!good)
        bad_input("expected the --out folder of a run or sweep", "'%s' holds no results: there is no '%s'", folder, path);
    else
        good = load_experiment(path, arguments->override, arguments->overrides, &out->experiment) &&
               ((has_tables(folder) && !running) || look_in_between(folder, running, out)) && check_tables(out->tables, &out->experiment);
    free(path);
    return good;
}

void close_results(struct results_folder *results)
{
    static const char *const names[] = {"trials.csv", "curves.csv", "timing.csv"};
    for (size_t i = 0; results->passing && i < sizeof names / sizeof *names; i++) {
        char *path = nl_path_join(results->passing, names[i]);
        unlink(path);
        free(path);
    }
    if (results->passing)
        rmdir(results->passing);
    free(results->passing);
}
