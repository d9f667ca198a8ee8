/* A sweep before it is run: the table of its trials, and what they take together. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/machine.h"
#include "base/memory.h"
#include "cmd.h"
#include "sweep/forecast.h"
#include "sweep/reuse.h"

enum { LONG = 40, SHOWN = 25 }; /* trials */

const double forecast_budget = 3;

/* What a dry run knows. */
struct look {
    const struct nl_grid *grid;
    const struct nl_record *record;
    const struct nl_forecast *forecast;
    const bool *runs; /* [trials] */
};

/* "to run", "done", "diverged, again"; what neither is there nor runs belongs to another shard. In the last column, so
 * that colours do not count in widths. */
static char *state_text(const struct nl_record *record, bool runs)
{
    if (!record->present)
        return nl_strdup(runs ? "to run" : "other shard");
    bool colour = coloured(stdout) && nl_record_outcome(record) != NL_DONE;
    return nl_format("%s%s%s%s", colour ? "\033[33m" : "", nl_record_status(record), runs ? ", again" : "",
                     colour ? "\033[0m" : "");
}

static void add_trial(struct page *page, const struct look *look, int i)
{
    const struct nl_trial *trial = &look->grid->trial[i];
    const struct nl_expected *expected = &look->forecast->trial[i];
    char **field = nl_alloc((size_t)page->columns, sizeof *field), size[32];
    int c = 0;
    field[c++] = nl_format("%d", i + 1);
    if (output.verbose)
        field[c++] = nl_strdup(trial->id);
    for (int k = 0; k < look->grid->keys; k++)
        field[c++] = nl_strdup(*trial->text[k] ? trial->text[k] : "-");
    field[c++] = nl_format("%lld", (long long)expected->step_counts.steps);
    field[c++] = nl_format("%lld", (long long)expected->parameters);
    field[c++] = nl_strdup(nl_bytes_text((double)expected->memory, size));
    field[c++] = look->runs[i] ? seconds_text(expected->seconds) : nl_strdup("-");
    field[c++] = state_text(&look->record[i], look->runs[i]);
    add_row(page, field);
}

static void print_trials(const struct look *look)
{
    const struct nl_grid *grid = look->grid;
    int columns = grid->keys + 6 + output.verbose, c = 0;
    bool *left = nl_alloc((size_t)columns, sizeof *left);
    char **names = nl_alloc((size_t)columns, sizeof *names);
    names[c++] = nl_strdup("trial");
    if (output.verbose)
        names[c++] = nl_strdup("id");
    for (int k = 0; k < grid->keys; k++) {
        left[c] = true;
        names[c++] = nl_strdup(grid->key[k]->name);
    }
    static const char *const rest[] = {"steps", "parameters", "memory", "time", "state"};
    for (int i = 0; i < 5; i++)
        names[c++] = nl_strdup(rest[i]);
    struct page page = {.columns = columns, .left = left};
    add_row(&page, names);
    int shown = output.verbose || grid->trials <= LONG ? grid->trials : SHOWN;
    for (int i = 0; i < shown; i++)
        add_trial(&page, look, i);
    print_page(&page, 0);
    if (shown < grid->trials)
        printf("... and %s: --verbose prints all\n", NL_COUNT(grid->trials - shown, "more trial"));
    release_page(&page);
    free(left);
}

static void print_there(const struct look *look, int count)
{
    int there[NL_OUTCOMES] = {0}, present = 0;
    for (int i = 0; i < look->grid->trials; i++)
        if (look->record[i].present) {
            present++;
            there[nl_record_outcome(&look->record[i])]++;
        }
    printf("\ntrials    %d, of which to run: %d; finished: %d", look->grid->trials, count, present);
    for (int outcome = 0, listed = 0; outcome < NL_OUTCOMES; outcome++)
        if (there[outcome])
            printf("%s%d %s", listed++ ? ", " : " (", there[outcome], nl_outcome_titles[outcome]);
    printf("%s\n", present ? ")" : "");
}

static void print_excluded(const struct nl_grid *grid, const struct nl_experiment *experiment)
{
    for (int e = 0; e < experiment->excludes; e++) {
        char *rule = nl_match_text(&experiment->exclude[e]);
        printf("%s  %d of %s: %s\n", e ? "        " : "left out", grid->excluded_by[e],
               NL_COUNT(grid->points, "grid point"), rule);
        free(rule);
    }
}

