#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/files.h"
#include "base/memory.h"
#include "cmd.h"
#include "config/keep.h"
#include "sweep/rounds.h"
#include "sweep/shards.h"

static const struct option options[] = {{0}};

/* A results folder, or those of all shards of a sweep, as a line. */
struct line {
    char *folder;
    int shards; /* 0: it is a folder */
    char made[17]; /* "2026-11-21 16:49" */
    const char *sweep; /* the folder of the sweep that it is a round of; of the others folder itself */
    char sweep_made[17];
    int trials, present, outcome[NL_OUTCOMES];
    int strangers; /* files in the folders of shards that are of no trial of the grid */
    int running; /* programs */
    char *varies, *problem; /* problem: instead of all else */
};

struct listing {
    int count, capacity;
    struct line *at;
};

static void count_record(struct line *line, const struct nl_record *record)
{
    line->present += record->present;
    if (record->present)
        line->outcome[nl_record_outcome(record)]++;
}

/* Trials one by one: trials.csv is written when a sweep ends or is stopped, and one that runs or was killed has none
 * yet, or an old one. */
static int count_finished(struct line *line, const struct nl_experiment *experiment, const struct nl_provenance *made,
                          struct nl_error *err)
{
    struct nl_partial partial;
    if (nl_partial_load(line->folder, experiment, made, &partial, err))
        return NL_FAIL;
    line->trials = partial.grid.trials;
    for (int i = 0; i < partial.grid.trials; i++)
        count_record(line, &partial.record[i]);
    nl_partial_release(&partial);
    return NL_OK;
}

/* Rows of trials.csv by their status. */
static int count_rows(struct line *line, const struct nl_experiment *experiment, const char *path, struct nl_error *err)
{
    struct nl_grid grid;
    struct nl_csv csv;
    int column;
    if (!experiment->import) {
        if (nl_store_grid(line->folder, experiment, &grid, err))
            return NL_FAIL;
        line->trials = grid.trials;
        nl_grid_release(&grid);
    }
    if (nl_csv_read(path, &csv, err))
        return NL_FAIL;
    line->trials = experiment->import ? csv.rows : line->trials;
    int status = nl_csv_need(&csv, "status", &column, err);
    for (int row = 0; row < csv.rows && status == NL_OK; row++) {
        line->present++;
        for (int outcome = 0; outcome < NL_OUTCOMES; outcome++)
            line->outcome[outcome] += strcmp(nl_csv_field(&csv, row, column), nl_outcome_names[outcome]) == 0;
    }
    nl_csv_release(&csv);
    return status;
}

static int count_trials(struct line *line, const struct nl_experiment *experiment, const struct nl_provenance *made,
                        struct nl_error *err)
{
    char *path = nl_path_join(line->folder, "trials.csv");
    line->running = nl_store_in_use(line->folder);
    bool ended = !nl_file_is_missing(path) && !line->running;
    int status = ended ? count_rows(line, experiment, path, err) : count_finished(line, experiment, made, err);
    free(path);
    return status;
}

/* The round-th round of a shard; new string, NULL: its folder holds no results of it. */
static char *shard_round(const char *whole, int shard, int shards, int round)
{
    char *folder = nl_shard_folder(whole, shard, shards), *of_round = nl_round_folder(folder, round);
    free(folder);
    return of_round;
}

/* Each trial where a shard has it, or else the folder where they are put together: what is there no shard trains. */
static int count_in_shards(struct line *line, const char *whole, int round, const struct nl_experiment *experiment,
                           const struct nl_grid *grid, struct nl_error *err)
{
    int folders = line->shards + 1, status = NL_OK;
    char **folder = nl_alloc((size_t)folders, sizeof *folder);
    for (int s = 1; s <= line->shards; s++) {
        folder[s - 1] = shard_round(whole, s, line->shards, round);
        line->running += folder[s - 1] && nl_store_in_use(folder[s - 1]);
    }
    char *together = nl_round_folder(whole, round);
    folder[line->shards] = together && nl_store_fits(together, experiment) ? nl_strdup(together) : NULL;
    free(together);
    int *strangers = nl_alloc((size_t)folders, sizeof *strangers);
    int *holder = nl_shards_holders(grid, (const char *const *)folder, folders, strangers, err);
    for (int s = 0; s < line->shards; s++)
        line->strangers += strangers[s];
    free(strangers);
    line->trials = grid->trials;
    for (int i = 0; holder && i < grid->trials && status != NL_FAIL; i++) {
        struct nl_record record = {0};
        const struct nl_store store = nl_store_at(holder[i] < 0 ? NULL : folder[holder[i]]);
        status = store.folder ? nl_store_load(&store, &grid->trial[i], &record, err) : NL_OK;
        count_record(line, &record);
        nl_record_release(&record);
    }
    for (int f = 0; f < folders; f++)
        free(folder[f]);
    free(folder);
    status = holder && status != NL_FAIL ? NL_OK : NL_FAIL;
    free(holder);
    return status;
}

