#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "cmd.h"
#include "config/keep.h"
#include "stats/csv.h"
#include "sweep/rounds.h"

static const struct option options[] = {{0}};

/* A results folder as a line. */
struct line {
    char *folder;
    char made[17]; /* "2026-11-21 16:49" */
    const char *sweep; /* the folder of the sweep that it is a round of; of the others folder itself */
    char sweep_made[17];
    int trials, present, outcome[NL_OUTCOMES];
    bool running;
    char *varies, *problem; /* problem: instead of all else */
};

struct listing {
    int count, capacity;
    struct line *at;
};

/* Trials one by one: trials.csv is written when a sweep ends or is stopped, and one that runs or was killed has none yet, or an old one. */
static int count_finished(struct line *line, const struct nl_experiment *experiment, const struct nl_provenance *made, struct nl_error *err)
{
    struct nl_partial partial;
    if (nl_partial_load(line->folder, experiment, made, &partial, err))
        return NL_FAIL;
    line->trials = partial.grid.trials;
    line->present = partial.present;
    for (int i = 0; i < partial.grid.trials; i++)
        if (partial.record[i].present)
            line->outcome[nl_record_outcome(&partial.record[i])]++;
    nl_partial_release(&partial);
    return NL_OK;
}

/* Rows of trials.csv by their status. */
static int count_rows(struct line *line, const struct nl_experiment *experiment, const char *path, struct nl_error *err)
{
    struct nl_grid grid;
    struct nl_csv csv;
    int column;
    if (nl_store_grid(line->folder, experiment, &grid, err))
        return NL_FAIL;
    line->trials = grid.trials;
    nl_grid_release(&grid);
    if (nl_csv_read(path, &csv, err))
        return NL_FAIL;
    int status = nl_csv_need(&csv, "status", &column, err);
    for (int row = 0; row < csv.rows && status == NL_OK; row++) {
        line->present++;
        for (int outcome = 0; outcome < NL_OUTCOMES; outcome++)
            line->outcome[outcome] += strcmp(nl_csv_field(&csv, row, column), nl_outcome_names[outcome]) == 0;
    }
    nl_csv_release(&csv);
    return status;
}

static int count_trials(struct line *line, const struct nl_experiment *experiment, const struct nl_provenance *made, struct nl_error *err)
{
    char *path = nl_path_join(line->folder, "trials.csv");
    line->running = nl_store_in_use(line->folder);
    bool ended = !nl_file_is_missing(path) && !line->running;
    int status = ended ? count_rows(line, experiment, path, err) : count_finished(line, experiment, made, err);
    free(path);
    return status;
}

static int describe(struct line *line, struct nl_error *err)
{
    struct nl_experiment experiment;
    struct nl_provenance made;
    if (nl_store_read(line->folder, &experiment, &made, err))
        return NL_FAIL;
    const char *date = nl_provenance_get(&made, "date");
    snprintf(line->made, sizeof line->made, "%.10s %.5s", date, strlen(date) > 11 ? date + 11 : "");
    line->varies = what_varies(&experiment);
    return count_trials(line, &experiment, &made, err);
}

static void add(struct listing *listing, char *folder, const char *sweep, const char *sweep_made)
{
    struct nl_error err;
    NL_GROW(listing->at, listing->count, listing->capacity);
    struct line *line = &listing->at[listing->count++];
    *line = (struct line){.folder = folder};
    struct nl_kept before = nl_kept_now();
    if (describe(line, &err))
        line->problem = nl_strdup(err.text);
    line->sweep = sweep;
    nl_keep_no_more(before); /* the line has strings of its own */
    memcpy(line->sweep_made, *sweep_made ? sweep_made : line->made, sizeof line->sweep_made);
}

/* All rounds of the sweep in the folder. false: it holds none. */
static bool add_rounds(struct listing *listing, const char *folder)
{
    const char *sweep = NULL;
    char made[17] = "";
    for (int i = 0; i < NL_ROUND_FOLDERS; i++) {
        char *round = nl_round_folder(folder, i);
        if (!round)
            continue;
        sweep = sweep ? sweep : round;
        add(listing, round, sweep, made);
        memcpy(made, listing->at[listing->count - 1].sweep_made, sizeof made);
    }
    return sweep != NULL;
}