static void print_demand(const struct nl_forecast *forecast, const struct nl_cohorts *cohorts, int workers,
                         const char *folder)
{
    struct nl_demand demand = nl_forecast_demand(forecast, cohorts, workers);
    const struct nl_expected *first = &forecast->trial[cohorts->at[0].trial[0]];
    char size[32], room[32], *time = seconds_text(demand.seconds), *work = seconds_text(demand.work);
    char *known =
        forecast->finished ? nl_format(", of %d known from finished trials", forecast->finished) : nl_strdup("");
    printf("time      about %s with -j %d (%s of work), measured one by one on %d of %s%s\n", time, workers, work,
           forecast->measured, NL_COUNT(forecast->shapes, "shape"), known);
    free(known);
    printf("memory    %s for %s at a time; %s free\n", nl_bytes_text(demand.memory, size),
           NL_COUNT(demand.together, "trial"),
           nl_bytes_text(nl_device_memory(first->device, first->device_index), room));
    tell(stdout, "disk      about %s in '%s'; %s free\n", nl_bytes_text(demand.disk, size), folder,
         nl_bytes_text(nl_disk_available(folder), room));
    free(time);
    free(work);
}

static int forecast_and_print(const struct plan *plan, const char *folder, const struct nl_record *record,
                              const int *todo, int count, int workers, int cohort)
{
    struct nl_error err = {0};
    struct nl_forecast forecast;
    if (nl_forecast_sizes(&plan->grid, &forecast, &err))
        return bad_input(NULL, "%s", err.text);
    int code = EXIT_DONE;
    struct nl_cohorts cohorts = nl_cohorts_make(&plan->grid, todo, count, NULL, cohort, workers);
    struct nl_times finished = {0};
    nl_times_add(&finished, &plan->grid, record);
    if (nl_forecast_check(&forecast, &cohorts, workers, folder, &err)) {
        code = bad_input(NULL, "%s", err.text);
    } else if (nl_forecast_times(&plan->grid, &cohorts, &finished, forecast_budget, &forecast, &err)) {
        code = fail("%s", err.text);
    } else {
        bool *runs = nl_alloc((size_t)plan->grid.trials, sizeof *runs);
        for (int i = 0; i < count; i++)
            runs[todo[i]] = true;
        struct look look = {&plan->grid, record, &forecast, runs};
        print_trials(&look);
        print_there(&look, count);
        print_excluded(&plan->grid, &plan->experiment);
        if (count)
            print_demand(&forecast, &cohorts, workers, folder);
        free(runs);
    }
    nl_times_release(&finished);
    nl_cohorts_release(&cohorts);
    nl_forecast_release(&forecast);
    return code;
}

static void warn(const void *context, const char *text)
{
    (void)context;
    tell(stderr, "%s\n", text);
}

int check_showing(const struct plan *plan, const char *folder, bool replace)
{
    const struct nl_showing showing = {
        .experiment = &plan->experiment, .grid = &plan->grid, .datasets = &plan->datasets, .replace = replace};
    struct nl_hidden hidden;
    struct nl_error err = {0};
    int code = EXIT_DONE;
    if (nl_store_refuse(folder, &showing, &hidden, &err))
        code = refuse_folder(folder, &plan->experiment, &hidden, err.text);
    else if (hidden.trials && !output.quiet)
        tell(stderr, "%s would disappear from the tables of '%s', and stay in '%s/trials'\n",
             NL_COUNT(hidden.trials, "trained trial"), folder, folder);
    nl_hidden_release(&hidden);
    return code;
}

/* Finds the trials that a sweep would take from other folders. They leave todo, and nothing is written. */
static void look_beside(const struct plan *plan, const char *beside, const struct nl_choice *choice,
                        struct nl_record *record, int *todo, int *count)
{
    struct nl_reuse reuse;
    struct nl_error ignored; /* only writing fails */
    if (!beside || !nl_may_reuse(&plan->experiment, choice))
        return;
    nl_reuse(beside, &plan->grid, choice, record, todo, count, NULL, &reuse, NULL, &ignored);
    for (int i = 0; i < reuse.count && !output.quiet; i++)
        tell(stderr, "%d of %s would be taken from '%s' (--no-reuse: trained anew)\n", reuse.at[i].trials,
             NL_COUNT(plan->grid.trials, "trial"), reuse.at[i].folder);
    nl_reuse_release(&reuse);
}

int dry_run(const struct plan *plan, const char *folder, const char *beside, const struct nl_choice *choice,
            bool replace, int workers, int cohort)
{
    const struct nl_store store = nl_store_at(folder);
    int code = check_showing(plan, folder, replace);
    if (code != EXIT_DONE)
        return code;
    const struct nl_grid *grid = &plan->grid;
    int present, count;
    struct nl_error err;
    struct nl_record *record = nl_store_load_all(&store, grid, warn, NULL, &present, &err);
    if (!record)
        return fail("%s", err.text);
    char *misfit = nl_store_misfit(&store, &plan->datasets);
    if (misfit)
        tell(stderr, "%s\n", misfit);
    free(misfit);
    int *todo = nl_todo(grid, record, choice, &count);
    look_beside(plan, beside, choice, record, todo, &count);
    code = forecast_and_print(plan, folder, record, todo, count, workers, cohort);
    nl_records_release(record, grid->trials);
    free(todo);
    return code;
}