/* from: the folder itself, or that of one of the shards. */
static int describe(struct line *line, const char *from, const char *whole, int round, struct nl_error *err)
{
    struct nl_experiment experiment;
    struct nl_provenance made;
    struct nl_grid grid;
    if (nl_store_read(from, &experiment, &made, err))
        return NL_FAIL;
    const char *date = nl_provenance_get(&made, "date");
    snprintf(line->made, sizeof line->made, "%.10s %.5s", date, strlen(date) > 11 ? date + 11 : "");
    line->varies = what_varies(&experiment);
    if (!line->shards)
        return count_trials(line, &experiment, &made, err);
    if (nl_store_grid(from, &experiment, &grid, err))
        return NL_FAIL;
    int status = nl_grid_recognize(&grid, &made, err);
    if (status == NL_OK)
        status = count_in_shards(line, whole, round, &experiment, &grid, err);
    nl_grid_release(&grid);
    return status;
}

/* Adds the line of the round that `from` holds; of a shard, that of all shards of the whole. Takes from over. */
static void add(struct listing *listing, char *from, const char *whole, int shards, int round)
{
    struct nl_error err;
    NL_GROW(listing->at, listing->count, listing->capacity);
    struct line *line = &listing->at[listing->count++];
    const char *of_round = shards ? strchr(from + strlen(whole), '/') : NULL;
    *line = (struct line){.folder = shards ? nl_format("%s-*of%d%s", whole, shards, of_round ? of_round : "")
                                           : nl_strdup(from),
                          .shards = shards};
    struct nl_kept before = nl_kept_now();
    if (describe(line, from, whole, round, &err))
        line->problem = nl_strdup(err.text);
    nl_keep_no_more(before); /* the line has strings of its own */
    free(from);
}

/* All rounds of the sweep in the folder, or in those of its shards. false: there are none. */
static bool add_rounds(struct listing *listing, const char *folder, int shards)
{
    int first = listing->count;
    for (int round = 0; round < NL_ROUND_FOLDERS; round++) {
        char *from = shards ? NULL : nl_round_folder(folder, round);
        for (int shard = 1; shard <= shards && !from; shard++)
            from = shard_round(folder, shard, shards, round);
        if (from)
            add(listing, from, folder, shards, round);
    }
    for (int i = first; i < listing->count; i++) {
        listing->at[i].sweep = listing->at[first].folder;
        memcpy(listing->at[i].sweep_made, listing->at[first].made, sizeof listing->at[i].sweep_made);
    }
    return listing->count > first;
}

/* A folder of a sweep that was split; each of them stands for all. */
struct split {
    char *whole;
    int shards;
};

static void add_split(struct split **split, int *count, int *capacity, const char *folder, int whole, int shards)
{
    char *name = nl_format("%.*s", whole, folder);
    for (int i = 0; i < *count; i++)
        if ((*split)[i].shards == shards && strcmp((*split)[i].whole, name) == 0) {
            free(name);
            return;
        }
    NL_GROW(*split, *count, *capacity);
    (*split)[(*count)++] = (struct split){name, shards};
}

/* The folder itself, or else the folders in it. false: it cannot be read, or not to its end; errno says why. */
static bool collect(const char *folder, struct listing *out)
{
    if (add_rounds(out, folder, 0))
        return true;
    DIR *directory = opendir(folder);
    if (!directory)
        return false;
    struct split *split = NULL;
    int splits = 0, capacity = 0, whole, shard, shards;
    for (struct dirent *entry; errno = 0, (entry = readdir(directory));) {
        char *path = nl_path_join(folder, entry->d_name);
        if (entry->d_name[0] != '.' && nl_shard_parse(path, &whole, &shard, &shards))
            add_split(&split, &splits, &capacity, path, whole, shards);
        else if (entry->d_name[0] != '.')
            add_rounds(out, path, 0);
        free(path);
    }
    int failure = errno;
    closedir(directory);
    for (int i = 0; i < splits; i++) {
        add_rounds(out, split[i].whole, split[i].shards);
        free(split[i].whole);
    }
    free(split);
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
    struct nl_text trials = {0};
    nl_text_add(&trials, "%d of %d", line->present, line->trials);
    if (line->strangers)
        nl_text_add(&trials, ", %d of another grid", line->strangers);
    if (line->running && line->shards)
        nl_text_add(&trials, ", %d running", line->running);
    else if (line->running)
        nl_text_add(&trials, ", running");
    field[TRIALS] = trials.at;
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
        return bad_input(errno == ENOENT ? "normlab run and sweep make one" : NULL, "cannot list '%s': %s", folder,
                         strerror(errno));
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
    .usage =
        "usage: normlab ls [DIR]\n"
        "\n"
        "Lists the results folders in DIR (default: results), newest first. A line says when the folder was made (UTC), how many trials of\n"
        "the grid are done, whether a program is running more of them, how they ended, and which keys vary, with their number of values.\n"
        "Shards of one sweep, DIR/NAME-1of8 and so on, are one line with the trials of all; 3 running means three of them. DIR may also be a\n"
        "results folder itself. The other rounds of a sweep, DIR/tuning and DIR/same, follow it. On a terminal, lines are\n"
        "cut to its width. For a folder that cannot be read, the line says why, and the exit code is 1.\n"
        "\n"
        "examples:\n"
        "  normlab ls\n"
        "  normlab ls results/small_batch\n"
        "  watch normlab ls\n",
    .run = run,
};