/* The folder itself, or else the folders in it. false: it cannot be read, or not to its end; errno says why. */
static bool collect(const char *folder, struct listing *out)
{
    if (add_rounds(out, folder))
        return true;
    DIR *directory = opendir(folder);
    if (!directory)
        return false;
    for (struct dirent *entry; errno = 0, (entry = readdir(directory));) {
        char *path = nl_path_join(folder, entry->d_name);
        if (entry->d_name[0] != '.')
            add_rounds(out, path);
        free(path);
    }
    int failure = errno;
    closedir(directory);
    errno = failure;
    return failure == 0;
}

/* Newest first, what cannot be read last; rounds of a sweep after it. */
static int by_date(const void *a, const void *b)
{
    const struct line *left = a, *right = b;
    int order = strcmp(right->sweep_made, left->sweep_made);
    order = order ? order : strcmp(left->sweep, right->sweep);
    return order ? order : strcmp(left->folder, right->folder);
}

enum { FOLDER, MADE, TRIALS, OUTCOME, VARIES = OUTCOME + NL_OUTCOMES, COLUMNS };

static char **fields_of(const struct line *line)
{
    char **field = nl_alloc(COLUMNS, sizeof *field);
    field[FOLDER] = nl_strdup(line->folder);
    field[MADE] = nl_strdup(line->problem ? line->problem : line->made);
    if (line->problem)
        return field;
    field[TRIALS] = nl_format("%d of %d%s", line->present, line->trials, line->running ? ", running" : "");
    for (int outcome = 0; outcome < NL_OUTCOMES; outcome++)
        field[OUTCOME + outcome] = nl_format("%d", line->outcome[outcome]);
    field[VARIES] = nl_strdup(line->varies);
    return field;
}

static void print(const struct listing *listing)
{
    static const bool left[COLUMNS] = {[FOLDER] = true, [MADE] = true, [VARIES] = true};
    struct page page = {.columns = COLUMNS, .left = left};
    char **names = nl_alloc(COLUMNS, sizeof *names);
    names[FOLDER] = nl_strdup("folder");
    names[MADE] = nl_strdup("made");
    names[TRIALS] = nl_strdup("trials");
    for (int outcome = 0; outcome < NL_OUTCOMES; outcome++)
        names[OUTCOME + outcome] = nl_strdup(nl_outcome_titles[outcome]);
    names[VARIES] = nl_strdup("varies");
    add_row(&page, names);
    for (int i = 0; i < listing->count; i++)
        add_row(&page, fields_of(&listing->at[i]));
    print_page(&page, terminal_width(stdout));
    release_page(&page);
}

static int run(const struct command *self, int argc, char **argv)
{
    if (next_option(self, argc, argv, "", options) != OPTION_END)
        return EXIT_BAD_INPUT;
    if (argc - optind > 1)
        return bad_input(NULL, "ls takes one folder: '%s' is one too many", argv[optind + 1]);
    const char *folder = optind < argc ? argv[optind] : "results";
    struct listing listing = {0};
    if (!collect(folder, &listing))
        return bad_input(errno == ENOENT ? "normlab run and sweep make one" : NULL, "cannot list '%s': %s", folder, strerror(errno));
    if (listing.count) {
        qsort(listing.at, (size_t)listing.count, sizeof *listing.at, by_date);
        print(&listing);
    } else if (!output.quiet) {
        tell(stderr, "no results in '%s'\n", folder);
    }
    int code = EXIT_DONE;
    for (int i = 0; i < listing.count; i++) {
        if (listing.at[i].problem)
            code = EXIT_FAILED;
        free(listing.at[i].folder);
        free(listing.at[i].varies);
        free(listing.at[i].problem);
    }
    free(listing.at);
    return code;
}

const struct command command_ls = {
    .name = "ls",
    .summary = "list results folders",
    .usage = "usage: normlab ls [DIR]\n"
             "\n"
             "Lists the results folders in DIR (default: results), newest first. A line says when the folder was made (UTC), how many trials of\n"
             "the grid are done, whether a program is running more of them, how they ended, and which keys vary, with their number of values.\n"
             "DIR may also be a results folder itself. The other rounds of a sweep, DIR/tuning and DIR/same, follow it. On a terminal, lines are\n"
             "cut to its width. For a folder that cannot be read, the line says why, and the exit code is 1.\n"
             "\n"
             "examples:\n"
             "  normlab ls\n"
             "  normlab ls results/small_batch\n"
             "  watch normlab ls\n",
    .run = run,
};
